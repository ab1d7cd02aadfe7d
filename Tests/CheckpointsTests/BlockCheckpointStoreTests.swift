import Base
import Features
import Records
import Testing

@testable import Checkpoints

private let blockByteCount = BlockManifest.blockByteCount

/// Bytes that do not compress and differ from block to block.
private func noise(_ count: Int, seed: UInt64) -> [UInt8] {
  [UInt8](unsafeUninitializedCapacity: count) { bytes, initialized in
    var state = seed
    let raw = UnsafeMutableRawBufferPointer(bytes)
    var place = 0
    while place < count {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      withUnsafeBytes(of: state ^ state >> 31) { raw[place..<min(count, place + 8)].copyBytes(from: $0.prefix(count - place)) }
      place += 8
    }
    initialized = count
  }
}

private func save(_ bytes: [UInt8], _ store: BlockCheckpointStore<MemoryMedium>) throws {
  try bytes.withUnsafeBytes { try store.save($0, of: 0, under: nil) }
}

private func load(_ store: BlockCheckpointStore<MemoryMedium>) throws -> [UInt8]? { try store.load(0).map { Array($0.bytes) } }

@Suite struct `Checkpoints as blocks` {
  @Test(arguments: [0, 1, 7, blockByteCount - 1, blockByteCount, blockByteCount + 1, 5 * blockByteCount + 3])
  func `a snapshot of any size comes back`(count: Int) throws {
    let store = try BlockCheckpointStore(MemoryMedium())
    #expect(try load(store) == nil)
    let bytes = noise(count, seed: 1)
    try save(bytes, store)
    #expect(try load(store) == bytes)
    #expect(try load(BlockCheckpointStore(MemoryMedium(after: store.medium))) == bytes)
  }

  @Test func `a save writes the blocks that differ, wherever the others have moved`() throws {
    let store = try BlockCheckpointStore(MemoryMedium())
    var bytes = noise(20 * blockByteCount, seed: 2)
    try save(bytes, store)
    #expect(try #require(store.lastSave).isWhole)
    bytes[5 * blockByteCount] ^= 1
    try save(bytes, store)
    var cost = try #require(store.lastSave)
    #expect(!cost.isWhole)
    #expect(cost.snapshotByteCount == bytes.count)
    #expect((blockByteCount..<blockByteCount + 1024).contains(cost.writtenByteCount))
    // A section in front grows by three blocks.
    bytes = noise(3 * blockByteCount, seed: 3) + bytes
    try save(bytes, store)
    cost = try #require(store.lastSave)
    #expect((3 * blockByteCount..<3 * blockByteCount + 4096).contains(cost.writtenByteCount))
    #expect(try load(store) == bytes)
  }

  @Test func `equal blocks are written once`() throws {
    let store = try BlockCheckpointStore(MemoryMedium())
    let block = noise(blockByteCount, seed: 4)
    try save(Array(repeating: block, count: 9).flatMap { $0 }, store)
    #expect(try #require(store.lastSave).writtenByteCount < 2 * blockByteCount)
    #expect(try load(store)?.count == 9 * blockByteCount)
  }

