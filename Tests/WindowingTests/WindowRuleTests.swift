// Single rules of event time, each with the smallest stream that shows it.

import Base
import Records
import Testing
import Windowing

private func count(_ window: WindowSpecification) -> AggregateSpecification {
  AggregateSpecification(function: .count, column: nil, predicate: nil, window: window)
}

@Suite struct `Window rules` {
  @Test func `a late record is counted, not folded`() {
    //  0         10        20        30
    //  [ window A ][ window B ][ window C ]      lateness 0: t=20 closes A and B at their last millisecond
    let events = [TestEvent(time: 5, key: "a"), TestEvent(time: 20, key: "a"), TestEvent(time: 9, key: "a")]
    let (rows, counts) = run([closeView(.tumbling(size: 10), [.count])], events)
    #expect(rows.map(\.values) == [[.integer(1)], [.integer(1)]])
    #expect(counts.late == [1])
  }

  @Test func `a window closes at its last millisecond`() {
    let engine = WindowEngine(WindowPlan(views: [closeView(.tumbling(size: 10), [.count])], lateness: 0))
    var rows: [TestRow] = []
    feed(engine, [TestEvent(time: 0, key: "a"), TestEvent(time: 8, key: "b")], into: &rows)
    #expect(rows.isEmpty)
    feed(engine, [TestEvent(time: 9, key: "c")], into: &rows)
    #expect(rows.map(\.key) == ["a", "b", "c"])
  }

  @Test func `negative times are cut like all others`() {
    let (rows, _) = run(
      [closeView(.tumbling(size: 10), [.count])], [TestEvent(time: -1, key: "a"), TestEvent(time: -11, key: "b")])
    #expect(rows.map { [$0.start, $0.end] } == [[-10, 0]])
    let (ordered, _) = run(
      [closeView(.tumbling(size: 10), [.count])], [TestEvent(time: -11, key: "a"), TestEvent(time: -1, key: "a")])
    #expect(ordered.map { [$0.start, $0.end] } == [[-20, -10], [-10, 0]])
  }

  @Test func `a window is a row of its key when any record of the view was in it`() {
    let events = [TestEvent(time: 1, key: "a", value: .integer(5), passes: false)]
    let (rows, _) = run([closeView(.tumbling(size: 10), [.count, .sum], predicate: 0)], events)
    #expect(rows.map(\.values) == [[.integer(0), .missing]])
  }

  @Test func `a record without a key is counted as keyless`() {
    let (rows, counts) = run(
      [closeView(.tumbling(size: 10), [.count])], [TestEvent(time: 1, key: nil), TestEvent(time: 2, key: "a")])
    #expect(rows.map(\.key) == ["a"])
    #expect(counts.keyless == [1])
  }

  @Test func `one key stands for everything where a view has none`() {
    let (rows, counts) = run(
      [closeView(.tumbling(size: 10), [.count], keyColumn: nil)], [TestEvent(time: 1, key: nil), TestEvent(time: 2, key: "a")])
    #expect(rows.map(\.key) == [nil])
    #expect(rows.map(\.values) == [[.integer(2)]])
    #expect(counts.keyless == [0])
  }

