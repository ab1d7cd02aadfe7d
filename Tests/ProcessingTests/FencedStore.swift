// A store with fences, and a log, in memory: what a worker needs to be killed and followed by another. Every call can fail on demand, before or
// after it has been heard, as a connection that breaks does.

import Base
import Features
import Foundation
import Logging
import Processing
import Records
import Synchronization

/// Rows by key, fences by partition, checkpoints; shared by all workers of a test, and by itself no store: see `FencedClient`.
final class FencedStore {
  struct Place: Hashable, Comparable {
    var view: String
    var key: String
    var start: Int64

    static func < (a: Self, b: Self) -> Bool { (a.view, a.key, a.start) < (b.view, b.key, b.start) }
  }

  struct Row: Equatable {
    var values: [String: String]
    /// The `rowOffset` of the flush that wrote it.
    var position: Offset
    var asOf: Int64
  }

  let views: [StoredView]
  var fences: [PartitionIndex: Fence] = [:]
  var rows: [Place: Row] = [:]
  var checkpoints: [PartitionIndex: [UInt8]] = [:]
  /// What went wrong with a row that a flush was about to write.
  var regressions: [String] = []
  /// A count that may never shrink; see `regressions`.
  var monotoneFeature: String?
  var sawIdleAdvance = false
  /// In words, one per call that was heard.
  var history: [String] = []

  init(_ pipeline: PipelineDefinition) { views = pipeline.views.map { StoredView($0, entities: pipeline.entities) } }

  /// The values alone.
  var values: [Place: [String: String]] { rows.mapValues(\.values) }

  func copy(_ pipeline: PipelineDefinition) -> FencedStore {
    let copy = FencedStore(pipeline)
    copy.fences = fences
    copy.rows = rows
    copy.checkpoints = checkpoints
    copy.monotoneFeature = monotoneFeature
    return copy
  }

  func put(_ row: FeatureRow, of batch: FeatureRowBatch, at position: Offset) {
    let view = views[Int(row.view)]
    let place = Place(
      view: view.name, key: batch.key(of: row).map { String(decoding: $0, as: UTF8.self) } ?? "", start: row.windowStart)
    var values: [String: String] = [:]
    for (index, name) in view.featureNames.enumerated() { values[name] = batch.plainText(row, index) }
    if let old = rows[place] {
      if position < old.position { regressions.append("\(place): position \(old.position) -> \(position)") }
      if row.asOf < old.asOf { regressions.append("\(place): as of \(old.asOf) -> \(row.asOf)") }
      if let name = monotoneFeature, let before = old.values[name].flatMap({ Int($0) }),
        let after = values[name].flatMap({ Int($0) }),
        after < before
      {
        regressions.append("\(place): \(name) \(before) -> \(after)")
      }
    }
    rows[place] = Row(values: values, position: position, asOf: row.asOf)
  }
}

extension FeatureRowBatch {
  /// A value of a row as plain text.
  func plainText(_ row: FeatureRow, _ index: Int) -> String {
    let value = values[Int(row.firstValue) + index]
    return switch value.kind {
    case .missing, .null: "null"
    case .bool: value.bits != 0 ? "true" : "false"
    case .integer: "\(Int64(bitPattern: value.bits))"
    case .double: "\(Double(bitPattern: value.bits))"
    case .string, .composite: String(decoding: text(of: value), as: UTF8.self)
    }
  }
}

/// What befalls a call of a store.
enum Fault: Equatable {
  /// The connection breaks before the call is heard, or after.
  case unheard, unanswered
  /// The worker dies before the call is heard, or after; nothing it does from then on is heard.
  case crashBefore, crashAfter
}

/// The end of a worker in a test.
struct Crash: Error {}

/// One worker's way to the store: its rows, its claims and its checkpoints. Every call is an event that can be told apart by its number.
final class FencedClient: FeatureStore, CheckpointStore {
  let name = "memory"
  let store: FencedStore
  /// By number of call, from 0.
  var faults: [Int: Fault] = [:]
  /// Calls while this holds fail unheard.
  var isUnreachable: () -> Bool = { false }
  private(set) var callCount = 0
  private(set) var isDead = false
  private var mine: [PartitionIndex: (generation: Int64, confirmed: Offset?)] = [:]
  /// Rows per atomic step.
  var chunkRowCount = 2

  init(_ store: FencedStore) { self.store = store }

  private func call<Result>(_ what: String, _ body: () throws -> Result) throws -> Result {
    if isDead { throw Crash() }
    defer { callCount += 1 }
    if isUnreachable() { throw Failure(.unavailable, "the store is gone", isRetryable: true) }
    switch faults[callCount] {
    case .unheard: throw Failure(.unavailable, "the connection broke", isRetryable: true)
    case .crashBefore:
      isDead = true
      throw Crash()
    case .unanswered:
      _ = try body()
      store.history.append("\(what) (unanswered)")
      throw Failure(.unavailable, "the connection broke", isRetryable: true)
    case .crashAfter:
      _ = try body()
      isDead = true
      throw Crash()
    case nil:
      let result = try body()
      store.history.append(what)
      return result
    }
  }

