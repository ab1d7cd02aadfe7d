// Where records go: the topic, the format, and the key, which has to be in every record.

import Configuration

/// What `output` says, or a stream for itself.
struct OutputDraft {
  var settings = OutputSettings()
  var keyNode: ConfigurationNode?
  /// How messages name the key.
  var keyWhat = ""
}

/// A record whose key is checked.
struct KeyedRecord {
  /// How messages name it: `event 'page'`.
  var subject: String
  var definition: EventDefinition
  var owner: FieldOwner
  var hasWholeBase = true
}

extension SchemaReader {
  private enum RecordTime: String, CaseIterable {
    case event
    case sent
  }

  static let outputSettings = ["topic", "format", "timestamp", "partitions", "headers", "schema_registry"]

  /// What a mapping says about where records go; what it does not say is taken from `base`.
  func readOutput(_ reader: MappingReader, on base: OutputSettings) -> OutputDraft {
    var settings = base
    if let node = reader.node("topic") { settings.topic = values.topic(node, reader.what("topic")) }
    let keyNode = reader.node("key")
    settings.keyPath = keyNode.flatMap { values.string($0, reader.what("key")) }?
      .split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    settings.format = reader.oneOf("format", RecordFormat.self) ?? base.format
    if let timestamp = reader.oneOf("timestamp", RecordTime.self) { settings.usesEventTimestamp = timestamp == .event }
    if let partitions = reader.integer("partitions", in: 1...10_000) { settings.partitionCount = Int(partitions) }
    if let headers = reader.mapping("headers") { settings.headers = readHeaders(headers) }
    if let node = reader.node("schema_registry") {
      settings.schemaRegistry = values.registryURL(node, reader.what("schema_registry"))
    }
    if reader.has("schema_registry"), settings.format != .avro {
      diagnostics.warning(
        "unused", at: reader.keyLocation("schema_registry"),
        "\(reader.what("schema_registry")): records in \(settings.format.rawValue) have no schema to register; it goes with avro")
    }
    return OutputDraft(settings: settings, keyNode: keyNode, keyWhat: reader.what("key"))
  }

  private func readHeaders(_ reader: MappingReader) -> [(name: String, value: String)] {
    reader.pairs.compactMap { pair in
      if pair.name.isEmpty || pair.name.hasPrefix("freshet-") {
        diagnostics.error(
          "wrong-value", at: pair.key.location,
          "the name of a header: \(pair.name.isEmpty ? "expected a text, found an empty one" : "names that begin with 'freshet-' are taken, found '\(pair.name)'")"
        )
        return nil
      }
      guard case .scalar(let scalar) = pair.value.content, !pair.value.isNull else {
        values.mismatch(pair.value, reader.what(pair.name), expected: "a text")
        return nil
      }
      values.warnOfTrap(scalar, at: pair.value.location, reader.what(pair.name))
      return (pair.name, scalar.text)
    }
  }

  // MARK: - Keys

  /// The key has to be in every record, and to be a text or an integer there, or null where a session's actor may be unknown.
  func checkKey(_ output: OutputDraft, in records: [KeyedRecord], _ sessions: SessionDraft? = nil) {
    guard let key = output.settings.keyPath, let node = output.keyNode else { return }
    let what = output.keyWhat
    let name = key.joined(separator: ".")
    // An event whose base is unknown has its finding, and fields that nobody knows.
    let without = records.filter { $0.hasWholeBase && $0.definition.generator(at: key) == nil }
    if let first = without.first {
      let others = without.count > 1 ? " and \(without.count - 1) more have" : " has"
      diagnostics.error(
        "unknown-reference", at: node.location,
        "\(what): \(first.subject)\(others) no field '\(name)', and every \(records.count > 1 ? "event" : "record") needs a key"
          + Suggestion.hint(for: name, among: first.definition.fieldPaths))
      return
    }
    var nullable: KeyedRecord?
    for record in records {
      let path = record.definition.fields(along: key)
      guard let field = path.last else { continue }
      if path.contains(where: { $0.optional > 0 }) {
        diagnostics.error(
          "wrong-value", at: node.location, "\(what): '\(name)' of \(record.subject) may be left out, and every record needs a key")
        return
      }
      let kinds = generatedKinds(record.owner).kinds(of: field.generator)
      guard kinds.isSubset(of: [.string, .integer, .null]), kinds != [.null] else {
        diagnostics.error(
          "wrong-type", at: node.location,
          "\(what): '\(name)' of \(record.subject) is not always a text or an integer, as a key has to be")
        return
      }
      if kinds.contains(.null) || path.contains(where: { $0.nullable > 0 || isDecisive($0.condition, sessions) }) {
        nullable = nullable ?? record
      }
    }
    if let nullable {
      diagnostics.warning(
        "null-key", at: node.location,
        "\(what): '\(name)' of \(nullable.subject) may be null; such records have no key and go to any partition")
    }
  }
}

extension SchemaReader {
  /// Whether sessions differ in what a condition asks.
  func isDecisive(_ condition: SessionCondition?, _ sessions: SessionDraft?) -> Bool {
    switch condition {
    case nil: false
    case .identified, .anonymous: sessions?.identity != nil
    case .bot, .human: sessions?.bots != nil
    }
  }
}

extension EventDefinition {
  /// The fields on the way to a nested one, that one last; empty where there is none.
  func fields(along path: [String]) -> [FieldDefinition] {
    let found = path.indices.compactMap { field(at: Array(path[...$0])) }
    return found.count == path.count ? found : []
  }
}
