// Which views cannot be computed from their topic's partitions as they are, because the records of one key of theirs lie in several of them, and
// the internal topics through which their records are sent to be together.

import Records
import Schema

/// The field that a topic's records are keyed by.
public enum TopicKey: Equatable, Sendable {
  /// Nobody says.
  case unknown
  case none
  case field(FieldPath)
}

/// The views of one entity over one source whose records are sent through an internal topic, keyed by the entity.
public struct Repartitioning: Equatable, Sendable {
  /// Index into `PipelineDefinition.sources`.
  public var source: Int
  /// Index into `PipelineDefinition.entities`; nil for `entity: all`.
  public var entity: Int?
  /// Indices into `PipelineDefinition.views`.
  public var views: [Int]

  public init(source: Int, entity: Int?, views: [Int]) {
    self.source = source
    self.entity = entity
    self.views = views
  }

  public func entityName(in pipeline: PipelineDefinition) -> String { entity.map { pipeline.entities[$0].name } ?? "all" }

  /// The internal topic for records of `topic`: `PIPELINE.SOURCE.TOPIC.ENTITY.repartition`, behind the prefix of the rows where that is not the
  /// usual one. Everything that the remembered offsets depend on is in it, so that another topic is never taken for this one.
  public func internalTopic(of topic: String, in pipeline: PipelineDefinition) -> String {
    var parts = [pipeline.name, pipeline.sources[source].name, topic, entityName(in: pipeline), "repartition"]
    if let prefix = pipeline.sink?.prefix, prefix != RedisSinkDefinition.defaultPrefix { parts.insert(prefix, at: 0) }
    let name = parts.joined(separator: ".")
    let isLegal = name.utf8.allSatisfy { byte in
      (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
        || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || "._-".utf8.contains(byte)
    }
    if isLegal, name.utf8.count <= Self.topicByteCountMax { return name }
    // Prefixes may hold what names of topics may not; the hash keeps those apart that are alike without it.
    let hash = String(
      name.utf8.reduce(into: 0xcbf2_9ce4_8422_2325 as UInt64) { $0 = ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }, radix: 16)
    let safe = String(
      name.unicodeScalars.map {
        $0.isASCII && ($0.properties.isAlphabetic || "0123456789._-".unicodeScalars.contains($0)) ? Character($0) : "-"
      })
    return "\(safe.prefix(Self.topicByteCountMax - hash.count - 1))-\(hash)"
  }

  /// The consumer group that reads the internal topic.
  public func group(of sourceGroup: String, internalTopic: String) -> String { "\(sourceGroup)-\(internalTopic)" }

  /// Kafka's own limit.
  static let topicByteCountMax = 249
}

extension FieldPath {
  /// Whether records that have the same value there are in one partition, whatever they hold.
  public var liesInOnePartition: Bool { metadata == .key || metadata == .partition }
}

extension SourceDefinition {
  /// What the pipeline says of the records' key: `kafka.key`, else the output of its schema.
  public var topicKey: TopicKey {
    if let kafka, kafka.key != .unknown { return kafka.key }
    guard let schema else { return .unknown }
    return schema.output.keyPath.map { .field(FieldPath($0)) } ?? .none
  }
}

extension PipelineDefinition {
  /// The views over source `index` that need its records repartitioned where its topic has `partitionCount` partitions, by entity in the order
  /// of their first views: those whose entity's key is known not to be the records' key, and those with one key for everything.
  ///
  /// - Parameter viewNames: Only of these views; nil for all.
  public func repartitionings(
    ofSource index: Int, partitionCount: Int, viewNames: Set<String>? = nil
  ) -> [Repartitioning] {
    guard partitionCount > 1 else { return [] }
    var found: [Repartitioning] = []
    for (view, definition) in views.enumerated()
    where definition.source == index && viewNames?.contains(definition.name) != false && needsRepartitioning(definition) {
      if let place = found.firstIndex(where: { $0.entity == definition.entity }) {
        found[place].views.append(view)
      } else {
        found.append(Repartitioning(source: index, entity: definition.entity, views: [view]))
      }
    }
    return found
  }

  /// The same as far as the pipeline alone tells: over Kafka, and not where the schema's output has one partition.
  public func expectedRepartitionings(ofSource index: Int) -> [Repartitioning] {
    guard sources[index].kafka != nil else { return [] }
    return repartitionings(ofSource: index, partitionCount: sources[index].schema?.output.partitionCount ?? 2)
  }

  private func needsRepartitioning(_ view: FeatureView) -> Bool {
    guard let entity = view.entity else { return true }
    let keyPath = entities[entity].keyPath
    guard !keyPath.liesInOnePartition else { return false }
    switch sources[view.source].topicKey {
    case .unknown: return false
    case .none: return true
    case .field(let path): return path != keyPath
    }
  }
}
