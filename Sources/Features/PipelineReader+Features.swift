// Single features: the aggregate, its field, its window and its default, and what they have to do with each other.

import Base
import Configuration
import Records
import Schema
import Windowing

extension PipelineReader {
  static let settingsNotBuilt = [
    "lanes", "ttl", "description", "owner", "tags", "max_age",
    "weight",
  ]
  /// Rows carry these beside the features.
  private static let rowNames = ["view", "window_start", "window_end", "as_of"]
  /// A record's hits in a closing window are the bits of one word.
  private static let closingFeatureCountMax = 64

  func readFeatures(_ reader: MappingReader, _ context: ViewContext) -> [FeatureDefinition] {
    var features: [FeatureDefinition] = []
    var first: (name: String, window: WindowSpecification)?
    var derived: [DerivedReading] = []
    for pair in reader.pairs {
      checkFeatureName(pair.name, pair.key.location, context)
      guard let feature = MappingReader(pair.value, "feature '\(pair.name)'", values) else { continue }
      if feature.has("expr") {
        if let reading = readDerived(pair.name, feature) { derived.append(reading) }
        continue
      }
      let read = readFeature(pair.name, feature, context)
      guard let window = read.window else { continue }
      if context.trigger == .close {
        if window == .unbounded {
          diagnostics.error(
            "wrong-value", at: feature.location,
            "feature '\(pair.name)' has no window, and 'trigger: close' emits a row when a window closes; give it one, such as { tumbling: 10s }"
          )
        } else if let first, first.window != window {
          diagnostics.error(
            "wrong-value", at: feature.node("window")?.location ?? feature.location,
            "with 'trigger: close' all features of a view share one window, but '\(first.name)' has \(first.window.text) and '\(pair.name)' has \(window.text)"
          )
        } else if first == nil {
          first = (pair.name, window)
        }
      }
      if let definition = read.definition { features.append(definition) }
    }
    let aggregateCount = reader.pairs.count - derived.count
    if context.trigger == .close, aggregateCount > Self.closingFeatureCountMax {
      diagnostics.error(
        "wrong-value", at: reader.location,
        "with 'trigger: close' a view has at most \(Self.closingFeatureCountMax) features, found \(aggregateCount); put the others into another view"
      )
    }
    if features.isEmpty, let only = derived.first, aggregateCount == 0 {
      diagnostics.error(
        "wrong-value", at: only.node.location,
        "\(only.what): the view has no feature with 'agg', of which others could be made")
    }
    return inOrder(features, derived, reader, context)
  }

  /// Aggregates and derived features in the order of the file.
  private func inOrder(
    _ aggregates: [FeatureDefinition], _ derived: [DerivedReading], _ reader: MappingReader, _ context: ViewContext
  ) -> [FeatureDefinition] {
    var aggregates = aggregates
    for index in aggregates.indices { aggregates[index].valueType = type(of: aggregates[index], context.schema) }
    guard !derived.isEmpty else { return aggregates }
    let types = aggregates.map { ($0.name, $0.valueType) }
    let names = reader.pairs.map(\.name)
    let all = aggregates + resolveDerived(derived, Dictionary(types) { first, _ in first }, names: names)
    return names.compactMap { name in all.first { $0.name == name } }
  }

  func checkFeatureName(_ name: String, _ location: SourceLocation, _ context: ViewContext) {
    values.checkName(name, "the name of a feature", at: location)
    if name.hasPrefix("_") {
      diagnostics.error("wrong-value", at: location, "the name of a feature cannot begin with '_', found '\(name)'")
    } else if Self.rowNames.contains(name) {
      diagnostics.error("wrong-value", at: location, "a feature cannot be called '\(name)', which every row has already")
    } else if name == context.keyFieldName {
      diagnostics.error("wrong-value", at: location, "a feature cannot be called '\(name)', which is the name of the view's key")
    }
  }

  private func readFeature(
    _ name: String, _ reader: MappingReader, _ context: ViewContext
  ) -> (definition: FeatureDefinition?, window: WindowSpecification?) {
    let aggregate = readAggregate(reader)
    let fieldNode = reader.node("field")
    let field = fieldNode.flatMap { input($0, reader.what("field"), context.schema) }
    let predicate = self.predicate("where", reader, context.schema)
    let window = reader.node("window").map { readWindow($0, reader) } ?? .unbounded
    let defaultNode = reader.node("default")
    if let aggregate { checkFieldPresence(aggregate, fieldNode, reader) }
    // Settings of an aggregate that is not understood need no finding of their own.
    reader.finish(
      notBuilt: Self.settingsNotBuilt, ignoring: reader.has("agg") && aggregate == nil ? Self.aggregateSettings : [])
    if let field, let fieldNode, checkComputedInput(field, fieldNode, aggregate, reader) == nil {
      if let schema = context.schema, !field.isMetadata {
        checkField(field, fieldNode, aggregate, schema, reader)
      } else {
        checkReadInput(field, fieldNode, aggregate, reader)
      }
    }
    guard let aggregate else { return (nil, window) }
    let defaultValue = defaultNode.flatMap { self.defaultValue($0, aggregate, reader) }
    guard let window, field != nil || aggregate.function == .count || aggregate.function == .elapsed else { return (nil, window) }
    return (
      FeatureDefinition(
        name: name, function: aggregate.function, parameters: aggregate.parameters, field: field, predicate: predicate,
        window: window, defaultValue: defaultValue), window
    )
  }
}
