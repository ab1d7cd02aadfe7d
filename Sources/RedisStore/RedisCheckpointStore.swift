// Snapshots in Redis, block by block: see `BlockCheckpointStore` for what is written, `RedisBlockMedium` for where it lies.

import Base
import Checkpoints
import Features
import Records

/// Keeps the snapshots of one pipeline's topic.
public final class RedisCheckpointStore: CheckpointStore {
  private let blocks: BlockCheckpointStore<RedisBlockMedium>

  /// - Parameter topic: `SOURCE.TOPIC`, as two sources may read one topic.
  public init(_ connection: RedisConnection, prefix: String, pipeline: String, topic: String) throws(Failure) {
    blocks = try BlockCheckpointStore(RedisBlockMedium(connection, FenceKeys(prefix: prefix, pipeline: pipeline, topic: topic)))
  }

  public var lastSave: CheckpointCost? { blocks.lastSave }

  public func save(_ snapshot: UnsafeRawBufferPointer, of partition: PartitionIndex, under fence: Fence?) throws {
    try blocks.save(snapshot, of: partition, under: fence)
  }

  public func load(_ partition: PartitionIndex) throws -> ByteBuffer? { try blocks.load(partition) }
}
