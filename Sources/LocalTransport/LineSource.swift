// Lines of a file or a pipe as records. Bytes are read straight into the batch; a line that is cut off by the end of a read waits in front of
// the next one. The offset of a record is the byte offset of its line.
//
//   batch bytes   [ rest of last read | newly read .................. ]
//                   ^ line            ^ line          ^ cut line -> carried to the next batch

import Base
import Records

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

public final class LineSource: Source {
  /// Longer lines end the run: they are no events, and a batch has to hold one whole.
  public static let lineByteCountMax = 16 << 20

  public let isBounded = true
  public var name: String { input.name }
  private let input: InputDescriptor
  private let readByteCount: Int
  /// The beginning of a line whose end has not been read, and where it stands in the input.
  private let carried = ByteBuffer(capacity: 1 << 16)
  private var carriedOffset: Offset = 0
  /// The rest of a line that was dealt with before is passed over first.
  private var passesLine = false
  private var isAtEnd = false
  private var isPaused = false

  /// Reads from a descriptor that stays open afterwards, such as standard input.
  public init(descriptor: Int32, name: String, readByteCount: Int = 1 << 20) {
    input = InputDescriptor(descriptor: descriptor, name: name)
    self.readByteCount = readByteCount
  }

  /// Opens a file.
  public init(path: String, readByteCount: Int = 1 << 20) throws(Failure) {
    input = try InputDescriptor(path: path)
    self.readByteCount = readByteCount
  }

  /// `maximumCount` bounds nothing here: a batch holds the lines of one read.
  public func poll(into batch: RecordBatch, maximumCount: Int, timeoutMilliseconds: Int) throws -> PollResult {
    batch.removeAll()
    guard !isPaused else { return input.rest(timeoutMilliseconds) }
    guard !isAtEnd else { return .endOfInput }
    batch.bytes.append(carried.bytes)
    let searchStart = carried.count
    carried.removeAll()
    guard try input.waitUntilReadable(timeoutMilliseconds) else {
      keep(batch, from: 0)
      return .idle
    }
    let count = try input.read(readByteCount, into: batch.bytes)
    if passesLine {
      guard passLine(batch, isLast: count == 0) else {
        return try poll(into: batch, maximumCount: maximumCount, timeoutMilliseconds: timeoutMilliseconds)
      }
    }
    if count == 0 {
      isAtEnd = true
      // The last line may lack its line feed.
      if batch.bytes.count > 0 { addLine(batch, 0, batch.bytes.count) }
      return batch.count > 0 ? .records : .endOfInput
    }
    if carriedOffset == 0 { try refuseContainer(batch.bytes.bytes) }
    let lineEnd = split(batch, searchFrom: searchStart)
    let batchOffset = carriedOffset
    carriedOffset = batchOffset + Int64(lineEnd)
    keep(batch, from: lineEnd)
    if carried.count > Self.lineByteCountMax {
      throw Failure(
        .badData,
        "\(name): the line at byte \(carriedOffset) is longer than \(Self.lineByteCountMax) bytes; are these lines of JSON?")
    }
    // A piece of a line is not silence.
    return batch.count > 0 ? .records : try poll(into: batch, maximumCount: maximumCount, timeoutMilliseconds: timeoutMilliseconds)
  }

  public var isRepeatable: Bool { input.isFile }

  /// A position is the offset of the line before it, and one: reading begins behind the end of that line.
  public func start(_ partitions: [PartitionIndex], at positions: [PartitionOffset]) throws {
    guard let offset = positions.first?.offset, offset > 0 else { return }
    let tail = try input.skip(offset)
    // Another file has no line that begins just there, most of the time.
    guard tail.last != 10, tail.count < 2 || tail[0] == 10 else {
      throw Failure(
        .badData,
        "\(name) has no line at byte \(offset - 1), where an earlier run has read one: it is another input now. "
          + "--ignore-checkpoints reads it from its beginning")
    }
    carriedOffset = offset
    passesLine = true
  }

  public func setPaused(_ isPaused: Bool) throws { self.isPaused = isPaused }
  public func commit(_ positions: [PartitionOffset], waits: Bool) throws {}
  public func lag(of partition: PartitionIndex) -> Int64? { nil }
  public func close() throws {}

  // MARK: Lines

  /// Drops what stands before the next line; false where that begins further on.
  private func passLine(_ batch: RecordBatch, isLast: Bool) -> Bool {
    guard !isLast else {
      passesLine = false
      return true
    }
    let end = memchr(batch.bytes.base, 10, batch.bytes.count).map { UnsafeRawPointer($0) - UnsafeRawPointer(batch.bytes.base) + 1 }
    let dropped = end ?? batch.bytes.count
    memmove(batch.bytes.base, batch.bytes.base + dropped, batch.bytes.count - dropped)
    batch.bytes.count -= dropped
    carriedOffset += Int64(dropped)
    passesLine = end == nil
    return end != nil
  }

  /// Adds every whole line of the batch; returns where the first cut one begins.
  private func split(_ batch: RecordBatch, searchFrom: Int) -> Int {
    var lineStart = 0
    var search = searchFrom
    let end = batch.bytes.count
    while search < end, let found = memchr(batch.bytes.base + search, 10, end - search) {
      let lineEnd = UnsafePointer(found.assumingMemoryBound(to: UInt8.self)) - UnsafePointer(batch.bytes.base)
      addLine(batch, lineStart, lineEnd)
      lineStart = lineEnd + 1
      search = lineStart
    }
    return lineStart
  }

  /// Blank lines are no records.
  private func addLine(_ batch: RecordBatch, _ start: Int, _ end: Int) {
    var end = end
    if end > start, batch.bytes.base[end - 1] == 13 { end -= 1 }
    guard end > start else { return }
    batch.append(RecordSlot(valueStart: UInt32(start), valueCount: UInt32(end - start), offset: carriedOffset + Int64(start)))
  }

  /// An Avro file is no lines, and would only be rejected in pieces.
  private func refuseContainer(_ bytes: UnsafeBufferPointer<UInt8>) throws(Failure) {
    guard bytes.starts(with: AvroContainer.magic) else { return }
    throw Failure(.badData, "\(name): this is an Avro file; the pipeline's source needs 'format: avro'")
  }

  private func keep(_ batch: RecordBatch, from start: Int) {
    carried.append(batch.bytes.base + start, count: batch.bytes.count - start)
  }
}
