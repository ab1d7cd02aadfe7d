// A feature's value beside its label.

import Base
import Records

public enum TrainingValue: Equatable, Sendable {
  case null
  case bool(Bool)
  case integer(Int64)
  case double(Double)
  case string(String)
  /// A list, as JSON.
  case json(String)

  init(_ value: FeatureValue, in bytes: ByteBuffer) {
    func text() -> String {
      String(decoding: UnsafeBufferPointer(start: bytes.base + Int(value.bits), count: Int(value.byteCount)), as: UTF8.self)
    }
    switch value.kind {
    case .missing, .null: self = .null
    case .bool: self = .bool(value.bits != 0)
    case .integer: self = .integer(Int64(bitPattern: value.bits))
    case .double: self = .double(Double(bitPattern: value.bits))
    case .string: self = .string(text())
    case .composite: self = .json(text())
    }
  }

  /// As JSON; doubles with as many digits as tell them from others.
  public var json: String {
    switch self {
    case .null: "null"
    case .bool(let value): value ? "true" : "false"
    case .integer(let value): "\(value)"
    case .double(let value): Self.text(value)
    case .string(let value): JSONText.quoted(value)
    case .json(let text): text
    }
  }

  /// As it stands in a table, not quoted; nothing for null.
  public var plain: String {
    switch self {
    case .null: ""
    case .string(let value): value
    default: json
    }
  }

  private static func text(_ value: Double) -> String {
    let out = ByteBuffer(capacity: NumberText.maximumByteCount)
    out.count = NumberText.write(value, to: out.base)
    return String(decoding: out.bytes, as: UTF8.self)
  }
}
