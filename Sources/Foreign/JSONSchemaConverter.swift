// JSON Schema (drafts 7 to 2020-12, the part that says what values look like) as the fields of a stream: a starting point, since a JSON
// Schema says what is allowed and not what is usual. Every keyword that is not honoured is named.

import Base
import Configuration
import Foundation

final class JSONSchemaConverter {
  /// How often what need not be there is missing, and what may be null is.
  static let optionalShare = 0.2
  static let nullShare = 0.1
  static let schemaCountMax = 20_000

  let diagnostics: Diagnostics
  var values: ValueReader { ValueReader(diagnostics, language: "JSON Schema") }
  private var root = ConfigurationNode(content: .mapping([]), location: SourceLocation(line: 1, column: 1))
  /// References that are being written out.
  private var open: [String] = []
  private var schemaCount = 0
  private var warned: Set<SourceLocation> = []

  init(_ diagnostics: Diagnostics) { self.diagnostics = diagnostics }

  /// A schema, once its references and `allOf` are merged in.
  struct Resolved {
    var node: ConfigurationNode
    /// How many references were followed.
    var depth: Int
    subscript(_ name: String) -> ConfigurationNode? { node.value(name) }
  }

  enum Outcome {
    case sketch(FieldSketch)
    /// A schema inside itself.
    case recursive
    case failed
  }

  // MARK: - The document

  func convert(_ root: ConfigurationNode, name: String) -> ForeignSchema? {
    self.root = root
    let title = StreamDocument.identifier(root.value("title")?.scalarText ?? name)
    guard case .sketch(let sketch) = sketch(of: root, "the schema") else {
      if !diagnostics.hasErrors {
        diagnostics.error("cycle", at: root.location, "the schema contains itself, and nothing ends it")
      }
      return nil
    }
    guard let object = sketch.settings.first, object.key == "object", case .mapping(let fields) = object.value.content,
      !fields.isEmpty
    else {
      diagnostics.error(
        "wrong-type", at: root.location, "the schema: expected an object with properties, as records are; found one of another kind"
      )
      return nil
    }
    let document = StreamDocument(name: title, rate: DocumentEntry("rate", .word("100/s")), fields: fields)
    let heading = [
      "From a JSON Schema, which says what is allowed, not what is usual: ranges without bounds, shares and the rate are guesses."
    ]
    return ForeignSchema(.jsonSchema, heading: heading, document: document.node)
  }

  // MARK: - Schemas

  func sketch(of node: ConfigurationNode, _ subject: String) -> Outcome {
    schemaCount += 1
    guard schemaCount <= Self.schemaCountMax else {
      if schemaCount == Self.schemaCountMax + 1 {
        diagnostics.error(
          "too-large", at: node.location, "\(subject): more than \(Self.schemaCountMax) schemas, references written out")
      }
      return .failed
    }
    if let text = node.scalarText, text == "true" {
      warn(node.location, "\(subject): any value is allowed; words are written")
      return .sketch(.fake("word"))
    }
    guard case .mapping = node.content else {
      diagnostics.error("wrong-type", at: node.location, "\(subject): expected a schema, found \(node.foundText)")
      return .failed
    }
    let count = open.count
    defer { open.removeLast(open.count - count) }
    guard let resolved = resolve(node, subject) else { return .failed }
    if Set(open).count < open.count { return .recursive }
    var outcome = value(resolved, subject)
    if case .sketch(var sketch) = outcome {
      sketch.origin = node.location
      if sketch.comments.isEmpty, let text = resolved["description"]?.scalarText, !text.isEmpty, text.utf8.count <= 200 {
        sketch.comments = [text]
      }
      outcome = .sketch(sketch)
    }
    return outcome
  }

