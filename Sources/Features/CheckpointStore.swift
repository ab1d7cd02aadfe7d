// Where the state of partitions is kept for the next owner, as the rooms that save it see it.

import Base
import Records

/// Keeps one snapshot of state per partition, so that a later owner of the partition goes on where this one was.
public protocol CheckpointStore: AnyObject {
  /// Replaces the partition's snapshot; on return it survives a crash of this process. One who no longer holds the fence, or whose
  /// rows of `fence.step` the store has lost, is refused by a `CheckpointOvertaken`.
  func save(_ snapshot: UnsafeRawBufferPointer, of partition: PartitionIndex, under fence: Fence?) throws

  /// The last snapshot saved, or nil where there is none.
  func load(_ partition: PartitionIndex) throws -> ByteBuffer?

  /// What the last save has cost; nil before the first, and where nobody measures.
  var lastSave: CheckpointCost? { get }
}

extension CheckpointStore {
  public var lastSave: CheckpointCost? { nil }
}

/// What a save has cost the one who saved.
public struct CheckpointCost: Equatable, Sendable {
  /// Bytes of the snapshot, and of what of it was written, compressed.
  public var snapshotByteCount: Int
  public var writtenByteCount: Int
  /// Whether everything was written rather than what had changed.
  public var isWhole: Bool
  public var nanoseconds: UInt64

  public init(snapshotByteCount: Int, writtenByteCount: Int, isWhole: Bool, nanoseconds: UInt64) {
    self.snapshotByteCount = snapshotByteCount
    self.writtenByteCount = writtenByteCount
    self.isWhole = isWhole
    self.nanoseconds = nanoseconds
  }
}

/// Another has claimed the partition since, or the store no longer has the rows that the state rests on: what this owner holds of it is of no
/// use any more.
public struct CheckpointOvertaken: Error, Equatable {
  public var refusal: FenceRefusal

  public init(partition: PartitionIndex, reason: FenceRefusal.Reason = .overtaken(by: "another")) {
    refusal = FenceRefusal(partition: partition, reason: reason)
  }
}
