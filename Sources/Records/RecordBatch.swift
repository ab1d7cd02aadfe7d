// A batch of records: one buffer of bytes and one slot per record. It crosses from room to room whole, is filled again and
// again, and belongs to one thread at a time.
//
//      bytes  [ value 0 \n value 1 \n value 2 \n ... key bytes that stand in no value ... | padding ]
//                ^ slot 0  ^ slot 1
//
// A generator's batch holds its values back to back, each ended by a line feed that no slot counts, so that `lines` can be written
// as it is. A key usually points into its value; where it cannot, its bytes stand behind `lineByteCount`.

import Base

/// A partition of the topic that a source reads; a file or a pipe is partition 0.
public typealias PartitionIndex = Int32
/// The position of a record in its partition: Kafka's offset, or the byte offset of a line in a file.
public typealias Offset = Int64

/// What was done to a generated record on purpose.
public struct RecordMarks: OptionSet, BitwiseCopyable, Sendable {
  public let rawValue: UInt16

  @inlinable
  public init(rawValue: UInt16) { self.rawValue = rawValue }

  /// A key without a value: in Kafka, a deletion.
  @inlinable public static var tombstone: RecordMarks { RecordMarks(rawValue: 1) }
  @inlinable public static var late: RecordMarks { RecordMarks(rawValue: 2) }
  @inlinable public static var duplicate: RecordMarks { RecordMarks(rawValue: 4) }
  @inlinable public static var reorder: RecordMarks { RecordMarks(rawValue: 8) }
  @inlinable public static var drop: RecordMarks { RecordMarks(rawValue: 16) }
  @inlinable public static var corrupt: RecordMarks { RecordMarks(rawValue: 32) }
  @inlinable public static var skew: RecordMarks { RecordMarks(rawValue: 64) }
  @inlinable public static var missing: RecordMarks { RecordMarks(rawValue: 128) }
  @inlinable public static var wrongType: RecordMarks { RecordMarks(rawValue: 256) }

  /// The faults among the marks, with the names that schemas, headers and truth files use.
  public static let faults: [(mark: RecordMarks, name: String)] = [
    (.late, "late"), (.duplicate, "duplicate"), (.reorder, "reorder"), (.drop, "drop"), (.corrupt, "corrupt"), (.skew, "skew"),
    (.missing, "missing"), (.wrongType, "wrong_type"),
  ]
}

/// Where one record lies in its batch.
public struct RecordSlot: BitwiseCopyable, Sendable {
  public var valueStart: UInt32
  public var valueCount: UInt32
  public var keyStart: UInt32
  /// Bytes in the key; -1 where the record has none.
  public var keyCount: Int32
  /// Milliseconds since the epoch, UTC: Kafka's record timestamp, or the event time that a generator gave; `Int64.min` if there is none.
  public var timestamp: Int64
  /// What `timestamp` does not say: where the record stands.
  public var offset: Offset
  public var partition: PartitionIndex
  /// Of a generated record: which of the schema's events it is.
  public var event: UInt16
  /// Of a generated record: what was done to it.
  public var marks: RecordMarks

  @inlinable
  public init(
    valueStart: UInt32, valueCount: UInt32, keyStart: UInt32 = 0, keyCount: Int32 = -1, timestamp: Int64 = .min, offset: Offset = 0,
    partition: PartitionIndex = 0, event: UInt16 = 0, marks: RecordMarks = []
  ) {
    self.valueStart = valueStart
    self.valueCount = valueCount
    self.keyStart = keyStart
    self.keyCount = keyCount
    self.timestamp = timestamp
    self.offset = offset
    self.partition = partition
    self.event = event
    self.marks = marks
  }
}

/// Records in one padded buffer.
public final class RecordBatch {
  /// Values and keys. At most `UInt32.max` bytes.
  public let bytes: ByteBuffer
  public private(set) var slots: UnsafeMutablePointer<RecordSlot>
  /// How many slots are in use.
  public var count: Int
  public private(set) var slotCapacity: Int
  /// Bytes at the front of `bytes` that are whole lines (values, each with its line feed); 0 where the values are not lines.
  public var lineByteCount = 0

  public init(slotCapacity: Int = 4096, byteCapacity: Int = 1 << 20) {
    precondition(slotCapacity > 0, "a batch needs room for one record")
    self.slotCapacity = slotCapacity
    bytes = ByteBuffer(capacity: byteCapacity)
    slots = .allocate(capacity: slotCapacity)
    count = 0
  }

  deinit { slots.deallocate() }

  public func removeAll() {
    bytes.removeAll()
    count = 0
    lineByteCount = 0
  }

  @inlinable
  public func append(_ slot: RecordSlot) {
    if count == slotCapacity { growSlots() }
    slots[count] = slot
    count += 1
  }

  /// Makes room for `additional` more slots, so that a source may fill `slots` itself and set `count`.
  public func reserveSlots(_ additional: Int) {
    while count + additional > slotCapacity { growSlots() }
  }

  /// Copies one record in.
  @inlinable
  public func append(
    value: UnsafeBufferPointer<UInt8>, key: UnsafeBufferPointer<UInt8>?, timestamp: Int64, offset: Offset, partition: PartitionIndex
  ) {
    let valueStart = bytes.count
    bytes.append(value)
    let keyStart = bytes.count
    if let key { bytes.append(key) }
    append(
      RecordSlot(
        valueStart: UInt32(valueStart), valueCount: UInt32(value.count), keyStart: UInt32(keyStart),
        keyCount: key.map { Int32($0.count) } ?? -1, timestamp: timestamp, offset: offset, partition: partition))
  }

  /// The bytes of record `index`'s value; valid until the batch is next filled.
  @inlinable
  public func value(_ index: Int) -> UnsafeBufferPointer<UInt8> {
    UnsafeBufferPointer(start: bytes.base + Int(slots[index].valueStart), count: Int(slots[index].valueCount))
  }

  /// The bytes of record `index`'s key, nil where it has none.
  @inlinable
  public func key(_ index: Int) -> UnsafeBufferPointer<UInt8>? {
    let slot = slots[index]
    guard slot.keyCount >= 0 else { return nil }
    return UnsafeBufferPointer(start: bytes.base + Int(slot.keyStart), count: Int(slot.keyCount))
  }

  /// All values with their line feeds, where the batch holds lines.
  @inlinable
  public var lines: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: bytes.base, count: lineByteCount) }

  @usableFromInline
  func growSlots() {
    let newCapacity = slotCapacity * 2
    let newSlots = UnsafeMutablePointer<RecordSlot>.allocate(capacity: newCapacity)
    newSlots.update(from: slots, count: count)
    slots.deallocate()
    slots = newSlots
    slotCapacity = newCapacity
  }
}
