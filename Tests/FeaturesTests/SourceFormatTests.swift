// `format:` of a source and what goes with it, and the fields that every record has: what is read, and what is refused with which words.

import Base
import Codec
import Configuration
import Foundation
import Records
import Testing

@testable import Features

/// A pipeline over the source `{SOURCE}`, keyed by `{KEY}`, with one feature over `{FIELD}` where `{WHERE}`.
private func read(
  _ source: String, key: String = "userId", field: String = "price", where condition: String = "price > 1", schema: String? = nil
) throws -> (pipeline: PipelineDefinition?, findings: [String]) {
  let folder = FileManager.default.temporaryDirectory.appendingPathComponent("freshet-\(UUID().uuidString)")
  try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(at: folder) }
  try schema?.write(to: folder.appendingPathComponent("click.avsc"), atomically: true, encoding: .utf8)
  let text = """
    version: 1
    kind: pipeline
    name: shop
    sources:
      clicks: { \(source) }
    entities:
      user: { key: \(key) }
    views:
      activity:
        entity: user
        source: clicks
        features:
          total: { agg: sum, field: \(field), where: "\(condition)", window: { tumbling: 10s } }
    sink: { redis: { url: "redis://localhost:6379" } }
    """
  let diagnostics = Diagnostics(file: "p.yaml")
  let pipeline = PipelineReader.read(text: text, directory: folder.path, diagnostics: diagnostics)
  let findings = diagnostics.all.map {
    $0.description.replacingOccurrences(of: "p.yaml:", with: "").replacingOccurrences(of: folder.path, with: "DIR")
  }
  return (pipeline, findings)
}

private let kafka = "kafka: { brokers: localhost, topic: clicks, group: g }"
private let time = "event_time: { field: at }"
private let click = """
  {"type":"record","name":"click","fields":[{"name":"userId","type":"string"},
    {"name":"at","type":{"type":"long","logicalType":"timestamp-micros"}},{"name":"iso","type":["null","string"]},
    {"name":"s","type":"long"},{"name":"price","type":["null","double"]},{"name":"flags","type":{"type":"array","items":"int"}},
    {"name":"properties","type":{"type":"record","name":"p","fields":[{"name":"sku","type":"string"}]}},
    {"name":"labels","type":{"type":"map","values":"long"}}]}
  """

@Suite struct SourceFormatTests {
  @Test func `avro takes its schemas from a registry, a file or the containers themselves`() throws {
    let registered = try read("\(kafka), format: avro, schema_registry: http://localhost:8081, \(time)")
    guard case .avro(let settings)? = registered.pipeline?.sources[0].format else {
      Issue.record("\(registered.findings)")
      return
    }
    #expect(settings.registry == "http://localhost:8081" && settings.schema == nil)
    #expect(registered.pipeline?.sources[0].eventTime.format == .epochMilliseconds)
    let given = try read("\(kafka), format: avro, avro_schema: click.avsc, \(time)", schema: click)
    guard case .avro(let settings)? = given.pipeline?.sources[0].format else {
      Issue.record("\(given.findings)")
      return
    }
    #expect(settings.schema?.text == click && settings.registry == nil)
    #expect(try read("format: avro, \(time)").findings == [])
  }

  @Test func `an event time's format follows from the schema where it is not said`() throws {
    func format(_ field: String, _ more: String = "") throws -> EventTimeSettings.Format? {
      let source = "format: avro, avro_schema: click.avsc, event_time: { field: \(field)\(more) }"
      return try read(source, schema: click).pipeline?.sources[0].eventTime.format
    }
    #expect(try format("at") == .epochMilliseconds)
    #expect(try format("iso") == .rfc3339)
    #expect(try format("s", ", format: epoch_s") == .epochSeconds)
    #expect(try format("$timestamp") == .epochMilliseconds)
    #expect(try format("$headers.ce_time") == .rfc3339)
  }

