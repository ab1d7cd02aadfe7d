// When events happen: arrivals, rates, the queue, and the pacing against a clock that the test moves.

import Base
import Foundation
import Records
import Schema
import Testing

@testable import Generation

@Suite struct TimingTests {
  private static let hour: Int64 = 3_600_000_000_000

  private func arrivals(_ perSecond: Double, _ profile: Profile?, from start: Int64, until end: Int64) -> [Int64] {
    var process = ArrivalProcess(
      seed: 9, perSecond: perSecond, curve: ArrivalCurve(profile.map { [$0] } ?? []), startNanoseconds: start)
    var times: [Int64] = []
    while process.time < end {
      times.append(process.time)
      process.advance()
    }
    return times
  }

  @Test(arguments: [0.01, 3.0, 2000.0]) func `arrivals are a Poisson process`(perSecond: Double) {
    let times = arrivals(perSecond, nil, from: 0, until: Int64(20_000 / perSecond * 1e9))
    #expect(abs(Double(times.count) - 20_000) < 600)
    // The gaps of a Poisson process are exponential: ten classes of equal probability.
    var counts = [Int](repeating: 0, count: 10)
    for (first, second) in zip(times, times.dropFirst()) {
      #expect(second >= first)
      counts[min(9, Int(10 * (1 - exp(-Double(second - first) / 1e9 * perSecond))))] += 1
    }
    #expect(Generating.excess(observed: counts, probabilities: counts.map { _ in 0.1 }) < 4)
  }

  @Test func `arrivals can be entered at any time, also before the epoch`() {
    let all = arrivals(5, nil, from: -2 * Self.hour, until: Self.hour)
    for start in [-Self.hour, -1, 0, 12_345_678_901] as [Int64] {
      #expect(arrivals(5, nil, from: start, until: Self.hour) == all.filter { $0 >= start })
    }
  }

  @Test func `a profile shapes the arrivals, across the end of its period too`() {
    let profile = Profile(
      periodMilliseconds: 86_400_000,
      points: [(0, 0.3), (32_400_000, 1.0), (72_000_000, 2.2)].map { Profile.Point(atMilliseconds: $0, factor: $1) })
    let curve = ArrivalCurve([profile])
    #expect(curve.factor(atNanoseconds: 0) == 0.3)
    #expect(abs(curve.factor(atNanoseconds: 22 * Self.hour) - 1.25) < 1e-9)
    #expect(abs(curve.factor(atNanoseconds: -2 * Self.hour) - 1.25) < 1e-9)
    let times = arrivals(2, profile, from: 0, until: 24 * Self.hour)
    var counts = [Int](repeating: 0, count: 24)
    for time in times { counts[Int(time / Self.hour)] += 1 }
    let weights = (0..<24).map { hour in curve.factor(atNanoseconds: Int64(hour) * Self.hour + Self.hour / 2) }
    let total = weights.reduce(0, +)
    #expect(Generating.excess(observed: counts, probabilities: weights.map { $0 / total }) < 4)
    #expect(abs(Double(times.count) / (2 * 3600 * total) - 1) < 0.02)
  }

  @Test func `a session has as many events as its chain says`() throws {
    let schema = try Generating.clickstream()
    let expected = SessionArithmetic.expectedEventCount(schema.sessions!)
    let generator = Generating.generator(schema)
    var sessions: Set<String> = []
    let objects = try Generating.objects(generator, count: 25_000)
    for object in objects { sessions.insert(object["session_id"] as! String) }
    let events = Double(25_000 - generator.liveSessionCount)
    #expect(abs(events / Double(sessions.count - generator.liveSessionCount) / expected - 1) < 0.08)
  }

  @Test(arguments: [1000.0, 7.0, 0.2, 333_333.0]) func `a rate gives exact times`(rate: Double) throws {
    let generator = Generating.generator(try Generating.clickstream(), rate: rate)
    let batch = RecordBatch(slotCapacity: 1000)
    var times = [Int64](repeating: 0, count: 1000)
    generator.fill(batch, maximumCount: 1000, before: .max, times: &times)
    for (index, time) in times.enumerated() {
      let expected = Double(index) / rate * 1e9
      #expect(abs(Double(time - Generating.start * 1_000_000) - expected) <= 1)
      #expect(batch.slots[index].timestamp == time / 1_000_000)
    }
  }

  @Test func `under a rate the pauses stay near the schema's`() throws {
    let generator = Generating.generator(try Generating.clickstream(), rate: 300)
    var clicked: [String: Int64] = [:]
    var pauses: [Int64] = []
    // From the first event on: as many sessions live then as ever will.
    for object in try Generating.objects(generator, count: 18_000) {
      let session = object["session_id"] as! String
      let time = TimeText.milliseconds(fromRFC3339: object["timestamp"] as! String)!
      if let since = clicked.removeValue(forKey: session) { pauses.append(time - since) }
      if object["event"] as? String == "Product Clicked" { clicked[session] = time }
    }
    pauses.sort()
    #expect(abs(Double(pauses[pauses.count / 2]) / 400 - 1) < 0.1)
  }

