// Records that did not count, into a topic: with their key, value and time, and with headers that say why (`SideRecord.labels`). The producer
// is idempotent and waits for all replicas; `confirm` returns once every record has been acknowledged.
//
// The partition is that of Kafka's own partitioner: murmur2 of the key, any where there is none.

import Base
import CRdkafka
import Logging
import Records

/// A topic for records that did not count.
public final class KafkaSideOutput: SideOutput {
  public let name: String
  private var client: KafkaHandle?
  private let topic: OpaquePointer
  private let counters: UnsafeMutablePointer<DeliveryCounters>
  private let blockedTimeoutNanoseconds: UInt64
  private let clock = SystemClock()

  /// Librdkafka properties that differ from its defaults, and why.
  static let defaults: [(name: String, value: String)] = [
    ("enable.idempotence", "true"),
    ("acks", "all"),
    ("linger.ms", "20"),
    // As Kafka's default partitioner.
    ("partitioner", "murmur2_random"),
    // Bounds memory.
    ("queue.buffering.max.messages", "50000"),
    ("queue.buffering.max.kbytes", "65536"),
    ("message.timeout.ms", "120000"),
    // Whether a record that came from a broker is too large is for the broker to say.
    ("message.max.bytes", "1000000000"),
    ("socket.nagle.disable", "true"),
  ]

  private static let reserved = KafkaSink.reserved

  /// Connects and finds the topic, or makes it.
  ///
  /// - Parameters:
  ///   - properties: Those of the source may be given: librdkafka passes over what only a consumer needs.
  ///   - blockedTimeoutMilliseconds: How long a full queue may stay without any delivery.
  public init(
    _ address: KafkaAddress, properties: KafkaProperties = KafkaProperties(), connectTimeoutMilliseconds: Int = 8000,
    blockedTimeoutMilliseconds: Int = 60_000, logger: Logger = Logger(label: "freshet.kafka")
  ) throws {
    guard let servers = address.servers else {
      throw Failure(
        .badConfiguration, "\(address): an embedded broker ends with its owner and cannot keep records that did not count")
    }
    let configuration = KafkaConfiguration()
    try configuration.apply(defaults: Self.defaults, properties, reserved: Self.reserved)
    try configuration.set("bootstrap.servers", servers)
    try configuration.set("allow.auto.create.topics", "true")
    let events = KafkaEvents(logger: logger)
    events.install(in: configuration)
    DeliveryCounters.install(in: configuration)
    let client = try KafkaHandle(RD_KAFKA_PRODUCER, configuration, events: events, name: address.description)
    _ = try KafkaSink.findTopic(address, client, partitionCount: nil, timeoutMilliseconds: connectTimeoutMilliseconds)
    guard let topic = rd_kafka_topic_new(client.pointer, address.topic, nil) else {
      throw Failure(.unavailable, "\(address): \(rd_kafka_last_error().text)")
    }
    name = address.description
    self.topic = topic
    self.client = client
    blockedTimeoutNanoseconds = UInt64(blockedTimeoutMilliseconds) * 1_000_000
    counters = .allocate(capacity: 1)
    counters.initialize(to: DeliveryCounters())
  }

  deinit {
    release()
    counters.pointee.forget()
    counters.deallocate()
  }

  public func write(_ record: SideRecord) throws {
    guard let client else { preconditionFailure("a closed side output was written to") }
    let headers = try makeHeaders(record)
    var isTaken = false
    // Only a record that was taken takes its headers along.
    defer { if !isTaken { rd_kafka_headers_destroy(headers) } }
    var patience = makePatience()
    while true {
      let error = produce(record, headers, client)
      rd_kafka_poll(client.pointer, 0)
      if error == RD_KAFKA_RESP_ERR_NO_ERROR { break }
      guard error == RD_KAFKA_RESP_ERR__QUEUE_FULL else {
        throw Failure(
          .unavailable,
          "\(name): the record at partition \(record.partition), offset \(record.offset) of \(record.sourceName) was refused: \(error.text)",
          isRetryable: error.isRetryable)
      }
      rd_kafka_poll(client.pointer, 100)
      try check(&patience, client)
    }
    isTaken = true
    try checkDeliveries(client)
  }

  public func confirm() throws {
    guard let client else { return }
    var patience = makePatience()
    while rd_kafka_flush(client.pointer, 200) != RD_KAFKA_RESP_ERR_NO_ERROR { try check(&patience, client) }
    try checkDeliveries(client)
  }

  public func close() throws {
    defer { release() }
    try confirm()
  }

  private func release() {
    guard let client else { return }
    // What is left was not confirmed, and is read again by the next owner of its partition.
    rd_kafka_purge(client.pointer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT)
    rd_kafka_flush(client.pointer, 1000)
    rd_kafka_topic_destroy(topic)
    self.client = nil
  }

