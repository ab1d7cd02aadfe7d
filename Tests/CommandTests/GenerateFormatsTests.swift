// `freshet generate --format`: what a user gets in each format, as Python's csv and fastavro read it.

import Foundation
import TestSupport
import Testing

@Suite struct GenerateFormatsTests {
  private static let stream = "--count 3000 --seed 7 --from 2026-01-01T00:00:00Z"

  private func generate(_ schema: String, _ arguments: String) throws -> ProgramOutcome {
    try Program.run("freshet", ["generate", schema] + arguments.split(separator: " ").map(String.init))
  }

  private func shop(_ folder: TestFolder, format: String = "json") throws -> String {
    try folder.write(
      """
      version: 1
      kind: stream
      name: shop
      entities: { user: { count: 50, key: id, fields: { id: { sequence: "u{n}" }, tier: { choice: [free, pro] } } } }
      streams:
        orders:
          rate: 50/s
          topic: orders
          key: id
          format: \(format)
          fields: { id: { sequence: "o{n}" }, note: { pattern: "[a,\\"]{0,4}" }, at: { time: event } }
        users:
          changes: { of: user, rate: 20/s, snapshot: true, fields: [tier], delete: 0.2 }
          topic: users
          key: id
          format: \(format)
      """, as: "shop.yaml")
  }

  /// What `Tests/Oracles/formats.py` says of files with the same records.
  private func verdict(_ folder: TestFolder, _ files: [String: String]) throws -> String {
    let files = files.mapValues { folder.file($0) }.merging(["name": "files"]) { $1 }
    let manifest = try JSONSerialization.data(withJSONObject: ["cases": [files]])
    let path = try folder.write(String(decoding: manifest, as: UTF8.self), as: "manifest.json")
    return try Program.run("env", [try TestPython.path, "Tests/Oracles/formats.py", path]).text
  }

  @Test func `files in all formats say the same, and stdout says what a file does`() throws {
    let folder = TestFolder()
    for format in ["json", "csv", "avro"] {
      let outcome = try generate("Schemas/clickstream.yaml", "\(Self.stream) --format \(format) --to file:\(folder.file(format))")
      #expect(outcome.status == 0, "\(outcome.errors)")
      let printed = try generate("Schemas/clickstream.yaml", "\(Self.stream) --format \(format)")
      let isSame = try printed.output == Data(contentsOf: URL(filePath: folder.file(format)))
      #expect(isSame, "\(format)")
    }
    let verdict = try verdict(folder, ["json": "json", "csv": "csv", "container": "avro"])
    #expect(verdict == "3000 records compared, 0 findings\n")
  }

