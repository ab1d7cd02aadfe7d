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
  }

  public init() { state = Mutex(State()) }

  /// Notes `count` durations of `nanoseconds`. A negative one (a clock that is ahead, an event that is early) counts as none.
  public func record(nanoseconds: Int64, count: Int = 1) {
    state.withLock { Self.record(nanoseconds, count, &$0) }
  }

  /// Notes what `body` tells of, all under one lock; it must not wait for anything.
  public func record(_ body: (_ record: (_ nanoseconds: Int64, _ count: Int) -> Void) -> Void) {
    state.withLock { state in body { Self.record($0, $1, &state) } }
  }

  private static func record(_ nanoseconds: Int64, _ count: Int, _ state: inout State) {
    let duration = max(nanoseconds, 0)
    // A century is enough, and keeps a broken clock from growing the histogram without end.
    state.histogram.record(UInt64(min(duration, 3_155_760_000_000_000_000)), count: UInt64(count))
    // History that is loaded today is a year late, and three hundred such delays are all that the number holds: it stays at its end.
    let (product, isTooMuch) = duration.multipliedReportingOverflow(by: Int64(count))
    state.sumNanoseconds = DurationDistribution.sum(state.sumNanoseconds, isTooMuch ? .max : product)
  }

  /// What has been recorded up to now.
  public var distribution: DurationDistribution {
    state.withLock { state in
      var values: [Int64] = []
      var counts: [Int64] = []
      for step in state.histogram.recordedValues() {
        values.append(Int64(clamping: state.histogram.medianEquivalentForValue(step.value)))
        counts.append(Int64(clamping: step.count))
      }
      return DurationDistribution(
        values: values, counts: counts, sumNanoseconds: state.sumNanoseconds,
        maxNanoseconds: state.histogram.totalCount == 0 ? 0 : Int64(clamping: state.histogram.maxRecorded))
    }
  }
}
