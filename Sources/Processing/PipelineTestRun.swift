// Runs one of a pipeline's tests. An expectation at stream time T is looked at in a run of its own: it gets the records that arrive before one
// that takes time past T, then time moves to T without a record, and everything that has changed is written. So expectations do not
// disturb each other, and what they see is what a reader of the store sees at T.

import Base
import Configuration
import Features
import Windowing

public struct PipelineTestRun {
  /// One thing that was not as expected.
  public struct Difference: Sendable, Equatable {
    /// A feature or a count; `row` where there is one and should be none, or none and should be one.
    public var subject: String
    public var expected: String
    public var found: String
    /// Why it is what it is, where that can be told.
    public var reasons: [String] = []
  }

  /// An expectation that was not met.
  public struct Miss: Sendable {
    public var expectation: TestExpectation
    public var viewName: String
    public var differences: [Difference]
    /// What else helps to understand: records that did not count.
    public var notes: [String]
  }

  public struct Outcome: Sendable {
    public var test: PipelineTest
    public var misses: [Miss]
    /// What ended the run before its end: a record that `on_error: stop` does not bear.
    public var failure: String?

    public var hasPassed: Bool { misses.isEmpty && failure == nil }
  }

  private let pipeline: PipelineDefinition
  private let test: PipelineTest
  /// Per input: the stream time after it, nil before the first event time.
  private var streamTimes: [Int64?] = []
  /// Per input that did not count everywhere: why.
  private var refusals: [(input: Int, view: Int?, reason: String)] = []

  private init(_ pipeline: PipelineDefinition, _ test: PipelineTest) {
    self.pipeline = pipeline
    self.test = test
  }

  /// Runs `test`, which is one of the pipeline's.
  public static func run(_ test: PipelineTest, of pipeline: PipelineDefinition) throws -> Outcome {
    var run = PipelineTestRun(pipeline, test)
    var outcome = Outcome(test: test, misses: [], failure: nil)
    do {
      try run.survey()
      outcome.misses = try run.misses()
    } catch let failure as Failure where failure.code == .badData {
      outcome.failure = failure.message
    }
    return outcome
  }

  // MARK: - Running

  /// Gives everything once, to learn how time moves and which records do not count.
  private mutating func survey() throws {
    let rehearsal = try Rehearsal(pipeline, source: test.source)
    var before = rehearsal.counts.ledger
    for (index, input) in test.given.enumerated() {
      try rehearsal.take(input)
      streamTimes.append(rehearsal.streamTime)
      let after = rehearsal.counts.ledger
      for reason in RejectionReason.allCases where after.count(of: .rejected(reason)) > before.count(of: .rejected(reason)) {
        refusals.append((index, nil, "rejected, \(reason.name)"))
      }
      if after.count(of: .duplicate) > before.count(of: .duplicate) { refusals.append((index, nil, "a copy of one that counted")) }
      for view in pipeline.views.indices {
        if after.count(of: .late, view: view) > before.count(of: .late, view: view) {
          refusals.append((index, view, "late, all its windows had closed"))
        }
        if after.count(of: .keyless, view: view) > before.count(of: .keyless, view: view) {
          refusals.append((index, view, "without a key"))
        }
        if after.count(of: .typeMismatch, view: view) > before.count(of: .typeMismatch, view: view) {
          refusals.append((index, view, "a value of a type that its aggregate does not take"))
        }
      }
      before = after
    }
  }

  /// The stage at which an expectation is looked at; stages come in the order of time.
  private enum Stage: Hashable {
    case time(Int64)
    /// After the last record, without any more time.
    case lastRecord
    /// After the end of the input.
    case end
  }

  private func stage(of expectation: TestExpectation) -> Stage {
    if let at = expectation.at { return .time(at) }
    return pipeline.views[expectation.view].trigger == .close ? .end : .lastRecord
  }

