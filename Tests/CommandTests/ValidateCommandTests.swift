// `freshet validate` as a user runs it: what it prints where, and how it ends.

import Foundation
import TestSupport
import Testing

@Suite struct ValidateCommandTests {
  /// Runs among the package's files, or in a folder that holds `files`.
  private func validate(_ arguments: String..., files: [String: String] = [:]) throws -> ProgramOutcome {
    let folder = TestFolder()
    for (name, text) in files { try folder.write(text, as: name) }
    return try Program.run(
      "freshet", ["validate"] + arguments, directory: files.isEmpty ? Products.packageFolder : folder.path)
  }

  @Test func `the shipped files are sound`() throws {
    let outcome = try validate("Schemas/clickstream.yaml", "Schemas/page_views.yaml", "Pipelines/shop_features.yaml")
    #expect(outcome.status == 0)
    #expect(outcome.errors == "")
    #expect(
      outcome.text == """
        Schemas/clickstream.yaml: events schema 'clickstream': 3 entities, 7 states, 6 events, no errors
        Schemas/page_views.yaml: events schema 'page_views': 1 entity, 1 state, 1 event, no errors
        Pipelines/shop_features.yaml: pipeline 'shop_features': 1 source, 1 entity, 2 views, 10 features, no errors

        """)
  }

  @Test func `other programs' files are checked as they are run`() throws {
    let good = #"{"schema":{"id":"$uuid"},"sink":{"type":"yield"},"generator":{"rps":5,"num_records":3}}"#
    let outcome = try validate(
      "good.json", "bad.json", files: ["good.json": good, "bad.json": good.replacingOccurrences(of: "$uuid", with: "$uid")])
    #expect(outcome.status == 78)
    #expect(outcome.text == "good.json: stream schema 'good': 0 entities, 1 stream, no errors\n")
    #expect(outcome.errors.hasPrefix("bad.json:1:17: error[unknown-name]: field 'id': unknown generator '$uid'"))
  }

  @Test func `errors of all files go to stderr and end with 78`() throws {
    let outcome = try validate(
      "a.yaml", "b.yaml", "c.yaml", files: ["a.yaml": "kind: table\n", "b.yaml": "name: x\n", "c.yaml": "a: [\n"])
    #expect(outcome.status == 78)
    #expect(outcome.text == "")
    #expect(
      outcome.errors == """
        a.yaml:1:7: error[wrong-value]: 'kind': expected events, stream or pipeline, found 'table'
        b.yaml:1:1: error[missing-field]: missing field 'kind'; expected 'kind: events', 'kind: stream' or 'kind: pipeline'
        c.yaml:2:1: error[syntax]: did not find expected node content while parsing a flow node

        """)
  }

  @Test func `a missing file ends with 66`() throws {
    let outcome = try validate("no.yaml", "Schemas/page_views.yaml")
    #expect(outcome.status == 66)
    #expect(outcome.errors == "freshet: error: no.yaml: no such file\n")
    #expect(outcome.text.hasPrefix("Schemas/page_views.yaml: events schema"))
  }

  @Test func `findings come as JSON on stdout`() throws {
    let outcome = try validate("--output", "json", "a.yaml", files: ["a.yaml": "kind: table\n"])
    #expect(outcome.status == 78)
    #expect(outcome.errors == "")
    let findings = try #require(try JSONSerialization.jsonObject(with: Data(outcome.text.utf8)) as? [[String: Any]])
    #expect(findings.count == 1)
    #expect(findings[0]["line"] as? Int == 1)
    #expect(findings[0]["code"] as? String == "wrong-value")
    #expect(findings[0]["file"] as? String == "a.yaml")
  }

  @Test func `a schema that pipelines share is reported once`() throws {
    let pipeline =
      "kind: pipeline\nname: p\nsources: { s: { schema: s.yaml, event_time: { format: record } } }\n"
      + "views: { v: { entity: all, source: s, features: { n: { agg: count } } } }\n"
    let outcome = try validate("p.yaml", "s.yaml", files: ["p.yaml": pipeline, "s.yaml": "kind: events\nname: s\nentities: 1\n"])
    #expect(outcome.status == 78)
    #expect(outcome.errors.split(separator: "\n").filter { $0.contains("entities") }.count == 1)
  }
}
