// Aggregates that give lists: the most frequent values against counts of all, the last values against the sorted list of all; both as JSON.

import Base
import Foundation
import Records
import Testing

@testable import Windowing

private func json(_ value: FoldedValue) -> String {
  switch value {
  case .missing, .null: return "null"
  case .bool(let bool): return bool ? "true" : "false"
  case .integer(let integer): return "\(integer)"
  case .double(let double): return "\(double)"
  case .text(let text): return JSONText.quoted(text)
  case .composite(let text): return text
  }
}

private func list(_ values: some Sequence<FoldedValue>) -> FoldedValue {
  .composite("[" + values.map(json).joined(separator: ",") + "]")
}

private func word(_ number: Int) -> FoldedValue {
  switch number % 5 {
  case 0: .integer(Int64(number))
  case 1: .text("w\(number)")
  case 2: .text("a word longer than eight bytes \(number)")
  case 3: .double(Double(number) + 0.25)
  default: .composite("{\"n\":\(number)}")
  }
}

/// Booleans, numbers, texts, then objects and arrays, each kind by value.
private func precedes(_ a: FoldedValue, _ b: FoldedValue) -> Bool {
  func rank(_ value: FoldedValue) -> (Int, Double, String) {
    switch value {
    case .missing, .null: (0, 0, "")
    case .bool(let bool): (1, bool ? 1 : 0, "")
    case .integer(let integer): (2, Double(integer), "")
    case .double(let double): (2, double, "")
    case .text(let text): (3, 0, text)
    case .composite(let text): (4, 0, text)
    }
  }
  return rank(a) < rank(b)
}

private func top(_ values: [FoldedValue], _ k: Int) -> FoldedValue {
  var counts: [FoldedValue: Int] = [:]
  for value in values where value != .null { counts[value, default: 0] += 1 }
  return list(counts.sorted { $0.value != $1.value ? $0.value > $1.value : precedes($0.key, $1.key) }.prefix(k).map(\.key))
}

@Suite struct `The most frequent values` {
  @Test func `are exact as long as there are no more values than counters, whatever the parts`() {
    for seed in seeds(80, deep: 4000) {
      var random = TestRandom(seed: seed)
      let kinds = [1, 2, 8, 9, 40, 100].randomElement(using: &random)!
      let values = (0..<Int.random(in: 1...400, using: &random)).map { _ in
        word(min(Int.random(in: 0..<kinds, using: &random), Int.random(in: 0..<kinds, using: &random)))
      }
      let k = Int.random(in: 1...12, using: &random)
      let bench = AccumulatorBench(.topK) { $0.count = Int32(k) }
      let expected = top(values, k)
      let whole = bench.state(values + [.null, .missing])
      #expect(bench.value(whole) == expected, "seed \(seed)")
      let tree = bench.tree(values.shuffled(using: &random), parts: Int.random(in: 1...6, using: &random), using: &random)
      #expect(bench.value(tree) == expected, "seed \(seed)")
      let halves = [bench.state(Array(values[..<(values.count / 2)])), bench.state(Array(values[(values.count / 2)...]))]
      #expect(bench.value(of: halves) == expected, "seed \(seed)")
      for state in halves + [whole, tree] { bench.release(state) }
      #expect(bench.pool.liveByteCount == 0, "seed \(seed)")
    }
  }

  /// No counter is off by more than the error allows: so any value more frequent than the k-th by twice that is in the list, and in its place.
  @Test func `are found among many values within the promised error`() {
    for seed in seeds(30, deep: 2000) {
      var random = TestRandom(seed: seed)
      let error = [0.1, 0.02, 0.01].randomElement(using: &random)!
      let count = 5000
      // Every value of rank r comes about 1 / (r + 1) as often as the first.
      let values = (0..<count).map { _ in word(Int(pow(2000, Double.random(in: 0..<1, using: &random))) - 1) }
      let bench = AccumulatorBench(.topK) {
        $0.count = 5
        $0.error = error
      }
      let isTree = Bool.random(using: &random)
      let state = isTree ? bench.tree(values, parts: 6, using: &random) : bench.state(values)
      var counts: [String: Int] = [:]
      for value in values { counts[json(value), default: 0] += 1 }
      guard case .composite(let text) = bench.value(state) else {
        Issue.record("no list")
        return
      }
      let found = try! JSONSerialization.jsonObject(with: Data(text.utf8)) as! [Any]
      #expect(found.count == 5)
      let frequencies = counts.values.sorted(by: >)
      let slack = Int(error * Double(count) + 1)
      for value in counts where value.value > frequencies[5] + slack {
        #expect(text.contains(value.key), "seed \(seed): \(value) is not in \(text)")
      }
      bench.release(state)
      #expect(bench.pool.liveByteCount == 0, "seed \(seed)")
    }
  }

