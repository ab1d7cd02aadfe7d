// Checkpoints as blocks of 64 KiB, compressed one by one: a save writes the blocks that differ from those of the save before, then switches to
// a manifest that names old and new ones. Blocks are known by their content, so where a section of the snapshot has grown the blocks behind it
// are found again at their new places.
//
//   snapshot -> blocks -> digest known? -> name it : compress, write (1 MiB at a time) -> manifest -> publish -> give back what no one names
//
// The first save of a partition writes everything, and so does one where the blocks have come to lie in many generations or half of what
// lies there is dead. A crash between any two steps leaves the old checkpoint or the new one.

import Base
import Compression
import Features
import Records

public final class BlockCheckpointStore<Medium: BlockMedium>: CheckpointStore {
  /// What is known of the checkpoint that this store has published last.
  private struct Published {
    var manifest: BlockManifest
    var digests: [BlockDigest: BlockReference]
    /// Bytes per generation, dead blocks included.
    var byteCounts: [Int64: Int]
  }

  /// Blocks of more generations than these are written anew.
  private let generationCountMax: Int
  private static var batchByteCount: Int { 1 << 20 }

  public let medium: Medium
  public private(set) var lastSave: CheckpointCost?
  private var published: [PartitionIndex: Published] = [:]
  private let hasher: BlockHasher
  private let compressor: ZstdCompressor
  private let decompressor: ZstdDecompressor
  private let clock: any Clock
  private let batch = ByteBuffer()

  public init(_ medium: Medium, generationCountMax: Int = 16, clock: any Clock = SystemClock()) throws(Failure) {
    self.medium = medium
    self.generationCountMax = generationCountMax
    self.clock = clock
    var random = SystemRandomNumberGenerator()
    hasher = BlockHasher(using: &random)
    compressor = try ZstdCompressor(level: 1, hasChecksum: false)
    decompressor = try ZstdDecompressor()
  }

  // MARK: Save

  public func save(_ snapshot: UnsafeRawBufferPointer, of partition: PartitionIndex, under fence: Fence?) throws {
    let started = clock.monotonicNanoseconds
    try medium.retrying(partition) {
      do {
        try save(snapshot, of: partition, under: fence, since: started)
      } catch is StaleBase {
        published[partition] = nil
        try save(snapshot, of: partition, under: fence, since: started)
      } catch {
        // Whether it was published is not known.
        published[partition] = nil
        throw error
      }
    }
  }

  private func save(
    _ snapshot: UnsafeRawBufferPointer, of partition: PartitionIndex, under fence: Fence?, since started: UInt64
  ) throws {
    let old = published[partition].flatMap { isWorthGoingOn(from: $0) ? $0 : nil }
    let generation = try medium.begin(partition, under: fence)
    var written: Written
    do {
      written = try write(snapshot, known: old?.digests ?? [:], of: partition, generation)
      let encoded = ByteBuffer()
      written.manifest.encode(to: encoded)
      try medium.publish(
        written.manifest, encoded: UnsafeRawBufferPointer(encoded.bytes), over: old?.manifest.generation, of: partition,
        under: fence)
    } catch {
      // A broken connection leaves it to the next to publish.
      if (error as? Failure)?.isRetryable != true { medium.abandon(generation, of: partition) }
      throw error
    }
    let named = Set(written.manifest.blocks)
    let live = written.manifest.generations
    let dead = old.map { Set($0.manifest.blocks).subtracting(named).filter { live.contains($0.generation) } } ?? []
    var byteCounts = (old?.byteCounts ?? [:]).filter { live.contains($0.key) }
    byteCounts[generation] = written.byteCount
    published[partition] = Published(manifest: written.manifest, digests: written.digests, byteCounts: byteCounts)
    // It is published: what cannot be given back now lies there until everything is written anew.
    try? medium.remove(dead.sorted { ($0.generation, $0.ordinal) < ($1.generation, $1.ordinal) }, of: partition)
    lastSave = CheckpointCost(
      snapshotByteCount: snapshot.count, writtenByteCount: written.byteCount, isWhole: old == nil,
      nanoseconds: clock.monotonicNanoseconds - started)
  }

  private func isWorthGoingOn(from old: Published) -> Bool {
    let live = Set(old.manifest.blocks).reduce(0) { $0 + Int($1.byteCount) }
    let stored = old.byteCounts.values.reduce(0, +)
    return old.byteCounts.count < generationCountMax && stored <= 2 * live + 1 << 20
  }

