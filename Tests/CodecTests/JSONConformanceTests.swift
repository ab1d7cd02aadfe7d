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
    // Numbers of all forms that the grammar has.
    "2", "-9", "99", "100", "-100", "0.5", "-0.5", "10.01", "1E5", "1e05", "1e00", "1E-05", "-1.0E+10", "0e0", "0e-0", "0.0e0",
    "123e45",
    "123.456", "12345678", "123456789012345678", "1234567890123456", "12345678.9", "1.23456789", "123456789.123456789", "-1e-1",
    "1.0",
    "-12345678901234567890", "4e-324", "1.7976931348623157e308", "-1.7976931348623157E+308", "0.1e1", "1e22", "1e23",
    "9007199254740993",
    // Strings: every escape by itself, at block boundaries, next to each other; keys as strings.
    #""\"""#, #""\\""#, #""\/""#, #""\b""#, #""\f""#, #""\n""#, #""\r""#, #""\t""#, #""/""#, #""\u0022""#, #""\u005C""#,
    #""\u002f""#, #""\u001F""#,
    #""\u007f""#, #""\u0080""#, #""\u07FF\u0800""#, #""\uD7FF\uE000""#, #""\uFDD0\uFFFE""#, #""\uD800\uDC00""#,
    #""\uD834\uDD1E x""#, #""\u20ac\u20AC""#,
    #""0123456\n""#, #""01234567\n""#, #""012345678901234\\""#, #""0123456789012345\"""#, #""\n\n\n\n\n\n\n\n\n""#, "\"\u{80}\"",
    "\"\u{7FF}\u{800}\"",
    "\"\u{D7FF}\u{E000}\"", "\"\u{FFFF}\u{10000}\"", "\"e\u{301}\"", "\"\u{200F}\u{202E}\"", "\"\u{FEFF}\"", "\"'\"",
    "\"/*x*/ //\"", "\"a\u{7f}a\"",
    "\"01234567é\"", "\"0123456é7\"", "\"012345678901234é\"", "\"日本語日本語日本語\"",
    // Structures.
    "[[[[]]]]", "[{}]", "[{},{}]", "[[1],[2,[3]]]", "[\"a\",1,true]", "[1,null,null,2]", "[-1]", "[0]", "[0.5,1e1]", " [ ] ",
    "[[ ]]", "[{ }]",
    "{\"a\":[]}", "{\"a\":{}}", "{\"a\":null}", "{\"a\":[1,2],\"b\":{\"c\":3}}", "{\"\":{\"\":{\"\":0}}}", "{\"a\":\"}\"}",
    "{\"{\":\"[\"}", "{\":\":\",\"}",
    #"{"a\"b":1}"#, #"{"\ud83d\ude00":1}"#, #"{"a\\":1}"#, "{\"a\":1,\"A\":2}", "{\"a\":1,\"b\":1,\"a\":{}}", "{\"b\":1,\"b\":[]}",
    "{\"true\":true}",
    "{\"a\" :1}", "{\"a\":\t1}", "{\n\"a\":1\n}", "{\"a\":1 ,\"b\":2}", "{\"a\":1, \"b\":2}", "{\r\n}",
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
    // Numbers.
    ("-", 1), ("--", 1), ("-a", 1), ("- 1", 1), ("-\"", 1), ("1.-1", 2), ("1.+1", 2), ("1..2", 2), ("1.2.3", 3), ("0.e1", 2),
    ("0.1.", 3), ("1e-", 3), ("1e1e1", 3),
    ("1e +1", 2), ("1e1.0", 3), ("+0", 0), ("++1", 0), ("012", 1), ("-012", 2), ("000", 1), ("-00", 2), ("00.5", 1), ("0b1", 1),
    ("0o7", 1), ("1f", 1), ("1L", 1),
    ("0x", 1), ("1'000", 1), ("1/2", 1), ("$1", 0), ("1%", 1), ("\u{661}", 0), ("∞", 0), ("nan", 0), ("inf", 0), ("-inf", 1),
    ("1e400", 0), ("-1E+309", 0),
    ("1.8e308", 0), (".", 0), ("-.", 1), (".e1", 0), ("e1", 0), ("E", 0), ("1.5.", 3), ("12345678x", 8), ("123456789.", 10),
    ("12345678e", 9),
    // Words.
    ("t", 0), ("f", 0), ("n", 0), ("tRue", 0), ("nULL", 0), ("truefalse", 4), ("nullnull", 4), ("true1", 4), ("false\"\"", 5),
    ("None", 0), ("nil", 0),
    ("yes", 0), ("true false", 5), ("true\u{0}", 4), ("falſe", 0),
    // Strings.
    ("a\"", 0), ("\u{201C}a\u{201D}", 0), ("`a`", 0), (#""\0""#, 1), (#""\v""#, 1), (#""\e""#, 1), (#""\1""#, 1), (#""\ ""#, 1),
    ("\"\\\n\"", 1), ("\"\\\t\"", 1), ("\"\\é\"", 1),
    (#""\u00g0""#, 1), (#""\u 041""#, 1), (#""\u+041""#, 1), (#""\u-041""#, 1), (#""\u{41}""#, 1), (#""\u0x41""#, 1),
    (#""\ud83d\ud83d""#, 1), (#""\ud83d\u""#, 1),
    (#""\ud83d\udg00""#, 1), (#""\ud83d \ude00""#, 1), (#""\udc00\ud800""#, 1), (#""x\udfff""#, 2), (#""\ud83d\ude00\ude00""#, 13),
    ("\"\r\"", 1), ("\"\u{8}\"", 1),
    ("\"0123456\u{1}\"", 8), ("\"01234567\u{1}\"", 9), ("\"012345678901234\u{1f}\"", 16), ("\"é\n\"", 3),
    // Structures.
    ("[,]", 1), ("[1,,]", 3), ("[,,1]", 1), ("[1;2]", 2), ("[1,2", 4), ("[[1]", 4), ("[1,[2]", 6), ("[}", 1), ("[\"a\" \"b\"]", 5),
    ("[a]", 1), ("[1 true]", 3), ("[1]1", 3),
    ("[1],", 3), ("[1]]]", 3), ("[\"x\"", 4), ("[1\n2]", 3), ("[\u{0}]", 1), ("(1)", 0), ("<1>", 0), ("[1,#]", 3), ("[[],", 4),
    ("{]", 1), ("{\"a\":1,\"b\"}", 10), ("{\"a\":1,b:2}", 7), ("{\"a\":1;\"b\":2}", 6), ("{\"a\"=1}", 4), ("{\"a\":1 1}", 7),
    ("{\"a\":[1}", 7), ("{\"a\":{\"b\":1}", 12),
    ("{\"a\":1]}", 6), ("{{}}", 1), ("{[]:1}", 1), ("{true:1}", 1), ("{\"a\",\"b\"}", 4), ("{\"a\":1,{}}", 7), ("{\"a\":\"b}", 8),
    ("{\"a:1}", 6), ("{\"a\"\u{0}:1}", 4),
    ("{\"a\":\u{0}1}", 5), ("{\"a\n\":1}", 3), (#"{"\ud800":1}"#, 2), ("{:1}", 1), ("{ ,\"a\":1}", 2), ("{\"a\":1,\n}", 8),
    ("{\"a\":1}/**/", 7), ("{\"a\":/**/1}", 5),
    ("{\"a\":1}#", 7), ("{\"a\":1}\u{0}", 7), ("{\"a\":1}[]", 7), ("*", 0), ("\\", 0), ("\u{7f}", 0), ("\u{1}", 0), ("é", 0),
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

  /// What RFC 8259 leaves to the reader, and what is done: a value of the field `k`, or nil where the record is malformed.
  static let leftOpen: [(name: String, value: [UInt8], decision: PlainValue?)] = [
    // Section 4: "names within an object SHOULD be unique". The last one counts; of objects, the whole last object.
    ("names twice", Array("1,\"k\":2".utf8), .integer(2)), ("names twice, once null", Array("1,\"k\":null".utf8), .null),
    ("names twice, once with an escape", Array(#"1,"\u006b":"x""#.utf8), .text("x")),
    ("an empty name", Array("{\"\":1}".utf8), .composite("{\"\":1}")),
    // Section 6: range and precision. Integers beyond 64 bits are doubles, too small ones zero, too large ones refused.
    ("an integer beyond Int64", Array("9223372036854775808".utf8), .number(9_223_372_036_854_775_808)),
    (
      "a negative integer beyond Int64", Array("-123123123123123123123123123123".utf8),
      .number(Double("-123123123123123123123123123123")!)
    ),
    ("an integer of 309 digits", Array(("1" + String(repeating: "0", count: 308)).utf8), .number(1e308)),
    ("an integer beyond a double", Array(("1" + String(repeating: "0", count: 309)).utf8), nil),
    ("an exponent beyond a double", Array("0.4e00669999999999999999999999999999999999999999999999999999969999999006".utf8), nil),
    ("a negative number beyond a double", Array("-1e+9999".utf8), nil),
    ("a number that rounds to a double's largest", Array("1.7976931348623158e308".utf8), .number(.greatestFiniteMagnitude)),
    ("a number below the smallest double", Array("123.456e-789".utf8), .number(0)),
    ("a negative one", Array("-1e-9999".utf8), .number(-0.0)),
    ("zero with a huge exponent", Array("0e99999".utf8), .number(0)), ("minus zero", Array("-0".utf8), .integer(0)),
    ("minus zero as a double", Array("-0.0".utf8), .number(-0.0)),
    (
      "a fraction beyond a double's precision", Array("0.1000000000000000055511151231257827021181583404541015625".utf8),
      .number(0.1)
    ),
    ("a whole number with a point", Array("1.0".utf8), .number(1)),
    ("a whole number with an exponent", Array("1e2".utf8), .number(100)),
    // Section 8.1: a byte order mark and encodings other than UTF-8 are refused.
    ("a byte order mark before a value", [0xEF, 0xBB, 0xBF, 0x31], nil), ("UTF-16", [0x31, 0x00], nil),
    ("UTF-16 with its mark", [0xFE, 0xFF, 0x00, 0x31], nil),
    // Section 8.2: half of a surrogate pair stands for no character and is refused; every other code point is text.
    ("a high surrogate", Array(#""\uDADA""#.utf8), nil), ("a low surrogate", Array(#""\uDD1E""#.utf8), nil),
    ("two high ones", Array(#""\uD888\uD888""#.utf8), nil),
    ("a pair the wrong way round", Array(#""\uDd1e\uD834""#.utf8), nil),
    ("a high surrogate and a letter", Array(#""\uD800\u0031""#.utf8), nil),
    ("a high surrogate, cut", Array(#""\uD800\n""#.utf8), nil),
    ("a surrogate in UTF-8", [0x22, 0xED, 0xA0, 0x80, 0x22], nil), ("a byte of Latin-1", [0x22, 0xE9, 0x22], nil),
    ("an overlong slash", [0x22, 0xC0, 0xAF, 0x22], nil),
    ("beyond U+10FFFF", [0x22, 0xF4, 0xBF, 0xBF, 0xBF, 0x22], nil), ("a sequence that is cut off", [0x22, 0xE0, 0xFF, 0x22], nil),
    ("a continuation alone", [0x22, 0x81, 0x22], nil),
    ("a code point that is no character", Array(#""\uFFFF""#.utf8), .string([0xEF, 0xBF, 0xBF])),
    ("the same in UTF-8", [0x22, 0xEF, 0xB7, 0x90, 0x22], .string([0xEF, 0xB7, 0x90])),
    ("a zero as an escape", Array(#""\u0000""#.utf8), .string([0])),
    ("a byte order mark in a string", [0x22, 0xEF, 0xBB, 0xBF, 0x22], .string([0xEF, 0xBB, 0xBF])),
    // Section 9: depth. The record is the first of 256 levels.
    (
      "depth 256", Array((String(repeating: "[", count: 255) + String(repeating: "]", count: 255)).utf8),
      .composite(String(repeating: "[", count: 255) + String(repeating: "]", count: 255))
    ),
    ("depth 257", Array((String(repeating: "[", count: 256) + String(repeating: "]", count: 256)).utf8), nil),
    ("depth 500", Array((String(repeating: "[", count: 500) + String(repeating: "]", count: 500)).utf8), nil),
  ]

  @Test(arguments: leftOpen.indices) func `what the standard leaves open is decided`(index: Int) {
    let (name, value, decision) = Self.leftOpen[index]
    let record = Array("{\"k\":".utf8) + value + Array("}".utf8)
    #expect(status(of: record) == (decision == nil ? .malformed : .valid), "\(name)")
    let reader = JSONColumnReader(paths: paths("k"))
    for row in reader.rows(of: [Array("{\"k\":0}".utf8), record, Array("{\"k\":\"\"}".utf8), record])[1...]
    where row.values != [.text("")] {
      #expect(row.values == [decision ?? .missing], "\(name)")
    }
  }

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
