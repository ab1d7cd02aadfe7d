// What a load test has found: the curve from load to freshness, as a table for people, as JSON, and (`LoadReport+Page`) as a page.

import Foundation

public struct LoadReport: Codable, Equatable, Sendable {
  /// What was tested: the pipeline, or the topic.
  public var subject: String
  /// Where markers were looked for.
  public var watched: String
  /// Ms since the epoch.
  public var startedAt: Int64
  public var objective: LoadObjective
  public var steps: [LoadStep] = []
  /// Events per second; nil where not even the lowest load is sustained, or nothing is known yet.
  public var highestSustained: Double?
  /// Whether it held in a longer run at the end.
  public var isConfirmed = false
  /// Whether the highest load that was to be tried is sustained.
  public var isAtLimit = false
  /// Whether the test was ended before its end.
  public var isInterrupted = false
  public var notes: [String] = []

  public init(subject: String, watched: String, startedAt: Int64, objective: LoadObjective) {
    self.subject = subject
    self.watched = watched
    self.startedAt = startedAt
    self.objective = objective
  }

  // MARK: - Text

  static let columns = ["asked", "achieved", "p50", "p90", "p99", "max", "lag", ""]

  static func cells(_ step: LoadStep) -> [String] {
    func delay(_ value: Double?) -> String { value.map(LoadStep.text) ?? "-" }
    return [
      rate(step.asked), rate(step.achieved), delay(step.freshness?.p50), delay(step.freshness?.p90), delay(step.freshness?.p99),
      delay(step.freshness?.max), step.lagAfter.map { "\($0)" } ?? "-", verdict(step),
    ]
  }

  static func verdict(_ step: LoadStep) -> String {
    if step.isSustained { return step.purpose == .confirm ? "sustained, confirmed" : "sustained" }
    return step.reasons.joined(separator: "; ")
  }

  /// A line for the head of a table, and one per step.
  public static func line(_ cells: [String]) -> String {
    let widths = [9, 9, 9, 9, 9, 9, 9]
    var line = ""
    for (index, cell) in cells.enumerated() {
      guard index < widths.count else { return line + "  " + cell }
      line += String(repeating: " ", count: max(1, widths[index] - cell.count)) + cell
    }
    return line
  }

  public static var head: String { line(columns) }
  public static func line(_ step: LoadStep) -> String { line(cells(step)) }

  /// What came of it, in a sentence.
  public var conclusion: String {
    guard let highestSustained else {
      if isInterrupted { return "ended before any load was found to be sustained" }
      let last = steps.last.map { ": \(Self.verdict($0))" } ?? ""
      return "not even \(steps.first.map { Self.rate($0.asked) } ?? "the lowest load") is sustained\(last)"
    }
    var text = "highest sustained load: \(Self.rate(highestSustained))"
    if isConfirmed {
      text += ", confirmed for \(Int((steps.last { $0.isSustained && $0.asked == highestSustained }?.seconds ?? 0).rounded())) s"
    } else {
      text += ", not confirmed" + (isInterrupted ? ": the test was ended" : "")
    }
    if isAtLimit { text += "; that is the highest that was to be tried (--max-rate), more may be possible" }
    let failed = steps.filter { !$0.isSustained && $0.asked > highestSustained }.min { $0.asked < $1.asked }
    if let failed, !failed.isSustained { text += "; at \(Self.rate(failed.asked)): \(Self.verdict(failed))" }
    return text
  }

  public var text: String {
    ([Self.head] + steps.map { Self.line($0) } + notes.map { "note: \($0)" } + [conclusion]).joined(separator: "\n")
  }

  /// `950/s`, `12.3k/s`: three digits.
  public static func rate(_ value: Double) -> String {
    switch value {
    case ..<999.5: String(format: value == value.rounded() ? "%.0f/s" : "%.3g/s", value)
    case ..<999_500: String(format: "%.3gk/s", value / 1e3)
    default: String(format: "%.3gM/s", value / 1e6)
    }
  }
}
