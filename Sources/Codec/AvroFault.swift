// What can be wrong with an Avro value, in words for a person.

/// Why a record is malformed, and where.
public struct AvroFault: Error, Equatable, Sendable, CustomStringConvertible {
  public enum Reason: String, Sendable {
    case truncated = "the record ends too early"
    case trailingBytes = "bytes follow the end of the record"
    case varint = "a number of more than 64 bits"
    case intRange = "a number outside the range of an int"
    case length = "a length that is negative or larger than the record"
    case branch = "no such branch in the union"
    case symbol = "no such symbol in the enum"
    case bool = "a boolean that is neither 0 nor 1"
    case encoding = "malformed UTF-8 in a string"
    case decimal = "a decimal of too many digits"
    case block = "a block that ends elsewhere than it says"
    case size = "a value that is too large as JSON"
    case depth = "nested too deep"
  }

  /// Bytes from the start of the record's value.
  public var byteIndex: Int
  public var reason: Reason
  /// The path of the field that was being read; empty where that is not known.
  public var field: String

  public init(byteIndex: Int, reason: Reason, field: String = "") {
    self.byteIndex = byteIndex
    self.reason = reason
    self.field = field
  }

  public var description: String {
    "byte \(byteIndex)\(field.isEmpty ? "" : " (\(field))"): \(reason.rawValue)"
  }
}
