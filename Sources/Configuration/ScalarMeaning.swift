// What a plain scalar means, after the core schema of YAML 1.2.2 (section 10.3.2), and what readers of YAML 1.1 took it for: `NO` is
// Norway to the one and false to the other, `10:30:00` a text or 37800. Such texts are kept as texts and pointed out.

/// The meaning of a scalar where any type will do.
public enum ScalarMeaning: Equatable, Sendable {
  case null
  case bool(Bool)
  case integer(Int64)
  case double(Double)
  case string(String)

  /// Quoted scalars are strings; of plain ones, decimal numbers without leading zeros are numbers and `true` and `false` booleans.
  public init(_ scalar: ScalarNode) {
    self = scalar.isQuoted ? .string(scalar.text) : Self.plain(scalar.text)
  }

  private static func plain(_ text: String) -> ScalarMeaning {
    if let value = bool(text) { return .bool(value) }
    switch text {
    case "", "~", "null", "Null", "NULL": return .null
    default: break
    }
    if let value = integer(text) { return .integer(value) }
    if let value = double(text) { return .double(value) }
    return .string(text)
  }

  /// `true` or `false` in one of three spellings each.
  static func bool(_ text: String) -> Bool? {
    switch text {
    case "true", "True", "TRUE": true
    case "false", "False", "FALSE": false
    default: nil
    }
  }

  /// A decimal integer that fits into 64 bits, without leading zeros or underscores.
  static func integer(_ text: String) -> Int64? {
    guard isDecimal(text), !text.utf8.contains(where: { [UInt8(ascii: "."), UInt8(ascii: "e"), UInt8(ascii: "E")].contains($0) })
    else {
      return nil
    }
    return Int64(text)
  }

  /// A finite decimal number, as plain scalars may state it.
  public static func decimal(_ text: String) -> Double? { double(text) }

  /// A finite decimal number.
  static func double(_ text: String) -> Double? {
    guard isDecimal(text), let value = Double(text), value.isFinite else { return nil }
    return value
  }

  /// `[-+]? (digits without leading zeros) [. digits] [e [-+] digits]`.
  private static func isDecimal(_ text: String) -> Bool {
    var rest = text.utf8[...]
    func dropDigits() -> Int {
      let digits = rest.prefix { (48...57).contains($0) }.count
      rest = rest.dropFirst(digits)
      return digits
    }
    if let sign = rest.first, sign == UInt8(ascii: "-") || sign == UInt8(ascii: "+") { rest = rest.dropFirst() }
    let startsWithZero = rest.first == UInt8(ascii: "0")
    let whole = dropDigits()
    guard whole > 0, whole == 1 || !startsWithZero else { return false }
    if rest.first == UInt8(ascii: ".") {
      rest = rest.dropFirst()
      guard dropDigits() > 0 else { return false }
    }
    if let exponent = rest.first, exponent | 0x20 == UInt8(ascii: "e") {
      rest = rest.dropFirst()
      if let sign = rest.first, sign == UInt8(ascii: "-") || sign == UInt8(ascii: "+") { rest = rest.dropFirst() }
      guard dropDigits() > 0 else { return false }
    }
    return rest.isEmpty
  }

  /// What readers of YAML 1.1 take a plain text for that means something else here: `a boolean`, `a number in base 60`; nil for nothing.
  static func trap(_ text: String) -> String? {
    switch text.lowercased() {
    case "yes", "no", "on", "off": return "a boolean"
    default: break
    }
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    if parts.count > 1, parts.dropFirst().allSatisfy({ isDigits($0) && $0.count <= 2 && Int($0)! < 60 }), isDigits(parts[0]) {
      return "a number in base 60"
    }
    return nil
  }

  /// What a plain text is that YAML calls a number and this program does not: `a hexadecimal number`, `an octal number` and the like.
  static func unusualNumber(_ text: String) -> String? {
    var digits = text[...]
    if let sign = digits.first, sign == "-" || sign == "+" { digits = digits.dropFirst() }
    guard let first = digits.first, first.isASCII, first.isNumber || first == "." else { return nil }
    if digits.hasPrefix("0x"), digits.count > 2, digits.dropFirst(2).allSatisfy(\.isHexDigit) { return "a hexadecimal number" }
    if digits.hasPrefix("0o"), digits.count > 2, isDigits(digits.dropFirst(2)) { return "an octal number" }
    if first == "0", digits.count > 1, isDigits(digits) { return "a number with leading zeros" }
    if digits.contains("_"), isDigits(Substring(digits.filter { $0 != "_" })) { return "a number with underscores" }
    if [".inf", ".Inf", ".INF", ".nan", ".NaN", ".NAN"].contains(String(digits)) { return "not a finite number" }
    return nil
  }

  private static func isDigits(_ text: Substring) -> Bool { !text.isEmpty && text.utf8.allSatisfy { (48...57).contains($0) } }
}