  @Test func `a sliding value falls when its records leave, without a record of that key`() {
    let engine = WindowEngine(WindowPlan(views: [changeView([count(.sliding(size: 20, hop: 10))])], lateness: 0))
    var rows: [TestRow] = []
    feed(engine, [TestEvent(time: 5, key: "a"), TestEvent(time: 12, key: "a")], into: &rows)
    #expect(drain(engine).map(\.values) == [[.integer(2)]])
    // At 29 the value still holds [0, 29]; at 30 it is [10, 30].
    feed(engine, [TestEvent(time: 29, key: "b")], into: &rows)
    #expect(drain(engine).map(\.key) == ["b"])
    feed(engine, [TestEvent(time: 30, key: "b")], into: &rows)
    #expect(
      Set(drain(engine).map { "\($0.key!) \($0.values)" }) == Set(["a \([TestValue.integer(1)])", "b \([TestValue.integer(2)])"]))
    feed(engine, [TestEvent(time: 40, key: "b")], into: &rows)
    #expect(drain(engine).contains { $0.key == "a" && $0.values == [.integer(0)] })
  }

  @Test func `a session that leaves and comes back over and over waits for no more timers than its lateness holds`() {
    // Each record of "b" comes when its session has just left the values, and takes it on for another second.
    let engine = WindowEngine(WindowPlan(views: [changeView([count(.session(gap: 1000))])], lateness: 10_000))
    var rows: [TestRow] = []
    func feed(_ seconds: Range<Int64>) {
      let events = seconds.flatMap { [TestEvent(time: $0 * 1000 + 500, key: "clock"), TestEvent(time: $0 * 1000, key: "b")] }
      WindowingTests.feed(engine, events[...], into: &rows)
    }
    feed(0..<100)
    let byteCount = engine.stateByteCount
    feed(100..<2000)
    #expect(engine.stateByteCount == byteCount && engine.keyCount == 2)
    #expect(drain(engine).first { $0.key == "b" }?.values == [.integer(2000)])
    // Without further records it leaves once more, and goes with its last timer.
    feed(2100..<2101)
    #expect(drain(engine).map(\.key) == ["clock", "b"])
    WindowingTests.feed(engine, [TestEvent(time: 2_200_000, key: "clock")], into: &rows)
    #expect(drain(engine).map(\.key).contains("clock") && engine.keyCount == 1 && engine.paneCount == 1)
  }

  @Test func `rows stop at so many bytes, too, and go on from there`() {
    let engine = WindowEngine(WindowPlan(views: [closeView(.sliding(size: 100, hop: 1), [.count])], lateness: 0))
    var rows: [TestRow] = []
    feed(engine, [TestEvent(time: 0, key: String(repeating: "k", count: 1 << 20))], into: &rows)
    let output = FeatureRowBatch()
    var ends: [Int64] = []
    var stepCount = 1
    while !engine.finish(into: output, rowLimit: 16_384) {
      #expect(output.bytes.count == FeatureRowBatch.byteLimit)
      ends += output.rows.map(\.windowEnd)
      output.removeAll()
      stepCount += 1
    }
    ends += output.rows.map(\.windowEnd)
    #expect(rows.map { $0.end! } + ends == Array(1...100) && stepCount == 2)
  }

  @Test func `a session that was behind the stream time shows as soon as a record brings it back`() {
    //  late: [5 .. 15)    then, with a record at 14: [5 .. 24)    stream time 20
    let sum = AggregateSpecification(function: .sum, column: 1, predicate: 0, window: .session(gap: 10))
    let engine = WindowEngine(WindowPlan(views: [changeView([sum])], lateness: 100))
    var rows: [TestRow] = []
    feed(engine, [TestEvent(time: 20, key: "b"), TestEvent(time: 5, key: "a", value: .integer(7))], into: &rows)
    #expect(drain(engine).map(\.key) == ["b"])
    feed(engine, [TestEvent(time: 14, key: "a", passes: false)], into: &rows)
    #expect(drain(engine).map(\.values) == [[.integer(7)]])
  }

  @Test func `a record that changes no value owes no row`() {
    let aggregates = [AggregateFunction.max, .last].map {
      AggregateSpecification(function: $0, column: 1, predicate: nil, window: .sliding(size: 20, hop: 10))
    }
    let engine = WindowEngine(WindowPlan(views: [changeView(aggregates)], lateness: 0))
    var rows: [TestRow] = []
    feed(engine, [TestEvent(time: 5, key: "a", value: .integer(3))], into: &rows)
    #expect(drain(engine).map(\.values) == [[.integer(3), .integer(3)]])
    feed(engine, [TestEvent(time: 4, key: "a", value: .integer(2)), TestEvent(time: 6, key: "a", value: .null)], into: &rows)
    #expect(drain(engine).isEmpty)
    feed(engine, [TestEvent(time: 7, key: "a", value: .integer(1))], into: &rows)
    #expect(drain(engine).map(\.values) == [[.integer(3), .integer(1)]])
  }

  @Test func `time that passes without a record empties windows too`() {
    let engine = WindowEngine(WindowPlan(views: [changeView([count(.sliding(size: 20, hop: 10))])], lateness: 0))
    var rows: [TestRow] = []
    feed(engine, [TestEvent(time: 5, key: "a")], into: &rows)
    _ = drain(engine)
    engine.advance(streamTimeTo: 100, into: FeatureRowBatch())
    #expect(drain(engine).map(\.values) == [[.integer(0)]])
    #expect(engine.keyCount == 0, "a key that holds nothing is forgotten once its last row is out")
  }

  @Test func `keys without windows end with their time to live`() {
    let last = AggregateSpecification(function: .last, column: 1, predicate: nil, window: .unbounded)
    let engine = WindowEngine(WindowPlan(views: [changeView([last], timeToLive: 10_000)], lateness: 0))
    var rows: [TestRow] = []
    feed(
      engine, (0..<100).map { TestEvent(time: $0, key: "key \($0)", value: .text("a value longer than sixteen bytes \($0)")) }[...],
      into: &rows)
    #expect(drain(engine).count == 100)
    #expect(engine.keyCount == 100)
    feed(engine, [TestEvent(time: 30_000, key: "new", value: .text("x"))], into: &rows)
    #expect(drain(engine).map(\.key) == ["new"])
    #expect(engine.keyCount == 1 && engine.paneCount == 1)
  }

  @Test func `an integer sum that overflows is null and is reported`() {
    let events = [TestEvent(time: 1, key: "a", value: .integer(.max)), TestEvent(time: 2, key: "a", value: .integer(1))]
    let (rows, counts) = run([closeView(.tumbling(size: 10), [.sum])], events)
    #expect(rows.map(\.values) == [[.null]])
    #expect(counts.overflows == 1)
  }

  @Test func `numbers of both kinds add up and compare exactly`() {
    let events = [
      TestEvent(time: 1, key: "a", value: .integer(9_007_199_254_740_993)),
      TestEvent(time: 2, key: "a", value: .double(9_007_199_254_740_992)),
    ]
    let (rows, _) = run([closeView(.tumbling(size: 10), [.max, .min])], events)
    #expect(rows.map(\.values) == [[.integer(9_007_199_254_740_993), .double(9_007_199_254_740_992)]])
    let (sums, _) = run(
      [closeView(.tumbling(size: 10), [.sum, .mean])],
      [
        TestEvent(time: 1, key: "a", value: .integer(1)), TestEvent(time: 2, key: "a", value: .double(0.5)),
      ])
    #expect(sums.map(\.values) == [[.double(1.5), .double(0.75)]])
  }

  @Test func `prices add up to what people expect, in one pane and over several`() {
    let events = (0..<1000).map { TestEvent(time: Int64($0 * 10), key: "a", value: .double(0.1)) }
    let (rows, _) = run([closeView(.tumbling(size: 10_000), [.sum, .mean])], events)
    #expect(rows.map(\.values) == [[.double(100), .double(0.1)]])
    let (panes, _) = run([closeView(.sliding(size: 10_000, hop: 100), [.sum, .mean])], events)
    #expect(panes.first { $0.start == 0 }?.values == [.double(100), .double(0.1)])
    let (big, _) = run(
      [closeView(.tumbling(size: 10), [.sum])],
      [1e100, 1, -1e100].map { TestEvent(time: 1, key: "a", value: .double($0)) } + [
        TestEvent(time: 1, key: "b", value: .double(.greatestFiniteMagnitude))
      ])
    #expect(big.map(\.values) == [[.double(1)], [.double(.greatestFiniteMagnitude)]])
  }

  @Test func `text in a sum counts as a type mismatch and folds as nothing`() {
    let (rows, counts) = run([closeView(.tumbling(size: 10), [.count, .sum])], [TestEvent(time: 1, key: "a", value: .text("12"))])
    #expect(rows.map(\.values) == [[.integer(1), .null]])
    #expect(counts.typeMismatches == 1)
  }

  @Test func `last goes by event time, then by arrival`() {
    let events = [
      TestEvent(time: 5, key: "a", value: .text("first")),
      TestEvent(time: 5, key: "a", value: .text("second, and much longer than the first")),
      TestEvent(time: 4, key: "a", value: .text("older")), TestEvent(time: 6, key: "a", value: .null),
    ]
    let (rows, _) = run([closeView(.tumbling(size: 10), [.last])], events)
    #expect(rows.map(\.values) == [[.text("second, and much longer than the first")]])
  }

  @Test func `changes come out at multiples of the emission period, whatever the batches`() {
    let view = changeView([count(.sliding(size: 60, hop: 10))])
    let events = (0..<50).map { TestEvent(time: Int64($0 * 7), key: "k\($0 % 3)") }
    let whole = run([view], emitEvery: [100], events)
    for batchSize in [1, 3, 49] { #expect(run([view], emitEvery: [100], batchSize: batchSize, events).rows == whole.rows) }
    #expect(whole.rows.count < 50)
  }

  @Test func `a thousand keys come and go without a trace`() {
    let engine = WindowEngine(WindowPlan(views: [closeView(.tumbling(size: 10), [.count])], lateness: 0))
    var rows: [TestRow] = []
    for round in 0..<20 {
      let events = (0..<1000).map {
        TestEvent(time: Int64(round * 10), key: "round \(round), key \($0 &* 7919 % 1000) with a long tail")
      }
      feed(engine, events[...], into: &rows)
    }
    #expect(rows.count == 19_000)
    #expect(engine.keyCount == 1000 && engine.paneCount == 1000)
  }
}
