// `freshet process` over Avro and over metadata: the same events give the same rows however they are written, in files, in a pipe and in Kafka with
// a schema registry.

import Foundation
import TestSupport
import Testing

@Suite struct ProcessAvroTests {
  private static let stream = ["--count", "3000", "--seed", "7", "--from", "2026-01-01T00:00:00Z"]

  /// A pipeline over a source with these settings; its views need every kind of value.
  private func pipeline(
    _ folder: TestFolder, _ source: String, name: String = "p.yaml", group: String = "shop"
  ) throws -> String {
    try folder.write(
      """
      version: 1
      kind: pipeline
      name: \(group)
      sources:
        clicks: { \(source) }
      entities:
        user: { key: userId }
        event: { key: event }
      views:
        windows:
          entity: user
          source: clicks
          emit: { trigger: close }
          features:
            n: { agg: count, window: { tumbling: 1m } }
            spend: { agg: sum, field: properties.price, where: "event == 'Product Viewed'", window: { tumbling: 1m } }
            category: { agg: last, field: properties.category, window: { tumbling: 1m } }
        current:
          entity: event
          source: clicks
          emit: { every: 10s }
          features:
            n: { agg: count, window: { sliding: 10m, hop: 1m } }
            dearest: { agg: max, field: properties.price, window: none }
            device: { agg: last, field: context.device }
      """, as: name)
  }

  private func generate(_ arguments: String...) throws {
    let outcome = try Program.run("freshet", ["generate", "Schemas/clickstream.yaml"] + Self.stream + arguments)
    try #require(outcome.status == 0, "\(outcome.errors)")
  }

  private func process(_ pipeline: String, _ arguments: String..., input: Program.Input = .none) throws -> ProgramOutcome {
    let properties = TestCluster.groupProperties.flatMap { ["-X", "\($0.name)=\($0.value)"] }
    let outcome = try Program.run(
      "freshet", ["process", pipeline, "--to", "stdout"] + arguments + (arguments.contains("--until-idle") ? properties : []),
      input: input)
    return outcome
  }

  /// The last row of each key of the view of current values.
  private func current(_ outcome: ProgramOutcome) -> [Substring: Substring] {
    outcome.lines.filter { $0.contains("\"view\":\"current\"") }.reduce(into: [:]) { rows, line in
      rows[line.prefix { $0 != "}" }.split(separator: ",")[1]] = line
    }
  }

  @Test func `containers, pipes of them and lines of JSON give the same rows`() throws {
    let folder = TestFolder()
    let json = folder.file("events.ndjson")
    try generate("--to", "file:\(json)")
    let expected = try process(pipeline(folder, "event_time: { field: timestamp }"), "--from", "file:\(json)")
    #expect(expected.status == 0 && expected.lines.count > 500, "\(expected.errors)")
    let avro = try pipeline(folder, "format: avro, event_time: { field: timestamp }", name: "avro.yaml")
    for compression in ["none", "gzip", "zstd"] {
      let file = folder.file("\(compression).avro")
      try generate("--format", "avro", "--compress", compression, "--to", "file:\(file)")
      let rows = try process(avro, "--from", "file:\(file)")
      #expect(rows.status == 0 && !rows.errors.contains("rejected"), "\(rows.errors)")
      let isSame = rows.output == expected.output
      #expect(isSame, "\(compression)")
      let piped = try process(avro, "--from", "-", input: .file(file))
      let isSamePiped = piped.output == expected.output
      #expect(isSamePiped, "\(compression)")
    }
  }