  private func value(_ schema: Resolved, _ subject: String) -> Outcome {
    checkKeywords(schema, subject)
    if let constant = schema["const"] { return .sketch(.constant(AvroGenerators.literal(constant))) }
    if let node = schema["enum"] {
      guard let items = values.list(node, "'enum' of \(subject)", min: 1) else { return .failed }
      let constants = items.map(AvroGenerators.literal)
      if items.allSatisfy({ $0.scalarText != nil }) { return .sketch(.choice(constants)) }
      return .sketch(FieldSketch(["one_of": .list(constants.map { .mapping(["const": $0]) })]))
    }
    for keyword in ["oneOf", "anyOf"] {
      guard let node = schema[keyword] else { continue }
      guard let branches = values.list(node, "'\(keyword)' of \(subject)", min: 1) else { return .failed }
      return alternatives(branches, schema, without: keyword, subject)
    }
    let types = self.types(schema, subject)
    guard !types.isEmpty else { return .failed }
    let withoutNull = types.filter { $0 != "null" }
    guard let first = withoutNull.first else { return .sketch(.constant(.word("null"))) }
    var sketches: [FieldSketch] = []
    for type in withoutNull {
      switch typed(type, schema, subject) {
      case .sketch(let sketch): sketches.append(sketch)
      case .recursive where withoutNull.count < types.count || withoutNull.count > 1: continue
      case let other: return other
      }
    }
    guard var sketch = sketches.first else { return .sketch(.constant(.word("null"))) }
    if sketches.count > 1 { sketch = FieldSketch(["one_of": .list(sketches.map(\.itemNode))]) }
    _ = first
    if withoutNull.count < types.count { sketch.nullable = Self.nullShare }
    return .sketch(sketch)
  }

  /// The branches of `oneOf` and `anyOf`, each together with what stands beside them.
  private func alternatives(_ branches: [ConfigurationNode], _ schema: Resolved, without keyword: String, _ subject: String)
    -> Outcome
  {
    guard case .mapping(let pairs) = schema.node.content else { return .failed }
    let beside = pairs.filter { $0.key.scalarText != keyword && $0.key.scalarText != "description" }
    var sketches: [FieldSketch] = []
    var nullCount = 0
    for branch in branches {
      let merged = Self.merged(ConfigurationNode(content: .mapping(beside), location: schema.node.location), branch)
      switch sketch(of: merged, subject) {
      case .failed: return .failed
      case .recursive: warn(branch.location, "\(subject): a branch that contains itself is left out")
      case .sketch(let sketch):
        if sketch.settings.first?.key == "const", sketch.settings.first?.value.content.scalarText == "null" {
          nullCount += 1
        } else {
          sketches.append(sketch)
        }
      }
    }
    guard var sketch = sketches.first else { return nullCount > 0 ? .sketch(.constant(.word("null"))) : .recursive }
    if sketches.count > 1 { sketch = FieldSketch(["one_of": .list(sketches.map(\.itemNode))]) }
    if nullCount > 0 { sketch.nullable = Self.nullShare }
    return .sketch(sketch)
  }

  private static let typeNames = ["string", "number", "integer", "boolean", "object", "array", "null"]

