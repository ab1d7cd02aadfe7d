// What a worker does with the state of an earlier owner, and when it saves its own.

import Base
import Features
import Foundation
import Processing
import Records
import Synchronization
import Testing
import Windowing

private func event(_ time: Int64, _ key: String, _ value: Int64 = 1) -> String { #"{"ts":\#(time),"k":"\#(key)","v":\#(value)}"# }

private let hour = WindowSpecification.sliding(size: 3_600_000, hop: 60_000)

private func steps(_ offsets: Range<Int64>) -> [ScriptedSource.Step] {
  [.result(.assigned([0])), .records(offsets.map { (0, $0, "a", event(1000 + $0, "a", $0)) }), .result(.idle)]
}

/// Runs `before` over the first records and `after` over later ones, by the checkpoint of the first.
private func run(
  _ before: PipelineDefinition, then after: PipelineDefinition, settings: WorkerSettings = WorkerSettings()
) throws -> WorkerRun {
  let checkpoints = MemoryCheckpoints()
  try runWorker(before, ScriptedSource(steps(0..<4), isBounded: false), checkpoints: checkpoints)
  return try runWorker(after, ScriptedSource(steps(4..<6), isBounded: false), checkpoints: checkpoints, settings: settings)
}

private func message(_ before: PipelineDefinition, then after: PipelineDefinition) -> String? {
  let failure = #expect(throws: Failure.self) { try run(before, then: after) }
  #expect(failure?.code == .badConfiguration)
  return failure?.message
}

@Suite struct `State of an earlier version of a pipeline` {
  private let count = feature("n", .count, window: hour)

  @Test func `a view that has not changed goes on beside new and without old ones`() throws {
    let total = feature("total", .sum, "v", window: .unbounded)
    let last = feature("last", .last, "v", window: hour)
    let before = pipeline([view("gone", .change, [last]), view("kept", .change, [count, total])])
    let after = pipeline([view("new", .change, [feature("most", .max, "v", window: hour)]), view("kept", .change, [total, count])])
    let result = try run(before, then: after)
    #expect(result.store.current("kept")["a"] == ["n": "6", "total": "15"])
    #expect(result.store.current("new")["a"] == ["most": "5"])
    #expect(
      result.counts.restoreNotes == [
        "view 'new' is new: it begins with the records from here on", "view 'gone' is gone: its state was dropped",
      ])
  }

  @Test func `a view that has changed is refused with what has changed`() {
    let before = pipeline([view("v", .change, [feature("n", .count, where: "v > 5", window: hour)])], timeToLive: 60_000)
    func refusal(_ changes: String) -> String {
      "the checkpoint of pipeline 'test', partition 0, is of views that have changed since: \(changes). --reset v starts it anew from here on"
    }
    func changed(_ feature: FeatureDefinition...) -> PipelineDefinition {
      pipeline([view("v", .change, feature)], timeToLive: 60_000)
    }
    #expect(
      message(before, then: changed(feature("n", .count, where: "v > 6", window: hour)))
        == refusal("view 'v', feature 'n': where v > 5 -> v > 6"))
    #expect(
      message(
        before, then: changed(feature("n", .count, where: "v > 5", window: .sliding(size: 600_000, hop: 60_000))))
        == refusal("view 'v', feature 'n': window sliding 1h every 1m -> sliding 10m every 1m"))
    #expect(
      message(before, then: changed(feature("n", .sum, "v", window: hour)))
        == refusal(
          "view 'v', feature 'n': function count -> sum; view 'v', feature 'n': field nothing -> v; view 'v', feature 'n': where v > 5 -> nothing"
        ))
    #expect(
      message(before, then: changed(feature("n", .count, where: "v > 5", window: hour), feature("m", .count, window: hour)))
        == refusal("view 'v', feature 'm' is new"))
    #expect(
      message(before, then: changed(feature("m", .count, where: "v > 5", window: hour)))
        == refusal("view 'v', feature 'm' is new; view 'v', feature 'n' is gone"))
    #expect(
      message(
        before, then: pipeline([view("v", .change, [feature("n", .count, where: "v > 5", window: hour)])], timeToLive: 120_000))
        == refusal("view 'v': ttl 1m -> 2m"))
    #expect(
      message(
        before,
        then: pipeline(
          [view("v", .change, [feature("n", .count, where: "v > 5", window: hour)])], entityKey: "u", timeToLive: 60_000))
        == refusal("view 'v': key k -> u"))
    #expect(
      message(
        before,
        then: pipeline(
          [view("v", .change, [feature("n", .count, where: "v > 5", window: hour)])],
          time: EventTimeSettings(path: FieldPath(["ts"]), format: .epochSeconds), timeToLive: 60_000))
        == refusal("view 'v': event_time ts (epoch_ms) -> ts (epoch_s)"))
  }

  @Test func `a view that is reset begins anew where the others go on`() throws {
    var settings = WorkerSettings()
    settings.resetViews = ["v"]
    let other = view("w", .change, [feature("total", .sum, "v", window: hour)])
    let before = pipeline([view("v", .change, [count]), other])
    let ten = feature("n", .count, window: .sliding(size: 600_000, hop: 60_000))
    let result = try run(before, then: pipeline([view("v", .change, [ten]), other]), settings: settings)
    #expect(result.store.current("v")["a"] == ["n": "2"])
    #expect(result.store.current("w")["a"] == ["total": "15"])
    #expect(result.counts.restoreNotes == ["view 'v' begins anew from here on, as --reset says"])
  }

  @Test func `a smaller lateness is taken over, a greater one only by views that do not close`() throws {
    let current = view("now", .change, [count])
    let closing = view("closed", .close, [feature("n", .count, window: .tumbling(size: 60_000))])
    let smaller = try run(pipeline([current, closing], lateness: 5000), then: pipeline([current, closing], lateness: 1000))
    #expect(
      smaller.counts.restoreNotes == ["lateness 5s -> 1s holds from here on: windows that it lets close earlier close now"])
    #expect(smaller.store.current("now")["a"] == ["n": "6"])
    #expect(
      message(pipeline([current, closing], lateness: 1000), then: pipeline([current, closing], lateness: 5000))
        == "the checkpoint of pipeline 'test', partition 0, is of views that have changed since: view 'closed': lateness 1s -> 5s. "
        + "--reset closed starts it anew from here on")
    let greater = try run(pipeline([current], lateness: 1000), then: pipeline([current], lateness: 5000))
    #expect(greater.counts.restoreNotes == ["lateness 1s -> 5s holds from here on"])
  }

  @Test func `dedup may come and go, and what it cannot know is said`() throws {
    let plain = pipeline([view("v", .change, [count])])
    var deduplicated = plain
    deduplicated.sources[0].deduplication = DeduplicationDefinition(keyPath: FieldPath(["v"]), windowMilliseconds: 1000)
    #expect(try run(plain, then: deduplicated).counts.restoreNotes == ["dedup is new: copies of records before are counted"])
    #expect(try run(deduplicated, then: plain).counts.restoreNotes == ["dedup is gone: copies count from here on"])
    #expect(try run(deduplicated, then: deduplicated).counts.restoreNotes == [])
  }
}