  @Test func `a rate finds its sessions in full walk at the start, and counts its events from there`() throws {
    let generator = Generating.generator(try Generating.clickstream(), rate: 200)
    let atStart = generator.liveSessionCount
    #expect(generator.eventCount == 0)
    #expect(generator.moveStart(toMilliseconds: Generating.start + 500))
    #expect(generator.nextTimeNanoseconds == (Generating.start + 500) * 1_000_000)
    _ = Generating.bytes(generator, count: 24_000)
    #expect(generator.eventCount == 24_000)
    #expect(abs(Double(atStart) / Double(generator.liveSessionCount) - 1) < 0.2)
  }

  @Test func `the heap pops as a sorted list does`() {
    var random = Random(seed: 21, 0, 0)
    for round in 0..<20 {
      var heap = RadixHeap()
      defer { heap.deallocate() }
      var model: [(key: UInt64, order: UInt32)] = []
      var now: UInt64 = 0
      for step in 0..<3_000 {
        if model.isEmpty || random.below(100) < (step < 1_500 ? 60 : 40) {
          // Coarse keys in odd rounds, so that many are equal.
          let key = now + (round % 2 == 1 ? random.below(4) : random.next() >> (20 + random.below(40)))
          let order = UInt32(truncatingIfNeeded: random.next())
          heap.push(HeapItem(key: key, order: order, slot: order))
          model.append((key, order))
        } else {
          let least = model.indices.min { (model[$0].key, model[$0].order) < (model[$1].key, model[$1].order) }!
          let expected = model.remove(at: least)
          let popped = heap.pop()
          #expect(popped.key == expected.key && popped.order == expected.order, "round \(round), step \(step)")
          now = popped.key
        }
        #expect(heap.count == model.count)
      }
    }
  }
}

/// Time that moves only when it is told to.
private final class HandClock: Base.Clock, @unchecked Sendable {
  private(set) var monotonicNanoseconds: UInt64 = 5_000_000_000
  var nowMilliseconds: Int64 { Int64(monotonicNanoseconds / 1_000_000) }
  func advance(by nanoseconds: UInt64) { monotonicNanoseconds += nanoseconds }
}

@Suite struct PacerTests {
  private let clock = HandClock()

  private func pacer(until: Int64 = .max) -> Pacer {
    Pacer(startNanoseconds: 0, untilNanoseconds: until, origin: clock.monotonicNanoseconds)
  }

  @Test func `a slow stream sleeps in slices and wakes exactly at its event`() {
    var pacer = pacer()
    #expect(pacer.next(now: clock.monotonicNanoseconds, nextEventTime: 0) == .fill(beforeNanoseconds: 1))
    let due: Int64 = 5_000_000_000
    var slices = 0
    while case .sleep(let until) = pacer.next(now: clock.monotonicNanoseconds, nextEventTime: due) {
      #expect(until - clock.monotonicNanoseconds <= Pacer.sliceNanoseconds)
      clock.advance(by: until - clock.monotonicNanoseconds)
      slices += 1
    }
    #expect(clock.monotonicNanoseconds == 10_000_000_000)
    #expect(slices == 100)
  }

  @Test func `a fast stream goes out once per gap`() {
    var pacer = pacer()
    var next: Int64 = 0
    var fills = 0
    for _ in 0..<1_000 {
      switch pacer.next(now: clock.monotonicNanoseconds, nextEventTime: next) {
      case .fill(let before):
        fills += 1
        next = (before + 1999) / 2000 * 2000
      case .sleep(let until): clock.advance(by: until - clock.monotonicNanoseconds)
      case .end: Issue.record("the stream has no end")
      }
    }
    #expect(fills == 500)
    #expect(clock.monotonicNanoseconds == 5_000_000_000 + 500 * Pacer.gapNanoseconds)
  }

  @Test func `late events go out at once, without a gap and without loss`() {
    var pacer = pacer()
    clock.advance(by: 3_000_000_000)
    // The caller takes only ten events at a time.
    for event in stride(from: Int64(0), to: 3_000_000_000, by: 10_000_000) {
      #expect(pacer.next(now: clock.monotonicNanoseconds, nextEventTime: event) == .fill(beforeNanoseconds: 3_000_000_001))
    }
  }

  @Test func `the end is reached in time, not by the last event`() {
    var pacer = pacer(until: 2_000_000)
    #expect(pacer.next(now: clock.monotonicNanoseconds, nextEventTime: 9_000_000) == .sleep(untilNanoseconds: 5_002_000_000))
    clock.advance(by: 2_000_000)
    #expect(pacer.next(now: clock.monotonicNanoseconds, nextEventTime: 9_000_000) == .end)
  }

  @Test func `events past the end are not asked for`() {
    var pacer = pacer(until: 2_000_000)
    clock.advance(by: 50_000_000)
    #expect(pacer.next(now: clock.monotonicNanoseconds, nextEventTime: 1_000_000) == .fill(beforeNanoseconds: 2_000_000))
    #expect(pacer.next(now: clock.monotonicNanoseconds, nextEventTime: 2_000_000) == .end)
  }
}
