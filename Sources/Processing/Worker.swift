// One worker: a thread with its own source, its partitions' state and its store. It polls, decodes, folds, and flushes; positions are
// committed only after the store has confirmed every row that depends on them.
//
//   poll -> decode -> per partition: fold -> rows -> (every emit.every) write -> confirmed -> (every checkpoint.every) save -> commit
//
// State machine of a partition: assigned (state loaded, or none) -> owned -> revoked (flushed, saved, committed) or lost (dropped).

import Base
import Features
import Logging
import Records
import Schema
import Windowing

/// How a worker runs, apart from what it computes.
public struct WorkerSettings: Sendable {
  /// Records per poll.
  public var batchCount = 4096
  /// Save state this often, in ms, where there is a checkpoint store.
  public var checkpointEveryMilliseconds: Int64 = 10_000
  /// End when nothing has arrived for this long, in ms.
  public var untilIdleMilliseconds: Int64?
  /// Start with empty windows even where a checkpoint exists.
  public var ignoresCheckpoints = false
  /// How many partitions the input has; above 1, entity keys must be record keys.
  public var partitionCount = 1

  public init() {}
}

public final class Worker {
  /// How often closed windows are written.
  private static let closeEveryMilliseconds: Int64 = 200

  private let plan: ProcessingPlan
  private let source: any Source
  private let store: any FeatureStore
  private let checkpoints: (any CheckpointStore)?
  private let clock: any Clock
  private let settings: WorkerSettings
  private let status: ProcessingStatus
  private let logger: Logger
  private let isStopRequested: @Sendable () -> Bool
  private let observeVisible: ((_ delayMilliseconds: Int64, _ count: Int) -> Void)?

  private let decoder: BatchDecoder
  private var counts: ProcessingCounts
  private var partitions: [PartitionIndex: PartitionState] = [:]
  private let rows = FeatureRowBatch()
  /// Per view of the plan: when its changes are next due, by the monotonic clock in ms.
  private var emissionDue: [Int64]
  private var checkpointDue: Int64
  private var lastRecordAt: Int64
  private var isPendingCommit = false
  /// Per view of the plan: drained since the last visible records were noted (`close` views count as drained).
  private var drainedViews: [Bool]

  /// - Parameters:
  ///   - checkpoints: Where state is kept for the next owner; nil starts every owner with empty windows.
  ///   - isStopRequested: Looked at once per poll; true drains and ends.
  ///   - observeVisible: Called after each confirmed write with how long after their event times records became visible.
  public init(
    plan: ProcessingPlan, source: any Source, store: any FeatureStore, checkpoints: (any CheckpointStore)?, clock: any Clock,
    settings: WorkerSettings, status: ProcessingStatus, logger: Logger, isStopRequested: @escaping @Sendable () -> Bool,
    observeVisible: ((_ delayMilliseconds: Int64, _ count: Int) -> Void)? = nil
  ) {
    self.plan = plan
    self.source = source
    self.store = store
    self.checkpoints = source.isBounded ? nil : checkpoints
    self.clock = clock
    self.settings = settings
    self.status = status
    self.logger = logger
    self.isStopRequested = isStopRequested
    self.observeVisible = observeVisible
    decoder = BatchDecoder(plan, sourceName: source.name, requiresRecordKey: settings.partitionCount > 1)
    counts = ProcessingCounts(viewCount: plan.defaults.count)
    let now = Int64(clock.monotonicNanoseconds / 1_000_000)
    drainedViews = plan.emitEvery.map { $0 == nil }
    emissionDue = plan.emitEvery.map { now + ($0 ?? Self.closeEveryMilliseconds) }
    checkpointDue = now + settings.checkpointEveryMilliseconds
    lastRecordAt = now
  }

  /// Runs until the input ends, the end is asked for, or something fails.
  public func run() throws {
    let batch = RecordBatch(slotCapacity: settings.batchCount, byteCapacity: 2 << 20)
    do {
      while try step(batch) {}
    } catch {
      // What is confirmed stays confirmed; the rest is read again by the next owner.
      try? source.close()
      status.publish(counts)
      throw error
    }
    publish()
    try source.close()
    try store.close()
  }

  /// One poll and what follows from it; false at the end.
  private func step(_ batch: RecordBatch) throws -> Bool {
    if isStopRequested() { return try end() }
    let result = try source.poll(into: batch, maximumCount: settings.batchCount, timeoutMilliseconds: pollTimeout())
    switch result {
    case .records:
      lastRecordAt = now
      try process(batch)
    case .idle:
      if source.isBounded { try emitAll() }
      if let limit = settings.untilIdleMilliseconds, now - lastRecordAt >= limit { return try end() }
    case .assigned(let assigned):
      lastRecordAt = now
      try take(assigned)
    case .revoked(let revoked): try giveUp(revoked)
    case .lost(let lost): drop(lost)
    case .endOfInput: return try finish()
    }
    try emitDueChanges()
    publish()
    return true
  }

  private var now: Int64 { Int64(clock.monotonicNanoseconds / 1_000_000) }

