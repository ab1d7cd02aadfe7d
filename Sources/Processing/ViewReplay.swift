// Records of one partition through the windows of a source's views, off the stream: no thread, no store, no checkpoints. Batch runs, training sets and
// values that are computed inside a request all come from here, so that a definition means the same in each lane: decoder, conditions, copies,
// windows and the finishing of rows are those of the worker.
//
//   decode(batch) -> recordCount records, in order, each with its time
//   apply(through: n)      folds those before n that have not been folded yet
//   advance(to: t)         moves event time without a record
//   appendRow / drain      what a reader of the store would see now

import Base
import Features
import Records
import Windowing

/// Belongs to one thread, and to one partition.
public final class ViewReplay {
  /// The views that are computed, by index in `PipelineDefinition.views`; what `position` means below is an index into these.
  public let views: [Int]
  private let plan: ProcessingPlan
  private let decoder: BatchDecoder
  private let engine: WindowEngine
  private let deduplicator: Deduplicator?
  private let deduplicated = DeduplicatedRows()
  private let finisher: RowFinisher
  /// Per view of the pipeline: which of its aggregates count, and so are 0 over nothing, and how long its keys live.
  private let emptiness: [(counts: [Bool], timeToLive: Int64?)]
  private let partition: PartitionIndex
  /// Takes the rows of changes that nobody wants.
  private let discarded = FeatureRowBatch()
  /// The usable records of the last batch, as rows of it; those before `appliedCount` have been folded.
  private var rows: ContiguousArray<Int32> = []
  private var appliedCount = 0
  private var counts = ProcessingCounts()

  /// - Parameters:
  ///   - source: Index into `PipelineDefinition.sources`.
  ///   - viewNames: Only these views over it; nil for all.
  ///   - sourceName: Where the records come from, for messages.
  public init(
    _ pipeline: PipelineDefinition, source: Int, viewNames: Set<String>? = nil, partition: PartitionIndex = 0, sourceName: String
  ) throws(Failure) {
    plan = try ProcessingPlan(pipeline, source: source, viewNames: viewNames)
    views = plan.views
    self.partition = partition
    decoder = BatchDecoder(plan, sourceName: sourceName, isPartitioned: true, requiresRecordKey: false)
    engine = WindowEngine(plan.windows)
    deduplicator = plan.deduplication.map { Deduplicator($0) }
    finisher = RowFinisher(pipeline.views)
    emptiness = pipeline.views.map { view in
      (
        view.aggregates.map { [.count, .distinct, .approxDistinct].contains($0.function) },
        view.entity.flatMap { pipeline.entities[$0].timeToLiveMilliseconds }
      )
    }
  }

  // MARK: Records

  /// Records that were given, and bytes of them.
  public var givenCount: (records: Int64, bytes: Int64) { (counts.records, counts.byteCount) }

  /// Records that could not be read, or have no event time, by reason.
  public private(set) var rejectedCounts: [RejectionReason: Int64] = [:]

  /// Records that were copies, and that `dedup` found no key in.
  public private(set) var duplicateCount: Int64 = 0

  /// Takes the records of a batch, all of which belong to the partition, in their order; it must not be filled again before they have been applied.
  ///
  /// - Parameter lastTime: Records with a later event time are passed over, as if they were not there.
  public func decode(_ batch: RecordBatch, through lastTime: Int64 = .max) throws(Failure) {
    precondition(appliedCount == rows.count, "records of the last batch have not been applied")
    try decoder.decode(batch, counts: &counts)
    for rejection in decoder.rejections { rejectedCounts[rejection.reason, default: 0] += 1 }
    rows.removeAll(keepingCapacity: true)
    decoder.appendRows(through: lastTime, to: &rows)
    appliedCount = 0
  }

  /// The usable records of the last batch.
  public var recordCount: Int { rows.count }

  /// The row in the batch of the usable record `index`.
  public func row(of index: Int) -> Int { Int(rows[index]) }

  /// The event times of the usable records of the last batch: `body` gets them by row of the batch.
  public func withTimes(_ body: (UnsafePointer<Int64>) -> Void) { decoder.withTimes(body) }

  /// Folds the usable records before `end` that have not been folded yet.
  public func apply(through end: Int) {
    precondition(end <= rows.count, "there are not so many records")
    guard end > appliedCount else { return }
    let part = ContiguousArray(rows[appliedCount..<end])
    appliedCount = end
    guard let deduplicator else { return decoder.withInput(of: part) { fold($0) } }
    part.withUnsafeBufferPointer { rows in
      decoder.withTimes { times in
        deduplicator.apply(rows, times: times, keys: decoder.column(deduplicator.settings.column), into: deduplicated)
      }
    }
    duplicateCount += Int64(deduplicated.duplicates.count + deduplicated.keyless.count)
    decoder.withInput(of: deduplicated.kept) { input in
      var position = 0
      for move in deduplicated.moves {
        fold(input, position..<move.position)
        position = max(position, move.position)
        engine.advance(streamTimeTo: move.time, into: discarded)
      }
      fold(input, position..<input.rows.count)
    }
    engine.clearRefusals()
  }

  private func fold(_ input: WindowInput, _ range: Range<Int>) {
    guard !range.isEmpty else { return }
    var part = input
    part.rows = UnsafeBufferPointer(rebasing: input.rows[range])
    fold(part)
  }

