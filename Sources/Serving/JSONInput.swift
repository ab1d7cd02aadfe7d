// JSON from outside, read in one pass and by its caller's knowledge of what it wants: no tree is built, depth is bounded, and what is passed over is
// checked as what is read is (RFC 8259). The bytes must be UTF-8, which the caller has seen to.

import Base

struct JSONInput: ~Copyable {
  enum Kind { case string, number, bool, null, list, object }

  /// How deep lists and objects may lie in each other.
  static let depthMax = 16

  private let bytes: UnsafeBufferPointer<UInt8>
  private(set) var cursor = 0

  /// - Parameter bytes: Outlives this.
  init(_ bytes: UnsafeBufferPointer<UInt8>) { self.bytes = bytes }

  func fault(_ expected: String) -> RequestFault {
    cursor < bytes.count
      ? RequestFault(400, "not valid JSON at byte \(cursor): expected \(expected)")
      : RequestFault(400, "not valid JSON: it ends where \(expected) was expected")
  }

  private var next: UInt8? { cursor < bytes.count ? bytes[cursor] : nil }

  mutating func skipSpace() {
    while cursor < bytes.count {
      switch bytes[cursor] {
      case 0x20, 0x09, 0x0A, 0x0D: cursor += 1
      default: return
      }
    }
  }

  /// Passes a byte that has to be there.
  private mutating func pass(_ byte: UInt8, _ words: String) throws(RequestFault) {
    guard next == byte else { throw fault(words) }
    cursor += 1
  }

  /// What the next value is.
  mutating func kind() throws(RequestFault) -> Kind {
    skipSpace()
    switch next {
    case UInt8(ascii: "\""): return .string
    case UInt8(ascii: "{"): return .object
    case UInt8(ascii: "["): return .list
    case UInt8(ascii: "t"), UInt8(ascii: "f"): return .bool
    case UInt8(ascii: "n"): return .null
    case UInt8(ascii: "-"): return .number
    case let byte? where byte &- 0x30 < 10: return .number
    default: throw fault("a value")
    }
  }

  /// Reads an object; `body` is called behind each key and its colon, and must read or skip the value.
  mutating func object(_ body: (inout JSONInput, _ key: [UInt8]) throws(RequestFault) -> Void) throws(RequestFault) {
    skipSpace()
    try pass(UInt8(ascii: "{"), "an object")
    skipSpace()
    if next == UInt8(ascii: "}") {
      cursor += 1
      return
    }
    while true {
      skipSpace()
      let key = try string("the name of a member")
      skipSpace()
      try pass(UInt8(ascii: ":"), "':'")
      try body(&self, key)
      skipSpace()
      if next == UInt8(ascii: "}") {
        cursor += 1
        return
      }
      try pass(UInt8(ascii: ","), "',' or '}'")
    }
  }

  /// Reads a list; `body` must read or skip an element.
  mutating func list(_ body: (inout JSONInput) throws(RequestFault) -> Void) throws(RequestFault) {
    skipSpace()
    try pass(UInt8(ascii: "["), "a list")
    skipSpace()
    if next == UInt8(ascii: "]") {
      cursor += 1
      return
    }
    while true {
      try body(&self)
      skipSpace()
      if next == UInt8(ascii: "]") {
        cursor += 1
        return
      }
      try pass(UInt8(ascii: ","), "',' or ']'")
    }
  }

  /// Reads a string's text, escapes resolved.
  mutating func string(_ words: String = "a string") throws(RequestFault) -> [UInt8] {
    skipSpace()
    try pass(UInt8(ascii: "\""), words)
    let start = cursor
    while let byte = next, byte >= 0x20, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\") { cursor += 1 }
    if next == UInt8(ascii: "\"") {
      cursor += 1
      return Array(bytes[start..<cursor - 1])
    }
    var text = Array(bytes[start..<cursor])
    while true {
      guard let byte = next, byte >= 0x20 else { throw fault("the rest of a string") }
      cursor += 1
      switch byte {
      case UInt8(ascii: "\""): return text
      case UInt8(ascii: "\\"): try escape(into: &text)
      default: text.append(byte)
      }
    }
  }

