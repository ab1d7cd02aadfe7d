// Which distribution numbers of a sample have: the parameters by moments, the choice by the Kolmogorov-Smirnov distance to the sample.

import Foundation

struct NumberFit {
  enum Shape: String {
    case uniform
    case normal
    case lognormal
    case exponential
  }

  var shape: Shape
  /// Uniform: low and high; normal: mean and sd; lognormal: median and sigma; exponential: mean.
  var parameters: (Double, Double)
  /// The greatest distance between both distribution functions, 0 to 1.
  var distance: Double

  /// The nearest of the four; nil for fewer than 20 numbers, or where all are the same.
  init?(_ sample: [Double]) {
    guard sample.count >= 20, let least = sample.min(), let most = sample.max(), least < most else { return nil }
    let sorted = sample.sorted()
    let count = Double(sorted.count)
    let mean = sorted.reduce(0, +) / count
    let sd = (sorted.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / count).squareRoot()
    guard sd.isFinite, sd > 0, mean.isFinite else { return nil }
    var fits: [NumberFit] = []
    func consider(_ shape: Shape, _ parameters: (Double, Double), handicap: Double = 0, _ distribution: (Double) -> Double) {
      let distance = Self.distance(sorted, distribution)
      fits.append(NumberFit(shape, parameters, distance + handicap))
    }
    consider(.uniform, (least, most)) { ($0 - least) / (most - least) }
    // Between equals the simpler one wins.
    consider(.normal, (mean, sd), handicap: 0.005) { Self.normal(($0 - mean) / sd) }
    if least > 0 {
      let logs = sorted.map { log($0) }
      let logMean = logs.reduce(0, +) / count
      let sigma = (logs.reduce(0) { $0 + ($1 - logMean) * ($1 - logMean) } / count).squareRoot()
      if sigma > 0, sigma.isFinite {
        consider(.lognormal, (exp(logMean), sigma), handicap: 0.01) { Self.normal((log($0) - logMean) / sigma) }
      }
    }
    if least >= 0 { consider(.exponential, (mean, 0), handicap: 0.005) { 1 - exp(-$0 / mean) } }
    guard let best = fits.min(by: { $0.distance < $1.distance }) else { return nil }
    self = best
  }

  private init(_ shape: Shape, _ parameters: (Double, Double), _ distance: Double) {
    self.shape = shape
    self.parameters = parameters
    self.distance = distance
  }

  private static func normal(_ z: Double) -> Double { 0.5 * erfc(-z / 2.0.squareRoot()) }

  /// Ties of the sample count once, at their end.
  private static func distance(_ sorted: [Double], _ distribution: (Double) -> Double) -> Double {
    var greatest = 0.0
    let count = Double(sorted.count)
    var index = 0
    while index < sorted.count {
      var end = index + 1
      while end < sorted.count, sorted[end] == sorted[index] { end += 1 }
      let value = distribution(sorted[index])
      // In the middle of the ties: rounded numbers are no worse for it.
      let share = (Double(index) + Double(end)) / 2 / count
      greatest = max(greatest, abs(value - share))
      index = end
    }
    return greatest
  }

  /// In words.
  var confidence: String { distance < 0.05 ? "good fit" : distance < 0.12 ? "fair fit" : "poor fit" }

  /// Four digits that matter.
  static func rounded(_ value: Double) -> Double {
    guard value != 0, value.isFinite else { return 0 }
    let magnitude = pow(10, 3 - floor(log10(abs(value))))
    guard magnitude.isFinite, magnitude > 0 else { return value }
    let result = (value * magnitude).rounded() / magnitude
    return result.isFinite ? result : value
  }
}
