// The aggregates by name, with their parameters and the ranges and defaults of those.

public enum AggregateFunction: String, Hashable, BitwiseCopyable, Sendable, CaseIterable {
  /// Records, or, with a field, its non-null values.
  case count
  /// Integers add up as `Int64` until the first double; an overflow is reported and the value becomes null.
  case sum
  case min
  case max
  /// Always a double.
  case mean
  /// Of a sample (divided by n - 1), as SQL's `VAR_SAMP`: null under two values. With `isPopulation` divided by n.
  case variance
  /// The square root of `variance`.
  case stddev
  /// The value with the least event time; of equal times the one that arrived first.
  case first
  /// The value with the greatest event time; of equal times the one that arrived last.
  case last
  /// The greatest event time less the least, in ms.
  case elapsed
  /// How many different values, exactly; null beyond `limit` of them.
  case distinct
  /// About how many different values, within `error`.
  case approxDistinct = "approx_distinct"
}

/// What an aggregate can be told beside its field. Only those of its own function count; the others stay as they are here.
public struct AggregateParameters: Hashable, BitwiseCopyable, Sendable {
  /// `variance`, `stddev`: of a whole population rather than of a sample.
  public var isPopulation = false
  /// `min`, `max`: of texts, by their UTF-8 bytes, rather than of numbers.
  public var comparesTexts = false

  /// `distinct`: how many values are kept.
  public var limit: Int32 = 0
  /// `approx_distinct`: the standard error, as a share.
  public var error = 0.0

  /// Every parameter as a number, in a fixed order: what tells the snapshots of one plan from those of another.
  var numbers: [Int64] {
    [isPopulation ? 1 : 0, comparesTexts ? 1 : 0, Int64(limit), Int64(bitPattern: error.bitPattern)]
  }

  public static let limitRange: ClosedRange<Int64> = 1...1_000_000
  /// The standard errors that `approx_distinct` can be asked for.
  public static let distinctErrorRange = 0.003...0.2

  /// The defaults of `function`.
  public init(of function: AggregateFunction) {
    switch function {
    case .distinct: limit = 10_000
    case .approxDistinct: error = 0.02
    default: break
    }
  }
}
