// Typed reading: what each type accepts, what it says about what it refuses, and what a mapping says about the names it does not know.

import Base
import Testing

@testable import Configuration

/// What a reader made of the value of `v`, and its findings without the place.
private func read<Value>(_ text: String, _ body: (ValueReader, ConfigurationNode) -> Value?) -> (value: Value?, findings: [String])
{
  let diagnostics = Diagnostics(file: "f")
  let values = ValueReader(diagnostics, language: "test language")
  guard let root = ConfigurationLoader(environment: [:]).load(text: "v: \(text)", diagnostics: diagnostics),
    let node = MappingReader(root, nil, values)?.node("v")
  else { return (nil, diagnostics.all.map(\.description)) }
  let value = body(values, node)
  return (value, diagnostics.all.map { String($0.description.dropFirst("f:1:4: ".count)) })
}

@Suite struct ValueReaderTests {
  @Test(
    arguments: [
      ("DE", "DE", []),
      ("007", "007", []),
      ("0x1F", "0x1F", []),
      ("\"NO\"", "NO", []),
      (
        "NO", "NO",
        [
          "warning[yaml-trap]: v: 'NO' is a text here, but older YAML readers take it for a boolean; quote it to say what is meant: \"NO\""
        ]
      ),
      (
        "on", "on",
        [
          "warning[yaml-trap]: v: 'on' is a text here, but older YAML readers take it for a boolean; quote it to say what is meant: \"on\""
        ]
      ),
      (
        "10:30:00", "10:30:00",
        [
          "warning[yaml-trap]: v: '10:30:00' is a text here, but older YAML readers take it for a number in base 60; quote it to say what is meant: \"10:30:00\""
        ]
      ),
      ("host:9092", "host:9092", []),
      ("", nil, ["error[wrong-type]: v: expected a text, found nothing"]),
      ("''", nil, ["error[wrong-value]: v: expected a text, found an empty one"]),
      ("[a]", nil, ["error[wrong-type]: v: expected a text, found a list"]),
      ("{a: 1}", nil, ["error[wrong-type]: v: expected a text, found a mapping"]),
    ] as [(String, String?, [String])])
  func `a text`(_ text: String, _ expected: String?, _ errors: [String]) {
    let result = read(text) { $0.string($1, "v") }
    #expect(result.value == expected)
    #expect(result.findings == (text.isEmpty ? errors.map { $0 } : errors))
  }

  @Test(
    arguments: [
      ("true", true, []), ("False", false, []),
      ("on", nil, ["error[wrong-type]: v: expected true or false, found 'on'"]),
      ("yes", nil, ["error[wrong-type]: v: expected true or false, found 'yes'"]),
      ("1", nil, ["error[wrong-type]: v: expected true or false, found '1'"]),
      ("\"true\"", nil, ["error[wrong-type]: v: expected true or false, found 'true'"]),
    ] as [(String, Bool?, [String])])
  func `a boolean`(_ text: String, _ expected: Bool?, _ errors: [String]) {
    let result = read(text) { $0.bool($1, "v") }
    #expect(result.value == expected)
    #expect(result.findings == errors)
  }

  @Test(
    arguments: [
      ("42", 42, []), ("-7", nil, ["error[wrong-value]: v: expected a whole number from 0 to 100, found '-7'"]), ("+9", 9, []),
      ("101", nil, ["error[wrong-value]: v: expected a whole number from 0 to 100, found '101'"]),
      (
        "007", nil,
        ["error[wrong-type]: v: expected a whole number, found '007', which is a number with leading zeros; write it in decimal"]
      ),
      (
        "0x1F", nil,
        ["error[wrong-type]: v: expected a whole number, found '0x1F', which is a hexadecimal number; write it in decimal"]
      ),
      ("0o17", nil, ["error[wrong-type]: v: expected a whole number, found '0o17', which is an octal number; write it in decimal"]),
      (
        "1_0", nil,
        ["error[wrong-type]: v: expected a whole number, found '1_0', which is a number with underscores; write it in decimal"]
      ),
      ("1.0", nil, ["error[wrong-type]: v: expected a whole number, found '1.0'"]),
      ("'5'", nil, ["error[wrong-type]: v: expected a whole number, found '5', which is quoted and so a text"]),
      ("9223372036854775808", nil, ["error[wrong-type]: v: expected a whole number, found '9223372036854775808'"]),
    ] as [(String, Int64?, [String])])
  func `a whole number`(_ text: String, _ expected: Int64?, _ errors: [String]) {
    let result = read(text) { $0.integer($1, "v", in: 0...100) }
    #expect(result.value == expected)
    #expect(result.findings == errors)
  }

