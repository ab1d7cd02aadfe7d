// Repartitioned views on memory: workers over a source that send, an internal topic that is an array, workers over it that receive.

import Base
import Features
import Logging
import Processing
import Records
import Schema
import Synchronization

/// One record of an internal topic, as it lies there.
struct SentRecord: Equatable {
  var origin: RecordOrigin
  var entityKey: String?
  var value: String
  var key: String?
  var headers: [String] = []
  var isTombstone = false
}

/// The internal topics of a source.
final class MemoryTopics: RepartitionOutput {
  let name = "memory"
  let partitionCount: Int
  /// By topic, then by partition.
  private(set) var topics: [[[SentRecord]]]
  private(set) var confirmations = 0
  private(set) var isClosed = false
  /// Called before a confirmation, which it may make fail.
  var onConfirm: () throws -> Void = {}

  init(topicCount: Int = 1, partitionCount: Int) {
    self.partitionCount = topicCount * partitionCount
    topics = Array(repeating: Array(repeating: [], count: partitionCount), count: topicCount)
  }

  func write(_ record: RepartitionedRecord, to topic: Int) throws {
    let count = Int32(topics[topic].count)
    let partition =
      record.entityKey.map { key in
        let bytes = Array(key) + [0]
        return bytes.withUnsafeBufferPointer {
          Hash.kafkaPartition(ofKey: $0.baseAddress!, count: key.count, partitionCount: count)
        }
      } ?? record.origin.partition % count
    func text(_ bytes: UnsafeBufferPointer<UInt8>) -> String { String(decoding: bytes, as: UTF8.self) }
    topics[topic][Int(partition)].append(
      SentRecord(
        origin: record.origin, entityKey: record.entityKey.map(text), value: text(record.value), key: record.key.map(text),
        headers: record.headers.map { "\(text($0.name))=\($0.value.map(text) ?? "null")" }, isTombstone: record.isTombstone))
  }

  func write(marker: RecordOrigin) throws {
    for topic in topics.indices {
      for partition in topics[topic].indices { topics[topic][partition].append(SentRecord(origin: marker, value: "")) }
    }
  }

  func confirm() throws {
    try onConfirm()
    confirmations += 1
  }

  func close() throws { isClosed = true }

  /// All records of a topic, without markers.
  func records(of topic: Int = 0) -> [SentRecord] { topics[topic].flatMap { $0 }.filter { !$0.origin.isMarker } }
}

/// Reads an internal topic as Kafka would give it, `batchCount` records of a partition at a time.
final class MemoryTopicSource: Source {
  let isBounded = false
  let name = "internal"
  private var partitions: [[SentRecord]]
  private var positions: [Int]
  private let batchCount: Int
  private var isAssigned = false
  private var turn = 0
  private(set) var starts: [PartitionOffset] = []

  init(_ partitions: [[SentRecord]], batchCount: Int = 3) {
    self.partitions = partitions
    self.batchCount = batchCount
    positions = partitions.map { _ in 0 }
  }

  var isExhausted: Bool { isAssigned && zip(positions, partitions).allSatisfy { $0 == $1.count } }

  func poll(into batch: RecordBatch, maximumCount: Int, timeoutMilliseconds: Int) throws -> PollResult {
    batch.removeAll()
    guard isAssigned else {
      isAssigned = true
      return .assigned(partitions.indices.map { PartitionIndex($0) })
    }
    for _ in partitions.indices {
      turn = (turn + 1) % partitions.count
      guard positions[turn] < partitions[turn].count else { continue }
      let end = min(positions[turn] + batchCount, partitions[turn].count)
      for offset in positions[turn]..<end { append(partitions[turn][offset], at: offset, of: turn, to: batch) }
      positions[turn] = end
      return .records
    }
    return .idle
  }

