// Who is silent, what is stuck, what cannot be true: how a monitor tells it, under a clock that moves by hand.

import Base
import Foundation
import Measuring
import Testing

@testable import Monitoring

@Suite struct `What a monitor says of health` {
  /// Asked as `MonitorRun` asks: twice a second, with 0.7 s of patience; looked at every quarter of a second.
  @Test(arguments: Array(stride(from: Int64(0), to: 500, by: 50)))
  func `a process that is frozen is silent within two seconds, whenever it is`(frozenAfter: Int64) throws {
    let rig = try MonitorRig()
    let frozenAt = 3000 + frozenAfter
    var (askedAt, nextAskAt, silentAt): (Int64?, Int64, Int64?) = (nil, 0, nil)
    for time in stride(from: Int64(0), to: 8000, by: 10) {
      if let asked = askedAt, time >= asked + 700 {
        rig.model.note(failure: "no answer within 700 ms", isRefused: false, of: 0)
        (askedAt, nextAskAt) = (nil, time)
      }
      if askedAt == nil, time >= nextAskAt {
        if time < frozenAt {
          rig.answer(count: 10)
          nextAskAt = time + 500
        } else {
          askedAt = time
        }
      }
      if time % 250 == 0, time > frozenAt, silentAt == nil, rig.nrt.health == .silent { silentAt = time }
      rig.clock.advance(by: 10)
    }
    // A terminal draws five times a second, the page twice.
    #expect(try #require(silentAt) - frozenAt <= 1500)
    #expect(rig.model.snapshot().events.last?.text == "process (http://h:0) is silent: no answer within 700 ms")
  }

  /// 690 ms are slow, and yet an answer.
  @Test func `a process that is slow is not silent`() throws {
    let rig = try MonitorRig()
    rig.answer(count: 10)
    for _ in 0..<20 {
      rig.clock.advance(by: 500)
      #expect(rig.nrt.health == .ok)
      rig.clock.advance(by: 690)
      #expect(rig.nrt.health == .ok)
      rig.answer(count: 10)
    }
  }

  @Test func `one of two processors that is silent is a reason, and its numbers are gone`() throws {
    let rig = try MonitorRig(2)
    for _ in 0..<5 {
      rig.answer(0, count: 10, delay: 100)
      rig.answer(1, count: 10, delay: 9000)
      rig.clock.advance(by: 500)
    }
    rig.model.note(failure: "connection refused", isRefused: true, of: 1)
    rig.answer(0, count: 10, delay: 100)
    let nrt = rig.nrt
    #expect(nrt.health == .violated)
    #expect(nrt.reasons == ["process (http://h:1): connection refused"])
    #expect(try #require(nrt.latency).max < 200)
    #expect(try #require(nrt.stalenessNow) >= 500)
  }

  @Test func `what a process lacks is a reason of its lane`() throws {
    let rig = try MonitorRig()
    rig.answer(count: 1) { $0.obstacles = ["worker: the store does not answer: connection refused", "archive of 'clicks': full"] }
    #expect(rig.nrt.health == .violated)
    #expect(rig.nrt.reasons == ["worker: the store does not answer: connection refused"])
    #expect(rig.model.snapshot().targets[0].health == .violated)
    rig.answer(count: 1)
    #expect(rig.nrt.health == .ok)
  }

