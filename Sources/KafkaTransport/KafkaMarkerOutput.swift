// Single records into chosen partitions, each handed over at once (`linger.ms=0`, `acks=all`): for markers, whose way is being timed. What does not
// arrive is counted, with the reason.

import Base
import CRdkafka
import Logging

/// A topic for markers. Driven by one thread.
public final class KafkaMarkerOutput {
  public let name: String
  public let partitionCount: Int
  private var client: KafkaHandle?
  private let topic: OpaquePointer
  private let counters: UnsafeMutablePointer<DeliveryCounters>
  private var written: Int64 = 0
  private let clock = SystemClock()
  /// Since when records have been waiting without a delivery, by the monotonic clock; nil where none waits.
  private var waitingSince: UInt64?
  private var reportedBefore: Int64 = 0
  private var failedBefore: Int64 = 0
  /// Why the last record that failed did, until one is delivered.
  private var lastFailure: (text: String, delivered: Int64)?

  /// Librdkafka properties that differ from its defaults, and why.
  static let defaults: [(name: String, value: String)] = [
    ("enable.idempotence", "true"),
    ("acks", "all"),
    ("linger.ms", "0"),
    // A marker that waits behind a broker that is away is still news when it arrives, but not for ever.
    ("message.timeout.ms", "120000"),
    ("queue.buffering.max.messages", "100000"),
    ("socket.nagle.disable", "true"),
  ]

  private static let reserved = KafkaSink.reserved.merging(
    ["linger.ms": "markers are sent at once", "acks": "a marker counts once it is in the topic"]
  ) { $1 }

  /// Connects and finds the topic; never makes it.
  ///
  /// - Parameter properties: Those of the source may be given: librdkafka passes over what only a consumer needs.
  public init(
    _ address: KafkaAddress, properties: KafkaProperties = KafkaProperties(), connectTimeoutMilliseconds: Int = 8000,
    isStopRequested: @escaping @Sendable () -> Bool = { false }, logger: Logger = Logger(label: "freshet.kafka")
  ) throws {
    guard let servers = address.servers else {
      throw Failure(
        .badConfiguration, "\(address): an embedded broker is known to its own process alone; nobody would read the markers")
    }
    let configuration = KafkaConfiguration()
    try configuration.apply(defaults: Self.defaults, properties, reserved: Self.reserved)
    try configuration.set("bootstrap.servers", servers)
    try configuration.set("allow.auto.create.topics", "false")
    let events = KafkaEvents(logger: logger)
    events.install(in: configuration)
    DeliveryCounters.install(in: configuration)
    let client = try KafkaHandle(
      RD_KAFKA_PRODUCER, configuration, events: events, name: address.description, isStopRequested: isStopRequested)
    guard case .exists(let count) = try client.topicState(address.topic, timeoutMilliseconds: connectTimeoutMilliseconds) else {
      throw Failure(.unavailable, "\(address): the topic does not exist", isRetryable: true)
    }
    guard let topic = rd_kafka_topic_new(client.pointer, address.topic, nil) else {
      throw Failure(.unavailable, "\(address): \(rd_kafka_last_error().text)")
    }
    name = address.description
    partitionCount = Int(count)
    self.topic = topic
    self.client = client
    counters = .allocate(capacity: 1)
    counters.initialize(to: DeliveryCounters())
  }

  deinit {
    close()
    counters.pointee.forget()
    counters.deallocate()
  }

  /// Hands a record over. Throws where librdkafka does not take it.
  ///
  /// - Parameter timestamp: The record's time, ms since the epoch.
  public func send(partition: Int32, key: String?, value: String, timestamp: Int64) throws {
    guard let client else { preconditionFailure("a closed output was written to") }
    let kinds = [
      RD_KAFKA_VTYPE_RKT, RD_KAFKA_VTYPE_MSGFLAGS, RD_KAFKA_VTYPE_OPAQUE, RD_KAFKA_VTYPE_PARTITION, RD_KAFKA_VTYPE_VALUE,
      RD_KAFKA_VTYPE_KEY, RD_KAFKA_VTYPE_TIMESTAMP,
    ]
    var value = value
    var key = key
    let error = value.withUTF8 { value in
      func produce(_ key: UnsafeBufferPointer<UInt8>?) -> rd_kafka_resp_err_t {
        withUnsafeTemporaryAllocation(of: rd_kafka_vu_t.self, capacity: kinds.count) { fields in
          fields.initialize(repeating: rd_kafka_vu_t())
          for (index, kind) in kinds.enumerated() { fields[index].vtype = kind }
          fields[0].u.rkt = topic
          fields[1].u.i = Int32(RD_KAFKA_MSG_F_COPY)
          fields[2].u.ptr = UnsafeMutableRawPointer(counters)
          fields[3].u.i32 = partition
          KafkaSideOutput.set(&fields[4], value)
          KafkaSideOutput.set(&fields[5], key)
          fields[6].u.i64 = max(0, timestamp)
          guard let error = rd_kafka_produceva(client.pointer, fields.baseAddress, fields.count) else {
            return RD_KAFKA_RESP_ERR_NO_ERROR
          }
          defer { rd_kafka_error_destroy(error) }
          return rd_kafka_error_code(error)
        }
      }
      return key == nil ? produce(nil) : key!.withUTF8 { produce($0) }
    }
    guard error == RD_KAFKA_RESP_ERR_NO_ERROR else {
      throw Failure(.unavailable, "\(name), partition \(partition): \(error.text)", isRetryable: error.isRetryable)
    }
    written += 1
    if waitingSince == nil { waitingSince = clock.monotonicNanoseconds }
  }

  /// Takes delivery reports, waiting at most `timeoutMilliseconds` for one; returns what is wrong, nil where nothing is: a record that did not
  /// arrive, until another one has, or records that have been waiting for more than a second.
  public func poll(timeoutMilliseconds: Int = 0) throws -> String? {
    guard let client else { return nil }
    rd_kafka_poll(client.pointer, Int32(clamping: timeoutMilliseconds))
    try client.checkFatal()
    let reported = counters.pointee.delivered + counters.pointee.failed
    let now = clock.monotonicNanoseconds
    if reported == written {
      waitingSince = nil
    } else if reported != reportedBefore || waitingSince == nil {
      waitingSince = now
    }
    reportedBefore = reported
    let cause = client.events.lastError.map { " (\($0))" } ?? ""
    if counters.pointee.failed > failedBefore {
      failedBefore = counters.pointee.failed
      lastFailure = (
        "\(name), partition \(counters.pointee.firstErrorPartition): a marker did not arrive: \(counters.pointee.firstError.text)\(cause)",
        counters.pointee.delivered
      )
    }
    if let lastFailure {
      if counters.pointee.delivered == lastFailure.delivered { return lastFailure.text }
      self.lastFailure = nil
    }
    guard let waitingSince, now > waitingSince + 1_000_000_000 else { return nil }
    return "\(name): no marker has been delivered for \((now - waitingSince) / 1_000_000_000) s\(cause)"
  }

  /// Gives up what has not been delivered.
  public func close() {
    guard let client else { return }
    rd_kafka_flush(client.pointer, 200)
    rd_kafka_purge(client.pointer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT)
    rd_kafka_flush(client.pointer, 200)
    rd_kafka_topic_destroy(topic)
    self.client = nil
  }
}
