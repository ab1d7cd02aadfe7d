// Computed fields, keys and features from a pipeline's words to rows, whatever the batches.

import Base
import Configuration
import Features
import Records
import Testing

@testable import Processing

@Suite struct ComputedFeatureTests {
  private func read(_ views: String) throws -> PipelineDefinition {
    let diagnostics = Diagnostics(file: "p")
    let definition = PipelineReader.read(
      text: """
        kind: pipeline
        name: p
        sources:
          s:
            event_time: { field: ts, format: epoch_ms }
            fields:
              gross: "price * 2"
              kind: "case when gross >= 10 then upper(label) else 'small' end"
              ten: "date_trunc('second', ts) / 10000"
        entities:
          user: { key: user }
          pair: { key: { expr: "concat(user, ':', kind)" } }
          kind: { key: kind }
        views:
        \(views)
        """, diagnostics: diagnostics)
    #expect(diagnostics.all.map(\.description) == [])
    return try #require(definition)
  }

  private static let lines = [
    #"{"ts":1000,"user":"a","price":2,"label":"x"}"#, #"{"ts":2000,"user":"a","price":5,"label":"é"}"#,
    #"{"ts":3000,"user":"b","price":50,"label":"é"}"#, #"{"ts":4000,"user":"a","price":"dear","label":"x"}"#,
    #"{"ts":5000,"user":"a","price":7.5,"label":"é"}"#, #"{"ts":6000,"user":"c"}"#,
  ]

  @Test(arguments: [1, 2, 100]) func `rows hold computed keys and features in the order of the view`(batchCount: Int) throws {
    let definition = try read(
      """
        w:
          entity: pair
          source: s
          emit: { trigger: close }
          features:
            share: { expr: "dear / n" }
            n: { agg: count, window: { tumbling: 10s } }
            word: { expr: "concat(last_label, '!', n)", default: nobody }
            dear: { agg: count, where: "gross > 10", window: { tumbling: 10s } }
            spend: { agg: sum, field: gross, window: { tumbling: 10s } }
            last_label: { agg: last, field: { expr: "replace(label, 'x', 'long text')" }, window: { tumbling: 10s } }
            again: { expr: "last_label" }
            tail: { expr: "substring(last_label, 6)" }
      """)
    let run = try runWorker(definition, ScriptedSource(lines: Self.lines, batchCount: batchCount))
    #expect(run.store.rows.map(\.key) == ["a:small", "a:É", "b:É", "c:small"])
    #expect(
      run.store.rows.map(\.values) == [
        [
          "share": "0.0", "n": "2", "word": "long text!2", "dear": "0", "spend": "4", "last_label": "long text",
          "again": "long text",
          "tail": "text",
        ],
        ["share": "0.5", "n": "2", "word": "é!2", "dear": "1", "spend": "25.0", "last_label": "é", "again": "é", "tail": ""],
        ["share": "1.0", "n": "1", "word": "é!1", "dear": "1", "spend": "100", "last_label": "é", "again": "é", "tail": ""],
        [
          "share": "0.0", "n": "1", "word": "nobody", "dear": "0", "spend": "null", "last_label": "null", "again": "null",
          "tail": "null",
        ],
      ])
    // "dear" * 2, in the field and in the key that is made of it.
    #expect(run.counts.ledger.count(of: .expressionMismatch) > 0)
  }

  @Test(arguments: [1, 3]) func `a change view shows derived features with defaults before and after`(batchCount: Int) throws {
    let definition = try read(
      """
        v:
          entity: user
          source: s
          emit: { every: 10s }
          features:
            big: { agg: sum, field: gross, where: "gross > 14", window: { tumbling: 1m }, default: 0 }
            big_n: { agg: count, where: "gross > 14", window: { tumbling: 1m } }
            mean_big: { expr: "big / big_n", on_divide_by_zero: -1 }
            plain: { expr: "big / big_n" }
            other: { expr: "big / big_n", default: 7 }
            flag: { expr: "mean_big > 0 and big > 0" }
            n: { agg: count, window: { tumbling: 1m } }
      """)
    let run = try runWorker(definition, ScriptedSource(lines: Self.lines, batchCount: batchCount))
    #expect(
      run.store.rows.map {
        ["\($0.key ?? "")"] + ["big", "mean_big", "plain", "other", "flag"].map { [values = $0.values] in values[$0] ?? "?" }
      } == [
        ["a", "15.0", "15.0", "15.0", "15.0", "true"], ["b", "100", "100.0", "100.0", "100.0", "true"],
        ["c", "0", "-1", "null", "7", "false"],
      ])
    #expect(run.counts.ledger.count(of: .divisionByZero) == 0)
  }

  @Test func `computed fields serve as keys, in conditions and as inputs, and are made once`() throws {
    let definition = try read(
      """
        k:
          entity: kind
          source: s
          where: "ten < 1 and user != 'c'"
          emit: { trigger: close }
          features:
            n: { agg: count, field: ten, window: { tumbling: 10s } }
            dearest: { agg: max, field: gross, window: { tumbling: 10s } }
      """)
    let plan = try ProcessingPlan(definition, source: 0)
    #expect(plan.paths.map(\.description).sorted() == ["label", "price", "ts", "user"])
    #expect(plan.computedFields.map(\.path.description) == ["gross", "kind", "ten"])
    let run = try runWorker(definition, ScriptedSource(lines: Self.lines, batchCount: 4))
    #expect(run.store.rows.map(\.key) == ["small", "É"])
    #expect(run.store.rows.map { [$0.values["n"], $0.values["dearest"]] } == [["2", "4"], ["3", "100"]])
  }
}
