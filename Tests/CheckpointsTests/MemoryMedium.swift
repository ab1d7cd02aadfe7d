// Blocks in memory, as a store that can be cut off between any two steps, and shows what it has been asked.

import Base
import Checkpoints
import Features
import Records

struct Crash: Error {}

final class MemoryMedium: BlockMedium {
  let name = "memory"
  /// Survives a crash.
  private(set) var generations: [PartitionIndex: [Int64: [Int: [UInt8]]]] = [:]
  private(set) var manifests: [PartitionIndex: (generation: Int64, bytes: [UInt8])] = [:]
  private var lastGeneration: Int64 = 0
  /// How many steps are still done before everything fails; nil for all.
  var stepsLeft: Int?
  private(set) var stepCount = 0
  private(set) var writtenByteCount = 0

  /// What survives a crash.
  init(after crashed: MemoryMedium? = nil) {
    generations = crashed?.generations ?? [:]
    manifests = crashed?.manifests ?? [:]
    lastGeneration = crashed?.lastGeneration ?? 0
  }

  private func step() throws {
    stepCount += 1
    guard let left = stepsLeft else { return }
    guard left > 0 else { throw Crash() }
    stepsLeft = left - 1
  }

  func manifest(of partition: PartitionIndex) throws -> ByteBuffer? {
    manifests[partition].map { manifest in
      let buffer = ByteBuffer()
      manifest.bytes.withUnsafeBufferPointer { buffer.append($0) }
      return buffer
    }
  }

  func begin(_ partition: PartitionIndex, under fence: Fence?) throws -> Int64 {
    try step()
    lastGeneration += 1
    generations[partition, default: [:]][lastGeneration] = [:]
    return lastGeneration
  }

  func write(_ blocks: [UnsafeRawBufferPointer], from ordinal: Int, of partition: PartitionIndex, _ generation: Int64) throws {
    for (index, block) in blocks.enumerated() {
      try step()
      generations[partition]![generation]![ordinal + index] = Array(block)
      writtenByteCount += block.count
    }
  }

  func publish(
    _ manifest: BlockManifest, encoded: UnsafeRawBufferPointer, over base: Int64?, of partition: PartitionIndex, under fence: Fence?
  ) throws {
    try step()
    if let base, manifests[partition]?.generation != base { throw StaleBase() }
    manifests[partition] = (manifest.generation, Array(encoded))
    try step()
    generations[partition] = generations[partition]!.filter { manifest.generations.contains($0.key) }
  }

  func abandon(_ generation: Int64, of partition: PartitionIndex) {
    guard stepsLeft == nil else { return }
    generations[partition]?[generation] = nil
  }

  func remove(_ blocks: [BlockReference], of partition: PartitionIndex) throws {
    for block in blocks {
      try step()
      generations[partition]![block.generation]![Int(block.ordinal)] = nil
    }
  }

  func read(_ blocks: ArraySlice<BlockReference>, of partition: PartitionIndex, _ body: (UnsafeRawBufferPointer) throws -> Void)
    throws
    -> Bool
  {
    for block in blocks {
      guard let bytes = generations[partition]?[block.generation]?[Int(block.ordinal)] else { return false }
      try bytes.withUnsafeBytes(body)
    }
    return true
  }

  /// Damages a bit of a stored block.
  func flip(_ partition: PartitionIndex, _ generation: Int64, _ ordinal: Int, byte: Int) {
    generations[partition]![generation]![ordinal]![byte] ^= 1
  }

  func cutManifest(_ partition: PartitionIndex, _ change: (inout [UInt8]) -> Void) { change(&manifests[partition]!.bytes) }
}