  private mutating func escape(into text: inout [UInt8]) throws(RequestFault) {
    guard let byte = next else { throw fault("an escape") }
    cursor += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(byte)
    case UInt8(ascii: "b"): text.append(8)
    case UInt8(ascii: "f"): text.append(12)
    case UInt8(ascii: "n"): text.append(10)
    case UInt8(ascii: "r"): text.append(13)
    case UInt8(ascii: "t"): text.append(9)
    case UInt8(ascii: "u"):
      var unit = try codeUnit()
      if (0xD800..<0xDC00).contains(unit) {
        guard next == UInt8(ascii: "\\"), cursor + 1 < bytes.count, bytes[cursor + 1] == UInt8(ascii: "u") else {
          throw fault("the second half of a surrogate pair")
        }
        cursor += 2
        let low = try codeUnit()
        guard (0xDC00..<0xE000).contains(low) else { throw fault("the second half of a surrogate pair") }
        unit = 0x10000 + (unit - 0xD800) << 10 + (low - 0xDC00)
      }
      guard let scalar = Unicode.Scalar(unit) else { throw fault("no half of a surrogate pair alone") }
      text.append(contentsOf: UTF8.encode(scalar)!)
    default:
      cursor -= 1
      throw fault("an escape")
    }
  }

  private mutating func codeUnit() throws(RequestFault) -> UInt32 {
    var value: UInt32 = 0
    for _ in 0..<4 {
      guard let byte = next else { throw fault("four hexadecimal digits") }
      let digit: UInt8
      switch byte {
      case 0x30...0x39: digit = byte - 0x30
      case 0x41...0x46: digit = byte - 0x41 + 10
      case 0x61...0x66: digit = byte - 0x61 + 10
      default: throw fault("four hexadecimal digits")
      }
      value = value << 4 | UInt32(digit)
      cursor += 1
    }
    return value
  }

  /// Reads a number's text.
  mutating func number() throws(RequestFault) -> Range<Int> {
    skipSpace()
    let start = cursor
    guard let count = JSONNumber.length(UnsafeBufferPointer(rebasing: bytes[cursor...])) else { throw fault("a number") }
    cursor += count
    return start..<cursor
  }

  mutating func bool() throws(RequestFault) -> Bool {
    skipSpace()
    let value = next == UInt8(ascii: "t")
    try word(value ? "true" : "false")
    return value
  }

  mutating func null() throws(RequestFault) {
    skipSpace()
    try word("null")
  }

  private mutating func word(_ word: StaticString) throws(RequestFault) {
    for index in 0..<word.utf8CodeUnitCount {
      guard next == word.utf8Start[index] else { throw fault("\(word)") }
      cursor += 1
    }
  }

  /// Passes over a value; returns where it stands.
  @discardableResult
  mutating func skip(depth: Int = 0) throws(RequestFault) -> Range<Int> {
    skipSpace()
    let start = cursor
    switch try kind() {
    case .string: _ = try string()
    case .number: _ = try number()
    case .bool: _ = try bool()
    case .null: try null()
    case .list, .object:
      guard depth < Self.depthMax else {
        throw RequestFault(400, "lists and objects lie more than \(Self.depthMax) deep in each other")
      }
      if next == UInt8(ascii: "[") {
        try list { (input) throws(RequestFault) in _ = try input.skip(depth: depth + 1) }
      } else {
        try object { (input, _) throws(RequestFault) in _ = try input.skip(depth: depth + 1) }
      }
    }
    return start..<cursor
  }

  /// Nothing but white space may follow.
  mutating func end() throws(RequestFault) {
    skipSpace()
    guard cursor == bytes.count else { throw fault("the end") }
  }
}

/// The texts of numbers, as JSON has them.
enum JSONNumber {
  /// How many bytes of `text` are a number; nil where it begins with none.
  static func length(_ text: UnsafeBufferPointer<UInt8>) -> Int? {
    var index = 0
    func isDigit() -> Bool { index < text.count && text[index] &- 0x30 < 10 }
    if index < text.count, text[index] == UInt8(ascii: "-") { index += 1 }
    guard isDigit() else { return nil }
    if text[index] == UInt8(ascii: "0") {
      index += 1
    } else {
      while isDigit() { index += 1 }
    }
    if index < text.count, text[index] == UInt8(ascii: ".") {
      index += 1
      guard isDigit() else { return nil }
      while isDigit() { index += 1 }
    }
    if index < text.count, text[index] | 0x20 == UInt8(ascii: "e") {
      index += 1
      if index < text.count, text[index] == UInt8(ascii: "-") || text[index] == UInt8(ascii: "+") { index += 1 }
      guard isDigit() else { return nil }
      while isDigit() { index += 1 }
    }
    return index
  }

  /// Whether all of `text` is a number.
  static func isOne(_ text: UnsafeBufferPointer<UInt8>) -> Bool { length(text) == text.count }

  /// Whether all of `text` is an integer: digits behind an optional minus sign.
  static func isInteger(_ text: UnsafeBufferPointer<UInt8>) -> Bool {
    guard isOne(text) else { return false }
    return text.dropFirst().allSatisfy { $0 &- 0x30 < 10 }
  }
}
