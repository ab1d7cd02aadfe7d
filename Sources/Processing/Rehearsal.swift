// A worker on memory, driven step by step: records go in one by one, event time moves when it is told to, and the rows stand as a reader would
// see them. Decoder, windows, counts and the finishing of rows are the worker's own; only source, store and clock are not.

import Base
import Features
import Logging
import Records
import Windowing

public final class Rehearsal {
  /// What has been written.
  public let rows: MemoryRowStore
  /// The lists of recent events; nil where they are not kept.
  public let recentEvents: MemoryRecentEvents?
  private let worker: Worker
  private let source: MemorySource
  private let status: ProcessingStatus
  private let batch = RecordBatch(slotCapacity: 1, byteCapacity: 1 << 12)

  /// - Parameters:
  ///   - source: Index into `PipelineDefinition.sources`; all views over it run.
  ///   - keepsRecentEvents: Keep what the lane `rt` is computed of.
  public init(_ pipeline: PipelineDefinition, source index: Int, keepsRecentEvents: Bool = false) throws {
    // Tests state their records as JSON, whatever the source reads; fields and values are called alike.
    var pipeline = pipeline
    pipeline.sources[index].format = .json
    rows = MemoryRowStore(pipeline.views.map { StoredView($0, entities: pipeline.entities) })
    source = MemorySource()
    status = ProcessingStatus()
    let plan = try ProcessingPlan(
      pipeline, source: index, recentViewNames: keepsRecentEvents ? pipeline.viewNames(in: .rt) : [])
    recentEvents = keepsRecentEvents ? MemoryRecentEvents(plan.recentEventsLists, in: pipeline) : nil
    worker = Worker(
      plan: plan, source: source, store: rows, checkpoints: nil, recentEvents: recentEvents, clock: ManualClock(),
      settings: WorkerSettings(), status: status, logger: Logger(label: "freshet.rehearsal") { _ in SwiftLogNoOpLogHandler() },
      isStopRequested: { false })
    try worker.take([0])
  }

  public var counts: ProcessingCounts { status.current }

  /// The largest event time so far; nil before the first record.
  public var streamTime: Int64? {
    worker.partitions[0].flatMap { $0.engine.watermark.streamTime == .min ? nil : $0.engine.watermark.streamTime }
  }

  /// What a feature of one key is made of now; nil where nothing of the key is held.
  func finding(_ inquiry: Inquiry) -> InquiryAnswer.Finding? {
    worker.plan.place(of: inquiry).flatMap { worker.partitions[0]?.finding($0, key: inquiry.key, partition: 0) }
  }

  /// Applies one record.
  public func give(_ record: TestRecord) throws {
    source.next = record
    _ = try worker.step(batch)
    worker.publish()
  }

  /// Moves event time to `time` without a record, where it is not there yet.
  public func advance(streamTimeTo time: Int64) throws {
    try worker.advance(streamTimeTo: time)
    worker.publish()
  }

  /// Writes every row that has changed.
  public func emit() throws {
    try worker.emitAll()
    worker.publish()
  }

  /// The input ends: every window closes.
  public func finish() throws {
    _ = try worker.finish()
    worker.publish()
  }
}

extension Worker {
  /// Moves event time of all partitions without a record.
  func advance(streamTimeTo time: Int64) throws {
    for (index, state) in partitions {
      try writeInSteps(index, state) { state.engine.advance(streamTimeTo: time, into: $0, rowLimit: settings.rowLimit) }
    }
  }
}

/// Gives one record at a time, all of partition 0.
private final class MemorySource: Source {
  let isBounded = false
  let name = "the test"
  var next: TestRecord?
  private var offset: Offset = 0

  func poll(into batch: RecordBatch, maximumCount: Int, timeoutMilliseconds: Int) throws -> PollResult {
    batch.removeAll()
    guard let record = next else { return .idle }
    next = nil
    var value = record.value
    value.withUTF8 { value in
      if var key = record.key {
        key.withUTF8 { batch.append(value: value, key: $0, timestamp: record.timestamp ?? .min, offset: offset, partition: 0) }
      } else {
        batch.append(value: value, key: nil, timestamp: record.timestamp ?? .min, offset: offset, partition: 0)
      }
    }
    offset += 1
    return .records
  }

  func start(_ partitions: [PartitionIndex], at positions: [PartitionOffset]) throws {}
  func commit(_ positions: [PartitionOffset], waits: Bool) throws {}
  func lag(of partition: PartitionIndex) -> Int64? { nil }
  func close() throws {}
}
