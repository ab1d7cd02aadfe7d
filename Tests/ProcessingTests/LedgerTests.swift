// What a worker does with records that do not count: the ledger, side outputs, copies, and the positions that depend on them.

import Base
import Features
import Processing
import Records
import Testing
import Windowing

private let countPerTen = [feature("n", .count, window: .tumbling(size: 10_000))]
private let countPerMinute = [feature("n", .count, window: .tumbling(size: 60_000))]

private func event(_ time: Int64, _ key: String, _ id: Int? = nil) -> String {
  #"{"ts":\#(time),"k":"\#(key)"\#(id.map { #","id":\#($0)"# } ?? "")}"#
}

/// Keeps what it is given; `onWrite` and `onConfirm` may fail.
final class MemorySideOutput: SideOutput {
  struct Record: Equatable {
    var value: String
    var key: String?
    var labels: [String]
  }

  let name = "memory"
  private(set) var records: [Record] = []
  private(set) var confirmedCount = 0
  var onWrite: () throws -> Void = {}
  var onConfirm: () throws -> Void = {}

  func write(_ record: SideRecord) throws {
    try onWrite()
    records.append(
      Record(
        value: String(decoding: record.value, as: UTF8.self), key: record.key.map { String(decoding: $0, as: UTF8.self) },
        labels: record.labels.map { "\($0.name.rawValue.dropFirst("freshet-".count))=\($0.value)" }))
  }

  func confirm() throws {
    try onConfirm()
    confirmedCount = records.count
  }

  func close() throws { try confirm() }
}

private func deduplicating(_ definition: PipelineDefinition, window: Int64) -> PipelineDefinition {
  var definition = definition
  definition.sources[0].deduplication = DeduplicationDefinition(keyPath: FieldPath(["id"]), windowMilliseconds: window)
  return definition
}

private func duplicates(_ ledger: Ledger, _ partition: PartitionIndex) -> Int64 {
  ledger.tallies[LedgerKey(source: 0, partition: partition, reason: .duplicate)]?.count ?? 0
}

