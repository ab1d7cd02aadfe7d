// The worker's order of things: what is written, when positions are committed, what happens to partitions that come and go.

import Base
import Features
import Processing
import Records
import Testing
import Windowing

private let countPerTen = [feature("n", .count, window: .tumbling(size: 10_000))]
private let lastMinute = [
  feature("n", .count, window: .sliding(size: 60_000, hop: 10_000)),
  feature("total", .sum, "v", window: .sliding(size: 60_000, hop: 10_000), defaultValue: .integer(0)),
]

private func event(_ time: Int64, _ key: String, _ value: Int = 1) -> String { #"{"ts":\#(time),"k":"\#(key)","v":\#(value)}"# }

@Suite struct `A worker` {
  @Test func `commits only what the store has confirmed`() throws {
    let definition = pipeline([view("v", .change, lastMinute)])
    let clock = ManualClock()
    let source = ScriptedSource(
      [
        .result(.assigned([0])), .records([(0, 41, "a", event(1000, "a"))]), .result(.idle), .act { clock.advance(by: 500) },
        .result(.idle), .result(.idle),
      ], isBounded: false)
    let store = MemoryStore(definition)
    store.onWrite = { #expect(source.commits.joined().isEmpty, "nothing is committed before the first write") }
    try runWorker(definition, source, clock: clock, store: store)
    #expect(store.current("v") == ["a": ["n": "1", "total": "1"]])
    #expect(source.commits.last == [PartitionOffset(partition: 0, offset: 42)])
    #expect(source.isClosed)
  }

  @Test func `a store that fails ends the run with nothing committed`() throws {
    let definition = pipeline([view("v", .change, lastMinute)])
    let source = ScriptedSource([.result(.assigned([0])), .records([(0, 0, "a", event(1000, "a"))])], isBounded: false)
    let store = MemoryStore(definition)
    store.onWrite = { throw Failure(.unavailable, "the store is gone") }
    #expect(throws: Failure.self) { try runWorker(definition, source, store: store) }
    #expect(source.commits.isEmpty)
    #expect(source.isClosed)
  }

  @Test func `a partition handed over by checkpoint goes on where it was`() throws {
    let definition = pipeline([view("v", .change, lastMinute), view("w", .close, countPerTen)])
    let checkpoints = MemoryCheckpoints()
    let first = ScriptedSource(
      [
        .result(.assigned([0, 1])), .records([(0, 0, "a", event(1000, "a", 5)), (1, 7, "b", event(2000, "b", 7))]),
        .result(.revoked([1])), .records([(0, 1, "a", event(3000, "a", 6))]), .result(.idle),
      ], isBounded: false)
    let one = try runWorker(definition, first, checkpoints: checkpoints)
    #expect(one.store.current("v") == ["a": ["n": "2", "total": "11"], "b": ["n": "1", "total": "7"]])
    #expect(first.commits.contains([PartitionOffset(partition: 1, offset: 8)]))
    let second = ScriptedSource(
      [
        .result(.assigned([0, 1])), .records([(1, 8, "b", event(4000, "b", 1)), (0, 2, "a", event(12_000, "a", 1))]),
        .result(.idle),
      ], isBounded: false)
    let two = try runWorker(definition, second, checkpoints: checkpoints)
    #expect(second.starts == [[PartitionOffset(partition: 0, offset: 2), PartitionOffset(partition: 1, offset: 8)]])
    #expect(two.store.current("v") == ["a": ["n": "3", "total": "12"], "b": ["n": "2", "total": "8"]])
    #expect(
      two.store.rows.filter { $0.view == "w" }.map(\.values) == [["n": "2"]], "the window of a holds both records from before")
  }

  @Test func `rows of a lost partition are not written`() throws {
    let definition = pipeline([view("w", .close, countPerTen)])
    let source = ScriptedSource(
      [
        .result(.assigned([0, 1])),
        .records([
          (0, 0, "a", event(1000, "a")), (0, 1, "a", event(11_000, "a")), (1, 0, "b", event(1000, "b")),
          (1, 1, "b", event(11_000, "b")),
        ]),
        .result(.lost([1])), .result(.idle),
      ], isBounded: false)
    let run = try runWorker(definition, source)
    #expect(run.store.rows.map(\.key) == ["a"])
  }

  @Test func `a silent partition closes its windows by the wall clock`() throws {
    let definition = pipeline([view("w", .close, countPerTen)], idleTimeout: 5000)
    let clock = ManualClock()
    let source = ScriptedSource(
      [
        .result(.assigned([0])), .records([(0, 0, "a", event(1000, "a"))]), .act { clock.advance(by: 4000) }, .result(.idle),
        .act { clock.advance(by: 6000) }, .result(.idle), .act { clock.advance(by: 1000) }, .result(.idle),
      ], isBounded: false)
    let run = try runWorker(definition, source, clock: clock)
    #expect(run.store.rows.map(\.values) == [["n": "1"]])
  }

  @Test func `a silent partition closes its windows while another is busy`() throws {
    let definition = pipeline([view("w", .close, countPerTen)], idleTimeout: 5000)
    let clock = ManualClock()
    var steps: [ScriptedSource.Step] = [.result(.assigned([0, 1])), .records([(1, 0, "quiet", event(1000, "quiet"))])]
    for second in 0..<20 {
      steps.append(.act { clock.advance(by: 1000) })
      steps.append(.records([(0, Int64(second), "busy", event(1000, "busy"))]))
    }
    let run = try runWorker(definition, ScriptedSource(steps, isBounded: false), clock: clock)
    #expect(run.store.rows.map(\.key) == ["quiet"])
  }

  @Test func `defaults stand for empty windows, null for windows of nulls`() throws {
    let features = [
      feature("total", .sum, "v", where: "v > 100", window: .tumbling(size: 10_000), defaultValue: .integer(0)),
      feature("none", .sum, "v", where: "v > 100", window: .tumbling(size: 10_000)),
      feature("nulls", .sum, "x", window: .tumbling(size: 10_000), defaultValue: .integer(0)),
      feature("word", .last, "x", window: .tumbling(size: 10_000), defaultValue: .string("nothing yet")),
    ]
    let run = try runWorker(
      pipeline([view("w", .close, features)]), ScriptedSource(lines: [#"{"ts":1,"k":"a","v":1,"x":null}"#], batchCount: 1))
    #expect(run.store.rows.map(\.values) == [["total": "0", "none": "null", "nulls": "null", "word": "null"]])
  }

  @Test func `every record that does not count is tallied with an example`() throws {
    let lines = [
      #"{"ts":1,"k":"a"}"#, #"{"ts":2,"k":"#, "[1]", #"{"k":"a"}"#, #"{"ts":"noon","k":"a"}"#, #"{"ts":99999999999999999,"k":"a"}"#,
      #"{"ts":3}"#, #"{"ts":20000,"k":"a"}"#, #"{"ts":4,"k":"a"}"#, "",
    ]
    let run = try runWorker(pipeline([view("w", .close, countPerTen)]), ScriptedSource(lines: lines, batchCount: 3))
    #expect(run.counts.records == 10)
    let ledger = run.counts.ledger
    #expect(RejectionReason.allCases.prefix(6).map { ledger.count(of: .rejected($0)) } == [1, 1, 1, 1, 2, 0])
    #expect(ledger.count(of: .late) == 1 && ledger.count(of: .keyless) == 1)
    #expect(
      ledger.tallies[LedgerKey(source: 0, partition: 0, reason: .rejected(.invalidEventTime))]?.example
        == #"memory, byte 4: 'ts' is no epoch_ms time: {"ts":"noon","k":"a"}"#)
    #expect(run.store.rows.map { $0.values["n"] } == ["1", "1"])
  }

  @Test func `on_error stop ends with the record's place and exit code 65`() throws {
    let definition = pipeline([view("w", .close, countPerTen)], errorAction: .stop)
    let error = #expect(throws: Failure.self) {
      try runWorker(definition, ScriptedSource(lines: [event(1, "a"), "{"], batchCount: 10))
    }
    #expect(error?.code == .badData)
    #expect(error?.message.hasPrefix("memory, byte 1: malformed JSON at byte 1: ") == true)
  }

  @Test func `a key that is not the record's key is refused where there are several partitions`() throws {
    let definition = pipeline([view("v", .change, lastMinute)])
    var settings = WorkerSettings()
    settings.partitionCount = 2
    let source = ScriptedSource([.result(.assigned([0, 1])), .records([(1, 0, "other", event(1000, "a"))])], isBounded: false)
    let error = #expect(throws: Failure.self) { try runWorker(definition, source, settings: settings) }
    #expect(error?.code == .badConfiguration)
    #expect(
      error?.message
        == "memory, partition 1, offset 0: the record has 'other', but entity 'key' is keyed by 'k'; records of one entity would be spread "
        + "over partitions. Say what the topic is keyed by ('key: FIELD' or 'key: none' in the source's 'kafka:'), and they are brought together, "
        + "or produce with that field as the record's key"
    )
  }

  @Test func `offsets that are gone are counted, within a batch and between batches`() throws {
    let definition = pipeline([view("v", .change, lastMinute)])
    let source = ScriptedSource(
      [
        .result(.assigned([0])), .records([(0, 9, "a", event(1000, "a")), (0, 12, "a", event(1000, "a"))]),
        .records([(0, 20, "a", event(1000, "a"))]),
      ], isBounded: false)
    #expect(try runWorker(definition, source).counts.missingOffsets == 9)
  }

  @Test func `a topic that went back is not counted twice`() throws {
    let definition = pipeline([view("v", .change, lastMinute)])
    let source = ScriptedSource(
      [.result(.assigned([0])), .records([(0, 9, "a", event(1000, "a"))]), .records([(0, 3, "a", event(1000, "a"))])],
      isBounded: false)
    let error = #expect(throws: Failure.self) { try runWorker(definition, source) }
    #expect(error?.message.contains("went back from offset 10 to 3") == true)
  }

  @Test(arguments: [
    (EventTimeSettings(path: FieldPath(["ts"]), format: .epochSeconds), "1700000000.001", 1_700_000_000_001 as Int64),
    (EventTimeSettings(path: FieldPath(["ts"]), format: .epochSeconds), "1700000000", 1_700_000_000_000),
    (EventTimeSettings(path: FieldPath(["ts"]), format: .rfc3339), "\"2023-11-14T22:13:20.123Z\"", 1_700_000_000_123),
    (EventTimeSettings(path: FieldPath(["ts"]), format: .epochMilliseconds), "-5", -5),
  ])
  func `event times are read in each format`(format: EventTimeSettings, text: String, expected: Int64) throws {
    let run = try runWorker(
      pipeline([view("w", .close, [feature("n", .count, window: .tumbling(size: 1))])], time: format),
      ScriptedSource(lines: [#"{"ts":\#(text),"k":"a"}"#], batchCount: 1))
    #expect(run.store.rows.map(\.start) == [expected])
  }
}
