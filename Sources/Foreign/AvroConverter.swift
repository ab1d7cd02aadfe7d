// Avro schemas (specification 1.11), plain or with the `arg.properties` annotations of avro-random-generator, as the fields of a stream.
// Types that name other types are written out where they are used. Bytes become texts as in Avro's JSON encoding, one character
// per byte, of the printable ones of ASCII.

import Base
import Configuration
import Foundation

final class AvroConverter {
  /// Fields written out at most, so that types that use types cannot multiply without end.
  static let typeCountMax = 20_000
  static let nestingDepthMax = 60

  let diagnostics: Diagnostics
  /// Where the files of `options` are looked for.
  let directory: String
  /// Full names and what they stand for.
  private var named: [String: (node: ConfigurationNode, namespace: String)] = [:]
  /// Named types that are being written out.
  private var open: [String] = []
  private var typeCount = 0
  private var isOverfull = false

  init(_ diagnostics: Diagnostics, directory: String) {
    self.diagnostics = diagnostics
    self.directory = directory
  }

  /// What a type is in a field.
  private enum Outcome {
    case sketch(FieldSketch)
    /// A type inside itself: only null, an empty list or an empty map can stand there.
    case recursive(String)
    /// With a finding.
    case failed
  }

  // MARK: - The document

  func convert(_ root: ConfigurationNode, name: String) -> ForeignSchema? {
    guard let record = fields(ofRoot: root) else { return nil }
    let title = StreamDocument.identifier(record.name ?? name)
    let document = StreamDocument(name: title, rate: DocumentEntry("rate", .word("100/s")), fields: record.fields)
    return ForeignSchema(.avro, heading: ["From an Avro schema; the rate is a guess."], document: document.node)
  }

  /// The fields of a schema whose type is a record, and its name.
  func fields(ofRoot root: ConfigurationNode) -> (name: String?, fields: [DocumentEntry])? {
    collectNames(root, namespace: "", depth: 0)
    guard let type = root.value("type"), ["record", "error"].contains(type.scalarText) else {
      if let inner = root.value("type"), case .mapping = inner.content { return fields(ofRoot: inner) }
      diagnostics.error("wrong-type", at: root.location, "the schema: expected a record, found \(Self.described(root))")
      return nil
    }
    guard case .sketch(let sketch) = convert(root, namespace: "", "the record"), !diagnostics.hasErrors else { return nil }
    guard let object = sketch.settings.first, object.key == "object", case .mapping(let fields) = object.value.content else {
      diagnostics.error("no-equivalent", at: root.location, "the record: 'options' for the whole record has no equivalent")
      return nil
    }
    guard !fields.isEmpty else {
      diagnostics.error("wrong-value", at: root.location, "the record has no fields")
      return nil
    }
    return (root.value("name")?.scalarText, fields)
  }

  private static func described(_ node: ConfigurationNode) -> String {
    switch node.content {
    case .sequence: "a union"
    case .mapping: node.value("type").map { $0.foundText } ?? "a mapping without 'type'"
    case .scalar: node.foundText
    }
  }

  // MARK: - Names

  private func collectNames(_ node: ConfigurationNode, namespace: String, depth: Int) {
    guard depth <= JSONDocumentReader.nestingDepthMax else { return }
    switch node.content {
    case .scalar: return
    case .sequence(let items): for item in items { collectNames(item, namespace: namespace, depth: depth + 1) }
    case .mapping:
      var inner = namespace
      if let name = node.value("name")?.scalarText, ["record", "error", "enum", "fixed"].contains(node.value("type")?.scalarText) {
        let full = Self.fullName(name, node.value("namespace")?.scalarText ?? namespace)
        inner = full.contains(".") ? String(full[..<full.lastIndex(of: ".")!]) : ""
        if let first = named[full] {
          if first.node.location != node.location {
            diagnostics.error(
              "duplicate-name", at: node.location, "type '\(full)' is defined twice; first on line \(first.node.location.line)")
          }
          return
        }
        named[full] = (node, inner)
      }
      if case .sequence(let fields)? = node.value("fields")?.content {
        for field in fields { if let type = field.value("type") { collectNames(type, namespace: inner, depth: depth + 1) } }
      }
      for name in ["type", "items", "values"] {
        if let child = node.value(name), child.scalarText == nil { collectNames(child, namespace: inner, depth: depth + 1) }
      }
    }
  }

