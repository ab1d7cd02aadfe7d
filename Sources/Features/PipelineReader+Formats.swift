// How a source's records are written, and which fields they have: those of their format, and those that every record has (`$timestamp`).

import Base
import Codec
import Configuration
import Records
import Schema

extension PipelineReader {
  private enum FormatName: String, CaseIterable {
    case json
    case avro
  }

  /// Reads `format` and what goes with it.
  func readFormat(_ source: MappingReader) -> SourceFormat {
    let name = source.oneOf("format", FormatName.self, notBuilt: ["csv", "protobuf", "cloudevents"])
    let registryNode = source.node("schema_registry")
    let schemaNode = source.node("avro_schema")
    if source.node("registry") != nil {
      diagnostics.error(
        "unknown-field", at: source.keyLocation("registry"),
        "unknown \(source.what("registry")); did you mean 'schema_registry'?")
    }
    guard name == .avro else {
      for setting in ["schema_registry", "avro_schema"] where source.has(setting) && (name != nil || !source.has("format")) {
        diagnostics.error(
          "wrong-value", at: source.keyLocation(setting),
          "\(source.what(setting)): records in json have no such schema; it goes with 'format: avro'")
      }
      return .json
    }
    if let schemaNode, registryNode != nil {
      diagnostics.error(
        "wrong-value", at: schemaNode.location,
        "\(source.what("avro_schema")) and 'schema_registry' do not go together: records carry the number of their schema, or all have this one"
      )
    }
    if registryNode == nil, schemaNode == nil, source.has("kafka") {
      source.reportMissing(
        "schema_registry",
        hint: "; the records of a topic carry the number of their schema, or have the one that 'avro_schema' names a file of")
    }
    return .avro(
      AvroSettings(
        registry: registryNode.flatMap { registry($0, source.what("schema_registry")) },
        schema: schemaNode.flatMap { avroSchema($0, source.what("avro_schema")) }))
  }

  private func registry(_ node: ConfigurationNode, _ what: String) -> String? {
    guard let text = values.registryURL(node, what) else { return nil }
    // Behind `http://` or `https://`, up to the path.
    let authority = text.split(separator: "/", maxSplits: 2, omittingEmptySubsequences: false)[2].prefix { $0 != "/" }
    guard !authority.contains("@") else {
      diagnostics.error(
        "secret", at: node.location,
        "\(what): credentials do not belong in a pipeline; set FRESHET_SCHEMA_REGISTRY_USERNAME and FRESHET_SCHEMA_REGISTRY_PASSWORD"
      )
      return nil
    }
    return text
  }

  private func avroSchema(_ node: ConfigurationNode, _ what: String) -> AvroSchema? {
    guard let name = values.string(node, what) else { return nil }
    let path = ResourcePath.resolve(name, in: directory)
    do {
      let text = String(decoding: try ConfigurationLoader.bytes(ofFile: path), as: UTF8.self)
      let schema = try AvroSchema(text)
      if schema.hasFields { return schema }
      diagnostics.error(
        "wrong-value", at: node.location, "\(what): '\(path)' is the schema of no record, but of \(schema.rootName)")
    } catch let failure as Failure {
      diagnostics.error("missing-file", at: node.location, "\(what): \(failure.message)")
    } catch {
      diagnostics.error("wrong-value", at: node.location, "\(what): '\(path)': \(error)")
    }
    return nil
  }

  // MARK: - Event time

  /// The format of an event time that does not say its own. Avro has a type for times, and columns hold it as ms.
  func timeFormat(of path: FieldPath, _ format: SourceFormat) -> EventTimeSettings.Format {
    if let metadata = path.metadata { return metadata == .timestamp ? .epochMilliseconds : .rfc3339 }
    guard case .avro(let settings) = format else { return .rfc3339 }
    return settings.schema?.kinds(at: path) == [.string] ? .rfc3339 : .epochMilliseconds
  }

