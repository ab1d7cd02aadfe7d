// The monitor's model under a clock that moves by hand: windows, silence, restarts, merging, objectives.

import Base
import Measuring
import Testing

@testable import Monitoring

@Suite struct `A monitor's model` {
  @Test func `percentiles are those of the window, and not of all time`() throws {
    let rig = try MonitorRig()
    rig.answer(count: 1000, delay: 5000)
    for _ in 0..<20 {
      rig.clock.advance(by: 1000)
      rig.answer(count: 100, delay: 100)
    }
    let latency = try #require(rig.nrt.latency)
    #expect(abs(latency.p99 - 100) < 2)
    #expect(latency.count == 1000)
    rig.model.windowSeconds = 300
    #expect(try #require(rig.nrt.latency).count == 2000)
  }

  @Test func `a rate is what came, over the time in which it came`() throws {
    let rig = try MonitorRig()
    for _ in 0..<10 {
      rig.answer(count: 500)
      rig.clock.advance(by: 500)
    }
    let rate = try #require(rig.model.snapshot().flow.read)
    #expect(abs(rate - 1000) < 1)
  }

  @Test func `who does not answer says nothing within two seconds, and is heard again when it does`() throws {
    let rig = try MonitorRig()
    for _ in 0..<5 {
      rig.answer(count: 100)
      rig.clock.advance(by: 500)
    }
    #expect(rig.nrt.health == .ok)
    rig.clock.advance(by: 1000)
    rig.model.note(failure: "no answer within 800 ms", isRefused: false, of: 0)
    let snapshot = rig.model.snapshot()
    let nrt = try #require(snapshot.lanes.first { $0.lane == "nrt" })
    #expect(nrt.health == .silent)
    #expect(nrt.latency == nil)
    #expect(snapshot.flow.read == nil)
    #expect(snapshot.targets[0].health == .silent)
    #expect(snapshot.targets[0].reasons == ["no answer within 800 ms"])
    #expect(snapshot.stages.allSatisfy { $0.duration == nil })
    // Nobody knows what would be read, but it grows older.
    let age = try #require(nrt.stalenessNow)
    rig.clock.advance(by: 3000)
    #expect(try #require(rig.nrt.stalenessNow) == age + 3000)
    rig.answer(count: 1)
    rig.clock.advance(by: 500)
    rig.answer(count: 100)
    #expect(rig.nrt.health == .ok)
    #expect(rig.model.snapshot().events.map(\.text).filter { $0.contains("silent") || $0.contains("answers") }.count == 2)
  }

  @Test func `a process that refuses is silent at once`() throws {
    let rig = try MonitorRig()
    rig.answer(count: 1)
    rig.model.note(failure: "connection refused", isRefused: true, of: 0)
    #expect(rig.nrt.health == .silent)
  }

  @Test func `a process that was started again counts from its start`() throws {
    let rig = try MonitorRig()
    for _ in 0..<10 {
      rig.answer(count: 1000)
      rig.clock.advance(by: 1000)
    }
    rig.restart(0)
    rig.answer(count: 5, delay: 100)
    #expect(rig.model.snapshot().flow.read == nil, "one look is not a difference")
    rig.clock.advance(by: 1000)
    rig.answer(count: 5, delay: 100)
    let snapshot = rig.model.snapshot()
    #expect(try #require(snapshot.flow.read) == 5)
    #expect(snapshot.events.contains { $0.text.contains("has been started again") })
  }

  @Test func `several processes of a pipeline add up`() throws {
    let rig = try MonitorRig(2)
    for _ in 0..<5 {
      rig.answer(0, count: 990, delay: 100)
      rig.answer(1, count: 10, delay: 10_000)
      rig.clock.advance(by: 1000)
    }
    let latency = try #require(rig.nrt.latency)
    #expect(abs(latency.p99 - 100) < 2)
    #expect(abs(latency.p999 - 10_000) < 200)
    #expect(abs(try #require(rig.model.snapshot().flow.read) - 1000) < 1)
  }

  @Test func `records that wait show their age, and what is stuck is no good number`() throws {
    let rig = try MonitorRig()
    for _ in 0..<12 {
      rig.answer(count: 100)
      rig.clock.advance(by: 1000)
    }
    let since = rig.clock.nowMilliseconds
    for _ in 0..<15 {
      rig.clock.advance(by: 1000)
      rig.answer(pendingSince: since)
    }
    let nrt = rig.nrt
    #expect(nrt.stalenessNow == 15_000)
    #expect(nrt.health == .violated)
    #expect(nrt.reasons.contains { $0.contains("has been waiting to become visible for 15.0 s") })
    // Nothing has become visible in the window: the age is what is left of it.
    #expect(abs(try #require(nrt.latency).p50 - 15_000) < 1)
  }

