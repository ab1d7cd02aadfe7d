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
}

/// What an aggregate can be told beside its field. Only those of its own function count; the others stay as they are here.
public struct AggregateParameters: Hashable, BitwiseCopyable, Sendable {
  /// `variance`, `stddev`: of a whole population rather than of a sample.
  public var isPopulation = false
  /// `min`, `max`: of texts, by their UTF-8 bytes, rather than of numbers.
  public var comparesTexts = false

  /// The defaults of `function`.
  public init(of function: AggregateFunction) {}
}
