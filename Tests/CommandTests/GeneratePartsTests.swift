// One stream by several processes or in several runs, at loads that change, and at the highest rate.

import Foundation
import TestSupport
import Testing

@Suite struct GeneratePartsTests {
  private static let whole = ["--seed", "7", "--from", "2026-01-01T00:00:00Z"]

  private func generate(_ arguments: [String]) throws -> ProgramOutcome {
    try Program.run("freshet", ["generate", "Schemas/clickstream.yaml"] + Self.whole + arguments)
  }

  private func inRealTime(_ arguments: [String]) throws -> ProgramOutcome {
    try Program.run("freshet", ["generate", "Schemas/clickstream.yaml"] + arguments)
  }

  @Test func `shards of several processes are the stream, whatever their threads`() throws {
    let stream = try generate(["--for", "2m"]).lines
    let shards = try (0..<3).map { try generate(["--for", "2m", "--shard", "\($0)/3", "--threads", "\($0 + 1)"]).lines }
    #expect(stream.count > 10_000)
    #expect(shards.flatMap { $0 }.sorted() == stream.sorted())
  }

  @Test func `runs that resume are the stream, and one that is complete adds nothing`() throws {
    let folder = TestFolder()
    let place = folder.file("place.json")
    let stream = try generate(["--count", "3000"]).lines
    var parts: [Substring] = []
    for count in ["1000", "1500", "3000"] {
      let part = try generate(["--count", count, "--resume", place])
      #expect(part.status == 0)
      parts += part.lines
    }
    #expect(parts == stream)
    #expect(try generate(["--count", "3000", "--resume", place]).output.isEmpty)
  }

  @Test func `a resumed run does not replace what the stream had before`() throws {
    let folder = TestFolder()
    let (place, path) = (folder.file("place.json"), folder.file("a.ndjson"))
    #expect(try generate(["--count", "10", "--resume", place, "--to", "file:\(path)"]).status == 0)
    let earlier = try String(contentsOfFile: path, encoding: .utf8)
    let refused = try generate(["--count", "20", "--resume", place, "--to", "file:\(path)"])
    #expect(refused.status == 74)
    #expect(
      refused.errors
        == "freshet: error: '\(path)' holds records of the stream's earlier part, which a resumed run would replace; expected another path, or --to stdout >> \(path)\n"
    )
    #expect(try String(contentsOfFile: path, encoding: .utf8) == earlier)
    #expect(try generate(["--count", "20", "--resume", place, "--to", "file:\(folder.file("b.ndjson"))"]).status == 0)
  }

  @Test func `a place in another stream is refused`() throws {
    let folder = TestFolder()
    let place = folder.file("place.json")
    _ = try generate(["--count", "10", "--resume", place])
    let other = try generate(["--count", "20", "--resume", place, "--shard", "0/2"])
    #expect(other.status == 78)
    #expect(
      other.errors
        == "freshet: error: --resume: '\(place)' is the place in another stream (Schemas/clickstream.yaml): the schema, --seed, --rate, --load, --shard or --stream differ\n"
    )
    try Data("{}".utf8).write(to: URL(fileURLWithPath: place))
    #expect(
      try generate(["--count", "20", "--resume", place]).errors
        == "freshet: error: --resume: '\(place)' is not the state of a stream; expected a file that --resume has written\n")
  }

  @Test func `a run that is interrupted leaves its place, and the next goes on in time`() throws {
    let folder = TestFolder()
    let place = folder.file("place.json")
    let command =
      "for i in 1 2; do timeout -s INT 1 \(Products.executable("freshet")) generate Schemas/clickstream.yaml --rate 2k/s --resume \(place); done"
    let lines = try Program.run("sh", ["-c", command]).lines
    let identifiers = Set(lines.compactMap { $0.split(separator: "\"").dropFirst(3).first })
    #expect(identifiers.count == lines.count)
    let state = try JSONSerialization.jsonObject(with: Data(contentsOf: URL(fileURLWithPath: place))) as? [String: Any]
    #expect(state?["records"] as? Int == lines.count)
  }

  @Test func `a load may change over time`() throws {
    let outcome = try generate(["--load", "{ ramp: { from: 0/s, to: 200/s, over: 10s } }", "--for", "10s"])
    #expect(outcome.lines.count == 1000)
    let early = outcome.lines.filter { line in
      for second in 0..<5 where line.contains(#""timestamp":"2026-01-01T00:00:0\#(second)"#) { return true }
      return false
    }
    #expect(early.count == 250)
  }

  @Test func `the highest rate is found, with what limits it`() throws {
    let outcome = try inRealTime(["--rate", "max", "--to", "null"])
    #expect(outcome.status == 0)
    #expect(outcome.errors.contains("  highest sustained rate: "))
    #expect(outcome.errors.contains("; generating limits it: only "))
  }

  static let refused: [(arguments: [String], message: String)] = [
    (["--shard", "3/3"], "--shard: expected a part like 0/4, the first of four, found '3/3'"),
    (["--threads", "0"], "--threads: expected a number of threads from 1 to 64, found '0'"),
    (
      ["--rate", "max", "--for", "1s"],
      "--rate max: the search takes about half a minute; expected --for 20s or longer, found '1s'"
    ),
    (["--stream", "click"], "--stream: no stream 'click'; expected clickstream"),
    (["--rate", "1/s", "--load", "2/s"], "--rate and --load: expected one of them, found both"),
    (["--load", "{ rmp: 1 }"], "--load:1:3: error[unknown-field]: unknown field 'rmp' in a load; did you mean 'ramp'?"),
    (
      ["--rate", "max"],
      "--rate max: the rate is looked for in real time, so --from and --until cannot be given; --for says how long"
    ),
  ]

  @Test(arguments: refused) func `what cannot be done is refused`(arguments: [String], message: String) throws {
    let outcome = try generate(arguments)
    #expect(outcome.status == 64)
    #expect(outcome.errors.contains(message), "\(outcome.errors)")
  }
}