@Suite struct `The ledger` {
  @Test func `tells reasons, partitions and views apart, each with its first record`() throws {
    let definition = pipeline([view("short", .close, countPerTen), view("long", .close, countPerMinute)])
    let run = try runWorker(
      definition,
      ScriptedSource(
        [
          .result(.assigned([0, 1])),
          .records([
            (0, 0, "a", event(50_000, "a")), (0, 1, "a", event(1000, "a")), (0, 2, nil, "{"), (1, 0, "b", event(90_000, "b")),
            (1, 1, "b", event(1000, "b")),
          ]), .records([(1, 2, "b", event(2000, "b")), (1, 3, nil, "[]"), (1, 4, nil, #"{"ts":95000}"#), (1, 5, nil, "{")]),
        ], isBounded: false))
    let lines = run.counts.ledger.sorted.map { key, tally in
      "\(key.reason.code) partition \(key.partition) view \(key.view): \(tally.count); \(tally.example ?? "")"
    }
    #expect(
      lines == [
        "malformed partition 0 view -1: 1; memory, partition 0, offset 2: malformed JSON at byte 1: the text ends too early: {",
        "malformed partition 1 view -1: 1; memory, partition 1, offset 5: malformed JSON at byte 1: the text ends too early: {",
        "not_an_object partition 1 view -1: 1; memory, partition 1, offset 3: expected a JSON object: []",
        "late partition 0 view 0: 1; memory, partition 0, offset 1: came 49000ms behind the newest event, a lateness of 40002ms would "
          + #"have admitted it: {"ts":1000,"k":"a"}"#,
        "late partition 1 view 0: 2; memory, partition 1, offset 1: came 89000ms behind the newest event, a lateness of 80002ms would "
          + #"have admitted it: {"ts":1000,"k":"b"}"#,
        "late partition 1 view 1: 2; memory, partition 1, offset 1: came 89000ms behind the newest event, a lateness of 30002ms would "
          + #"have admitted it: {"ts":1000,"k":"b"}"#,
        "keyless partition 1 view 0: 1; memory, partition 1, offset 4: the view's key is missing, null, or neither a text nor an integer: {\"ts\":95000}",
        "keyless partition 1 view 1: 1; memory, partition 1, offset 4: the view's key is missing, null, or neither a text nor an integer: {\"ts\":95000}",
      ])
  }

  @Test func `keeps what a partition counted after it was given up`() throws {
    let definition = deduplicating(pipeline([view("w", .close, countPerTen)]), window: 1000)
    let source = ScriptedSource(
      [
        .result(.assigned([0, 1])), .records([(1, 0, "a", event(50_000, "a", 1)), (1, 1, "a", event(1000, "a", 2))]),
        .records([(1, 2, "a", event(50_001, "a", 1)), (1, 3, "a", event(50_002, "a"))]), .result(.revoked([1])), .result(.idle),
        .result(.assigned([1])), .records([(1, 4, "a", event(90_000, "a", 5)), (1, 5, "a", event(1000, "a", 6))]),
      ], isBounded: false)
    let ledger = try runWorker(definition, source).counts.ledger
    #expect(ledger.count(of: .late) == 2 && ledger.count(of: .duplicate) == 1 && ledger.count(of: .withoutDedupKey) == 1)
    #expect(ledger.sorted.allSatisfy { $0.key.partition == 1 && $0.tally.example != nil })
  }

  @Test func `adds up over workers`() {
    var one = Ledger()
    var two = Ledger()
    let key = LedgerKey(source: 0, partition: 3, view: 1, reason: .late)
    one.add(2, to: key)
    two.add(5, to: key)
    two.keepExample("from two", of: key)
    two.add(1, to: LedgerKey(source: 1, partition: 3, view: 2, reason: .late))
    one.add(two)
    #expect(one.tallies[key] == LedgerTally(count: 7, example: "from two"))
    #expect(one.count(of: .late) == 8 && one.count(of: .late, view: 1) == 7 && one.count(of: .duplicate) == 0)
  }

  @Test func `every reason has a name of its own`() {
    #expect(Set(LedgerReason.all.map(\.code)).count == LedgerReason.all.count)
    #expect(LedgerReason.all.allSatisfy { $0.code.utf8.allSatisfy { ($0 >= 97 && $0 <= 122) || $0 == 95 } })
  }
}

@Suite struct `Side outputs` {
  private static let views = [view("short", .close, countPerTen), view("long", .close, countPerMinute)]

  @Test func `a late record goes out once, with the views that did not count it`() throws {
    let late = MemorySideOutput()
    let source = ScriptedSource(
      [
        .result(.assigned([0])),
        .records([(0, 7, "a", event(90_000, "a")), (0, 8, "a", event(1000, "a")), (0, 9, "b", event(65_000, "b"))]),
      ], isBounded: false)
    var settings = WorkerSettings()
    settings.topic = "clicks"
    let run = try runWorker(pipeline(Self.views), source, sideOutputs: SideOutputs(late: late), settings: settings)
    #expect(
      late.records == [
        MemorySideOutput.Record(
          value: event(1000, "a"), key: "a",
          labels: [
            "reason=late", "view=short,long", "late-by-ms=89000", "lateness-needed-ms=80002", "source-topic=clicks",
            "source-partition=0", "source-offset=8",
          ]),
        MemorySideOutput.Record(
          value: event(65_000, "b"), key: "b",
          labels: [
            "reason=late", "view=short", "late-by-ms=25000", "lateness-needed-ms=20002", "source-topic=clicks",
            "source-partition=0",
            "source-offset=9",
          ]),
      ])
    #expect(run.counts.lateRecordsWritten == 2 && late.confirmedCount == 2)
  }

  @Test func `no lateness is named where a current value goes by the stream time`() throws {
    let late = MemorySideOutput()
    let definition = pipeline([view("now", .change, [feature("n", .count, window: .sliding(size: 20_000, hop: 10_000))])])
    try runWorker(
      definition, ScriptedSource(lines: [event(100_000, "a"), event(1000, "a")], batchCount: 1),
      sideOutputs: SideOutputs(late: late))
    #expect(
      late.records.map(\.labels) == [
        ["reason=late", "view=now", "late-by-ms=99000", "source-topic=memory", "source-partition=0", "source-offset=1"]
      ])
  }

