// JSON Schemas: every keyword that is taken over, references, and those that are pointed out.

import Testing

@testable import Foreign

private func schema(_ property: String, rest: String = "") -> String {
  "{\"$schema\": \"x\", \"type\": \"object\", \"required\": [\"f\"], \"properties\": {\"f\":\n\(property)}\(rest)}"
}

@Suite struct JSONSchemaTests {
  @Test(arguments: [
    (#"{"type": "boolean"}"#, "{ bool: 0.5 }"), (#"{"type": "null"}"#, "{ const: null }"),
    (#"{"const": {"a": 1}}"#, "{ const: { a: 1 } }"),
    (#"{"enum": ["a", 1, null]}"#, "{ choice: [a, 1, null] }"),
    (#"{"enum": [[1], "x"]}"#, "{ one_of: [{ const: [1] }, { const: x }] }"),
    (#"{"type": "integer"}"#, "{ int: [0, 1000] }"), (#"{"type": "integer", "minimum": 5}"#, "{ int: [5, 1005] }"),
    (#"{"type": "integer", "maximum": 5000}"#, "{ int: [0, 5000] }"),
    (#"{"type": "integer", "exclusiveMinimum": 1, "exclusiveMaximum": 9}"#, "{ int: [2, 8] }"),
    (#"{"type": "integer", "minimum": 1, "exclusiveMinimum": true, "maximum": 9}"#, "{ int: [2, 9] }"),
    (#"{"type": "integer", "minimum": 1, "maximum": 12, "multipleOf": 5}"#, "{ choice: [5, 10] }"),
    (#"{"type": "number", "minimum": -1.5, "maximum": 2}"#, "{ float: [-1.5, 2] }"),
    (#"{"type": "number", "minimum": 0, "exclusiveMaximum": 1, "multipleOf": 0.01}"#, "{ decimal: [0, 0.99], decimals: 2 }"),
    (#"{"type": "number", "minimum": 0, "maximum": 1, "multipleOf": 0.25}"#, "{ choice: [0, 0.25, 0.5, 0.75, 1] }"),
    (#"{"type": "string"}"#, "{ fake: word }"),
    (#"{"type": "string", "minLength": 2, "maxLength": 5}"#, "{ pattern: \"[a-z]{2,5}\" }"),
    (#"{"type": "string", "maxLength": 3}"#, "{ pattern: \"[a-z]{1,3}\" }"),
    (#"{"type": "string", "pattern": "^A\\d$"}"#, "{ pattern: \"A\\\\d\" }"),
    (#"{"type": "string", "examples": ["x", "y"]}"#, "{ choice: [x, y] }"),
    (#"{"type": "string", "format": "date-time"}"#, "{ time: event, format: rfc3339_ms }"),
    (#"{"type": "string", "format": "date"}"#, "{ time: event, format: \"%Y-%m-%d\" }"),
    (#"{"type": "string", "format": "time"}"#, "{ time: event, format: \"%H:%M:%SZ\" }"),
    (#"{"type": "string", "format": "email"}"#, "{ fake: email }"),
    (#"{"type": "string", "format": "hostname"}"#, "{ fake: domain }"),
    (#"{"type": "string", "format": "ipv4"}"#, "{ ip: v4 }"), (#"{"type": "string", "format": "ipv6"}"#, "{ ip: v6 }"),
    (#"{"type": "string", "format": "uri"}"#, "{ fake: url }"), (#"{"type": "string", "format": "uuid"}"#, "{ uuid: v4 }"),
    (#"{"type": ["integer", "null"]}"#, "{ int: [0, 1000], nullable: 0.1 }"),
    (#"{"type": ["boolean", "integer"]}"#, "{ one_of: [{ bool: 0.5 }, { int: [0, 1000] }] }"),
    (#"{"oneOf": [{"type": "boolean"}, {"type": "null"}]}"#, "{ bool: 0.5, nullable: 0.1 }"),
    (
      #"{"type": "integer", "anyOf": [{"maximum": 1}, {"minimum": 7, "maximum": 9}]}"#,
      "{ one_of: [{ int: [-999, 1] }, { int: [7, 9] }] }"
    ),
    (#"{"type": "array", "items": {"type": "boolean"}}"#, "{ array: { bool: 0.5 }, length: [1, 3] }"),
    (#"{"type": "array", "items": {"type": "boolean"}, "minItems": 2, "maxItems": 2}"#, "{ array: { bool: 0.5 }, length: 2 }"),
    (#"{"prefixItems": [{"type": "boolean"}, {"const": 1}]}"#, "{ list: [{ bool: 0.5 }, { const: 1 }] }"),
    (
      #"{"type": "object", "additionalProperties": {"type": "boolean"}}"#,
      "{ map: { bool: 0.5 }, keys: { fake: word }, length: [1, 5] }"
    ),
    (#"{"type": "object", "properties": {"x": {"type": "boolean"}}}"#, "{ object: { x: { bool: 0.5, optional: 0.2 } } }"),
    (
      #"{"allOf": [{"properties": {"x": {"type": "integer"}}}, {"required": ["x"], "properties": {"x": {"maximum": 3, "minimum": 1}}}]}"#,
      "{ object: { x: { int: [1, 3] } } }"
    ),
  ])
  func `a schema becomes a generator`(_ property: String, _ expected: String) throws {
    let conversion = try convert(schema(property))
    #expect(conversion.findings == [])
    #expect(conversion.lines(after: "fields:") == "  f: \(expected)\n")
    #expect(conversion.schemaFindings == [])
  }

  @Test func `references are written out, those into themselves end`() throws {
    let conversion = try convert(
      """
      { "title": "Order", "type": "object", "properties": { "who": { "$ref": "#/$defs/person", "description": "Who buys." }, "tree": { "$ref": "#/definitions/tree" } },
        "required": ["who"],
        "$defs": { "person": { "type": "object", "required": ["name"], "properties": { "name": { "type": "string" } } } },
        "definitions": { "tree": { "type": "object", "properties": { "v": { "type": "boolean" }, "left": { "$ref": "#/definitions/tree" } } } } }
      """)
    #expect(
      conversion.findings == [
        "4:92: warning[no-equivalent]: property 'left': a schema inside itself is left out, so that records end"
      ])
    #expect(
      conversion.text == """
        # From a JSON Schema, which says what is allowed, not what is usual: ranges without bounds, shares and the rate are guesses.
        version: 1
        kind: stream
        name: Order
        rate: 100/s
        fields:
          # Who buys.
          who: { object: { name: { fake: word } } }
          tree: { object: { v: { bool: 0.5, optional: 0.2 } }, optional: 0.2 }

        """)
    #expect(conversion.schemaFindings == [])
  }

  @Test(arguments: [
    (
      #"{"type": "strng"}"#,
      "2:10: error[wrong-value]: 'type' of property 'f': expected string, number, integer, boolean, object, array or null, found 'strng'; did you mean 'string'?"
    ),
    (##"{"$ref": "#/x"}"##, "2:10: error[unknown-reference]: property 'f': no schema at '#/x'"),
    (
      #"{"$ref": "http://x/y"}"#,
      "2:10: error[unknown-reference]: property 'f': no schema at 'http://x/y'; only references inside the file are followed"
    ),
    (##"{"$ref": "#"}"##, "1:1: error[cycle]: the schema contains itself, and nothing ends it"),
    (#"{"type": "integer", "minimum": 5, "maximum": 4}"#, "2:1: error[wrong-value]: property 'f': no number lies between 5 and 4"),
    (#"{"type": "integer", "minimum": "x"}"#, "2:32: error[wrong-type]: 'minimum' of property 'f': expected a number, found 'x'"),
    (#"{"enum": []}"#, "2:10: error[wrong-value]: 'enum' of property 'f': expected a list of at least 1, found one of 0"),
    (#"7"#, "2:1: error[wrong-type]: property 'f': expected a schema, found '7'"),
    (#"{"type": "boolean", "not": {}}"#, "2:21: warning[no-equivalent]: property 'f': the keyword 'not' is not taken over"),
    (
      #"{"type": "integer", "minium": 1}"#,
      "2:21: warning[no-equivalent]: property 'f': the keyword 'minium' is not taken over; did you mean 'minimum'?"
    ),
    (#"{"type": "string", "format": "phone"}"#, "2:30: warning[no-equivalent]: property 'f': the format 'phone' is not taken over"),
    (#"{}"#, "2:1: warning[no-equivalent]: property 'f': has no type; words are written"),
  ])
  func `what is broken or has no equal is named with its place`(_ property: String, _ finding: String) throws {
    let found = try convert(schema(property)).findings
    #expect(found == [finding])
  }

  @Test func `a schema of something else than records is refused`() throws {
    let found = try convert("{\"$schema\": \"x\", \"type\": \"string\"}").findings
    #expect(
      found == [
        "1:1: error[wrong-type]: the schema: expected an object with properties, as records are; found one of another kind"
      ])
  }
}
