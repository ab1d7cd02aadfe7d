// Foreign files with characters deleted, doubled, swapped and replaced: whatever comes of it, reading ends with findings or with a document
// that reads as it was meant.

import Configuration
import Testing

@testable import Foreign

/// SplitMix64 (Steele, Lea, Flood, 2014): the same numbers for the same seed.
struct SeededGenerator: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var word = state
    word = (word ^ (word >> 30)) &* 0xbf58_476d_1ce4_e5b9
    word = (word ^ (word >> 27)) &* 0x94d0_49bb_1331_11eb
    return word ^ (word >> 31)
  }
}

private let samples: [(name: String, text: String)] = [
  (
    "glassgen",
    #"{"schema": {"a": "$choice(x, y)", "b": {"c": "$price(1, 2, 2)"}}, "sink": {"type": "kafka", "params": {"bootstrap.servers": "h:1", "topic": "t"}}, "generator": {"rps": 5, "event_options": {"duplication": {"enabled": true, "ratio": 0.5, "key_field": "b.c"}}}}"#
  ),
  (
    "avro",
    #"{"type": "record", "name": "R", "fields": [{"name": "a", "type": {"type": "int", "arg.properties": {"iteration": {"start": 0, "restart": 10, "step": 3}}}}, {"name": "b", "type": ["null", "R"]}, {"name": "c", "type": {"type": "string", "arg.properties": {"regex": "[a-z]{2}", "prefix": "x"}}}, {"name": "d", "type": {"type": "bytes", "logicalType": "decimal", "precision": 6, "scale": 2}}]}"#
  ),
  (
    "json schema",
    ##"{"$schema": "s", "type": "object", "required": ["a"], "properties": {"a": {"type": "integer", "minimum": 1, "maximum": 9, "multipleOf": 2}, "b": {"$ref": "#/$defs/x"}, "c": {"oneOf": [{"type": "null"}, {"enum": [1, "2"]}]}, "d": {"type": "array", "items": {"type": "string", "maxLength": 5}, "minItems": 2}}, "$defs": {"x": {"type": "object", "properties": {"y": {"$ref": "#"}}}}}"##
  ),
  (
    "connector",
    #"{"name": "c", "config": {"connector.class": "DatagenConnector", "kafka.topic": "t", "quickstart": "users", "max.interval": 100, "iterations": "5", "value.converter": "AvroConverter"}}"#
  ),
  (
    "ndjson",
    "{\"type\": \"a\", \"x\": 1.5, \"t\": \"2026-01-01T00:00:00Z\"}\n{\"type\": \"b\", \"x\": 2, \"l\": [1, {\"k\": null}]}\n"
  ),
  ("csv", "id,name,price\n1,\"Ann, Lee\",1.5\n2,Bob,2.5\n"),
]

@Suite struct ForeignFuzzTests {
  @Test(arguments: samples.map(\.name))
  func `no mutation of a foreign file stops the conversion`(_ name: String) throws {
    let text = samples.first { $0.name == name }!.text
    let seed: UInt64 = 20_260_401
    var generator = SeededGenerator(state: seed)
    for round in 0..<250 {
      var characters = Array(text)
      for _ in 0..<Int.random(in: 1...4, using: &generator) {
        guard !characters.isEmpty else { break }
        let index = Int.random(in: characters.indices, using: &generator)
        switch Int.random(in: 0..<5, using: &generator) {
        case 0: characters.remove(at: index)
        case 1: characters.insert(characters[index], at: index)
        case 2: characters.swapAt(index, Int.random(in: characters.indices, using: &generator))
        case 3:
          characters.replaceSubrange(index..., with: characters[index...].dropFirst(Int.random(in: 1...40, using: &generator)))
        default: characters[index] = "{}[]:,-'\"&*#|>%@!?09 \t.$\u{0}é\\\n/".randomElement(using: &generator)!
        }
      }
      let conversion = try convert(String(characters))
      #expect(
        (conversion.schema == nil) == conversion.findings.contains { $0.contains(": error[") }, "seed \(seed), round \(round)")
      guard let schema = conversion.schema else { continue }
      // The document is YAML, whatever texts are in it.
      let diagnostics = Diagnostics(file: "d")
      _ = ConfigurationLoader(environment: [:]).load(text: schema.text, diagnostics: diagnostics)
      #expect(diagnostics.all.isEmpty, "seed \(seed), round \(round): \(schema.text)")
      // The reader of schemas finds the same, whether it reads the text or the tree.
      #expect(!conversion.schemaFindings.contains { $0.hasPrefix("printed:") }, "seed \(seed), round \(round): \(schema.text)")
    }
  }
}
