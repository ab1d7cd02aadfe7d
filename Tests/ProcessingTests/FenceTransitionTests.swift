// What a worker does when its store refuses it, does not answer, or does not have what it had: each with the words that a person reads.

import Base
import Features
import Processing
import Records
import Testing
import Windowing

private func event(_ time: Int64, _ key: String, _ value: Int = 1) -> String { #"{"ts":\#(time),"k":"\#(key)","v":\#(value)}"# }

private let totals = [feature("n", .count, window: .unbounded)]
private let perTen = [feature("n", .count, window: .tumbling(size: 10_000))]
private let changing = pipeline([view("now", .change, every: 20, totals)])

private func records(_ range: Range<Int64>, partition: PartitionIndex = 0) -> [LogSource.Record] {
  range.map { (partition, $0, "a\(partition)", event($0 * 1000, "a\(partition)")) }
}

private func settings(_ change: (inout WorkerSettings) -> Void = { _ in }) -> WorkerSettings {
  var settings = WorkerSettings()
  settings.checkpointEveryMilliseconds = 25
  change(&settings)
  return settings
}

/// A worker over `log`; what befalls it is said by `faults`, by what happens before a poll, and by how it ends.
private func work(
  _ definition: PipelineDefinition = changing, on store: FencedStore, log: [LogSource.Record] = records(0..<30),
  partitions: [PartitionIndex] = [0], clock: ManualClock = ManualClock(), checkpoints: (any CheckpointStore)? = nil,
  pollCountMin: Int = 0, settings: WorkerSettings = settings(),
  prepare: (LogSource, FencedClient) -> Void = { _, _ in }, until isOver: ((LogSource) -> Bool)? = nil
) throws -> (life: Life, source: LogSource, client: FencedClient) {
  let source = LogSource(log, partitions: partitions, clock: clock)
  let client = FencedClient(store)
  prepare(source, client)
  let life = try live(definition, source, client, clock: clock, checkpoints: checkpoints, settings: settings) {
    isOver?(source) ?? (source.isAtEnd && source.pollCount > pollCountMin)
  }
  return (life, source, client)
}

private func count(_ store: FencedStore, _ key: String = "a0") -> String? {
  store.rows[FencedStore.Place(view: "now", key: key, start: .min)]?.values["n"]
}

@Suite struct `A worker that is refused` {
  @Test func `drops a partition that another has taken, and claims it again while it is still its own`() throws {
    let store = FencedStore(changing)
    store.monotoneFeature = "n"
    let other = FencedClient(store)
    let run = try work(on: store, pollCountMin: 100) { source, _ in
      source.beforePoll = { source in
        if source.pollCount == 6 { _ = try! other.claim(0, as: FenceOwner(token: "theirs", name: "there:2")) }
      }
    }
    #expect(run.life.error == nil)
    #expect(count(store) == "30" && store.regressions == [])
    #expect(run.life.counts.refusedFlushes == 1 && run.life.counts.recoveries == 1)
    #expect(
      run.life.lines.contains(
        "warning: another worker has taken the partition over; what was held of it is dropped owner=there:2 partition=0"))
    #expect(store.fences[0]!.generation == 3)
  }

  @Test func `waits longer from time to time while two believe that a partition is their own`() throws {
    let store = FencedStore(changing)
    let other = FencedClient(store)
    let clock = ManualClock()
    var claims: [Int64] = []
    let run = try work(on: store, log: records(0..<300), clock: clock, pollCountMin: 3000) { source, _ in
      var generation: Int64 = 0
      source.beforePoll = { _ in
        guard let fence = store.fences[0], fence.generation > generation, claims.count < 6 else { return }
        claims.append(clock.nowMilliseconds)
        generation = try! other.claim(0, as: FenceOwner(token: "theirs", name: "there:2"))!.generation
      }
    }
    #expect(run.life.error == nil)
    #expect(count(store) == "300")
    let pauses = zip(claims, claims.dropFirst()).map { $1 - $0 }
    #expect(pauses.count == 5 && pauses.last! > 4 * pauses.first!, "\(pauses)")
  }

  @Test func `computes again what a store has forgotten that went back`() throws {
    let store = FencedStore(changing)
    var old: FencedStore?
    let run = try work(on: store) { source, _ in
      source.beforePoll = { source in
        if source.pollCount == 5 { old = store.copy(changing) }
        if source.pollCount == 9, let old {
          store.rows = old.rows
          store.checkpoints = old.checkpoints
          let generation = store.fences[0]!.generation
          store.fences = old.fences
          store.fences[0]!.generation = generation
        }
      }
    }
    #expect(run.life.error == nil)
    #expect(count(store) == "30" && store.regressions == [])
    let line = run.life.lines.first { $0.hasPrefix("warning: the store has gone back") }
    #expect(
      line
        == "warning: the store has gone back to an older state; the partition is computed again from the checkpoint that it has "
        + "confirmed=24 found=12 partition=0")
  }

  @Test func `ends with 69 where the fence is gone`() throws {
    let store = FencedStore(changing)
    let run = try work(on: store) { source, _ in
      source.beforePoll = { source in
        if source.pollCount == 6 { store.fences = [:] }
      }
    }
    #expect(run.life.failure?.code == .unavailable)
    #expect(
      run.life.failure?.message
        == "memory no longer has the fence of pipeline 'test', partition 0 of memory: it was emptied (FLUSHALL, FLUSHDB, a restart without "
        + "persistence), or evicted it (maxmemory-policy may not be one of allkeys-*). Rows may be gone with it: --ignore-checkpoints computes "
        + "all of them anew from where the input begins")
  }

  @Test func `drops a partition whose checkpoint is refused`() throws {
    let store = FencedStore(changing)
    let refusing = RefusingCheckpoints(store)
    let run = try work(on: store, checkpoints: refusing, pollCountMin: 100)
    #expect(run.life.error == nil && count(store) == "30" && store.regressions == [])
    #expect(
      run.life.lines.contains(
        "warning: another worker has taken the partition over; what was held of it is dropped owner=another partition=0"))
  }
}

