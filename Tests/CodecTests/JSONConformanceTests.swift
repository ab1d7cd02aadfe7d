// What RFC 8259 accepts and refuses, each text as a record, as a wanted value, and inside values that nobody wants; always also with
// neighbours in the buffer that would complete a truncated text.

import Codec
import Records
import Testing

@Suite struct JSONConformanceTests {
  /// Texts that are JSON values.
  static let accepted: [String] = [
    "0", "-0", "1", "-1", "10", "123456789", "1234567890123456789012345678901234567890", "-9223372036854775808", "0.0", "-0.0",
    "0.1",
    "1.50", "0e1", "0E+2", "1e0", "1E1", "1e+1", "1e-1", "1.5e10", "123.456e78", "1e-999", "0e999", "-0e-1", "20e1",
    "0.00000000000000000000000000000000000000000000000000000000000000000000000000000000000000001",
    "true", "false", "null",
    "\"\"", "\"a\"", "\" \"", "\"\u{7f}\"", "\"é\"", "\"日本語\"", "\"😀\"", "\"\u{10FFFF}\"", "\"\u{FFFE}\"", "\"\u{2028}\u{2029}\"",
    #""\"\\\/\b\f\n\r\t""#, #""\u0000""#, #""\u00e9""#, #""\u00E9""#, #""\uD83D\uDE00""#, #""\uDBFF\uDFFF""#, #""\uFFFF""#,
    #""a\\""#, #""\\u0041""#, "\"{}[],:\"", "\"0123456789abcdef\"", "\"0123456789abcde\"", "\"0123456789abcdef0\"",
    "\"012345678901234\\n\"",
    "[]", "[ ]", "[1]", "[1,2]", "[ 1 , 2 ]", "[[]]", "[[],[]]", "[null,true,false,\"\",{},[],0]", "[\n1\r\n]", "[\t1\t]",
    "{}", "{ }", "{\"\":0}", "{\"a\":1}", "{ \"a\" : 1 }", "{\"a\":1,\"a\":2}", "{\"a\":{},\"b\":[]}", "{\"a\":[{\"b\":[{}]}]}",
    #"{"\u0061":1}"#, "{\"a b\":1}", "{\"\u{7f}é\":1}", "{\"a\"\n:\r1\t,\"b\":2}",
  ]

