// Avro's types one by one, ways to fields, and what is refused, with bytes written down after the specification.

import Base
import Codec
import Records
import Testing

@Suite struct AvroColumnReaderTests {
  struct Case: CustomTestStringConvertible, Sendable {
    var type: String
    var bytes: [UInt8]
    var value: PlainValue

    init(_ type: String, _ bytes: [UInt8], _ value: PlainValue) {
      self.type = type
      self.bytes = bytes
      self.value = value
    }

    var testDescription: String { "\(type) \(bytes)" }
  }

  @Test(arguments: [
    Case(#""null""#, [], .null),
    Case(#""boolean""#, [0], .bool(false)),
    Case(#""boolean""#, [1], .bool(true)),
    Case(#""int""#, [0], .integer(0)),
    Case(#""int""#, [1], .integer(-1)),
    Case(#""int""#, [0x7F], .integer(-64)),
    Case(#""int""#, [0x80, 1], .integer(64)),
    Case(#""int""#, AvroBytes.long(Int64(Int32.min)), .integer(Int64(Int32.min))),
    Case(#""long""#, AvroBytes.long(.max), .integer(.max)),
    Case(#""long""#, [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1], .integer(.min)),
    Case(#""float""#, AvroBytes.float(0.5), .number(0.5)),
    Case(#""float""#, AvroBytes.float(.nan), .null),
    Case(#""double""#, AvroBytes.double(-0.1), .number(-0.1)),
    Case(#""double""#, AvroBytes.double(.infinity), .null),
    Case(#""string""#, [0], .text("")),
    Case(#""string""#, AvroBytes.string("käse"), .text("käse")),
    Case(#""bytes""#, AvroBytes.bytes([0xFF, 0, 1, 2]), .text("/wABAg==")),
    Case(#"{"type":"fixed","name":"f","size":3}"#, [1, 2, 3], .text("AQID")),
    Case(#"{"type":"fixed","name":"f","size":0}"#, [], .text("")),
    Case(#"{"type":"enum","name":"e","symbols":["A","B"]}"#, [2], .text("B")),
    Case(#"{"type":"array","items":"long"}"#, [4, 2, 4, 0], .composite("[1,2]")),
    Case(#"{"type":"array","items":"long"}"#, [3, 4, 2, 4, 2, 6, 0], .composite("[1,2,3]")),
    Case(#"{"type":"array","items":"null"}"#, [4, 0], .composite("[null,null]")),
    Case(#"{"type":"map","values":"string"}"#, [2, 2, 0x61, 2, 0x22, 0], .composite(#"{"a":"\""}"#)),
    Case(
      #"{"type":"record","name":"n","fields":[{"name":"a","type":"double"},{"name":"b","type":["null","boolean"]}]}"#,
      AvroBytes.double(1.5) + [2, 1], .composite(#"{"a":1.5,"b":true}"#)),
    Case(#"["null","long"]"#, [0], .null),
    Case(#"["null","long"]"#, [2, 2], .integer(1)),
    Case(#"["string","null"]"#, [2], .null),
    Case(#"["string","null"]"#, [0, 2, 0x61], .text("a")),
    Case(#"["null","string","long"]"#, [4, 3], .integer(-2)),
    Case(#"["null","long"]"#, [0x82, 0, 2], .integer(1)),
    Case(#"["null",{"type":"array","items":"int"}]"#, [2, 2, 2, 0], .composite("[1]")),
    Case(#"["null",{"type":"enum","name":"e","symbols":["A"]}]"#, [2, 0], .text("A")),
    Case(#"{"type":"long","logicalType":"timestamp-millis"}"#, AvroBytes.long(1_700_000_000_123), .integer(1_700_000_000_123)),
    Case(#"{"type":"long","logicalType":"timestamp-micros"}"#, AvroBytes.long(1_700_000_000_123_999), .integer(1_700_000_000_123)),
    Case(#"{"type":"long","logicalType":"timestamp-micros"}"#, AvroBytes.long(-1), .integer(-1)),
    Case(#"{"type":"long","logicalType":"timestamp-nanos"}"#, AvroBytes.long(1_999_999), .integer(1)),
    Case(#"{"type":"long","logicalType":"local-timestamp-millis"}"#, [2], .integer(1)),
    Case(#"{"type":"int","logicalType":"date"}"#, AvroBytes.long(20_484), .text("2026-01-31")),
    Case(#"{"type":"int","logicalType":"date"}"#, AvroBytes.long(-1), .text("1969-12-31")),
    Case(#"{"type":"int","logicalType":"time-millis"}"#, AvroBytes.long(47_109_250), .text("13:05:09.250")),
    Case(#"{"type":"long","logicalType":"time-micros"}"#, AvroBytes.long(47_109_250_999), .text("13:05:09.250")),
    Case(#"{"type":"string","logicalType":"uuid"}"#, AvroBytes.string("x"), .text("x")),
    Case(
      #"{"type":"fixed","name":"f","size":16,"logicalType":"uuid"}"#, Array(0..<16),
      .text("00010203-0405-0607-0809-0a0b0c0d0e0f")),
    Case(#"{"type":"bytes","logicalType":"decimal","precision":10,"scale":2}"#, AvroBytes.bytes([0x04, 0xD2]), .number(12.34)),
    Case(#"{"type":"bytes","logicalType":"decimal","precision":10,"scale":2}"#, AvroBytes.bytes([0xFF]), .number(-0.01)),
    Case(#"{"type":"bytes","logicalType":"decimal","precision":10,"scale":2}"#, AvroBytes.bytes([]), .number(0)),
    Case(#"{"type":"bytes","logicalType":"decimal","precision":4}"#, AvroBytes.bytes([0x80]), .integer(-128)),
    Case(
      #"{"type":"fixed","name":"f","size":9,"logicalType":"decimal","precision":20,"scale":1}"#,
      [1, 0, 0, 0, 0, 0, 0, 0, 0], .number(1_844_674_407_370_955_161.6)),
    Case(
      #"{"type":"fixed","name":"f","size":9,"logicalType":"decimal","precision":20}"#,
      [0xFF, 0x80, 0, 0, 0, 0, 0, 0, 0], .integer(.min)),
    // A logical type that does not fit its type is as if it were not there.
    Case(#"{"type":"string","logicalType":"date"}"#, AvroBytes.string("x"), .text("x")),
    Case(#"{"type":"bytes","logicalType":"decimal"}"#, AvroBytes.bytes([1]), .text("AQ==")),
    Case(#"{"type":{"type":"long","logicalType":"timestamp-micros"}}"#, AvroBytes.long(5000), .integer(5)),
  ])
  func `each type becomes a value`(_ example: Case) throws {
    let row = try avroRow(schema(ofField: example.type), example.bytes, "v")
    // A value without bytes is what a deleted record has in Kafka.
    let alone =
      example.bytes.isEmpty ? PlainRow(status: .empty, values: [.missing]) : PlainRow(status: .valid, values: [example.value])
    #expect(row == alone)
    // Behind and before other fields, and when it is passed over.
    let both =
      #"{"type":"record","name":"r","fields":[{"name":"a","type":"long"},{"name":"v","type":\#(example.type)},{"name":"z","type":"string"}]}"#
    let record = [6] + example.bytes + [2, 0x7A]
    #expect(
      try avroRow(both, record, "a", "v", "z")
        == PlainRow(status: .valid, values: [.integer(3), example.value, .text("z")]))
    #expect(try avroRow(both, record, "z", "a") == PlainRow(status: .valid, values: [.text("z"), .integer(3)]))
    // Every cut of the record is refused, whatever is wanted.
    for count in 0..<record.count {
      for wanted in ["a", "v", "z", "q"] {
        let status = try avroRow(both, Array(record[..<count]), wanted).status
        #expect(status == (count == 0 ? .empty : .malformed), "cut at \(count), \(wanted)")
      }
    }
    // Inside another record, as JSON.
    let outer = #"{"type":"record","name":"o","fields":[{"name":"in","type":\#(both)}]}"#
    guard case .composite(let json) = try avroRow(outer, record, "in").values[0] else {
      Issue.record("a record is a composite")
      return
    }
    let reader = JSONColumnReader(paths: paths("a", "v", "z"))
    let read = reader.row(of: json)
    #expect(read.status == .valid)
    let integer = read.values[1]
    // JSON has one kind of number: a whole double comes back as an integer only where it is written as one.
    #expect(read.values[0] == .integer(3) && integer == example.value && read.values[2] == .text("z"), "\(json)")
  }

  struct Broken: CustomTestStringConvertible, Sendable {
    var type: String
    var bytes: [UInt8]
    var message: String

    init(_ type: String, _ bytes: [UInt8], _ message: String) {
      self.type = type
      self.bytes = bytes
      self.message = message
    }

    var testDescription: String { "\(type) \(bytes)" }
  }

  @Test(arguments: [
    Broken(#""boolean""#, [2], "byte 0 (v): a boolean that is neither 0 nor 1"),
    Broken(#""int""#, AvroBytes.long(1 << 31), "byte 0 (v): a number outside the range of an int"),
    Broken(#""long""#, [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 2], "byte 0 (v): a number of more than 64 bits"),
    Broken(#""long""#, [0x80], "byte 1 (v): the record ends too early"),
    Broken(#""long""#, [2, 2], "byte 1: bytes follow the end of the record"),
    Broken(#""string""#, [4, 0x61], "byte 0 (v): a length that is negative or larger than the record"),
    Broken(#""string""#, [1], "byte 0 (v): a length that is negative or larger than the record"),
    Broken(#""string""#, AvroBytes.long(.max), "byte 0 (v): a length that is negative or larger than the record"),
    Broken(#""string""#, [2, 0xFF], "byte 1 (v): malformed UTF-8 in a string"),
    Broken(#""double""#, [0, 0], "byte 2 (v): the record ends too early"),
    Broken(#"["null","long"]"#, [4, 2], "byte 0 (v): no such branch in the union"),
    Broken(#"["null","long","string"]"#, [6, 2], "byte 0 (v): no such branch in the union"),
    Broken(#"{"type":"enum","name":"e","symbols":["A"]}"#, [2], "byte 0 (v): no such symbol in the enum"),
    Broken(#"{"type":"array","items":"long"}"#, [20, 2, 0], "byte 1 (v): a length that is negative or larger than the record"),
    Broken(#"{"type":"array","items":"long"}"#, [1, 100, 2, 0], "byte 0 (v): a length that is negative or larger than the record"),
    Broken(#"{"type":"array","items":"long"}"#, [1, 4, 2, 0, 0], "byte 3 (v): a block that ends elsewhere than it says"),
    Broken(#"{"type":"array","items":"null"}"#, AvroBytes.long(1 << 40) + [0], "byte 6 (v): a value that is too large as JSON"),
    Broken(
      #"{"type":"map","values":"long"}"#, AvroBytes.long(.max) + [0],
      "byte 10 (v): a length that is negative or larger than the record"),
    Broken(
      #"{"type":"bytes","logicalType":"decimal","precision":400,"scale":0}"#,
      AvroBytes.bytes([1] + Array(repeating: 0, count: 128)),
      "byte 2 (v): a decimal of too many digits"),
  ])
  func `what is broken is refused, with its place`(_ broken: Broken) throws {
    let reader = AvroColumnReader(paths: paths("v"), .given(try AvroSchema(schema(ofField: broken.type))))
    #expect(try reader.rows(of: [broken.bytes]).map(\.status) == [.malformed])
    #expect(try reader.explanation(of: broken.bytes) == "malformed Avro at \(broken.message)")
  }

  private static let shop = """
    {"type":"record","name":"click","namespace":"shop","fields":[
      {"name":"id","type":"string"},
      {"name":"at","type":{"type":"long","logicalType":"timestamp-millis"}},
      {"name":"properties","type":["null",{"type":"record","name":"properties","fields":[
        {"name":"price","type":["null","double"]},
        {"name":"tags","type":{"type":"map","values":"string"}},
        {"name":"product","type":{"type":"record","name":"product","fields":[{"name":"sku","type":"string","aliases":["product_id"]}]}}]}]},
      {"name":"next","type":["null","click"]}]}
    """
  private static func click(price: Double?, next: [UInt8]? = nil) -> [UInt8] {
    AvroBytes.string("e1") + AvroBytes.long(5) + [2] + (price.map { [2] + AvroBytes.double($0) } ?? [0])
      + ([4] + AvroBytes.string("a") + AvroBytes.string("x") + AvroBytes.string("b.c") + AvroBytes.string("y") + [0])
      + AvroBytes.string("S1") + (next.map { [2] + $0 } ?? [0])
  }

  @Test func `paths lead through records, unions, maps, aliases and recursion`() throws {
    let record = Self.click(price: 2.5, next: Self.click(price: nil, next: Self.click(price: 9)))
    let row = try avroRow(
      Self.shop, record, "properties.price", "properties.tags.a", "properties.product.sku", "at", "next.properties.price",
      "next.next.properties.price", "next.next.next", "next.next.next.id", "missing", "id.x", "properties.tags.none",
      "properties.product.product_id")
    #expect(
      row.values == [
        .number(2.5), .text("x"), .text("S1"), .integer(5), .null, .number(9), .null, .missing, .missing, .missing, .missing,
        .missing,
      ])
    #expect(row.status == .valid)
    #expect(try avroRow(Self.shop, record, "properties.product.product_id").values == [.text("S1")])
  }

  @Test func `an object can be wanted whole and in parts`() throws {
    let row = try avroRow(
      Self.shop, Self.click(price: 2), "properties", "properties.price", "properties.tags", "properties.tags.a",
      "properties.product")
    #expect(
      row.values == [
        .composite(#"{"price":2.0,"tags":{"a":"x","b.c":"y"},"product":{"sku":"S1"}}"#), .number(2),
        .composite(#"{"a":"x","b.c":"y"}"#), .text("x"), .composite(#"{"sku":"S1"}"#),
      ])
  }

  @Test func `null in the place of an object leaves its fields missing`() throws {
    let record = AvroBytes.string("e1") + AvroBytes.long(5) + [0, 0]
    #expect(
      try avroRow(Self.shop, record, "properties", "properties.price", "id")
        == PlainRow(status: .valid, values: [.null, .missing, .text("e1")]))
  }

  @Test func `a union at the root is one of its records, or none`() throws {
    let union =
      #"["null",{"type":"record","name":"a","fields":[{"name":"x","type":"long"}]},{"type":"record","name":"b","fields":[{"name":"y","type":"string"},{"name":"x","type":"string"}]},"string"]"#
    let reader = AvroColumnReader(paths: paths("x", "y"), .given(try AvroSchema(union)))
    let rows = try reader.rows(of: [[2, 14], [4, 2, 0x71, 2, 0x72], [0], [6, 0], [8], []])
    #expect(
      rows == [
        PlainRow(status: .valid, values: [.integer(7), .missing]), PlainRow(status: .valid, values: [.text("r"), .text("q")]),
        PlainRow(status: .empty, values: [.missing, .missing]), PlainRow(status: .notAnObject, values: [.missing, .missing]),
        PlainRow(status: .malformed, values: [.missing, .missing], errorByteIndex: 0),
        PlainRow(status: .empty, values: [.missing, .missing]),
      ])
    #expect(try reader.explanation(of: [6, 0]) == "expected an Avro record, found a value of another type")
  }

  @Test func `recursion has a bottom`() throws {
    let list = #"{"type":"record","name":"n","fields":[{"name":"v","type":"long"},{"name":"n","type":["null","n"]}]}"#
    func nested(_ depth: Int) -> [UInt8] { (0..<depth).flatMap { _ -> [UInt8] in [0, 2] } + [0, 0] }
    #expect(try avroRow(list, nested(40), "v").status == .valid)
    #expect(try avroRow(list, nested(40), "n").status == .valid)
    #expect(try avroRow(list, nested(1000), "v").status == .malformed)
    #expect(try avroRow(list, nested(1000), "n").status == .malformed)
    // A record that contains itself without end has no bytes at all.
    let endless = #"{"type":"record","name":"n","fields":[{"name":"n","type":"n"},{"name":"v","type":"long"}]}"#
    #expect(try avroRow(endless, [0, 0, 0], "v").status == .malformed)
    #expect(try avroRow(endless, [0, 0, 0], "n.n.v").status == .malformed)
  }

  @Test func `a record's values do not depend on its neighbours`() throws {
    let reader = AvroColumnReader(
      paths: paths("id", "properties.price", "properties.tags", "next.id"), .given(try AvroSchema(Self.shop)))
    let records = [Self.click(price: 1), [0xFF, 0xFF], Self.click(price: nil, next: Self.click(price: 3)), [], [2]]
    let alone = try records.map { try reader.rows(of: [$0])[0] }
    for gap: [UInt8] in [[], [0], [0xFF], Array(repeating: 0x80, count: 12)] {
      #expect(try reader.rows(of: records, gap: gap) == alone)
    }
  }

  @Test func `no wanted field still checks the record`() throws {
    let reader = AvroColumnReader(paths: [], .given(try AvroSchema(Self.shop)))
    let batch = RecordBatch()
    for record in [Self.click(price: 1), [0xFF]] {
      record.withUnsafeBufferPointer { batch.append(value: $0, key: nil, timestamp: 0, offset: 0, partition: 0) }
    }
    let columns = Columns(columnCount: 0)
    try reader.decode(batch, into: columns)
    #expect(columns.statuses[0] == .valid && columns.statuses[1] == .malformed)
  }

  // MARK: - Confluent's wire format

  @Test func `the number in front of a record finds its schema`() throws {
    let first = #"{"type":"record","name":"r","fields":[{"name":"a","type":"long"},{"name":"b","type":"string"}]}"#
    let second = #"{"type":"record","name":"r","fields":[{"name":"b","type":["null","string"]},{"name":"c","type":"long"}]}"#
    nonisolated(unsafe) var asked: [Int32] = []
    let reader = AvroColumnReader(
      paths: paths("a", "b"),
      .registry { number in
        asked.append(number)
        return [1: first, 258: second, 3: "\"string\"", 4: "{"][number].map { AvroSchemaTexts(schema: $0) }
      })
    let records: [[UInt8]] = [
      [0, 0, 0, 0, 1, 2, 2, 0x78], [0, 0, 0, 0, 1, 4, 0], [0, 0, 0, 1, 2, 2, 2, 0x79, 8], [0, 0, 0, 0, 9, 1], [0, 0, 0, 0, 3, 0],
      [0, 0, 0, 0, 4, 0], [0x7B, 0x7D], [0, 0, 0], [], [0, 0, 0, 1, 2, 0, 8], [0, 0, 0, 0, 1],
    ]
    let rows = try reader.rows(of: records)
    #expect(
      rows.map(\.status) == [
        .valid, .valid, .valid, .unknownSchema, .unknownSchema, .unknownSchema, .malformed, .malformed, .empty, .valid, .malformed,
      ])
    #expect(rows[0].values == [.integer(1), .text("x")])
    #expect(rows[2].values == [.missing, .text("y")])
    #expect(rows[9].values == [.missing, .null])
    #expect(asked == [1, 258, 9, 3, 4])
    #expect(try reader.explanation(of: records[3]) == "the registry has no schema 9")
    #expect(try reader.explanation(of: records[4]) == "schema 3 of the registry: the schema is no record, but string")
    #expect(try reader.explanation(of: records[5]).hasPrefix("schema 4 of the registry: the schema is not JSON") == true)
    #expect(
      try reader.explanation(of: records[6])
        == "not in Confluent's wire format: the first byte is 0x7b, expected 0x00; is this JSON?")
    #expect(try reader.explanation(of: records[7]) == "not in Confluent's wire format: 3 bytes, and the schema's number takes 5")
    #expect(try reader.explanation(of: records[10]) == "malformed Avro at byte 5 (a): the record ends too early")
  }

  @Test func `a schema may refer to schemas of other subjects`() throws {
    let reader = AvroColumnReader(
      paths: paths("u.name"),
      .registry { _ in
        AvroSchemaTexts(
          schema: #"{"type":"record","name":"r","fields":[{"name":"u","type":"shop.user"}]}"#,
          definitions: [#"{"type":"record","name":"user","namespace":"shop","fields":[{"name":"name","type":"string"}]}"#])
      })
    #expect(try reader.rows(of: [[0, 0, 0, 0, 1, 2, 0x61]]).map(\.values) == [[.text("a")]])
  }

  @Test func `without a registry the run ends, and no record is judged`() {
    let reader = AvroColumnReader(paths: paths("a"), .registry { _ throws(Failure) in throw Failure(.unavailable, "no answer") })
    #expect(throws: Failure.self) { try reader.rows(of: [[0, 0, 0, 0, 1, 2]]) }
  }

  @Test func `a container's own schema goes before any other`() throws {
    let reader = AvroColumnReader(paths: paths("v"), .given(try AvroSchema(schema(ofField: "\"long\""))))
    #expect(try reader.rows(of: [[2, 0x61]], schema: schema(ofField: "\"string\"")).map(\.values) == [[.text("a")]])
    #expect(try reader.rows(of: [[2]]).map(\.values) == [[.integer(1)]])
    #expect(throws: Failure.self) { try reader.rows(of: [[2]], schema: "\"long\"") }
  }
}
