// From the YAML of a pipeline to a sound `PipelineDefinition`, every finding in one pass: sources and entities first, then the views that
// refer to them, and with the views the fields that they read, where a source names its event schema.
// The parts of the language that are read elsewhere: `+Sources`, `+Views`, `+Features`.

import Base
import Codec
import Configuration
import Foundation
import Records
import Schema
import Windowing

/// Reads pipelines. All entry points give nil exactly when the diagnostics hold an error.
public final class PipelineReader {
  let values: ValueReader
  let loader: ConfigurationLoader
  /// Where `schema:` looks.
  let directory: String
  var sources: [SourceDefinition] = []
  var entities: [FeatureEntity] = []
  var views: [FeatureView] = []
  var requestViews: [RequestView] = []
  /// Views of requests, which may refer to any other view.
  var requestViewReadings: [RequestViewReading] = []
  /// Names that are taken though what they name could not be read, so that one mistake is one finding.
  var sourceNames: [String] = []
  var entityNames: [String] = []
  var viewNames: [String] = []
  /// Where each entity's key stands.
  var keyLocations: [SourceLocation] = []
  /// Of the source of the view that is being read, where it has one.
  var viewAvroSchema: AvroSchema?
  /// What is known of the computed fields of the source, or of the view's source, that is being read.
  var computedTypes: [FieldPath: ExpressionType] = [:]
  /// What keys and inputs of the view that is being read compute.
  var viewComputedFields: [ComputedField] = []
  /// The expressions of computed keys, by entity.
  var keyExpressions: [Int: ConfigurationNode] = [:]
  /// Keys that have been looked for in a schema, so that several views report one once.
  var checkedKeys: Set<[Int]> = []

  /// Where `layout: feast` stands; nil where it does not.
  var feastLocation: SourceLocation?

  var diagnostics: Diagnostics { values.diagnostics }

  private init(directory: String, loader: ConfigurationLoader, diagnostics: Diagnostics) {
    values = ValueReader(diagnostics, language: "pipeline language")
    self.loader = loader
    self.directory = directory
  }

  // MARK: - Entry points

  /// Reads the pipeline at `path`, and the schemas that its sources name. Throws `.noInput` where the file cannot be read.
  public static func read(
    path: String, loader: ConfigurationLoader = ConfigurationLoader(), diagnostics: Diagnostics
  ) throws(Failure) -> PipelineDefinition? {
    guard let root = try loader.load(path: path, diagnostics: diagnostics) else { return nil }
    return read(root, directory: ResourcePath.directory(of: path), loader: loader, diagnostics: diagnostics)
  }

  /// Reads a pipeline that is not in a file; files it names are looked for in `directory`.
  public static func read(
    text: String, directory: String = "", loader: ConfigurationLoader = ConfigurationLoader(), diagnostics: Diagnostics
  ) -> PipelineDefinition? {
    guard let root = loader.load(text: text, diagnostics: diagnostics) else { return nil }
    return read(root, directory: directory, loader: loader, diagnostics: diagnostics)
  }

  /// Reads a pipeline from its root node.
  public static func read(
    _ root: ConfigurationNode, directory: String, loader: ConfigurationLoader = ConfigurationLoader(), diagnostics: Diagnostics
  ) -> PipelineDefinition? {
    let reader = PipelineReader(directory: directory, loader: loader, diagnostics: diagnostics)
    let definition = reader.pipeline(root)
    return diagnostics.hasErrors ? nil : definition
  }

  /// Reads the pipeline at `path` or throws all its errors; warnings are handed over one by one.
  public static func load(path: String, onWarning: (Diagnostic) -> Void = { _ in }) throws(Failure) -> PipelineDefinition {
    let diagnostics = Diagnostics(file: path)
    let definition = try read(path: path, diagnostics: diagnostics)
    try diagnostics.throwIfErrors()
    for finding in diagnostics.all { onWarning(finding) }
    guard let definition else { throw Failure(.badConfiguration, "\(path): error[syntax]: the file cannot be read") }
    return definition
  }

  // MARK: - The document