  /// Texts that are not, with the byte at which the first fault is noted.
  static let refused: [(String, Int)] = [
    ("01", 1), ("-01", 2), ("00", 1), ("-", 1), ("+1", 0), (".5", 0), ("-.5", 1), ("1.", 2), ("1.e1", 2), ("1e", 2), ("1e+", 3),
    ("1E-", 3),
    ("1.5e", 4), ("1e1.5", 3), ("0x1", 1), ("1_000", 1), ("1a", 1), ("--1", 1), ("1-", 1), ("1+1", 1), ("0e", 2), ("0.", 2),
    ("1ee2", 2),
    ("NaN", 0), ("Infinity", 0), ("-Infinity", 1), ("-NaN", 1), ("1e999", 0), ("-1e400", 0), ("1,000", 1), ("１", 0),
    ("1" + String(repeating: "0", count: 309), 0),
    ("tru", 0), ("True", 0), ("TRUE", 0), ("nul", 0), ("fals", 0), ("falsy", 0), ("truee", 4), ("nulll", 4), ("undefined", 0),
    ("\"", 1), ("\"a", 2), ("'a'", 0), ("\"\\\"", 3), ("\"a\u{0}\"", 2), ("\"\n\"", 1), ("\"\t\"", 1), ("\"\u{1f}\"", 1),
    ("\"0123456789abcdef\n\"", 17),
    (#""\x41""#, 1), (#""\a""#, 1), (#""\'""#, 1), (#""\u""#, 1), (#""\u12""#, 1), (#""\u123""#, 1), (#""\u123g""#, 1),
    (#""\U0041""#, 1),
    (#""\uD800""#, 1), (#""\uDC00""#, 1), (#""\uD800\u0041""#, 1), (#""\uD800\uD800""#, 1), (#""\uDE00\uD83D""#, 1),
    (#""\uD83D\""#, 1),
    (#""\uD83Dx""#, 1), (#""abc\uD83D\n""#, 4), ("\"a\" \"b\"", 4), ("\"a\"b", 3),
    ("[", 1), ("]", 0), ("[1", 2), ("[1,", 3), ("[1,]", 3), ("[,1]", 1), ("[1,,2]", 3), ("[1 2]", 3), ("[1}", 2), ("[1]]", 3),
    ("[\"a\"", 4), ("[[]", 3),
    ("[1:2]", 2), ("[:]", 1),
    ("{", 1), ("}", 0), ("{\"a\"", 4), ("{\"a\":", 5), ("{\"a\":1", 6), ("{\"a\":1,", 7), ("{\"a\":1,}", 7), ("{,}", 1),
    ("{\"a\" 1}", 5),
    ("{\"a\"::1}", 5), ("{a:1}", 1), ("{1:1}", 1), ("{'a':1}", 1), ("{\"a\":1]", 6), ("{\"a\":}", 5), ("{\"a\"}", 4),
    ("{\"a\":1 \"b\":2}", 7),
    ("{\"a\":1,,\"b\":2}", 7), ("{\"a\":1}}", 7), ("{\"a\":1}{}", 7), ("{\"a\":1},", 7), ("{\"a\",1}", 4), ("{\"a\\x\":1}", 3),
    ("{null:1}", 1),
    ("{\"a\":1//x\n}", 6), ("/**/1", 0), ("[1]x", 3), ("{}\u{0}", 2), ("1 2", 2), ("\u{FEFF}{}", 0), ("{}\u{FEFF}", 2),
    ("\u{A0}1", 0), ("\u{B}1", 0), ("\u{C}1", 0),
  ]

  /// Bytes that are no UTF-8, to stand in a string.
  static let malformedSequences: [[UInt8]] = [
    [0x80], [0xBF], [0xC0, 0x80], [0xC1, 0xBF], [0xC2], [0xC2, 0x41], [0xE0, 0x80, 0x80], [0xE0, 0x9F, 0xBF], [0xE1, 0x80],
    [0xE1, 0x80, 0x41],
    [0xED, 0xA0, 0x80], [0xED, 0xBF, 0xBF], [0xF0, 0x80, 0x80, 0x80], [0xF0, 0x8F, 0xBF, 0xBF], [0xF1, 0x80, 0x80],
    [0xF4, 0x90, 0x80, 0x80],
    [0xF5, 0x80, 0x80, 0x80], [0xFE], [0xFF], [0xF8, 0x88, 0x80, 0x80, 0x80], [0xE2, 0x82], [0xC3, 0x28], [0xE2, 0x28, 0xA1],
    [0xF0, 0x28, 0x8C, 0xBC],
  ]

  /// Where a value can stand in a record: what comes before and after.
  static let places = [
    ("{\"k\":", "}"), ("{\"skipped\":", "}"), ("{\"skipped\":[", "]}"), ("{\"skipped\":{\"x\":", "}}"), ("{\"a\":", ",\"k\":1}"),
    ("{\"a\":{\"b\":", "}}"), ("{\"a\":{\"x\":", "}, \"k\":2}"), ("{\"k\":[1,", ",{\"y\":2}]}"), (" { \"k\" : ", " } "),
  ]

  @Test(arguments: accepted) func `a JSON value is accepted wherever it stands`(value: String) {
    let isObject = value.utf8.first == UInt8(ascii: "{")
    #expect(status(of: Array(value.utf8)) == (isObject ? .valid : .notAnObject))
    #expect(status(of: Array(" \t\r\n\(value)\n ".utf8)) == (isObject ? .valid : .notAnObject))
    for (before, after) in Self.places {
      #expect(status(of: Array((before + value + after).utf8)) == .valid, "\(before)...\(after)")
    }
  }

  @Test(arguments: refused) func `a text that is no JSON is refused wherever it stands, at its byte`(value: String, byteIndex: Int)
  {
    #expect(status(of: Array(value.utf8)) == .malformed)
    #expect(JSONColumnReader(paths: paths("a")).row(of: value).errorByteIndex == byteIndex)
    for (before, after) in Self.places {
      // Some texts are no value but become part of one in their place.
      if value.hasPrefix("{\"a\":1}")
        || ["1,000", "\"", "\"a", "1 2", "{}\u{0}", "\"\\\"", "\"a\" \"b\"", #""\uD83D\""#].contains(value)
      {
        continue
      }
      #expect(status(of: Array((before + value + after).utf8)) == .malformed, "\(before)...\(after)")
    }
  }

  @Test(arguments: malformedSequences) func `malformed UTF-8 is refused in values and in keys`(sequence: [UInt8]) {
    for padding in [0, 1, 13, 14, 15, 16, 17, 31] {
      let text = [UInt8](repeating: UInt8(ascii: "x"), count: padding) + sequence
      for (before, after) in Self.places + [("{\"k\":1,", ":1}"), ("{\"skipped\":{", ":1}}"), ("{\"a\":{", ":1}}")] {
        let record = Array(before.utf8) + [0x22] + text + [0x22] + Array(after.utf8)
        #expect(status(of: record) == .malformed)
        // Between values, where no character stands.
        #expect(status(of: Array(before.utf8) + sequence + Array(after.utf8)) == .malformed)
      }
    }
  }

  @Test func `every prefix of a record is malformed, whatever follows it in the buffer`() {
    let record = Array(#"{"a":{"b":[1.5e3,"x\u00e9é",true]},"k":-12.5,"s":{"n":null,"o":[{},[]]},"k2":false}"#.utf8)
    #expect(status(of: record) == .valid)
    for count in 1..<record.count {
      #expect(status(of: Array(record[..<count])) == .malformed)
      let row = JSONColumnReader(paths: paths("a.b", "k")).rows(of: [Array(record[..<count])], gap: Array(record[count...]))[0]
      #expect(row.status == .malformed)
      #expect(row.values == [.missing, .missing])
    }
  }

  @Test func `depth is bounded at 256, for wanted and unwanted values`() {
    for (before, after) in Self.places {
      let around = before.utf8.count { $0 == UInt8(ascii: "{") || $0 == UInt8(ascii: "[") }
      for (open, close) in [("[", "]"), ("{\"a\":", "}"), ("{\"b\":", "}"), ("[{\"k\":", "}]")] {
        let levels = open.utf8.count { $0 == UInt8(ascii: "{") || $0 == UInt8(ascii: "[") }
        for depth in [1, (256 - around) / levels, (256 - around) / levels + 1, 5000] {
          let text = before + String(repeating: open, count: depth) + "1" + String(repeating: close, count: depth) + after
          #expect(
            status(of: Array(text.utf8)) == (depth * levels + around <= 256 ? .valid : .malformed), "\(before)\(open) \(depth)")
        }
      }
    }
  }

  @Test func `a fault has a reason`() {
    let reader = JSONColumnReader(paths: paths("a"))
    func reason(_ text: String) -> String? { Array(text.utf8).withUnsafeBufferPointer { reader.fault(in: $0)?.description } }
    #expect(reason("{}") == nil)
    #expect(reason("[]") == nil)
    #expect(reason("") == "byte 0: the text ends too early")
    #expect(reason("{\"a\":1") == "byte 6: the text ends too early")
    #expect(reason("{\"a\":x}") == "byte 5: an unexpected character")
    #expect(reason("{} {}") == "byte 3: bytes follow the end of the value")
    #expect(reason("{\"a\":1,}") == "byte 7: a key was expected")
    #expect(reason("{\"a\" 1}") == "byte 5: ':' was expected")
    #expect(reason("{\"a\":\"\n\"}") == "byte 6: a control character in a string")
    #expect(reason("{\"a\":\"\\q\"}") == "byte 6: an unknown escape in a string")
    #expect(reason("{\"a\":\"\\ud83d\"}") == "byte 6: half of a surrogate pair in a string")
    #expect(reason("{\"a\":01}") == "byte 6: a malformed number")
    #expect(reason("{\"a\":1e400}") == "byte 5: a number outside the range of a double")
    #expect(reason(String(repeating: "[", count: 300)) == "byte 256: nested too deep")
  }
}
