// Texts that a decoder makes while it fills columns. How long they become is not known beforehand, so the memory may move: a value holds the
// offset of its text until the batch is through, and then its address. The highest bit tells the two apart, as a value may be stored more than
// once before: no address has it.

import Base
import Records

final class DeferredText {
  private static let isOffset: UInt64 = 1 << 63

  let buffer = ByteBuffer()
  private var values: ContiguousArray<UnsafeMutablePointer<ColumnValue>> = []

  /// Forgets the texts of the batch before.
  func removeAll() {
    buffer.removeAll()
    values.removeAll(keepingCapacity: true)
  }

  /// Makes `value` the text from `start` to the end of the buffer.
  func store(_ kind: ValueKind, from start: Int, into value: UnsafeMutablePointer<ColumnValue>) {
    value.pointee = ColumnValue(
      kind: kind, bits: Self.isOffset | UInt64(start), byteCount: UInt32(truncatingIfNeeded: buffer.count - start))
    values.append(value)
  }

  /// Drops what was stored since there were `count` texts and `byteCount` bytes; the values themselves are overwritten by the caller.
  func rewind(count: Int, byteCount: Int) {
    values.removeLast(values.count - count)
    buffer.count = byteCount
  }

  var count: Int { values.count }

  /// Turns the offsets into addresses, which hold until the buffer is next filled.
  func resolve() {
    let base = UInt64(UInt(bitPattern: buffer.base))
    for value in values where value.pointee.kind.rawValue >= ValueKind.string.rawValue && value.pointee.bits & Self.isOffset != 0 {
      value.pointee.bits = value.pointee.bits & ~Self.isOffset &+ base
    }
  }
}
