// The sessions that are alive: slots of one size in one block, the free ones in a list. A slot is only reached by its number, so the block
// may move when it grows.
//
//     [ random | identifier (16) | session | started | state | order | step | flags | rows as in a ticket ]

import Base

/// The fixed front of a slot; `rowCount` 64-bit row numbers follow.
struct SessionHeader: BitwiseCopyable {
  var random: Random
  var identifier: UUIDBits
  /// As in `Ticket`.
  var session: UInt64
  /// Of event time, in ns since the epoch.
  var startedAt: Int64
  var state: Int32
  /// Decides between sessions due at the same nanosecond.
  var order: UInt32
  /// Records so far.
  var step: UInt32
  var flags: SessionFlags
  /// 0 for a session of its own pace, else the number of a swarm, from 1; `UInt16.max` for bots.
  var pace: UInt16
}

/// Owned memory: whoever makes one calls `deallocate`.
struct SessionPool: BitwiseCopyable {
  private var block: UnsafeMutableRawPointer
  private let stride: Int
  private var capacity: UInt32
  /// Numbers of free slots; the block's first ones come first.
  private var free: UnsafeMutablePointer<UInt32>
  private var freeCount: UInt32
  var liveCount: Int { Int(capacity - freeCount) }

  init(rowCount: Int) {
    stride = Self.stride(rowCount: rowCount)
    capacity = 0
    freeCount = 0
    block = .allocate(byteCount: 64, alignment: 64)
    free = .allocate(capacity: 1)
    grow()
  }

  /// Bytes of one session.
  static func stride(rowCount: Int) -> Int { (MemoryLayout<SessionHeader>.stride + rowCount * 8 + 15) / 16 * 16 }

  func deallocate() {
    block.deallocate()
    free.deallocate()
  }

  /// A slot with undefined content.
  @inline(__always)
  mutating func take() -> UInt32 {
    if freeCount == 0 { grow() }
    freeCount &-= 1
    return free[Int(freeCount)]
  }

  @inline(__always)
  mutating func release(_ slot: UInt32) {
    free[Int(freeCount)] = slot
    freeCount &+= 1
  }

  /// Valid until the next `take`.
  @inline(__always)
  func header(_ slot: UInt32) -> UnsafeMutablePointer<SessionHeader> {
    (block + Int(slot) &* stride).assumingMemoryBound(to: SessionHeader.self)
  }

  /// The rows behind a header.
  @inline(__always)
  static func rows(_ header: UnsafeMutablePointer<SessionHeader>) -> UnsafeMutablePointer<UInt64> {
    UnsafeMutableRawPointer(header + 1).assumingMemoryBound(to: UInt64.self)
  }

  @inline(never)
  private mutating func grow() {
    let newCapacity = max(capacity * 2, 256)
    let newBlock = UnsafeMutableRawPointer.allocate(byteCount: Int(newCapacity) * stride, alignment: 64)
    newBlock.copyMemory(from: block, byteCount: Int(capacity) * stride)
    block.deallocate()
    block = newBlock
    free.deallocate()
    free = .allocate(capacity: Int(newCapacity))
    freeCount = newCapacity - capacity
    for index in 0..<freeCount { free[Int(index)] = newCapacity - 1 - index }
    capacity = newCapacity
  }
}
