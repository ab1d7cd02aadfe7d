// An archive worker on a scripted source: partitions that come and go, inputs that end, and other writers.

import Base
import Features
import Foundation
import Records
import TestSupport
import Testing

@testable import Batch

/// Plays what it is told to, and remembers what it is asked for.
private final class ScriptedSource: Source {
  enum Event {
    case records(Range<Offset>, PartitionIndex)
    case result(PollResult)
    case act(() throws -> Void)
  }

  var isBounded = false
  var isRepeatable = true
  let name = "script"
  var events: [Event] = []
  let bench: ArchiveBench
  private(set) var starts: [[PartitionOffset]] = []
  private(set) var commits: [PartitionOffset] = []
  private(set) var isClosed = false

  init(_ bench: ArchiveBench, _ events: [Event]) {
    self.bench = bench
    self.events = events
  }

  func poll(into batch: RecordBatch, maximumCount: Int, timeoutMilliseconds: Int) throws -> PollResult {
    batch.removeAll()
    guard !events.isEmpty else { return .endOfInput }
    switch events.removeFirst() {
    case .result(let result): return result
    case .act(let body):
      try body()
      return .idle
    case .records(let range, let partition):
      let filled = bench.batch(range, of: partition)
      for row in 0..<filled.count {
        let slot = filled.slots[row]
        batch.append(
          value: filled.value(row), key: nil, timestamp: .min, offset: isBounded ? slot.offset * 40 : slot.offset,
          partition: partition)
      }
      return .records
    }
  }

  func start(_ partitions: [PartitionIndex], at positions: [PartitionOffset]) throws { starts.append(positions) }
  func commit(_ positions: [PartitionOffset], waits: Bool) throws { commits += positions }
  func lag(of partition: PartitionIndex) -> Int64? { 5 }
  func close() throws { isClosed = true }
}

@Suite struct `An archive worker` {
  private static let noon: Int64 = 1_767_268_800_000

  private func bench() -> ArchiveBench {
    let bench = ArchiveBench()
    for partition: PartitionIndex in 0..<3 { bench.log[partition] = (0..<100).map { .at(Self.noon + $0) } }
    return bench
  }

  @discardableResult
  private func run(_ source: ScriptedSource, untilIdle: Int64? = nil) throws -> ArchiveStatus {
    let status = ArchiveStatus(source: "clicks", clock: source.bench.clock)
    var settings = ArchiveWorker.Settings()
    settings.untilIdleMilliseconds = untilIdle
    let worker = ArchiveWorker(
      try source.bench.writer(), source: source, settings: settings, status: status, clock: source.bench.clock,
      isStopRequested: { false })
    try worker.run()
    #expect(source.isClosed)
    return status
  }

  @Test func `revoked partitions are archived and committed, lost ones are dropped`() throws {
    let bench = bench()
    let source = ScriptedSource(
      bench,
      [
        .result(.assigned([0, 1, 2])), .records(0..<50, 0), .records(0..<60, 1), .records(0..<70, 2), .result(.revoked([0])),
        .result(.lost([1])), .records(50..<60, 0), .records(60..<70, 1),
      ])
    let status = try run(source)
    #expect(source.starts == [[]])
    #expect(source.commits == [PartitionOffset(partition: 0, offset: 50), PartitionOffset(partition: 2, offset: 70)])
    let catalog = try bench.catalog()
    #expect((0..<3).map { catalog.nextOffset(of: PartitionIndex($0)) } == [50, nil, 70])
    #expect(status.latest.counts.files == 2 && status.latest.counts.archivedRecords == 120)
    // The next owner begins where the manifests end.
    let next = ScriptedSource(
      bench, [.result(.assigned([0, 1, 2])), .records(50..<100, 0), .records(0..<100, 1), .records(70..<100, 2)])
    try run(next)
    #expect(next.starts == [[PartitionOffset(partition: 0, offset: 50), PartitionOffset(partition: 2, offset: 70)]])
    try bench.expectWhole()
  }

  @Test func `a partition that another writer has archived is read on from there`() throws {
    let bench = bench()
    let source = ScriptedSource(bench, [.result(.assigned([0])), .records(0..<30, 0)])
    source.events += [
      .act {
        let other = try bench.writer()
        _ = try other.begin(0)
        try other.write(bench.batch(0..<20))
        try other.finish(0)
        bench.clock.advance(by: 60_000)
      },
      .records(20..<100, 0),
    ]
    try run(source)
    #expect(source.starts == [[], [PartitionOffset(partition: 0, offset: 20)]])
    bench.log = [0: bench.log[0]!]
    try bench.expectWhole()
  }

  @Test func `files are rolled while nothing comes, and silence ends the worker`() throws {
    let bench = bench()
    let source = ScriptedSource(bench, [.result(.assigned([0])), .records(0..<30, 0)])
    var seen = 0
    for _ in 0..<200 {
      source.events.append(.act { bench.clock.advance(by: 1000) })
    }
    source.events.append(.act { seen = -1 })
    try run(source, untilIdle: 70_000)
    #expect(seen == 0 && source.events.count > 100)
    #expect(source.commits == [PartitionOffset(partition: 0, offset: 30)])
  }

