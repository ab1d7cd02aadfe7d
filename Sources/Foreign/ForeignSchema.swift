// What other programs' files become: a document in Freshet's own language, and how that program would have run it. One conversion serves
// `freshet init --from FILE`, which prints the document, and `freshet generate FILE`, which reads it as a schema.

import Configuration

/// The formats that can be converted.
public enum ForeignFormat: String, Sendable, CaseIterable {
  case glassGen = "GlassGen configuration"
  case avro = "Avro schema"
  case datagenConnector = "datagen connector"
  case jsonSchema = "JSON Schema"
  case jsonLines = "NDJSON sample"
  case csv = "CSV sample"

  /// Whether the file describes data rather than being some.
  public var isDescription: Bool { self != .jsonLines && self != .csv }
}

/// What the foreign file says about a run; the options of `freshet generate` win over it.
public struct RunDefaults: Sendable, Equatable {
  /// As in `--to`.
  public var to: String?
  /// As in `--rate`.
  public var rate: String?
  /// As in `--count`; nil for no end.
  public var count: String?
  /// As in `output.format`, where the document says it too.
  public var format: String?
  /// As in `-X`: librdkafka properties as `key=value`.
  public var properties: [String] = []

  public init() {}

  /// The options of a command line, secrets left out.
  public var optionsText: String {
    var words: [String] = []
    if let to { words.append("--to \(to)") }
    if let rate { words.append("--rate \(rate)") }
    if let count { words.append("--count \(count)") }
    for property in properties {
      let name = property.prefix { $0 != "=" }
      let isSecret = ["password", "secret", "key.pem", "token"].contains { name.contains($0) }
      words.append(isSecret ? "-X \(name)=..." : "-X \(property)")
    }
    return words.joined(separator: " ")
  }
}

/// A foreign file, converted.
public struct ForeignSchema: Sendable {
  public var format: ForeignFormat
  /// The document's comment on top.
  public var heading: [String]
  public var document: DocumentNode
  public var run: RunDefaults
  /// What was inferred from a sample and how sure that is, one line each.
  public var notes: [String]

  init(_ format: ForeignFormat, heading: [String], document: DocumentNode, run: RunDefaults = RunDefaults(), notes: [String] = []) {
    self.format = format
    self.heading = heading
    self.document = document
    self.run = run
    self.notes = notes
  }

  /// The document as YAML.
  public var text: String { DocumentEmitter.text(of: document, heading: heading) }
}

/// The document of one stream.
struct StreamDocument {
  var name: String
  var description: String?
  var rate: DocumentEntry
  var isSimulated = false
  var seed: DocumentNode?
  var key: DocumentEntry?
  var entities: DocumentEntry?
  var bind: DocumentEntry?
  var fields: [DocumentEntry]
  var faults: DocumentEntry?
  var output: [DocumentEntry] = []

  init(name: String, rate: DocumentEntry, fields: [DocumentEntry]) {
    self.name = name
    self.rate = rate
    self.fields = fields
  }

  var node: DocumentNode {
    var entries = Self.head(kind: "stream", name: name)
    if let seed { entries.append(DocumentEntry("seed", seed)) }
    if isSimulated { entries.append(DocumentEntry("clock", .mapping(["mode": .word("simulated")]))) }
    entries.append(rate)
    entries += [key, entities, bind].compactMap { $0 }
    entries.append(DocumentEntry("fields", .block(fields)))
    if let faults { entries.append(faults) }
    if !output.isEmpty { entries.append(DocumentEntry("output", .mapping(output))) }
    return .block(entries)
  }

  static func head(kind: String, name: String) -> [DocumentEntry] {
    [DocumentEntry("version", .integer(1)), DocumentEntry("kind", .word(kind)), DocumentEntry("name", .text(name))]
  }

  /// A text as the name of a schema or a stream: letters, digits, `_`, `-`.
  static func identifier(_ text: String) -> String {
    let mapped = text.unicodeScalars.map { scalar -> Character in
      let isFine =
        scalar.isASCII
        && (scalar.properties.isAlphabetic || (48...57).contains(scalar.value) || "_-".unicodeScalars.contains(scalar))
      return isFine ? Character(scalar) : "_"
    }
    let name = String(mapped).drop { $0 == "_" || $0 == "-" }
    return name.isEmpty ? "stream" : String(name.prefix(100))
  }
}
