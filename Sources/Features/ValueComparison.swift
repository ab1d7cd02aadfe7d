// Compares values of columns as the expression language does: strings by their UTF-8 bytes, numbers by their exact values, booleans for
// equality, and nothing across types.

import Base
import Records
import Schema

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Literals as column values; owns the bytes of their strings.
final class LiteralList {
  let count: Int
  private let values: UnsafeMutablePointer<ColumnValue>
  private let text: UnsafeMutablePointer<UInt8>

  init(_ literals: [Scalar]) {
    var byteCount = 0
    for case .string(let string) in literals { byteCount += string.utf8.count }
    // Whoever takes keys from here may look past their end.
    text = .allocate(capacity: byteCount + ByteBuffer.padding)
    text.initialize(repeating: 0, count: byteCount + ByteBuffer.padding)
    count = literals.count
    values = .allocate(capacity: max(1, count))
    var end = text
    for (index, literal) in literals.enumerated() {
      switch literal {
      case .null: values[index] = .null
      case .bool(let value): values[index] = ColumnValue(bool: value)
      case .integer(let value): values[index] = ColumnValue(integer: value)
      case .double(let value): values[index] = ColumnValue(double: value)
      case .string(let string):
        let start = end
        for byte in string.utf8 {
          end.pointee = byte
          end += 1
        }
        values[index] = ColumnValue(string: UnsafeBufferPointer(start: start, count: end - start))
      }
    }
  }

  deinit {
    values.deallocate()
    text.deallocate()
  }

  var start: UnsafePointer<ColumnValue> { UnsafePointer(values) }

  subscript(index: Int) -> ColumnValue { values[index] }
}

enum ValueComparison {
  enum Order: Int {
    case less = 1
    case equal = 2
    case greater = 4
    /// One of the two is null or missing, or not a number.
    case unknown = 0
    /// Values of different types, or of a type without this comparison.
    case mismatch = 8
  }

  /// The truth of `left comparison right`, as `ExpressionProgram` writes it.
  static func truth(of comparison: Expression.Comparison, _ left: ColumnValue, _ right: ColumnValue) -> UInt8 {
    let accepted: Int
    switch comparison {
    case .equal: accepted = Order.equal.rawValue
    case .notEqual: accepted = Order.less.rawValue | Order.greater.rawValue
    case .less: accepted = Order.less.rawValue
    case .lessOrEqual: accepted = Order.less.rawValue | Order.equal.rawValue
    case .greater: accepted = Order.greater.rawValue
    case .greaterOrEqual: accepted = Order.greater.rawValue | Order.equal.rawValue
    }
    let order = order(left, right, isEquality: comparison == .equal || comparison == .notEqual)
    switch order {
    case .unknown: return ExpressionProgram.unknown(reasons(left).union(reasons(right)))
    case .mismatch: return ExpressionProgram.isMismatch
    default: return order.rawValue & accepted != 0 ? ExpressionProgram.isTrue : ExpressionProgram.isFalse
    }
  }

  @inline(__always)
  private static func reasons(_ value: ColumnValue) -> NullReasons { value.isNull ? value.nullReasons : [] }

  /// The truth of `value in list`: true where any is equal; otherwise unknown where any comparison is.
  static func truth(of value: ColumnValue, in list: LiteralList, _ indices: Range<Int>) -> UInt8 {
    if value.isNull { return ExpressionProgram.unknown(value.nullReasons) }
    var result = ExpressionProgram.isFalse
    for index in indices {
      let truth = truth(of: .equal, value, list[index])
      if truth == ExpressionProgram.isTrue { return truth }
      if truth != ExpressionProgram.isFalse, result != ExpressionProgram.isMismatch { result = truth }
    }
    return result
  }

