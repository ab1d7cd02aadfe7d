// What the tests of a pipeline have given, as lines for a person or as one object of JSON.

import Base
import Configuration
import Features
import Foundation
import Processing

struct PipelineTestReport {
  let path: String
  let outcomes: [PipelineTestRun.Outcome]

  init(path: String, _ outcomes: [PipelineTestRun.Outcome]) {
    self.path = path
    self.outcomes = outcomes
  }

  var failedCount: Int { outcomes.count { !$0.hasPassed } }

  // MARK: - Text

  var text: String {
    var lines: [String] = []
    for outcome in outcomes {
      lines.append((outcome.hasPassed ? mark("ok  ", "32") : mark("FAIL", "31")) + "  \(outcome.test.name)")
      if let failure = outcome.failure { lines.append("      \(place(outcome.test.location)): \(failure)") }
      for miss in outcome.misses { lines += describe(miss).map { "      \($0)" } }
    }
    let count = outcomes.reduce(0) { $0 + $1.test.expectations.count }
    lines.append(
      "\(Self.count(outcomes.count, "test")), \(Self.count(count, "expectation")): \(outcomes.count - failedCount) passed, "
        + "\(failedCount) failed")
    return lines.joined(separator: "\n")
  }

  private func describe(_ miss: PipelineTestRun.Miss) -> [String] {
    var lines = ["\(place(miss.expectation.location)): \(subject(miss))"]
    let width = miss.differences.map(\.subject.count).max() ?? 0
    for difference in miss.differences {
      let name = difference.subject + String(repeating: " ", count: width - difference.subject.count)
      lines.append("  \(name)  expected \(difference.expected), found \(difference.found)")
      lines += difference.reasons.map { "  \(String(repeating: " ", count: width))    \($0)" }
    }
    return lines + miss.notes.map { "  \($0)" }
  }

  private func subject(_ miss: PipelineTestRun.Miss) -> String {
    let expectation = miss.expectation
    var parts = ["view '\(miss.viewName)'"]
    if let key = expectation.key { parts.append("key '\(key)'") }
    if let start = expectation.windowStart { parts.append("window from \(TimeText.rfc3339(start))") }
    if let end = expectation.windowEnd { parts.append("window to \(TimeText.rfc3339(end))") }
    parts.append(expectation.at.map { "at \(TimeText.rfc3339($0))" } ?? "at the end")
    return parts.joined(separator: ", ")
  }

  private func place(_ location: SourceLocation) -> String { "\(path):\(location.line):\(location.column)" }

  private func mark(_ text: String, _ color: String) -> String {
    Terminal.outputHasColors ? "\u{1b}[\(color)m\(text)\u{1b}[0m" : text
  }

  private static func count(_ count: Int, _ one: String) -> String { "\(count) \(one)\(count == 1 ? "" : "s")" }

  // MARK: - JSON

  var json: String {
    let tests = outcomes.map { outcome in
      Self.object([
        ("name", JSONText.quoted(outcome.test.name)), ("line", "\(outcome.test.location.line)"),
        ("passed", "\(outcome.hasPassed)"), ("expectations", "\(outcome.test.expectations.count)"),
        ("error", outcome.failure.map(JSONText.quoted)), ("failures", "[\(outcome.misses.map(Self.json).joined(separator: ","))]"),
      ])
    }
    return Self.object([
      ("pipeline", JSONText.quoted(path)), ("passed", "\(outcomes.count - failedCount)"), ("failed", "\(failedCount)"),
      ("tests", "[\(tests.joined(separator: ","))]"),
    ])
  }

  private static func json(_ miss: PipelineTestRun.Miss) -> String {
    let differences = miss.differences.map { difference in
      object([
        ("subject", JSONText.quoted(difference.subject)), ("expected", JSONText.quoted(difference.expected)),
        ("found", JSONText.quoted(difference.found)), ("reasons", list(difference.reasons)),
      ])
    }
    let expectation = miss.expectation
    return object([
      ("line", "\(expectation.location.line)"), ("view", JSONText.quoted(miss.viewName)),
      ("key", expectation.key.map(JSONText.quoted)), ("at", expectation.at.map { "\($0)" }),
      ("window_start", expectation.windowStart.map { "\($0)" }), ("window_end", expectation.windowEnd.map { "\($0)" }),
      ("differences", "[\(differences.joined(separator: ","))]"), ("notes", list(miss.notes)),
    ])
  }

  private static func list(_ texts: [String]) -> String { "[\(texts.map(JSONText.quoted).joined(separator: ","))]" }

  /// Members without a value are left out.
  private static func object(_ members: [(name: String, value: String?)]) -> String {
    "{\(members.compactMap { name, value in value.map { "\(JSONText.quoted(name)):\($0)" } }.joined(separator: ","))}"
  }
}
