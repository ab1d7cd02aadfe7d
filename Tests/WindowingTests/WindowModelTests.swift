// The engine against `WindowModel`, by seeds: plans of several views over random streams that are out of order, late, bursty, with gaps, equal
// and negative times, keys that go and come back. Batches, the rows taken at a time and snapshots are cut at random. FRESHET_DEEP=1 takes
// 10 000 seeds. The seed of a failure is in its message.

import Base
import Records
import Testing
import Windowing

/// What a seed stands for.
private struct Scenario {
  var views: [ViewSpecification]
  var lateness: Int64
  var events: [TestEvent]

  init(_ random: inout TestRandom) {
    lateness = [0, 1, 1000, 7500, 40_000].randomElement(using: &random)!
    views = (0..<Int.random(in: 1...5, using: &random)).map { Self.view(Int32($0), &random) }
    events = Self.stream(count: Int.random(in: 1...150, using: &random), &random)
  }

  private static func view(_ identifier: Int32, _ random: inout TestRandom) -> ViewSpecification {
    let closes = Bool.random(using: &random)
    let predicate: Int? = Int.random(in: 0..<3, using: &random) == 0 ? 0 : nil
    let shared = window(&random)
    let aggregates = (0..<Int.random(in: 1...4, using: &random)).map { _ -> AggregateSpecification in
      let functions: [AggregateFunction] = [.count, .count, .sum, .min, .max, .mean, .first, .last, .elapsed, .distinct]
      let function = functions.randomElement(using: &random)!
      let needsColumn = function != .elapsed && (function != .count || Bool.random(using: &random))
      let anyWindow = Int.random(in: 0..<6, using: &random) == 0 ? .unbounded : window(&random)
      return AggregateSpecification(
        function: function, column: needsColumn ? 1 : nil,
        predicate: predicate ?? (Int.random(in: 0..<3, using: &random) == 0 ? 0 : nil), window: closes ? shared : anyWindow)
    }
    return ViewSpecification(
      identifier: identifier, keyColumn: Int.random(in: 0..<6, using: &random) == 0 ? nil : 0, trigger: closes ? .close : .change,
      predicate: predicate, aggregates: aggregates, timeToLive: nil)
  }

  /// Few lengths, so that views share panes; some of them with offsets.
  private static func window(_ random: inout TestRandom) -> WindowSpecification {
    let offset: Int64 = Bool.random(using: &random) ? 0 : [1, 999, 1500].randomElement(using: &random)!
    let windows: [WindowSpecification] = [
      .tumbling(size: 2000, offset: offset), .tumbling(size: 7777, offset: offset), .tumbling(size: 1),
      .sliding(size: 6000, hop: 2000, offset: offset), .sliding(size: 10_000, hop: 2000, offset: offset),
      .sliding(size: 2000, hop: 2000), .sliding(size: 30_000, hop: 2000), .cumulating(max: 12_000, step: 4000, offset: 2 * offset),
      .cumulating(max: 2000, step: 2000), .cumulating(max: 30_000, step: 2000, offset: offset), .session(gap: 1),
      .session(gap: 1500), .session(gap: 6000), .session(gap: 20_000),
    ]
    return windows.randomElement(using: &random)!
  }

