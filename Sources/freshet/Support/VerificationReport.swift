// What `verify` has found, as lines for a person or as one object of JSON.

import Base
import Foundation
import Verification

struct VerificationReport {
  /// What was compared.
  let subject: String
  private let facts: [(name: String, text: String, count: Int)]
  private let findings: [(name: String, text: String, finding: StreamReport.Finding)]

  init(_ report: StreamReport, from name: String) {
    subject = name
    facts = [
      ("received", "records received", report.receivedCount), ("expected", "expected", report.expectedCount),
      ("duplicate", "of them copies", report.copyCount), ("late", "late", report.lateCount),
      ("drop", "dropped on the way", report.droppedCount), ("unsent", "never sent", report.unsentCount),
      ("corrupt", "damaged", report.corruptCount), ("unreadable", "that do not read", report.unreadableCount),
    ]
    findings = [
      ("missing", "did not come", report.missing), ("unexpected", "came and should not have", report.unexpected),
      ("misplaced", "came in the wrong order", report.misplaced),
      ("buckets", "buckets of event time with another count", report.buckets),
      ("contradictions", "counts of the truth contradict its labels", report.contradictions),
    ]
  }

  init(_ report: RowReport, _ windows: ExpectedWindows, from name: String) {
    subject = name
    facts = [
      ("rows", "rows", report.rowCount), ("expected", "expected", report.expectedCount), ("right", "right", report.rightCount),
      ("keyless", "records without a key", windows.keylessCount),
    ]
    findings = [
      ("explained", "differ as labelled faults can have it", report.explained), ("wrong", "are wrong", report.wrong),
      ("missing", "are missing", report.missing), ("unexpected", "should not be there", report.unexpected),
      ("repeated", "came more than once", report.repeated),
    ]
  }

  func text(agrees: Bool) -> String {
    var lines = ["\(subject) \(agrees ? "agrees" : "does not agree") with the truth"]
    lines.append(
      "  "
        + facts.filter { $0.count > 0 || $0.name == "received" || $0.name == "rows" }.map { "\($0.count) \($0.text)" }.joined(
          separator: ", "))
    for (_, text, finding) in findings where finding.count > 0 {
      lines.append("  \(finding.count) \(text)")
      lines += finding.examples.map { "    \($0)" }
      if finding.count > finding.examples.count { lines.append("    ...") }
    }
    return lines.joined(separator: "\n")
  }

  func json(agrees: Bool) -> String {
    var parts = ["\"agrees\":\(agrees)", "\"subject\":\(JSONText.quoted(subject))"]
    parts += facts.map { "\"\($0.name)\":\($0.count)" }
    parts += findings.map { name, _, finding in
      "\"\(name)\":{\"count\":\(finding.count),\"examples\":[\(finding.examples.map(JSONText.quoted).joined(separator: ","))]}"
    }
    return "{\(parts.joined(separator: ","))}"
  }
}
