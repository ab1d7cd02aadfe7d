// Where the partitions of a topic begin and end, asked again and again by somebody who reads none of it.

import Base
import CRdkafka
import Logging
import Records

public final class KafkaLogEnds {
  public let partitionCount: Int
  private let client: KafkaHandle
  private let topic: String

  /// Connects; throws where the topic does not exist.
  public init(
    _ address: KafkaAddress, properties: KafkaProperties = KafkaProperties(), connectTimeoutMilliseconds: Int = 8000,
    logger: Logger = Logger(label: "freshet.kafka")
  ) throws {
    guard let servers = address.servers else {
      throw Failure(.badConfiguration, "\(address): an embedded broker is known to its own process alone")
    }
    let configuration = KafkaConfiguration()
    try configuration.apply(defaults: [], properties, reserved: KafkaSource.reserved)
    try configuration.set("bootstrap.servers", servers)
    try configuration.set("allow.auto.create.topics", "false")
    let events = KafkaEvents(logger: logger)
    events.install(in: configuration)
    client = try KafkaHandle(RD_KAFKA_CONSUMER, configuration, events: events, name: address.description)
    guard case .exists(let count) = try client.topicState(address.topic, timeoutMilliseconds: connectTimeoutMilliseconds) else {
      throw Failure(.unavailable, "\(address): the topic does not exist")
    }
    topic = address.topic
    partitionCount = Int(count)
  }

  /// The first offset that is there, and the one after the last, of each partition; throws where a broker does not say within
  /// `timeoutMilliseconds`.
  public func ask(timeoutMilliseconds: Int = 1000) throws -> [Range<Offset>] {
    try (0..<partitionCount).map { partition in
      var low: Int64 = 0
      var high: Int64 = 0
      let error = rd_kafka_query_watermark_offsets(
        client.pointer, topic, Int32(partition), &low, &high, Int32(timeoutMilliseconds))
      guard error == RD_KAFKA_RESP_ERR_NO_ERROR else {
        throw Failure(.unavailable, "\(client.name), partition \(partition): \(error.text)", isRetryable: error.isRetryable)
      }
      return min(low, high)..<max(low, high)
    }
  }
}
