// How far the partitions have come whose rows are served, looked up in the background: the row of a key that is idle is as current as its partition.

import Synchronization

public final class ServingProgress: Sendable {
  /// Per topic of the plan and partition.
  private let watermarks = Mutex<[[Int64?]]>([])
  /// When they were last looked up, in ms since the epoch; 0 for never.
  private let readAt = Atomic<Int64>(0)

  public init() {}

  func set(_ found: [[Int64?]], at time: Int64) {
    watermarks.withLock { $0 = found }
    readAt.store(time, ordering: .relaxed)
  }

  var lastRead: Int64 { readAt.load(ordering: .relaxed) }

  /// `Int64.min` where it is not known.
  func watermark(ofTopic topic: Int, partition: Int) -> Int64 {
    watermarks.withLock { found in
      guard topic < found.count, found[topic].indices.contains(partition) else { return .min }
      return found[topic][partition] ?? .min
    }
  }
}
