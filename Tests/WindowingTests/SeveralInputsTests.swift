// A partition that is fed from several others: windows close by the slowest of them, current values go by the fastest.

import Base
import Records
import Testing

@testable import Windowing

/// Feeds events with, for each, the time through which all inputs have come with it (`Int64.min`: not known).
private func feed(_ engine: WindowEngine, _ events: [(event: TestEvent, completeTime: Int64)]) -> [TestRow] {
  let output = FeatureRowBatch()
  var rows: [TestRow] = []
  for (event, completeTime) in events {
    let text = Array((event.key ?? "").utf8)
    text.withUnsafeBufferPointer { text in
      let key = event.key == nil ? ColumnValue.null : ColumnValue(string: text)
      let value = ColumnValue(integer: 1)
      withUnsafePointer(to: key) { key in
        withUnsafePointer(to: value) { value in
          withUnsafePointer(to: event.time) { time in
            withUnsafePointer(to: completeTime) { completeTime in
              [Int32(0)].withUnsafeBufferPointer { numbers in
                var input = WindowInput(rows: numbers, times: time, columns: [key, value], predicates: [])
                input.completeTimes = completeTime
                engine.apply(input, into: output)
              }
            }
          }
        }
      }
    }
    rows += read(output)
    output.removeAll()
  }
  return rows
}

private func event(_ time: Int64, _ key: String = "a") -> TestEvent { TestEvent(time: time, key: key) }

private func row(_ start: Int64, _ count: Int64, key: String = "a") -> TestRow {
  TestRow(view: 0, key: key, start: start, end: start + 10, values: [.integer(count)])
}

private func makeEngine(_ view: ViewSpecification, lateness: Int64 = 0) -> WindowEngine {
  WindowEngine(WindowPlan(views: [view], lateness: lateness), hasSeveralInputs: true)
}

@Suite struct `A partition with several inputs` {
  private let tumbling = closeView(.tumbling(size: 10), [.count])

  @Test func `closes a window when all inputs have come to its end, and takes records until then`() {
    let engine = makeEngine(tumbling)
    // One input is far ahead; the other one says nothing, and then that it is at 3.
    #expect(feed(engine, [(event(5), .min), (event(95), .min), (event(3), 3), (event(8), 8)]) == [])
    #expect(engine.watermark.streamTime == 95 && engine.watermark.value == 8)
    #expect(feed(engine, [(event(9), 9)]) == [row(0, 4)])
    #expect(feed(engine, [(event(4), 9)]) == [] && engine.counts.late == [1])
    let output = FeatureRowBatch()
    #expect(engine.advance(completeTo: 98, into: output) && read(output) == [])
    #expect(engine.advance(completeTo: 99, into: output) && read(output) == [row(90, 1)])
  }

  @Test func `allows lateness behind the slowest`() {
    let engine = makeEngine(tumbling, lateness: 5)
    #expect(feed(engine, [(event(50), 13), (event(1), 13)]) == [])
    #expect(feed(engine, [(event(14), 14)]) == [row(0, 1)])
  }

  @Test func `says how late a record was by what would have admitted it`() throws {
    let engine = makeEngine(tumbling)
    _ = feed(engine, [(event(50), 30), (event(5), 30)])
    let refusal = try #require(engine.refusals.first)
    #expect(refusal.lateBy == 45 && refusal.latenessNeeded == 22)
    let patient = makeEngine(tumbling, lateness: 22)
    _ = feed(patient, [(event(50), 30), (event(5), 30)])
    #expect(patient.counts.late == [0])
    let impatient = makeEngine(tumbling, lateness: 21)
    _ = feed(impatient, [(event(50), 30), (event(5), 30)])
    #expect(impatient.counts.late == [1])
  }

  @Test func `shows current values at the greatest event time, whichever input is behind`() {
    let count = AggregateSpecification(function: .count, column: nil, predicate: nil, window: .sliding(size: 20, hop: 10))
    let engine = makeEngine(changeView([count]))
    _ = feed(engine, [(event(5), .min), (event(31), .min), (event(12), 12)])
    // At 31 the window reaches back to 10.
    #expect(drain(engine).map(\.values) == [[.integer(2)]])
    _ = feed(engine, [(event(9), 12)])
    #expect(engine.counts.late == [1] && drain(engine) == [])
  }

  @Test func `is complete through nothing until every input has been heard of`() {
    let count = AggregateSpecification(function: .count, column: nil, predicate: nil, window: .unbounded)
    let engine = makeEngine(changeView([count]), lateness: 3)
    _ = feed(engine, [(event(50), .min)])
    let output = FeatureRowBatch()
    engine.drainChanges(ofView: 0, into: output)
    #expect(output.rows.map(\.asOf) == [0])
    output.removeAll()
    _ = feed(engine, [(event(51), 40)])
    engine.drainChanges(ofView: 0, into: output)
    #expect(output.rows.map(\.asOf) == [37])
  }

  @Test(arguments: [WindowSpecification.tumbling(size: 10), .sliding(size: 30, hop: 10), .session(gap: 7)])
  func `that is one input as it comes gives the rows of a partition with one`(_ window: WindowSpecification) {
    for seed in 1...20 as ClosedRange<UInt64> {
      var random = TestRandom(seed: seed)
      var time: Int64 = 0
      let events = (0..<300).map { _ -> TestEvent in
        time += Int64.random(in: 0...6, using: &random)
        return event(time - Int64.random(in: 0...12, using: &random), ["a", "b", "c"].randomElement(using: &random)!)
      }
      let view = closeView(window, [.count])
      let expected = run([view], lateness: 4, events, finishes: false)
      let engine = makeEngine(view, lateness: 4)
      var streamTime = Int64.min
      let told = events.map { event in
        streamTime = max(streamTime, event.time)
        return (event, streamTime)
      }
      #expect(feed(engine, told) == expected.rows && engine.counts == expected.counts, "seed \(seed)")
    }
  }

  @Test func `goes on from a saved state with the time that it is told`() throws {
    let engine = makeEngine(tumbling)
    _ = feed(engine, [(event(5), .min), (event(95), 4)])
    let snapshot = ByteBuffer()
    engine.save(to: snapshot, position: 2)
    let restored = makeEngine(tumbling)
    #expect(try restored.load(UnsafeRawBufferPointer(snapshot.bytes)) == 2)
    restored.restore(completeTime: 4)
    #expect(restored.watermark == engine.watermark)
    #expect(feed(restored, [(event(9), 9)]) == [row(0, 2)])
  }
}
