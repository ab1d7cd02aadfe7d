// Where feature rows go, as the rooms that make them see it.
//
// A store that keeps fences makes rows exactly-once. Per partition it remembers who may write and how far rows have come:
//
//   claim(p) -> Fence          a newer generation; whoever held it before is refused from now on
//   write(rows, positions)     every atomic step checks the generation, and says first how far its rows may reach
//
// A crash leaves `flushingTo`: what rows in the store may have shown. The next owner loads a checkpoint, reads again, and shows nothing
// before it has passed that offset, so no value goes back. A store without fences returns nil and writes what it is given.

import Base
import Records

/// Where feature rows go. Driven by one thread.
public protocol FeatureStore: AnyObject {
  /// Where this writes to, secrets redacted.
  var name: String { get }

  /// Takes a partition over from whoever has it; nil where this store keeps no fences. A retryable failure means that it is not known
  /// whether the claim was heard: claim again.
  func claim(_ partition: PartitionIndex, as owner: FenceOwner) throws -> Fence?

  /// Writes all rows; on return the store has confirmed every one of them, but those of partitions that it names as refused, of which
  /// an unknown part is written. `positions` has one entry for each partition of the rows; one without rows only moves the fence.
  ///
  /// A retryable failure means that it is not known which rows were written: write the same rows again, or claim anew.
  func write(_ rows: FeatureRowBatch, at positions: [FlushPosition]) throws -> [FenceRefusal]

  /// Forgets how far the rows of a claimed partition had come, for one that is to be read again from its beginning: its rows may then go
  /// back, once. The generation stays.
  func startAfresh(_ partition: PartitionIndex, as owner: FenceOwner) throws

  /// How many flushes of a claimed partition the store has finished and confirmed: the fence's `step`; nil where it does not count them.
  func confirmedStep(of partition: PartitionIndex) -> Int64?

  /// Forgets a partition that is no longer ours.
  func release(_ partition: PartitionIndex)

  /// Called once, after the last write.
  func close() throws
}

extension FeatureStore {
  public func claim(_ partition: PartitionIndex, as owner: FenceOwner) throws -> Fence? { nil }
  public func startAfresh(_ partition: PartitionIndex, as owner: FenceOwner) throws {}
  public func release(_ partition: PartitionIndex) {}
  public func confirmedStep(of partition: PartitionIndex) -> Int64? { nil }

  /// Writes rows whatever the fences say, where none was claimed.
  public func write(_ rows: FeatureRowBatch) throws { _ = try write(rows, at: []) }
}

/// Who claims a partition.
public struct FenceOwner: Equatable, Sendable {
  /// Unique for each time a worker takes a partition. A claim whose answer was lost, and a connection that was lost, are told by it from a
  /// claim by another.
  public var token: String
  /// For people: host and process.
  public var name: String
  /// How many partitions the owner sees in the topic; nil where it does not know. The first number that a fence is told stays in it.
  public var partitionCount: Int?

  public init(token: String, name: String, partitionCount: Int? = nil) {
    self.token = token
    self.name = name
    self.partitionCount = partitionCount
  }
}

/// Who may write a partition's rows, and how far they have been written, as a store remembers it.
public struct Fence: Equatable, Sendable {
  /// Grows with every claim, and whenever the owner's connection had to be made anew; a step under an older one is refused.
  public var generation: Int64
  /// How many flushes were finished. A store that was restored from an older state is told by it even where the offsets are the same.
  public var step: Int64
  public var owner: FenceOwner
  /// Rows of closed windows that follow from records before this offset have all been written; nil where nothing was ever flushed.
  public var nextOffset: Offset?
  /// No row in the store depends on a record at or after this offset; at least `nextOffset`, more where a flush was cut short.
  public var flushingTo: Offset?
  public var watermark: Int64?
  /// What moved event time without a record since the last checkpoint, in order: needed to come to the same state again.
  public var idleAdvances: [IdleAdvance]
  /// Who held it before, for messages; nil where nobody did, or where it was given up in order.
  public var previousOwner: String?
  /// How many partitions the topic had when the fence was made, or started afresh; nil where nobody has said. Another number than the
  /// owner's means that keys have moved between partitions.
  public var partitionCount: Int?

