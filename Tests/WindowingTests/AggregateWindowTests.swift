// Every aggregate inside the engine: closed windows against one accumulator that is fed with the window's records alone, so that merging
// panes and joining sessions must not show; and states that are saved and loaded at any record.

import Base
import Records
import Testing

@testable import Windowing

private let functions: [(AggregateFunction, AggregateParameters)] = AggregateFunction.allCases.flatMap { function in
  let usual = AggregateParameters(of: function)
  var other = usual
  switch function {
  case .min, .max: other.comparesTexts = true
  case .variance, .stddev: other.isPopulation = true
  case .distinct: other.count = 5
  case .approxDistinct: other.error = 0.2
  case .quantile:
    other.quantile = 900_000
    other.error = 0.05
  case .topK: other.count = 2
  case .collect: other.count = 3
  default: return [(function, usual)]
  }
  return [(function, usual), (function, other)]
}

private func aggregates(_ window: WindowSpecification) -> [AggregateSpecification] {
  functions.map {
    AggregateSpecification(
      function: $0.0, parameters: $0.1, column: $0.0 == .count || $0.0 == .elapsed ? nil : 1, predicate: nil, window: window)
  }
}

/// Times rise by steps that are never zero, so that arrival does not decide; integers and quarters, so that sums are exact in any order.
private func events(seed: UInt64, count: Int = 300) -> [TestEvent] {
  var random = TestRandom(seed: seed)
  var time = Int64.random(in: -20_000...20_000, using: &random)
  var events = (0..<count).map { _ -> TestEvent in
    time += Int64.random(in: 1...(Int.random(in: 0..<20, using: &random) == 0 ? 8000 : 600), using: &random)
    let value: TestValue
    switch Int.random(in: 0..<12, using: &random) {
    case 0: value = .null
    case 1: value = .missing
    case 2...4: value = .text("word \(Int.random(in: 0..<9, using: &random))")
    case 5: value = .text("a word that stands in a block \(Int.random(in: 0..<9, using: &random))")
    case 6: value = .double(Double(Int.random(in: -40...40, using: &random)) / 4)
    default: value = .integer(Int64.random(in: -30...30, using: &random))
    }
    return TestEvent(time: time, key: ["a", "b", "c"].randomElement(using: &random)!, value: value)
  }
  for _ in 0..<(count / 3) {
    let index = Int.random(in: 1..<count, using: &random)
    events.swapAt(index, index - 1)
  }
  return events
}

private func folded(_ value: TestValue) -> FoldedValue {
  switch value {
  case .missing: .missing
  case .null: .null
  case .integer(let integer): .integer(integer)
  case .double(let double): .double(double)
  case .text(let text): .text(text)
  }
}

private func isEqual(_ actual: TestValue, _ expected: FoldedValue) -> Bool {
  switch (actual, expected) {
  case (.double(let a), .double(let b)): abs(a - b) <= 1e-9 * max(1, abs(b))
  case (.text(let a), .text(let b)), (.text(let a), .composite(let b)): a == b
  default: folded(actual) == expected
  }
}

@Suite struct `Every aggregate in windows` {
  @Test(
    arguments: [
      .tumbling(size: 5000), .sliding(size: 12_000, hop: 3000), .sliding(size: 40_000, hop: 1000), .session(gap: 900),
    ] as [WindowSpecification])
  func `closed windows hold what their records make, however they were put together`(window: WindowSpecification) {
    for seed in seeds(15, deep: 1000) {
      let events = events(seed: seed)
      let view = ViewSpecification(
        identifier: 0, keyColumn: 0, trigger: .close, predicate: nil, aggregates: aggregates(window), timeToLive: nil)
      let (rows, counts) = run([view], lateness: 20_000, batchSize: 37, events)
      #expect(counts.late == [0])
      #expect(rows.count > 10)
      for row in rows {
        // A session [start, end) holds the records of [start, end - gap], whose times are all in the half-open interval too.
        let records = events.filter { $0.key == row.key && $0.time >= row.start! && $0.time < row.end! }
        for (index, (function, parameters)) in functions.enumerated() {
          let bench = AccumulatorBench(function) { $0 = parameters }
          // Only `count` and `elapsed` see every record.
          let all = function == .count || function == .elapsed
          let state = bench.state(records.map { all ? .bool(true) : folded($0.value) }, times: records.map(\.time))
          #expect(isEqual(row.values[index], bench.value(state)), "seed \(seed) \(function) \(row)")
        }
      }
    }
  }

