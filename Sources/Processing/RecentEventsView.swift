// Values computed inside a request: the elements of one list of recent events through the decoder, the conditions and the windows of the stream, with
// time at the request's, or at the newest event's where that is later. No I/O: whoever asks has read the list.
//
//   begin()   add(element) ...   compute(key, at: now) -> a row per view of the lane `rt`

import Base
import Features
import Records
import Windowing

/// The views of one entity over one source that are computed of its recent events. Belongs to one thread; serves one request after the other.
public final class RecentEventsView {
  /// What a computation found, and what it cost.
  public struct Reading: Sendable {
    /// Events that were folded.
    public var eventCount = 0
    /// Elements that are no events.
    public var malformedCount = 0
    /// Elements that stood there twice.
    public var duplicateCount = 0
    /// The least and the greatest event time; nil where there is no event.
    public var oldest: Int64?
    public var lastEvent: Int64?
    /// The time that the values are of.
    public var asOf: Int64 = .min
    public var nanoseconds: UInt64 = 0
    fileprivate var truncatedViews: UInt64 = 0

    /// Whether events that are no longer in the list may have been in a value of the view at `position` of `views`.
    public func isTruncated(_ position: Int) -> Bool { truncatedViews & 1 << UInt64(position) != 0 }
    public var isTruncated: Bool { truncatedViews != 0 }
  }

  public let list: RecentEventsList
  /// By index in `PipelineDefinition.views`; rows come in this order, one for each.
  public var views: [Int] { list.views }
  private let pipeline: PipelineDefinition
  private let plan: ProcessingPlan
  private let decoder: BatchDecoder
  private let finisher: RowFinisher
  private let batch = RecordBatch(slotCapacity: 64, byteCapacity: 1 << 14)
  /// Takes the rows of changes that nobody wants.
  private let discarded = FeatureRowBatch()
  private let clock: any Clock
  private let origins = RecentEventOrigins()
  /// Per view: how far behind the time of its values an event may lie, in ms; nil where any may.
  private let reaches: [Int64?]
  private let latenessMilliseconds: Int64

  private var elementCount = 0
  private var malformedCount = 0
  /// The event time of the first element of the list, whatever became of it.
  private var firstTime: Int64?
  private var counts = ProcessingCounts()

  /// - Parameters:
  ///   - source: Index into `PipelineDefinition.sources`.
  ///   - entity: Index into `PipelineDefinition.entities`; nil for `entity: all`.
  public init(
    _ pipeline: PipelineDefinition, source: Int, entity: Int?, clock: any Clock = SystemClock()
  ) throws(Failure) {
    guard let list = pipeline.recentEventsLists(ofSource: source).first(where: { $0.entity == entity }) else {
      let name = entity.map { "entity '\(pipeline.entities[$0].name)'" } ?? "entity: all"
      throw Failure(
        .badConfiguration,
        "no view of \(name) over source '\(pipeline.sources[source].name)' of pipeline '\(pipeline.name)' has the lane 'rt'")
    }
    self.list = list
    self.pipeline = pipeline
    self.clock = clock
    plan = try ProcessingPlan(pipeline, source: source, part: .recent(list))
    decoder = BatchDecoder(plan, sourceName: "recent events", isPartitioned: true, requiresRecordKey: false)
    finisher = RowFinisher(pipeline.views)
    reaches = list.views.map { view in
      let reaches = pipeline.views[view].aggregates.map(\.window.reachMilliseconds)
      return reaches.contains(nil) ? nil : reaches.compactMap(\.self).max()
    }
    latenessMilliseconds = pipeline.sources[source].latenessMilliseconds
  }

  /// The key of the list to read; `entityKey` is nil for `entity: all`.
  public func key(prefix: String, entityKey: String?) -> String {
    list.key(prefix: prefix, entityKey: entityKey, in: pipeline)
  }

  // MARK: - A request

  /// Begins a request.
  public func begin() {
    batch.removeAll()
    origins.removeAll()
    elementCount = 0
    malformedCount = 0
    firstTime = nil
  }