  func claim(_ partition: PartitionIndex, as owner: FenceOwner) throws -> Fence? {
    try call("claim \(partition)") {
      var fence = store.fences[partition] ?? Fence(generation: 0, owner: owner, partitionCount: owner.partitionCount)
      fence.previousOwner = fence.generation == 0 ? nil : fence.owner.name
      fence.generation += 1
      fence.owner = owner
      store.fences[partition] = fence
      mine[partition] = (fence.generation, fence.nextOffset)
      return fence
    }
  }

  func startAfresh(_ partition: PartitionIndex, as owner: FenceOwner) throws {
    try call("start \(partition) afresh") {
      store.fences[partition]!.nextOffset = nil
      store.fences[partition]!.flushingTo = nil
      store.fences[partition]!.idleAdvances = []
      store.fences[partition]!.partitionCount = owner.partitionCount
      mine[partition]!.confirmed = nil
      for place in store.rows.keys { store.rows[place]!.position = .min }
      for place in store.rows.keys { store.rows[place]!.asOf = .min }
      for place in store.rows.keys { store.rows[place]!.values = [:] }
    }
  }

  func write(_ rows: FeatureRowBatch, at positions: [FlushPosition]) throws -> [FenceRefusal] {
    var refusals: [FenceRefusal] = []
    for position in positions {
      let own = rows.rows.filter { $0.partition == position.partition }
      var first = 0
      repeat {
        let last = min(first + chunkRowCount, own.count)
        let refusal = try call("write \(position.partition): \(last - first) rows to \(position.nextOffset)") {
          step(Array(own[first..<last]), of: rows, position, isLast: last == own.count)
        }
        if let refusal {
          refusals.append(FenceRefusal(partition: position.partition, reason: refusal))
          break
        }
        first = last
      } while first < own.count
    }
    return refusals
  }

  private func step(
    _ part: [FeatureRow], of rows: FeatureRowBatch, _ position: FlushPosition, isLast: Bool
  ) -> FenceRefusal.Reason? {
    guard var fence = store.fences[position.partition] else { return .missing }
    let held = mine[position.partition]!
    guard fence.generation == held.generation else { return .overtaken(by: fence.owner.name) }
    if let confirmed = held.confirmed, fence.nextOffset ?? .min < confirmed { return .wentBack(to: fence.nextOffset) }
    fence.flushingTo = max(position.flushingTo, fence.flushingTo ?? position.flushingTo)
    fence.idleAdvances = position.idleAdvances
    if !position.idleAdvances.isEmpty { store.sawIdleAdvance = true }
    for row in part { store.put(row, of: rows, at: position.rowOffset) }
    if isLast {
      fence.nextOffset = max(position.nextOffset, fence.nextOffset ?? position.nextOffset)
      fence.watermark = position.watermark
    }
    store.fences[position.partition] = fence
    if isLast { mine[position.partition]!.confirmed = fence.nextOffset }
    return nil
  }

  func release(_ partition: PartitionIndex) { mine[partition] = nil }
  func close() throws {}

  func save(_ snapshot: UnsafeRawBufferPointer, of partition: PartitionIndex, under fence: Fence?) throws {
    let bytes = Array(snapshot)
    try call("save \(partition)") {
      guard store.fences[partition]?.owner.token == fence?.owner.token else { throw CheckpointOvertaken(partition: partition) }
      store.checkpoints[partition] = bytes
    }
  }

  func load(_ partition: PartitionIndex) throws -> ByteBuffer? {
    try call("load \(partition)") {
      store.checkpoints[partition].map { bytes in
        let buffer = ByteBuffer()
        bytes.withUnsafeBufferPointer { buffer.append($0) }
        return buffer
      }
    }
  }
}

/// A topic in memory, read by one worker from where it is told to. Time passes with every poll that waits.
final class LogSource: Source {
  typealias Record = (partition: PartitionIndex, offset: Offset, key: String, value: String)

  let isBounded = false
  let name = "memory"
  private let log: [Record]
  private let clock: ManualClock
  private var positions: [PartitionIndex: Offset] = [:]
  private var events: [PollResult]
  private var isPaused = false
  private var started: Set<PartitionIndex> = []
  /// Records per poll.
  var batchCount = 3
  /// How long a poll takes that brings records, in ms.
  var pollMilliseconds: Int64 = 7
  /// Whether this poll finds nothing, as if the next record had not been produced yet.
  var silence: (LogSource) -> Bool = { _ in false }
  /// Runs before each poll.
  var beforePoll: (LogSource) -> Void = { _ in }
  private(set) var pollCount = 0
  private(set) var starts: [PartitionOffset] = []
  private(set) var commits: [PartitionOffset] = []
  private(set) var pauses: [Bool] = []

