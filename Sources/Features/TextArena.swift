// Memory for texts that are made while a batch is evaluated. It never moves: values point into it until the next batch. Blocks are kept from
// batch to batch; what a single large batch needed is given back.
//
//      block 0 [ text text text ... | free | padding ]   block 1 [ ... ]   each at least twice as large as the one before

import Base
import Records

final class TextArena {
  /// A longer text is not made; the value is null, as outside the range.
  static let textByteCountMax = 1 << 20
  private static let firstBlockByteCount = 1 << 14
  private static let keptByteCountMax = 32 << 20

  private var blocks: [UnsafeMutableBufferPointer<UInt8>] = []
  private var current = -1
  private var used = 0

  deinit {
    for block in blocks { block.deallocate() }
  }

  /// Forgets all texts.
  func removeAll() {
    used = 0
    while let block = blocks.last, blocks.reduce(0, { $0 + $1.count }) > Self.keptByteCountMax {
      block.deallocate()
      blocks.removeLast()
    }
    current = blocks.isEmpty ? -1 : 0
  }

  /// Room for `count` bytes at the end; what is written there stays once `take` has been called.
  @inline(__always)
  func reserve(_ count: Int) -> UnsafeMutablePointer<UInt8> {
    if current < 0 || used + count > blocks[current].count - ByteBuffer.padding { nextBlock(count) }
    return blocks[current].baseAddress! + used
  }

  /// Keeps `count` of the bytes reserved last, as a value.
  @inline(__always)
  func take(_ count: Int) -> ColumnValue {
    let start = UnsafePointer(blocks[current].baseAddress! + used)
    used += count
    return ColumnValue(string: UnsafeBufferPointer(start: start, count: count))
  }

  private func nextBlock(_ count: Int) {
    let needed = count + ByteBuffer.padding
    used = 0
    while current + 1 < blocks.count {
      current += 1
      if blocks[current].count >= needed { return }
    }
    let byteCount = max(needed, blocks.last.map { min($0.count * 2, 8 << 20) } ?? Self.firstBlockByteCount)
    let block = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: byteCount)
    block.initialize(repeating: 0)
    blocks.append(block)
    current = blocks.count - 1
  }
}
