// Distributions against what they should be, with fixed seeds: chi-square where there are classes, moments and quantiles elsewhere.

import Base
import Foundation
import Testing

/// The chi-square statistic in standard deviations above its mean; 4 is far out.
private func excess(observed: [Int], probabilities: [Double]) -> Double {
  let total = Double(observed.reduce(0, +))
  var statistic = 0.0
  for (count, probability) in zip(observed, probabilities) {
    let expected = total * probability
    statistic += (Double(count) - expected) * (Double(count) - expected) / expected
  }
  let freedom = Double(observed.count - 1)
  return (statistic - freedom) / (2 * freedom).squareRoot()
}

@Suite struct RandomTests {
  @Test func `streams of different sessions are unrelated and repeatable`() {
    var first = Random(seed: 42, 1, 0)
    var again = Random(seed: 42, 1, 0)
    var other = Random(seed: 42, 0, 1)
    let word = first.next()
    #expect(word == again.next())
    #expect(word != other.next())
  }

  @Test(arguments: [3, 7, 48, 1000]) func `bounded integers are uniform`(bound: Int) {
    var random = Random(seed: 11, UInt64(bound), 0)
    var counts = [Int](repeating: 0, count: bound)
    for _ in 0..<200_000 { counts[Int(random.below(UInt64(bound)))] += 1 }
    #expect(excess(observed: counts, probabilities: counts.map { _ in 1 / Double(bound) }) < 4)
  }

  @Test func `an integer range includes both ends and may be the whole type`() {
    var random = Random(seed: 12, 0, 0)
    var seen: Set<Int64> = []
    for _ in 0..<1_000 { seen.insert(random.integer(in: -2...2)) }
    #expect(seen == [-2, -1, 0, 1, 2])
    #expect((0..<100).contains { _ in random.integer(in: .min ... .max) < 0 })
  }

  @Test func `normal variables fill their classes`() {
    var random = Random(seed: 13, 0, 0)
    let edges = stride(from: -4.0, through: 4.0, by: 0.25).map { $0 }
    func distribution(_ x: Double) -> Double { 0.5 * erfc(-x / 2.0.squareRoot()) }
    var counts = [Int](repeating: 0, count: edges.count + 1)
    for _ in 0..<1_000_000 {
      let value = random.normal(.shared)
      counts[edges.firstIndex { value < $0 } ?? edges.count] += 1
    }
    let bounds = [-Double.infinity] + edges + [Double.infinity]
    let probabilities = counts.indices.map { distribution(bounds[$0 + 1]) - distribution(bounds[$0]) }
    #expect(excess(observed: counts, probabilities: probabilities) < 4)
    for x in edges { #expect(abs(FloatMath.normalDistribution(x) - distribution(x)) < 2e-7) }
  }

  @Test func `exponential variables have mean and spread one`() {
    var random = Random(seed: 14, 0, 0)
    let values = (0..<200_000).map { _ in random.exponential() }
    let mean = values.reduce(0, +) / 200_000
    let square = values.reduce(0) { $0 + $1 * $1 } / 200_000
    #expect(abs(mean - 1) < 0.01)
    #expect(abs(square - 2) < 0.05)
  }

  @Test func `poisson counts have their mean as variance`() {
    var random = Random(seed: 15, 0, 0)
    let counts = (0..<20_000).map { _ in Double(random.poisson(mean: 9)) }
    let mean = counts.reduce(0, +) / 20_000
    let variance = counts.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 20_000
    #expect(abs(mean - 9) < 0.1)
    #expect(abs(variance - 9) < 0.4)
  }

  @Test func `exp and log agree with the C library to the last bits`() {
    var random = Random(seed: 16, 0, 0)
    for _ in 0..<20_000 {
      let x = (random.unit() - 0.5) * 200
      #expect(abs(FloatMath.exp(x) / exp(x) - 1) < 5e-16)
      let y = exp(x)
      #expect(abs(FloatMath.log(y) - log(y)) <= abs(log(y)) * 5e-16)
    }
    #expect(FloatMath.exp(0) == 1 && FloatMath.log(1) == 0)
  }

  @Test(arguments: [[1.0], [30, 40, 30], [1, 0, 1e-6, 5], [0.1, 0.2, 0.3, 0.4, 0.5]])
  func `an alias table follows its weights`(weights: [Double]) {
    var random = Random(seed: 17, UInt64(weights.count), 0)
    let table = AliasTable(weights: weights)
    var counts = [Int](repeating: 0, count: weights.count)
    for _ in 0..<400_000 { counts[table.sample(&random)] += 1 }
    let total = weights.reduce(0, +)
    for (count, weight) in zip(counts, weights) where weight == 0 { #expect(count == 0) }
    let likely = weights.indices.filter { weights[$0] / total > 1e-4 }
    guard likely.count > 1 else { return }
    #expect(excess(observed: likely.map { counts[$0] }, probabilities: likely.map { weights[$0] / total }) < 4)
  }

  @Test(arguments: [(1, 1.0), (50, 0.5), (1000, 1.05), (1000, 1.0), (100_000, 1.1), (5000, 2.5)])
  func `zipf ranks follow one over rank to the exponent`(count: Int, exponent: Double) {
    var random = Random(seed: 18, UInt64(count), 0)
    let sampler = ZipfSampler(count: count, exponent: exponent)
    let weights = (1...count).map { pow(Double($0), -exponent) }
    let total = weights.reduce(0, +)
    // Classes: the first 200 ranks each, then runs that grow by a tenth, so that each class expects enough.
    var classOf = [Int](repeating: 0, count: count)
    var probabilities: [Double] = []
    var rank = 0
    while rank < count {
      let end = min(count, rank + max(1, rank < 200 ? 1 : rank / 10))
      probabilities.append(0)
      for index in rank..<end {
        classOf[index] = probabilities.count - 1
        probabilities[probabilities.count - 1] += weights[index] / total
      }
      rank = end
    }
    var counts = [Int](repeating: 0, count: probabilities.count)
    let draws = 500_000
    for _ in 0..<draws { counts[classOf[sampler.sample(&random)]] += 1 }
    let wanted = probabilities.indices.filter { probabilities[$0] * Double(draws) > 20 }
    guard wanted.count > 1 else { return }
    let observed = wanted.map { counts[$0] } + [draws - wanted.reduce(0) { $0 + counts[$1] }]
    let rest = 1 - wanted.reduce(0) { $0 + probabilities[$1] }
    let expected = wanted.map { probabilities[$0] } + [max(rest, 1e-9)]
    #expect(excess(observed: rest > 1e-6 ? observed : Array(observed.dropLast()), probabilities: expected) < 4)
  }
}