  @Test func `ties go to the lesser value, and lists hold what was there`() {
    let bench = AccumulatorBench(.topK) { $0.count = 20 }
    let values: [FoldedValue] = [
      .text("b"), .text("a"), .integer(3), .double(2.5), .bool(true), .bool(false), .composite("[ 1 , \"x  y\" ]"), .text(""),
      .integer(-7), .text("10"), .text("9"),
    ]
    #expect(
      bench.value(bench.state(values)) == .composite(#"[false,true,-7,2.5,3,"","10","9","a","b",[1,"x  y"]]"#))
    #expect(bench.value(bench.state([.double(1), .integer(1), .integer(2)])) == .composite("[1,2]"), "1.0 is 1")
    #expect(bench.value(bench.make()) == .missing)
    #expect(bench.value(bench.state([.null])) == .null)
  }

  @Test func `a hundred thousand values pass through without growing the state`() {
    let bench = AccumulatorBench(.topK)
    let state = bench.make()
    for number in 0..<(isDeep ? 1_000_000 : 100_000) {
      bench.fold(state, .text("a product that is asked for once \(number)"))
      if number % 4 == 0 { bench.fold(state, .text("everybody's darling")) }
    }
    #expect(bench.pool.liveByteCount <= 3072 + 100 * 64)
    guard case .composite(let text) = bench.value(state) else {
      Issue.record("no list")
      return
    }
    #expect(text.hasPrefix("[\"everybody's darling\","))
  }
}

@Suite struct `The last values` {
  @Test func `go by event time, then by arrival, whatever the parts`() {
    for seed in seeds(80, deep: 4000) {
      var random = TestRandom(seed: seed)
      let n = [1, 2, 3, 10, 33].randomElement(using: &random)!
      let count = Int.random(in: 1...60, using: &random)
      let values = (0..<count).map { Int.random(in: 0..<10, using: &random) == 0 ? .null : word($0) }
      let times = (0..<count).map { index in
        Bool.random(using: &random) ? Int64(index) : Int64.random(in: 0..<Int64(count), using: &random)
      }
      let bench = AccumulatorBench(.collect) { $0.count = Int32(n) }
      let kept = zip(values, times).enumerated().filter { $0.element.0 != .null }
        .sorted { $0.element.1 != $1.element.1 ? $0.element.1 < $1.element.1 : $0.offset < $1.offset }
        .suffix(n).map(\.element.0)
      let expected = kept.isEmpty ? FoldedValue.null : list(kept)
      #expect(bench.value(bench.state(values, times: times)) == expected, "seed \(seed)")
      // Parts hold no equal times, as panes and sessions do not.
      var parts = (0..<4).map { _ in bench.make() }
      for (value, time) in zip(values, times) { bench.fold(parts[Int(time % 4)], value, time: time) }
      #expect(bench.value(of: parts) == expected, "seed \(seed)")
      parts.shuffle(using: &random)
      for part in parts.dropFirst() { bench.absorb(parts[0], part) }
      #expect(bench.value(parts[0]) == expected, "seed \(seed)")
    }
  }

  @Test(arguments: [0, 1, 2, 3, 5], [0, 1, 2, 3, 5])
  func `of two states become one, and every other block is free again`(count: Int, otherCount: Int) {
    let bench = AccumulatorBench(.collect) { $0.count = 3 }
    func state(_ times: Range<Int>) -> UnsafeMutableRawPointer {
      bench.state([.null] + times.map { .text("a text of more than eight bytes, \($0)") }, times: [-1] + times.map(Int64.init))
    }
    let (one, other) = (state(0..<count), state(count..<count + otherCount))
    bench.absorb(one, other)
    let kept = (0..<count + otherCount).suffix(3).map { FoldedValue.text("a text of more than eight bytes, \($0)") }
    #expect(bench.value(one) == (kept.isEmpty ? .null : list(kept)))
    bench.release(one)
    bench.release(other)
    #expect(bench.pool.liveByteCount == 0)
  }

  @Test func `give everything back, and say when nothing has changed`() {
    let bench = AccumulatorBench(.collect) { $0.count = 3 }
    let state = bench.make()
    for number in 0..<100 { #expect(bench.fold(state, .text("a text of more than eight bytes"), time: Int64(number))) }
    #expect(!bench.fold(state, .text("too old"), time: 5))
    #expect(!bench.fold(state, .null, time: 500))
    #expect(bench.pool.liveByteCount == 3 * 32 + 96)
    bench.release(state)
    #expect(bench.pool.liveByteCount == 0)
  }

  @Test func `are valid JSON for any text`() throws {
    let texts = [
      "", "\"", "\\", "\n\r\t\u{8}\u{c}", "\u{0}", "\u{1f}", "\u{7f}", "é", "🦓", "\u{2028}",
      String(repeating: "\"\\\n", count: 500),
    ]
    for function in [AggregateFunction.collect, .topK] {
      let bench = AccumulatorBench(function) { $0.count = 20 }
      let state = bench.state(texts.map(FoldedValue.text) + [.composite("{ \"a\n\" : [ 1,\n2 ] }".replacing("a\n", with: "a\\n"))])
      guard case .composite(let text) = bench.value(state) else {
        Issue.record("no list")
        return
      }
      #expect(!text.contains("\n"), "one line")
      let parsed = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [Any])
      #expect(Set(parsed.compactMap { $0 as? String }) == Set(texts))
      #expect(parsed.last as? [String: [Int]] == ["a\n": [1, 2]])
    }
  }
}
