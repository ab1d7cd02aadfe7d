// All windows of one partition: feed it rows in the order of the partition, and it gives closed windows and changed values. A pure function of
// the records: no clock, no I/O, and the same rows whatever the sizes of the batches.
//
// For each record, in this order: late check against the old watermark, fold, the watermark moves, windows close and panes leave.

import Base
import Records

/// The decoded side of a batch, as far as windows need it. Pointers are indexed by row; every array lives as long as the call it is passed to.
public struct WindowInput {
  /// The rows of the partition, in its order.
  public var rows: UnsafeBufferPointer<Int32>
  /// Event times in ms since the epoch, within `Watermark.eventTimeRange`.
  public var times: UnsafePointer<Int64>
  public var columns: [UnsafePointer<ColumnValue>]
  /// 1 where a predicate holds, else 0.
  public var predicates: [UnsafePointer<UInt8>]

  public init(
    rows: UnsafeBufferPointer<Int32>, times: UnsafePointer<Int64>, columns: [UnsafePointer<ColumnValue>],
    predicates: [UnsafePointer<UInt8>]
  ) {
    self.rows = rows
    self.times = times
    self.columns = columns
    self.predicates = predicates
  }
}

/// What became of the records that a view wanted but did not count, and of values that could not be folded.
public struct WindowCounts: Equatable, Sendable {
  /// Per view: records all of whose windows had closed.
  public var late: [Int64]
  /// Per view: records without a key (missing, null, or neither text nor integer).
  public var keyless: [Int64]
  /// Values of a type that their aggregate does not take (the record itself counted).
  public var typeMismatches: Int64 = 0
  /// Sums that left the range of 64-bit integers or of doubles; they are null.
  public var overflows: Int64 = 0
  /// The same per view; what several views share counts for each of them.
  public var typeMismatchesOfView: [Int64]
  public var overflowsOfView: [Int64]

  init(viewCount: Int) {
    late = [Int64](repeating: 0, count: viewCount)
    keyless = late
    typeMismatchesOfView = late
    overflowsOfView = late
  }
}

public final class WindowEngine {
  let plan: WindowPlan
  let eventTime: EventTime
  let keySpaces: [KeySpace]
  /// Per view: how often its changes are emitted in event time, in ms; empty where the owner drains them by its own clock.
  let emitEvery: [Int64]
  /// Per view: the event time of its next emission, and the least of them.
  private var emitTimes: [Int64] = []
  private var emitAt: Int64 = .max
  private var hasStarted = false
  var recordCounts: WindowCounts
  public var counts: WindowCounts {
    var counts = recordCounts
    counts.typeMismatches = foldCounts.typeMismatches
    counts.overflows = foldCounts.overflows
    return counts
  }
  var foldCounts = FoldCounts()
  /// Event times of records folded into `change` views since they were last drained; only kept when `tracksTimes`.
  public private(set) var foldedTimes: ContiguousArray<Int64> = []
  private let tracksTimes: Bool
  /// What views have refused since `clearRefusals`, in the order of the records: the first of each view and reason, and every late record where
  /// `keepsLateRecords` holds.
  public internal(set) var refusals: ContiguousArray<Refusal> = []
  let keepsLateRecords: Bool
  private let scratch: KeyScratch
  /// Where values of several panes are merged.
  let values = AccumulatorScratch()

  /// - Parameters:
  ///   - emitEvery: Per view, emit changed values whenever the stream time passes a multiple of this many ms; empty leaves it to `drainChanges`.
  ///   - tracksTimes: Keep the event time of every folded record in `foldedTimes`, for latency accounting.
  ///   - keepsLateRecords: Keep every late record in `refusals`, for passing it on.
  public init(_ plan: WindowPlan, emitEvery: [Int64] = [], tracksTimes: Bool = false, keepsLateRecords: Bool = false) {
    self.plan = plan
    self.emitEvery = emitEvery
    self.tracksTimes = tracksTimes
    self.keepsLateRecords = keepsLateRecords
    let eventTime = EventTime(lateness: plan.lateness)
    self.eventTime = eventTime
    keySpaces = plan.keySpaces.map { KeySpace($0, eventTime: eventTime) }
    recordCounts = WindowCounts(viewCount: plan.viewCount)
    scratch = KeyScratch(spaceCount: keySpaces.count)
  }