/// Refuses the third checkpoint.
private final class RefusingCheckpoints: CheckpointStore {
  private let client: FencedClient
  private var count = 0

  init(_ store: FencedStore) { client = FencedClient(store) }

  func save(_ snapshot: UnsafeRawBufferPointer, of partition: PartitionIndex, under fence: Fence?) throws {
    count += 1
    if count == 3 { throw CheckpointOvertaken(partition: partition) }
    try client.save(snapshot, of: partition, under: fence)
  }

  func load(_ partition: PartitionIndex) throws -> ByteBuffer? { try client.load(partition) }
}

@Suite struct `A worker without its store` {
  /// Unreachable for a time, by the clock.
  private func outage(
    _ client: FencedClient, _ clock: ManualClock, from start: Int64, for duration: Int64
  ) {
    let begin = clock.nowMilliseconds
    client.isUnreachable = { (begin + start..<begin + start + duration).contains(clock.nowMilliseconds) }
  }

  @Test func `pauses, warns, and goes on with exact values`() throws {
    let store = FencedStore(changing)
    store.monotoneFeature = "n"
    let clock = ManualClock()
    let run = try work(on: store, clock: clock) { _, client in outage(client, clock, from: 30, for: 65_000) }
    #expect(run.life.error == nil && count(store) == "30" && store.regressions == [])
    #expect(run.source.pauses == [true, false])
    #expect(run.life.counts.outages == 1 && (60_000...75_000).contains(run.life.counts.withoutStoreMilliseconds))
    #expect(
      run.life.lines.contains(
        "warning: the store does not answer; reading pauses, and goes on when it does reason=the store is gone"))
    #expect(run.life.lines.filter { $0.hasPrefix("warning: still without the store reason=the store is gone seconds=") }.count == 6)
    #expect(run.life.lines.contains { $0.hasPrefix("notice: the store answers again seconds=") })
  }

  @Test func `gives up unwritten what is taken away meanwhile, and takes what comes later`() throws {
    let store = FencedStore(changing)
    store.monotoneFeature = "n"
    let clock = ManualClock()
    let log = records(0..<30) + records(0..<30, partition: 1) + records(0..<30, partition: 2)
    let run = try work(on: store, log: log, partitions: [0, 1], clock: clock, pollCountMin: 200) { source, client in
      outage(client, clock, from: 30, for: 20_000)
      var step = 0
      source.beforePoll = { source in
        guard client.isUnreachable(), source.pauses == [true] else { return }
        step += 1
        if step == 3 { source.announce(.revoked([1])) }
        if step == 5 { source.announce(.assigned([2])) }
        if step == 7 { source.announce(.lost([2])) }
        if step == 9 { source.announce(.assigned([1, 2])) }
      }
    }
    #expect(run.life.error == nil)
    #expect([count(store, "a0"), count(store, "a1"), count(store, "a2")] == ["30", "30", "30"] && store.regressions == [])
    #expect(
      run.life.lines.contains(
        "warning: partitions given up unwritten, because the store does not answer; their next owner computes them again partitions=[1]"
      ))
  }

  @Test func `gives up unwritten what is being revoked when the store goes`() throws {
    let store = FencedStore(changing)
    let clock = ManualClock()
    let log = records(0..<30) + records(0..<30, partition: 1)
    let run = try work(on: store, log: log, partitions: [0, 1], clock: clock, pollCountMin: 200) { source, client in
      let client = client
      source.beforePoll = { source in
        guard source.pollCount == 6 else { return }
        outage(client, clock, from: 0, for: 500)
        source.announce(.revoked([1]))
        source.announce(.assigned([1]))
      }
    }
    #expect(run.life.error == nil)
    #expect([count(store, "a0"), count(store, "a1")] == ["30", "30"])
    #expect(run.life.lines.contains { $0.hasSuffix("their next owner computes them again partitions=[1]") })
    #expect(!run.source.commits.contains { $0.partition == 1 && $0.offset == 0 })
  }

  @Test func `ends with 69 when the end is asked for and the store does not come back in time`() throws {
    let store = FencedStore(changing)
    let clock = ManualClock()
    let run = try work(
      on: store, clock: clock, settings: settings { $0.drainMilliseconds = 3000 },
      prepare: { _, client in outage(client, clock, from: 30, for: .max / 4) }, until: { $0.pollCount > 20 })
    #expect(run.life.failure?.code == .unavailable && run.life.failure?.isRetryable == false)
    let message = try #require(run.life.failure?.message)
    #expect(message.hasPrefix("ended without the store, which did not answer for "), "\(message)")
    #expect(
      message.hasSuffix(
        " s: the store is gone. At least 1 rows of 1 partitions were not written; nothing is lost: the next start computes them again"
      ),
      "\(message)")
  }

  @Test func `waits for it with a claim`() throws {
    let store = FencedStore(changing)
    let clock = ManualClock()
    let run = try work(on: store, clock: clock) { _, client in outage(client, clock, from: 0, for: 12_000) }
    #expect(run.life.error == nil && count(store) == "30")
    #expect(run.life.counts.outages == 1)
  }
}

