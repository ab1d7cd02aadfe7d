// What a worker holds of one partition: its windows, the keys of its records, and how far it has read. A snapshot holds all three, and of
// a partition of an internal topic what its receiver knows.

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
  /// The fence's step when it was saved: the rows that it rests on.
  var savedStep: Int64 = 0
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
  /// Records that are in state and not visible yet, where somebody measures how long that takes.
  var pending: PendingRecords
  /// Stream time when the partition fell silent.
  private var idleBase: (at: Int64, streamTime: Int64)?

  init(_ engine: WindowEngine, _ plan: ProcessingPlan, at now: Int64, measures: StageMeasures? = nil) {
    self.engine = engine
    pending = PendingRecords(rhythmCount: measures?.rhythms.count ?? 0)
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
      add(engineCounts.full[position], .stateFull, view: view)
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
  /// Appends the state, with `nextOffset`, which is known where there is a state. It counts once `SnapshotWriter.seal` has been called.
  func save(to buffer: ByteBuffer, nextOffset: Offset) {
    let out = SnapshotWriter()
    out.write(nextOffset)
    out.write(fence?.step ?? 0)
    engine.save(to: out)
    out.write(receiver == nil ? 0 : 1)
    receiver?.save(to: out)
    // Last: where it is not wanted any more, nobody reads on.
    out.write(deduplicator == nil ? 0 : 1)
    deduplicator?.save(to: out)
    out.finish(to: buffer)
  }

  /// Takes over a saved state; must not have seen a record yet. Views named in `reset` begin empty, whatever was saved of them.
  func load(_ bytes: UnsafeRawBufferPointer, resetting reset: Set<String> = []) throws(SnapshotError) -> SnapshotReport {
    var input = try SnapshotReader(bytes)
    nextOffset = try input.number()
    savedStep = try input.number()
    var report = try engine.load(from: &input, resetting: reset)
    // The topic of a receiver is its own: nothing else saves under its name.
    guard try input.word() == (receiver == nil ? 0 : 1) else { throw .damaged }
    if let receiver {
      try receiver.load(from: &input)
      engine.restore(completeTime: receiver.completeTime)
    }
    switch (try input.word() != 0, deduplicator) {
    case (true, let deduplicator?): if let note = try deduplicator.load(from: &input) { report.notes.append(note) }
    case (true, nil): report.notes.append("dedup is gone: copies count from here on")
    case (false, _?): report.notes.append("dedup is new: copies of records before are counted")
    case (false, nil): break
    }
    return report
  }
}