  @Test func `Kafka with a registry gives the same values, and so does one schema for all`() throws {
    let folder = TestFolder()
    let registry = try TestDouble("registry", ["user:secret"])
    let cluster = try TestCluster(partitionCount: 1)
    let environment = ["FRESHET_SCHEMA_REGISTRY_USERNAME": "user", "FRESHET_SCHEMA_REGISTRY_PASSWORD": "secret"]
    let sent = try Program.run(
      "freshet",
      ["generate", "Schemas/clickstream.yaml"] + Self.stream + [
        "--format", "avro", "--schema-registry", registry.address, "--to", cluster.address.description,
      ], environment: environment)
    try #require(sent.status == 0, "\(sent.errors)")
    let json = folder.file("events.ndjson")
    try generate("--to", "file:\(json)")
    let expected = try current(process(pipeline(folder, "event_time: { field: timestamp }"), "--from", "file:\(json)"))

    let source = "format: avro, schema_registry: \(registry.address), event_time: { field: timestamp }"
    let path = try pipeline(folder, source, name: "avro.yaml")
    let properties = TestCluster.groupProperties.flatMap { ["-X", "\($0.name)=\($0.value)"] }
    func run(_ environment: [String: String]) throws -> ProgramOutcome {
      try Program.run(
        "freshet",
        ["process", path, "--to", "stdout", "--view", "current", "--from", cluster.address.description, "--until-idle", "2s"]
          + properties, environment: environment)
    }
    // A wrong password is found out before anything is judged.
    let refused = try run(["FRESHET_SCHEMA_REGISTRY_USERNAME": "user", "FRESHET_SCHEMA_REGISTRY_PASSWORD": "wrong"])
    #expect(refused.status == 69)
    #expect(refused.errors.contains("access denied; set FRESHET_SCHEMA_REGISTRY_USERNAME"), "\(refused.errors)")
    let outcome = try run(environment)
    #expect(outcome.status == 0 && !outcome.errors.contains("rejected"), "\(outcome.errors)")
    #expect(current(outcome) == expected && expected.count > 4)
    struct Request: Decodable { var path: String }
    let asked = try registry.requests(Request.self).map(\.path).filter { $0.hasPrefix("/schemas/ids/") }
    // Once for the wrong password, and once per schema.
    #expect(Set(asked.dropFirst()).count == asked.count - 1 && asked.count == 7, "\(asked)")
  }

