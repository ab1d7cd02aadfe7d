// The names of the keys that say who may write the rows of a partition, and from where its state is loaded. The one place that makes them.
//
//   {prefix}:_freshet:fence:{PIPELINE:SOURCE.TOPIC:PARTITION}          the braces around what is written in capitals are in the key
//   {prefix}:_freshet:checkpoint:{PIPELINE:SOURCE.TOPIC:PARTITION}
//
// A Redis Cluster places a key by what stands in its braces, so all keys of a partition lie on one node and one script can look at them.

import Records

/// The control keys of the partitions that one pipeline reads from one topic.
public struct FenceKeys: Hashable, Sendable {
  private let prefix: String
  private let tag: String

  /// - Parameter topic: `SOURCE.TOPIC`: two sources may read one topic, each with rows of its own.
  public init(prefix: String, pipeline: String, topic: String) {
    self.prefix = prefix
    tag = "\(pipeline):\(topic)"
  }

  /// A hash: see `FenceScripts`.
  public func fence(_ partition: PartitionIndex) -> String { "\(prefix):_freshet:fence:{\(tag):\(partition)}" }

  /// What the names of a checkpoint's keys begin with.
  public func checkpoint(_ partition: PartitionIndex) -> String { "\(prefix):_freshet:checkpoint:{\(tag):\(partition)}" }
}
