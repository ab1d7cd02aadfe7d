// The exact aggregates, each against the whole list of its values, also when it is put together from parts.

import Base
import Records
import Testing

@testable import Windowing

private func numbers(_ values: [FoldedValue]) -> [Double] {
  values.compactMap {
    switch $0 {
    case .integer(let integer): Double(integer)
    case .double(let double): double
    default: nil
    }
  }
}

private func randomValues(_ count: Int, using random: inout TestRandom) -> [FoldedValue] {
  (0..<count).map { _ in
    switch Int.random(in: 0..<8, using: &random) {
    case 0: .null
    case 1: .missing
    case 2: .double(Double.random(in: -1000...1000, using: &random))
    default: .integer(Int64.random(in: -1000...1000, using: &random))
    }
  }
}

private func isClose(_ value: FoldedValue, _ expected: Double, within tolerance: Double = 1e-12) -> Bool {
  guard case .double(let double) = value else { return false }
  return abs(double - expected) <= tolerance * max(abs(expected), 1)
}

@Suite struct `Exact aggregates` {
  @Test func `variance and deviation are those of the list, whatever the parts`() {
    for seed in seeds(100, deep: 5000) {
      var random = TestRandom(seed: seed)
      let values = randomValues(Int.random(in: 0..<60, using: &random), using: &random)
      let list = numbers(values)
      for function in [AggregateFunction.variance, .stddev] {
        for isPopulation in [false, true] {
          let bench = AccumulatorBench(function) { $0.isPopulation = isPopulation }
          let parts = bench.tree(values, parts: Int.random(in: 1...6, using: &random), using: &random)
          let divisor = list.count - (isPopulation ? 0 : 1)
          guard divisor > 0 else {
            #expect(bench.value(parts) == (values.isEmpty ? .missing : .null), "seed \(seed)")
            continue
          }
          let mean = list.reduce(0, +) / Double(list.count)
          let variance = list.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(divisor)
          #expect(isClose(bench.value(parts), function == .stddev ? variance.squareRoot() : variance, within: 1e-9), "seed \(seed)")
        }
      }
    }
  }

  @Test func `a variance does not drown in a large mean`() {
    let bench = AccumulatorBench(.variance)
    let values = (0..<1000).map { FoldedValue.double(1e9 + Double($0 % 2)) }
    #expect(isClose(bench.value(bench.state(values)), 0.25 * 1000 / 999, within: 1e-9))
    let far = AccumulatorBench(.variance)
    let state = far.state([.double(1e308), .double(-1e308)])
    #expect(far.value(state) == .null, "it has left the range of doubles")
    #expect(far.counts.overflows == 1)
  }

  @Test func `a variance and a deviation of one field keep one state`() {
    let variance = Accumulator(.variance, AggregateParameters(of: .variance))
    let deviation = Accumulator(.stddev, AggregateParameters(of: .stddev))
    #expect(variance.stateForm == deviation.stateForm)
    #expect(variance.stateForm != Accumulator(.mean, AggregateParameters(of: .mean)).stateForm)
  }

