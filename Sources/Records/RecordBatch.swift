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

/// What was done to a generated record on purpose, or is wrong with one that was read.
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
  /// Something that the source could not take apart stood here, such as a damaged block of a file; the record's value says what and where, in
  /// words.
  @inlinable public static var unreadable: RecordMarks { RecordMarks(rawValue: 512) }

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
  /// Of a generated record: what was done to it. Of one that was read: whether it stands for something unreadable, `.tombstone` where it has no
  /// value.
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

/// Where one header of a record lies in its batch.
public struct RecordHeader: BitwiseCopyable, Sendable {
  public var nameStart: UInt32
  public var nameCount: UInt32
  public var valueStart: UInt32
  /// Bytes in the value; -1 where the header has none.
  public var valueCount: Int32

  @inlinable
  public init(nameStart: UInt32, nameCount: UInt32, valueStart: UInt32, valueCount: Int32) {
    self.nameStart = nameStart
    self.nameCount = nameCount
    self.valueStart = valueStart
    self.valueCount = valueCount
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
  /// The topic that the records come from; empty where they come from none.
  public var topic = ""
  /// The schema of the records' values, as text, where the source carries one (an Avro container's header).
  public var schema: String?
  /// Headers of all records, record after record; a source fills them only where it was told that somebody reads them.
  public private(set) var headers: ContiguousArray<RecordHeader> = []
  /// Where each record stood before it was sent through an internal topic; empty where none was.
  public var origins: ContiguousArray<RecordOrigin> = []
  /// By record: how many headers it and those before it have; records behind the last entry have none.
  private var headerEnds: ContiguousArray<UInt32> = []

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
    origins.removeAll(keepingCapacity: true)
    headers.removeAll(keepingCapacity: true)
    headerEnds.removeAll(keepingCapacity: true)
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

  // MARK: Headers

  /// Adds a header, whose bytes stand in `bytes`, to record `index`, which no later record has headers before.
  public func append(_ header: RecordHeader, toRecord index: Int) {
    precondition(headerEnds.count <= index + 1, "headers come in the order of their records")
    while headerEnds.count <= index { headerEnds.append(UInt32(headers.count)) }
    headers.append(header)
    headerEnds[index] += 1
  }

  /// Copies a header in, for record `index`; see `append(_:toRecord:)`.
  public func appendHeader(name: String, value: UnsafeBufferPointer<UInt8>?, toRecord index: Int) {
    let nameStart = bytes.count
    bytes.append(name)
    let valueStart = bytes.count
    if let value { bytes.append(value) }
    append(
      RecordHeader(
        nameStart: UInt32(nameStart), nameCount: UInt32(valueStart - nameStart), valueStart: UInt32(valueStart),
        valueCount: value.map { Int32($0.count) } ?? -1), toRecord: index)
  }

  /// The headers of record `index`, as indices into `headers`.
  public func headerIndices(of index: Int) -> Range<Int> {
    guard index < headerEnds.count else { return headers.count..<headers.count }
    return (index == 0 ? 0 : Int(headerEnds[index - 1]))..<Int(headerEnds[index])
  }

  /// The bytes of a header's name; valid until the batch is next filled.
  public func name(of header: RecordHeader) -> UnsafeBufferPointer<UInt8> {
    UnsafeBufferPointer(start: bytes.base + Int(header.nameStart), count: Int(header.nameCount))
  }

  /// The bytes of a header's value, nil where it has none; valid until the batch is next filled.
  public func value(of header: RecordHeader) -> UnsafeBufferPointer<UInt8>? {
    guard header.valueCount >= 0 else { return nil }
    return UnsafeBufferPointer(start: bytes.base + Int(header.valueStart), count: Int(header.valueCount))
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
