// What `freshet generate` puts into a stream, seen from outside: by Foundation, by jq and by an oracle in Python.

import Foundation
import TestSupport
import Testing

@Suite struct StreamTests {
  private func generate(_ arguments: String, schema: String = "clickstream") throws -> ProgramOutcome {
    try Program.run("freshet", ["generate", "Schemas/\(schema).yaml"] + arguments.split(separator: " ").map(String.init))
  }

  @Test func `the same seed gives the same bytes and another seed others, all of them UTF-8 and JSON`() throws {
    let first = try generate("--count 20000 --seed 7 --from 2026-01-01T00:00:00Z")
    #expect(first.status == 0)
    #expect(try generate("--count 20000 --seed 7 --from 2026-01-01T00:00:00Z").output == first.output)
    #expect(try generate("--count 20000 --seed 8 --from 2026-01-01T00:00:00Z").output != first.output)

    #expect(String(data: first.output, encoding: .utf8) != nil)
    let lines = first.output.split(separator: 0x0a, omittingEmptySubsequences: false)
    #expect(lines.count == 20_001 && lines.last?.isEmpty == true)
    for line in lines.dropLast() {
      let record = try #require(try JSONSerialization.jsonObject(with: Data(line)) as? [String: Any])
      #expect(record["userId"] is String && record["timestamp"] is String)
    }
    #expect(try Program.run("jq", ["-e", "."], input: .bytes(first.output), output: "/dev/null").status == 0)
  }

  @Test(arguments: [
    ("--count 40000 --seed 3 --from 2026-01-01T08:00:00Z", []),
    ("--count 20000 --rate 50/s --from 2026-01-01T08:00:00Z", ["--from-the-middle"]),
  ])
  func `every session walks along the edges of its schema`(arguments: String, options: [String]) throws {
    let folder = TestFolder()
    let events = folder.file("events.ndjson")
    #expect(try generate("\(arguments) --to file:\(events)").status == 0)
    let verdict = try Program.run("python3", ["Tests/Oracles/sessions.py", events] + options)
    #expect(verdict.status == 0, "\(verdict.text)\(verdict.errors)")
    #expect(verdict.text.contains(" sessions checked, 0 findings"))
  }

  @Test(arguments: [
    ("--count 0 --from 0", 0...0),
    ("--count 1 --from 0", 1...1),
    ("--count 2500 --from 0", 2500...2500),
    ("--rate 100/s --for 10s --from 0", 1000...1000),
    ("--rate 100/s --for 10s --count 7 --from 0", 7...7),
    ("--rate 90/m --from 2026-01-01T00:00:00Z --until 2026-01-01T00:02:00Z", 180...180),
    ("--for 0s --from 0", 0...0),
    ("--from 0 --until 0", 0...0),
  ])
  func `a stream ends where it was told to`(arguments: String, counts: ClosedRange<Int>) throws {
    let outcome = try generate(arguments)
    #expect(outcome.status == 0)
    #expect(counts.contains(outcome.lines.count))
    let noun = outcome.lines.count == 1 ? "event" : "events"
    #expect(outcome.errors.hasPrefix("generated \(outcome.lines.count) \(noun) ("))
  }

  @Test func `event time stays between --from and the end`() throws {
    for end in ["--for 20s", "--until 2026-01-01T00:00:20Z"] {
      let outcome = try generate("--from 2026-01-01T00:00:00Z \(end)")
      let times = outcome.lines.compactMap {
        $0.range(of: "\"timestamp\":\"").map { range in outcome.text[range.upperBound...].prefix(24) }
      }
      #expect(times.count > 100 && times.count == outcome.lines.count)
      #expect(times.allSatisfy { $0 >= "2026-01-01T00:00:00.000Z" && $0 < "2026-01-01T00:00:20.000Z" })
      #expect(times == times.sorted())
    }
  }

  @Test func `page views are flat, in order and complete`() throws {
    let outcome = try generate("--count 5000 --from 2026-01-01T00:00:00Z", schema: "page_views")
    #expect(outcome.status == 0)
    #expect(outcome.lines.count == 5000)
    var timeBefore = 0
    var ids: Set<String> = []
    for line in outcome.lines {
      let record = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
      #expect(record.count == 12)
      let time = try #require(record["ts"] as? Int)
      #expect(time >= timeBefore)
      timeBefore = time
      ids.insert(try #require(record["event_id"] as? String))
    }
    #expect(ids.count == 5000)
    #expect(
      try Program.run(
        "jq", ["-e", ".price >= 0.99 and .position >= 1 and .position <= 48 and (.is_member | type == \"boolean\")"],
        input: .bytes(outcome.output), output: "/dev/null"
      ).status == 0)
  }

  @Test func `a file gets what stdout gets, and null gets nothing`() throws {
    let folder = TestFolder()
    let options = "--count 3000 --from 0"
    let printed = try generate(options)
    let written = try generate("\(options) --to file:\(folder.file("a"))")
    #expect(written.status == 0 && written.output.isEmpty)
    #expect(folder.text(of: "a") == printed.text)
    let dropped = try generate("\(options) --to null")
    #expect(dropped.status == 0 && dropped.output.isEmpty)
    #expect(dropped.errors.contains("generated 3000 events"))
  }

  @Test func `Ctrl-C ends a stream in real time with whole lines and a true count`() throws {
    let folder = TestFolder()
    let program = try Program(
      "freshet", ["generate", "Schemas/clickstream.yaml", "--rate", "1k/s", "--to", "file:\(folder.file("events"))"])
    #expect(waitUntil { folder.text(of: "events").utf8.count > 20_000 })
    program.send(signal: SIGINT)
    let outcome = program.wait()
    #expect(outcome.status == 0)
    let text = folder.text(of: "events")
    #expect(text.hasSuffix("}\n"))
    #expect(outcome.errors.contains("generated \(text.split(separator: "\n").count) events ("))
    #expect(outcome.errors.contains("asked 1k/s, achieved"))
  }
}
