// A topic asked about by nobody's member: how many partitions it has.

import Base
import CRdkafka
import Logging

public enum KafkaTopic {
  /// Partitions of the topic, nil where it does not exist. Connects, asks a broker, and leaves; it never makes the topic.
  ///
  /// - Parameters:
  ///   - connectTimeoutMilliseconds: How long a broker may take to answer before this fails as unavailable.
  ///   - isStopRequested: Looked at meanwhile; true ends it with `StopRequested`.
  public static func partitionCount(
    of address: KafkaAddress, properties: KafkaProperties = KafkaProperties(), connectTimeoutMilliseconds: Int = 8000,
    isStopRequested: @escaping @Sendable () -> Bool = { false }, logger: Logger = Logger(label: "freshet.kafka")
  ) throws -> Int? {
    guard let servers = address.servers else { return nil }
    let configuration = KafkaConfiguration()
    try configuration.apply(defaults: [], properties, reserved: KafkaSource.reserved)
    try configuration.set("bootstrap.servers", servers)
    try configuration.set("allow.auto.create.topics", "false")
    let events = KafkaEvents(logger: logger)
    events.install(in: configuration)
    let client = try KafkaHandle(
      RD_KAFKA_CONSUMER, configuration, events: events, name: address.description, isStopRequested: isStopRequested)
    guard case .exists(let count) = try client.topicState(address.topic, timeoutMilliseconds: connectTimeoutMilliseconds) else {
      return nil
    }
    return Int(count)
  }
}
