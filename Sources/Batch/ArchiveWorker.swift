// One thread that moves records from a source into its archive. Where reading begins is what the manifests say; what the source
// remembers itself is for those who watch its lag.
//
//   assigned -> begin: tidy up after the last writer -> read from the manifest's end
//   revoked  -> the open file is archived            lost -> the open file is dropped: whoever has the partition now reads it again
//
// A file or a pipe is partition 0, and its records are numbered. A file that is archived again goes on behind what is archived; a
// pipe always goes on.

import Base
import Logging
import Records

public final class ArchiveWorker {
  public struct Settings: Sendable {
    /// Records per poll.
    public var batchCount = 4096
    /// End when nothing has arrived for this long, in ms.
    public var untilIdleMilliseconds: Int64?

    public init() {}
  }

  private let writer: ArchiveWriter
  private let source: any Source
  private let settings: Settings
  private let status: ArchiveStatus
  private let clock: any Clock
  private let logger: Logger
  private let isStopRequested: @Sendable () -> Bool
  /// By the monotonic clock, in ms.
  private var lastNewsAt: Int64
  private var publishedAt: Int64 = 0
  private var lagDue: Int64 = 0
  private var lag: Int64?
  /// Of a bounded source: the number of its next record, and of the first that is not archived.
  private var nextNumber: Offset = 0
  private var firstNumber: Offset = 0
  private var hasAnnouncedPartitions = false

  private static let publishEveryMilliseconds: Int64 = 200
  private static let lagEveryMilliseconds: Int64 = 1000
  /// What a group may take to give its members their partitions, or none.
  private static let joiningMillisecondsMax: Int64 = 30_000

  /// - Parameter isStopRequested: Looked at once per poll; true archives what has been read, and ends.
  public init(
    _ writer: ArchiveWriter, source: any Source, settings: Settings = Settings(), status: ArchiveStatus,
    clock: any Clock = SystemClock(), logger: Logger = Logger(label: "freshet.archive"),
    isStopRequested: @escaping @Sendable () -> Bool
  ) {
    self.writer = writer
    self.source = source
    self.settings = settings
    self.status = status
    self.clock = clock
    self.logger = logger
    self.isStopRequested = isStopRequested
    lastNewsAt = Int64(clock.monotonicNanoseconds / 1_000_000)
  }

  private var now: Int64 { Int64(clock.monotonicNanoseconds / 1_000_000) }

  /// Runs until the input ends, the end is asked for, or something fails. After a failure nothing that was read and not archived
  /// counts.
  public func run() throws {
    let batch = RecordBatch(slotCapacity: settings.batchCount, byteCapacity: 2 << 20)
    do {
      if source.isBounded { try beginInput() }
      while try step(batch) {}
      try finish()
    } catch {
      publish()
      try? source.close()
      throw error
    }
    publish()
    try source.close()
  }

  /// One poll and what follows from it; false at the end.
  func step(_ batch: RecordBatch) throws -> Bool {
    if isStopRequested() { return false }
    let timeout = min(200, max(1, writer.millisecondsUntilDue ?? 200))
    switch try source.poll(into: batch, maximumCount: settings.batchCount, timeoutMilliseconds: Int(timeout)) {
    case .records:
      lastNewsAt = now
      if source.isBounded { number(batch) }
      try writer.write(batch)
      try followMoved()
    case .idle: if isIdleLongEnough { return false }
    case .assigned(let partitions):
      lastNewsAt = now
      hasAnnouncedPartitions = true
      try begin(partitions)
    case .revoked(let partitions):
      lastNewsAt = now
      for partition in partitions { try writer.finish(partition) }
      commitPositions(waits: true)
    case .lost(let partitions):
      lastNewsAt = now
      for partition in partitions { writer.drop(partition) }
      logger.warning("partitions lost to another member", metadata: ["partitions": "\(partitions)"])
    case .endOfInput: return false
    }
    try writer.rollDue()
    try followMoved()
    commitPositions(waits: false)
    if now - publishedAt >= Self.publishEveryMilliseconds { publish() }
    return true
  }

  private var isIdleLongEnough: Bool {
    guard let limit = settings.untilIdleMilliseconds else { return false }
    let patience = source.isBounded || !writer.begunPartitions.isEmpty ? limit : max(limit, Self.joiningMillisecondsMax)
    return now - lastNewsAt >= patience
  }

  private func finish() throws {
    if source.isBounded, source.isRepeatable, nextNumber < firstNumber, !isStopRequested() {
      throw Failure(
        .badData,
        "archive: \(source.name) has \(nextNumber) records, and \(firstNumber) of it are archived in '\(writer.path)': it is another input now"
      )
    }
    for partition in writer.begunPartitions { try writer.finish(partition) }
    commitPositions(waits: true)
  }

  // MARK: Partitions

  private func begin(_ partitions: [PartitionIndex]) throws {
    var positions: [PartitionOffset] = []
    for partition in partitions {
      if let offset = try writer.begin(partition) { positions.append(PartitionOffset(partition: partition, offset: offset)) }
    }
    logger.info("partitions assigned", metadata: ["partitions": "\(partitions)", "resumed": "\(positions.count)"])
    try source.start(partitions, at: positions)
  }

  /// Goes on where other writers have come to.
  private func followMoved() throws {
    for moved in writer.takeMoved() { try begin([moved.partition]) }
  }

  private func commitPositions(waits: Bool) {
    let positions = writer.takeCommitted()
    guard !positions.isEmpty else { return }
    do { try source.commit(positions, waits: waits) } catch {
      // A group that is just changing takes no commits. The archive's position is its own.
      logger.info("offsets were not committed", metadata: ["reason": "\(error)"])
    }
  }

  // MARK: Files and pipes

  private func beginInput() throws {
    firstNumber = try writer.begin(0) ?? 0
    // The same file has the same records in front; what comes out of a pipe is always new.
    nextNumber = source.isRepeatable ? 0 : firstNumber
  }

  /// Numbers the records; those that are archived belong to no partition.
  private func number(_ batch: RecordBatch) {
    for row in 0..<batch.count {
      batch.slots[row].offset = nextNumber
      batch.slots[row].partition = nextNumber < firstNumber ? -1 : 0
      nextNumber += 1
    }
  }

  // MARK: What others see

  private func publish() {
    publishedAt = now
    if now >= lagDue {
      lagDue = now + Self.lagEveryMilliseconds
      let lags = writer.begunPartitions.compactMap { source.lag(of: $0) }
      lag = lags.isEmpty ? nil : lags.reduce(0, +)
    }
    var counts = writer.counts
    counts.lag = lag
    status.publish(counts, hasJoined: source.isBounded || hasAnnouncedPartitions || source.hasJoined, trouble: source.trouble)
  }
}
