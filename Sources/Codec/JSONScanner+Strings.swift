// Strings: a word of 8 bytes at a time while nothing but plain ASCII comes, byte by byte around escapes and other characters. (Blocks of
// 16 bytes by SSE2 were measured slower on records with short strings: what counts is how soon the next cursor is known.) UTF-8 is checked
// after table 3-7 of the Unicode standard; half of a surrogate pair is refused, as it stands for no character (RFC 8259, section 8.2).

extension JSONScanner {
  /// Passes a string; `start` is behind its opening quote. Returns the cursor behind the closing one.
  @inline(__always)
  mutating func string(_ start: Cursor, _ escapes: inout Bool) -> Cursor? {
    var cursor = start
    while cursor < end {
      let special = Self.specialBytes(cursor)
      guard special != 0 else {
        cursor += 8
        continue
      }
      cursor += special.trailingZeroBitCount &>> 3
      guard cursor[0] == UInt8(ascii: "\"") else { return unusualString(cursor, &escapes) }
      return cursor < end ? cursor + 1 : fail(end, .truncated)
    }
    return fail(end, .truncated)
  }

  /// Of the 8 bytes at `cursor`, the lowest flag (0x80 in its byte) marks the first that a string cannot hold as it is, or that is not
  /// ASCII: a quote, a backslash, a control character, or 0x80 and above. Flags above the lowest may be wrong, as borrows climb.
  @inline(__always)
  static func specialBytes(_ cursor: Cursor) -> UInt64 {
    let word = UInt64(littleEndian: UnsafeRawPointer(cursor).loadUnaligned(as: UInt64.self))
    let ones: UInt64 = 0x0101_0101_0101_0101
    let quote = (word ^ ones &* 0x22) &- ones
    let backslash = (word ^ ones &* 0x5C) &- ones
    let control = word &- ones &* 0x20
    return (quote | backslash | control | word) & (ones &* 0x80)
  }

  /// Goes on with a string at a byte that is neither plain nor its end.
  @inline(never)
  mutating func unusualString(_ start: Cursor, _ escapes: inout Bool) -> Cursor? {
    var cursor = start
    while cursor < end {
      let byte = cursor[0]
      switch byte {
      case UInt8(ascii: "\""): return cursor + 1
      case UInt8(ascii: "\\"):
        escapes = true
        guard let behind = escape(cursor) else { return nil }
        cursor = behind
      case 0..<0x20: return fail(cursor, .controlCharacter)
      case 0x80...:
        let count = Self.sequenceCount(cursor)
        guard count > 0 else { return fail(cursor, .encoding) }
        cursor += count
      default: cursor += Self.specialBytes(cursor).trailingZeroBitCount >> 3
      }
    }
    return fail(end, .truncated)
  }

  /// Bytes of the UTF-8 sequence at `cursor`, whose first byte is not ASCII; 0 where it is malformed. Reads at most 4 bytes.
  @inline(__always)
  private static func sequenceCount(_ cursor: Cursor) -> Int {
    let first = cursor[0]
    let second = cursor[1]
    if first < 0xE0 { return first >= 0xC2 && isContinuation(second) ? 2 : 0 }
    guard isContinuation(second), isContinuation(cursor[2]) else { return 0 }
    if first < 0xF0 {
      // E0 80...9F would be overlong, ED A0...BF surrogates.
      return (first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F) ? 0 : 3
    }
    // F0 80...8F would be overlong, F4 90... lies above U+10FFFF.
    guard first < 0xF5, isContinuation(cursor[3]), !(first == 0xF0 && second < 0x90), !(first == 0xF4 && second > 0x8F) else {
      return 0
    }
    return 4
  }

  @inline(__always)
  private static func isContinuation(_ byte: UInt8) -> Bool { byte & 0xC0 == 0x80 }

  // MARK: - Escapes

