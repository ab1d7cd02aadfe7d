// Configurations of the datagen connector: where its schema comes from, its pace, its converters.

import Testing

@testable import Foreign

private func connector(_ settings: String) -> String {
  """
  {"name": "c", "config": {"connector.class": "io.confluent.kafka.connect.datagen.DatagenConnector", "kafka.topic": "t",
  \(settings)}}
  """
}

private let inline =
  #""schema.string": "{\"type\": \"record\", \"name\": \"R\", \"fields\": [{\"name\": \"id\", \"type\": \"boolean\"}]}""#

@Suite struct DatagenConnectorTests {
  @Test(arguments: Quickstart.all.map(\.name))
  func `a quickstart gives a schema with its key`(_ name: String) throws {
    let conversion = try convert(connector("\"quickstart\": \"\(name.uppercased())\""))
    #expect(conversion.findings == [])
    #expect(conversion.text.contains("\nkey: \(Quickstart.all.first { $0.name == name }!.key)\n"))
    #expect(conversion.schemaFindings == [])
  }

  @Test func `a whole connector becomes a schema and the defaults of a run`() throws {
    let conversion = try convert(
      connector(
        """
        "quickstart": "users", "key.converter": "org.apache.kafka.connect.storage.StringConverter", "schema.keyfield": "regionid",
        "value.converter": "io.confluent.connect.avro.AvroConverter", "value.converter.schema.registry.url": "http://r:8081",
        "max.interval": 1000, "iterations": "500", "tasks.max": "1", "random.seed": 7
        """))
    #expect(conversion.findings == [])
    #expect(
      conversion.text == """
        # From a datagen connector. Run it with:
        #   freshet generate FILE --to kafka://HOST:PORT/t --rate 2/s --count 500
        version: 1
        kind: stream
        name: c
        seed: 7
        # max.interval 1000: a pause of 0 to 1000 ms before each record, 500 ms on average.
        rate: 2/s
        key: regionid
        fields:
          registertime: { int: [1487715775521, 1519273364599] }
          userid: { pattern: "User_[1-9]" }
          regionid: { pattern: "Region_[1-9]" }
          gender: { choice: [MALE, FEMALE, OTHER] }
        output: { topic: t, format: avro, schema_registry: "http://r:8081" }

        """)
    #expect(conversion.schema?.run.rate == "2/s")
    #expect(conversion.schema?.run.count == "500")
    #expect(conversion.schemaFindings == [])
  }

  @Test(arguments: [
    (1000, "2/s"), (500, "4/s"), (7, "285.7142857142857/s"), (60_000, "2/m"), (30_000, "4/m"), (3_600_000, "2/h"), (1, "2000/s"),
  ])
  func `the pause is half of max.interval on average`(_ interval: Int, _ rate: String) throws {
    let conversion = try convert(connector("\(inline), \"max.interval\": \(interval)"))
    #expect(conversion.schema?.run.rate == rate)
    #expect(conversion.schemaFindings == [])
  }

  @Test func `no pause is as fast as the sink takes them`() throws {
    let conversion = try convert(connector("\(inline), \"max.interval\": \"0\""))
    #expect(conversion.schema?.run == RunDefaults())
    #expect(conversion.text.contains("clock: { mode: simulated }"))
  }

  @Test func `the schema may stand in the connector, in a file, or in properties`() throws {
    let schema = "{\"type\": \"record\", \"name\": \"R\", \"fields\": [{\"name\": \"id\", \"type\": \"boolean\"}]}"
    let text = try convert(connector(inline))
    let file = try convert(connector("\"schema.filename\": \"r.avsc\""), beside: ["r.avsc": schema])
    let properties = try convert(
      """
      # A connector.
      name=c
      connector.class=io.confluent.kafka.connect.datagen.DatagenConnector
      kafka.topic=t
      schema.filename=r.avsc
      """, as: "c.properties", beside: ["r.avsc": schema])
    #expect(text.findings + file.findings + properties.findings == [])
    #expect(text.text == file.text)
    #expect(text.text == properties.text)
    #expect(text.lines(after: "rate: 4/s") == "fields:\n  id: { bool: 0.5 }\noutput: { topic: t }\n")
  }

  @Test(arguments: [
    (
      "\"quickstart\": \"pizza\"",
      "2:15: error[unknown-name]: 'quickstart': 'pizza' is not built in; known: users, pageviews, orders, clickstream, ratings, stock_trades; others by 'schema.string' or 'schema.filename'"
    ),
    (
      "\"iterations\": 1",
      "1:25: error[missing-field]: no schema; expected one of 'schema.string', 'schema.filename' and 'quickstart'"
    ),
    (
      "\"quickstart\": \"users\", \"schema.filename\": \"x\"",
      "2:43: error[wrong-value]: 'schema.filename' and 'quickstart' exclude each other; expected one"
    ),
    ("\"schema.filename\": \"no.avsc\"", "2:20: error[no-file]: 'schema.filename': DIR/no.avsc: no such file"),
    (
      "\"schema.string\": \"{\"",
      "2:18: error[syntax]: 'schema.string':1:2: expected a name in double quotes, found the end of the file"
    ),
    ("\(inline), \"max.interval\": \"x\"", "2:134: error[wrong-type]: 'max.interval': expected a whole number, found 'x'"),
    (
      "\(inline), \"transforms\": \"a\"",
      "2:118: warning[no-equivalent]: 'transforms' is not taken over; records are written as the schema has them"
    ),
    (
      "\(inline), \"value.converter\": \"org.apache.kafka.connect.json.JsonConverter\"",
      "2:137: warning[no-equivalent]: 'value.converter.schemas.enable': records carry no schema here; they are what the converter has under 'payload'"
    ),
    (
      "\(inline), \"value.converter\": \"io.confluent.connect.protobuf.ProtobufConverter\"",
      "2:137: warning[no-equivalent]: 'value.converter': 'io.confluent.connect.protobuf.ProtobufConverter' is not built; JSON is written"
    ),
    (
      "\(inline), \"tasks.max\": \"4\"",
      "2:118: warning[no-equivalent]: 'tasks.max': 4 tasks would each send the records; run as many processes with --shard, or multiply the rate"
    ),
  ])
  func `what is broken or has no equal is named with its place`(_ settings: String, _ finding: String) throws {
    let found = try convert(connector(settings)).findings
    #expect(found == [finding])
  }

  @Test func `another connector is refused`() throws {
    let found = try convert(
      "{\"connector.class\": \"org.apache.kafka.connect.file.FileStreamSource\", \"kafka.topic\": \"t\", \(inline)}"
    ).findings
    #expect(
      found == [
        "1:21: error[no-equivalent]: 'connector.class': expected io.confluent.kafka.connect.datagen.DatagenConnector, found 'org.apache.kafka.connect.file.FileStreamSource'"
      ])
  }
}
