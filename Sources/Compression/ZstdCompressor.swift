// Zstandard (RFC 8878) by libzstd: frames with a checksum for files, plain frames for the blocks of an Avro file.

import Base
import CZstd

/// Owns one compression context.
public final class ZstdCompressor: StreamCompressor, BlockCompressor {
  private let context: OpaquePointer
  private var pending = CompressedOutput()

  /// - Parameters:
  ///   - level: 1 to 19.
  ///   - hasChecksum: Whether a frame ends with a checksum of its content, as the files of the `zstd` command do.
  public init(level: Int, hasChecksum: Bool = true) throws(Failure) {
    precondition(Compression.zstdLevels.contains(level), "zstd has the levels 1 to 19")
    guard let context = ZSTD_createCCtx() else { throw Failure(.failure, "cannot start zstd: out of memory") }
    for (parameter, value) in [(ZSTD_c_compressionLevel, Int32(level)), (ZSTD_c_checksumFlag, hasChecksum ? 1 : 0)] {
      let code = ZSTD_CCtx_setParameter(context, parameter, value)
      guard ZSTD_isError(code) == 0 else {
        ZSTD_freeCCtx(context)
        throw Failure(.failure, "cannot start zstd: \(String(cString: ZSTD_getErrorName(code)))")
      }
    }
    self.context = context
  }

  deinit { ZSTD_freeCCtx(context) }

  public func compress(_ bytes: UnsafeRawBufferPointer, to output: (UnsafeRawBufferPointer) throws -> Void) throws {
    var input = ZSTD_inBuffer(src: bytes.baseAddress, size: bytes.count, pos: 0)
    while input.pos < input.size { try step(&input, ZSTD_e_continue, output) }
  }

  public func finish(to output: (UnsafeRawBufferPointer) throws -> Void) throws {
    var input = ZSTD_inBuffer(src: nil, size: 0, pos: 0)
    while try step(&input, ZSTD_e_end, output) != 0 {}
    try pending.drain(to: output)
  }

  public func compress(_ block: UnsafeRawBufferPointer, into output: ByteBuffer) throws {
    let bound = ZSTD_compressBound(block.count)
    output.reserve(bound)
    let count = ZSTD_compress2(context, output.base + output.count, bound, block.baseAddress, block.count)
    guard ZSTD_isError(count) == 0 else { throw failure(count) }
    output.count += count
  }

  /// Returns how much zstd still holds back, at least.
  @discardableResult
  private func step(
    _ input: inout ZSTD_inBuffer, _ directive: ZSTD_EndDirective, _ output: (UnsafeRawBufferPointer) throws -> Void
  ) throws -> Int {
    var space = ZSTD_outBuffer(dst: pending.free, size: pending.freeCount, pos: 0)
    let rest = ZSTD_compressStream2(context, &space, &input, directive)
    guard ZSTD_isError(rest) == 0 else { throw failure(rest) }
    pending.count += space.pos
    if pending.freeCount == 0 { try pending.drain(to: output) }
    return rest
  }

  private func failure(_ code: Int) -> Failure {
    Failure(.failure, "zstd \(String(cString: ZSTD_versionString())) cannot compress: \(String(cString: ZSTD_getErrorName(code)))")
  }
}
