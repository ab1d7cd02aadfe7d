// The different values themselves, up to a limit: what an exact count of them costs.
//
//   [ identity of the only value 16 | block 4 | count 4 ]      block, from two values on: identities of 16 bytes each, up to 8 one after another,
//                                                              more in an open-addressed table
//
// `count` is `UInt32.max` once there were more values than the limit: such a state holds nothing any more and reads as null. Whether that
// happens depends on the set of values alone, not on their order or on the parts that were merged.

import Base
import Records

struct DistinctSet: BitwiseCopyable {
  private static let blockOffset = 16
  private static let countOffset = 20
  private static let linearCount = 8
  private static let overflown = Int(UInt32.max)

  /// The greatest count that is kept.
  let limit: Int

  // MARK: Fold

  /// `value` must not be null. Says whether the state changed.
  @inline(__always)
  func fold(at state: UnsafeMutableRawPointer, _ value: ColumnValue, _ pool: BlockPool, _ counts: inout FoldCounts) -> Bool {
    insert(ValueIdentity(value), at: state, pool, &counts)
  }

  private func insert(_ new: ValueIdentity, at state: UnsafeMutableRawPointer, _ pool: BlockPool, _ counts: inout FoldCounts)
    -> Bool
  {
    let count = Self.count(state)
    switch count {
    case 0:
      state.storeBytes(of: new, as: ValueIdentity.self)
      Self.setCount(1, at: state)
      return true
    case 1 where state.load(as: ValueIdentity.self) == new: return false
    case Self.overflown: return false
    case 1: break
    case ...Self.linearCount:
      let cells = Self.cells(state, pool)
      for index in 0..<count where cells[index] == new { return false }
    default:
      let cells = Self.cells(state, pool)
      let position = Self.position(of: new, cells, mask: Self.capacity(count) - 1)
      if cells[position] == new { return false }
      if Self.capacity(count + 1) == Self.capacity(count), count < limit {
        cells[position] = new
        Self.setCount(count + 1, at: state)
        return true
      }
    }
    guard count < limit else {
      leave(state, pool)
      counts.limits += 1
      return true
    }
    grow(toHold: new, at: state, pool)
    return true
  }

  /// Gives up: there are more values than may be kept.
  private func leave(_ state: UnsafeMutableRawPointer, _ pool: BlockPool) {
    release(state, pool)
    state.initializeMemory(as: UInt8.self, repeating: 0, count: 24)
    Self.setCount(Self.overflown, at: state)
  }

  private func grow(toHold new: ValueIdentity, at state: UnsafeMutableRawPointer, _ pool: BlockPool) {
    let count = Self.count(state)
    let (oldCapacity, capacity) = (Self.capacity(count), Self.capacity(count + 1))
    if count > 1, capacity == oldCapacity {
      Self.cells(state, pool)[count] = new
    } else {
      let block = pool.allocate(16 * capacity)
      let cells = pool.start(block).assumingMemoryBound(to: ValueIdentity.self)
      if count == 1 {
        cells[0] = state.load(as: ValueIdentity.self)
        cells[1] = new
      } else {
        let old = Self.cells(state, pool)
        if count < Self.linearCount {
          cells.update(from: old, count: count)
          cells[count] = new
        } else {
          UnsafeMutableRawPointer(cells).initializeMemory(as: UInt8.self, repeating: 0, count: 16 * capacity)
          for index in 0..<oldCapacity where !Self.isFree(old[index]) {
            cells[Self.position(of: old[index], cells, mask: capacity - 1)] = old[index]
          }
          cells[Self.position(of: new, cells, mask: capacity - 1)] = new
        }
        pool.release(Self.block(state), 16 * oldCapacity)
      }
      state.storeBytes(of: block, toByteOffset: Self.blockOffset, as: BlockPool.Block.self)
    }
    Self.setCount(count + 1, at: state)
  }

  // MARK: Merge

