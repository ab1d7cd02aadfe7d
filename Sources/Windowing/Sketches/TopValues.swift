// The most frequent values: Space-Saving (Metwally, Agrawal, El Abbadi, "Efficient computation of frequent and top-k elements in data streams", 2005),
// merged as Cafaro, Pulimeno and Tempesta show ("A parallel space saving algorithm for frequent items and the Hurwitz zeta distribution", 2016).
// With c counters no count is off by more than (number of values) / c, and as long as there are no more than c different values all
// counts are exact.
//
//   [ block 4 | used 2 | cursor 2 | floor 8 | - 6 | isCut 1 | kind 1 ]
//
//   block    `used` cells: up to 8 one after another, more in an open-addressed table
//   cell     [ hash 8 | count 7 | tag 1 | number, short text, or block 4 and byteCount 4 ]      a count of 0 is a free cell
//
// A new value that finds all counters taken replaces one with the least count, and takes over that count. The cursor sweeps the table for cells of
// the least count (`floor`), so that a sweep serves all of them; the next least is looked for once it has passed them all.

import Base
import Records

struct TopValues: BitwiseCopyable {
  private static let listCount = 8
  private static let flagOffset = 22
  private static let kindOffset = 23

  /// Counters.
  let capacity: Int

  struct Cell: BitwiseCopyable {
    var hash: UInt64
    /// The count, above the value's tag.
    var countAndTag: UInt64
    var bits: UInt64

    var count: UInt64 { countAndTag >> 8 }
    var value: StoredValue { StoredValue(tag: UInt8(truncatingIfNeeded: countAndTag), bits: bits) }
    mutating func add(_ n: UInt64) { countAndTag += n << 8 }
  }

  // MARK: Fold

  @inline(__always)
  func fold(at state: UnsafeMutableRawPointer, _ value: ColumnValue, _ pool: BlockPool) -> Bool {
    if value.isNull { return StateKind.noteNull(state, at: Self.kindOffset) }
    count(ValueIdentity.normal(value), at: state, pool)
    return true
  }

  private func count(_ value: ColumnValue, at state: UnsafeMutableRawPointer, _ pool: BlockPool) {
    let hash = ValueIdentity.hash(value)
    if let found = Self.find(hash, state, pool, where: { $0.value.equals(value, pool) }) {
      found.pointee.add(1)
      return
    }
    StateKind.store(.composite, state, at: Self.kindOffset)
    let stored = StoredValue(value, pool)
    if Self.used(state) < capacity {
      Self.insert(Cell(hash: hash, countAndTag: 1 << 8 | UInt64(stored.tag), bits: stored.bits), at: state, pool)
    } else {
      replaceLeast(Cell(hash: hash, countAndTag: 1 << 8 | UInt64(stored.tag), bits: stored.bits), at: state, pool)
    }
  }

  private func replaceLeast(_ new: Cell, at state: UnsafeMutableRawPointer, _ pool: BlockPool) {
    let cells = Self.cells(state, pool)
    let cellCount = Self.cellCount(Self.used(state))
    var cursor = Self.cursor(state)
    var floor = Self.floor(state)
    while true {
      while cursor < cellCount, cells[cursor].countAndTag == 0 || cells[cursor].count > floor { cursor += 1 }
      if cursor < cellCount { break }
      cursor = 0
      floor = .max
      for index in 0..<cellCount where cells[index].countAndTag != 0 { floor = min(floor, cells[index].count) }
    }
    var taken = new
    taken.add(cells[cursor].count)
    cells[cursor].value.release(pool)
    Self.closeGap(at: cursor, cells, mask: cellCount - 1)
    cells[Self.gap(for: taken.hash, cells, mask: cellCount - 1)] = taken
    Self.setCut(state)
    Self.setCursor(cursor, floor: floor, state)
  }

  // MARK: Cells

  /// Cells for this many values: all of them in use up to 8, seven eighths of a power of two beyond.
  private static func cellCount(_ used: Int) -> Int {
    switch used {
    case ...2: max(1, used)
    case ...4: 4
    case ...listCount: listCount
    default: 1 << (Int.bitWidth - ((used * 8 + 6) / 7 - 1).leadingZeroBitCount)
    }
  }

  @inline(__always)
  private static func find(
    _ hash: UInt64, _ state: UnsafeRawPointer, _ pool: BlockPool, where isMeant: (Cell) -> Bool
  ) -> UnsafeMutablePointer<Cell>? {
    let used = used(state)
    let cells = cells(state, pool)
    if used <= listCount {
      for index in 0..<used where cells[index].hash == hash && isMeant(cells[index]) { return cells + index }
      return nil
    }
    let mask = cellCount(used) - 1
    var position = Int(truncatingIfNeeded: hash) & mask
    while cells[position].countAndTag != 0 {
      if cells[position].hash == hash, isMeant(cells[position]) { return cells + position }
      position = (position + 1) & mask
    }
    return nil
  }

