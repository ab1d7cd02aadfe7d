// Records in CSV, Avro and CloudEvents: that they say what the same records say in JSON, and byte for byte what is particular to a format.

import Base
import Foundation
import Records
import Schema
import Testing

@testable import Generation

@Suite struct EncodingTests {
  // MARK: - All formats

  @Test func `random schemas say the same in every format, to readers that are not ours`() throws {
    let comparison = FormatComparison()
    for seed in 1...UInt64(120) {
      let rendered = try comparison.add("seed \(seed)", RandomSchemas.schema(seed: seed, format: .json), count: 50)
      for other in rendered.dropFirst() {
        let isSame = other.keyTexts == rendered[0].keyTexts
        #expect(isSame, "the keys of seed \(seed)")
      }
    }
    let verdict = try comparison.verdict()
    #expect(verdict == "6000 records compared, 0 findings\n")
  }

  @Test func `every generator says the same in every format`() throws {
    let comparison = FormatComparison()
    try comparison.add("click stream", Generating.clickstream(), count: 2_000)
    try comparison.add("every kind", Generating.flat(Self.everyKind, output: "output: { topic: t, key: u }"), count: 500)
    let verdict = try comparison.verdict()
    #expect(verdict == "2500 records compared, 0 findings\n")
  }

  private static let everyKind = """
    u: { from: user.id }
    c: { const: "a, b" }
    cd: { choice: [one, "two \\"2\\"", three], weights: [3, 2, 1] }
    mixed: { choice: [1, x, 2.5, true, null] }
    i: { int: [-1000, 1000] }
    any: { int: any }
    f: { float: [0, 1] }
    d: { decimal: [0.99, 99.99] }
    b: { bool: 0.3 }
    n: { lognormal: { median: 24, sigma: 0.8 }, clamp: [1, 100], decimals: 3 }
    count: { poisson: 4 }
    rank: { zipf: 1.1, count: 1000 }
    p: { pattern: "[A-Z]{3}-\\\\d{4}(,[a-z]+)?" }
    t: { template: "{user.id} bought {n} \\"{x}\\"", with: { n: { int: [1, 9] }, x: { choice: [a, "b,c"] } } }
    s: { sequence: "SKU-{n:06}" }
    sn: { sequence: number, start: 5, step: 3, restart: 7 }
    v4: { uuid: v4 }
    v7: { uuid: v7 }
    at: { time: event }
    at_s: { time: event, format: rfc3339 }
    at_ms: { time: sent, format: epoch_ms }
    at_es: { time: event, format: epoch_s }
    at_us: { time: event, format: epoch_us }
    at_p: { time: event, format: "%d/%b/%Y, %H:%M:%S +0000" }
    between: { time: { between: [1960-01-01T00:00:00Z, 2026-01-01T00:00:00Z] }, nullable: 0.2 }
    o: { object: { x: { int: [1, 2] }, y: { object: { z: { uuid: v4 } }, optional: 0.5 } } }
    on: { object: { x: { int: [1, 2] } }, nullable: 0.5 }
    a: { array: { int: [1, 9] }, length: [0, 4] }
    ao: { array: { object: { k: { choice: [a, b] }, o: { int: [1, 2], optional: 0.5 } } }, length: { poisson: 2 } }
    l: { list: [ { int: [1, 2] }, { choice: [a, b] }, { list: [] } ] }
    m: { map: { float: [0, 1] }, keys: { pattern: "[a-f]{2}" }, length: [0, 3] }
    w: { one_of: [ { int: [1, 9], weight: 2 }, { choice: [x, y] }, { array: { bool: 0.5 }, length: 2 }, { object: { q: { const: 1 } } } ] }
    w2: { one_of: [ { object: { q: { const: 1 } } }, { object: { r: { uuid: v4 } } }, { array: { int: [1, 2] }, length: 1 }, { array: { const: z }, length: 2 } ] }
    code: { from: user.code, optional: 0.3 }
    sid: { from: session.session_id }
    step: { from: session.step }
    bot: { from: session.is_bot }
    started: { from: session.started_at }
    name: { fake: name, locale: [en, de, ja] }
    agent: { fake: user_agent }
    ip: { ip: v4 }
    net: { ip: 10.0.0.0/8 }
    geo: { geo: cities }
    gt: { geo: [52.52, 13.40], within: 20km, as: text }
    text: { text: { words: [5, 12] } }
    known: { const: 1, when: identified }
    """

