// Random JSON texts: documents with the keys that the fuzzers ask for, in any order, with escapes, white space and numbers of all forms.

/// Writes into `text`.
struct JSONWriter {
  var generator: SeededGenerator
  var text = ""

  mutating func pick<T>(_ choices: [T]) -> T { choices.randomElement(using: &generator)! }
  mutating func space() { if pick([true, false, false, false]) { text += pick([" ", "\n", "\t", "\r\n", "  "]) } }

  mutating func object(_ depth: Int) {
    text += "{"
    space()
    // Keys stand once each: Foundation does not say which of two equal ones it keeps.
    let names = ["a", "b", "n", "c", "longer key", "é", "", "a_rather_long_key_in_an_object"].shuffled(using: &generator)
    for (index, name) in names.prefix(pick([0, 1, 3, 6])).enumerated() {
      if index > 0 { text += "," }
      space()
      string(name)
      space()
      text += ":"
      space()
      value(depth - 1, isNested: name == "n")
      space()
    }
    text += "}"
  }

  mutating func value(_ depth: Int, isNested: Bool = false) {
    if isNested, depth > 0, pick([true, true, false]) { return object(depth) }
    switch pick([0, 1, 1, 2, 2, 2, 3, 4]) {
    case 0: text += pick(["true", "false", "null"])
    case 1:
      text += pick([
        "0", "-0", "7", "-12", "12345678", "1767225600000", "9223372036854775807", "-9223372036854775808", "0.5", "-24.99", "1e3",
        "1.5E-7", "2E+2",
        "0.1", "123456.789", "9007199254740993", "0.30000000000000004",
        "\(Int.random(in: -1_000_000...1_000_000, using: &generator))",
        "\(Double.random(in: -1...1, using: &generator))",
      ])
    case 2:
      string(
        (0..<pick([0, 1, 4, 9, 20])).map { _ in
          pick(["x", "A", " ", "é", "日", "😀", "\"", "\\", "\n", "\t", "\u{1}", "/", "word", "0123456"])
        }.joined())
    case 3 where depth > 0: object(depth)
    case 4 where depth > 0:
      text += "["
      for index in 0..<pick([0, 1, 3]) {
        if index > 0 { text += "," }
        space()
        value(depth - 1)
      }
      text += "]"
    default: text += "1"
    }
  }

  mutating func string(_ content: String) {
    text += "\""
    for scalar in content.unicodeScalars {
      if scalar == "\"" || scalar == "\\" {
        text += "\\\(scalar)"
      } else if scalar.value < 0x20 || pick([true, false, false, false, false, false, false, false]) {
        for unit in String(scalar).utf16 {
          text += "\\u" + String(UInt32(unit) | 0x10000, radix: 16, uppercase: pick([true, false])).dropFirst()
        }
      } else {
        text.unicodeScalars.append(scalar)
      }
    }
    text += "\""
  }

  private static let pieces: [[UInt8]] =
    [
      "\"", "\\", "{", "}", "[", "]", ":", ",", "0", "1", "-", ".", "e", "+", " ", "\n", "\u{1}", "u", "\\u", "\\ud83d", "\\u12",
      "t", "null", "é", "😀", "\u{7f}",
    ].map { Array($0.utf8) } + [[0x80], [0xC3], [0xE2, 0x82], [0xED, 0xA0, 0x80], [0xF0, 0x9F], [0xFF], [0xC0, 0x80]]

  /// Changes a few bytes of a document, or cuts it off.
  mutating func damage(_ document: inout [UInt8]) {
    for _ in 0..<pick([1, 1, 1, 2, 3]) where !document.isEmpty {
      let index = Int.random(in: 0..<document.count, using: &generator)
      switch pick([0, 1, 1, 2, 3, 4]) {
      case 0: document.remove(at: index)
      case 1: document.insert(contentsOf: pick(Self.pieces), at: index)
      case 2: document.replaceSubrange(index...index, with: pick(Self.pieces))
      case 3: document.removeSubrange(index...)
      default: document[index] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
      }
    }
  }
}
