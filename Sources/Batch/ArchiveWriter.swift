// Records of a source into files of its archive. One thread owns a writer; several writers, in one process or in many, may write
// one archive, because a line of a manifest is added only where the one before it ends just where the file begins.
//
//   write(batch) -> per partition: part [ lines -> compressor -> file ]
//                   rolled by the hour of stream time, by size, by wall clock, by the number of gaps
//   commit        : part synced -> manifest locked -> last `next` == our `first`? -> line added, synced -> part gets its name -> folders synced
//                                                     no: another was first; ours is dropped, and reading goes on at its `next`
//
// Whatever is cut off, and wherever: up to the line the part is nobody's, and is removed by the next writer; from the line on it is
// part of the archive, and the next writer gives it its name.

import Base
import Compression
import Features
import Logging
import Processing
import Records

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

public final class ArchiveWriter {
  /// What a commit consists of; tests stop in between.
  enum Step: CaseIterable {
    case partSynced, manifestLocked, lineWritten, lineSynced, partNamed, done
  }

  private final class Partition {
    /// The offset behind what is archived; nil where nothing is.
    var archived: Offset?
    /// Where the open file begins, or the next one will: `archived`, else the first offset that was read.
    var start: Offset?
    /// The offset that comes next; nil before the first record.
    var expected: Offset?
    /// The greatest event time so far.
    var streamTime: Int64 = .min
    var part: ArchivePart?
    /// Another writer was first: what is read of it does not count before it has been begun again.
    var isMoved = false
  }

  public private(set) var counts = ArchiveCounts()
  /// The archive's directory.
  public let path: String
  private let source: SourceDefinition
  private let settings: ArchiveDefinition
  private let compression: Compression
  private let times: EventTimeReader
  private let clock: any Clock
  private let logger: Logger
  private var partitions: [PartitionIndex: Partition] = [:]
  private var committed: [PartitionIndex: Offset] = [:]
  private var moved: [PartitionIndex: Offset] = [:]
  /// Distinguishes parts of writers.
  private let token: String
  private var partNumber = 0
  /// Called after each step of a commit.
  var afterStep: (Step) throws -> Void = { _ in }
  /// How long the lock of a manifest may be another's, in ms.
  var lockPatienceMilliseconds: Int64 = 30_000

  /// A file ends when it has so many gaps: its line of the manifest has to stay short.
  private static let gapCountMax = 4096

  /// Makes the archive's folders.
  public init(
    _ definition: ArchiveDefinition, source: SourceDefinition, clock: any Clock = SystemClock(),
    logger: Logger = Logger(label: "freshet.archive")
  ) throws(Failure) {
    path = definition.path
    settings = definition
    self.source = source
    self.clock = clock
    self.logger = logger
    compression = Compression(fileName: definition.format.rawValue)
    times = EventTimeReader(source.eventTime)
    var system = SystemRandomNumberGenerator()
    token = "\(getpid())-\(String(system.next(), radix: 36))"
    try ArchiveFiles.makeFolder(ArchiveLayout.partFolder(path, source: source.name))
  }

  private var now: Int64 { Int64(clock.monotonicNanoseconds / 1_000_000) }
  private var partFolder: String { ArchiveLayout.partFolder(path, source: source.name) }

  // MARK: Partitions that come and go

  /// Takes a partition over, in whatever state its last writer left it; returns the offset to read from, nil where nothing is
  /// archived yet.
  public func begin(_ index: PartitionIndex) throws(Failure) -> Offset? {
    let isKnown = partitions[index] != nil
    partitions[index]?.part?.remove()
    let manifest = try lock(index, creates: !isKnown)
    let content = try manifest.readAll()
    if let last = content.files.last, try !manifest.settle(last, in: path) {
      logger.warning(
        "a file that the manifest names is missing; whoever reads it will fail",
        metadata: ["file": "\(last.path)", "manifest": "\(manifest.path)"])
    }
    try ArchivePart.tidy(partFolder, prefix: partPrefix(index))
    let partition = Partition()
    partition.archived = content.nextOffset
    partition.start = content.nextOffset
    partition.expected = content.nextOffset
    partition.streamTime = content.maxTime ?? .min
    partitions[index] = partition
    moved[index] = nil
    counts.partitions = partitions.count
    return content.nextOffset
  }

  /// Archives what has been read of a partition, and forgets it.
  public func finish(_ index: PartitionIndex) throws {
    try commit(index)
    drop(index)
  }

