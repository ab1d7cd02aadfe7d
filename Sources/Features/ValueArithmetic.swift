// Arithmetic on single values. Integers stay integers; what leaves 64 bits, and a double that is no finite number, is null and says why.
// A double is never minus zero, which prints strangely and equals zero anyway.

import Records

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

enum ValueArithmetic {
  // MARK: - Operators

  @inline(__always)
  static func add(_ a: ColumnValue, _ b: ColumnValue) -> ColumnValue {
    if a.kind == .integer, b.kind == .integer { return integer(a.integer.addingReportingOverflow(b.integer)) }
    return doubles(a, b) { $0 + $1 }
  }

  @inline(__always)
  static func subtract(_ a: ColumnValue, _ b: ColumnValue) -> ColumnValue {
    if a.kind == .integer, b.kind == .integer { return integer(a.integer.subtractingReportingOverflow(b.integer)) }
    return doubles(a, b) { $0 - $1 }
  }

  @inline(__always)
  static func multiply(_ a: ColumnValue, _ b: ColumnValue) -> ColumnValue {
    if a.kind == .integer, b.kind == .integer { return integer(a.integer.multipliedReportingOverflow(by: b.integer)) }
    return doubles(a, b) { $0 * $1 }
  }

  /// Always a double.
  @inline(__always)
  static func divide(_ a: ColumnValue, _ b: ColumnValue) -> ColumnValue {
    guard let left = number(a), let right = number(b) else { return nullOrMismatch(a, b) }
    return right == 0 ? .null(.divisionByZero) : finite(left / right)
  }

  /// With the sign of `a`.
  @inline(__always)
  static func remainder(_ a: ColumnValue, _ b: ColumnValue) -> ColumnValue {
    if a.kind == .integer, b.kind == .integer {
      if b.integer == 0 { return .null(.divisionByZero) }
      return ColumnValue(integer: b.integer == -1 ? 0 : a.integer % b.integer)
    }
    guard let left = number(a), let right = number(b) else { return nullOrMismatch(a, b) }
    return right == 0 ? .null(.divisionByZero) : finite(fmod(left, right))
  }

  @inline(__always)
  static func negate(_ a: ColumnValue) -> ColumnValue {
    if a.kind == .integer { return integer(Int64(0).subtractingReportingOverflow(a.integer)) }
    return doubles(a) { -$0 }
  }

  // MARK: - Functions

  static func absolute(_ a: ColumnValue) -> ColumnValue { a.kind == .integer && a.integer < 0 ? negate(a) : doubles(a) { abs($0) } }

  /// An integer is one already.
  @inline(__always)
  static func rounded(_ a: ColumnValue, _ rule: FloatingPointRoundingRule) -> ColumnValue { doubles(a) { $0.rounded(rule) } }

  /// To so many decimals, or, where `digits` is negative, to tens, hundreds and so on. Halves go away from zero.
  static func rounded(_ a: ColumnValue, digits: ColumnValue) -> ColumnValue {
    guard digits.kind == .integer, a.kind == .integer || a.kind == .double else { return nullOrMismatch(a, digits) }
    if a.kind == .integer { return digits.integer >= 0 ? a : rounded(integer: a.integer, zeros: digits.integer.magnitude) }
    let places = min(max(digits.integer, -308), 308)
    // Beyond 17 digits nothing is left to round, and the power would leave the doubles.
    let exponent = a.double == 0 ? 0 : Int64(a.double.exponent) * 30103 / 100_000
    if places + exponent > 17 { return ColumnValue(double: a.double) }
    if places + exponent < -1 { return ColumnValue(double: 0) }
    let power = pow(10, Double(abs(places)))
    return doubles(a) { places >= 0 ? ($0 * power).rounded() / power : ($0 / power).rounded() * power }
  }

  private static func rounded(integer value: Int64, zeros: UInt64) -> ColumnValue {
    guard zeros <= 19 else { return ColumnValue(integer: 0) }
    var power = Int128(1)
    for _ in 0..<zeros { power *= 10 }
    let magnitude = (Int128(value.magnitude) + power / 2) / power * power
    let result = value < 0 ? -magnitude : magnitude
    return Int64(exactly: result).map { ColumnValue(integer: $0) } ?? .null(.outOfRange)
  }

  static func sign(_ a: ColumnValue) -> ColumnValue {
    guard let value = number(a) else { return nullOrMismatch(a, a) }
    return ColumnValue(integer: value > 0 ? 1 : value < 0 ? -1 : 0)
  }

  static func squareRoot(_ a: ColumnValue) -> ColumnValue { real(a) { $0.squareRoot() } }
  static func exponential(_ a: ColumnValue) -> ColumnValue { real(a) { exp($0) } }
  static func logarithm(_ a: ColumnValue) -> ColumnValue { real(a) { log($0) } }
  static func decimalLogarithm(_ a: ColumnValue) -> ColumnValue { real(a) { log10($0) } }

  static func power(_ a: ColumnValue, _ b: ColumnValue) -> ColumnValue {
    guard let base = number(a), let exponent = number(b) else { return nullOrMismatch(a, b) }
    return base == 0 && exponent < 0 ? .null(.divisionByZero) : finite(pow(base, exponent))
  }

  /// How often `b` goes into `a`, cut towards zero; both integers.
  static func quotient(_ a: ColumnValue, _ b: ColumnValue) -> ColumnValue {
    guard a.kind == .integer, b.kind == .integer else { return nullOrMismatch(a, b) }
    if b.integer == 0 { return .null(.divisionByZero) }
    return integer(a.integer.dividedReportingOverflow(by: b.integer))
  }

  // MARK: - Parts

  @inline(__always)
  private static func integer(_ result: (partialValue: Int64, overflow: Bool)) -> ColumnValue {
    result.overflow ? .null(.outOfRange) : ColumnValue(integer: result.partialValue)
  }

  @inline(__always)
  static func finite(_ value: Double) -> ColumnValue { value.isFinite ? ColumnValue(double: value + 0) : .null(.outOfRange) }

  @inline(__always)
  private static func number(_ a: ColumnValue) -> Double? {
    a.kind == .double ? a.double : a.kind == .integer ? Double(a.integer) : nil
  }

  @inline(__always)
  private static func doubles(_ a: ColumnValue, _ b: ColumnValue, _ body: (Double, Double) -> Double) -> ColumnValue {
    guard let left = number(a), let right = number(b) else { return nullOrMismatch(a, b) }
    return finite(body(left, right))
  }

  /// Leaves integers as they are.
  @inline(__always)
  private static func doubles(_ a: ColumnValue, _ body: (Double) -> Double) -> ColumnValue {
    if a.kind == .integer { return a }
    return a.kind == .double ? finite(body(a.double)) : nullOrMismatch(a, a)
  }

  @inline(__always)
  private static func real(_ a: ColumnValue, _ body: (Double) -> Double) -> ColumnValue {
    guard let value = number(a) else { return nullOrMismatch(a, a) }
    return finite(body(value))
  }

  /// Null where either is, otherwise a mismatch.
  @inline(__always)
  static func nullOrMismatch(_ a: ColumnValue, _ b: ColumnValue) -> ColumnValue {
    a.isNull || b.isNull ? ExpressionProgram.null(a, b) : .null(.mismatch)
  }
}
