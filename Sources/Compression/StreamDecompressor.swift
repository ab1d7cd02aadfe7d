// A stream of compressed bytes becomes a stream of bytes, a bounded piece at a time: whatever the input claims to hold, a call
// makes no more than it was given room for. Several frames (zstd) or members (gzip) behind each other are one stream, as the tools
// that write them mean it.
//
//   input piece -> decompress -> at most `room` bytes appended, and how much of the piece was taken

import Base
import CZlib
import CZstd

/// What one call of a `StreamDecompressor` did.
public struct DecompressionStep: Equatable, Sendable {
  /// Bytes of the input that need not be given again.
  public var takenCount: Int
  /// Whether all that those bytes give is out. If not, the next call makes more, also from an empty input.
  public var isDrained: Bool
}

/// Takes a stream piece by piece. Belongs to one thread; after an error it is of no more use.
public protocol StreamDecompressor: AnyObject {
  /// Takes what it can of `input` and appends at most `room` bytes to `output`. Throws bad data where the stream is damaged.
  func decompress(_ input: UnsafeRawBufferPointer, into output: ByteBuffer, room: Int) throws(Failure) -> DecompressionStep

  /// Throws bad data where the stream that ends here is not whole.
  func finish() throws(Failure)
}

extension Compression {
  /// A decompressor for streams, nil for `none`.
  public func makeStreamDecompressor() throws(Failure) -> (any StreamDecompressor)? {
    switch self {
    case .none: nil
    case .gzip: try GzipStreamDecompressor()
    case .zstd: try ZstdStreamDecompressor()
    }
  }
}

/// Zstandard (RFC 8878) by libzstd. Owns one context, whose window libzstd bounds at 128 MiB.
public final class ZstdStreamDecompressor: StreamDecompressor {
  private let context: OpaquePointer
  /// Whether the last frame has ended, or none has begun.
  private var isBetweenFrames = true

  public init() throws(Failure) {
    guard let context = ZSTD_createDCtx() else { throw Failure(.failure, "cannot start zstd: out of memory") }
    self.context = context
  }

  deinit { ZSTD_freeDCtx(context) }

  public func decompress(
    _ input: UnsafeRawBufferPointer, into output: ByteBuffer, room: Int
  ) throws(Failure) -> DecompressionStep {
    precondition(room > 0, "a decompressor needs room")
    // An empty call between frames would begin one.
    if isBetweenFrames, input.isEmpty { return DecompressionStep(takenCount: 0, isDrained: true) }
    output.reserve(room)
    var source = ZSTD_inBuffer(src: input.baseAddress, size: input.count, pos: 0)
    var space = ZSTD_outBuffer(dst: output.base + output.count, size: room, pos: 0)
    var isDrained = false
    while true {
      let rest = ZSTD_decompressStream(context, &space, &source)
      guard ZSTD_isError(rest) == 0 else { throw Failure(.badData, "zstd: \(String(cString: ZSTD_getErrorName(rest)))") }
      isBetweenFrames = rest == 0
      isDrained = space.pos < room || isBetweenFrames
      if source.pos == source.size || space.pos == room { break }
    }
    output.count += space.pos
    return DecompressionStep(takenCount: source.pos, isDrained: isDrained)
  }

  public func finish() throws(Failure) {
    guard isBetweenFrames else { throw Failure(.badData, "zstd: it ends too early") }
  }
}

/// Gzip (RFC 1952) by zlib. Owns one `z_stream`.
public final class GzipStreamDecompressor: StreamDecompressor {
  /// zlib keeps the address, so the stream must not move.
  private let stream: UnsafeMutablePointer<z_stream>
  private var isBetweenMembers = true

  public init() throws(Failure) {
    stream = .allocate(capacity: 1)
    stream.initialize(to: z_stream())
    let code = freshet_inflate_start(stream, 31)
    guard code == Z_OK else {
      stream.deallocate()
      throw Failure(.failure, "cannot start zlib \(String(cString: zlibVersion())): \(String(cString: zError(code)))")
    }
  }

  deinit {
    inflateEnd(stream)
    stream.deallocate()
  }

  public func decompress(
    _ input: UnsafeRawBufferPointer, into output: ByteBuffer, room: Int
  ) throws(Failure) -> DecompressionStep {
    precondition(room > 0 && room <= 1 << 30 && input.count <= 1 << 30, "pieces are smaller than 1 GiB")
    if isBetweenMembers, input.isEmpty { return DecompressionStep(takenCount: 0, isDrained: true) }
    output.reserve(room)
    // zlib only reads what it takes as a mutable pointer.
    stream.pointee.next_in = UnsafeMutablePointer(mutating: input.baseAddress?.assumingMemoryBound(to: UInt8.self))
    stream.pointee.avail_in = UInt32(input.count)
    stream.pointee.next_out = output.base + output.count
    stream.pointee.avail_out = UInt32(room)
    repeat {
      if isBetweenMembers { inflateReset(stream) }
      let code = inflate(stream, Z_NO_FLUSH)
      guard code == Z_OK || code == Z_STREAM_END || code == Z_BUF_ERROR else {
        throw Failure(.badData, "gzip: \(stream.pointee.msg.map { String(cString: $0) } ?? String(cString: zError(code)))")
      }
      isBetweenMembers = code == Z_STREAM_END
      if code == Z_BUF_ERROR { break }
    } while stream.pointee.avail_in > 0 && stream.pointee.avail_out > 0
    let takenCount = input.count - Int(stream.pointee.avail_in)
    let isDrained = stream.pointee.avail_out > 0 || isBetweenMembers
    output.count += room - Int(stream.pointee.avail_out)
    return DecompressionStep(takenCount: takenCount, isDrained: isDrained)
  }

  public func finish() throws(Failure) {
    guard isBetweenMembers else { throw Failure(.badData, "gzip: it ends too early") }
  }
}
