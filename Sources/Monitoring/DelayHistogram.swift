// Delays as a mergeable histogram (HdrHistogram, three significant digits), recorded by one thread and read by another. Percentiles come from
// counts, never from averages of percentiles.

import Histogram
import Synchronization

public final class DelayHistogram: Sendable {
  private let histogram: Mutex<Histogram<UInt64>>

  public init() {
    var histogram = Histogram<UInt64>(highestTrackableValue: 60_000_000_000, numberOfSignificantValueDigits: .three)
    histogram.autoResize = true
    self.histogram = Mutex(histogram)
  }

  /// Notes `count` delays of `nanoseconds`. A negative one (a clock that is ahead, an event that is early) counts as none.
  public func record(nanoseconds: Int64, count: Int = 1) {
    histogram.withLock { _ = $0.record(UInt64(max(nanoseconds, 0)), count: UInt64(count)) }
  }

  /// What was recorded so far; nil where nothing was.
  public var summary: DelaySummary? {
    histogram.withLock { histogram in
      guard histogram.totalCount > 0 else { return nil }
      return DelaySummary(
        count: histogram.totalCount, p50: histogram.valueAtPercentile(50), p90: histogram.valueAtPercentile(90),
        p99: histogram.valueAtPercentile(99), max: histogram.maxRecorded)
    }
  }
}

/// Percentiles in ns.
public struct DelaySummary: Equatable, Sendable {
  public var count: UInt64
  public var p50: UInt64
  public var p90: UInt64
  public var p99: UInt64
  public var max: UInt64

  public init(count: UInt64, p50: UInt64, p90: UInt64, p99: UInt64, max: UInt64) {
    self.count = count
    self.p50 = p50
    self.p90 = p90
    self.p99 = p99
    self.max = max
  }
}
