// Checkpoints as files of a directory, block by block: see `BlockCheckpointStore` for what is written, `DirectoryBlockMedium` for the files.

import Base
import Checkpoints
import Features
import Records

public final class DirectoryCheckpointStore: CheckpointStore {
  private let blocks: BlockCheckpointStore<DirectoryBlockMedium>

  /// Files are named `PREFIX-PARTITION-...`; the directory is made if it is not there.
  public init(directory: String, prefix: String) throws(Failure) {
    blocks = try BlockCheckpointStore(try DirectoryBlockMedium(directory: directory, prefix: prefix))
  }

  public var lastSave: CheckpointCost? { blocks.lastSave }

  public func save(_ snapshot: UnsafeRawBufferPointer, of partition: PartitionIndex, under fence: Fence?) throws {
    try blocks.save(snapshot, of: partition, under: fence)
  }

  public func load(_ partition: PartitionIndex) throws -> ByteBuffer? { try blocks.load(partition) }
}