/// Saves as long as it is told to wait.
private final class SlowCheckpoints: CheckpointStore, @unchecked Sendable {
  let store = MemoryCheckpoints()
  let gate = Mutex<(isOpen: Bool, failure: Failure?, begun: Int)>((false, nil, 0))

  func save(_ snapshot: UnsafeRawBufferPointer, of partition: PartitionIndex, under fence: Fence?) throws {
    gate.withLock { $0.begun += 1 }
    while !gate.withLock(\.isOpen) { usleep(500) }
    if let failure = gate.withLock(\.failure) { throw failure }
    try store.save(snapshot, of: partition, under: fence)
  }

  func load(_ partition: PartitionIndex) throws -> ByteBuffer? { try store.load(partition) }
}

@Suite struct `Checkpoints behind the worker's back` {
  private let definition = pipeline([view("v", .change, [feature("n", .count, window: hour)])])

  /// Polls that move time, until `condition` holds.
  private func waiting(_ clock: ManualClock, for condition: @escaping () -> Bool) -> ScriptedSource.Step {
    .act {
      let end = Date().addingTimeInterval(60)
      while !condition(), Date() < end { usleep(500) }
    }
  }

  private func settings() -> WorkerSettings {
    var settings = WorkerSettings()
    settings.savesInBackground = true
    settings.checkpointEveryMilliseconds = 1000
    return settings
  }

