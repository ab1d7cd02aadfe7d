// All windows of one partition: feed it rows in the order of the partition, and it gives closed windows and changed values. A pure function of
// the records: no clock, no I/O, and the same rows whatever the sizes of the batches.
//
// For each record, in this order: late check against the old watermark, fold, the watermark moves, windows close and panes leave.
// Whatever makes rows stops when the output holds `rowLimit` of them, or 64 MiB of texts, and goes on from there in the next call: the rows
// and their order are the same for every limit.

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
  /// Of an engine with several inputs: through which event time all of them have come with the record, else `Int64.min`. Nil where no row says so.
  public var completeTimes: UnsafePointer<Int64>?

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
  /// Per view: records of keys that there was no room for.
  public var full: [Int64]
  /// Values of a type that their aggregate does not take (the record itself counted).
  public var typeMismatches: Int64 = 0
  /// Sums that left the range of 64-bit integers or of doubles; they are null.
  public var overflows: Int64 = 0
  /// Sets of distinct values that outgrew their limit; they are null.
  public var limits: Int64 = 0
  /// The same per view; what several views share counts for each of them.
  public var typeMismatchesOfView: [Int64]
  public var overflowsOfView: [Int64]
  public var limitsOfView: [Int64]

  init(viewCount: Int) {
    late = [Int64](repeating: 0, count: viewCount)
    keyless = late
    full = late
    typeMismatchesOfView = late
    overflowsOfView = late
    limitsOfView = late
  }
}

public final class WindowEngine {
  let plan: WindowPlan
  let eventTime: EventTime
  let keySpaces: [KeySpace]
  /// The same, for loops that must not pay for reference counts; sound as long as `keySpaces` holds them, which it always does.
  private let spacePointers: UnsafeMutablePointer<Unmanaged<KeySpace>>
  private let spaceCount: Int
  /// Per view: how often its changes are emitted in event time, in ms; empty where the owner drains them by its own clock.
  let emitEvery: [Int64]
  /// Per view: the event time of its next emission, and the least of them.
  private var emitTimes: [Int64] = []
  private var emitAt: Int64 = .max
  private var hasStarted = false
  /// While true, changes that are due by event time wait: the owner reads again what has been shown.
  public var holdsChanges = false
  var recordCounts: WindowCounts
  public var counts: WindowCounts {
    var counts = recordCounts
    counts.typeMismatches = foldCounts.typeMismatches
    counts.overflows = foldCounts.overflows
    counts.limits = foldCounts.limits
    return counts
  }
  var foldCounts = FoldCounts()
  /// Event times of records that have changed rows of `change` views since `clearFoldedTimes`; only kept when `tracksTimes`.
  public var foldedTimes: UnsafeBufferPointer<Int64> { UnsafeBufferPointer(start: timesStart, count: timeCount) }
  /// With room for every record of the call that folds.
  var timesStart = UnsafeMutablePointer<Int64>.allocate(capacity: 1)
  var timeCount = 0
  private var timeCapacity = 1
  /// The last of them by row: a record that several key spaces fold is there once.
  var lastTimedRow = -1
  let tracksTimes: Bool
  /// What views have refused since `clearRefusals`, in the order of the records: the first of each view and reason, and every late record where
  /// `keepsLateRecords` holds.
  public internal(set) var refusals: ContiguousArray<Refusal> = []
  let keepsLateRecords: Bool
  /// The panes of the row that is being made.
  let gathering = RowGathering()
  private let scratch: KeyScratch
  /// Where values of several panes are merged.
  let values = AccumulatorScratch()
  /// The rows of one key that are being made, and their values.
  let keyRows = UnsafeMutablePointer<FeatureRow>.allocate(capacity: WindowPlan.viewsPerKeySpace)
  let keyValues: UnsafeMutablePointer<FeatureValue>