  public var watermark: Watermark { eventTime.watermark }

  /// Live keys over all key spaces.
  public var keyCount: Int { keySpaces.reduce(0) { $0 + $1.table.liveCount } }

  /// Live nodes (key and pane) over all groups.
  public var paneCount: Int { keySpaces.reduce(0) { $0 + $1.groups.reduce(0) { $0 + $1.liveCount } } }

  // MARK: Feeding

  /// Folds the rows of `input`; rows of windows that close on the way, and of changes that are due, go to `output`.
  public func apply(_ input: WindowInput, into output: FeatureRowBatch) {
    input.columns.withUnsafeBufferPointer { columns in
      input.predicates.withUnsafeBufferPointer { predicates in
        scratch.prepare(keySpaces, input.rows, columns)
        for start in stride(from: 0, to: input.rows.count, by: KeySpace.blockCount) {
          applyBlock(start..<min(start + KeySpace.blockCount, input.rows.count), input, columns, predicates, into: output)
        }
      }
    }
  }

  /// Folds the rows at `positions`, whose cache lines are fetched together.
  private func applyBlock(
    _ positions: Range<Int>, _ input: WindowInput, _ columns: UnsafeBufferPointer<UnsafePointer<ColumnValue>>,
    _ predicates: UnsafeBufferPointer<UnsafePointer<UInt8>>, into output: FeatureRowBatch
  ) {
    let spaceCount = keySpaces.count
    for space in 0..<spaceCount {
      keySpaces[space].warm(UnsafeBufferPointer(start: scratch.hashes(space) + positions.lowerBound, count: positions.count))
    }
    for position in positions {
      let row = Int(input.rows[position])
      let time = input.times[row]
      if time >= emitAt { emitDueChanges(at: time, into: output) }
      for space in 0..<spaceCount {
        fold(
          row, time: time, in: keySpaces[space], key: scratch.keys(space)[position], hash: scratch.hashes(space)[position],
          columns: columns, predicates: predicates)
      }
      if eventTime.watermark.advance(streamTimeTo: time) { serveDeadlines(into: output) }
      if !hasStarted { start(at: time) }
    }
  }

  /// Moves event time without folding a record: for a partition that has been silent, and for records that do not count.
  public func advance(streamTimeTo time: Int64, into output: FeatureRowBatch) {
    if time >= emitAt { emitDueChanges(at: time, into: output) }
    if eventTime.watermark.advance(streamTimeTo: time) { serveDeadlines(into: output) }
  }

  /// The input has ended: gives what has changed, then closes every open window.
  public func finish(into output: FeatureRowBatch) {
    for view in 0..<plan.viewCount { drainChanges(ofView: view, asOf: eventTime.watermark.streamTime, into: output) }
    closeWindows(through: Watermark.endOfTime, into: output)
  }

  @inline(__always)
  private func serveDeadlines(into output: FeatureRowBatch) {
    if eventTime.watermark.value >= eventTime.nextClose { closeWindows(through: eventTime.watermark.value, into: output) }
    if eventTime.watermark.streamTime >= eventTime.nextLeave { leavePanes() }
  }

