// What Redis must hold in the end: the rows of a worker that reads every partition once, from its first record to its last, with no fault and
// no other worker. Where idle time moved event time, it is moved at the same places.

import Base
import Features
import Logging
import Records
import RedisStore
import Schema

@testable import Processing

struct Oracle {
  /// By key: the fields that are a function of the records alone.
  private(set) var rows: [String: [String: String]] = [:]

  init(_ scenario: Scenario, _ idleAdvances: [PartitionIndex: [IdleAdvance]]) throws {
    let database = SimulatedDatabase(now: { World.epoch })
    let connection = try RedisConnection(RedisAddress(endpoint: .unix(path: "/oracle")), transport: DirectTransport(database))
    for (partition, records) in scenario.partitions.enumerated() {
      let store = RedisFeatureStore(
        connection, prefix: Scenario.prefix,
        views: scenario.pipeline.views.map { StoredView($0, entities: scenario.pipeline.entities) },
        clock: ManualClock(World.epoch))
      try Self.play(scenario, PartitionIndex(partition), records, idleAdvances[PartitionIndex(partition)] ?? [], store)
    }
    rows = Self.rows(database, scenario)
  }

  /// The rows that a database holds, without what depends on when they were written.
  static func rows(_ database: SimulatedDatabase, _ scenario: Scenario) -> [String: [String: String]] {
    let current = scenario.pipeline.views.filter { $0.trigger == .change }.map { "\(Scenario.prefix):\($0.name):" }
    var rows: [String: [String: String]] = [:]
    for key in database.contents.keys where !key.hasPrefix(Watcher.controlStart) {
      guard var fields = database.hash(key)?.texts else { continue }
      fields["_written_at"] = nil
      fields["_position"] = nil
      if current.contains(where: { key.hasPrefix($0) }) {
        // How far event time, and the key, had come when a value last changed.
        fields["_as_of"] = nil
        fields["_last_event"] = nil
        // Whether a value was ever seen before it left the window is a matter of when it was looked at.
        if fields == Scenario.emptyRecentRow { continue }
      }
      rows[key] = fields
    }
    return rows
  }

  private static func play(
    _ scenario: Scenario, _ partition: PartitionIndex, _ records: [LogRecord], _ idleAdvances: [IdleAdvance],
    _ store: RedisFeatureStore
  ) throws {
    let source = LogSource(records, partition)
    let worker = Worker(
      plan: try ProcessingPlan(scenario.pipeline, source: 0), source: source, store: store, checkpoints: nil,
      clock: ManualClock(World.epoch), settings: WorkerSettings(), status: ProcessingStatus(),
      logger: Logger(label: "oracle") { _ in SwiftLogNoOpLogHandler() }, isStopRequested: { false })
    let batch = RecordBatch(slotCapacity: 4096, byteCapacity: 1 << 16)
    _ = try worker.step(batch)
    for advance in idleAdvances {
      source.limit = advance.offset
      if source.hasMore { _ = try worker.step(batch) }
      try worker.advance(streamTimeTo: advance.streamTime)
    }
    source.limit = .max
    if source.hasMore { _ = try worker.step(batch) }
    try worker.emitAll()
  }
}

/// The records of one partition, up to where it is told, in one batch.
private final class LogSource: Source {
  let isBounded = false
  let name = "the log"
  private let records: [LogRecord]
  private let partition: PartitionIndex
  private var position = 0
  private var isAssigned = false
  var limit: Offset = 0

  init(_ records: [LogRecord], _ partition: PartitionIndex) {
    self.records = records
    self.partition = partition
  }

  var hasMore: Bool { position < records.count && records[position].offset < limit }

  func poll(into batch: RecordBatch, maximumCount: Int, timeoutMilliseconds: Int) throws -> PollResult {
    batch.removeAll()
    guard isAssigned else {
      isAssigned = true
      return .assigned([partition])
    }
    while hasMore {
      let record = records[position]
      var (value, key) = (record.value, record.key)
      value.withUTF8 { value in
        key.withUTF8 {
          batch.append(
            value: value, key: $0, timestamp: World.epoch + record.visibleAt / 1000, offset: record.offset, partition: partition)
        }
      }
      position += 1
    }
    return .records
  }

  func start(_ partitions: [PartitionIndex], at positions: [PartitionOffset]) throws {}
  func commit(_ positions: [PartitionOffset], waits: Bool) throws {}
  func lag(of partition: PartitionIndex) -> Int64? { nil }
  func close() throws {}
}

/// A database without a network before it.
private final class DirectTransport: RedisTransport {
  private let database: SimulatedDatabase

  init(_ database: SimulatedDatabase) { self.database = database }

  func open(_ address: RedisAddress) throws(RedisWireError) -> any RedisByteStream { DirectStream(database) }
}

private final class DirectStream: RedisByteStream {
  private let database: SimulatedDatabase
  private var reader = RedisCommandReader()
  private var replies: [UInt8] = []

  init(_ database: SimulatedDatabase) { self.database = database }

  func write(_ bytes: UnsafeBufferPointer<UInt8>) throws(RedisWireError) {
    reader.feed(bytes)
    while let command = reader.next() { database.execute(command).encode(to: &replies) }
  }

  func read(into buffer: ByteBuffer) throws(RedisWireError) {
    guard !replies.isEmpty else { throw RedisWireError("nothing was asked") }
    replies.withUnsafeBufferPointer { buffer.append($0) }
    replies.removeAll()
  }
}
