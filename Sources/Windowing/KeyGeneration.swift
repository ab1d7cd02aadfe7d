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
  /// The slots as they are, free ones included, so that what stays in its place is the same block of a checkpoint.
  func save(to out: SnapshotWriter) {
    out.write(count)
    out.write(lastTime)
    out.writeSection(UnsafeRawBufferPointer(start: slots, count: byteCount))
  }

  /// Takes over what was saved; must be empty.
  mutating func load(from input: inout SnapshotReader) throws(SnapshotError) {
    let savedCount = try input.integer(upTo: .max)
    let savedLastTime = try input.number()
    let saved = try input.section(of: Self.slotByteCount)
    let savedCapacity = saved.count / Self.slotByteCount
    guard savedCapacity >= Self.capacityMin, savedCapacity & (savedCapacity - 1) == 0, savedCount <= savedCapacity * 5 / 8,
      savedLastTime == .min || Deduplicator.times.contains(savedLastTime)
    else { throw .damaged }
    slots.deallocate()
    capacity = savedCapacity
    slots = .allocate(byteCount: byteCount, alignment: 8)
    slots.copyMemory(from: saved.baseAddress!, byteCount: byteCount)
    lastTime = savedLastTime
    count = 0
    for index in 0..<capacity where !isFree(index) {
      guard time(index) <= savedLastTime, Deduplicator.times.contains(time(index)) else { throw .damaged }
      count += 1
    }
    guard count == savedCount else { throw .damaged }
  }
}

extension Deduplicator {
  static let times = -Watermark.endOfTime...Watermark.endOfTime

  /// Adds the whole state.
  public func save(to out: SnapshotWriter) {
    out.write(settings.keyName)
    out.write(settings.window)
    out.write(settings.keyCountMax)
    out.write(streamTime)
    older.save(to: out)
    newer.save(to: out)
  }

  /// Takes over a saved state; must not have seen a record yet. Says how what it remembers falls short of what its settings promise, where they
  /// have changed; nil where it does not.
  public func load(from input: inout SnapshotReader) throws(SnapshotError) -> String? {
    let keyName = try input.text()
    let window = try input.number(in: 1...Watermark.endOfTime)
    _ = try input.integer(upTo: .max)
    streamTime = try input.number()
    guard streamTime == .min || Self.times.contains(streamTime) else { throw .damaged }
    try older.load(from: &input)
    try newer.load(from: &input)
    guard keyName == settings.keyName else {
      older = KeyGeneration()
      newer = KeyGeneration()
      return "dedup goes by '\(settings.keyName)' instead of '\(keyName)' from here on: copies of records before are counted"
    }
    if settings.window > window {
      return "dedup remembers more from here on: of records before, copies are found within the old window only"
    }
    return nil
  }

  /// Appends the whole state to `buffer`.
  public func save(to buffer: ByteBuffer) {
    let start = buffer.count
    let out = SnapshotWriter()
    save(to: out)
    out.finish(to: buffer)
    SnapshotWriter.seal(buffer, from: start)
  }

  /// Takes over what `save(to:)` has appended to a buffer.
  public func load(_ bytes: UnsafeRawBufferPointer) throws(SnapshotError) {
    var input = try SnapshotReader(bytes)
    _ = try load(from: &input)
  }
}
