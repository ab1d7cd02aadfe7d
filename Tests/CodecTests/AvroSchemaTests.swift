// Schemas: names and what they mean, what fields there are, and what is no schema, with the exact words.

import Codec
import Records
import Testing

@Suite struct AvroSchemaTests {
  @Test(arguments: [
    ("", "the schema is not JSON"),
    ("{", "the schema is not JSON"),
    ("5", "expected a type: a name, a list for a union, or an object with a 'type'"),
    ("\"Double\"", "unknown type 'Double'; did you mean 'double'?"),
    ("{\"name\":\"r\"}", "'type' is missing"),
    (#"{"type":"record","fields":[]}"#, "'name' of the record is missing"),
    (#"{"type":"record","name":"a.r"}"#, "'fields' of record 'a.r' is missing"),
    (#"{"type":"record","name":"r","fields":[{"type":"int"}]}"#, "record 'r' has a field without a name"),
    (#"{"type":"record","name":"r","fields":[{"name":"a"}]}"#, "field 'a' of record 'r': 'type' is missing"),
    (
      #"{"type":"record","name":"r","fields":[{"name":"a","type":"int"},{"name":"a","type":"int"}]}"#,
      "record 'r' has two fields 'a'"
    ),
    (
      #"{"type":"record","name":"r","fields":[{"name":"a","type":{"type":"array"}}]}"#,
      "field 'a' of record 'r': 'items' of an array is missing"
    ),
    (#"{"type":"map"}"#, "'values' of a map is missing"),
    (#"{"type":"map","values":["null",["int"]]}"#, "values of a map: a union stands directly in a union"),
    ("[]", "a union without branches"),
    (#"["null",{"type":"enum","name":"e"}]"#, "branch 2 of a union: 'symbols' of enum 'e' is missing"),
    (#"{"type":"fixed","name":"f","size":-1}"#, "'size' of fixed 'f': expected 0 to 268435456"),
    (#"{"type":"enum","name":"string","symbols":["A"]}"#, "the enum cannot be called 'string', which is a type"),
    (
      #"[{"type":"fixed","name":"f","size":1},{"type":"enum","name":"f","symbols":["A"]}]"#,
      "branch 2 of a union: 'f' is defined twice"
    ),
    (
      #"{"type":"record","name":"r","namespace":"shop","fields":[{"name":"a","type":{"type":"record","name":"other.p","fields":[]}},{"name":"b","type":"p"}]}"#,
      "field 'b' of record 'shop.r': unknown type 'p'; did you mean 'other.p'?"
    ),
    (
      String(repeating: #"{"type":"array","items":"#, count: 200) + "\"int\"" + String(repeating: "}", count: 200),
      "nested more than 128 deep"
    ),
  ])
  func `what is no schema is refused with its place`(text: String, message: String) {
    let error = #expect(throws: AvroSchemaError.self) { try AvroSchema(text) }
    let found = error?.description ?? ""
    // Foundation's own words, and the way to a place that is deep, come with it.
    #expect(found == message || found.hasPrefix(message + ": ") || found.hasSuffix(": " + message), "\(found)")
  }

  @Test func `names stand in the namespace of what surrounds them`() throws {
    let schema = try AvroSchema(
      """
      {"type":"record","name":"order","namespace":"shop","fields":[
        {"name":"a","type":{"type":"enum","name":"state","symbols":["NEW","PAID"]}},
        {"name":"b","type":"state"}, {"name":"c","type":"shop.state"},
        {"name":"d","type":{"type":"record","name":"deep.item","fields":[
          {"name":"x","type":{"type":"fixed","name":"code","size":2}}, {"name":"y","type":"deep.code"}, {"name":"z","type":"code"}]}},
        {"name":"e","type":["null","order"]}]}
      """)
    #expect(schema.kinds(at: FieldPath(dotted: "e.e.d.z")!) == [.string])
    #expect(schema.fieldPaths.prefix(8) == ["a", "b", "c", "d", "d.x", "d.y", "d.z", "e"])
  }

  @Test(
    arguments: [
      ("a", [.integer]), ("b", [.bool, .string]), ("c", [.composite]), ("c.any", [.double]), ("d", [.string]), ("e", [.double]),
      ("f", []), ("g", [.composite]), ("g.h", [.integer]), ("g.none", nil), ("none", nil), ("a.x", nil),
    ] as [(String, Set<ValueKind>?)])
  func `a field's kinds are known beforehand`(path: String, kinds: Set<ValueKind>?) throws {
    let schema = try AvroSchema(
      """
      {"type":"record","name":"r","fields":[
        {"name":"a","type":["null",{"type":"long","logicalType":"timestamp-nanos"}]}, {"name":"b","type":["boolean","string","null"]},
        {"name":"c","type":{"type":"map","values":"float"}}, {"name":"d","type":{"type":"int","logicalType":"date"}},
        {"name":"e","type":{"type":"bytes","logicalType":"decimal","precision":4,"scale":2}}, {"name":"f","type":"null"},
        {"name":"g","type":{"type":"record","name":"s","fields":[{"name":"h","type":"int"}]}}]}
      """)
    #expect(schema.kinds(at: FieldPath(dotted: path)!) == kinds)
    #expect(schema.isTimestamp(at: FieldPath(dotted: path)!) == (path == "a"))
  }

  @Test func `ways that multiply are refused, not followed`() throws {
    // Each level has two records that hold the next level's two: 2^20 ways to one field.
    var text = #"{"type":"record","name":"z","fields":[{"name":"a","type":"int"}]}"#
    for level in 0..<20 {
      let inner = level == 0 ? text : #"["x\#(level - 1)","y\#(level - 1)"]"#
      let first = level == 0 ? text : text
      text =
        #"[{"type":"record","name":"x\#(level)","fields":[{"name":"a","type":\#(first)}]},{"type":"record","name":"y\#(level)","fields":[{"name":"a","type":\#(level == 0 ? "\"z\"" : inner)}]}]"#
    }
    let path = FieldPath(Array(repeating: "a", count: 21))
    let schema = try AvroSchema(text)
    let reader = AvroColumnReader(paths: [path], .given(schema))
    #expect(try reader.rows(of: [[0]]).map(\.status) == [.unknownSchema])
    #expect(try reader.explanation(of: [0]) == "the unions on the way to the fields have too many branches")
    // What nobody wants costs nothing.
    let record = [UInt8](repeating: 0, count: 20) + [2]
    #expect(try AvroColumnReader(paths: [FieldPath(["b"])], .given(schema)).rows(of: [record]).map(\.status) == [.valid])
  }
}
