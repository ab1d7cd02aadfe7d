// The engine against a model that keeps every record and computes each value from scratch: random streams that are out of order, late,
// bursty, with gaps, equal and negative times. The seed of a failure is in its message.

import Base
import Testing
import Windowing

/// Rows that a `close` view must give, by the rules of event time alone.
private func modelClosed(_ window: WindowSpecification, lateness: Int64, _ events: [TestEvent]) -> (rows: [TestRow], late: Int64) {
  let size = window.size!
  let hop = window.paneLength!
  var watermark = Int64.min
  var streamTime = Int64.min
  var late: Int64 = 0
  struct Bucket: Hashable {
    var end: Int64
    var key: String
  }
  var open: [Bucket: [TestEvent]] = [:]
  for event in events {
    // Every window [s, s + size) with s a multiple of hop that holds the time.
    var start = floorDivide(event.time, hop) * hop
    var counted = false
    while start > event.time - size {
      if watermark == .min || watermark < start + size - 1 {
        open[Bucket(end: start + size, key: event.key!), default: []].append(event)
        counted = true
      }
      start -= hop
    }
    if !counted { late += 1 }
    streamTime = max(streamTime, event.time)
    watermark = streamTime - lateness
  }
  let rows = open.map { bucket, events in
    TestRow(
      view: 0, key: bucket.key, start: bucket.end - size, end: bucket.end,
      values: [.integer(Int64(events.count)), sum(events), extreme(events, >), extreme(events, <), last(events)])
  }
  return (rows, late)
}

private func integers(_ events: [TestEvent]) -> [Int64] {
  events.compactMap { if case .integer(let value) = $0.value { value } else { nil } }
}

private func emptyValue(_ events: [TestEvent]) -> TestValue { events.isEmpty ? .missing : .null }

private func sum(_ events: [TestEvent]) -> TestValue {
  let values = integers(events)
  return values.isEmpty ? emptyValue(events) : .integer(values.reduce(0, +))
}

private func extreme(_ events: [TestEvent], _ isBetter: (Int64, Int64) -> Bool) -> TestValue {
  let values = integers(events)
  return values.isEmpty ? emptyValue(events) : .integer(values.reduce(values[0]) { isBetter($1, $0) ? $1 : $0 })
}

private func last(_ events: [TestEvent]) -> TestValue {
  var best: TestEvent?
  for event in events where event.value != .null && event.time >= best?.time ?? .min { best = event }
  return best?.value ?? emptyValue(events)
}

private func stream(seed: UInt64, count: Int = 400) -> [TestEvent] {
  var random = TestRandom(seed: seed)
  let keys = ["a", "b", "user-number-3", "0123456789abcdef", "0123456789abcdefg", "a key that is rather long, longer than words"]
  var time = Int64.random(in: -50_000...50_000, using: &random)
  return (0..<count).map { _ in
    switch Int.random(in: 0..<20, using: &random) {
    case 0: time += Int64.random(in: 0...60_000, using: &random)
    case 1...8: break
    default: time += Int64.random(in: 0...1500, using: &random)
    }
    let disorder = Bool.random(using: &random) ? 0 : Int64.random(in: 0...12_000, using: &random)
    let value: TestValue = Int.random(in: 0..<10, using: &random) == 0 ? .null : .integer(.random(in: -100...100, using: &random))
    return TestEvent(time: time - disorder, key: keys.randomElement(using: &random)!, value: value)
  }
}

@Suite struct `Windows against a model that forgets nothing` {
  static let windows: [WindowSpecification] = [
    .tumbling(size: 1000), .tumbling(size: 7777), .sliding(size: 30_000, hop: 10_000), .sliding(size: 5000, hop: 1000),
    .sliding(size: 1000, hop: 1000),
  ]

