// Marker events: what a prober sends through a pipeline to see how long it takes until a reader finds it. A marker belongs to an entity of its own, one
// per partition of the topic, is of the source's format, and changes the row of a view each time. Which fields it must have for that is found out from
// the pipeline itself, and tried out on a worker in memory before any is sent.
//
//   candidates   what the pipeline's `probe:` says
//                fields that make the `where` of the view and of a feature true, feature by feature
//                the events of the pipeline's own tests
//                nothing but key and time
//   each         rehearsed: the row must be written again by every further marker

import Base
import Features
import Foundation
import Records
import Schema

public struct ProbeEvent: Sendable {
  /// Index into `PipelineDefinition.views`, and its name.
  public let view: Int
  public let viewName: String
  /// Index into `PipelineDefinition.sources`.
  public let source: Int
  /// Whether the rows come by an internal topic, so that the partition of the source is not that of the row.
  public let isRepartitioned: Bool

  let template: MarkerNode
  /// Whether records carry the marker's key as their own.
  private let hasRecordKey: Bool
  /// The key of the row, where an expression makes another of the marker's: by replacing the marker's key.
  private let rowKeyPrefix: String
  private let rowKeySuffix: String

  public static let keyPrefix = "_freshet_probe_"

  /// A marker, ready to be sent.
  public struct Record: Equatable, Sendable {
    public var partition: PartitionIndex
    public var key: String?
    public var value: String
    /// Event time, which is the record's time as well, in ms since the epoch.
    public var timestamp: Int64

    public init(partition: PartitionIndex, key: String?, value: String, timestamp: Int64) {
      self.partition = partition
      self.key = key
      self.value = value
      self.timestamp = timestamp
    }
  }

  /// A marker's key that Kafka's default partitioner sends to `partition` of `partitionCount`.
  public static func key(partition: Int, of partitionCount: Int) -> String {
    precondition((0..<partitionCount).contains(partition), "a partition of the topic")
    let start = "\(keyPrefix)\(partition)"
    var key = start
    var suffix = 0
    while true {
      let found = key.withUTF8 {
        Hash.kafkaPartition(ofKey: $0.baseAddress!, count: $0.count, partitionCount: Int32(partitionCount))
      }
      if Int(found) == partition { return key }
      key = "\(start)_\(suffix)"
      suffix += 1
    }
  }

  /// The entity key of the row that a marker changes.
  public func rowKey(ofMarker key: String) -> String { rowKeyPrefix + key + rowKeySuffix }

  /// - Parameter number: Different for each marker of a prober and its partition.
  public func record(key: String, partition: PartitionIndex, time: Int64, number: Int64) -> Record {
    let filling = MarkerFilling(key: key, time: time, unique: "\(key)_\(time)_\(number)")
    return Record(partition: partition, key: hasRecordKey ? key : nil, value: template.text(filling), timestamp: time)
  }

  /// A marker's value, with a key and a time, for messages.
  public func example(time: Int64) -> String { record(key: Self.keyPrefix + "0", partition: 0, time: time, number: 0).value }

  /// An event with another text in the place of its key; JSON that is no object comes back as it is.
  public static func value(_ event: String, withKey key: String, at path: [String]) -> String {
    guard var node = (try? JSONDecoder().decode(ForeignJSON.self, from: Data(event.utf8)))?.node, case .object = node else {
      return event
    }
    node.set(.key, at: path)
    return node.text(MarkerFilling(key: key, time: 0, unique: ""))
  }

  // MARK: - Choosing

  /// A marker for a view of the pipeline: the one that is named, else the one of `probe:`, else the first that can be probed, those that are
  /// served and need no internal topic before the others. Throws a failure that says of each view why it cannot be.
  ///
  /// - Parameter now: Event time of the markers that are tried out, ms since the epoch.
  public static func choose(for pipeline: PipelineDefinition, view name: String? = nil, now: Int64) throws(Failure) -> ProbeEvent {
    if case .feast = pipeline.sink?.layout {
      throw Failure(
        .badConfiguration,
        "pipeline '\(pipeline.name)' cannot be probed: its rows have Feast's layout, which does not say up to which event a row is")
    }
    var candidates = pipeline.views.indices.sorted { rank($0, pipeline) < rank($1, pipeline) }
    if let name = name ?? pipeline.probe.map({ pipeline.views[$0.view].name }) {
      guard let view = pipeline.views.firstIndex(where: { $0.name == name }) else {
        throw Failure(.usage, "pipeline '\(pipeline.name)' has no view '\(name)'")
      }
      candidates = [view]
    }
    var reasons: [String] = []
    for view in candidates {
      do { return try ProbeEvent(pipeline, view: view, now: now) } catch {
        reasons.append("view '\(pipeline.views[view].name)': \(error.reason)")
      }
    }
    if reasons.isEmpty { reasons = ["it has no view that a stream computes"] }
    throw Failure(
      .badConfiguration,
      "pipeline '\(pipeline.name)' cannot be probed: \(reasons.joined(separator: "; ")). "
        + "'probe: { view: NAME, event: { ... } }' in the pipeline says what a marker of a view looks like")
  }

  /// Which view is tried first.
  private static func rank(_ view: Int, _ pipeline: PipelineDefinition) -> (Int, Int) {
    let definition = pipeline.views[view]
    var rank = 0
    if definition.trigger == .close || definition.entity == nil || !definition.lanes.contains(.nrt) { rank += 4 }
    if isRepartitioned(view, pipeline) { rank += 2 }
    let isServed = pipeline.services.contains { $0.selections.contains { $0.subject == .view(view, .nrt) } }
    if !isServed { rank += 1 }
    return (rank, view)
  }

