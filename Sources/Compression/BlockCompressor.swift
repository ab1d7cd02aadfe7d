// Blocks of bytes that are compressed each for itself, as the blocks of an Avro file are.

import Base

/// Compresses one block after another.
public protocol BlockCompressor: AnyObject {
  /// Appends the compressed form of all of `block`. Costs `output` room for the worst case.
  func compress(_ block: UnsafeRawBufferPointer, into output: ByteBuffer) throws
}
