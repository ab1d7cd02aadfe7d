// From the YAML of an event schema to a sound `EventSchema`, every finding in one pass. The order matters only inside: names of entities
// and events first, then entities, sessions, events, and last the checks that need all of them.
// The parts of the language that are read elsewhere: `+Entities`, `+Generators`, `+Sessions`, `+Events`.

import Base
import Configuration
import Foundation

/// Reads event schemas. All entry points give nil exactly when the diagnostics hold an error.
public final class SchemaReader {
  let values: ValueReader
  /// Where `choice: { file: ... }` looks.
  let directory: String
  var entities: [EntityDraft] = []
  var actor: Int?
  var identifierField: String?
  var bindings: [BindingDraft] = []
  /// The names under `events`, also those that are only bases.
  var eventNames: [String] = []

  var diagnostics: Diagnostics { values.diagnostics }

  private init(directory: String, diagnostics: Diagnostics) {
    values = ValueReader(diagnostics, language: "schema language")
    self.directory = directory
  }

  // MARK: - Entry points

  /// Reads the schema at `path`. Throws `.noInput` where the file cannot be read.
  public static func read(
    path: String, loader: ConfigurationLoader = ConfigurationLoader(), diagnostics: Diagnostics
  ) throws(Failure) -> EventSchema? {
    guard let root = try loader.load(path: path, diagnostics: diagnostics) else { return nil }
    return read(root, directory: (path as NSString).deletingLastPathComponent, diagnostics: diagnostics)
  }

  /// Reads a schema that is not in a file; files it names are looked for in `directory`.
  public static func read(
    text: String, directory: String = "", loader: ConfigurationLoader = ConfigurationLoader(), diagnostics: Diagnostics
  ) -> EventSchema? {
    guard let root = loader.load(text: text, diagnostics: diagnostics) else { return nil }
    return read(root, directory: directory, diagnostics: diagnostics)
  }

  /// Reads a schema from its root node.
  public static func read(_ root: ConfigurationNode, directory: String, diagnostics: Diagnostics) -> EventSchema? {
    let schema = SchemaReader(directory: directory, diagnostics: diagnostics).schema(root)
    return diagnostics.hasErrors ? nil : schema
  }

  /// Reads the schema at `path` or throws all its errors; warnings are handed over one by one.
  public static func load(path: String, onWarning: (Diagnostic) -> Void = { _ in }) throws(Failure) -> EventSchema {
    let diagnostics = Diagnostics(file: path)
    let schema = try read(path: path, diagnostics: diagnostics)
    try diagnostics.throwIfErrors()
    for finding in diagnostics.all { onWarning(finding) }
    guard let schema else { throw Failure(.badConfiguration, "\(path): error[syntax]: the file cannot be read") }
    return schema
  }

  // MARK: - The document

  private func schema(_ root: ConfigurationNode) -> EventSchema? {
    guard let reader = MappingReader(root, nil, values) else { return nil }
    if let node = reader.node("version") { _ = values.integer(node, "'version'", in: 1...1) }
    if let node = reader.required("kind"), values.name(node, "'kind'", among: ["events"], notBuilt: ["stream"]) == nil {
      return nil
    }
    let name = reader.required("name").flatMap { values.identifier($0, "'name'") }
    let seed = reader.integer("seed", in: 0 ... .max) ?? 1
    let clock = reader.mapping("clock").map(self.clock) ?? ClockSettings(startMilliseconds: nil, mode: .realtime)

    let entitiesReader = reader.names("entities")
    let sessionsReader = reader.required("sessions").flatMap { MappingReader($0, "'sessions'", values) }
    let eventsReader = reader.names("events")
    let outputReader = reader.mapping("output")
    reader.finish(notBuilt: ["faults", "incidents", "streams", "imports", "types", "truth", "rate", "fields", "description"])

    eventNames = eventsReader?.pairs.map(\.name) ?? []
    if let entitiesReader { readEntities(entitiesReader) }
    let sessions = sessionsReader.flatMap(readSessions)
    let events = eventsReader.map(readEvents) ?? []
    let output = readOutput(outputReader, events, sessions)
    if let sessions { SessionGraph(sessions, events: events, diagnostics).check() }
    reportUnused(events, sessions)

    guard let name, let sessions, let model = sessions.model(events: events), let actor else { return nil }
    return EventSchema(
      name: name, seed: UInt64(seed), clock: clock, entities: entities.map(\.definition),
      sessions: model(actor, bindings.map { SessionModel.Binding(name: $0.name, entity: $0.entity) }),
      events: events.filter { !$0.isBase }.map(\.definition), outputs: [output])
  }