  init(_ log: [Record], partitions: [PartitionIndex] = [0], clock: ManualClock) {
    self.log = log
    self.clock = clock
    events = [.assigned(partitions)]
  }

  /// Has a later poll say this.
  func announce(_ event: PollResult) { events.append(event) }

  func poll(into batch: RecordBatch, maximumCount: Int, timeoutMilliseconds: Int) throws -> PollResult {
    beforePoll(self)
    pollCount += 1
    precondition(pollCount < 100_000, "the test does not end")
    batch.removeAll()
    if !events.isEmpty {
      let event = events.removeFirst()
      switch event {
      case .revoked(let gone), .lost(let gone):
        for index in gone { positions[index] = nil }
        started.subtract(gone)
      default: break
      }
      return event
    }
    if !isPaused, !silence(self) {
      for record in log where batch.count < batchCount {
        guard let position = positions[record.partition], record.offset >= position else { continue }
        Array(record.value.utf8).withUnsafeBufferPointer { value in
          Array(record.key.utf8).withUnsafeBufferPointer {
            batch.append(value: value, key: $0, timestamp: 0, offset: record.offset, partition: record.partition)
          }
        }
        positions[record.partition] = record.offset + 1
      }
      if batch.count > 0 {
        clock.advance(by: pollMilliseconds)
        return .records
      }
    }
    clock.advance(by: Int64(timeoutMilliseconds))
    return .idle
  }

  func start(_ partitions: [PartitionIndex], at positions: [PartitionOffset]) throws {
    starts += positions
    for index in partitions {
      let offset = positions.first { $0.partition == index }?.offset
      if offset == nil, started.contains(index) { continue }
      self.positions[index] = max(offset ?? 0, 0)
    }
    started.formUnion(partitions)
  }

  func commit(_ positions: [PartitionOffset], waits: Bool) throws { commits += positions }
  func lag(of partition: PartitionIndex) -> Int64? { nil }
  func isSilent(_ partition: PartitionIndex) -> Bool { !isPaused && (silence(self) || isAtEnd(partition)) }

  private func isAtEnd(_ partition: PartitionIndex) -> Bool {
    guard let position = positions[partition] else { return true }
    return !log.contains { $0.partition == partition && $0.offset >= position }
  }

  /// Whether all records of the partitions that are being read have been given.
  var isAtEnd: Bool { events.isEmpty && started.allSatisfy { isAtEnd($0) } }

  func setPaused(_ isPaused: Bool) throws {
    self.isPaused = isPaused
    pauses.append(isPaused)
  }

  func close() throws {}
}

/// Takes down what a worker says.
final class LogLines: Sendable {
  private let lines = Mutex<[String]>([])

  var all: [String] { lines.withLock { $0 } }

  var logger: Logger {
    Logger(label: "test") { _ in LineHandler(lines: self) }
  }

  fileprivate func append(_ line: String) { lines.withLock { $0.append(line) } }

  private struct LineHandler: LogHandler {
    let lines: LogLines
    var logLevel = Logger.Level.info
    var metadata: Logger.Metadata = [:]

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
      get { metadata[key] }
      set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
      let details = (event.metadata ?? [:]).sorted { $0.key < $1.key }.map { " \($0.key)=\($0.value)" }.joined()
      lines.append("\(event.level): \(event.message)\(details)")
    }
  }
}

/// One life of a worker over a log; ends when `isOver` says so, by a crash, or by a failure.
struct Life {
  var counts: ProcessingCounts
  var error: (any Error)?
  var lines: [String]

  var failure: Failure? { error as? Failure }
}

func live(
  _ pipeline: PipelineDefinition, _ source: LogSource, _ client: FencedClient, clock: ManualClock,
  checkpoints: (any CheckpointStore)? = nil, settings: WorkerSettings = WorkerSettings(), until isOver: @escaping () -> Bool
) throws -> Life {
  let status = ProcessingStatus()
  let lines = LogLines()
  var settings = settings
  settings.seed = settings.seed ?? 7
  settings.ownerName = "here:1"
  nonisolated(unsafe) let isOver = isOver
  let worker = Worker(
    plan: try ProcessingPlan(pipeline, source: 0), source: source, store: client, checkpoints: checkpoints ?? client, clock: clock,
    settings: settings, status: status, logger: lines.logger, isStopRequested: { isOver() })
  do {
    try worker.run()
    return Life(counts: status.current, error: nil, lines: lines.all)
  } catch {
    return Life(counts: status.current, error: error, lines: lines.all)
  }
}
