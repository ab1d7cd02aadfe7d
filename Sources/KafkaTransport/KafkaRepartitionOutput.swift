// Records of one source on their way into internal topics, keyed by the entities of its views.
//
// The receiver skips what stands at or before the greatest offset that it has seen of a partition of the source. So nothing may be left out before a
// later record: the producer is idempotent, a record never times out by itself, and a gap that cannot be avoided is fatal
// (`enable.gapless.guarantee`) and ends the command, to go on from the last checkpoint.

import Base
import CRdkafka
import Logging
import Records

/// The producer behind the repartitioned views of one worker.
public final class KafkaRepartitionOutput: RepartitionOutput {
  public let name: String
  public var partitionCount: Int { topics.reduce(0) { $0 + Int($1.partitionCount) } }

  private var client: KafkaHandle?
  private let topics: [(name: String, topic: OpaquePointer, partitionCount: Int32)]
  private let counters: UnsafeMutablePointer<DeliveryCounters>
  private let blockedTimeoutNanoseconds: UInt64
  private let originText: UnsafeMutablePointer<UInt8>
  private let clock = SystemClock()

  /// Librdkafka properties that differ from its defaults, and why.
  static let defaults: [(name: String, value: String)] = [
    ("enable.idempotence", "true"),
    ("enable.gapless.guarantee", "true"),
    ("acks", "all"),
    ("linger.ms", "5"),
    ("batch.num.messages", "10000"),
    // Bounds memory.
    ("queue.buffering.max.messages", "100000"),
    ("queue.buffering.max.kbytes", "65536"),
    // Never: one that is given up while later ones arrive would be lost.
    ("message.timeout.ms", "0"),
    // Whether a record that came from a broker is too large is for the broker to say.
    ("message.max.bytes", "1000000000"),
    ("socket.nagle.disable", "true"),
  ]

  private static let reserved = KafkaSink.reserved.merging(
    [
      "enable.idempotence": "an internal topic must keep the order of its records",
      "enable.gapless.guarantee": "an internal topic must keep the order of its records",
      "acks": "what has been passed on must not be lost", "request.required.acks": "what has been passed on must not be lost",
      "message.timeout.ms": "a record that was given up would be lost",
      "delivery.timeout.ms": "a record that was given up would be lost",
    ]
  ) { $1 }

  /// Connects and finds the topics, or makes them with `partitionCount` partitions.
  ///
  /// - Parameters:
  ///   - properties: Those of the source may be given: librdkafka passes over what only a consumer needs.
  ///   - partitionCount: Nil leaves it to the broker.
  ///   - blockedTimeoutMilliseconds: How long a full queue, or a confirmation, may stay without any delivery. What fails for that is kept, and
  ///     may be confirmed, or written again, later.
  public init(
    _ cluster: KafkaCluster, topics names: [String], properties: KafkaProperties = KafkaProperties(), partitionCount: Int?,
    connectTimeoutMilliseconds: Int = 8000, blockedTimeoutMilliseconds: Int = 10_000,
    logger: Logger = Logger(label: "freshet.kafka")
  ) throws {
    guard let servers = cluster.servers else {
      throw Failure(.badConfiguration, "\(cluster): an embedded broker ends with its owner and cannot keep an internal topic")
    }
    let name = "\(cluster) (\(names.joined(separator: ", ")))"
    func connect(makesTopics: Bool) throws -> KafkaHandle {
      let configuration = KafkaConfiguration()
      try configuration.apply(defaults: Self.defaults, properties, reserved: Self.reserved)
      try configuration.set("bootstrap.servers", servers)
      // A question about a topic must not make it with the wrong number of partitions.
      try configuration.set("allow.auto.create.topics", makesTopics ? "true" : "false")
      let events = KafkaEvents(logger: logger)
      events.install(in: configuration)
      DeliveryCounters.install(in: configuration)
      return try KafkaHandle(RD_KAFKA_PRODUCER, configuration, events: events, name: name)
    }
    let client = try connect(makesTopics: false)
    var opened: [(name: String, topic: OpaquePointer, partitionCount: Int32)] = []
    do {
      for topic in names {
        let address = KafkaAddress(servers: servers, topic: topic)
        let count: Int32
        do {
          count = try KafkaSink.findTopic(
            address, client, partitionCount: partitionCount, timeoutMilliseconds: connectTimeoutMilliseconds)
        } catch let failure as Failure where !failure.isRetryable {
          // A broker that makes topics only by being asked for them, with as many partitions as it thinks best: that does as well.
          let asking = try connect(makesTopics: true)
          guard case .exists(let made) = try asking.topicState(topic, timeoutMilliseconds: connectTimeoutMilliseconds) else {
            throw failure
          }
          count = made
        }
        guard let handle = rd_kafka_topic_new(client.pointer, topic, nil) else {
          throw Failure(.unavailable, "\(address): \(rd_kafka_last_error().text)")
        }
        opened.append((address.description, handle, count))
      }
    } catch {
      for (_, topic, _) in opened { rd_kafka_topic_destroy(topic) }
      throw error
    }
    self.name = name
    topics = opened
    self.client = client
    blockedTimeoutNanoseconds = UInt64(blockedTimeoutMilliseconds) * 1_000_000
    originText = .allocate(capacity: RecordOrigin.textByteCountMax)
    counters = .allocate(capacity: 1)
    counters.initialize(to: DeliveryCounters())
  }

