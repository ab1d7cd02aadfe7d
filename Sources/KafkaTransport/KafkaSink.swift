// Batches of records into topics, through one idempotent producer (`enable.idempotence=true`, `acks=all`): no loss, no duplicates and the
// order of each key, across retries. The partition of a keyed record is Kafka's own (murmur2), computed here; records without a key go
// to one partition per chunk, the next chunk to the next, as Kafka's sticky partitioner does.
//
//   write -> run of plain records -> rd_kafka_produce_batch, per topic -> (librdkafka's queue, bounded) -> delivery report -> counters
//         -> record with headers or a time -> rd_kafka_produceva ------^
//
// When the queue is full, `write` serves delivery reports until there is room; nothing is dropped.

import Base
import CRdkafka
import Logging
import Records

/// Topics to write to.
public final class KafkaSink: Sink {
  public let name: String

  /// A topic as the producer knows it.
  struct Route {
    let topic: OpaquePointer
    let partitionCount: Int32
    let usesEventTimestamp: Bool
    let headers: RecordHeaders
    /// Where the last chunk of records without a key went.
    var unkeyedPartition: Int32 = 0

    /// Whether each of its records needs a call of its own.
    var isOneByOne: Bool { usesEventTimestamp || headers.areOnEveryRecord }
  }