  private struct Written {
    var manifest: BlockManifest
    var digests: [BlockDigest: BlockReference] = [:]
    var byteCount = 0
  }

  /// Writes the blocks that are not known.
  private func write(
    _ snapshot: UnsafeRawBufferPointer, known: [BlockDigest: BlockReference], of partition: PartitionIndex, _ generation: Int64
  ) throws -> Written {
    var written = Written(manifest: BlockManifest(generation: generation, byteCount: snapshot.count, blocks: []))
    written.manifest.blocks.reserveCapacity(snapshot.count / BlockManifest.blockByteCount + 1)
    var waiting: [Range<Int>] = []
    var ordinal = 0
    batch.removeAll()
    func flush() throws {
      guard !waiting.isEmpty else { return }
      let bytes = UnsafeRawBufferPointer(batch.bytes)
      try medium.write(
        waiting.map { UnsafeRawBufferPointer(rebasing: bytes[$0]) }, from: ordinal - waiting.count, of: partition, generation)
      waiting.removeAll(keepingCapacity: true)
      batch.removeAll()
    }
    for start in stride(from: 0, to: snapshot.count, by: BlockManifest.blockByteCount) {
      let block = UnsafeRawBufferPointer(rebasing: snapshot[start..<min(snapshot.count, start + BlockManifest.blockByteCount)])
      let digest = hasher.digest(block)
      if let reference = written.digests[digest] ?? known[digest] {
        written.digests[digest] = reference
        written.manifest.blocks.append(reference)
        continue
      }
      let first = batch.count
      try compressor.compress(block, into: batch)
      let stored = UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(batch.bytes)[first...])
      let reference = BlockReference(
        generation: generation, offset: UInt64(written.byteCount), checksum: Checksum.of(stored), ordinal: UInt32(ordinal),
        byteCount: UInt32(stored.count))
      written.digests[digest] = reference
      written.manifest.blocks.append(reference)
      written.byteCount += stored.count
      waiting.append(first..<batch.count)
      ordinal += 1
      if batch.count > Self.batchByteCount - BlockManifest.blockByteCount - 1024 { try flush() }
    }
    try flush()
    return written
  }

  // MARK: Load

  public func load(_ partition: PartitionIndex) throws -> ByteBuffer? {
    published[partition] = nil
    return try medium.retrying(partition) {
      let what = "\(medium.name): the checkpoint of partition \(partition)"
      // A save by another that ends in between takes blocks away: then the manifest is read anew.
      for _ in 0..<5 {
        guard let encoded = try medium.manifest(of: partition) else { return nil }
        let manifest = try BlockManifest(UnsafeRawBufferPointer(encoded.bytes), name: what)
        if let snapshot = try read(manifest, of: partition, what) { return snapshot }
      }
      throw Failure(.badData, "\(what) is damaged: it names blocks that are not there")
    }
  }

  /// Nil where blocks are gone.
  private func read(_ manifest: BlockManifest, of partition: PartitionIndex, _ what: String) throws -> ByteBuffer? {
    let snapshot = ByteBuffer(capacity: manifest.byteCount)
    let blocks = manifest.blocks
    var position = 0
    while position < blocks.count {
      var end = position
      var byteCount = 0
      while end < blocks.count, blocks[end].generation == blocks[position].generation,
        end == position || byteCount < Self.batchByteCount
      {
        byteCount += Int(blocks[end].byteCount)
        end += 1
      }
      var number = position
      let isThere = try medium.read(blocks[position..<end], of: partition) { stored in
        guard stored.count == Int(blocks[number].byteCount), Checksum.of(stored) == blocks[number].checksum else {
          throw Failure(.badData, "\(what) is damaged: the checksum of block \(number) is wrong")
        }
        let wanted = min(BlockManifest.blockByteCount, manifest.byteCount - number * BlockManifest.blockByteCount)
        let first = snapshot.count
        do throws(Failure) {
          try decompressor.decompress(stored, into: snapshot, byteCountMax: wanted)
        } catch {
          throw Failure(.badData, "\(what) is damaged: block \(number): \(error.message)")
        }
        guard snapshot.count - first == wanted else {
          throw Failure(.badData, "\(what) is damaged: block \(number) holds \(snapshot.count - first) bytes instead of \(wanted)")
        }
        number += 1
      }
      guard isThere else { return nil }
      precondition(number == end, "a medium gives as many blocks as it was asked for")
      position = end
    }
    return snapshot
  }
}