  @Test(
    arguments: [
      ("1.5", 1.5, []), ("-2e3", -2000, []), ("0", 0, []),
      (".5", nil, ["error[wrong-type]: v: expected a number, found '.5'"]),
      (".inf", nil, ["error[wrong-type]: v: expected a number, found '.inf', which is not a finite number; write it in decimal"]),
      ("1e999", nil, ["error[wrong-type]: v: expected a number, found '1e999'"]),
      ("nan", nil, ["error[wrong-type]: v: expected a number, found 'nan'"]),
    ] as [(String, Double?, [String])])
  func `a number`(_ text: String, _ expected: Double?, _ errors: [String]) {
    let result = read(text) { $0.number($1, "v") }
    #expect(result.value == expected)
    #expect(result.findings == errors)
  }

  @Test(
    arguments: [
      ("250ms", 250, []), ("10s", 10_000, []), ("5m", 300_000, []), ("1h", 3_600_000, []), ("7d", 604_800_000, []),
      ("1.5s", 1500, []),
      (
        "10", nil,
        [
          "error[wrong-unit]: v: expected a duration like 250ms, 10s, 5m, 1h or 1d, found '10', which has no unit; did you mean '10s'?"
        ]
      ),
      (
        "5 minutes", nil,
        ["error[wrong-unit]: v: expected a duration like 250ms, 10s, 5m, 1h or 1d, found '5 minutes'; did you mean '5m'?"]
      ),
      (
        "10sec", nil,
        ["error[wrong-unit]: v: expected a duration like 250ms, 10s, 5m, 1h or 1d, found '10sec'; did you mean '10s'?"]
      ),
      (
        "1h30m", nil,
        [
          "error[wrong-unit]: v: expected a duration like 250ms, 10s, 5m, 1h or 1d, found '1h30m', which has two units; did you mean '90m'?"
        ]
      ),
      (
        "99999999999999999999d1ms", nil,
        ["error[wrong-unit]: v: expected a duration like 250ms, 10s, 5m, 1h or 1d, found '99999999999999999999d1ms'"]
      ),
      ("-5s", nil, ["error[wrong-unit]: v: expected a duration like 250ms, 10s, 5m, 1h or 1d, found '-5s'"]),
      ("0s", nil, ["error[wrong-value]: v: expected a duration longer than 0, found '0s'"]),
      ("1.5ms", nil, ["error[wrong-unit]: v: expected a duration of whole milliseconds, found '1.5ms'"]),
      ("soon", nil, ["error[wrong-unit]: v: expected a duration like 250ms, 10s, 5m, 1h or 1d, found 'soon'"]),
    ] as [(String, Int64?, [String])])
  func `a duration`(_ text: String, _ expected: Int64?, _ errors: [String]) {
    let result = read(text) { $0.duration($1, "v") }
    #expect(result.value == expected)
    #expect(result.findings == errors)
  }

