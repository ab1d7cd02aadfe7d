// The pattern of a `like`: `%` stands for any text, `_` for one character (code point), everything else for itself, with the letter case that
// it has. After the escape character, all three stand for themselves. Matching goes back only to the last `%`, so a text of n and a
// pattern of m bytes cost at most n * m steps.

public struct LikePattern: Sendable, Hashable {
  /// As written, and the character after which the next stands for itself.
  public let text: String
  public let escape: Unicode.Scalar?

  /// 0...255 a byte, then one character, then any text.
  private let tokens: [UInt16]
  private static let oneCharacter: UInt16 = 256
  private static let anyText: UInt16 = 257

  /// Nil where the escape character is the pattern's last or stands before another than `%`, `_` and itself.
  public init?(_ text: String, escape: Unicode.Scalar? = nil) {
    self.text = text
    self.escape = escape
    var tokens: [UInt16] = []
    var isEscaped = false
    for scalar in text.unicodeScalars {
      if isEscaped {
        guard scalar == "%" || scalar == "_" || scalar == escape else { return nil }
        isEscaped = false
      } else if scalar == escape {
        isEscaped = true
        continue
      } else if scalar == "%" {
        if tokens.last != Self.anyText { tokens.append(Self.anyText) }
        continue
      } else if scalar == "_" {
        tokens.append(Self.oneCharacter)
        continue
      }
      for byte in String(Character(scalar)).utf8 { tokens.append(UInt16(byte)) }
    }
    if isEscaped { return nil }
    self.tokens = tokens
  }

  func matches(_ text: UnsafeBufferPointer<UInt8>) -> Bool {
    tokens.withUnsafeBufferPointer { Self.matches(text, $0) }
  }

  private static func matches(_ text: UnsafeBufferPointer<UInt8>, _ tokens: UnsafeBufferPointer<UInt16>) -> Bool {
    var position = 0
    var token = 0
    // Behind the last `%`, and from where in the text it is tried next.
    var retryToken = -1
    var retryPosition = 0
    while position < text.count {
      if token < tokens.count, tokens[token] == anyText {
        token += 1
        if token == tokens.count { return true }
        retryToken = token
        retryPosition = position
      } else if token < tokens.count, tokens[token] == oneCharacter {
        position += UTF8Text.characterCount(text, at: position)
        token += 1
      } else if token < tokens.count, tokens[token] == UInt16(text[position]) {
        position += 1
        token += 1
      } else if retryToken >= 0 {
        retryPosition += UTF8Text.characterCount(text, at: retryPosition)
        position = retryPosition
        token = retryToken
      } else {
        return false
      }
    }
    while token < tokens.count, tokens[token] == anyText { token += 1 }
    return token == tokens.count
  }
}

/// Characters (code points) in UTF-8 that need not be well formed.
enum UTF8Text {
  /// How many bytes the character at `index` has, as its first byte says and as far as the text goes; a stray byte is one of its own.
  @inline(__always)
  static func characterCount(_ text: UnsafeBufferPointer<UInt8>, at index: Int) -> Int {
    let byte = text[index]
    if byte < 0x80 { return 1 }
    let wanted = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC0 ? 2 : 1
    var count = 1
    while count < wanted, index + count < text.count, text[index + count] & 0xC0 == 0x80 { count += 1 }
    return count
  }

  /// Characters in the text.
  static func length(_ text: UnsafeBufferPointer<UInt8>) -> Int {
    var count = 0
    var index = 0
    while index < text.count {
      index += characterCount(text, at: index)
      count += 1
    }
    return count
  }

  /// The byte at which character `number` (from 0) begins; the text's end where it has fewer.
  static func byteIndex(_ text: UnsafeBufferPointer<UInt8>, ofCharacter number: Int) -> Int {
    var index = 0
    var rest = number
    while rest > 0, index < text.count {
      index += characterCount(text, at: index)
      rest -= 1
    }
    return index
  }
}
