// Cuts the text of an expression into tokens. Works on UTF-8 bytes, so that every offset in a message is a byte offset into the text;
// looks one token ahead and holds nothing else.

/// What is wrong with an expression's text, and where.
public struct ExpressionError: Error, Equatable, Sendable, CustomStringConvertible {
  /// Bytes of UTF-8 from the start of the text.
  public var byteOffset: Int
  public var message: String

  public init(byteOffset: Int, message: String) {
    self.byteOffset = byteOffset
    self.message = message
  }

  public var description: String { "byte \(byteOffset): \(message)" }
}

/// One token and where it begins.
struct ExpressionToken: Equatable {
  enum Kind: Equatable {
    /// A bare word: a keyword or a component of a field path, as written.
    case word(String)
    /// A component between backquotes: never a keyword.
    case quotedName(String)
    case string(String)
    case integer(Int64)
    case double(Double)
    /// An operator or a bracket.
    case symbol(String)
    case end
  }

  var kind: Kind
  var byteOffset: Int
  /// As it stands in the text; empty for the end.
  var text: String
}

struct ExpressionLexer {
  private let bytes: [UInt8]
  private var index = 0

  init(_ text: String) { bytes = Array(text.utf8) }

  /// The next token; `.end` again and again after the last.
  mutating func next() throws(ExpressionError) -> ExpressionToken {
    while index < bytes.count, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[index]) { index += 1 }
    let start = index
    guard index < bytes.count else { return ExpressionToken(kind: .end, byteOffset: start, text: "") }
    let byte = bytes[index]
    let kind: ExpressionToken.Kind
    if Self.beginsWord(byte) || byte == UInt8(ascii: "$") && index + 1 < bytes.count && Self.beginsWord(bytes[index + 1]) {
      // Record metadata has names like `$key`.
      index += 1
      skipWord()
      // `view@lane` is one name.
      if index + 1 < bytes.count, bytes[index] == UInt8(ascii: "@"), Self.beginsWord(bytes[index + 1]) {
        index += 1
        skipWord()
      }
      kind = .word(text(from: start))
    } else if Self.isDigit(byte) {
      kind = try number()
    } else if byte == UInt8(ascii: "'") || byte == UInt8(ascii: "\"") {
      kind = .string(try quoted(by: byte, escapes: true))
    } else if byte == UInt8(ascii: "`") {
      kind = .quotedName(try quoted(by: byte, escapes: false))
    } else {
      kind = .symbol(try symbol())
    }
    return ExpressionToken(kind: kind, byteOffset: start, text: text(from: start))
  }

  // MARK: - Kinds of token

  private mutating func number() throws(ExpressionError) -> ExpressionToken.Kind {
    let start = index
    var isInteger = true
    skipDigits()
    if index + 1 < bytes.count, bytes[index] == UInt8(ascii: "."), Self.isDigit(bytes[index + 1]) {
      isInteger = false
      index += 1
      skipDigits()
    }
    if index < bytes.count, bytes[index] | 0x20 == UInt8(ascii: "e") {
      var digit = index + 1
      if digit < bytes.count, bytes[digit] == UInt8(ascii: "+") || bytes[digit] == UInt8(ascii: "-") { digit += 1 }
      if digit < bytes.count, Self.isDigit(bytes[digit]) {
        isInteger = false
        index = digit
        skipDigits()
      }
    }
    let literal = text(from: start)
    if index < bytes.count, Self.beginsWord(bytes[index]) {
      throw ExpressionError(
        byteOffset: index, message: "unexpected '\(Character(Unicode.Scalar(bytes[index])))' after the number \(literal)")
    }
    if isInteger, let value = Int64(literal) { return .integer(value) }
    guard let value = Double(literal), value.isFinite else {
      throw ExpressionError(byteOffset: start, message: "the number \(literal) is outside the range of a double")
    }
    return .double(value)
  }

  /// Text between two `quote`s; the quote itself may stand inside doubled, and in strings after a backslash.
  private mutating func quoted(by quote: UInt8, escapes: Bool) throws(ExpressionError) -> String {
    let start = index
    var content: [UInt8] = []
    index += 1
    while index < bytes.count {
      let byte = bytes[index]
      if byte == quote {
        index += 1
        guard index < bytes.count, bytes[index] == quote else { return String(decoding: content, as: UTF8.self) }
        content.append(quote)
        index += 1
      } else if byte == UInt8(ascii: "\\"), escapes {
        try appendEscape(to: &content)
      } else {
        content.append(byte)
        index += 1
      }
    }
    let mark = String(Character(Unicode.Scalar(quote)))
    throw ExpressionError(
      byteOffset: start, message: "the \(escapes ? "string" : "name") that begins here is not closed with \(mark)")
  }

  private mutating func appendEscape(to content: inout [UInt8]) throws(ExpressionError) {
    let start = index
    let escaped = index + 1 < bytes.count ? bytes[index + 1] : 0
    index += 2
    switch escaped {
    case UInt8(ascii: "\\"), UInt8(ascii: "'"), UInt8(ascii: "\""), UInt8(ascii: "/"): content.append(escaped)
    case UInt8(ascii: "n"): content.append(0x0A)
    case UInt8(ascii: "t"): content.append(0x09)
    case UInt8(ascii: "r"): content.append(0x0D)
    case UInt8(ascii: "b"): content.append(0x08)
    case UInt8(ascii: "f"): content.append(0x0C)
    case UInt8(ascii: "u"):
      var code = try hexUnit(escapeStart: start)
      if code >= 0xD800, code < 0xDC00, index + 1 < bytes.count, bytes[index] == UInt8(ascii: "\\"),
        bytes[index + 1] == UInt8(ascii: "u")
      {
        index += 2
        let low = try hexUnit(escapeStart: start)
        if low >= 0xDC00, low < 0xE000 { code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00) }
      }
      guard let scalar = Unicode.Scalar(code) else {
        throw ExpressionError(byteOffset: start, message: "half of a surrogate pair in a string")
      }
      content.append(contentsOf: String(Character(scalar)).utf8)
    default:
      throw ExpressionError(
        byteOffset: start, message: "unknown escape in a string; known are \\\\ \\' \\\" \\/ \\n \\t \\r \\b \\f and \\uXXXX")
    }
  }

  private mutating func hexUnit(escapeStart: Int) throws(ExpressionError) -> UInt32 {
    guard index + 4 <= bytes.count, bytes[index..<index + 4].allSatisfy({ Unicode.Scalar($0).properties.isASCIIHexDigit }),
      let value = UInt32(String(decoding: bytes[index..<index + 4], as: UTF8.self), radix: 16)
    else {
      throw ExpressionError(byteOffset: escapeStart, message: "\\u needs four hexadecimal digits")
    }
    index += 4
    return value
  }

  private mutating func symbol() throws(ExpressionError) -> String {
    // Longest first.
    for symbol in ["==", "!=", "<=", ">=", "||", "<", ">", "(", ")", "[", "]", ",", ".", "+", "-", "*", "/", "%"] {
      for (wrong, meant) in [("===", "=="), ("<>", "!="), ("&&", "and")] where starts(with: wrong) {
        throw ExpressionError(byteOffset: index, message: "unexpected '\(wrong)'; did you mean '\(meant)'?")
      }
      if starts(with: symbol) {
        index += symbol.utf8.count
        return symbol
      }
    }
    let rest = String(decoding: bytes[index...], as: UTF8.self)
    let character = rest.first!
    var message = "unexpected '\(character)'"
    switch character {
    case "=": message += "; did you mean '=='?"
    case "!": message += "; did you mean 'not' or '!='?"
    case "&": message += "; did you mean 'and'?"
    case "|": message += "; did you mean 'or'?"
    case "$": message += "; record metadata has names like $key and $headers.name"
    case "\u{2018}", "\u{2019}", "\u{201C}", "\u{201D}": message += "; strings stand between ' or \""
    default: if !character.isASCII { message += "; a name with such characters stands between backquotes" }
    }
    throw ExpressionError(byteOffset: index, message: message)
  }

  // MARK: - Bytes

  private func starts(with symbol: String) -> Bool { bytes[index...].starts(with: symbol.utf8) }

  private func text(from start: Int) -> String { String(decoding: bytes[start..<index], as: UTF8.self) }

  private mutating func skipWord() {
    while index < bytes.count, Self.beginsWord(bytes[index]) || Self.isDigit(bytes[index]) { index += 1 }
  }

  private mutating func skipDigits() {
    while index < bytes.count, Self.isDigit(bytes[index]) { index += 1 }
  }

  private static func isDigit(_ byte: UInt8) -> Bool { byte &- 0x30 < 10 }

  private static func beginsWord(_ byte: UInt8) -> Bool { (byte | 0x20) &- 0x61 < 26 || byte == UInt8(ascii: "_") }
}
