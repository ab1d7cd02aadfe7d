// The ends of what is allowed: times at the limits, windows of a millisecond and of years, keys of every length, more views than a word has bits.

import Base
import Records
import Testing
import Windowing

@Suite struct `Windows at their limits` {
  static let year: Int64 = 365 * 86_400_000

  @Test(
    arguments: [
      .tumbling(size: 1), .tumbling(size: year * 100), .sliding(size: year * 30, hop: year), .sliding(size: 1000, hop: 1),
    ] as [WindowSpecification])
  func `times at both ends of the range open and close their windows`(window: WindowSpecification) {
    let range = Watermark.eventTimeRange
    let times = [range.lowerBound, range.lowerBound + 1, -1, 0, 1, range.upperBound - 1, range.upperBound, range.lowerBound]
    let events = times.map { TestEvent(time: $0, key: "a", value: .integer(1)) }
    let (rows, counts) = run([closeView(window, [.count, .sum])], lateness: 1000, events)
    let perRecord = window.size! / window.paneLength!
    // Every record but the last is in as many windows as overlap, and the last one is late in all of them.
    let counted = rows.reduce(Int64(0)) { total, row in
      if case .integer(let count) = row.values[0] { total + count } else { total }
    }
    #expect(counted == 7 * perRecord)
    #expect(counts.late == [1])
    let aggregates = [AggregateSpecification(function: .count, column: nil, predicate: nil, window: window)]
    #expect(run([changeView(aggregates)], lateness: 1000, emitEvery: [200], events).rows.count >= 4)
  }

  @Test func `keys of every length keep apart, come and go`() {
    var random = TestRandom(seed: 5)
    let lengths = [0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 24, 31, 32, 33, 100, 4096]
    // Equal beginnings and ends, different middles.
    func key(_ length: Int, _ middle: Int) -> String {
      guard length > 0 else { return "" }
      return String(repeating: "x", count: length / 2) + "\(middle)" + String(repeating: "y", count: length - length / 2 - 1)
    }
    let keys = lengths.flatMap { length in (0..<3).map { key(length, $0) } }
    let distinct = Set(keys)
    var expected: [String: [Int64: Int64]] = [:]
    let events = (0..<4000).map { index -> TestEvent in
      let key = keys.randomElement(using: &random)!
      let time = Int64(index) * 7
      expected[key, default: [:]][time / 100 * 100, default: 0] += 1
      return TestEvent(time: time, key: key, value: .text(key))
    }
    let engine = WindowEngine(WindowPlan(views: [closeView(.tumbling(size: 100), [.count, .last])], lateness: 50))
    var rows: [TestRow] = []
    for start in stride(from: 0, to: events.count, by: 40) { feed(engine, events[start..<start + 40], into: &rows) }
    let output = FeatureRowBatch()
    engine.finish(into: output)
    rows += read(output)
    var actual: [String: [Int64: Int64]] = [:]
    for row in rows {
      guard case .integer(let count) = row.values[0] else { continue }
      actual[row.key!, default: [:]][row.start!] = count
      #expect(row.values[1] == .text(row.key!))
    }
    #expect(actual == expected)
    #expect(expected.count == distinct.count)
    #expect(engine.keyCount == 0 && engine.paneCount == 0, "everything has closed")
  }

  @Test func `more views of one key than a word has bits`() {
    let views = (0..<150).map { index in
      changeView(
        [
          AggregateSpecification(
            function: .count, column: nil, predicate: index % 2 == 0 ? 0 : nil, window: .sliding(size: 100, hop: 10))
        ],
        identifier: Int32(index))
    }
    let engine = WindowEngine(WindowPlan(views: views, lateness: 0))
    var rows: [TestRow] = []
    feed(engine, [TestEvent(time: 5, key: "a"), TestEvent(time: 6, key: "a", passes: false)], into: &rows)
    for view in 0..<150 { #expect(drain(engine, view: view).map(\.values) == [[.integer(view % 2 == 0 ? 1 : 2)]]) }
  }

  @Test func `a time to live shorter than the windows cuts only values without a window`() {
    let aggregates = [
      AggregateSpecification(function: .count, column: nil, predicate: nil, window: .sliding(size: 100_000, hop: 10_000)),
      AggregateSpecification(function: .last, column: 1, predicate: nil, window: .unbounded),
    ]
    let engine = WindowEngine(WindowPlan(views: [changeView(aggregates, timeToLive: 10_000)], lateness: 0))
    var rows: [TestRow] = []
    feed(
      engine, [TestEvent(time: 0, key: "a", value: .text("x")), TestEvent(time: 50_000, key: "b", value: .text("y"))], into: &rows)
    _ = drain(engine)
    feed(engine, [TestEvent(time: 60_000, key: "a")], into: &rows)
    #expect(drain(engine).filter { $0.key == "a" }.map(\.values) == [[.integer(2), .null]])
  }

  @Test func `integers may be keys, and are the same key as their text`() {
    let engine = WindowEngine(WindowPlan(views: [closeView(.tumbling(size: 10), [.count])], lateness: 0))
    let text = ByteBuffer()
    text.append("-42")
    let keys = [
      ColumnValue(integer: -42), ColumnValue(string: text.bytes), ColumnValue(integer: .min), ColumnValue(double: 1.5),
      ColumnValue(bool: true),
    ]
    let times = [Int64](repeating: 1, count: keys.count)
    let rowNumbers = (0..<Int32(keys.count)).map { $0 }
    let output = FeatureRowBatch()
    _ = keys.withUnsafeBufferPointer { keys in
      times.withUnsafeBufferPointer { times in
        rowNumbers.withUnsafeBufferPointer { rows in
          engine.apply(
            WindowInput(rows: rows, times: times.baseAddress!, columns: [keys.baseAddress!, keys.baseAddress!], predicates: []),
            into: output)
        }
      }
    }
    engine.finish(into: output)
    #expect(
      read(output).map { "\($0.key!) \($0.values)" } == [
        "-42 \([TestValue.integer(2)])", "-9223372036854775808 \([TestValue.integer(1)])",
      ])
    #expect(engine.counts.keyless == [2])
  }
}
