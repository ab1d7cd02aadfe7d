// Which views cannot be computed from their topic's partitions as they are: the records of one key of theirs lie in several of them.

import Records
import Schema

/// A view whose key is not the key of its topic.
public struct RepartitioningNeed: Equatable, Sendable {
  /// Index into `PipelineDefinition.views`.
  public var view: Int
  /// The key of the topic's records; nil where they have none.
  public var topicKey: FieldPath?

  /// What to tell the user.
  public func message(in pipeline: PipelineDefinition) -> String {
    let view = pipeline.views[self.view]
    let source = pipeline.sources[view.source]
    let topic = source.kafka.map { "topic '\($0.topic)'" } ?? "source '\(source.name)'"
    let keyed = topicKey.map { "is keyed by '\($0)'" } ?? "has no key"
    let wanted =
      view.entity.map { "its entity '\(pipeline.entities[$0].name)' has the key '\(pipeline.entities[$0].keyPath)'" }
      ?? "it has one key for everything"
    return "view '\(view.name)' needs its topic repartitioned, which is not built in this version: \(wanted), but \(topic) \(keyed)"
  }
}

extension FieldPath {
  /// Whether records that have the same value there are in one partition, whatever they hold.
  public var liesInOnePartition: Bool { metadata == .key || metadata == .partition }
}

extension PipelineDefinition {
  /// The views over Kafka whose records of one key lie in several partitions, as far as the sources' schemas tell: those whose entity's
  /// key is not the key of the schema's output, and, where the output has several partitions, those of `entity: all`.
  public func keysThatNeedRepartitioning() -> [RepartitioningNeed] {
    views.indices.compactMap { index in
      let view = views[index]
      let source = sources[view.source]
      guard source.kafka != nil, let schema = source.schema, schema.output.partitionCount != 1 else { return nil }
      let topicKey = schema.output.keyPath.map { FieldPath($0) }
      if let entity = view.entity {
        let keyPath = entities[entity].keyPath
        return keyPath == topicKey || keyPath.liesInOnePartition ? nil : RepartitioningNeed(view: index, topicKey: topicKey)
      }
      return schema.output.partitionCount == nil ? nil : RepartitioningNeed(view: index, topicKey: topicKey)
    }
  }
}
