// What `verify PIPELINE` has found, view by view, as lines for a person or as one object of JSON.

import Base
import Verification

struct PipelineVerificationReport {
  let subject: String
  let views: [ViewReport]
  /// Of what faults explain a person needs no long list.
  private static let explainedExampleCount = 3

  /// Views of which anything is compared.
  private var comparedCount: Int { views.count { $0.obstacle == nil } }
  /// What was not compared agrees with nothing.
  var agrees: Bool { comparedCount > 0 && views.allSatisfy(\.agrees) }

  /// What came of it, in a sentence.
  var verdict: String {
    guard comparedCount > 0 else { return "nothing of \(subject) can be compared with the truth" }
    let part = comparedCount < views.count ? ", \(comparedCount) of \(views.count) views compared" : ""
    return "\(subject) \(agrees ? "agrees" : "does not agree") with the truth\(part)"
  }

  private func findings(_ view: ViewReport) -> [(name: String, text: String, finding: StreamReport.Finding)] {
    [
      ("wrong", "are wrong", view.wrong), ("missing", "are missing", view.missing),
      ("unexpected", "should not be there", view.unexpected), ("repeated", "came more than once", view.repeated),
      ("explained", "differ as labelled faults can have it", view.explained),
    ]
  }

  var text: String {
    var lines = [verdict]
    for view in views {
      if let obstacle = view.obstacle {
        lines.append("  view \(view.name): \(view.rowCount) rows, not compared: \(obstacle)")
        lines.append("    not compared: \(view.notCompared.joined(separator: ", "))")
        continue
      }
      var facts = ["\(view.rowCount) rows"]
      // Features that are not compared give rows of their own.
      if view.notCompared.isEmpty { facts.append("\(view.expectedCount) expected") }
      facts.append("\(view.rightCount) right")
      if view.keylessCount > 0 { facts.append("\(view.keylessCount) records without a key") }
      lines.append("  view \(view.name): \(facts.joined(separator: ", "))")
      for (name, text, finding) in findings(view) where finding.count > 0 {
        lines.append("    \(finding.count) \(text)")
        let shown = finding.examples.prefix(name == "explained" ? Self.explainedExampleCount : .max)
        lines += shown.map { "      \($0)" }
        if finding.count > shown.count { lines.append("      ...") }
      }
      if !view.notCompared.isEmpty { lines.append("    not compared: \(view.notCompared.joined(separator: ", "))") }
    }
    return lines.joined(separator: "\n")
  }

  var json: String {
    let views = views.map { view in
      let counts = [
        "\"view\":\(JSONText.quoted(view.name))", "\"agrees\":\(view.obstacle == nil ? "\(view.agrees)" : "null")",
        "\"rows\":\(view.rowCount)", "\"expected\":\(view.expectedCount)", "\"right\":\(view.rightCount)",
        "\"keyless\":\(view.keylessCount)",
      ]
      let findings = findings(view).map { name, _, finding in
        "\"\(name)\":{\"count\":\(finding.count),\"examples\":[\(finding.examples.map(JSONText.quoted).joined(separator: ","))]}"
      }
      let others = [
        "\"not_compared\":[\(view.notCompared.map(JSONText.quoted).joined(separator: ","))]",
        "\"not_compared_because\":\(view.obstacle.map(JSONText.quoted) ?? "null")",
      ]
      return "{\((counts + findings + others).joined(separator: ","))}"
    }
    return "{\"agrees\":\(agrees),\"subject\":\(JSONText.quoted(subject)),\"views\":[\(views.joined(separator: ","))]}"
  }
}