  /// Adds a cell that is not there yet.
  private static func insert(_ new: Cell, at state: UnsafeMutableRawPointer, _ pool: BlockPool) {
    let used = used(state)
    let (oldCount, newCount) = (used == 0 ? 0 : cellCount(used), cellCount(used + 1))
    if newCount != oldCount {
      let old = block(state)
      let block = pool.allocate(24 * newCount)
      let cells = pool.start(block).assumingMemoryBound(to: Cell.self)
      let oldCells = pool.start(old).assumingMemoryBound(to: Cell.self)
      if newCount <= listCount {
        cells.update(from: oldCells, count: used)
      } else {
        UnsafeMutableRawPointer(cells).initializeMemory(as: UInt8.self, repeating: 0, count: 24 * newCount)
        for index in 0..<oldCount where oldCells[index].countAndTag != 0 {
          cells[gap(for: oldCells[index].hash, cells, mask: newCount - 1)] = oldCells[index]
        }
      }
      if oldCount > 0 { pool.release(old, 24 * oldCount) }
      setBlock(block, state)
    }
    let cells = cells(state, pool)
    cells[newCount <= listCount ? used : gap(for: new.hash, cells, mask: newCount - 1)] = new
    setUsed(used + 1, state)
  }

  /// The free cell where a hash that is not there belongs.
  private static func gap(for hash: UInt64, _ cells: UnsafeMutablePointer<Cell>, mask: Int) -> Int {
    var position = Int(truncatingIfNeeded: hash) & mask
    while cells[position].countAndTag != 0 { position = (position + 1) & mask }
    return position
  }

  /// Frees a cell of a table, and moves later ones of its run back, so that no search meets a gap that it should not.
  private static func closeGap(at start: Int, _ cells: UnsafeMutablePointer<Cell>, mask: Int) {
    var gap = start
    var position = (gap + 1) & mask
    while cells[position].countAndTag != 0 {
      let home = Int(truncatingIfNeeded: cells[position].hash) & mask
      if (position - home) & mask >= (position - gap) & mask {
        cells[gap] = cells[position]
        gap = position
      }
      position = (position + 1) & mask
    }
    cells[gap].countAndTag = 0
  }

  // MARK: Merge

  /// Texts of `other` stay where they are, in `texts`; with `owning` those of both states are `state`'s afterwards, but for dropped ones, which
  /// are released.
  func merge(
    into state: UnsafeMutableRawPointer, _ pool: BlockPool, from other: UnsafeRawPointer, _ otherPool: BlockPool, texts: BlockPool,
    owning: Bool
  ) {
    guard StateKind.load(other, at: Self.kindOffset) == .composite else {
      if StateKind.load(other, at: Self.kindOffset) == .null { StateKind.noteNull(state, at: Self.kindOffset) }
      return
    }
    StateKind.store(.composite, state, at: Self.kindOffset)
    // What a value that a summary does not hold may have counted there at most.
    let (least, otherLeast) = (
      Self.isCut(state) ? Self.least(state, pool) : 0, Self.isCut(other) ? Self.least(other, otherPool) : 0
    )
    let used = Self.used(state)
    if used > 0 {
      let cells = Self.cells(state, pool)
      for index in 0..<Self.cellCount(used) where index < used || used > Self.listCount {
        guard cells[index].countAndTag != 0 else { continue }
        let mine = cells[index].value
        let found = Self.find(cells[index].hash, other, otherPool) { $0.value.equals(mine, texts) }
        cells[index].add(found?.pointee.count ?? otherLeast)
      }
    }
    let otherUsed = Self.used(other)
    for index in 0..<(otherUsed <= Self.listCount ? otherUsed : Self.cellCount(otherUsed)) {
      // Looked up each time: an insertion may move the pool.
      var cell = Self.cells(other, otherPool)[index]
      guard cell.countAndTag != 0 else { continue }
      if used > 0, Self.find(cell.hash, state, pool, where: { $0.value.equals(cell.value, texts) }) != nil {
        if owning { cell.value.release(texts) }
        continue
      }
      cell.add(least)
      Self.insert(cell, at: state, pool)
    }
    if Self.isCut(other) { Self.setCut(state) }
    if Self.used(state) > capacity { cut(state, pool, texts: texts, owning: owning) }
    // The least count is looked for anew.
    Self.setCursor(Self.cellCount(Self.used(state)), floor: 0, state)
  }

  /// Keeps the `capacity` most frequent.
  private func cut(_ state: UnsafeMutableRawPointer, _ pool: BlockPool, texts: BlockPool, owning: Bool) {
    let used = Self.used(state)
    withUnsafeTemporaryAllocation(of: Cell.self, capacity: used) { kept in
      Self.copySorted(state, pool, texts, into: kept)
      pool.release(Self.block(state), 24 * Self.cellCount(used))
      Self.setUsed(0, state)
      for cell in kept[..<capacity] { Self.insert(cell, at: state, pool) }
      if owning { for cell in kept[capacity...] { cell.value.release(texts) } }
    }
    Self.setCut(state)
  }

  private static func least(_ state: UnsafeRawPointer, _ pool: BlockPool) -> UInt64 {
    let used = used(state)
    let cells = cells(state, pool)
    var least = UInt64.max
    for index in 0..<(used <= listCount ? used : cellCount(used)) where cells[index].countAndTag != 0 {
      least = min(least, cells[index].count)
    }
    return least
  }

