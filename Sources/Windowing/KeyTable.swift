// The keys of one key space: from key bytes to a dense entry number. Open addressing with linear probing over 8-byte index cells; entries
// stand in one flat array, so that a snapshot is a copy, and a cell's tag spares most visits to entries of other keys.
//
//   index cell   [ tag: high 32 bits of the hash | entry number + 1 (0: empty) ]
//   entry        [ hash 8 | word0 8 | word1 8 | byteCount 4 | live 4 | lastEvent 8 | dirty 8 | head of chain 4 x groups ]
//
// Keys of up to 16 bytes stand in the two words (first and last eight bytes, which overlap); longer ones in the text pool.

import Base

struct KeyTable: ~Copyable {
  static let headsOffset = 48
  static let leastCapacity = 256

  let groupCount: Int
  let stride: Int
  private(set) var entries: UnsafeMutableRawPointer
  private(set) var entryCapacity: Int
  /// Entries ever used; free ones among them are on the free list.
  private(set) var entryCount = 0
  private(set) var liveCount = 0
  /// First free entry plus one.
  private var freeHead: UInt32 = 0
  private var index: UnsafeMutablePointer<UInt64>
  private var indexMask: Int
  let text = BlockPool()

  /// Bytes of one key's entry.
  static func entryByteCount(groupCount: Int) -> Int { (headsOffset + 4 * groupCount + 7) & ~7 }
  /// Bytes of the index per entry: two cells.
  static let indexByteCountPerEntry = 16

  init(groupCount: Int, entryCapacity: Int = KeyTable.leastCapacity) {
    self.groupCount = groupCount
    stride = Self.entryByteCount(groupCount: groupCount)
    self.entryCapacity = entryCapacity
    entries = .allocate(byteCount: entryCapacity * stride, alignment: 8)
    indexMask = entryCapacity * 2 - 1
    index = .allocate(capacity: indexMask + 1)
    index.initialize(repeating: 0, count: indexMask + 1)
  }

  deinit {
    text.deallocate()
    entries.deallocate()
    index.deallocate()
  }

  @inline(__always)
  func entry(_ number: UInt32) -> UnsafeMutableRawPointer { entries + Int(number) * stride }

  /// What stands at the home of `hash`: an entry number plus one, most likely the key's own; 0 where there is nothing.
  @inline(__always)
  func cell(_ hash: UInt64) -> UInt32 { UInt32(truncatingIfNeeded: index[Int(truncatingIfNeeded: hash) & indexMask]) }

  /// Reads a word of a long key's text, to have it near.
  @inline(__always)
  func touchText(of entry: UnsafeMutableRawPointer) -> UInt64 {
    guard entry.load(fromByteOffset: 24, as: UInt32.self) > 16 else { return 0 }
    let offset = entry.load(fromByteOffset: 8, as: UInt64.self)
    return UnsafeRawPointer(text.base + Int(offset)).loadUnaligned(as: UInt64.self)
  }

  /// The entry of a key, made if there is none. `hash` is `Hash.bytes` of the key.
  @inline(__always)
  mutating func findOrInsert(_ key: UnsafeBufferPointer<UInt8>, hash: UInt64) -> UInt32 {
    let words = Self.words(key)
    let tag = hash & 0xffff_ffff_0000_0000
    var position = Int(truncatingIfNeeded: hash) & indexMask
    while true {
      let cell = index[position]
      if cell == 0 { return insert(key, hash: hash, words: words) }
      if cell & 0xffff_ffff_0000_0000 == tag {
        let number = UInt32(truncatingIfNeeded: cell) &- 1
        if matches(entry(number), key, hash: hash, words: words) { return number }
      }
      position = (position &+ 1) & indexMask
    }
  }

  /// The entry of a key; nil if there is none.
  func find(_ key: UnsafeBufferPointer<UInt8>, hash: UInt64) -> UInt32? {
    let words = Self.words(key)
    let tag = hash & 0xffff_ffff_0000_0000
    var position = Int(truncatingIfNeeded: hash) & indexMask
    while index[position] != 0 {
      let number = UInt32(truncatingIfNeeded: index[position]) &- 1
      if index[position] & 0xffff_ffff_0000_0000 == tag, matches(entry(number), key, hash: hash, words: words) { return number }
      position = (position &+ 1) & indexMask
    }
    return nil
  }

  /// Frees an entry; its chains must be empty.
  mutating func remove(_ number: UInt32) {
    let freed = entry(number)
    let hash = freed.load(as: UInt64.self)
    var hole = Int(truncatingIfNeeded: hash) & indexMask
    while UInt32(truncatingIfNeeded: index[hole]) != number + 1 { hole = (hole + 1) & indexMask }
    closeHole(hole)
    let byteCount = freed.load(fromByteOffset: 24, as: UInt32.self)
    if byteCount > 16 { text.release(TextReference(offset: freed.load(fromByteOffset: 8, as: UInt64.self), byteCount: byteCount)) }
    freed.storeBytes(of: 0, toByteOffset: 28, as: UInt32.self)
    freed.storeBytes(of: UInt64(freeHead), toByteOffset: 8, as: UInt64.self)
    freeHead = number + 1
    liveCount -= 1
  }

