// Deflate (RFC 1951) by zlib: with gzip's wrapper (RFC 1952) for files, without one for the blocks of an Avro file. The wrapper's time
// stays 0, so that the same bytes give the same file.

import Base
import CZlib

/// Owns one `z_stream`.
public final class DeflateCompressor: StreamCompressor, BlockCompressor {
  public enum Wrapper: Int32, Sendable {
    /// Window bits as zlib takes them: 15, and 16 for gzip.
    case gzip = 31
    case none = -15
  }

  /// zlib keeps the address, so the stream must not move.
  private let stream: UnsafeMutablePointer<z_stream>
  private var pending = CompressedOutput()
  /// zlib counts input in 32 bits.
  private static let inputCountMax = 1 << 30

  /// - Parameter level: 1 to 9.
  public init(level: Int, wrapper: Wrapper) throws(Failure) {
    precondition(Compression.gzipLevels.contains(level), "deflate has the levels 1 to 9")
    stream = .allocate(capacity: 1)
    stream.initialize(to: z_stream())
    let code = freshet_deflate_start(stream, Int32(level), wrapper.rawValue)
    guard code == Z_OK else {
      stream.deallocate()
      throw Failure(.failure, "cannot start zlib \(String(cString: zlibVersion())): \(String(cString: zError(code)))")
    }
  }

  deinit {
    deflateEnd(stream)
    stream.deallocate()
  }

  public func compress(_ bytes: UnsafeRawBufferPointer, to output: (UnsafeRawBufferPointer) throws -> Void) throws {
    guard let start = bytes.baseAddress else { return }
    var taken = 0
    while taken < bytes.count {
      let count = min(bytes.count - taken, Self.inputCountMax)
      setInput(start + taken, count)
      while stream.pointee.avail_in > 0 { try step(Z_NO_FLUSH, output) }
      taken += count
    }
  }

  public func finish(to output: (UnsafeRawBufferPointer) throws -> Void) throws {
    setInput(nil, 0)
    while try step(Z_FINISH, output) != Z_STREAM_END {}
    try pending.drain(to: output)
    deflateReset(stream)
  }

  public func compress(_ block: UnsafeRawBufferPointer, into output: ByteBuffer) throws {
    precondition(block.count <= Self.inputCountMax, "a block is smaller than 1 GiB")
    let bound = Int(deflateBound(stream, UInt(block.count)))
    output.reserve(bound)
    setInput(block.baseAddress, block.count)
    stream.pointee.next_out = output.base + output.count
    stream.pointee.avail_out = UInt32(bound)
    let code = deflate(stream, Z_FINISH)
    // `deflateBound` bytes hold any block of that size.
    guard code == Z_STREAM_END else { throw failure(code) }
    output.count += bound - Int(stream.pointee.avail_out)
    deflateReset(stream)
  }

  private func setInput(_ start: UnsafeRawPointer?, _ count: Int) {
    // zlib only reads what it takes as a mutable pointer.
    stream.pointee.next_in = UnsafeMutablePointer(mutating: start?.assumingMemoryBound(to: UInt8.self))
    stream.pointee.avail_in = UInt32(count)
  }

  @discardableResult
  private func step(_ flush: Int32, _ output: (UnsafeRawBufferPointer) throws -> Void) throws -> Int32 {
    stream.pointee.next_out = pending.free
    stream.pointee.avail_out = UInt32(pending.freeCount)
    let code = deflate(stream, flush)
    guard code == Z_OK || code == Z_STREAM_END else { throw failure(code) }
    pending.count = CompressedOutput.capacity - Int(stream.pointee.avail_out)
    if pending.freeCount == 0 { try pending.drain(to: output) }
    return code
  }

  private func failure(_ code: Int32) -> Failure {
    Failure(.failure, "zlib \(String(cString: zlibVersion())) cannot compress: \(String(cString: zError(code)))")
  }
}
