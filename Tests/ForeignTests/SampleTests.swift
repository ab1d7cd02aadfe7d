// Schemas inferred from data: what each kind of field becomes, kinds of records, rates, keys, and samples that are broken.

import Configuration
import Testing

@testable import Foreign

/// Lines of JSON, one per number.
private func lines(_ count: Int, _ line: (Int) -> String) -> String { (0..<count).map { line($0) + "\n" }.joined() }

@Suite struct SampleTests {
  /// Numbers that look random and are the same each time: 0 to 1.
  static func share(_ index: Int, _ salt: UInt64 = 1) -> Double {
    var generator = SeededGenerator(state: UInt64(index) &* 0x9e37_79b9 &+ salt)
    return Double(generator.next() >> 11) / 9_007_199_254_740_992
  }

  /// The document of a sample whose records have one field.
  private func field(_ count: Int, _ value: (Int) -> String) throws -> String {
    let conversion = try convert(lines(count) { "{\"f\": \(value($0))}" }, as: "s.ndjson")
    #expect(conversion.findings == [])
    #expect(conversion.schemaFindings == [])
    return conversion.lines(after: "fields:")
  }

  @Test func `numbers become constants, sequences, choices or distributions`() throws {
    #expect(try field(30) { _ in "7" } == "  f: { const: 7 }\n")
    #expect(try field(30) { "\($0 * 5 + 10)" } == "  f: { sequence: number, start: 10, step: 5 }\n")
    #expect(try field(100) { "\([200, 200, 200, 404][$0 % 4])" } == "  f: { choice: [200, 404], weights: [75, 25] }\n")
    #expect(try field(2000) { "\(Int(Self.share($0) * 1000))" } == "  f: { int: [0, 999] }\n")
    #expect(try field(2000) { "\((Self.share($0) * 1000).rounded() / 100)" }.hasPrefix("  f: { decimal: [0, 10], decimals: 2 }"))
    #expect(try field(30) { "\(1_760_000_000_000 + $0 * 250)" } == "  f: { time: event, format: epoch_ms }\n")
  }

  @Test func `the nearest distribution is found`() throws {
    func normal(_ index: Int) -> Double { (0..<12).reduce(-6) { $0 + Self.share(index, UInt64($1) * 7919) } }
    #expect(try field(3000) { "\(((50 + 10 * normal($0)) * 100).rounded() / 100)" }.hasPrefix("  f: { normal: { mean: "))
    #expect(try field(3000) { "\(((pow2(normal($0))) * 1000).rounded() / 1000)" }.hasPrefix("  f: { lognormal: { median: "))
    #expect(try field(3000) { "\((exponential(Self.share($0)) * 1000).rounded() / 1000)" }.hasPrefix("  f: { exponential: "))
  }

