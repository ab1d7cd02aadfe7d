// The decoded side of a batch: for each wanted field one column of values, for each record a status. A column's values point into the
// batch's bytes or into `text`, so columns live as long as the batch they were decoded from is not filled again.

import Base

/// What a column's value is.
public enum ValueKind: UInt8, BitwiseCopyable, Sendable {
  /// The record has no such field.
  case missing
  case null
  case bool
  /// `bits` is an `Int64`.
  case integer
  /// `bits` is the pattern of a finite `Double`.
  case double
  /// `bits` is the address of `byteCount` UTF-8 bytes, escapes undone.
  case string
  /// An object or an array as JSON; where the record is JSON, its bytes as they stand in it.
  case composite
}

/// One value of one record: 16 bytes.
public struct ColumnValue: BitwiseCopyable {
  public var bits: UInt64
  public var byteCount: UInt32
  public var kind: ValueKind

  @inlinable
  public init(kind: ValueKind, bits: UInt64 = 0, byteCount: UInt32 = 0) {
    self.bits = bits
    self.byteCount = byteCount
    self.kind = kind
  }

  @inlinable
  public init(integer: Int64) { self.init(kind: .integer, bits: UInt64(bitPattern: integer)) }

  @inlinable
  public init(double: Double) { self.init(kind: .double, bits: double.bitPattern) }

  @inlinable
  public init(bool: Bool) { self.init(kind: .bool, bits: bool ? 1 : 0) }

  @inlinable
  public init(string: UnsafeBufferPointer<UInt8>) {
    self.init(kind: .string, bits: UInt64(UInt(bitPattern: string.baseAddress)), byteCount: UInt32(string.count))
  }

  @inlinable
  public static var null: ColumnValue { ColumnValue(kind: .null) }

  @inlinable
  public var isNull: Bool { kind.rawValue <= ValueKind.null.rawValue }
  @inlinable
  public var integer: Int64 { Int64(bitPattern: bits) }
  @inlinable
  public var double: Double { Double(bitPattern: bits) }
  @inlinable
  public var bool: Bool { bits != 0 }
  /// The bytes of a string or a composite.
  @inlinable
  public var bytes: UnsafeBufferPointer<UInt8> {
    UnsafeBufferPointer(start: UnsafePointer(bitPattern: UInt(bits)), count: Int(byteCount))
  }
}

/// Why a record gave no values.
public enum RecordStatus: UInt8, BitwiseCopyable, Sendable {
  case valid
  /// Not in the source's format; `Columns.errorByteIndex` says where it stops being so.
  case malformed
  /// A JSON text, but not an object; in Avro a value, but not a record.
  case notAnObject
  /// An empty value (a Kafka tombstone), or Avro's null in the place of a record.
  case empty
  /// The schema that the record names is not known.
  case unknownSchema
}

/// Column-major values of one batch: `columnCount` columns of `rowCount` values.
public final class Columns {
  public let columnCount: Int
  public private(set) var rowCount = 0
  private var rowCapacity = 0
  private var values: UnsafeMutablePointer<ColumnValue>
  /// One per row.
  public private(set) var statuses: UnsafeMutablePointer<RecordStatus>
  /// One per row; meaningful where the status is `.malformed`: bytes from the start of the value.
  public private(set) var errorByteIndex: UnsafeMutablePointer<UInt32>
  /// Strings whose escapes were undone. Reserved before a batch is decoded, so it never moves under the values that point into it.
  public let text: ByteBuffer

  public init(columnCount: Int) {
    self.columnCount = columnCount
    values = .allocate(capacity: 1)
    statuses = .allocate(capacity: 1)
    errorByteIndex = .allocate(capacity: 1)
    text = ByteBuffer()
  }

  deinit {
    values.deallocate()
    statuses.deallocate()
    errorByteIndex.deallocate()
  }

  /// Makes room for `rowCount` rows and `textByteCount` bytes of unescaped text; what the columns held before is gone.
  public func reset(rowCount: Int, textByteCount: Int) {
    self.rowCount = rowCount
    text.removeAll()
    text.reserve(textByteCount)
    guard rowCount > rowCapacity else { return }
    rowCapacity = max(rowCount, rowCapacity * 2)
    values.deallocate()
    statuses.deallocate()
    errorByteIndex.deallocate()
    values = .allocate(capacity: max(1, rowCapacity * columnCount))
    statuses = .allocate(capacity: rowCapacity)
    errorByteIndex = .allocate(capacity: rowCapacity)
  }

  /// The first value of column `index`; `rowCount` values follow.
  @inlinable
  public func column(_ index: Int) -> UnsafeMutablePointer<ColumnValue> {
    start + index * stride
  }

  @usableFromInline var start: UnsafeMutablePointer<ColumnValue> { values }
  @usableFromInline var stride: Int { rowCapacity }
}

/// The way to a field inside a record: `properties.price` is `["properties", "price"]`.
public struct FieldPath: Hashable, Sendable, CustomStringConvertible {
  public var components: [String]

  public init(_ components: [String]) {
    precondition(!components.isEmpty, "a field path needs a name")
    self.components = components
  }

  /// Splits at dots. Nil where a component is empty.
  public init?(dotted text: String) {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    guard parts.allSatisfy({ !$0.isEmpty }) else { return nil }
    components = parts
  }

  public var description: String { components.joined(separator: ".") }
}
