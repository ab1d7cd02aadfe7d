// A worker on memory: records as lines of JSON, rows as dictionaries, a clock that moves by hand. No broker, no Redis, no sleep.

import Base
import Features
import Foundation
import Logging
import Processing
import Records
import Schema
import Synchronization
import Windowing

/// Plays a script: each step is one poll's result.
final class ScriptedSource: Source {
  enum Step {
    case records([(partition: PartitionIndex, offset: Offset, key: String?, value: String)])
    /// Records with the times that a log gives them, in ms since the epoch.
    case logged([LoggedRecord])
    case result(PollResult)
    /// Runs before the poll that follows.
    case act(() -> Void)
  }

  struct LoggedRecord {
    var partition: PartitionIndex = 0
    var offset: Offset
    var time: Int64
    var key: String?
    var value: String
  }

  let isBounded: Bool
  let name = "memory"
  private var steps: [Step]
  private(set) var commits: [[PartitionOffset]] = []
  private(set) var starts: [[PartitionOffset]] = []
  private(set) var isClosed = false

  init(_ steps: [Step], isBounded: Bool) {
    self.steps = steps
    self.isBounded = isBounded
  }

  /// The lines of one partition in batches, then the end of the input.
  convenience init(lines: [String], batchCount: Int) {
    let records = lines.enumerated().map {
      (partition: PartitionIndex(0), offset: Offset($0.offset), key: String?.none, value: $0.element)
    }
    let batches = stride(from: 0, to: records.count, by: batchCount).map {
      Step.records(Array(records[$0..<min($0 + batchCount, records.count)]))
    }
    self.init(batches + [.result(.endOfInput)], isBounded: true)
  }

  func poll(into batch: RecordBatch, maximumCount: Int, timeoutMilliseconds: Int) throws -> PollResult {
    batch.removeAll()
    while case .act(let body) = steps.first {
      steps.removeFirst()
      body()
    }
    guard !steps.isEmpty else { return .idle }
    switch steps.removeFirst() {
    case .records(let records):
      for record in records {
        append(
          LoggedRecord(partition: record.partition, offset: record.offset, time: 0, key: record.key, value: record.value), to: batch
        )
      }
      return .records
    case .logged(let records):
      for record in records { append(record, to: batch) }
      return .records
    case .result(let result): return result
    case .act: return .idle
    }
  }

  private func append(_ record: LoggedRecord, to batch: RecordBatch) {
    let value = Array(record.value.utf8)
    let key = record.key.map { Array($0.utf8) }
    value.withUnsafeBufferPointer { value in
      if let key {
        key.withUnsafeBufferPointer {
          batch.append(value: value, key: $0, timestamp: record.time, offset: record.offset, partition: record.partition)
        }
      } else {
        batch.append(value: value, key: nil, timestamp: record.time, offset: record.offset, partition: record.partition)
      }
    }
  }

  var isExhausted: Bool { steps.isEmpty }
  func start(_ partitions: [PartitionIndex], at positions: [PartitionOffset]) throws { starts.append(positions) }
  func commit(_ positions: [PartitionOffset], waits: Bool) throws {
    commits.append(positions.sorted { $0.partition < $1.partition })
  }
  func lag(of partition: PartitionIndex) -> Int64? { 0 }
  func close() throws { isClosed = true }
}

/// Keeps what was written; `onWrite` may fail.
final class MemoryStore: FeatureStore {
  struct Row: Hashable {
    var view: String
    var key: String?
    var start: Int64?
    var end: Int64?
    var asOf: Int64
    var values: [String: String]
  }

  let name = "memory"
  private let views: [StoredView]
  private(set) var rows: [Row] = []
  var onWrite: () throws -> Void = {}

  init(_ pipeline: PipelineDefinition) { views = pipeline.views.map { StoredView($0, entities: pipeline.entities) } }

  func write(_ batch: FeatureRowBatch, at positions: [FlushPosition]) throws -> [FenceRefusal] {
    try onWrite()
    for row in batch.rows {
      let view = views[Int(row.view)]
      var values: [String: String] = [:]
      for (index, name) in view.featureNames.enumerated() {
        let value = batch.values[Int(row.firstValue) + index]
        switch value.kind {
        case .missing, .null: values[name] = "null"
        case .bool: values[name] = value.bits != 0 ? "true" : "false"
        case .integer: values[name] = "\(Int64(bitPattern: value.bits))"
        case .double: values[name] = "\(Double(bitPattern: value.bits))"
        case .string, .composite: values[name] = String(decoding: batch.text(of: value), as: UTF8.self)
        }
      }
      rows.append(
        Row(
          view: view.name, key: batch.key(of: row).map { String(decoding: $0, as: UTF8.self) },
          start: row.isWindow ? row.windowStart : nil,
          end: row.isWindow ? row.windowEnd : nil, asOf: row.asOf, values: values))
    }
    return []
  }