  private func misses() throws -> [Miss] {
    var rehearsals: [Stage: (rehearsal: Rehearsal, inputCount: Int)] = [:]
    var misses: [Miss] = []
    for expectation in test.expectations {
      let stage = stage(of: expectation)
      let reached = try rehearsals[stage] ?? reach(stage)
      rehearsals[stage] = reached
      let differences = differences(of: expectation, in: reached.rehearsal)
      guard !differences.isEmpty else { continue }
      misses.append(
        Miss(
          expectation: expectation, viewName: pipeline.views[expectation.view].name, differences: differences,
          notes: notes(expectation.view, reached.inputCount)))
    }
    return misses
  }

  /// A run up to `stage`, and how many of the inputs it got.
  private func reach(_ stage: Stage) throws -> (rehearsal: Rehearsal, inputCount: Int) {
    var inputCount = test.given.count
    if case .time(let time) = stage, let first = streamTimes.firstIndex(where: { ($0 ?? .min) > time }) { inputCount = first }
    let rehearsal = try Rehearsal(pipeline, source: test.source)
    for input in test.given[..<inputCount] { try rehearsal.take(input) }
    switch stage {
    case .time(let time): if rehearsal.streamTime != nil { try rehearsal.advance(streamTimeTo: time) }
    case .lastRecord: break
    case .end: try rehearsal.finish()
    }
    try rehearsal.emit()
    return (rehearsal, inputCount)
  }

  // MARK: - Comparing

  private func differences(of expectation: TestExpectation, in rehearsal: Rehearsal) -> [Difference] {
    let ofView = rehearsal.rows.rows.filter { $0.view == expectation.view }
    let ofKey = ofView.filter { expectation.key == nil || $0.key == expectation.key }
    let found = ofKey.filter {
      (expectation.windowStart == nil || $0.windowStart == expectation.windowStart)
        && (expectation.windowEnd == nil || $0.windowEnd == expectation.windowEnd)
    }
    var differences: [Difference] = []
    for (count, expected) in expectation.counts {
      let number = number(count, expectation, rehearsal, rowCount: found.count)
      if number != expected { differences.append(Difference(subject: count.rawValue, expected: "\(expected)", found: "\(number)")) }
    }
    guard expectation.hasRow else { return differences }
    if expectation.isAbsent {
      if let row = found.first { differences.append(Difference(subject: "row", expected: "none", found: text(row))) }
    } else if found.count == 1 {
      differences += self.differences(expectation, found[0], rehearsal)
    } else if found.isEmpty {
      differences.append(
        Difference(subject: "row", expected: "one", found: "none", reasons: whereElse(expectation, ofView: ofView, ofKey: ofKey)))
    } else {
      differences.append(
        Difference(
          subject: "row", expected: "one", found: "\(found.count)", reasons: ["say which window: " + windows(found)]))
    }
    return differences
  }

  private func differences(
    _ expectation: TestExpectation, _ row: MemoryRowStore.Row, _ rehearsal: Rehearsal
  ) -> [Difference] {
    expectation.values.compactMap { value in
      let found = row.values[value.feature]
      guard !value.expected.accepts(found) else { return nil }
      let feature = pipeline.views[expectation.view].features[value.feature]
      return Difference(
        subject: feature.name, expected: value.expected.text, found: found.text,
        reasons: feature.derivation.map { operands($0, row) } ?? parts(expectation, feature.name, rehearsal))
    }
  }

  /// What the features are that another one is made of.
  private func operands(_ derivation: FeatureDerivation, _ row: MemoryRowStore.Row) -> [String] {
    let features = pipeline.views[row.view].features
    let operands = derivation.expression.fieldPaths.compactMap { path in
      features.firstIndex { $0.name == path.description }.map { "\(features[$0].name) \(row.values[$0].text)" }
    }
    return ["\(derivation.text), of \(Self.list(operands))"]
  }

