// The slots of one generation of keys: open addressing with linear probing, three words each, no removal but of everything.

import Base

struct KeyGeneration: ~Copyable {
  static let slotByteCount = 24
  /// The slots are kept at least this empty, as a power of two: at most 5/8 are used.
  private static let capacityMin = 1024

  private(set) var slots: UnsafeMutableRawPointer
  private(set) var capacity: Int
  private(set) var count = 0
  /// The greatest event time in it; `Int64.min` where it is empty.
  private(set) var lastTime: Int64 = .min

  /// - Parameter expectedCount: How many keys it is likely to hold.
  init(expectedCount: Int = 0) {
    var capacity = Self.capacityMin
    while expectedCount * 8 > capacity * 5 { capacity *= 2 }
    self.capacity = capacity
    slots = Self.allocate(capacity)
  }

  deinit { slots.deallocate() }

  var byteCount: Int { capacity * Self.slotByteCount }

  private static func allocate(_ capacity: Int) -> UnsafeMutableRawPointer {
    let slots = UnsafeMutableRawPointer.allocate(byteCount: capacity * slotByteCount, alignment: 8)
    slots.initializeMemory(as: UInt8.self, repeating: 0, count: capacity * slotByteCount)
    return slots
  }

  @inline(__always)
  private func slot(_ index: Int) -> UnsafeMutableRawPointer { slots + index &* Self.slotByteCount }

  /// The first word of the slot where a search for `hash` begins, to have it near.
  @inline(__always)
  func home(_ hash: UInt64) -> UInt64 { slot(Int(truncatingIfNeeded: hash) & (capacity &- 1)).load(as: UInt64.self) }

  /// The slot of a key, or the free one where it belongs.
  @inline(__always)
  func find(_ hash: (UInt64, UInt64)) -> Int {
    var index = Int(truncatingIfNeeded: hash.0) & (capacity &- 1)
    while true {
      let slot = slot(index)
      let first = slot.load(as: UInt64.self)
      if first == 0 || (first == hash.0 && slot.load(fromByteOffset: 8, as: UInt64.self) == hash.1) { return index }
      index = (index &+ 1) & (capacity &- 1)
    }
  }

  @inline(__always)
  func isFree(_ index: Int) -> Bool { slot(index).load(as: UInt64.self) == 0 }

  /// The event time of the key in a slot; `Int64.min` where it is free.
  @inline(__always)
  func time(_ index: Int) -> Int64 {
    let slot = slot(index)
    return slot.load(as: UInt64.self) == 0 ? .min : slot.load(fromByteOffset: 16, as: Int64.self)
  }

  /// Writes a key into the slot that `find` gave.
  @inline(__always)
  mutating func put(_ hash: (UInt64, UInt64), _ time: Int64, at index: Int) {
    let slot = slot(index)
    if slot.load(as: UInt64.self) == 0 { count &+= 1 }
    slot.storeBytes(of: hash.0, as: UInt64.self)
    slot.storeBytes(of: hash.1, toByteOffset: 8, as: UInt64.self)
    slot.storeBytes(of: time, toByteOffset: 16, as: Int64.self)
    if time > lastTime { lastTime = time }
    if count &* 8 > capacity &* 5 { grow() }
  }

  @inline(never)
  private mutating func grow() {
    let old = slots
    let oldCapacity = capacity
    capacity *= 2
    slots = Self.allocate(capacity)
    for index in 0..<oldCapacity {
      let from = old + index * Self.slotByteCount
      let hash = (from.load(as: UInt64.self), from.load(fromByteOffset: 8, as: UInt64.self))
      guard hash.0 != 0 else { continue }
      slot(find(hash)).copyMemory(from: from, byteCount: Self.slotByteCount)
    }
    old.deallocate()
  }

  /// How many keys have an event time after `time`.
  func count(after time: Int64) -> Int {
    var count = 0
    for index in 0..<capacity where self.time(index) > time { count += 1 }
    return count
  }

