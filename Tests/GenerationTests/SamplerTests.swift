// Distributions made of bins and parts, as plans hold them, against their distribution functions (Kolmogorov and Smirnov).

import Base
import Foundation
import Schema
import Testing

@testable import Generation

@Suite struct SamplerTests {
  /// The largest distance to `cumulative` over 50 000 draws, in parts of the value that one sample in a thousand exceeds.
  private func misfit(_ distribution: Distribution, seed: UInt64, _ cumulative: (Double) -> Double) -> Double {
    let memory = PlanMemory()
    let sampler = memory.sampler(distribution)
    var random = Random(seed: seed, 0, 0)
    let count = 50_000
    let sample = withExtendedLifetime(memory) { (0..<count).map { _ in sampler.draw(&random, .shared) }.sorted() }
    var largest = 0.0
    for (index, value) in sample.enumerated() {
      let expected = cumulative(value)
      largest = max(largest, abs(expected - Double(index) / Double(count)), abs(Double(index + 1) / Double(count) - expected))
    }
    return largest / (1.9495 / Double(count).squareRoot())
  }

  @Test func `a histogram is even within each bin`() {
    let misfit = misfit(.histogram(edges: [0, 1, 3, 10], weights: [1, 2, 1]), seed: 41) { x in
      x < 1 ? 0.25 * x : (x < 3 ? 0.25 + 0.25 * (x - 1) : 0.75 + 0.25 * (x - 3) / 7)
    }
    #expect(misfit < 1)
  }

  @Test func `a mixture draws each part by its weight`() {
    let parts: [Distribution.Component] = [
      .init(.normal(mean: 0, sd: 1), weight: 3), .init(.exponential(mean: 4), weight: 1),
    ]
    let misfit = misfit(.mixture(parts), seed: 42) { x in
      0.75 * 0.5 * erfc(-x / 2.0.squareRoot()) + (x > 0 ? 0.25 * (1 - exp(-x / 4)) : 0)
    }
    #expect(misfit < 1)
  }

  @Test func `other weights than those drawn by are found out`() {
    #expect(misfit(.histogram(edges: [0, 1, 2], weights: [52, 48]), seed: 43) { $0 / 2 } > 1)
  }
}
