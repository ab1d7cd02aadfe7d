// `freshet explain` and the library of schemas as a user runs them.

import Foundation
import TestSupport
import Testing

@Suite struct ExplainCommandTests {
  private func explain(_ arguments: String...) throws -> ProgramOutcome { try Program.run("freshet", ["explain"] + arguments) }

  private func document(_ schema: String) throws -> [String: Any] {
    let outcome = try explain(schema, "--output", "json")
    #expect(outcome.status == 0 && outcome.errors == "")
    return try #require(try JSONSerialization.jsonObject(with: outcome.output) as? [String: Any])
  }

  @Test func `says rates, bytes, keys, fields and memory of sessions`() throws {
    let text = try explain("Schemas/clickstream.yaml").text
    for part in [
      "clickstream, seed 42\n", "entity user                 4M rows, 3M at the start\n",
      "  key                       topic clicks, userId, one of 4M rows of user; the hottest has ",
      "    userId                  user.user_id, 4M values\n", "    type                    choice, 2 values\n",
      "    properties.quantity     integer, 3 values  (product_added)\n",
      "    messageId               uuid v7, another in each record\n",
      " live sessions of ", "  one thread makes          ",
    ] { #expect(text.contains(part), "\(part)") }

    let document = try document("Schemas/clickstream.yaml")
    let source = (document["sources"] as! [[String: Any]])[0]
    // The measured mean of an event against records that were written.
    let page = (source["events"] as! [[String: Any]]).first { $0["name"] as? String == "page" }!
    let written = try Program.run(
      "freshet", ["generate", "Schemas/clickstream.yaml", "--count", "20000", "--from", "2026-01-05T00:00:00Z"])
    let lines = written.lines.filter { $0.contains("\"type\":\"page\"") }
    let mean = Double(lines.reduce(0) { $0 + $1.utf8.count }) / Double(lines.count)
    #expect(abs((page["bytes"] as! [String: Double])["json"]! - mean) < 1e-6)
    #expect((page["bytes"] as! [String: Double])["avro"]! < mean)
    let hours = source["ratesOfFirstDay"] as! [Double]
    #expect(hours.count == 24 && abs(hours.reduce(0, +) * 3600 - (document["recordsPerDay"] as! Double)) < 1)
    #expect((document["peakLiveSessions"] as! Double) > 1000)
    #expect((source["busiestPartitionShare"] as! Double) >= 0.25)
  }

  @Test func `says streams each by itself`() throws {
    let text = try explain("Schemas/orders.yaml").text
    for part in [
      "stream users\n", "  at the start              10k rows at once\n", "  records                   2/s\n",
      "  key                       topic payments, order_id, that of a record of orders; the hottest has ",
      "    order_id                orders.order_id, many values\n",
      "    coupon                  choice, 3 values, up to 85 % null or left out\n", "for the versions of rows\n",
    ] { #expect(text.contains(part), "\(part)") }
    #expect(
      (try document("Schemas/orders.yaml")["sources"] as! [[String: Any]]).map { $0["snapshot"] as! Int } == [10_000, 0, 0, 0])
  }

  @Test func `objects that are drawn whole have as many values as they have combinations`() throws {
    let text = try explain("Schemas/ga4.yaml").text
    #expect(text.contains("    device                         client.device, 10 values\n"), "\(text)")
    #expect(text.contains("    traffic_source                 visitor.traffic_source, 7 values\n"))
  }

  @Test func `a broken schema is named, a missing one too`() throws {
    #expect(try explain("no.yaml").status == 66)
    let folder = TestFolder()
    let broken = try explain(try folder.write("kind: stream\nname: x\nfields: { a: { cons: 1 } }\n", as: "x.yaml"))
    #expect(broken.status == 78 && broken.errors.contains("x.yaml:3:"))
    #expect(try explain("Schemas/orders.yaml", "--seed", "x").status == 64)
  }

  @Test func `the whole library validates without a word, and runs`() throws {
    let files = try FileManager.default.contentsOfDirectory(atPath: "\(Products.packageFolder)/Schemas").filter {
      $0.hasSuffix(".yaml")
    }
    .sorted().map { "Schemas/\($0)" }
    #expect(files.count >= 9)
    let outcome = try Program.run("freshet", ["validate"] + files)
    #expect(outcome.status == 0 && outcome.errors == "" && outcome.lines.count == files.count)
    for file in files where !file.contains("faulty") {
      let records = try Program.run("freshet", ["generate", file, "--count", "300", "--from", "2026-01-01T00:00:00Z"])
      #expect(records.status == 0 && records.lines.count == 300, "\(file)")
      #expect(
        try Program.run("jq", ["-e", "type == \"object\""], input: .bytes(records.output), output: "/dev/null").status == 0,
        "\(file)")
    }
  }
}
