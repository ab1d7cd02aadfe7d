// A value that somebody expects of a feature, and when a value that was found is that one: integers exactly, a double within rounding,
// lists and objects member by member, and a range where the feature is an estimate.

import Base
import Configuration
import Foundation

public indirect enum ExpectedValue: Sendable, Equatable {
  case null
  case bool(Bool)
  case integer(Int64)
  case double(Double)
  case string(String)
  case list([ExpectedValue])
  /// Names are unique.
  case object([(name: String, value: ExpectedValue)])
  /// Any number of the range, both ends included.
  case between(Double, Double)

  /// Doubles that differ by no more than this part of the greater one (or of 1) are one value: what additions in another order round away.
  public static let tolerance = 1e-9

  /// Whether `found` is what is expected here. A whole number equals the double of the same value.
  public func accepts(_ found: ExpectedValue) -> Bool {
    switch (self, found) {
    case (.null, .null): return true
    case (.bool(let a), .bool(let b)): return a == b
    case (.string(let a), .string(let b)): return a == b
    case (.integer(let a), .integer(let b)): return a == b
    case (.list(let a), .list(let b)): return a.count == b.count && zip(a, b).allSatisfy { $0.accepts($1) }
    case (.object(let a), .object(let b)):
      return a.count == b.count
        && a.allSatisfy { member in b.first { $0.name == member.name }.map { member.value.accepts($0.value) } ?? false }
    case (.between(let low, let high), _): return found.number.map { (low...high).contains($0) } ?? false
    default:
      guard let a = number, let b = found.number else { return false }
      return abs(a - b) <= Self.tolerance * max(1, abs(a), abs(b))
    }
  }

  private var number: Double? {
    switch self {
    case .integer(let value): Double(value)
    case .double(let value): value
    default: nil
    }
  }

  public static func == (a: ExpectedValue, b: ExpectedValue) -> Bool { a.text == b.text }

  /// As JSON, but for a range.
  public var text: String {
    switch self {
    case .null: "null"
    case .bool(let value): value ? "true" : "false"
    case .integer(let value): "\(value)"
    case .double(let value): "\(value)"
    case .string(let value): JSONText.quoted(value)
    case .list(let items): "[\(items.map(\.text).joined(separator: ", "))]"
    case .object(let members): "{\(members.map { "\(JSONText.quoted($0.name)): \($0.value.text)" }.joined(separator: ", "))}"
    case .between(let low, let high): "between \(low) and \(high)"
    }
  }
}

extension ExpectedValue {
  /// The value of a JSON text; nil where it is none.
  public init?(json: some Collection<UInt8>) {
    guard let value = try? JSONDecoder().decode(Tree.self, from: Data(json)) else { return nil }
    self = value.value
  }

  init(_ meaning: ScalarMeaning) {
    self =
      switch meaning {
      case .null: .null
      case .bool(let value): .bool(value)
      case .integer(let value): .integer(value)
      case .double(let value): .double(value)
      case .string(let value): .string(value)
      }
  }
}

/// A JSON value as Foundation reads it.
private struct Tree: Decodable {
  let value: ExpectedValue

  private struct Name: CodingKey {
    let stringValue: String
    let intValue: Int? = nil
    init?(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
  }

  init(from decoder: any Decoder) throws {
    if let object = try? decoder.container(keyedBy: Name.self) {
      let names = object.allKeys.sorted { $0.stringValue < $1.stringValue }
      value = .object(try names.map { ($0.stringValue, try object.decode(Tree.self, forKey: $0).value) })
    } else if var list = try? decoder.unkeyedContainer() {
      var items: [ExpectedValue] = []
      while !list.isAtEnd { items.append(try list.decode(Tree.self).value) }
      value = .list(items)
    } else {
      let scalar = try decoder.singleValueContainer()
      if scalar.decodeNil() {
        value = .null
      } else if let bool = try? scalar.decode(Bool.self) {
        value = .bool(bool)
      } else if let integer = try? scalar.decode(Int64.self) {
        value = .integer(integer)
      } else if let double = try? scalar.decode(Double.self) {
        value = .double(double)
      } else {
        value = .string(try scalar.decode(String.self))
      }
    }
  }
}
