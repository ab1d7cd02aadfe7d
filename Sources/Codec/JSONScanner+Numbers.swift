// Numbers: up to eight digits at a time in one word (after Johnny Lee's and Daniel Lemire's eight-digit parsing), doubles by Clinger's fast
// path where both the digits and the power of ten are exact doubles (W. D. Clinger, "How to Read Floating Point Numbers Accurately",
// 1990), and by the C library, which rounds correctly, where they are not.

import Records

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Tables of the powers of ten. In memory of their own, as a static array is checked for its first use on every use.
struct PowersOfTen: BitwiseCopyable {
  /// 10^0...10^22: all that are exact doubles.
  let doubles: UnsafeMutablePointer<Double>
  /// 10^0...10^8.
  let integers: UnsafeMutablePointer<UInt64>

  static func allocate() -> PowersOfTen {
    let powers = PowersOfTen(doubles: .allocate(capacity: 23), integers: .allocate(capacity: 9))
    powers.doubles[0] = 1
    powers.integers[0] = 1
    for exponent in 1..<23 { powers.doubles[exponent] = powers.doubles[exponent - 1] * 10 }
    for exponent in 1..<9 { powers.integers[exponent] = powers.integers[exponent - 1] * 10 }
    return powers
  }

  func deallocate() {
    doubles.deallocate()
    integers.deallocate()
  }
}

extension JSONScanner {
  /// Reads a wanted number.
  @inline(__always)
  mutating func number(_ start: Cursor, into value: UnsafeMutablePointer<ColumnValue>) -> Cursor? {
    let isNegative = start[0] == UInt8(ascii: "-")
    let digits = isNegative ? start + 1 : start
    var mantissa: UInt64 = 0
    var cursor = Self.readDigits(digits, end, powers, &mantissa)
    // At most 18 digits, so that the mantissa cannot have wrapped; no zero before another digit.
    guard cursor > digits, cursor - digits <= 18, digits[0] != 0x30 || cursor == digits + 1 else {
      return carefulNumber(start, into: value)
    }
    var fractionCount = 0
    if cursor[0] == UInt8(ascii: ".") {
      let fraction = cursor + 1
      cursor = Self.readDigits(fraction, end, powers, &mantissa)
      fractionCount = cursor - fraction
      // Of 19 digits the value stays below 2^64, and only 2^53 matters.
      guard fractionCount > 0, cursor - digits <= 19, cursor[0] | 0x20 != UInt8(ascii: "e"), mantissa <= 1 << 53 else {
        return carefulNumber(start, into: value)
      }
      // Both are exact, so the quotient is rounded once. There are at most 18 digits, so the power is below 10^22.
      let magnitude = Double(mantissa) / powers.doubles[fractionCount]
      value.pointee = ColumnValue(double: isNegative ? -magnitude : magnitude)
    } else {
      guard cursor[0] | 0x20 != UInt8(ascii: "e") else { return carefulNumber(start, into: value) }
      let magnitude = Int64(bitPattern: mantissa)
      value.pointee = ColumnValue(integer: isNegative ? 0 &- magnitude : magnitude)
    }
    return cursor <= end ? cursor : fail(end, .truncated)
  }

  /// Passes an unwanted number.
  @inline(__always)
  mutating func skipNumber(_ start: Cursor) -> Cursor? {
    let digits = start[0] == UInt8(ascii: "-") ? start + 1 : start
    var cursor = Self.passDigits(digits, end)
    guard cursor > digits, digits[0] != 0x30 || cursor == digits + 1 else { return carefulSkip(start) }
    if cursor[0] == UInt8(ascii: ".") {
      let fraction = cursor + 1
      cursor = Self.passDigits(fraction, end)
      guard cursor > fraction else { return carefulSkip(start) }
    }
    // Only an exponent or very many digits leave the range of a double.
    guard cursor[0] | 0x20 != UInt8(ascii: "e"), cursor - digits < 300 else { return carefulSkip(start) }
    return cursor <= end ? cursor : fail(end, .truncated)
  }

  @inline(never)
  private mutating func carefulSkip(_ start: Cursor) -> Cursor? {
    var value = ColumnValue.null
    return withUnsafeMutablePointer(to: &value) { carefulNumber(start, into: $0) }
  }

  // MARK: - Digits

