// Every sampler against its distribution function, computed by Foundation: chi-square for counts, Kolmogorov and Smirnov for the continuous.

import Base
import Foundation
import Testing

@Suite struct DistributionTests {
  @Test(arguments: [0.01, 0.3, 1, 5, 9.99, 10, 12.5, 33, 100, 2500]) func `Poisson counts have their probabilities`(mean: Double) {
    var random = Random(seed: 31, UInt64(mean * 1000), 0)
    let total = 100_000
    var counts = [Int](repeating: 0, count: Int(mean + 12 * mean.squareRoot() + 20))
    for _ in 0..<total {
      let count = random.poisson(mean: mean)
      if count < counts.count { counts[count] += 1 }
    }
    let probabilities = counts.indices.map { exp(Double($0) * log(mean) - mean - lgamma(Double($0) + 1)) }
    let fit = Statistics.chiSquare(observed: counts, probabilities: probabilities, total: total)
    #expect(fit.statistic < fit.critical, "\(fit)")
  }

  @Test(arguments: [1e6, 1e9]) func `Poisson counts of a large mean are nearly normal`(mean: Double) {
    var random = Random(seed: 32, UInt64(mean), 0)
    let sample = (0..<20_000).map { _ in Double(random.poisson(mean: mean)) }
    let fit = Statistics.kolmogorovSmirnov(sample) { Statistics.normal(($0 + 0.5 - mean) / mean.squareRoot()) }
    #expect(fit.statistic < fit.critical, "\(fit)")
  }

  @Test func `the Poisson density agrees with Foundation's`() {
    for mean in [0.5, 10, 47.25, 1000] {
      for count in stride(from: 0.0, through: 2 * mean + 20, by: max(1, (mean / 50).rounded())) {
        let expected = count * log(mean) - mean - lgamma(count + 1)
        #expect(abs(FloatMath.logPoisson(count, mean: mean) - expected) < 1e-10 * max(1, mean), "\(count) of \(mean)")
      }
    }
  }

  @Test(arguments: [0.5, 1, 1.2, 2]) func `Zipf ranks have their probabilities`(exponent: Double) {
    let count = 2000
    let sampler = ZipfSampler(count: count, exponent: exponent)
    var random = Random(seed: 33, UInt64(exponent * 10), 0)
    var counts = [Int](repeating: 0, count: count)
    for _ in 0..<200_000 { counts[sampler.sample(&random)] += 1 }
    let weights = (1...count).map { pow(Double($0), -exponent) }
    let sum = weights.reduce(0, +)
    let fit = Statistics.chiSquare(observed: counts, probabilities: weights.map { $0 / sum }, total: 200_000)
    #expect(fit.statistic < fit.critical, "\(fit)")
  }

  @Test func `weighted choices have their probabilities`() {
    let weights = (1...100).map { Double($0 * $0) }
    let table = AliasTable(weights: weights)
    var random = Random(seed: 34, 0, 0)
    var counts = [Int](repeating: 0, count: 100)
    for _ in 0..<200_000 { counts[table.sample(&random)] += 1 }
    let sum = weights.reduce(0, +)
    let fit = Statistics.chiSquare(observed: counts, probabilities: weights.map { $0 / sum }, total: 200_000)
    #expect(fit.statistic < fit.critical, "\(fit)")
  }

  enum Continuous: String, CaseIterable, Sendable { case uniform, normal, lognormal, exponential, pareto, boundedPareto }

  @Test(arguments: Continuous.allCases) func `continuous draws follow their distribution function`(shape: Continuous) {
    var random = Random(seed: 35, UInt64(shape.rawValue.utf8.count), 0)
    let normals = NormalTable.shared
    let sample = (0..<50_000).map { _ in
      switch shape {
      case .uniform: random.unit()
      case .normal: random.normal(normals)
      case .lognormal: FloatMath.exp(1 + 0.5 * random.normal(normals))
      case .exponential: random.exponential()
      case .pareto: random.pareto(minimum: 2, alpha: 1.5)
      case .boundedPareto: random.pareto(minimum: 2, alpha: 1.5, maximum: 10)
      }
    }
    let fit = Statistics.kolmogorovSmirnov(sample) { x in
      switch shape {
      case .uniform: x
      case .normal: Statistics.normal(x)
      case .lognormal: Statistics.normal((log(x) - 1) / 0.5)
      case .exponential: 1 - exp(-x)
      case .pareto: 1 - pow(2 / x, 1.5)
      case .boundedPareto: (1 - pow(2 / x, 1.5)) / (1 - pow(0.2, 1.5))
      }
    }
    #expect(fit.statistic < fit.critical, "\(fit)")
    if shape == .boundedPareto { #expect(sample.allSatisfy { (2...10.000001).contains($0) }) }
  }

  @Test func `a wrong distribution is found out`() {
    var random = Random(seed: 36, 0, 0)
    let sample = (0..<50_000).map { _ in 1.03 * random.exponential() }
    let fit = Statistics.kolmogorovSmirnov(sample) { 1 - exp(-$0) }
    #expect(fit.statistic > fit.critical, "\(fit)")
  }
}