  /// Present for an embedded cluster that nobody bound to a broker; let go after the client.
  private var ownBroker: EmbeddedBroker?
  private(set) var client: KafkaHandle?
  var routes: [Route]
  /// Index into `routes` by a slot's `event`; empty where there is one route, which takes them all.
  let routeOfEvent: [Int]
  let counters: UnsafeMutablePointer<DeliveryCounters>
  let blockedTimeoutNanoseconds: UInt64
  /// `queue.buffering.max.messages` and `.kbytes` as they stand, so that a chunk is only handed over when it fits: a later record must
  /// not slip in where an earlier one was refused.
  let queueRecordLimit: Int64
  let queueByteLimit: Int64
  let messages: UnsafeMutablePointer<rd_kafka_message_t>
  let chunkCapacity: Int
  var written: Int64 = 0
  var writtenByteCount: Int64 = 0
  var transaction: KafkaTransaction?
  let clock = SystemClock()
  /// What the client last complained of, kept for `delivery` after `finish`.
  private var closedCause: String?

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
    "transactional.id": "records would stand outside of any transaction; --transactional-id begins and commits them",
  ]

  /// One topic that takes every record.
  public convenience init(
    _ address: KafkaAddress, properties: KafkaProperties = KafkaProperties(), partitionCount: Int? = nil,
    usesEventTimestamp: Bool = false, connectTimeoutMilliseconds: Int = 8000, blockedTimeoutMilliseconds: Int = 60_000,
    logger: Logger = Logger(label: "freshet.kafka")
  ) throws {
    try self.init(
      address.cluster,
      routes: [KafkaRoute(topic: address.topic, partitionCount: partitionCount, usesEventTimestamp: usesEventTimestamp)],
      properties: properties, connectTimeoutMilliseconds: connectTimeoutMilliseconds,
      blockedTimeoutMilliseconds: blockedTimeoutMilliseconds, logger: logger)
  }

  /// Connects and finds the topics, or makes them.
  ///
  /// - Parameters:
  ///   - routeOfEvent: index into `routes` by a slot's `event`; may be empty where there is one route.
  ///   - transactions: nil for records that readers see as they come.
  ///   - connectTimeoutMilliseconds: how long a broker may take to answer before the sink fails as unavailable.
  ///   - isStopRequested: looked at meanwhile; true ends it with `StopRequested`.
  ///   - blockedTimeoutMilliseconds: how long `write` waits for room with no delivery at all before it does (Java's `max.block.ms`).
  public init(
    _ cluster: KafkaCluster, routes: [KafkaRoute], routeOfEvent: [Int] = [], properties: KafkaProperties = KafkaProperties(),
    transactions: KafkaTransactions? = nil, connectTimeoutMilliseconds: Int = 8000, blockedTimeoutMilliseconds: Int = 60_000,
    isStopRequested: @escaping @Sendable () -> Bool = { false }, logger: Logger = Logger(label: "freshet.kafka")
  ) throws {
    precondition(!routes.isEmpty, "a sink needs a topic")
    precondition(routes.count == 1 || !routeOfEvent.isEmpty, "with several topics each event needs its route")
    precondition(routeOfEvent.allSatisfy { routes.indices.contains($0) }, "each event's route is one of the sink's")
    let name = Self.name(cluster, routes)
    let broker = try cluster.isEmbedded ? EmbeddedBroker(logger: logger) : nil
    if let broker { try Self.createTopics(routes, on: broker) }
    let configuration = KafkaConfiguration()
    try configuration.apply(defaults: Self.defaults, properties, reserved: Self.reserved)
    try configuration.set("bootstrap.servers", cluster.servers ?? broker!.bootstrapServers)
    // A question about a topic must not make it with the wrong number of partitions.
    try configuration.set("allow.auto.create.topics", routes.contains { $0.partitionCount != nil } ? "false" : "true")
    if let transactions { try KafkaTransaction.apply(transactions, properties, to: configuration) }
    queueRecordLimit = Int64(configuration.integer("queue.buffering.max.messages") ?? 100_000)
    queueByteLimit = Int64(configuration.integer("queue.buffering.max.kbytes") ?? 1_048_576) * 1024
    let events = KafkaEvents(logger: logger)
    events.install(in: configuration)
    DeliveryCounters.install(in: configuration)
    let client = try KafkaHandle(RD_KAFKA_PRODUCER, configuration, events: events, name: name, isStopRequested: isStopRequested)
    let partitionCounts = try routes.map {
      try Self.findTopic(
        KafkaAddress(servers: cluster.servers, topic: $0.topic), client, partitionCount: $0.partitionCount,
        timeoutMilliseconds: connectTimeoutMilliseconds)
    }
    transaction = try transactions.map {
      try KafkaTransaction($0, client: client, timeoutMilliseconds: connectTimeoutMilliseconds)
    }
    self.name = name
    self.routes = try Self.openTopics(routes, partitionCounts, client)
    self.routeOfEvent = routes.count == 1 ? [] : routeOfEvent
    ownBroker = broker
    self.client = client
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
    counters.pointee.forget()
    counters.deallocate()
  }

  /// How many partitions the first topic had when the sink was made.
  public var partitionCount: Int32 { routes[0].partitionCount }

  /// Records that were handed over and not yet reported; never above `queueRecordLimit`. One that grows at a steady rate says that the brokers are
  /// slower than the writer.
  public var queuedRecordCount: Int64 { written &- counters.pointee.delivered &- counters.pointee.failed }

  /// Within transactions, `delivered` are the records of those that were committed, and those of aborted ones have failed.
  public var delivery: DeliveryCounts {
    var counts = DeliveryCounts()
    counts.written = written
    counts.writtenByteCount = writtenByteCount
    counts.delivered = counters.pointee.delivered
    counts.failed = counters.pointee.failed
    if let transaction {
      counts.delivered -= transaction.lostCount + transaction.openCount(counters.pointee.delivered)
      counts.failed += transaction.lostCount
      counts.firstFailure = transaction.firstAbort.map { "\(name): a transaction was aborted: \($0)" }
    }
    if counters.pointee.failed > 0, counts.firstFailure == nil {
      let reason = counters.pointee.firstError.text
      let cause = client?.events.lastError.map { " (\($0))" } ?? closedCause ?? ""
      let topic = routes.count == 1 ? "" : counters.pointee.firstErrorTopic.map { " topic \(String(cString: $0))" } ?? ""
      counts.firstFailure = "\(name)\(topic) partition \(counters.pointee.firstErrorPartition): \(reason)\(cause)"
    }
    return counts
  }

  public func write(_ batch: RecordBatch) throws {
    guard let client else { preconditionFailure("a finished sink was written to") }
    do {
      try beginTransaction(client)
      var index = 0
      while index < batch.count {
        index += try produceRun(batch, from: index, client)
        rd_kafka_poll(client.pointer, 0)
        try endFailedTransaction(client)
      }
      if counters.pointee.failed > 0 { try client.checkFatal() }
      try commitDueTransaction(client)
    } catch {
      abandonTransaction()
      throw error
    }
  }

  public func poll() throws {
    guard let client else { return }
    rd_kafka_poll(client.pointer, 0)
    try client.checkFatal()
    try commitDueTransaction(client)
  }

  /// Does not throw for records that failed: `delivery` has them. What is not acknowledged in time counts as failed.
  public func finish(timeoutMilliseconds: Int) throws {
    guard let client else { return }
    defer { release() }
    if transaction?.isOpen == true { try commitTransaction(client, timeoutMilliseconds: timeoutMilliseconds) }
    if rd_kafka_flush(client.pointer, Int32(clamping: timeoutMilliseconds)) != RD_KAFKA_RESP_ERR_NO_ERROR {
      // A purge reports every record that is left, as failed.
      rd_kafka_purge(client.pointer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT)
      rd_kafka_flush(client.pointer, 5000)
    }
    try client.checkFatal()
  }

  private func release() {
    guard client != nil else { return }
    abandonTransaction()
    closedCause = client?.events.lastError.map { " (\($0))" }
    for route in routes { rd_kafka_topic_destroy(route.topic) }
    client = nil
    ownBroker = nil
  }
}
