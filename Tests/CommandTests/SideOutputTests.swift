// Late records, dead letters and copies through the whole program: what the topics and files hold, what the summary says, and that nothing is
// missing from them after a process was killed.

import Foundation
import TestSupport
import Testing

/// A pipeline of windows over a faulty click stream.
private final class FaultyShop {
  let folder = TestFolder()
  private let schema: String
  static let faults = "{ late: { rate: 0.05, delay: 20s }, duplicate: { rate: 0.05 }, corrupt: { rate: 0.02 } }"

  init() throws {
    let original = try String(contentsOfFile: "\(Products.packageFolder)/Schemas/clickstream.yaml", encoding: .utf8)
    try FileManager.default.copyItem(atPath: "\(Products.packageFolder)/Schemas/brands.txt", toPath: folder.file("brands.txt"))
    schema = try folder.write(original + "\nfaults: \(Self.faults)\n", as: "schema.yaml")
  }

  /// Writes a pipeline; `sides` stands in its source.
  func pipeline(_ name: String, topic: String = "clicks", sides: String) throws -> String {
    try folder.write(
      """
      version: 1
      kind: pipeline
      name: \(name)
      sources:
        clicks:
          kafka: { brokers: "${KAFKA_BROKERS:-localhost:9092}", topic: \(topic), group: \(name) }
          event_time: { field: timestamp }
          watermark: { lateness: 5s, idle_timeout: 1h }
      \(sides.split(separator: "\n").map { "    \($0)" }.joined(separator: "\n"))
      entities: { user: { key: userId } }
      views:
        short: { entity: user, source: clicks, emit: { trigger: close }, features: { n: { agg: count, window: { tumbling: 1s } } } }
        long: { entity: user, source: clicks, emit: { trigger: close }, features: { n: { agg: count, window: { tumbling: 1m } } } }
      checkpoint: { every: 300ms, store: \(folder.file("checkpoints")) }
      """, as: "\(name).yaml")
  }

  func generate(_ count: Int, to address: String) throws {
    let sent = try Program.run(
      "freshet",
      [
        "generate", schema, "--count", "\(count)", "--rate", "50/s", "--from", "2026-01-01T00:00:00Z", "--seed", "3", "--to",
        address,
      ])
    #expect(sent.status == 0, "\(sent.errors)")
  }

  /// The lines of a side output, each as what names its record and why it is there; how many lines there were.
  func lines(_ name: String) throws -> (records: Set<String>, count: Int) {
    let lines = folder.text(of: name).split(separator: "\n")
    let records = try lines.map { line -> String in
      let object = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
      let views = (object["views"] as? [String] ?? []).joined(separator: ",")
      return
        "\(object["reason"] ?? "") \(views) \(object["partition"] ?? "") \(object["offset"] ?? "") \(object["late_by_ms"] ?? "")"
    }
    return (Set(records), lines.count)
  }

  func process(_ pipeline: String, _ cluster: TestCluster, _ arguments: String...) throws -> Program {
    let properties = TestCluster.groupProperties.flatMap { ["-X", "\($0.name)=\($0.value)"] }
    return try Program(
      "freshet", ["process", pipeline, "--to", "null"] + properties + arguments, environment: ["KAFKA_BROKERS": cluster.servers])
  }
}

/// The summary of `--output json`.
private struct Summary: Decodable {
  struct Tally: Decodable {
    var reason: String
    var partition: Int?
    var view: String?
    var count: Int
    var example: String?
  }

  var records: Int
  var lateRecordsWritten: Int
  var deadLettersWritten: Int
  var totals: [String: Int]
  var ledger: [Tally]

  init(_ text: some StringProtocol) throws {
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    self = try decoder.decode(Summary.self, from: Data(text.utf8))
  }

  private enum CodingKeys: String, CodingKey {
    case records, lateRecordsWritten, deadLettersWritten, totals, ledger
  }
}

