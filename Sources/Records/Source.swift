// Where records come from and where they go, as the rooms above see it. Both are driven by one thread.
//
//   poll -> .assigned(p) -> start(p, at:) -> poll -> .records ... -> commit -> poll -> .revoked(p) -> (flush, commit) -> poll
//
// A source that is told to revoke partitions gives them up only at the poll after the one that said so: in between, the owner flushes
// and commits what it holds of them.

import Base

/// A position to read from, or to remember.
public struct PartitionOffset: Equatable, Sendable {
  public var partition: PartitionIndex
  /// The offset of the next record to read.
  public var offset: Offset

  /// In the place of an offset: where the source begins what nobody has read yet (Kafka: `auto.offset.reset`), whatever it remembers itself.
  public static let reset = Offset.min

  public init(partition: PartitionIndex, offset: Offset) {
    self.partition = partition
    self.offset = offset
  }
}

/// What one poll brought.
public enum PollResult: Equatable, Sendable {
  /// The batch holds at least one record.
  case records
  /// Nothing arrived within the timeout.
  case idle
  /// These partitions are ours now; reading starts after `start(_:at:)`.
  case assigned([PartitionIndex])
  /// These partitions are taken away at the next poll.
  case revoked([PartitionIndex])
  /// The same, but they already belong to another: nothing may be written or committed for them any more.
  case lost([PartitionIndex])
  /// A bounded source has given all it had.
  case endOfInput
}

/// A partitioned, replayable stream of records.
public protocol Source: AnyObject {
  /// Whether the input ends: a file or a pipe does, a topic does not.
  var isBounded: Bool { get }

  /// Whether another run finds the same input under this name: a pipe may hold anything the next time.
  var isRepeatable: Bool { get }

  /// Where this reads from, secrets redacted, for messages: `kafka://localhost:9092/clicks`, `stdin`, `file:/tmp/x.ndjson`.
  var name: String { get }

  /// Empties `batch` and fills it with up to `maximumCount` records, in the order of each partition. Waits up to `timeoutMilliseconds` for the first.
  func poll(into batch: RecordBatch, maximumCount: Int, timeoutMilliseconds: Int) throws -> PollResult

  /// Begins to read assigned partitions: at the given offset, or, for those not named in `positions`, where the source's own memory says
  /// (Kafka: the group's committed offset, else the configured reset). Partitions that are being read already go on at the given offset.
  func start(_ partitions: [PartitionIndex], at positions: [PartitionOffset]) throws

  /// Remembers that everything before these offsets has been dealt with. Does not wait unless `waits` is true.
  func commit(_ positions: [PartitionOffset], waits: Bool) throws

  /// How many records of `partition` still lie ahead, as far as the source knows.
  func lag(of partition: PartitionIndex) -> Int64?

  /// Whether it is certain that nothing lies ahead: the other end was asked and has answered. What cannot be reached is not silent.
  func isSilent(_ partition: PartitionIndex) -> Bool

  /// While paused, a poll brings no records, but still takes its time, and tells of partitions that come and go. What comes is paused, too.
  func setPaused(_ isPaused: Bool) throws

  /// Whether it is known which partitions are ours, be it none; a group that forms takes seconds.
  var hasJoined: Bool { get }

  /// Why nothing can come at the moment, such as brokers that cannot be reached; nil where all is well.
  var trouble: String? { get }

  /// Leaves the group or closes the file. Called once.
  func close() throws
}

extension Source {
  public var isRepeatable: Bool { true }
  public func isSilent(_ partition: PartitionIndex) -> Bool { lag(of: partition) == 0 }
  public func setPaused(_ isPaused: Bool) throws {}
  public var hasJoined: Bool { true }
  public var trouble: String? { nil }
}

/// Where a generator's records go.
public protocol Sink: AnyObject {
  /// Where this writes to, secrets redacted.
  var name: String { get }

  /// Takes every record of the batch, waiting where it must; the batch is free for reuse on return.
  func write(_ batch: RecordBatch) throws

  /// Gives a sink with delivery reports the occasion to look at them; called at least every 100 ms while nothing is written.
  func poll() throws

  /// What became of the records so far.
  var delivery: DeliveryCounts { get }

  /// Waits, up to `timeoutMilliseconds`, until everything written is delivered or has failed, and closes. Called once.
  func finish(timeoutMilliseconds: Int) throws
}

/// What became of a sink's records: `written` = `delivered` + `failed` + those still on their way.
public struct DeliveryCounts: Equatable, Sendable {
  public var written: Int64 = 0
  public var delivered: Int64 = 0
  public var failed: Int64 = 0
  /// Bytes of the values written.
  public var writtenByteCount: Int64 = 0
  /// The first failure, as a person should read it.
  public var firstFailure: String?

  public init() {}

  /// Records still on their way: the depth of the sink's queue.
  public var inFlight: Int64 { written - delivered - failed }
}