@Suite struct `A worker that takes a partition` {
  /// What a life leaves behind that was cut short in the middle.
  private func interrupted(_ definition: PipelineDefinition = changing) throws -> FencedStore {
    let store = FencedStore(definition)
    _ = try work(definition, on: store, prepare: { _, client in client.faults = [9: .crashAfter] })
    return store
  }

  @Test func `begins where the reset says where nothing is known, and at the checkpoint where one is`() throws {
    let store = FencedStore(changing)
    let first = try work(on: store, log: records(5..<30))
    #expect(first.source.starts == [PartitionOffset(partition: 0, offset: PartitionOffset.reset)])
    let second = try work(on: store, log: records(5..<40))
    #expect(second.source.starts == [PartitionOffset(partition: 0, offset: 30)])
    #expect(count(store) == "35")
    #expect(second.life.lines.first == "info: partition taken from=here:1 generation=2 offset=30 partition=0")
  }

  @Test func `shows nothing before it has passed what was shown`() throws {
    let store = try interrupted()
    let fence = store.fences[0]!
    let before = store.rows
    let checkpoint = store.checkpoints
    let next = try work(on: store)
    #expect(!checkpoint.isEmpty && !before.isEmpty && fence.nextOffset != nil)
    #expect(next.life.lines.contains { $0.hasPrefix("info: partition has caught up with its rows offset=") })
    #expect(next.life.counts.replayedRecords > 0 && next.life.counts.recoveries == 1)
    #expect(count(store) == "30" && store.regressions == [])
  }

