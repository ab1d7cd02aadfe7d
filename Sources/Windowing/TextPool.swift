// Bytes of changing length that belong to flat state: long keys and the strings of `last`. One growing buffer cut into blocks of
// 16 * 2^class bytes, with a free list per class threaded through the free blocks, so state stays a handful of flat arrays.
//
//   offset -> [ block of 16 * 2^class bytes ]      a free block begins with the offset of the next free one, plus one (0: none)

import Base

/// Where a text lies in its pool.
struct TextReference: BitwiseCopyable {
  var offset: UInt64
  var byteCount: UInt32
}

final class TextPool {
  static let classCount = 28

  let storage = ByteBuffer(capacity: 1 << 12)
  /// Per class: offset of the first free block plus one, 0 for none.
  var freeHeads = [UInt64](repeating: 0, count: TextPool.classCount)

  /// Copies `bytes` into a block of its own.
  func store(_ bytes: UnsafeBufferPointer<UInt8>) -> TextReference {
    let offset = allocate(Self.sizeClass(bytes.count))
    if let start = bytes.baseAddress { (storage.base + Int(offset)).update(from: start, count: bytes.count) }
    return TextReference(offset: offset, byteCount: UInt32(bytes.count))
  }

  /// Replaces a text, in place where the new one fits into its block.
  func replace(_ old: TextReference, with bytes: UnsafeBufferPointer<UInt8>) -> TextReference {
    guard Self.sizeClass(bytes.count) == Self.sizeClass(Int(old.byteCount)) else {
      release(old)
      return store(bytes)
    }
    if let start = bytes.baseAddress { (storage.base + Int(old.offset)).update(from: start, count: bytes.count) }
    return TextReference(offset: old.offset, byteCount: UInt32(bytes.count))
  }

  func release(_ text: TextReference) {
    let sizeClass = Self.sizeClass(Int(text.byteCount))
    UnsafeMutableRawPointer(storage.base + Int(text.offset)).storeBytes(of: freeHeads[sizeClass], as: UInt64.self)
    freeHeads[sizeClass] = text.offset + 1
  }

  /// Valid until the next `store` or `replace`.
  func bytes(_ text: TextReference) -> UnsafeBufferPointer<UInt8> {
    UnsafeBufferPointer(start: storage.base + Int(text.offset), count: Int(text.byteCount))
  }

  private func allocate(_ sizeClass: Int) -> UInt64 {
    let head = freeHeads[sizeClass]
    if head != 0 {
      freeHeads[sizeClass] = UnsafeRawPointer(storage.base + Int(head - 1)).loadUnaligned(as: UInt64.self)
      return head - 1
    }
    let offset = storage.count
    storage.reserve(16 << sizeClass)
    storage.count += 16 << sizeClass
    return UInt64(offset)
  }

  private static func sizeClass(_ byteCount: Int) -> Int {
    byteCount <= 16 ? 0 : Int.bitWidth - ((byteCount - 1) >> 4).leadingZeroBitCount
  }
}