  /// All cells, the most frequent first; of equal counts the lesser value first.
  private static func copySorted(
    _ state: UnsafeRawPointer, _ pool: BlockPool, _ texts: BlockPool, into target: UnsafeMutableBufferPointer<Cell>
  ) {
    let used = used(state)
    let cells = cells(state, pool)
    var count = 0
    for index in 0..<(used <= listCount ? used : cellCount(used)) where cells[index].countAndTag != 0 {
      target.initializeElement(at: count, to: cells[index])
      count += 1
    }
    var filled = UnsafeMutableBufferPointer(rebasing: target[..<count])
    filled.sort { $0.count != $1.count ? $0.count > $1.count : StoredValue.precedes($0.value, $1.value, texts) }
  }

  /// `texts`: whether the texts go back as well.
  func release(_ state: UnsafeRawPointer, _ pool: BlockPool, texts: Bool = true) {
    let used = Self.used(state)
    guard used > 0 else { return }
    let cells = Self.cells(state, pool)
    let cellCount = Self.cellCount(used)
    for index in 0..<(used <= Self.listCount ? used : cellCount) where texts && cells[index].countAndTag != 0 {
      cells[index].value.release(pool)
    }
    pool.release(Self.block(state), 24 * cellCount)
  }

  // MARK: Read

  static func isEmpty(_ state: UnsafeRawPointer) -> Bool { StateKind.load(state, at: kindOffset) == .missing }

  /// The `k` most frequent values as a JSON list, the most frequent first; of equal counts the lesser value first.
  func result(_ state: UnsafeRawPointer, _ pool: BlockPool, texts: BlockPool, k: Int, bytes: ByteBuffer) -> FeatureValue {
    let kind = StateKind.load(state, at: Self.kindOffset)
    guard kind == .composite else { return FeatureValue(kind: kind) }
    let used = Self.used(state)
    return withUnsafeTemporaryAllocation(of: Cell.self, capacity: used) { sorted in
      Self.copySorted(state, pool, texts, into: sorted)
      return .list(of: min(k, used), to: bytes) { sorted[$0].value.appendJSON(texts, to: bytes) }
    }
  }

  // MARK: Parts

  @inline(__always)
  private static func block(_ state: UnsafeRawPointer) -> BlockPool.Block { state.load(as: BlockPool.Block.self) }
  private static func setBlock(_ block: BlockPool.Block, _ state: UnsafeMutableRawPointer) {
    state.storeBytes(of: block, as: BlockPool.Block.self)
  }
  @inline(__always)
  private static func cells(_ state: UnsafeRawPointer, _ pool: BlockPool) -> UnsafeMutablePointer<Cell> {
    pool.start(block(state)).assumingMemoryBound(to: Cell.self)
  }
  @inline(__always)
  private static func used(_ state: UnsafeRawPointer) -> Int { Int(state.load(fromByteOffset: 4, as: UInt16.self)) }
  private static func setUsed(_ used: Int, _ state: UnsafeMutableRawPointer) {
    state.storeBytes(of: UInt16(used), toByteOffset: 4, as: UInt16.self)
  }
  private static func cursor(_ state: UnsafeRawPointer) -> Int { Int(state.load(fromByteOffset: 6, as: UInt16.self)) }
  private static func floor(_ state: UnsafeRawPointer) -> UInt64 { state.load(fromByteOffset: 8, as: UInt64.self) }
  private static func setCursor(_ cursor: Int, floor: UInt64, _ state: UnsafeMutableRawPointer) {
    state.storeBytes(of: UInt16(cursor), toByteOffset: 6, as: UInt16.self)
    state.storeBytes(of: floor, toByteOffset: 8, as: UInt64.self)
  }
  /// Whether values have been replaced or dropped, so that counts are no longer exact.
  private static func isCut(_ state: UnsafeRawPointer) -> Bool { state.load(fromByteOffset: flagOffset, as: UInt8.self) != 0 }
  private static func setCut(_ state: UnsafeMutableRawPointer) { state.storeBytes(of: 1, toByteOffset: flagOffset, as: UInt8.self) }
}

extension TopValues {
  /// See `Accumulator.isSound`.
  func isSound(_ state: UnsafeRawPointer, _ pool: BlockPool, _ claims: inout BlockClaims) -> Bool {
    let used = Self.used(state)
    guard let kind = StateKind.checked(state, at: Self.kindOffset) else { return false }
    if used == 0 { return kind == .missing || kind == .null }
    guard kind == .composite, used <= capacity, claims.claim(Self.block(state), 24 * Self.cellCount(used)) else { return false }
    let cells = Self.cells(state, pool)
    var found = 0
    for index in 0..<(used <= Self.listCount ? used : Self.cellCount(used)) where cells[index].countAndTag != 0 {
      guard 1...UInt64(StateKind.countMax) ~= cells[index].count, cells[index].value.isSound(&claims) else { return false }
      found += 1
    }
    return found == used
  }
}