  /// Forgets a partition, and what has been read of it and is not archived.
  public func drop(_ index: PartitionIndex) {
    partitions.removeValue(forKey: index)?.part?.remove()
    moved[index] = nil
    noteGauges()
  }

  /// The partitions that are written.
  public var begunPartitions: [PartitionIndex] { partitions.keys.sorted() }

  /// The offset behind what is archived of a partition.
  public func archivedOffset(of index: PartitionIndex) -> Offset? { partitions[index]?.archived }

  /// Positions that have been archived since the last call.
  public func takeCommitted() -> [PartitionOffset] {
    defer { committed = [:] }
    return committed.sorted { $0.key < $1.key }.map { PartitionOffset(partition: $0.key, offset: $0.value) }
  }

  /// Partitions of which another writer has archived what was held here, and where it has come to. They have to be begun, and read
  /// from there.
  public func takeMoved() -> [PartitionOffset] {
    defer { moved = [:] }
    return moved.sorted { $0.key < $1.key }.map { PartitionOffset(partition: $0.key, offset: $0.value) }
  }

  // MARK: Records

  /// Takes the records of a batch, of partitions that have been begun.
  public func write(_ batch: RecordBatch) throws {
    try times.withTimes(of: batch) { times in
      var current: (index: PartitionIndex, partition: Partition)?
      for row in 0..<batch.count {
        let slot = batch.slots[row]
        if current?.index != slot.partition { current = partitions[slot.partition].map { (slot.partition, $0) } }
        guard let (index, partition) = current, !partition.isMoved else { continue }
        try take(batch.value(row), slot, time: times[row], index, partition)
      }
    }
    noteGauges()
  }

  private func take(
    _ value: UnsafeBufferPointer<UInt8>, _ slot: RecordSlot, time: Int64, _ index: PartitionIndex, _ partition: Partition
  ) throws {
    if let expected = partition.expected {
      guard slot.offset >= expected else { throw wentBack(slot.offset, expected, index) }
      if slot.offset > expected { noteMissing(slot.offset - expected, before: slot.offset, index, partition) }
    } else {
      partition.start = slot.offset
    }
    partition.expected = slot.offset + 1
    counts.records += 1
    guard !value.isEmpty, !slot.marks.contains(.tombstone) else {
      counts.emptyRecords += 1
      partition.part?.addGap(OffsetGap(first: slot.offset, count: 1))
      return
    }
    if time > partition.streamTime { partition.streamTime = time }
    if time == .min { counts.untimedRecords += 1 }
    let hour = partition.streamTime == .min ? nil : floorDivide(partition.streamTime, ArchiveLayout.hourMilliseconds)
    if let part = partition.part, part.hour != hour {
      try commit(index, through: slot.offset)
      guard !partition.isMoved else { return }
    }
    let part = try partition.part ?? begin(partition, index, hour, at: slot.offset)
    try part.add(value, time: time)
    if part.byteCount >= settings.rollByteCount || part.gaps.count >= Self.gapCountMax { try commit(index) }
  }

  private func begin(_ partition: Partition, _ index: PartitionIndex, _ hour: Int64?, at offset: Offset) throws -> ArchivePart {
    let start = partition.start ?? offset
    while true {
      partNumber += 1
      let part = try ArchivePart(
        folder: partFolder, name: "\(partPrefix(index))\(ArchiveLayout.padded(start, 20))-\(token)-\(partNumber)", first: start,
        hour: hour, compression: compression, begunAt: now)
      // In the moment between its creation and its lock another may have taken it for one that was left behind.
      guard part.isInPlace else { continue }
      part.addGap(OffsetGap(first: start, count: offset - start))
      partition.part = part
      return part
    }
  }

  private func partPrefix(_ index: PartitionIndex) -> String { "p\(ArchiveLayout.padded(Int64(index), 5))-" }

  private func noteMissing(_ count: Int64, before offset: Offset, _ index: PartitionIndex, _ partition: Partition) {
    partition.part?.addGap(OffsetGap(first: offset - count, count: count))
    if counts.missingOffsets == 0 {
      logger.warning(
        "offsets are missing from the topic (compacted, transactional, or dropped by its retention before they were archived)",
        metadata: ["kafka.partition": "\(index)", "before": "\(offset)", "count": "\(count)"])
    }
    counts.missingOffsets += count
  }

