// Records on their way through an internal topic, where those of one key of a view come together. Each carries the place that it had in the
// source's topic, so that one that was sent twice is known again; markers carry how far a partition of the source has come.
//
//   record   key: the entity's       value: the source's, or none   headers: freshet-origin, freshet-key, then the record's own
//   marker   key: none               value: none                    headers: freshet-origin, freshet-marker
//
//   freshet-origin   PARTITION:OFFSET:TIMESTAMP    of the source's record; a marker's offset: every record before it has been sent. The timestamp is
//                                                  in ms and empty where the record has none, and in a marker
//   freshet-key      the key of the source's record; null where it has none
//   freshet-marker   STREAMTIME:STATE:PARTITIONS   event time in ms, empty before the first record; `active` or `idle`; partitions of the source

import Base

/// Where a record stood in the source's topic, or what a marker says of a partition of it.
public struct RecordOrigin: Equatable, BitwiseCopyable, Sendable {
  public var partition: PartitionIndex
  /// Of a marker: that of the first record that had not been sent.
  public var offset: Offset
  /// Ms since the epoch; `Int64.min` for none.
  public var timestamp: Int64
  public var isMarker = false
  /// Of a marker: the greatest event time of the partition, `Int64.min` before its first record.
  public var streamTime: Int64 = .min
  /// Of a marker: the partition has nothing more to read, and has had nothing for a while.
  public var isIdle = false
  /// Of a marker: how many partitions the source has.
  public var partitionCount: Int32 = 0

  public init(partition: PartitionIndex, offset: Offset, timestamp: Int64 = .min) {
    self.partition = partition
    self.offset = offset
    self.timestamp = timestamp
  }

  public init(
    markerOf partition: PartitionIndex, offset: Offset, streamTime: Int64, isIdle: Bool, partitionCount: Int32
  ) {
    self.init(partition: partition, offset: offset)
    isMarker = true
    self.streamTime = streamTime
    self.isIdle = isIdle
    self.partitionCount = partitionCount
  }

  /// Partitions that a topic can have, as far as this is concerned: a bound on what a broken header can ask for.
  public static let partitionCountMax: Int32 = 1 << 17

  /// A record of an internal topic begins with so many headers that are not its own.
  public static let headerCount = 2
  public static let originHeader = "freshet-origin"
  public static let keyHeader = "freshet-key"
  public static let markerHeader = "freshet-marker"

  // MARK: Text

  /// Bytes that `writeOrigin` and `writeMarker` write at most.
  public static let textByteCountMax = 72

  /// The value of `freshet-origin`; returns how many bytes it is.
  public func writeOrigin(to start: UnsafeMutablePointer<UInt8>) -> Int {
    var end = NumberText.write(Int64(partition), to: start)
    start[end] = UInt8(ascii: ":")
    end += 1
    end += NumberText.write(offset, to: start + end)
    start[end] = UInt8(ascii: ":")
    end += 1
    if timestamp != .min { end += NumberText.write(timestamp, to: start + end) }
    return end
  }

  /// The value of `freshet-marker`.
  public var markerText: String {
    "\(streamTime == .min ? "" : "\(streamTime)"):\(isIdle ? "idle" : "active"):\(partitionCount)"
  }

  /// Reads `freshet-origin`; nil where it is none.
  public init?(origin bytes: UnsafeBufferPointer<UInt8>) {
    var rest = bytes[...]
    guard let partition = Self.number(&rest), let offset = Self.number(&rest),
      (0..<Int64(Self.partitionCountMax)).contains(partition), offset >= 0, offset < .max
    else { return nil }
    self.init(partition: PartitionIndex(partition), offset: offset)
    guard !rest.isEmpty else { return }
    guard !rest.contains(UInt8(ascii: ":")), let timestamp = Self.number(&rest) else { return nil }
    self.timestamp = timestamp
  }

  /// Takes in `freshet-marker`; false where it is none.
  public mutating func read(marker bytes: UnsafeBufferPointer<UInt8>) -> Bool {
    let parts = bytes.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
    guard parts.count == 3 else { return false }
    var count = parts[2]
    guard let partitions = Self.number(&count), (Int64(partition) + 1...Int64(Self.partitionCountMax)).contains(partitions) else {
      return false
    }
    var time = parts[0]
    if time.isEmpty {
      streamTime = .min
    } else {
      guard let number = Self.number(&time) else { return false }
      streamTime = number
    }
    guard parts[1].elementsEqual("idle".utf8) || parts[1].elementsEqual("active".utf8) else { return false }
    isIdle = parts[1].elementsEqual("idle".utf8)
    partitionCount = Int32(partitions)
    isMarker = true
    return true
  }

  /// The number up to the next colon, or up to the end, and what is behind it; nil where there is none.
  private static func number(_ rest: inout Slice<UnsafeBufferPointer<UInt8>>) -> Int64? {
    let digits = rest.prefix { $0 != UInt8(ascii: ":") }
    rest = rest.dropFirst(digits.count + 1)
    guard !digits.isEmpty, digits.count <= 20 else { return nil }
    return Int64(String(decoding: digits, as: UTF8.self))
  }
}

/// A record for an internal topic. Its pointers stand for the call that it is passed to.
public struct RepartitionedRecord {
  public var origin: RecordOrigin
  /// The entity's key, for `entity: all` that word; nil where the record has none, and is sent only to be counted as such.
  public var entityKey: UnsafeBufferPointer<UInt8>?
  public var value: UnsafeBufferPointer<UInt8>
  public var isTombstone = false
  /// The key of the source's record.
  public var key: UnsafeBufferPointer<UInt8>?
  /// The record's own headers, in their order.
  public var headers: [(name: UnsafeBufferPointer<UInt8>, value: UnsafeBufferPointer<UInt8>?)] = []

  public init(
    origin: RecordOrigin, entityKey: UnsafeBufferPointer<UInt8>?, value: UnsafeBufferPointer<UInt8>,
    key: UnsafeBufferPointer<UInt8>?
  ) {
    self.origin = origin
    self.entityKey = entityKey
    self.value = value
    self.key = key
  }
}

/// The internal topics of one source. Driven by one thread; records reach a partition of a topic in the order in which they were written, none
/// is left out before a later one, and positions are committed only after `confirm` has returned.
public protocol RepartitionOutput: AnyObject {
  /// Where this writes to, secrets redacted.
  var name: String { get }

  /// Partitions of all topics together.
  var partitionCount: Int { get }

  /// Takes a copy of the record, for topic number `topic`, waiting where its queue is full: into the partition that Kafka's default partitioner
  /// gives to the entity's key, and those without one into that of their source's partition.
  func write(_ record: RepartitionedRecord, to topic: Int) throws

  /// Sends a marker to every partition of every topic.
  func write(marker: RecordOrigin) throws

  /// Returns once every record and marker taken so far is in its topic; throws where one cannot be.
  func confirm() throws

  /// Confirms what is left, and closes. Called once.
  func close() throws
}
