// Whole blocks back to what they were. Their bytes come from outside: damage is a failure, and so is a block that grows without end.

import Base
import CZlib
import CZstd

/// Takes one block after another.
public protocol BlockDecompressor: AnyObject {
  /// Appends the content of `block` to `output`. Throws bad data where the block is damaged, ends too early or too late, or holds more than
  /// `byteCountMax` bytes; `output` is then as long as before.
  func decompress(_ block: UnsafeRawBufferPointer, into output: ByteBuffer, byteCountMax: Int) throws(Failure)
}

/// Raw deflate (RFC 1951) by zlib. Owns one `z_stream`.
///
/// Up to four bytes behind the end are let pass: some writers make zlib's format and cut off less of its checksum than there is.
public final class DeflateDecompressor: BlockDecompressor {
  /// zlib keeps the address, so the stream must not move.
  private let stream: UnsafeMutablePointer<z_stream>

  public init() throws(Failure) {
    stream = .allocate(capacity: 1)
    stream.initialize(to: z_stream())
    let code = freshet_inflate_start(stream, -15)
    guard code == Z_OK else {
      stream.deallocate()
      throw Failure(.failure, "cannot start zlib \(String(cString: zlibVersion())): \(String(cString: zError(code)))")
    }
  }

  deinit {
    inflateEnd(stream)
    stream.deallocate()
  }

  public func decompress(_ block: UnsafeRawBufferPointer, into output: ByteBuffer, byteCountMax: Int) throws(Failure) {
    precondition(block.count <= 1 << 30, "a block is smaller than 1 GiB")
    let start = output.count
    inflateReset(stream)
    // zlib only reads what it takes as a mutable pointer.
    stream.pointee.next_in = UnsafeMutablePointer(mutating: block.baseAddress?.assumingMemoryBound(to: UInt8.self))
    stream.pointee.avail_in = UInt32(block.count)
    while true {
      let room = max(4096, min(4 * block.count, 1 << 20))
      output.reserve(room)
      stream.pointee.next_out = output.base + output.count
      stream.pointee.avail_out = UInt32(room)
      let code = inflate(stream, Z_NO_FLUSH)
      output.count += room - Int(stream.pointee.avail_out)
      var reason: String?
      if output.count - start > byteCountMax {
        reason = "more than \(byteCountMax) bytes"
      } else if code == Z_STREAM_END {
        if stream.pointee.avail_in <= 4 { return }
        reason = "bytes follow its end"
      } else if code == Z_BUF_ERROR || code == Z_OK && stream.pointee.avail_in == 0 && stream.pointee.avail_out > 0 {
        reason = "it ends too early"
      } else if code != Z_OK {
        reason = stream.pointee.msg.map { String(cString: $0) } ?? String(cString: zError(code))
      }
      if let reason {
        output.count = start
        throw Failure(.badData, "deflate: \(reason)")
      }
    }
  }
}

/// Zstandard (RFC 8878) by libzstd: one frame or several. Owns one context.
public final class ZstdDecompressor: BlockDecompressor {
  private let context: OpaquePointer

  public init() throws(Failure) {
    guard let context = ZSTD_createDCtx() else { throw Failure(.failure, "cannot start zstd: out of memory") }
    self.context = context
  }

  deinit { ZSTD_freeDCtx(context) }

  public func decompress(_ block: UnsafeRawBufferPointer, into output: ByteBuffer, byteCountMax: Int) throws(Failure) {
    let start = output.count
    ZSTD_DCtx_reset(context, ZSTD_reset_session_only)
    var input = ZSTD_inBuffer(src: block.baseAddress, size: block.count, pos: 0)
    while true {
      let room = max(4096, min(4 * block.count, 1 << 20))
      output.reserve(room)
      var space = ZSTD_outBuffer(dst: output.base + output.count, size: room, pos: 0)
      let rest = ZSTD_decompressStream(context, &space, &input)
      output.count += space.pos
      var reason: String?
      if ZSTD_isError(rest) != 0 {
        reason = String(cString: ZSTD_getErrorName(rest))
      } else if output.count - start > byteCountMax {
        reason = "more than \(byteCountMax) bytes"
      } else if input.pos == input.size {
        if rest == 0 { return }
        // Nothing more comes in, and nothing came out although there was room.
        if space.pos < space.size { reason = "it ends too early" }
      }
      if let reason {
        output.count = start
        throw Failure(.badData, "zstd: \(reason)")
      }
    }
  }
}
