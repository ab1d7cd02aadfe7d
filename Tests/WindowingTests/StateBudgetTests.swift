import Base
import Records
import Testing

@testable import Windowing

private func event(_ time: Int64, _ key: String) -> TestEvent { TestEvent(time: time, key: key, value: .integer(1)) }

private let count = AggregateSpecification(function: .count, column: nil, predicate: nil, window: .sliding(size: 60, hop: 10))

@Suite struct `Bounds of state` {
  //  keys   a a   b   c (no room)   a   ... 100 later nothing is left: c has room
  @Test func `a key that would be one too many is refused and counted, known keys go on`() {
    let plan = WindowPlan(views: [changeView([count], identifier: 0), changeView([count], identifier: 1)], lateness: 0)
    let engine = WindowEngine(plan, limits: StateLimits(keyCountMax: 2))
    var rows: [TestRow] = []
    feed(engine, [event(1, "a"), event(2, "b"), event(3, "c"), event(4, "a"), event(5, "c")][...], into: &rows)
    #expect(engine.keyCount == 2)
    #expect(engine.counts.full == [2, 2])
    #expect(engine.counts.late == [0, 0] && engine.counts.keyless == [0, 0])
    #expect(engine.refusals.map(\.reason) == [.full, .full] && engine.refusals.map(\.row) == [2, 2])
    #expect(drain(engine).map(\.key) == ["a", "b"])
    _ = drain(engine, view: 1)
    _ = inSteps(.max) { engine.advance(streamTimeTo: 1000, into: $0) }
    _ = (drain(engine), drain(engine, view: 1))
    feed(engine, [event(1001, "c")][...], into: &rows)
    #expect(drain(engine).map(\.key) == ["c"])
    #expect(engine.counts.full == [2, 2])
  }

  @Test(arguments: [WindowSpecification.tumbling(size: 100), .session(gap: 50), .cumulating(max: 100, step: 50)])
  func `windows that close refuse new keys, too`(window: WindowSpecification) {
    let engine = WindowEngine(
      WindowPlan(views: [closeView(window, [.count])], lateness: 0), limits: StateLimits(keyCountMax: 1))
    var rows: [TestRow] = []
    feed(engine, [event(1, "a"), event(2, "b"), event(3, "a")][...], into: &rows)
    rows += inSteps(.max) { engine.advance(streamTimeTo: 400, into: $0) }
    feed(engine, [event(500, "b")][...], into: &rows)
    rows += inSteps(.max) { engine.finish(into: $0) }
    // Windows that cumulate give a row per step.
    #expect(Set(rows.filter { $0.key == "b" }.map(\.values)) == [[.integer(1)]])
    #expect(rows.filter { $0.key == "a" }.last?.values == [.integer(2)])
    #expect(engine.counts.full == [1])
  }

  @Test func `bytes in use are bounded for new keys, and come back with what is freed`() {
    let texts = AggregateSpecification(function: .last, column: 1, predicate: nil, window: .tumbling(size: 100))
    let engine = WindowEngine(
      WindowPlan(views: [changeView([texts])], lateness: 0), limits: StateLimits(byteCountMax: 20_000))
    var rows: [TestRow] = []
    func fill(_ start: Int64) -> Int {
      let events = (0..<500).map {
        TestEvent(
          time: start, key: "a key that stands outside of its entry \($0)", value: .text("a text that needs a block, \($0)"))
      }
      feed(engine, events[...], into: &rows)
      return engine.keyCount
    }
    let first = fill(1)
    #expect((50...200).contains(first))
    #expect((20_000..<20_400).contains(engine.usedByteCount))
    _ = drain(engine)
    _ = inSteps(.max) { engine.advance(streamTimeTo: 1000, into: $0) }
    _ = drain(engine)
    #expect(engine.keyCount == 0 && engine.usedByteCount == 0)
    #expect(fill(1001) == first)
  }

  @Test(arguments: seeds(20, deep: 500))
  func `which records find no room does not depend on snapshots`(seed: UInt64) throws {
    var random = TestRandom(seed: seed + 9_000_000)
    let last = AggregateSpecification(function: .last, column: 1, predicate: nil, window: .sliding(size: 3000, hop: 1000))
    let plan = WindowPlan(
      views: [changeView([count, last], identifier: 0), closeView(.session(gap: 400), [.count, .collect])], lateness: 500)
    let limits = Bool.random(using: &random) ? StateLimits(keyCountMax: 4) : StateLimits(byteCountMax: 1500)
    var time: Int64 = 0
    let events = (0..<300).map { number -> TestEvent in
      time += Int64.random(in: 0...200, using: &random)
      return TestEvent(
        time: time, key: "key \(Int.random(in: 0..<12, using: &random)) of the table", value: .text("value number \(number)"),
        number: number)
    }
    let whole = WindowEngine(plan, emitEvery: [1000, 1000], limits: limits)
    var expected: [TestRow] = []
    feed(whole, events[...], into: &expected)
    var engine = WindowEngine(plan, emitEvery: [1000, 1000], limits: limits)
    var rows: [TestRow] = []
    var full: Int64 = 0
    for start in stride(from: 0, to: events.count, by: 37) {
      feed(engine, events[start..<min(start + 37, events.count)], into: &rows)
      full += engine.counts.full[0]
      let buffer = ByteBuffer()
      engine.save(to: buffer, position: 0)
      engine = WindowEngine(plan, emitEvery: [1000, 1000], limits: limits)
      _ = try withExtendedLifetime(buffer) { try engine.load(UnsafeRawBufferPointer(buffer.bytes)) }
    }
    #expect(rows == expected, "seed \(seed)")
    #expect(full == whole.counts.full[0] && full > 0, "seed \(seed)")
  }
}
