// Whether bytes are UTF-8 (RFC 3629): eight at a time where they are ASCII. And bytes as text in base 64 (RFC 4648 section 4), for those that
// are no text.

import Base

enum UTF8Check {
  /// Reads at most 7 bytes behind the text, which must be readable.
  @inline(__always)
  static func isValid(_ start: UnsafePointer<UInt8>, count: Int) -> Bool {
    let raw = UnsafeRawPointer(start)
    var index = 0
    while index &+ 8 <= count {
      guard raw.loadUnaligned(fromByteOffset: index, as: UInt64.self) & 0x8080_8080_8080_8080 == 0 else {
        return isValidSlowly(start, from: index, count: count)
      }
      index &+= 8
    }
    guard index < count else { return true }
    let rest = UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: index, as: UInt64.self))
    if rest & 0x8080_8080_8080_8080 & (1 &<< UInt64(8 &* (count &- index)) &- 1) == 0 { return true }
    return isValidSlowly(start, from: index, count: count)
  }

  @inline(never)
  private static func isValidSlowly(_ start: UnsafePointer<UInt8>, from first: Int, count: Int) -> Bool {
    var index = first
    func isContinuation(_ offset: Int) -> Bool { index + offset < count && start[index + offset] & 0xC0 == 0x80 }
    while index < count {
      let byte = start[index]
      switch byte {
      case 0..<0x80: index += 1
      case 0xC2...0xDF:
        guard isContinuation(1) else { return false }
        index += 2
      case 0xE0...0xEF:
        guard isContinuation(1), isContinuation(2) else { return false }
        // E0 80...9F would be overlong, ED A0...BF surrogates.
        let second = start[index + 1]
        guard !(byte == 0xE0 && second < 0xA0), !(byte == 0xED && second > 0x9F) else { return false }
        index += 3
      case 0xF0...0xF4:
        guard isContinuation(1), isContinuation(2), isContinuation(3) else { return false }
        // F0 80...8F would be overlong, F4 90... lies above U+10FFFF.
        let second = start[index + 1]
        guard !(byte == 0xF0 && second < 0x90), !(byte == 0xF4 && second > 0x8F) else { return false }
        index += 4
      default: return false
      }
    }
    return true
  }
}

enum Base64 {
  private static let digits: StaticString = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

  /// Appends `bytes` in base 64, padded with '='.
  static func append(_ bytes: UnsafeBufferPointer<UInt8>, to out: ByteBuffer) {
    out.reserve((bytes.count + 2) / 3 * 4)
    let digits = digits.utf8Start
    var index = 0
    while index < bytes.count {
      let count = min(3, bytes.count - index)
      var word = UInt32(bytes[index]) << 16
      if count > 1 { word |= UInt32(bytes[index + 1]) << 8 }
      if count > 2 { word |= UInt32(bytes[index + 2]) }
      out.append(digits[Int(word >> 18)])
      out.append(digits[Int(word >> 12 & 63)])
      out.append(count > 1 ? digits[Int(word >> 6 & 63)] : UInt8(ascii: "="))
      out.append(count > 2 ? digits[Int(word & 63)] : UInt8(ascii: "="))
      index += 3
    }
  }
}
