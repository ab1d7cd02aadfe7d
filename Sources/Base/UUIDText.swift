// UUIDs of RFC 9562 as 36 bytes of text, eight hexadecimal digits at a time inside one 64-bit word.

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// The 128 bits of a UUID.
public struct UUIDBits: BitwiseCopyable, Equatable, Sendable {
  public var high: UInt64
  public var low: UInt64

  @inlinable
  public init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }

  /// Version 4: 122 random bits.
  @inlinable
  public static func v4(_ random: inout Random) -> UUIDBits {
    let high = random.next() & ~0xf000 | 0x4000
    return UUIDBits(high: high, low: random.next() &>> 2 | 1 &<< 63)
  }

  /// Version 7: 48 bits of milliseconds since the epoch, then 74 random bits.
  @inlinable
  public static func v7(milliseconds: Int64, _ random: inout Random) -> UUIDBits {
    let first = random.next()
    let high = UInt64(bitPattern: milliseconds) &<< 16 | 0x7000 | first &>> 52
    return UUIDBits(high: high, low: random.next() &>> 2 | 1 &<< 63)
  }

  /// Writes the 36 bytes of text.
  @inlinable
  @inline(__always)
  public func write(to out: UnsafeMutablePointer<UInt8>) {
    let raw = UnsafeMutableRawPointer(out)
    let dash = UInt8(ascii: "-")
    raw.storeBytes(of: Self.hexadecimal(high &>> 32), as: UInt64.self)
    let middle = Self.hexadecimal(high & 0xffff_ffff)
    let next = Self.hexadecimal(low &>> 32)
    raw.storeBytes(of: UInt32(truncatingIfNeeded: middle), toByteOffset: 9, as: UInt32.self)
    raw.storeBytes(of: UInt32(truncatingIfNeeded: middle &>> 32), toByteOffset: 14, as: UInt32.self)
    raw.storeBytes(of: UInt32(truncatingIfNeeded: next), toByteOffset: 19, as: UInt32.self)
    raw.storeBytes(of: UInt32(truncatingIfNeeded: next &>> 32), toByteOffset: 24, as: UInt32.self)
    raw.storeBytes(of: Self.hexadecimal(low & 0xffff_ffff), toByteOffset: 28, as: UInt64.self)
    out[8] = dash
    out[13] = dash
    out[18] = dash
    out[23] = dash
  }

  /// Eight digits of a 32-bit value, the first in the lowest byte.
  @inlinable
  static func hexadecimal(_ value: UInt64) -> UInt64 {
    var nibbles = value &>> 16 | (value & 0xffff) &<< 32
    nibbles = (nibbles &>> 8 & 0x0000_00ff_0000_00ff) | (nibbles & 0x0000_00ff_0000_00ff) &<< 16
    nibbles = (nibbles &>> 4 & 0x000f_000f_000f_000f) | (nibbles & 0x000f_000f_000f_000f) &<< 8
    let letters = ((nibbles &+ 0x0606_0606_0606_0606) &>> 4) & 0x0101_0101_0101_0101
    return (nibbles &+ 0x3030_3030_3030_3030 &+ letters &* 0x27).littleEndian
  }
}