  // MARK: One record

  private func produce(_ record: SideRecord, _ headers: OpaquePointer, _ client: KafkaHandle) -> rd_kafka_resp_err_t {
    let kinds = [
      RD_KAFKA_VTYPE_RKT, RD_KAFKA_VTYPE_MSGFLAGS, RD_KAFKA_VTYPE_OPAQUE, RD_KAFKA_VTYPE_VALUE, RD_KAFKA_VTYPE_KEY,
      RD_KAFKA_VTYPE_TIMESTAMP, RD_KAFKA_VTYPE_HEADERS,
    ]
    return withUnsafeTemporaryAllocation(of: rd_kafka_vu_t.self, capacity: kinds.count) { fields in
      fields.initialize(repeating: rd_kafka_vu_t())
      for (index, kind) in kinds.enumerated() { fields[index].vtype = kind }
      fields[0].u.rkt = topic
      fields[1].u.i = Int32(RD_KAFKA_MSG_F_COPY)
      fields[2].u.ptr = UnsafeMutableRawPointer(counters)
      Self.set(&fields[3], record.isTombstone ? nil : record.value)
      Self.set(&fields[4], record.key)
      // Kafka's timestamps are not negative; 0 is the time of sending.
      fields[5].u.i64 = max(0, record.timestamp)
      fields[6].u.headers = headers
      guard let error = rd_kafka_produceva(client.pointer, fields.baseAddress, fields.count) else {
        return RD_KAFKA_RESP_ERR_NO_ERROR
      }
      defer { rd_kafka_error_destroy(error) }
      return rd_kafka_error_code(error)
    }
  }

  /// Bytes as librdkafka takes them: no pointer is no value, so an empty value needs one.
  static func set(_ field: inout rd_kafka_vu_t, _ bytes: UnsafeBufferPointer<UInt8>?) {
    guard let bytes else { return }
    field.u.mem.ptr = bytes.baseAddress.map { UnsafeMutableRawPointer(mutating: $0) } ?? noBytes
    field.u.mem.size = bytes.count
  }

  /// A place of no bytes: nothing is ever read from it.
  nonisolated(unsafe) private static let noBytes = UnsafeMutableRawPointer.allocate(byteCount: 1, alignment: 1)

  static var noBytesToRead: UnsafeRawPointer { UnsafeRawPointer(noBytes) }

  private func makeHeaders(_ record: SideRecord) throws -> OpaquePointer {
    guard let headers = rd_kafka_headers_new(SideLabel.allCases.count + record.headers.count) else {
      preconditionFailure("no memory for headers")
    }
    for (name, value) in record.keptHeaders {
      // Of a name of no bytes there is none to point to, and with a length of -1 librdkafka would look for its end.
      guard let start = name.baseAddress, !name.isEmpty else { continue }
      let error = start.withMemoryRebound(to: CChar.self, capacity: name.count) {
        rd_kafka_header_add(
          headers, $0, name.count, value.map { $0.baseAddress.map { UnsafeRawPointer($0) } ?? Self.noBytesToRead },
          value?.count ?? 0)
      }
      try check(error, String(decoding: name, as: UTF8.self), headers)
    }
    for (name, value) in record.labels {
      var value = value
      let error = value.withUTF8 { rd_kafka_header_add(headers, name.rawValue, -1, $0.baseAddress, $0.count) }
      try check(error, name.rawValue, headers)
    }
    return headers
  }

  private func check(_ error: rd_kafka_resp_err_t, _ name: String, _ headers: OpaquePointer) throws {
    guard error != RD_KAFKA_RESP_ERR_NO_ERROR else { return }
    rd_kafka_headers_destroy(headers)
    throw Failure(.failure, "\(self.name): header '\(name)': \(error.text)")
  }

  // MARK: Deliveries

  private func checkDeliveries(_ client: KafkaHandle) throws {
    try client.checkFatal()
    guard counters.pointee.failed > 0 else { return }
    let cause = client.events.lastError.map { " (\($0))" } ?? ""
    throw Failure(
      .unavailable, "\(name), partition \(counters.pointee.firstErrorPartition): \(counters.pointee.firstError.text)\(cause)",
      isRetryable: counters.pointee.firstError.isRetryable)
  }

  private var reportedCount: Int64 { counters.pointee.delivered &+ counters.pointee.failed }

  private func makePatience() -> DeliveryPatience {
    DeliveryPatience(reported: reportedCount, since: clock.monotonicNanoseconds)
  }

  private func check(_ patience: inout DeliveryPatience, _ client: KafkaHandle) throws {
    try checkDeliveries(client)
    try patience.check(
      reported: reportedCount, at: clock.monotonicNanoseconds, limit: blockedTimeoutNanoseconds, name: name, client)
  }
}