  @Test func `a store that is away is a reason of the lanes that live in it`() throws {
    let rig = try MonitorRig()
    rig.answer(count: 1)
    rig.model.note(store: "redis://h:6379", trouble: nil)
    rig.model.note(published: [("v", rig.clock.nowMilliseconds - 5000, rig.clock.nowMilliseconds)])
    #expect(rig.lane("batch").health == .ok)
    rig.clock.advance(by: 1000)
    rig.answer(count: 1)
    rig.model.note(store: "redis://h:6379", trouble: "connection refused")
    for lane in ["nrt", "batch"] {
      #expect(rig.lane(lane).health == .violated)
      #expect(rig.lane(lane).reasons == ["the store does not answer: connection refused"])
    }
    #expect(rig.lane("batch").stalenessNow == 6000)
    rig.model.note(store: "redis://h:6379", trouble: nil)
    let snapshot = rig.model.snapshot()
    #expect(
      snapshot.events.suffix(2).map(\.text) == [
        "the store does not answer: connection refused", "the store answers again (was: connection refused)",
      ])
    #expect(snapshot.targets.last?.health == .ok)
  }

  @Test func `a run that has gone from the store has no age any more`() throws {
    let rig = try MonitorRig()
    rig.model.note(store: "redis://h:6379", trouble: nil)
    rig.model.note(published: [("v", rig.clock.nowMilliseconds - 5000, 0)])
    #expect(rig.lane("batch").stalenessNow == 5000)
    // Who runs batches may say what he likes: readers see what is in the store.
    rig.model.note(published: [])
    rig.answer { document in
      var batch = StatusDocument.Batch()
      batch.views = [StatusDocument.Batch.View(name: "v")]
      batch.views[0].asOf = document.now
      batch.views[0].publishedAt = document.now
      document.batch = batch
    }
    #expect(rig.lane("batch").stalenessNow == nil)
    #expect(rig.model.snapshot().events.last?.text == "no batch run of v is published any more")
    rig.model.note(published: [("v", .min, .max)])
    #expect(rig.lane("batch").stalenessNow == nil)
  }

  @Test func `records that wait in the log, and that nobody reads, are a reason and an age`() throws {
    let rig = try MonitorRig()
    for _ in 0..<3 {
      rig.answer(count: 100)
      rig.clock.advance(by: 1000)
    }
    for _ in 0..<4 {
      rig.answer { $0.process!.lagRecords = 2500 }
      rig.clock.advance(by: 1000)
    }
    #expect(rig.nrt.health == .violated)
    #expect(rig.nrt.reasons == ["2.5k records wait in the log, and none has been read for 4.0 s"])
    #expect(rig.nrt.stalenessNow == 4000)
    rig.answer { $0.process!.lagRecords = 0 }
    #expect(rig.nrt.health == .ok)
    #expect(rig.nrt.stalenessNow == 0)
  }

  @Test func `records that wait behind others are as old as those that are read now`() throws {
    let rig = try MonitorRig()
    let waited = DurationHistogram()
    for _ in 0..<5 {
      waited.record(nanoseconds: 30_000_000_000, count: 100)
      rig.answer(count: 100) { document in
        document.process!.lagRecords = 90_000
        document.process!.stages.logToRead = waited.distribution
      }
      rig.clock.advance(by: 1000)
    }
    #expect(abs(try #require(rig.nrt.stalenessNow) - 30_000) < 300)
    #expect(rig.nrt.health == .ok, "it reads: an objective may say that this is too late")
  }

  @Test func `a process of another pipeline adds nothing`() throws {
    let rig = try MonitorRig()
    for _ in 0..<3 {
      rig.answer(count: 100) { $0.pipeline = "other" }
      rig.clock.advance(by: 500)
    }
    let snapshot = rig.model.snapshot()
    #expect(snapshot.flow.read == nil)
    #expect(snapshot.targets[0].health == .silent)
    #expect(snapshot.targets[0].reasons == ["it is of another pipeline, 'other'"])
  }

  @Test func `a generator goes by the name of its schema`() throws {
    let rig = try MonitorRig()
    for events in [0, 100] {
      rig.answer {
        $0.pipeline = "clickstream"
        $0.process = nil
        $0.generate = StatusDocument.Generate()
        $0.generate!.events = Int64(events)
      }
      rig.clock.advance(by: 1000)
    }
    #expect(rig.model.snapshot().flow.generated == 100)
  }

  @Test func `of addresses alone a pipeline has the name that they agree on`() throws {
    let clock = ManualClock(1_700_000_000_000)
    let model = MonitorModel(MonitoredPipeline(name: ""), targets: ["http://h:1", "http://h:2"], clock: clock)
    func document(_ name: String) -> StatusDocument {
      var document = StatusDocument(version: "1", pipeline: name, instance: name, startedAt: 0, now: clock.nowMilliseconds)
      document.process = StatusDocument.Process()
      return document
    }
    model.note(document("shop"), from: 0, requestedAt: 0, answeredAt: 1)
    #expect(model.snapshot().pipeline == "shop")
    model.note(document("other"), from: 1, requestedAt: 0, answeredAt: 1)
    #expect(model.snapshot().pipeline == "")
    #expect(model.snapshot().lanes.map(\.lane) == ["rt", "nrt", "batch"])
  }
}

/// A change that makes a status one that cannot be true.
private struct Lie: Sendable {
  var refusal: String
  var change: @Sendable (inout StatusDocument) -> Void

  init(_ refusal: String, _ change: @escaping @Sendable (inout StatusDocument) -> Void) {
    self.refusal = refusal
    self.change = change
  }
}

@Suite struct `A status that cannot be true` {
  private static let whole: StatusDocument = {
    var document = StatusDocument(version: "1", pipeline: "shop", instance: "h:1", startedAt: 0, now: 1_700_000_000_000)
    document.process = StatusDocument.Process()
    document.process!.uncounted = ["late": 3]
    document.process!.views = [StatusDocument.Process.View(name: "v", trigger: "change", emitEveryMilliseconds: 200)]
    document.serve = StatusDocument.Serve()
    document.serve!.requests = ["200": 5]
    document.generate = StatusDocument.Generate()
    document.generate!.askedRate = 1e5
    return document
  }()