  private func wentBack(_ offset: Offset, _ expected: Offset, _ index: PartitionIndex) -> Failure {
    Failure(
      .badData,
      "archive: partition \(index) of source '\(source.name)' went back to offset \(offset), and '\(path)' has it up to \(expected - 1); "
        + "was the topic made anew? Its archive belongs to the old one: move it away, or give 'archive' another path")
  }

  // MARK: Files

  /// Archives files that have been open for long enough.
  public func rollDue() throws {
    for (index, partition) in partitions.sorted(by: { $0.key < $1.key }) {
      guard let part = partition.part, now - part.begunAt >= settings.rollEveryMilliseconds else { continue }
      try commit(index)
    }
    noteGauges()
  }

  /// In how many ms a file is due; nil where none is open.
  public var millisecondsUntilDue: Int64? {
    partitions.values.compactMap(\.part?.begunAt).min().map { max(0, $0 + settings.rollEveryMilliseconds - now) }
  }

  /// Archives the open file of a partition, if there is one; it accounts for what lies before `end`.
  private func commit(_ index: PartitionIndex, through end: Offset? = nil) throws {
    guard let partition = partitions[index], let part = partition.part, let next = end ?? partition.expected else { return }
    // Missing offsets in front of a record that begins the next file were noted already.
    try part.complete()
    try afterStep(.partSynced)
    let file = file(part, index, next)
    try ArchiveFiles.makeFolder(ArchiveFiles.parent(of: "\(path)/\(file.path)")!)
    let manifest = try lock(index, creates: false)
    try afterStep(.manifestLocked)
    let last = try manifest.readLast()
    guard last?.next == partition.archived else { return try giveWay(index, partition, to: last) }
    if let last, try !manifest.settle(last, in: path) {
      logger.warning("a file that the manifest names is missing", metadata: ["file": "\(last.path)"])
    }
    try manifest.append(file) { try afterStep(.lineWritten) }
    try afterStep(.lineSynced)
    guard try manifest.settle(file, in: path) else {
      throw Failure(.inputOutput, "archive: '\(partFolder)/\(part.name)' has vanished while it was archived")
    }
    try afterStep(.partNamed)
    partition.part = nil
    partition.archived = next
    partition.start = next
    committed[index] = next
    noteCommit(file)
    try afterStep(.done)
  }

  private func file(_ part: ArchivePart, _ index: PartitionIndex, _ next: Offset) -> ArchivedFile {
    let name = ArchiveLayout.fileName(source: source.name, partition: index, first: part.first, last: next - 1)
    return ArchivedFile(
      source: source.name, partition: index,
      path: "\(source.name)/\(ArchiveLayout.hourFolder(part.hour))/\(name).\(settings.format.rawValue)", partName: part.name,
      first: part.first, next: next, recordCount: part.recordCount, byteCount: part.byteCount,
      storedByteCount: part.storedByteCount,
      minTime: part.maxTime == .min ? nil : part.minTime, maxTime: part.maxTime == .min ? nil : part.maxTime, gaps: part.gaps,
      writtenAt: clock.nowMilliseconds)
  }

  /// Another writer has archived what is held here, or a part of it.
  private func giveWay(_ index: PartitionIndex, _ partition: Partition, to last: ArchivedFile?) throws(Failure) {
    guard let next = last?.next, next >= partition.archived ?? .min else {
      throw Failure(
        .badData,
        "archive: the manifest of partition \(index) of source '\(source.name)' in '\(path)' ends before offset "
          + "\(partition.archived ?? 0), up to which it has been written; was the archive restored from an older state?")
    }
    logger.warning(
      "another writer has archived the partition meanwhile; what was held of it is dropped",
      metadata: ["partition": "\(index)", "offset": "\(next)"])
    partition.part?.remove()
    partition.part = nil
    partition.isMoved = true
    moved[index] = next
    counts.overtakenFiles += 1
  }

  private func lock(_ index: PartitionIndex, creates: Bool) throws(Failure) -> LockedManifest {
    try LockedManifest(
      in: path, source: source.name, index, creates: creates, patience: lockPatienceMilliseconds, clock: clock)
  }

  private func noteCommit(_ file: ArchivedFile) {
    counts.files += 1
    counts.archivedRecords += file.recordCount
    counts.archivedByteCount += file.byteCount
    counts.storedByteCount += file.storedByteCount
    counts.lastCommitAt = file.writtenAt
  }

  private func noteGauges() {
    counts.partitions = partitions.count
    counts.openFiles = partitions.values.count { $0.part != nil }
  }
}
