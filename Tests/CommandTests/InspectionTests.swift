// `freshet generate` that looks at a schema instead of writing its stream: samples, watching, statistics.

import Foundation
import TestSupport
import Testing

@Suite struct InspectionTests {
  private func generate(_ arguments: String..., directory: String = Products.packageFolder) throws -> ProgramOutcome {
    try Program.run("freshet", ["generate"] + arguments, directory: directory)
  }

  /// JSON values that stand one after the other.
  private func values(_ text: String) throws -> [[String: Any]] {
    let parts = text.components(separatedBy: "\n}\n").filter { !$0.isEmpty }
    return try parts.map { try JSONSerialization.jsonObject(with: Data(($0 + "\n}").utf8)) as! [String: Any] }
  }

  private let flat = """
    kind: stream
    name: ticks
    rate: 10/s
    key: id
    fields: { id: { sequence: "t{n:03}" }, at: { time: event }, kind: { choice: { file: kinds.txt } } }

    """

  // MARK: - Samples

  @Test func `a sample shows every event, with what belongs to each record on stderr`() throws {
    let outcome = try generate("Schemas/page_views.yaml", "--sample", "2")
    #expect(outcome.status == 0)
    let records = try values(outcome.text)
    #expect(records.count == 2)
    #expect(outcome.text.hasPrefix("{\n  \"event_id\": \""))
    let notes = outcome.errors.split(separator: "\n")
    #expect(notes.count == 2)
    for (note, record) in zip(notes, records) {
      #expect(note.hasPrefix("  # page_viewed, topic page_views, key \(record["user_id"] as! String), 2026-01-05T00:00:0"))
    }
    #expect(try generate("Schemas/page_views.yaml", "--sample", "2").output == outcome.output)
    #expect(try generate("Schemas/page_views.yaml", "--sample", "2", "--seed", "8").output != outcome.output)
    // Nothing was missing, nothing is coloured in a file.
    #expect(!outcome.text.contains("\u{1b}") && !outcome.errors.contains("\u{1b}"))
  }

