// `freshet explain PIPELINE` as a user runs it.

import Foundation
import TestSupport
import Testing

@Suite struct ExplainPipelineTests {
  private static let small = """
    kind: pipeline
    name: small
    sources:
      events: { event_time: { field: at, format: epoch_ms }, watermark: { lateness: 5s } }
    entities: { user: { key: id } }
    views:
      now:
        entity: user
        source: events
        features:
          seen:  { agg: count, where: "kind == 'view' and ok", window: { sliding: 1m, hop: 10s }, default: 0 }
          spent: { agg: sum, field: price, window: { sliding: 5m, hop: 10s } }
          last:  { agg: last, field: kind }
      total:
        entity: all
        source: events
        emit: { trigger: close }
        features: { n: { agg: count, window: { tumbling: 1m } } }
    """

  private func explain(_ arguments: [String]) throws -> ProgramOutcome { try Program.run("freshet", ["explain"] + arguments) }

  @Test func `says what a pipeline does and costs`() throws {
    let folder = TestFolder()
    let path = try folder.write(Self.small, as: "small.yaml")
    let outcome = try explain([path, "now", "--rate", "100/s", "--keys", "1k"])
    #expect(outcome.status == 0 && outcome.errors == "")
    for line in [
      "small: figures for 100/s over 1k keys, met evenly, every record taken by every where (--rate, --keys)",
      "  event time                at, as epoch_ms", "  decoded fields            id, price, kind, ok, at",
      "  entity                    user, by id",
      "  rows                      225/s at most, fv:now:<id>",
      "    seen                    count, sliding 1m hop 10s, else 0, where kind and ok say so",
      "    spent                   sum of price, sliding 5m hop 10s, every record",
      "    last                    last of kind, no window, every record",
      "                            24 B per key; panes its own",
      "    panes of 10s            60 B a node, up to 31 a key, 19.33 on average, for 2 features",
      "  keys of user              shared by now",
    ] { #expect(outcome.text.contains(line + "\n"), "\(line)") }
    #expect(!outcome.text.contains("total"))
  }

  @Test func `sessions go by the watermark, also where values are current`() throws {
    let text = Self.small.replacing("{ agg: last, field: kind }", with: "{ agg: last, field: kind, window: { session: 30s } }")
    let folder = TestFolder()
    let outcome = try explain([folder.write(text, as: "small.yaml"), "now"])
    for line in [
      "  freshness                 a record shows within 200ms of being read; what leaves a window does so at its hop or its session's end, and the watermark's lateness costs nothing",
      "  late                      a record that no feature can show any more and whose session the watermark has passed: those 5s behind may be",
    ] { #expect(outcome.text.contains(line + "\n"), "\(outcome.text)") }
  }

  @Test func `the same as numbers`() throws {
    let folder = TestFolder()
    let path = try folder.write(Self.small, as: "small.yaml")
    let outcome = try explain([path, "--rate", "100/s", "--keys", "1k", "--output", "json"])
    let document = try #require(try JSONSerialization.jsonObject(with: outcome.output) as? [String: Any])
    let source = (document["sources"] as! [[String: Any]])[0]
    let views = source["views"] as! [[String: Any]]
    #expect(views.map { $0["name"] as! String } == ["now", "total"])
    #expect(views[1]["entity"] == nil && views[1]["freshnessMilliseconds"] as? Int == 5000)
    #expect(abs((views[1]["rowsPerSecond"] as! Double) - 1.0 / 60) < 1e-9)
    let features = views[0]["features"] as! [[String: Any]]
    #expect(features[0]["sharesPanesWith"] as? [String] == ["now.spent"] && features[0]["stateBytes"] as? Int == 8)
    #expect((source["state"] as! [[String: Any]]).count == 2)
    let one = try explain([path, "now.spent", "--output", "json"])
    #expect(one.text.contains("\"spent\"") && !one.text.contains("\"seen\""))
  }

  @Test func `the shipped pipeline is explained, also to a reader that leaves`() throws {
    let outcome = try explain(["Pipelines/shop_features.yaml"])
    #expect(outcome.status == 0)
    #expect(
      outcome.text.contains("    a row appears 30s after") || outcome.text.contains("a row appears 30s after its window's end"))
    let piped = try Program.run(
      "sh", ["-c", "\"$0\" explain Pipelines/shop_features.yaml | head -1; exit ${PIPESTATUS:-0}", Products.executable("freshet")])
    #expect(piped.status == 0 && piped.errors == "" && piped.lines.count == 1)
  }

  @Test(arguments: [
    (
      ["Pipelines/shop_features.yaml", "user_activty"],
      "pipeline 'shop_features' has no view 'user_activty'; did you mean 'user_activity'?; it has 'user_activity', 'user_windows'"
    ),
    (
      ["Pipelines/shop_features.yaml", "user_windows.view"],
      "view 'user_windows' has no feature 'view'; did you mean 'views'?; it has 'views', 'revenue'"
    ),
    (["Pipelines/shop_features.yaml", "--rate", "5"], "--rate: expected a rate like 200/s, 5k/s or 1.5M/s, found '5'"),
    (["Pipelines/shop_features.yaml", "--keys", "0"], "--keys: expected a count like 500, 20k or 1.5M, found '0'"),
    (
      ["Pipelines/shop_features.yaml", "--seed", "1"],
      "--seed: goes with a schema, and 'Pipelines/shop_features.yaml' is a pipeline"
    ),
    (
      ["Schemas/orders.yaml", "--rate", "1/s"],
      "--rate: goes with a pipeline, and 'Schemas/orders.yaml' is a schema, which has a rate and keys of its own"
    ),
    (["Schemas/orders.yaml", "a.b"], "'a.b': a view goes with a pipeline, and 'Schemas/orders.yaml' is a schema"),
  ])
  func `what cannot be explained is refused`(arguments: [String], message: String) throws {
    let outcome = try explain(arguments)
    #expect(outcome.status == 64)
    #expect(outcome.errors == "freshet: error: \(message)\n")
  }
}
