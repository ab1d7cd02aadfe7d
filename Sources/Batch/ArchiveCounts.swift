// What writers of archives have done so far: numbers that a summary, metrics and tests read.

/// What a writer has done.
public struct ArchiveCounts: Equatable, Sendable {
  /// Records read, those without a value included.
  public var records: Int64 = 0
  /// Records and bytes in files that are part of the archive, before compression and on the disk.
  public var archivedRecords: Int64 = 0
  public var archivedByteCount: Int64 = 0
  public var storedByteCount: Int64 = 0
  public var files: Int64 = 0
  /// Records without a value: their offsets are accounted for, and there is no line.
  public var emptyRecords: Int64 = 0
  /// Offsets that no record had.
  public var missingOffsets: Int64 = 0
  /// Records without an event time that can be used; they are archived.
  public var untimedRecords: Int64 = 0
  /// Files that were dropped because another writer had archived their records.
  public var overtakenFiles: Int64 = 0
  /// Gauges.
  public var partitions = 0
  public var openFiles = 0
  public var lag: Int64?
  /// When a file was last committed, in ms since the epoch.
  public var lastCommitAt: Int64?

  public init() {}

  /// Adds the counts of another writer.
  public mutating func add(_ other: ArchiveCounts) {
    records += other.records
    archivedRecords += other.archivedRecords
    archivedByteCount += other.archivedByteCount
    storedByteCount += other.storedByteCount
    files += other.files
    emptyRecords += other.emptyRecords
    missingOffsets += other.missingOffsets
    untimedRecords += other.untimedRecords
    overtakenFiles += other.overtakenFiles
    partitions += other.partitions
    openFiles += other.openFiles
    if let otherLag = other.lag { lag = (lag ?? 0) + otherLag }
    if let time = other.lastCommitAt { lastCommitAt = max(lastCommitAt ?? .min, time) }
  }
}
