// Batches of records into one topic, through an idempotent producer (`enable.idempotence=true`, `acks=all`): no loss, no duplicates and the
// order of each key, across retries. The partition of a keyed record is Kafka's own (murmur2), computed here; records without a key go
// to one partition per chunk, the next chunk to the next, as Kafka's sticky partitioner does.
//
//   write -> chunk of messages -> rd_kafka_produce_batch -> (librdkafka's queue, bounded) -> delivery report -> counters
//
// When the queue is full, `write` serves delivery reports until there is room; nothing is dropped.

import Base
import CRdkafka
import Logging
import Records

/// A topic to write to.
public final class KafkaSink: Sink {
  public let name: String
  /// How many partitions the topic had when the sink was made.
  public let partitionCount: Int32

  /// Present for `kafka://embedded/TOPIC` that nobody bound to a broker; let go after the client.
  private var ownBroker: EmbeddedBroker?
  private var client: KafkaHandle?
  private var topic: OpaquePointer?
  let counters: UnsafeMutablePointer<DeliveryCounters>
  private let usesEventTimestamp: Bool
  private let blockedTimeoutNanoseconds: UInt64
  /// `queue.buffering.max.messages` and `.kbytes` as they stand, so that a chunk is only handed over when it fits: a later record must
  /// not slip in where an earlier one was refused.
  private let queueRecordLimit: Int64
  private let queueByteLimit: Int64
  private let messages: UnsafeMutablePointer<rd_kafka_message_t>
  private let chunkCapacity: Int
  private var written: Int64 = 0
  private var writtenByteCount: Int64 = 0
  private var unkeyedPartition: Int32 = 0
  private let clock = SystemClock()

  /// Librdkafka properties that differ from its defaults, and why.
  public static let defaults: [(name: String, value: String)] = [
    ("enable.idempotence", "true"),
    ("acks", "all"),
    // How long a batch waits to fill. At 1000 records/s and more a batch fills by itself; below, this is latency.
    ("linger.ms", "5"),
    ("batch.num.messages", "10000"),
    // Bounds memory: the default is 1 GiB.
    ("queue.buffering.max.messages", "500000"),
    ("queue.buffering.max.kbytes", "131072"),
    // As the Java client's `delivery.timeout.ms`; then a record counts as failed.
    ("message.timeout.ms", "120000"),
    // Loopback and data-centre networks are faster than compression on the producer's core; `-X compression.type=lz4` for slow links.
    ("compression.type", "none"),
    ("socket.nagle.disable", "true"),
  ]

  static let reserved = [
    "bootstrap.servers": "it is in the address",
    "delivery.report.only.error": "every delivery is counted",
    "dr_cb": "callbacks cannot be given as text",
  ]