  @Test(arguments: windows, [0, 2500, 20_000] as [Int64])
  func `closed windows are those of the model, whatever the batch size`(window: WindowSpecification, lateness: Int64) {
    for seed in 0..<20 as Range<UInt64> {
      let events = stream(seed: seed)
      let expected = modelClosed(window, lateness: lateness, events)
      let functions: [AggregateFunction] = [.count, .sum, .max, .min, .last]
      let whole = run([closeView(window, functions)], lateness: lateness, events)
      #expect(Set(whole.rows) == Set(expected.rows), "seed \(seed)")
      #expect(whole.rows.count == expected.rows.count, "seed \(seed): a window closed twice")
      #expect(whole.rows.map { $0.end! } == whole.rows.map { $0.end! }.sorted(), "seed \(seed): rows go by window end")
      #expect(whole.counts.late == [expected.late], "seed \(seed)")
      for batchSize in [1, 7] {
        #expect(
          run([closeView(window, functions)], lateness: lateness, batchSize: batchSize, events).rows == whole.rows, "seed \(seed)")
      }
    }
  }

  @Test func `current values are those of the model after every record`() {
    let windows: [WindowSpecification] = [
      .sliding(size: 6000, hop: 2000), .sliding(size: 10_000, hop: 2000), .tumbling(size: 2000), .unbounded,
    ]
    let functions: [AggregateFunction] = [.count, .sum, .max, .last]
    let aggregates = windows.flatMap { window in
      functions.map { AggregateSpecification(function: $0, column: $0 == .count ? nil : 1, predicate: 0, window: window) }
    }
    for seed in 100..<130 as Range<UInt64> {
      var random = TestRandom(seed: seed)
      let events = stream(seed: seed, count: 200).map { event in
        var event = event
        event.passes = Int.random(in: 0..<3, using: &random) > 0
        return event
      }
      let engine = WindowEngine(WindowPlan(views: [changeView(aggregates)], lateness: 3000))
      var shown: [String: [TestValue]] = [:]
      var none: [TestRow] = []
      var streamTime = Int64.min
      for (index, event) in events.enumerated() {
        feed(engine, events[index...index], into: &none)
        for row in drain(engine) { shown[row.key!] = row.values }
        streamTime = max(streamTime, event.time)
        let seen = events[...index].filter(\.passes)
        for key in Set(seen.map { $0.key! }) {
          let expected = windows.flatMap { window -> [TestValue] in
            // [floor(t - size, hop), t]; a tumbling window is the one that holds t.
            let from: Int64 =
              switch window {
              case .tumbling(let size, _): floorDivide(streamTime, size) * size
              case .sliding(let size, let hop, _): floorDivide(streamTime - size, hop) * hop
              case .unbounded: .min
              default: fatalError("not in this test")
              }
            // A record that came when its pane had left all values of the pane's length is late and gone; here panes of 2 s reach 10 s.
            let inside = seen.enumerated().filter { $0.element.key == key && $0.element.time >= from }.map(\.element)
            return [.integer(Int64(inside.count)), sum(inside), extreme(inside, >), last(inside)]
          }
          if shown[key] != expected {
            Issue.record("seed \(seed), record \(index), key \(key): \(shown[key] ?? []) instead of \(expected)")
          }
        }
      }
      #expect(none.isEmpty)
    }
  }

  @Test func `a snapshot taken anywhere goes on as if nothing had happened`() throws {
    let views = [
      closeView(.sliding(size: 9000, hop: 3000), [.count, .sum, .last]),
      changeView(
        [
          AggregateSpecification(function: .count, column: nil, predicate: nil, window: .sliding(size: 8000, hop: 2000)),
          AggregateSpecification(function: .last, column: 1, predicate: nil, window: .unbounded),
        ], timeToLive: 20_000, identifier: 1),
    ]
    let plan = WindowPlan(views: views, lateness: 1000)
    for seed in 300..<340 as Range<UInt64> {
      let events = stream(seed: seed, count: 300)
      let cut = Int(seed * 7 % 300)
      let straight = WindowEngine(plan, emitEvery: [1000, 1000])
      var expected: [TestRow] = []
      feed(straight, events[..<cut], into: &expected)
      let buffer = ByteBuffer()
      straight.save(to: buffer, position: Int64(cut))
      let resumed = WindowEngine(plan, emitEvery: [1000, 1000])
      let position = try resumed.load(UnsafeRawBufferPointer(buffer.bytes))
      #expect(position == Int64(cut))
      expected = []
      var actual: [TestRow] = []
      feed(straight, events[cut...], into: &expected)
      feed(resumed, events[cut...], into: &actual)
      #expect(actual == expected, "seed \(seed)")
      #expect(resumed.keyCount == straight.keyCount && resumed.paneCount == straight.paneCount)
    }
  }
}