  @Test func `what is saved and loaded at any record goes on as if nothing had been`() throws {
    for seed in seeds(30, deep: 2000) {
      var random = TestRandom(seed: seed)
      let events = events(seed: seed, count: 200)
      let views = [
        ViewSpecification(
          identifier: 0, keyColumn: 0, trigger: .close, predicate: nil, aggregates: aggregates(.sliding(size: 9000, hop: 3000)),
          timeToLive: nil),
        changeView(aggregates(.sliding(size: 9000, hop: 1000)), identifier: 1),
        changeView(aggregates(.unbounded), identifier: 2),
        ViewSpecification(
          identifier: 3, keyColumn: 0, trigger: .close, predicate: nil, aggregates: aggregates(.session(gap: 900)), timeToLive: nil),
      ]
      let plan = WindowPlan(views: views, lateness: 3000)
      let straight = WindowEngine(plan, emitEvery: [1000, 1000, 1000, 1000])
      let cut = Int.random(in: 1..<events.count, using: &random)
      var expected: [TestRow] = []
      feed(straight, events[..<cut], into: &expected)
      let buffer = ByteBuffer()
      straight.save(to: buffer, position: 0)
      let resumed = WindowEngine(plan, emitEvery: [1000, 1000, 1000, 1000])
      _ = try resumed.load(UnsafeRawBufferPointer(buffer.bytes))
      expected = []
      var actual: [TestRow] = []
      feed(straight, events[cut...], into: &expected)
      feed(resumed, events[cut...], into: &actual)
      let output = FeatureRowBatch()
      straight.finish(into: output)
      expected += read(output)
      output.removeAll()
      resumed.finish(into: output)
      actual += read(output)
      #expect(actual == expected, "seed \(seed), cut at \(cut)")
      let again = ByteBuffer()
      resumed.save(to: again, position: 0)
      let other = ByteBuffer()
      straight.save(to: other, position: 0)
      #expect(Array(again.bytes) == Array(other.bytes), "seed \(seed), cut at \(cut): the states themselves")
    }
  }

  @Test func `aggregates that differ only in how they are read share their state`() {
    let window = WindowSpecification.tumbling(size: 10)
    func view(_ aggregates: [AggregateSpecification]) -> WindowPlan {
      WindowPlan(
        views: [
          ViewSpecification(identifier: 0, keyColumn: 0, trigger: .close, predicate: nil, aggregates: aggregates, timeToLive: nil)
        ],
        lateness: 0)
    }
    let specifications = ([250_000, 500_000, 990_000] as [Int32]).map { millionths in
      var parameters = AggregateParameters(of: .quantile)
      parameters.quantile = millionths
      return AggregateSpecification(function: .quantile, parameters: parameters, column: 1, predicate: nil, window: window)
    }
    #expect(view(specifications).keySpaces[0].groups[0].accumulators.count == 1)
    let moments = [AggregateFunction.variance, .stddev].map {
      AggregateSpecification(function: $0, column: 1, predicate: nil, window: window)
    }
    #expect(view(moments).keySpaces[0].groups[0].accumulators.count == 1)
    #expect(view(specifications).descriptions != view(Array(specifications.prefix(2))).descriptions)
    var other = specifications
    other[0].parameters.error = 0.02
    #expect(view(specifications).descriptions != view(other).descriptions)
  }

  @Test func `a set that outgrows its limit is counted for its view, with the record`() {
    var parameters = AggregateParameters(of: .distinct)
    parameters.count = 2
    let window = WindowSpecification.tumbling(size: 10)
    let aggregate = AggregateSpecification(function: .distinct, parameters: parameters, column: 1, predicate: nil, window: window)
    let view = ViewSpecification(
      identifier: 0, keyColumn: 0, trigger: .close, predicate: nil, aggregates: [aggregate], timeToLive: nil)
    let engine = WindowEngine(WindowPlan(views: [view], lateness: 0))
    var rows: [TestRow] = []
    feed(engine, (0..<5).map { TestEvent(time: 1, key: "a", value: .integer($0)) }[...], into: &rows)
    #expect(engine.counts.limitsOfView == [1] && engine.counts.limits == 1)
    #expect(engine.refusals.map(\.reason) == [.limit])
    #expect(engine.refusals.map(\.row) == [2])
    let output = FeatureRowBatch()
    engine.finish(into: output)
    #expect(read(output).map(\.values) == [[.null]])
  }
}
