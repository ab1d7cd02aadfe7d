// The results of Apache Flink SQL on the same input, for the windows and aggregates that are built: `Golden/<case>` holds the input, what
// Flink gave, and the query as data.

import Base
import Features
import Foundation
import Processing
import Testing
import Windowing

private struct GoldenCase: Sendable, CustomTestStringConvertible {
  var name: String
  var folder: URL
  var testDescription: String { name }

  static let all: [GoldenCase] = {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Golden")
    let names = try! FileManager.default.contentsOfDirectory(atPath: root.path).sorted()
    return names.map { GoldenCase(name: $0, folder: root.appendingPathComponent($0)) }
  }()

  func lines(_ file: String) throws -> [String] {
    try String(contentsOf: folder.appendingPathComponent(file), encoding: .utf8).split(separator: "\n").map(String.init)
  }

  /// The case as a pipeline with one `close` view; aggregates that are not built are left out, of both sides.
  func pipeline() throws -> (definition: PipelineDefinition, truncated: Set<String>) {
    let data = try Data(contentsOf: folder.appendingPathComponent("case.json"))
    let json = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
    let window = try #require(json["window"] as? [Any])
    let size = Int64(try #require(window[1] as? Int))
    let specification: WindowSpecification =
      window[0] as? String == "hop" ? .sliding(size: size, hop: Int64(try #require(window[2] as? Int))) : .tumbling(size: size)
    var truncated: Set<String> = []
    let features = try #require(json["aggs"] as? [[String]]).compactMap { aggregate -> FeatureDefinition? in
      let pattern = /(COUNT|SUM|MIN|MAX|AVG)\((?:CAST\()?(\*|\w+)(?: AS DOUBLE\))?\)(?: FILTER \(WHERE (\w+) = ('\w+')\))?/
      guard let match = try? pattern.wholeMatch(in: aggregate[2]) else { return nil }
      if match.1 == "AVG", aggregate[1] != "DOUBLE" { truncated.insert(aggregate[0]) }
      return feature(
        aggregate[0], match.1 == "AVG" ? .mean : AggregateFunction(rawValue: match.1.lowercased())!,
        match.2 == "*" ? nil : String(match.2),
        where: match.3.map { "\($0) == \(match.4!)" }, window: specification)
    }
    let keyed = json["keyed"] as? Bool ?? true
    return (
      Self.pipeline(features, keyed: keyed, lateness: Int64(try #require(json["bound_ms"] as? Int))), truncated
    )
  }

  private static func pipeline(_ features: [FeatureDefinition], keyed: Bool, lateness: Int64) -> PipelineDefinition {
    ProcessingTests.pipeline([view("v", .close, keyed: keyed, features)], lateness: lateness)
  }
}

@Suite struct `Results equal to Flink's` {
  @Test(arguments: GoldenCase.all, [1, 7, 4096])
  private func `the rows are those that Flink gave`(golden: GoldenCase, batchCount: Int) throws {
    let (definition, truncated) = try golden.pipeline()
    let run = try runWorker(definition, ScriptedSource(lines: try golden.lines("input.ndjson"), batchCount: batchCount))
    let names = Set(definition.views[0].features.map(\.name))
    let expected = try golden.lines("expected.ndjson").compactMap { line -> MemoryStore.Row? in
      let json = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
      // A record without a key is counted as keyless and not aggregated.
      if json.keys.contains("k"), json["k"] is NSNull { return nil }
      return MemoryStore.Row(
        view: "v", key: json["k"] as? String, start: json["window_start"] as? Int64, end: json["window_end"] as? Int64, asOf: 0,
        values: json.filter { names.contains($0.key) }.mapValues(canonical))
    }
    let actual = run.store.rows.map { row in
      var row = row
      row.asOf = 0
      for (name, value) in row.values {
        // Flink's average of integers is cut to an integer; ours is a double.
        row.values[name] = canonical(truncated.contains(name) ? (Double(value)!.rounded(.towardZero) as Any) : value)
      }
      return row
    }
    #expect(Set(actual) == Set(expected))
    #expect(actual.count == expected.count)
    #expect(actual.map { $0.end! } == actual.map { $0.end! }.sorted())
  }
}

/// One text for equal numbers, whatever their type; doubles to twelve digits, as sums of panes may round differently.
private func canonical(_ value: Any) -> String {
  if value is NSNull { return "null" }
  let text = "\(value)"
  guard let number = Double(text) else { return text }
  return String(format: "%.12g", number + 0)  // no negative zero
}
