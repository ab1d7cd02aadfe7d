// A value taken apart: its panes, what they add up to, and the moment at which it changes by itself, against what the engine then does.

import Base
import Records
import Testing
import Windowing

private struct Explained {
  var value: TestValue
  var parts: [(window: Range<Int64>?, value: TestValue, counts: Bool)]
  var window: Range<Int64>?
  var next: Int64?

  init?(_ engine: WindowEngine, aggregate: Int = 0, key: String?) {
    let bytes = ByteBuffer()
    guard let found = engine.explain(view: 0, aggregate: aggregate, key: key, bytes: bytes) else { return nil }
    func test(_ value: FeatureValue) -> TestValue {
      switch value.kind {
      case .missing: .missing
      case .null: .null
      case .integer: .integer(Int64(bitPattern: value.bits))
      case .double: .double(Double(bitPattern: value.bits))
      case .bool: .integer(Int64(value.bits))
      case .string, .composite:
        .text(
          String(
            decoding: UnsafeBufferPointer(start: bytes.base + Int(value.bits), count: Int(value.byteCount)), as: UTF8.self))
      }
    }
    value = test(found.value)
    parts = found.parts.map { ($0.window, test($0.value), $0.counts) }
    window = found.window
    next = found.nextChange
  }

  /// `[0, 10) 2`, with `-` for what is not in the value.
  var text: [String] {
    parts.map { part in
      let window = part.window.map { "[\($0.lowerBound), \($0.upperBound))" } ?? "all"
      return "\(window) \(part.value)\(part.counts ? "" : " -")"
    }
  }
}

private func aggregate(_ function: AggregateFunction, _ window: WindowSpecification) -> AggregateSpecification {
  AggregateSpecification(function: function, column: function == .count ? nil : 1, predicate: nil, window: window)
}

@Suite struct ExplanationTests {
  /// Sliding 30 by 10, at 47:   [0      [10     [20     [30     [40  47
  ///                                        3,4 2       1       1
  private let events = [3, 4, 25, 12, 31, 47].map { TestEvent(time: $0, key: "a", value: .integer($0)) }

  @Test func `panes of a sliding value, and when the oldest leaves`() throws {
    let engine = WindowEngine(WindowPlan(views: [changeView([aggregate(.count, .sliding(size: 30, hop: 10))])], lateness: 5))
    var rows: [TestRow] = []
    feed(engine, events[...], into: &rows)
    let found = try #require(Explained(engine, key: "a"))
    #expect(found.value == .integer(4) && found.next == 50 && found.window == nil)
    #expect(found.text == ["[10, 20) integer(1)", "[20, 30) integer(1)", "[30, 40) integer(1)", "[40, 50) integer(1)"])
    #expect(Explained(engine, key: "b") == nil && Explained(engine, key: nil) == nil)
  }

  @Test func `a window that closes next, and what is for later ones`() throws {
    let engine = WindowEngine(WindowPlan(views: [closeView(.sliding(size: 20, hop: 10), [.sum])], lateness: 20))
    var rows: [TestRow] = []
    feed(engine, events[...], into: &rows)
    let found = try #require(Explained(engine, key: "a"))
    #expect(found.window == 10..<30 && found.next == 49 && found.value == .integer(37))
    #expect(found.text == ["[10, 20) integer(12)", "[20, 30) integer(25)", "[30, 40) integer(31) -", "[40, 50) integer(47) -"])
  }

  @Test func `sessions, everything, and one key for everything`() throws {
    let views = [changeView([aggregate(.count, .session(gap: 10)), aggregate(.last, .unbounded)], timeToLive: 100)]
    let engine = WindowEngine(WindowPlan(views: views, lateness: 5))
    var rows: [TestRow] = []
    feed(engine, events[...], into: &rows)
    let session = try #require(Explained(engine, key: "a"))
    #expect(session.value == .integer(1) && session.next == 57 && session.text.last == "[47, 57) integer(1)")
    let last = try #require(Explained(engine, aggregate: 1, key: "a"))
    #expect(last.value == .integer(47) && last.next == 147 && last.text == ["all integer(47)"])

    let all = WindowEngine(WindowPlan(views: [closeView(.tumbling(size: 100), [.count], keyColumn: nil)], lateness: 0))
    feed(all, events[...], into: &rows)
    #expect(try #require(Explained(all, key: nil)).value == .integer(6))
  }

  @Test(arguments: [
    WindowSpecification.tumbling(size: 40, offset: 7), .sliding(size: 60, hop: 20), .cumulating(max: 60, step: 20),
    .session(gap: 15),
  ])
  func `the value is the row's, and changes when it is said to`(window: WindowSpecification) throws {
    for seed in 0..<60 as Range<UInt64> {
      var random = TestRandom(seed: seed)
      for isClosing in [false, true] {
        let view =
          isClosing ? closeView(window, [.count, .sum]) : changeView([aggregate(.count, window), aggregate(.sum, window)])
        let engine = WindowEngine(WindowPlan(views: [view], lateness: 10))
        var time: Int64 = -50
        let events = (0..<40).map { _ in
          time += Int64.random(in: 0...8, using: &random)
          return TestEvent(
            time: time - Int64.random(in: 0...12, using: &random), key: ["a", "b"].randomElement(using: &random),
            value: .integer(Int64.random(in: 1...9, using: &random)))
        }
        var rows: [TestRow] = []
        feed(engine, events[...], into: &rows)
        _ = drain(engine)
        guard let found = Explained(engine, key: "a"), let next = found.next, found.value != .integer(0) else { continue }
        let sum = try #require(Explained(engine, aggregate: 1, key: "a"))
        #expect(
          found.parts.filter(\.counts).reduce(0) { $0 + $1.value.integer } == found.value.integer, "seed \(seed), \(window)")
        let output = FeatureRowBatch()
        _ = engine.advance(streamTimeTo: next - 1, into: output)
        rows = isClosing ? read(output) : drain(engine)
        #expect(!rows.contains { $0.key == "a" }, "seed \(seed), \(window)")
        output.removeAll()
        _ = engine.advance(streamTimeTo: next, into: output)
        rows = isClosing ? read(output) : drain(engine)
        let row = try #require(rows.first { $0.key == "a" }, "seed \(seed), \(window), closing \(isClosing), next \(next)")
        if isClosing {
          #expect(
            row.values == [found.value, sum.value] && row.start == found.window!.lowerBound && row.end == found.window!.upperBound)
        } else {
          #expect(row.values[0] != found.value, "seed \(seed), \(window)")
        }
      }
    }
  }
}

extension TestValue {
  fileprivate var integer: Int64 { if case .integer(let value) = self { value } else { 0 } }
}
