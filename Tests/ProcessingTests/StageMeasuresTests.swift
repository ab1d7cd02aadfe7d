// How long records take, stage by stage: a worker on a clock that moves by hand, against durations that are known, and against a model that keeps every
// record by itself.

import Base
import Features
import Logging
import Measuring
import Processing
import Records
import Testing

private let begin: Int64 = 1_700_000_000_000

private func value(_ time: Int64, _ key: String = "a") -> String { #"{"ts":\#(begin + time),"k":"\#(key)","v":1}"# }

/// `time` and `log` are ms after the beginning.
private func record(_ offset: Offset, at time: Int64, log: Int64, partition: PartitionIndex = 0, key: String = "a")
  -> ScriptedSource.LoggedRecord
{
  ScriptedSource.LoggedRecord(partition: partition, offset: offset, time: begin + log, key: key, value: value(time, key))
}

private let count = [feature("n", .count, window: .unbounded)]

/// What a histogram holds after durations of so many ms came so often.
private func durations(_ counts: KeyValuePairs<Int64, Int>) -> DurationDistribution {
  let histogram = DurationHistogram()
  for (milliseconds, count) in counts { histogram.record(nanoseconds: milliseconds * 1_000_000, count: count) }
  return histogram.distribution
}

/// Dead letters that take their time.
private final class SlowLetters: SideOutput {
  let name = "letters"
  private let onWrite: () -> Void

  init(_ onWrite: @escaping () -> Void) { self.onWrite = onWrite }

  func write(_ record: SideRecord) throws { onWrite() }
  func confirm() throws {}
  func close() throws {}
}

/// Runs a worker over a script to its end.
private func measure(
  _ definition: PipelineDefinition, _ source: ScriptedSource, _ clock: ManualClock, store: any FeatureStore,
  checkpoints: (any CheckpointStore)? = nil, letters: SlowLetters? = nil, measures: StageMeasures, plan: ProcessingPlan
) throws {
  nonisolated(unsafe) let script = source
  var settings = WorkerSettings()
  settings.partitionCount = 2
  let worker = Worker(
    plan: plan, source: source, store: store, checkpoints: checkpoints, sideOutputs: SideOutputs(deadLetters: letters),
    clock: clock, settings: settings, status: ProcessingStatus(clock: clock),
    logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, isStopRequested: { script.isExhausted }, measures: measures)
  try worker.run()
}

@Suite struct `What is measured of records` {
  @Test func `every stage is as long as it was, and each rhythm of writing has its own`() throws {
    let definition = pipeline([
      view("fast", .change, every: 100, count), view("slow", .change, every: 1000, count),
      view("everybody", .change, keyed: false, every: 100, count),
    ])
    let clock = ManualClock(begin)
    let store = MemoryStore(definition)
    store.onWrite = { clock.advance(by: 3) }
    let plan = try ProcessingPlan(definition, source: 0)
    let measures = StageMeasures(plan)
    var pending: [Int64?] = []
    let source = ScriptedSource(
      [
        .result(.assigned([0])), .act { clock.advance(by: 50) },
        .logged([
          record(0, at: 10, log: 30), record(1, at: 10, log: 30), record(2, at: 20, log: 45),
          ScriptedSource.LoggedRecord(offset: 3, time: begin + 49, key: "a", value: "{"),
        ]),
        .act { clock.advance(by: 53) },  // 110, the first rhythm is due
        .result(.idle), .act { pending.append(measures.oldestPendingEventAt) },
        .act { clock.advance(by: 887) },  // 1000, and 3 for the write before: the second is
        .result(.idle), .act { clock.advance(by: 60) }, .result(.idle), .act { pending.append(measures.oldestPendingEventAt) },
      ], isBounded: false)
    try measure(
      definition, source, clock, store: store, letters: SlowLetters { clock.advance(by: 7) }, measures: measures, plan: plan)
    #expect(measures.eventToLog.distribution == durations([20: 2, 25: 1]))
    #expect(measures.logToRead.distribution == durations([20: 2, 5: 1]))
    // Until all of the batch was, and one of it was not to be read.
    #expect(measures.readToApplied.distribution == durations([7: 3]))
    #expect(measures.rhythms.map(\.viewNames) == [["fast", "everybody"], ["slow"]])
    // Applied at 57, confirmed at 113; a record counts once, however many keys it has.
    #expect(measures.rhythms[0].eventToVisible.distribution == durations([103: 2, 93: 1]))
    #expect(measures.rhythms[0].appliedToVisible.distribution == durations([56: 3]))
    #expect(measures.rhythms[1].eventToVisible.distribution == durations([993: 2, 983: 1]))
    #expect(measures.rhythms[1].appliedToVisible.distribution == durations([946: 3]))
    #expect(pending == [begin + 10, nil])
  }

  @Test func `what comes without a log's time has no first stages, and an early event counts as none`() throws {
    let definition = pipeline([view("v", .change, every: 100, count)])
    let clock = ManualClock(begin)
    let plan = try ProcessingPlan(definition, source: 0)
    let measures = StageMeasures(plan)
    var timeless = record(1, at: 500, log: 0)
    timeless.time = .min
    let source = ScriptedSource(
      [.result(.assigned([0])), .logged([record(0, at: 500, log: 0), timeless]), .act { clock.advance(by: 200) }, .result(.idle)],
      isBounded: false)
    try measure(definition, source, clock, store: MemoryStore(definition), measures: measures, plan: plan)
    #expect(measures.eventToLog.distribution == durations([0: 1]))
    #expect(measures.logToRead.distribution == durations([0: 1]))
    #expect(measures.readToApplied.distribution == durations([0: 2]))
    #expect(measures.rhythms[0].eventToVisible.distribution == durations([0: 2]))
  }

  @Test func `what a store that is away holds up is as late as it is, and seen to wait`() throws {
    let definition = pipeline([view("v", .change, every: 100, count)])
    let clock = ManualClock(begin)
    let store = MemoryStore(definition)
    store.onWrite = {
      if clock.nowMilliseconds < begin + 60_000 { throw Failure(.unavailable, "the store is gone", isRetryable: true) }
    }
    let plan = try ProcessingPlan(definition, source: 0)
    let measures = StageMeasures(plan)
    var waiting: [Int64?] = []
    var steps: [ScriptedSource.Step] = [
      .result(.assigned([0])), .logged([record(0, at: 0, log: 0)]), .act { clock.advance(by: 150) },
      .logged([record(1, at: 140, log: 145)]),
    ]
    // Paused meanwhile: polls bring nothing, and take their time.
    for _ in 0..<100 {
      steps += [
        .act {
          clock.advance(by: 1000)
          waiting.append(measures.oldestPendingEventAt)
        }, .result(.idle),
      ]
    }
    try measure(
      definition, ScriptedSource(steps, isBounded: false), clock, store: store, measures: measures, plan: plan)
    let seen = measures.rhythms[0].eventToVisible.distribution
    #expect(seen.count == 2)
    #expect(seen.values.allSatisfy { $0 > 59_000_000_000 && $0 < 67_000_000_000 }, "the next try is 5 s later at most")
    #expect(measures.rhythms[0].appliedToVisible.distribution.maxNanoseconds > 59_000_000_000)
    #expect(waiting[10] == begin)
    #expect(waiting.last == .some(nil))
  }

  @Test func `windows that close are measured from their ends, view by view`() throws {
    let definition = pipeline([
      view("ten", .close, [feature("n", .count, window: .tumbling(size: 10_000))]),
      view("also", .close, [feature("n", .count, window: .tumbling(size: 10_000))]),
      view("five", .close, [feature("n", .count, window: .tumbling(size: 5000))]),
    ])
    let clock = ManualClock(begin)
    let plan = try ProcessingPlan(definition, source: 0)
    let measures = StageMeasures(plan)
    let source = ScriptedSource(
      [
        .result(.assigned([0])),
        .logged([record(0, at: 1000, log: 1000), record(1, at: 1001, log: 1001, key: "b")]), .act { clock.advance(by: 10_600) },
        .logged([record(2, at: 10_500, log: 10_550)]), .result(.idle), .act { clock.advance(by: 400) }, .result(.idle),
      ], isBounded: false)
    try measure(definition, source, clock, store: MemoryStore(definition), measures: measures, plan: plan)
    #expect(measures.rhythms.isEmpty)
    #expect(measures.closings.map(\.viewName) == ["ten", "also", "five"])
    // Read at 10 600, and written at once, as it was due.
    #expect(measures.closings[0].endToVisible.distribution == durations([600: 2]))
    #expect(measures.closings[1].endToVisible.distribution == durations([600: 2]))
    #expect(measures.closings[2].endToVisible.distribution == durations([5600: 2]))
  }

  @Test func `records that are read again count in no stage, those of the backlog behind them with all their delay`() throws {
    let definition = pipeline([view("v", .change, every: 100, count)])
    let store = FencedStore(definition)
    let plan = try ProcessingPlan(definition, source: 0)
    let clock = ManualClock(begin)
    func live(_ steps: [ScriptedSource.Step], crashingAt call: Int? = nil) throws -> StageMeasures {
      let measures = StageMeasures(plan)
      let client = FencedClient(store)
      if let call { client.faults[call] = .crashBefore }
      do {
        try measure(
          definition, ScriptedSource(steps, isBounded: false), clock, store: client, checkpoints: client, measures: measures,
          plan: plan)
      } catch is Crash {}
      return measures
    }
    let records = (0..<4).map { record(Offset($0), at: Int64($0) * 100, log: Int64($0) * 100 + 10) }
    // Two records become visible; then it dies, without a checkpoint of them.
    let first = try live(
      [
        .result(.assigned([0])), .act { clock.advance(by: 150) }, .logged(Array(records[..<2])), .act { clock.advance(by: 200) },
        .result(.idle), .act { clock.advance(by: 200) }, .logged([records[2]]), .act { clock.advance(by: 200) }, .result(.idle),
      ], crashingAt: 4)
    #expect(first.rhythms[0].eventToVisible.distribution.count == 2)
    #expect(first.readToApplied.distribution.count == 3)
    clock.advance(by: 3_600_000)
    let now = clock.nowMilliseconds
    let second = try live([
      .result(.assigned([0])), .logged(records), .act { clock.advance(by: 200) }, .result(.idle), .result(.idle),
    ])
    #expect(second.eventToLog.distribution == durations([10: 2]))
    #expect(second.logToRead.distribution == durations([now - begin - 210: 1, now - begin - 310: 1]))
    #expect(second.readToApplied.distribution == durations([0: 2]))
    #expect(second.rhythms[0].eventToVisible.distribution.count == 2)
    #expect(second.rhythms[0].eventToVisible.distribution.values.allSatisfy { $0 > 3_550_000_000_000 })
  }

  @Test(arguments: 0..<40 as Range<UInt64>)
  func `a model that keeps every record by itself measures the same`(seed: UInt64) throws {
    var random = Random(state: seed)
    let rhythms: [Int64] = [70, 300, 1000]
    let definition = pipeline(
      rhythms.enumerated().map { view("v\($0.offset)", .change, keyed: $0.offset != 1, every: $0.element, count) })
    let clock = ManualClock(begin)
    let plan = try ProcessingPlan(definition, source: 0)
    let measures = StageMeasures(plan)
    var steps: [ScriptedSource.Step] = [.result(.assigned([0, 1]))]
    var now = begin
    var due = rhythms.map { begin + $0 }
    var pending: [[(event: Int64, applied: Int64)]] = Array(repeating: [], count: rhythms.count)
    var offsets: [Offset] = [0, 0]
    let (eventToLog, logToRead, readToApplied) = (DurationHistogram(), DurationHistogram(), DurationHistogram())
    let visible = rhythms.map { _ in DurationHistogram() }
    let applied = rhythms.map { _ in DurationHistogram() }
    func show(_ rhythm: Int) {
      for record in pending[rhythm] {
        visible[rhythm].record(nanoseconds: (now - record.event) * 1_000_000)
        applied[rhythm].record(nanoseconds: (now - record.applied) * 1_000_000)
      }
      pending[rhythm] = []
    }
    for _ in 0..<200 {
      let pause = random.integer(in: 0...120)
      now += pause
      steps.append(.act { clock.advance(by: pause) })
      if random.below(3) > 0 {
        var records: [ScriptedSource.LoggedRecord] = []
        for _ in 0..<random.integer(in: 1...30) {
          let partition = Int(random.below(2))
          // Mostly of the moment, at times of long ago, rarely ahead. Where all of a partition came from long ago, its times would be rounded.
          let isLate = random.below(20) == 0 && records.contains { $0.partition == partition }
          let event =
            now - begin - (isLate ? random.integer(in: 0...90_000) : random.integer(in: -5...400))
          let log = event + random.integer(in: -3...60)
          records.append(
            record(
              offsets[partition], at: event, log: log, partition: PartitionIndex(partition),
              key: "\("ab".randomElement()!)\(partition)"))
          offsets[partition] += 1
          eventToLog.record(nanoseconds: (log - event) * 1_000_000)
          logToRead.record(nanoseconds: (now - begin - log) * 1_000_000)
          readToApplied.record(nanoseconds: 0)
          for rhythm in rhythms.indices { pending[rhythm].append((begin + event, now)) }
        }
        steps.append(.logged(records))
      } else {
        steps.append(.result(.idle))
      }
      for rhythm in rhythms.indices where due[rhythm] <= now {
        show(rhythm)
        due[rhythm] = now + rhythms[rhythm]
      }
    }
    try measure(
      definition, ScriptedSource(steps, isBounded: false), clock, store: MemoryStore(definition), measures: measures, plan: plan)
    for rhythm in rhythms.indices { show(rhythm) }
    #expect(measures.eventToLog.distribution == eventToLog.distribution, "seed \(seed)")
    #expect(measures.logToRead.distribution == logToRead.distribution, "seed \(seed)")
    #expect(measures.readToApplied.distribution == readToApplied.distribution, "seed \(seed)")
    for rhythm in rhythms.indices {
      #expect(
        measures.rhythms[rhythm].eventToVisible.distribution == visible[rhythm].distribution, "seed \(seed), rhythm \(rhythm)")
      #expect(
        measures.rhythms[rhythm].appliedToVisible.distribution == applied[rhythm].distribution, "seed \(seed), rhythm \(rhythm)")
    }
  }
}
