// Features that are made of other features of their view: in any order, without circles.

import Base
import Configuration
import Records
import Schema
import Windowing

extension PipelineReader {
  /// A feature with `expr`, before the others are known.
  struct DerivedReading {
    var name: String
    var what: String
    var node: ConfigurationNode
    var text: String
    var references: [(path: FieldPath, byteOffset: Int)]
    var onDivisionByZero: Scalar?
    var defaultValue: Scalar?
  }

  /// Reads what stands in a feature with `expr`; what it refers to is looked for later.
  func readDerived(_ name: String, _ reader: MappingReader) -> DerivedReading? {
    for setting in ["agg", "field", "where", "window"] where reader.has(setting) {
      _ = reader.node(setting)
      diagnostics.error(
        "wrong-value", at: reader.keyLocation(setting),
        "\(reader.what(setting)): a feature with 'expr' is made of other features and has no '\(setting)' of its own")
    }
    let node = reader.required("expr")
    let onDivisionByZero = reader.node("on_divide_by_zero").flatMap { values.meaning($0, reader.what("on_divide_by_zero")) }
    let defaultValue = reader.node("default").flatMap { values.meaning($0, reader.what("default")) }
    reader.finish(notBuilt: Self.settingsNotBuilt)
    guard let node, let text = values.string(node, reader.what("expr")) else { return nil }
    let what = reader.what("expr")
    do {
      let parsed = try ExpressionParser.parseValue(text)
      return DerivedReading(
        name: name, what: what, node: node, text: text, references: parsed.references,
        onDivisionByZero: onDivisionByZero.map(Scalar.init), defaultValue: defaultValue.map(Scalar.init))
    } catch {
      diagnostics.error("expression", at: Self.place(of: error.byteOffset, in: node), "\(what): \(error.message)")
      return nil
    }
  }

  /// The definitions of the derived features, each after those that it refers to. `types` has the aggregates, and `names` all features of the
  /// view, also those that could not be read.
  ///
  /// `outside` knows the values of other views, whose names have two components; nil where there are none to refer to.
  func resolveDerived(
    _ readings: [DerivedReading], _ types: [String: ExpressionType], names: [String],
    outside: ((FieldPath) -> OutsideValue)? = nil
  ) -> [FeatureDefinition] {
    var types = types
    var resolved: [FeatureDefinition] = []
    var waiting: [DerivedReading] = []
    for reading in readings where checkReferences(of: reading, names, outside) { waiting.append(reading) }
    let waitingNames = Set(waiting.map(\.name))
    while let index = waiting.firstIndex(where: { reading in
      reading.references.allSatisfy {
        $0.path.components.count == 2 || types[$0.path.components[0]] != nil || !waitingNames.contains($0.path.components[0])
      }
    }) {
      let reading = waiting.remove(at: index)
      // A feature that could not be read is of any type; its finding is enough.
      types[reading.name] = .any
      do {
        let known = types
        let parsed = try ExpressionParser.parseValue(reading.text) { path in
          if path.components.count == 2, case .value(let type)? = outside?(path) { return type }
          return known[path.components[0]] ?? .any
        }
        types[reading.name] = Self.type(of: reading, parsed.type)
        resolved.append(
          FeatureDefinition(
            name: reading.name,
            derivation: FeatureDerivation(
              text: reading.text, expression: parsed.expression, onDivisionByZero: reading.onDivisionByZero),
            defaultValue: reading.defaultValue == .null ? nil : reading.defaultValue))
        resolved[resolved.count - 1].valueType = types[reading.name] ?? .any
      } catch {
        diagnostics.error(
          "expression", at: Self.place(of: error.byteOffset, in: reading.node), "\(reading.what): \(error.message)")
      }
    }
    reportCircle(waiting)
    return resolved
  }

  private static func type(of reading: DerivedReading, _ type: ExpressionType) -> ExpressionType {
    [reading.onDivisionByZero, reading.defaultValue].reduce(type) { $0.union($1.map { ExpressionType(of: $0) } ?? .null) }
  }

  /// What is known of a value of another view.
  enum OutsideValue {
    case value(ExpressionType)
    /// There is none, for a reason.
    case none(String)
  }

  private func checkReferences(of reading: DerivedReading, _ names: [String], _ outside: ((FieldPath) -> OutsideValue)?) -> Bool {
    var isSound = true
    for (path, byteOffset) in reading.references {
      let location = Self.place(of: byteOffset, in: reading.node)
      if path.components.count == 2, let outside {
        guard case .none(let reason) = outside(path) else { continue }
        diagnostics.error("unknown-reference", at: location, "\(reading.what): \(reason)")
      } else if path.components == [reading.name] {
        diagnostics.error("wrong-value", at: location, "\(reading.what) refers to itself")
      } else if path.components.count > 1 || !names.contains(path.components[0]) {
        diagnostics.error(
          "unknown-reference", at: location,
          "\(reading.what): the view has no feature '\(path)'\(Suggestion.hint(for: path.description, among: names))")
      } else {
        continue
      }
      isSound = false
    }
    return isSound
  }

  /// Names the features of one circle, each referring to the next.
  private func reportCircle(_ waiting: [DerivedReading]) {
    guard var current = waiting.first else { return }
    var chain: [String] = []
    while !chain.contains(current.name) {
      chain.append(current.name)
      let next = current.references.lazy.compactMap { reference in waiting.first { $0.name == reference.path.components[0] } }.first
      guard let next else { return }
      current = next
    }
    let circle = chain[chain.firstIndex(of: current.name)!...] + [current.name]
    diagnostics.error(
      "wrong-value", at: current.node.location,
      "\(current.what): features refer to each other in a circle: \(circle.joined(separator: " -> "))")
  }

  /// What is known of the values of an aggregate.
  func type(of feature: FeatureDefinition, _ schema: EventSchema?) -> ExpressionType {
    let type: ExpressionType
    // A list is its JSON text, also as a default.
    if feature.function.givesList { return .composite }
    if [.count, .elapsed, .distinct, .approxDistinct].contains(feature.function) {
      type = .integer
    } else if [.mean, .variance, .stddev, .quantile].contains(feature.function) {
      type = .double
    } else if feature.function == .sum {
      type = .number
    } else if feature.function == .min || feature.function == .max {
      type = feature.parameters.comparesTexts ? .string : .number
    } else if feature.function == .first || feature.function == .last, let field = feature.field {
      type = fieldType(of: field, schema)
    } else {
      type = .any
    }
    return type.union(feature.defaultValue.map { ExpressionType(of: $0) } ?? .null)
  }
}
