// The reference of the fuzzers: what Foundation's `JSONSerialization` makes of a text.

import Foundation

/// What Foundation finds at a path, as kinds and values that can be compared with ours.
enum FoundationValue: Equatable {
  case missing, null, composite
  case bool(Bool)
  case number(Double)
  case string([UInt8])

  init(_ root: Any, _ path: String) {
    var value: Any? = root
    for component in path.split(separator: ".") { value = (value as? [String: Any])?[String(component)] }
    switch value {
    case nil: self = .missing
    case is NSNull: self = .null
    case let text as String: self = .string(Array(text.utf8))
    case let number as NSNumber:
      // Foundation's booleans are numbers of their own class.
      self =
        type(of: number) == type(of: NSNumber(value: true)) && "\(number)" != "\(number.doubleValue)"
        ? .bool(number.boolValue) : .number(number.doubleValue)
    default: self = .composite
    }
  }

  func matches(_ other: FoundationValue) -> Bool {
    guard case .number(let ours) = self, case .number(let theirs) = other else { return self == other }
    return abs(ours - theirs) <= 16 * ours.ulp
  }

  init(_ value: PlainValue) {
    switch value {
    case .missing: self = .missing
    case .null: self = .null
    case .bool(let value): self = .bool(value)
    case .integer(let value): self = .number(Double(value))
    case .double(let bits): self = .number(Double(bitPattern: bits))
    case .string(let bytes): self = .string(bytes)
    case .composite: self = .composite
    }
  }
}

/// Nil where Foundation refuses the text.
func foundationObject(_ bytes: [UInt8]) -> Any? {
  try? JSONSerialization.jsonObject(with: Data(bytes), options: .fragmentsAllowed)
}
