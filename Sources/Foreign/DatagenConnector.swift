// Configurations of the Kafka Connect datagen connector: a schema (inline, in a file, or one of the quickstarts), a topic, a pace. Sink
// settings of Connect have no counterpart; those that change the records are pointed out.

import Base
import Configuration
import Foundation

struct DatagenConnector {
  private let values: ValueReader
  private let directory: String
  private var diagnostics: Diagnostics { values.diagnostics }

  init(_ diagnostics: Diagnostics, directory: String) {
    values = ValueReader(diagnostics, language: "connector configuration")
    self.directory = directory
  }

  func convert(_ root: ConfigurationNode, name: String) -> ForeignSchema? {
    let settings = root.value("config") ?? root
    guard case .mapping(let pairs) = settings.content else {
      values.mismatch(settings, "'config'", expected: "a mapping")
      return nil
    }
    checkClass(settings)
    checkNames(pairs)
    let converter = readConverter(settings)
    let pace = readPace(settings)
    let topic = (settings.value("kafka.topic") ?? settings.value("topic")).flatMap { values.string($0, "'kafka.topic'") }
    if settings.value("kafka.topic") == nil, settings.value("topic") == nil {
      diagnostics.error("missing-field", at: settings.location, "missing field 'kafka.topic'")
    }
    guard let fields = readSchema(settings), !diagnostics.hasErrors, let topic else { return nil }
    var key = (settings.value("schema.keyfield")).flatMap { $0.scalarText.map { DocumentEntry("key", .text($0)) } }
    key?.origin = settings.value("schema.keyfield")?.location
    if let text = settings.value("schema.keyfield")?.scalarText, text.isEmpty { key = nil }
    if key == nil, let standard = fields.key { key = DocumentEntry("key", .text(standard)) }

    var document = StreamDocument(
      name: StreamDocument.identifier(root.value("name")?.scalarText ?? name), rate: pace.rate, fields: fields.entries)
    document.key = key
    if let seed = settings.value("random.seed"), let value = values.integer(seed, "'random.seed'") {
      document.seed = .integer(value.magnitude & UInt64(Int64.max))
    }
    document.isSimulated = pace.isUnpaced
    document.output = [DocumentEntry("topic", .text(topic, origin: settings.value("kafka.topic")?.location))] + converter
    var run = RunDefaults()
    run.rate = pace.isUnpaced ? nil : pace.rate.value.content.scalarText
    run.count = pace.count
    let heading = [
      "From a datagen connector. Run it with:",
      "  freshet generate FILE --to kafka://HOST:PORT/\(topic)" + (run.optionsText.isEmpty ? "" : " " + run.optionsText),
    ]
    return ForeignSchema(.datagenConnector, heading: heading, document: document.node, run: run)
  }

  // MARK: - Settings

  private func checkClass(_ settings: ConfigurationNode) {
    guard let node = settings.value("connector.class"), let name = values.string(node, "'connector.class'") else {
      if settings.value("connector.class") == nil {
        diagnostics.error("missing-field", at: settings.location, "missing field 'connector.class'")
      }
      return
    }
    guard name.hasSuffix("DatagenConnector") || name == "DatagenSource" else {
      diagnostics.error(
        "no-equivalent", at: node.location,
        "'connector.class': expected io.confluent.kafka.connect.datagen.DatagenConnector, found '\(name)'")
      return
    }
  }

  private static let read = [
    "connector.class", "kafka.topic", "topic", "quickstart", "schema.string", "schema.filename", "schema.keyfield", "max.interval",
    "iterations", "random.seed", "value.converter", "value.converter.schemas.enable", "value.converter.schema.registry.url",
    "output.data.format",
  ]
  /// Settings of Connect that say nothing about the records.
  private static let silent = [
    "name", "tasks.max", "kafka.", "key.converter", "header.converter", "value.converter.", "producer.", "errors.",
    "topic.creation.",
    "config.action.reload", "offsets.", "exactly.once", "transaction.", "generate.timeout", "_", "confluent.", "schema.registry.",
  ]