  /// Empties the slots and keeps them, unless few of them were used.
  mutating func removeAll() {
    if capacity > Self.capacityMin, count * 8 < capacity {
      slots.deallocate()
      capacity /= 2
      slots = Self.allocate(capacity)
    } else if count > 0 {
      slots.initializeMemory(as: UInt8.self, repeating: 0, count: byteCount)
    }
    count = 0
    lastTime = .min
  }
}

extension KeyGeneration {
  func save(to out: inout SnapshotWriter) {
    out.write(UInt64(count))
    out.write(UInt64(bitPattern: lastTime))
    for index in 0..<capacity where !isFree(index) {
      out.write(UnsafeRawBufferPointer(start: slot(index), count: Self.slotByteCount))
    }
  }

  /// Takes over what was saved; must be empty.
  mutating func load(from input: inout SnapshotReader) throws(SnapshotError) {
    let savedCount = try input.count(of: Self.slotByteCount)
    let savedLastTime = Int64(bitPattern: try input.word())
    for _ in 0..<savedCount {
      let hash = (try input.word(), try input.word())
      guard hash.0 != 0 else { throw .damaged }
      put(hash, Int64(bitPattern: try input.word()), at: find(hash))
    }
    guard count == savedCount, lastTime <= savedLastTime else { throw .damaged }
    lastTime = savedLastTime
  }
}

extension Deduplicator {
  private static let magic: UInt64 = 0x3150_5544_5352_4654  // "TFRSDUP1", little endian
  private static let headerByteCount = 32

  /// Equal for settings whose states can be exchanged.
  private var fingerprint: UInt64 {
    let name = Array(settings.keyName.utf8).withUnsafeBufferPointer { bytes in
      bytes.baseAddress.map { Hash.bytes($0, count: bytes.count) } ?? 0
    }
    return Hash.mix(Hash.mix(name, UInt64(bitPattern: settings.window)), UInt64(settings.keyCountMax))
  }

  /// Appends the whole state to `buffer`: `[ magic 8 | fingerprint 8 | body byteCount 8 | hash of the body 8 | body ]`.
  public func save(to buffer: ByteBuffer) {
    let start = buffer.count
    buffer.reserve(Self.headerByteCount + 64 + keyCount * KeyGeneration.slotByteCount)
    var out = SnapshotWriter(buffer: buffer)
    out.write(Self.magic)
    out.write(fingerprint)
    out.write(0)
    out.write(0)
    out.write(UInt64(bitPattern: streamTime))
    older.save(to: &out)
    newer.save(to: &out)
    let bodyStart = start + Self.headerByteCount
    let header = UnsafeMutableRawPointer(buffer.base + start)
    header.storeBytes(of: UInt64(buffer.count - bodyStart).littleEndian, toByteOffset: 16, as: UInt64.self)
    let hash = Hash.bytes(buffer.base + bodyStart, count: buffer.count - bodyStart)
    header.storeBytes(of: hash.littleEndian, toByteOffset: 24, as: UInt64.self)
  }

  /// Takes over a saved state; must not have seen a record yet.
  public func load(_ bytes: UnsafeRawBufferPointer) throws(SnapshotError) {
    var header = SnapshotReader(bytes)
    guard try header.word() == Self.magic else { throw .damaged }
    guard try header.word() == fingerprint else { throw .otherViews }
    guard bytes.count >= Self.headerByteCount else { throw .damaged }
    let bodyByteCount = try header.word()
    let hash = try header.word()
    let body = UnsafeRawBufferPointer(rebasing: bytes[Self.headerByteCount...])
    guard bodyByteCount == UInt64(body.count), let start = body.baseAddress,
      Hash.bytes(start.assumingMemoryBound(to: UInt8.self), count: body.count) == hash
    else { throw .damaged }
    var input = SnapshotReader(body)
    streamTime = Int64(bitPattern: try input.word())
    try older.load(from: &input)
    try newer.load(from: &input)
  }
}
