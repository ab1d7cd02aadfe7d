// One librdkafka client, and what producers and consumers both ask of it: is the cluster there, how many partitions has the topic,
// has anything fatal happened.

import Base
import CRdkafka

/// Owns one `rd_kafka_t` and the memory behind its callbacks.
final class KafkaHandle {
  let pointer: OpaquePointer
  let events: KafkaEvents
  /// For messages.
  let name: String
  /// Whether waiting for a broker has lost its sense.
  private let isStopRequested: @Sendable () -> Bool

  init(
    _ kind: rd_kafka_type_t, _ configuration: consuming KafkaConfiguration, events: KafkaEvents, name: String,
    isStopRequested: @escaping @Sendable () -> Bool = { false }
  ) throws {
    self.isStopRequested = isStopRequested
    var text = [CChar](repeating: 0, count: 512)
    let taken = configuration.take()
    guard let pointer = rd_kafka_new(kind, taken, &text, text.count) else {
      // rd_kafka_new takes the configuration only when it succeeds.
      rd_kafka_conf_destroy(taken)
      let reason = String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
      throw Failure(.badConfiguration, "\(name): \(reason)")
    }
    self.pointer = pointer
    self.events = events
    self.name = name
  }

  deinit { rd_kafka_destroy(pointer) }

  /// Throws once librdkafka has met an error after which the client is of no use.
  func checkFatal() throws {
    var text = [CChar](repeating: 0, count: 512)
    let error = rd_kafka_fatal_error(pointer, &text, text.count)
    guard error != RD_KAFKA_RESP_ERR_NO_ERROR else { return }
    if error == RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID {
      throw Failure(
        .badConfiguration,
        "\(name): another member of group '\(property("group.id"))' has joined with group.instance.id=\(property("group.instance.id")), and "
          + "Kafka has given it the place of this one; each process needs an id of its own, such as the name of its host or its pod"
      )
    }
    let reason = String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    throw Failure(.unavailable, "\(name): \(error.text): \(reason)")
  }

  /// A property as the client goes by it.
  private func property(_ name: String) -> String {
    var text = [CChar](repeating: 0, count: 512)
    var count = text.count
    guard rd_kafka_conf_get(rd_kafka_conf(pointer), name, &text, &count) == RD_KAFKA_CONF_OK else { return "" }
    return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// What the cluster says of a topic.
  enum TopicState: Equatable {
    case exists(partitionCount: Int32)
    case missing
  }

  /// Asks until a broker answers, at most `timeoutMilliseconds`; then fails as unavailable, saying what was met. Throws `StopRequested` where
  /// that comes first. Whether the question creates
  /// the topic is the client's `allow.auto.create.topics` and the broker's `auto.create.topics.enable`.
  func topicState(_ topic: String, timeoutMilliseconds: Int) throws -> TopicState {
    guard let handle = rd_kafka_topic_new(pointer, topic, nil) else {
      throw Failure(.badConfiguration, "\(name): \(rd_kafka_last_error().text)")
    }
    defer { rd_kafka_topic_destroy(handle) }
    let clock = SystemClock()
    let deadline = clock.monotonicNanoseconds + UInt64(timeoutMilliseconds) * 1_000_000
    // Asked again and again, because a question to a broker that is just coming up can be lost; longer each time, for one that is far away, but
    // never so long that a Ctrl-C would go unheard.
    var patience = 500
    while true {
      if isStopRequested() { throw StopRequested() }
      var metadata: UnsafePointer<rd_kafka_metadata>?
      let now = clock.monotonicNanoseconds
      let left = now < deadline ? Int((deadline - now) / 1_000_000) : 0
      let error = rd_kafka_metadata(pointer, 0, handle, &metadata, Int32(max(50, min(left, patience))))
      patience = min(2 * patience, 2000)
      if error == RD_KAFKA_RESP_ERR_NO_ERROR, let metadata {
        defer { rd_kafka_metadata_destroy(metadata) }
        events.noteAnswer()
        if let state = try state(in: metadata.pointee) { return state }
      }
      // Serves the error callback, which knows more than "timed out".
      rd_kafka_poll(pointer, 0)
      if let refusal = events.refusal { throw Failure(.unavailable, "\(name): \(refusal)") }
      guard clock.monotonicNanoseconds < deadline else {
        let reason = events.lastError ?? error.text
        throw Failure(
          .unavailable, "\(name): no Kafka broker answered within \(Self.seconds(timeoutMilliseconds)): \(reason)",
          isRetryable: true)
      }
    }
  }

  /// Nil where the answer is only "not yet".
  private func state(in metadata: rd_kafka_metadata) throws -> TopicState? {
    guard metadata.topic_cnt == 1 else { return .missing }
    let topic = metadata.topics[0]
    switch topic.err {
    case RD_KAFKA_RESP_ERR_NO_ERROR:
      return topic.partition_cnt > 0 ? .exists(partitionCount: topic.partition_cnt) : nil
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
      return .missing
    case RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE:
      return nil
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
      throw Failure(.unavailable, "\(name): \(topic.err.text)")
    default:
      events.note(error: topic.err, reason: "")
      return nil
    }
  }

  /// Creates the topic through the admin API; a topic that another created in the meantime is as good. Returns false where the broker has no
  /// such request (the embedded one) or does not allow it.
  func createTopic(_ topic: String, partitionCount: Int32, timeoutMilliseconds: Int) throws -> Bool {
    var text = [CChar](repeating: 0, count: 512)
    // Replication -1 is the broker's default (Kafka 2.4 and later).
    guard let request = rd_kafka_NewTopic_new(topic, partitionCount, -1, &text, text.count) else {
      let reason = String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
      throw Failure(.badConfiguration, "\(name): \(reason)")
    }
    defer { rd_kafka_NewTopic_destroy(request) }
    let queue = rd_kafka_queue_new(pointer)
    defer { rd_kafka_queue_destroy(queue) }
    var requests: [OpaquePointer?] = [request]
    rd_kafka_CreateTopics(pointer, &requests, 1, nil, queue)
    guard let event = rd_kafka_queue_poll(queue, Int32(timeoutMilliseconds)) else {
      throw Failure(
        .unavailable, "\(name): the broker did not create the topic within \(Self.seconds(timeoutMilliseconds))", isRetryable: true)
    }
    defer { rd_kafka_event_destroy(event) }
    guard rd_kafka_event_error(event) == RD_KAFKA_RESP_ERR_NO_ERROR, let result = rd_kafka_event_CreateTopics_result(event) else {
      return false
    }
    var count = 0
    guard let topics = rd_kafka_CreateTopics_result_topics(result, &count), count == 1 else { return false }
    switch rd_kafka_topic_result_error(topics[0]) {
    case RD_KAFKA_RESP_ERR_NO_ERROR, RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS:
      return true
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
      return false
    default:
      let reason = rd_kafka_topic_result_error_string(topics[0]).map { String(cString: $0) } ?? "refused"
      throw Failure(.unavailable, "\(name): the broker does not create the topic: \(reason)")
    }
  }

  private static func seconds(_ milliseconds: Int) -> String {
    milliseconds % 1000 == 0 ? "\(milliseconds / 1000) s" : "\(milliseconds) ms"
  }
}