  private func checkNames(_ pairs: [(key: ConfigurationNode, value: ConfigurationNode)]) {
    for pair in pairs {
      let name = pair.key.scalarText ?? ""
      if name == "tasks.max", let text = pair.value.scalarText, text != "1" {
        diagnostics.warning(
          "no-equivalent", at: pair.key.location,
          "'tasks.max': \(text) tasks would each send the records; run as many processes with --shard, or multiply the rate")
      }
      if Self.read.contains(name)
        || Self.silent.contains(where: {
          $0.hasSuffix(".") || $0 == "_" ? name.hasPrefix($0) : name == $0 || name.hasPrefix($0 + ".")
        })
      {
        continue
      }
      let hint =
        name.hasPrefix("transforms") || name.hasPrefix("predicates")
        ? "; records are written as the schema has them" : Suggestion.hint(for: name, among: Self.read)
      diagnostics.warning("no-equivalent", at: pair.key.location, "'\(name)' is not taken over\(hint)")
    }
  }

  /// What the value converter is in `output`.
  private func readConverter(_ settings: ConfigurationNode) -> [DocumentEntry] {
    if let node = settings.value("output.data.format"), let text = node.scalarText {
      switch text.uppercased() {
      case "JSON": return []
      case "AVRO": break
      default:
        diagnostics.warning("no-equivalent", at: node.location, "'output.data.format': '\(text)' is not built; JSON is written")
      }
      return text.uppercased() == "AVRO" ? [DocumentEntry("format", .word("avro"))] : []
    }
    guard let node = settings.value("value.converter"), let name = values.string(node, "'value.converter'") else { return [] }
    switch name.split(separator: ".").last ?? "" {
    case "JsonConverter":
      let envelope = settings.value("value.converter.schemas.enable")
      if envelope?.scalarText?.lowercased() != "false" {
        diagnostics.warning(
          "no-equivalent", at: envelope?.location ?? node.location,
          "'value.converter.schemas.enable': records carry no schema here; they are what the converter has under 'payload'")
      }
    case "AvroConverter":
      var entries = [DocumentEntry("format", .word("avro"))]
      if let registry = settings.value("value.converter.schema.registry.url"),
        let url = values.string(registry, "'value.converter.schema.registry.url'")
      {
        entries.append(DocumentEntry("schema_registry", .text(url, origin: registry.location)))
      }
      return entries
    default: diagnostics.warning("no-equivalent", at: node.location, "'value.converter': '\(name)' is not built; JSON is written")
    }
    return []
  }

  private struct Pace {
    var rate: DocumentEntry
    var isUnpaced = false
    var count: String?
  }

  /// The connector sleeps a random time below `max.interval` before each record, so half of it on average.
  private func readPace(_ settings: ConfigurationNode) -> Pace {
    let interval = settings.value("max.interval").flatMap { integer($0, "'max.interval'") } ?? 500
    let iterations = settings.value("iterations").flatMap { integer($0, "'iterations'") } ?? -1
    let count = iterations > 0 ? String(iterations) : nil
    guard interval > 0 else {
      let entry = DocumentEntry(
        "rate", .word("1k/s"),
        comments: ["max.interval \(interval): as fast as the sink takes them; this is the rate of event time."])
      return Pace(rate: entry, isUnpaced: true, count: count)
    }
    let perSecond = 2000 / Double(interval)
    // Whole records per second, minute or hour, so that no digit is lost.
    let text =
      [(1.0, "s"), (60, "m"), (3600, "h")].first { (perSecond * $0.0).truncatingRemainder(dividingBy: 1) == 0 }
      .map { "\(Int64(perSecond * $0.0))/\($0.1)" } ?? "\(perSecond)/s"
    let comment =
      "max.interval \(interval): a pause of 0 to \(interval) ms before each record, \(DocumentNode.numberText(Double(interval) / 2)) ms on average."
    return Pace(rate: DocumentEntry("rate", .word(text), comments: [comment]), count: count)
  }

  /// Connect's settings are texts, also where they are numbers.
  private func integer(_ node: ConfigurationNode, _ what: String) -> Int64? {
    if let text = node.scalarText, let value = Int64(text.trimmed) { return value }
    values.mismatch(node, what, expected: "a whole number")
    return nil
  }

  // MARK: - The schema

