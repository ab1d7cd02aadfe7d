// Snapshots that go on where they were: in another division of views, and against bytes that nobody meant.

import Base
import Records
import Testing

@testable import Windowing

private let windows: [WindowSpecification] = [
  .tumbling(size: 3000), .sliding(size: 9000, hop: 3000), .sliding(size: 6000, hop: 1000), .cumulating(max: 12_000, step: 3000),
  .session(gap: 900), .session(gap: 4000),
]

/// Every aggregate, some with texts.
private func aggregate(_ window: WindowSpecification, _ random: inout TestRandom) -> AggregateSpecification {
  let function = AggregateFunction.allCases.randomElement(using: &random)!
  var parameters = AggregateParameters(of: function)
  if function == .min || function == .max { parameters.comparesTexts = Bool.random(using: &random) }
  if function == .approxDistinct { parameters.error = [0.02, 0.2].randomElement(using: &random)! }
  if function == .topK { parameters.error = 0.1 }
  if function == .distinct { parameters.count = [3, 10_000].randomElement(using: &random)! }
  let predicate: Int? = Int.random(in: 0..<3, using: &random) == 0 ? 0 : nil
  return AggregateSpecification(
    function: function, parameters: parameters, column: [.count, .elapsed].contains(function) ? nil : 1, predicate: predicate,
    window: window)
}

private func view(_ identifier: Int32, _ random: inout TestRandom) -> ViewSpecification {
  let closes = Bool.random(using: &random)
  let shared = windows.randomElement(using: &random)!
  let predicate: Int? = Int.random(in: 0..<4, using: &random) == 0 ? 0 : nil
  return ViewSpecification(
    identifier: identifier, keyColumn: Int.random(in: 0..<6, using: &random) == 0 ? nil : 0, trigger: closes ? .close : .change,
    predicate: predicate,
    aggregates: (0..<Int.random(in: 1...4, using: &random)).map { _ in
      let window = Int.random(in: 0..<4, using: &random) == 0 ? .unbounded : windows.randomElement(using: &random)!
      var made = aggregate(closes ? shared : window, &random)
      if let predicate { made.predicate = predicate }
      return made
    }, timeToLive: nil)
}

private func stream(_ random: inout TestRandom, count: Int) -> [TestEvent] {
  var time: Int64 = 100_000
  return (0..<count).map { number in
    time += Int64.random(in: 0...400, using: &random)
    let value: TestValue =
      switch Int.random(in: 0..<8, using: &random) {
      case 0: .null
      case 1: .double(Double.random(in: -5...5, using: &random))
      case 2...4: .text(["short", "a text that is longer than any word", ""].randomElement(using: &random)! + "\(number % 50)")
      default: .integer(.random(in: -40...40, using: &random))
      }
    let late = Int.random(in: 0..<5, using: &random) == 0 ? Int64.random(in: 0...8000, using: &random) : 0
    return TestEvent(
      time: time - late,
      key: ["a", "b", "key-number-3", "a key that is rather long, longer than words"].randomElement(using: &random)!,
      value: value, passes: Bool.random(using: &random), number: number)
  }
}

/// A plan whose views are called by their identifiers, wherever they stand.
private func plan(_ views: [ViewSpecification], lateness: Int64 = 2000) -> WindowPlan {
  WindowPlan(
    views: views, lateness: lateness,
    descriptions: views.map { view in
      var description = ViewDescription(view, position: Int(view.identifier))
      description.name = "v\(view.identifier)"
      return description
    })
}

private func save(_ engine: WindowEngine) -> ByteBuffer {
  let buffer = ByteBuffer()
  engine.save(to: buffer, position: 1)
  return buffer
}

private func load(_ buffer: ByteBuffer, _ plan: WindowPlan, resetting reset: Set<String> = []) throws(SnapshotError) -> (
  engine: WindowEngine, report: SnapshotReport
) {
  let engine = WindowEngine(plan)
  var input = try SnapshotReader(UnsafeRawBufferPointer(buffer.bytes))
  _ = try input.number()
  return (engine, try engine.load(from: &input, resetting: reset))
}

/// The rows of closed windows and the last current value per key, by view.
private struct Shown: Equatable {
  var closed: [Int32: [TestRow]] = [:]
  var current: [Int32: [String?: [TestValue]]] = [:]

  mutating func take(_ engine: WindowEngine, _ views: [ViewSpecification], _ rows: [TestRow]) {
    for row in rows { closed[row.view, default: []].append(row) }
    for position in views.indices {
      for row in drain(engine, view: position) { current[row.view, default: [:]][row.key] = row.values }
    }
  }
}

