// Quantiles against the sorted list of the values: exact while they are few, then within the promised share of the value.

import Base
import Records
import Testing

@testable import Windowing

private func exact(_ values: [Double], _ millionths: Int32) -> Double {
  let sorted = values.sorted()
  let rank = max(1, (values.count * Int(millionths) + 999_999) / 1_000_000)
  return sorted[rank - 1]
}

private enum Shape: CaseIterable {
  case prices, even, normal, pareto, tiny, integers, twoHills, alike, everything

  func value(_ random: inout TestRandom) -> FoldedValue {
    func uniform(_ range: ClosedRange<Double> = 0...1) -> Double { Double.random(in: range, using: &random) }
    switch self {
    case .prices: return .double((uniform(1...500) * 100).rounded() / 100)
    case .even: return .double(uniform(-1000...1000))
    case .normal: return .double((0..<12).reduce(0) { sum, _ in sum + uniform() } - 6)
    case .pareto: return .double(1 / uniform(1e-9...1))
    case .tiny: return .double(uniform(-1e-300...1e-300))
    case .integers: return .integer(Int64.random(in: -50...2000, using: &random))
    case .twoHills: return .double(uniform() < 0.5 ? uniform(0.001...0.002) : uniform(1e6...2e6))
    case .alike: return .double(19.99)
    case .everything:
      switch Int.random(in: 0..<5, using: &random) {
      case 0: return .integer(0)
      case 1: return .double(-0.0)
      case 2: return .null
      default: return .double(uniform(-1e6...1e6))
      }
    }
  }
}

private func doubles(_ values: [FoldedValue]) -> [Double] {
  values.compactMap {
    switch $0 {
    case .integer(let integer): Double(integer)
    case .double(let double): double
    default: nil
    }
  }
}

private let asked: [Int32] = [0, 1, 10_000, 250_000, 500_000, 900_000, 950_000, 999_999, 1_000_000]

/// The value, read at another share of the same state.
private func quantile(_ bench: AccumulatorBench, _ states: [UnsafeMutableRawPointer], _ millionths: Int32, error: Double) -> Double?
{
  var parameters = AggregateParameters(of: .quantile)
  parameters.quantile = millionths
  parameters.error = error
  guard case .double(let value) = bench.value(of: states, as: Accumulator(.quantile, parameters)) else { return nil }
  return value
}

@Suite struct `Quantiles` {
  @Test func `every quantile is within the promised share of the exact one, over any tree of parts`() {
    for seed in seeds(60, deep: 3000) {
      var random = TestRandom(seed: seed)
      let shape = Shape.allCases.randomElement(using: &random)!
      let error = [0.001, 0.01, 0.05, 0.1].randomElement(using: &random)!
      let count = [1, 2, 31, 32, 33, 100, 3000].randomElement(using: &random)!
      let values = (0..<count).map { _ in shape.value(&random) }
      let list = doubles(values)
      let bench = AccumulatorBench(.quantile) { $0.error = error }
      let whole = bench.state(values)
      let tree = bench.tree(values, parts: Int.random(in: 1...7, using: &random), using: &random)
      let panes = (0..<5).map { _ in bench.make() }
      for (index, value) in values.enumerated() { bench.fold(panes[index * 5 / count], value) }
      for millionths in asked {
        guard !list.isEmpty else {
          #expect(bench.value(whole) == .null)
          continue
        }
        let expected = exact(list, millionths)
        let value = quantile(bench, [whole], millionths, error: error)!
        let bound = list.count <= 32 ? 0 : error * abs(expected) * (1 + 1e-9) + .leastNonzeroMagnitude
        #expect(abs(value - expected) <= bound, "seed \(seed) \(shape): \(value) for \(expected)")
        #expect(quantile(bench, [tree], millionths, error: error) == value, "seed \(seed) \(shape)")
        #expect(quantile(bench, panes, millionths, error: error) == value, "seed \(seed) \(shape)")
      }
      for state in panes + [whole, tree] { bench.release(state) }
      #expect(bench.pool.liveByteCount == 0, "seed \(seed)")
    }
  }