  deinit {
    release()
    counters.pointee.forget()
    counters.deallocate()
    originText.deallocate()
  }

  /// How many partitions a topic of this name has.
  public func partitionCount(of topic: Int) -> Int { Int(topics[topic].partitionCount) }

  public func write(_ record: RepartitionedRecord, to topic: Int) throws {
    let partitionCount = topics[topic].partitionCount
    let partition: Int32
    if let key = record.entityKey {
      partition =
        key.isEmpty
        ? Hash.kafkaPartition(ofKey: Self.noBytes, count: 0, partitionCount: partitionCount)
        : Hash.kafkaPartition(ofKey: key.baseAddress!, count: key.count, partitionCount: partitionCount)
    } else {
      partition = record.origin.partition % partitionCount
    }
    let headers = try makeHeaders(record.origin, count: record.headers.count + 2)
    do {
      // Also where there is none, so that the second header is never one of the record's own.
      let error = rd_kafka_header_add(
        headers, RecordOrigin.keyHeader, -1,
        record.key.map { $0.baseAddress.map { UnsafeRawPointer($0) } ?? KafkaSideOutput.noBytesToRead }, record.key?.count ?? 0)
      try check(error, RecordOrigin.keyHeader)
      for (name, value) in record.headers {
        // Of a name of no bytes there is none to point to, and with a length of -1 librdkafka would look for its end.
        guard let start = name.baseAddress, !name.isEmpty else { continue }
        let error = start.withMemoryRebound(to: CChar.self, capacity: name.count) {
          rd_kafka_header_add(
            headers, $0, name.count, value.map { $0.baseAddress.map { UnsafeRawPointer($0) } ?? KafkaSideOutput.noBytesToRead },
            value?.count ?? 0)
        }
        try check(error, String(decoding: name, as: UTF8.self))
      }
    } catch {
      rd_kafka_headers_destroy(headers)
      throw error
    }
    try send(to: topic, partition, key: record.entityKey, value: record.isTombstone ? nil : record.value, headers, record.origin)
  }

  public func write(marker: RecordOrigin) throws {
    var text = marker.markerText
    for (index, topic) in topics.enumerated() {
      for partition in 0..<topic.partitionCount {
        let headers = try makeHeaders(marker, count: 2)
        do {
          try text.withUTF8 { try add(RecordOrigin.markerHeader, UnsafeRawPointer($0.baseAddress), $0.count, headers) }
        } catch {
          rd_kafka_headers_destroy(headers)
          throw error
        }
        try send(to: index, partition, key: nil, value: nil, headers, marker)
      }
    }
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
    // What is left was not confirmed: the next owner of its partition reads and sends it again.
    rd_kafka_purge(client.pointer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT)
    rd_kafka_flush(client.pointer, 1000)
    for (_, topic, _) in topics { rd_kafka_topic_destroy(topic) }
    self.client = nil
  }

  // MARK: One record

  private func makeHeaders(_ origin: RecordOrigin, count: Int) throws -> OpaquePointer {
    guard let headers = rd_kafka_headers_new(count) else { preconditionFailure("no memory for headers") }
    do {
      try add(RecordOrigin.originHeader, UnsafeRawPointer(originText), origin.writeOrigin(to: originText), headers)
    } catch {
      rd_kafka_headers_destroy(headers)
      throw error
    }
    return headers
  }