  /// The panes that a current value is made of; those of a closed window are gone.
  private func parts(_ expectation: TestExpectation, _ feature: String, _ rehearsal: Rehearsal) -> [String] {
    let view = pipeline.views[expectation.view]
    guard view.trigger == .change, expectation.key != nil || view.entity == nil else { return [] }
    let finding = rehearsal.finding(Inquiry(view: view.name, feature: feature, key: expectation.key))
    let parts = (finding?.parts ?? []).filter(\.counts)
    guard !parts.isEmpty else { return ["made of nothing: no record is in the window"] }
    let shown = parts.suffix(Self.shownPartCount).map { part in
      guard let start = part.start, let end = part.end else { return "\(part.value) of all time" }
      return "\(part.value) from \(TimeText.rfc3339(start)) to \(TimeText.rfc3339(end))"
    }
    let rest = parts.count - shown.count
    return ["made of \(shown.joined(separator: ", "))" + (rest > 0 ? ", and \(rest) older" : "")]
  }

  private static let shownPartCount = 4

  private func number(
    _ count: TestCount, _ expectation: TestExpectation, _ rehearsal: Rehearsal, rowCount: Int
  ) -> Int64 {
    let counts = rehearsal.counts
    switch count {
    case .late: return counts.ledger.count(of: .late, view: expectation.view)
    case .keyless: return counts.ledger.count(of: .keyless, view: expectation.view)
    case .rejected: return counts.rejectedCount
    case .duplicates: return counts.ledger.count(of: .duplicate)
    case .rows: return Int64(rowCount)
    }
  }

  // MARK: - Words

  /// Where rows are, when the one that is looked for is not there.
  private func whereElse(
    _ expectation: TestExpectation, ofView: [MemoryRowStore.Row], ofKey: [MemoryRowStore.Row]
  ) -> [String] {
    let view = pipeline.views[expectation.view].name
    if ofView.isEmpty { return ["view '\(view)' has no row at all"] }
    if !ofKey.isEmpty { return ["the windows of this key: \(windows(ofKey))"] }
    var keys: [String] = []
    for key in ofView.compactMap(\.key) where !keys.contains(key) { keys.append(key) }
    let hint = expectation.key.map { Suggestion.hint(for: $0, among: keys) } ?? ""
    return ["view '\(view)' has rows of \(Self.list(keys.map { "'\($0)'" }))\(hint)"]
  }

  private func windows(_ rows: [MemoryRowStore.Row]) -> String {
    Self.list(rows.map { "[\(TimeText.rfc3339($0.windowStart ?? 0)), \(TimeText.rfc3339($0.windowEnd ?? 0)))" })
  }

  private func text(_ row: MemoryRowStore.Row) -> String {
    let features = pipeline.views[row.view].features
    return Self.list(zip(features, row.values).map { "\($0.name) \($1.text)" })
  }

  private static func list(_ items: [String]) -> String {
    items.count <= 6 ? items.joined(separator: ", ") : items.prefix(5).joined(separator: ", ") + " and \(items.count - 5) more"
  }

  /// The records that did not count, of those that had come.
  private func notes(_ view: Int, _ inputCount: Int) -> [String] {
    refusals.filter { $0.input < inputCount && ($0.view == nil || $0.view == view) }.map { input, _, reason in
      guard case .record(let record) = test.given[input] else { return "'advance': \(reason)" }
      return "record \(recordNumber(input)), line \(record.location.line): \(reason)"
    }
  }

  /// Which of the records an input is, counted from 1.
  private func recordNumber(_ input: Int) -> Int {
    test.given[...input].count { if case .record = $0 { true } else { false } }
  }
}

extension Rehearsal {
  /// Takes one input of a test.
  func take(_ input: TestInput) throws {
    switch input {
    case .record(let record): try give(record)
    case .advance(let duration): if let streamTime { try advance(streamTimeTo: streamTime + duration) }
    }
  }
}