  func close() throws {}

  /// The last row of each key of `view`.
  func current(_ view: String) -> [String: [String: String]] {
    rows.filter { $0.view == view }.reduce(into: [:]) { $0[$1.key ?? ""] = $1.values }
  }
}

/// Checkpoints in memory, by partition.
final class MemoryCheckpoints: CheckpointStore {
  private(set) var saved: [PartitionIndex: [UInt8]] = [:]

  init() {}

  /// A copy.
  init(_ other: MemoryCheckpoints) { saved = other.saved }

  func save(_ snapshot: UnsafeRawBufferPointer, of partition: PartitionIndex, under fence: Fence?) throws {
    saved[partition] = Array(snapshot)
  }

  func load(_ partition: PartitionIndex) throws -> ByteBuffer? {
    saved[partition].map { bytes in
      let buffer = ByteBuffer()
      bytes.withUnsafeBufferPointer { buffer.append($0) }
      return buffer
    }
  }
}

/// A pipeline of one source, in Swift.
func pipeline(
  _ views: [FeatureView], lateness: Int64 = 0, time: EventTimeSettings? = nil, idleTimeout: Int64? = nil,
  errorAction: ErrorAction = .skip,
  entityKey: String = "k", timeToLive: Int64? = nil
) -> PipelineDefinition {
  PipelineDefinition(
    name: "test",
    sources: [
      SourceDefinition(
        name: "events", kafka: nil, schema: nil,
        eventTime: time ?? EventTimeSettings(path: FieldPath(["ts"]), format: .epochMilliseconds), latenessMilliseconds: lateness,
        idleTimeoutMilliseconds: idleTimeout, errorAction: errorAction)
    ], entities: [FeatureEntity(name: "key", keyPath: FieldPath(dotted: entityKey)!, timeToLiveMilliseconds: timeToLive)],
    views: views,
    sink: nil, checkpoint: CheckpointSettings(everyMilliseconds: 10_000, store: .redis))
}

func view(_ name: String, _ trigger: Trigger, keyed: Bool = true, every: Int64 = 100, _ features: [FeatureDefinition])
  -> FeatureView
{
  FeatureView(
    name: name, entity: keyed ? 0 : nil, source: 0, emitEveryMilliseconds: every, trigger: trigger, predicate: nil,
    features: features)
}

func feature(
  _ name: String, _ function: AggregateFunction, _ field: String? = nil, where condition: String? = nil,
  window: WindowSpecification,
  defaultValue: Scalar? = nil
) -> FeatureDefinition {
  FeatureDefinition(
    name: name, function: function, field: field.map { FieldPath(dotted: $0)! },
    predicate: condition.map { try! ExpressionParser.parse($0) }, window: window, defaultValue: defaultValue)
}

struct WorkerRun {
  var store: MemoryStore
  var counts: ProcessingCounts
}

/// Runs a worker over `source` to its end.
@discardableResult
func runWorker(
  _ pipeline: PipelineDefinition, _ source: ScriptedSource, clock: ManualClock = ManualClock(),
  checkpoints: MemoryCheckpoints? = nil, checkpointStore: (any CheckpointStore)? = nil, sideOutputs: SideOutputs = SideOutputs(),
  settings: WorkerSettings = WorkerSettings(), store: MemoryStore? = nil
) throws -> WorkerRun {
  let store = store ?? MemoryStore(pipeline)
  let status = ProcessingStatus()
  let unbounded = !source.isBounded
  let polls = Mutex(0)
  nonisolated(unsafe) let script = source
  let worker = Worker(
    plan: try ProcessingPlan(pipeline, source: 0), source: source, store: store, checkpoints: checkpointStore ?? checkpoints,
    sideOutputs: sideOutputs,
    clock: clock,
    settings: settings,
    status: status, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
    isStopRequested: {
      guard unbounded else { return false }
      precondition(
        polls.withLock {
          $0 += 1; return $0
        } < 100_000, "the script does not end")
      return script.isExhausted
    })
  try worker.run()
  return WorkerRun(store: store, counts: status.current)
}
