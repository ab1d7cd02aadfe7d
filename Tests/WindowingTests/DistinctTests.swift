// Counts of different values, exact and approximate, against a set.

import Base
import Records
import Testing

@testable import Windowing

/// Values of every kind, in pairs that must be one value and in pairs that must not.
private func value(_ number: Int) -> FoldedValue {
  switch number % 7 {
  case 0: .integer(Int64(number))
  case 1: .text("\(number - 1)")
  case 2: .text(String(repeating: "k", count: number % 40) + "\(number)")
  case 3: .double(Double(number) + 0.5)
  case 4: .composite("[\(number)]")
  case 5: .text("[\(number - 1)]")
  default: .integer(-Int64(number))
  }
}

@Suite struct `Distinct values` {
  @Test func `the exact count is that of a set, whatever the parts, until the limit`() {
    for seed in seeds(60, deep: 3000) {
      var random = TestRandom(seed: seed)
      let kinds = [2, 9, 40, 400].randomElement(using: &random)!
      let numbers = (0..<Int.random(in: 0..<300, using: &random)).map { _ in Int.random(in: 0..<kinds, using: &random) }
      let limit = Int.random(in: 1..<200, using: &random)
      let bench = AccumulatorBench(.distinct) { $0.count = Int32(limit) }
      let state = bench.tree(numbers.map(value) + [.null, .missing], parts: Int.random(in: 1...5, using: &random), using: &random)
      let expected = Set(numbers).count
      #expect(bench.value(state) == (expected > limit ? .null : .integer(Int64(expected))), "seed \(seed)")
      #expect(expected > limit || bench.counts.limits == 0, "seed \(seed)")
      #expect(expected <= limit || bench.counts.limits >= 1, "seed \(seed)")
      bench.release(state)
      #expect(bench.pool.liveByteCount == 0, "seed \(seed)")
    }
  }

  @Test func `one table goes into another evenly, whatever part of it has gone`() {
    for bits in 4...20 {
      let count = 1 << bits
      var seen = [Bool](repeating: false, count: count)
      var sections = [Int](repeating: 0, count: 8)
      for step in 0..<count {
        let index = TableOrder.scattered(step, mask: count - 1)
        if seen[index] { Issue.record("\(bits) bits: cell \(index) comes twice") }
        seen[index] = true
        sections[index * 8 / count] += 1
        // One after the other would fill the first section before the second is begun.
        if step % (1 << 10) == 0 { #expect(sections.max()! - sections.min()! <= 32, "\(bits) bits, \(step + 1) cells") }
      }
      #expect(seen.allSatisfy { $0 })
    }
  }

  @Test(arguments: [AggregateFunction.distinct, .approxDistinct])
  func `two large sets become their union`(function: AggregateFunction) {
    let bench = AccumulatorBench(function) {
      $0.count = 100_000
      $0.error = 0.003
    }
    // Both fill five eighths of their tables, in which the union has no room.
    let count: Int64 = function == .distinct ? 10_000 : 5000
    let (one, other) = (bench.state((0..<count).map { .integer($0) }), bench.state((count..<2 * count).map { .integer($0) }))
    let union = bench.value(bench.state((0..<2 * count).map { .integer($0) }))
    #expect(function == .approxDistinct || union == .integer(2 * count))
    #expect(bench.value(one, other) == union)
    bench.absorb(one, other)
    #expect(bench.value(one) == union)
  }

  @Test func `a set that outgrew its limit gives its memory back and is counted once`() {
    let bench = AccumulatorBench(.distinct) { $0.count = 100 }
    let state = bench.state((0..<100).map { .integer($0) })
    #expect(bench.value(state) == .integer(100))
    #expect(bench.pool.liveByteCount == 4096)
    for number in 0..<1000 as Range<Int64> { bench.fold(state, .integer(number)) }
    #expect(bench.value(state) == .null)
    #expect(bench.counts.limits == 1)
    #expect(bench.pool.liveByteCount == 0)
  }

  @Test(arguments: [AggregateFunction.distinct, .approxDistinct])
  func `equal numbers are one value, and a number is no text`(function: AggregateFunction) {
    let bench = AccumulatorBench(function)
    let one: [FoldedValue] = [.integer(1), .double(1), .double(1)]
    let others: [FoldedValue] = [
      .text("1"), .bool(true), .composite("[1]"), .text("[1]"), .double(1.5), .text(""), .text("\u{0}"), .text("\u{0}\u{0}"),
      .integer(.max), .double(0x1p63), .integer(.min), .double(1e308), .double(.leastNonzeroMagnitude),
    ]
    let zeros: [FoldedValue] = [.double(0), .double(-0.0), .integer(0)]
    #expect(bench.value(bench.state(one + others + zeros + one)) == .integer(Int64(others.count + 2)))
    #expect(bench.value(bench.state([.null, .missing])) == .integer(0), "as SQL counts")
    #expect(bench.value(bench.make()) == .integer(0))
  }

  @Test func `texts differ wherever they differ`() {
    for length in 1...40 {
      let bench = AccumulatorBench(.distinct)
      let base = [UInt8](repeating: UInt8(ascii: "a"), count: length)
      let state = bench.state([.text(String(decoding: base, as: UTF8.self))])
      for place in 0..<length {
        var other = base
        other[place] = UInt8(ascii: "b")
        bench.fold(state, .text(String(decoding: other, as: UTF8.self)))
      }
      bench.fold(state, .text(String(decoding: base.dropLast(), as: UTF8.self)))
      #expect(bench.value(state) == .integer(Int64(length + 2)))
    }
  }
}

@Suite struct `Approximate counts of distinct values` {
  @Test func `state and estimate are those of the set, in any order and any tree`() {
    for seed in seeds(60, deep: 2000) {
      var random = TestRandom(seed: seed)
      let error = [0.2, 0.1, 0.05, 0.02].randomElement(using: &random)!
      let kinds = [1, 2, 3, 5, 17, 24, 25, 100, 390, 5000].randomElement(using: &random)!
      let values = (0..<Int.random(in: 1...(kinds * 2), using: &random)).map { _ in value(Int.random(in: 0..<kinds, using: &random))
      }
      let bench = AccumulatorBench(.approxDistinct) { $0.error = error }
      let whole = bench.state(values)
      let tree = bench.tree(values.shuffled(using: &random), parts: Int.random(in: 1...8, using: &random), using: &random)
      #expect(bench.value(tree) == bench.value(whole), "seed \(seed)")
      let halves = [bench.state(Array(values[..<(values.count / 2)])), bench.state(Array(values[(values.count / 2)...]))]
      #expect(bench.value(of: halves) == bench.value(whole), "seed \(seed)")
      #expect(bench.value(of: halves + [bench.make()]) == bench.value(whole), "seed \(seed)")
      for state in halves + [whole, tree] { bench.release(state) }
      #expect(bench.pool.liveByteCount == 0, "seed \(seed)")
    }
  }

