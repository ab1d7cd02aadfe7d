// Goodness of fit with fixed seeds. A test asks that its statistic stays below the value that one sample in a thousand exceeds when the
// distribution is right; the seeds are fixed, so what passes keeps passing.

import Foundation

enum Statistics {
  /// Pearson's statistic over classes of which each expects at least 10, and the 0.1 % critical value (Wilson and Hilferty 1931). Neighbouring
  /// classes are put together until they expect enough; what the probabilities leave to 1 is a last class of its own.
  static func chiSquare(observed: [Int], probabilities: [Double], total: Int) -> (statistic: Double, critical: Double) {
    var classes: [(observed: Double, expected: Double)] = []
    var open = (observed: 0.0, expected: 0.0)
    let rest = (total - observed.reduce(0, +), max(1 - probabilities.reduce(0, +), 0))
    for (count, probability) in Array(zip(observed, probabilities)) + [rest] {
      open.observed += Double(count)
      open.expected += probability * Double(total)
      if open.expected >= 10 {
        classes.append(open)
        open = (0, 0)
      }
    }
    if !classes.isEmpty {
      classes[classes.count - 1].observed += open.observed
      classes[classes.count - 1].expected += open.expected
    }
    let statistic = classes.reduce(0) { $0 + ($1.observed - $1.expected) * ($1.observed - $1.expected) / $1.expected }
    let freedom = Double(classes.count - 1)
    let root = 1 - 2 / (9 * freedom) + 3.0902 * (2 / (9 * freedom)).squareRoot()
    return (statistic, freedom * root * root * root)
  }

  /// The largest distance between the sample's distribution function and `cumulative`, and the 0.1 % critical value for large samples
  /// (Kolmogorov 1933).
  static func kolmogorovSmirnov(_ sample: [Double], _ cumulative: (Double) -> Double) -> (statistic: Double, critical: Double) {
    let sorted = sample.sorted()
    let count = Double(sorted.count)
    var largest = 0.0
    for (index, value) in sorted.enumerated() {
      let expected = cumulative(value)
      largest = max(largest, abs(expected - Double(index) / count), abs(Double(index + 1) / count - expected))
    }
    return (largest, 1.9495 / count.squareRoot())
  }

  static func normal(_ z: Double) -> Double { 0.5 * erfc(-z / 2.0.squareRoot()) }
}
