// Recent events: what the lane `rt` computes values of. The processor appends them to a list per entity while it reads the stream, and whoever answers a
// request reads that list. Both sides go by what stands here:
//
//   {prefix}:_events:{source}:{entity}:{key}      {prefix}:_events:{source}:all      of `entity: all`
//   an element   OFFSET PARTITION TIME JSON       PARTITION@INPUT for an input that is not the pipeline's own topic
//
// TIME is the event time in ms; JSON has the fields that the views read, nested as in the record.

import Base
import Records
import Windowing

/// The lists of one entity's events of one source.
public struct RecentEventsList: Equatable, Sendable {
  /// Index into `PipelineDefinition.sources`.
  public var source: Int
  /// Index into `PipelineDefinition.entities`; nil for `entity: all`, which has one list.
  public var entity: Int?
  /// The views that are computed of it, by index in `PipelineDefinition.views`.
  public var views: [Int]
  /// The newest events that a list holds.
  public var eventCountMax: Int
  /// How far behind the newest event one may lie, in ms, to be in a value; nil where any may.
  public var reachMilliseconds: Int64?
  /// How long a list outlives its last event, in ms; nil for ever.
  public var expiryMilliseconds: Int64?

  /// The key of a list, but for the entity's key and the colon before it.
  public func keyStart(prefix: String, in pipeline: PipelineDefinition) -> String {
    let entityName = entity.map { pipeline.entities[$0].name } ?? "all"
    return "\(prefix):_events:\(pipeline.sources[source].name):\(entityName)"
  }

  /// The key of the list of one entity; `entityKey` is nil for `entity: all`.
  public func key(prefix: String, entityKey: String?, in pipeline: PipelineDefinition) -> String {
    keyStart(prefix: prefix, in: pipeline) + (entityKey.map { ":\($0)" } ?? "")
  }
}

extension PipelineDefinition {
  /// The lists of recent events of a source, by entity in the order of their first views.
  ///
  /// - Parameter viewNames: Only for these views; nil for all that have the lane `rt`.
  public func recentEventsLists(ofSource source: Int, viewNames: Set<String>? = nil) -> [RecentEventsList] {
    var lists: [RecentEventsList] = []
    for (index, view) in views.enumerated()
    where view.source == source && view.lanes.contains(.rt) && viewNames?.contains(view.name) != false {
      if let place = lists.firstIndex(where: { $0.entity == view.entity }) {
        lists[place].views.append(index)
      } else {
        lists.append(RecentEventsList(source: source, entity: view.entity, views: [index], eventCountMax: 0))
      }
    }
    for index in lists.indices { complete(&lists[index]) }
    return lists
  }

  /// The greatest of what the views ask for.
  private func complete(_ list: inout RecentEventsList) {
    let windows = list.views.flatMap { views[$0].aggregates.map(\.window) }
    list.eventCountMax = list.views.map { views[$0].recentEvents.eventCountMax }.max() ?? 0
    let reaches = windows.map(\.reachMilliseconds)
    list.reachMilliseconds = reaches.contains(nil) ? nil : reaches.compactMap(\.self).max()
    let lateness = sources[list.source].latenessMilliseconds
    let timeToLive = list.entity.flatMap { entities[$0].timeToLiveMilliseconds }
    let spans = windows.map { window -> Int64? in
      if case .session(let gap) = window { return gap + lateness }
      return window.reachMilliseconds.map { $0 + lateness } ?? timeToLive
    }
    list.expiryMilliseconds = spans.contains(nil) ? nil : spans.compactMap(\.self).max()
  }
}

extension WindowSpecification {
  /// How far behind the stream time a record may lie, in ms, to be in the window's current value; nil where any may.
  public var reachMilliseconds: Int64? {
    switch self {
    case .tumbling(let size, _), .cumulating(let size, _, _): size
    case .sliding(let size, let hop, _): size + hop
    case .session, .unbounded: nil
    }
  }
}