  @Test(arguments: [RecordFormat.csv, .avro]) func `bytes do not depend on the size of batches`(format: RecordFormat) throws {
    let plan = try GenerationPlan(RandomSchemas.schema(seed: 5, format: format))
    #expect(Rendered(plan, count: 300, batchSize: 1).values == Rendered(plan, count: 300, batchSize: 211).values)
  }

  // MARK: - CSV

  /// Two events whose fields come in different orders.
  private func csvSchema() throws -> EventSchema {
    var schema = try Generating.flat("k: { const: x }", output: "output: { topic: t, key: k }")
    schema.events[0].fields = [
      FieldDefinition(name: "k", generator: .sequence(SequenceSettings(text: .init(prefix: "a\"", minimumDigits: 1, suffix: "")))),
      FieldDefinition(name: "none", generator: .const(.null)), FieldDefinition(name: "empty", generator: .const(.string(""))),
      FieldDefinition(name: "col,umn", generator: .const(.string("x,y"))),
      FieldDefinition(
        name: "o",
        generator: .object([
          FieldDefinition(name: "p", generator: .const(.bool(true))),
          FieldDefinition(name: "q", generator: .list([.const(.string("s")), .const(.integer(1))])),
        ])), FieldDefinition(name: "lines", generator: .text([.literal("a\nb"), .characters(["\""], count: 1...1)])),
      FieldDefinition(name: "plain", generator: .text([.literal("no quotes "), .characters(["ä"], count: 2...2)])),
    ]
    return schema
  }

