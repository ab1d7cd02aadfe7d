// A pipeline whose views have every aggregate and every window, streams of it that are drawn from a seed, and what a request would be answered.

import Base
import Configuration
import Features
import Records
import Testing

@testable import Processing

enum RecentEventsHarness {
  static func read(_ text: String) throws -> PipelineDefinition {
    let diagnostics = Diagnostics(file: "p")
    let definition = PipelineReader.read(text: text, diagnostics: diagnostics)
    #expect(diagnostics.all.map(\.description) == [])
    return try #require(definition)
  }

  /// One view per window, each with every aggregate.
  static func everything(maxEvents: Int = 1000) throws -> PipelineDefinition {
    let windows = [
      "tumbling": "{ tumbling: 10s, offset: 3s }", "sliding": "{ sliding: 12s, hop: 3s }", "fine": "{ sliding: 2s, hop: 1s }",
      "cumulating": "{ cumulate: 20s, step: 5s }", "session": "{ session: 4s }", "ever": "none",
    ]
    let aggregates = [
      "n": "agg: count", "some": "agg: count, field: d.text", "whole": "agg: sum, field: n", "part": "agg: sum, field: x",
      "least": "agg: min, field: n", "most": "agg: max, field: x", "middle": "agg: mean, field: x",
      "spread": "agg: stddev, field: n", "of": "agg: variance, field: x", "begin": "agg: first, field: d.text",
      "end": "agg: last, field: x", "span": "agg: elapsed", "kinds": "agg: distinct, field: n",
      "about": "agg: approx_distinct, field: d.text", "half": "agg: quantile, q: 0.5, field: x",
      "often": "agg: top_k, k: 2, field: d.text", "recent": "agg: collect, n: 3, field: d.text",
      "lists": "agg: collect, n: 2, field: d.list", "big": "agg: sum, field: { expr: \"n * 2 + 1\" }",
      "keys": "agg: last, field: $key", "late": "agg: max, field: $timestamp",
    ]
    let views = windows.sorted { $0.key < $1.key }.map { name, window in
      var lines = ["\(name):", "  entity: user", "  source: s", "  lanes: [nrt, rt]", "  rt: { max_events: \(maxEvents) }"]
      if name == "fine" { lines.append("  where: \"kind != 'none'\"") }
      lines.append("  features:")
      for (feature, aggregate) in aggregates.sorted(by: { $0.key < $1.key }) {
        let isWanted = feature == "n" ? ", where: \"d.flag or n > 3\"" : ""
        let isDefault = feature == "whole" ? ", default: 0" : ""
        lines.append("    \(feature): { \(aggregate)\(isWanted)\(isDefault), window: \(window) }")
      }
      lines.append("    ratio: { expr: \"whole / some\", on_divide_by_zero: -1 }")
      return lines.map { "  \($0)" }.joined(separator: "\n")
    }
    return try read(
      """
      kind: pipeline
      name: p
      sources:
        s:
          event_time: { field: ts, format: epoch_ms }
          watermark: { lateness: 4s }
          fields:
            kind: "case when n >= 0 then d.text else 'none' end"
      entities:
        user: { key: user }
      views:
      \(views.joined(separator: "\n"))
      """)
  }

  /// Records that come up to 3.9 s late, of three users.
  static func stream(seed: UInt64, count: Int) -> [TestRecord] {
    var random = Random(state: seed)
    var time: Int64 = 1_000_000
    let texts = [#""a""#, #""b \"q\" \\ é\u0001""#, #""""#, "null", #""c\n""#, "7"]
    let numbers = ["1", "5", "-3", "0", "null", "true", "2.0", "9007199254740993"]
    let doubles = ["1.5", "3.0", "-0.25", "1e3", "null", "4", "0.1"]
    let lists = ["[1, 2]", #"{"a": [null]}"#, "[]", "null"]
    func pick(_ texts: [String]) -> String { texts[Int(random.integer(in: 0...Int64(texts.count - 1)))] }
    return (0..<count).map { index in
      time += random.integer(in: 0...2) == 0 ? random.integer(in: 0...9000) : random.integer(in: 0...300)
      let ts = time - (random.integer(in: 0...3) == 0 ? random.integer(in: 0...3900) : 0)
      var fields = [#""ts":\#(ts)"#, #""user":\#(pick([#""u1""#, #""ü 2""#, "3"]))"#]
      if random.integer(in: 0...9) > 0 { fields.append(#""n":\#(pick(numbers))"#) }
      if random.integer(in: 0...9) > 0 { fields.append(#""x":\#(pick(doubles))"#) }
      if random.integer(in: 0...9) > 0 {
        fields.append(
          #""d":{"text":\#(pick(texts)),"other":[1],"list":\#(pick(lists)),"flag":\#(pick(["true", "false", "null"]))}"#)
      }
      if random.integer(in: 0...19) == 0 { fields.append(#""d":4"#) }
      let location = SourceLocation(line: 1, column: 1)
      return TestRecord(
        value: "{\(fields.joined(separator: ", "))}", key: index % 3 == 0 ? nil : "k\(index)", timestamp: ts + 7, location: location
      )
    }
  }
}

extension RecentEventsView {
  /// A request's answer, a row per view.
  func rows(_ elements: [String], key: String?, at now: Int64, _ pipeline: PipelineDefinition) throws -> (
    rows: [MemoryRowStore.Row], reading: Reading
  ) {
    let output = FeatureRowBatch()
    begin()
    for element in elements { Array(element.utf8).withUnsafeBufferPointer { add($0) } }
    let reading =
      try key.map { key in try Array(key.utf8).withUnsafeBufferPointer { try compute(key: $0, at: now, into: output) } }
      ?? compute(key: nil, at: now, into: output)
    let store = MemoryRowStore(pipeline.views.map { StoredView($0, entities: pipeline.entities) })
    _ = try store.write(output, at: [])
    return (store.rows, reading)
  }
}
