// What a worker holds of one partition: its windows, the keys of its records, and how far it has read. A snapshot holds all three:
//
//   [ magic 8 | engine byteCount 8 | deduplicator byteCount 8 | engine | deduplicator ]
//
// In place of the deduplicator a partition of an internal topic has its receiver.

import Base
import Features
import Records
import Windowing

final class PartitionState {
  let engine: WindowEngine
  /// Nil where copies count.
  let deduplicator: Deduplicator?
  /// Of a partition of an internal topic: what it knows of the source's partitions.
  let receiver: RepartitionReceiver?
  /// Copies, and records that `dedup` found no key in.
  var duplicateCount: Int64 = 0
  var keylessCount: Int64 = 0
  /// The offset of the next record; nil where reading begins at a place that only the source knows.
  var nextOffset: Offset?
  /// Per view of the plan: `nextOffset` when its changes were last drained.
  var drainedOffsets: [Offset?]
  /// Every row that depends on a record before this offset has been written; for owners without checkpoints.
  var writtenOffset: Offset?
  /// The offset that the last checkpoint covers.
  var savedOffset: Offset?
  /// The stream time that it covers; with `idle_timeout` time moves without a record.
  var savedTime: Int64 = .min
  /// By the monotonic clock, in ms.
  var lastRecordAt: Int64
  /// Who may write the partition's rows: this worker, under this generation; nil where the store keeps no fences.
  var fence: Fence?
  /// The fence's `nextOffset`, as far as the store has confirmed it.
  var confirmedOffset: Offset?
  /// While records of a batch are being applied: the offset after the last of them.
  var batchEnd: Offset?
  /// What has to be read again before rows go out; nil where nothing has.
  var replay: Replay?
  /// What moved event time without a record since the last checkpoint, in order.
  var idleLog: [IdleAdvance] = []
  /// Stream time when the partition fell silent.
  private var idleBase: (at: Int64, streamTime: Int64)?

  init(_ engine: WindowEngine, _ plan: ProcessingPlan, at now: Int64) {
    self.engine = engine
    deduplicator = plan.deduplication.map { Deduplicator($0) }
    receiver = plan.isRepartitioned ? RepartitionReceiver() : nil
    drainedOffsets = Array(repeating: nil, count: plan.views.count)
    lastRecordAt = now
  }

  /// Moves event time as far as the wall clock has moved since the last record; false where `rows` is full before all is out.
  func advanceByIdleTime(now: Int64, into rows: FeatureRowBatch, rowLimit: Int) -> Bool {
    guard engine.watermark.streamTime != .min else { return true }
    if idleBase?.at != lastRecordAt { idleBase = (lastRecordAt, engine.watermark.streamTime) }
    let time = idleBase!.streamTime + now - lastRecordAt
    noteIdleAdvance(to: time)
    return engine.advance(streamTimeTo: time, into: rows, rowLimit: rowLimit)
  }

  /// Notes that all rows drained so far have been written; says whether that moves `writtenOffset`. Views that close write their rows as they
  /// come.
  func noteWritten(changeViews: [Int]) -> Bool {
    guard var offset = nextOffset else { return false }
    for view in changeViews {
      guard let drained = drainedOffsets[view] else { return false }
      offset = min(offset, drained)
    }
    defer { writtenOffset = offset }
    return writtenOffset != offset
  }

  // MARK: Counts

  func addCounts(to ledger: inout Ledger, _ partition: PartitionIndex, _ plan: ProcessingPlan) {
    let engineCounts = engine.counts
    func add(_ count: Int64, _ reason: LedgerReason, view: Int = -1) {
      ledger.add(count, to: LedgerKey(source: plan.sourceIndex, partition: partition, view: view, reason: reason))
    }
    for (position, view) in plan.views.enumerated() {
      add(engineCounts.late[position], .late, view: view)
      add(engineCounts.keyless[position], .keyless, view: view)
      add(engineCounts.typeMismatchesOfView[position], .typeMismatch, view: view)
      add(engineCounts.overflowsOfView[position], .overflow, view: view)
      add(engineCounts.limitsOfView[position], .limit, view: view)
    }
    add(duplicateCount, .duplicate)
    add(keylessCount, .withoutDedupKey)
    add(deduplicator?.forgottenCount ?? 0, .forgottenDedupKey)
  }

  func addGauges(to counts: inout ProcessingCounts, lag: Int64?) {
    counts.recordsSentTwice += receiver?.replayedCount ?? 0
    counts.keys += engine.keyCount
    counts.panes += engine.paneCount
    if let lag { counts.lag = (counts.lag ?? 0) + lag }
    if engine.watermark.value != .min { counts.watermark = min(counts.watermark ?? .max, engine.watermark.value) }
  }
}

extension PartitionState {
  private static let magic: UInt64 = 0x3154_5250_5352_4654  // "TFRSPRT1", little endian
  private static let headerByteCount = 24

  /// Appends the state, with `nextOffset`, which is known where there is a state.
  func save(to buffer: ByteBuffer, nextOffset: Offset) {
    let start = buffer.count
    buffer.reserve(Self.headerByteCount)
    buffer.count += Self.headerByteCount
    engine.save(to: buffer, position: nextOffset)
    let engineEnd = buffer.count
    deduplicator?.save(to: buffer)
    receiver?.save(to: buffer)
    let header = UnsafeMutableRawPointer(buffer.base + start)
    header.storeBytes(of: Self.magic.littleEndian, as: UInt64.self)
    header.storeBytes(of: UInt64(engineEnd - start - Self.headerByteCount).littleEndian, toByteOffset: 8, as: UInt64.self)
    header.storeBytes(of: UInt64(buffer.count - engineEnd).littleEndian, toByteOffset: 16, as: UInt64.self)
  }

  /// Takes over a saved state; must not have seen a record yet.
  func load(_ bytes: UnsafeRawBufferPointer) throws(SnapshotError) {
    guard bytes.count >= Self.headerByteCount,
      UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self)) == Self.magic
    else { throw .damaged }
    let counts = (
      UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)),
      UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: 16, as: UInt64.self))
    )
    let body = bytes.count - Self.headerByteCount
    guard counts.0 <= UInt64(body), counts.1 == UInt64(body) - counts.0 else { throw .damaged }
    // A state without keys is one of a pipeline without `dedup`.
    guard (counts.1 == 0) == (deduplicator == nil && receiver == nil) else { throw .otherViews }
    let engineEnd = Self.headerByteCount + Int(counts.0)
    nextOffset = try engine.load(UnsafeRawBufferPointer(rebasing: bytes[Self.headerByteCount..<engineEnd]))
    try deduplicator?.load(UnsafeRawBufferPointer(rebasing: bytes[engineEnd...]))
    if let receiver {
      try receiver.load(UnsafeRawBufferPointer(rebasing: bytes[engineEnd...]))
      engine.restore(completeTime: receiver.completeTime)
    }
  }
}