  @Test func `a line has quotes where they are needed, and tells null from an empty text`() throws {
    let plan = try GenerationPlan(csvSchema().with(.csv))
    #expect(String(decoding: plan.header(ofOutput: 0)!, as: UTF8.self) == "k,none,empty,\"col,umn\",o.p,o.q,lines,plain\n")
    let rendered = Rendered(plan, count: 2)
    #expect(
      rendered.texts == [
        "\"a\"\"1\",,\"\",\"x,y\",true,\"[\"\"s\"\",1]\",\"a\nb\"\"\",no quotes ää",
        "\"a\"\"2\",,\"\",\"x,y\",true,\"[\"\"s\"\",1]\",\"a\nb\"\"\",no quotes ää",
      ])
    #expect(rendered.keyTexts == ["a\"1", "a\"2"])
  }

  @Test func `columns stand in order of first appearance, whatever the order of an event's own fields`() throws {
    var schema = try Generating.flat("k: { const: x }", output: "output: { topic: t, key: k }")
    let a = FieldDefinition(name: "a", generator: .sequence(SequenceSettings(text: nil)))
    let k = FieldDefinition(name: "k", generator: .const(.string("\"key\"")))
    let o = FieldDefinition(name: "o", generator: .object([FieldDefinition(name: "x", generator: .const(.integer(1)))]))
    schema.events[0].fields = [o, k, a]
    schema.events.insert(
      EventDefinition(name: "other", fields: [a, k, FieldDefinition(name: "z", generator: .const(.null))]), at: 0)
    schema.sessions!.states[0].event = 1
    let plan = try GenerationPlan(schema.with(.csv))
    #expect(String(decoding: plan.header(ofOutput: 0)!, as: UTF8.self) == "a,k,z,o.x\n")
    let rendered = Rendered(plan, count: 2)
    #expect(rendered.texts == ["1,\"\"\"key\"\"\",,1", "2,\"\"\"key\"\"\",,1"])
    #expect(rendered.keyTexts == ["\"key\"", "\"key\""])
  }

  @Test func `a line of one column is never empty`() throws {
    var schema = try Generating.flat("k: { const: x }")
    schema.events[0].fields = [
      FieldDefinition(name: "k", generator: .choice([.null, .string("v")], weights: [1, 1]), optional: 0.2)
    ]
    #expect(Set(try Rendered(schema, .csv, count: 100).texts) == ["\"\"", "v"])
  }

  // MARK: - Avro

  @Test func `longs are zigzag numbers of seven bits at a time`() {
    var values: [Int64] = [0, -1, 1, 63, 64, -64, -65, .max, .min]
    for bit in 0..<63 { for offset in [-1, 0, 1] as [Int64] { values += [1 << bit + offset, -(1 << bit + offset)] } }
    for value in values {
      var zigzag = UInt64(bitPattern: value << 1 ^ value >> 63)
      var expected: [UInt8] = []
      while zigzag > 127 {
        expected.append(UInt8(zigzag & 127) | 128)
        zigzag >>= 7
      }
      expected.append(UInt8(zigzag))
      #expect(AvroBinary.bytes(value) == expected, "\(value)")
      #expect(expected.withUnsafeBufferPointer { AvroBinary.read($0.baseAddress!) } == (value, expected.count))
    }
  }

  @Test func `texts have their length in front, however long they are`() throws {
    var schema = try Generating.flat("k: { const: x }")
    for count in [0, 1, 63, 64, 8191, 8192, 20_000] {
      schema.events[0].fields = [FieldDefinition(name: "k", generator: .text([.characters(["x", "y"], count: count...count)]))]
      let value = try Rendered(schema, .avro, count: 1).values[0]
      #expect(value.count == AvroBinary.bytes(Int64(count)).count + count)
      #expect(Array(value.prefix(value.count - count)) == AvroBinary.bytes(Int64(count)))
    }
  }

  @Test func `a schema has the types of its generators, and names that Avro allows`() throws {
    var schema = try Generating.flat(
      """
      id: { uuid: v4 }
      at: { time: event }
      us: { time: event, format: epoch_us }
      s: { time: event, format: epoch_s }
      n: { int: [1, 2], nullable: 0.5 }
      d: { decimal: [1, 2] }
      mixed: { choice: [a, 1, null] }
      tags: { array: { choice: [a, b] }, length: 2 }
      o: { object: { "x-y": { bool: 0.5 }, "x_y": { const: 1 } } }
      m: { map: { float: [0, 1] }, keys: { pattern: "a" }, length: 1 }
      """)
    schema.name = "my shop"
    schema = schema.with(.avro)
    #expect(
      schema.avroSchemas.map(\.text) == [
        #"{"type":"record","name":"click","namespace":"my_shop","fields":[{"name":"id","type":{"type":"string","logicalType":"uuid"}},"#
          + #"{"name":"at","type":{"type":"long","logicalType":"timestamp-millis"}},{"name":"us","type":{"type":"long","logicalType":"timestamp-micros"}},"#
          + #"{"name":"s","type":"long"},{"name":"n","type":["null","long"],"default":null},{"name":"d","type":"double"},"#
          + #"{"name":"mixed","type":["null","string","long"],"default":null},{"name":"tags","type":{"type":"array","items":"string"}},"#
          + #"{"name":"o","type":{"type":"record","name":"click_o","fields":[{"name":"x_y","doc":"x-y","type":"boolean"},"#
          + #"{"name":"x_y_2","doc":"x_y","type":"long"}]}},{"name":"m","type":{"type":"map","values":"double"}}]}"#
      ])
    #expect(schema.avroSchemas[0].recordName == "my_shop.click")
    #expect(schema.avroSchemas[0].subject(topic: "t", isAlone: true) == "t-value")
    #expect(schema.avroSchemas[0].subject(topic: "t", isAlone: false) == "t-my_shop.click")
  }

  @Test func `a registry's records begin with a zero and their schema's identifier, and are no lines`() throws {
    let rendered = try Rendered(
      Generating.clickstream(), .avro, count: 2_000,
      encoding: RecordEncoding(avro: .registry([0: 1, 1: 0x0102_0304, 2: 3, 3: 4, 4: 5, 5: .max])))
    #expect(rendered.lineByteCount == 0)
    let prefixes: [[UInt8]] = [
      [0, 0, 0, 0, 1], [0, 1, 2, 3, 4], [0, 0, 0, 0, 3], [0, 0, 0, 0, 4], [0, 0, 0, 0, 5], [0, 127, 255, 255, 255],
    ]
    for (value, event) in zip(rendered.values, rendered.events) { #expect(Array(value.prefix(5)) == prefixes[event]) }
    #expect(Set(rendered.events).count == 6)
  }

  @Test func `keys are the same texts in every format, integers and nulls too`() throws {
    var schema = try Generating.flat("k: { int: [-5, 100000] }\nz: { const: 1 }", output: "output: { topic: t, key: k }")
    for key in [
      FieldDefinition(name: "k", generator: .integer(-5...100_000)),
      FieldDefinition(name: "k", generator: .choice([.integer(-7), .null, .string("\"q\""), .string("")], weights: [1, 1, 1, 1])),
      FieldDefinition(name: "k", generator: .from(.actor(field: 0)), nullable: 0.4),
    ] {
      schema.events[0].fields[0] = key
      let json = try Rendered(schema, .json, count: 200).keyTexts
      #expect(json.contains { $0 != nil })
      for format in [RecordFormat.csv, .avro, .cloudevents] { #expect(try Rendered(schema, format, count: 200).keyTexts == json) }
    }
  }

  // MARK: - CloudEvents

  @Test func `a CloudEvent has its attributes around the data, and an id of its own`() throws {
    let schema = try Generating.clickstream()
    let json = try Rendered(schema, .json, count: 300)
    let events = try Rendered(schema, .cloudevents, count: 300, encoding: RecordEncoding(eventIdentifierPrefix: "42-0"))
    #expect(try Rendered(schema, .cloudevents, count: 300, encoding: RecordEncoding(hasEnvelope: false)).values == json.values)
    for index in 0..<300 {
      let time = (try JSONSerialization.jsonObject(with: Data(json.values[index])) as! [String: Any])["timestamp"] as! String
      let name = schema.events[json.events[index]].name
      #expect(
        events.texts[index]
          == "{\"specversion\":\"1.0\",\"id\":\"42-0-\(index)\",\"source\":\"/freshet/clickstream\",\"type\":\"clickstream.\(name)\",\"time\":\"\(time)\",\"datacontenttype\":\"application/json\",\"data\":\(json.texts[index])}"
      )
    }
    #expect(events.keyTexts == json.keyTexts)
    #expect(CloudEvent.source(schemaName: "a b/ü") == "/freshet/a%20b%2F%C3%BC")
  }

  // MARK: - What is not there

  private func history() throws -> EventSchema {
    try Generating.schema(
      """
      version: 1
      kind: stream
      name: history
      entities:
        user:
          count: 20
          key: id
          fields: { name: { choice: [a, b] }, id: { sequence: "u\\"{n}" }, tier: { choice: [free, pro] } }
      streams:
        users:
          changes: { of: user, rate: 10/s, snapshot: true, fields: [tier], delete: 0.3 }
          topic: users
          key: id
      """)
  }

  @Test func `a deletion is null, a line with nothing but its key, or nothing`() throws {
    let schema = try history()
    let json = try Rendered(schema, .json, count: 200)
    let csv = try Rendered(schema, .csv, count: 200)
    let container = try Rendered(schema, .avro, count: 200)
    let registry = try Rendered(schema, .avro, count: 200, encoding: RecordEncoding(avro: .registry([0: 9])))
    let events = try Rendered(schema, .cloudevents, count: 200)
    var deletions = 0
    for index in 0..<200 {
      let key = json.keyTexts[index]!
      for other in [csv, container, registry, events] { #expect(other.keyTexts[index] == key) }
      let isDeletion = json.marks[index].contains(.tombstone)
      #expect(container.values[index].first == (isDeletion ? 0 : 2))
      #expect(registry.values[index].isEmpty == isDeletion)
      guard isDeletion else { continue }
      deletions += 1
      #expect(json.texts[index] == "null")
      #expect(csv.texts[index] == ",\"\(key.replacing("\"", with: "\"\""))\",")
      #expect(container.values[index] == [0])
      #expect(events.texts[index].hasSuffix("\"data\":null}"))
    }
    #expect(deletions > 20)
    let plan = try GenerationPlan(schema.with(.avro))
    #expect(plan.containerSchema(ofEvent: 0)!.hasPrefix("[\"null\",{\"type\":\"record\",\"name\":\"users\""))
  }

  @Test func `a missing field is an empty cell or null`() throws {
    var schema = try csvSchema()
    schema.faults.missing = FaultModel.FieldFault(rate: 1, paths: [["col,umn"], ["o"], ["plain"]])
    let lines = Set(try Rendered(schema, .csv, count: 100).texts.map { $0.split(separator: ",", maxSplits: 1).last! })
    #expect(
      lines == [
        ",\"\",,true,\"[\"\"s\"\",1]\",\"a\nb\"\"\",no quotes ää", ",\"\",\"x,y\",,,\"a\nb\"\"\",no quotes ää",
        ",\"\",\"x,y\",true,\"[\"\"s\"\",1]\",\"a\nb\"\"\",",
      ])
    let comparison = FormatComparison()
    schema.events[0].fields.removeAll { $0.name == "col,umn" }
    schema.faults.missing = FaultModel.FieldFault(rate: 0.7, paths: [])
    try comparison.add("missing", schema, count: 500)
    for seed in 200...UInt64(230) {
      var schema = RandomSchemas.schema(seed: seed, format: .json)
      schema.faults.missing = FaultModel.FieldFault(rate: 0.7, paths: [])
      try comparison.add("missing \(seed)", schema, count: 50)
    }
    let verdict = try comparison.verdict()
    #expect(verdict == "2050 records compared, 0 findings\n")
  }

  @Test func `a value of the wrong type is a cell like any other`() throws {
    var schema = try csvSchema()
    schema.faults.wrongType = FaultModel.FieldFault(rate: 1, paths: [["empty"], ["o"], ["o", "q"]])
    let lines = Set(try Rendered(schema, .csv, count: 100).texts.map { $0.split(separator: ",", maxSplits: 1).last! })
    #expect(
      lines == [
        ",-1,\"x,y\",true,\"[\"\"s\"\",1]\",\"a\nb\"\"\",no quotes ää", ",\"\",\"x,y\",n/a,,\"a\nb\"\"\",no quotes ää",
        ",\"\",\"x,y\",true,n/a,\"a\nb\"\"\",no quotes ää",
      ])
  }

  @Test func `what a format cannot say is refused with the reason`() throws {
    func refusal(_ format: RecordFormat, _ encoding: RecordEncoding = RecordEncoding(), _ change: (inout EventSchema) -> Void)
      throws -> String
    {
      var schema = try csvSchema().with(format)
      change(&schema)
      do {
        _ = try GenerationPlan(schema, encoding: encoding)
        return ""
      } catch {
        return error.message
      }
    }
    #expect(
      try refusal(.avro) { $0.faults.wrongType = FaultModel.FieldFault(rate: 0.1, paths: []) }
        == "avro: a record cannot hold a value of the wrong type; use another format, or leave out the fault 'wrong_type'")
    #expect(
      try refusal(.avro) { $0.faults.corruptRate = 0.1 }
        == "avro: in a container file a corrupt record makes the rest of its block unreadable; leave out the fault 'corrupt', or write to Kafka with a schema registry"
    )
    #expect(try refusal(.avro, RecordEncoding(avro: .registry([0: 1]))) { $0.faults.corruptRate = 0.1 } == "")
    #expect(
      try refusal(.avro, RecordEncoding(avro: .registry([1: 1]))) { _ in }
        == "avro: the schema of 'click' has no identifier of a registry")
    #expect(
      try refusal(.avro) {
        $0.incidents = [
          Incident(
            start: .after(milliseconds: 0), lengthMilliseconds: nil,
            kind: .schemaChange([Incident.SchemaChange(event: 0, fields: [])]))
        ]
      } == "avro: the incident 'schema_change' of 'click' needs a format without a schema, such as json")
    #expect(
      try refusal(.csv) { $0.events[0].fields.append(FieldDefinition(name: "o.p", generator: .const(.null))) }
        == "csv: two fields would have the column 'o.p': one has a dot in its name, the other is nested; rename one")
  }
}