  @Test func `refuses rows without a checkpoint`() throws {
    let store = try interrupted()
    store.checkpoints = [:]
    let next = try work(on: store)
    #expect(next.life.failure?.code == .badConfiguration)
    #expect(
      next.life.failure?.message
        == "partition 0 of memory has rows up to offset \(store.fences[0]!.nextOffset!) in memory, but its checkpoint is gone; going on would "
        + "give wrong values. --ignore-checkpoints computes all of them anew from where the input begins")
  }

  @Test func `refuses a checkpoint without a fence, or with one that is behind it`() throws {
    let store = try interrupted()
    let fences = store.fences
    store.fences = [:]
    let without = try work(on: store)
    #expect(without.life.failure?.code == .badConfiguration)
    #expect(
      without.life.failure?.message.contains("but memory knows of no rows: it was emptied, or it is another Redis; going on")
        == true)
    store.fences = fences
    store.fences[0]!.nextOffset = 1
    let behind = try work(on: store)
    #expect(
      behind.life.failure?.message.contains("but memory has its rows only up to offset 1: it was restored from an older state")
        == true)
  }

  @Test func `refuses a topic that has grown`() throws {
    let store = try interrupted()
    let next = try work(on: store, settings: settings { $0.partitionCount = 3 })
    #expect(next.life.failure?.code == .badConfiguration)
    #expect(
      next.life.failure?.message
        == "memory has 3 partitions, but had 1 when its values were first computed: keys have moved to other partitions, away from their "
        + "values. --ignore-checkpoints computes all values anew; they are whole again for windows that began after the change")
    let anew = try work(
      on: store,
      settings: settings {
        $0.partitionCount = 3
        $0.ignoresCheckpoints = true
      })
    #expect(anew.life.error == nil && store.fences[0]!.partitionCount == 3)
  }

  @Test func `begins anew with --ignore-checkpoints, also when that is cut short at any call`() throws {
    let interrupted = try interrupted()
    func anew(_ store: FencedStore, _ faults: [Int: Fault] = [:], again: Bool = true) throws -> Life {
      try work(on: store, settings: settings { $0.ignoresCheckpoints = again }, prepare: { _, client in client.faults = faults })
        .life
    }
    for call in 0..<12 {
      for fault in [Fault.crashBefore, .crashAfter] {
        let store = interrupted.copy(changing)
        #expect(try anew(store, [call: fault]).error is Crash)
        // Without the flag: it goes on from whatever is there.
        let next = try anew(store, again: false)
        #expect(next.error == nil && count(store) == "30", "call \(call), \(fault): \(next.error.map { "\($0)" } ?? "")")
      }
    }
  }

  @Test func `ends its silence where the topic has lost the records that were shown`() throws {
    let store = try interrupted()
    let kept = store.fences[0]!.nextOffset! - 1
    let next = try work(on: store, log: records(0..<kept)) { _, _ in
    } until: {
      $0.pollCount > 20
    }
    #expect(next.life.error == nil)
    #expect(
      next.life.lines.contains {
        $0.hasPrefix("warning: the topic ends before the place up to which rows were written kafka.partition=0 missing=")
      })
  }
}
