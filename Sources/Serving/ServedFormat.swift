// How a feature's text becomes JSON. Redis holds texts, and the pipeline knows of what type they are: numbers stay numbers to the last digit, because
// their text is passed on as it is once it is known to be one.

import Base
import Features
import Records

enum ServedFormat: Equatable, Sendable {
  case integer
  case number
  case bool
  case string
  /// A list or an object, as JSON text.
  case json
  /// The type is not known, or there are several: what looks like a number, `true` or `false`, or a list or an object, is one.
  case open
  /// It is JSON already, made by this program.
  case made

  init(_ type: ExpressionType) {
    switch type {
    case .integer: self = .integer
    case .double, .number: self = .number
    case .bool: self = .bool
    case .string: self = .string
    case .composite: self = .json
    default: self = .open
    }
  }

  /// For people and documents.
  var name: String {
    switch self {
    case .integer: "integer"
    case .number: "number"
    case .bool: "boolean"
    case .string: "string"
    case .json: "list"
    case .open, .made: "any"
    }
  }

  /// Appends `text` as JSON; false, with nothing appended, where it is none of this type.
  func append(_ text: UnsafeBufferPointer<UInt8>, to out: ByteBuffer) -> Bool {
    switch self {
    case .integer: guard JSONNumber.isInteger(text) else { return false }
    case .number: guard JSONNumber.isOne(text) else { return false }
    case .bool: guard Self.isBool(text) else { return false }
    case .json: guard Self.isComposite(text) else { return false }
    case .made: break
    case .string:
      Self.appendString(text, to: out)
      return true
    case .open:
      guard JSONNumber.isOne(text) || Self.isBool(text) || Self.isComposite(text) else {
        Self.appendString(text, to: out)
        return true
      }
    }
    out.append(text)
    return true
  }

  /// Appends a value of a row as JSON.
  static func append(_ value: FeatureValue, in rows: FeatureRowBatch, to out: ByteBuffer) {
    out.reserve(NumberText.maximumByteCount)
    switch value.kind {
    case .missing, .null: out.append("null" as StaticString)
    case .bool: out.append(value.bits != 0 ? "true" as StaticString : "false" as StaticString)
    case .integer: out.count += NumberText.write(Int64(bitPattern: value.bits), to: out.base + out.count)
    case .double: out.count += NumberText.write(Double(bitPattern: value.bits), to: out.base + out.count)
    case .string: appendString(rows.text(of: value), to: out)
    case .composite: out.append(rows.text(of: value))
    }
  }

  /// Appends bytes as a JSON string; those that are no UTF-8 are repaired.
  static func appendString(_ text: UnsafeBufferPointer<UInt8>, to out: ByteBuffer) {
    if isUTF8(text) {
      JSONText.appendQuoted(text, to: out)
    } else {
      var repaired = String(decoding: text, as: UTF8.self)
      repaired.withUTF8 { JSONText.appendQuoted($0, to: out) }
    }
  }

  static func isUTF8(_ text: UnsafeBufferPointer<UInt8>) -> Bool {
    text.allSatisfy { $0 < 0x80 } || String(validating: text, as: UTF8.self) != nil
  }

  private static func isBool(_ text: UnsafeBufferPointer<UInt8>) -> Bool {
    text.count == 4 && text.elementsEqual("true".utf8) || text.count == 5 && text.elementsEqual("false".utf8)
  }

  /// Whether the text is one list or object on one line.
  private static func isComposite(_ text: UnsafeBufferPointer<UInt8>) -> Bool {
    guard let first = text.first, first == UInt8(ascii: "[") || first == UInt8(ascii: "{"), isUTF8(text) else { return false }
    var input = JSONInput(text)
    do throws(RequestFault) {
      try input.skip()
      try input.end()
      return true
    } catch { return false }
  }
}