  @Test func `first and last go by event time, then by arrival, over any parts`() {
    for seed in seeds(100, deep: 5000) {
      var random = TestRandom(seed: seed)
      let count = Int.random(in: 1..<40, using: &random)
      let values = (0..<count).map { index -> FoldedValue in
        switch Int.random(in: 0..<6, using: &random) {
        case 0: .null
        case 1: .integer(Int64(index))
        case 2: .bool(index % 2 == 0)
        case 3: .composite("{ \"a\" : [ \(index) , \"x \\\" y\" ] }")
        default: .text("value \(index) " + String(repeating: "x", count: Int.random(in: 0..<80, using: &random)))
        }
      }
      // States that are merged hold no equal times: each state takes times of one remainder.
      let times = (0..<count).map { _ in Int64.random(in: 0..<20, using: &random) }
      for function in [AggregateFunction.first, .last] {
        let bench = AccumulatorBench(function)
        var states = (0..<3).map { _ in bench.make() }
        for (value, time) in zip(values, times) { bench.fold(states[Int(time % 3)], value, time: time) }
        var best: (time: Int64, value: FoldedValue)?
        for (value, time) in zip(values, times) where value != .null {
          if best == nil || (function == .last ? time >= best!.time : time < best!.time) { best = (time, value) }
        }
        var expected = best?.value ?? .null
        if case .composite(let text) = expected {
          // Without the space between tokens, with the space in the text.
          expected = .composite(String(text.split(separator: " ").joined().replacing("x\\\"y", with: "x \\\" y")))
        }
        #expect(bench.value(of: states) == expected, "seed \(seed)")
        states.shuffle(using: &random)
        bench.absorb(states[0], states[1])
        bench.absorb(states[0], states[2])
        #expect(bench.value(states[0]) == expected, "seed \(seed)")
        bench.release(states[0])
        #expect(bench.pool.liveByteCount == 0, "every text has gone back")
      }
    }
  }

  @Test func `elapsed is the time between the first and the last record`() {
    let bench = AccumulatorBench(.elapsed)
    let range = Watermark.eventTimeRange
    #expect(bench.value(bench.make()) == .missing)
    #expect(bench.value(bench.state([.null], times: [0])) == .integer(0))
    #expect(bench.value(bench.state([.null, .null, .null], times: [-5, 0, -7])) == .integer(7))
    let far = bench.state([.null, .null], times: [range.lowerBound, range.upperBound])
    #expect(bench.value(far) == .integer(range.upperBound - range.lowerBound))
    #expect(bench.value(bench.state([.null], times: [3]), bench.make(), bench.state([.null], times: [-4])) == .integer(7))
  }

  @Test func `texts have a least and a greatest where a pipeline asks for it`() {
    for seed in seeds(50, deep: 2000) {
      var random = TestRandom(seed: seed)
      let words = ["", "a", "ab", "b", "Z", "é", "zebra", "zebra crossing at the corner", "🦓", "\u{0}", "0123456789abcdef0"]
      let texts = (0..<Int.random(in: 1..<20, using: &random)).map { _ in words.randomElement(using: &random)! }
      for function in [AggregateFunction.min, .max] {
        let bench = AccumulatorBench(function) { $0.comparesTexts = true }
        let state = bench.tree(texts.map(FoldedValue.text), parts: Int.random(in: 1...4, using: &random), using: &random)
        let sorted = texts.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        #expect(bench.value(state) == .text(function == .min ? sorted.first! : sorted.last!), "seed \(seed)")
        #expect(bench.value(state, bench.state([.null])) == bench.value(state))
        bench.release(state)
        #expect(bench.pool.liveByteCount == 0)
      }
    }
    let bench = AccumulatorBench(.min) { $0.comparesTexts = true }
    #expect(bench.value(bench.state([.integer(3), .null])) == .null)
    #expect(bench.counts.typeMismatches == 1)
  }

  @Test(arguments: [AggregateFunction.min, .max])
  func `of equal numbers the integer is kept, whichever comes first`(function: AggregateFunction) {
    let bench = AccumulatorBench(function)
    let integer = bench.state([.integer(-9)])
    let double = bench.state([.double(-9)])
    #expect(bench.value(integer, double) == .integer(-9))
    #expect(bench.value(double, integer) == .integer(-9))
    #expect(bench.value(bench.state([.double(-9), .integer(-9), .double(-9)])) == .integer(-9))
    #expect(bench.value(bench.state([.double(-0.0)])) == .double(0))
    let large = bench.state([.integer(9_007_199_254_740_993)])
    let even = bench.state([.double(9_007_199_254_740_992)])
    #expect(bench.value(large, even) == (function == .max ? .integer(9_007_199_254_740_993) : .double(9_007_199_254_740_992)))
  }

