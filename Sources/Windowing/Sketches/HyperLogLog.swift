// About how many different values there are: HyperLogLog (Flajolet, Fusy, Gandouet, Meunier, 2007) with 64-bit hashes and the sparse form of
// HyperLogLog++ (Heule, Nunkesser, Hall, 2013); dense states are read by Ertl's improved estimator ("New cardinality estimation algorithms for
// HyperLogLog sketches", 2017), which needs no table of biases. With m = 2^precision registers the standard error is 1.04 / sqrt(m).
//
//   [ entry 4 | entry 4 | block 4 | count 2 | form 1 | - 1 ]
//
//   form 0   up to two entries, in place
//   form 1   `count` entries in a block: up to 16 one after another, more in an open-addressed table
//   form 2   m registers of a byte
//
//   entry    [ top 26 bits of the hash | 6 bits: zeros that follow, plus one ]      0: none
//
// The form depends on the set of values alone: entries as long as there are at most 3m / 32, which then are counted exactly but for
// hashes that agree in 26 bits. So state and estimate do not depend on the order of values, nor on the tree in which parts are merged.

import Base
import Records

struct HyperLogLog: BitwiseCopyable {
  private static let indexBits = 26
  static let linearCount = 16
  /// See `estimateOfFew`.
  static let fewMax = 32
  private static let blockOffset = 8
  private static let countOffset = 12
  static let formOffset = 14

  enum Form {
    static let inPlace: UInt8 = 0
    static let sparse: UInt8 = 1
    static let dense: UInt8 = 2
  }

  /// 4 ... 18.
  let precision: Int

  var registerCount: Int { 1 << precision }
  private var entryCountMax: Int { max(2, 3 * registerCount / 32) }

  /// The least precision with at most this standard error.
  static func precision(forError error: Double) -> Int {
    var precision = 4
    while precision < 18, 1.04 / Double(1 << precision).squareRoot() > error { precision += 1 }
    return precision
  }

  // MARK: Fold

  /// `value` must not be null. Says whether the state changed.
  @inline(__always)
  func fold(at state: UnsafeMutableRawPointer, _ value: ColumnValue, _ pool: BlockPool) -> Bool {
    let hash = ValueIdentity.hash(value)
    if state.load(fromByteOffset: Self.formOffset, as: UInt8.self) == Form.dense {
      let register = pool.start(block(state)) + Int(hash >> UInt64(64 - precision))
      let rank = UInt8(truncatingIfNeeded: (hash << UInt64(precision) | 1 << UInt64(precision - 1)).leadingZeroBitCount + 1)
      guard rank > register.load(as: UInt8.self) else { return false }
      register.storeBytes(of: rank, as: UInt8.self)
      return true
    }
    let rank = (hash << UInt64(Self.indexBits) | 1 << UInt64(Self.indexBits - 1)).leadingZeroBitCount + 1
    let entry = UInt32(truncatingIfNeeded: hash >> UInt64(64 - Self.indexBits)) << 6 | UInt32(truncatingIfNeeded: rank)
    // What most records of a key repeat.
    if state.load(as: UInt32.self) == entry, state.load(fromByteOffset: Self.formOffset, as: UInt8.self) == Form.inPlace {
      return false
    }
    return insert(entry, at: state, pool)
  }

  private func insert(_ entry: UInt32, at state: UnsafeMutableRawPointer, _ pool: BlockPool) -> Bool {
    switch state.load(fromByteOffset: Self.formOffset, as: UInt8.self) {
    case Form.inPlace:
      return Self.place(entry, at: state) ?? Self.place(entry, at: state + 4) ?? growFromTwo(entry, at: state, pool)
    case Form.sparse: return insertSparse(entry, at: state, pool)
    default: return raise(entry, pool.start(block(state)))
    }
  }

  /// Puts an entry where there is none or one of the same index; nil where another stands there.
  @inline(__always)
  private static func place(_ entry: UInt32, at cell: UnsafeMutableRawPointer) -> Bool? {
    let old = cell.load(as: UInt32.self)
    guard old == 0 || (old ^ entry) >> 6 == 0 else { return nil }
    guard entry > old else { return false }
    cell.storeBytes(of: entry, as: UInt32.self)
    return true
  }

  /// A third entry needs a block. All three are put in anew, so a form of less than three goes over to registers at once.
  private func growFromTwo(_ entry: UInt32, at state: UnsafeMutableRawPointer, _ pool: BlockPool) -> Bool {
    let (first, second) = (state.load(as: UInt32.self), state.load(fromByteOffset: 4, as: UInt32.self))
    state.storeBytes(of: 0, as: UInt64.self)
    if entryCountMax == 2 {
      makeDense(at: state, pool)
    } else {
      setBlock(pool.allocate(16), at: state)
      pool.start(block(state)).initializeMemory(as: UInt8.self, repeating: 0, count: 16)
      setCount(0, at: state)
      state.storeBytes(of: Form.sparse, toByteOffset: Self.formOffset, as: UInt8.self)
    }
    _ = insert(first, at: state, pool)
    _ = insert(second, at: state, pool)
    return insert(entry, at: state, pool)
  }

