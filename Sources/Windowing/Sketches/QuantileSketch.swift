// Quantiles within a stated relative error: DDSketch (Masson, Rim, Lee, "DDSketch: a fast and fully-mergeable quantile sketch with relative-error
// guarantees", 2019) with UDDSketch's uniform collapse (Epicoco, Melle, Cafaro, Pulimeno, Morleo, 2020) where values span too many
// magnitudes, and with the values themselves as long as they are few. Buckets go by a cubic instead of the logarithm, as in DataDog's
// sketches: a hundredth more buckets, a tenth of the time, and no rounding that differs between machines.
//
//   [ the only value 8 | block 4 | count 2 | form 1 | kind 1 ]
//
//   form 0       no value, or one in place
//   form 1       `count` values, as they came, up to 32: read exactly
//   form 2 + L   `count` cells, rising: [ bucket 21 bits | how many values 43 bits ]; a bucket is 2^L of the finest wide
//
// Buckets, in the order of their values: ... -x, 0, x ...   with x in bucket i when floor(multiplier * log2~(x)) = i.
// Form and cells depend on the values alone: neither on their order, nor on the tree in which parts are merged.

import Base
import Records

struct QuantileSketch: BitwiseCopyable {
  /// Values up to this many are kept as they are.
  static let listCountMax = 32
  private static let blockOffset = 8
  private static let countOffset = 12
  private static let formOffset = 14
  private static let kindOffset = 15
  private static let countBits: UInt64 = 43
  /// Added to a bucket's number, so that it is not negative; more than 1074 times the greatest multiplier.
  static let bias = 1 << 19
  static let zeroBucket: UInt64 = 1 << 20

  /// Buckets per doubling of the value, nearly.
  let multiplier: Double
  /// Enough for 17 decimal orders of magnitude; beyond, buckets double in width.
  let cellCountMax: Int

  /// `error`: the greatest relative error, 0.001 ... 0.2.
  init(error: Double) { self.init(multiplier: Self.multiplier(forError: error)) }

  init(multiplier: Double) {
    self.multiplier = multiplier
    cellCountMax = max(64, Int((multiplier * 58.5).rounded(.up)))
  }

  /// The cubic climbs by at least 10/7 per unit of the natural logarithm.
  static func multiplier(forError error: Double) -> Double { 0.7 / FloatMath.log((1 + error) / (1 - error)) }

  // MARK: Fold

  @inline(__always)
  func fold(at state: UnsafeMutableRawPointer, _ value: ColumnValue, _ pool: BlockPool, _ counts: inout FoldCounts) -> Bool {
    guard value.kind == .integer || value.kind == .double else {
      if !value.isNull { counts.typeMismatches += 1 }
      return StateKind.noteNull(state, at: Self.kindOffset)
    }
    add(NumberSum.double(value.bits, value.kind), at: state, pool, &counts)
    return true
  }

  private func add(_ number: Double, at state: UnsafeMutableRawPointer, _ pool: BlockPool, _ counts: inout FoldCounts) {
    let form = Self.form(state)
    if form >= 2 { return add(1, to: bucket(number, level: form - 2), at: state, pool, &counts) }
    StateKind.store(.double, state, at: Self.kindOffset)
    let count = Self.count(state)
    if form == 0, count == 0 {
      state.storeBytes(of: number, as: Double.self)
      return Self.setCount(1, at: state)
    }
    guard count < Self.listCountMax else {
      makeCells(at: state, pool, &counts)
      return add(number, at: state, pool, &counts)
    }
    let old = Self.block(state)
    let capacity = BlockPool.blockByteCount(for: 8 * count) / 8
    if form == 0 || count == capacity {
      let new = pool.allocate(8 * (count + 1))
      if form == 0 {
        pool.start(new).storeBytes(of: state.load(as: Double.self), as: Double.self)
      } else {
        pool.start(new).copyMemory(from: pool.start(old), byteCount: 8 * count)
        pool.release(old, 8 * count)
      }
      Self.setBlock(new, at: state)
      Self.setForm(1, at: state)
    }
    pool.start(Self.block(state)).storeBytes(of: number, toByteOffset: 8 * count, as: Double.self)
    Self.setCount(count + 1, at: state)
  }

  /// The list of values becomes cells.
  private func makeCells(at state: UnsafeMutableRawPointer, _ pool: BlockPool, _ counts: inout FoldCounts) {
    withUnsafeTemporaryAllocation(of: Double.self, capacity: Self.listCountMax) { values in
      let count = takeList(state, pool, into: values)
      for value in values.prefix(count) { add(1, to: bucket(value, level: 0), at: state, pool, &counts) }
    }
  }

