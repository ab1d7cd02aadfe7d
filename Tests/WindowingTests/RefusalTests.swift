// What an engine says of the records that its views did not count: which, why, how late, and which lateness would have admitted them.

import Base
import Records
import Testing
import Windowing

private func aggregate(_ function: AggregateFunction, _ window: WindowSpecification) -> AggregateSpecification {
  AggregateSpecification(function: function, column: function == .count ? nil : 1, predicate: nil, window: window)
}

private func engine(_ views: [ViewSpecification], lateness: Int64, keepsLateRecords: Bool = true) -> WindowEngine {
  WindowEngine(WindowPlan(views: views, lateness: lateness), keepsLateRecords: keepsLateRecords)
}

@Suite struct `Refused records` {
  @Test func `each view that a record is late for is named with how late it was`() {
    //  0         10        20        30        40      stream time 35, lateness 5: the watermark is 30
    //  [ view 0 ][ view 0 ][ view 0 ][ view 0 ]
    //  [ view 1 ................... ][ view 1 ............
    let engine = engine([closeView(.tumbling(size: 10), [.count]), closeView(.tumbling(size: 30), [.count])], lateness: 5)
    var rows: [TestRow] = []
    feed(engine, [TestEvent(time: 35, key: "a"), TestEvent(time: 12, key: "a"), TestEvent(time: 31, key: "a")], into: &rows)
    #expect(
      engine.refusals.map { $0 } == [
        Refusal(row: 1, view: 0, reason: .late, lateBy: 23, latenessNeeded: 17),
        Refusal(row: 1, view: 1, reason: .late, lateBy: 23, latenessNeeded: 7),
      ])
    engine.clearRefusals()
    #expect(engine.refusals.isEmpty && engine.counts.late == [1, 1])
  }

  @Test(arguments: [WindowSpecification.tumbling(size: 10), .sliding(size: 30, hop: 10)])
  func `the lateness that a refusal names is the least that admits the record`(window: WindowSpecification) {
    var random = TestRandom(seed: 3)
    var lateCount = 0
    for _ in 0..<200 {
      let events = (0..<6).map { _ in TestEvent(time: Int64.random(in: -50..<100, using: &random), key: "a") }
      let first = engine([closeView(window, [.count])], lateness: 0)
      var rows: [TestRow] = []
      feed(first, events[...], into: &rows)
      for refusal in first.refusals {
        lateCount += 1
        for (lateness, isLate) in [(refusal.latenessNeeded, false), (refusal.latenessNeeded - 1, true)] {
          let other = engine([closeView(window, [.count])], lateness: lateness)
          feed(other, events[...], into: &rows)
          #expect(other.refusals.contains { $0.row == refusal.row } == isLate, "\(events.map(\.time)) \(refusal)")
        }
      }
    }
    #expect(lateCount > 100)
  }

  @Test func `no lateness admits a record that a current value cannot show`() {
    let engine = engine([changeView([aggregate(.count, .sliding(size: 20, hop: 10))])], lateness: 1000)
    var rows: [TestRow] = []
    feed(engine, [TestEvent(time: 100, key: "a"), TestEvent(time: 7, key: "a")], into: &rows)
    #expect(engine.refusals.map { $0 } == [Refusal(row: 1, view: 0, reason: .late, lateBy: 93, latenessNeeded: -1)])
  }

  @Test func `one of each kind is kept where nobody asks for all`() {
    let engine = engine([closeView(.tumbling(size: 10), [.sum])], lateness: 0, keepsLateRecords: false)
    var rows: [TestRow] = []
    let events = [
      TestEvent(time: 30, key: "a", value: .integer(.max)), TestEvent(time: 31, key: "a", value: .integer(1)),
      TestEvent(time: 1, key: "a"), TestEvent(time: 2, key: "a"), TestEvent(time: 33, key: nil), TestEvent(time: 34, key: nil),
      TestEvent(time: 35, key: "a", value: .text("x")), TestEvent(time: 36, key: "a", value: .text("y")),
    ]
    feed(engine, events[...], into: &rows)
    #expect(engine.refusals.map(\.reason) == [.overflow, .late, .keyless, .typeMismatch])
    #expect(engine.refusals.map(\.row) == [1, 2, 4, 6])
    #expect(engine.counts.late == [2] && engine.counts.keyless == [2])
    #expect(engine.counts.typeMismatchesOfView == [2] && engine.counts.typeMismatches == 2)
    #expect(engine.counts.overflowsOfView == [1] && engine.counts.overflows == 1)
  }

  @Test(arguments: [WindowSpecification.session(gap: 10), .cumulating(max: 40, step: 10)])
  func `what only fails when sessions are joined or steps added up is counted`(window: WindowSpecification) {
    let engine = engine([closeView(window, [.sum])], lateness: 100)
    var view = closeView(window, [.distinct])
    view.aggregates[0].parameters.count = 1
    let limited = WindowEngine(WindowPlan(views: [view], lateness: 100))
    let events = [
      TestEvent(time: 0, key: "a", value: .integer(.max)), TestEvent(time: 15, key: "a", value: .integer(1)),
      TestEvent(time: 8, key: "a"), TestEvent(time: 1000, key: "a"),
    ]
    var rows: [TestRow] = []
    feed(engine, events[...], into: &rows)
    #expect(rows.contains { $0.values[0] == .null })
    #expect(engine.counts.overflowsOfView == [1] && engine.counts.overflows == 1)
    feed(limited, events[...], into: &rows)
    #expect(limited.counts.limitsOfView == [1] && limited.counts.limits == 1)
    // The record at 8 joins the sessions; steps are added up as time goes on.
    let isSession = window.paneLength == nil
    #expect(engine.refusals.map(\.reason) == (isSession ? [.overflow] : []))
    #expect(engine.refusals.map(\.row) == (isSession ? [2] : []))
  }

  @Test func `what two views share counts for both, and once in all`() {
    let shared = aggregate(.sum, .tumbling(size: 10))
    let engine = engine([changeView([shared]), changeView([shared], identifier: 1)], lateness: 0)
    var rows: [TestRow] = []
    feed(engine, [TestEvent(time: 1, key: "a", value: .text("x"))], into: &rows)
    #expect(engine.counts.typeMismatchesOfView == [1, 1] && engine.counts.typeMismatches == 1)
    #expect(engine.refusals.map(\.view) == [0, 1])
  }
}