  private static func stream(count: Int, _ random: inout TestRandom) -> [TestEvent] {
    let allKeys = [
      "a", "b", "user-number-3", "0123456789abcdef", "0123456789abcdefg", "a key that is rather long, longer than words", "",
    ]
    let keys = allKeys.prefix(Int.random(in: 1...allKeys.count, using: &random))
    var time = Int64.random(in: -50_000...50_000, using: &random)
    let pace: Int64 = [20, 300, 1500].randomElement(using: &random)!
    let disorder: Int64 = [0, 1200, 12_000, 50_000].randomElement(using: &random)!
    return (0..<count).map { number in
      switch Int.random(in: 0..<24, using: &random) {
      case 0: time += Int64.random(in: 0...60_000, using: &random)
      case 1...8: break
      default: time += Int64.random(in: 0...pace, using: &random)
      }
      let isLate = Int.random(in: 0..<3, using: &random) == 0
      let value: TestValue =
        switch Int.random(in: 0..<10, using: &random) {
        case 0: .null
        case 1: .missing
        default: .integer(.random(in: -20...20, using: &random))
        }
      return TestEvent(
        time: time - (isLate ? Int64.random(in: 0...disorder, using: &random) : 0),
        key: Int.random(in: 0..<30, using: &random) == 0 ? nil : keys.randomElement(using: &random)!, value: value,
        passes: Int.random(in: 0..<3, using: &random) > 0, number: number)
    }
  }
}

/// An engine that is fed, drained and replaced by its own snapshot, and what it has shown.
private struct Subject {
  let plan: WindowPlan
  var engine: WindowEngine
  var closed: [TestRow] = []
  /// Per view.
  var shown: [[String?: [TestValue]]]
  var late: [Int64]
  var keyless: [Int64]

  init(_ scenario: Scenario) {
    plan = WindowPlan(views: scenario.views, lateness: scenario.lateness)
    engine = WindowEngine(plan)
    shown = scenario.views.map { _ in [:] }
    late = scenario.views.map { _ in 0 }
    keyless = late
  }

  mutating func drainAll(rowLimit: Int) {
    for view in shown.indices {
      for row in drain(engine, view: view, rowLimit: rowLimit) { shown[view][row.key] = row.values }
    }
  }

  /// Puts a new engine with the saved state in the place of the engine.
  mutating func replace() throws {
    let buffer = ByteBuffer()
    engine.save(to: buffer, position: 7)
    takeCounts()
    engine = WindowEngine(plan)
    #expect(try engine.load(UnsafeRawBufferPointer(buffer.bytes)) == 7)
    let again = ByteBuffer()
    engine.save(to: again, position: 7)
    #expect(Array(buffer.bytes) == Array(again.bytes), "a snapshot of what was loaded is the same snapshot")
  }

  /// Counts are no part of a snapshot.
  mutating func takeCounts() {
    for view in late.indices {
      late[view] += engine.counts.late[view]
      keyless[view] += engine.counts.keyless[view]
    }
  }
}

@Suite struct `Windows against a model that forgets nothing` {
  /// In tens, so that a test case is not too short.
  @Test(arguments: seeds(40, deep: 1000))
  func `rows, values and counts are those of the model`(ten: UInt64) throws {
    for seed in ten * 10..<ten * 10 + 10 { try check(seed) }
  }