  private static func fullName(_ name: String, _ namespace: String) -> String {
    name.contains(".") || namespace.isEmpty ? name : "\(namespace).\(name)"
  }

  // MARK: - Types

  private func convert(_ node: ConfigurationNode, namespace: String, _ subject: String) -> Outcome {
    typeCount += 1
    guard typeCount <= Self.typeCountMax, open.count <= Self.nestingDepthMax, !isOverfull else {
      if !isOverfull {
        diagnostics.error(
          "too-large", at: node.location, "\(subject): more than \(Self.typeCountMax) types, or nested too deep, written out")
      }
      isOverfull = true
      return .failed
    }
    var outcome: Outcome
    switch node.content {
    case .sequence(let branches): outcome = union(branches, node, namespace, subject)
    case .scalar: outcome = named(node, nil, namespace, subject)
    case .mapping:
      guard let type = node.value("type") else {
        diagnostics.error("missing-field", at: node.location, "\(subject): missing field 'type'")
        return .failed
      }
      if case .scalar = type.content {
        outcome = named(type, node, namespace, subject)
      } else {
        outcome = convert(type, namespace: namespace, subject)
      }
    }
    if case .sketch(var sketch) = outcome {
      if sketch.origin == nil { sketch.origin = node.location }
      outcome = .sketch(sketch)
    }
    return outcome
  }

  private func union(_ branches: [ConfigurationNode], _ node: ConfigurationNode, _ namespace: String, _ subject: String) -> Outcome
  {
    guard !branches.isEmpty else {
      diagnostics.error("wrong-value", at: node.location, "\(subject): expected at least one branch in the union, found none")
      return .failed
    }
    var sketches: [FieldSketch] = []
    var nullCount = 0
    for branch in branches {
      if branch.scalarText == "null" || branch.value("type")?.scalarText == "null" {
        nullCount += 1
        continue
      }
      switch convert(branch, namespace: namespace, subject) {
      case .sketch(let sketch): sketches.append(sketch)
      case .failed: return .failed
      case .recursive(let name):
        diagnostics.warning(
          "no-equivalent", at: branch.location, "\(subject): '\(name)' inside itself is left out of the union, so that records end")
      }
    }
    guard let first = sketches.first else { return .sketch(.constant(.word("null"))) }
    let nullShare = Double(nullCount) / Double(nullCount + sketches.count)
    var sketch = sketches.count == 1 ? first : FieldSketch(["one_of": .list(sketches.map(\.itemNode))])
    sketch.nullable = nullShare
    return .sketch(sketch)
  }

  /// A type by its name, or one that `definition` describes.
  private func named(
    _ type: ConfigurationNode, _ definition: ConfigurationNode?, _ namespace: String, _ subject: String
  ) -> Outcome {
    let name = type.scalarText ?? ""
    let properties = annotation(of: definition, subject)
    switch name {
    case "null": return .sketch(.constant(.word("null")))
    case "boolean", "int", "long", "float", "double", "string", "bytes":
      let logical = definition?.value("logicalType")?.scalarText
      return outcome(
        AvroGenerators(properties, diagnostics, directory, subject).primitive(name, logical, definition ?? type))
    case "record", "error":
      guard let definition else { break }
      return record(definition, namespace, subject, properties)
    case "enum":
      guard let definition else { break }
      return outcome(AvroGenerators(properties, diagnostics, directory, subject).enumeration(definition))
    case "fixed":
      guard let definition else { break }
      return outcome(AvroGenerators(properties, diagnostics, directory, subject).fixed(definition))
    case "array", "map":
      guard let definition else { break }
      return collection(name, definition, namespace, subject, properties)
    default: break
    }
    let full = Self.fullName(name, namespace)
    guard let found = named[full] ?? named[name], definition == nil || definition?.value("fields") == nil else {
      let known = ["null", "boolean", "int", "long", "float", "double", "string", "bytes"] + named.keys.sorted()
      diagnostics.error(
        "unknown-type", at: type.location, "\(subject): unknown type \(type.foundText)" + Suggestion.hint(for: name, among: known))
      return .failed
    }
    guard let inner = found.node.value("type")?.scalarText, inner != name else { return .failed }
    return named(found.node.value("type")!, found.node, found.namespace, subject)
  }