  /// - Parameters:
  ///   - emitEvery: Per view, emit changed values whenever the stream time passes a multiple of this many ms; empty leaves it to `drainChanges`.
  ///   - tracksTimes: Keep the event time of every folded record in `foldedTimes`, for latency accounting.
  ///   - keepsLateRecords: Keep every late record in `refusals`, for passing it on.
  ///   - limits: Refuse keys that would be more than this.
  ///   - hasSeveralInputs: The partition is fed from several others: the owner says through which time all of them have come.
  public init(
    _ plan: WindowPlan, emitEvery: [Int64] = [], tracksTimes: Bool = false, keepsLateRecords: Bool = false,
    hasSeveralInputs: Bool = false, limits: StateLimits? = nil
  ) {
    self.plan = plan
    self.emitEvery = emitEvery
    self.tracksTimes = tracksTimes
    self.keepsLateRecords = keepsLateRecords
    let eventTime = EventTime(lateness: plan.lateness, hasSeveralInputs: hasSeveralInputs)
    self.eventTime = eventTime
    keySpaces = plan.keySpaces.map { KeySpace($0, eventTime: eventTime) }
    spaceCount = keySpaces.count
    spacePointers = .allocate(capacity: max(1, spaceCount))
    spacePointers.initialize(from: keySpaces.map { Unmanaged.passUnretained($0) }, count: spaceCount)
    recordCounts = WindowCounts(viewCount: plan.viewCount)
    scratch = KeyScratch(spaceCount: keySpaces.count)
    let valueCounts = plan.keySpaces.map { $0.views.reduce(0) { $0 + $1.aggregates.count } }
    keyValues = .allocate(capacity: max(1, valueCounts.max() ?? 0))
    if let limits {
      let budget = StateBudget(limits, of: self)
      for space in keySpaces { space.bound(by: budget) }
    }
  }

  deinit {
    keyRows.deallocate()
    timesStart.deallocate()
    keyValues.deallocate()
    spacePointers.deallocate()
  }

  public var watermark: Watermark { eventTime.watermark }

  /// Live keys over all key spaces.
  public var keyCount: Int { keySpaces.reduce(0) { $0 + $1.table.liveCount } }

  /// Live nodes (key and pane) over all groups.
  public var paneCount: Int { keySpaces.reduce(0) { $0 + $1.groups.reduce(0) { $0 + $1.liveCount } } }

  /// Bytes that the state has reserved: keys, nodes, texts, timers.
  public var stateByteCount: Int {
    keySpaces.reduce(0) { total, space in
      total + space.table.byteCount + space.groups.reduce(0) { $0 + $1.byteCount }
    }
  }

  // MARK: Feeding

  /// Folds the rows of `input` from `firstRow` on; rows of windows that close on the way, and of changes that are due, go to `output`, until it
  /// holds `rowLimit` of them (or a few more: those of one key in views that share a window come together).
  ///
  /// - Returns: How many rows of the input it took. Call again, with room in `output` and from the row after those, until all are taken and
  ///   `hasDueRows` is false.
  @discardableResult
  public func apply(_ input: WindowInput, from firstRow: Int = 0, into output: FeatureRowBatch, rowLimit: Int = .max) -> Int {
    guard closeDueWindows(into: output, rowLimit: rowLimit), firstRow < input.rows.count else { return 0 }
    let rows = UnsafeBufferPointer(rebasing: input.rows[firstRow...])
    return input.columns.withUnsafeBufferPointer { columns in
      input.predicates.withUnsafeBufferPointer { predicates in
        scratch.prepare(keySpaces, rows, columns)
        if tracksTimes { reserveTimes(rows.count) }
        var taken = 0
        while taken < rows.count {
          let block = min(KeySpace.blockCount, rows.count - taken)
          let count = applyBlock(
            taken..<taken + block, rows, input.times, input.completeTimes, columns, predicates, into: output, rowLimit: rowLimit)
          taken += count
          // The last of a block may have closed more windows than there was room for.
          if count < block || hasDueRows { break }
        }
        return taken
      }
    }
  }

  /// Folds the rows at `positions`, whose cache lines are fetched together; returns how many it took. Apart, so that the fold becomes one
  /// piece with this loop.
  @inline(never)
  private func applyBlock(
    _ positions: Range<Int>, _ rows: UnsafeBufferPointer<Int32>, _ times: UnsafePointer<Int64>,
    _ completeTimes: UnsafePointer<Int64>?,
    _ columns: UnsafeBufferPointer<UnsafePointer<ColumnValue>>,
    _ predicates: UnsafeBufferPointer<UnsafePointer<UInt8>>, into output: FeatureRowBatch, rowLimit: Int
  ) -> Int {
    for space in 0..<spaceCount {
      spacePointers[space]._withUnsafeGuaranteedRef {
        $0.warm(UnsafeBufferPointer(start: scratch.hashes(space) + positions.lowerBound, count: positions.count))
      }
    }
    lastTimedRow = -1
    for position in positions {
      let row = Int(rows[position])
      let time = times[row]
      if time >= emitAt, !emitDueChanges(at: time, into: output, rowLimit: rowLimit) { return position - positions.lowerBound }
      for space in 0..<spaceCount {
        // Not retained: the engine holds its spaces.
        spacePointers[space]._withUnsafeGuaranteedRef {
          fold(
            row, time: time, in: $0, key: scratch.keys(space)[position], hash: scratch.hashes(space)[position], columns: columns,
            predicates: predicates)
        }
      }
      var hasMoved = eventTime.watermark.advance(streamTimeTo: time)
      if let completeTimes, eventTime.watermark.advance(completeTo: completeTimes[row]) { hasMoved = true }
      if hasMoved, !serveDeadlines(into: output, rowLimit: rowLimit) {
        if !hasStarted { start(at: time) }
        return position - positions.lowerBound + 1
      }
      if !hasStarted { start(at: time) }
    }
    return positions.count
  }

