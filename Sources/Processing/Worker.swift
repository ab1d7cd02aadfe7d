// One worker: a thread with its own source, its partitions' state and its store. It polls, decodes, folds, and flushes; positions are
// committed only after the store has confirmed every row that depends on them.
//
//   poll -> decode -> per partition: fold -> rows -> (every emit.every) write -> confirmed -> (every checkpoint.every) save -> commit
//
// State machine of a partition: assigned (claimed, state loaded, or none) -> silent, up to what its rows have shown -> owned -> revoked
// (flushed, saved, committed), lost (dropped) or overtaken (dropped, and claimed again later). See `Worker+Recovery` and `Worker+Outage`.

import Base
import Features
import Logging
import Records
import Schema
import Windowing

public final class Worker {
  /// How often closed windows are written.
  static let closeEveryMilliseconds: Int64 = 200

  let plan: ProcessingPlan
  let source: any Source
  let store: any FeatureStore
  /// Nil where state is not kept.
  let checkpointWriter: CheckpointWriter?
  /// Partitions whose state is due to be saved, in order.
  var waitingCheckpoints: [PartitionIndex] = []
  let clock: any Clock
  let settings: WorkerSettings
  private let status: ProcessingStatus
  let logger: Logger
  private let isStopRequested: @Sendable () -> Bool
  var isStopping: Bool { isStopRequested() }
  /// Nil where nobody asks how long records take.
  let measures: StageMeasures?
  /// Delays in ms since counts were last published.
  var eventsToLog = MillisecondTable()
  var logToRead = MillisecondTable()
  /// When the rows of a partition that is being measured were put into the log.
  var logTimes: ContiguousArray<Int64> = []
  /// Records of the last batch whose stages are measured.
  var measuredCount = 0

  /// Where recent events are kept; nil where nobody wants them.
  let recentEvents: (any RecentEventsSink)?
  let recentBatch = RecentEventBatch()
  let sideOutputs: SideOutputs
  let decoder: BatchDecoder
  let finisher: RowFinisher
  let deduplicated = DeduplicatedRows()
  let received = ReceivedRows()
  /// Where records are sent on to; nil where every view counts them as they are.
  var sender: RepartitionSender?
  var counts: ProcessingCounts
  var partitions: [PartitionIndex: PartitionState] = [:]
  /// The same in a fixed order: what a worker does is a function of what it is given.
  var sortedPartitions: [(key: PartitionIndex, value: PartitionState)] { partitions.sorted { $0.key < $1.key } }
  /// Ours, and to be taken later.
  var waiting: [PartitionIndex: WaitingPartition] = [:]
  /// Those that the source gives up at its next poll.
  var leaving: Set<PartitionIndex> = []
  /// How often partitions were lost to another owner that also believed them its own.
  var overtakenCounts: [PartitionIndex: Int] = [:]
  /// Of claims that have not been answered.
  var tokens: [PartitionIndex: String] = [:]
  var random: Random
  /// Nil while the store answers.
  var outage: Outage?
  /// Until when an end that was asked for may take; by the monotonic clock in ms.
  var stopDeadline: Int64?
  let rows = FeatureRowBatch()
  /// Takes the rows that are in the store already.
  let repeatedRows = FeatureRowBatch()
  /// For polls that bring no records.
  let spareBatch = RecordBatch(slotCapacity: 1, byteCapacity: 1 << 12)
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

  /// Questions to this processor, and those of them that have been answered.
  let inquiries: (any InquiryBox)?
  var inquiryDue: Int64 = 0
  var answeredInquiries: Set<String> = []

