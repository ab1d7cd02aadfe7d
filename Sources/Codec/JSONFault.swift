// What can be wrong with a JSON text, in words for a person.

/// Why a record is malformed, and where.
public struct JSONFault: Error, Equatable, Sendable, CustomStringConvertible {
  public enum Reason: String, Sendable {
    case truncated = "the text ends too early"
    case unexpectedByte = "an unexpected character"
    case trailingBytes = "bytes follow the end of the value"
    case keyExpected = "a key was expected"
    case colonExpected = "':' was expected"
    case controlCharacter = "a control character in a string"
    case escape = "an unknown escape in a string"
    case loneSurrogate = "half of a surrogate pair in a string"
    case encoding = "malformed UTF-8 in a string"
    case number = "a malformed number"
    case numberRange = "a number outside the range of a double"
    case depth = "nested too deep"
  }

  /// Bytes from the start of the record's value.
  public var byteIndex: Int
  public var reason: Reason

  public init(byteIndex: Int, reason: Reason) {
    self.byteIndex = byteIndex
    self.reason = reason
  }

  public var description: String { "byte \(byteIndex): \(reason.rawValue)" }
}