  @Test func `what cannot be read is a dead letter with its error`() throws {
    let letters = MemorySideOutput()
    let lines = ["{", "7", event(1, "a"), #"{"k":"a"}"#, #"{"ts":"noon"}"#, ""]
    let run = try runWorker(
      pipeline(Self.views), ScriptedSource(lines: lines, batchCount: 2), sideOutputs: SideOutputs(deadLetters: letters))
    #expect(letters.records.map(\.value) == ["{", "7", #"{"k":"a"}"#, #"{"ts":"noon"}"#, ""])
    #expect(
      letters.records.map { [$0.labels.first!, $0.labels.last!] } == [
        ["reason=malformed", "error=malformed JSON at byte 1: the text ends too early"],
        ["reason=not_an_object", "error=expected a JSON object"],
        ["reason=no_event_time", "error=no event time in 'ts'"], ["reason=invalid_event_time", "error='ts' is no epoch_ms time"],
        ["reason=empty", "error=the value is empty"],
      ])
    #expect(run.counts.deadLettersWritten == 5 && run.counts.rejectedCount == 5)
  }

  @Test(arguments: [true, false])
  func `positions are saved and committed behind what side outputs have confirmed`(hasCheckpoints: Bool) throws {
    let script = Script()
    let late = MemorySideOutput()
    let checkpoints = hasCheckpoints ? MemoryCheckpoints() : nil
    let clock = ManualClock()
    let source = ScriptedSource(
      [
        .result(.assigned([0])), .records([(0, 0, "a", event(90_000, "a")), (0, 1, "a", event(1000, "a"))]),
        .act { clock.advance(by: 20_000) }, .result(.idle),
        .act {
          #expect(late.confirmedCount == 1)
          #expect(script.source?.commits.last == [PartitionOffset(partition: 0, offset: 2)])
        }, .result(.idle),
      ], isBounded: false)
    script.source = source
    defer { script.source = nil }
    late.onConfirm = {
      if late.confirmedCount < late.records.count { #expect(source.commits.isEmpty && checkpoints?.saved.isEmpty != false) }
    }
    try runWorker(pipeline(Self.views), source, clock: clock, checkpoints: checkpoints, sideOutputs: SideOutputs(late: late))
  }

  @Test(arguments: [true, false])
  func `a side output that fails ends the run with nothing committed`(failsAtOnce: Bool) throws {
    let letters = MemorySideOutput()
    let fail: () throws -> Void = { throw Failure(.unavailable, "the dead letters are gone") }
    if failsAtOnce { letters.onWrite = fail } else { letters.onConfirm = fail }
    let checkpoints = MemoryCheckpoints()
    let source = ScriptedSource(
      [.result(.assigned([0])), .records([(0, 0, "a", event(1000, "a")), (0, 1, "a", "{")]), .result(.idle)], isBounded: false)
    let error = #expect(throws: Failure.self) {
      try runWorker(pipeline(Self.views), source, checkpoints: checkpoints, sideOutputs: SideOutputs(deadLetters: letters))
    }
    #expect(error?.code == .unavailable)
    #expect(source.commits.joined().isEmpty && checkpoints.saved.isEmpty && source.isClosed)
  }

  @Test func `records read again after a crash go out again under the same offset`() throws {
    let checkpoints = MemoryCheckpoints()
    let records: [(partition: PartitionIndex, offset: Offset, key: String?, value: String)] = [
      (0, 0, "a", event(90_000, "a")), (0, 1, "a", event(1000, "a")), (0, 2, "a", event(2000, "a")),
    ]
    let first = MemorySideOutput()
    let store = MemoryStore(pipeline(Self.views))
    // The process dies before it has saved what it read after the first record.
    try runWorker(
      pipeline(Self.views), ScriptedSource([.result(.assigned([0])), .records([records[0]]), .result(.idle)], isBounded: false),
      checkpoints: checkpoints, sideOutputs: SideOutputs(late: first), store: store)
    let second = MemorySideOutput()
    let third = MemorySideOutput()
    for output in [second, third] {
      let saved = MemoryCheckpoints(checkpoints)
      try runWorker(
        pipeline(Self.views), ScriptedSource([.result(.assigned([0])), .records(Array(records[1...]))], isBounded: false),
        checkpoints: saved, sideOutputs: SideOutputs(late: output))
    }
    #expect(second.records.count == 2 && second.records == third.records)
  }
}