  public init(
    generation: Int64, step: Int64 = 0, owner: FenceOwner, nextOffset: Offset? = nil, flushingTo: Offset? = nil,
    watermark: Int64? = nil,
    idleAdvances: [IdleAdvance] = [], previousOwner: String? = nil, partitionCount: Int? = nil
  ) {
    self.generation = generation
    self.step = step
    self.owner = owner
    self.nextOffset = nextOffset
    self.flushingTo = flushingTo
    self.watermark = watermark
    self.idleAdvances = idleAdvances
    self.previousOwner = previousOwner
    self.partitionCount = partitionCount
  }
}

/// `idle_timeout` has moved event time to `streamTime` after every record before `offset` and before the one at it.
public struct IdleAdvance: Equatable, Sendable {
  public var offset: Offset
  public var streamTime: Int64

  public init(offset: Offset, streamTime: Int64) {
    self.offset = offset
    self.streamTime = streamTime
  }
}

/// What a flush says of a partition whose rows it writes.
public struct FlushPosition: Equatable, Sendable {
  public var partition: PartitionIndex
  /// Becomes the fence's when all rows are written.
  public var nextOffset: Offset
  /// Every record before it is in the rows: their `_position`. More than `nextOffset` where windows that closed long ago are written again.
  public var rowOffset: Offset
  /// Becomes the fence's before the first row is written. More than `nextOffset` in the middle of a batch of records.
  public var flushingTo: Offset
  public var watermark: Int64
  public var idleAdvances: [IdleAdvance]

  public init(
    partition: PartitionIndex, nextOffset: Offset, flushingTo: Offset, watermark: Int64, idleAdvances: [IdleAdvance] = [],
    rowOffset: Offset? = nil
  ) {
    self.partition = partition
    self.nextOffset = nextOffset
    self.rowOffset = rowOffset ?? nextOffset
    self.flushingTo = flushingTo
    self.watermark = watermark
    self.idleAdvances = idleAdvances
  }
}

/// Why rows of a partition were not written.
public struct FenceRefusal: Equatable, Sendable {
  public enum Reason: Equatable, Sendable {
    /// Another has claimed it since; the name of the new owner.
    case overtaken(by: String)
    /// The store no longer has what it confirmed: it was restored from an older state, or a replica that lagged took over. The offset that it
    /// has now.
    case wentBack(to: Offset?)
    /// There is no fence any more: the store was emptied, or evicted it.
    case missing
  }

  public var partition: PartitionIndex
  public var reason: Reason

  public init(partition: PartitionIndex, reason: Reason) {
    self.partition = partition
    self.reason = reason
  }
}

/// What a store needs to know of a view to write its rows.
public struct StoredView: Sendable {
  public var name: String
  /// Nil for `entity: all`.
  public var keyFieldName: String?
  public var featureNames: [String]
  public var timeToLiveMilliseconds: Int64?
  /// Whether every source says that the key is an integer. Texts do not care; a layout whose keys have types does.
  public var hasIntegerKey = false

  public init(name: String, keyFieldName: String?, featureNames: [String], timeToLiveMilliseconds: Int64?) {
    self.name = name
    self.keyFieldName = keyFieldName
    self.featureNames = featureNames
    self.timeToLiveMilliseconds = timeToLiveMilliseconds
  }

  public init(_ view: FeatureView, entities: [FeatureEntity]) {
    name = view.name
    keyFieldName = view.entity.map { entities[$0].keyFieldName }
    featureNames = view.features.map(\.name)
    timeToLiveMilliseconds = view.entity.flatMap { entities[$0].timeToLiveMilliseconds }
  }

  /// The view at `index` of a pipeline.
  public init(_ index: Int, of pipeline: PipelineDefinition) {
    self.init(pipeline.views[index], entities: pipeline.entities)
    hasIntegerKey = pipeline.views[index].entity.map(pipeline.hasIntegerKey) ?? false
  }
}