  @Test(
    arguments: [
      (
        "\(kafka), format: avro, \(time)", nil,
        [
          "5:11: error[missing-field]: missing field 'schema_registry' in source 'clicks'; the records of a topic carry the number of their schema, or have the one that 'avro_schema' names a file of"
        ]
      ),
      (
        "format: avro, schema_registry: http://r, avro_schema: click.avsc, \(time)", click,
        [
          "5:67: error[wrong-value]: 'avro_schema' of source 'clicks' and 'schema_registry' do not go together: records carry the number of their schema, or all have this one"
        ]
      ),
      (
        "schema_registry: http://r, \(time)", nil,
        [
          "5:13: error[wrong-value]: 'schema_registry' of source 'clicks': records in json have no such schema; it goes with 'format: avro'"
        ]
      ),
      (
        "format: avro, schema_registry: localhost:8081, \(time)", nil,
        [
          "5:44: error[wrong-value]: 'schema_registry' of source 'clicks': expected a URL like http://localhost:8081, found 'localhost:8081'"
        ]
      ),
      (
        "format: avro, schema_registry: \"http://a:b@r\", \(time)", nil,
        [
          "5:44: error[secret]: 'schema_registry' of source 'clicks': credentials do not belong in a pipeline; set FRESHET_SCHEMA_REGISTRY_USERNAME and FRESHET_SCHEMA_REGISTRY_PASSWORD"
        ]
      ),
      (
        "format: avro, registry: http://r, \(time)", nil,
        ["5:27: error[unknown-field]: unknown 'registry' of source 'clicks'; did you mean 'schema_registry'?"]
      ),
      (
        "format: avro, avro_schema: click.avsc, \(time)", nil,
        ["5:40: error[missing-file]: 'avro_schema' of source 'clicks': DIR/click.avsc: no such file"]
      ),
      (
        "format: avro, avro_schema: click.avsc, \(time)", "\"string\"",
        ["5:40: error[wrong-value]: 'avro_schema' of source 'clicks': 'DIR/click.avsc' is the schema of no record, but of string"]
      ),
      (
        "format: avro, avro_schema: click.avsc, \(time)",
        #"{"type":"record","name":"c","fields":[{"name":"at","type":"Long"}]}"#,
        [
          "5:40: error[wrong-value]: 'avro_schema' of source 'clicks': 'DIR/click.avsc': field 'at' of record 'c': unknown type 'Long'; did you mean 'long'?"
        ]
      ),
      (
        "format: avro, avro_schema: click.avsc, event_time: { field: att }", click,
        [
          "5:73: error[unknown-reference]: 'field' of 'event_time' of source 'clicks': the Avro schema has no field 'att'; did you mean 'at'?"
        ]
      ),
      (
        "format: avro, avro_schema: click.avsc, event_time: { field: at, format: rfc3339 }", click,
        [
          "5:85: error[wrong-value]: 'format' of 'event_time' of source 'clicks': 'at' of the Avro schema is a timestamp, which counts as milliseconds, found 'rfc3339'; did you mean 'epoch_ms'?"
        ]
      ),
      (
        "format: avro, avro_schema: click.avsc, event_time: { field: iso, format: epoch_ms }", click,
        [
          "5:86: error[wrong-value]: 'format' of 'event_time' of source 'clicks': 'iso' of the Avro schema is a text, found 'epoch_ms'; did you mean 'rfc3339'?"
        ]
      ),
      (
        "format: avro, avro_schema: click.avsc, event_time: { field: flags }", click,
        [
          "5:73: error[wrong-value]: 'format' of 'event_time' of source 'clicks': 'flags' of the Avro schema is no time, found 'epoch_ms'"
        ]
      ),
      (
        "event_time: { field: $timestamp, format: rfc3339 }", nil,
        [
          "5:54: error[wrong-value]: 'format' of 'event_time' of source 'clicks': '$timestamp' is a number of milliseconds, found 'rfc3339'; did you mean 'epoch_ms'?"
        ]
      ),
      (
        "event_time: { field: $time }", nil,
        [
          "5:34: error[unknown-reference]: 'field' of 'event_time' of source 'clicks': no record has '$time'; there are $timestamp, $key, $partition, $offset, $topic, $headers.NAME"
        ]
      ),
      (
        "event_time: { field: $partition }", nil,
        ["5:34: error[wrong-value]: 'format' of 'event_time' of source 'clicks': '$partition' is no time, found 'rfc3339'"]
      ),
    ] as [(String, String?, [String])])
  func `what does not fit is refused`(_ source: String, _ schema: String?, _ expected: [String]) throws {
    #expect(try read(source, schema: schema).findings == expected)
  }

