// One golden case: the input in the order of its arrival, the query as data, and the rows. `expected.ndjson` is what Flink gave; where there is a
// `freshet.ndjson` as well, Freshet differs on purpose, and these are the rows that its own rule gives:
//
//   avg_int_vs_double                a mean is a double, also of integers
//   first_last_value_arrival_order   `first` and `last` go by event time, then by arrival
//   sum_int_overflow_wraps           integers are of 64 bits; an overflow makes the sum null
//   tumble_negative_wm_quirk         a watermark has no floor at 0
//   tumble_null_key                  a record without a key is counted as keyless, and not aggregated

import Features
import Foundation
import Testing
import Windowing

struct GoldenCase: Sendable, CustomTestStringConvertible {
  var name: String
  private var folder: URL
  var testDescription: String { name }

  static let all: [GoldenCase] = {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Golden")
    let names = try! FileManager.default.contentsOfDirectory(atPath: root.path).sorted()
    return names.map { GoldenCase(name: $0, folder: root.appendingPathComponent($0)) }
  }()

  var isDifferent: Bool { FileManager.default.fileExists(atPath: folder.appendingPathComponent("freshet.ndjson").path) }

  func lines(_ file: String) throws -> [String] {
    try String(contentsOf: folder.appendingPathComponent(file), encoding: .utf8).split(separator: "\n").map(String.init)
  }

  /// Whether every record has a key, and none is older than the watermark when it comes: then no window has closed that it belongs to,
  /// whichever other records have come before.
  var keepsItsRowsByKey: Bool {
    get throws {
      let query = try query()
      guard query["keyed"] as? Bool ?? true else { return false }
      let lateness = Int64(try #require(query["bound_ms"] as? Int))
      var watermark = Int64.min
      for line in try lines("input.ndjson") {
        let record = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        guard record["k"] is String, let time = record["ts"] as? Int64, time > watermark else { return false }
        watermark = max(watermark, time - lateness)
      }
      return true
    }
  }

  // MARK: The query

  private func query() throws -> [String: Any] {
    let data = try Data(contentsOf: folder.appendingPathComponent("case.json"))
    return try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
  }

  /// The case as a pipeline with one `close` view; what Freshet has no aggregate for (`SUM(DISTINCT)`) is left out.
  func pipeline() throws -> PipelineDefinition {
    let query = try query()
    let window = try window(query)
    let features = try #require(query["aggs"] as? [[String]]).compactMap { aggregate -> FeatureDefinition? in
      let pattern =
        /(\w+)\((DISTINCT )?(?:CAST\()?(\*|\w+)(?: AS DOUBLE\))?\)(?: FILTER \(WHERE (\w+) = ('\w+')\))?/
      let match = try #require(try pattern.wholeMatch(in: aggregate[2]), "an aggregate of another form: \(aggregate[2])")
      if match.1 == "SUM", match.2 != nil { return nil }
      let function = try #require(Self.function(String(match.1), isDistinct: match.2 != nil), "no aggregate for \(aggregate[2])")
      return feature(
        aggregate[0], function, match.3 == "*" ? nil : String(match.3), where: match.4.map { "\($0) == \(match.5!)" },
        window: window)
    }
    return ProcessingTests.pipeline(
      [view("v", .close, keyed: query["keyed"] as? Bool ?? true, features)],
      lateness: Int64(try #require(query["bound_ms"] as? Int)))
  }

  private func window(_ query: [String: Any]) throws -> WindowSpecification {
    let window = try #require(query["window"] as? [Any])
    let lengths = window.dropFirst().compactMap { ($0 as? Int).map(Int64.init) }
    switch try #require(window[0] as? String) {
    case "tumble": return .tumbling(size: lengths[0], offset: lengths[1])
    case "hop": return .sliding(size: lengths[0], hop: lengths[1], offset: lengths.count > 2 ? lengths[2] : 0)
    case "cumulate": return .cumulating(max: lengths[0], step: lengths[1], offset: lengths.count > 2 ? lengths[2] : 0)
    default: return .session(gap: lengths[0])
    }
  }

  private static func function(_ name: String, isDistinct: Bool) -> AggregateFunction? {
    switch (name, isDistinct) {
    case ("COUNT", true): AggregateFunction(rawValue: "distinct")
    case (_, true): nil
    case ("AVG", _): .mean
    case ("FIRST_VALUE", _): AggregateFunction(rawValue: "first")
    case ("LAST_VALUE", _): .last
    default: AggregateFunction(rawValue: name.lowercased())
    }
  }

  // MARK: The rows

  /// Checks rows against the case's, each of them `copies` times.
  func expect(_ actual: [MemoryStore.Row], copies: Int = 1, _ comment: Comment? = nil) throws {
    let names = Set(try pipeline().views[0].features.map(\.name))
    let expected = try lines(isDifferent ? "freshet.ndjson" : "expected.ndjson").map { line in
      let json = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
      return MemoryStore.Row(
        view: "v", key: json["k"] as? String, start: json["window_start"] as? Int64, end: json["window_end"] as? Int64, asOf: 0,
        values: json.filter { names.contains($0.key) }.mapValues(Self.canonical))
    }
    func counted(_ rows: [MemoryStore.Row]) -> [MemoryStore.Row: Int] { rows.reduce(into: [:]) { $0[$1, default: 0] += 1 } }
    #expect(counted(actual.map(Self.comparable)) == counted(expected).mapValues { $0 * copies }, comment)
  }

  private static func comparable(_ row: MemoryStore.Row) -> MemoryStore.Row {
    var row = row
    row.asOf = 0
    row.values = row.values.mapValues(canonical)
    return row
  }

  /// One text for equal numbers, whatever their type; doubles to twelve digits, as sums of panes may round differently.
  private static func canonical(_ value: Any) -> String {
    if value is NSNull { return "null" }
    let text = "\(value)"
    guard Int64(text) == nil, let number = Double(text) else { return text }
    if number == number.rounded(), abs(number) < 9e15 { return "\(Int64(number))" }
    return String(format: "%.12g", number)
  }
}
