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
  /// The least value that a share `q` of the values do not exceed, within `error` of its value; a double.
  case quantile
  /// The `k` most frequent values as a JSON list.
  case topK = "top_k"
  /// The last `n` values by event time as a JSON list.
  case collect

  /// Whether values are JSON lists.
  public var givesList: Bool { self == .topK || self == .collect }
}

/// What an aggregate can be told beside its field. Only those of its own function count; the others stay as they are here.
public struct AggregateParameters: Hashable, BitwiseCopyable, Sendable {
  /// `variance`, `stddev`: of a whole population rather than of a sample.
  public var isPopulation = false
  /// `min`, `max`: of texts, by their UTF-8 bytes, rather than of numbers.
  public var comparesTexts = false

  /// How many values: `distinct` keeps (`limit`), `top_k` gives (`k`), `collect` gives (`n`).
  public var count: Int32 = 0
  /// `approx_distinct`: the standard error, as a share. `quantile`: the greatest error of the value, as a share of it. `top_k`: by how much a
  /// count can be off, as a share of the number of values.
  public var error = 0.0
  /// `quantile`: the share, in millionths.
  public var quantile: Int32 = 0

  /// Every parameter as a number, in a fixed order: what tells the snapshots of one plan from those of another.
  var numbers: [Int64] {
    [isPopulation ? 1 : 0, comparesTexts ? 1 : 0, Int64(count), Int64(bitPattern: error.bitPattern), Int64(quantile)]
  }

  /// What `count` may be.
  public static func countRange(of function: AggregateFunction) -> ClosedRange<Int64> {
    switch function {
    case .distinct: 1...1_000_000
    case .topK: 1...100
    default: 1...1000
    }
  }

  /// What `error` may be.
  public static func errorRange(of function: AggregateFunction) -> ClosedRange<Double> {
    switch function {
    case .approxDistinct: 0.003...0.2
    default: 0.001...0.1
    }
  }

  /// The defaults of `function`.
  public init(of function: AggregateFunction) {
    switch function {
    case .distinct: count = 10_000
    case .approxDistinct: error = 0.02
    case .quantile:
      error = 0.01
      quantile = 500_000
    case .topK:
      count = 10
      error = 0.01
    case .collect: count = 10
    default: break
    }
  }
}
