// The last n values, by event time, of equal times by arrival.
//
//   [ block 4 | count 2 | head 2 | - 7 | kind 1 ]      block: entries in a ring that begins at `head`, oldest first
//   entry  [ event time 8 | tag 8 | bits 8 ]            (see `StoredValue`)
//
// The ring has room for the next power of two of its entries, and for n once there are n.

import Base
import Records

struct CollectedValues: BitwiseCopyable {
  private static let kindOffset = 15

  private struct Entry: BitwiseCopyable {
    var time: Int64
    var tag: UInt64
    var bits: UInt64

    var value: StoredValue { StoredValue(tag: UInt8(truncatingIfNeeded: tag), bits: bits) }
  }

  /// n.
  let limit: Int

  // MARK: Fold

  func fold(at state: UnsafeMutableRawPointer, _ value: ColumnValue, time: Int64, _ pool: BlockPool) -> Bool {
    if value.isNull { return StateKind.noteNull(state, at: Self.kindOffset) }
    var count = Self.count(state)
    if count == limit {
      let oldest = entries(state, pool)[Self.head(state)]
      guard time >= oldest.time else { return false }
      oldest.value.release(pool)
      Self.setHead((Self.head(state) + 1) % limit, state)
      count -= 1
    } else {
      reserve(count + 1, at: state, pool)
    }
    let stored = StoredValue(value, pool)
    let entries = entries(state, pool)
    let (head, room) = (Self.head(state), capacity(count + 1))
    var place = count
    while place > 0, entries[(head + place - 1) % room].time > time {
      entries[(head + place) % room] = entries[(head + place - 1) % room]
      place -= 1
    }
    entries[(head + place) % room] = Entry(time: time, tag: UInt64(stored.tag), bits: stored.bits)
    Self.setCount(count + 1, state)
    StateKind.store(.composite, state, at: Self.kindOffset)
    return true
  }

  private func capacity(_ count: Int) -> Int { count < 2 ? 1 : min(limit, 1 << (Int.bitWidth - (count - 1).leadingZeroBitCount)) }

  /// Room for `count` entries; there are fewer than `limit` now, so the ring begins at its start.
  private func reserve(_ count: Int, at state: UnsafeMutableRawPointer, _ pool: BlockPool) {
    let old = Self.count(state)
    guard old == 0 || capacity(old) != capacity(count) else { return }
    let block = pool.allocate(24 * capacity(count))
    if old > 0 {
      pool.start(block).copyMemory(from: pool.start(Self.block(state)), byteCount: 24 * old)
      pool.release(Self.block(state), 24 * capacity(old))
    }
    Self.setBlock(block, state)
  }

  // MARK: Merge

  /// Texts of `other` stay in its pool; with `owning` those of both states, all in `pool`, are `state`'s afterwards, but for dropped ones, which
  /// are released. Equal times in both states do not happen (see `TimedValue`).
  func merge(
    into state: UnsafeMutableRawPointer, _ pool: BlockPool, from other: UnsafeRawPointer, _ otherPool: BlockPool, owning: Bool
  ) {
    guard StateKind.load(other, at: Self.kindOffset) == .composite else {
      if StateKind.load(other, at: Self.kindOffset) == .null { StateKind.noteNull(state, at: Self.kindOffset) }
      return
    }
    let (count, otherCount) = (Self.count(state), Self.count(other))
    let kept = min(limit, count + otherCount)
    // In a block of its own rather than in a `withUnsafeTemporaryAllocation`: optimized, a closure of that which ends with a copy of memory
    // jumps to `memmove` without restoring the error register (Swift 6.3.1, x86-64), and the caller traps.
    let block = pool.allocate(24 * capacity(kept))
    let merged = pool.start(block).assumingMemoryBound(to: Entry.self)
    var (index, otherIndex) = (count - 1, otherCount - 1)
    for place in stride(from: kept - 1, through: 0, by: -1) {
      let mine = index >= 0 ? entry(index, state, pool) : nil
      let theirs = otherIndex >= 0 ? entry(otherIndex, other, otherPool) : nil
      if let mine, theirs.map({ mine.time >= $0.time }) ?? true {
        (merged + place).initialize(to: mine)
        index -= 1
      } else {
        (merged + place).initialize(to: theirs!)
        otherIndex -= 1
      }
    }
    if owning {
      for dropped in 0..<(index + 1) { entry(dropped, state, pool).value.release(pool) }
      for dropped in 0..<(otherIndex + 1) { entry(dropped, other, otherPool).value.release(pool) }
    }
    if count > 0 { pool.release(Self.block(state), 24 * capacity(count)) }
    Self.setBlock(block, state)
    Self.setHead(0, state)
    Self.setCount(kept, state)
    StateKind.store(.composite, state, at: Self.kindOffset)
  }