  private func pipeline(_ root: ConfigurationNode) -> PipelineDefinition? {
    guard let reader = MappingReader(root, nil, values) else { return nil }
    if let node = reader.node("version") { _ = values.integer(node, "'version'", in: 1...1) }
    if let node = reader.required("kind"), values.name(node, "'kind'", among: ["pipeline"]) == nil { return nil }
    let name = reader.required("name").flatMap { values.identifier($0, "'name'") }
    let sourcesReader = reader.names("sources")
    let entitiesReader = reader.mapping("entities")
    let viewsReader = reader.names("views")
    let servicesReader = reader.has("services") ? reader.names("services") : nil
    let archiveReader = reader.mapping("archive", main: "path")
    let testsNode = reader.node("tests")
    let probeReader = reader.mapping("probe")
    let objectivesNode = reader.node("slo")
    let sink = reader.mapping("sink").flatMap { readSink($0, pipeline: name) }
    let checkpoint =
      reader.mapping("checkpoint", main: "every").map(readCheckpoint)
      ?? CheckpointSettings(everyMilliseconds: 10_000, store: .redis)
    let stateBound = reader.mapping("state").flatMap(readStateBound)
    reader.finish(notBuilt: [
      "imports", "schedule", "labels", "monitor", "description", "owner",
    ])

    if let sourcesReader { readSources(sourcesReader) }
    if let entitiesReader { readEntities(entitiesReader) }
    if let viewsReader { readViews(viewsReader) }
    checkFeastViews()
    let services = servicesReader.map(readServices) ?? []
    let archive = archiveReader.flatMap(readArchive)
    let tests = testsNode.map(readTests) ?? []
    let probe = probeReader.flatMap(readProbe)
    let objectives = objectivesNode.map(readObjectives) ?? []
    guard let name else { return nil }
    var definition = PipelineDefinition(
      name: name, sources: sources, entities: entities, views: views, sink: sink, checkpoint: checkpoint, tests: tests)
    definition.stateBound = stateBound
    definition.requestViews = requestViews
    definition.services = services
    definition.archive = archive
    definition.probe = probe
    definition.objectives = objectives
    return definition
  }

  // MARK: - Entities

  private func readEntities(_ reader: MappingReader) {
    for pair in reader.pairs {
      values.checkName(pair.name, "the name of an entity", at: pair.key.location)
      entityNames.append(pair.name)
      if pair.name == "all" {
        diagnostics.error(
          "wrong-value", at: pair.key.location, "an entity cannot be called 'all', which means one key for everything")
      }
      guard let entity = MappingReader(pair.value, "entity '\(pair.name)'", values) else { continue }
      let keyNode = entity.required("key")
      var expression: ConfigurationNode?
      let key = keyNode.flatMap { node -> FieldPath? in
        guard case .mapping = node.content else { return path(node, entity.what("key")) }
        let computed = computedKey(node, entity.what("key"))
        expression = computed?.expression
        return computed?.path
      }
      let timeToLive = entity.duration("ttl")
      entity.finish(notBuilt: ["keys", "description", "type", "hash", "owner"])
      guard let keyNode, let key else { continue }
      if let expression { keyExpressions[entities.count] = expression }
      entities.append(FeatureEntity(name: pair.name, keyPath: key, timeToLiveMilliseconds: timeToLive))
      entities[entities.count - 1].hasComputedKey = expression != nil
      keyLocations.append(keyNode.location)
    }
  }

  // MARK: - Sink and checkpoint

  private enum SinkLayout: String, CaseIterable {
    case native
    case feast
  }

  private func readSink(_ reader: MappingReader, pipeline: String?) -> RedisSinkDefinition? {
    let redisNode = reader.required("redis")
    reader.finish(notBuilt: ["kafka", "stdout", "file", "http", "postgres"])
    guard let redisNode, let redis = MappingReader(redisNode, reader.what("redis"), values, main: "url") else { return nil }
    let url = redis.required("url").flatMap { redisURL($0, redis.what("url")) }
    let layout = redis.oneOf("layout", SinkLayout.self) ?? .native
    let prefix = redis.node("prefix").flatMap { self.prefix($0, redis.what("prefix")) } ?? RedisSinkDefinition.defaultPrefix
    let project = redis.node("project").flatMap { values.string($0, redis.what("project")) }
    if layout == .feast { feastLocation = redis.keyLocation("layout") }
    if project != nil, layout != .feast {
      diagnostics.error(
        "wrong-value", at: redis.keyLocation("project"),
        "\(redis.what("project")): only rows of 'layout: feast' belong to a project")
    }
    redis.finish(notBuilt: ["cluster", "sentinel", "tls", "pool", "timeout", "username"])
    return url.map { url in
      var sink = RedisSinkDefinition(url: url, prefix: prefix)
      if layout == .feast { sink.layout = .feast(project: project ?? pipeline ?? "") }
      return sink
    }
  }

