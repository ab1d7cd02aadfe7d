// What the wanted fields hold: kinds, exact numbers, undone escapes, paths, keys that come twice, records of a batch beside each other.

import Base
import Codec
import Records
import Testing

@Suite struct JSONColumnReaderTests {
  private func value(_ json: String) -> PlainValue { JSONColumnReader(paths: paths("v")).row(of: "{\"v\":\(json)}").values[0] }

  @Test(
    arguments: [
      ("null", .null), ("true", .bool(true)), ("false", .bool(false)), ("\"\"", .text("")), ("\"x\"", .text("x")),
      ("[1, 2]", .composite("[1, 2]")), ("{\"a\": []}", .composite("{\"a\": []}")), ("[]", .composite("[]")),
      ("0", .integer(0)), ("-0", .integer(0)), ("-0.0", .number(-0.0)), ("7", .integer(7)), ("-42", .integer(-42)),
      ("12345678", .integer(12_345_678)),
      ("123456789", .integer(123_456_789)), ("1767225600000", .integer(1_767_225_600_000)),
      ("999999999999999999", .integer(999_999_999_999_999_999)),
      ("9223372036854775807", .integer(.max)), ("-9223372036854775808", .integer(.min)),
      ("9223372036854775808", .number(9_223_372_036_854_775_808)), ("-9223372036854775809", .number(-9_223_372_036_854_775_808)),
      ("18446744073709551616", .number(18_446_744_073_709_551_616)), ("24.99", .number(24.99)), ("-0.5", .number(-0.5)),
      ("1.0", .number(1)),
      ("1e3", .number(1000)), ("1E-2", .number(0.01)), ("9007199254740993.0", .number(9_007_199_254_740_992)),
      ("0.1", .number(0.1)),
      ("9007199254740992.5", .number(9_007_199_254_740_992)), ("0.30000000000000004", .number(0.30000000000000004)),
      ("2.2250738585072011e-308", .number(Double("2.2250738585072011e-308")!)), ("5e-324", .number(.leastNonzeroMagnitude)),
      ("2e-324", .number(0)),
      ("1e-999", .number(0)),
      ("1.7976931348623157e308", .number(.greatestFiniteMagnitude)), ("0.0000000000000000001", .number(1e-19)),
      ("123456789012345678.9", .number(123456789012345678.9)), ("12345678.12345678", .number(12345678.12345678)),
      (#""\"\\\/\b\f\n\r\t""#, .string([0x22, 0x5C, 0x2F, 8, 12, 10, 13, 9])), (#""a\u0000b""#, .string([0x61, 0, 0x62])),
      (#""\u00e9\u20AC\ud83d\ude00x""#, .text("é€😀x")), (#""é\né""#, .text("é\né")), (#""\\u0041""#, .text(#"\u0041"#)),
      ("\"0123456789abcdef0123456789abcdef\\t!\"", .text("0123456789abcdef0123456789abcdef\t!")),
    ] as [(String, PlainValue)])
  func `a value is read`(json: String, expected: PlainValue) {
    #expect(value(json) == expected)
    #expect(value(" \(json)\n") == expected)
  }

  @Test func `doubles are rounded to the nearest, as the standard library rounds them`() throws {
    var generator = SeededGenerator(seed: 11)
    for _ in 0..<20_000 {
      let text: String
      switch Int.random(in: 0..<4, using: &generator) {
      case 0:
        let double = Double(bitPattern: generator.next())
        guard double.isFinite else { continue }
        text = "\(double)"
      case 1: text = "\(Int.random(in: -99_999...99_999, using: &generator)).\(Int.random(in: 0...9999, using: &generator))"
      case 2: text = "\(generator.next()).\(generator.next())e\(Int.random(in: -340...280, using: &generator))"
      default: text = "\(generator.next() >> 11).\(Int.random(in: 0...9, using: &generator))"
      }
      let expected = try #require(Double(text))
      guard case .double(let bits) = value(text) else {
        Issue.record("\(text) is no double")
        continue
      }
      #expect(bits == expected.bitPattern, "\(text)")
    }
  }

  @Test func `fields are found in any order, at any depth`() {
    let reader = JSONColumnReader(paths: paths("a", "p.q", "p.r.s", "longer_than_a_word", "a_name_that_is_longer_than_any_token"))
    let fields = [
      "\"a\":1", "\"p\":{\"q\":2,\"x\":[{}],\"r\":{\"y\":0,\"s\":3}}", "\"longer_than_a_word\":4",
      "\"a_name_that_is_longer_than_any_token\":5",
      "\"unwanted\":\"x\"", "\"longer_than_a_wore\":9", "\"b\":9", "\"aa\":9", "\"\":9",
    ]
    var generator = SeededGenerator(seed: 3)
    let records = (0..<300).map { _ in
      "{" + fields.shuffled(using: &generator).joined(separator: [",", " , "].randomElement(using: &generator)!) + "}"
    }
    for row in reader.rows(of: records.map { Array($0.utf8) }) {
      #expect(row == PlainRow(status: .valid, values: [.integer(1), .integer(2), .integer(3), .integer(4), .integer(5)]))
    }
  }

  @Test(
    arguments: [
      ("{}", .missing, .missing), ("{\"p\":null}", .missing, .null), ("{\"p\":5}", .missing, .integer(5)),
      ("{\"p\":\"q\"}", .missing, .text("q")),
      ("{\"p\":[{\"q\":1}]}", .missing, .composite("[{\"q\":1}]")), ("{\"p\":{}}", .missing, .composite("{}")),
      ("{\"p\":{\"q\":1}}", .integer(1), .composite("{\"q\":1}")), ("{\"q\":1}", .missing, .missing),
      ("{\"x\":{\"p\":{\"q\":1}}}", .missing, .missing),
      ("{\"p\":{\"q\":1,\"q\":2}}", .integer(2), .composite("{\"q\":1,\"q\":2}")),
      ("{\"p\":{\"q\":1},\"p\":3}", .missing, .integer(3)),
      ("{\"p\":{\"q\":1},\"p\":{\"x\":3}}", .missing, .composite("{\"x\":3}")),
      ("{\"p\":3,\"p\":{\"q\":4}}", .integer(4), .composite("{\"q\":4}")),
      (#"{"\u0070":{"\u0071":6}}"#, .integer(6), .composite(#"{"\u0071":6}"#)),
      ("{\"p\":{\"q\":[1]}}", .composite("[1]"), .composite("{\"q\":[1]}")),
    ] as [(String, PlainValue, PlainValue)])
  func `a path leads through objects only, and the last of equal keys counts`(record: String, nested: PlainValue, outer: PlainValue)
  {
    #expect(JSONColumnReader(paths: paths("p.q", "p")).row(of: record) == PlainRow(status: .valid, values: [nested, outer]))
    #expect(JSONColumnReader(paths: paths("p.q")).row(of: record).values == [nested])
  }

  @Test func `keys beyond those that can be remembered are still told apart`() {
    let reader = JSONColumnReader(paths: paths("k150"))
    let fields = (0..<200).map { "\"k\($0)\":\($0)" }
    for round in 0..<3 {
      let record = "{" + (fields[round...] + fields[..<round]).joined(separator: ",") + "}"
      #expect(reader.row(of: record).values == [.integer(150)])
    }
  }

  @Test func `a bad record changes nothing in its neighbours`() {
    let reader = JSONColumnReader(paths: paths("a", "b"))
    let good = Array(#"{"a":"x\ty","b":2}"#.utf8)
    let expected = PlainRow(status: .valid, values: [.text("x\ty"), .integer(2)])
    for bad in ["{\"a\":\"\\n\",\"b\":3", "[1]", "", "{\"a\":1}x", "\"", "{\"a\":\"\\ud800\"}"] {
      let rows = reader.rows(of: [good, Array(bad.utf8), good, good])
      #expect(rows[0] == expected && rows[2] == expected && rows[3] == expected)
      #expect(rows[1].status == (bad.isEmpty ? .empty : bad == "[1]" ? .notAnObject : .malformed))
      #expect(rows[1].values == [.missing, .missing])
    }
  }

  @Test func `a batch that grew and shrank is read right each time`() {
    let reader = JSONColumnReader(paths: paths("a", "b"))
    let columns = Columns(columnCount: 2)
    let batch = RecordBatch(slotCapacity: 1, byteCapacity: 1)
    for count in [1, 500, 3, 2000, 0, 7] {
      batch.removeAll()
      for index in 0..<count {
        var text = "{\"b\":\"\\u0041\(index)\",\"a\":\(index)}"
        text.withUTF8 { batch.append(value: $0, key: nil, timestamp: 0, offset: 0, partition: 0) }
      }
      reader.decode(batch, into: columns)
      #expect(columns.rowCount == count)
      for index in 0..<count {
        #expect(columns.column(0)[index].integer == Int64(index))
        #expect(String(decoding: columns.column(1)[index].bytes, as: UTF8.self) == "A\(index)")
      }
    }
  }

  @Test func `a value that ends where the buffer ends is read, and a truncated one is refused`() {
    let reader = JSONColumnReader(paths: paths("a"))
    for byteCount in 8...200 {
      let text = Array(("{\"a\":\"" + String(repeating: "x", count: byteCount - 8) + "\"}").utf8)
      for isTruncated in [false, true] {
        let batch = RecordBatch(slotCapacity: 1, byteCapacity: 64)
        let capacity = batch.bytes.capacity
        let value = isTruncated ? Array(text.dropLast(2)) : text
        guard value.count <= capacity else { continue }
        // The record ends with the capacity; what follows would complete it.
        batch.bytes.count = capacity - value.count
        let start = batch.bytes.count
        value.withUnsafeBufferPointer { batch.bytes.append($0) }
        for index in 0..<ByteBuffer.padding { batch.bytes.base[capacity + index] = index % 2 == 0 ? 0x22 : 0x7D }
        batch.append(RecordSlot(valueStart: UInt32(start), valueCount: UInt32(value.count)))
        let columns = Columns(columnCount: 1)
        reader.decode(batch, into: columns)
        #expect(columns.statuses[0] == (isTruncated ? .malformed : .valid))
      }
    }
  }
}
