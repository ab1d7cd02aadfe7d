// What a pipeline will do and cost, put together from its own words, from the plan that its workers would run, and from what follows at a rate
// over a number of keys.

import Base
import Configuration
import Features
import Foundation
import Processing
import Records
import RedisStore
import Windowing

struct PipelineExplanation {
  let pipeline: PipelineDefinition
  let ratePerSecond: Double
  let keyCount: Double
  /// Only this view, and only this feature of it.
  let view: Int?
  let feature: Int?
  let sources: [Source]

  struct Source {
    var plan: ProcessingPlan
    var forecast: PipelineForecast
    var index: Int { forecast.source }
  }

  /// Which pane group a feature reads.
  struct Place {
    var space: Int
    var group: Int
    var use: PaneGroupShape.Use
    var shape: PaneGroupShape
  }

  /// - Parameter subject: `VIEW` or `VIEW.FEATURE`; nil for the whole pipeline.
  init(_ pipeline: PipelineDefinition, subject: String?, ratePerSecond: Double, keyCount: Double) throws(Failure) {
    let (view, feature) = try Self.find(subject, in: pipeline)
    self.pipeline = pipeline
    self.ratePerSecond = ratePerSecond
    self.keyCount = keyCount
    self.view = view
    self.feature = feature
    var sources: [Source] = []
    for index in pipeline.sources.indices where pipeline.views.contains(where: { $0.source == index }) {
      if let view, pipeline.views[view].source != index { continue }
      let plan = try ProcessingPlan(pipeline, source: index)
      sources.append(
        Source(
          plan: plan,
          forecast: PipelineForecast(plan, of: pipeline, source: index, ratePerSecond: ratePerSecond, keyCount: keyCount)))
    }
    self.sources = sources
  }

  /// The view and the feature that a text names.
  static func find(_ subject: String?, in pipeline: PipelineDefinition) throws(Failure) -> (view: Int?, feature: Int?) {
    guard let subject else { return (nil, nil) }
    let parts = subject.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    guard let view = pipeline.views.firstIndex(where: { $0.name == parts[0] }) else {
      let names = pipeline.views.map(\.name)
      throw Failure(
        .usage,
        "pipeline '\(pipeline.name)' has no view '\(parts[0])'\(Suggestion.hint(for: parts[0], among: names)); it has "
          + names.map { "'\($0)'" }.joined(separator: ", "))
    }
    guard parts.count == 2 else { return (view, nil) }
    let names = pipeline.views[view].features.map(\.name)
    guard let feature = names.firstIndex(of: parts[1]) else {
      throw Failure(
        .usage,
        "view '\(parts[0])' has no feature '\(parts[1])'\(Suggestion.hint(for: parts[1], among: names)); it has "
          + names.map { "'\($0)'" }.joined(separator: ", "))
    }
    return (view, feature)
  }

  /// How the records of a view are brought together; nil where they are together.
  func repartitioning(of view: Int) -> Repartitioning? {
    pipeline.expectedRepartitionings(ofSource: pipeline.views[view].source).first { $0.views.contains(view) }
  }

  // MARK: - What is shown

  func isShown(_ view: Int) -> Bool { self.view == nil || self.view == view }

  func isShown(_ view: Int, _ feature: Int) -> Bool { isShown(view) && (self.feature == nil || self.feature == feature) }

  /// Where a feature's state is; nil where it has none of its own.
  func place(_ view: Int, _ feature: Int, in source: Source) -> Place? {
    let name = pipeline.views[view].features[feature].name
    guard let position = source.plan.views.firstIndex(of: view),
      let aggregate = pipeline.views[view].aggregates.firstIndex(where: { $0.name == name })
    else { return nil }
    for (space, shapes) in source.plan.windows.shapes.enumerated() {
      for (group, shape) in shapes.groups.enumerated() {
        if let use = shape.uses.first(where: { $0.view == position && $0.aggregate == aggregate }) {
          return Place(space: space, group: group, use: use, shape: shape)
        }
      }
    }
    return nil
  }

  /// The features that read a group, as `view.feature`, in the order of the pipeline.
  func users(_ shape: PaneGroupShape, in source: Source) -> [String] {
    shape.uses.map { use in
      let view = pipeline.views[source.plan.views[use.view]]
      return "\(view.name).\(view.aggregates[use.aggregate].name)"
    }
  }

  func cost(of view: Int) -> RowCost {
    let definition = pipeline.views[view]
    var cost = RowCost(
      StoredView(definition, entities: pipeline.entities), prefix: pipeline.sink?.prefix ?? "fv",
      isWindow: definition.trigger == .close, keyByteCount: PipelineForecast.typicalKeyByteCount,
      valueByteCounts: definition.features.map(Self.valueByteCount))
    if case .feast(let project)? = pipeline.sink?.layout {
      cost.key =
        "Feast's key of \(definition.entity.map { "<\(pipeline.entities[$0].keyFieldName)>" } ?? "no entity") in project '\(project)'"
    }
    return cost
  }

  /// How long the text of a typical value is.
  private static func valueByteCount(_ feature: FeatureDefinition) -> Int {
    if feature.derivation != nil { return 12 }
    return switch feature.function {
    case .count: 2
    case .sum, .min, .max: 6
    case .mean: 17
    default: 12
    }
  }

  /// Rows that one call of the store's script writes at most.
  static let rowsPerCall = 256.0

  /// Calls of the store's script per second: at least one per write where there is anything to write.
  func callsPerSecond(_ view: Int, rows: Double) -> Double {
    guard rows > 0 else { return 0 }
    let definition = pipeline.views[view]
    let writes = 1000 / Double(definition.trigger == .change ? max(definition.emitEveryMilliseconds, 1) : 200)
    return max(rows / Self.rowsPerCall, min(rows, writes))
  }

  /// Event time after its end at which the row of a closed window is written at the earliest, in ms.
  func closingDelay(_ view: Int) -> Int64 { pipeline.sources[pipeline.views[view].source].latenessMilliseconds }
}