/// The source of a script that looks at it.
private final class Script {
  var source: ScriptedSource?
}

@Suite struct `Copies of records` {
  @Test(arguments: [1, 2, 3, 100])
  func `are counted and not folded, and move event time like any record`(batchCount: Int) throws {
    let definition = deduplicating(pipeline([view("w", .close, countPerTen)]), window: 30_000)
    // The copy at 25 s closes the window of the first three, so the record at 9 s is late.
    let lines = [
      event(1000, "a", 1), event(1000, "a", 1), event(5000, "a", 2), event(25_000, "a", 1), event(9000, "a", 3),
      event(26_000, "a", 4),
    ]
    let run = try runWorker(definition, ScriptedSource(lines: lines, batchCount: batchCount))
    #expect(run.store.rows.map { [$0.start!, Int64($0.values["n"]!)!] } == [[0, 2], [20_000, 1]])
    #expect(run.counts.ledger.count(of: .duplicate) == 2 && run.counts.ledger.count(of: .late) == 1)
    #expect(
      run.counts.ledger.tallies[LedgerKey(source: 0, partition: 0, reason: .duplicate)]?.example
        == #"memory, byte 1: 'id' has been seen within the window: {"ts":1000,"k":"a","id":1}"#)
  }

  @Test func `are known in their partition alone`() throws {
    let definition = deduplicating(pipeline([view("w", .close, countPerTen)]), window: 1000)
    let source = ScriptedSource(
      [
        .result(.assigned([0, 1])),
        .records([
          (0, 0, "a", event(1, "a", 1)), (1, 0, "b", event(1, "b", 1)), (0, 1, "a", event(2, "a", 1)),
          (1, 1, "b", event(2, "b", 2)),
        ]),
      ], isBounded: false)
    let ledger = try runWorker(definition, source).counts.ledger
    #expect(duplicates(ledger, 0) == 1 && duplicates(ledger, 1) == 0)
  }

  @Test func `are known to the next owner of the partition`() throws {
    let definition = deduplicating(pipeline([view("w", .close, countPerTen)]), window: 60_000)
    let checkpoints = MemoryCheckpoints()
    try runWorker(
      definition,
      ScriptedSource(
        [.result(.assigned([0])), .records([(0, 0, "a", event(1000, "a", 1))]), .result(.revoked([0])), .result(.idle)],
        isBounded: false), checkpoints: checkpoints)
    let next = try runWorker(
      definition,
      ScriptedSource(
        [.result(.assigned([0])), .records([(0, 1, "a", event(1500, "a", 1)), (0, 2, "a", event(20_000, "a", 2))])],
        isBounded: false),
      checkpoints: checkpoints)
    #expect(next.store.rows.map(\.values) == [["n": "1"]] && duplicates(next.counts.ledger, 0) == 1)
  }
}

@Suite struct `Positions without checkpoints` {
  @Test func `wait for the rows of the slowest view`() throws {
    let features = [feature("n", .count, window: .sliding(size: 60_000, hop: 10_000))]
    let definition = pipeline([view("fast", .change, every: 100, features), view("slow", .change, every: 5000, features)])
    let clock = ManualClock()
    let store = MemoryStore(definition)
    let script = Script()
    var commitsWhenFast: [[PartitionOffset]] = []
    let source = ScriptedSource(
      [
        .result(.assigned([0])), .records([(0, 0, "a", event(1000, "a"))]), .act { clock.advance(by: 200) }, .result(.idle),
        .act {
          #expect(store.rows.map(\.view) == ["fast"])
          commitsWhenFast = script.source?.commits ?? []
        }, .records([(0, 1, "a", event(2000, "a"))]), .act { clock.advance(by: 5000) }, .result(.idle),
        .act { #expect(script.source?.commits.last == [PartitionOffset(partition: 0, offset: 2)]) }, .result(.idle),
      ], isBounded: false)
    script.source = source
    defer { script.source = nil }
    try runWorker(definition, source, clock: clock, store: store)
    #expect(commitsWhenFast.isEmpty)
  }
}
