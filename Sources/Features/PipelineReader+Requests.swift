// Views that are computed from requests: `inputs`, and expressions over those and over values of other views. Read after all others, because they may
// refer to any of them.

import Base
import Configuration
import Records
import Windowing

/// A view of requests, before what it refers to is known.
struct RequestViewReading {
  var name: String
  /// Nil where the entity is unknown; the inner nil is `entity: all`.
  var entity: Int??
  var inputs: [RequestInput]
  var derived: [PipelineReader.DerivedReading]
  /// All names that its expressions may use, also of what could not be read.
  var names: [String]
  var featureNames: [String]
}

extension PipelineReader {
  func readRequestView(_ name: String, _ reader: MappingReader, _ lanes: [Lane], entity: Int??) {
    if !lanes.isEmpty, lanes != [.rt] {
      diagnostics.error(
        "wrong-value", at: reader.keyLocation("lanes"),
        "\(reader.what("lanes")): a view without 'source' is computed inside the request; expected [rt]")
    }
    let inputsReader = reader.mapping("inputs")
    let inputs = inputsReader.map(readInputs) ?? []
    let featuresReader = reader.names("features")
    let context = ViewContext(trigger: .change, schema: nil, keyFieldName: entity.flatMap { $0 }.map { entities[$0].keyFieldName })
    var derived: [DerivedReading] = []
    for pair in featuresReader?.pairs ?? [] {
      checkFeatureName(pair.name, pair.key.location, context)
      guard let feature = MappingReader(pair.value, "feature '\(pair.name)'", values) else { continue }
      if let reading = readDerived(pair.name, feature) { derived.append(reading) }
      if inputs.contains(where: { $0.name == pair.name }) {
        diagnostics.error("wrong-value", at: pair.key.location, "feature '\(pair.name)' has the name of an input")
      }
    }
    reader.finish(notBuilt: ["max_age", "ttl", "description", "owner", "tags", "where", "emit"])
    let featureNames = featuresReader?.pairs.map(\.name) ?? []
    requestViewReadings.append(
      RequestViewReading(
        name: name, entity: entity, inputs: inputs, derived: derived,
        names: (inputsReader?.pairs.map(\.name) ?? []) + featureNames, featureNames: featureNames))
  }

  private func readInputs(_ reader: MappingReader) -> [RequestInput] {
    reader.pairs.compactMap { pair in
      values.checkName(pair.name, "the name of an input", at: pair.key.location)
      let others = [
        "int": "integer", "long": "integer", "float": "double", "number": "double", "boolean": "bool", "text": "string",
      ]
      let what = "input '\(pair.name)'"
      if let text = pair.value.scalarText, let meant = others[text] {
        let known = RequestInput.Kind.allCases.map { "'\($0.rawValue)'" }
        values.mismatch(
          pair.value, what, expected: ValueReader.alternatives(known), code: "wrong-value", hint: "; did you mean '\(meant)'?")
        return nil
      }
      return values.oneOf(pair.value, what, RequestInput.Kind.self).map { RequestInput(name: pair.name, kind: $0) }
    }
  }

  /// Makes the view, now that all others are known.
  func resolve(_ reading: RequestViewReading) {
    let types = Dictionary(reading.inputs.map { ($0.name, $0.kind.type) }) { first, _ in first }
    let features = resolveDerived(reading.derived, types, names: reading.names, outside: outsideValue)
    guard let entity = reading.entity else { return }
    requestViews.append(
      RequestView(
        name: reading.name, entity: entity, inputs: reading.inputs,
        features: reading.featureNames.compactMap { name in features.first { $0.name == name } }))
  }

  /// What `view.feature` or `view@lane.feature` is.
  private func outsideValue(_ path: FieldPath) -> OutsideValue {
    switch laneReference(path.components[0]) {
    case .none(let reason): return reason.isEmpty ? .value(.any) : .none(reason)
    case .request(let name): return .none("'\(name)' is computed from requests itself, and cannot be referred to")
    case .view(let index, let lane):
      let view = views[index]
      let name = path.components[1]
      guard let feature = view.features.first(where: { $0.name == name }) else {
        return .none("view '\(view.name)' has no feature '\(name)'\(Suggestion.hint(for: name, among: view.features.map(\.name)))")
      }
      guard view.trigger == .change else {
        return .none("view '\(view.name)' has windows that close, and no current value, in its lane '\(lane.rawValue)'")
      }
      return .value(feature.derivation == nil ? type(of: feature, sources[view.source].schema) : .any)
    }
  }

  enum LaneReference {
    case view(Int, Lane)
    case request(String)
    /// There is none; the reason is empty where the view has findings of its own.
    case none(String)
  }

  /// What `view` or `view@lane` names.
  func laneReference(_ text: String) -> LaneReference {
    let parts = text.split(separator: "@", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    guard let index = views.firstIndex(where: { $0.name == parts[0] }) else {
      if let request = requestViewReadings.first(where: { $0.name == parts[0] }) {
        return parts.count == 1 || parts[1] == Lane.rt.rawValue
          ? .request(request.name) : .none("view '\(request.name)' has the lane 'rt' alone")
      }
      if viewNames.contains(parts[0]) { return .none("") }
      return .none("no view '\(parts[0])'\(Suggestion.hint(for: parts[0], among: viewNames))")
    }
    guard parts.count == 2 else { return .view(index, views[index].lanes[0]) }
    guard let lane = Lane(rawValue: parts[1]), views[index].lanes.contains(lane) else {
      let known = views[index].lanes.map(\.rawValue)
      let hint = Suggestion.hint(for: parts[1], among: known)
      return .none(
        "view '\(parts[0])' has no lane '\(parts[1])'"
          + (hint.isEmpty ? "; it has \(known.map { "'\($0)'" }.joined(separator: ", "))" : hint))
    }
    return .view(index, lane)
  }
}
