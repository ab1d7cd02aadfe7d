// One worker dies, or loses its store, at every call it makes; what the next one leaves behind equals what one undisturbed worker does, and no
// row ever goes back on the way.

import Base
import Features
import Processing
import Records
import Testing
import Windowing

private func event(_ time: Int64, _ key: String, _ value: Int = 1) -> String { #"{"ts":\#(time),"k":"\#(key)","v":\#(value)}"# }

private let totals = [
  feature("n", .count, window: .unbounded), feature("recent", .count, window: .sliding(size: 20_000, hop: 5000)),
]
private let perTen = [
  feature("n", .count, window: .tumbling(size: 10_000)), feature("v", .sum, "v", window: .tumbling(size: 10_000)),
]

/// Two partitions of 30 records each, three keys in each, event times that go on and sometimes back.
private let log: [LogSource.Record] = {
  var random = Random(state: 11)
  var records: [LogSource.Record] = []
  for number in 0..<60 {
    let partition = PartitionIndex(number % 2)
    let time = Int64(number / 2) * 1700 - random.integer(in: 0...4000)
    let key = "\(partition == 0 ? "a" : "b")\(random.integer(in: 0...2))"
    // Offsets 7 to 9 belong to nobody.
    let offset = Int64(number / 2) + (number / 2 >= 7 ? 3 : 0)
    records.append((partition, offset, key, event(max(time, 0), key, number)))
  }
  return records
}()

private func definition(idleTimeout: Int64? = nil) -> PipelineDefinition {
  pipeline([view("now", .change, every: 20, totals), view("ten", .close, perTen)], lateness: 2000, idleTimeout: idleTimeout)
}

private let quick: WorkerSettings = {
  var settings = WorkerSettings()
  settings.checkpointEveryMilliseconds = 25
  settings.partitionCount = 2
  return settings
}()

/// A life over the whole log.
@discardableResult
private func live(on store: FencedStore, _ definition: PipelineDefinition, faults: [Int: Fault] = [:], batchCount: Int = 3) throws
  -> (
    life: Life, client: FencedClient, source: LogSource
  )
{
  let clock = ManualClock()
  let source = LogSource(log, partitions: [0, 1], clock: clock)
  source.batchCount = batchCount
  source.pollMilliseconds = Int64(21 / batchCount)
  let client = FencedClient(store)
  client.faults = faults
  let life = try live(definition, source, client, clock: clock, settings: quick) { source.isAtEnd }
  return (life, client, source)
}

@Suite struct `A worker that is followed by another` {
  @Test func `leaves what one undisturbed worker leaves, whichever call it dies at`() throws {
    let definition = definition()
    let whole = FencedStore(definition)
    whole.monotoneFeature = "n"
    let undisturbed = try live(on: whole, definition)
    #expect(undisturbed.life.error == nil && whole.regressions == [] && whole.rows.count > 20)
    #expect(undisturbed.client.callCount > 50)
    for call in 0..<undisturbed.client.callCount {
      for fault in [Fault.crashBefore, .crashAfter] {
        let store = FencedStore(definition)
        store.monotoneFeature = "n"
        let first = try live(on: store, definition, faults: [call: fault])
        #expect(first.life.error is Crash)
        let second = try live(on: store, definition, batchCount: 1)
        #expect(second.life.error == nil, "call \(call), \(fault)")
        #expect(store.values == whole.values, "call \(call), \(fault)")
        #expect(store.regressions == [], "call \(call), \(fault)")
      }
    }
  }

  @Test func `leaves the same when its follower dies, too`() throws {
    let definition = definition()
    let whole = FencedStore(definition)
    let callCount = try live(on: whole, definition).client.callCount
    var random = Random(state: 5)
    for _ in 0..<150 {
      let store = FencedStore(definition)
      store.monotoneFeature = "n"
      var lives: [Int] = []
      for _ in 0..<4 {
        lives.append(Int(random.below(UInt64(callCount))))
        try live(
          on: store, definition, faults: [lives.last!: random.below(2) == 0 ? .crashBefore : .crashAfter],
          batchCount: Int(random.integer(in: 1...5)))
      }
      let last = try live(on: store, definition)
      #expect(last.life.error == nil, "died at calls \(lives)")
      #expect(store.values == whole.values && store.regressions == [], "died at calls \(lives)")
    }
  }

  @Test func `goes on by itself, whichever call gets no answer`() throws {
    let definition = definition()
    let whole = FencedStore(definition)
    let callCount = try live(on: whole, definition).client.callCount
    for call in 0..<callCount {
      for fault in [Fault.unheard, .unanswered] {
        let store = FencedStore(definition)
        store.monotoneFeature = "n"
        let run = try live(on: store, definition, faults: [call: fault])
        #expect(run.life.error == nil, "call \(call), \(fault)")
        #expect(store.values == whole.values && store.regressions == [], "call \(call), \(fault)")
        #expect(run.life.counts.outages <= 1)
      }
    }
  }

  @Test func `moves event time again where it was moved by the wall clock, whichever call it dies at`() throws {
    let definition = definition(idleTimeout: 30)
    /// Silence of 60 ms, twice as long as the timeout, before every tenth poll.
    func idleLife(on store: FencedStore, _ faults: [Int: Fault] = [:], after: Offset = .max) throws -> (
      client: FencedClient, life: Life
    ) {
      let clock = ManualClock()
      let source = LogSource(log, partitions: [0, 1], clock: clock)
      source.silence = { source in source.pollCount % 10 >= 6 && source.pollCount < 60 }
      let client = FencedClient(store)
      client.faults = faults
      let life = try live(definition, source, client, clock: clock, settings: quick) { source.isAtEnd && source.pollCount > 80 }
      return (client, life)
    }
    let whole = FencedStore(definition)
    let callCount = try idleLife(on: whole).client.callCount
    #expect(whole.sawIdleAdvance)
    for call in 0..<callCount {
      for fault in [Fault.crashBefore, .crashAfter] {
        let store = FencedStore(definition)
        #expect(try idleLife(on: store, [call: fault]).life.error is Crash)
        let next = try idleLife(on: store)
        #expect(next.life.error == nil, "call \(call), \(fault)")
        // What the wall clock did in another life may differ; what was shown never goes back.
        #expect(store.regressions == [], "call \(call), \(fault)")
        #expect(store.rows.keys.filter { $0.view == "now" }.sorted() == whole.rows.keys.filter { $0.view == "now" }.sorted())
        for (place, row) in store.rows where place.view == "now" { #expect(row.values["n"] == whole.rows[place]?.values["n"]) }
      }
    }
  }
}
