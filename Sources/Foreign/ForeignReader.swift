// Says which format a file is in, by what it holds rather than by its name, and converts it.

import Base
import Configuration
import Foundation

/// Reads foreign files.
public enum ForeignReader {
  /// How much of a file is looked at to tell its format.
  static let prefixByteCount = 256 << 10

  /// A file whose format is known.
  public enum Content {
    /// A description, read whole.
    case document(ForeignFormat, ConfigurationNode)
    /// Data, to be read record by record.
    case sample(ForeignFormat)
  }

  // MARK: - Entry points

  /// Converts the file at `path`, or throws all its errors; warnings are handed over one by one.
  ///
  /// - Parameter name: The schema's name in place of one made from the file's.
  public static func load(path: String, name: String? = nil, onWarning: (Diagnostic) -> Void) throws(Failure) -> ForeignSchema {
    let diagnostics = Diagnostics(file: path)
    let schema = try read(path: path, name: name, diagnostics: diagnostics)
    try diagnostics.throwIfErrors()
    for finding in diagnostics.all { onWarning(finding) }
    guard let schema else { throw Failure(.badConfiguration, "\(path): error[syntax]: the file cannot be read") }
    return schema
  }

  /// The same; nil exactly when the diagnostics hold an error.
  public static func read(path: String, name: String? = nil, diagnostics: Diagnostics) throws(Failure) -> ForeignSchema? {
    let file = try SampleFile(path: path)
    let name = name ?? Self.name(ofFile: path)
    switch content(prefix: file.prefix, isWhole: file.isWhole, diagnostics) {
    case nil: return nil
    case .sample(let format): return try SampleConverter.convert(file, format, name: name, diagnostics)
    case .document(let format, let root):
      guard !diagnostics.hasErrors else { return nil }
      var root = root
      if !file.isWhole {
        let bytes = try ConfigurationLoader.bytes(ofFile: path)
        guard case .document(_, let whole) = content(prefix: bytes, isWhole: true, diagnostics) else { return nil }
        root = whole
      }
      return convert(root, format, name: name, directory: ResourcePath.directory(of: path), diagnostics)
    }
  }

  /// Whether the file at `path` is in a foreign format that describes data; false too where it cannot be read.
  public static func isForeign(path: String) -> Bool {
    guard let file = try? SampleFile(path: path) else { return false }
    switch file.prefix.first(where: { ![0x20, 0x09, 0x0a, 0x0d, 0xef, 0xbb, 0xbf].contains($0) }) {
    case UInt8(ascii: "{"), UInt8(ascii: "["), UInt8(ascii: "/"):
      // JSON is YAML, and Freshet's own files may be written in it.
      guard file.isWhole, case .document(_, let root)? = content(prefix: file.prefix, isWhole: true, Diagnostics(file: path)) else {
        return true
      }
      return !isOwn(root)
    default:
      let text = String(decoding: file.prefix, as: UTF8.self)
      return DatagenConnector.looksLikeProperties(text) || path.hasSuffix(".csv") || path.hasSuffix(".avsc")
    }
  }

  /// A description, converted.
  static func convert(
    _ root: ConfigurationNode, _ format: ForeignFormat, name: String, directory: String, _ diagnostics: Diagnostics
  ) -> ForeignSchema? {
    let schema: ForeignSchema?
    switch format {
    case .glassGen: schema = GlassGenConverter(diagnostics).convert(root, name: name)
    case .avro: schema = AvroConverter(diagnostics, directory: directory).convert(root, name: name)
    case .datagenConnector: schema = DatagenConnector(diagnostics, directory: directory).convert(root, name: name)
    case .jsonSchema: schema = JSONSchemaConverter(diagnostics).convert(root, name: name)
    case .jsonLines, .csv: preconditionFailure("samples are no documents")
    }
    return diagnostics.hasErrors ? nil : schema
  }

  static func name(ofFile path: String) -> String {
    var name = (path as NSString).lastPathComponent
    while let dot = name.lastIndex(of: "."), dot != name.startIndex { name = String(name[..<dot]) }
    return StreamDocument.identifier(name)
  }

  // MARK: - Formats

