// Bytes of changing length that belong to flat state: long keys, texts, and what accumulators hold beyond their fixed part. One growing
// stretch of memory cut into blocks of 16, 32, 48, 64, 96, 128, 192 ... bytes, with a free list per size threaded through the free blocks, so
// state stays a handful of flat arrays and a snapshot of it is a copy.
//
//   block number (16-byte units) -> [ block ]      a free block begins with the number of the next free one, plus one (0: none)

import Base

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Where a text lies in its pool.
struct TextReference: BitwiseCopyable {
  /// Bytes from the start of the pool.
  var offset: UInt64
  var byteCount: UInt32
}

/// A handle without a reference count, because it goes with every value that is folded: whoever makes a pool gives it back with `deallocate`.
struct BlockPool: BitwiseCopyable {
  /// Where a block begins, in units of 16 bytes: 64 GiB are within reach.
  typealias Block = UInt32

  static let classCount = 56

  private struct Memory {
    var base: UnsafeMutableRawPointer
    var capacity: Int
    var byteCount: Int
    /// In free blocks.
    var freeByteCount = 0
  }

  private let memory: UnsafeMutablePointer<Memory>
  /// Per size: number of the first free block plus one, 0 for none.
  private let freeHeads: UnsafeMutablePointer<UInt32>

  init(capacity: Int = 1 << 12) {
    memory = .allocate(capacity: 1)
    memory.initialize(to: Memory(base: malloc(capacity)!, capacity: capacity, byteCount: 0))
    freeHeads = .allocate(capacity: Self.classCount)
    freeHeads.initialize(repeating: 0, count: Self.classCount)
  }

  func deallocate() {
    free(base)
    memory.deallocate()
    freeHeads.deallocate()
  }

  /// Moves when the pool grows: hold block numbers across an allocation, pointers only between allocations.
  @inline(__always)
  var base: UnsafeMutableRawPointer { memory.pointee.base }

  /// Bytes in use, those of free blocks included.
  var byteCount: Int { memory.pointee.byteCount }

  /// Bytes in blocks that are not free.
  var usedByteCount: Int { byteCount - memory.pointee.freeByteCount }

  // MARK: Blocks

  /// A block of at least `byteCount` bytes, whose content is whatever was there before.
  func allocate(_ byteCount: Int) -> Block {
    let sizeClass = Self.sizeClass(byteCount)
    let head = freeHeads[sizeClass]
    if head != 0 {
      freeHeads[sizeClass] = start(head - 1).load(as: UInt32.self)
      memory.pointee.freeByteCount &-= Self.byteCount(ofClass: sizeClass)
      return head - 1
    }
    return append(Self.byteCount(ofClass: sizeClass))
  }

  /// Gives back a block that was allocated for a `byteCount` of the same class.
  func release(_ block: Block, _ byteCount: Int) {
    let sizeClass = Self.sizeClass(byteCount)
    start(block).storeBytes(of: freeHeads[sizeClass], as: UInt32.self)
    freeHeads[sizeClass] = block + 1
    memory.pointee.freeByteCount &+= Self.byteCount(ofClass: sizeClass)
  }

  @inline(__always)
  func start(_ block: Block) -> UnsafeMutableRawPointer { base + Int(block) &* 16 }

  /// Forgets every block.
  func removeAll() {
    guard byteCount > 0 else { return }
    memory.pointee.byteCount = 0
    memory.pointee.freeByteCount = 0
    freeHeads.update(repeating: 0, count: Self.classCount)
  }

  /// Forgets every block, and gives the memory of a peak back.
  func giveBack() {
    removeAll()
    guard memory.pointee.capacity > 1 << 16 else { return }
    memory.pointee.capacity = 1 << 12
    memory.pointee.base = realloc(base, 1 << 12)!
  }

  /// Bytes in free blocks; follows every free list.
  var freeByteCount: Int {
    var total = 0
    for sizeClass in 0..<Self.classCount {
      var head = freeHeads[sizeClass]
      while head != 0 {
        total += Self.byteCount(ofClass: sizeClass)
        head = start(head - 1).load(as: UInt32.self)
      }
    }
    return total
  }

  /// The bytes that a block for `byteCount` bytes takes.
  static func blockByteCount(for byteCount: Int) -> Int { Self.byteCount(ofClass: sizeClass(byteCount)) }

  /// Sizes in units of 16 bytes: 1, 2, 3, 4, 6, 8, 12, 16, 24 ...
  private static func sizeClass(_ byteCount: Int) -> Int {
    let units = (max(byteCount, 1) + 15) >> 4
    guard units > 1 else { return 0 }
    // The least power of two that holds them, and whether three quarters of it would do.
    let power = Int.bitWidth - (units - 1).leadingZeroBitCount
    return power > 1 && units <= 3 << (power - 2) ? 2 * power - 2 : 2 * power - 1
  }

  @inline(__always)
  private static func byteCount(ofClass sizeClass: Int) -> Int {
    guard sizeClass > 0 else { return 16 }
    let power = (sizeClass + 2) / 2
    return sizeClass % 2 == 0 ? 48 << (power - 2) : 16 << ((sizeClass + 1) / 2)
  }

