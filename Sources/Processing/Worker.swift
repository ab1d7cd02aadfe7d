// One worker: a thread with its own source, its partitions' state and its store. It polls, decodes, folds, and flushes; positions are
// committed only after the store has confirmed every row that depends on them.
//
//   poll -> decode -> per partition: fold -> rows -> (every emit.every) write -> confirmed -> (every checkpoint.every) save -> commit
//
// State machine of a partition: assigned (state loaded, or none) -> owned -> revoked (flushed, saved, committed) or lost (dropped).

import Base
import Codec
import Features
import Logging
import Records
import Schema
import Synchronization
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
  /// Shared by the workers of a run: partitions that have been started anew, and from then on go by their checkpoints.
  public var started = StartedPartitions()
  /// How many partitions the input has; above 1, entity keys must be record keys.
  public var partitionCount = 1
  /// Where the schemas of Avro records are found by number.
  public var registry: AvroSchemaLookup?
  /// What side outputs call the input; nil for the source's own name.
  public var topic: String?

  public init() {}
}

public final class StartedPartitions: Sendable {
  private let seen = Mutex<Set<PartitionIndex>>([])

  public init() {}

  /// True the first time.
  func insert(_ partition: PartitionIndex) -> Bool { seen.withLock { $0.insert(partition).inserted } }
}

public final class Worker {
  /// How often closed windows are written.
  static let closeEveryMilliseconds: Int64 = 200
  /// Rows are written when this many wait, also in the middle of a record's windows.
  static let rowLimit = 16_384

  let plan: ProcessingPlan
  let source: any Source
  let store: any FeatureStore
  let checkpoints: (any CheckpointStore)?
  let clock: any Clock
  let settings: WorkerSettings
  private let status: ProcessingStatus
  let logger: Logger
  private let isStopRequested: @Sendable () -> Bool
  let observeVisible: ((_ delayMilliseconds: Int64, _ count: Int) -> Void)?

  let sideOutputs: SideOutputs
  let decoder: BatchDecoder
  let finisher: RowFinisher
  let deduplicated = DeduplicatedRows()
  var counts: ProcessingCounts
  var partitions: [PartitionIndex: PartitionState] = [:]
  let rows = FeatureRowBatch()
  /// The views of the plan that show current values.
  let changeViews: [Int]
  /// When counts were last published, by the monotonic clock in ms.
  private var publishedAt: Int64 = 0
  /// Per view of the plan: when its changes are next due, by the monotonic clock in ms.
  var emissionDue: [Int64]
  var checkpointDue: Int64
  /// When the last record came, or the group last changed; by the monotonic clock in ms.
  var lastRecordAt: Int64
  /// Without checkpoints: rows have been written whose records the group's offset does not cover yet.
  var isPendingCommit = false
  /// Per view of the plan: drained since the last visible records were noted (`close` views count as drained).
  var drainedViews: [Bool]

  /// Questions to this processor, and those of them that have been answered.
  let inquiries: (any InquiryBox)?
  var inquiryDue: Int64 = 0
  var answeredInquiries: Set<String> = []