  // MARK: Sparse

  /// Cells for this many entries: all of them in use up to 16, three quarters of a power of two beyond.
  private static func capacity(_ count: Int) -> Int {
    count <= linearCount ? max(4, (count + 3) & ~3) : 1 << (Int.bitWidth - (count * 4 / 3 - 1).leadingZeroBitCount)
  }

  private func insertSparse(_ entry: UInt32, at state: UnsafeMutableRawPointer, _ pool: BlockPool) -> Bool {
    let count = count(state)
    let capacity = Self.capacity(count)
    let cells = pool.start(block(state))
    if count <= Self.linearCount {
      for index in 0..<count {
        if let changed = Self.place(entry, at: cells + 4 * index) { return changed }
      }
      if count < capacity, count < entryCountMax {
        (cells + 4 * count).storeBytes(of: entry, as: UInt32.self)
        setCount(count + 1, at: state)
        return true
      }
    } else {
      let mask = capacity - 1
      var position = Int(entry >> 6) & mask
      while true {
        let old = (cells + 4 * position).load(as: UInt32.self)
        if old == 0 { break }
        if let changed = Self.place(entry, at: cells + 4 * position) { return changed }
        position = (position + 1) & mask
      }
      if Self.capacity(count + 1) == capacity, count < entryCountMax {
        (cells + 4 * position).storeBytes(of: entry, as: UInt32.self)
        setCount(count + 1, at: state)
        return true
      }
    }
    return grow(toHold: entry, at: state, pool)
  }

  /// A new entry needs a larger block, or the registers.
  @inline(never)
  private func grow(toHold entry: UInt32, at state: UnsafeMutableRawPointer, _ pool: BlockPool) -> Bool {
    let count = count(state)
    if count >= entryCountMax {
      makeDense(at: state, pool)
      _ = raise(entry, pool.start(block(state)))
      return true
    }
    let (old, oldCapacity, capacity) = (block(state), Self.capacity(count), Self.capacity(count + 1))
    let new = pool.allocate(4 * capacity)
    let cells = pool.start(new)
    let oldCells = pool.start(old)
    cells.initializeMemory(as: UInt8.self, repeating: 0, count: 4 * capacity)
    var position = 0
    for index in 0..<oldCapacity {
      let entry = (oldCells + 4 * index).load(as: UInt32.self)
      guard entry != 0 else { continue }
      if count < Self.linearCount {
        (cells + 4 * position).storeBytes(of: entry, as: UInt32.self)
        position += 1
      } else {
        Self.insertNew(entry, cells, mask: capacity - 1)
      }
    }
    if count < Self.linearCount {
      (cells + 4 * position).storeBytes(of: entry, as: UInt32.self)
    } else {
      Self.insertNew(entry, cells, mask: capacity - 1)
    }
    pool.release(old, 4 * oldCapacity)
    setBlock(new, at: state)
    setCount(count + 1, at: state)
    return true
  }

  private static func insertNew(_ entry: UInt32, _ cells: UnsafeMutableRawPointer, mask: Int) {
    var position = Int(entry >> 6) & mask
    while (cells + 4 * position).load(as: UInt32.self) != 0 { position = (position + 1) & mask }
    (cells + 4 * position).storeBytes(of: entry, as: UInt32.self)
  }

  // MARK: Dense

  /// Turns the entries, if there are any in a block, into registers.
  private func makeDense(at state: UnsafeMutableRawPointer, _ pool: BlockPool) {
    let new = pool.allocate(registerCount)
    let registers = pool.start(new)
    registers.initializeMemory(as: UInt8.self, repeating: 0, count: registerCount)
    if state.load(fromByteOffset: Self.formOffset, as: UInt8.self) == Form.sparse {
      let old = block(state)
      let capacity = Self.capacity(count(state))
      let cells = pool.start(old)
      for index in 0..<capacity { _ = raise((cells + 4 * index).load(as: UInt32.self), registers) }
      pool.release(old, 4 * capacity)
    } else {
      _ = raise(state.load(as: UInt32.self), registers)
      _ = raise(state.load(fromByteOffset: 4, as: UInt32.self), registers)
    }
    state.storeBytes(of: 0, as: UInt64.self)
    setBlock(new, at: state)
    setCount(0, at: state)
    state.storeBytes(of: Form.dense, toByteOffset: Self.formOffset, as: UInt8.self)
  }

  /// Puts an entry into the registers; 0 is none.
  private func raise(_ entry: UInt32, _ registers: UnsafeMutableRawPointer) -> Bool {
    guard entry != 0 else { return false }
    let spare = Self.indexBits - precision
    let index = entry >> 6
    let below = index & (1 << UInt32(spare) - 1)
    let rank = below == 0 ? UInt32(spare) + entry & 63 : UInt32(below.leadingZeroBitCount - (32 - spare)) + 1
    let register = registers + Int(index >> UInt32(spare))
    guard UInt8(rank) > register.load(as: UInt8.self) else { return false }
    register.storeBytes(of: UInt8(rank), as: UInt8.self)
    return true
  }

  // MARK: Merge

