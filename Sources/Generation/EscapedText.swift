// The way back from the escapes that `JSONText` writes: the short ones, and `\u00xx` for the control characters without one; and from the doubled
// quotes of CSV.

enum EscapedText {
  /// Writes the `count` bytes at `source` without their escapes to `out`; returns how many bytes they are, never more than `count`.
  static func undo(_ source: UnsafePointer<UInt8>, count: Int, to out: UnsafeMutablePointer<UInt8>) -> Int {
    var read = 0
    var written = 0
    while read < count {
      var byte = source[read]
      read += 1
      if byte == UInt8(ascii: "\\"), read < count {
        let kind = source[read]
        read += 1
        switch kind {
        case UInt8(ascii: "b"): byte = 8
        case UInt8(ascii: "t"): byte = 9
        case UInt8(ascii: "n"): byte = 10
        case UInt8(ascii: "f"): byte = 12
        case UInt8(ascii: "r"): byte = 13
        case UInt8(ascii: "u") where read + 4 <= count:
          byte = digit(source[read + 2]) << 4 | digit(source[read + 3])
          read += 4
        default: byte = kind
        }
      }
      out[written] = byte
      written += 1
    }
    return written
  }

  /// The same for a cell between its quotes, in which each quote stands twice.
  static func undoQuotes(_ source: UnsafePointer<UInt8>, count: Int, to out: UnsafeMutablePointer<UInt8>) -> Int {
    var read = 0
    var written = 0
    while read < count {
      out[written] = source[read]
      read += source[read] == UInt8(ascii: "\"") ? 2 : 1
      written += 1
    }
    return written
  }

  private static func digit(_ byte: UInt8) -> UInt8 { byte < 58 ? byte - 48 : (byte | 0x20) - 87 }
}