@Suite struct `Snapshots of another division of views` {
  @Test(arguments: seeds(60, deep: 3000))
  func `views that have not changed go on as if nothing had been`(seed: UInt64) throws {
    var random = TestRandom(seed: seed + 7_000_000)
    let before = (0..<Int32.random(in: 1...6, using: &random)).map { view($0, &random) }
    var after = before.filter { _ in Int.random(in: 0..<3, using: &random) > 0 }
    for identifier in 10..<Int32.random(in: 10...13, using: &random) { after.append(view(identifier, &random)) }
    after.shuffle(using: &random)
    guard !after.isEmpty else { return }
    let events = stream(&random, count: 160)
    let cut = Int.random(in: 1..<events.count, using: &random)
    let straight = WindowEngine(plan(before))
    var ignored: [TestRow] = []
    feed(straight, events[..<cut], into: &ignored)
    if Bool.random(using: &random) { for position in before.indices { _ = drain(straight, view: position) } }
    let (resumed, report) = try load(save(straight), plan(after))
    let names = Set(before.map(\.identifier))
    #expect(report.newViews == after.filter { !names.contains($0.identifier) }.map { "v\($0.identifier)" })
    #expect(
      report.removedViews
        == before.map(\.identifier).filter { name in !after.contains { $0.identifier == name } }.map { "v\($0)" })
    // What was mapped is itself sound, and a state of the new plan.
    #expect(try load(save(resumed), plan(after)).report.isEmpty)
    var (expected, actual) = (Shown(), Shown())
    for start in stride(from: cut, to: events.count, by: 23) {
      let part = events[start..<min(start + 23, events.count)]
      var rows: [TestRow] = []
      feed(straight, part, into: &rows)
      expected.take(straight, before, rows)
      rows = []
      feed(resumed, part, into: &rows)
      actual.take(resumed, after, rows)
    }
    expected.take(straight, before, inSteps(.max) { straight.finish(into: $0) })
    actual.take(resumed, after, inSteps(.max) { resumed.finish(into: $0) })
    for kept in before where after.contains(where: { $0.identifier == kept.identifier }) {
      let (mine, theirs) = (actual.closed[kept.identifier] ?? [], expected.closed[kept.identifier] ?? [])
      #expect(mine.map(\.description).sorted() == theirs.map(\.description).sorted(), "seed \(seed), view \(kept.identifier)")
      #expect(actual.current[kept.identifier] == expected.current[kept.identifier], "seed \(seed), view \(kept.identifier)")
    }
    if after.allSatisfy({ $0.trigger == .close }) {
      #expect(resumed.keyCount == 0 && resumed.paneCount == 0, "seed \(seed): nothing stays behind")
    }
  }

  @Test func `what nobody shows any more gives its blocks back`() throws {
    let texts = [AggregateSpecification(function: .collect, column: 1, predicate: nil, window: .unbounded)]
    let count = [AggregateSpecification(function: .count, column: nil, predicate: nil, window: .unbounded)]
    let both = [changeView(texts, identifier: 0), changeView(count, identifier: 1)]
    let engine = WindowEngine(plan(both))
    var rows: [TestRow] = []
    feed(
      engine, (0..<200).map { TestEvent(time: 1, key: "k\($0)", value: .text("a text that needs a block \($0)")) }[...], into: &rows
    )
    let resumed = try load(save(engine), plan([both[1]])).engine
    let pool = resumed.keySpaces[0].pool
    #expect(pool.byteCount > 10_000 && pool.freeByteCount == pool.byteCount)
    #expect(resumed.keyCount == 200)
    // And keys that only a view that is gone had are gone as well.
    let other = [
      changeView(texts, identifier: 0),
      changeView([AggregateSpecification(function: .count, column: nil, predicate: 0, window: .unbounded)], identifier: 1),
    ]
    let second = WindowEngine(plan(other))
    feed(second, (0..<200).map { TestEvent(time: 1, key: "k\($0)", value: .integer(1), passes: $0 < 50) }[...], into: &rows)
    _ = drain(second, view: 0)
    _ = drain(second, view: 1)
    #expect(try load(save(second), plan([other[1]])).engine.keyCount == 50)
  }

  @Test func `views that have changed are refused by name unless they are reset`() throws {
    let count = AggregateSpecification(function: .count, column: nil, predicate: nil, window: .sliding(size: 60, hop: 10))
    var other = count
    other.window = .sliding(size: 120, hop: 10)
    let engine = WindowEngine(plan([changeView([count], identifier: 3), changeView([count], identifier: 4)]))
    var rows: [TestRow] = []
    feed(engine, [TestEvent(time: 5, key: "a")][...], into: &rows)
    let changed = plan([changeView([other], identifier: 3), changeView([count], identifier: 4)])
    #expect(
      throws: SnapshotError.changedViews([
        ViewChange(
          view: "v3", feature: "aggregate 0", property: "window", old: "sliding(size: 60, hop: 10, offset: 0)",
          new: "sliding(size: 120, hop: 10, offset: 0)")
      ])
    ) { try load(save(engine), changed) }
    let (resumed, report) = try load(save(engine), changed, resetting: ["v3"])
    #expect(report.resetViews == ["v3"] && report.newViews == [])
    feed(resumed, [TestEvent(time: 6, key: "a")][...], into: &rows)
    #expect(drain(resumed, view: 1).map(\.values) == [[.integer(2)]])
  }

  @Test func `a smaller lateness closes at once what it lets close`() throws {
    let views = [closeView(.tumbling(size: 100), [.count])]
    let engine = WindowEngine(plan(views, lateness: 1000))
    var rows: [TestRow] = []
    feed(engine, [TestEvent(time: 50, key: "a"), TestEvent(time: 400, key: "a")][...], into: &rows)
    #expect(rows.isEmpty)
    let resumed = try load(save(engine), plan(views, lateness: 10)).engine
    feed(resumed, [TestEvent(time: 401, key: "b")][...], into: &rows)
    #expect(rows.map(\.start) == [0])
    #expect(throws: SnapshotError.self) { try load(save(engine), plan(views, lateness: 2000)) }
  }
}

