// What a worker appends to the lists of recent events, and when.

import Base
import Features
import Logging
import Records
import Testing

@testable import Processing

@Suite struct RecentEventsWriterTests {
  private static func text(dedup: Bool = false, key: String = "user", lanes: String = "[rt]") -> String {
    """
    kind: pipeline
    name: p
    sources:
      s:
        event_time: { field: ts, format: epoch_ms }
        \(dedup ? "dedup: { key: id, window: 1h }" : "")
        kafka: { brokers: \"b:1\", topic: t, group: g, key: \(key) }
        fields:
          gross: "price.net * 2"
    entities:
      user: { key: user }
    views:
      spend:
        entity: user
        source: s
        lanes: \(lanes)
        where: "kind == 'buy'"
        features:
          n: { agg: count, window: { sliding: 10s, hop: 1s } }
          gross: { agg: sum, field: gross, window: { sliding: 10s, hop: 1s } }
          item: { agg: last, field: price.item, where: "flags.new", window: { sliding: 10s, hop: 1s } }
          from: { agg: last, field: $key, window: { sliding: 10s, hop: 1s } }
    """
  }

  private static let lines = [
    #"{"ts":1000,"user":"a","id":1,"kind":"buy","price":{"net":2.0,"item":"x\"\n","gone":1},"flags":{"new":true,"old":1},"more":7}"#,
    #"{"ts":2000,"user":"a","id":2,"kind":"look"}"#, #"{"ts":3000,"user":5,"id":3,"kind":"buy","price":null}"#,
    #"{"ts":4000,"id":4,"kind":"buy"}"#, #"{"ts":4500,"user":"a","id":1,"kind":"buy","price":{"net":9}}"#,
    #"{"ts":500,"user":"a","id":6,"kind":"buy","price":{"item":[1, {"y":"z"}]}}"#,
  ]

  private static let silent = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

  private func run(
    _ pipeline: PipelineDefinition, _ source: ScriptedSource, _ sink: MemoryRecentEvents, viewNames: Set<String>? = nil,
    clock: any Clock = ManualClock()
  ) throws -> ProcessingCounts {
    let status = ProcessingStatus()
    let plan = try ProcessingPlan(pipeline, source: 0, viewNames: viewNames, recentViewNames: pipeline.viewNames(in: .rt))
    let worker = Worker(
      plan: plan, source: source, store: MemoryStore(pipeline), checkpoints: nil, recentEvents: sink, clock: clock,
      settings: WorkerSettings(), status: status, logger: Self.silent, isStopRequested: { false })
    try worker.run()
    return status.current
  }

  private func sink(_ pipeline: PipelineDefinition) -> MemoryRecentEvents {
    MemoryRecentEvents(pipeline.recentEventsLists(ofSource: 0), in: pipeline)
  }

  @Test(arguments: [1, 2, 100]) func `an element has the fields that the views read`(batchCount: Int) throws {
    let pipeline = try RecentEventsHarness.read(Self.text())
    let sink = sink(pipeline)
    let counts = try run(pipeline, ScriptedSource(lines: Self.lines, batchCount: batchCount), sink, viewNames: [])
    #expect(
      sink.elements == [
        "fv:_events:s:user:a": [
          #"0 0 1000 {"kind":"buy","price":{"item":"x\"\n","net":2.0},"flags":{"new":true}}"#,
          #"4 0 4500 {"kind":"buy","price":{"net":9}}"#, #"5 0 500 {"kind":"buy","price":{"item":[1, {"y":"z"}]}}"#,
        ],
        "fv:_events:s:user:5": [#"2 0 3000 {"kind":"buy"}"#],
      ])
    #expect(counts.recentEventsWritten == 4 && counts.records == 6 && counts.rowsWritten == 0)
  }

  @Test func `copies are taken out first, and views of the stream count as always`() throws {
    let pipeline = try RecentEventsHarness.read(Self.text(dedup: true, lanes: "[nrt, rt]"))
    let sink = sink(pipeline)
    let counts = try run(pipeline, ScriptedSource(lines: Self.lines, batchCount: 4), sink)
    #expect(sink.elements["fv:_events:s:user:a"]?.map { $0.prefix(1) } == ["0", "5"])
    #expect(counts.recentEventsWritten == 3 && counts.rowsWritten > 1)
  }

