// The list of records that are not visible yet, and the tally that counts equal times, against models that keep everything.

import Base
import Testing

@testable import Processing

@Suite struct `Records that are not visible yet` {
  /// One record, as the model keeps it.
  private struct Record {
    var time: Int64
    /// By how much it may count as older, where all that came with it was late.
    var rounding: Int64
    var applied: Int64
    var isDrained: [Bool]
    var isVisible: [Bool]
  }

  @Test(arguments: 0..<60 as Range<UInt64>)
  func `become visible once in each rhythm, and where the list is bounded they count as older by the tolerance at most`(
    seed: UInt64
  ) {
    var random = Random(state: seed)
    let rhythmCount = 3
    // Every third stands for a list that never has to merge.
    let bound = seed % 3 == 0 ? PendingRuns.countMax : 64
    var pending = PendingRecords(rhythmCount: rhythmCount, runCountMax: bound)
    var model: [Record] = []
    var now: UInt64 = 1_000_000_000
    var largestTolerance: Int64 = 0
    for _ in 0..<400 {
      now += UInt64(random.below(5_000_000))
      switch random.below(10) {
      case 0..<6:
        let wall = Int64(now / 1_000_000)
        let isLate = random.below(10) == 0
        let times = ContiguousArray(
          (0..<random.integer(in: 0...50)).map { _ in
            wall - (isLate || random.below(20) == 0 ? random.integer(in: 0...100_000) : random.integer(in: 0...20))
          })
        times.withUnsafeBufferPointer { pending.append($0, appliedAt: now, now: wall) }
        let least = wall - (times.max() ?? wall)
        model += times.map {
          Record(
            time: $0, rounding: least < 1 << 13 ? 0 : least >> 12, applied: Int64(now),
            isDrained: Array(repeating: false, count: rhythmCount),
            isVisible: Array(repeating: false, count: rhythmCount))
        }
        #expect(pending.events.runs.count <= bound && pending.applied.runs.count <= bound, "seed \(seed)")
      case 6..<8:
        let rhythm = Int(random.below(UInt64(rhythmCount)))
        pending.noteDrained(rhythm: rhythm)
        for index in model.indices { model[index].isDrained[rhythm] = true }
      default:
        let rhythm = Int(random.below(UInt64(rhythmCount)))
        var told: [Int64] = []
        pending.events.forEachDrained(rhythm: rhythm) { told += Array(repeating: $0, count: $1) }
        var toldApplied: [Int64] = []
        pending.applied.forEachDrained(rhythm: rhythm) { toldApplied += Array(repeating: $0, count: $1) }
        let shown = model.indices.filter { model[$0].isDrained[rhythm] && !model[$0].isVisible[rhythm] }
        let expected = shown.map { model[$0].time }.sorted()
        #expect(pending.hasDrained(rhythm: rhythm) == !shown.isEmpty)
        told.sort()
        #expect(told.count == expected.count, "seed \(seed)")
        largestTolerance = max(largestTolerance, pending.events.tolerance)
        let least = shown.map { model[$0].time - model[$0].rounding }.sorted()
        #expect(zip(told, expected).allSatisfy { $0 <= $1 }, "seed \(seed)")
        #expect(zip(told, least).allSatisfy { $1 - $0 <= pending.events.tolerance }, "seed \(seed)")
        // They come in order, and are told in it.
        let applied = shown.map { model[$0].applied }
        #expect(
          toldApplied.count == applied.count
            && zip(toldApplied, applied).allSatisfy { $0 <= $1 && $1 - $0 <= pending.applied.tolerance }, "seed \(seed)")
        pending.noteVisible(rhythm: rhythm)
        for index in shown { model[index].isVisible[rhythm] = true }
        model.removeAll { !$0.isVisible.contains(false) }
      }
      #expect((pending.oldestEventTime == nil) == model.isEmpty, "seed \(seed)")
    }
    if bound == PendingRuns.countMax { #expect(largestTolerance == 0) } else { #expect(largestTolerance > 0) }
  }

