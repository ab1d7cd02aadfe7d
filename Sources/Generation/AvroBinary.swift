// Avro's binary encoding (Apache Avro 1.11 specification, "Binary Encoding"): longs in zigzag, then seven bits at a time, the low ones first;
// doubles in eight bytes, little-endian. Nine bytes' worth of a long is spread inside one 64-bit word and stored with one write.

enum AvroBinary {
  /// Room that every writer here may use at `out`.
  static let maximumByteCount = 16

  /// Writes a long; returns how many bytes it has (1 to 10).
  @inline(__always)
  static func write(_ value: Int64, to out: UnsafeMutablePointer<UInt8>) -> Int {
    let zigzag = UInt64(bitPattern: value &<< 1 ^ value &>> 63)
    if zigzag < 0x80 {
      out[0] = UInt8(truncatingIfNeeded: zigzag)
      return 1
    }
    guard zigzag < 1 << 56 else { return writeLong(zigzag, to: out) }
    // Groups of 28, then 14, then 7 bits, each into lanes of 32, 16 and 8.
    var lanes = (zigzag & 0x0fff_ffff) | (zigzag & 0x00ff_ffff_f000_0000) &<< 4
    lanes = (lanes & 0x0000_3fff_0000_3fff) | (lanes & 0x0fff_c000_0fff_c000) &<< 2
    lanes = (lanes & 0x007f_007f_007f_007f) | (lanes & 0x3f80_3f80_3f80_3f80) &<< 1
    let last = (63 &- lanes.leadingZeroBitCount) &>> 3
    let more: UInt64 = 0x8080_8080_8080_8080 & ((1 &<< UInt64(truncatingIfNeeded: last &* 8)) &- 1)
    UnsafeMutableRawPointer(out).storeBytes(of: (lanes | more).littleEndian, as: UInt64.self)
    return last &+ 1
  }

  @inline(never)
  private static func writeLong(_ zigzag: UInt64, to out: UnsafeMutablePointer<UInt8>) -> Int {
    var rest = zigzag
    var count = 0
    while rest >= 0x80 {
      out[count] = UInt8(truncatingIfNeeded: rest) | 0x80
      rest >>= 7
      count += 1
    }
    out[count] = UInt8(truncatingIfNeeded: rest)
    return count + 1
  }

  @inline(__always)
  static func write(_ value: Double, to out: UnsafeMutablePointer<UInt8>) -> Int {
    UnsafeMutableRawPointer(out).storeBytes(of: value.bitPattern.littleEndian, as: UInt64.self)
    return 8
  }

  /// Reads a long that `write` has written; returns it and its length.
  static func read(_ source: UnsafePointer<UInt8>) -> (value: Int64, count: Int) {
    var zigzag: UInt64 = 0
    var count = 0
    repeat {
      zigzag |= UInt64(source[count] & 0x7f) << UInt64(7 * count)
      count += 1
    } while source[count - 1] & 0x80 != 0 && count < 10
    return (Int64(bitPattern: zigzag >> 1) ^ -Int64(bitPattern: zigzag & 1), count)
  }

  // MARK: - Constants

  static func bytes(_ value: Int64) -> [UInt8] {
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: maximumByteCount) { buffer in
      let count = write(value, to: buffer.baseAddress!)
      return Array(buffer[..<count])
    }
  }

  static func bytes(_ value: Double) -> [UInt8] { withUnsafeBytes(of: value.bitPattern.littleEndian) { Array($0) } }

  static func bytes(_ text: String) -> [UInt8] { bytes(Int64(text.utf8.count)) + Array(text.utf8) }
}