  /// Twice the width of a bucket is nearly twice the error.
  @Test(arguments: [(28, 1, 0.01), (33, 1, 0.02), (33, -1, 0.04), (1000, -1, 0.9)])
  func `values of too many magnitudes widen the buckets evenly, in any order`(exponents: Int, sign: Int, bound: Double) {
    for seed in seeds(5, deep: 40) {
      var random = TestRandom(seed: seed)
      let values = (0..<20_000).map { _ -> FoldedValue in
        let exponent = Int.random(in: -exponents...exponents, using: &random)
        let magnitude = Double(sign: .plus, exponent: exponent, significand: Double.random(in: 1..<2, using: &random))
        return .double(sign < 0 && Bool.random(using: &random) ? -magnitude : magnitude)
      }
      let bench = AccumulatorBench(.quantile) { $0.error = 0.01 }
      let whole = bench.state(values)
      #expect(bench.pool.liveByteCount <= 16 << 10)
      let shuffled = bench.tree(values.shuffled(using: &random), parts: 6, using: &random)
      for millionths in asked {
        let expected = exact(doubles(values), millionths)
        let value = quantile(bench, [whole], millionths, error: 0.01)!
        #expect(value == quantile(bench, [shuffled], millionths, error: 0.01), "seed \(seed)")
        #expect(abs(value - expected) <= bound * abs(expected), "seed \(seed): \(value) for \(expected)")
      }
    }
  }

  @Test func `few values are read exactly`() {
    let bench = AccumulatorBench(.quantile) { $0.quantile = 500_000 }
    #expect(bench.value(bench.make()) == .missing)
    #expect(bench.value(bench.state([.null])) == .null)
    #expect(bench.value(bench.state([.double(19.99)])) == .double(19.99))
    #expect(bench.value(bench.state([.integer(10), .integer(20)])) == .double(10), "the lesser one of two, as PERCENTILE_DISC")
    #expect(bench.value(bench.state([.integer(1), .integer(2)]), bench.state([.null, .integer(3)])) == .double(2))
    #expect(bench.value(bench.state([.double(-0.0)])) == .double(0))
    let percentile = AccumulatorBench(.quantile) { $0.quantile = 70_000 }
    #expect(percentile.value(percentile.state((1...32).map { .integer($0) })) == .double(3))
  }

  @Test func `a share of a count is exact where doubles would miss it`() {
    // 0.07 * 100 is more than 7 in doubles.
    let bench = AccumulatorBench(.quantile) {
      $0.quantile = 70_000
      $0.error = 0.001
    }
    guard case .double(let value) = bench.value(bench.state((1...100).map { .integer($0 * 10) })) else {
      Issue.record("no value")
      return
    }
    #expect(abs(value - 70) <= 0.07)
  }

  @Test func `texts and booleans are counted as of the wrong type`() {
    let bench = AccumulatorBench(.quantile)
    #expect(bench.value(bench.state([.text("5"), .bool(true), .composite("[]")])) == .null)
    #expect(bench.counts.typeMismatches == 3)
  }

  @Test func `the ends of the range of doubles stay inside it`() {
    let greatest = Double.greatestFiniteMagnitude
    let least = Double.leastNonzeroMagnitude
    let bench = AccumulatorBench(.quantile)
    let state = bench.state((0..<100).map { .double([greatest, -greatest, least, -least][$0 % 4]) })
    for (millionths, expected) in [(1, -greatest), (300_000, -least), (600_000, least), (1_000_000, greatest)] as [(Int32, Double)]
    {
      let value = quantile(bench, [state], millionths, error: 0.01)!
      #expect(value.isFinite && value.sign == expected.sign)
      #expect(abs(value / expected - 1) < 0.01, "\(value)")
    }
  }

  @Test func `quantiles of one field keep one state`() {
    func accumulator(_ millionths: Int32, _ error: Double) -> Accumulator {
      var parameters = AggregateParameters(of: .quantile)
      parameters.quantile = millionths
      parameters.error = error
      return Accumulator(.quantile, parameters)
    }
    #expect(accumulator(500_000, 0.01).stateForm == accumulator(990_000, 0.01).stateForm)
    #expect(accumulator(500_000, 0.01).stateForm != accumulator(500_000, 0.02).stateForm)
  }

  @Test func `a state is as small as its values are few`() {
    let bench = AccumulatorBench(.quantile)
    let state = bench.make()
    var expected = [1: 0, 2: 16, 3: 32, 4: 32, 8: 64, 16: 128, 32: 256]
    for number in 1...32 {
      bench.fold(state, .integer(Int64(number)))
      if let byteCount = expected.removeValue(forKey: number) { #expect(bench.pool.liveByteCount == byteCount, "\(number) values") }
    }
    #expect(expected.isEmpty)
    for _ in 0..<1_000 { bench.fold(state, .double(19.99)) }
    #expect(bench.pool.liveByteCount <= 384, "values of one bucket cost nothing more")
  }
}