@Suite struct SideOutputTests {
  @Test func `files hold what the summary counts`() throws {
    let shop = try FaultyShop()
    try shop.generate(5000, to: "file:\(shop.folder.file("events.ndjson"))")
    let late = shop.folder.file("late.ndjson")
    let pipeline = try shop.pipeline(
      "files",
      sides: """
        late: { action: side_output, file: \(late) }
        on_error: { action: dead_letter, file: \(shop.folder.file("letters.ndjson")) }
        dedup: { key: messageId, window: 10m }
        """)
    let arguments = ["process", pipeline, "--from", "file:\(shop.folder.file("events.ndjson"))"]
    let outcome = try Program.run("freshet", arguments + ["--to", "null", "--output", "json"])
    #expect(outcome.status == 0 && outcome.errors.isEmpty, "\(outcome.errors)")
    let summary = try Summary(outcome.text)
    #expect(summary.records == 5000)
    #expect(summary.totals["malformed"]! > 50 && summary.totals["duplicate"]! > 100 && summary.totals["late"]! > 200)
    let lines = try shop.lines("late.ndjson")
    #expect(lines.count == summary.lateRecordsWritten && lines.records.count == lines.count)
    // Some of them are late in both views.
    #expect(summary.totals["late"]! > lines.count && summary.totals["late"]! < 2 * lines.count)
    #expect(try shop.lines("letters.ndjson").count == summary.deadLettersWritten)
    #expect(summary.ledger.allSatisfy { $0.partition == 0 && $0.count > 0 && $0.example != nil })
    // Another run begins the files anew; where rows go to stdout, the summary is the last line of stderr.
    let again = try Program.run("freshet", arguments + ["--to", "stdout", "--output", "json"])
    #expect(try Summary(again.errors.split(separator: "\n").last ?? "").totals == summary.totals)
    #expect(try shop.lines("late.ndjson") == lines)
    // The command line wins.
    let elsewhere = try Program.run(
      "freshet",
      arguments + ["--to", "null", "--late-to", "file:\(shop.folder.file("other.ndjson"))", "--dead-letters-to", "null"])
    #expect(elsewhere.status == 0)
    #expect(try shop.lines("other.ndjson") == lines)
    #expect(elsewhere.errors.hasSuffix("  \(lines.count) late records went to their side output\n"))
  }