  @Test func `as long as it is sparse the count is exact`() {
    for error in [0.2, 0.1, 0.05, 0.02, 0.01, 0.003] {
      let bench = AccumulatorBench(.approxDistinct) { $0.error = error }
      let sparseCount = 3 << HyperLogLog.precision(forError: error) / 32
      let state = bench.make()
      for number in 0..<min(sparseCount, 1000) {
        bench.fold(state, .text("user-\(number)"))
        #expect(bench.value(state) == .integer(Int64(number + 1)))
        #expect(!bench.fold(state, .text("user-\(number)")), "what was there changes nothing")
      }
    }
  }

  /// Within four standard errors each time, and within the promised one on average over seeds.
  @Test(
    arguments: [
      (0.1, 2000), (0.05, 10_000), (0.02, 100), (0.02, 500), (0.02, 3000), (0.02, 20_000), (0.02, 100_000), (0.01, 50_000),
    ],
    ["integers", "texts", "doubles"])
  func `errors are as promised`(promise: (error: Double, count: Int), kind: String) {
    let (error, count) = promise
    var squares = 0.0
    // As many runs as a number of values allows.
    let runs = seeds(UInt64(max(4, min(30, 200_000 / count))), deep: UInt64(max(10, min(1000, 1_000_000 / count))))
    for seed in runs {
      let bench = AccumulatorBench(.approxDistinct) { $0.error = error }
      let state = bench.make()
      for number in 0..<count {
        switch kind {
        case "integers": bench.fold(state, .integer(Int64(seed) << 32 + Int64(number)))
        case "texts": bench.fold(state, .text("session-\(seed)-\(number)"))
        default: bench.fold(state, .double(Double(seed) + Double(number) / 1024 + 0.000_1))
        }
      }
      guard case .integer(let estimate) = bench.value(state) else {
        Issue.record("no estimate")
        return
      }
      let relative = Double(estimate) / Double(count) - 1
      #expect(abs(relative) < 4 * error, "seed \(seed): \(estimate) for \(count)")
      squares += relative * relative
    }
    // A mean square over n runs strays by about sqrt(2 / n) of itself.
    let n = Double(runs.count)
    #expect((squares / n).squareRoot() < error * (1 + 3 * (2 / n).squareRoot()))
  }

  @Test func `a state is as small as its values are few`() {
    let bench = AccumulatorBench(.approxDistinct)
    var expected: [Int: Int] = [
      1: 0, 2: 0, 3: 16, 4: 16, 5: 32, 8: 32, 12: 48, 16: 64, 17: 128, 24: 128, 25: 256, 384: 2048, 385: 4096,
    ]
    let state = bench.make()
    for number in 1...400 {
      bench.fold(state, .integer(Int64(number)))
      if let byteCount = expected.removeValue(forKey: number) { #expect(bench.pool.liveByteCount == byteCount, "\(number) values") }
    }
    #expect(expected.isEmpty)
    #expect(bench.accumulator.byteCount == 16)
  }
}