  /// Copies the values of forms 0 and 1 out, and leaves no cells behind; returns how many values there were.
  private func takeList(_ state: UnsafeMutableRawPointer, _ pool: BlockPool, into values: UnsafeMutableBufferPointer<Double>) -> Int
  {
    let count = copyList(state, pool, into: values)
    if Self.form(state) == 1 { pool.release(Self.block(state), 8 * count) }
    Self.setForm(2, at: state)
    Self.setCount(0, at: state)
    Self.setBlock(pool.allocate(8), at: state)
    return count
  }

  private func copyList(_ state: UnsafeRawPointer, _ pool: BlockPool, into values: UnsafeMutableBufferPointer<Double>) -> Int {
    let source = Self.form(state) == 0 ? state : UnsafeRawPointer(pool.start(Self.block(state)))
    for index in 0..<Self.count(state) { values[index] = source.load(fromByteOffset: 8 * index, as: Double.self) }
    return Self.count(state)
  }

  // MARK: Cells

  /// Adds `n` values to a bucket of the state's level.
  private func add(_ n: UInt64, to bucket: UInt64, at state: UnsafeMutableRawPointer, _ pool: BlockPool, _ counts: inout FoldCounts)
  {
    let count = Self.count(state)
    let cells = Self.cells(state, pool)
    let place = Self.place(of: bucket, cells, count)
    if place < count, Self.bucket(cells[place]) == bucket {
      cells[place] = Self.sum(cells[place], n, &counts)
      return
    }
    guard count < cellCountMax else {
      collapse(state, pool, &counts)
      return add(n, to: Self.coarser(bucket), at: state, pool, &counts)
    }
    Self.reserve(1, at: state, pool)
    let moved = Self.cells(state, pool)
    (moved + place + 1).update(from: moved + place, count: count - place)
    moved[place] = bucket << Self.countBits | n
    Self.setCount(count + 1, at: state)
  }

  /// Where a bucket stands among the rising cells, or would stand. Where values lie close there are no gaps, and the first guess is right.
  @inline(__always)
  private static func place(of bucket: UInt64, _ cells: UnsafePointer<UInt64>, _ count: Int) -> Int {
    guard count > 0 else { return 0 }
    let guess = Int(bitPattern: UInt(bucket &- Self.bucket(cells[0])))
    if guess >= 0, guess < count, Self.bucket(cells[guess]) == bucket { return guess }
    var (low, high) = (0, count)
    while low < high {
      let middle = (low + high) / 2
      if Self.bucket(cells[middle]) < bucket { low = middle + 1 } else { high = middle }
    }
    return low
  }

  /// Doubles the width of all buckets.
  private func collapse(_ state: UnsafeMutableRawPointer, _ pool: BlockPool, _ counts: inout FoldCounts) {
    let cells = Self.cells(state, pool)
    let count = Self.count(state)
    var kept = 0
    for index in 0..<count {
      let bucket = Self.coarser(Self.bucket(cells[index]))
      let n = cells[index] & Self.countMask
      if kept > 0, Self.bucket(cells[kept - 1]) == bucket {
        cells[kept - 1] = Self.sum(cells[kept - 1], n, &counts)
      } else {
        cells[kept] = bucket << Self.countBits | n
        kept += 1
      }
    }
    Self.shrink(to: kept, at: state, pool)
    Self.setForm(Self.form(state) + 1, at: state)
  }

  /// Room for `additional` more cells. May move the pool.
  private static func reserve(_ additional: Int, at state: UnsafeMutableRawPointer, _ pool: BlockPool) {
    let count = count(state)
    let byteCount = BlockPool.blockByteCount(for: 8 * count)
    guard 8 * (count + additional) > byteCount else { return }
    let old = block(state)
    let new = pool.allocate(8 * (count + additional))
    pool.start(new).copyMemory(from: pool.start(old), byteCount: 8 * count)
    pool.release(old, byteCount)
    setBlock(new, at: state)
  }

  /// Keeps the first `kept` cells, in a block of their own size.
  private static func shrink(to kept: Int, at state: UnsafeMutableRawPointer, _ pool: BlockPool) {
    let byteCount = BlockPool.blockByteCount(for: 8 * count(state))
    if BlockPool.blockByteCount(for: 8 * kept) != byteCount {
      let old = block(state)
      let new = pool.allocate(8 * kept)
      pool.start(new).copyMemory(from: pool.start(old), byteCount: 8 * kept)
      pool.release(old, byteCount)
      setBlock(new, at: state)
    }
    setCount(kept, at: state)
  }

