// What a monitor's model is made of: the history of a process, the offset of a clock, comparisons of lanes.

import Base
import Measuring
import Testing

@testable import Monitoring

private let second: UInt64 = 1_000_000_000

private func document(_ records: Int64, instance: String = "h:1", startedAt: Int64 = 0) -> StatusDocument {
  var document = StatusDocument(version: "1", pipeline: "p", instance: instance, startedAt: startedAt, now: 0)
  document.process = StatusDocument.Process()
  document.process!.records = records
  return document
}

@Suite struct `The history of a process` {
  @Test func `has a document a second, and finds the one before a window`() throws {
    var history = StatusHistory()
    for half in 0..<40 { _ = history.append(document(Int64(half)), at: UInt64(half) * second / 2) }
    // Newest at 19.5 s; kept are those of whole seconds.
    #expect(try #require(history.earlier(by: 10 * second)).at == 9 * second)
    #expect(try #require(history.earlier(by: 1 * second)).at == 18 * second)
    #expect(try #require(history.earlier(by: 60 * second)).at == 0)
  }

  @Test func `of one document there is none before`() {
    var history = StatusHistory()
    #expect(history.earlier(by: second) == nil)
    _ = history.append(document(1), at: 5 * second)
    #expect(history.earlier(by: second) == nil)
  }

  @Test func `knows its first document after hours, and ten minutes in between`() throws {
    var history = StatusHistory()
    for time in 0..<7200 { _ = history.append(document(Int64(time)), at: UInt64(time) * second) }
    #expect(try #require(history.earlier(by: 600 * second)).at == 6599 * second)
    #expect(try #require(history.earlier(by: 7199 * second)).at == 0)
  }

  @Test(arguments: [("h:2", 0), ("h:1", 7)])
  func `begins anew with another process`(instance: String, startedAt: Int64) throws {
    var history = StatusHistory()
    for time in 0..<5 {
      let isAnother = history.append(document(100), at: UInt64(time) * second)
      #expect(!isAnother)
    }
    let next = document(3, instance: instance, startedAt: startedAt)
    let isAnother = history.append(next, at: 5 * second)
    #expect(isAnother)
    #expect(history.earlier(by: 60 * second) == nil)
    let isAnotherAgain = history.append(next, at: 6 * second)
    #expect(!isAnotherAgain)
    #expect(try #require(history.earlier(by: 60 * second)).at == 5 * second)
  }

  @Test func `says for how long a count has stood still`() {
    var history = StatusHistory()
    #expect(history.unchanged { $0.process?.records } == nil)
    for time in 0..<10 { _ = history.append(document(min(Int64(time), 6)), at: UInt64(time) * second) }
    #expect(history.unchanged { $0.process?.records } == 3 * second)
    #expect(history.unchanged { $0.serve?.rows } == nil)
    _ = history.append(document(7), at: 10 * second)
    #expect(history.unchanged { $0.process?.records } == 0)
  }
}

@Suite struct `The offset of a clock` {
  @Test func `is nothing before an answer`() {
    var clock = ClockOffset()
    #expect(clock.estimate == nil)
    // A clock of ours that was set back between request and answer says nothing.
    clock.note(requested: 10, answered: 9, theirs: 10)
    #expect(clock.estimate == nil)
  }

  /// Ways there and back of any length, theirs cut to a whole ms: the truth is within what is said of the error.
  @Test(arguments: 0..<50)
  func `is right within its error`(seed: UInt64) throws {
    var random = Random(state: seed)
    let truth = Double(random.below(2_000_000)) / 1000 - 1000
    var clock = ClockOffset()
    var shortest = Double.infinity
    for step in 0..<16 {
      let requested = Double(step) * 500 + Double(random.below(1000)) / 1000
      let (there, back) = (Double(random.below(40_000)) / 1000, Double(random.below(40_000)) / 1000)
      clock.note(requested: requested, answered: requested + there + back, theirs: (requested + there + truth).rounded(.down))
      shortest = min(shortest, there + back)
    }
    let estimate = try #require(clock.estimate)
    #expect(abs(estimate.offset - truth) <= estimate.error + 1e-9)
    #expect(abs(estimate.error - (shortest / 2 + 0.5)) < 1e-9)
  }

  @Test func `goes by the last sixteen answers, and forgets those of another process`() throws {
    var clock = ClockOffset()
    clock.note(requested: 0, answered: 1, theirs: 500)
    for step in 1...16 { clock.note(requested: Double(step), answered: Double(step) + 10, theirs: Double(step)) }
    #expect(try #require(clock.estimate).error == 5.5)
    clock.reset()
    #expect(clock.estimate == nil)
  }
}

@Suite struct `Comparisons of lanes` {
  private func sample(_ lane: String, _ value: String, _ exact: String, feature: String = "n", age: Double? = 100) -> LaneSample {
    LaneSample(view: "v", feature: feature, lane: lane, age: age, value: value, exact: exact)
  }

  @Test func `are summed up by lane and by feature, within the window`() throws {
    var comparisons = LaneComparisons()
    comparisons.append([sample("nrt", "0", "10")], at: 1 * second, wallTime: 1000)
    comparisons.append(
      [sample("nrt", "9", "10"), sample("nrt", "10", "10"), sample("batch", "5", "10", age: 9000)], at: 100 * second,
      wallTime: 100_000)
    comparisons.append(
      [sample("nrt", "8", "10"), sample("nrt", "\"a\"", "\"b\"", feature: "last")], at: 101 * second, wallTime: 101_000)
    var nrt = MonitorSnapshot.LaneState(lane: "nrt")
    comparisons.summarize(&nrt, since: 50 * second)
    #expect((nrt.comparedCount, nrt.equalCount) == (4, 1))
    #expect(abs(try #require(nrt.errorMedian) - 0.1) < 1e-9)
    #expect(abs(try #require(nrt.errorP90) - 0.2) < 1e-9)
    let errors = comparisons.errors(since: 50 * second)
    #expect(
      errors.map { "\($0.lane) \($0.feature) \($0.equalCount)/\($0.comparedCount)" } == [
        "nrt n 1/3", "batch n 0/1", "nrt last 0/1",
      ])
    #expect(errors[1].age == 9000)
    #expect(errors[2].median == nil)
    #expect(comparisons.points(since: 50 * second).map(\.error).count == 4)
    comparisons.summarize(&nrt, since: 200 * second)
    #expect(nrt.comparedCount == 0)
    #expect(nrt.errorMedian == nil)
  }

  @Test func `are kept for ten minutes, and never more than a hundred thousand`() {
    var comparisons = LaneComparisons()
    for time in 0..<700 { comparisons.append([sample("nrt", "1", "1")], at: UInt64(time) * second, wallTime: 0) }
    var nrt = MonitorSnapshot.LaneState(lane: "nrt")
    comparisons.summarize(&nrt, since: 0)
    #expect(nrt.comparedCount == 601)
    comparisons.append(Array(repeating: sample("nrt", "1", "2"), count: 250_000), at: 700 * second, wallTime: 0)
    comparisons.summarize(&nrt, since: 0)
    #expect(nrt.comparedCount == 100_000)
    #expect(comparisons.points(since: 0).count == 400)
  }
}