  @Test func `rates, sizes and times`() {
    #expect(read("5k/s") { $0.rate($1, "v") }.value == 5000)
    #expect(read("90/m") { $0.rate($1, "v") }.value == 1.5)
    #expect(
      read("500") { $0.rate($1, "v") }.findings == [
        "error[wrong-unit]: v: expected a rate like 200/s, 5k/s, 1.5M/s or 90/m, found '500', which has no unit; did you mean '500/s'?"
      ])
    #expect(read("0/s") { $0.rate($1, "v") }.findings == ["error[wrong-value]: v: expected a rate above 0, found '0/s'"])
    #expect(read("64KiB") { $0.byteCount($1, "v") }.value == 65_536)
    #expect(
      read("64K") { $0.byteCount($1, "v") }.findings == [
        "error[wrong-unit]: v: expected a size like 64KiB, 128MiB or 1GiB, found '64K'"
      ])
    #expect(read("2026-01-01T00:00:00Z") { $0.time($1, "v") }.value == 1_767_225_600_000)
    #expect(read("1767225600000") { $0.time($1, "v") }.value == 1_767_225_600_000)
    #expect(
      read("2026-01-01T00:00:00") { $0.time($1, "v") }.findings == [
        "error[wrong-unit]: v: expected a time like 2026-01-01T00:00:00Z, or milliseconds since 1970, found '2026-01-01T00:00:00', which has no time zone; did you mean '2026-01-01T00:00:00Z'?"
      ])
    #expect(Units.durationText(milliseconds: 90_000) == "90s")
    #expect(Units.durationText(milliseconds: 86_400_000) == "1d")
    #expect(Units.durationText(milliseconds: 1250) == "1250ms")
    #expect(Units.durationText(milliseconds: 0) == "0ms")
  }

  @Test(
    arguments: [
      ("null", .null, 0), ("~", .null, 0), ("true", .bool(true), 0), ("12", .integer(12), 0), ("1.5", .double(1.5), 0),
      ("abc", .string("abc"), 0),
      ("'12'", .string("12"), 0), ("no", .string("no"), 1), ("0123", .string("0123"), 1), ("0x10", .string("0x10"), 1),
      ("1:30", .string("1:30"), 1),
      (".nan", .string(".nan"), 1), ("2026-01-01", .string("2026-01-01"), 0),
    ] as [(String, ScalarMeaning, Int)])
  func `a value of any type`(_ text: String, _ expected: ScalarMeaning, _ warningCount: Int) {
    let result = read(text) { $0.meaning($1, "v") }
    #expect(result.value == expected)
    #expect(result.findings.count == warningCount)
    #expect(result.findings.allSatisfy { $0.hasPrefix("warning[yaml-trap]") })
  }
}

@Suite struct MappingReaderTests {
  /// Reads `a` and `window` (which has to be there), does not build `late`.
  private func read(_ text: String) -> [String] {
    let diagnostics = Diagnostics(file: "f")
    let values = ValueReader(diagnostics, language: "test language")
    guard let root = ConfigurationLoader(environment: [:]).load(text: text, diagnostics: diagnostics),
      let reader = MappingReader(root, "feature 'x'", values)
    else { return diagnostics.all.map { String($0.description.dropFirst(2)) } }
    _ = reader.integer("a", in: 0...9)
    _ = reader.required("window")
    reader.finish(notBuilt: ["late"])
    return diagnostics.all.map { String($0.description.dropFirst(2)) }
  }

  @Test(
    arguments: [
      ("window: 1", []),
      ("windw: 1", ["1:1: error[unknown-field]: unknown field 'windw' in feature 'x'; did you mean 'window'?"]),
      ("Window: 1", ["1:1: error[unknown-field]: unknown field 'Window' in feature 'x'; did you mean 'window'?"]),
      (
        "window: 1\nlate: 2",
        ["2:1: error[not-built]: 'late' in feature 'x' is part of the test language but not built in this version"]
      ),
      ("window: 1\nltae: 2", ["2:1: error[unknown-field]: unknown field 'ltae' in feature 'x'; did you mean 'late'?"]),
      ("a: 1", ["1:1: error[missing-field]: missing field 'window' in feature 'x'"]),
      (
        "a: b\nzebra: 1",
        [
          "1:1: error[missing-field]: missing field 'window' in feature 'x'",
          "1:4: error[wrong-type]: 'a' of feature 'x': expected a whole number, found 'b'",
          "2:1: error[unknown-field]: unknown field 'zebra' in feature 'x'",
        ]
      ),
      ("[1]", ["1:1: error[wrong-type]: feature 'x': expected a mapping, found a list"]),
    ] as [(String, [String])])
  func `unknown, missing and unbuilt fields are told apart`(_ text: String, _ expected: [String]) {
    #expect(read(text) == expected)
  }

  @Test(
    arguments: [
      ("windw", "window"), ("widnow", "window"), ("sume", "sum"), ("SUM", "sum"), ("conut", "count"), ("zz", nil), ("ab", nil),
      ("", nil),
      ("lateness_", "lateness"),
    ] as [(String, String?)])
  func `the nearest name is suggested when it is near`(_ text: String, _ expected: String?) {
    #expect(Suggestion.nearest(to: text, among: ["window", "sum", "count", "lateness", "cd"]) == expected)
  }
}