  /// - Parameters:
  ///   - checkpoints: Where state is kept for the next owner; nil starts every owner with empty windows.
  ///   - sideOutputs: Where records go that do not count.
  ///   - recentEvents: Where the plan's recent events are kept.
  ///   - sender: Where records go that the plan sends on to internal topics.
  ///   - inquiries: Where questions about values are left; looked at once a second.
  ///   - isStopRequested: Looked at once per poll; true drains and ends.
  ///   - measures: Takes how long records were on their way; made for this worker.
  public init(
    plan: ProcessingPlan, source: any Source, store: any FeatureStore, checkpoints: (any CheckpointStore)?,
    recentEvents: (any RecentEventsSink)? = nil,
    sideOutputs: SideOutputs = SideOutputs(), sender: RepartitionSender? = nil, inquiries: (any InquiryBox)? = nil,
    clock: any Clock, settings: WorkerSettings,
    status: ProcessingStatus, logger: Logger,
    isStopRequested: @escaping @Sendable () -> Bool,
    measures: StageMeasures? = nil
  ) {
    self.plan = plan
    self.source = source
    self.store = store
    checkpointWriter = checkpoints.map { CheckpointWriter($0, isInline: !settings.savesInBackground, clock: clock) }
    self.recentEvents = recentEvents
    self.sideOutputs = sideOutputs
    self.sender = sender
    precondition(plan.repartitions.isEmpty == (sender == nil), "what a plan sends on has somewhere to go, and nothing else has")
    self.inquiries = inquiries
    self.clock = clock
    self.settings = settings
    self.status = status
    self.logger = logger
    self.isStopRequested = isStopRequested
    self.measures = measures
    finisher = RowFinisher(plan.pipelineViews)
    decoder = BatchDecoder(
      plan, sourceName: source.name, isPartitioned: !source.isBounded,
      requiresRecordKey: settings.partitionCount > 1 && settings.hasRecordKeys,
      registry: settings.registry)
    counts = ProcessingCounts()
    var system = SystemRandomNumberGenerator()
    random = Random(state: settings.seed ?? system.next())
    changeViews = plan.emitEvery.indices.filter { plan.emitEvery[$0] != nil }
    let now = Int64(clock.monotonicNanoseconds / 1_000_000)
    emissionDue = plan.emitEvery.map { now + ($0 ?? Self.closeEveryMilliseconds) }
    checkpointDue = now + settings.checkpointEveryMilliseconds
    lastRecordAt = now
  }