  private func readSchema(_ settings: ConfigurationNode) -> (entries: [DocumentEntry], key: String?)? {
    let names = ["schema.string", "schema.filename", "quickstart"]
    let given = names.filter { settings.value($0)?.scalarText?.isEmpty == false }
    guard let name = given.first, let node = settings.value(name), let text = node.scalarText else {
      diagnostics.error(
        "missing-field", at: settings.location, "no schema; expected one of 'schema.string', 'schema.filename' and 'quickstart'")
      return nil
    }
    guard given.count == 1 else {
      diagnostics.error("wrong-value", at: node.location, "\(ValueReader.listed(given)) exclude each other; expected one")
      return nil
    }
    switch name {
    case "quickstart":
      guard let quickstart = Quickstart.all.first(where: { $0.name == text.lowercased() }) else {
        let known = Quickstart.all.map(\.name)
        diagnostics.error(
          "unknown-name", at: node.location,
          "'quickstart': '\(text)' is not built in; known: \(known.joined(separator: ", ")); others by 'schema.string' or 'schema.filename'"
            + Suggestion.hint(for: text, among: known))
        return nil
      }
      return fields(Array(quickstart.schema.utf8), inFile: "quickstart \(quickstart.name)", at: node).map { ($0, quickstart.key) }
    case "schema.filename":
      let path = ResourcePath.resolve(text, in: directory)
      do {
        return fields(try ConfigurationLoader.bytes(ofFile: path), inFile: path, at: node).map { ($0, nil) }
      } catch {
        diagnostics.error("no-file", at: node.location, "'schema.filename': \(error.message)")
        return nil
      }
    default: return fields(Array(text.utf8), inFile: "'schema.string'", at: node).map { ($0, nil) }
    }
  }

  /// The fields of a schema that is not in this file; findings about it say so.
  private func fields(_ bytes: [UInt8], inFile file: String, at node: ConfigurationNode) -> [DocumentEntry]? {
    let inner = Diagnostics(file: file)
    var result: [DocumentEntry]?
    do {
      let root = try JSONDocumentReader.read(bytes, allowsComments: true)
      result = AvroConverter(inner, directory: directory).fields(ofRoot: root)?.fields
    } catch {
      inner.error("syntax", at: error.location, error.message)
    }
    for finding in inner.all {
      let message = "\(file):\(finding.location.line):\(finding.location.column): \(finding.message)"
      if finding.severity == .error {
        diagnostics.error(finding.code, at: node.location, message)
      } else {
        diagnostics.warning(finding.code, at: node.location, message)
      }
    }
    return inner.hasErrors ? nil : result?.map { $0.relocated(to: node.location) }
  }

  // MARK: - Properties

  /// Whether a text is a connector's configuration as `name=value` lines.
  static func looksLikeProperties(_ text: String) -> Bool {
    text.split(whereSeparator: \.isNewline).contains { line in
      let line = line.drop { $0 == " " || $0 == "\t" }
      return line.hasPrefix("connector.class") && line.contains("=") && line.contains("atagen")
    }
  }

  /// `name=value` lines as a mapping.
  static func properties(_ text: String) -> ConfigurationNode {
    var pairs: [(key: ConfigurationNode, value: ConfigurationNode)] = []
    for (index, line) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated() {
      let trimmed = String(line).trimmed
      guard !trimmed.isEmpty, !trimmed.hasPrefix("#"), !trimmed.hasPrefix("!"), let equals = trimmed.firstIndex(of: "=") else {
        continue
      }
      func node(_ text: Substring, column: Int) -> ConfigurationNode {
        let text = String(text).trimmed
        return ConfigurationNode(
          content: .scalar(ScalarNode(text: text, isQuoted: false)), location: SourceLocation(line: index + 1, column: column))
      }
      let name = trimmed[..<equals]
      guard !pairs.contains(where: { $0.key.scalarText == String(name).trimmed }) else { continue }
      pairs.append((node(name, column: 1), node(trimmed[trimmed.index(after: equals)...], column: name.count + 2)))
    }
    return ConfigurationNode(content: .mapping(pairs), location: SourceLocation(line: 1, column: 1))
  }
}

extension DocumentEntry {
  /// The same with every place replaced: that of another file would mislead.
  func relocated(to place: SourceLocation) -> DocumentEntry {
    var entry = self
    entry.origin = place
    entry.value = value.relocated(to: place)
    return entry
  }
}

extension DocumentNode {
  func relocated(to place: SourceLocation) -> DocumentNode {
    var node = self
    node.origin = place
    switch content {
    case .scalar: break
    case .sequence(let items): node.content = .sequence(items.map { $0.relocated(to: place) })
    case .mapping(let entries): node.content = .mapping(entries.map { $0.relocated(to: place) })
    }
    return node
  }
}

extension DocumentNode.Content {
  var scalarText: String? { if case .scalar(let scalar) = self { scalar.text } else { nil } }
}