  // MARK: Merge

  func merge(
    into state: UnsafeMutableRawPointer, _ pool: BlockPool, from other: UnsafeRawPointer, _ otherPool: BlockPool,
    _ counts: inout FoldCounts
  ) {
    guard StateKind.load(other, at: Self.kindOffset) == .double else {
      if StateKind.load(other, at: Self.kindOffset) == .null { StateKind.noteNull(state, at: Self.kindOffset) }
      return
    }
    withUnsafeTemporaryAllocation(of: Double.self, capacity: Self.listCountMax) { values in
      if Self.form(other) < 2 {
        let count = copyList(other, otherPool, into: values)
        for value in values.prefix(count) { add(value, at: state, pool, &counts) }
        return
      }
      var count = 0
      if Self.form(state) < 2 {
        count = takeList(state, pool, into: values)
        StateKind.store(.double, state, at: Self.kindOffset)
      }
      mergeCells(into: state, pool, from: other, otherPool, &counts)
      for value in values.prefix(count) { add(value, at: state, pool, &counts) }
    }
  }

  /// Both have cells.
  private func mergeCells(
    into state: UnsafeMutableRawPointer, _ pool: BlockPool, from other: UnsafeRawPointer, _ otherPool: BlockPool,
    _ counts: inout FoldCounts
  ) {
    while Self.form(state) < Self.form(other) { collapse(state, pool, &counts) }
    let (count, otherCount) = (Self.count(state), Self.count(other))
    guard Self.form(state) == Self.form(other), count + otherCount <= cellCountMax else {
      return mergeSlowly(into: state, pool, from: other, otherPool, &counts)
    }
    // Forwards: add where both have the bucket, count where only the other has it.
    var missing = 0
    var mine = Self.cells(state, pool)
    var theirs = Self.cells(other, otherPool)
    var index = 0
    for otherIndex in 0..<otherCount {
      let bucket = Self.bucket(theirs[otherIndex])
      while index < count, Self.bucket(mine[index]) < bucket { index += 1 }
      if index < count, Self.bucket(mine[index]) == bucket {
        mine[index] = Self.sum(mine[index], theirs[otherIndex] & Self.countMask, &counts)
      } else {
        missing += 1
      }
    }
    guard missing > 0 else { return }
    // Backwards: make room for those.
    Self.reserve(missing, at: state, pool)
    mine = Self.cells(state, pool)
    theirs = Self.cells(other, otherPool)
    var (from, otherFrom, to) = (count - 1, otherCount - 1, count + missing - 1)
    while to > from {
      let bucket = Self.bucket(theirs[otherFrom])
      if from >= 0, Self.bucket(mine[from]) >= bucket {
        if Self.bucket(mine[from]) == bucket { otherFrom -= 1 }
        mine[to] = mine[from]
        from -= 1
      } else {
        mine[to] = theirs[otherFrom]
        otherFrom -= 1
      }
      to -= 1
    }
    Self.setCount(count + missing, at: state)
  }

  /// Where buckets are of different widths or may become too many: cell by cell.
  private func mergeSlowly(
    into state: UnsafeMutableRawPointer, _ pool: BlockPool, from other: UnsafeRawPointer, _ otherPool: BlockPool,
    _ counts: inout FoldCounts
  ) {
    for index in 0..<Self.count(other) {
      // Looked up each time: an addition may move the pool, and may collapse the state.
      let cell = Self.cells(other, otherPool)[index]
      var bucket = Self.bucket(cell)
      for _ in 0..<(Self.form(state) - Self.form(other)) { bucket = Self.coarser(bucket) }
      add(cell & Self.countMask, to: bucket, at: state, pool, &counts)
    }
  }

  func release(_ state: UnsafeRawPointer, _ pool: BlockPool) {
    if Self.form(state) > 0 { pool.release(Self.block(state), max(8, 8 * Self.count(state))) }
  }

  // MARK: Read

  static func isEmpty(_ state: UnsafeRawPointer) -> Bool { StateKind.load(state, at: kindOffset) == .missing }