  @Test func `texts become times, identifiers, addresses, choices, shapes or words`() throws {
    func uuid(_ index: Int) -> String {
      let digits = String(UInt32(Self.share(index) * 4e9), radix: 16)
      return String(repeating: "0", count: 8 - digits.count) + digits + "-0000-4000-8000-000000000000"
    }
    #expect(try field(30) { _ in "\"x\"" } == "  f: { const: x }\n")
    #expect(try field(30) { "\"\(uuid($0))\"" } == "  f: { uuid: v4 }\n")
    #expect(try field(30) { "\"10.0.0.\($0)\"" } == "  f: { ip: v4 }\n")
    #expect(try field(30) { "\"a\($0)@example.org\"" } == "  f: { fake: email }\n")
    #expect(try field(30) { "\"https://example.org/\($0)\"" } == "  f: { fake: url }\n")
    #expect(try field(30) { "\"\(["a", "b", "b"][$0 % 3])\"" } == "  f: { choice: [b, a], weights: [66.67, 33.33] }\n")
    #expect(try field(30) { "\"SKU-\(String(1000 + $0).dropFirst())\"" } == "  f: { sequence: \"SKU-{n:03}\", start: 0 }\n")
    #expect(try field(30) { "\"K-\(1000 + $0 * 37)x\"" } == "  f: { pattern: \"K-\\\\d{4}x\" }\n")
    #expect(
      try field(30) { "\"one two\(String(repeating: " three", count: $0 % 3)) \(uuid($0))\"" }
        == "  f: { text: { words: [3, 5] } }\n")
    #expect(try field(30) { "\"2026-01-01T00:00:\(10 + $0).500Z\"" } == "  f: { time: event, format: rfc3339_ms }\n")
    #expect(try field(30) { "\"2026-01-01 00:00:\(10 + $0)\"" } == "  f: { time: event, format: \"%Y-%m-%d %H:%M:%S\" }\n")
    #expect(
      try field(30) { "\"2026-01-\(10 + ($0 * 7) % 15)T00:00:00Z\"" }.hasPrefix(
        "  f: { time: { between: ["))
  }

  @Test func `what is missing, null or of several types is so again`() throws {
    let text = try convert(
      lines(100) { index in
        let optional = index % 4 == 0 ? ", \"o\": true" : ""
        let mixed = index % 2 == 0 ? "1" : "\"one\""
        return "{\"n\": \(index % 5 == 0 ? "null" : "false"), \"m\": \(mixed), \"d\": {\"x\": [1, 1]}\(optional)}"
      }, as: "s.ndjson"
    ).lines(after: "fields:")
    #expect(
      text == """
          n: { const: false, nullable: 0.2 }
          m: { one_of: [{ const: 1, weight: 0.5 }, { const: one, weight: 0.5 }] }
          d: { object: { x: { array: { const: 1 }, length: 2 } } }
          o: { const: true, optional: 0.75 }

        """)
  }

  @Test func `a field that decides which others there are makes streams`() throws {
    let conversion = try convert(
      lines(100) { index in
        let time = "\"at\": \(1_760_000_000_000 + index * 500)"
        return index % 4 == 0
          ? "{\"type\": \"buy\", \(time), \"user_id\": \"u\(index % 7)\", \"total\": \(index)}"
          : "{\"type\": \"view\", \(time), \"user_id\": \"u\(index % 7)\", \"page\": \"p\"}"
      }, as: "events.ndjson")
    #expect(conversion.schemaFindings == [])
    #expect(
      conversion.text == """
        # Inferred from 100 records of a sample. It gives records of the same shape; check ranges, shares and the rate.
        version: 1
        kind: stream
        name: events
        streams:
          buy:
            # 25 of 100 records
            rate: 0.5/s
            topic: events
            key: user_id
            fields:
              type: { const: buy }
              at: { time: event, format: epoch_ms }
              user_id: { choice: [u0, u4, u1, u5, u2, u6, u3], weights: [16, 16, 16, 16, 12, 12, 12] }
              total: { sequence: number, start: 0, step: 4 }
          view:
            # 75 of 100 records
            rate: 1.5/s
            topic: events
            key: user_id
            fields:
              type: { const: view }
              at: { time: event, format: epoch_ms }
              user_id: { choice: [u1, u2, u3, u6, u0, u5, u4], weights: [14.67, 14.67, 14.67, 14.67, 14.67, 13.33, 13.33] }
              page: { const: p }

        """)
    #expect(
      conversion.schema?.notes.prefix(4) == [
        "read 100 records", "rate: 2/s, from the times in 'at'", "kinds: 'type' tells 2 kinds of records apart, a stream for each",
        "key: 'user_id', by its name",
      ])
  }

  @Test func `identifiers that come back become an entity, and are not copied`() throws {
    let conversion = try convert(
      lines(100) { "{\"userId\": \"0000000\($0 % 8)-0000-4000-8000-000000000000\", \"n\": \($0)}" }, as: "s.ndjson")
    #expect(conversion.schemaFindings == [])
    #expect(
      conversion.lines(after: "key: userId") == """
        # Identifiers that come back in the sample; their values are not taken from it.
        entities:
          user:
            count: 8
            key: userId
            fields: { userId: { uuid: v4 } }
        bind: { user: { ref: user, pick: uniform } }
        fields:
          userId: { from: user.userId }
          n: { sequence: number, start: 0 }

        """)
  }

  @Test func `CSV is read with quotes, empty cells and other separators`() throws {
    let conversion = try convert("id;note;price\n1;\"a;\"\"b\"\"\";1.5\n2;;2.5\n3;\"a;\"\"b\"\"\";9.5\n", as: "c.csv")
    #expect(conversion.findings == [])
    #expect(conversion.schema?.run.format == "csv")
    #expect(
      conversion.lines(after: "fields:") == """
          id: { sequence: number, start: 1 }
          note: { const: "a;\\"b\\"", nullable: 0.3333 }
          price: { decimal: [1.5, 9.5], decimals: 1 }
        output: { format: csv }

        """)
    #expect(conversion.schemaFindings == [])
  }

  @Test(arguments: [
    ("{\"a\": 1}\n{\"a\": }\n", "s.ndjson", "2:7: error[syntax]: expected a value, found '}'"),
    ("{\"a\": 1}\n[1]\n", "s.ndjson", "2:1: error[wrong-type]: a record: expected an object, found a list"),
    ("a,b\n1,2\n3\n", "s.csv", "3:1: error[syntax]: expected 2 cells as in the header, found 1"),
    ("a,b\n1,\"2\n", "s.csv", "2:1: error[syntax]: a quote is never closed"),
    ("a,a\n1,2\n", "s.csv", "1:1: error[duplicate-key]: duplicate column 'a'"),
    ("", "s.json", "1:1: error[empty-file]: the file is empty"),
    ("{}", "s.json", "1:1: error[empty-file]: the sample holds no records with fields"),
    (
      "[1, 2]", "s.json",
      "1:1: error[wrong-value]: not a file that can be converted; expected a GlassGen configuration, an Avro schema, a datagen connector, a JSON Schema, or a sample as NDJSON or CSV"
    ),
    (
      "kind: stream\nname: x\n", "s.yaml",
      "1:1: error[wrong-value]: this is a file of Freshet already; expected one of another program, or a sample of data"
    ),
  ])
  func `a broken sample is named with its place`(_ text: String, _ name: String, _ finding: String) throws {
    let found = try convert(text, as: name).findings
    #expect(found == [finding])
  }
}

private func pow2(_ x: Double) -> Double {
  var result = 1.0
  var term = 1.0
  for n in 1..<60 {
    term *= x / Double(n)
    result += term
  }
  return result
}

/// The inverse of the exponential distribution, by bisection.
private func exponential(_ share: Double) -> Double {
  var low = 0.0
  var high = 20.0
  for _ in 0..<60 {
    let middle = (low + high) / 2
    if 1 - 1 / pow2(middle) < share { low = middle } else { high = middle }
  }
  return low
}
