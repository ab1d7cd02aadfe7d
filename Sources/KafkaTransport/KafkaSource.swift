// A topic read as a member of a consumer group. librdkafka fetches ahead into one queue; a poll moves what is there into the caller's
// batch. Rebalances are only noted when librdkafka reports them and answered when the contract of `Source` says so:
//
//   callback(assign p)  ->  poll = .assigned(p)  ->  start(p)          answers: incremental_assign
//   callback(revoke p)  ->  poll = .revoked(p)   ->  the next poll     answers: incremental_unassign
//
// Between report and answer librdkafka waits, so records that were fetched before a revoke come before it, and none come after.

import Base
import CRdkafka
import Logging
import Records

/// A topic to read from.
public final class KafkaSource: Source {
  public let isBounded = false
  public let name: String

  let topic: String
  let logger: Logger
  /// Present for `kafka://embedded/TOPIC` that nobody bound to a broker; let go after the client.
  private var ownBroker: EmbeddedBroker?
  var client: KafkaHandle?
  private var queue: OpaquePointer?
  /// Announced by the last poll, to be given up by the next.
  var leaving: Rebalance?
  /// Announced as assigned and not yet started.
  var arriving: Set<PartitionIndex> = []
  var arrivingPositions: [PartitionOffset] = []
  /// Ours, announced and not yet given up.
  public internal(set) var assignedPartitions: Set<PartitionIndex> = []
  /// By partition: the offset after the last record that a poll returned; -1 where unknown.
  var positions: [Offset] = []
  var isPaused = false
  /// What the broker last said of the end of a partition.
  struct Silence {
    /// Monotonic, in ns.
    var askedAt: UInt64
    /// Of the reader.
    var position: Offset
    var isSilent: Bool
  }
  var silence: [PartitionIndex: Silence] = [:]
  /// When a broker may be asked again, monotonic, in ns.
  var nextQuestionAt: UInt64 = 0
  /// By partition: the end of the log that was reached last, counting what holds no records.
  var endsReached: [PartitionIndex: Offset] = [:]
  /// Of `auto.offset.reset`.
  let offsetReset: String
  /// When brokers that are down are asked next.
  var probeDue: UInt64 = 0
  let clock = SystemClock()
  let messages: UnsafeMutablePointer<UnsafeMutablePointer<rd_kafka_message_t>?>

  /// Messages moved per call into librdkafka: few enough that they are still in the cache when they are copied and freed.
  static let chunkCapacity = 256

  /// Whether the headers of records are copied into batches.
  let readsHeaders: Bool

  /// Librdkafka properties that differ from its defaults, and why.
  public static let defaults: [(name: String, value: String)] = [
    ("enable.auto.commit", "false"),
    ("enable.auto.offset.store", "false"),
    ("auto.offset.reset", "earliest"),
    // Members keep the partitions, and their state, that a rebalance does not move.
    ("partition.assignment.strategy", "cooperative-sticky"),
    // A member that died is noticed in 10 s; heartbeats come from a thread of their own.
    ("session.timeout.ms", "10000"),
    // Fetching stops when the local queue holds this many records or bytes, and up to librdkafka 2.1 it then stands still for one second:
    // the queue must hold more than a second's work.
    ("queued.min.messages", "1000000"),
    ("queued.max.messages.kbytes", "262144"),
    // Answer as soon as there is anything: latency before batch size. Under load there always is enough.
    ("fetch.min.bytes", "1"),
    // An idle fetch comes back this often; the embedded broker answers a waiting fetch only then.
    ("fetch.wait.max.ms", "10"),
    // Told when the end of a partition is reached: markers of transactions take offsets there that no record has.
    ("enable.partition.eof", "true"),
    ("socket.nagle.disable", "true"),
  ]

  /// With librdkafka 2.2 and later a full queue is looked at again after this time, and needs not be large.
  static let newerDefaults: [(name: String, value: String)] = [
    ("fetch.queue.backoff.ms", "10"),
    ("queued.min.messages", "200000"),
    ("queued.max.messages.kbytes", "65536"),
  ]

  static let reserved = [
    "bootstrap.servers": "it is in the address",
    "enable.auto.commit": "offsets are committed behind checkpoints",
    "enable.auto.offset.store": "offsets are committed behind checkpoints",
    "enable.partition.eof": "the end of a partition has to be known",
  ]