  /// Feast knows one value per entity and feature.
  private func checkFeastViews() {
    guard let feastLocation else { return }
    for view in views where view.trigger == .close {
      diagnostics.error(
        "wrong-value", at: feastLocation,
        "'layout: feast' of 'redis' of 'sink': view '\(view.name)' has 'trigger: close', and Feast has no place for the rows of its windows; "
          + "write it with 'trigger: change', or into a pipeline with 'layout: native'")
    }
  }

  private func prefix(_ node: ConfigurationNode, _ what: String) -> String? {
    guard let text = values.string(node, what) else { return nil }
    if text.unicodeScalars.allSatisfy({ !$0.properties.isWhitespace && $0.value >= 32 }) { return text }
    values.mismatch(node, what, expected: "a text without spaces", code: "wrong-value")
    return nil
  }

  private func redisURL(_ node: ConfigurationNode, _ what: String) -> String? {
    guard let url = values.string(node, what) else { return nil }
    guard ["redis://", "rediss://", "redis+unix://"].contains(where: { url.hasPrefix($0) && url != $0 }) else {
      // What stands there may hold a password and is not repeated.
      diagnostics.error("wrong-value", at: node.location, "\(what): expected an address like redis://127.0.0.1:6379/0")
      return nil
    }
    let authority = url.components(separatedBy: "://").dropFirst().joined(separator: "://").prefix { $0 != "/" && $0 != "?" }
    if let at = authority.lastIndex(of: "@"), authority[..<at].contains(":") {
      diagnostics.error(
        "secret", at: node.location,
        "\(what): the address holds a password; name the user alone, and keep the secret in the environment or in a file of its own"
      )
      return nil
    }
    return url
  }

  private func readCheckpoint(_ reader: MappingReader) -> CheckpointSettings {
    let every = reader.duration("every") ?? 10_000
    var store = CheckpointSettings.Store.redis
    if let node = reader.node("store"), let text = values.string(node, reader.what("store")) {
      switch text {
      case "redis": store = .redis
      case "none": store = .nowhere
      case _ where text.contains("://"):
        values.mismatch(node, reader.what("store"), expected: "'redis', 'none' or a directory", code: "wrong-value")
      default: store = .directory(text)
      }
    }
    reader.finish(notBuilt: ["retain", "keep", "incremental", "timeout"])
    return CheckpointSettings(everyMilliseconds: every, store: store)
  }

  private func readStateBound(_ reader: MappingReader) -> StateBound? {
    let keyCountMax = reader.integer("max_keys", in: 1...4_000_000_000)
    let memory = reader.node("max_memory")
    let byteCountMax = memory.flatMap { values.byteCount($0, reader.what("max_memory")) }
    let whenFull = reader.oneOf("when_full", StateBound.Action.self) ?? .stop
    if !reader.has("max_keys"), memory == nil { reader.reportMissing("max_keys", hint: ", or 'max_memory'") }
    reader.finish(notBuilt: ["spill", "path", "backend"])
    if let memory, let byteCountMax, byteCountMax < Self.leastStateByteCount {
      values.mismatch(memory, reader.what("max_memory"), expected: "at least 1MiB", code: "wrong-value")
      return nil
    }
    guard keyCountMax != nil || byteCountMax != nil else { return nil }
    return StateBound(keyCountMax: keyCountMax.map { Int($0) }, byteCountMax: byteCountMax.map { Int($0) }, whenFull: whenFull)
  }

  private static let leastStateByteCount: Int64 = 1 << 20

  // MARK: - Paths

  /// A dotted path to a field.
  func path(_ node: ConfigurationNode, _ what: String) -> FieldPath? {
    guard let text = values.string(node, what) else { return nil }
    if let path = FieldPath(dotted: text) {
      checkKnown(path, at: node.location, what)
      return path
    }
    values.mismatch(node, what, expected: "a field like userId or properties.price", code: "wrong-value")
    return nil
  }

  /// Reports a field that no event of the source's schema has; false where it did.
  func checkField(_ path: FieldPath, in schema: EventSchema, at location: SourceLocation, _ what: String) -> Bool {
    if path.isMetadata || computedTypes[path] != nil || schema.kinds(at: path.components) != nil { return true }
    // The last name alone may be right and only its place forgotten: `price` for `properties.price`.
    let nested = schema.fieldPaths.first { $0.hasSuffix("." + path.description) }
    let hint = nested.map { "; did you mean '\($0)'?" } ?? Suggestion.hint(for: path.description, among: schema.fieldPaths)
    diagnostics.error(
      "unknown-reference", at: location, "\(what): no event of schema '\(schema.name)' has a field '\(path)'\(hint)")
    return false
  }
}