  @Test(arguments: ["gzip", "zstd"]) func `an Avro file is compressed within`(compression: String) throws {
    let folder = TestFolder()
    #expect(try generate("Schemas/clickstream.yaml", "\(Self.stream) --to file:\(folder.file("json"))").status == 0)
    #expect(
      try generate(
        "Schemas/clickstream.yaml", "\(Self.stream) --format avro --compress \(compression) --to file:\(folder.file("a.avro"))"
      )
      .status == 0)
    let verdict = try verdict(folder, ["json": "json", "container": "a.avro"])
    #expect(verdict == "3000 records compared, 0 findings\n")
  }

  @Test func `streams with deletions share a container, and each has its own file`() throws {
    let folder = TestFolder()
    let schema = try shop(folder)
    let limits = "--count 2000 --from 0"
    #expect(try generate(schema, "\(limits) --to file:\(folder.file("json"))").status == 0)
    #expect(folder.text(of: "json").contains("\nnull\n"))
    #expect(try generate(schema, "\(limits) --format avro --to file:\(folder.file("all.avro"))").status == 0)
    var verdict = try verdict(folder, ["json": "json", "container": "all.avro"])
    #expect(verdict == "2000 records compared, 0 findings\n")
    for (format, ending) in [("json", "ndjson"), ("avro", "avro"), ("csv", "csv")] {
      #expect(try generate(schema, "\(limits) --format \(format) --to file:\(folder.file("{stream}.\(ending)"))").status == 0)
    }
    verdict = try self.verdict(folder, ["json": "users.ndjson", "container": "users.avro"])
    #expect(verdict.hasSuffix(" records compared, 0 findings\n") && !verdict.hasPrefix("0"))
    verdict = try self.verdict(folder, ["json": "orders.ndjson", "container": "orders.avro", "csv": "orders.csv"])
    #expect(verdict.hasSuffix(" records compared, 0 findings\n") && !verdict.hasPrefix("0"))
    #expect(folder.text(of: "orders.csv").hasPrefix("id,note,at\n"))
    #expect(folder.text(of: "users.csv").hasPrefix("id,tier\n"))
    // One of them alone is no union.
    #expect(try generate(schema, "\(limits) --stream orders --format avro --to file:\(folder.file("one.avro"))").status == 0)
    #expect(try Data(contentsOf: URL(filePath: folder.file("one.avro"))).range(of: Data("\u{1}\u{4}\u{16}avro.schema".utf8)) != nil)
    #expect(folder.text(of: "one.avro").contains("{\"type\":\"record\",\"name\":\"orders\",\"namespace\":\"shop\""))
    #expect(!folder.text(of: "one.avro").contains("\"name\":\"users\""))
  }

  @Test func `files that follow each other each have the names of their columns`() throws {
    let folder = TestFolder()
    let outcome = try generate(
      "Schemas/page_views.yaml", "--count 250 --from 0 --format csv --roll 100records --to file:\(folder.file("p-{n}.csv"))")
    #expect(outcome.status == 0, "\(outcome.errors)")
    for (name, count) in [("p-1.csv", 101), ("p-2.csv", 101), ("p-3.csv", 51)] {
      let lines = folder.text(of: name).split(separator: "\n")
      #expect(lines.count == count)
      #expect(lines.first?.hasPrefix("event_id,") == true)
    }
  }

  @Test func `a CloudEvent on stdout holds what the record says, under an id that no other has`() throws {
    let json = try generate("Schemas/clickstream.yaml", Self.stream)
    let events = try generate("Schemas/clickstream.yaml", "\(Self.stream) --format cloudevents")
    let data = try Program.run("jq", ["-c", ".data"], input: .bytes(events.output))
    let plain = try Program.run("jq", ["-c", "."], input: .bytes(json.output))
    let isSame = data.output == plain.output
    #expect(isSame && data.lines.count == 3000)
    let identifiers = try Program.run("jq", ["-r", ".source + \" \" + .id"], input: .bytes(events.output))
    #expect(Set(identifiers.lines).count == 3000)
    #expect(identifiers.lines.first == "/freshet/clickstream 7-1767225600000-0")
  }

  // MARK: - Kafka

  /// Runs `generate` into the cluster's topic.
  private func produce(_ cluster: TestCluster, _ schema: String, _ arguments: String) throws -> ProgramOutcome {
    try generate(schema, "\(Self.stream) --to kafka://\(cluster.servers)/\(cluster.topic) \(arguments)")
  }

  private struct Request: Decodable {
    var method: String
    var path: String
    var body: String
  }

  /// The schema that a registry gives for a number.
  private func schema(_ identifier: UInt32, of registry: TestDouble) throws -> String {
    let script = "import json,sys,urllib.request as r; print(json.load(r.urlopen(sys.argv[1]))['schema'])"
    return try Program.run("python3", ["-c", script, "\(registry.address)/schemas/ids/\(identifier)"]).text
  }

  @Test func `Avro in Kafka says under the registry's numbers what JSON says`() throws {
    let registry = try TestDouble("registry")
    let cluster = try TestCluster(partitionCount: 1)
    let outcome = try produce(cluster, "Schemas/clickstream.yaml", "--format avro --schema-registry \(registry.address)")
    #expect(outcome.status == 0, "\(outcome.errors)")
    let subjects = try registry.requests(Request.self).map(\.path)
    #expect(subjects.count == 6 && subjects.contains("/subjects/\(cluster.topic)-clickstream.page/versions"))

    let folder = TestFolder()
    #expect(try generate("Schemas/clickstream.yaml", "\(Self.stream) --to file:\(folder.file("json"))").status == 0)
    var framed = Data()
    var events: [Int] = []
    let records = try cluster.records(3000)
    for record in records {
      let bytes = Array(record.value)
      #expect(bytes[0] == 0)
      events.append(Int(bytes[4]) - 1)
      withUnsafeBytes(of: UInt32(bytes.count - 5).littleEndian) { framed.append(contentsOf: $0) }
      framed.append(contentsOf: bytes.dropFirst(5))
    }
    try framed.write(to: URL(filePath: folder.file("avro")))
    let lines = folder.text(of: "json").split(separator: "\n")
    for (record, line) in zip(records, lines) { #expect(line.contains("\"userId\":\"\(record.key ?? "?")\"")) }
    let cases: [String: Any] = [
      "name": "topic", "json": folder.file("json"), "avro": folder.file("avro"), "events": events,
      "schemas": try (1...6).map { try schema($0, of: registry) },
    ]
    let manifest = try JSONSerialization.data(withJSONObject: ["cases": [cases]])
    let path = try folder.write(String(decoding: manifest, as: UTF8.self), as: "manifest.json")
    #expect(
      try Program.run("env", [try TestPython.path, "Tests/Oracles/formats.py", path]).text == "3000 records compared, 0 findings\n")
    // The same schemas keep their numbers.
    let again = try produce(cluster, "Schemas/clickstream.yaml", "--format avro --schema-registry \(registry.address)")
    #expect(again.status == 0)
    #expect(try cluster.records(6000).suffix(3000).map(\.value) == records.map(\.value))
  }

  @Test func `a topic of one event has its value's subject, and a registry that refuses ends the run`() throws {
    let registry = try TestDouble("registry")
    let cluster = try TestCluster(partitionCount: 1)
    let folder = TestFolder()
    let options = "--format avro --schema-registry \(registry.address)"
    #expect(try produce(cluster, "Schemas/page_views.yaml", options).status == 0)
    #expect(try registry.requests(Request.self).map(\.path) == ["/subjects/\(cluster.topic)-value/versions"])
    let changed = try folder.write(
      "version: 1\nkind: stream\nname: other\nstreams: { page_view: { rate: 5/s, fields: { only: { const: 1 } } } }\n",
      as: "other.yaml")
    let refused = try produce(cluster, changed, options)
    #expect(refused.status == 78)
    #expect(refused.errors.contains("the schema is not compatible with an earlier version of its subject"))
    let faulty = try folder.write(
      "version: 1\nkind: stream\nname: other\nstreams: { x: { rate: 5/s, fields: { a: { int: [1, 2] } } } }\nfaults: { wrong_type: { rate: 0.1 } }\n",
      as: "faulty.yaml")
    #expect(try produce(cluster, faulty, options).status == 78)
    #expect(try registry.requests(Request.self).count == 2, "what Avro cannot say is not registered")
  }

  @Test(arguments: ["csv", "cloudevents"]) func `in Kafka a record of text is as in a file, without what stands around it`(
    format: String
  ) throws {
    let cluster = try TestCluster(partitionCount: 1)
    #expect(try produce(cluster, "Schemas/clickstream.yaml", "--format \(format)").status == 0)
    let values = try cluster.records(3000).map { String(decoding: $0.value, as: UTF8.self) }
    let file = try generate("Schemas/clickstream.yaml", "\(Self.stream) --format \(format == "csv" ? "csv" : "json")")
    let lines = file.lines.map(String.init)
    let isSame = values == (format == "csv" ? Array(lines.dropFirst()) : lines)
    #expect(isSame && values.count == 3000)
  }

  // MARK: - Refusals

  @Test(arguments: [
    ("--format xml", 64, "--format: expected json, csv, avro or cloudevents, found 'xml'"),
    ("--format cvs", 64, "--format: expected json, csv, avro or cloudevents, found 'cvs'; did you mean 'csv'?"),
    (
      "--format csv", 64,
      "--to stdout: the streams have different columns in csv; choose one with --stream, or write to a file for each with {stream} in its name"
    ),
    (
      "--format avro --to kafka://embedded/clicks", 78,
      "--to kafka://embedded/clicks: in Kafka, Avro needs a schema registry: --schema-registry URL, or 'output: { schema_registry: URL }' in the schema"
    ),
    (
      "--format avro --to http://127.0.0.1:9/x", 64,
      "--to http://127.0.0.1:9/x: records go by HTTP as json or cloudevents, and the schema's format is avro"
    ),
    (
      "--schema-registry http://127.0.0.1:9 --to file:/dev/null", 64,
      "--schema-registry goes with --format avro and --to kafka://...; an Avro file holds its schema itself"
    ),
  ])
  func `what cannot be written is refused with the reason`(arguments: String, status: Int32, message: String) throws {
    let folder = TestFolder()
    let outcome = try generate(try shop(folder), "\(arguments) --count 5")
    #expect(outcome.status == status)
    #expect(outcome.errors == "freshet: error: \(message)\n")
    #expect(outcome.text.isEmpty)
  }
}