  @Test func `what is read again is not there twice`() throws {
    let pipeline = try RecentEventsHarness.read(Self.text(lanes: "[nrt, rt]"))
    let sink = sink(pipeline)
    #expect(try run(pipeline, ScriptedSource(lines: Array(Self.lines[..<3]), batchCount: 2), sink).recentEventsWritten == 2)
    #expect(try run(pipeline, ScriptedSource(lines: Self.lines, batchCount: 5), sink).recentEventsWritten == 2)
    #expect(sink.elements["fv:_events:s:user:a"]?.map { $0.prefix(1) } == ["0", "4", "5"])
  }

  @Test func `while the store does not answer the worker waits, and nothing is lost`() throws {
    let pipeline = try RecentEventsHarness.read(Self.text(lanes: "[nrt, rt]"))
    let sink = sink(pipeline)
    let clock = ManualClock()
    var tries = 0
    sink.onAppend = {
      tries += 1
      if tries < 3 { throw Failure(.unavailable, "no answer", isRetryable: true) }
    }
    let records = Self.lines.enumerated().map {
      (partition: PartitionIndex(0), offset: Offset($0.offset), key: String?.none, value: $0.element)
    }
    let later = ScriptedSource.Step.act { clock.advance(by: 1000) }
    let source = ScriptedSource(
      [.records(records), later, .result(.idle), later, .result(.idle), .result(.endOfInput)], isBounded: true)
    let counts = try run(pipeline, source, sink, clock: clock)
    #expect(counts.outages == 1 && counts.recentEventsWritten == 4 && tries == 3)
    #expect(sink.elements["fv:_events:s:user:a"]?.map { $0.prefix(1) } == ["0", "4", "5"])
  }

  @Test func `the lists of repartitioned views are written where their records are received`() throws {
    let pipeline = try RecentEventsHarness.read(Self.text(key: "id", lanes: "[rt]"))
    let repartitionings = pipeline.repartitionings(ofSource: 0, partitionCount: 2)
    #expect(repartitionings.map(\.views) == [[0]])
    let topics = MemoryTopics(partitionCount: 2)
    let records = Self.lines.enumerated().map {
      (partition: PartitionIndex($0.offset % 2), offset: Offset($0.offset), key: Optional("\($0.offset)"), value: $0.element)
    }
    let source = ScriptedSource([.result(.assigned([0, 1])), .records(records)], isBounded: false)
    try runSender(pipeline, source, topics, partitionCount: 2)
    let sent = try ProcessingPlan(pipeline, source: 0, viewNames: [], recentViewNames: ["spend"], part: .sending(repartitionings))
    #expect(sent.recentEventsLists.isEmpty)
    let plan = try ProcessingPlan(
      pipeline, source: 0, viewNames: [], recentViewNames: ["spend"], part: .receiving(repartitionings[0]))
    let sink = MemoryRecentEvents(plan.recentEventsLists, in: pipeline)
    nonisolated(unsafe) let reader = MemoryTopicSource(topics.topics[0])
    let status = ProcessingStatus()
    var settings = WorkerSettings()
    settings.inputTag = "@i"
    let worker = Worker(
      plan: plan, source: RepartitionedSource(reader, of: "t"), store: MemoryStore(pipeline), checkpoints: nil, recentEvents: sink,
      clock: ManualClock(), settings: settings, status: status, logger: Self.silent, isStopRequested: { reader.isExhausted })
    try worker.run()
    #expect(sink.elements["fv:_events:s:user:a"]?.count == 3 && sink.elements["fv:_events:s:user:5"]?.count == 1)
    #expect(sink.elements.values.joined().allSatisfy { $0.contains("@i ") })
  }

  @Test func `a batch of many keys keeps each list's order`() {
    let batch = RecentEventBatch()
    batch.begin(origin: "3")
    var random = Random(state: 4)
    var expected: [String: [Int]] = [:]
    for number in 0..<5000 {
      let key = "k\(random.integer(in: 0...2000))"
      expected[key, default: []].append(number)
      let run = Array(key.utf8).withUnsafeBufferPointer { batch.run(list: number % 2, key: $0) }
      _ = run
      let own = Array(key.utf8).withUnsafeBufferPointer { batch.run(list: 0, key: $0) }
      let start = batch.bytes.count
      batch.bytes.append("\(number)")
      batch.append(from: start, offset: Offset(number), time: Int64(number), to: own)
    }
    var found: [String: [Int]] = [:]
    for run in batch.runs where run.list == 0 {
      let key = String(decoding: batch.key(of: run)!, as: UTF8.self)
      var index = run.first
      while index >= 0 {
        let event = batch.events[Int(index)]
        found[key, default: []].append(Int(String(decoding: batch.element(event), as: UTF8.self))!)
        index = event.next
      }
      #expect(run.count == found[key]?.count ?? 0)
    }
    #expect(found == expected)
  }
}
