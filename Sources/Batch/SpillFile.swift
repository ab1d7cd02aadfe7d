// Records that have to wait for their turn, in a compressed temporary file without a name: it is gone with its owner, however that ends.
//
//   block  [ compressed bytes 4 | zstd ]      record in a block  [ value bytes 4 | partition 4 | offset 8 | stream time before 8 | value ]

import Base
import Compression
import Records

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Written first, then read; belongs to one thread.
final class SpillFile {
  private let descriptor: Int32
  private let folder: String
  private let block = ByteBuffer(capacity: 1 << 12)
  private(set) var recordCount: Int64 = 0
  /// Compressed.
  private(set) var byteCount: Int64 = 0

  static let blockByteCount = 1 << 18
  static let headByteCount = 24

  init(folder: String) throws(Failure) {
    self.folder = folder
    var template = Array("\(folder)/freshet-spill-XXXXXX".utf8CString)
    descriptor = mkstemp(&template)
    guard descriptor >= 0 else {
      throw Failure(.inputOutput, "cannot make a temporary file in '\(folder)': \(String(cString: strerror(errno)))")
    }
    _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    // The file stays until it is closed, and nobody else can open it.
    unlink(template)
  }

  deinit { close(descriptor) }

  /// Adds one record; `compressor` is shared by the files of one spill.
  func append(_ batch: RecordBatch, row: Int, streamTimeBefore: Int64, _ compressor: ZstdCompressor) throws {
    let slot = batch.slots[row]
    block.reserve(Self.headByteCount)
    let head = UnsafeMutableRawPointer(block.base + block.count)
    head.storeBytes(of: slot.valueCount, as: UInt32.self)
    head.storeBytes(of: slot.partition, toByteOffset: 4, as: Int32.self)
    head.storeBytes(of: slot.offset, toByteOffset: 8, as: Int64.self)
    head.storeBytes(of: streamTimeBefore, toByteOffset: 16, as: Int64.self)
    block.count += Self.headByteCount
    block.append(batch.value(row))
    recordCount += 1
    if block.count >= Self.blockByteCount { try flush(compressor) }
  }

  /// Writes what has been added.
  func flush(_ compressor: ZstdCompressor) throws {
    guard block.count > 0 else { return }
    let out = ByteBuffer(capacity: block.count)
    out.reserve(4)
    out.count = 4
    try compressor.compress(UnsafeRawBufferPointer(block.bytes), into: out)
    UnsafeMutableRawPointer(out.base).storeBytes(of: UInt32(out.count - 4), as: UInt32.self)
    try write(out.bytes)
    byteCount += Int64(out.count)
    block.removeAll()
  }

  private func write(_ bytes: UnsafeBufferPointer<UInt8>) throws(Failure) {
    var written = 0
    while written < bytes.count {
      let count = pwrite(descriptor, bytes.baseAddress! + written, bytes.count - written, off_t(byteCount) + off_t(written))
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw failure("write") }
      written += count
    }
  }

  private func failure(_ action: String) -> Failure {
    Failure(.inputOutput, "cannot \(action) a temporary file in '\(folder)': \(String(cString: strerror(errno)))")
  }

  /// Reads `count` bytes at `offset`.
  fileprivate func read(_ count: Int, at offset: Int64, into out: ByteBuffer) throws(Failure) {
    out.removeAll()
    out.reserve(count)
    while out.count < count {
      let got = pread(descriptor, out.base + out.count, count - out.count, off_t(offset) + off_t(out.count))
      if got < 0, errno == EINTR { continue }
      guard got > 0 else { throw failure("read") }
      out.count += got
    }
  }
}

/// Gives a spill's records back, in their order.
final class SpillFeed: RecordFeed {
  private(set) var streamTimes: ContiguousArray<Int64>? = []
  private let file: SpillFile
  private let decompressor: ZstdDecompressor
  private let compressed = ByteBuffer(capacity: 1 << 16)
  private var place: Int64 = 0

  init(_ file: SpillFile) throws(Failure) {
    self.file = file
    decompressor = try ZstdDecompressor()
  }

  func fill(_ batch: RecordBatch) throws -> Bool {
    batch.removeAll()
    streamTimes?.removeAll(keepingCapacity: true)
    guard place < file.byteCount else { return false }
    try file.read(4, at: place, into: compressed)
    let count = Int(UnsafeRawPointer(compressed.base).loadUnaligned(as: UInt32.self))
    try file.read(count, at: place + 4, into: compressed)
    place += Int64(4 + count)
    try decompressor.decompress(UnsafeRawBufferPointer(compressed.bytes), into: batch.bytes, byteCountMax: 1 << 30)
    var start = 0
    // We have written it ourselves; a disk that lies is met by zstd's checksum.
    while start + SpillFile.headByteCount <= batch.bytes.count {
      let head = UnsafeRawPointer(batch.bytes.base + start)
      let valueCount = head.loadUnaligned(as: UInt32.self)
      guard start + SpillFile.headByteCount + Int(valueCount) <= batch.bytes.count else { break }
      streamTimes?.append(head.loadUnaligned(fromByteOffset: 16, as: Int64.self))
      batch.append(
        RecordSlot(
          valueStart: UInt32(start + SpillFile.headByteCount), valueCount: valueCount,
          offset: head.loadUnaligned(fromByteOffset: 8, as: Int64.self),
          partition: head.loadUnaligned(fromByteOffset: 4, as: Int32.self)))
      start += SpillFile.headByteCount + Int(valueCount)
    }
    guard start == batch.bytes.count, batch.count > 0 else {
      throw Failure(.inputOutput, "a temporary file does not hold what was written to it")
    }
    return true
  }
}
