// Avro's decimals: a whole number in two's complement, the high byte first, divided by a power of ten.

import Base
import Records

enum AvroDecimal {
  /// Longer ones are beyond a double's range anyway, and would cost time.
  static let byteCountMax = 128

  /// The number: an integer where it has no decimals and fits, else the nearest double; nil where it is too long or too large for either.
  static func value(_ bytes: UnsafeBufferPointer<UInt8>, scale: Int) -> ColumnValue? {
    guard bytes.count <= byteCountMax else { return nil }
    if bytes.count <= 8 {
      var unscaled: Int64 = bytes.first.map { $0 & 0x80 != 0 } == true ? -1 : 0
      for byte in bytes { unscaled = unscaled << 8 | Int64(byte) }
      if scale == 0 { return ColumnValue(integer: unscaled) }
      // Both are exact, so their quotient is the nearest.
      if unscaled.magnitude <= 1 << 53, scale <= 22 { return ColumnValue(double: Double(unscaled) / powers[scale]) }
    }
    let (isNegative, digits) = digits(bytes)
    if scale == 0, let integer = Int64((isNegative ? "-" : "") + digits) { return ColumnValue(integer: integer) }
    guard let number = Double("\(isNegative ? "-" : "")\(digits)e-\(scale)"), number.isFinite else { return nil }
    return ColumnValue(double: number)
  }

  private static let powers: [Double] = (0...22).map { exponent in (0..<exponent).reduce(1.0) { power, _ in power * 10 } }

  /// The decimal digits of a number in two's complement, by division.
  private static func digits(_ bytes: UnsafeBufferPointer<UInt8>) -> (isNegative: Bool, digits: String) {
    var magnitude = Array(bytes)
    let isNegative = magnitude.first.map { $0 & 0x80 != 0 } ?? false
    if isNegative {
      var carry: UInt16 = 1
      for index in magnitude.indices.reversed() {
        let sum = UInt16(~magnitude[index]) + carry
        magnitude[index] = UInt8(truncatingIfNeeded: sum)
        carry = sum >> 8
      }
      // The least number's magnitude has one bit more than the bytes.
      if carry != 0 { magnitude.insert(1, at: 0) }
    }
    var groups: [String] = []
    while let first = magnitude.firstIndex(where: { $0 != 0 }) {
      magnitude.removeFirst(first)
      var rest = 0
      for index in magnitude.indices {
        let value = rest << 8 | Int(magnitude[index])
        magnitude[index] = UInt8(value / 1_000_000_000 & 0xFF)
        rest = value % 1_000_000_000
      }
      let text = String(rest)
      groups.append(String(repeating: "0", count: 9 - text.count) + text)
    }
    return (isNegative, groups.isEmpty ? "0" : groups.reversed().joined())
  }
}