  @Test func `all that is likely passes`() { #expect(Self.whole.refusal == nil) }

  @Test(
    arguments: [
      Lie("now is -9223372036854775808", { $0.now = .min }),
      Lie("startedAt is 9223372036854775807", { $0.startedAt = .max }),
      Lie("process.records is 1000000000000001", { $0.process!.records = 1_000_000_000_000_001 }),
      Lie("process.keys is -9223372036854775808", { $0.process!.keys = .min }),
      Lie("process.oldestPendingEventAt is 9223372036854775807", { $0.process!.oldestPendingEventAt = .max }),
      Lie("process.uncounted.0.value is 9223372036854775807", { $0.process!.uncounted = ["late": .max] }),
      Lie("process.views.0.emitEveryMilliseconds is 9223372036854775807", { $0.process!.views[0].emitEveryMilliseconds = .max }),
      Lie("process.views has 1001 items", { $0.process!.views = Array(repeating: $0.process!.views[0], count: 1001) }),
      Lie("serve.requests.0.value is 9223372036854775807", { $0.serve!.requests = ["200": .max] }),
      Lie("generate.askedRate is 1e+300", { $0.generate!.askedRate = 1e300 }),
      Lie("obstacles.0 has 5000 bytes", { $0.obstacles = [String(repeating: "x", count: 5000)] }),
    ] as [Lie])
  private func `is refused, and said which number`(lie: Lie) throws {
    let (refusal, change) = (lie.refusal, lie.change)
    var document = Self.whole
    change(&document)
    #expect(document.refusal == refusal)
    let clock = ManualClock(1_700_000_000_000)
    let model = MonitorModel(MonitoredPipeline(name: ""), targets: ["http://h:1"], clock: clock)
    model.note(document, from: 0, requestedAt: 0, answeredAt: 1)
    #expect(model.snapshot().targets[0].reasons == ["its status cannot be true: \(refusal)"])
  }

  /// Anything that passes is reckoned with without a trap, however odd.
  @Test(arguments: 0..<200)
  func `random numbers end nothing`(seed: UInt64) throws {
    var random = Random(state: seed)
    let odd: [Int64] = [.min, .max, -1, 0, 1, -1_000_000_000_000_000, 1_000_000_000_000_000, 1_700_000_000_000, 1 << 53]
    func number() -> Int64 { odd[Int(random.below(UInt64(odd.count)))] }
    let rig = try MonitorRig()
    for _ in 0..<8 {
      rig.answer { document in
        document.now = number()
        document.startedAt = 0
        document.process!.records = number()
        document.process!.rows = number()
        document.process!.keys = Int(number())
        document.process!.lagRecords = number()
        document.process!.watermark = number()
        document.process!.oldestPendingEventAt = number()
        document.process!.uncounted = ["a": number(), "b": number()]
        document.process!.stages.logToRead = DurationDistribution(
          values: [1, .max], counts: [1 << 44, 1 << 44], sumNanoseconds: number(), maxNanoseconds: number())
        document.serve = StatusDocument.Serve()
        document.serve!.requests = ["200": number(), "500": number()]
        document.serve!.waitingRequests = Int(number())
        document.serve!.views = [StatusDocument.Serve.View(name: "v", lane: "nrt")]
        document.serve!.views[0].statuses = ["PRESENT": number(), "STALE": number()]
        document.batch = StatusDocument.Batch()
        document.batch!.views = [StatusDocument.Batch.View(name: "v")]
        document.batch!.views[0].asOf = number()
        document.batch!.views[0].publishedAt = number()
        document.batch!.views[0].runNanoseconds = number()
        document.batch!.views[0].records = number()
        document.generate = StatusDocument.Generate()
        document.generate!.events = number()
      }
      let snapshot = rig.model.snapshot()
      _ = try MonitoringJSON.data(of: snapshot)
      _ = MonitorScreen(width: 120, height: nil, hasColors: true).lines(snapshot)
      rig.clock.advance(by: 500)
    }
  }

  @Test(arguments: [
    "", "null", "[]", "{}", "{\"version\":\"1\"}", String(repeating: "[", count: 100_000),
    #"{"version":"1","pipeline":"p","instance":"i","started_at":0,"now":1e400,"obstacles":[]}"#,
    #"{"version":"1","pipeline":"p","instance":"i","started_at":0,"now":99999999999999999999,"obstacles":[]}"#,
    #"{"version":1,"pipeline":"p","instance":"i","started_at":0,"now":0,"obstacles":[]}"#,
  ])
  func `what is no status is an error`(text: String) {
    #expect(throws: (any Error).self) { try MonitoringJSON.decode(StatusDocument.self, from: Data(text.utf8)) }
  }

  @Test(arguments: [
    #"{"count":1,"sum_ns":1,"max_ns":1,"values_ns":[1],"counts":[1,2]}"#,
    #"{"count":1,"sum_ns":1,"max_ns":1,"values_ns":[2,1],"counts":[1,2]}"#,
    #"{"count":1,"sum_ns":1,"max_ns":1,"values_ns":[-1],"counts":[1]}"#,
    #"{"count":1,"sum_ns":1,"max_ns":1,"values_ns":[1],"counts":[0]}"#,
    #"{"count":1,"sum_ns":1,"max_ns":1,"values_ns":[1],"counts":[1125899906842624]}"#,
  ])
  func `a distribution that cannot be is an error`(text: String) {
    #expect(throws: (any Error).self) { try MonitoringJSON.decode(DurationDistribution.self, from: Data(text.utf8)) }
  }
}