  /// Up to the next emission, so that a change is never kept waiting by a quiet input.
  private func pollTimeout() -> Int {
    let due = emissionDue.min() ?? now + 200
    return Int(min(max(due - now, 1), 200))
  }

  // MARK: Records

  private func process(_ batch: RecordBatch) throws {
    try decoder.decode(batch, counts: &counts)
    for rowsOfPartition in decoder.decodedPartitions {
      let state = try partition(rowsOfPartition.partition)
      let nextOffset = state.nextOffset ?? rowsOfPartition.firstOffset
      guard rowsOfPartition.firstOffset >= nextOffset else {
        throw Failure(
          .badData,
          "\(source.name), partition \(rowsOfPartition.partition): went back from offset \(nextOffset) to \(rowsOfPartition.firstOffset); "
            + "was the topic made anew? Its state belongs to the old one: start with --ignore-checkpoints, or with another prefix")
      }
      noteMissing(rowsOfPartition, after: nextOffset)
      let firstRow = rows.rows.count
      decoder.withInput(of: rowsOfPartition) { state.engine.apply($0, into: rows) }
      label(from: firstRow, rowsOfPartition.partition)
      state.nextOffset = rowsOfPartition.nextOffset
      state.lastRecordAt = lastRecordAt
      isPendingCommit = true
    }
    if rows.rows.count >= 8192 { try flush() }
  }

  /// Offsets that no record had: compaction and transaction markers leave them, and so does a topic that forgot records before they were read.
  private func noteMissing(_ read: BatchDecoder.PartitionRows, after nextOffset: Offset) {
    // In a file offsets count bytes.
    guard !source.isBounded else { return }
    let missing = read.missingCount + read.firstOffset - nextOffset
    guard missing > 0 else { return }
    if counts.missingOffsets == 0 {
      logger.warning(
        "offsets are missing from the topic (compacted, transactional, or dropped by its retention before they were read)",
        metadata: ["kafka.partition": "\(read.partition)", "before": "\(read.nextOffset)", "count": "\(missing)"])
    }
    counts.missingOffsets += missing
  }

  private func partition(_ index: PartitionIndex) throws -> PartitionState {
    if let state = partitions[index] { return state }
    // A bounded source has one partition and says nothing about it.
    let state = PartitionState(makeEngine(), at: now)
    partitions[index] = state
    return state
  }

  private func makeEngine() -> WindowEngine {
    WindowEngine(
      plan.windows, emitEvery: source.isBounded ? plan.emitEvery.map { $0 ?? Watermark.endOfTime } : [],
      tracksTimes: observeVisible != nil)
  }

  private func label(from firstRow: Int, _ partition: PartitionIndex) {
    for index in firstRow..<rows.rows.count { rows.rows[index].partition = partition }
  }

  /// Lets event time follow the wall clock in partitions that have been silent for `idle_timeout`.
  private func advanceIdlePartitions() {
    guard let timeout = plan.source.idleTimeoutMilliseconds, !source.isBounded else { return }
    for (index, state) in partitions where now - state.lastRecordAt >= timeout {
      let firstRow = rows.rows.count
      state.advanceByIdleTime(now: now, into: rows)
      label(from: firstRow, index)
    }
  }

  // MARK: Emission

  private func emitDueChanges() throws {
    let now = now
    let due = plan.emitEvery.indices.filter { emissionDue[$0] <= now }
    if !due.isEmpty {
      advanceIdlePartitions()
      for position in due {
        if plan.emitEvery[position] != nil, !source.isBounded { drain(view: position) }
        emissionDue[position] = now + (plan.emitEvery[position] ?? Self.closeEveryMilliseconds)
      }
      try flush()
    }
    if now >= checkpointDue { try checkpoint(Array(partitions.keys), waits: false) }
  }

  private func emitAll() throws {
    for position in plan.views.indices { drain(view: position) }
    try flush()
  }

  private func drain(view position: Int) {
    for (index, state) in partitions {
      let firstRow = rows.rows.count
      state.engine.drainChanges(ofView: position, into: rows)
      label(from: firstRow, index)
    }
    drainedViews[position] = true
  }

  /// Writes what is due; on return it is confirmed.
  private func flush() throws {
    if !rows.isEmpty {
      fillDefaults()
      try store.write(rows)
      counts.rowsWritten += Int64(rows.rows.count)
      for row in rows.rows where row.isWindow { counts.windowRowsWritten += 1 }
      counts.flushes += 1
      rows.removeAll()
      noteVisible()
    }
    if checkpoints == nil { try commit(Array(partitions.keys), waits: false) }
  }

  /// Puts the defaults of features where no record was in the window.
  private func fillDefaults() {
    for row in rows.rows {
      guard plan.hasDefaults[Int(row.view)] else { continue }
      let defaults = plan.defaults[Int(row.view)]
      for (index, value) in defaults.enumerated() where rows.values[Int(row.firstValue) + index].kind == .missing {
        rows.values[Int(row.firstValue) + index] = value.map(literal) ?? FeatureValue(kind: .null)
      }
    }
  }