  @Test func `a topic is not written to for an input that is a file, and the user is told`() throws {
    let shop = try FaultyShop()
    let pipeline = try shop.pipeline("told", sides: "late: { action: side_output, topic: clicks.late }")
    let outcome = try Program.run("freshet", ["process", pipeline, "--from", "-", "--to", "null"])
    #expect(outcome.status == 0)
    #expect(
      outcome.errors.hasPrefix(
        "freshet: note: source 'clicks': its late records are only counted, as their topic 'clicks.late' is on Kafka and the input is not\n"
      ))
    let wrong = try Program.run("freshet", ["process", pipeline, "--from", "-", "--to", "null", "--late-to", "late.ndjson"])
    #expect(wrong.status == 64)
    #expect(
      wrong.errors
        == "freshet: error: --late-to: expected kafka://HOST:PORT[,HOST:PORT]/TOPIC, file:PATH or null, found 'late.ndjson'\n")
    let full = try Program.run(
      "freshet", ["process", pipeline, "--from", "-", "--to", "null", "--dead-letters-to", "file:/dev/full"],
      input: .bytes(Data("{\n".utf8)))
    #expect(full.status == 74 && full.errors.contains("cannot write to file:/dev/full"), "\(full.errors)")
  }

  @Test func `topics hold the records with their reasons as headers`() throws {
    let shop = try FaultyShop()
    let cluster = try TestCluster(partitionCount: 1)
    if !TestCluster.isExternal {
      try cluster.tell("topic \(cluster.topic).late:1")
      try cluster.tell("topic \(cluster.topic).dlq:1")
    }
    try shop.generate(3000, to: "\(cluster.address)")
    let pipeline = try shop.pipeline(
      "topics-\(cluster.topic)", topic: cluster.topic,
      sides: """
        late: { action: side_output, topic: \(cluster.topic).late }
        on_error: { action: dead_letter, topic: \(cluster.topic).dlq }
        """)
    let outcome = try shop.process(pipeline, cluster, "--until-idle", "5s", "--output", "json").wait()
    #expect(outcome.status == 0, "\(outcome.errors)")
    let summary = try Summary(outcome.text)
    let sent = try cluster.records(3000)
    for (kind, count) in [("late", summary.lateRecordsWritten), ("dlq", summary.deadLettersWritten)] {
      #expect(count > 20)
      let records = try cluster.records(count, of: "\(cluster.topic).\(kind)")
      #expect(records.count == count)
      for record in records {
        let offset = try #require(record.headers["freshet-source-offset"].flatMap { Int($0) })
        #expect(record.headers["freshet-source-topic"] == cluster.topic && record.headers["freshet-source-partition"] == "0")
        #expect(record.key == sent[offset].key && record.value == sent[offset].value && record.timestamp == sent[offset].timestamp)
        #expect(record.headers["freshet-reason"] == (kind == "late" ? "late" : "malformed"))
        #expect((record.headers["freshet-error"] != nil) == (kind == "dlq"))
        #expect((Int(record.headers["freshet-late-by-ms"] ?? "") ?? 0 > 5000) == (kind == "late"))
      }
    }
  }

  @Test func `a processor that is killed again and again leaves no record out`() throws {
    let shop = try FaultyShop()
    let cluster = try TestCluster(partitionCount: 4)
    try shop.generate(12_000, to: "\(cluster.address)")
    let sides = { (name: String) in
      """
      late: { action: side_output, file: \(shop.folder.file("\(name).late")) }
      on_error: { action: dead_letter, file: \(shop.folder.file("\(name).letters")) }
      dedup: { key: messageId, window: 10m }
      """
    }
    let straight = try shop.process(
      try shop.pipeline("straight-\(cluster.topic)", topic: cluster.topic, sides: sides("straight")), cluster, "--until-idle", "5s",
      "--output", "json"
    ).wait()
    #expect(straight.status == 0, "\(straight.errors)")
    let pipeline = try shop.pipeline("killed-\(cluster.topic)", topic: cluster.topic, sides: sides("killed"))
    for round in 0..<3 {
      let before = shop.folder.text(of: "killed.late").utf8.count
      let killed = try shop.process(
        pipeline, cluster, "-X", "queued.min.messages=1", "-X", "fetch.message.max.bytes=\(20_000 << round)")
      #expect(waitUntil { shop.folder.text(of: "killed.late").utf8.count > before || !killed.isRunning })
      killed.send(signal: SIGKILL)
      #expect(killed.wait().status == 128 + SIGKILL)
      // What is written next goes behind a line that may be cut.
      if round == 1 { try shop.cutLastLine("killed.late") }
      if shop.folder.text(of: "killed.late").utf8.count == before { break }
    }
    let last = try shop.process(pipeline, cluster, "--until-idle", "8s", "--workers", "2").wait()
    #expect(last.status == 0, "\(last.errors)")
    for kind in ["late", "letters"] {
      let expected = try shop.lines("straight.\(kind)")
      let found = try shop.lines("killed.\(kind)")
      #expect(found.records == expected.records && expected.records.count == expected.count && expected.count > 50)
      #expect(found.count >= expected.count)
    }
  }
}

extension FaultyShop {
  /// Adds the beginning of a line, as a crash in the middle of a write leaves it.
  fileprivate func cutLastLine(_ name: String) throws {
    let handle = try #require(FileHandle(forWritingAtPath: folder.file(name)))
    try handle.seekToEnd()
    try handle.write(contentsOf: Data("{\"reason\":\"la".utf8))
    try handle.close()
  }
}