  @Test(arguments: [AggregateFunction.count, .sum, .mean])
  func `what can be retracted leaves what was there before`(function: AggregateFunction) {
    for seed in seeds(100, deep: 5000) {
      var random = TestRandom(seed: seed)
      let bench = AccumulatorBench(function)
      let panes = (0..<8).map { _ in
        bench.state(
          (0..<Int.random(in: 0..<4, using: &random)).map { _ in
            Bool.random(using: &random) ? .null : .integer(.random(in: -50...50, using: &random))
          })
      }
      let running = bench.make()
      for (index, pane) in panes.enumerated() {
        bench.accumulator.merge(into: running, bench.pool, from: pane, bench.pool, counts: &bench.counts)
        if index >= 3 { #expect(bench.accumulator.retract(at: running, panes[index - 3])) }
        #expect(bench.value(running) == bench.value(of: Array(panes[max(0, index - 2)...index])), "seed \(seed), pane \(index)")
      }
    }
  }

  @Test func `what cannot be retracted exactly says so and stays`() {
    let sum = AccumulatorBench(.sum)
    let doubles = sum.state([.integer(1), .double(0.5)])
    #expect(!sum.accumulator.retract(at: doubles, sum.state([.integer(1)])))
    #expect(sum.value(doubles) == .double(1.5))
    let overflown = sum.state([.integer(.max), .integer(1)])
    #expect(!sum.accumulator.retract(at: overflown, sum.state([.integer(1)])))
    let other = AccumulatorBench(.max)
    #expect(!other.accumulator.retract(at: other.state([.integer(1)]), other.state([.integer(1)])))
  }

  @Test func `a mean of integers is exact until they leave 64 bits`() {
    let bench = AccumulatorBench(.mean)
    #expect(
      bench.value(bench.state([.integer(9_007_199_254_740_993), .integer(9_007_199_254_740_995)])) == .double(9_007_199_254_740_994)
    )
    #expect(isClose(bench.value(bench.state([.integer(.max), .integer(.max), .integer(.max)])), 0x1p63))
    #expect(bench.counts.overflows == 0)
    #expect(bench.value(bench.state([.integer(.max), .integer(.max)]), bench.state([.double(0.5)])) == .double(0x1p64 / 3))
  }

  @Test func `sums of doubles that leave their range are null and counted once`() {
    let bench = AccumulatorBench(.sum)
    #expect(bench.value(bench.state([.double(1e308), .double(1e308), .double(1e308)])) == .null)
    #expect(bench.counts.overflows == 1)
  }
}

@Suite struct `The pool of blocks` {
  @Test func `blocks of every size keep apart, come and go`() {
    var random = TestRandom(seed: 11)
    let pool = BlockPool()
    defer { pool.deallocate() }
    var live: [(block: BlockPool.Block, byteCount: Int, mark: UInt8)] = []
    for round in 0..<20_000 {
      if live.count < 200, Bool.random(using: &random) {
        let byteCount = 1 + Int.random(in: 0..<(1 << Int.random(in: 0..<12, using: &random)), using: &random)
        let block = pool.allocate(byteCount)
        #expect(BlockPool.blockByteCount(for: byteCount) >= byteCount && BlockPool.blockByteCount(for: byteCount) % 16 == 0)
        pool.start(block).initializeMemory(as: UInt8.self, repeating: UInt8(round & 255), count: byteCount)
        live.append((block, byteCount, UInt8(round & 255)))
      } else if !live.isEmpty {
        let (block, byteCount, mark) = live.remove(at: Int.random(in: 0..<live.count, using: &random))
        let bytes = UnsafeRawBufferPointer(start: pool.start(block), count: byteCount)
        #expect(bytes.allSatisfy { $0 == mark })
        pool.release(block, byteCount)
      }
    }
    for (block, byteCount, _) in live { pool.release(block, byteCount) }
    #expect(pool.liveByteCount == 0)
  }

  @Test func `a block is at most half as long again as what it is for, from 32 bytes on`() {
    for byteCount in 32..<100_000 {
      let block = BlockPool.blockByteCount(for: byteCount)
      #expect(block >= byteCount && block * 2 <= byteCount * 3 + 32)
    }
  }
}
