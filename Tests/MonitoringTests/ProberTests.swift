// When markers go out, and what is told of those that have not come back: time moves by hand.

import Base
import Measuring
import Monitoring
import Testing

private let millisecond: UInt64 = 1_000_000
private let second: UInt64 = 1_000_000_000
private let epoch: Int64 = 1_767_607_200_000_000_000

private func settings(_ partitions: Int = 4, period: Int64 = 1000, emitEvery: Int64 = 200, server: Bool = false) -> Prober.Settings
{
  Prober.Settings(
    view: "v", partitionCount: partitions, periodMilliseconds: period, emitEveryMilliseconds: emitEvery, asksServer: server)
}

/// A prober and the moments at which it sends within `seconds`, looked at every millisecond.
private func schedule(_ settings: Prober.Settings, seconds: UInt64, seed: UInt64) -> [(at: UInt64, marker: Prober.Marker)] {
  var prober = Prober(settings, now: 0, random: Random(state: seed))
  var sent: [(UInt64, Prober.Marker)] = []
  for step in 0..<seconds * 1000 {
    let now = step * millisecond
    for marker in prober.due(now: now, wall: epoch + Int64(now)) {
      sent.append((now, marker))
      prober.saw(number: marker.number, partition: marker.partition, now: now)
    }
  }
  return sent
}

@Suite struct ProberTests {
  @Test(arguments: 1...5 as ClosedRange<UInt64>)
  func `each partition gets a marker per period, at moments that do not keep step with anything`(_ seed: UInt64) {
    let sent = schedule(settings(), seconds: 600, seed: seed)
    for partition in 0..<4 {
      let times = sent.filter { $0.marker.partition == partition }.map(\.at)
      #expect((598...601).contains(times.count))
      let gaps = zip(times, times.dropFirst()).map { $1 - $0 }
      #expect(gaps.allSatisfy { $0 >= second / 3 && $0 <= 2 * second })
    }
    // Phases within the 200 ms of emit.every: a tenth of them in each 20 ms, within five standard deviations.
    var phases = [Int](repeating: 0, count: 10)
    for (at, _) in sent { phases[Int(at / millisecond % 200 / 20)] += 1 }
    #expect(phases.allSatisfy { (165...315).contains($0) }, "\(phases)")
  }

  @Test func `partitions take turns`() {
    let sent = schedule(settings(10, period: 1000, emitEvery: 0), seconds: 300, seed: 7)
    var tenths = [Int](repeating: 0, count: 10)
    for (at, _) in sent { tenths[Int(at / (100 * millisecond) % 10)] += 1 }
    #expect(tenths.allSatisfy { $0 > 200 }, "\(tenths)")
  }

  @Test func `event times of a partition grow, whatever the wall clock does`() {
    var prober = Prober(settings(1, period: 10), now: 0, random: Random(state: 1))
    var last = Int64.min
    for step in 0..<1000 as Range<UInt64> {
      let now = step * 10 * millisecond
      let wall = step < 500 ? epoch + Int64(now) : epoch + Int64(now) - 60 * 1_000_000_000
      for marker in prober.due(now: now, wall: wall) {
        #expect(marker.eventTime > last && marker.startedAt <= now)
        last = marker.eventTime
        prober.saw(number: marker.number, partition: 0, now: now)
      }
    }
  }

