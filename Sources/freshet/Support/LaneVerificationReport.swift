// What `verify --lanes` has found, as a table for a person or as one object of JSON.

import Base
import Batch
import Foundation

struct LaneVerificationReport {
  let subject: String
  let found: LaneCheckReport

  var agrees: Bool { found.mismatchCount == 0 }

  var verdict: String {
    guard found.checkedCount > 0 else { return "nothing of \(subject) could be checked against a position or a cutoff" }
    return agrees
      ? "\(subject): \(found.checkedCount) values are what the archive gives"
      : "\(subject): \(found.mismatchCount) of \(found.checkedCount) values are not what the archive gives"
  }

  var text: String {
    var lines = [verdict, ""]
    var table = [["feature", "lane", "served", "checked", "wrong", "age p50", "p99", "max", "exact", "error mean", "max"]]
    for line in found.lines {
      table.append(
        [
          "\(line.view).\(line.feature)", line.lane.rawValue, "\(line.servedCount)", "\(line.checkedCount)",
          "\(line.mismatchCount)",
        ]
          + [0.5, 0.99, 1].map { line.age(atShare: $0).map(Self.duration) ?? "-" }
          + [
            line.measuredCount > 0 ? Self.share(line.exactCount, line.measuredCount) : "-",
            line.errorMean.map(Self.number) ?? "-", line.numberCount > 0 ? Self.number(line.errorMax) : "-",
          ])
    }
    lines += Self.aligned(table).map { "  \($0)" }
    lines += examples("are wrong", found.mismatchCount, found.mismatches)
    lines += examples("of rt were not exact when served", found.differenceCount, found.differences)
    if found.idleCount > 0 { lines.append("  \(found.idleCount) are right with event time moved on by the wall clock") }
    if found.earlierCount > 0 { lines.append("  \(found.earlierCount) are right over what was archived when their run began") }
    for (reason, count) in found.unchecked { lines.append("  \(count) not checkable: \(reason)") }
    return lines.joined(separator: "\n")
  }

  private func examples(_ words: String, _ count: Int, _ examples: [LaneCheckReport.Example]) -> [String] {
    guard count > 0 else { return [] }
    var lines = ["  \(count) \(words)"]
    for example in examples {
      let key = example.key.map { " of '\($0)'" } ?? ""
      lines.append("    \(example.name)\(key) \(example.place): served \(example.served), expected \(example.expected)")
    }
    if count > examples.count { lines.append("    ...") }
    return lines
  }

  private static func aligned(_ table: [[String]]) -> [String] {
    let widths = table[0].indices.map { column in table.map { $0[column].count }.max() ?? 0 }
    return table.map { row in
      row.enumerated().map { column, cell in
        let space = String(repeating: " ", count: widths[column] - cell.count)
        return column < 2 ? cell + space : space + cell
      }.joined(separator: "  ")
    }
  }

  private static func duration(_ milliseconds: Int64) -> String {
    abs(milliseconds) < 10_000 ? "\(milliseconds) ms" : String(format: "%.1f s", Double(milliseconds) / 1000)
  }

  private static func share(_ part: Int, _ whole: Int) -> String {
    // Only all of them are 100 %.
    let percent = Double(part) * 100 / Double(whole)
    return part == whole ? "100%" : String(format: "%.2f%%", min(percent, 99.99))
  }

  private static func number(_ value: Double) -> String { String(format: "%.4g", value) }

  // MARK: JSON

  var json: String {
    let lines = found.lines.map { line in
      func optional(_ value: (some CustomStringConvertible)?) -> String { value.map { "\($0)" } ?? "null" }
      let error = line.numberCount > 0 ? line.errorMax : nil
      return
        "{\"view\":\(JSONText.quoted(line.view)),\"feature\":\(JSONText.quoted(line.feature)),\"lane\":\"\(line.lane.rawValue)\""
        + ",\"served\":\(line.servedCount),\"checked\":\(line.checkedCount),\"mismatches\":\(line.mismatchCount)"
        + ",\"age_ms\":{\"p50\":\(optional(line.age(atShare: 0.5))),\"p99\":\(optional(line.age(atShare: 0.99)))"
        + ",\"max\":\(optional(line.age(atShare: 1)))},\"measured\":\(line.measuredCount),\"exact\":\(line.exactCount)"
        + ",\"error\":{\"mean\":\(optional(line.errorMean)),\"max\":\(optional(error))}}"
    }
    let unchecked = found.unchecked.map { "{\"reason\":\(JSONText.quoted($0.reason)),\"count\":\($0.count)}" }
    return "{\"agrees\":\(agrees),\"subject\":\(JSONText.quoted(subject)),\"served\":\(found.servedCount)"
      + ",\"checked\":\(found.checkedCount),\"mismatches\":\(found.mismatchCount)"
      + ",\"after_idle_time\":\(found.idleCount),\"as_archived_at_run\":\(found.earlierCount)"
      + ",\"features\":[\(lines.joined(separator: ","))],\"not_checkable\":[\(unchecked.joined(separator: ","))]"
      + ",\"mismatch_examples\":[\(found.mismatches.map(Self.json).joined(separator: ","))]"
      + ",\"rt_differences\":\(found.differenceCount)"
      + ",\"rt_examples\":[\(found.differences.map(Self.json).joined(separator: ","))]}"
  }

  private static func json(_ example: LaneCheckReport.Example) -> String {
    "{\"name\":\(JSONText.quoted(example.name)),\"key\":\(example.key.map(JSONText.quoted) ?? "null")"
      + ",\"place\":\(JSONText.quoted(example.place)),\"served\":\(example.served),\"expected\":\(example.expected)}"
  }
}
