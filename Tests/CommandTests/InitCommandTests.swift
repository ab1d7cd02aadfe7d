// `freshet init` as a user runs it: what it prints where, what it does not overwrite, and that what it writes is sound.

import Foundation
import TestSupport
import Testing

@Suite struct InitCommandTests {
  private func run(_ arguments: [String], in folder: TestFolder) throws -> ProgramOutcome {
    try Program.run("freshet", arguments, directory: folder.path)
  }

  @Test(arguments: ["sessions", "events", "stream"])
  func `the schema to begin with is sound`(_ kind: String) throws {
    let folder = TestFolder()
    let outcome = try run(["init", "--kind", kind, "--name", "shop", "--out", "shop.yaml"], in: folder)
    #expect(outcome.status == 0)
    #expect(outcome.text == "")
    #expect(
      outcome.errors
        == "wrote shop.yaml; freshet validate shop.yaml checks it, freshet generate shop.yaml --count 10 shows what it gives\n")
    let validated = try run(["validate", "shop.yaml"], in: folder)
    #expect(validated.status == 0)
    #expect(validated.text.contains("schema 'shop'"))
  }

  @Test func `a file that is there is only overwritten by force`() throws {
    let folder = TestFolder()
    try folder.write("mine\n", as: "a.yaml")
    let refused = try run(["init", "--out", "a.yaml"], in: folder)
    #expect(refused.status == 74)
    #expect(refused.errors == "freshet: error: a.yaml: is there already; --force overwrites it\n")
    #expect(try String(contentsOfFile: "\(folder.path)/a.yaml", encoding: .utf8) == "mine\n")
    #expect(try run(["init", "--out", "a.yaml", "--force"], in: folder).status == 0)
    #expect(try String(contentsOfFile: "\(folder.path)/a.yaml", encoding: .utf8).contains("name: example\n"))
  }

  @Test func `a converted file is sound, and what has no equal goes to stderr`() throws {
    let folder = TestFolder()
    try folder.write(
      #"{"type": "record", "name": "R", "fields": [{"name": "f", "type": {"type": "int", "arg.properties": {"odds": 1}}}]}"#,
      as: "r.avsc")
    let outcome = try run(["init", "--from", "r.avsc"], in: folder)
    #expect(outcome.status == 0)
    #expect(outcome.errors == "r.avsc:1:101: warning[no-effect]: field 'f': 'odds' has no effect on int\n")
    try folder.write(outcome.text, as: "r.yaml")
    #expect(try run(["validate", "r.yaml"], in: folder).text == "r.yaml: stream schema 'R': 0 entities, 1 stream, no errors\n")
  }

  @Test(arguments: [
    (["--from", "no.json"], 66, "freshet: error: no.json: no such file\n"),
    (["--from", "bad.json"], 78, "bad.json:1:7: error[syntax]: expected a value, found '}'\n"),
    (["--name", "a b"], 64, "freshet: error: --name: expected letters, digits, '_' and '-', found 'a b'\n"),
    (["--from", "bad.json", "--kind", "stream"], 64, "freshet: error: --kind: goes with a new schema, not with --from\n"),
  ])
  func `what goes wrong has its exit code`(_ arguments: [String], _ status: Int32, _ message: String) throws {
    let folder = TestFolder()
    try folder.write("{\"a\": }", as: "bad.json")
    let outcome = try run(["init"] + arguments, in: folder)
    #expect(outcome.status == status)
    #expect(outcome.errors == message)
    #expect(outcome.text == "")
  }

  @Test func `a sample is no schema to generate from`() throws {
    let folder = TestFolder()
    try folder.write("{\"a\": 1}\n{\"a\": 2}\n", as: "s.ndjson")
    let outcome = try run(["generate", "s.ndjson"], in: folder)
    #expect(outcome.status == 78)
    #expect(
      outcome.errors
        == "freshet: error: s.ndjson: is a sample of data, not a schema; freshet init --from s.ndjson infers one from it\n")
  }

  @Test func `a GlassGen configuration runs as it is, and options win over it`() throws {
    let folder = TestFolder()
    try folder.write(
      #"{"schema": {"n": "$intrange(5, 5)", "who": {"name": "$name"}}, "sink": {"type": "ndjson", "params": {"path": "o.ndjson"}}, "generator": {"rps": 200, "num_records": 10}}"#,
      as: "g.json")
    let outcome = try run(["generate", "g.json"], in: folder)
    #expect(outcome.status == 0)
    #expect(outcome.text == "")
    let lines = try String(contentsOfFile: "\(folder.path)/o.ndjson", encoding: .utf8).split(separator: "\n")
    #expect(lines.count == 10)
    #expect(lines.allSatisfy { $0.hasPrefix("{\"n\":5,\"who\":{\"name\":\"") })
    let other = try run(["generate", "g.json", "--to", "stdout", "--count", "3"], in: folder)
    #expect(other.status == 0)
    #expect(other.text.split(separator: "\n").count == 3)
  }
}