  @Test func `a row proves every marker up to its last event`() throws {
    var prober = Prober(settings(1, period: 100, emitEvery: 0), now: 0, random: Random(state: 1))
    var markers: [Prober.Marker] = []
    for step in 0..<1000 as Range<UInt64> {
      markers += prober.due(now: step * millisecond, wall: epoch + Int64(step * millisecond))
    }
    #expect(markers.count >= 9)
    let now = 2 * second
    #expect(prober.saw(lastEvent: markers[0].eventTime - 1, partition: 0, now: now).isEmpty)
    #expect(prober.saw(lastEvent: markers[4].eventTime, partition: 0, now: now) == Array(markers[...4]))
    #expect(prober.saw(lastEvent: markers[4].eventTime, partition: 0, now: now).isEmpty)
    let report = prober.report(now: now)
    #expect(report.sent == Int64(markers.count) && report.visible == 5 && report.agesInFlight.count == markers.count - 5)
    #expect(report.delay.count == 5)
    #expect(report.partitions[0].lastDelay == Double(now - markers[4].startedAt) / 1e6)
    // What nobody has sent, or from where nobody reads, proves nothing and breaks nothing.
    #expect(
      prober.saw(lastEvent: .max, partition: 7, now: now).isEmpty && prober.saw(lastEvent: .max, partition: -1, now: now).isEmpty)
  }

  @Test func `a stamp is as fine as the clock, though event time is in milliseconds`() throws {
    var prober = Prober(settings(1, period: 1, emitEvery: 0), now: 10 * second, random: Random(state: 1))
    let now = 10 * second + 2 * millisecond
    let marker = try #require(prober.due(now: now, wall: epoch + 123_456_789).first)
    #expect(marker.eventTime == epoch / 1_000_000 + 123)
    #expect(now - marker.startedAt == 456_789)
  }

  @Test func `what does not come back stays, with its age, and its partition is silent`() throws {
    let settings = settings(2, period: 500)
    var prober = Prober(settings, now: 0, random: Random(state: 3))
    for step in 0..<60_000 as Range<UInt64> {
      let now = step * millisecond
      for marker in prober.due(now: now, wall: epoch + Int64(now)) where marker.partition == 0 {
        prober.saw(number: marker.number, partition: 0, now: now)
      }
    }
    let report = prober.report(now: 60 * second)
    #expect(report.partitions[0].health == .ok && report.partitions[0].inFlightAge == nil)
    #expect(report.partitions[1].health == .silent)
    let oldest = try #require(report.partitions[1].inFlightAge)
    #expect(oldest > 58_500 && report.partitions[1].lastDelay == nil)
    #expect(report.agesInFlight.count >= 118 && report.agesInFlight.max() == Int64(oldest * 1e6))
    // A stopped processor shows within two seconds and the width of a slot.
    #expect(settings.silentAfterNanoseconds <= 2 * Int64(second))
  }

  @Test func `no more go out than can be kept, and the oldest are kept`() throws {
    var settings = settings(1, period: 10, emitEvery: 0)
    settings.inFlightMax = 5
    var prober = Prober(settings, now: 0, random: Random(state: 3))
    var markers: [Prober.Marker] = []
    for step in 0..<10_000 as Range<UInt64> {
      markers += prober.due(now: step * millisecond, wall: epoch + Int64(step * millisecond))
    }
    #expect(markers.count == 5 && prober.nextDueAt == .max)
    #expect(prober.report(now: 10 * second).agesInFlight.count == 5)
    prober.saw(number: 0, partition: 0, now: 10 * second)
    #expect(prober.due(now: 10 * second, wall: epoch + 10_000_000_000).map(\.number) == [5])
  }

  @Test func `the server is asked for what the store shows`() throws {
    var prober = Prober(settings(1, period: 100, emitEvery: 0, server: true), now: 0, random: Random(state: 1))
    var markers: [Prober.Marker] = []
    for step in 0..<500 as Range<UInt64> { markers += prober.due(now: step * millisecond, wall: epoch + Int64(step * millisecond)) }
    #expect(prober.awaited.isEmpty && prober.report(now: second).serverDelay?.count == 0)
    prober.saw(number: 1, partition: 0, now: second)
    #expect(prober.awaited == [markers[1]])
    prober.sawThroughServer(number: 1, partition: 0, now: second + 5 * millisecond)
    #expect(prober.awaited.isEmpty && prober.report(now: second).serverDelay?.count == 2)
  }

  @Test func `trouble is told by who has it, and gone when it is over`() {
    var prober = Prober(settings(), now: 0, random: Random(state: 1))
    prober.note(trouble: "no broker", of: "kafka")
    prober.note(trouble: "refused", of: "redis")
    #expect(prober.report(now: 0).trouble == "no broker; refused")
    prober.note(trouble: nil, of: "kafka")
    prober.note(trouble: nil, of: "redis")
    #expect(prober.report(now: 0).trouble == nil)
  }
}
