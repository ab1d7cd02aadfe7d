// How commands end when something is wrong, with the exit codes that scripts rely on.

import Foundation
import TestSupport
import Testing

private let pipeline = "Pipelines/shop_features.yaml"
private let schema = "Schemas/clickstream.yaml"

@Suite struct FailureTests {
  @Test(arguments: [
    (["generate", schema, "--from", "0", "--count", "5000"], "stdout"),
    (["process", pipeline, "--from", "-", "--to", "stdout"], "stdout"),
  ])
  func `a full disk behind stdout ends with 74`(arguments: [String], name: String) throws {
    let events = try Program.run("freshet", ["generate", schema, "--from", "0", "--count", "5000"])
    let outcome = try Program.run("freshet", arguments, input: .bytes(events.output), output: "/dev/full")
    #expect(outcome.status == 74)
    #expect(outcome.errors.contains("freshet: error: cannot write to \(name) after 0 bytes: No space left on device\n"))
  }

  @Test func `a full disk behind a file ends with 74`() throws {
    let outcome = try Program.run("freshet", ["generate", schema, "--count", "5000", "--to", "file:/dev/full"])
    #expect(outcome.status == 74)
    #expect(outcome.errors.contains("freshet: error: cannot write to file:/dev/full after 0 bytes: No space left on device\n"))
  }

  @Test func `a closed pipe ends both commands quietly with 0`() throws {
    let freshet = Products.executable("freshet")
    for command in [
      "\(freshet) generate \(schema) --from 0 | head -1",
      "\(freshet) generate \(schema) --from 0 2>/dev/null | \(freshet) process \(pipeline) --from - --to stdout | head -1",
    ] {
      let outcome = try Program.run("bash", ["-c", "set -o pipefail; \(command)"])
      #expect(outcome.status == 0)
      #expect(outcome.lines.count == 1)
      #expect(outcome.errors.isEmpty)
    }
  }

  @Test(
    arguments: [
      (["process", pipeline, "--frm", "-"], 64, "Unknown option '--frm'"),
      (["process", pipeline, "--from", "ftp://x", "--to", "null"], 64, "--from: expected kafka, kafka://HOST:PORT"),
      (["process", pipeline, "--from", "-", "--to", "ftp://x"], 64, "--to: expected redis, redis://"),
      (["process", pipeline, "--from", "-", "--to", "redis://h:x"], 64, "redis://h:x"),
      (
        ["process", pipeline, "--from", "-", "--to", "null", "--view", "nope"], 64,
        "has no view 'nope'; it has 'user_activity', 'user_windows'"
      ),
      (["process", pipeline, "--from", "-", "--to", "null", "--workers", "2"], 64, "--workers: only Kafka can be read by several"),
      (["process", pipeline, "--from", "kafka://broker", "--to", "null"], 64, "no topic"),
      (
        ["process", pipeline, "--from", "file:no-such-file", "--to", "null"], 66,
        "cannot open 'no-such-file': No such file or directory"
      ),
      (["process", pipeline, "--from", "file:Schemas", "--to", "null"], 66, "Is a directory"),
      (["process", "no-such-file.yaml"], 66, "no-such-file.yaml: no such file"),
      (["generate", "no-such-file.yaml"], 66, "no-such-file.yaml: no such file"),
      (["generate", schema, "--to", "ftp://x"], 64, "--to: expected stdout, null, file:PATH, kafka://HOST:PORT"),
      (
        ["generate", schema, "--count", "1", "--to", "file:/no/such/folder/x"], 74,
        "cannot create '/no/such/folder/x': No such file"
      ),
      (["generate"], 64, "Missing expected argument '<schema>'"),
      (["demo", "--for", "soon"], 64, "--for: expected a duration like"),
      (["frobnicate"], 64, "frobnicate"),
    ] as [([String], Int32, String)])
  func `a wrong command line or a missing file has its exit code`(arguments: [String], status: Int32, message: String) throws {
    let outcome = try Program.run("freshet", arguments)
    #expect(outcome.status == status)
    #expect(outcome.errors.contains(message), "\(outcome.errors)")
    #expect(outcome.output.isEmpty)
  }

  @Test func `a broken file ends with 78 and the place`() throws {
    let folder = TestFolder()
    let text = try String(contentsOfFile: "\(Products.packageFolder)/\(schema)", encoding: .utf8)
    let copy = try folder.write(text.replacingOccurrences(of: "seed: 42", with: "seed: x"), as: "broken.yaml")
    let generated = try Program.run("freshet", ["generate", copy, "--count", "1"])
    #expect(generated.status == 78)
    let line = try #require(text.components(separatedBy: "\n").firstIndex(of: "seed: 42")) + 1
    #expect(generated.errors.contains("broken.yaml:\(line):7: error[wrong-type]: 'seed': expected a whole number, found 'x'\n"))
    #expect(generated.output.isEmpty)
    let pipeline = try ShopPipeline(in: folder, replacing: ["agg: mean": "agg: maen"])
    let processed = try Program.run("freshet", ["process", pipeline.path, "--from", "-", "--to", "stdout"])
    #expect(processed.status == 78)
    #expect(processed.errors.contains("shop_features.yaml:42:31: error[wrong-value]: 'agg' of feature 'avg_price_1h'"))
    #expect(processed.errors.contains("did you mean 'mean'?\n"))
  }

  @Test func `a Kafka or a Redis that nobody serves ends with 69 and its address`() throws {
    let runs = try [
      Program("freshet", ["generate", schema, "--count", "1", "--to", "kafka://127.0.0.1:1/clicks"]),
      Program("freshet", ["process", pipeline, "--from", "kafka://127.0.0.1:1/clicks", "--to", "null"]),
      Program("freshet", ["process", pipeline, "--from", "-", "--to", "redis://127.0.0.1:1"]),
    ]
    for (run, address) in zip(
      runs, ["kafka://127.0.0.1:1/clicks: no Kafka broker", "kafka://127.0.0.1:1/clicks: no", "redis://127.0.0.1:1: "])
    {
      let outcome = run.wait(timeout: 60)
      #expect(outcome.status == 69)
      #expect(outcome.errors.contains("freshet: error: \(address)"))
      #expect(outcome.errors.contains("Connection refused"))
    }
  }
}