  private func add(_ name: String, _ value: UnsafeRawPointer?, _ count: Int, _ headers: OpaquePointer) throws {
    try check(rd_kafka_header_add(headers, name, -1, value ?? KafkaSideOutput.noBytesToRead, count), name)
  }

  /// Hands a record to librdkafka, which takes its headers along only where it takes the record.
  private func send(
    to topic: Int, _ partition: Int32, key: UnsafeBufferPointer<UInt8>?, value: UnsafeBufferPointer<UInt8>?,
    _ headers: OpaquePointer, _ origin: RecordOrigin
  ) throws {
    guard let client else { preconditionFailure("a closed repartition output was written to") }
    var isTaken = false
    defer { if !isTaken { rd_kafka_headers_destroy(headers) } }
    var patience = makePatience()
    while true {
      let error = produce(topics[topic].topic, partition, key, value, headers, client)
      if error == RD_KAFKA_RESP_ERR_NO_ERROR { break }
      guard error == RD_KAFKA_RESP_ERR__QUEUE_FULL else {
        throw Failure(
          .unavailable,
          "\(topics[topic].name), partition \(partition): the record at partition \(origin.partition), offset \(origin.offset) of its source "
            + "was refused: \(error.text)", isRetryable: error.isRetryable)
      }
      rd_kafka_poll(client.pointer, 100)
      try check(&patience, client)
    }
    isTaken = true
    rd_kafka_poll(client.pointer, 0)
    try checkDeliveries(client)
  }

  private func produce(
    _ topic: OpaquePointer, _ partition: Int32, _ key: UnsafeBufferPointer<UInt8>?, _ value: UnsafeBufferPointer<UInt8>?,
    _ headers: OpaquePointer, _ client: KafkaHandle
  ) -> rd_kafka_resp_err_t {
    let kinds = [
      RD_KAFKA_VTYPE_RKT, RD_KAFKA_VTYPE_PARTITION, RD_KAFKA_VTYPE_MSGFLAGS, RD_KAFKA_VTYPE_OPAQUE, RD_KAFKA_VTYPE_VALUE,
      RD_KAFKA_VTYPE_KEY, RD_KAFKA_VTYPE_HEADERS,
    ]
    return withUnsafeTemporaryAllocation(of: rd_kafka_vu_t.self, capacity: kinds.count) { fields in
      fields.initialize(repeating: rd_kafka_vu_t())
      for (index, kind) in kinds.enumerated() { fields[index].vtype = kind }
      fields[0].u.rkt = topic
      fields[1].u.i32 = partition
      fields[2].u.i = Int32(RD_KAFKA_MSG_F_COPY)
      fields[3].u.ptr = UnsafeMutableRawPointer(counters)
      KafkaSideOutput.set(&fields[4], value)
      KafkaSideOutput.set(&fields[5], key)
      fields[6].u.headers = headers
      guard let error = rd_kafka_produceva(client.pointer, fields.baseAddress, fields.count) else {
        return RD_KAFKA_RESP_ERR_NO_ERROR
      }
      defer { rd_kafka_error_destroy(error) }
      return rd_kafka_error_code(error)
    }
  }

  /// A place of no bytes: nothing is ever read from it.
  private static var noBytes: UnsafePointer<UInt8> { KafkaSideOutput.noBytesToRead.assumingMemoryBound(to: UInt8.self) }

  private func check(_ error: rd_kafka_resp_err_t, _ header: String) throws {
    guard error != RD_KAFKA_RESP_ERR_NO_ERROR else { return }
    throw Failure(.failure, "\(name): header '\(header)': \(error.text)")
  }

  // MARK: Deliveries

  private func checkDeliveries(_ client: KafkaHandle) throws {
    try client.checkFatal()
    guard counters.pointee.failed > 0 else { return }
    let cause = client.events.lastError.map { " (\($0))" } ?? ""
    let topic = counters.pointee.firstErrorTopic.map { String(cString: $0) } ?? name
    throw Failure(
      .unavailable,
      "\(topic), partition \(counters.pointee.firstErrorPartition): a record cannot be passed on: \(counters.pointee.firstError.text)\(cause)"
    )
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