  /// Checks the escape, or the pair of escapes, at `start`. Reads at most 12 bytes.
  private mutating func escape(_ start: Cursor) -> Cursor? {
    switch start[1] {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"), UInt8(ascii: "n"),
      UInt8(ascii: "r"), UInt8(ascii: "t"):
      return start + 2
    case UInt8(ascii: "u"):
      let unit = Self.unit(start + 2)
      guard unit >= 0 else { return fail(start, .escape) }
      guard unit & 0xF800 == 0xD800 else { return start + 6 }
      guard unit < 0xDC00, start[6] == UInt8(ascii: "\\"), start[7] == UInt8(ascii: "u"), Self.unit(start + 8) & ~0x3FF == 0xDC00
      else {
        return fail(start, .loneSurrogate)
      }
      return start + 12
    default: return fail(start, .escape)
    }
  }

  /// The value of four hexadecimal digits, negative where there are not four.
  private static func unit(_ cursor: Cursor) -> Int {
    var value = 0
    for index in 0..<4 {
      let byte = cursor[index]
      let digit: UInt8
      switch byte {
      case 0x30...0x39: digit = byte &- 0x30
      case 0x41...0x46: digit = byte &- 0x37
      case 0x61...0x66: digit = byte &- 0x57
      default: return -1
      }
      value = value << 4 | Int(digit)
    }
    return value
  }

  /// Undoes the escapes of a string that was checked, at `textEnd`.
  @inline(never)
  mutating func storeUnescaped(_ start: Cursor, _ byteCount: Int) -> (Cursor, Int) {
    let target = textEnd
    let plainCount = Self.unescape(start, byteCount, to: target)
    textEnd += plainCount
    return (UnsafePointer(target), plainCount)
  }

  /// Undoes the escapes of a string that was checked; the result is shorter than the string. Returns its bytes.
  static func unescape(_ start: Cursor, _ byteCount: Int, to target: UnsafeMutablePointer<UInt8>) -> Int {
    let stop = start + byteCount
    var cursor = start
    var out = target
    while cursor < stop {
      guard cursor[0] == UInt8(ascii: "\\") else {
        out[0] = cursor[0]
        out += 1
        cursor += 1
        continue
      }
      let kind = cursor[1]
      cursor += 2
      switch kind {
      case UInt8(ascii: "b"): out[0] = 0x08
      case UInt8(ascii: "f"): out[0] = 0x0C
      case UInt8(ascii: "n"): out[0] = 0x0A
      case UInt8(ascii: "r"): out[0] = 0x0D
      case UInt8(ascii: "t"): out[0] = 0x09
      case UInt8(ascii: "u"):
        var code = unit(cursor)
        cursor += 4
        if code & 0xFC00 == 0xD800 {
          code = 0x10000 + (code & 0x3FF) << 10 + unit(cursor + 2) & 0x3FF
          cursor += 6
        }
        out += encode(code, to: out) - 1
      default: out[0] = kind
      }
      out += 1
    }
    return out - target
  }

  /// Writes a scalar value as UTF-8; returns the bytes written.
  private static func encode(_ code: Int, to out: UnsafeMutablePointer<UInt8>) -> Int {
    func tail(_ shift: Int) -> UInt8 { 0x80 | UInt8(truncatingIfNeeded: code >> shift & 0x3F) }
    if code < 0x80 {
      out[0] = UInt8(truncatingIfNeeded: code)
      return 1
    }
    if code < 0x800 {
      out[0] = 0xC0 | UInt8(truncatingIfNeeded: code >> 6)
      out[1] = tail(0)
      return 2
    }
    if code < 0x10000 {
      out[0] = 0xE0 | UInt8(truncatingIfNeeded: code >> 12)
      out[1] = tail(6)
      out[2] = tail(0)
      return 3
    }
    out[0] = 0xF0 | UInt8(truncatingIfNeeded: code >> 18)
    out[1] = tail(12)
    out[2] = tail(6)
    out[3] = tail(0)
    return 4
  }
}