  /// Connects and finds the topic, or makes it.
  ///
  /// - Parameters:
  ///   - partitionCount: for a topic that does not exist yet; nil leaves it to the broker.
  ///   - usesEventTimestamp: whether Kafka's record timestamp is the slot's `timestamp` (where it is greater than 0) or the time of sending.
  ///   - connectTimeoutMilliseconds: how long a broker may take to answer before the sink fails as unavailable.
  ///   - blockedTimeoutMilliseconds: how long `write` waits for room with no delivery at all before it does (Java's `max.block.ms`).
  public init(
    _ address: KafkaAddress, properties: KafkaProperties = KafkaProperties(), partitionCount: Int? = nil,
    usesEventTimestamp: Bool = false, connectTimeoutMilliseconds: Int = 8000, blockedTimeoutMilliseconds: Int = 60_000,
    logger: Logger = Logger(label: "freshet.kafka")
  ) throws {
    let broker = try address.isEmbedded ? EmbeddedBroker(logger: logger) : nil
    if let broker, let partitionCount { try broker.createTopic(address.topic, partitionCount: partitionCount) }
    let configuration = KafkaConfiguration()
    try configuration.apply(defaults: Self.defaults, properties, reserved: Self.reserved)
    try configuration.set("bootstrap.servers", address.servers ?? broker!.bootstrapServers)
    // A question about a topic must not make it with the wrong number of partitions.
    try configuration.set("allow.auto.create.topics", partitionCount == nil ? "true" : "false")
    queueRecordLimit = Int64(configuration.integer("queue.buffering.max.messages") ?? 100_000)
    queueByteLimit = Int64(configuration.integer("queue.buffering.max.kbytes") ?? 1_048_576) * 1024
    let events = KafkaEvents(logger: logger)
    events.install(in: configuration)
    DeliveryCounters.install(in: configuration)
    let client = try KafkaHandle(RD_KAFKA_PRODUCER, configuration, events: events, name: address.description)
    self.partitionCount = try Self.findTopic(
      address, client, partitionCount: partitionCount, timeoutMilliseconds: connectTimeoutMilliseconds)
    guard let topic = rd_kafka_topic_new(client.pointer, address.topic, nil) else {
      throw Failure(.unavailable, "\(address): \(rd_kafka_last_error().text)")
    }
    name = address.description
    ownBroker = broker
    self.client = client
    self.topic = topic
    self.usesEventTimestamp = usesEventTimestamp
    blockedTimeoutNanoseconds = UInt64(blockedTimeoutMilliseconds) * 1_000_000
    chunkCapacity = Int(min(4096, max(1, queueRecordLimit)))
    messages = .allocate(capacity: chunkCapacity)
    messages.initialize(repeating: rd_kafka_message_t(), count: chunkCapacity)
    counters = .allocate(capacity: 1)
    counters.initialize(to: DeliveryCounters())
  }

  deinit {
    release()
    messages.deallocate()
    counters.deallocate()
  }

  /// Partitions of the topic, made if need be.
  private static func findTopic(
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

  public var delivery: DeliveryCounts {
    var counts = DeliveryCounts()
    counts.written = written
    counts.writtenByteCount = writtenByteCount
    counts.delivered = counters.pointee.delivered
    counts.failed = counters.pointee.failed
    if counts.failed > 0 {
      let reason = counters.pointee.firstError.text
      let cause = client?.events.lastError.map { " (\($0))" } ?? closedCause ?? ""
      counts.firstFailure = "\(name) partition \(counters.pointee.firstErrorPartition): \(reason)\(cause)"
    }
    return counts
  }

  /// What the client last complained of, kept for `delivery` after `finish`.
  private var closedCause: String?

  public func write(_ batch: RecordBatch) throws {
    guard let client, let topic else { preconditionFailure("a finished sink was written to") }
    var index = 0
    while index < batch.count {
      let count = min(chunkCapacity, batch.count - index)
      if usesEventTimestamp {
        try produceOneByOne(batch, from: index, count: count, client, topic)
      } else {
        try produceTogether(batch, from: index, count: count, client, topic)
      }
      index += count
      rd_kafka_poll(client.pointer, 0)
    }
    if counters.pointee.failed > 0 { try client.checkFatal() }
  }

  public func poll() throws {
    guard let client else { return }
    rd_kafka_poll(client.pointer, 0)
    try client.checkFatal()
  }

  /// Does not throw for records that failed: `delivery` has them. What is not acknowledged in time counts as failed.
  public func finish(timeoutMilliseconds: Int) throws {
    guard let client else { return }
    defer { release() }
    if rd_kafka_flush(client.pointer, Int32(clamping: timeoutMilliseconds)) != RD_KAFKA_RESP_ERR_NO_ERROR {
      // A purge reports every record that is left, as failed.
      rd_kafka_purge(client.pointer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT)
      rd_kafka_flush(client.pointer, 5000)
    }
    try client.checkFatal()
  }

  private func release() {
    closedCause = client?.events.lastError.map { " (\($0))" }
    if let topic { rd_kafka_topic_destroy(topic) }
    topic = nil
    client = nil
    ownBroker = nil
  }
}

extension KafkaSink {
  /// Hands `count` records over in one call; librdkafka copies them.
  private func produceTogether(
    _ batch: RecordBatch, from first: Int, count: Int, _ client: KafkaHandle, _ topic: OpaquePointer
  ) throws {
    let base = batch.bytes.base
    let slots = batch.slots + first
    let unkeyed = nextUnkeyedPartition()
    var byteCount: Int64 = 0
    for index in 0..<count {
      let slot = slots[index]
      byteCount &+= Int64(slot.valueCount)
      fill(messages + index, slot, base, unkeyed)
    }
    try waitForRoom(recordCount: Int64(count), byteCount: byteCount, client)
    let accepted = Int(
      rd_kafka_produce_batch(
        topic, RD_KAFKA_PARTITION_UA, Int32(RD_KAFKA_MSG_F_PARTITION | RD_KAFKA_MSG_F_COPY), messages, Int32(count)))
    // A refused record is not on its way: it counts as written only once it is.
    written &+= Int64(count)
    writtenByteCount &+= byteCount
    if accepted < count { try produceRefused(count: count, client, topic) }
  }