  @Test(
    arguments: [
      (
        "userId", "prize", "price > 1",
        ["13:33: error[unknown-reference]: 'field' of feature 'total': the Avro schema has no field 'prize'; did you mean 'price'?"]
      ),
      (
        "userId", "price", "sku == 'a'",
        [
          "13:48: error[unknown-reference]: 'where' of feature 'total': the Avro schema has no field 'sku'; did you mean 'properties.sku'?"
        ]
      ),
      (
        "flags", "price", "price > 1",
        ["7:16: error[wrong-type]: 'key' of entity 'user': 'flags' of the Avro schema is neither a text nor an integer"]
      ),
      (
        "user", "price", "price > 1",
        ["7:16: error[unknown-reference]: 'key' of entity 'user': the Avro schema has no field 'user'"]
      ),
      (
        "userId", "iso", "price > 1",
        ["13:33: error[wrong-type]: 'field' of feature 'total': 'sum' needs a number, and 'iso' of the Avro schema is a text"]
      ),
      (
        "userId", "flags", "price > 1",
        [
          "13:33: error[wrong-type]: 'field' of feature 'total': 'sum' needs a number, and 'flags' of the Avro schema is an object or a list"
        ]
      ),
      (
        "userId", "$topic", "price > 1",
        ["13:33: error[wrong-type]: 'field' of feature 'total': 'sum' needs a number, and '$topic' is a text"]
      ),
      ("userId", "labels.any", "properties.sku == 'a'", []),
      ("$key", "$offset", "price > 1", []),
      (
        "$keys", "price", "price > 1",
        ["7:16: error[unknown-reference]: 'key' of entity 'user': no record has '$keys'; did you mean '$key'?"]
      ),
      (
        "userId", "$headers", "price > 1",
        ["13:33: error[unknown-reference]: 'field' of feature 'total': no record has '$headers'; a header is '$headers.NAME'"]
      ),
    ] as [(String, String, String, [String])])
  func `fields are looked for in the Avro schema`(_ key: String, _ field: String, _ condition: String, _ expected: [String]) throws
  {
    let source = "format: avro, avro_schema: click.avsc, \(time)"
    #expect(try read(source, key: key, field: field, where: condition, schema: click).findings == expected)
  }

  @Test func `an event schema counts as its records are in Avro`() throws {
    let schema = """
      version: 1
      kind: stream
      name: shop
      streams:
        clicks:
          rate: 1/s
          topic: clicks
          key: userId
          fields:
            userId: { sequence: "u{n}" }
            at: { time: event }
            seconds: { time: event, format: epoch_s }
            price: { uniform: [1, 2], decimals: 2 }
      """
    func findings(_ more: String) throws -> [String] { try read("schema: click.avsc, \(more)", schema: schema).findings }
    let avro = "format: avro, schema_registry: http://r"
    #expect(try findings("\(avro), \(time)") == [])
    #expect(try findings("event_time: { field: at }") == [])
    #expect(
      try findings("\(avro), event_time: { field: at, format: rfc3339 }") == [
        "5:107: error[wrong-value]: 'format' of 'event_time' of source 'clicks': schema 'shop' writes 'at' as epoch_ms, found 'rfc3339'; did you mean 'epoch_ms'?"
      ])
    #expect(
      try findings("\(avro), event_time: { field: seconds }") == [
        "5:95: error[wrong-value]: 'format' of 'event_time' of source 'clicks': schema 'shop' writes 'seconds' as epoch_s, found 'epoch_ms'; did you mean 'epoch_s'?"
      ])
  }

  @Test func `the key of a row is called after its metadata`() {
    func name(_ path: String) -> String {
      FeatureEntity(name: "e", keyPath: FieldPath(dotted: path)!, timeToLiveMilliseconds: nil).keyFieldName
    }
    #expect(["$key", "$headers.ce_type", "a.b", "$partition"].map(name) == ["key", "ce_type", "b", "partition"])
  }
}