  /// Takes the next element of the list, oldest first. What is no event is counted.
  public func add(_ element: UnsafeBufferPointer<UInt8>) {
    elementCount += 1
    guard let event = RecentEventElement(element) else {
      malformedCount += 1
      return
    }
    if firstTime == nil { firstTime = event.time }
    batch.append(
      value: event.json, key: nil, timestamp: event.time, offset: event.offset, partition: origins.number(of: event.origin))
    origins.note(event.offset, of: batch.slots[batch.count - 1].partition)
  }

  /// Appends a row of each view of `views` to `output`, in their order, as of `now` or the newest event, whichever is later; `key` is nil for
  /// `entity: all`. Without any event the rows are what empty windows give.
  public func compute(key: UnsafeBufferPointer<UInt8>?, at now: Int64, into output: FeatureRowBatch) throws(Failure) -> Reading {
    let start = clock.monotonicNanoseconds
    var reading = Reading()
    if !origins.areInOrder { reading.duplicateCount = origins.putInOrder(batch) }
    for index in 0..<batch.count { batch.slots[index].partition = 0 }
    try decoder.decode(batch, counts: &counts)
    reading.malformedCount = malformedCount + decoder.rejections.count
    let engine = WindowEngine(plan.windows)
    for read in decoder.decodedPartitions where !read.rows.isEmpty {
      note(read.rows, in: &reading)
      decoder.withInput(of: read.rows) { _ = engine.apply($0, into: discarded) }
    }
    let range = Watermark.eventTimeRange
    reading.asOf = max(min(max(now, range.lowerBound), range.upperBound), reading.lastEvent ?? .min)
    engine.advance(streamTimeTo: reading.asOf, into: discarded)
    discarded.removeAll()
    appendRows(of: engine, key, asOf: reading.asOf, to: output)
    noteTruncation(in: &reading)
    reading.nanoseconds = clock.monotonicNanoseconds &- start
    return reading
  }

  /// The same for the elements of a whole list.
  public func compute(
    _ elements: [UnsafeBufferPointer<UInt8>], key: UnsafeBufferPointer<UInt8>?, at now: Int64, into output: FeatureRowBatch
  ) throws(Failure) -> Reading {
    begin()
    for element in elements { add(element) }
    return try compute(key: key, at: now, into: output)
  }

  private func note(_ rows: ContiguousArray<Int32>, in reading: inout Reading) {
    var oldest = Int64.max
    var newest = Int64.min
    for row in rows {
      let time = batch.slots[Int(row)].timestamp
      oldest = min(oldest, time)
      newest = max(newest, time)
    }
    reading.eventCount += rows.count
    reading.oldest = min(reading.oldest ?? .max, oldest)
    reading.lastEvent = max(reading.lastEvent ?? .min, newest)
  }

  private func appendRows(of engine: WindowEngine, _ key: UnsafeBufferPointer<UInt8>?, asOf: Int64, to output: FeatureRowBatch) {
    let first = output.rows.count
    let keyStart = output.bytes.count
    if let key { output.bytes.append(key) }
    for (position, view) in views.enumerated() {
      if !engine.appendRow(ofView: position, key: nil, asOf: asOf, to: output) {
        output.rows.append(
          FeatureRow(
            view: Int32(view), keyStart: 0, keyCount: -1, firstValue: UInt32(output.values.count), partition: 0,
            windowStart: .min, windowEnd: .min, asOf: asOf, lastEvent: .min))
        let count = pipeline.views[view].aggregates.count
        output.values.append(contentsOf: repeatElement(FeatureValue(kind: .missing), count: count))
      }
      guard let key else { continue }
      output.rows[output.rows.count - 1].keyStart = UInt32(keyStart)
      output.rows[output.rows.count - 1].keyCount = Int32(key.count)
    }
    finisher.finish(output, from: first)
  }

  /// A full list may have lost events. Those came before the first that it still has, so none of them is more than the lateness newer than that.
  private func noteTruncation(in reading: inout Reading) {
    guard elementCount >= list.eventCountMax, let firstTime else { return }
    for (position, reach) in reaches.enumerated() {
      guard let reach else {
        reading.truncatedViews |= 1 << UInt64(position)
        continue
      }
      if firstTime + latenessMilliseconds >= reading.asOf - reach { reading.truncatedViews |= 1 << UInt64(position) }
    }
  }
}
