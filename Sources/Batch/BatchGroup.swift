// Views that are computed together: those of one entity over one source. Where the entity is the topic's key, each partition has keys of its own; else
// all partitions are brought into one order first.

import Base
import Features
import Records

struct BatchGroup: Sendable {
  /// Index into `PipelineDefinition.sources`.
  var source: Int
  /// Indices into `PipelineDefinition.views`.
  var views: [Int]
  var viewNames: Set<String>
  /// Whether records of one key lie in several partitions.
  var mergesPartitions: Bool
  /// How far before a time records can matter, copies of theirs included, in ms; nil where all can.
  var reach: Int64?
  /// See `FeatureView.dependsOnStreamTime`.
  var dependsOnStreamTime: Bool
  /// Nil for `entity: all`, whose one key cannot be parted.
  var entity: Int?

  /// Groups views by source and entity, in the order in which they first come.
  ///
  /// - Parameter partitionCount: Of a source.
  static func groups(
    of views: [Int], in pipeline: PipelineDefinition, partitionCount: (Int) -> Int
  ) -> [BatchGroup] {
    var groups: [BatchGroup] = []
    for view in views {
      let definition = pipeline.views[view]
      if let place = groups.firstIndex(where: { $0.source == definition.source && $0.entity == definition.entity }) {
        groups[place].add(view, pipeline)
        continue
      }
      let merged = pipeline.repartitionings(
        ofSource: definition.source, partitionCount: partitionCount(definition.source), viewNames: [definition.name])
      // A copy is told by what came before it, further back than the values themselves reach.
      let copies = pipeline.sources[definition.source].deduplication?.windowMilliseconds ?? 0
      var group = BatchGroup(
        source: definition.source, views: [], viewNames: [], mergesPartitions: !merged.isEmpty, reach: 2 * copies,
        dependsOnStreamTime: false, entity: definition.entity)
      group.add(view, pipeline)
      groups.append(group)
    }
    return groups
  }

  private mutating func add(_ view: Int, _ pipeline: PipelineDefinition) {
    let definition = pipeline.views[view]
    views.append(view)
    viewNames.insert(definition.name)
    let copies = pipeline.sources[source].deduplication?.windowMilliseconds ?? 0
    if let own = definition.reachMilliseconds, let common = reach { reach = max(common, own + 2 * copies) } else { reach = nil }
    dependsOnStreamTime = dependsOnStreamTime || definition.dependsOnStreamTime(in: pipeline)
  }
}

extension PipelineDefinition {
  /// Refuses a view that reads what an archive does not keep.
  func checkArchived(_ view: Int) throws(Failure) {
    let definition = views[view]
    let source = sources[definition.source]
    var paths = definition.aggregates.flatMap { [$0.field].compactMap { $0 } + ($0.predicate?.fieldPaths ?? []) }
    paths += definition.predicate?.fieldPaths ?? []
    paths += [definition.entity.map { entities[$0].keyPath }, source.eventTime.path, source.deduplication?.keyPath].compactMap {
      $0
    }
    var seen: Set<FieldPath> = []
    while let path = paths.popLast() {
      guard seen.insert(path).inserted else { continue }
      paths += source.computedFields.first { $0.path == path }?.expression.fieldPaths ?? []
      switch path.metadata {
      case .key, .timestamp, .header: break
      default: continue
      }
      throw Failure(
        .badConfiguration,
        "view '\(definition.name)' reads '\(path)', which the archive does not keep: it holds the values of records, and not their keys, "
          + "headers and timestamps")
    }
    if source.eventTime.format == .record {
      throw Failure(
        .badConfiguration,
        "view '\(definition.name)': the event time of source '\(source.name)' is the record's timestamp, which the archive does not keep"
      )
    }
  }
}