  /// After a short `produce_batch`: each message says by itself whether it was taken. Those that met a full queue go again, in order.
  private func produceRefused(count: Int, _ client: KafkaHandle, _ topic: OpaquePointer) throws {
    for index in 0..<count where messages[index].err != RD_KAFKA_RESP_ERR_NO_ERROR {
      var wait = Wait(self)
      while messages[index].err == RD_KAFKA_RESP_ERR__QUEUE_FULL {
        rd_kafka_poll(client.pointer, 100)
        if rd_kafka_produce_batch(
          topic, RD_KAFKA_PARTITION_UA, Int32(RD_KAFKA_MSG_F_PARTITION | RD_KAFKA_MSG_F_COPY), messages + index, 1) == 1
        {
          messages[index].err = RD_KAFKA_RESP_ERR_NO_ERROR
        } else {
          try wait.check(self, client)
        }
      }
      if messages[index].err != RD_KAFKA_RESP_ERR_NO_ERROR { try refuse(messages[index], client) }
    }
  }

  /// `rd_kafka_produceva`, the only call that takes a timestamp.
  private func produceOneByOne(
    _ batch: RecordBatch, from first: Int, count: Int, _ client: KafkaHandle, _ topic: OpaquePointer
  ) throws {
    let base = batch.bytes.base
    let unkeyed = nextUnkeyedPartition()
    var fields = [rd_kafka_vu_t](repeating: rd_kafka_vu_t(), count: 7)
    let kinds = [
      RD_KAFKA_VTYPE_RKT, RD_KAFKA_VTYPE_MSGFLAGS, RD_KAFKA_VTYPE_OPAQUE, RD_KAFKA_VTYPE_PARTITION, RD_KAFKA_VTYPE_VALUE,
      RD_KAFKA_VTYPE_KEY, RD_KAFKA_VTYPE_TIMESTAMP,
    ]
    for (index, kind) in kinds.enumerated() { fields[index].vtype = kind }
    fields[0].u.rkt = topic
    fields[1].u.i = Int32(RD_KAFKA_MSG_F_COPY)
    fields[2].u.ptr = UnsafeMutableRawPointer(counters)
    try fields.withUnsafeMutableBufferPointer { fields in
      for index in first..<first + count {
        let slot = batch.slots[index]
        let message = messages
        fill(message, slot, base, unkeyed)
        fields[3].u.i32 = message.pointee.partition
        fields[4].u.mem.ptr = message.pointee.payload
        fields[4].u.mem.size = message.pointee.len
        fields[5].u.mem.ptr = message.pointee.key
        fields[5].u.mem.size = message.pointee.key_len
        fields[6].u.i64 = max(0, slot.timestamp)
        try waitForRoom(recordCount: 1, byteCount: Int64(slot.valueCount), client)
        written &+= 1
        writtenByteCount &+= Int64(slot.valueCount)
        var wait = Wait(self)
        while let error = rd_kafka_produceva(client.pointer, fields.baseAddress, fields.count) {
          message.pointee.err = rd_kafka_error_code(error)
          rd_kafka_error_destroy(error)
          guard message.pointee.err == RD_KAFKA_RESP_ERR__QUEUE_FULL else {
            try refuse(message.pointee, client)
            break
          }
          rd_kafka_poll(client.pointer, 100)
          try wait.check(self, client)
        }
      }
    }
  }

