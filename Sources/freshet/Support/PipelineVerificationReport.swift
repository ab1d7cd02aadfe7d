// What `verify PIPELINE` has found, view by view, as lines for a person or as one object of JSON.

import Base
import Verification

struct PipelineVerificationReport {
  let subject: String
  let views: [ViewReport]
  /// Of what faults explain a person needs no long list.
  private static let explainedExampleCount = 3

  var agrees: Bool { views.allSatisfy(\.agrees) }

  private func findings(_ view: ViewReport) -> [(name: String, text: String, finding: StreamReport.Finding)] {
    [
      ("wrong", "are wrong", view.wrong), ("missing", "are missing", view.missing),
      ("unexpected", "should not be there", view.unexpected), ("repeated", "came more than once", view.repeated),
      ("explained", "differ as labelled faults can have it", view.explained),
    ]
  }

  var text: String {
    var lines = ["\(subject) \(agrees ? "agrees" : "does not agree") with the truth"]
    for view in views {
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
        "\"view\":\(JSONText.quoted(view.name))", "\"agrees\":\(view.agrees)", "\"rows\":\(view.rowCount)",
        "\"expected\":\(view.expectedCount)", "\"right\":\(view.rightCount)", "\"keyless\":\(view.keylessCount)",
      ]
      let findings = findings(view).map { name, _, finding in
        "\"\(name)\":{\"count\":\(finding.count),\"examples\":[\(finding.examples.map(JSONText.quoted).joined(separator: ","))]}"
      }
      let others = "\"not_compared\":[\(view.notCompared.map(JSONText.quoted).joined(separator: ","))]"
      return "{\((counts + findings + [others]).joined(separator: ","))}"
    }
    return "{\"agrees\":\(agrees),\"subject\":\(JSONText.quoted(subject)),\"views\":[\(views.joined(separator: ","))]}"
  }
}