  /// Connects, joins `group` and subscribes. A topic that does not exist yet is waited for.
  ///
  /// - Parameters:
  ///   - readsHeaders: Whether batches hold the headers of their records.
  ///   - connectTimeoutMilliseconds: How long a broker may take to answer before the source fails as unavailable.
  ///   - isStopRequested: Looked at meanwhile; true ends it with `StopRequested`.
  public init(
    _ address: KafkaAddress, group: String, properties: KafkaProperties = KafkaProperties(), readsHeaders: Bool = false,
    connectTimeoutMilliseconds: Int = 8000, isStopRequested: @escaping @Sendable () -> Bool = { false },
    logger: Logger = Logger(label: "freshet.kafka")
  ) throws {
    let broker = try address.isEmbedded ? EmbeddedBroker(logger: logger) : nil
    let configuration = KafkaConfiguration()
    try configuration.set("group.id", group)
    let defaults = Self.defaults + (rd_kafka_version() >= 0x0202_0000 ? Self.newerDefaults : [])
    try configuration.apply(defaults: defaults, properties, reserved: Self.reserved)
    try configuration.set("bootstrap.servers", address.servers ?? broker!.bootstrapServers)
    offsetReset = configuration.value(of: "auto.offset.reset") ?? "earliest"
    let events = KafkaEvents(logger: logger)
    events.install(in: configuration)
    events.installGroupCallbacks(in: configuration)
    let client = try KafkaHandle(
      RD_KAFKA_CONSUMER, configuration, events: events, name: address.description, isStopRequested: isStopRequested)
    let state = try client.topicState(address.topic, timeoutMilliseconds: connectTimeoutMilliseconds)
    if state == .missing { logger.notice("waiting for the topic to exist", metadata: ["kafka.topic": "\(address.topic)"]) }
    name = address.description
    topic = address.topic
    self.readsHeaders = readsHeaders
    self.logger = logger
    ownBroker = broker
    self.client = client
    messages = .allocate(capacity: Self.chunkCapacity)
    messages.initialize(repeating: nil, count: Self.chunkCapacity)
    rd_kafka_poll_set_consumer(client.pointer)
    queue = rd_kafka_queue_get_consumer(client.pointer)
    let list = TopicPartitionList(topic, [PartitionIndex(RD_KAFKA_PARTITION_UA)])
    let error = rd_kafka_subscribe(client.pointer, list.pointer)
    guard error == RD_KAFKA_RESP_ERR_NO_ERROR else {
      throw Failure(.unavailable, "\(name): \(error.text)", isRetryable: error.isRetryable)
    }
  }

  deinit {
    try? close()
    messages.deallocate()
  }

  /// Partitions of the topic, nil while it does not exist. Asks a broker.
  public func partitionCount(timeoutMilliseconds: Int = 8000) throws -> Int? {
    guard let client else { return nil }
    guard case .exists(let count) = try client.topicState(topic, timeoutMilliseconds: timeoutMilliseconds) else { return nil }
    return Int(count)
  }

  public func poll(into batch: RecordBatch, maximumCount: Int, timeoutMilliseconds: Int) throws -> PollResult {
    guard let client, let queue else { preconditionFailure("a closed source was polled") }
    precondition(maximumCount > 0, "a poll needs room for one record")
    batch.removeAll()
    batch.topic = topic
    probe(client)
    try giveUpLeaving(client)
    if let rebalance = client.events.takeRebalance() { return announce(rebalance) }
    try fill(batch, maximumCount, queue)
    if batch.count > 0 { return .records }
    if let rebalance = client.events.takeRebalance() { return announce(rebalance) }
    // Nothing was there: wait for one, then take what came with it. (Given the timeout, the batch call would wait for a full batch.)
    if timeoutMilliseconds > 0, let first = rd_kafka_consume_queue(queue, Int32(clamping: timeoutMilliseconds)) {
      messages[0] = first
      try append(to: batch, count: 1)
      if batch.count < maximumCount { try fill(batch, maximumCount, queue) }
    }
    if batch.count > 0 { return .records }
    if let rebalance = client.events.takeRebalance() { return announce(rebalance) }
    try checkErrors(client)
    return .idle
  }

  private func checkErrors(_ client: KafkaHandle) throws {
    if let refusal = client.events.refusal { throw Failure(.unavailable, "\(name): \(refusal)") }
    try client.checkFatal()
  }

  public func close() throws {
    guard let client else { return }
    closeGroup(client)
    if let queue { rd_kafka_queue_destroy(queue) }
    queue = nil
    self.client = nil
    // Up to librdkafka 2.2, to destroy a consumer whose group is still at its first assignment aborts the process
    // (https://github.com/confluentinc/librdkafka/issues/4312): such a client is left to the end of the process.
    if rd_kafka_version() < 0x0203_0000, !client.events.hasBeenAssigned { _ = Unmanaged.passRetained(client) }
    ownBroker = nil
  }
}
