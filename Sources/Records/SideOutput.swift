// Where records go that did not count, with the reason: late ones, and dead letters. Driven by the thread that reads the source; positions are
// committed only after `confirm` has returned, so every such record is written at least once. One that is written again after a crash has the
// same source, partition and offset.

/// A record that did not count. Its pointers stand for the call that it is passed to.
public struct SideRecord {
  public var value: UnsafeBufferPointer<UInt8>
  /// Whether the record had no value at all, rather than an empty one.
  public var isTombstone = false
  public var key: UnsafeBufferPointer<UInt8>?
  /// The record's own headers, in their order.
  public var headers: [(name: UnsafeBufferPointer<UInt8>, value: UnsafeBufferPointer<UInt8>?)] = []
  /// The record's own, in ms since the epoch; `Int64.min` where it has none.
  public var timestamp: Int64
  /// The topic, or the name of another input.
  public var sourceName: String
  public var partition: PartitionIndex
  public var offset: Offset
  /// Why it did not count, in one word: `late`, `malformed`.
  public var reason: String
  /// The views that did not count it; empty where none could.
  public var views: [String] = []
  /// Late: how far behind the greatest event time of its partition it came, in ms.
  public var lateBy: Int64?
  /// Late: the least `lateness` in ms with which all of `views` would have counted it; nil where none would have.
  public var latenessNeeded: Int64?
  /// What was wrong with it, for people.
  public var error: String?

  public init(
    value: UnsafeBufferPointer<UInt8>, key: UnsafeBufferPointer<UInt8>?, timestamp: Int64, sourceName: String,
    partition: PartitionIndex, offset: Offset, reason: String
  ) {
    self.value = value
    self.key = key
    self.timestamp = timestamp
    self.sourceName = sourceName
    self.partition = partition
    self.offset = offset
    self.reason = reason
  }
}

extension SideRecord {
  /// What a side output says of the record beside its key, value and time, in this order.
  public var labels: [(name: SideLabel, value: String)] {
    var labels: [(SideLabel, String)] = [(.reason, reason)]
    if !views.isEmpty { labels.append((.view, views.joined(separator: ","))) }
    if let lateBy { labels.append((.lateBy, "\(lateBy)")) }
    if let latenessNeeded { labels.append((.latenessNeeded, "\(latenessNeeded)")) }
    labels += [(.sourceTopic, sourceName), (.sourcePartition, "\(partition)"), (.sourceOffset, "\(offset)")]
    if let error { labels.append((.error, error)) }
    return labels
  }
}

extension SideRecord {
  /// The record's headers without those that an earlier side output gave it: a label says where the record came from this time.
  public var keptHeaders: [(name: UnsafeBufferPointer<UInt8>, value: UnsafeBufferPointer<UInt8>?)] {
    headers.filter { SideLabel(rawValue: String(decoding: $0.name, as: UTF8.self)) == nil }
  }
}

/// The names of labels: those of Kafka headers.
public enum SideLabel: String, CaseIterable, Sendable {
  case reason = "freshet-reason"
  case view = "freshet-view"
  case lateBy = "freshet-late-by-ms"
  case latenessNeeded = "freshet-lateness-needed-ms"
  case sourceTopic = "freshet-source-topic"
  case sourcePartition = "freshet-source-partition"
  case sourceOffset = "freshet-source-offset"
  case error = "freshet-error"
}

/// Takes records that did not count.
public protocol SideOutput: AnyObject {
  /// Where this writes to, secrets redacted.
  var name: String { get }

  /// Takes a copy of the record, waiting where its queue is full.
  func write(_ record: SideRecord) throws

  /// Returns once every record taken so far is where it should be; throws where one cannot be.
  func confirm() throws

  /// Confirms what is left, and closes. Called once.
  func close() throws
}