  /// What `type` says, or else what the other keywords are about; empty with a finding.
  private func types(_ schema: Resolved, _ subject: String) -> [String] {
    if let node = schema["type"] {
      if case .sequence(let items) = node.content {
        let names = items.compactMap { values.name($0, "'type' of \(subject)", among: Self.typeNames) }
        if items.isEmpty { values.mismatch(node, "'type' of \(subject)", expected: "at least one type", code: "wrong-value") }
        return names.count == items.count ? names : []
      }
      return values.name(node, "'type' of \(subject)", among: Self.typeNames).map { [$0] } ?? []
    }
    let hints: [(type: String, keywords: [String])] = [
      ("object", ["properties", "required", "additionalProperties"]), ("array", ["items", "prefixItems", "minItems", "maxItems"]),
      ("string", ["pattern", "format", "minLength", "maxLength"]),
      ("number", ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"]),
    ]
    if let hint = hints.first(where: { $0.keywords.contains { schema[$0] != nil } }) { return [hint.type] }
    warn(schema.node.location, "\(subject): has no type; words are written")
    return ["string"]
  }

  private func typed(_ type: String, _ schema: Resolved, _ subject: String) -> Outcome {
    switch type {
    case "boolean": return .sketch(FieldSketch(["bool": .number(0.5)]))
    case "integer", "number":
      return JSONSchemaNumbers(self, subject).sketch(schema, isInteger: type == "integer").map { .sketch($0) } ?? .failed
    case "string": return JSONSchemaTexts(self, subject).sketch(schema).map { .sketch($0) } ?? .failed
    case "object": return object(schema, subject)
    default: return array(schema, subject)
    }
  }

  // MARK: - Objects and arrays

  private func object(_ schema: Resolved, _ subject: String) -> Outcome {
    guard let properties = schema["properties"] else {
      if let node = schema["additionalProperties"], case .mapping = node.content, case .sketch(let item) = sketch(of: node, subject)
      {
        return .sketch(FieldSketch(["map": item.itemNode, "keys": .mapping(["fake": .word("word")]), "length": .range(1, 5)]))
      }
      return .sketch(.constant(.mapping([])))
    }
    guard case .mapping(let pairs) = properties.content else {
      values.mismatch(properties, "'properties' of \(subject)", expected: "a mapping")
      return .failed
    }
    var required: Set<String> = []
    if let node = schema["required"] {
      guard let names = values.list(node, "'required' of \(subject)") else { return .failed }
      required = Set(names.compactMap(\.scalarText))
    }
    var entries: [DocumentEntry] = []
    var hasFailed = false
    for pair in pairs {
      let name = pair.key.scalarText ?? ""
      if pair.value.scalarText == "false" { continue }
      switch sketch(of: pair.value, "property '\(name)'") {
      case .failed: hasFailed = true
      case .recursive:
        if required.contains(name) { return .recursive }
        warn(pair.key.location, "property '\(name)': a schema inside itself is left out, so that records end")
      case .sketch(var sketch):
        if !required.contains(name) { sketch.optional = Self.optionalShare }
        entries.append(sketch.entry(name, origin: pair.key.location))
      }
    }
    if hasFailed { return .failed }
    return .sketch(entries.isEmpty ? .constant(.mapping([])) : .object(entries))
  }

  private func array(_ schema: Resolved, _ subject: String) -> Outcome {
    var fixed = schema["prefixItems"]
    if let items = schema["items"], case .sequence = items.content { fixed = items }
    if let fixed {
      guard let items = values.list(fixed, "the items of \(subject)") else { return .failed }
      var sketches: [FieldSketch] = []
      for item in items {
        guard case .sketch(let sketch) = sketch(of: item, "an item of \(subject)") else {
          return diagnostics.hasErrors ? .failed : .recursive
        }
        sketches.append(sketch)
      }
      return .sketch(FieldSketch(["list": .list(sketches.map(\.itemNode))]))
    }
    func bound(_ name: String) -> Int64?? {
      guard let node = schema[name] else { return .some(nil) }
      return values.integer(node, "'\(name)' of \(subject)", in: 0...10_000).map { .some($0) } ?? .none
    }
    guard let low = bound("minItems"), let high = bound("maxItems") else { return .failed }
    let least = low ?? min(1, high ?? 1)
    let most = high ?? max(least, 1) + 2
    guard least <= most else {
      diagnostics.error("wrong-value", at: schema.node.location, "\(subject): 'minItems' \(least) is above 'maxItems' \(most)")
      return .failed
    }
    guard let items = schema["items"] else {
      return .sketch(FieldSketch(["array": .mapping(["fake": .word("word")]), "length": Self.length(least, most)]))
    }
    switch sketch(of: items, "an item of \(subject)") {
    case .failed: return .failed
    case .recursive:
      guard least == 0 || schema["minItems"] == nil else { return .recursive }
      warn(items.location, "\(subject): a schema inside itself is left out, so that records end: always empty")
      return .sketch(.constant(.list([])))
    case .sketch(let item): return .sketch(FieldSketch(["array": item.itemNode, "length": Self.length(least, most)]))
    }
  }

  private static func length(_ low: Int64, _ high: Int64) -> DocumentNode {
    low == high ? .integer(low) : .list([.integer(low), .integer(high)])
  }

  // MARK: - References

  /// The schema with `$ref` and `allOf` merged into it; nil with a finding. References stay open until the schema around has been read.
  private func resolve(_ node: ConfigurationNode, _ subject: String, depth: Int = 0) -> Resolved? {
    guard depth <= 50 else {
      diagnostics.error("cycle", at: node.location, "\(subject): '$ref' leads to itself")
      return nil
    }
    var result = node
    if let reference = node.value("$ref") {
      guard let text = values.string(reference, "'$ref' of \(subject)") else { return nil }
      guard let target = target(text) else {
        let hint = text.hasPrefix("#") ? "" : "; only references inside the file are followed"
        diagnostics.error("unknown-reference", at: reference.location, "\(subject): no schema at '\(text)'\(hint)")
        return nil
      }
      let isOpen = open.contains(text)
      open.append(text)
      result = Self.without("$ref", node)
      if isOpen { return Resolved(node: result, depth: depth) }
      result = Self.merged(target, result)
    }
    if let node = result.value("allOf") {
      guard let parts = values.list(node, "'allOf' of \(subject)") else { return nil }
      result = Self.without("allOf", result)
      for part in parts {
        guard let resolved = resolve(part, subject, depth: depth + 1) else { return nil }
        result = Self.merged(result, resolved.node)
      }
    }
    if result.value("$ref") != nil || result.value("allOf") != nil { return resolve(result, subject, depth: depth + 1) }
    return Resolved(node: result, depth: depth)
  }

  /// What a JSON pointer in the file points to (RFC 6901).
  private func target(_ reference: String) -> ConfigurationNode? {
    if reference == "#" { return root }
    guard reference.hasPrefix("#/") else { return nil }
    var node = root
    for part in reference.dropFirst(2).split(separator: "/", omittingEmptySubsequences: false) {
      let name = (String(part).removingPercentEncoding ?? String(part)).replacing("~1", with: "/").replacing("~0", with: "~")
      if case .sequence(let items) = node.content, let index = Int(name), items.indices.contains(index) {
        node = items[index]
      } else if let next = node.value(name) {
        node = next
      } else {
        return nil
      }
    }
    return node
  }

  private static func without(_ name: String, _ node: ConfigurationNode) -> ConfigurationNode {
    guard case .mapping(let pairs) = node.content else { return node }
    return ConfigurationNode(content: .mapping(pairs.filter { $0.key.scalarText != name }), location: node.location)
  }

  /// Both schemas together: properties and required names of both, of the rest what `b` says.
  static func merged(_ a: ConfigurationNode, _ b: ConfigurationNode, depth: Int = 0) -> ConfigurationNode {
    guard case .mapping(var pairs) = a.content, case .mapping(let others) = b.content, depth <= 100 else { return b }
    for other in others {
      guard let index = pairs.firstIndex(where: { $0.key.scalarText == other.key.scalarText }) else {
        pairs.append(other)
        continue
      }
      switch (other.key.scalarText, pairs[index].value.content, other.value.content) {
      case ("properties", .mapping, .mapping):
        pairs[index].value = mergedProperties(pairs[index].value, other.value, depth: depth + 1)
      case ("required", .sequence(let first), .sequence(let second)), ("allOf", .sequence(let first), .sequence(let second)):
        pairs[index].value.content = .sequence(first + second)
      default: pairs[index].value = other.value
      }
    }
    return ConfigurationNode(content: .mapping(pairs), location: a.location)
  }

  private static func mergedProperties(_ a: ConfigurationNode, _ b: ConfigurationNode, depth: Int) -> ConfigurationNode {
    guard case .mapping(var pairs) = a.content, case .mapping(let others) = b.content else { return b }
    for other in others {
      if let index = pairs.firstIndex(where: { $0.key.scalarText == other.key.scalarText }) {
        pairs[index].value = merged(pairs[index].value, other.value, depth: depth)
      } else {
        pairs.append(other)
      }
    }
    return ConfigurationNode(content: .mapping(pairs), location: a.location)
  }

  // MARK: - Findings

  private static let honoured: Set<String> = [
    "type", "properties", "required", "enum", "const", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf",
    "minLength", "maxLength", "pattern", "format", "items", "prefixItems", "minItems", "maxItems", "oneOf", "anyOf", "allOf",
    "$ref",
    "$defs", "definitions", "examples", "description",
  ]
  /// Keywords that say nothing about a value.
  private static let silent: Set<String> = [
    "$schema", "$id", "id", "$anchor", "$comment", "$vocabulary", "title", "default", "deprecated", "readOnly", "writeOnly",
    "additionalProperties", "additionalItems", "unevaluatedProperties", "unevaluatedItems", "contentEncoding", "contentMediaType",
  ]

  private func checkKeywords(_ schema: Resolved, _ subject: String) {
    guard case .mapping(let pairs) = schema.node.content else { return }
    for pair in pairs {
      let name = pair.key.scalarText ?? ""
      if Self.honoured.contains(name) || Self.silent.contains(name) || name.hasPrefix("x-") { continue }
      warn(
        pair.key.location,
        "\(subject): the keyword '\(name)' is not taken over" + Suggestion.hint(for: name, among: Self.honoured.sorted()))
    }
  }

  /// One warning per place, however often it is referred to.
  func warn(_ location: SourceLocation, _ message: String) {
    if warned.insert(location).inserted { diagnostics.warning("no-equivalent", at: location, message) }
  }
}