  @Test func `an hour between two drains keeps the list small and its error known`() {
    var pending = PendingRecords(rhythmCount: 2)
    var now: UInt64 = 0
    // 20 records a ms, in batches of 10 ms; the other rhythm goes on all the time.
    for batch in 0..<360_000 {
      now += 10_000_000
      let time = Int64(now / 1_000_000)
      let times = (0..<20).map { time - Int64($0 % 10) }
      times.withUnsafeBufferPointer { pending.append($0, appliedAt: now, now: time) }
      if batch % 20 == 0 {
        pending.noteDrained(rhythm: 0)
        pending.noteVisible(rhythm: 0)
      }
    }
    #expect(pending.events.runs.count <= PendingRuns.countMax && pending.applied.runs.count <= PendingRuns.countMax)
    #expect(pending.events.tolerance <= 256 && pending.applied.tolerance <= 256_000_000, "of an hour")
    pending.noteDrained(rhythm: 1)
    var count = 0
    pending.events.forEachDrained(rhythm: 1) { count += $1 }
    #expect(count == 7_200_000)
    pending.noteDrained(rhythm: 0)
    for rhythm in 0...1 { pending.noteVisible(rhythm: rhythm) }
    #expect(pending.events.tolerance == 0 && pending.oldestEventTime == nil)
  }
}

@Suite struct `A table of times` {
  @Test(arguments: 0..<200 as Range<UInt64>)
  func `counts what a dictionary counts`(seed: UInt64) {
    var random = Random(state: seed)
    var table = MillisecondTable()
    var counts: [Int64: Int] = [:]
    var expected: [Int64: Int] = [:]
    var stream: Int64 = 1_700_000_000_000
    for _ in 0..<20 {
      stream += random.below(10) == 0 ? random.integer(in: -100_000...100_000) : random.integer(in: 0...500)
      let spread = [0, 3, 100, 5000, 1 << 40][Int(random.below(5))] as Int64
      let values = (0..<Int(random.below(300))).map { _ -> Int64 in
        switch random.below(30) {
        case 0: .min
        case 1: [.max, .min + 1, 0, -1][Int(random.below(4))]
        default: stream + random.integer(in: -spread...spread)
        }
      }
      table.add(count: values.count, value: { values[$0] }) { counts[$0, default: 0] += $1 }
      for value in values where value != .min { expected[value, default: 0] += 1 }
      if random.below(4) == 0 {
        table.drain { counts[$0, default: 0] += $1 }
        #expect(counts == expected && table.isEmpty, "seed \(seed)")
      }
    }
    table.drain { counts[$0, default: 0] += $1 }
    #expect(counts == expected, "seed \(seed)")
  }

  @Test(arguments: 0..<100 as Range<UInt64>)
  func `rounds times down by less than a four-thousandth of the least delay, and not at all below 8 s`(seed: UInt64) {
    var random = Random(state: seed)
    var table = MillisecondTable()
    let now: Int64 = 1_700_000_000_000
    var isRounded = false
    for _ in 0..<20 {
      let least = Int64(1) << Int64(random.below(40)) + random.integer(in: -1...1)
      let times = [now - least] + (0..<Int(random.below(200))).map { _ in now - least - random.integer(in: 0...2000) }
      var told: [Int64] = []
      let body = { (time: Int64, count: Int) in told += Array(repeating: time, count: count) }
      table.add(count: times.count, value: { times[$0] }, ofSize: least, spilling: body)
      #expect(table.least! <= times.min()!)
      table.drain(body)
      told.sort()
      #expect(told.count == times.count, "seed \(seed)")
      for (time, exact) in zip(told, times.sorted()) {
        #expect(time <= exact && (exact - time) * 4000 <= (least < 1 << 13 ? 0 : least), "seed \(seed)")
        if time < exact { isRounded = true }
      }
    }
    #expect(isRounded)
  }
}
