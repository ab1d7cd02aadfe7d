// Where the state of partitions is kept for the next owner, as the rooms that save it see it.

import Base
import Records

/// Keeps one snapshot of state per partition, so that a later owner of the partition goes on where this one was.
public protocol CheckpointStore: AnyObject {
  /// Replaces the partition's snapshot; on return it survives a crash of this process. One who no longer holds the fence is refused by a
  /// `CheckpointOvertaken`.
  func save(_ snapshot: UnsafeRawBufferPointer, of partition: PartitionIndex, under fence: Fence?) throws

  /// The last snapshot saved, or nil where there is none.
  func load(_ partition: PartitionIndex) throws -> ByteBuffer?
}

/// Another has claimed the partition since: what this owner holds of it is of no use any more.
public struct CheckpointOvertaken: Error, Equatable {
  public var partition: PartitionIndex

  public init(partition: PartitionIndex) { self.partition = partition }
}
