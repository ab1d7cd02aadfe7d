// The state of an engine as bytes, and back. State is flat, so this is little more than copies; a checksum over all of it lets the reader trust
// the numbers inside.
//
//   [ magic 8 | format version 8 | fingerprint of the views 8 | body byteCount 8 | hash of the body 8 | body ]

import Base
import Records

/// Why bytes are no usable snapshot.
public enum SnapshotError: Error, Equatable {
  /// Cut short, overwritten, or not a snapshot at all.
  case damaged
  /// Written by another version of the format.
  case otherFormat(UInt64)
  /// Of other views than these.
  case otherViews
}

struct SnapshotWriter {
  let buffer: ByteBuffer

  func write(_ word: UInt64) { withUnsafeBytes(of: word.littleEndian) { write($0) } }

  func write(_ numbers: ContiguousArray<UInt32>) {
    write(UInt64(numbers.count))
    numbers.withUnsafeBytes { write($0) }
  }

  func write(_ bytes: UnsafeRawBufferPointer) { buffer.append(bytes.bindMemory(to: UInt8.self)) }
}

struct SnapshotReader {
  private var rest: UnsafeRawBufferPointer.SubSequence

  init(_ bytes: UnsafeRawBufferPointer) { rest = bytes[...] }

  mutating func word() throws(SnapshotError) -> UInt64 {
    guard rest.count >= 8 else { throw .damaged }
    let word = UnsafeRawBufferPointer(rebasing: rest).loadUnaligned(as: UInt64.self)
    rest = rest.dropFirst(8)
    return UInt64(littleEndian: word)
  }

  mutating func integer(upTo limit: Int) throws(SnapshotError) -> Int {
    let value = try word()
    guard value <= UInt64(limit) else { throw .damaged }
    return Int(value)
  }

  /// A count of elements of at least `byteCount` bytes each, which must still lie ahead.
  mutating func count(of byteCount: Int) throws(SnapshotError) -> Int {
    let value = try word()
    guard value <= UInt64(rest.count / byteCount) else { throw .damaged }
    return Int(value)
  }

  mutating func entryNumbers() throws(SnapshotError) -> ContiguousArray<UInt32> {
    var numbers = ContiguousArray<UInt32>(repeating: 0, count: try count(of: 4))
    let byteCount = numbers.count * 4
    guard rest.count >= byteCount else { throw .damaged }
    numbers.withUnsafeMutableBytes { $0.copyMemory(from: UnsafeRawBufferPointer(rebasing: rest.prefix(byteCount))) }
    rest = rest.dropFirst(byteCount)
    return numbers
  }

  mutating func read(into target: UnsafeMutableRawBufferPointer) throws(SnapshotError) {
    guard rest.count >= target.count else { throw .damaged }
    target.copyMemory(from: UnsafeRawBufferPointer(rebasing: rest.prefix(target.count)))
    rest = rest.dropFirst(target.count)
  }
}

extension WindowEngine {
  private static let magic: UInt64 = 0x3154_5348_5352_4654  // "TFRSHST1", little endian
  private static let formatVersion: UInt64 = 3
  private static let headerByteCount = 40

  /// Appends the whole state to `buffer`, with the owner's `position` in the input. Rows that are due but not drained stay due in the copy;
  /// windows must not be closing.
  public func save(to buffer: ByteBuffer, position: Int64) {
    precondition(!hasDueRows, "state is saved between steps, when no window is left half closed")
    let start = buffer.count
    var out = SnapshotWriter(buffer: buffer)
    out.write(Self.magic)
    out.write(Self.formatVersion)
    out.write(plan.fingerprint)
    out.write(0)
    out.write(0)
    out.write(UInt64(bitPattern: position))
    out.write(UInt64(bitPattern: eventTime.watermark.streamTime))
    for space in keySpaces { space.save(to: &out) }
    let bodyStart = start + Self.headerByteCount
    let header = UnsafeMutableRawPointer(buffer.base + start)
    header.storeBytes(of: UInt64(buffer.count - bodyStart).littleEndian, toByteOffset: 24, as: UInt64.self)
    let hash = Hash.bytes(buffer.base + bodyStart, count: buffer.count - bodyStart)
    header.storeBytes(of: hash.littleEndian, toByteOffset: 32, as: UInt64.self)
  }

  /// Takes over a saved state and returns the position saved with it; the engine must not have seen a record yet.
  public func load(_ bytes: UnsafeRawBufferPointer) throws(SnapshotError) -> Int64 {
    guard bytes.count >= Self.headerByteCount else { throw .damaged }
    var header = SnapshotReader(bytes)
    guard try header.word() == Self.magic else { throw .damaged }
    let version = try header.word()
    guard version == Self.formatVersion else { throw .otherFormat(version) }
    guard try header.word() == plan.fingerprint else { throw .otherViews }
    let bodyByteCount = try header.integer(upTo: bytes.count - Self.headerByteCount)
    let hash = try header.word()
    let body = UnsafeRawBufferPointer(rebasing: bytes[Self.headerByteCount...].prefix(bodyByteCount))
    guard let start = body.baseAddress, Hash.bytes(start.assumingMemoryBound(to: UInt8.self), count: body.count) == hash else {
      throw .damaged
    }
    var input = SnapshotReader(body)
    let position = Int64(bitPattern: try input.word())
    let streamTime = Int64(bitPattern: try input.word())
    if streamTime != .min { eventTime.watermark.advance(streamTimeTo: streamTime) }
    for space in keySpaces { try space.load(from: &input) }
    if streamTime != .min { self.start(at: streamTime) }
    return position
  }
}
