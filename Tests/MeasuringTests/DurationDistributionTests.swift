import Base
import Foundation
import Measuring
import Testing

@Suite struct `Durations` {
  @Test(arguments: [1, 2, 3] as [UInt64])
  func `percentiles of merged histograms are those of all durations, within one percent`(seed: UInt64) throws {
    var random = Random(state: seed)
    let histograms = (0..<3).map { _ in DurationHistogram() }
    var durations: [Int64] = []
    for _ in 0..<5000 {
      // From a microsecond to some minutes.
      let duration = Int64(1000 * exp(Double(random.next() % 1_000_000) / 1e6 * 18))
      durations.append(duration)
      histograms[Int(random.next() % 3)].record(nanoseconds: duration)
    }
    durations.sort()
    var all = DurationDistribution()
    for histogram in histograms { all.add(histogram.distribution) }
    #expect(all.count == 5000)
    #expect(all.sumNanoseconds == durations.reduce(0, +))
    for percentile in [0.1, 10, 50, 90, 99, 99.9, 100] {
      let exact = durations[max(0, Int((percentile / 100 * 5000).rounded(.up)) - 1)]
      let found = try #require(all.nanoseconds(atPercentile: percentile))
      #expect(abs(Double(found - exact)) <= Double(exact) * 0.01, "p\(percentile): \(found) for \(exact), seed \(seed)")
    }
  }

  @Test(arguments: 0..<20 as Range<UInt64>)
  func `what is noted under one lock is what is noted one by one`(seed: UInt64) {
    var random = Random(state: seed)
    let (one, many) = (DurationHistogram(), DurationHistogram())
    for _ in 0..<20 {
      // Runs that rise, as those of waiting records do, and jumps.
      var duration = Int64(random.below(1 << 40))
      var told: [(Int64, Int)] = []
      for _ in 0..<Int(random.below(100)) {
        duration +=
          random.below(10) == 0 ? random.integer(in: -1_000_000_000_000...1_000_000_000_000) : Int64(random.below(2_000_000))
        told.append((duration, Int(random.below(5)) + 1))
      }
      for (duration, count) in told { one.record(nanoseconds: duration, count: count) }
      many.record { record in for (duration, count) in told { record(duration, count) } }
      #expect(one.distribution == many.distribution, "seed \(seed)")
    }
  }

  @Test func `history that is loaded today is years late, and counts`() throws {
    let histogram = DurationHistogram()
    histogram.record(nanoseconds: 0)
    // 300 years of sums are more than fits.
    for years in [1, 2, 60] as [Int64] { histogram.record(nanoseconds: years * 31_557_600_000_000_000, count: 100_000) }
    histogram.record(nanoseconds: .max, count: .max / 4)
    let found = histogram.distribution
    #expect(found.values.count == 5)
    #expect(found.counts == [1, 100_000, 100_000, 100_000, .max / 4])
    for (value, years) in zip(found.values.dropFirst(), [1, 2, 60, 100] as [Double]) {
      #expect(abs(Double(value) / 31_557_600e9 / years - 1) < 0.01)
    }
    #expect(found.sumNanoseconds == .max)
    var twice = found
    twice.add(found)
    #expect(twice.sumNanoseconds == .max && twice.counts[1] == 200_000)
  }

  @Test func `a difference holds what has come since`() throws {
    let histogram = DurationHistogram()
    histogram.record(nanoseconds: 5_000_000, count: 10)
    let before = histogram.distribution
    histogram.record { record in
      record(5_000_000, 2)
      record(90_000_000, 1)
    }
    let since = histogram.distribution.since(before)
    #expect(since.count == 3)
    #expect(since.sumNanoseconds == 100_000_000)
    #expect(since.counts == [2, 1])
    // A process that was started again has less than before: all of it is new.
    #expect(before.since(histogram.distribution) == before)
    #expect(before.since(before).isEmpty)
  }

  @Test func `nothing has no percentiles`() {
    #expect(DurationDistribution().nanoseconds(atPercentile: 50) == nil)
    #expect(DurationHistogram().distribution.isEmpty)
  }

  @Test func `clocks that are ahead, and broken ones, do no harm`() {
    let histogram = DurationHistogram()
    histogram.record(nanoseconds: -5)
    histogram.record(nanoseconds: .max)
    #expect(histogram.distribution.count == 2)
  }

  @Test func `what is written is read again`() throws {
    let histogram = DurationHistogram()
    for step in 1...200 { histogram.record(nanoseconds: Int64(step) * 777_777) }
    let distribution = histogram.distribution
    #expect(try JSONDecoder().decode(DurationDistribution.self, from: JSONEncoder().encode(distribution)) == distribution)
  }

  @Test(arguments: [
    #"{"count":1,"sumNs":1,"maxNs":1,"valuesNs":[1],"counts":[]}"#,
    #"{"count":1,"sumNs":1,"maxNs":1,"valuesNs":[2,1],"counts":[1,1]}"#,
    #"{"count":1,"sumNs":1,"maxNs":1,"valuesNs":[1],"counts":[-1]}"#,
    #"{"count":1,"sumNs":1,"maxNs":1,"valuesNs":[1],"counts":[9223372036854775807]}"#,
  ])
  func `what cannot be is refused`(text: String) {
    #expect(throws: DecodingError.self) { try JSONDecoder().decode(DurationDistribution.self, from: Data(text.utf8)) }
  }
}
