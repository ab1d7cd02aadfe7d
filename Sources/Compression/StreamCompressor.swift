// A stream of bytes becomes a stream of compressed bytes, handed on in large pieces.
//
//   compress(bytes) -> [ C state | output 128 KiB ] -- full --> output closure
//   finish()        -> the rest and the stream's end; the next compress begins a new stream

/// One compressed stream after another. The same bytes give the same output, however they are cut into calls.
public protocol StreamCompressor: AnyObject {
  /// Takes all of `bytes`; calls `output` whenever a piece is full. After an error, of `output` too, the compressor is of no more use.
  func compress(_ bytes: UnsafeRawBufferPointer, to output: (UnsafeRawBufferPointer) throws -> Void) throws

  /// Ends the stream and hands over what is left of it. What follows is a new stream.
  func finish(to output: (UnsafeRawBufferPointer) throws -> Void) throws
}

/// The bytes that a compressor has made and nobody has taken yet.
struct CompressedOutput: ~Copyable {
  static let capacity = 1 << 17
  let base: UnsafeMutablePointer<UInt8>
  var count = 0

  init() { base = .allocate(capacity: Self.capacity) }

  deinit { base.deallocate() }

  var free: UnsafeMutablePointer<UInt8> { base + count }
  var freeCount: Int { Self.capacity - count }

  /// Hands the bytes over, if there are any.
  mutating func drain(to output: (UnsafeRawBufferPointer) throws -> Void) throws {
    guard count > 0 else { return }
    let taken = count
    count = 0
    try output(UnsafeRawBufferPointer(start: base, count: taken))
  }
}
