// Rows on their way to a store: typed values in one flat batch, so that a store chooses the text (plain for Redis, JSON for a pipe).
// Windows fill it, `Processing` puts in defaults, a `FeatureStore` writes it.

import Base

/// One row: the features of a view for one key.
public struct FeatureRow: BitwiseCopyable {
  /// Index into `PipelineDefinition.views`.
  public var view: Int32
  /// The entity key's bytes in `FeatureRowBatch.bytes`; `keyCount` is -1 for `entity: all`.
  public var keyStart: UInt32
  public var keyCount: Int32
  /// The first of the row's values in `FeatureRowBatch.values`, one per feature of the view.
  public var firstValue: UInt32
  public var partition: PartitionIndex
  /// `[windowStart, windowEnd)` of a closed window; both `Int64.min` for a current value.
  public var windowStart: Int64
  public var windowEnd: Int64
  /// The event time through which the values are complete: the partition's watermark.
  public var asOf: Int64
  /// The greatest event time of the key.
  public var lastEvent: Int64

  @inlinable
  public init(
    view: Int32, keyStart: UInt32, keyCount: Int32, firstValue: UInt32, partition: PartitionIndex, windowStart: Int64,
    windowEnd: Int64,
    asOf: Int64, lastEvent: Int64
  ) {
    self.view = view
    self.keyStart = keyStart
    self.keyCount = keyCount
    self.firstValue = firstValue
    self.partition = partition
    self.windowStart = windowStart
    self.windowEnd = windowEnd
    self.asOf = asOf
    self.lastEvent = lastEvent
  }

  @inlinable
  public var isWindow: Bool { windowStart != .min }
}

/// One value of a row. A string's bytes stand at `bits` (an offset into `FeatureRowBatch.bytes`), `byteCount` long.
public struct FeatureValue: BitwiseCopyable {
  public var bits: UInt64
  public var byteCount: UInt32
  /// `.composite` is JSON text. `.missing` says that no record was in the window and that the feature has no
  /// default; a store writes it as null.
  public var kind: ValueKind

  @inlinable
  public init(kind: ValueKind, bits: UInt64 = 0, byteCount: UInt32 = 0) {
    self.bits = bits
    self.byteCount = byteCount
    self.kind = kind
  }
}

/// Rows in the order in which they are to be written; filled, written and emptied by one thread.
public final class FeatureRowBatch {
  public var rows: [FeatureRow] = []
  public var values: [FeatureValue] = []
  /// Keys and strings.
  public let bytes = ByteBuffer(capacity: 1 << 16)

  public init() {}

  public var isEmpty: Bool { rows.isEmpty }

  /// How many bytes of keys and texts may come together where the number of rows is bounded, too: rows can be lists of a thousand texts.
  public static let byteLimit = 64 << 20

  /// Whether the rows are to be written before more are made; never where `rowLimit` is `Int.max`.
  @inlinable
  public func isFull(rowLimit: Int) -> Bool {
    rows.count >= rowLimit || bytes.count >= Self.byteLimit && rowLimit < .max
  }

  public func removeAll() {
    rows.removeAll(keepingCapacity: true)
    values.removeAll(keepingCapacity: true)
    bytes.removeAll()
  }

  /// Drops the rows for which `isDropped` holds; the others keep their order, and their values and bytes stay where they are.
  public func removeRows(where isDropped: (FeatureRow) -> Bool) { rows.removeAll(where: isDropped) }

  /// The bytes of a row's key, nil for `entity: all`; valid until the next append.
  public func key(of row: FeatureRow) -> UnsafeBufferPointer<UInt8>? {
    guard row.keyCount >= 0 else { return nil }
    return UnsafeBufferPointer(start: bytes.base + Int(row.keyStart), count: Int(row.keyCount))
  }

  /// The bytes of a string or composite value; valid until the next append.
  public func text(of value: FeatureValue) -> UnsafeBufferPointer<UInt8> {
    UnsafeBufferPointer(start: bytes.base + Int(value.bits), count: Int(value.byteCount))
  }
}