  func merge(
    into state: UnsafeMutableRawPointer, _ pool: BlockPool, from other: UnsafeRawPointer, _ otherPool: BlockPool,
    _ counts: inout FoldCounts
  ) {
    let count = Self.count(other)
    switch count {
    case 0: return
    case Self.overflown:
      if Self.count(state) != Self.overflown { leave(state, pool) }
    case 1: _ = insert(other.load(as: ValueIdentity.self), at: state, pool, &counts)
    default:
      let capacity = Self.capacity(count)
      if Self.count(state) == 0 {
        let block = pool.allocate(16 * capacity)
        pool.start(block).copyMemory(from: otherPool.start(Self.block(other)), byteCount: 16 * capacity)
        state.storeBytes(of: block, toByteOffset: Self.blockOffset, as: BlockPool.Block.self)
        return Self.setCount(count, at: state)
      }
      for index in 0..<(count <= Self.linearCount ? count : capacity) {
        let index = count <= Self.linearCount ? index : TableOrder.scattered(index, mask: capacity - 1)
        // Looked up each time: an insertion may move the pool.
        let identity = Self.cells(other, otherPool)[index]
        if !Self.isFree(identity) { _ = insert(identity, at: state, pool, &counts) }
      }
    }
  }

  func release(_ state: UnsafeRawPointer, _ pool: BlockPool) {
    let count = Self.count(state)
    if count > 1, count != Self.overflown { pool.release(Self.block(state), 16 * Self.capacity(count)) }
  }

  // MARK: Read

  static func isEmpty(_ state: UnsafeRawPointer) -> Bool { count(state) == 0 }

  static func result(_ state: UnsafeRawPointer) -> FeatureValue {
    let count = count(state)
    return count == overflown ? FeatureValue(kind: .null) : FeatureValue(kind: .integer, bits: UInt64(count))
  }

  // MARK: Parts

  /// Cells for this many values: all of them in use up to 8, three quarters of a power of two beyond.
  private static func capacity(_ count: Int) -> Int {
    switch count {
    case ...4: max(2, count)
    case ...6: 6
    case ...linearCount: linearCount
    default: 1 << (Int.bitWidth - ((count * 4 + 2) / 3 - 1).leadingZeroBitCount)
    }
  }

  /// Where an identity stands in a table, or would stand.
  @inline(__always)
  private static func position(of identity: ValueIdentity, _ cells: UnsafeMutablePointer<ValueIdentity>, mask: Int) -> Int {
    var position = Int(truncatingIfNeeded: identity.hash) & mask
    while cells[position] != identity, !isFree(cells[position]) { position = (position + 1) & mask }
    return position
  }

  /// No identity has a last byte of zero.
  @inline(__always)
  private static func isFree(_ identity: ValueIdentity) -> Bool { identity.high == 0 }

  private static func block(_ state: UnsafeRawPointer) -> BlockPool.Block {
    state.load(fromByteOffset: blockOffset, as: BlockPool.Block.self)
  }
  private static func cells(_ state: UnsafeRawPointer, _ pool: BlockPool) -> UnsafeMutablePointer<ValueIdentity> {
    pool.start(block(state)).assumingMemoryBound(to: ValueIdentity.self)
  }
  @inline(__always)
  private static func count(_ state: UnsafeRawPointer) -> Int { Int(state.load(fromByteOffset: countOffset, as: UInt32.self)) }
  private static func setCount(_ count: Int, at state: UnsafeMutableRawPointer) {
    state.storeBytes(of: UInt32(count), toByteOffset: countOffset, as: UInt32.self)
  }
}

extension DistinctSet {
  /// See `Accumulator.isSound`.
  func isSound(_ state: UnsafeRawPointer, _ pool: BlockPool, _ claims: inout BlockClaims) -> Bool {
    let count = Self.count(state)
    if count == 0 || count == 1 || count == Self.overflown { return true }
    let capacity = Self.capacity(min(count, limit))
    guard count <= limit, claims.claim(Self.block(state), 16 * capacity) else { return false }
    guard count > Self.linearCount else { return true }
    let cells = Self.cells(state, pool)
    var used = 0
    for index in 0..<capacity where !Self.isFree(cells[index]) { used += 1 }
    return used == count
  }
}
