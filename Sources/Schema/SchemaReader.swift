// From the YAML of an event schema to a sound `EventSchema`, every finding in one pass. The order matters only inside: entities first, as
// everything refers to them; then what binds their rows, sessions and streams; then what reads those, the events; and last the checks that need
// all of them. The parts of the language are read in `SchemaReader+*.swift`.

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
  var device: Int?
  var identifierField: String?
  var bindings: [BindingDraft] = []
  var streams: [StreamDraft] = []
  /// The names under `events`, also those that are only bases.
  var eventNames: [String] = []

  // What is collected on the way, to be looked at when all is known.
  /// The bound rows that the field being read has read so far.
  var collectedReads: [BindingRead] = []
  /// How many arrays, lists and maps stand around the generator being read.
  var nesting = 0
  var conditions: [(condition: SessionCondition, location: SourceLocation, what: String)] = []
  /// Entities of which any row may be drawn.
  var pickedEntities: [(entity: Int, location: SourceLocation, what: String)] = []
  /// Tables of weights for the rows of an entity.
  var weightTables: [(entity: Int, count: Int, location: SourceLocation, what: String)] = []
  /// Fields of streams that other streams read.
  var recordReads: [(stream: Int, field: Int, location: SourceLocation, what: String)] = []

  var diagnostics: Diagnostics { values.diagnostics }

  init(directory: String, diagnostics: Diagnostics) {
    values = ValueReader(diagnostics, language: "schema language")
    self.directory = directory
  }

  // MARK: - Entry points

  /// Reads the schema at `path`. Throws `.noInput` where the file cannot be read.
  public static func read(
    path: String, loader: ConfigurationLoader = ConfigurationLoader(), diagnostics: Diagnostics
  ) throws(Failure) -> EventSchema? {
    guard let root = try loader.load(path: path, diagnostics: diagnostics) else { return nil }
    return read(root, directory: ResourcePath.directory(of: path), diagnostics: diagnostics)
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

  enum Kind: String, CaseIterable {
    case events
    case stream
  }

  private func schema(_ root: ConfigurationNode) -> EventSchema? {
    guard let reader = MappingReader(root, nil, values) else { return nil }
    if let node = reader.node("version") { _ = values.integer(node, "'version'", in: 1...1) }
    guard let kind = readKind(reader) else { return nil }
    let name = reader.required("name").flatMap { values.identifier($0, "'name'") }
    let seed = reader.integer("seed", in: 0 ... .max) ?? 1
    let clock = reader.mapping("clock").map(self.clock) ?? ClockSettings(startMilliseconds: nil, mode: .realtime)
    let hasSessions = kind == .events
    let hasNamedStreams = reader.has("streams")

    let entitiesReader = hasSessions || reader.has("entities") ? reader.names("entities") : nil
    let sessionsReader = hasSessions ? reader.required("sessions").flatMap { MappingReader($0, "'sessions'", values) } : nil
    let eventsReader = hasSessions ? reader.names("events") : nil
    let streamsReader = hasNamedStreams ? reader.names("streams") : nil
    let outputReader = reader.mapping("output")
    let loadNode = hasSessions ? reader.node("load") : nil
    if !hasSessions, !hasNamedStreams { for name in Self.streamSettings { _ = reader.node(name) } }
    for name in Self.streamSettings where !hasSessions && hasNamedStreams && reader.node(name) != nil {
      diagnostics.error("wrong-value", at: reader.keyLocation(name), "'\(name)': each stream has its own; say it there")
    }
    let incidentsNode = reader.node("incidents")
    let faultsReader = reader.mapping("faults")
    let misplaced = Self.outputSettings.filter { !Self.streamSettings.contains($0) && reader.has($0) }
    for name in misplaced {
      diagnostics.error("unknown-field", at: reader.keyLocation(name), "unknown field '\(name)'; it belongs into 'output'")
    }
    reader.finish(ignoring: misplaced + (hasSessions ? [] : ["sessions", "events"]))

    eventNames = eventsReader?.pairs.map(\.name) ?? []
    if let entitiesReader { readEntities(entitiesReader) }
    let sessions = sessionsReader.flatMap { readSessions($0, hasLoad: loadNode != nil) }
    readStreams(streamParts(streamsReader, isWholeFile: !hasSessions && !hasNamedStreams, reader, name))
    var events = eventsReader.map(readEvents) ?? []
    let outputs = readOutputs(outputReader, events, sessions, isWholeFile: !hasSessions && !hasNamedStreams, reader)
    let load = loadNode.flatMap { readLoad($0, "'load'") }
    let definitions = self.definitions(events, hasSessions: hasSessions)
    let keys = definitions.map { outputs.indices.contains($0.output) ? outputs[$0.output].keyPath : nil }
    let incidents = incidentsNode.map { readIncidents($0, definitions, &events, keys: keys) } ?? []
    let faults = faultsReader.map { readFaults($0, definitions, keys: keys) } ?? FaultModel()
    if let sessions { SessionGraph(sessions, events: events, diagnostics).check() }
    checkPicks()
    checkConditions(sessions)
    reportUnused(events, sessions)
    guard !diagnostics.hasErrors, let name else { return nil }

    var model: SessionModel?
    if hasSessions {
      guard let sessions, let actor, let identifierField else { return nil }
      model = sessions.model(events: events, actor: actor, device: device, identifierField: identifierField, bindings: bindings)
      if model == nil { return nil }
    }
    let firstStream = definitions.count - streams.count
    let streamModels = streams.indices.compactMap { self.model(ofStream: $0, event: firstStream + $0) }
    guard streamModels.count == streams.count else { return nil }
    return EventSchema(
      name: name, seed: UInt64(seed), clock: clock, entities: entities.map(\.definition), sessions: model, streams: streamModels,
      events: definitions, outputs: outputs, load: load, incidents: incidents, faults: faults)
  }

  /// The events that sessions can emit, then one for each stream.
  private func definitions(_ events: [EventDraft], hasSessions: Bool) -> [EventDefinition] {
    events.filter { !$0.isBase }.map(\.definition)
      + streams.enumerated().map { index, stream in
        EventDefinition(name: stream.name, fields: stream.fields.map(\.definition), output: (hasSessions ? 1 : 0) + index)
      }
  }

  /// Sessions or streams; where the other one was probably meant, that is said.
  private func readKind(_ reader: MappingReader) -> Kind? {
    guard let node = reader.required("kind") else {
      reader.finish(ignoring: reader.pairs.map(\.name))
      return nil
    }
    guard let kind = values.oneOf(node, "'kind'", Kind.self) else { return nil }
    if kind == .events, !reader.has("sessions"), reader.has("streams") || reader.has("fields") || reader.has("changes") {
      diagnostics.error(
        "wrong-value", at: node.location, "'kind': a file with streams and no sessions is of another kind; did you mean 'stream'?")
      return nil
    }
    if kind == .stream, reader.has("sessions"), !reader.has("streams"), !reader.has("fields"), !reader.has("changes") {
      diagnostics.error(
        "wrong-value", at: node.location, "'kind': a file with sessions is of another kind; did you mean 'events'?")
      return nil
    }
    if kind == .stream {
      for name in ["sessions", "events"] where reader.has(name) {
        diagnostics.error(
          "wrong-value", at: reader.keyLocation(name),
          "'\(name)' goes with sessions, which a file of kind 'stream' has not; in one of kind 'events' streams are possible too")
      }
    }
    return kind
  }

  private func clock(_ reader: MappingReader) -> ClockSettings {
    var start: Int64?
    if let node = reader.node("start"), node.scalarText != "now" { start = boundedTime(node, reader.what("start")) }
    let mode = reader.oneOf("mode", ClockSettings.Mode.self) ?? .realtime
    reader.finish()
    return ClockSettings(startMilliseconds: start, mode: mode)
  }

  // MARK: - Streams and outputs

  /// The streams of the file: those under `streams`, or the file itself.
  private func streamParts(
    _ reader: MappingReader?, isWholeFile: Bool, _ document: MappingReader, _ name: String?
  ) -> [(name: String, location: SourceLocation, reader: MappingReader)] {
    if isWholeFile { return [(name ?? "", document.location, document)] }
    return (reader?.pairs ?? []).compactMap { pair in
      values.checkName(pair.name, "the name of a stream", at: pair.key.location)
      if eventNames.contains(pair.name) {
        diagnostics.error(
          "wrong-value", at: pair.key.location, "a stream cannot be called '\(pair.name)', as an event is called so already")
      }
      guard let inner = MappingReader(pair.value, "stream '\(pair.name)'", values) else { return nil }
      for name in Self.streamSettings + Self.outputSettings { _ = inner.node(name) }
      inner.finish()
      return (pair.name, pair.key.location, inner)
    }
  }

  /// That of the sessions first, then one for each stream. A stream has its own topic and key; the rest it takes from `output`.
  private func readOutputs(
    _ reader: MappingReader?, _ events: [EventDraft], _ sessions: SessionDraft?, isWholeFile: Bool, _ document: MappingReader
  ) -> [OutputSettings] {
    var output = reader.map { readOutput($0, on: OutputSettings()) } ?? OutputDraft()
    reader?.finish()
    var outputs: [OutputSettings] = []
    if !isWholeFile, document.has("sessions") {
      let emitted = events.filter { event in sessions?.states.contains { $0.event == event.name } ?? true }
      checkKey(
        output,
        in: emitted.map {
          KeyedRecord(subject: "event '\($0.name)'", definition: $0.definition, owner: .sessions, hasWholeBase: $0.hasWholeBase)
        }, sessions)
      outputs.append(output.settings)
    } else if !isWholeFile, let reader {
      for name in ["topic", "key"] where reader.has(name) {
        diagnostics.error(
          "wrong-value", at: reader.keyLocation(name), "\(reader.what(name)): each stream has its own; say it there")
      }
    }
    for (index, stream) in streams.enumerated() {
      if isWholeFile {
        if let node = document.node("key") {
          if output.keyNode != nil {
            diagnostics.error("wrong-value", at: document.keyLocation("key"), "'key' is given here and in 'output'; say it once")
          }
          output.keyNode = node
          output.keyWhat = "'key'"
          output.settings.keyPath = values.string(node, "'key'")?.split(separator: ".", omittingEmptySubsequences: false).map(
            String.init)
        }
        outputs.append(checkedStreamOutput(output, index))
      } else {
        var base = output.settings
        base.topic = stream.name
        outputs.append(checkedStreamOutput(readOutput(stream.reader, on: base), index))
      }
    }
    return outputs
  }

  /// Checks the key of a stream. One of changes has the entity's key where it says no other.
  private func checkedStreamOutput(_ output: OutputDraft, _ index: Int) -> OutputSettings {
    let stream = streams[index]
    var output = output
    let definition = EventDefinition(name: stream.name, fields: stream.fields.map(\.definition))
    if output.settings.keyPath == nil, output.keyNode == nil, let entity = stream.changes?.entity {
      let key = entities[entity].definition.keyField
      let field = stream.fields.first { field in
        if case .leaf(.from(.changed(key))) = field.content { field.optional == 0 && field.nullable == 0 } else { false }
      }
      if let field {
        output.settings.keyPath = [field.name]
      } else if !stream.fields.isEmpty {
        diagnostics.error(
          "missing-field", at: stream.reader.location,
          "missing field 'key'\(stream.reader.subject.map { " in \($0)" } ?? ""): changes need the key of the row, and no field is { from: row.\(entities[entity].fieldNames.indices.contains(key) ? entities[entity].fieldNames[key] : "") }"
        )
      }
    }
    if !stream.fields.isEmpty {
      checkKey(output, in: [KeyedRecord(subject: stream.subject, definition: definition, owner: .stream(index))])
    }
    return output.settings
  }

  // MARK: - What has no effect

  /// Warns of conditions that always or never hold.
  private func checkConditions(_ sessions: SessionDraft?) {
    guard let sessions else { return }
    for (condition, location, what) in conditions {
      switch condition {
      case .identified where sessions.identity == nil, .anonymous where sessions.identity == nil:
        diagnostics.warning(
          "no-effect", at: location, "\(what): every session is identified, as 'sessions' has no 'identity'")
      case .bot where sessions.bots == nil, .human where sessions.bots == nil:
        diagnostics.warning("no-effect", at: location, "\(what): every session is human, as 'sessions' has no 'bots'")
      default: break
      }
    }
  }

  /// Warns of events and entities that nobody needs, unless an error may have made them look so.
  private func reportUnused(_ events: [EventDraft], _ sessions: SessionDraft?) {
    guard !diagnostics.hasErrors else { return }
    for entity in entities where !entity.isUsed {
      diagnostics.warning("unused", at: entity.location, "nothing refers to entity '\(entity.name)'")
    }
    guard let sessions else { return }
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