  private func outcome(_ sketch: FieldSketch?) -> Outcome { sketch.map { .sketch($0) } ?? .failed }

  private func annotation(of definition: ConfigurationNode?, _ subject: String) -> ConfigurationNode? {
    guard let node = definition?.value("arg.properties") else { return nil }
    if case .mapping = node.content { return node }
    diagnostics.error(
      "wrong-type", at: node.location, "'arg.properties' of \(subject): expected a mapping, found \(node.foundText)")
    return nil
  }

  private func record(
    _ node: ConfigurationNode, _ namespace: String, _ subject: String, _ properties: ConfigurationNode?
  ) -> Outcome {
    let name = Self.fullName(node.value("name")?.scalarText ?? "", node.value("namespace")?.scalarText ?? namespace)
    if open.contains(name) { return .recursive(name) }
    let generators = AvroGenerators(properties, diagnostics, directory, subject)
    if let options = generators.options(for: "record") { return outcome(options.sketch) }
    guard case .sequence(let fields)? = node.value("fields")?.content else {
      diagnostics.error("missing-field", at: node.location, "\(subject): expected a list of fields under 'fields'")
      return .failed
    }
    open.append(name)
    defer { open.removeLast() }
    let inner = name.contains(".") ? String(name[..<name.lastIndex(of: ".")!]) : ""
    var entries: [DocumentEntry] = []
    var isRecursive: String?
    var hasFailed = false
    for field in fields {
      guard let fieldName = field.value("name")?.scalarText, let type = field.value("type") else {
        diagnostics.error("missing-field", at: field.location, "\(subject): expected a field with 'name' and 'type'")
        hasFailed = true
        continue
      }
      let fieldSubject = "field '\(fieldName)'"
      if let misplaced = field.value("arg.properties") {
        diagnostics.warning(
          "no-effect", at: misplaced.location,
          "\(fieldSubject): 'arg.properties' has no effect beside a field's name; it belongs into its type, as in {\"type\": {\"type\": \"int\", \"arg.properties\": ...}}"
        )
      }
      switch convert(type, namespace: inner, fieldSubject) {
      case .failed: hasFailed = true
      case .recursive(let type): isRecursive = type
      case .sketch(var sketch):
        if let text = field.value("doc")?.scalarText, !text.isEmpty, text.utf8.count <= 200 { sketch.comments = [text] }
        entries.append(sketch.entry(fieldName, origin: field.value("name")?.location))
      }
      if let type = isRecursive {
        // The record that contains it may be the branch of a union; only the type that contains itself ends here.
        guard type == name || open.count == 1 else { return .recursive(type) }
        diagnostics.error(
          "cycle", at: field.location, "\(fieldSubject): type '\(type)' contains itself, and no null or empty list ends it")
        return .failed
      }
    }
    return hasFailed ? .failed : .sketch(.object(entries))
  }

  private func collection(
    _ kind: String, _ node: ConfigurationNode, _ namespace: String, _ subject: String, _ properties: ConfigurationNode?
  ) -> Outcome {
    let generators = AvroGenerators(properties, diagnostics, directory, subject)
    if let options = generators.options(for: kind) { return outcome(options.sketch) }
    let part = kind == "array" ? "items" : "values"
    guard let inner = node.value(part) else {
      diagnostics.error("missing-field", at: node.location, "\(subject): missing field '\(part)'")
      return .failed
    }
    guard let length = generators.length(maximum: 10_000) else { return .failed }
    switch convert(inner, namespace: namespace, subject) {
    case .failed: return .failed
    case .recursive(let name):
      diagnostics.warning(
        "no-equivalent", at: inner.location, "\(subject): '\(name)' inside itself is left out, so that records end: always empty")
      return .sketch(.constant(kind == "array" ? .list([]) : .mapping([])))
    case .sketch(let item):
      if kind == "array" { return .sketch(FieldSketch(["array": item.itemNode, "length": length])) }
      guard let keys = generators.keys() else { return .failed }
      return .sketch(FieldSketch(["map": item.itemNode, "keys": keys.itemNode, "length": length]))
    }
  }
}
