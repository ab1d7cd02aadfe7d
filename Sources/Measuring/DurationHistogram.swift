// Durations as a mergeable histogram: HdrHistogram with two significant digits, so what is read of it is within one percent. Recorded by one thread
// or several, read by any; whoever records much at once holds the lock once.
// https://hdrhistogram.github.io/HdrHistogram/

import Histogram
import Synchronization

public final class DurationHistogram: Sendable {
  private let state: Mutex<State>

  private struct State {
    var histogram: Histogram<UInt64>
    var sumNanoseconds: Int64 = 0

    init() {
      // An hour; longer ones let it grow.
      histogram = Histogram(highestTrackableValue: 3_600_000_000_000, numberOfSignificantValueDigits: .two)
      histogram.autoResize = true
    }

    mutating func add(_ duration: UInt64, _ count: Int) {
      // History that is loaded today is a year late, and three hundred such delays are all that the number holds: it stays at its end.
      let (product, isTooMuch) = Int64(duration).multipliedReportingOverflow(by: Int64(count))
      sumNanoseconds = DurationDistribution.sum(sumNanoseconds, isTooMuch ? .max : product)
    }
  }

  public init() { state = Mutex(State()) }

  /// Notes `count` durations of `nanoseconds`. A negative one (a clock that is ahead, an event that is early) counts as none.
  public func record(nanoseconds: Int64, count: Int = 1) {
    state.withLock { Self.record(nanoseconds, count, &$0) }
  }

  /// Notes what `body` tells of, all under one lock; it must not wait for anything. Durations of one bucket that follow each other cost little.
  public func record(_ body: (_ record: (_ nanoseconds: Int64, _ count: Int) -> Void) -> Void) {
    state.withLock { state in
      var bucket: ClosedRange<UInt64> = 0...0
      var (longest, count): (UInt64, Int) = (0, 0)
      body { nanoseconds, added in
        let duration = Self.duration(nanoseconds)
        state.add(duration, added)
        if count > 0, bucket.contains(duration) {
          count += added
          longest = max(longest, duration)
        } else {
          if count > 0 { state.histogram.record(longest, count: UInt64(count)) }
          bucket = state.histogram.equivalentRangeForValue(duration)
          (longest, count) = (duration, added)
        }
      }
      if count > 0 { state.histogram.record(longest, count: UInt64(count)) }
    }
  }

  private static func record(_ nanoseconds: Int64, _ count: Int, _ state: inout State) {
    let duration = duration(nanoseconds)
    state.histogram.record(duration, count: UInt64(count))
    state.add(duration, count)
  }

  /// A century is enough, and keeps a broken clock from growing the histogram without end.
  private static func duration(_ nanoseconds: Int64) -> UInt64 { UInt64(min(max(nanoseconds, 0), 3_155_760_000_000_000_000)) }

  /// What has been recorded up to now.
  public var distribution: DurationDistribution {
    state.withLock { state in
      var values: [Int64] = []
      var counts: [Int64] = []
      // Not by the histogram's own iterator, which adds values up as it goes and traps where a few hundred delays of a year come together.
      var value: UInt64 = 0
      let longest = state.histogram.totalCount == 0 ? 0 : state.histogram.maxRecorded
      while state.histogram.totalCount > 0, value <= longest {
        let count = state.histogram.countForValue(value)
        if count > 0 {
          values.append(Int64(clamping: state.histogram.medianEquivalentForValue(value)))
          counts.append(Int64(clamping: count))
        }
        value = state.histogram.nextNonEquivalentForValue(value)
      }
      return DurationDistribution(
        values: values, counts: counts, sumNanoseconds: state.sumNanoseconds,
        maxNanoseconds: state.histogram.totalCount == 0 ? 0 : Int64(clamping: state.histogram.maxRecorded))
    }
  }
}