  /// Reads digits into `mantissa`, modulo 2^64. May pass `end` by up to 8 bytes.
  @inline(__always)
  private static func readDigits(_ start: Cursor, _ end: Cursor, _ powers: PowersOfTen, _ mantissa: inout UInt64) -> Cursor {
    var cursor = start
    repeat {
      let digits = UInt64(littleEndian: UnsafeRawPointer(cursor).loadUnaligned(as: UInt64.self)) ^ 0x3030_3030_3030_3030
      let count = digitCount(digits)
      if count < 8 {
        guard count > 0 else { return cursor }
        // Shifting puts zeros before the digits, as if they had stood there.
        mantissa =
          mantissa &* powers.integers[count]
          &+ eightDigits(digits &<< UInt64(64 &- 8 &* count))
        return cursor + count
      }
      mantissa = mantissa &* 100_000_000 &+ eightDigits(digits)
      cursor += 8
    } while cursor < end
    return cursor
  }

  @inline(__always)
  private static func passDigits(_ start: Cursor, _ end: Cursor) -> Cursor {
    var cursor = start
    repeat {
      let digits = UInt64(littleEndian: UnsafeRawPointer(cursor).loadUnaligned(as: UInt64.self)) ^ 0x3030_3030_3030_3030
      let count = digitCount(digits)
      cursor += count
      if count < 8 { return cursor }
    } while cursor < end
    return cursor
  }

  /// How many of the eight bytes, from the lowest, are 0...9. A carry out of a byte reaches only bytes above one that is no digit.
  @inline(__always)
  private static func digitCount(_ bytes: UInt64) -> Int {
    ((bytes &+ 0x7676_7676_7676_7676 | bytes) & 0x8080_8080_8080_8080).trailingZeroBitCount >> 3
  }

  /// The number whose eight digits stand in the bytes, the first in the lowest.
  @inline(__always)
  static func eightDigits(_ digits: UInt64) -> UInt64 {
    let pairs = digits &* 10 &+ digits &>> 8
    let low = (pairs & 0x0000_00FF_0000_00FF) &* 0x000F_4240_0000_0064
    let high = (pairs &>> 16 & 0x0000_00FF_0000_00FF) &* 0x0000_2710_0000_0001
    return (low &+ high) &>> 32
  }

  // MARK: - The careful way

  /// Reads any number, or notes why it is none. Costs what the number's length costs; the fast ways end here where they are in doubt.
  @inline(never)
  private mutating func carefulNumber(_ start: Cursor, into value: UnsafeMutablePointer<ColumnValue>) -> Cursor? {
    let isNegative = start[0] == UInt8(ascii: "-")
    let digits = isNegative ? start + 1 : start
    var cursor = Self.passDigitsCarefully(digits, end)
    guard cursor > digits else { return fail(cursor, .number) }
    guard digits[0] != 0x30 || cursor == digits + 1 else { return fail(digits + 1, .number) }
    let integerEnd = cursor
    if cursor < end, cursor[0] == UInt8(ascii: ".") {
      let fraction = cursor + 1
      cursor = Self.passDigitsCarefully(fraction, end)
      guard cursor > fraction else { return fail(cursor, .number) }
    }
    if cursor < end, cursor[0] | 0x20 == UInt8(ascii: "e") {
      cursor += 1
      if cursor < end, cursor[0] == UInt8(ascii: "-") || cursor[0] == UInt8(ascii: "+") { cursor += 1 }
      let exponent = cursor
      cursor = Self.passDigitsCarefully(exponent, end)
      guard cursor > exponent else { return fail(cursor, .number) }
    }
    if cursor == integerEnd, let integer = Self.integer(digits, cursor, isNegative) {
      value.pointee = ColumnValue(integer: integer)
      return cursor
    }
    let double = Self.nearestDouble(start, byteCount: cursor - start)
    guard double.isFinite else { return fail(start, .numberRange) }
    value.pointee = ColumnValue(double: double)
    return cursor
  }

  private static func passDigitsCarefully(_ start: Cursor, _ end: Cursor) -> Cursor {
    var cursor = start
    while cursor < end, cursor[0] &- 0x30 < 10 { cursor += 1 }
    return cursor
  }

  /// The integer that the digits up to `stop` give, nil outside of `Int64`.
  private static func integer(_ digits: Cursor, _ stop: Cursor, _ isNegative: Bool) -> Int64? {
    guard stop - digits <= 19 else { return nil }
    var magnitude: UInt64 = 0
    for index in 0..<stop - digits { magnitude = magnitude * 10 + UInt64(digits[index] &- 0x30) }
    if isNegative { return magnitude <= 1 << 63 ? 0 &- Int64(bitPattern: magnitude) : nil }
    return Int64(exactly: magnitude)
  }

  /// The double nearest to a number whose grammar was checked. `strtod` follows the locale, which this program never sets, so it reads
  /// as in "C".
  private static func nearestDouble(_ start: Cursor, byteCount: Int) -> Double {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: byteCount + 1) { copy in
      memcpy(copy.baseAddress!, start, byteCount)
      copy[byteCount] = 0
      return strtod(copy.baseAddress!, nil)
    }
  }
}