  @Test func `markers under way count with their age`() throws {
    let rig = try MonitorRig()
    rig.answer()
    var report = ProbeReport(view: "v")
    report.sent = 8
    report.visible = 6
    report.agesInFlight = [4_000_000_000, 100_000_000]
    report.partitions = [
      MonitorSnapshot.Probes.Partition(partition: 0, health: .ok, lastDelay: 100, inFlightAge: 100),
      MonitorSnapshot.Probes.Partition(partition: 1, health: .ok, lastDelay: 100, inFlightAge: 4000),
    ]
    rig.model.note(report)
    let snapshot = rig.model.snapshot()
    #expect(snapshot.probes?.partitions.map(\.health) == [.ok, .silent])
    #expect(snapshot.probes?.delay?.max == 4000)
    let nrt = try #require(snapshot.lanes.first { $0.lane == "nrt" })
    #expect(nrt.stalenessNow == 4000)
    #expect(nrt.reasons == ["partition 1: a marker has been under way for 4.0 s"])
  }

  @Test func `objectives are met, violated, or cannot be judged`() throws {
    let rig = try MonitorRig()
    #expect(rig.model.snapshot().objectives.map(\.health) == [.unknown, .unknown])
    rig.model.note(publishedView: "v", asOf: rig.clock.nowMilliseconds - 20_000, publishedAt: rig.clock.nowMilliseconds)
    rig.answer(count: 100)
    rig.clock.advance(by: 1000)
    rig.answer(count: 100, delay: 499)
    var snapshot = rig.model.snapshot()
    #expect(snapshot.objectives.map(\.health) == [.ok, .ok])
    #expect(snapshot.objectives.map(\.text) == ["nrt visible_delay p99 <= 500ms", "batch staleness_at_read max <= 30s"])
    rig.clock.advance(by: 10_000)
    rig.answer(count: 100, delay: 700)
    snapshot = rig.model.snapshot()
    #expect(snapshot.objectives.map(\.health) == [.violated, .violated])
    #expect(snapshot.lanes.first { $0.lane == "nrt" }?.health == .violated)
    #expect(
      snapshot.events.filter { $0.level == .bad }.map(\.text).first
        == "objective violated: nrt visible_delay p99 <= 500ms, measured 698 ms")
  }

  @Test func `a clock that is ahead is found out, with how sure that is`() throws {
    let rig = try MonitorRig()
    rig.answer(ahead: 250)
    let target = rig.model.snapshot().targets[0]
    // Their time is a whole ms, half of one late on the average.
    #expect(try #require(target.clockOffset) == 250.5)
    #expect(try #require(target.clockOffsetError) == 2.5)
  }

  @Test func `the history has a point a second, with gaps where nothing was known`() throws {
    let rig = try MonitorRig()
    for second in 0..<20 {
      if second < 10 { rig.answer(count: 100) } else { rig.model.note(failure: "gone", isRefused: true, of: 0) }
      _ = rig.model.snapshot()
      _ = rig.model.snapshot()
      rig.clock.advance(by: 1000)
    }
    let history = rig.model.snapshot().history
    #expect(history.count == 21)
    #expect(history[9].read != nil)
    #expect(history[15].read == nil)
    #expect(history[15].latencyP99["nrt"] == nil)
  }
}

@Suite struct `Values beside the exact ones` {
  @Test(arguments: [
    ("10", "10", true, 0.0), ("8", "10", false, 0.2), ("10.000000000001", "10", true, 1e-13), ("0", "0", true, 0.0),
    ("1", "0", false, 1.0),
  ])
  func `numbers differ by a share of the exact one`(value: String, exact: String, isEqual: Bool, error: Double) throws {
    let sample = LaneSample(view: "v", feature: "f", lane: "nrt", age: 1, value: value, exact: exact)
    #expect(sample.isEqual == isEqual)
    #expect(abs(try #require(sample.error) - error) < 1e-9)
  }

  @Test(arguments: [
    ("1e400", "3", false), ("1e300", "1e-300", false), ("-1e400", "1e400", false), ("\"a\"", "\"a\"", true),
    ("\"a\"", "\"b\"", false), ("null", "3", false), ("null", "null", true),
  ])
  func `what is no number is equal or not`(value: String, exact: String, isEqual: Bool) {
    let sample = LaneSample(view: "v", feature: "f", lane: "nrt", age: 1, value: value, exact: exact)
    #expect(sample.isEqual == isEqual)
    #expect(sample.error == nil)
  }
}
