// Compares the rows that a processor has written for closed windows with the expected ones. A row is right where it is that of the clean stream;
// explained where labelled faults can have made it what it is; else it is wrong.

import Base
import Codec
import Records

public struct RowReport: Sendable {
  public var rowCount = 0
  public var expectedCount = 0
  public var rightCount = 0
  /// Rows that differ from the clean stream's, or are not there, as faults can have it.
  public var explained = StreamReport.Finding()
  public var wrong = StreamReport.Finding()
  public var missing = StreamReport.Finding()
  public var unexpected = StreamReport.Finding()
  public var repeated = StreamReport.Finding()

  public var agrees: Bool { [wrong, missing, unexpected, repeated].allSatisfy { $0.count == 0 } }
}

public struct RowCheck {
  private let windows: ExpectedWindows
  private let viewName: String?

  /// - Parameter viewName: only the rows of this view; nil for all.
  public init(_ windows: ExpectedWindows, viewName: String?) {
    self.windows = windows
    self.viewName = viewName
  }

  /// Reads rows as `freshet process --to stdout` prints them.
  public func run(_ source: any Source) throws -> RowReport {
    let question = windows.question
    let names = ["view", question.keyName, "window_start", "window_end"] + question.aggregates.map(\.name)
    guard Set(names).count == names.count else {
      throw Failure(
        .usage,
        "the names of what is expected have to differ from each other and from the key's: \(names.dropFirst(4).joined(separator: ", "))"
      )
    }
    let reader = JSONColumnReader(paths: names.map { FieldPath([$0]) })
    let columns = Columns(columnCount: names.count)
    let batch = RecordBatch()
    var report = RowReport()
    var seen: Set<ExpectedWindows.Place> = []
    while try source.poll(into: batch, maximumCount: 4096, timeoutMilliseconds: 1000) != .endOfInput {
      reader.decode(batch, into: columns)
      for row in 0..<batch.count {
        let place = "\(source.name), byte \(batch.slots[row].offset)"
        guard columns.statuses[row] == .valid else { throw Failure(.badData, "\(place): not an object of JSON") }
        func value(_ column: Int) -> ColumnValue { columns.column(column)[row] }
        if let viewName, !value(0).isText(viewName) { continue }
        guard value(1).kind == .string, value(2).kind == .integer, value(3).kind == .integer else {
          throw Failure(
            .badData,
            "\(place): expected a row of a closed window with '\(question.keyName)', 'window_start' and 'window_end'; say which view with --view"
          )
        }
        let window = ExpectedWindows.Place(key: String(decoding: value(1).bytes, as: UTF8.self), start: value(2).integer)
        report.rowCount += 1
        guard seen.insert(window).inserted else {
          report.repeated.add("\(Self.name(window)) came again")
          continue
        }
        let length = value(3).integer.subtractingReportingOverflow(window.start)
        guard let expected = windows.rows[window], !length.overflow, length.partialValue == question.lengthMilliseconds else {
          report.unexpected.add("\(Self.name(window)): nothing of this key in this window, which ends at \(value(3).integer)")
          continue
        }
        check(window, expected, (4..<names.count).map(value), &report)
      }
    }
    for (window, row) in windows.rows.sorted(by: { $0.key < $1.key }) {
      if row.records.count > 0 { report.expectedCount += 1 }
      guard !seen.contains(window), row.records.count > 0 else { continue }
      if row.records.countBounds.lowerBound <= 0 {
        report.explained.add("\(Self.name(window)): no row")
      } else {
        report.missing.add("\(Self.name(window)): no row of \(row.records.count) records")
      }
    }
    return report
  }

  private func check(
    _ window: ExpectedWindows.Place, _ expected: ExpectedWindows.Row, _ found: [ColumnValue], _ report: inout RowReport
  ) {
    guard expected.records.countBounds.upperBound > 0 else {
      return report.unexpected.add("\(Self.name(window)): none of its records was sent")
    }
    var differences: [String] = []
    var faults: [String] = []
    for (index, aggregate) in windows.question.aggregates.enumerated() {
      let value = expected.values[index]
      let verdict = aggregate.isSum ? Self.sum(found[index], value) : Self.count(found[index], value)
      let expectation = aggregate.isSum ? (value.count == 0 ? "null" : value.sum.text) : String(value.count)
      let text = "\(aggregate.name) is \(Self.text(found[index])), expected \(expectation)"
      switch verdict {
      case .right: break
      case .explained: faults.append(text)
      case .wrong: differences.append(text)
      }
    }
    if !differences.isEmpty {
      report.wrong.add("\(Self.name(window)): \(differences.joined(separator: "; "))")
    } else if !faults.isEmpty {
      report.explained.add("\(Self.name(window)): \(faults.joined(separator: "; "))")
    } else {
      report.rightCount += 1
    }
  }

  private enum Verdict {
    case right
    case explained
    case wrong
  }

  private static func count(_ found: ColumnValue, _ expected: ExpectedValue) -> Verdict {
    guard found.kind == .integer, expected.countBounds.contains(found.integer) else { return .wrong }
    return found.integer == expected.count ? .right : .explained
  }

  private static func sum(_ found: ColumnValue, _ expected: ExpectedValue) -> Verdict {
    let value: Double
    switch found.kind {
    case .null where expected.countBounds.lowerBound <= 0: return expected.count == 0 ? .right : .explained
    case .integer: value = Double(found.integer)
    case .double: value = found.double
    default: return .wrong
    }
    // What additions in another order may round away.
    let tolerance = 1e-9 * expected.magnitude + 1e-9
    guard value >= expected.sumBounds.lowerBound - tolerance, value <= expected.sumBounds.upperBound + tolerance else {
      return .wrong
    }
    return abs(value - expected.sum.value) <= tolerance ? .right : .explained
  }

  private static func name(_ window: ExpectedWindows.Place) -> String { "'\(window.key)' at \(TimeText.rfc3339(window.start))" }

  private static func text(_ value: ColumnValue) -> String {
    switch value.kind {
    case .missing: "missing"
    case .null: "null"
    case .bool: value.bool ? "true" : "false"
    case .integer: String(value.integer)
    case .double: "\(value.double)"
    case .string, .composite: String(decoding: value.bytes, as: UTF8.self)
    }
  }
}

extension ColumnValue {
  fileprivate func isText(_ text: String) -> Bool { kind == .string && text.utf8.elementsEqual(bytes) }
}