  /// The same for a list of strings alone, by their lengths first.
  @inline(__always)
  static func truth(of value: ColumnValue, inStrings list: UnsafeBufferPointer<ColumnValue>) -> UInt8 {
    guard value.kind == .string else {
      return value.isNull ? ExpressionProgram.unknown(value.nullReasons) : ExpressionProgram.isMismatch
    }
    for item in list where item.byteCount == value.byteCount {
      if item.byteCount == 0 || memcmp(item.bytes.baseAddress!, value.bytes.baseAddress!, Int(item.byteCount)) == 0 {
        return ExpressionProgram.isTrue
      }
    }
    return ExpressionProgram.isFalse
  }

  /// Compares a column with a string: first by length, then by words.
  static func equalsString(
    _ values: UnsafePointer<ColumnValue>, _ rowCount: Int, _ literal: ColumnValue, into out: UnsafeMutablePointer<UInt8>
  ) {
    let count = Int(literal.byteCount)
    let bytes = UnsafeRawPointer(literal.bytes.baseAddress!)
    // Strings of 8 to 16 bytes are their first and their last word; both lie inside the string.
    let isTwoWords = count >= 8 && count <= 16
    let first = isTwoWords ? bytes.loadUnaligned(as: UInt64.self) : 0
    let last = isTwoWords ? (bytes + count - 8).loadUnaligned(as: UInt64.self) : 0
    for row in 0..<rowCount {
      let value = values[row]
      guard value.kind == .string else {
        out[row] = value.isNull ? ExpressionProgram.unknown(value.nullReasons) : ExpressionProgram.isMismatch
        continue
      }
      var isEqual = false
      if value.byteCount == literal.byteCount {
        let candidate = UnsafeRawPointer(bitPattern: UInt(value.bits)) ?? bytes
        if isTwoWords {
          isEqual =
            candidate.loadUnaligned(as: UInt64.self) == first && (candidate + (count &- 8)).loadUnaligned(as: UInt64.self) == last
        } else {
          isEqual = memcmp(candidate, bytes, count) == 0
        }
      }
      out[row] = isEqual ? ExpressionProgram.isTrue : ExpressionProgram.isFalse
    }
  }

  // MARK: - Order

  static func order(_ left: ColumnValue, _ right: ColumnValue, isEquality: Bool) -> Order {
    if left.isNull || right.isNull { return .unknown }
    switch (left.kind, right.kind) {
    case (.integer, .integer): return left.integer == right.integer ? .equal : left.integer < right.integer ? .less : .greater
    case (.double, .double): return order(left.double, right.double)
    case (.integer, .double): return order(left.integer, right.double)
    case (.double, .integer):
      switch order(right.integer, left.double) {
      case .less: return .greater
      case .greater: return .less
      case let other: return other
      }
    case (.string, .string): return order(left.bytes, right.bytes)
    case (.bool, .bool) where isEquality: return left.bool == right.bool ? .equal : .less
    default: return .mismatch
    }
  }

  private static func order(_ left: Double, _ right: Double) -> Order {
    left == right ? .equal : left < right ? .less : left > right ? .greater : .unknown
  }

  /// Without rounding either: an `Int64` above 2^53 has no exact double.
  private static func order(_ left: Int64, _ right: Double) -> Order {
    if right.isNaN { return .unknown }
    if right >= 0x1p63 { return .less }
    if right < -0x1p63 { return .greater }
    let whole = Int64(right)
    if left != whole { return left < whole ? .less : .greater }
    // The same whole part, so the double's fraction decides; it has one only below 2^53, where the conversion is exact.
    return order(Double(whole), right)
  }

  private static func order(_ left: UnsafeBufferPointer<UInt8>, _ right: UnsafeBufferPointer<UInt8>) -> Order {
    let common = min(left.count, right.count)
    let difference = common == 0 ? 0 : memcmp(left.baseAddress!, right.baseAddress!, common)
    if difference != 0 { return difference < 0 ? .less : .greater }
    return left.count == right.count ? .equal : left.count < right.count ? .less : .greater
  }
}