  /// Appends the key's bytes; returns where they start.
  func appendKey(of number: UInt32, to buffer: ByteBuffer) -> (start: UInt32, count: Int32) {
    let entry = entry(number)
    let byteCount = Int(entry.load(fromByteOffset: 24, as: UInt32.self))
    let start = buffer.count
    if byteCount > 16 {
      buffer.append(text.bytes(TextReference(offset: entry.load(fromByteOffset: 8, as: UInt64.self), byteCount: UInt32(byteCount))))
    } else {
      buffer.reserve(16)
      Self.writeWords(
        entry.load(fromByteOffset: 8, as: UInt64.self), entry.load(fromByteOffset: 16, as: UInt64.self), byteCount,
        to: UnsafeMutableRawPointer(buffer.base + start))
      buffer.count += byteCount
    }
    return (UInt32(start), Int32(byteCount))
  }

  func isLive(_ number: UInt32) -> Bool { entry(number).load(fromByteOffset: 28, as: UInt32.self) != 0 }

  // MARK: Insertion and growth

  @inline(never)
  private mutating func insert(_ key: UnsafeBufferPointer<UInt8>, hash: UInt64, words: (UInt64, UInt64)) -> UInt32 {
    if (liveCount + 1) * 2 > indexMask { growIndex() }
    let number: UInt32
    if freeHead != 0 {
      number = freeHead - 1
      freeHead = UInt32(truncatingIfNeeded: entry(number).load(fromByteOffset: 8, as: UInt64.self))
    } else {
      if entryCount == entryCapacity { growEntries(toHold: entryCount + 1) }
      number = UInt32(entryCount)
      entryCount += 1
    }
    let entry = entry(number)
    entry.initializeMemory(as: UInt8.self, repeating: 0, count: stride)
    entry.storeBytes(of: hash, as: UInt64.self)
    if key.count > 16 {
      entry.storeBytes(of: text.store(key).offset, toByteOffset: 8, as: UInt64.self)
    } else {
      entry.storeBytes(of: words.0, toByteOffset: 8, as: UInt64.self)
      entry.storeBytes(of: words.1, toByteOffset: 16, as: UInt64.self)
    }
    entry.storeBytes(of: UInt32(key.count), toByteOffset: 24, as: UInt32.self)
    entry.storeBytes(of: 1, toByteOffset: 28, as: UInt32.self)
    entry.storeBytes(of: .min, toByteOffset: 32, as: Int64.self)
    liveCount += 1
    place(hash: hash, number: number)
    return number
  }

  private func place(hash: UInt64, number: UInt32) {
    var position = Int(truncatingIfNeeded: hash) & indexMask
    while index[position] != 0 { position = (position + 1) & indexMask }
    index[position] = hash & 0xffff_ffff_0000_0000 | UInt64(number + 1)
  }

  /// Moves later cells of the run back, so that no probe meets a gap it should not.
  private func closeHole(_ start: Int) {
    var hole = start
    var position = (hole + 1) & indexMask
    while index[position] != 0 {
      let number = UInt32(truncatingIfNeeded: index[position]) - 1
      let home = Int(truncatingIfNeeded: entry(number).load(as: UInt64.self)) & indexMask
      // The cell may move when its home does not lie between the hole and itself, cyclically.
      if (position - home) & indexMask >= (position - hole) & indexMask {
        index[hole] = index[position]
        hole = position
      }
      position = (position + 1) & indexMask
    }
    index[hole] = 0
  }

  private mutating func growEntries(toHold count: Int) { changeCapacity(to: max(entryCapacity * 2, count)) }

  /// Gives the memory of a table back in which no key lives any more.
  mutating func giveBackIfEmpty() {
    guard liveCount == 0, entryCapacity > Self.leastCapacity else { return }
    entryCount = 0
    freeHead = 0
    changeCapacity(to: Self.leastCapacity)
    rebuildIndex(capacity: 2 * Self.leastCapacity)
    text.giveBack()
  }

  /// Bytes that the table has reserved.
  var byteCount: Int { entryCapacity * stride + (indexMask + 1) * 8 + text.byteCount }

  private mutating func changeCapacity(to newCapacity: Int) {
    let newEntries = UnsafeMutableRawPointer.allocate(byteCount: newCapacity * stride, alignment: 8)
    LargeMemory.advise(newEntries, byteCount: newCapacity * stride)
    newEntries.copyMemory(from: entries, byteCount: entryCount * stride)
    entries.deallocate()
    entries = newEntries
    entryCapacity = newCapacity
  }

  private mutating func growIndex() { rebuildIndex(capacity: (indexMask + 1) * 2) }

  private mutating func rebuildIndex(capacity: Int) {
    index.deallocate()
    indexMask = capacity - 1
    index = .allocate(capacity: capacity)
    LargeMemory.advise(index, byteCount: 8 * capacity)
    index.initialize(repeating: 0, count: capacity)
    for number in 0..<UInt32(entryCount) where isLive(number) { place(hash: entry(number).load(as: UInt64.self), number: number) }
  }