  /// What a file holds, told from its first bytes; nil with a finding where that is nothing known.
  static func content(prefix: [UInt8], isWhole: Bool, _ diagnostics: Diagnostics) -> Content? {
    let first = prefix.first { ![0x20, 0x09, 0x0a, 0x0d, 0xef, 0xbb, 0xbf].contains($0) }
    switch first {
    case nil:
      diagnostics.error("empty-file", at: SourceLocation(line: 1, column: 1), "the file is empty")
      return nil
    case UInt8(ascii: "{"), UInt8(ascii: "["), UInt8(ascii: "/"):
      if isLines(prefix) { return .sample(.jsonLines) }
      // A file too long for its prefix is read again as a whole; which format it is in shows in its first bytes.
      if !isWhole {
        return .document(.jsonSchema, ConfigurationNode(content: .mapping([]), location: SourceLocation(line: 1, column: 1)))
      }
      do {
        let root = try JSONDocumentReader.read(prefix, allowsComments: true)
        return classify(root, diagnostics)
      } catch {
        diagnostics.error("syntax", at: error.location, error.message)
        return nil
      }
    default:
      let text = String(decoding: prefix, as: UTF8.self)
      if DatagenConnector.looksLikeProperties(text) { return .document(.datagenConnector, DatagenConnector.properties(text)) }
      if CSVLines.looksLikeCSV(text) { return .sample(.csv) }
      var loader = ConfigurationLoader()
      loader.fillsVariables = false
      guard let root = loader.load(bytes: prefix, diagnostics: diagnostics) else { return nil }
      return classify(root, diagnostics)
    }
  }

  /// Two or more JSON objects, one per line.
  private static func isLines(_ prefix: [UInt8]) -> Bool {
    let lines = prefix.split(separator: UInt8(ascii: "\n")).filter { line in
      line.contains { $0 != 0x20 && $0 != 0x0d && $0 != 0x09 }
    }
    guard lines.count > 1, let first = lines.first, let root = try? JSONDocumentReader.read(Array(first)) else { return false }
    if case .mapping = root.content { return true }
    return false
  }

  /// Tells formats apart by the names they use.
  private static func classify(_ root: ConfigurationNode, _ diagnostics: Diagnostics) -> Content? {
    switch root.content {
    case .sequence(let items):
      if items.contains(where: { $0.value("type") != nil && $0.value("name") != nil && $0.value("fields") != nil }) {
        return .document(.avro, root)
      }
      if !items.isEmpty, items.allSatisfy({ if case .mapping = $0.content { true } else { false } }) { return .sample(.jsonLines) }
    case .mapping:
      if isOwn(root) {
        diagnostics.error(
          "wrong-value", at: root.location,
          "this is a file of Freshet already; expected one of another program, or a sample of data")
        return nil
      }
      if root.value("connector.class") != nil || root.value("config")?.value("connector.class") != nil {
        return .document(.datagenConnector, root)
      }
      if root.value("schema") != nil, root.value("generator") != nil || root.value("sink") != nil {
        return .document(.glassGen, root)
      }
      let type = root.value("type")?.scalarText
      if ["record", "enum", "fixed", "error"].contains(type) || root.value("fields") != nil && root.value("name") != nil {
        return .document(.avro, root)
      }
      if root.value("$schema") != nil || type == "object" || root.value("$ref") != nil { return .document(.jsonSchema, root) }
      if case .mapping? = root.value("properties")?.content, root.value("$id") != nil || root.value("required") != nil {
        return .document(.jsonSchema, root)
      }
      if ["allOf", "anyOf", "oneOf"].contains(where: { if case .sequence? = root.value($0)?.content { true } else { false } }) {
        return .document(.jsonSchema, root)
      }
      if case .mapping(let properties)? = root.value("properties")?.content, !properties.isEmpty,
        properties.allSatisfy({ $0.value.value("type") != nil || $0.value.value("$ref") != nil || $0.value.value("enum") != nil })
      {
        return .document(.jsonSchema, root)
      }
      return .sample(.jsonLines)
    case .scalar: break
    }
    diagnostics.error(
      "wrong-value", at: root.location,
      "not a file that can be converted; expected a GlassGen configuration, an Avro schema, a datagen connector, a JSON Schema, or a sample as NDJSON or CSV"
    )
    return nil
  }

  private static func isOwn(_ root: ConfigurationNode) -> Bool {
    ["events", "stream", "pipeline"].contains(root.value("kind")?.scalarText) && root.value("name") != nil
  }
}

extension ConfigurationNode {
  /// The value of a name in a mapping.
  func value(_ name: String) -> ConfigurationNode? {
    guard case .mapping(let pairs) = content else { return nil }
    return pairs.first { $0.key.scalarText == name }?.value
  }
}