  private static func isRepartitioned(_ view: Int, _ pipeline: PipelineDefinition) -> Bool {
    pipeline.expectedRepartitionings(ofSource: pipeline.views[view].source).contains { $0.views.contains(view) }
  }

  /// Why a view cannot be probed.
  struct Refusal: Error {
    var reason: String
  }

  init(_ pipeline: PipelineDefinition, view index: Int, now: Int64) throws(Refusal) {
    let view = pipeline.views[index]
    let source = pipeline.sources[view.source]
    guard view.lanes.contains(.nrt) else { throw Refusal(reason: "it is not computed by the stream (lane nrt)") }
    guard view.trigger == .change else {
      throw Refusal(reason: "its windows close, so what a marker changes shows only when its window has ended")
    }
    guard let entity = view.entity.map({ pipeline.entities[$0] }) else {
      throw Refusal(reason: "it has one row for everything (entity: all), which real events change as well")
    }
    if case .avro = source.format { throw Refusal(reason: "source '\(source.name)' reads Avro, and markers are JSON") }
    switch entity.keyPath.metadata {
    case nil, .key?: break
    default: throw Refusal(reason: "its entity is keyed by \(entity.keyPath), which a marker cannot choose")
    }
    if let path = source.eventTime.path, path.isMetadata, path.metadata != .timestamp {
      throw Refusal(reason: "event time is read from \(path), which a marker does not have")
    }
    if let path = source.deduplication?.keyPath, path.isMetadata, path.metadata != .offset {
      throw Refusal(reason: "copies are found by \(path), which all markers of a partition have in common")
    }
    var candidates = MarkerCandidates(pipeline, view: index)
    var failures: [String] = []
    while let candidate = candidates.next() {
      do {
        let rowKey = try Rehearsal.checkMarkers(candidate, pipeline, view: index, now: now)
        self.view = index
        viewName = view.name
        self.source = view.source
        isRepartitioned = Self.isRepartitioned(index, pipeline)
        template = candidate.template
        hasRecordKey = candidate.hasRecordKey
        (rowKeyPrefix, rowKeySuffix) = rowKey
        return
      } catch {
        if !failures.contains(error.reason) { failures.append(error.reason) }
      }
    }
    let count = candidates.count == 1 ? "the one marker" : "each of \(candidates.count) markers"
    throw Refusal(reason: "\(count) that was tried out failed: \(failures.prefix(3).joined(separator: ", "))")
  }
}

/// A marker to be tried out.
struct MarkerCandidate {
  var template: MarkerNode
  var hasRecordKey: Bool

  func record(_ key: String, _ time: Int64, _ number: Int) -> TestRecord {
    let filling = MarkerFilling(key: key, time: time, unique: "\(key)_\(time)_\(number)")
    return TestRecord(
      value: template.text(filling), key: hasRecordKey ? key : nil, timestamp: time, location: .init(line: 1, column: 1))
  }
}

extension Rehearsal {
  /// Gives markers to a worker and looks whether each shows in the row of its key; returns what stands before and behind the marker's key in the
  /// row's. Throws why it does not.
  static func checkMarkers(
    _ candidate: MarkerCandidate, _ pipeline: PipelineDefinition, view: Int, now: Int64
  ) throws(ProbeEvent.Refusal) -> (String, String) {
    func attempt<Result>(_ body: () throws -> Result) throws(ProbeEvent.Refusal) -> Result {
      do { return try body() } catch { throw ProbeEvent.Refusal(reason: "\(error)") }
    }
    let pipeline = pipeline
    let rehearsal = try attempt { try Rehearsal(pipeline, source: pipeline.views[view].source) }
    let keys = [ProbeEvent.key(partition: 0, of: 2), ProbeEvent.key(partition: 1, of: 2)]
    var around: (String, String)?
    // Two at once, one a moment later, one in the next window of most views.
    for (step, delay) in [0, 1000, 2000, 61_000, 3_661_000].enumerated() {
      for key in keys {
        let time = now + Int64(delay)
        try attempt {
          try rehearsal.give(candidate.record(key, time, step))
          try rehearsal.emit()
        }
        let rows = rehearsal.rows.rows.filter { $0.view == view }
        guard let row = rows.first(where: { $0.key?.contains(key) == true && isOf(key, $0.key!, keys) }) else {
          throw ProbeEvent.Refusal(reason: rehearsal.whyNoRow(view, otherKey: rows.first?.key ?? nil))
        }
        guard row.lastEvent == time else {
          throw ProbeEvent.Refusal(
            reason: step == 0
              ? "its row is not as new as the marker" : "a further marker left the row as it was, because no feature changes by it")
        }
        let range = row.key!.range(of: key)!
        around = around ?? (String(row.key![..<range.lowerBound]), String(row.key![range.upperBound...]))
      }
    }
    return around!
  }

  /// Whether `rowKey` is that of `key`, and not of the other, which may begin alike.
  private static func isOf(_ key: String, _ rowKey: String, _ keys: [String]) -> Bool {
    !keys.contains { $0 != key && $0.count > key.count && rowKey.contains($0) }
  }

  private func whyNoRow(_ view: Int, otherKey: String?) -> String {
    let ledger = counts.ledger
    if let reason = RejectionReason.allCases.first(where: { ledger.count(of: .rejected($0)) > 0 }) {
      return "it cannot be read (\(reason.name))"
    }
    if ledger.count(of: .duplicate) > 0 { return "it counts as a copy" }
    if ledger.count(of: .keyless, view: view) > 0 { return "it has no key" }
    if ledger.count(of: .typeMismatch, view: view) > 0 { return "an aggregate does not take its value" }
    if let otherKey { return "its row has the key '\(otherKey)', in which the marker's cannot be told" }
    return "it is in no row, because no 'where' takes it"
  }
}