  private func check(_ seed: UInt64) throws {
    var random = TestRandom(seed: seed)
    let scenario = Scenario(&random)
    var subject = Subject(scenario)
    var model = WindowModel(views: scenario.views, lateness: scenario.lateness)
    var position = 0
    while position < scenario.events.count {
      let end = min(scenario.events.count, position + [1, 1, 7, 100].randomElement(using: &random)!)
      let rowLimit = [1, 3, 20, Int.max].randomElement(using: &random)!
      feed(subject.engine, scenario.events[position..<end], rowLimit: rowLimit, into: &subject.closed)
      for event in scenario.events[position..<end] { model.take(event) }
      position = end
      if Int.random(in: 0..<12, using: &random) == 0 {
        let time = model.streamTime + Int64.random(in: 0...20_000, using: &random)
        subject.closed += inSteps(rowLimit) { subject.engine.advance(streamTimeTo: time, into: $0, rowLimit: rowLimit) }
        model.advance(to: time)
      }
      if Int.random(in: 0..<8, using: &random) == 0 { try subject.replace() }
      if Int.random(in: 0..<5, using: &random) == 0 || position == scenario.events.count {
        subject.drainAll(rowLimit: rowLimit)
        compareCurrent(subject, model, scenario, "seed \(seed), after \(position) records")
      }
    }
    subject.closed += inSteps(2) { subject.engine.finish(into: $0, rowLimit: 2) }
    model.finish()
    subject.takeCounts()
    func counted(_ rows: [TestRow]) -> [TestRow: Int] { rows.reduce(into: [:]) { $0[$1, default: 0] += 1 } }
    let (actual, expected) = (counted(subject.closed), counted(model.closed))
    if actual != expected {
      let wrong = actual.filter { expected[$0.key] != $0.value }.map(\.key.description).sorted()
      let missing = expected.filter { actual[$0.key] != $0.value }.map(\.key.description).sorted()
      let windows = scenario.views.map { "\($0.trigger) \($0.aggregates[0].window)" }
      Issue.record(
        "seed \(seed), lateness \(scenario.lateness), \(windows): rows \(wrong.prefix(3)) instead of \(missing.prefix(3))")
    }
    #expect(subject.closed.map { $0.end! } == subject.closed.map { $0.end! }.sorted(), "seed \(seed): rows go by window end")
    #expect(subject.late == model.late, "seed \(seed)")
    #expect(subject.keyless == model.keyless, "seed \(seed)")
    if scenario.views.allSatisfy({ $0.trigger == .close }) {
      #expect(subject.engine.keyCount == 0 && subject.engine.paneCount == 0, "seed \(seed): nothing stays behind")
    }
  }

  private func compareCurrent(_ subject: Subject, _ model: WindowModel, _ scenario: Scenario, _ place: String) {
    for (index, view) in scenario.views.enumerated() where view.trigger == .change {
      let nothing = view.aggregates.map { WindowModel.value($0, []) }
      let keys: Set<String?> = view.keyColumn == nil ? [nil] : Set(scenario.events.compactMap(\.key).map(Optional.some))
      for key in keys {
        // A key that has had no row shows the values of nothing.
        let shown = subject.shown[index][key] ?? nothing
        let expected = model.current(index, key)
        if shown != expected {
          Issue.record("\(place), view \(index) \(view.aggregates), key \(key ?? "-"): \(shown) instead of \(expected)")
        }
      }
    }
  }

  @Test(arguments: seeds(20, deep: 500))
  func `rows and their order do not depend on batches, limits and snapshots`(seed: UInt64) throws {
    var random = TestRandom(seed: seed + 1_000_000)
    let scenario = Scenario(&random)
    let plan = WindowPlan(views: scenario.views, lateness: scenario.lateness)
    let emitEvery = scenario.views.map { _ in Int64.random(in: 1...5000, using: &random) }
    var expected: [TestRow] = []
    let whole = WindowEngine(plan, emitEvery: emitEvery)
    feed(whole, scenario.events[...], into: &expected)
    expected += inSteps(.max) { whole.finish(into: $0) }
    for (batchCount, rowLimit) in [(1, Int.max), (7, 1), (4096, 2), (13, 5)] {
      var engine = WindowEngine(plan, emitEvery: emitEvery)
      var rows: [TestRow] = []
      let cut = Int.random(in: 0...scenario.events.count, using: &random)
      for part in [scenario.events[..<cut], scenario.events[cut...]] {
        for start in stride(from: part.startIndex, to: part.endIndex, by: batchCount) {
          feed(engine, part[start..<min(start + batchCount, part.endIndex)], rowLimit: rowLimit, into: &rows)
        }
        let buffer = ByteBuffer()
        engine.save(to: buffer, position: 0)
        engine = WindowEngine(plan, emitEvery: emitEvery)
        _ = try engine.load(UnsafeRawBufferPointer(buffer.bytes))
      }
      rows += inSteps(rowLimit) { engine.finish(into: $0, rowLimit: rowLimit) }
      #expect(rows == expected, "seed \(seed), batches of \(batchCount), \(rowLimit) rows at a time, cut at \(cut)")
    }
  }
}
