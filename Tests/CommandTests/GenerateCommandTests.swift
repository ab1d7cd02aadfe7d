// `freshet generate` as a user runs it: what it writes where, and how it ends.

import Foundation
import TestSupport
import Testing

@Suite struct GenerateCommandTests {
  private func run(_ command: [String], environment: [String: String] = [:]) throws -> ProgramOutcome {
    try Program.run("sh", ["-c", command.joined(separator: " ")], environment: environment)
  }

  private func generate(_ arguments: String..., environment: [String: String] = [:]) throws -> ProgramOutcome {
    try run([Products.executable("freshet"), "generate", "Schemas/clickstream.yaml"] + arguments, environment: environment)
  }

  @Test func `the same seed and start give the same lines, and only lines go to stdout`() throws {
    let first = try generate("--count 200 --from 2026-01-01T00:00:00Z")
    #expect(first.status == 0)
    #expect(first.lines.count == 200 && first.lines.allSatisfy { $0.hasPrefix("{") && $0.hasSuffix("}") })
    #expect(first.errors.hasPrefix("generated 200 events ("))
    #expect(try generate("--count 200 --from 1767225600000").output == first.output)
    #expect(try generate("--count 200 --from 1767225600000 --seed 7").output != first.output)
  }

  @Test func `the environment stands under the flags`() throws {
    let start = "--from 1767225600000"
    let seeded = try generate(start, "--count 20 --seed 7")
    #expect(
      try generate(start, environment: ["FRESHET_GENERATE_COUNT": "20", "FRESHET_GENERATE_SEED": "7"]).output == seeded.output)
    let over = try generate(
      start, "--count 20 --seed 7", environment: ["FRESHET_GENERATE_COUNT": "5", "FRESHET_GENERATE_SEED": "8"])
    #expect(over.output == seeded.output)
  }

  @Test func `a rate spaces simulated events exactly, up to the end`() throws {
    let outcome = try generate("--rate 4/s --from 2026-01-01T00:00:00Z --until 2026-01-01T00:00:10Z")
    #expect(outcome.lines.count == 40)
    for (index, line) in outcome.lines.enumerated() {
      let fraction = ["000", "250", "500", "750"][index % 4]
      #expect(line.contains("\"timestamp\":\"2026-01-01T00:00:0\(index / 4).\(fraction)Z\""))
    }
    #expect(outcome.errors.contains("asked 4/s of event time, achieved"))
  }

  @Test func `a rate alone means real time, and the lag is reported`() throws {
    let outcome = try generate("--rate 1000/s --count 5 --to null")
    #expect(outcome.status == 0)
    #expect(outcome.errors.contains("asked 1k/s, achieved"))
    #expect(outcome.errors.contains("behind schedule: p50"))
  }

  @Test func `a reader that has had enough ends the stream quietly`() throws {
    let outcome = try run([Products.executable("freshet"), "generate Schemas/clickstream.yaml --from 0 | head -n 2"])
    #expect(outcome.lines.count == 2)
    #expect(outcome.errors.isEmpty)
  }

  @Test func `events go to a broker and are confirmed`() throws {
    let outcome = try generate("--count 500 --to kafka://embedded/clicks")
    #expect(outcome.status == 0)
    #expect(outcome.errors.contains("delivered 500, failed 0"))
  }

  @Test(arguments: [
    (
      "--to pigeon",
      "freshet: error: --to: expected stdout, null, file:PATH, kafka://HOST:PORT[,HOST:PORT][/TOPIC] or http[s]://HOST[:PORT]/PATH, found 'pigeon'\n"
    ),
    ("--rate 5", "freshet: error: --rate: expected a rate like 5k/s, 200/m or 0.2/s, or max, found '5'\n"),
    ("--rate 0/s", "freshet: error: --rate: expected a rate from 0.000001/s to 1000M/s, found '0/s'\n"),
    ("--count many", "freshet: error: --count: expected a number of events like 500, 20k or 5M, found 'many'\n"),
    ("--to null -X a=b", "freshet: error: -X a=b: librdkafka properties go with --to kafka://...\n"),
    (
      "--from 2026-01-02T00:00:00Z --until 2026-01-01T00:00:00Z",
      "freshet: error: --until: the end 2026-01-01T00:00:00.000Z lies before the start 2026-01-02T00:00:00.000Z\n"
    ),
  ])
  func `what cannot be asked for is refused with what can`(arguments: String, message: String) throws {
    let outcome = try generate(arguments)
    #expect(outcome.status == 64)
    #expect(outcome.errors == message)
    #expect(outcome.text.isEmpty)
  }
}
