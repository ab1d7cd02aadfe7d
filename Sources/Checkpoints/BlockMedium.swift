// Where blocks lie: Redis, a directory, memory. A generation is what one save has written; it shows only once it has been published.

import Base
import Features
import Records

public protocol BlockMedium: AnyObject {
  /// What it is called in messages, secrets redacted.
  var name: String { get }

  /// Runs `body`, which does things to one partition and bears repeating, again where what went wrong has passed.
  func retrying<Result>(_ partition: PartitionIndex, _ body: () throws -> Result) throws -> Result

  /// The manifest that was published last; nil for none.
  func manifest(of partition: PartitionIndex) throws -> ByteBuffer?

  /// Begins a generation of a number that no other has.
  func begin(_ partition: PartitionIndex, under fence: Fence?) throws -> Int64

  /// Adds blocks to the generation that was begun last, 1 MiB of them at most; the first has number `ordinal`.
  func write(_ blocks: [UnsafeRawBufferPointer], from ordinal: Int, of partition: PartitionIndex, _ generation: Int64) throws

  /// Puts the generation of `manifest` in the place of generation `base` (nil: whatever is there), all or nothing, and removes generations that
  /// `manifest` does not name. Throws `CheckpointOvertaken` where another has the fence, and `StaleBase` where the published generation
  /// is not `base`.
  func publish(
    _ manifest: BlockManifest, encoded: UnsafeRawBufferPointer, over base: Int64?, of partition: PartitionIndex, under fence: Fence?
  ) throws

  /// Removes what a save has written that is not to be published.
  func abandon(_ generation: Int64, of partition: PartitionIndex)

  /// Gives back blocks that no manifest names any more, where single blocks can be given back.
  func remove(_ blocks: [BlockReference], of partition: PartitionIndex) throws

  /// Calls `body` with the bytes of each block in order, which are those of `blocks` unless they are damaged; false where some are gone.
  func read(_ blocks: ArraySlice<BlockReference>, of partition: PartitionIndex, _ body: (UnsafeRawBufferPointer) throws -> Void)
    throws
    -> Bool
}

extension BlockMedium {
  public func retrying<Result>(_ partition: PartitionIndex, _ body: () throws -> Result) throws -> Result { try body() }
  public func remove(_ blocks: [BlockReference], of partition: PartitionIndex) throws {}
}

/// The generation that a save was to go on from is no longer the published one.
public struct StaleBase: Error {
  public init() {}
}
