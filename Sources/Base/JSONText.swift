// Text as JSON strings (RFC 8259 section 7): quotes, backslashes and control characters escaped, everything else as it stands.

public enum JSONText {
  /// Appends `text` in quotes. Malformed UTF-8 is passed on as it is.
  public static func appendQuoted(_ text: UnsafeBufferPointer<UInt8>, to out: ByteBuffer) {
    // Six bytes is the longest escape.
    out.reserve(text.count * 6 + 2)
    out.append(UInt8(ascii: "\""))
    for byte in text {
      if byte >= 0x20, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\") {
        out.append(byte)
      } else {
        appendEscape(byte, to: out)
      }
    }
    out.append(UInt8(ascii: "\""))
  }

  /// Appends a JSON text without the space between its tokens, so that it stands on one line. `text` must be valid.
  public static func appendCompact(_ text: UnsafeBufferPointer<UInt8>, to out: ByteBuffer) {
    out.reserve(text.count)
    var isInString = false
    var isEscaped = false
    for byte in text {
      if isInString {
        if isEscaped {
          isEscaped = false
        } else if byte == UInt8(ascii: "\\") {
          isEscaped = true
        } else if byte == UInt8(ascii: "\"") {
          isInString = false
        }
      } else if byte == UInt8(ascii: "\"") {
        isInString = true
      } else if byte <= 0x20 {
        continue
      }
      out.append(byte)
    }
  }

  /// `text` as a JSON string, quotes included.
  public static func quoted(_ text: String) -> String {
    let out = ByteBuffer(capacity: text.utf8.count * 2 + 16)
    var text = text
    text.withUTF8 { appendQuoted($0, to: out) }
    return out.string
  }

  private static func appendEscape(_ byte: UInt8, to out: ByteBuffer) {
    out.append(UInt8(ascii: "\\"))
    switch byte {
    case 8: out.append(UInt8(ascii: "b"))
    case 9: out.append(UInt8(ascii: "t"))
    case 10: out.append(UInt8(ascii: "n"))
    case 12: out.append(UInt8(ascii: "f"))
    case 13: out.append(UInt8(ascii: "r"))
    case 0..<0x20:
      let digits: StaticString = "0123456789abcdef"
      out.append("u00")
      out.append(digits.utf8Start[Int(byte >> 4)])
      out.append(digits.utf8Start[Int(byte & 15)])
    default: out.append(byte)
    }
  }
}
