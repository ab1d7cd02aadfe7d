// Records of an Avro container file or pipe (Apache Avro 1.11 specification, "Object Container Files"; see `AvroContainer` for the layout).
//
//   input   [ consumed | count | size | compressed records | sync | count | ... ]
//                      ^ position
//   block   [ given | record | record | ... ]       one block, decompressed; records are copied into batches from here
//                   ^ blockPosition
//
// A block is believed only when the sync marker stands behind it and all of it was decompressed. One that is damaged becomes one record that says
// so, and reading goes on behind the next sync marker. The offset of a record is its number, from 0; what is damaged counts as one.
//
// Without the magic of a container, and with a schema, the input is records one behind the other; their offsets are bytes.

import Base
import Codec
import Compression
import Records

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

public final class AvroSource: Source {
  /// Blocks, compressed or not, and records that stand alone are no larger: a batch has to hold one whole.
  public static let blockByteCountMax = 256 << 20
  static let headerByteCountMax = 32 << 20
  static let bareRecordByteCountMax = 16 << 20
  static let syncByteCount = 16

  enum State {
    case header
    case block
    /// Looking for a sync marker behind damage that began at a byte of the input.
    case search(from: Offset, reason: String)
    case bare
    case end
  }

  public let isBounded = true
  public var name: String { input.name }
  let input: InputDescriptor
  private let readByteCount: Int
  private let bareSchema: AvroSchema?
  var state = State.header
  let buffer = ByteBuffer(capacity: 1 << 20)
  /// Bytes of the buffer that were dealt with, and where the buffer's first byte stands in the input.
  var position = 0
  var bufferOffset: Offset = 0
  var isAtEnd = false
  var recordNumber: Offset = 0
  /// Records before this offset were dealt with by an earlier run.
  private var firstOffset: Offset = 0
  private var lastPassedOffset: Offset = -1
  private var isPaused = false

  var header: AvroHeader?
  var splitter: AvroSplitter?
  var decompressor: (any BlockDecompressor)?
  let block = ByteBuffer(capacity: 0)
  var blockPosition = 0
  var blockRecordCount = 0
  var blockRecordsGiven = 0
  var blockOffset: Offset = 0

  /// Reads from a descriptor that stays open afterwards, such as standard input.
  ///
  /// - Parameter schema: of records that stand in no container.
  public init(descriptor: Int32, name: String, schema: AvroSchema? = nil, readByteCount: Int = 1 << 20) {
    input = InputDescriptor(descriptor: descriptor, name: name)
    bareSchema = schema
    self.readByteCount = readByteCount
  }

  /// Opens a file.
  public init(path: String, schema: AvroSchema? = nil, readByteCount: Int = 1 << 20) throws(Failure) {
    input = try InputDescriptor(path: path)
    bareSchema = schema
    self.readByteCount = readByteCount
  }

  public func poll(into batch: RecordBatch, maximumCount: Int, timeoutMilliseconds: Int) throws -> PollResult {
    batch.removeAll()
    guard !isPaused else { return input.rest(timeoutMilliseconds) }
    while true {
      let needsMore = try advance(batch, maximumCount)
      if firstOffset > 0 { passOver(batch) }
      if case .end = state, blockRecordsGiven == blockRecordCount {
        guard firstOffset == 0 || lastPassedOffset == firstOffset - 1 else {
          throw Failure(
            .badData,
            "\(name) ends before the place that an earlier run has read up to (\(firstOffset)): it is another input now. "
              + "--ignore-checkpoints reads it from its beginning")
        }
        return batch.count > 0 ? .records : .endOfInput
      }
      // Records that are there are not kept waiting for others.
      if batch.count > 0, needsMore || batch.count >= maximumCount || batch.bytes.count >= Self.blockByteCountMax {
        return .records
      }
      guard needsMore else { continue }
      guard try input.waitUntilReadable(timeoutMilliseconds) else { return .idle }
      try readMore()
    }
  }