  @inline(__always)
  private func fold(
    _ row: Int, time: Int64, in space: KeySpace, key: ColumnValue, hash: UInt64,
    columns: UnsafeBufferPointer<UnsafePointer<ColumnValue>>,
    predicates: UnsafeBufferPointer<UnsafePointer<UInt8>>
  ) {
    var wanted: UInt64 = 0
    var accepted: UInt64 = 0
    var changed: UInt64 = 0
    var entryNumber = UInt32.max
    for groupIndex in 0..<space.groupCount {
      // Not retained: the space holds its groups.
      unowned(unsafe) let group = space.groupPointers[groupIndex]._withUnsafeGuaranteedRef { $0 }
      var hits: UInt64 = 0
      var views: UInt64 = 0
      for index in 0..<group.accumulatorCount {
        let predicate = group.accumulators[index].predicate
        if predicate < 0 || predicates[Int(predicate)][row] != 0 {
          hits |= 1 << UInt64(truncatingIfNeeded: index)
          views |= group.accumulators[index].views
        }
      }
      let pane = group.plan.isUnbounded ? 0 : floorDivide(time, group.plan.paneLength)
      if let closing = group.plan.closing {
        if let predicate = closing.predicate, predicates[predicate][row] == 0 { continue }
        let bit: UInt64 = 1 << UInt64(truncatingIfNeeded: closing.view)
        wanted |= bit
        guard key.kind == .string else { continue }
        let lastClose = pane &* group.plan.paneLength &+ closing.windowSize &- 1
        if eventTime.watermark.value >= lastClose { continue }
        accepted |= bit
      } else {
        guard hits != 0 else { continue }
        wanted |= views
        guard key.kind == .string else { continue }
        let inReach = group.plan.isUnbounded ? views : viewsInReach(group, pane: pane) & views
        if inReach == 0 { continue }
        accepted |= inReach
      }
      if entryNumber == .max { entryNumber = space.table.findOrInsert(key.bytes, hash: hash) }
      let entry = space.table.entry(entryNumber)
      let node = group.findOrInsert(pane: pane, key: entryNumber, head: space.head(entry, groupIndex))
      if group.plan.isUnbounded, let timeToLive = space.plan.timeToLive {
        let last = entry.load(fromByteOffset: 32, as: Int64.self)
        // What the key had before has outlived its time, whether a sweep has come by or not.
        if last != .min, last + timeToLive <= time { group.clear(node, pool: space.table.text) }
      }
      var rest = hits
      while rest != 0 {
        let accumulator = group.accumulators[rest.trailingZeroBitCount]
        rest &= rest &- 1
        let hasColumn = accumulator.column >= 0
        let before = foldCounts
        let hasChanged = accumulator.accumulator.fold(
          at: node + Int(accumulator.offset), hasColumn ? columns[Int(accumulator.column)][row] : .null, hasColumn: hasColumn,
          time: time, pool: space.table.text, counts: &foldCounts)
        if foldCounts != before { countFoldFailures(since: before, row: row, accumulator, of: group, in: space) }
        if hasChanged { changed |= accumulator.views }
      }
    }
    if accepted != wanted { countRefused(wanted & ~accepted, row: row, time: time, isKeyless: key.kind != .string, in: space) }
    guard accepted != 0 else { return }
    let entry = space.table.entry(entryNumber)
    if time > entry.load(fromByteOffset: 32, as: Int64.self) { entry.storeBytes(of: time, toByteOffset: 32, as: Int64.self) }
    // With a time to live the store forgets a row that is not written again.
    changed = space.plan.timeToLive == nil ? changed & accepted : accepted & space.changeViews
    if changed != 0 {
      space.markDirty(entryNumber, entry, views: changed)
      if tracksTimes { foldedTimes.append(time) }
    }
  }

  /// The views in whose values a record of `pane` can show at the present stream time.
  @inline(__always)
  private func viewsInReach(_ group: PaneGroup, pane: Int64) -> UInt64 {
    let time = eventTime.watermark.streamTime
    let paneEnd = (pane &+ 1) &* group.plan.paneLength
    if paneEnd > time { return .max }
    var views: UInt64 = 0
    for reach in group.plan.reaches where paneEnd &+ reach.reach > time { views |= reach.views }
    return views
  }

  // MARK: Emission by event time

  /// The first record sets what is timed by event time going.
  func start(at time: Int64) {
    hasStarted = true
    scheduleEmission(after: time)
    for space in keySpaces { space.scheduleSweep() }
  }

  private func scheduleEmission(after time: Int64) {
    guard !emitEvery.isEmpty else { return }
    emitTimes = emitEvery.map { (floorDivide(time, $0) + 1) * $0 }
    emitAt = emitTimes.min()!
  }

  private func emitDueChanges(at time: Int64, into output: FeatureRowBatch) {
    for view in 0..<plan.viewCount where emitTimes[view] <= time {
      drainChanges(ofView: view, into: output)
      emitTimes[view] = (floorDivide(time, emitEvery[view]) + 1) * emitEvery[view]
    }
    emitAt = emitTimes.min()!
  }

  /// Forgets the times in `foldedTimes`, once their rows have been written.
  public func clearFoldedTimes() { foldedTimes.removeAll(keepingCapacity: true) }
}