  /// `texts`: whether the texts go back as well.
  func release(_ state: UnsafeRawPointer, _ pool: BlockPool, texts: Bool = true) {
    let count = Self.count(state)
    guard count > 0 else { return }
    if texts { for index in 0..<count { entry(index, state, pool).value.release(pool) } }
    pool.release(Self.block(state), 24 * capacity(count))
  }

  // MARK: Read

  static func isEmpty(_ state: UnsafeRawPointer) -> Bool { StateKind.load(state, at: kindOffset) == .missing }

  /// The values as a JSON list, the oldest first.
  func result(_ state: UnsafeRawPointer, _ pool: BlockPool, texts: BlockPool, bytes: ByteBuffer) -> FeatureValue {
    let kind = StateKind.load(state, at: Self.kindOffset)
    guard kind == .composite else { return FeatureValue(kind: kind) }
    return .list(of: Self.count(state), to: bytes) { entry($0, state, pool).value.appendJSON(texts, to: bytes) }
  }

  // MARK: Parts

  private func entries(_ state: UnsafeRawPointer, _ pool: BlockPool) -> UnsafeMutablePointer<Entry> {
    pool.start(Self.block(state)).assumingMemoryBound(to: Entry.self)
  }
  /// By age, the oldest first.
  private func entry(_ index: Int, _ state: UnsafeRawPointer, _ pool: BlockPool) -> Entry {
    entries(state, pool)[(Self.head(state) + index) % capacity(Self.count(state))]
  }
  private static func block(_ state: UnsafeRawPointer) -> BlockPool.Block { state.load(as: BlockPool.Block.self) }
  private static func setBlock(_ block: BlockPool.Block, _ state: UnsafeMutableRawPointer) {
    state.storeBytes(of: block, as: BlockPool.Block.self)
  }
  private static func count(_ state: UnsafeRawPointer) -> Int { Int(state.load(fromByteOffset: 4, as: UInt16.self)) }
  private static func setCount(_ count: Int, _ state: UnsafeMutableRawPointer) {
    state.storeBytes(of: UInt16(count), toByteOffset: 4, as: UInt16.self)
  }
  private static func head(_ state: UnsafeRawPointer) -> Int { Int(state.load(fromByteOffset: 6, as: UInt16.self)) }
  private static func setHead(_ head: Int, _ state: UnsafeMutableRawPointer) {
    state.storeBytes(of: UInt16(head), toByteOffset: 6, as: UInt16.self)
  }
}

extension CollectedValues {
  /// See `Accumulator.isSound`.
  func isSound(_ state: UnsafeRawPointer, _ pool: BlockPool, _ claims: inout BlockClaims) -> Bool {
    let count = Self.count(state)
    guard let kind = StateKind.checked(state, at: Self.kindOffset) else { return false }
    if count == 0 { return kind == .missing || kind == .null }
    guard kind == .composite, count <= limit, Self.head(state) < capacity(count), count == limit || Self.head(state) == 0,
      claims.claim(Self.block(state), 24 * capacity(count))
    else { return false }
    for index in 0..<count {
      let entry = entry(index, state, pool)
      guard entry.tag <= 0xff, entry.value.isSound(&claims) else { return false }
    }
    return true
  }
}
