// Numbers as text without a String. Eight decimal digits at a time are split inside one 64-bit word (10^4, then 10^2, then 10, two,
// four and eight lanes) and stored with one write; the digit order assumes a little-endian machine.

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

public enum NumberText {
  /// Room that every writer here may use at `out`, whatever it returns.
  public static let maximumByteCount = 48

  /// Writes the decimal text of `value`; returns how many bytes it has (1 to 20).
  @inlinable
  public static func write(_ value: Int64, to out: UnsafeMutablePointer<UInt8>) -> Int {
    guard value < 0 else { return write(UInt64(bitPattern: value), minimumDigits: 1, to: out) }
    out[0] = UInt8(ascii: "-")
    return 1 &+ write(value.magnitude, minimumDigits: 1, to: out + 1)
  }

  /// Writes `value` with zeros in front up to `minimumDigits` (1 to 20); returns the byte count.
  @inlinable
  public static func write(_ value: UInt64, minimumDigits: Int, to out: UnsafeMutablePointer<UInt8>) -> Int {
    if value < 100_000_000 && minimumDigits <= 8 {
      let digits = eightDigits(value)
      // Leading zero digits are the low zero bytes.
      let dropped = min(digits.trailingZeroBitCount &>> 3, 8 &- minimumDigits)
      store((digits | 0x3030_3030_3030_3030) &>> UInt64(truncatingIfNeeded: dropped &* 8), to: out)
      return 8 &- dropped
    }
    return writeLong(value, minimumDigits: minimumDigits, to: out)
  }

  @usableFromInline
  static func writeLong(_ value: UInt64, minimumDigits: Int, to out: UnsafeMutablePointer<UInt8>) -> Int {
    let upper = value / 100_000_000
    let written = write(upper, minimumDigits: max(minimumDigits - 8, 1), to: out)
    store(eightDigits(value % 100_000_000) | 0x3030_3030_3030_3030, to: out + written)
    return written + 8
  }

  /// Writes `scaled / 10^decimals` with exactly that many decimals (0 to 18); returns the byte count.
  @inlinable
  public static func writeFixed(_ scaled: Int64, decimals: Int, to out: UnsafeMutablePointer<UInt8>) -> Int {
    var cursor = out
    if scaled < 0 {
      cursor[0] = UInt8(ascii: "-")
      cursor += 1
    }
    let digitCount = write(scaled.magnitude, minimumDigits: decimals &+ 1, to: cursor)
    cursor += digitCount
    if decimals > 0 {
      memmove(cursor - decimals + 1, cursor - decimals, decimals)
      (cursor - decimals).pointee = UInt8(ascii: ".")
      cursor += 1
    }
    return cursor - out
  }

  /// Writes the shortest text that reads back as the same double, as JSON allows it; `null` for infinities and NaN. At most 24 bytes.
  public static func write(_ value: Double, to out: UnsafeMutablePointer<UInt8>) -> Int {
    guard value.isFinite else {
      memcpy(out, "null", 4)
      return 4
    }
    return writeShortest(value, to: out)
  }

  /// The eight digits of `value` < 10^8 as bytes 0 to 9, the first digit in the lowest byte.
  @inlinable
  public static func eightDigits(_ value: UInt64) -> UInt64 {
    let upper = value / 10_000
    let fours = upper | (value &- upper &* 10_000) &<< 32
    let hundreds = ((fours &* 10_486) &>> 20) & 0x0000_007f_0000_007f
    let twos = hundreds | (fours &- hundreds &* 100) &<< 16
    let tens = ((twos &* 103) &>> 10) & 0x000f_000f_000f_000f
    return tens | (twos &- tens &* 10) &<< 8
  }

  @inlinable
  static func store(_ word: UInt64, to out: UnsafeMutablePointer<UInt8>) {
    UnsafeMutableRawPointer(out).storeBytes(of: word.littleEndian, as: UInt64.self)
  }
}