  func merge(into state: UnsafeMutableRawPointer, _ pool: BlockPool, from other: UnsafeRawPointer, _ otherPool: BlockPool) {
    switch other.load(fromByteOffset: Self.formOffset, as: UInt8.self) {
    case Form.inPlace:
      let (first, second) = (other.load(as: UInt32.self), other.load(fromByteOffset: 4, as: UInt32.self))
      if first != 0 { _ = insert(first, at: state, pool) }
      if second != 0 { _ = insert(second, at: state, pool) }
    case Form.sparse:
      let capacity = Self.capacity(count(other))
      if Self.isEmpty(state) {
        let new = pool.allocate(4 * capacity)
        pool.start(new).copyMemory(from: otherPool.start(block(other)), byteCount: 4 * capacity)
        state.copyMemory(from: other, byteCount: 16)
        return setBlock(new, at: state)
      }
      for index in 0..<capacity {
        let index = capacity <= Self.linearCount ? index : TableOrder.scattered(index, mask: capacity - 1)
        // Looked up each time: an insertion may move the pool.
        let entry = otherPool.start(block(other)).load(fromByteOffset: 4 * index, as: UInt32.self)
        if entry != 0 { _ = insert(entry, at: state, pool) }
      }
    default:
      if state.load(fromByteOffset: Self.formOffset, as: UInt8.self) != Form.dense { makeDense(at: state, pool) }
      let mine = pool.start(block(state)).assumingMemoryBound(to: UInt8.self)
      let theirs = otherPool.start(block(other)).assumingMemoryBound(to: UInt8.self)
      // Compiled to vector instructions.
      for index in 0..<registerCount { mine[index] = mine[index] > theirs[index] ? mine[index] : theirs[index] }
    }
  }

  func release(_ state: UnsafeRawPointer, _ pool: BlockPool) {
    switch state.load(fromByteOffset: Self.formOffset, as: UInt8.self) {
    case Form.inPlace: break
    case Form.sparse: pool.release(block(state), 4 * Self.capacity(count(state)))
    default: pool.release(block(state), registerCount)
    }
  }

  // MARK: Parts

  /// Reads a word of the block, if there is one, to have it near.
  @inline(__always)
  static func touchBlock(_ state: UnsafeRawPointer, _ pool: BlockPool) -> UInt64 {
    guard state.load(fromByteOffset: formOffset, as: UInt8.self) != Form.inPlace else { return 0 }
    return pool.start(state.load(fromByteOffset: blockOffset, as: BlockPool.Block.self)).load(as: UInt64.self)
  }

  static func isEmpty(_ state: UnsafeRawPointer) -> Bool {
    state.load(as: UInt32.self) == 0 && state.load(fromByteOffset: formOffset, as: UInt8.self) == Form.inPlace
  }

  @inline(__always)
  func block(_ state: UnsafeRawPointer) -> BlockPool.Block {
    state.load(fromByteOffset: Self.blockOffset, as: BlockPool.Block.self)
  }
  private func setBlock(_ block: BlockPool.Block, at state: UnsafeMutableRawPointer) {
    state.storeBytes(of: block, toByteOffset: Self.blockOffset, as: BlockPool.Block.self)
  }
  @inline(__always)
  func count(_ state: UnsafeRawPointer) -> Int { Int(state.load(fromByteOffset: Self.countOffset, as: UInt16.self)) }
  private func setCount(_ count: Int, at state: UnsafeMutableRawPointer) {
    state.storeBytes(of: UInt16(count), toByteOffset: Self.countOffset, as: UInt16.self)
  }
}

extension HyperLogLog {
  /// See `Accumulator.isSound`.
  func isSound(_ state: UnsafeRawPointer, _ pool: BlockPool, _ claims: inout BlockClaims) -> Bool {
    func isEntry(_ entry: UInt32) -> Bool { 1...UInt32(64 - Self.indexBits + 1) ~= entry & 63 }
    switch state.load(fromByteOffset: Self.formOffset, as: UInt8.self) {
    case Form.inPlace:
      let (first, second) = (state.load(as: UInt32.self), state.load(fromByteOffset: 4, as: UInt32.self))
      return (first == 0 || isEntry(first)) && (second == 0 || first != 0 && isEntry(second))
    case Form.sparse:
      let count = count(state)
      guard count > 0, count <= entryCountMax, claims.claim(block(state), 4 * Self.capacity(count)) else { return false }
      let cells = pool.start(block(state))
      var used = 0
      for index in 0..<Self.capacity(count) {
        let entry = (cells + 4 * index).load(as: UInt32.self)
        if entry == 0 { continue }
        // Up to a few, entries stand one after another.
        guard isEntry(entry), count > Self.linearCount || index < count else { return false }
        used += 1
      }
      return used == count
    case Form.dense:
      guard claims.claim(block(state), registerCount) else { return false }
      let registers = pool.start(block(state)).assumingMemoryBound(to: UInt8.self)
      var highest: UInt8 = 0
      for index in 0..<registerCount { highest = max(highest, registers[index]) }
      return Int(highest) <= 64 - precision + 1
    default: return false
    }
  }
}