  public var isRepeatable: Bool { input.isFile }

  /// What stands before the position is taken apart once more and passed over: only so is it known where records begin, and how many of them
  /// damage has cost.
  public func start(_ partitions: [PartitionIndex], at positions: [PartitionOffset]) throws {
    firstOffset = positions.first.map { max(0, $0.offset) } ?? 0
  }

  public func setPaused(_ isPaused: Bool) throws { self.isPaused = isPaused }
  public func commit(_ positions: [PartitionOffset], waits: Bool) throws {}
  public func lag(of partition: PartitionIndex) -> Int64? { nil }
  public func close() throws {}

  // MARK: Steps

  /// Drops the records of the batch that were dealt with before; the others keep their bytes.
  private func passOver(_ batch: RecordBatch) {
    guard batch.count > 0 else { return }
    var kept = 0
    for index in 0..<batch.count {
      guard batch.slots[index].offset >= firstOffset else {
        lastPassedOffset = batch.slots[index].offset
        continue
      }
      batch.slots[kept] = batch.slots[index]
      kept += 1
    }
    batch.count = kept
    if kept == 0 { batch.bytes.removeAll() } else { firstOffset = 0 }
  }

  /// One step with what is in the buffer; true where it takes more than that.
  private func advance(_ batch: RecordBatch, _ maximumCount: Int) throws(Failure) -> Bool {
    if blockRecordsGiven < blockRecordCount {
      giveRecords(batch, maximumCount)
      return false
    }
    switch state {
    case .header: return try readHeader()
    case .block: return readBlock(batch)
    case .search(let start, let reason): return search(batch, start, reason)
    case .bare: return giveBareRecords(batch, maximumCount)
    case .end: return false
    }
  }

  var unread: UnsafeBufferPointer<UInt8> {
    UnsafeBufferPointer(start: buffer.base + position, count: buffer.count - position)
  }

  var offset: Offset { bufferOffset + Int64(position) }

  private func readMore() throws(Failure) {
    if position > 0 {
      // What is left moves to the front: less than a block.
      memmove(buffer.base, buffer.base + position, buffer.count - position)
      buffer.count -= position
      bufferOffset += Int64(position)
      position = 0
    }
    if try input.read(readByteCount, into: buffer) == 0 { isAtEnd = true }
  }

  private func readHeader() throws(Failure) -> Bool {
    let bytes = unread
    let magicCount = AvroContainer.magic.count
    guard bytes.count >= magicCount || isAtEnd else { return true }
    guard bytes.starts(with: AvroContainer.magic) else {
      if bytes.isEmpty {
        state = .end
        return false
      }
      try beginBare(bytes)
      return false
    }
    var reader = AvroHeaderReader(bytes, from: magicCount)
    guard let header = try reader.read(name) else {
      guard bytes.count <= Self.headerByteCountMax else {
        throw Failure(.badData, "\(name): the header is larger than \(Self.headerByteCountMax) bytes")
      }
      guard !isAtEnd else { throw Failure(.badData, "\(name): the file ends in its header, at byte \(bytes.count)") }
      return true
    }
    position += reader.position
    do { splitter = try AvroSplitter(try AvroSchema(header.schema)) } catch {
      throw Failure(.badData, "\(name): the schema of the file: \(error)")
    }
    decompressor = try header.makeDecompressor(name)
    self.header = header
    state = .block
    return false
  }

  private func beginBare(_ bytes: UnsafeBufferPointer<UInt8>) throws(Failure) {
    guard let bareSchema else {
      let hint = bytes.first == UInt8(ascii: "{") ? "; these look like lines of JSON: 'format: json'" : ""
      throw Failure(
        .badData,
        "\(name): expected an Avro container file, which begins with 'Obj' and a byte 1\(hint); records without one need 'avro_schema'"
      )
    }
    do { splitter = try AvroSplitter(bareSchema) } catch { throw Failure(.badConfiguration, "avro_schema: \(error)") }
    state = .bare
  }
}