  /// - Parameters:
  ///   - checkpoints: Where state is kept for the next owner; nil starts every owner with empty windows.
  ///   - sideOutputs: Where records go that do not count.
  ///   - inquiries: Where questions about values are left; looked at once a second.
  ///   - isStopRequested: Looked at once per poll; true drains and ends.
  ///   - observeVisible: Called after each confirmed write with how long after their event times records became visible.
  public init(
    plan: ProcessingPlan, source: any Source, store: any FeatureStore, checkpoints: (any CheckpointStore)?,
    sideOutputs: SideOutputs = SideOutputs(), inquiries: (any InquiryBox)? = nil, clock: any Clock, settings: WorkerSettings,
    status: ProcessingStatus, logger: Logger,
    isStopRequested: @escaping @Sendable () -> Bool,
    observeVisible: ((_ delayMilliseconds: Int64, _ count: Int) -> Void)? = nil
  ) {
    self.plan = plan
    self.source = source
    self.store = store
    self.checkpoints = source.isBounded ? nil : checkpoints
    self.sideOutputs = sideOutputs
    self.inquiries = inquiries
    self.clock = clock
    self.settings = settings
    self.status = status
    self.logger = logger
    self.isStopRequested = isStopRequested
    self.observeVisible = observeVisible
    finisher = RowFinisher(plan.pipelineViews)
    decoder = BatchDecoder(
      plan, sourceName: source.name, isPartitioned: !source.isBounded, requiresRecordKey: settings.partitionCount > 1,
      registry: settings.registry)
    counts = ProcessingCounts()
    changeViews = plan.emitEvery.indices.filter { plan.emitEvery[$0] != nil }
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
      publish()
      try? source.close()
      throw error
    }
    publish()
    try sideOutputs.late?.close()
    try sideOutputs.deadLetters?.close()
    try source.close()
    try store.close()
  }

  /// One poll and what follows from it; false at the end.
  func step(_ batch: RecordBatch) throws -> Bool {
    if isStopRequested() { return try end() }
    let result = try source.poll(into: batch, maximumCount: settings.batchCount, timeoutMilliseconds: pollTimeout())
    switch result {
    case .records:
      lastRecordAt = now
      try process(batch)
    case .idle:
      if source.isBounded { try emitAll() }
      if isIdleLongEnough { return try end() }
    case .assigned(let assigned):
      try take(assigned)
      lastRecordAt = now
    case .revoked(let revoked):
      try giveUp(revoked)
      lastRecordAt = now
    case .lost(let lost):
      drop(lost)
      lastRecordAt = now
    case .endOfInput: return try finish()
    }
    try emitDueChanges()
    answerInquiries()
    if now - publishedAt >= Self.publishEveryMilliseconds { publish() }
    return true
  }

  var now: Int64 { Int64(clock.monotonicNanoseconds / 1_000_000) }

  /// Up to the next emission, so that a change is never kept waiting by a quiet input.
  private func pollTimeout() -> Int {
    let due = emissionDue.min() ?? now + 200
    return Int(min(max(due - now, 1), 200))
  }

  /// A group that forms or changes takes seconds in which no record can come: only silence of partitions that are ours counts. A member that is
  /// given none ends, too, after the time that the group may take to notice a dead one.
  private var isIdleLongEnough: Bool {
    guard let limit = settings.untilIdleMilliseconds else { return false }
    let patience = source.isBounded || !partitions.isEmpty ? limit : max(limit, Self.joiningMillisecondsMax)
    return now - lastRecordAt >= patience
  }

  private static let joiningMillisecondsMax: Int64 = 30_000

  // MARK: Records

  private func process(_ batch: RecordBatch) throws {
    try decoder.decode(batch, counts: &counts)
    try noteRejections(batch)
    noteUnknownConditions(batch)
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
      try apply(rowsOfPartition, of: batch, to: state)
      state.nextOffset = rowsOfPartition.nextOffset
      state.lastRecordAt = lastRecordAt
    }
    if rows.isFull(rowLimit: Self.rowLimit / 2) { try flush() }
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

  func partition(_ index: PartitionIndex) throws -> PartitionState {
    if let state = partitions[index] { return state }
    // A bounded source has one partition and says nothing about it.
    let state = makeState()
    partitions[index] = state
    return state
  }

  func makeState() -> PartitionState {
    let engine = WindowEngine(
      plan.windows, emitEvery: source.isBounded ? plan.emitEvery.map { $0 ?? Watermark.endOfTime } : [],
      tracksTimes: observeVisible != nil, keepsLateRecords: sideOutputs.late != nil)
    return PartitionState(
      engine, plan.deduplication.map { Deduplicator($0) }, viewCount: plan.views.count, at: now)
  }

  func label(from firstRow: Int, _ partition: PartitionIndex) {
    for index in firstRow..<rows.rows.count { rows.rows[index].partition = partition }
  }

  /// Lets event time follow the wall clock in partitions that have been silent for `idle_timeout`.
  func advanceIdlePartitions() throws {
    guard let timeout = plan.source.idleTimeoutMilliseconds, !source.isBounded else { return }
    for (index, state) in partitions where now - state.lastRecordAt >= timeout && source.lag(of: index) == 0 {
      try writeInSteps(index) { state.advanceByIdleTime(now: now, into: rows, rowLimit: Self.rowLimit) }
    }
  }

  // MARK: The end

  /// The input has ended: every window closes.
  func finish() throws -> Bool {
    for (index, state) in partitions {
      try writeInSteps(index) { state.engine.finish(into: rows, rowLimit: Self.rowLimit) }
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

  private static let publishEveryMilliseconds: Int64 = 50

  func publish() {
    publishedAt = now
    var total = counts
    total.partitions = partitions.count
    addExpressionNulls(to: &total.ledger)
    for (index, state) in partitions {
      state.addCounts(to: &total.ledger, index, plan)
      state.addGauges(to: &total, lag: source.lag(of: index))
    }
    status.publish(total)
  }
}
