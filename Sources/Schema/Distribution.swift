// Distributions of numbers and of durations (in milliseconds), and how a row is drawn.

/// A distribution of numbers; the parameters are finite and in range, as the reader checks.
public indirect enum Distribution: Sendable, Equatable {
  case constant(Double)
  /// In `[low, high)`.
  case uniform(Double, Double)
  /// Each whole number from `low` to `high`, both included.
  case uniformInteger(Int64, Int64)
  /// `sd` is at least 0.
  case normal(mean: Double, sd: Double)
  /// `exp(ln(median) + sigma * z)`.
  case lognormal(median: Double, sigma: Double)
  case exponential(mean: Double)
  /// `minimum / u^(1 / alpha)`, both above 0; cut off at `maximum` by drawing from what is left (bounded Pareto).
  case pareto(minimum: Double, alpha: Double, maximum: Double?)
  /// A count; the mean is at least 0 and at most 1e9.
  case poisson(mean: Double)
  /// A rank from 1 to `count`.
  case zipf(exponent: Double, count: Int)
  /// Bin `i` reaches from `edges[i]` to `edges[i + 1]`, rising; one weight per bin.
  case histogram(edges: [Double], weights: [Double])
  case mixture([Component])

  public struct Component: Sendable, Equatable {
    public var distribution: Distribution
    public var weight: Double

    public init(_ distribution: Distribution, weight: Double) {
      self.distribution = distribution
      self.weight = weight
    }
  }
}

/// How a row of an entity is drawn.
public struct RowPick: Sendable, Equatable {
  public enum Shape: Sendable, Equatable {
    case uniform
    /// Rank `k` (from 1) with weight `1 / k^exponent`, exponent > 0.
    case zipf(exponent: Double)
    /// Row `i` with weight `i`; rows without a weight are never drawn.
    case weights([Double])
  }

  public var shape: Shape
  /// How long a row stays at its rank, on average, in ms; nil for ever. Without drift rank `k` is row `k - 1`.
  public var driftMilliseconds: Double?

  public init(_ shape: Shape, driftMilliseconds: Double? = nil) {
    self.shape = shape
    self.driftMilliseconds = driftMilliseconds
  }

  public static let uniform = RowPick(.uniform)
  public static func zipf(exponent: Double) -> RowPick { RowPick(.zipf(exponent: exponent)) }
}