  // MARK: Keys as words

  @inline(__always)
  private func matches(_ entry: UnsafeMutableRawPointer, _ key: UnsafeBufferPointer<UInt8>, hash: UInt64, words: (UInt64, UInt64))
    -> Bool
  {
    guard entry.load(as: UInt64.self) == hash,
      entry.load(fromByteOffset: 24, as: UInt32.self) == UInt32(truncatingIfNeeded: key.count)
    else { return false }
    if key.count <= 16 {
      return entry.load(fromByteOffset: 8, as: UInt64.self) == words.0 && entry.load(fromByteOffset: 16, as: UInt64.self) == words.1
    }
    return Self.isText(text.base + Int(entry.load(fromByteOffset: 8, as: UInt64.self)), key)
  }

  /// Whether a text of as many bytes as `key`, more than 16, is the same.
  @inline(never)
  private static func isText(_ stored: UnsafeRawPointer, _ key: UnsafeBufferPointer<UInt8>) -> Bool {
    let given = UnsafeRawPointer(key.baseAddress!)
    // Eight bytes at a time, the last eight overlapping: both texts are longer than 16.
    var offset = 0
    let last = key.count &- 8
    while offset < last {
      if stored.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
        != given.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
      {
        return false
      }
      offset &+= 8
    }
    return stored.loadUnaligned(fromByteOffset: last, as: UInt64.self) == given.loadUnaligned(fromByteOffset: last, as: UInt64.self)
  }

  /// With the length, these two words say everything about a key of up to 16 bytes.
  @inline(__always)
  private static func words(_ key: UnsafeBufferPointer<UInt8>) -> (UInt64, UInt64) {
    let count = key.count
    guard count <= 16, let start = key.baseAddress else { return (0, 0) }
    let raw = UnsafeRawPointer(start)
    if count >= 8 { return (raw.loadUnaligned(as: UInt64.self), raw.loadUnaligned(fromByteOffset: count - 8, as: UInt64.self)) }
    if count >= 4 {
      return (UInt64(raw.loadUnaligned(as: UInt32.self)), UInt64(raw.loadUnaligned(fromByteOffset: count - 4, as: UInt32.self)))
    }
    var word: UInt64 = 0
    for byte in 0..<count { word |= UInt64(start[byte]) << (8 * UInt64(byte)) }
    return (word, 0)
  }

  private static func writeWords(_ first: UInt64, _ last: UInt64, _ count: Int, to out: UnsafeMutableRawPointer) {
    if count >= 8 {
      out.storeBytes(of: first, as: UInt64.self)
      out.storeBytes(of: last, toByteOffset: count - 8, as: UInt64.self)
    } else if count >= 4 {
      out.storeBytes(of: UInt32(truncatingIfNeeded: first), as: UInt32.self)
      out.storeBytes(of: UInt32(truncatingIfNeeded: last), toByteOffset: count - 4, as: UInt32.self)
    } else {
      for byte in 0..<count {
        out.storeBytes(of: UInt8(truncatingIfNeeded: first >> (8 * UInt64(byte))), toByteOffset: byte, as: UInt8.self)
      }
    }
  }
}

/// A table as a snapshot holds it, its texts in the pool of its key space.
struct SavedTable {
  var liveCount: Int
  var freeHead: UInt32
  var entries: UnsafeRawBufferPointer
  var stride: Int
  var entryCount: Int { entries.count / stride }

  init(from input: inout SnapshotReader, groupCount: Int) throws(SnapshotError) {
    stride = KeyTable.entryByteCount(groupCount: groupCount)
    liveCount = try input.integer(upTo: Int(UInt32.max))
    freeHead = UInt32(try input.integer(upTo: Int(UInt32.max)))
    entries = try input.section(of: stride)
    guard entries.count / stride < Int(UInt32.max) else { throw .damaged }
  }
}

extension KeyTable {
  /// Writes the entries, free ones included.
  func save(to out: SnapshotWriter) {
    out.write(liveCount)
    out.write(UInt64(freeHead))
    out.writeSection(UnsafeRawBufferPointer(start: entries, count: entryCount * stride))
  }

  /// Takes over the entries that `fill` writes: as many as were saved, and free where they were.
  mutating func adopt(_ saved: SavedTable, _ fill: (UnsafeMutableRawPointer) -> Void) {
    let savedCount = saved.entryCount
    entryCount = 0
    changeCapacity(to: max(Self.leastCapacity, savedCount))
    entryCount = savedCount
    liveCount = saved.liveCount
    freeHead = saved.freeHead
    fill(entries)
  }

  /// Makes the index anew, once the entries are known to be sound.
  mutating func makeIndex() {
    var capacity = 2 * Self.leastCapacity
    while capacity < (entryCount + 1) * 2 { capacity *= 2 }
    rebuildIndex(capacity: capacity)
  }
}