  @Test func `records whose schema nobody knows are rejected, and a registry that is not there ends the run`() throws {
    let folder = TestFolder()
    let cluster = try TestCluster(partitionCount: 1)
    let first = try TestDouble("registry")
    try generate("--format", "avro", "--schema-registry", first.address, "--to", cluster.address.description)
    let other = try TestDouble("registry")
    let path = try pipeline(folder, "format: avro, schema_registry: \(other.address), event_time: { field: timestamp }")
    let outcome = try process(path, "--view", "current", "--from", cluster.address.description, "--until-idle", "2s")
    #expect(outcome.status == 0)
    #expect(
      outcome.errors.contains(
        "  rejected 3000: unknown schema; first: \(cluster.address), partition 0, offset 0: the registry has no schema "),
      "\(outcome.errors)")
    struct Request: Decodable { var path: String }
    #expect(try other.requests(Request.self).count <= 12, "a number that is unknown is not asked for with each record")
    let away = try pipeline(
      folder, "format: avro, schema_registry: http://127.0.0.1:9, event_time: { field: timestamp }", group: "away")
    let ended = try process(
      away, "--view", "current", "--from", cluster.address.description, "--until-idle", "2s")
    #expect(
      ended.status == 69 && ended.errors.contains("schema registry http://127.0.0.1:9: connection refused"), "\(ended.errors)")
  }

  @Test func `damage in a file is counted, or ends the run where the pipeline says so`() throws {
    let folder = TestFolder()
    let file = folder.file("events.avro")
    try generate("--format", "avro", "--to", "file:\(file)")
    var bytes = try Data(contentsOf: URL(filePath: file))
    bytes[bytes.count - 5] ^= 1
    try bytes.write(to: URL(filePath: file))
    let skipping = try pipeline(folder, "format: avro, event_time: { field: timestamp }")
    let counted = try process(skipping, "--from", "file:\(file)")
    #expect(counted.status == 0)
    #expect(counted.errors.contains("  rejected 1: malformed; first: file:\(file), record "), "\(counted.errors)")
    #expect(counted.errors.contains("is damaged: there is no sync marker where it ends; "), "\(counted.errors)")
    let stopping = try pipeline(
      folder, "format: avro, event_time: { field: timestamp }, on_error: { action: stop }", name: "stop.yaml")
    let ended = try process(stopping, "--from", "file:\(file)")
    #expect(ended.status == 65 && ended.errors.contains("is damaged: "), "\(ended.errors)")
  }

  @Test func `lines in the place of Avro, and Avro in the place of lines, are told apart`() throws {
    let folder = TestFolder()
    let json = try pipeline(folder, "event_time: { field: timestamp }")
    let avro = try pipeline(folder, "format: avro, event_time: { field: timestamp }", name: "avro.yaml")
    let lines = try folder.write("{\"a\":1}\n", as: "x.ndjson")
    let outcome = try process(avro, "--from", "file:\(lines)")
    #expect(outcome.status == 65 && outcome.errors.contains("these look like lines of JSON: 'format: json'"), "\(outcome.errors)")
    let file = folder.file("events.avro")
    try generate("--format", "avro", "--to", "file:\(file)")
    let other = try process(json, "--from", "file:\(file)")
    #expect(other.status == 65 && other.errors.contains("this is an Avro file; the pipeline's source needs 'format: avro'"))
  }

  @Test func `CloudEvents in binary mode are read by their headers`() throws {
    let folder = TestFolder()
    let cluster = try TestCluster(partitionCount: 1)
    try generate("--format", "cloudevents", "--to", cluster.address.description)
    let path = try folder.write(
      """
      version: 1
      kind: pipeline
      name: shop
      sources:
        clicks: { event_time: { field: $headers.ce_time } }
      entities:
        type: { key: $headers.ce_type }
        key: { key: $key }
      views:
        types:
          entity: type
          source: clicks
          where: "$headers.ce_specversion == '1.0' and $partition == 0"
          features: { n: { agg: count }, last: { agg: max, field: $offset }, topic: { agg: last, field: $topic } }
        users:
          entity: key
          source: clicks
          features: { n: { agg: count, field: $timestamp }, user: { agg: last, field: userId } }
      """, as: "events.yaml")
    let outcome = try process(path, "--from", cluster.address.description, "--until-idle", "2s")
    #expect(outcome.status == 0 && !outcome.errors.contains("rejected"), "\(outcome.errors)")
    let events = try Program.run("freshet", ["generate", "Schemas/clickstream.yaml", "--format", "cloudevents"] + Self.stream)
    let objects = try events.lines.map { try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any] ?? [:] }
    var counts: [String: Int] = [:]
    var offsets: [String: Int] = [:]
    for (offset, object) in objects.enumerated() {
      let type = object["type"] as? String ?? "?"
      counts[type, default: 0] += 1
      offsets[type] = offset
    }
    var rows: [String: Substring] = [:]
    var users: [Substring: Substring] = [:]
    for line in outcome.lines {
      if line.hasPrefix("{\"view\":\"types\",\"ce_type\":\"") {
        rows[String(line.dropFirst("{\"view\":\"types\",\"ce_type\":\"".count).prefix { $0 != "\"" })] = line
      } else {
        users[line.split(separator: ",")[1]] = line
      }
    }
    #expect(counts.count > 3 && rows.count == counts.count)
    for (type, count) in counts {
      let expected = "\"n\":\(count),\"last\":\(offsets[type]!),\"topic\":\"\(cluster.topic)\""
      #expect(rows[type]?.contains(expected) == true, "\(rows[type] ?? "none"), expected \(expected)")
    }
    #expect(users.count > 100)
    for line in users.values {
      let key = line.split(separator: ",")[1].split(separator: "\"")[2]
      #expect(line.contains("\"user\":\"\(key)\""), "the record's key is the user: \(line)")
    }
  }
}
