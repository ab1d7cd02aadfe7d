// The values of one answer with the lanes of a feature side by side, and by how much each differs from the lane rt,
// which has seen every event.

import Foundation
import Serving

struct LaneComparison {
  private static let exact = "rt"

  private let values: [FeatureInquiry.Value]
  /// In the order in which the answer names them, the exact one last.
  private let lanes: [String]
  private let columnNames: [String]

  init(_ values: [FeatureInquiry.Value]) {
    self.values = values
    var lanes: [String] = []
    for value in values where !lanes.contains(value.lane) { lanes.append(value.lane) }
    let isExact = lanes.contains(Self.exact)
    self.lanes = lanes.filter { $0 != Self.exact } + (isExact ? [Self.exact] : [])
    columnNames = ["feature"] + self.lanes.flatMap { [$0, "age"] + (isExact && $0 != Self.exact ? ["error"] : []) }
  }

  /// A table per row, all with columns of the same widths.
  var text: String {
    let tables = tables
    var lines = TextTable.aligned(tables.flatMap(\.lines)).split(separator: "\n").map(String.init)[...]
    var parts: [String] = []
    for table in tables {
      if !table.row.isEmpty { parts.append(table.row) }
      parts += lines.prefix(table.lines.count).map { table.row.isEmpty ? $0 : "  \($0)" }
      lines = lines.dropFirst(table.lines.count)
    }
    return parts.joined(separator: "\n")
  }

  /// Each row's keys with a table of its features, as cells; all tables have the same columns.
  var tables: [(row: String, lines: [[String]])] {
    var rows: [String] = []
    for value in values where !rows.contains(value.row) { rows.append(value.row) }
    return rows.map { row in (row, table(of: values.filter { $0.row == row })) }
  }

  private func table(of values: [FeatureInquiry.Value]) -> [[String]] {
    var features: [String] = []
    for value in values where !features.contains(Self.name(value)) { features.append(Self.name(value)) }
    return [columnNames]
      + features.map { feature in
        let own = values.filter { Self.name($0) == feature }
        let exact = own.first { $0.lane == Self.exact }
        return [feature] + lanes.flatMap { lane in cells(own.first { $0.lane == lane }, exact, lane) }
      }
  }

  private func cells(_ value: FeatureInquiry.Value?, _ exact: FeatureInquiry.Value?, _ lane: String) -> [String] {
    let hasError = columnNames.contains("error") && lane != Self.exact
    guard let value else { return ["-", "-"] + (hasError ? ["-"] : []) }
    var age = value.ageMilliseconds.map { GetCommand.age($0) } ?? ""
    if value.status != "PRESENT" && value.status != "NULL_VALUE" { age += age.isEmpty ? value.status : " \(value.status)" }
    return [Self.shown(value.value) + (value.isTruncated ? " (truncated)" : ""), age.isEmpty ? "-" : age]
      + (hasError ? [exact.map { Self.error(of: value.value, exact: $0.value) } ?? "-"] : [])
  }

  /// Six digits are enough to compare by; `--output json` has them all.
  private static func shown(_ value: String) -> String {
    guard value.contains("."), let number = Double(value) else { return GetCommand.short(value) }
    return String(format: "%.6g", number)
  }

  /// `view.feature` without the lane.
  private static func name(_ value: FeatureInquiry.Value) -> String {
    value.feature.replacing("@\(value.lane).", with: ".", maxReplacements: 1)
  }

  /// How far a value lies from the exact one, both as JSON: `-12 (-29 %)`, or whether they differ where they are no numbers.
  static func error(of value: String, exact: String) -> String {
    guard let number = Double(value), let exactNumber = Double(exact) else { return value == exact ? "same" : "differs" }
    let difference = number - exactNumber
    if difference == 0 { return "0" }
    let text = String(format: abs(difference) < 1 ? "%+.3g" : "%+.6g", difference)
    guard exactNumber != 0 else { return text }
    let percent = difference / abs(exactNumber) * 100
    return "\(text) (\(String(format: abs(percent) < 1 ? "%+.1g" : "%+.0f", percent)) %)"
  }
}