  private func append(_ record: SentRecord, at offset: Int, of partition: Int, to batch: RecordBatch) {
    let row = batch.count
    func withBytes(_ text: String?, _ body: (UnsafeBufferPointer<UInt8>?) -> Void) {
      guard let text else { return body(nil) }
      Array(text.utf8).withUnsafeBufferPointer { body($0) }
    }
    withBytes(record.value) { value in
      withBytes(record.entityKey) { key in
        // The time is that of sending, which nothing may depend on.
        batch.append(value: value!, key: key, timestamp: 1, offset: Offset(offset), partition: PartitionIndex(partition))
      }
    }
    if record.isTombstone { batch.slots[row].marks = .tombstone }
    let scratch = UnsafeMutablePointer<UInt8>.allocate(capacity: RecordOrigin.textByteCountMax)
    defer { scratch.deallocate() }
    let origin = UnsafeBufferPointer(start: UnsafePointer(scratch), count: record.origin.writeOrigin(to: scratch))
    batch.appendHeader(name: RecordOrigin.originHeader, value: origin, toRecord: row)
    if record.origin.isMarker {
      withBytes(record.origin.markerText) { batch.appendHeader(name: RecordOrigin.markerHeader, value: $0, toRecord: row) }
    } else {
      withBytes(record.key) { batch.appendHeader(name: RecordOrigin.keyHeader, value: $0, toRecord: row) }
    }
    for header in record.headers {
      let parts = header.split(separator: "=", maxSplits: 1).map(String.init)
      withBytes(parts[1]) { batch.appendHeader(name: parts[0], value: $0, toRecord: row) }
    }
  }

  func start(_ partitions: [PartitionIndex], at positions: [PartitionOffset]) throws {
    starts += positions
    for position in positions { self.positions[Int(position.partition)] = Int(position.offset) }
  }

  func commit(_ positions: [PartitionOffset], waits: Bool) throws {}
  func lag(of partition: PartitionIndex) -> Int64? { 0 }
  func close() throws {}
}

private let silent = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

/// Runs a worker over `source` that sends records of its views on.
@discardableResult
func runSender(
  _ pipeline: PipelineDefinition, _ source: ScriptedSource, _ topics: MemoryTopics, partitionCount: Int,
  clock: ManualClock = ManualClock(), checkpoints: MemoryCheckpoints? = nil, settings: WorkerSettings = WorkerSettings()
) throws -> WorkerRun {
  let repartitionings = pipeline.repartitionings(ofSource: 0, partitionCount: partitionCount)
  let store = MemoryStore(pipeline)
  let status = ProcessingStatus()
  nonisolated(unsafe) let script = source
  let worker = Worker(
    plan: try ProcessingPlan(pipeline, source: 0, part: .sending(repartitionings)), source: source, store: store,
    checkpoints: checkpoints, sender: RepartitionSender(topics, sourcePartitionCount: partitionCount), clock: clock,
    settings: settings, status: status, logger: silent, isStopRequested: { script.isExhausted })
  try worker.run()
  return WorkerRun(store: store, counts: status.current)
}

/// Runs a worker over the partitions of an internal topic.
@discardableResult
func runReceiver(
  _ pipeline: PipelineDefinition, _ partitions: [[SentRecord]], repartitioning: Int = 0, batchCount: Int = 3,
  checkpoints: MemoryCheckpoints? = nil, store: MemoryStore? = nil, sideOutputs: SideOutputs = SideOutputs()
) throws -> WorkerRun {
  let part = pipeline.repartitionings(ofSource: 0, partitionCount: 2)[repartitioning]
  let store = store ?? MemoryStore(pipeline)
  let status = ProcessingStatus()
  nonisolated(unsafe) let source = MemoryTopicSource(partitions, batchCount: batchCount)
  let worker = Worker(
    plan: try ProcessingPlan(pipeline, source: 0, part: .receiving(part)), source: RepartitionedSource(source, of: "events"),
    store: store, checkpoints: checkpoints, sideOutputs: sideOutputs, clock: ManualClock(), settings: WorkerSettings(),
    status: status, logger: silent, isStopRequested: { source.isExhausted })
  try worker.run()
  return WorkerRun(store: store, counts: status.current)
}
