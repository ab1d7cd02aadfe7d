// Conversions between types. A text that does not say such a value is null, as a mismatch; spaces around a number count for nothing.

import Base
import Records

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

enum ValueConversion {
  /// Longer texts are taken for no numbers.
  private static let numberByteCountMax = 512

  /// Doubles are cut towards zero, texts have to be decimal integers, true is 1.
  static func integer(_ value: ColumnValue) -> ColumnValue {
    switch value.kind {
    case .integer: return value
    case .double:
      guard value.double >= -0x1p63, value.double < 0x1p63 else { return .null(.outOfRange) }
      return ColumnValue(integer: Int64(value.double))
    case .bool: return ColumnValue(integer: value.bool ? 1 : 0)
    case .string: return integer(value.bytes)
    case .missing, .null: return .null(value.nullReasons)
    case .composite: return .null(.mismatch)
    }
  }

  private static func integer(_ text: UnsafeBufferPointer<UInt8>) -> ColumnValue {
    var (index, end) = trimmed(text)
    guard index < end else { return .null(.mismatch) }
    let isNegative = text[index] == UInt8(ascii: "-")
    if isNegative || text[index] == UInt8(ascii: "+") { index += 1 }
    guard index < end else { return .null(.mismatch) }
    var result: Int64 = 0
    var isOutside = false
    while index < end {
      let digit = text[index] &- 48
      guard digit < 10 else { return .null(.mismatch) }
      let (product, overflow) = result.multipliedReportingOverflow(by: 10)
      let (sum, overflowToo) = product.addingReportingOverflow(isNegative ? -Int64(digit) : Int64(digit))
      isOutside = isOutside || overflow || overflowToo
      result = isOutside ? 0 : sum
      index += 1
    }
    return isOutside ? .null(.outOfRange) : ColumnValue(integer: result)
  }

  static func double(_ value: ColumnValue) -> ColumnValue {
    switch value.kind {
    case .integer: return ColumnValue(double: Double(value.integer))
    case .double: return value
    case .bool: return ColumnValue(double: value.bool ? 1 : 0)
    case .string: return double(value.bytes)
    case .missing, .null: return .null(value.nullReasons)
    case .composite: return .null(.mismatch)
    }
  }

  /// A decimal with an optional fraction and exponent; neither hexadecimal nor infinite.
  private static func double(_ text: UnsafeBufferPointer<UInt8>) -> ColumnValue {
    let (start, end) = trimmed(text)
    guard start < end, end - start <= numberByteCountMax, isDecimal(UnsafeBufferPointer(rebasing: text[start..<end])) else {
      return .null(.mismatch)
    }
    return withUnsafeTemporaryAllocation(of: CChar.self, capacity: numberByteCountMax + 1) { buffer in
      for index in start..<end { buffer[index - start] = CChar(bitPattern: text[index]) }
      buffer[end - start] = 0
      return ValueArithmetic.finite(strtod(buffer.baseAddress!, nil))
    }
  }

  private static func isDecimal(_ text: UnsafeBufferPointer<UInt8>) -> Bool {
    var index = 0
    func digits() -> Int {
      let start = index
      while index < text.count, text[index] &- 48 < 10 { index += 1 }
      return index - start
    }
    func skip(_ bytes: UInt8...) -> Bool {
      guard index < text.count, bytes.contains(text[index]) else { return false }
      index += 1
      return true
    }
    _ = skip(UInt8(ascii: "-"), UInt8(ascii: "+"))
    var digitCount = digits()
    if skip(UInt8(ascii: ".")) { digitCount += digits() }
    guard digitCount > 0 else { return false }
    if skip(UInt8(ascii: "e"), UInt8(ascii: "E")) {
      _ = skip(UInt8(ascii: "-"), UInt8(ascii: "+"))
      if digits() == 0 { return false }
    }
    return index == text.count
  }

  /// Numbers as JSON writes them, objects and lists as they stand in the record.
  static func string(_ value: ColumnValue, _ arena: TextArena) -> ColumnValue {
    switch value.kind {
    case .string: return value
    case .composite: return ColumnValue(string: value.bytes)
    case .missing, .null: return .null(value.nullReasons)
    case .bool, .integer, .double:
      let out = arena.reserve(NumberText.maximumByteCount)
      let text = text(of: value, scratch: out)
      memmove(out, text.baseAddress!, text.count)
      return arena.take(text.count)
    }
  }

  /// `true` and `false` in any letter case; numbers but zero are true.
  static func bool(_ value: ColumnValue) -> ColumnValue {
    switch value.kind {
    case .bool: return value
    case .integer: return ColumnValue(bool: value.integer != 0)
    case .double: return ColumnValue(bool: value.double != 0)
    case .missing, .null: return .null(value.nullReasons)
    case .composite: return .null(.mismatch)
    case .string:
      let text = value.bytes
      let (start, end) = trimmed(text)
      let word = UnsafeBufferPointer(rebasing: text[start..<end])
      if word.count == 4, word.lazy.map({ $0 | 0x20 }).elementsEqual("true".utf8) { return ColumnValue(bool: true) }
      if word.count == 5, word.lazy.map({ $0 | 0x20 }).elementsEqual("false".utf8) { return ColumnValue(bool: false) }
      return .null(.mismatch)
    }
  }

  /// The text of a value that is neither null nor composite; numbers are written to `scratch`, which has `NumberText.maximumByteCount` bytes.
  @inline(__always)
  static func text(of value: ColumnValue, scratch: UnsafeMutablePointer<UInt8>) -> UnsafeBufferPointer<UInt8> {
    switch value.kind {
    case .integer: return UnsafeBufferPointer(start: scratch, count: NumberText.write(value.integer, to: scratch))
    case .double: return UnsafeBufferPointer(start: scratch, count: NumberText.write(value.double, to: scratch))
    case .bool:
      let word: StaticString = value.bool ? "true" : "false"
      return UnsafeBufferPointer(start: word.utf8Start, count: word.utf8CodeUnitCount)
    default: return value.bytes
    }
  }

  private static func trimmed(_ text: UnsafeBufferPointer<UInt8>) -> (start: Int, end: Int) {
    var (start, end) = (0, text.count)
    while start < end, ValueText.isSpace(text[start]) { start += 1 }
    while start < end, ValueText.isSpace(text[end - 1]) { end -= 1 }
    return (start, end)
  }
}