  @Test func `records of a file are numbered, and a file that has grown goes on`() throws {
    let bench = bench()
    func file(_ events: [ScriptedSource.Event], isRepeatable: Bool = true) -> ScriptedSource {
      let source = ScriptedSource(bench, events)
      source.isBounded = true
      source.isRepeatable = isRepeatable
      return source
    }
    try run(file([.records(0..<30, 0), .records(30..<40, 0)]))
    #expect(try bench.catalog().nextOffset(of: 0) == 40)
    try run(file([.records(0..<30, 0), .records(30..<80, 0)]))
    #expect(try bench.read().map(\.offset) == Array(0..<80))
    let failure = #expect(throws: Failure.self) { try run(file([.records(0..<79, 0)])) }
    #expect(failure?.message.hasPrefix("archive: script has 79 records, and 80 of it are archived in '") == true)
    try run(file([.records(80..<100, 0)], isRepeatable: false))
    bench.log = [0: bench.log[0]!]
    try bench.expectWhole()
  }

  @Test func `a failure leaves what is archived, and the rest for the next`() throws {
    let bench = bench()
    let source = ScriptedSource(
      bench, [.result(.assigned([0])), .records(0..<30, 0), .act { throw Failure(.unavailable, "gone") }])
    #expect(throws: Failure.self) { try run(source) }
    #expect(source.commits.isEmpty)
    try run(ScriptedSource(bench, [.result(.assigned([0])), .records(0..<100, 0)]))
    bench.log = [0: bench.log[0]!]
    try bench.expectWhole()
    #expect(bench.partNames.isEmpty)
  }
}

@Suite struct `An archive in the place of its topic` {
  private static let noon: Int64 = 1_767_268_800_000

  private func source() throws -> (ArchiveBench, ArchiveSource) {
    let bench = ArchiveBench()
    for partition: PartitionIndex in [0, 2] {
      bench.firstOffsets[partition] = 100
      bench.log[partition] = (0..<30).map { .at(Self.noon + $0) }
      try bench.writeRest(partition)
    }
    return (bench, ArchiveSource(try bench.catalog(), topic: "clicks"))
  }

  private func drain(_ source: ArchiveSource) throws -> [PartitionIndex: [Offset]] {
    let batch = RecordBatch()
    var offsets: [PartitionIndex: [Offset]] = [:]
    while case .records = try source.poll(into: batch, maximumCount: 7, timeoutMilliseconds: 0) {
      #expect(batch.topic == "clicks")
      for row in 0..<batch.count { offsets[batch.slots[row].partition, default: []].append(batch.slots[row].offset) }
    }
    return offsets
  }

  @Test func `partitions are announced, and read from where they are started`() throws {
    let (bench, source) = try source()
    defer { withExtendedLifetime(bench) {} }
    let batch = RecordBatch()
    #expect(try source.poll(into: batch, maximumCount: 10, timeoutMilliseconds: 0) == .assigned([0, 2]))
    #expect(try drain(source).isEmpty && !source.hasEnded)
    try source.start([0], at: [PartitionOffset(partition: 0, offset: 120)])
    #expect(source.lag(of: 0) == 10)
    #expect(try drain(source) == [0: Array(120..<130)])
    #expect(!source.hasEnded, "partition 2 has not been started")
    try source.start([2], at: [PartitionOffset(partition: 2, offset: PartitionOffset.reset)])
    #expect(try drain(source) == [2: Array(100..<130)])
    #expect(source.hasEnded && source.lag(of: 2) == 0)
    // More lies in the topic.
    #expect(!source.isSilent(0) && !source.isBounded)
  }

  @Test func `a partition that is started again is read again`() throws {
    let (bench, source) = try source()
    defer { withExtendedLifetime(bench) {} }
    _ = try source.poll(into: RecordBatch(), maximumCount: 10, timeoutMilliseconds: 0)
    try source.start([0, 2], at: [])
    _ = try drain(source)
    try source.start([0], at: [PartitionOffset(partition: 0, offset: 128)])
    #expect(!source.hasEnded)
    #expect(try drain(source) == [0: [128, 129]])
    try source.start([0], at: [PartitionOffset(partition: 0, offset: 500)])
    #expect(try drain(source).isEmpty && source.hasEnded)
  }

  @Test func `while paused nothing comes`() throws {
    let (bench, source) = try source()
    defer { withExtendedLifetime(bench) {} }
    _ = try source.poll(into: RecordBatch(), maximumCount: 10, timeoutMilliseconds: 0)
    try source.start([0, 2], at: [])
    try source.setPaused(true)
    #expect(try drain(source).isEmpty && !source.hasEnded)
    try source.setPaused(false)
    #expect(try drain(source).count == 2)
  }
}