  @Test func `everything is written anew when the blocks lie in too many generations or most of what lies there is dead`() throws {
    let store = try BlockCheckpointStore(MemoryMedium(), generationCountMax: 4)
    var bytes = noise(30 * blockByteCount, seed: 5)
    var wholes: [Bool] = []
    for number in 0..<9 {
      bytes[number * blockByteCount] ^= 1
      try save(bytes, store)
      wholes.append(try #require(store.lastSave).isWhole)
      #expect(try load(BlockCheckpointStore(MemoryMedium(after: store.medium))) == bytes)
    }
    #expect(wholes == [true, false, false, false, true, false, false, false, true])
    let churned = try BlockCheckpointStore(MemoryMedium())
    wholes = []
    for (number, changedCount) in [30, 26, 24, 1].enumerated() {
      // Few blocks of each save stay.
      bytes.replaceSubrange(
        0..<changedCount * blockByteCount, with: noise(changedCount * blockByteCount, seed: UInt64(100 + number)))
      try save(Array(bytes.prefix(30 * blockByteCount)), churned)
      wholes.append(try #require(churned.lastSave).isWhole)
    }
    #expect(wholes == [true, false, false, true])
  }

  @Test func `a crash between any two steps leaves the old checkpoint or the new one`() throws {
    let first = noise(6 * blockByteCount, seed: 7)
    var second = first
    for block in [0, 3, 5] { second[block * blockByteCount + 17] ^= 0xff }
    second += noise(blockByteCount / 2, seed: 8)
    var outcomes: Set<Int> = []
    var steps = 0
    while true {
      let store = try BlockCheckpointStore(MemoryMedium())
      try save(first, store)
      store.medium.stepsLeft = steps
      let hasCrashed: Bool
      do {
        try save(second, store)
        hasCrashed = store.medium.stepsLeft == 0
      } catch is Crash {
        hasCrashed = true
      }
      // The next process sees what was left, and goes on.
      let next = try BlockCheckpointStore(MemoryMedium(after: store.medium))
      let found = try #require(try load(next))
      #expect(found == first || found == second, "after \(steps) steps")
      outcomes.insert(found == first ? 1 : 2)
      try save(second, next)
      #expect(try load(next) == second)
      let live = try #require(next.medium.generations[0]).values.reduce(0) { $0 + $1.count }
      #expect(live == 7, "nothing is left behind after \(steps) steps")
      if !hasCrashed { break }
      steps += 1
    }
    #expect(outcomes == [1, 2])
    #expect(steps > 6)
  }

  @Test func `a save that went on from what another has replaced writes everything`() throws {
    let medium = MemoryMedium()
    let (one, other) = (try BlockCheckpointStore(medium), try BlockCheckpointStore(medium))
    var bytes = noise(10 * blockByteCount, seed: 9)
    try save(bytes, one)
    try save(noise(100, seed: 1), other)
    bytes[0] ^= 1
    try save(bytes, one)
    #expect(try #require(one.lastSave).isWhole)
    #expect(try load(other) == bytes)
  }

  @Test func `damage anywhere is found and said`() throws {
    let bytes = noise(3 * blockByteCount + 5, seed: 10)
    let store = try BlockCheckpointStore(MemoryMedium())
    try save(bytes, store)
    for (ordinal, byte) in [(0, 0), (1, 4000), (3, 2)] {
      let medium = MemoryMedium(after: store.medium)
      medium.flip(0, 1, ordinal, byte: byte)
      let failure = #expect(throws: Failure.self) { try load(BlockCheckpointStore(medium)) }
      #expect(
        failure?.message == "memory: the checkpoint of partition 0 is damaged: the checksum of block \(ordinal) is wrong")
    }
    let manifestByteCount = try #require(store.medium.manifests[0]).bytes.count
    for byte in 0..<manifestByteCount {
      let medium = MemoryMedium(after: store.medium)
      medium.cutManifest(0) { $0[byte] ^= 0x10 }
      #expect(throws: Failure.self) { try load(BlockCheckpointStore(medium)) }
      let cut = MemoryMedium(after: store.medium)
      cut.cutManifest(0) { $0 = Array($0.prefix(byte)) }
      #expect(throws: Failure.self) { try load(BlockCheckpointStore(cut)) }
    }
  }

  @Test func `digests of equal blocks differ from process to process`() {
    var random = SystemRandomNumberGenerator()
    let (one, other) = (BlockHasher(using: &random), BlockHasher(using: &random))
    let bytes = noise(1000, seed: 11)
    bytes.withUnsafeBytes {
      #expect(one.digest($0) == one.digest($0))
      #expect(one.digest($0) != other.digest($0))
    }
    // Every length and every bit matter.
    var seen: Set<BlockDigest> = []
    for count in 0...40 { seen.insert(bytes.prefix(count).withUnsafeBytes { one.digest($0) }) }
    for bit in 0..<(40 * 8) {
      var changed = Array(bytes.prefix(40))
      changed[bit / 8] ^= 1 << UInt8(bit % 8)
      seen.insert(changed.withUnsafeBytes { one.digest($0) })
    }
    #expect(seen.count == 41 + 320)
  }
}