  /// The least value that at least a share `millionths` / 1 000 000 of the values do not exceed: SQL's `PERCENTILE_DISC`.
  func result(_ state: UnsafeRawPointer, _ pool: BlockPool, millionths: Int32) -> FeatureValue {
    let kind = StateKind.load(state, at: Self.kindOffset)
    guard kind == .double else { return FeatureValue(kind: kind) }
    guard Self.form(state) >= 2 else {
      return withUnsafeTemporaryAllocation(of: Double.self, capacity: Self.listCountMax) { values in
        let count = copyList(state, pool, into: values)
        var sorted = UnsafeMutableBufferPointer(rebasing: values[..<count])
        sorted.sort()
        return .finite(sorted[Int(Self.rank(of: UInt64(count), millionths)) - 1] + 0)  // no negative zero
      }
    }
    let cells = Self.cells(state, pool)
    var total: UInt64 = 0
    for index in 0..<Self.count(state) { total += cells[index] & Self.countMask }
    let rank = Self.rank(of: total, millionths)
    var below: UInt64 = 0
    var index = 0
    while index < Self.count(state) - 1 {
      below += cells[index] & Self.countMask
      if below >= rank { break }
      index += 1
    }
    return .finite(value(ofBucket: Self.bucket(cells[index]), level: Self.form(state) - 2))
  }

  /// `ceil(total * millionths / 1 000 000)`, at least 1.
  private static func rank(of total: UInt64, _ millionths: Int32) -> UInt64 {
    let product = total.multipliedFullWidth(by: UInt64(millionths))
    let (quotient, remainder) = (1_000_000 as UInt64).dividingFullWidth((product.high, product.low))
    return max(1, quotient + (remainder > 0 ? 1 : 0))
  }

  // MARK: Parts

  private static let countMask: UInt64 = 1 << countBits - 1

  @inline(__always)
  private static func bucket(_ cell: UInt64) -> UInt64 { cell >> countBits }

  /// A cell with `n` more values; full ones stay as they are, which is counted.
  @inline(__always)
  private static func sum(_ cell: UInt64, _ n: UInt64, _ counts: inout FoldCounts) -> UInt64 {
    if (cell & countMask) + n <= countMask { return cell + n }
    counts.overflows += 1
    return cell | countMask
  }

  @inline(__always)
  private static func form(_ state: UnsafeRawPointer) -> Int { Int(state.load(fromByteOffset: formOffset, as: UInt8.self)) }
  private static func setForm(_ form: Int, at state: UnsafeMutableRawPointer) {
    state.storeBytes(of: UInt8(form), toByteOffset: formOffset, as: UInt8.self)
  }
  @inline(__always)
  private static func count(_ state: UnsafeRawPointer) -> Int { Int(state.load(fromByteOffset: countOffset, as: UInt16.self)) }
  @inline(__always)
  private static func setCount(_ count: Int, at state: UnsafeMutableRawPointer) {
    state.storeBytes(of: UInt16(count), toByteOffset: countOffset, as: UInt16.self)
  }
  @inline(__always)
  private static func block(_ state: UnsafeRawPointer) -> BlockPool.Block {
    state.load(fromByteOffset: blockOffset, as: BlockPool.Block.self)
  }
  private static func setBlock(_ block: BlockPool.Block, at state: UnsafeMutableRawPointer) {
    state.storeBytes(of: block, toByteOffset: blockOffset, as: BlockPool.Block.self)
  }
  @inline(__always)
  private static func cells(_ state: UnsafeRawPointer, _ pool: BlockPool) -> UnsafeMutablePointer<UInt64> {
    pool.start(block(state)).assumingMemoryBound(to: UInt64.self)
  }
}

extension QuantileSketch {
  /// Buckets have 21 bits: after as many collapses there is one left.
  private static let levelMax = 21

  /// See `Accumulator.isSound`.
  func isSound(_ state: UnsafeRawPointer, _ pool: BlockPool, _ claims: inout BlockClaims) -> Bool {
    let (count, form) = (Self.count(state), Self.form(state))
    guard let kind = StateKind.checked(state, at: Self.kindOffset) else { return false }
    guard kind == .double else { return (kind == .missing || kind == .null) && count == 0 && form == 0 }
    switch form {
    case 0: return count == 1 && state.load(as: Double.self).isFinite
    case 1:
      guard 2...Self.listCountMax ~= count, claims.claim(Self.block(state), 8 * count) else { return false }
      let values = pool.start(Self.block(state)).assumingMemoryBound(to: Double.self)
      return (0..<count).allSatisfy { values[$0].isFinite }
    default:
      guard form - 2 <= Self.levelMax, 1...cellCountMax ~= count, claims.claim(Self.block(state), 8 * count) else { return false }
      let cells = Self.cells(state, pool)
      for index in 0..<count {
        if cells[index] & Self.countMask == 0 { return false }
        if index > 0, Self.bucket(cells[index - 1]) >= Self.bucket(cells[index]) { return false }
      }
      return true
    }
  }
}