  private func append(_ size: Int) -> Block {
    let block = byteCount >> 4
    if byteCount + size > memory.pointee.capacity { grow(toHold: byteCount + size) }
    memory.pointee.byteCount += size
    // So that a snapshot depends on what was folded alone, also where a block is not full.
    (base + (block << 4)).initializeMemory(as: UInt8.self, repeating: 0, count: size)
    precondition(block < Int(Block.max), "state of more than 64 GiB in one partition")
    return Block(block)
  }

  /// `realloc` moves pages of large memory instead of copying them, and touches nothing that is not in use.
  private func grow(toHold needed: Int) {
    guard needed > memory.pointee.capacity else { return }
    memory.pointee.capacity = max(needed, memory.pointee.capacity * 2)
    memory.pointee.base = realloc(base, memory.pointee.capacity)!
    LargeMemory.advise(base, byteCount: memory.pointee.capacity)
  }

  // MARK: Texts

  /// Copies `bytes` into a block of its own.
  func store(_ bytes: UnsafeBufferPointer<UInt8>) -> TextReference {
    let block = allocate(bytes.count)
    if let source = bytes.baseAddress { start(block).copyMemory(from: source, byteCount: bytes.count) }
    return TextReference(offset: UInt64(block) * 16, byteCount: UInt32(bytes.count))
  }

  /// Replaces a text, in place where the new one fits into a block of the same size.
  func replace(_ old: TextReference, with bytes: UnsafeBufferPointer<UInt8>) -> TextReference {
    guard Self.sizeClass(bytes.count) == Self.sizeClass(Int(old.byteCount)) else {
      release(old)
      return store(bytes)
    }
    if let source = bytes.baseAddress { (base + Int(old.offset)).copyMemory(from: source, byteCount: bytes.count) }
    return TextReference(offset: old.offset, byteCount: UInt32(bytes.count))
  }

  func release(_ text: TextReference) { release(Block(text.offset >> 4), Int(text.byteCount)) }

  /// Valid until the next allocation.
  func bytes(_ text: TextReference) -> UnsafeBufferPointer<UInt8> {
    UnsafeBufferPointer(
      start: (base + Int(text.offset)).assumingMemoryBound(to: UInt8.self), count: Int(text.byteCount))
  }
}

/// A pool as a snapshot holds it.
struct SavedPool {
  var freeHeads: [UInt32]
  var bytes: UnsafeRawBufferPointer

  init(from input: inout SnapshotReader) throws(SnapshotError) {
    freeHeads = []
    for _ in 0..<BlockPool.classCount { freeHeads.append(UInt32(try input.integer(upTo: Int(UInt32.max)))) }
    bytes = try input.section(of: 16)
    guard bytes.count >> 4 < Int(UInt32.max) else { throw .damaged }
  }
}

extension BlockPool {
  func save(to out: SnapshotWriter) {
    for index in 0..<Self.classCount { out.write(UInt64(freeHeads[index])) }
    out.writeSection(UnsafeRawBufferPointer(start: base, count: byteCount))
  }

  /// Takes over what was saved, before anything of it was checked.
  func load(_ saved: SavedPool) {
    for (index, head) in saved.freeHeads.enumerated() { freeHeads[index] = head }
    grow(toHold: saved.bytes.count)
    memory.pointee.byteCount = saved.bytes.count
    memory.pointee.freeByteCount = 0
    if let source = saved.bytes.baseAddress { base.copyMemory(from: source, byteCount: saved.bytes.count) }
  }

  /// Claims and counts the blocks of the free lists after a load; false where they are not what free lists can be.
  func claimFreeBlocks(_ claims: inout BlockClaims) -> Bool {
    for sizeClass in 0..<Self.classCount {
      var head = freeHeads[sizeClass]
      // Every round claims a block, and no block is claimed twice.
      while head != 0 {
        guard claims.claim(head - 1, Self.byteCount(ofClass: sizeClass)) else { return false }
        memory.pointee.freeByteCount += Self.byteCount(ofClass: sizeClass)
        head = start(head - 1).load(as: UInt32.self)
      }
    }
    return true
  }
}

/// Which blocks of a pool have been found to belong to something: a bit per 16 bytes.
struct BlockClaims {
  private var words: [UInt64]
  private let unitCount: Int

  init(_ pool: BlockPool) {
    unitCount = pool.byteCount >> 4
    words = [UInt64](repeating: 0, count: unitCount / 64 + 1)
  }

  /// Notes that a block for `byteCount` bytes belongs to something; false where it does not lie in the pool, or is something else's already.
  mutating func claim(_ block: BlockPool.Block, _ byteCount: Int) -> Bool {
    guard byteCount >= 0, byteCount <= unitCount * 16 else { return false }
    let first = Int(block)
    let end = first + BlockPool.blockByteCount(for: byteCount) >> 4
    guard end <= unitCount else { return false }
    for unit in first..<end {
      guard words[unit >> 6] & 1 << UInt64(unit & 63) == 0 else { return false }
      words[unit >> 6] |= 1 << UInt64(unit & 63)
    }
    return true
  }

  mutating func claim(_ text: TextReference) -> Bool {
    text.offset % 16 == 0 && text.offset >> 4 < UInt64(UInt32.max) && claim(BlockPool.Block(text.offset >> 4), Int(text.byteCount))
  }
}