  /// Moves event time without folding a record: for a partition that has been silent, and for records that do not count. False where
  /// `output` is full before all rows that this makes due are out; call again with the same time.
  @discardableResult
  public func advance(streamTimeTo time: Int64, into output: FeatureRowBatch, rowLimit: Int = .max) -> Bool {
    guard closeDueWindows(into: output, rowLimit: rowLimit) else { return false }
    if time >= emitAt, !emitDueChanges(at: time, into: output, rowLimit: rowLimit) { return false }
    return !eventTime.watermark.advance(streamTimeTo: time) || serveDeadlines(into: output, rowLimit: rowLimit)
  }

  /// Says through which event time all of several inputs have come. False where `output` is full before all rows that this makes due are out; call
  /// again with the same time.
  @discardableResult
  public func advance(completeTo time: Int64, into output: FeatureRowBatch, rowLimit: Int = .max) -> Bool {
    guard closeDueWindows(into: output, rowLimit: rowLimit) else { return false }
    return !eventTime.watermark.advance(completeTo: time) || serveDeadlines(into: output, rowLimit: rowLimit)
  }

  /// Takes over, with a saved state, through which event time all of several inputs had come. Windows that had closed by then have had their rows.
  public func restore(completeTime: Int64) { eventTime.watermark.advance(completeTo: completeTime) }

  /// Whether the watermark has closed windows whose rows did not all fit into the output.
  public var hasDueRows: Bool { eventTime.watermark.completeTime != .min && eventTime.watermark.value >= eventTime.nextClose }

  /// Goes on with the windows that the watermark has closed; false where `output` is full before the end.
  @discardableResult
  public func closeDueWindows(into output: FeatureRowBatch, rowLimit: Int = .max) -> Bool {
    !hasDueRows || closeWindows(through: eventTime.watermark.value, into: output, rowLimit: rowLimit)
  }

  /// The input has ended: gives what has changed, then closes every open window. False where `output` is full before the end.
  @discardableResult
  public func finish(into output: FeatureRowBatch, rowLimit: Int = .max) -> Bool {
    for view in 0..<plan.viewCount {
      guard drainChanges(ofView: view, asOf: eventTime.watermark.streamTime, into: output, rowLimit: rowLimit) else { return false }
    }
    return closeWindows(through: Watermark.endOfTime, into: output, rowLimit: rowLimit)
  }

  /// False where `output` is full before all windows have closed.
  @inline(__always)
  private func serveDeadlines(into output: FeatureRowBatch, rowLimit: Int) -> Bool {
    // Current values first: leaving panes make no rows, and closing windows may have to stop.
    if eventTime.watermark.streamTime >= eventTime.nextLeave { leavePanes() }
    guard eventTime.watermark.value >= eventTime.nextClose else { return true }
    return closeWindows(through: eventTime.watermark.value, into: output, rowLimit: rowLimit)
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

  /// False where `output` is full before all are out.
  private func emitDueChanges(at time: Int64, into output: FeatureRowBatch, rowLimit: Int) -> Bool {
    for view in 0..<plan.viewCount where emitTimes[view] <= time {
      guard holdsChanges || drainChanges(ofView: view, into: output, rowLimit: rowLimit) else { return false }
      emitTimes[view] = (floorDivide(time, emitEvery[view]) + 1) * emitEvery[view]
    }
    emitAt = emitTimes.min()!
    return true
  }

  /// Forgets the times in `foldedTimes`.
  public func clearFoldedTimes() { timeCount = 0 }

  private func reserveTimes(_ additional: Int) {
    guard timeCount + additional > timeCapacity else { return }
    timeCapacity = max(timeCount + additional, 2 * timeCapacity)
    let larger = UnsafeMutablePointer<Int64>.allocate(capacity: timeCapacity)
    larger.update(from: timesStart, count: timeCount)
    timesStart.deallocate()
    timesStart = larger
  }
}
