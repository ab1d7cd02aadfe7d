// Poisson counts in constant time: by inversion below a mean of 10, above it by transformed rejection with a squeeze (Hoermann, "The transformed
// rejection method for generating Poisson random variables", 1993, algorithm PTRS). The density that rejection needs is Loader's
// saddle-point form ("Fast and accurate computation of binomial probabilities", 2000), which loses no digits at large means.

extension Random {
  /// How many events of a Poisson process with this mean (0 to 1e15) fall into a unit of time.
  @inlinable
  public mutating func poisson(mean: Double) -> Int {
    guard mean > 0 else { return 0 }
    guard mean < 10 else { return poissonByRejection(mean: mean) }
    var mass = FloatMath.exp(-mean)
    var rest = unit()
    var count = 0
    // The mass beyond 100 is below the resolution of a draw.
    while rest >= mass && count < 100 {
      rest -= mass
      count += 1
      mass *= mean / Double(count)
    }
    return count
  }

  /// At least 10.
  @usableFromInline
  mutating func poissonByRejection(mean: Double) -> Int {
    precondition(mean <= 1e15, "the mean of a Poisson distribution is at most 1e15")
    let b = 0.931 + 2.53 * mean.squareRoot()
    let a = -0.059 + 0.02483 * b
    let inverseAlpha = 1.1239 + 1.1328 / (b - 3.4)
    let squeeze = 0.9277 - 3.6224 / (b - 2)
    while true {
      let u = unit() - 0.5
      let v = positiveUnit()
      let distance = 0.5 - abs(u)
      guard distance > 0 else { continue }
      // Stays a double until it is accepted: far in the tail it is beyond every integer.
      let count = ((2 * a / distance + b) * u + mean + 0.43).rounded(.down)
      if distance >= 0.07 && v <= squeeze { return Int(count) }
      if count < 0 || (distance < 0.013 && v > distance) { continue }
      let bound = FloatMath.log(v * inverseAlpha / (a / (distance * distance) + b))
      if bound <= FloatMath.logPoisson(count, mean: mean) { return Int(count) }
    }
  }
}

extension FloatMath {
  /// The logarithm of the probability that a Poisson variable with this mean (above 0) is `count` (a whole number from 0).
  public static func logPoisson(_ count: Double, mean: Double) -> Double {
    guard count >= 16 else {
      // 15! is exact in a double.
      var factorial = 1.0
      var factor = 2.0
      while factor <= count {
        factorial *= factor
        factor += 1
      }
      return count * log(mean) - mean - log(factorial)
    }
    let inverse = 1 / count
    let square = inverse * inverse
    let high = 1 / 1260.0 - square * (1 / 1680.0 - square / 1188)
    let stirling = inverse * (1 / 12.0 - square * (1 / 360.0 - square * high))
    return -stirling - deviance(count, mean) - 0.5 * log(6.283185307179586 * count)
  }

  /// `x ln(x / mean) + mean - x`, by its series where the terms would cancel.
  private static func deviance(_ x: Double, _ mean: Double) -> Double {
    let difference = x - mean
    guard abs(difference) < 0.1 * (x + mean) else { return x * log(x / mean) + mean - x }
    let v = difference / (x + mean)
    var sum = difference * v
    var term = 2 * x * v
    var divisor = 3.0
    while true {
      term *= v * v
      let next = sum + term / divisor
      if next == sum { return sum }
      sum = next
      divisor += 2
    }
  }
}
