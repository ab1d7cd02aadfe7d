// How a worker runs, apart from what it computes.

import Base
import Codec
import Records
import Synchronization

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

public struct WorkerSettings: Sendable {
  /// Records per poll.
  public var batchCount = 4096
  /// Rows are written when this many wait, also in the middle of a record's windows.
  public var rowLimit = 16_384
  /// Save state this often, in ms, where there is a checkpoint store.
  public var checkpointEveryMilliseconds: Int64 = 10_000
  /// End when nothing has arrived for this long, in ms.
  public var untilIdleMilliseconds: Int64?
  /// Once the end was asked for, how long a store that cannot be reached is tried, in ms.
  public var drainMilliseconds: Int64 = 10_000
  /// Save state on a thread of its own while the worker goes on; otherwise the worker does it, between two polls.
  public var savesInBackground = false
  /// Views that begin empty even where a checkpoint holds their state.
  public var resetViews: Set<String> = []
  /// Start with empty windows even where a checkpoint exists.
  public var ignoresCheckpoints = false
  /// Shared by the workers of a run: partitions that have been started anew, and from then on go by their checkpoints.
  public var started = StartedPartitions()
  /// How many partitions the input has; above 1, entity keys must be record keys.
  public var partitionCount = 1
  /// Whether the input gives records with their keys, so that can be checked.
  public var hasRecordKeys = true
  /// Whether that number was asked for: that of a topic which does not exist yet is not known.
  public var knowsPartitionCount = true
  /// Where the schemas of Avro records are found by number.
  public var registry: AvroSchemaLookup?
  /// What elements of recent events say behind the number of a partition: empty for the pipeline's own topic, else `@` and what tells the input apart.
  public var inputTag = ""
  /// What side outputs call the input; nil for the source's own name.
  public var topic: String?
  /// What fences call the worker, for people.
  public var ownerName = WorkerSettings.processName
  /// What the worker's tokens and pauses are drawn from; nil for a seed of the system's.
  public var seed: UInt64?

  public init() {}

  /// `host:process`.
  static let processName: String = {
    var bytes = [CChar](repeating: 0, count: 256)
    guard gethostname(&bytes, bytes.count - 1) == 0 else { return "host:\(getpid())" }
    return "\(String(decoding: bytes.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)):\(getpid())"
  }()
}

public final class StartedPartitions: Sendable {
  private let seen = Mutex<Set<PartitionIndex>>([])

  public init() {}

  func contains(_ partition: PartitionIndex) -> Bool { seen.withLock { $0.contains(partition) } }
  func insert(_ partition: PartitionIndex) { seen.withLock { _ = $0.insert(partition) } }
}