@Suite struct `Snapshots from outside` {
  @Test func `a snapshot that was cut or changed is refused`() {
    let plan = WindowPlan(views: [closeView(.tumbling(size: 10), [.count, .last])], lateness: 0)
    let engine = WindowEngine(plan)
    var rows: [TestRow] = []
    let events = (0..<20).map { TestEvent(time: 1, key: "key number \($0) of the table", value: .text("value \($0)")) }
    feed(engine, events[...], into: &rows)
    let saved = save(engine)
    let good = withExtendedLifetime(saved) { Array(saved.bytes) }
    func load(_ bytes: some Collection<UInt8>) throws { _ = try Array(bytes).withUnsafeBytes { try WindowEngine(plan).load($0) } }
    for length in Array(0..<70) + [good.count - 1] { #expect(throws: SnapshotError.damaged) { try load(good.prefix(length)) } }
    for position in Array(0..<8) + Array(16..<40) + Array(stride(from: 64, to: good.count, by: 97)) {
      var bad = good
      bad[position] ^= 0x10
      #expect(throws: SnapshotError.damaged) { try load(bad) }
    }
    var newer = good
    newer[8] = 9
    #expect(throws: SnapshotError.otherFormat(9)) { try load(newer) }
    // Until format 3 the snapshot of a partition began like this.
    #expect(throws: SnapshotError.otherFormat(3)) { try load(Array("TFRSPRT1".utf8) + [UInt8](repeating: 0, count: 16)) }
  }

  /// Damage with a checksum that is right: what is taken over must not trap, and must come to an end.
  @Test(arguments: seeds(40, deep: 2000))
  func `no snapshot makes an engine trap or loop`(seed: UInt64) throws {
    var random = TestRandom(seed: seed + 8_000_000)
    let views = (0..<Int32.random(in: 1...5, using: &random)).map { view($0, &random) }
    let engine = WindowEngine(plan(views))
    let events = stream(&random, count: 200)
    var rows: [TestRow] = []
    feed(engine, events[..<150], into: &rows)
    let saved = save(engine)
    let good = withExtendedLifetime(saved) { Array(saved.bytes) }
    let others = (0..<3).map { _ in plan(views.filter { _ in Bool.random(using: &random) } + [view(20, &random)]) } + [plan(views)]
    for _ in 0..<150 {
      let bad = ByteBuffer(capacity: good.count)
      good.withUnsafeBufferPointer { bad.append($0) }
      for _ in 0..<Int.random(in: 1...3, using: &random) {
        let place = Int.random(in: SnapshotWriter.headerByteCount..<good.count, using: &random)
        switch Int.random(in: 0..<4, using: &random) {
        case 0: bad.base[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        case 1: bad.base[place] = [0, 1, 2, 0x7f, 0x80, 0xff].randomElement(using: &random)!
        case 2:
          let word = UnsafeMutableRawPointer(bad.base + (place & ~7))
          word.storeBytes(
            of: [0, 1, 2, 3, 1 << 20, .max, .max - 1, 1 << 63, UInt64(bitPattern: -2)].randomElement(using: &random)!,
            as: UInt64.self)
        default: bad.base[place] = good[Int.random(in: SnapshotWriter.headerByteCount..<good.count, using: &random)]
        }
      }
      SnapshotWriter.seal(bad)
      let plan = others.randomElement(using: &random)!
      guard let loaded = try? load(bad, plan).engine else { continue }
      var rows: [TestRow] = []
      feed(loaded, events[150...], into: &rows)
      for position in 0..<plan.descriptions.count { _ = drain(loaded, view: position) }
      _ = save(loaded)
      _ = inSteps(.max) { loaded.finish(into: $0) }
    }
  }
}
