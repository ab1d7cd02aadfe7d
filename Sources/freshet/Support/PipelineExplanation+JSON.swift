// A pipeline explained, as numbers.

import Features
import Foundation
import Processing
import Windowing

extension PipelineExplanation {
  var json: String {
    get throws { try JSONDocument.text(of: document) }
  }

  private struct Document: Encodable {
    var pipeline: String
    var ratePerSecond: Double
    var keys: Double
    var sources: [SourceDocument]
  }

  private struct SourceDocument: Encodable {
    var name: String
    var latenessMilliseconds: Int64
    var decodedFields: [String]
    var views: [ViewDocument]
    var state: [StateDocument]
  }

  private struct ViewDocument: Encodable {
    var name: String
    /// Nil for `entity: all`.
    var entity: String?
    /// Nil where the topic's records are together as they are.
    var internalTopic: String?
    var trigger: String
    /// `change`: between writes. `close`: from a window's end to its row, at the earliest, in event time.
    var freshnessMilliseconds: Int64
    var rowsPerSecond: Double
    var redisCallsPerSecond: Double
    var redisBytesPerSecond: Double
    var redisBytesPerRow: Int
    var redisMemoryPerRow: Int
    var features: [FeatureDocument]
  }

  private struct FeatureDocument: Encodable {
    var name: String
    var aggregate: String
    var field: String?
    var window: String
    var stateBytes: Int?
    var panesPerKeyMax: Int64?
    var sharesPanesWith: [String]
  }

  private struct StateDocument: Encodable {
    struct Group: Encodable {
      /// Nil where one pane holds everything, and for sessions.
      var paneMilliseconds: Int64?
      var sessionGapMilliseconds: Int64?
      var isClosing: Bool
      var bytesPerNode: Int
      var panesPerKeyMax: Int64
      var panesPerKey: Double
    }

    var entity: String?
    var views: [String]
    var bytesPerKey: Int
    var bytes: Double
    var groups: [Group]
  }

  private var document: Document {
    Document(
      pipeline: pipeline.name, ratePerSecond: ratePerSecond, keys: keyCount,
      sources: sources.map { source in
        let definition = pipeline.sources[source.index]
        return SourceDocument(
          name: definition.name, latenessMilliseconds: definition.latenessMilliseconds,
          decodedFields: source.plan.paths.map(\.description),
          views: source.plan.views.filter(isShown).map { document($0, source) },
          state: source.forecast.keySpaces.filter { view == nil || $0.views.contains(view!) }.map(document))
      })
  }

  private func document(_ index: Int, _ source: Source) -> ViewDocument {
    let view = pipeline.views[index]
    let rows = source.forecast.views.first { $0.index == index }?.rowsPerSecond ?? 0
    let cost = cost(of: index)
    return ViewDocument(
      name: view.name, entity: view.entity.map { pipeline.entities[$0].name },
      internalTopic: repartitioning(of: index)?.internalTopic(of: pipeline.sources[view.source].kafka?.topic ?? "", in: pipeline),
      trigger: view.trigger.rawValue,
      freshnessMilliseconds: view.trigger == .change ? view.emitEveryMilliseconds : closingDelay(index), rowsPerSecond: rows,
      redisCallsPerSecond: callsPerSecond(index, rows: rows), redisBytesPerSecond: rows * Double(cost.wireByteCount),
      redisBytesPerRow: cost.wireByteCount, redisMemoryPerRow: cost.memoryByteCount,
      features: view.features.indices.filter { isShown(index, $0) }.map { document(index, $0, source) })
  }

  private func document(_ view: Int, _ feature: Int, _ source: Source) -> FeatureDocument {
    let definition = pipeline.views[view].features[feature]
    let place = place(view, feature, in: source)
    let name = "\(pipeline.views[view].name).\(definition.name)"
    return FeatureDocument(
      name: definition.name, aggregate: definition.derivation == nil ? definition.function.rawValue : "expr",
      field: definition.field?.description,
      window: definition.derivation == nil ? Self.text(definition.window) : definition.derivation!.text,
      stateBytes: place?.use.stateByteCount, panesPerKeyMax: place?.shape.paneCountMax,
      sharesPanesWith: place.map { users($0.shape, in: source).filter { $0 != name } } ?? [])
  }

  private func document(_ space: PipelineForecast.KeySpace) -> StateDocument {
    StateDocument(
      entity: pipeline.views[space.views[0]].entity.map { pipeline.entities[$0].name },
      views: space.views.map { pipeline.views[$0].name }, bytesPerKey: space.keyByteCount, bytes: space.byteCount,
      groups: space.groups.map { group in
        var document = StateDocument.Group(
          isClosing: group.shape.isClosing, bytesPerNode: group.shape.nodeByteCount + KeySpaceShape.listedNodeByteCount,
          panesPerKeyMax: group.shape.paneCountMax, panesPerKey: group.nodesPerKey)
        switch group.shape.cut {
        case .everything: break
        case .panes(let length): document.paneMilliseconds = length
        case .sessions(let gap): document.sessionGapMilliseconds = gap
        }
        return document
      })
  }
}
