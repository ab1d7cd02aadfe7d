// Views in the words of their pipeline: what a checkpoint says it is the state of, and what a message says that has changed.

import Base
import Configuration
import Features
import Records
import Schema
import Windowing

extension ProcessingPlan {
  static func description(of view: FeatureView, in pipeline: PipelineDefinition, _ source: SourceDefinition) -> ViewDescription {
    let entity = view.entity.map { pipeline.entities[$0] }
    var properties = [
      ViewDescription.Property("key", entity?.keyPath.description ?? "all"),
      ViewDescription.Property("trigger", view.trigger.rawValue),
    ]
    if let predicate = view.predicate { properties.append(ViewDescription.Property("where", predicate.text)) }
    if let timeToLive = entity?.timeToLiveMilliseconds {
      properties.append(ViewDescription.Property("ttl", Units.durationText(milliseconds: timeToLive)))
    }
    properties += computed((entity.map { [$0.keyPath] } ?? []) + (view.predicate?.fieldPaths ?? []), source)
    return ViewDescription(name: view.name, properties: properties, features: view.aggregates.map { feature($0, source) })
  }

  /// What all views of a source depend on.
  static func properties(of source: SourceDefinition) -> [ViewDescription.Property] {
    [
      ViewDescription.Property(
        "event_time", "\(source.eventTime.path?.description ?? "record timestamp") (\(source.eventTime.format.rawValue))"),
      ViewDescription.Property("lateness", Units.durationText(milliseconds: source.latenessMilliseconds)),
    ] + (source.eventTime.path.map { computed([$0], source) } ?? [])
  }

  private static func feature(_ feature: FeatureDefinition, _ source: SourceDefinition) -> ViewDescription.Feature {
    var properties = [ViewDescription.Property("function", feature.function.rawValue)] + parameters(of: feature)
    if let field = feature.field { properties.append(ViewDescription.Property("field", field.description)) }
    if let predicate = feature.predicate { properties.append(ViewDescription.Property("where", predicate.text)) }
    properties.append(ViewDescription.Property("window", text(feature.window)))
    properties += computed((feature.field.map { [$0] } ?? []) + (feature.predicate?.fieldPaths ?? []), source)
    return ViewDescription.Feature(name: feature.name, properties: properties)
  }

  private static func parameters(of feature: FeatureDefinition) -> [ViewDescription.Property] {
    let parameters = feature.parameters
    var properties: [ViewDescription.Property] = []
    if parameters.isPopulation { properties.append(ViewDescription.Property("of", "population")) }
    if parameters.comparesTexts { properties.append(ViewDescription.Property("of", "texts")) }
    if parameters.count != 0 {
      let name = feature.function == .distinct ? "limit" : feature.function == .topK ? "k" : "n"
      properties.append(ViewDescription.Property(name, "\(parameters.count)"))
    }
    if parameters.error != 0 { properties.append(ViewDescription.Property("error", "\(parameters.error)")) }
    if feature.function == .quantile { properties.append(ViewDescription.Property("q", "\(Double(parameters.quantile) / 1e6)")) }
    return properties
  }

  /// The expressions of those fields that are computed, and of the fields that those are made of.
  private static func computed(_ paths: [FieldPath], _ source: SourceDefinition) -> [ViewDescription.Property] {
    var wanted = Set(paths)
    var properties: [ViewDescription.Property] = []
    for field in source.computedFields.reversed() where wanted.contains(field.path) {
      wanted.formUnion(field.expression.fieldPaths)
      properties.append(ViewDescription.Property("field '\(field.path)'", field.expression.text))
    }
    return properties
  }

  private static func text(_ window: WindowSpecification) -> String {
    func duration(_ milliseconds: Int64) -> String { Units.durationText(milliseconds: milliseconds) }
    let offset = window.offset == 0 ? "" : " offset \(duration(window.offset))"
    return switch window {
    case .tumbling(let size, _): "tumbling \(duration(size))" + offset
    case .sliding(let size, let hop, _): "sliding \(duration(size)) every \(duration(hop))" + offset
    case .cumulating(let max, let step, _): "cumulating \(duration(max)) by \(duration(step))" + offset
    case .session(let gap): "session with a gap of \(duration(gap))"
    case .unbounded: "unbounded"
    }
  }
}
