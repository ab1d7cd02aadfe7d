// Seeded random documents, whole and damaged, against Foundation's `JSONSerialization`: the same texts are accepted, and the same
// values come out. Deliberate differences, which the generator avoids or the comparison names:
//
//   - a byte order mark and texts in UTF-16 or UTF-32 are refused here (RFC 8259, section 8.1); Foundation takes them
//   - numbers beyond a double's range are refused here; Foundation's rules for them have changed between versions
//   - doubles of 17 digits are rounded to the nearest here (tested against the standard library elsewhere); Foundation on Linux is some
//     units in the last place off
//   - a comma before a closing brace is refused here; Foundation on Linux takes it
//   - depth ends at 256 here and at 512 there

import Codec
import Foundation
import Records
import Testing

@Suite struct JSONFuzzTests {
  private static let wanted = ["a", "b", "n.a", "n.b", "n.n.a", "n"]

  /// What Foundation finds at a path, as kinds and values that can be compared with ours.
  private enum Reference: Equatable {
    case missing, null, composite
    case bool(Bool)
    case number(Double)
    case string([UInt8])

    init(_ root: Any, _ path: String) {
      var value: Any? = root
      for component in path.split(separator: ".") { value = (value as? [String: Any])?[String(component)] }
      switch value {
      case nil: self = .missing
      case is NSNull: self = .null
      case let text as String: self = .string(Array(text.utf8))
      case let number as NSNumber:
        // Foundation's booleans are numbers of their own class.
        self =
          type(of: number) == type(of: NSNumber(value: true)) && "\(number)" != "\(number.doubleValue)"
          ? .bool(number.boolValue) : .number(number.doubleValue)
      default: self = .composite
      }
    }

    func matches(_ other: Reference) -> Bool {
      guard case .number(let ours) = self, case .number(let theirs) = other else { return self == other }
      return abs(ours - theirs) <= 16 * ours.ulp
    }

    init(_ value: PlainValue) {
      switch value {
      case .missing: self = .missing
      case .null: self = .null
      case .bool(let value): self = .bool(value)
      case .integer(let value): self = .number(Double(value))
      case .double(let bits): self = .number(Double(bitPattern: bits))
      case .string(let bytes): self = .string(bytes)
      case .composite: self = .composite
      }
    }
  }

  private struct Writer {
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
  }

  private func reference(_ bytes: [UInt8]) -> Any? {
    try? JSONSerialization.jsonObject(with: Data(bytes), options: .fragmentsAllowed)
  }

  @Test(arguments: [1, 2, 3, 4] as [UInt64]) func `random documents give the values that Foundation gives`(seed: UInt64) throws {
    var writer = Writer(generator: SeededGenerator(seed: seed))
    let documents = (0..<700).map { _ in
      writer.text = ""
      writer.space()
      writer.object(4)
      writer.space()
      return Array(writer.text.utf8)
    }
    let rows = JSONColumnReader(paths: Self.wanted.map { FieldPath(dotted: $0)! }).rows(of: documents)
    for (document, row) in zip(documents, rows) {
      let text = String(decoding: document, as: UTF8.self)
      let root = try #require(reference(document), "seed \(seed): \(text)")
      #expect(row.status == .valid, "seed \(seed): \(text)")
      for (path, value) in zip(Self.wanted, row.values) {
        #expect(Reference(value).matches(Reference(root, path)), "seed \(seed), \(path): \(text)")
      }
    }
  }

  @Test(arguments: [5, 6, 7, 8] as [UInt64]) func `damaged documents are refused where Foundation refuses them`(seed: UInt64) {
    var writer = Writer(generator: SeededGenerator(seed: seed))
    var documents: [[UInt8]] = []
    let pieces =
      [
        "\"", "\\", "{", "}", "[", "]", ":", ",", "0", "1", "-", ".", "e", "+", " ", "\n", "\u{1}", "u", "\\u", "\\ud83d", "\\u12",
        "t", "null", "é", "😀", "\u{7f}",
      ].map { Array($0.utf8) } + [[0x80], [0xC3], [0xE2, 0x82], [0xED, 0xA0, 0x80], [0xF0, 0x9F], [0xFF], [0xC0, 0x80]]
    while documents.count < 1500 {
      writer.text = ""
      writer.object(3)
      var document = Array(writer.text.utf8)
      for _ in 0..<writer.pick([1, 1, 1, 2, 3]) where !document.isEmpty {
        let index = Int.random(in: 0..<document.count, using: &writer.generator)
        switch writer.pick([0, 1, 1, 2, 3, 4]) {
        case 0: document.remove(at: index)
        case 1: document.insert(contentsOf: writer.pick(pieces), at: index)
        case 2: document.replaceSubrange(index...index, with: writer.pick(pieces))
        case 3: document.removeSubrange(index...)
        default: document[index] ^= 1 << UInt8.random(in: 0..<8, using: &writer.generator)
        }
      }
      // Foundation takes a zero among the first bytes as a sign of UTF-16.
      if !document.isEmpty, !document.contains(0) { documents.append(document) }
    }
    let reader = JSONColumnReader(paths: Self.wanted.map { FieldPath(dotted: $0)! })
    for (document, row) in zip(documents, reader.rows(of: documents)) {
      let fault = document.withUnsafeBufferPointer { reader.fault(in: $0) }
      #expect((fault == nil) == (row.status != .malformed))
      #expect(fault?.byteIndex == row.errorByteIndex)
      let isTrailingComma = fault?.reason == .keyExpected && document[fault!.byteIndex] == UInt8(ascii: "}")
      if isTrailingComma || fault?.reason == .numberRange { continue }
      #expect(
        (fault == nil) == (reference(document) != nil),
        "seed \(seed), \(String(describing: fault)): \(String(decoding: document, as: UTF8.self))")
      // On its own a record fares as it does among others.
      #expect(status(of: document) == row.status)
    }
  }
}