  @inline(__always)
  private func fill(
    _ message: UnsafeMutablePointer<rd_kafka_message_t>, _ slot: RecordSlot, _ base: UnsafeMutablePointer<UInt8>, _ unkeyed: Int32
  ) {
    message.pointee.err = RD_KAFKA_RESP_ERR_NO_ERROR
    message.pointee.payload = UnsafeMutableRawPointer(base + Int(slot.valueStart))
    message.pointee.len = Int(slot.valueCount)
    message.pointee._private = UnsafeMutableRawPointer(counters)
    if slot.keyCount >= 0 {
      let key = base + Int(slot.keyStart)
      message.pointee.key = UnsafeMutableRawPointer(key)
      message.pointee.key_len = Int(slot.keyCount)
      message.pointee.partition = Hash.kafkaPartition(ofKey: key, count: Int(slot.keyCount), partitionCount: partitionCount)
    } else {
      message.pointee.key = nil
      message.pointee.key_len = 0
      message.pointee.partition = unkeyed
    }
  }

  private func nextUnkeyedPartition() -> Int32 {
    unkeyedPartition = (unkeyedPartition + 1) % partitionCount
    return unkeyedPartition
  }

  /// A record that librdkafka does not take counts as failed, and the next one goes on; a fatal error ends it all.
  private func refuse(_ message: rd_kafka_message_t, _ client: KafkaHandle) throws {
    if counters.pointee.failed == 0 {
      counters.pointee.firstError = message.err
      counters.pointee.firstErrorPartition = message.partition
    }
    counters.pointee.failed &+= 1
    counters.pointee.reportedByteCount &+= Int64(message.len)
    try client.checkFatal()
  }

  /// Serves delivery reports until the queue has room for the records. A chunk larger than the whole queue waits for an empty one.
  private func waitForRoom(recordCount: Int64, byteCount: Int64, _ client: KafkaHandle) throws {
    var wait = Wait(self)
    while true {
      let records = written &- counters.pointee.delivered &- counters.pointee.failed
      let bytes = writtenByteCount &- counters.pointee.reportedByteCount
      let fits = records &+ recordCount <= queueRecordLimit && bytes &+ byteCount <= queueByteLimit
      if fits || records == 0 { return }
      rd_kafka_poll(client.pointer, 100)
      try wait.check(self, client)
    }
  }

  /// Watches a wait for room: as long as reports come in, it may last; without any it ends after the sink's bound.
  private struct Wait {
    private var reported: Int64
    private var since: UInt64?

    init(_ sink: KafkaSink) { reported = sink.reportedCount }

    mutating func check(_ sink: KafkaSink, _ client: KafkaHandle) throws {
      try client.checkFatal()
      let now = sink.clock.monotonicNanoseconds
      guard sink.reportedCount == reported, let since else {
        reported = sink.reportedCount
        since = now
        return
      }
      if now - since > sink.blockedTimeoutNanoseconds {
        let reason = client.events.lastError.map { ": \($0)" } ?? ""
        throw Failure(
          .unavailable,
          "\(sink.name): no delivery confirmed for \(sink.blockedTimeoutNanoseconds / 1_000_000_000) s with a full queue\(reason)",
          isRetryable: true)
      }
    }
  }

  private var reportedCount: Int64 { counters.pointee.delivered &+ counters.pointee.failed }
}
