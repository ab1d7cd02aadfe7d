// The topics of a sink: found, or made, before the first record.

import Base
import CRdkafka

extension KafkaSink {
  /// `kafka://localhost:9092/clicks`, or `kafka://localhost:9092 (orders, users)`.
  static func name(_ cluster: KafkaCluster, _ routes: [KafkaRoute]) -> String {
    var topics: [String] = []
    for route in routes where !topics.contains(route.topic) { topics.append(route.topic) }
    return topics.count == 1 ? "\(cluster)/\(topics[0])" : "\(cluster) (\(topics.joined(separator: ", ")))"
  }

  /// Makes those topics whose number of partitions is known; the others make themselves.
  static func createTopics(_ routes: [KafkaRoute], on broker: EmbeddedBroker) throws {
    var made: Set<String> = []
    for route in routes {
      guard let partitionCount = route.partitionCount, made.insert(route.topic).inserted else { continue }
      try broker.createTopic(route.topic, partitionCount: partitionCount)
    }
  }

  /// - Parameter partitionCounts: one for each route.
  static func openTopics(_ routes: [KafkaRoute], _ partitionCounts: [Int32], _ client: KafkaHandle) throws -> [Route] {
    var opened: [Route] = []
    for (route, partitionCount) in zip(routes, partitionCounts) {
      guard let topic = rd_kafka_topic_new(client.pointer, route.topic, nil) else {
        let reason = rd_kafka_last_error().text
        for route in opened { rd_kafka_topic_destroy(route.topic) }
        throw Failure(.unavailable, "\(client.name): topic \(route.topic): \(reason)")
      }
      opened.append(
        Route(
          topic: topic, partitionCount: partitionCount, usesEventTimestamp: route.usesEventTimestamp,
          headers: RecordHeaders(route)))
    }
    return opened
  }

  /// Partitions of the topic, made if need be.
  static func findTopic(
    _ address: KafkaAddress, _ client: KafkaHandle, partitionCount: Int?, timeoutMilliseconds: Int
  ) throws -> Int32 {
    var state = try client.topicState(address.topic, timeoutMilliseconds: timeoutMilliseconds)
    if case .exists(let count) = state { return count }
    let wasMade = try client.createTopic(
      address.topic, partitionCount: Int32(partitionCount ?? -1), timeoutMilliseconds: timeoutMilliseconds)
    guard wasMade else {
      throw Failure(
        .unavailable, "\(address): the topic does not exist, and the broker does not let this client create it")
    }
    // The controller answers before every broker knows.
    let clock = SystemClock()
    let deadline = clock.monotonicNanoseconds + UInt64(timeoutMilliseconds) * 1_000_000
    while state == .missing, clock.monotonicNanoseconds < deadline {
      rd_kafka_poll(client.pointer, 50)
      state = try client.topicState(address.topic, timeoutMilliseconds: timeoutMilliseconds)
    }
    guard case .exists(let count) = state else {
      throw Failure(.unavailable, "\(address): the topic was created but does not appear", isRetryable: true)
    }
    return count
  }
}