  /// Runs until the input ends, the end is asked for, or something fails.
  public func run() throws {
    let batch = RecordBatch(slotCapacity: settings.batchCount, byteCapacity: 2 << 20)
    do {
      // A bounded source has one partition and says nothing about it.
      if source.isBounded { try take([0]) }
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
    try sender?.output.close()
    forget(Set(partitions.keys))
    try source.close()
    try recentEvents?.close()
    try store.close()
  }

  /// One poll and what follows from it; false at the end.
  func step(_ batch: RecordBatch) throws -> Bool {
    if isStopRequested() { return try end() }
    try takeWaiting()
    let result = try source.poll(into: batch, maximumCount: settings.batchCount, timeoutMilliseconds: pollTimeout())
    switch result {
    case .records:
      lastRecordAt = now
      let (polledAt, polledMonotonic) = measures == nil ? (0, 0) : (clock.nowMilliseconds, clock.monotonicNanoseconds)
      try process(batch, polledAt: polledAt)
      noteApplied(polledAt: polledMonotonic)
    case .idle:
      if source.isBounded { try emitAll() }
      try endSilentReplays()
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
    try sendMarkers()
    answerInquiries()
    if now - publishedAt >= Self.publishEveryMilliseconds { publish() }
    return true
  }

  var now: Int64 { Int64(clock.monotonicNanoseconds / 1_000_000) }

  /// Up to the next emission, so that a change is never kept waiting by a quiet input.
  private func pollTimeout() -> Int {
    let due = min(emissionDue.min() ?? .max, waiting.values.map(\.due).min() ?? .max, now + 200)
    return Int(min(max(due - now, 1), 200))
  }

  /// A group that forms or changes takes seconds in which no record can come: only silence of partitions that are ours counts. A member that is
  /// given none ends, too, after the time that the group may take to notice a dead one.
  private var isIdleLongEnough: Bool {
    guard let limit = settings.untilIdleMilliseconds, waiting.isEmpty else { return false }
    let patience = source.isBounded || !partitions.isEmpty ? limit : max(limit, Self.joiningMillisecondsMax)
    return now - lastRecordAt >= patience
  }

  private static let joiningMillisecondsMax: Int64 = 30_000

  // MARK: Records

  private func process(_ batch: RecordBatch, polledAt: Int64) throws {
    try decoder.decode(batch, counts: &counts)
    noteRead(batch, polledAt: polledAt)
    try noteRejections(batch)
    noteUnknownConditions(batch)
    for rowsOfPartition in decoder.decodedPartitions {
      let index = rowsOfPartition.partition
      if source.isBounded, partitions[index] == nil, waiting[index] == nil { try take([index]) }
      // One that waits to be taken is read again then.
      guard let state = partitions[index] else { continue }
      try apply(rowsOfPartition, of: batch, toPartition: state)
    }
    if rows.isFull(rowLimit: settings.rowLimit / 2) { try flush() }
  }

  private func apply(_ read: BatchDecoder.PartitionRows, of batch: RecordBatch, toPartition state: PartitionState) throws {
    if state.nextOffset == nil { try saveBeginning(read.partition, state, at: read.firstOffset) }
    let nextOffset = state.nextOffset!
    guard read.firstOffset >= nextOffset else {
      throw Failure(
        .badData,
        "\(source.name), partition \(read.partition): went back from offset \(nextOffset) to \(read.firstOffset); "
          + "was the topic made anew? Its state belongs to the old one: start with --ignore-checkpoints, or with another prefix")
    }
    noteMissing(read, after: nextOffset)
    state.batchEnd = read.nextOffset
    if state.isSilent {
      try applyReplaying(read, of: batch, to: state)
    } else {
      try apply(read, of: batch, to: state)
    }
    state.batchEnd = nil
    state.nextOffset = read.nextOffset
    state.lastRecordAt = lastRecordAt
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

  func makeState() -> PartitionState {
    let engine = WindowEngine(
      plan.windows, emitEvery: source.isBounded ? plan.emitEvery.map { $0 ?? Watermark.endOfTime } : [],
      tracksTimes: measures != nil, keepsLateRecords: sideOutputs.late != nil, hasSeveralInputs: plan.isRepartitioned,
      limits: plan.stateBound.map { StateLimits(keyCountMax: $0.keyCountMax, byteCountMax: $0.byteCountMax) })
    return PartitionState(engine, plan, at: now, measures: measures)
  }

  func label(from firstRow: Int, _ partition: PartitionIndex) {
    for index in firstRow..<rows.rows.count { rows.rows[index].partition = partition }
  }

  /// Lets event time follow the wall clock in partitions that have been silent for `idle_timeout`.
  func advanceIdlePartitions() throws {
    guard let timeout = plan.source.idleTimeoutMilliseconds, !source.isBounded else { return }
    for (index, state) in sortedPartitions
    where now - state.lastRecordAt >= timeout && !state.isSilent && source.isSilent(index) {
      try writeInSteps(index, state) { state.advanceByIdleTime(now: now, into: $0, rowLimit: settings.rowLimit) }
    }
  }

  // MARK: The end

  /// The input has ended: every window closes. State is saved before that: whoever reads the same input again comes here at once, and where it
  /// has grown goes on as if it had been whole from the start.
  func finish() throws -> Bool {
    if source.isBounded { try endInput() }
    for (index, state) in sortedPartitions {
      try writeInSteps(index, state) { state.engine.finish(into: $0, rowLimit: settings.rowLimit) }
    }
    try flush()
    if source.isBounded, !source.isRepeatable { try vacate() }
    return false
  }

  private func endInput() throws {
    for state in partitions.values where state.isSilent {
      throw Failure(
        .badData,
        "\(source.name) ends at byte \(state.nextOffset ?? 0), but rows were computed from it up to byte \(state.replay!.shownThrough): "
          + "is it another input? --ignore-checkpoints computes all rows anew")
    }
    if checkpointWriter != nil { try checkpoint(partitions.keys.sorted(), waits: true) }
  }

  /// The end was asked for: what has changed goes out, state is saved, open windows stay open.
  private func end() throws -> Bool {
    stopDeadline = now + settings.drainMilliseconds
    try emitAll()
    if !source.isBounded || checkpointWriter != nil { try checkpoint(partitions.keys.sorted(), waits: true) }
    return false
  }

  private static let publishEveryMilliseconds: Int64 = 50

  func publish() {
    publishedAt = now
    var total = counts
    total.partitions = partitions.count
    total.workersWithoutStore = outage == nil ? 0 : 1
    if let outage { total.withoutStoreMilliseconds += now - outage.since }
    total.waitingPartitions = waiting.count
    total.replayingPartitions = partitions.values.count { $0.isSilent }
    total.replayDistance = partitions.values.reduce(0) { $0 + $1.replayDistance }
    total.recordsSentOn = sender?.sentCount ?? 0
    addExpressionNulls(to: &total.ledger)
    for (index, state) in partitions {
      state.addCounts(to: &total.ledger, index, plan)
      state.addGauges(to: &total, lag: source.lag(of: index))
    }
    publishMeasures()
    status.publish(total, WorkerHealth(hasJoined: source.hasJoined, sourceTrouble: source.trouble, storeTrouble: outage?.reason))
  }
}