  private func clock(_ reader: MappingReader) -> ClockSettings {
    var start: Int64?
    if let node = reader.node("start"), node.scalarText != "now" { start = values.time(node, reader.what("start")) }
    let mode = reader.oneOf("mode", ClockSettings.Mode.self) ?? .realtime
    reader.finish(notBuilt: ["speed", "until", "end"])
    return ClockSettings(startMilliseconds: start, mode: mode)
  }

  // MARK: - Output

  private enum OutputFormat: String, CaseIterable {
    case json
  }

  private enum RecordTime: String, CaseIterable {
    case event
    case sent
  }

  private func readOutput(_ reader: MappingReader?, _ events: [EventDraft], _ sessions: SessionDraft?) -> OutputSettings {
    guard let reader else { return OutputSettings() }
    let topic = reader.node("topic").flatMap { values.topic($0, reader.what("topic")) }
    let keyNode = reader.node("key")
    let key = keyNode.flatMap { values.string($0, reader.what("key")) }?.split(separator: ".", omittingEmptySubsequences: false)
      .map(String.init)
    if let keyNode, let key { checkKey(key, keyNode, events, sessions) }
    _ = reader.oneOf("format", OutputFormat.self, notBuilt: ["avro", "cloudevents", "csv"])
    let timestamp = reader.oneOf("timestamp", RecordTime.self) ?? .event
    let partitions = reader.integer("partitions", in: 1...10_000)
    reader.finish(notBuilt: ["headers", "schema_registry", "compression", "envelope", "streams", "rate"])
    return OutputSettings(
      topic: topic, keyPath: key, usesEventTimestamp: timestamp == .event, partitionCount: partitions.map { Int($0) })
  }

  /// The key has to be in every emitted event, and to be a text or an integer there.
  private func checkKey(_ key: [String], _ node: ConfigurationNode, _ events: [EventDraft], _ sessions: SessionDraft?) {
    let emitted = events.filter { event in sessions?.states.contains { $0.event == event.name } ?? true }
    // An event whose base is unknown has its finding, and fields that nobody knows.
    let without = emitted.filter { $0.hasWholeBase && $0.definition.generator(at: key) == nil }
    let name = key.joined(separator: ".")
    if let first = without.first {
      let others = without.count > 1 ? " and \(without.count - 1) more have" : " has"
      diagnostics.error(
        "unknown-reference", at: node.location,
        "'key' of 'output': event '\(first.name)'\(others) no field '\(name)', and every event needs a key"
          + Suggestion.hint(for: name, among: first.definition.fieldPaths))
      return
    }
    for event in emitted {
      guard let generator = event.definition.generator(at: key) else { continue }
      let kinds = generatedKinds.kinds(of: generator)
      if kinds.isSubset(of: [.string, .integer]) { continue }
      diagnostics.error(
        "wrong-type", at: node.location,
        "'key' of 'output': '\(name)' of event '\(event.name)' is not always a text or an integer, as a key has to be")
      return
    }
  }

  var generatedKinds: GeneratedKinds {
    GeneratedKinds(entities: entities.map(\.definition), actor: actor ?? -1, bindings: bindings.map(\.entity))
  }

  /// Warns of events that nobody needs, unless an error may have made them look so.
  private func reportUnused(_ events: [EventDraft], _ sessions: SessionDraft?) {
    guard let sessions, !diagnostics.hasErrors else { return }
    for event in events where !event.isBase {
      let isEmitted = sessions.states.contains { $0.event == event.name }
      let isExtended = events.contains { $0.base == event.name }
      if !isEmitted, !isExtended {
        diagnostics.warning(
          "unused", at: event.location,
          "no state emits event '\(event.name)'" + (event.name.hasPrefix("_") ? "" : "; a name that begins with '_' marks a base"))
      }
    }
  }
}
