// What a worker has done so far, and why records did not count: numbers that a progress line, a summary and a test read.

import Base

/// Why a record never reached a window.
public enum RejectionReason: Int, CaseIterable, Sendable {
  case malformed
  case notAnObject
  case empty
  case missingEventTime
  case invalidEventTime
  /// The schema that the record names is not known, or cannot be used.
  case unknownSchema

  /// How a summary names it.
  public var name: String {
    switch self {
    case .malformed: "malformed"
    case .notAnObject: "not an object"
    case .empty: "empty value"
    case .missingEventTime: "no event time"
    case .invalidEventTime: "invalid event time"
    case .unknownSchema: "unknown schema"
    }
  }
}

public struct ProcessingCounts: Sendable {
  /// Records read, and the bytes of their values.
  public var records: Int64 = 0
  public var byteCount: Int64 = 0
  /// What did not count, and why.
  public var ledger = Ledger()
  /// Records that went to side outputs.
  public var lateRecordsWritten: Int64 = 0
  public var deadLettersWritten: Int64 = 0
  /// Events that were new to a list of recent events.
  public var recentEventsWritten: Int64 = 0
  /// Records sent on to internal topics, once for each that took one.
  public var recordsSentOn: Int64 = 0
  /// Records of internal topics that had come before, and were left out: a processor that ended without a checkpoint had sent them.
  public var recordsSentTwice: Int64 = 0
  /// Offsets of a topic that no record had.
  public var missingOffsets: Int64 = 0
  /// Rows that the store has confirmed.
  public var rowsWritten: Int64 = 0
  /// Those among them that were closed windows.
  public var windowRowsWritten: Int64 = 0
  public var flushes: Int64 = 0
  public var checkpoints: Int64 = 0
  /// Partitions that were taken with what had been computed of them.
  public var recoveries: Int64 = 0
  /// Records that were read again, to come to the state that their rows show already; they are among `records`.
  public var replayedRecords: Int64 = 0
  /// Flushes and checkpoints of a partition that the store did not take.
  public var refusedFlushes: Int64 = 0
  /// Times in which the store did not answer, and how long they have taken together, in ms.
  public var outages: Int64 = 0
  public var withoutStoreMilliseconds: Int64 = 0
  /// Bytes of state that they held, and what of it was written, compressed; as far as the store tells.
  public var checkpointStateByteCount: Int64 = 0
  public var checkpointWrittenByteCount: Int64 = 0
  /// How long they took, and for how much of that the worker stood still.
  public var checkpointNanoseconds: UInt64 = 0
  public var checkpointPauseNanoseconds: UInt64 = 0
  /// What became of state that was saved by another version of the pipeline: a sentence each, and each once.
  public var restoreNotes: [String] = []
  /// Gauges.
  public var workersWithoutStore = 0
  public var partitions = 0
  /// Ours, but not claimed yet.
  public var waitingPartitions = 0
  /// Partitions that show nothing before they have come to where their rows are, and the offsets up to there.
  public var replayingPartitions = 0
  public var replayDistance: Int64 = 0
  public var keys = 0
  public var panes = 0
  /// Records that still lie ahead, as far as the source knows.
  public var lag: Int64?
  /// The least watermark of the partitions; nil before the first record.
  public var watermark: Int64?

  public init() {}

  /// Records that could not be read.
  public var rejectedCount: Int64 { RejectionReason.allCases.reduce(0) { $0 + ledger.count(of: .rejected($1)) } }

  /// Adds the counts of another worker.
  public mutating func add(_ other: ProcessingCounts) {
    records += other.records
    byteCount += other.byteCount
    ledger.add(other.ledger)
    lateRecordsWritten += other.lateRecordsWritten
    deadLettersWritten += other.deadLettersWritten
    recentEventsWritten += other.recentEventsWritten
    recordsSentOn += other.recordsSentOn
    recordsSentTwice += other.recordsSentTwice
    missingOffsets += other.missingOffsets
    rowsWritten += other.rowsWritten
    windowRowsWritten += other.windowRowsWritten
    flushes += other.flushes
    checkpoints += other.checkpoints
    recoveries += other.recoveries
    replayedRecords += other.replayedRecords
    refusedFlushes += other.refusedFlushes
    outages += other.outages
    withoutStoreMilliseconds += other.withoutStoreMilliseconds
    workersWithoutStore += other.workersWithoutStore
    waitingPartitions += other.waitingPartitions
    replayingPartitions += other.replayingPartitions
    replayDistance += other.replayDistance
    checkpointStateByteCount += other.checkpointStateByteCount
    checkpointWrittenByteCount += other.checkpointWrittenByteCount
    checkpointNanoseconds += other.checkpointNanoseconds
    checkpointPauseNanoseconds += other.checkpointPauseNanoseconds
    restoreNotes += other.restoreNotes.filter { !restoreNotes.contains($0) }
    partitions += other.partitions
    keys += other.keys
    panes += other.panes
    if let otherLag = other.lag { lag = (lag ?? 0) + otherLag }
    if let otherWatermark = other.watermark { watermark = min(watermark ?? .max, otherWatermark) }
  }
}