  private func literal(_ scalar: Scalar) -> FeatureValue {
    switch scalar {
    case .null: return FeatureValue(kind: .null)
    case .bool(let value): return FeatureValue(kind: .bool, bits: value ? 1 : 0)
    case .integer(let value): return FeatureValue(kind: .integer, bits: UInt64(bitPattern: value))
    case .double(let value): return FeatureValue(kind: .double, bits: value.bitPattern)
    case .string(let value):
      let start = rows.bytes.count
      rows.bytes.append(value)
      return FeatureValue(kind: .string, bits: UInt64(start), byteCount: UInt32(rows.bytes.count - start))
    }
  }

  /// Records are visible once every view that may show them has been drained and written.
  private func noteVisible() {
    guard let observeVisible, drainedViews.allSatisfy({ $0 }) else { return }
    for position in plan.emitEvery.indices { drainedViews[position] = plan.emitEvery[position] == nil }
    let visibleAt = clock.nowMilliseconds
    for state in partitions.values {
      for time in state.engine.foldedTimes { observeVisible(visibleAt - time, 1) }
      state.engine.clearFoldedTimes()
    }
  }

  // MARK: Positions

  private func commit(_ indices: [PartitionIndex], waits: Bool) throws {
    guard isPendingCommit || waits else { return }
    let positions = indices.compactMap { index in
      partitions[index]?.nextOffset.map { PartitionOffset(partition: index, offset: $0) }
    }
    if !positions.isEmpty { try source.commit(positions, waits: waits) }
    isPendingCommit = false
  }

  /// Flushes, saves the state of `indices`, and commits what the saved states cover.
  private func checkpoint(_ indices: [PartitionIndex], waits: Bool) throws {
    checkpointDue = now + settings.checkpointEveryMilliseconds
    guard let checkpoints else { return try commit(indices, waits: waits) }
    try flush()
    let snapshot = ByteBuffer(capacity: 1 << 16)
    for index in indices {
      guard let state = partitions[index], let nextOffset = state.nextOffset, state.savedOffset != nextOffset else { continue }
      snapshot.removeAll()
      state.engine.save(to: snapshot, position: nextOffset)
      try checkpoints.save(UnsafeRawBufferPointer(snapshot.bytes), of: index)
      state.savedOffset = state.nextOffset
      counts.checkpoints += 1
    }
    try commit(indices, waits: waits)
  }

  // MARK: Partitions that come and go

  private func take(_ assigned: [PartitionIndex]) throws {
    var positions: [PartitionOffset] = []
    for index in assigned {
      let state = PartitionState(makeEngine(), at: now)
      partitions[index] = state
      guard let checkpoints, !settings.ignoresCheckpoints, let saved = try checkpoints.load(index) else { continue }
      let offset = try load(saved, into: state.engine, index)
      state.nextOffset = offset
      state.savedOffset = offset
      positions.append(PartitionOffset(partition: index, offset: offset))
    }
    logger.info("partitions assigned", metadata: ["partitions": "\(assigned)", "resumed": "\(positions.count)"])
    try source.start(assigned, at: positions)
  }

  private func load(_ saved: ByteBuffer, into engine: WindowEngine, _ index: PartitionIndex) throws -> Offset {
    do throws(SnapshotError) {
      return try engine.load(UnsafeRawBufferPointer(saved.bytes))
    } catch {
      let reason =
        switch error {
        case .damaged: "is damaged"
        case .otherFormat(let version): "has format \(version), which this version does not read"
        case .otherViews: "was made by other views or another lateness than the pipeline has now"
        }
      throw Failure(
        .badConfiguration,
        "the checkpoint of pipeline '\(plan.pipelineName)', partition \(index), \(reason); --ignore-checkpoints starts its windows anew"
      )
    }
  }

  private func giveUp(_ revoked: [PartitionIndex]) throws {
    try emitAll()
    try checkpoint(revoked, waits: true)
    for index in revoked { retire(index) }
    logger.info("partitions given up", metadata: ["partitions": "\(revoked)"])
  }

  /// Partitions that another owner has already: nothing of theirs may be written.
  private func drop(_ lost: [PartitionIndex]) {
    rows.removeRows { lost.contains($0.partition) }
    for index in lost { retire(index) }
    logger.warning("partitions lost to another member", metadata: ["partitions": "\(lost)"])
  }

  /// Forgets a partition; what it counted stays counted.
  private func retire(_ index: PartitionIndex) {
    partitions.removeValue(forKey: index)?.addCounts(to: &counts, views: plan.views)
  }

  // MARK: The end

  /// The input has ended: every window closes.
  private func finish() throws -> Bool {
    for (index, state) in partitions {
      let firstRow = rows.rows.count
      state.engine.finish(into: rows)
      label(from: firstRow, index)
    }
    try flush()
    return false
  }

  /// The end was asked for: what has changed goes out, state is saved, open windows stay open.
  private func end() throws -> Bool {
    try emitAll()
    if !source.isBounded { try checkpoint(Array(partitions.keys), waits: true) }
    return false
  }

  private func publish() {
    var total = counts
    total.partitions = partitions.count
    for (index, state) in partitions {
      state.addCounts(to: &total, views: plan.views)
      state.addGauges(to: &total, lag: source.lag(of: index))
    }
    status.publish(total)
  }
}
