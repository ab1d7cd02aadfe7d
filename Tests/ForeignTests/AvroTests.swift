// Avro schemas, plain and with `arg.properties`: every type, every property, names, unions, recursion, and what is refused.

import Testing

@testable import Foreign

private func record(_ type: String) -> String {
  "{\"type\": \"record\", \"name\": \"R\", \"fields\": [{\"name\": \"f\", \"type\":\n\(type)}]}"
}

/// A type with an annotation.
private func annotated(_ type: String, _ properties: String) -> String {
  record("{\"type\": \"\(type)\", \"arg.properties\": {\(properties)}}")
}

@Suite struct AvroTests {
  @Test(arguments: [
    (#""null""#, "{ const: null }"), (#""boolean""#, "{ bool: 0.5 }"), (#""int""#, "{ int: [-2147483648, 2147483647] }"),
    (#""long""#, "{ int: any }"), (#""float""#, "{ float: [0, 1] }"), (#""double""#, "{ float: [0, 1] }"),
    (#""string""#, "{ pattern: \"[ -~]{8,15}\" }"), (#""bytes""#, "{ pattern: \"[ -~]{8,15}\" }"),
    (#"{"type": "enum", "name": "E", "symbols": ["A", "B"]}"#, "{ choice: [A, B] }"),
    (#"{"type": "fixed", "name": "F", "size": 16}"#, "{ pattern: \"[ -~]{16}\" }"),
    (#"{"type": "array", "items": "int"}"#, "{ array: { int: [-2147483648, 2147483647] }, length: [8, 15] }"),
    (#"{"type": "map", "values": "boolean"}"#, "{ map: { bool: 0.5 }, keys: { pattern: \"[ -~]{8,15}\" }, length: [8, 15] }"),
    (#"["null", "boolean"]"#, "{ bool: 0.5, nullable: 0.5 }"), (#"["boolean"]"#, "{ bool: 0.5 }"),
    (#"["null", "boolean", "double"]"#, "{ one_of: [{ bool: 0.5 }, { float: [0, 1] }], nullable: 0.3333 }"),
    (#"{"type": "array", "items": ["null", "boolean"]}"#, "{ array: { bool: 0.5, nullable: 0.5 }, length: [8, 15] }"),
    (#"{"type": "record", "name": "I", "fields": [{"name": "x", "type": "boolean"}]}"#, "{ object: { x: { bool: 0.5 } } }"),
    (#"{"type": {"type": "boolean"}}"#, "{ bool: 0.5 }"), (#"{"type": "string", "logicalType": "uuid"}"#, "{ uuid: v4 }"),
    (#"{"type": "long", "logicalType": "timestamp-millis"}"#, "{ time: event, format: epoch_ms }"),
    (#"{"type": "long", "logicalType": "timestamp-micros"}"#, "{ time: event, format: epoch_us }"),
    (#"{"type": "long", "logicalType": "time-micros"}"#, "{ int: [0, 86399999999] }"),
    (#"{"type": "int", "logicalType": "time-millis"}"#, "{ int: [0, 86399999] }"),
    (#"{"type": "bytes", "logicalType": "decimal", "precision": 6, "scale": 2}"#, "{ decimal: [-9999.99, 9999.99], decimals: 2 }"),
    (#"{"type": "bytes", "logicalType": "decimal", "precision": 2, "scale": 2}"#, "{ decimal: [-0.99, 0.99], decimals: 2 }"),
    (
      #"{"type": "fixed", "name": "D", "size": 8, "logicalType": "decimal", "precision": 4}"#,
      "{ decimal: [-9999, 9999], decimals: 0 }"
    ),
  ])
  func `a type without annotation takes what avro-random-generator gives it`(_ type: String, _ expected: String) throws {
    let conversion = try convert(record(type))
    #expect(conversion.findings == [])
    #expect(conversion.lines(after: "fields:") == "  f: \(expected)\n")
    #expect(conversion.schemaFindings == [])
  }

  @Test(arguments: [
    ("string", #""options": ["a", "b"]"#, "{ choice: [a, b] }"),
    ("int", #""options": [1, 2, 1]"#, "{ choice: [1, 2], weights: [2, 1] }"),
    ("string", #""options": ["1"], "prefix": "<", "suffix": ">""#, "{ choice: [\"<1>\"] }"),
    ("boolean", #""options": [true]"#, "{ choice: [true] }"),
    ("string", #""options": {"file": "o.json", "encoding": "json"}"#, "{ choice: [x, y] }"),
    ("string", #""options": {"file": "lines.json", "encoding": "json"}"#, "{ choice: [p, q] }"),
    ("int", #""iteration": {"start": 0}"#, "{ sequence: number, start: 0 }"),
    ("long", #""iteration": {"start": 10, "restart": 0}"#, "{ sequence: number, start: 10, step: -1, restart: 1 }"),
    ("int", #""iteration": {"start": 0, "restart": 10, "step": 3}"#, "{ sequence: number, start: 0, step: 3, restart: 9 }"),
    ("int", #""iteration": {"start": 1, "restart": 10, "step": 3}"#, "{ sequence: number, start: 1, step: 3, restart: 7 }"),
    ("long", #""iteration": {"start": 0, "initial": 7}"#, "{ sequence: number, start: 7 }"),
    ("string", #""iteration": {"start": 5}, "prefix": "u_", "suffix": "!""#, "{ sequence: \"u_{n}!\", start: 5 }"),
    (
      "string", #""iteration": {"start": 5}, "prefix": "{""#, "{ template: \"{{{n}\", with: { n: { sequence: number, start: 5 } } }"
    ),
    ("double", #""iteration": {"start": 2, "step": 2}"#, "{ sequence: number, start: 2, step: 2 }"),
    ("int", #""range": {"min": 1, "max": 5}"#, "{ int: [1, 4] }"), ("int", #""range": {"min": 1}"#, "{ int: [1, 2147483647] }"),
    ("long", #""range": {"max": 5}"#, "{ int: [-9223372036854775808, 4] }"),
    ("double", #""range": {"min": -1.5, "max": 2}"#, "{ float: [-1.5, 2] }"),
    ("string", #""length": 3"#, "{ pattern: \"[ -~]{3}\" }"),
    ("string", #""length": {"min": 1, "max": 4}"#, "{ pattern: \"[ -~]{1,3}\" }"),
    ("bytes", #""length": {"max": 2}"#, "{ pattern: \"[ -~]{0,1}\" }"), ("string", #""length": 0"#, "{ const: \"\" }"),
    ("string", #""length": 2, "prefix": "a.b""#, "{ pattern: \"a\\\\.b[ -~]{2}\" }"),
    ("string", #""regex": "User_[1-9]{0,1}""#, "{ pattern: \"User_[1-9]{0,1}\" }"),
    ("string", #""regex": "a|b", "suffix": "+""#, "{ pattern: \"(a|b)\\\\+\" }"), ("boolean", #""odds": 0.2"#, "{ bool: 0.2 }"),
  ])
  func `a property of the annotation becomes a generator`(_ type: String, _ properties: String, _ expected: String) throws {
    let conversion = try convert(
      annotated(type, properties), as: "s.avsc", beside: ["o.json": "[\"x\", \"y\"]", "lines.json": "\"p\"\n\n\"q\"\n"])
    #expect(conversion.findings == [])
    #expect(conversion.lines(after: "fields:") == "  f: \(expected)\n")
    #expect(conversion.schemaFindings == [])
  }

  @Test(arguments: [
    (
      #"{"type": "array", "items": "boolean", "arg.properties": {"length": 2}}"#, "{ array: { bool: 0.5 }, length: 2 }"
    ),
    (
      #"{"type": "array", "items": "boolean", "arg.properties": {"options": [[true], []]}}"#,
      "{ one_of: [{ const: [true] }, { const: [] }] }"
    ),
    (
      #"{"type": "map", "values": "boolean", "arg.properties": {"length": {"min": 1, "max": 3}, "keys": {"options": ["a", "b"]}}}"#,
      "{ map: { bool: 0.5 }, keys: { choice: [a, b] }, length: [1, 2] }"
    ),
    (#"{"type": "enum", "name": "E", "symbols": ["A", "B"], "arg.properties": {"options": ["A"]}}"#, "{ choice: [A] }"),
    (
      #"{"type": "record", "name": "I", "fields": [], "arg.properties": {"options": [{"x": 1}, {"x": 2}]}}"#,
      "{ one_of: [{ const: { x: 1 } }, { const: { x: 2 } }] }"
    ),
  ])
  func `complex types take annotations too`(_ type: String, _ expected: String) throws {
    let conversion = try convert(record(type))
    #expect(conversion.findings == [])
    #expect(conversion.lines(after: "fields:") == "  f: \(expected)\n")
    #expect(conversion.schemaFindings == [])
  }

  @Test func `types are found by their names, comments are read over`() throws {
    let conversion = try convert(
      """
      // Orders.
      { "type": "record", "name": "Order", "namespace": "shop", /* two */ "fields": [
        { "name": "a", "doc": "Where to.", "type": { "type": "record", "name": "Place", "fields": [ { "name": "zip", "type": "boolean" } ] } },
        { "name": "b", "type": "Place" }, { "name": "c", "type": ["null", "shop.Place"] }, { "name": "at", "type": { "type": "int", "logicalType": "date" } } ] }
      """)
    #expect(conversion.findings == [])
    #expect(
      conversion.text == """
        # From an Avro schema; the rate is a guess.
        version: 1
        kind: stream
        name: Order
        rate: 100/s
        fields:
          # Where to.
          a: { object: { zip: { bool: 0.5 } } }
          b: { object: { zip: { bool: 0.5 } } }
          c: { object: { zip: { bool: 0.5 } }, nullable: 0.5 }
          # Days since 1970: 2020 to 2029.
          at: { int: [18262, 21914] }

        """)
    #expect(conversion.schemaFindings == [])
  }

  @Test func `a type inside itself ends where null or an empty list may stand`() throws {
    let conversion = try convert(record(#"["null", "R"]"#))
    #expect(conversion.lines(after: "fields:") == "  f: { const: null }\n")
    #expect(
      conversion.findings == [
        "2:10: warning[no-equivalent]: field 'f': 'R' inside itself is left out of the union, so that records end"
      ])
    let list = try convert(record(#"{"type": "array", "items": "R"}"#))
    #expect(list.lines(after: "fields:") == "  f: { const: [] }\n")
    #expect(
      list.findings == ["2:28: warning[no-equivalent]: field 'f': 'R' inside itself is left out, so that records end: always empty"]
    )
    let found = try convert(record("\"R\"")).findings
    #expect(
      found == [
        "1:44: error[cycle]: field 'f': type 'R' contains itself, and no null or empty list ends it"
      ])
  }

  @Test(arguments: [
    (record("\"strin\""), "2:1: error[unknown-type]: field 'f': unknown type 'strin'; did you mean 'string'?"),
    (record("{\"type\": \"array\"}"), "2:1: error[missing-field]: field 'f': missing field 'items'"),
    (record("{\"name\": \"x\"}"), "2:1: error[missing-field]: field 'f': missing field 'type'"),
    (record("[]"), "2:1: error[wrong-value]: field 'f': expected at least one branch in the union, found none"),
    (
      record("{\"type\": \"enum\", \"name\": \"E\"}"),
      "2:1: error[missing-field]: field 'f': expected a list of symbols under 'symbols'"
    ),
    (record("{\"type\": \"fixed\", \"name\": \"F\"}"), "2:1: error[missing-field]: field 'f': missing field 'size'"),
    (
      record("{\"type\": \"bytes\", \"logicalType\": \"decimal\"}"),
      "2:1: error[missing-field]: field 'f': a decimal needs 'precision'"
    ),
    (
      annotated("int", #""range": {"min": 5, "max": 5}"#),
      "2:45: error[wrong-value]: 'range' of field 'f': 'min' 5 is not below 'max' 5"
    ),
    (
      annotated("int", #""range": {"min": "x"}"#),
      "2:53: error[wrong-type]: 'min' of 'range' of field 'f': expected a whole number, found 'x'"
    ),
    (
      annotated("int", #""options": [1], "range": {"min": 1}"#),
      "2:61: error[wrong-value]: field 'f': 'range' and 'options' exclude each other"
    ),
    (
      annotated("string", #""options": {"file": "no.json", "encoding": "json"}"#),
      "2:59: error[no-file]: 'file' of 'options' of field 'f': DIR/no.json: no such file"
    ),
    (
      annotated("string", #""options": {"file": "o", "encoding": "binary"}"#),
      "2:76: error[no-equivalent]: 'encoding' of 'options' of field 'f': binary options cannot be read; write them as JSON"
    ),
    (
      annotated("string", #""length": {"min": 4, "max": 4}"#),
      "2:49: error[wrong-value]: 'length' of field 'f': 'min' 4 is not below 'max' 4"
    ),
    (
      annotated("int", #""iteration": {"start": 0, "restart": 5, "step": -1}"#),
      "2:49: error[wrong-value]: 'iteration' of field 'f': by steps of -1 it never goes from 0 to 5"
    ),
    (annotated("int", #""iteration": {}"#), "2:49: error[missing-field]: 'iteration' of field 'f': missing field 'start'"),
    (
      annotated("double", #""iteration": {"start": 0, "step": 0.1}"#),
      "2:52: error[no-equivalent]: 'iteration' of field 'f': fractions cannot be counted; expected whole 'start' and 'step', or at most 1000 values up to 'restart'"
    ),
    (
      annotated("boolean", #""odds": 2"#), "2:48: error[wrong-value]: 'odds' of field 'f': expected a number from 0 to 1, found '2'"
    ),
    ("{\"type\": \"record\", \"name\": \"R\", \"fields\": []}", "1:1: error[wrong-value]: the record has no fields"),
    (
      "{\"type\": \"enum\", \"name\": \"R\", \"symbols\": [\"A\"]}",
      "1:1: error[wrong-type]: the schema: expected a record, found 'enum'"
    ),
    (
      "{\"type\": \"record\",\n \"name\": \"R\",, \"fields\": []}",
      "2:14: error[syntax]: expected a name in double quotes, found ','"
    ),
  ])
  func `what is broken is named with its place`(_ text: String, _ finding: String) throws {
    let found = try convert(text, as: "s.avsc").findings
    #expect(found == [finding])
  }

  @Test(arguments: [
    (
      annotated("boolean", #""iteration": {"start": true}"#), "{ bool: 0.5 }",
      "2:53: warning[no-equivalent]: 'iteration' of field 'f': no generator alternates; true and false are drawn, each as likely"
    ),
    (
      annotated("double", #""iteration": {"start": 0, "restart": 0.5, "step": 0.1}"#), "{ choice: [0, 0.1, 0.2, 0.3, 0.4] }",
      "2:52: warning[no-equivalent]: 'iteration' of field 'f': fractions cannot be counted; the values are drawn at random"
    ),
    (
      annotated("int", #""odds": 1"#), "{ int: [-2147483648, 2147483647] }",
      "2:36: warning[no-effect]: field 'f': 'odds' has no effect on int"
    ),
    (
      annotated("int", #""iteration": {"start": 0, "restart": 9, "initial": 4}"#), "{ sequence: number, start: 0, restart: 8 }",
      "2:87: warning[no-equivalent]: 'iteration' of field 'f': begins at 'start' 0 rather than at 'initial'"
    ),
    (
      "{\"type\": \"record\", \"name\": \"R\", \"fields\": [{\"name\": \"f\", \"type\": \"boolean\", \"arg.properties\": {}}]}",
      "{ bool: 0.5 }",
      "1:95: warning[no-effect]: field 'f': 'arg.properties' has no effect beside a field's name; it belongs into its type, as in {\"type\": {\"type\": \"int\", \"arg.properties\": ...}}"
    ),
  ])
  func `what has no equal is taken as near as can be, and said`(_ text: String, _ expected: String, _ finding: String) throws {
    let conversion = try convert(text)
    #expect(conversion.findings == [finding])
    #expect(conversion.lines(after: "fields:") == "  f: \(expected)\n")
  }
}
