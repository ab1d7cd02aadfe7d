// Views: features of one entity over one source. What belongs to a single feature is in `PipelineReader+Features.swift`.

import Base
import Configuration
import Records
import Schema
import Windowing

extension PipelineReader {
  private enum EntityReference {
    case all
    case entity(Int)

    var index: Int? {
      if case .entity(let index) = self { index } else { nil }
    }
  }

  /// What a view's features are read with.
  struct ViewContext {
    var trigger: Trigger
    var schema: EventSchema?
    /// The name of the key in rows, nil for `entity: all` and where the entity is unknown.
    var keyFieldName: String?
  }

  /// The views of a key that have changed are the bits of one word.
  private static let viewsPerEntityMax = 64

  func readViews(_ reader: MappingReader) {
    for pair in reader.pairs {
      values.checkName(pair.name, "the name of a view", at: pair.key.location)
      viewNames.append(pair.name)
      if pair.name.hasPrefix("_") {
        diagnostics.error("wrong-value", at: pair.key.location, "the name of a view cannot begin with '_', found '\(pair.name)'")
      }
      if let view = MappingReader(pair.value, "view '\(pair.name)'", values) { readView(pair.name, view) }
    }
    for reading in requestViewReadings { resolve(reading) }
  }

  private func readView(_ name: String, _ reader: MappingReader) {
    let entityNode = reader.required("entity")
    let entity = entityNode.flatMap { self.entity($0, reader.what("entity")) }
    let lanes = readLanes(reader)
    if !reader.has("source"), reader.has("inputs") || lanes == [.rt] {
      return readRequestView(name, reader, lanes, entity: entity.map(\.index))
    }
    let source = reader.required("source").flatMap { self.source($0, reader.what("source")) }
    viewAvroSchema = source.flatMap { sources[$0].format.avroSchema }
    computedTypes = source.map { sources[$0].computedTypes } ?? [:]
    viewComputedFields = []
    var every: Int64 = 200
    var trigger = Trigger.change
    if let emit = reader.mapping("emit", main: "trigger") {
      every = emit.duration("every") ?? 200
      trigger = emit.oneOf("trigger", Trigger.self, notBuilt: ["early", "count", "punctuation"]) ?? .change
      emit.finish(notBuilt: ["max_rows", "offset", "jitter"])
    }
    let schema = source.flatMap { sources[$0].schema }
    if let index = entity?.index, let source {
      checkComputedKey(index, source, schema)
      if let schema { checkKey(index, source, schema) }
      checkAvroKey(index, source)
    }
    let predicate = self.predicate("where", reader, schema)
    let context = ViewContext(
      trigger: trigger, schema: schema, keyFieldName: entity?.index.map { entities[$0].keyFieldName })
    let featuresReader = reader.names("features")
    let features = featuresReader.map { readFeatures($0, context) } ?? []
    let schedule = readSchedule(reader, lanes)
    let recentEvents = readRecentEvents(reader, lanes)
    checkLanes(lanes, trigger, reader)
    if reader.has("inputs") {
      _ = reader.node("inputs")
      diagnostics.error(
        "wrong-value", at: reader.keyLocation("inputs"),
        "\(reader.what("inputs")): a view over a source has none; put what the request brings into a view of its own, without 'source'"
      )
    }
    reader.finish(
      notBuilt: [
        "max_age", "ttl", "dedup", "join", "rows", "late", "description", "owner", "tags", "online",
        "offline",
      ])
    guard let entity, let entityNode, let source else { return }
    if views.count(where: { $0.entity == entity.index && $0.source == source }) == Self.viewsPerEntityMax {
      diagnostics.error(
        "wrong-value", at: entityNode.location, "more than \(Self.viewsPerEntityMax) views of one entity over one source")
    }
    for field in viewComputedFields where !sources[source].computedFields.contains(field) {
      sources[source].computedFields.append(field)
    }
    var view = FeatureView(
      name: name, entity: entity.index, source: source, emitEveryMilliseconds: every, trigger: trigger, predicate: predicate,
      features: features)
    if !lanes.isEmpty { view.lanes = lanes }
    view.schedule = schedule
    view.recentEvents = recentEvents
    views.append(view)
  }

  // MARK: - References

  /// The entity that a view names; nil where there is none.
  private func entity(_ node: ConfigurationNode, _ what: String) -> EntityReference? {
    guard let name = values.string(node, what) else { return nil }
    if name == "all" { return .all }
    if let index = entities.firstIndex(where: { $0.name == name }) { return .entity(index) }
    if !entityNames.contains(name) {
      diagnostics.error(
        "unknown-reference", at: node.location,
        "\(what): no entity '\(name)'\(Suggestion.hint(for: name, among: entityNames + ["all"]))")
    }
    return nil
  }

  private func source(_ node: ConfigurationNode, _ what: String) -> Int? {
    guard let name = values.string(node, what) else { return nil }
    if let index = sources.firstIndex(where: { $0.name == name }) { return index }
    if !sourceNames.contains(name) {
      diagnostics.error(
        "unknown-reference", at: node.location, "\(what): no source '\(name)'\(Suggestion.hint(for: name, among: sourceNames))")
    }
    return nil
  }

  /// The key has to be in the schema's events, as a text or an integer.
  private func checkKey(_ entity: Int, _ source: Int, _ schema: EventSchema) {
    guard checkedKeys.insert([entity, source]).inserted else { return }
    let what = "'key' of entity '\(entities[entity].name)'"
    let path = entities[entity].keyPath
    guard checkField(path, in: schema, at: keyLocations[entity], what), let kinds = schema.kinds(at: path.components) else {
      return
    }
    if kinds.isDisjoint(with: [.string, .integer]) {
      diagnostics.error(
        "wrong-type", at: keyLocations[entity], "\(what): '\(path)' of schema '\(schema.name)' is neither a text nor an integer")
    }
  }

  /// The same for the schema of a source's Avro records.
  private func checkAvroKey(_ entity: Int, _ source: Int) {
    let path = entities[entity].keyPath
    guard let schema = viewAvroSchema, sources[source].schema == nil, checkedKeys.insert([entity, source]).inserted else { return }
    let what = "'key' of entity '\(entities[entity].name)'"
    guard checkAvroField(path, in: schema, at: keyLocations[entity], what), let kinds = schema.kinds(at: path),
      kinds.isDisjoint(with: [.string, .integer])
    else { return }
    diagnostics.error(
      "wrong-type", at: keyLocations[entity], "\(what): '\(path)' of the Avro schema is neither a text nor an integer")
  }
}