  @Test func `the worker goes on while state is saved, and commits what was saved`() throws {
    let checkpoints = SlowCheckpoints()
    let clock = ManualClock()
    let steps: [ScriptedSource.Step] = [
      .result(.assigned([0])), .records([(0, 0, "a", event(1000, "a"))]), .act { clock.advance(by: 1500) }, .result(.idle),
      waiting(clock) { checkpoints.gate.withLock(\.begun) == 1 },
      // These are read while the save is under way; a checkpoint that is due meanwhile waits.
      .records([(0, 1, "a", event(1001, "a"))]), .act { clock.advance(by: 1500) }, .result(.idle),
      .records([(0, 2, "a", event(1002, "a"))]), .act { checkpoints.gate.withLock { $0.isOpen = true } }, .result(.idle),
    ]
    let source = ScriptedSource(steps, isBounded: false)
    let result = try runWorker(definition, source, clock: clock, checkpointStore: checkpoints, settings: settings())
    #expect(result.store.current("v")["a"] == ["n": "3"])
    let offsets = source.commits.flatMap { $0.map(\.offset) }
    #expect(offsets == offsets.sorted() && offsets.last == 3)
    #expect(!offsets.contains(2), "what was read while the first save was under way was not committed before it had ended")
  }

  @Test func `a save that may succeed later is tried again, and nothing was committed meanwhile`() throws {
    let checkpoints = SlowCheckpoints()
    checkpoints.gate.withLock { $0 = (true, Failure(.unavailable, "gone", isRetryable: true), 0) }
    let clock = ManualClock()
    let source = ScriptedSource(
      [
        .result(.assigned([0])), .records([(0, 0, "a", event(1000, "a"))]), .act { clock.advance(by: 1500) }, .result(.idle),
        waiting(clock) { checkpoints.gate.withLock(\.begun) == 1 }, .result(.idle),
        .act { checkpoints.gate.withLock { $0.failure = nil } }, .act { clock.advance(by: 1500) }, .result(.idle),
      ], isBounded: false)
    let result = try runWorker(definition, source, clock: clock, checkpointStore: checkpoints, settings: settings())
    #expect(result.counts.checkpoints == 1)
    #expect(source.commits.flatMap { $0.map(\.offset) }.allSatisfy { $0 == 1 })
  }

  @Test func `a save that cannot succeed ends the run, and nothing was committed`() {
    let checkpoints = SlowCheckpoints()
    checkpoints.gate.withLock { $0 = (true, Failure(.inputOutput, "no room"), 0) }
    let clock = ManualClock()
    let source = ScriptedSource(
      [.result(.assigned([0])), .records([(0, 0, "a", event(1000, "a"))]), .act { clock.advance(by: 1500) }, .result(.idle)],
      isBounded: false)
    let failure = #expect(throws: Failure.self) {
      try runWorker(definition, source, clock: clock, checkpointStore: checkpoints, settings: settings())
    }
    #expect(failure?.message == "no room")
    #expect(source.commits.isEmpty)
  }
}

@Suite struct `A state that is full` {
  private func bounded(_ action: StateBound.Action) -> PipelineDefinition {
    var definition = pipeline([view("v", .change, [feature("n", .count, window: hour)])])
    definition.stateBound = StateBound(keyCountMax: 2, byteCountMax: 3 << 20, whenFull: action)
    return definition
  }

  private func source() -> ScriptedSource {
    ScriptedSource(
      [
        .result(.assigned([0])),
        .records([
          (0, 0, "a", event(1, "a")), (0, 1, "b", event(2, "b")), (0, 2, "c", event(3, "c")), (0, 3, "a", event(4, "a")),
        ]),
      ], isBounded: false)
  }

  @Test func `leaves new keys out and counts their records, or ends the run at the first`() throws {
    let result = try runWorker(bounded(.dropNewKeys), source())
    #expect(result.store.current("v") == ["a": ["n": "2"], "b": ["n": "1"]])
    #expect(result.counts.ledger.count(of: .stateFull) == 1)
    let failure = #expect(throws: Failure.self) { try runWorker(bounded(.stop), source()) }
    #expect(
      failure?.message
        == "memory, partition 0, offset 2: the record brings a new key, and the state of the partition is at its bound (state: max_keys: 2, "
        + "max_memory: 3MiB). Raise it, let keys expire with 'ttl', or leave new keys out with 'when_full: drop_new_keys'")
    #expect(failure?.code == .failure)
  }
}
