// A single value with its type, on its way between a request, a store and an expression.

import Base
import Records
import Schema

public enum TypedValue: Sendable, Hashable {
  case null
  case bool(Bool)
  case integer(Int64)
  case double(Double)
  case string(String)
  /// A list or an object, as JSON text.
  case composite(String)

  /// What a request or a message calls it: `12`, `"a text"`, `null`.
  public var text: String {
    switch self {
    case .null: "null"
    case .bool(let value): value ? "true" : "false"
    case .integer(let value): "\(value)"
    case .double(let value): value.isFinite ? "\(value)" : "null"
    case .string(let value): JSONText.quoted(value)
    case .composite(let json): json
    }
  }

  public init(_ scalar: Scalar) {
    self =
      switch scalar {
      case .null: .null
      case .bool(let value): .bool(value)
      case .integer(let value): .integer(value)
      case .double(let value): .double(value)
      case .string(let value): .string(value)
      }
  }

  /// A value of a row.
  public init(_ value: FeatureValue, in rows: FeatureRowBatch) {
    self =
      switch value.kind {
      case .missing, .null: .null
      case .bool: .bool(value.bits != 0)
      case .integer: .integer(Int64(bitPattern: value.bits))
      case .double: .double(Double(bitPattern: value.bits))
      case .string: .string(String(decoding: rows.text(of: value), as: UTF8.self))
      case .composite: .composite(String(decoding: rows.text(of: value), as: UTF8.self))
      }
  }

  /// A value that an expression gave; its texts are copied.
  init(_ value: ColumnValue) {
    self =
      switch value.kind {
      case .missing, .null: .null
      case .bool: .bool(value.bool)
      case .integer: .integer(value.integer)
      case .double: .double(value.double)
      case .string: .string(String(decoding: value.bytes, as: UTF8.self))
      case .composite: .composite(String(decoding: value.bytes, as: UTF8.self))
      }
  }

  /// For messages: `a string`, `an integer`.
  var phrase: String {
    switch self {
    case .null: "null"
    case .bool: "a boolean"
    case .integer: "an integer"
    case .double: "a number"
    case .string: "a string"
    case .composite: "an object or a list"
    }
  }
}
