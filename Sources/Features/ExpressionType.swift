// What is known of a value's type before any value is seen: the set of kinds that it can have. Any value can be null, so null is in no set; the
// empty set is the type of what is always null.

import Records
import Schema
import Windowing

public struct ExpressionType: OptionSet, Hashable, Sendable, CustomStringConvertible {
  public let rawValue: UInt8

  public init(rawValue: UInt8) { self.rawValue = rawValue }

  public static let bool = ExpressionType(rawValue: 1)
  public static let integer = ExpressionType(rawValue: 2)
  public static let double = ExpressionType(rawValue: 4)
  public static let string = ExpressionType(rawValue: 8)
  /// An object or a list.
  public static let composite = ExpressionType(rawValue: 16)

  public static let number: ExpressionType = [.integer, .double]
  /// A time: epoch milliseconds, or RFC 3339 text.
  public static let time: ExpressionType = [.integer, .double, .string]
  public static let scalar: ExpressionType = [.bool, .integer, .double, .string]
  public static let any: ExpressionType = [.bool, .integer, .double, .string, .composite]
  public static let null: ExpressionType = []

  public init(of literal: Scalar) {
    switch literal {
    case .null: self = .null
    case .bool: self = .bool
    case .integer: self = .integer
    case .double: self = .double
    case .string: self = .string
    }
  }

  /// What a schema can put into a field.
  public init(_ kinds: Set<GeneratedKind>) {
    self = []
    if kinds.contains(.bool) { insert(.bool) }
    // A decimal may be written without its fraction, and a reader then takes it for an integer.
    if kinds.contains(.integer) { insert(.integer) }
    if kinds.contains(.double) { formUnion(.number) }
    if kinds.contains(.string) { insert(.string) }
    if kinds.contains(.object) || kinds.contains(.list) { insert(.composite) }
  }

  /// As `freshet eval --check` prints it.
  public var description: String {
    switch self {
    case .any: return "any"
    case .null: return "null"
    case .number: return "number"
    default:
      var names: [String] = []
      for (type, name) in [
        (ExpressionType.bool, "bool"), (.integer, "integer"), (.double, "double"), (.string, "string"),
        (.composite, "object or list"),
      ] where contains(type) { names.append(name) }
      return names.joined(separator: " or ")
    }
  }

  /// For messages: `a number`, `a string`.
  var phrase: String {
    switch self {
    case .bool: "a boolean"
    case .integer, .double, .number: "a number"
    case .string: "a string"
    case .composite: "an object or a list"
    case .time: "a time"
    case .null: "null"
    case .any: "a value"
    case .scalar: "a string, a number or a boolean"
    default: "a value of type \(description)"
    }
  }

  /// Whether a value of this type and one of `other` can be compared: numbers with numbers, strings with strings, booleans for equality.
  func isComparable(with other: ExpressionType) -> Bool {
    if isEmpty || other.isEmpty { return true }
    func groups(_ type: ExpressionType) -> ExpressionType {
      var type = type.subtracting(.composite)
      if !type.isDisjoint(with: .number) { type.formUnion(.number) }
      return type
    }
    return !groups(self).isDisjoint(with: groups(other))
  }
}
