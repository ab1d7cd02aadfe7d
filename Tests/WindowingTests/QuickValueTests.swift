// Values that rows read in registers have to be, bit by bit, those that merging the states gives.

import Base
import Records
import Testing

@testable import Windowing

@Suite struct `Values read in registers` {
  /// What a stream holds, mostly of one type, as such values come.
  enum Mixture: String, CaseIterable, CustomTestStringConvertible {
    case doubles, integers, both, nothingMostly, enormous

    var testDescription: String { rawValue }

    func value(using random: inout TestRandom) -> FoldedValue {
      switch self {
      case .doubles: .double(Double.random(in: -1000...1000, using: &random))
      case .integers: .integer(Int64.random(in: -20...20, using: &random))
      case .both: Bool.random(using: &random) ? .double(Double(Int.random(in: -3...3, using: &random)) / 2) : .integer(1)
      case .nothingMostly: [.null, .missing, .text("a"), .double(-0.0)].randomElement(using: &random)!
      case .enormous: .double([1e308, -1e308, 1, 1e-300, -0.0].randomElement(using: &random)!)
      }
    }
  }

  @Test(arguments: [AggregateFunction.count, .sum, .mean, .min, .max, .approxDistinct], Mixture.allCases)
  func `are those that merging gives`(function: AggregateFunction, mixture: Mixture) {
    var quickCount = 0
    for seed in seeds(200, deep: 10_000) {
      var random = TestRandom(seed: seed)
      let bench = AccumulatorBench(function)
      let states = (0..<Int.random(in: 0..<9, using: &random)).map { _ in
        bench.state((0..<Int.random(in: 0..<6, using: &random)).map { _ in mixture.value(using: &random) })
      }
      for isNewestFirst in [true, false] {
        let (quick, merged) = bench.bits(of: states, isNewestFirst: isNewestFirst)
        guard let quick else { continue }
        quickCount += 1
        #expect(quick == merged, "seed \(seed), \(states.count) states")
      }
    }
    // Only doubles are added up and compared in registers, and only few distinct values counted.
    let isQuick = function == .count || function == .approxDistinct || mixture == .doubles && function != .mean
    #expect(quickCount > 0 || !isQuick)
    #expect(function != .count || quickCount == 2 * seeds(200, deep: 10_000).count)
    #expect(function != .mean || quickCount == 0)
  }

  @Test func `texts are compared, not added up`() {
    let bench = AccumulatorBench(.min) { $0.comparesTexts = true }
    let states = [bench.state([.text("b")]), bench.state([.text("a")])]
    #expect(bench.bits(of: states, isNewestFirst: true).quick == nil)
    #expect(bench.value(of: states) == .text("a"))
  }
}