  /// Reports an event time that cannot be read as the source's own schema, or the kind of metadata, has it.
  func checkTime(
    _ path: FieldPath, _ time: EventTimeSettings.Format, _ format: SourceFormat, at location: SourceLocation,
    _ reader: MappingReader
  ) {
    var holds: String?
    var expected = EventTimeSettings.Format.epochMilliseconds
    switch path.metadata {
    case .timestamp?: if time != .epochMilliseconds { holds = "'\(path)' is a number of milliseconds" }
    case .key?, .header?, .topic?:
      expected = .rfc3339
      if time != .rfc3339 { holds = "'\(path)' is a text" }
    case .partition?, .offset?: holds = "'\(path)' is no time"
    case nil:
      guard case .avro(let settings) = format, let schema = settings.schema else { return }
      guard checkAvroField(path, in: schema, at: location, reader.what("field")), let kinds = schema.kinds(at: path) else { return }
      if kinds == [.string] {
        expected = .rfc3339
        if time != .rfc3339 { holds = "'\(path)' of the Avro schema is a text" }
      } else if schema.isTimestamp(at: path) {
        if time != .epochMilliseconds { holds = "'\(path)' of the Avro schema is a timestamp, which counts as milliseconds" }
      } else if kinds.isDisjoint(with: [.integer, .double, .string]) {
        holds = "'\(path)' of the Avro schema is no time"
      } else if time == .rfc3339, !kinds.contains(.string) {
        holds = "'\(path)' of the Avro schema is a number"
      }
    }
    guard let holds else { return }
    let hint = holds.hasSuffix("no time") ? "" : "; did you mean '\(expected.rawValue)'?"
    diagnostics.error("wrong-value", at: location, "\(reader.what("format")): \(holds), found '\(time.rawValue)'\(hint)")
  }

  // MARK: - Fields

  /// Reports a name that begins with a dollar sign and is no metadata; false where it did.
  @discardableResult
  func checkMetadata(_ path: FieldPath, at location: SourceLocation, _ what: String) -> Bool {
    guard path.isMetadata, path.metadata == nil else { return true }
    let hint: String
    if path.components == ["$headers"] {
      hint = "; a header is '$headers.NAME'"
    } else {
      let near = Suggestion.nearest(to: path.components[0], among: RecordMetadata.names + ["$headers"])
      hint =
        near.map { "; did you mean '\($0 == "$headers" ? "$headers.NAME" : $0)'?" }
        ?? "; there are \(RecordMetadata.names.joined(separator: ", "))"
    }
    diagnostics.error("unknown-reference", at: location, "\(what): no record has '\(path)'\(hint)")
    return false
  }

  /// Reports a field that the source's Avro schema has not; false where it did.
  @discardableResult
  func checkAvroField(_ path: FieldPath, in schema: AvroSchema, at location: SourceLocation, _ what: String) -> Bool {
    if path.isMetadata || schema.kinds(at: path) != nil { return true }
    let known = schema.fieldPaths
    let nested = known.first { $0.hasSuffix("." + path.description) }
    let hint = nested.map { "; did you mean '\($0)'?" } ?? Suggestion.hint(for: path.description, among: known)
    diagnostics.error("unknown-reference", at: location, "\(what): the Avro schema has no field '\(path)'\(hint)")
    return false
  }

  /// What can be said of a field without the event schema: whether such metadata exists, and whether the Avro schema has it.
  func checkKnown(_ path: FieldPath, at location: SourceLocation, _ what: String) {
    guard computedTypes[path] == nil, checkMetadata(path, at: location, what), let schema = viewAvroSchema else { return }
    checkAvroField(path, in: schema, at: location, what)
  }
}

extension EventSchema {
  /// The schema as its records read from Avro: times are timestamps there, and columns hold those as ms since the epoch.
  var readFromAvro: EventSchema {
    var schema = self
    for event in schema.events.indices { schema.events[event].fields = Self.readFromAvro(events[event].fields) }
    return schema
  }

  private static func readFromAvro(_ fields: [FieldDefinition]) -> [FieldDefinition] {
    fields.map { field in
      var field = field
      switch field.generator {
      case .time(let source, .rfc3339Milliseconds), .time(let source, .rfc3339Seconds), .time(let source, .epochMicroseconds):
        field.generator = .time(source, .epochMilliseconds)
      case .object(let inner): field.generator = .object(readFromAvro(inner))
      default: break
      }
      return field
    }
  }
}