  @Test func `rare events take the place of frequent ones, and what found no room is named`() throws {
    let all = try generate("Schemas/clickstream.yaml", "--sample", "8")
    let names = try values(all.text).map { $0["event"] as? String ?? "page" }
    #expect(
      Set(names) == [
        "page", "Product List Viewed", "Product Viewed", "Product Clicked", "Product Added", "Order Completed",
      ])
    #expect(names.count == 8 && !all.errors.contains("not among them"))
    let few = try generate("Schemas/clickstream.yaml", "--sample", "3")
    #expect(try values(few.text).count == 3)
    #expect(few.errors.contains("not among them: ") && few.errors.hasSuffix("; a larger --sample shows more\n"))
  }

  @Test func `each stream has its share, and a deletion is told`() throws {
    let folder = TestFolder()
    try folder.write(
      """
      kind: stream
      name: shop
      entities: { user: { count: 30, key: id, fields: { id: { sequence: "u{n}" }, plan: { choice: [a, b] } } } }
      streams:
        orders: { rate: 5/s, key: user, bind: { who: { ref: user } }, fields: { order: { uuid: v4 }, user: { from: who.id } } }
        users: { changes: { of: user, rate: 5/s, snapshot: true, fields: [plan], delete: 0.2 } }

      """, as: "shop.yaml")
    let outcome = try generate("shop.yaml", "--sample", "6", directory: folder.path)
    #expect(outcome.status == 0)
    let notes = outcome.errors.split(separator: "\n")
    #expect(notes.filter { $0.hasPrefix("  # orders, topic orders, key u") }.count == 3)
    #expect(notes.filter { $0.hasPrefix("  # users, topic users, key u") }.count == 3)
    #expect(notes.filter { $0.hasSuffix(", tombstone") }.count == 1)
    #expect(outcome.text.contains("\nnull\n"))
  }

  @Test func `a terminal has colours, unless they are refused`() throws {
    func onTerminal(_ environment: [String: String]) throws -> String {
      let command = "'\(Products.executable("freshet"))' generate Schemas/page_views.yaml --sample 1"
      return try Program.run(
        "script", ["-qec", command, "/dev/null"], environment: environment.merging(["TERM": "xterm"]) { a, _ in a }
      ).text
    }
    let colored = try onTerminal(["NO_COLOR": ""])
    #expect(colored.contains("\u{1b}[36m\"event_id\"\u{1b}[0m: \u{1b}[32m\""))
    #expect(colored.contains("\u{1b}[2m  # page_viewed"))
    #expect(try !onTerminal(["NO_COLOR": "1"]).contains("\u{1b}["))
    #expect(try !onTerminal(["TERM": "dumb"]).contains("\u{1b}["))
  }

  @Test func `a watched schema is sampled again when one of its files changes, also after errors`() throws {
    let folder = TestFolder()
    try folder.write(flat, as: "ticks.yaml")
    try folder.write("one\n", as: "kinds.txt")
    let program = try Program("freshet", ["generate", "ticks.yaml", "--sample", "1", "--watch"], directory: folder.path)
    func watches(_ count: Int) -> Bool { program.errorsSoFar.components(separatedBy: "watching ").count == count + 1 }
    #expect(waitUntil(seconds: 30) { watches(1) })
    #expect(program.outputSoFar.contains("\"kind\": \"one\""))
    #expect(program.errorsSoFar.contains("watching ticks.yaml, kinds.txt; Ctrl-C ends\n"))

    try folder.write("another\n", as: "kinds.txt")
    #expect(waitUntil(seconds: 30) { watches(2) })
    #expect(program.outputSoFar.contains("\"kind\": \"another\""))

    // As editors do: a new file under the old name.
    try folder.write(flat.replacingOccurrences(of: "rate:", with: "rat:"), as: "new.yaml")
    try FileManager.default.removeItem(atPath: folder.file("ticks.yaml"))
    try FileManager.default.moveItem(atPath: folder.file("new.yaml"), toPath: folder.file("ticks.yaml"))
    #expect(waitUntil(seconds: 30) { program.errorsSoFar.contains("ticks.yaml:3:1: error[unknown-field]: unknown field 'rat'") })

    try folder.write(flat.replacingOccurrences(of: "t{n:03}", with: "tick {n}"), as: "ticks.yaml")
    #expect(waitUntil(seconds: 30) { program.outputSoFar.contains("\"id\": \"tick 1\"") })
    program.send(signal: SIGINT)
    #expect(program.wait().status == 0)
  }

  @Test func `a schema that is not there cannot be watched`() throws {
    let outcome = try generate("no.yaml", "--watch")
    #expect(outcome.status == 66)
    #expect(outcome.errors == "freshet: error: no.yaml: no such file\n")
  }

  // MARK: - Statistics

  @Test func `statistics come as text, with those of eventsim beside them`() throws {
    let outcome = try generate("Schemas/clickstream.yaml", "--stats", "--count", "20k")
    #expect(outcome.status == 0)
    #expect(outcome.lines[0].hasPrefix("clickstream, seed 42, ") && outcome.lines[0].hasSuffix(" from 2026-01-05T00:00:00.000Z"))
    #expect(outcome.lines[1] == "ended after 20000 records")
    for label in ["sessions ", "  events in each ", "  length ", "users ", "  share of events ", "events ", "  order_completed "] {
      #expect(outcome.lines.contains { $0.hasPrefix(label) }, "\(label)")
    }
    #expect(
      outcome.lines.last
        == "for comparison, eventsim: peak to trough hour 2.9x, the busiest 10 % of users make 60 % of the events")
    #expect(try generate("Schemas/clickstream.yaml", "--stats", "--count", "20k").output == outcome.output)
  }

  @Test func `statistics come as JSON, and over as much event time as was asked for`() throws {
    let outcome = try generate("Schemas/clickstream.yaml", "--stats", "--output", "json", "--for", "90s", "--from", "1767225600000")
    #expect(outcome.status == 0)
    let document = try JSONSerialization.jsonObject(with: outcome.output) as! [String: Any]
    #expect(document["start"] as? Int64 == 1_767_225_600_000 && document["end"] as? Int64 == 1_767_225_690_000)
    #expect(document["isCutOff"] as? Bool == false && document["usersPerSimulatedUser"] as? Int == 1)
    let written = try generate("Schemas/clickstream.yaml", "--from", "1767225600000", "--for", "90s")
    #expect(document["records"] as? Int == written.lines.count)
  }

  // MARK: - Arguments

  @Test(arguments: [
    (["--sample", "0"], "freshet: error: --sample: expected a number of records from 1 to 10000, found '0'\n"),
    (["--sample", "many"], "freshet: error: --sample: expected a number of records from 1 to 10000, found 'many'\n"),
    (["--stats", "--watch"], "Error: --stats and --sample exclude each other\n"),
    (["--output", "json"], "Error: --output goes with --stats\n"),
  ])
  func `what cannot be asked for is refused`(arguments: [String], message: String) throws {
    let outcome = try Program.run("freshet", ["generate", "Schemas/page_views.yaml"] + arguments)
    #expect(outcome.status == 64)
    #expect(outcome.errors.hasPrefix(message))
  }
}
