// How far events were behind their schedule, in nanoseconds: 32 classes per power of two, so a percentile is off by at most 3 %.

/// Counts of lags; percentiles name the upper end of their class.
public struct LagHistogram: Sendable {
  private var counts = [UInt64](repeating: 0, count: 64 * 32)
  public private(set) var count: UInt64 = 0
  /// Exact.
  public private(set) var maximumNanoseconds: UInt64 = 0

  public init() {}

  /// An event that was early counts as on time.
  public mutating func record(nanoseconds: Int64) {
    let value = UInt64(max(nanoseconds, 0))
    counts[Self.index(value)] += 1
    count += 1
    maximumNanoseconds = max(maximumNanoseconds, value)
  }

  /// The lag that a part `fraction` of the events did not exceed; 0 without events.
  public func quantile(_ fraction: Double) -> UInt64 {
    let wanted = UInt64((Double(count) * fraction).rounded(.up))
    var seen: UInt64 = 0
    for (index, inClass) in counts.enumerated() {
      seen += inClass
      if seen >= max(wanted, 1) { return min(Self.upperEnd(index), maximumNanoseconds) }
    }
    return maximumNanoseconds
  }

  private static func index(_ value: UInt64) -> Int {
    guard value >= 32 else { return Int(value) }
    let exponent = 63 - value.leadingZeroBitCount
    return (exponent - 4) * 32 + Int(value >> UInt64(exponent - 5)) - 32
  }

  private static func upperEnd(_ index: Int) -> UInt64 {
    guard index >= 32 else { return UInt64(index) }
    let shift = UInt64(index / 32 - 1)
    return (UInt64(32 + index % 32) + 1) << shift - 1
  }
}