  private func fold(_ input: WindowInput) {
    var taken = 0
    while taken < input.rows.count || engine.hasDueRows {
      taken += engine.apply(input, from: taken, into: discarded, rowLimit: Self.discardLimit)
      discarded.removeAll()
    }
    engine.clearRefusals()
  }

  private static let discardLimit = 16_384

  // MARK: Time

  /// The greatest event time so far; `Int64.min` before the first.
  public var streamTime: Int64 { engine.watermark.streamTime }

  /// Through which event time values are complete; `Int64.min` before the first record.
  public var watermark: Int64 { engine.watermark.value }

  /// Moves event time to `time` without a record, where it is not there yet.
  public func advance(to time: Int64) {
    while !engine.advance(streamTimeTo: time, into: discarded, rowLimit: Self.discardLimit) { discarded.removeAll() }
    discarded.removeAll()
  }

  /// Bytes of state.
  public var stateByteCount: Int { engine.stateByteCount }
  public var keyCount: Int { engine.keyCount }

  // MARK: Rows

  /// Appends rows of the `change` view at `position` for these keys, defaults and derived features included, each complete through `asOf`; of keys
  /// that nothing is held of, what an empty window gives. Returns for each key whether something was. A nil key is that of `entity: all`.
  ///
  /// - Parameter emptyIsNothing: Take rows of which every aggregate is what an empty window gives for those of keys that nothing is held of.
  @discardableResult
  public func appendRows(
    ofView position: Int, keys: [[UInt8]?], asOf: Int64, emptyIsNothing: Bool = false, to output: FeatureRowBatch
  ) -> [Bool] {
    let first = output.rows.count
    let found = keys.map { key in
      var isHeld =
        key.map { $0.withUnsafeBufferPointer { engine.appendRow(ofView: position, key: $0, asOf: asOf, to: output) } }
        ?? engine.appendRow(ofView: position, key: nil, asOf: asOf, to: output)
      if isHeld, emptyIsNothing, let row = output.rows.last, isEmpty(row, output) {
        output.rows.removeLast()
        isHeld = false
      }
      if !isHeld { appendEmptyRow(ofView: position, key: key, asOf: asOf, to: output) }
      return isHeld
    }
    finish(output, from: first)
    return found
  }

  private func appendEmptyRow(
    ofView position: Int, key: [UInt8]?, asOf: Int64, countsAreZero: Bool = false, to output: FeatureRowBatch
  ) {
    let start = output.bytes.count
    if let key { key.withUnsafeBufferPointer { output.bytes.append($0) } }
    output.rows.append(
      FeatureRow(
        view: Int32(views[position]), keyStart: UInt32(start), keyCount: key.map { Int32($0.count) } ?? -1,
        firstValue: UInt32(output.values.count), partition: partition, windowStart: .min, windowEnd: .min, asOf: asOf,
        lastEvent: .min))
    for isCount in emptiness[views[position]].counts {
      output.values.append(FeatureValue(kind: countsAreZero && isCount ? .integer : .missing))
    }
  }

  /// Appends the row of a key of which nothing is held any more, as a store still shows it: that of empty windows, whose counts are 0.
  public func appendEmptiedRow(ofView position: Int, key: [UInt8]?, asOf: Int64, to output: FeatureRowBatch) {
    let first = output.rows.count
    appendEmptyRow(ofView: position, key: key, asOf: asOf, countsAreZero: true, to: output)
    finish(output, from: first)
  }

  /// Appends the current rows of all keys of the `change` view at `position` that may have changed since the last call, complete through
  /// `asOf`; of a replay that was never drained: of all keys. False where `output` holds `rowLimit` rows before all are out; the next call
  /// goes on.
  ///
  /// - Parameter dropsEmpty: Leave out rows of which every aggregate is what an empty window gives, and those that have outlived their time.
  public func drain(
    view position: Int, asOf: Int64, into output: FeatureRowBatch, rowLimit: Int, dropsEmpty: Bool = false
  ) -> Bool {
    let first = output.rows.count
    let isDone = engine.drainChanges(ofView: position, asOf: asOf, into: output, rowLimit: rowLimit)
    if dropsEmpty { dropEmptyRows(of: output, from: first) }
    finish(output, from: first)
    return isDone
  }

  private func dropEmptyRows(of output: FeatureRowBatch, from first: Int) {
    var kept = first
    for index in first..<output.rows.count where !isEmpty(output.rows[index], output) {
      output.rows[kept] = output.rows[index]
      kept += 1
    }
    output.rows.removeLast(output.rows.count - kept)
  }

  private func isEmpty(_ row: FeatureRow, _ output: FeatureRowBatch) -> Bool {
    let shape = emptiness[Int(row.view)]
    if let timeToLive = shape.timeToLive, row.lastEvent != .min, row.lastEvent + timeToLive <= streamTime { return true }
    for (index, isCount) in shape.counts.enumerated() {
      let value = output.values[Int(row.firstValue) + index]
      guard value.kind == .missing || isCount && value.kind == .integer && value.bits == 0 else { return false }
    }
    return true
  }

  /// Forgets which keys have changed, so that those of which nothing is left can go. For replays that are asked for single keys.
  public func discardChanges() {
    for position in views.indices {
      while !engine.drainChanges(ofView: position, into: discarded, rowLimit: Self.discardLimit) { discarded.removeAll() }
      discarded.removeAll()
    }
  }

  private func finish(_ output: FeatureRowBatch, from first: Int) {
    for index in first..<output.rows.count { output.rows[index].partition = partition }
    finisher.finish(output, from: first)
  }
}
