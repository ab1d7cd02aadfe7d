// Fields: a name, exactly one generator, the settings that go with it, and those that any field can have. The generators themselves are read
// in `+Values`, `+Numbers`, `+Texts`, `+Nesting` and `+References`.

import Base
import Configuration

/// What was read for a field.
enum FieldContent {
  case leaf(FieldGenerator)
  /// An object at the place of a field, which an event that extends this one can add to.
  case object([FieldDraft])
}

/// A field of an event or of an entity while the schema is read.
struct FieldDraft {
  var name: String
  var content: FieldContent
  var optional = 0.0
  var nullable = 0.0
  var condition: SessionCondition?
  /// The rows that a leaf reads.
  var leafReads: [BindingRead] = []
}

/// A place where an event reads a row that a state has bound.
struct BindingRead {
  var binding: Int
  /// As written: `current.price`.
  var text: String
}

/// Whose field is being read.
enum FieldOwner {
  case entity(Int)
  case sessions
  /// An index into the reader's `streams`.
  case stream(Int)
}

extension SchemaReader {
  static let generatorNames =
    [
      "const", "choice", "int", "float", "decimal", "bool", "pattern", "template", "sequence", "uuid", "time", "object", "array",
      "list",
      "map", "one_of", "from", "ref", "fake", "ip", "geo", "text",
    ] + ValueReader.distributionNames

  /// Settings, and the generators that they go with.
  static let settings: [(name: String, generators: [String])] = [
    ("weights", ["choice"]), ("clamp", ValueReader.distributionNames),
    ("decimals", ["float", "decimal"] + ValueReader.distributionNames), ("count", ["zipf"]), ("with", ["template"]),
    ("format", ["time"]), ("start", ["sequence"]), ("step", ["sequence"]), ("restart", ["sequence"]), ("pick", ["ref"]),
    ("length", ["array", "map"]), ("keys", ["map"]), ("locale", ["fake", "geo", "text"]), ("within", ["geo"]), ("as", ["geo"]),
  ]
  /// How generators are called elsewhere, and here.
  static let foreignNames = [
    "value": "const", "values": "choice", "enum": "choice", "options": "choice",
    "integer": "int", "range": "int", "number": "float", "double": "float", "boolean": "bool", "regex": "pattern",
    "timestamp": "time",
    "datetime": "time", "date": "time", "faker": "fake", "gaussian": "normal", "sequence_number": "sequence", "counter": "sequence",
    "iteration": "sequence", "items": "array", "fields": "object", "properties": "object", "string": "text", "lookup": "from",
  ]
  /// What any field can have.
  static let fieldSettings = ["optional", "nullable", "when"]

  /// Stands for a generator that could not be read; no schema can state it.
  static let placeholder = FieldGenerator.choice([], weights: [])

  // MARK: - Fields

  /// The fields of `reader`; `owned` ends their subject: `event 'page'`.
  func fields(_ reader: MappingReader, of owned: String, _ owner: FieldOwner) -> [FieldDraft] {
    reader.pairs.map { pair in
      values.checkFieldName(pair.name, at: pair.key.location)
      return field(pair.name, pair.value, of: owned, owner)
    }
  }

  /// One field; where its generator cannot be read, a placeholder stands for it.
  func field(_ name: String, _ node: ConfigurationNode, of owned: String, _ owner: FieldOwner) -> FieldDraft {
    let outerReads = collectedReads
    collectedReads = []
    defer { collectedReads = outerReads }
    var draft = FieldDraft(name: name, content: .leaf(Self.placeholder))
    let subject = "field '\(name)' of \(owned)"
    guard let reader = generatorReader(node, subject) else { return draft }
    readFieldSettings(reader, owner, &draft)
    guard let generator = generatorName(reader, also: Self.fieldSettings) else { return draft }
    if generator == "object" {
      if let node = reader.node("object"), let inner = MappingReader(node, reader.what("object"), values) {
        draft.content = .object(fields(inner, of: owned, owner))
      }
      return draft
    }
    if let generator = self.generator(generator, reader, owner) {
      draft.content = .leaf(generator)
      let bytes = GeneratedSize.bytes(of: generator)
      if bytes > GeneratedSize.fieldMax {
        diagnostics.error(
          "too-large", at: node.location,
          "\(subject) may take \(bytes >> 20) MiB in one record; at most \(GeneratedSize.fieldMax >> 20) MiB are possible")
      }
    }
    draft.leafReads = collectedReads
    return draft
  }

  private func readFieldSettings(_ reader: MappingReader, _ owner: FieldOwner, _ draft: inout FieldDraft) {
    if let node = reader.node("optional") {
      draft.optional = values.share(node, reader.what("optional")) ?? 0
      if case .entity = owner {
        diagnostics.error(
          "wrong-value", at: reader.keyLocation("optional"),
          "\(reader.what("optional")): every row of an entity has all its fields; write 'nullable' for one without a value")
      }
    }
    if let node = reader.node("nullable") { draft.nullable = values.share(node, reader.what("nullable")) ?? 0 }
    guard let node = reader.node("when") else { return }
    draft.condition = values.oneOf(node, reader.what("when"), SessionCondition.self)
    guard case .sessions = owner else {
      diagnostics.error(
        "wrong-value", at: reader.keyLocation("when"),
        "\(reader.what("when")) asks about a session, which only events of sessions have")
      return
    }
    if let condition = draft.condition { conditions.append((condition, node.location, reader.what("when"))) }
  }

  // MARK: - Generators

  /// A generator inside another one: an item of an array, an option. It cannot be left out; where it may be null it becomes one of two.
  func nestedGenerator(_ node: ConfigurationNode, _ subject: String, _ owner: FieldOwner) -> FieldGenerator? {
    guard let reader = generatorReader(node, subject) else { return nil }
    return nestedGenerator(reader, owner)
  }

  func nestedGenerator(_ reader: MappingReader, _ owner: FieldOwner, also: [String] = []) -> FieldGenerator? {
    for setting in ["optional", "when"] where reader.has(setting) {
      diagnostics.error(
        "wrong-value", at: reader.keyLocation(setting),
        "'\(setting)' in \(reader.subject ?? ""): only fields can have it; here 'nullable' is possible")
      _ = reader.node(setting)
    }
    let nullable = reader.node("nullable").map { values.share($0, reader.what("nullable")) ?? 0 } ?? 0
    guard let name = generatorName(reader, also: Self.fieldSettings + also), let generator = self.generator(name, reader, owner)
    else {
      return nil
    }
    if nullable == 0 { return generator }
    return nullable == 1 ? .const(.null) : .oneOf([(generator, 1 - nullable), (.const(.null), nullable)])
  }

  /// The mapping of a generator.
  func generatorReader(_ node: ConfigurationNode, _ subject: String) -> MappingReader? {
    guard case .mapping = node.content else {
      let hint = node.scalarText.map { node.isNull ? "" : "; did you mean '{ const: \($0) }'?" } ?? ""
      values.mismatch(node, subject, expected: "a generator such as { const: EUR } or { choice: [a, b] }", hint: hint)
      return nil
    }
    return MappingReader(node, subject, values)
  }

  /// The name of the one generator in a mapping; `also` may stand beside any. Reports what does not belong there.
  func generatorName(_ reader: MappingReader, also: [String]) -> String? {
    let present = Self.generatorNames.filter { reader.node($0) != nil }
    for setting in Self.settings where reader.node(setting.name) != nil {
      guard let generator = present.first, !setting.generators.contains(generator) else { continue }
      diagnostics.error(
        "unknown-field", at: reader.keyLocation(setting.name),
        "'\(setting.name)' in \(reader.subject ?? "") goes with \(ValueReader.alternatives(setting.generators)), not with \(generator)"
      )
    }
    for name in also { _ = reader.node(name) }
    reader.finish(ignoring: present.isEmpty ? foreignGenerators(reader) : [])
    guard let name = present.first else {
      // An unknown name has its finding already.
      let known = Self.settings.map(\.name) + also
      if !reader.pairs.contains(where: { !known.contains($0.name) }) {
        diagnostics.error(
          "missing-field", at: reader.location,
          "\(reader.subject ?? "") has no generator; expected one of \(Self.generatorNames.joined(separator: ", "))")
      }
      return nil
    }
    guard present.count == 1 else {
      let last = present.max { reader.keyLocation($0) < reader.keyLocation($1) } ?? name
      diagnostics.error(
        "wrong-value", at: reader.keyLocation(last),
        "\(reader.subject ?? "") has \(present.count) generators, \(present.map { "'\($0)'" }.joined(separator: " and ")); expected one"
      )
      return nil
    }
    return name
  }

  /// Reports what other programs call the generator, with how it is called here; gives their names.
  private func foreignGenerators(_ reader: MappingReader) -> [String] {
    var names: [String] = []
    for pair in reader.pairs {
      let isType = ["type", "generator"].contains(pair.name)
      guard isType || Self.foreignNames[pair.name] != nil else { continue }
      let hint =
        Self.foreignNames[pair.name].map { "did you mean '\($0)'?" }
        ?? "the generator's name stands in its place, as in { int: [1, 9] } or { fake: email }"
      diagnostics.error(
        "unknown-field", at: pair.key.location, "unknown field '\(pair.name)' in \(reader.subject ?? ""); \(hint)")
      names.append(pair.name)
    }
    return names
  }

  /// The generator `name` of a mapping that holds it and its settings.
  private func generator(_ name: String, _ reader: MappingReader, _ owner: FieldOwner) -> FieldGenerator? {
    guard let node = reader.node(name) else { return nil }
    let what = reader.what(name)
    switch name {
    case "const": return constant(node, what)
    case "choice": return choice(node, reader)
    case "int": return integer(node, what)
    case "float": return float(node, reader)
    case "decimal": return decimal(node, reader)
    case "bool": return values.share(node, what).map { .bool($0) }
    case "uuid": return uuid(node, what, owner)
    case "sequence": return sequence(node, reader)
    case "time": return time(node, reader, owner)
    case "pattern": return pattern(node, what)
    case "template": return template(node, reader, owner)
    case "fake": return fake(node, reader)
    case "text": return text(node, reader)
    case "ip": return address(node, what)
    case "geo": return geo(node, reader)
    case "object":
      guard let inner = MappingReader(node, what, values) else { return nil }
      let drafts = fields(inner, of: reader.subject ?? "", owner)
      collectedReads += drafts.flatMap(\.reads)
      return .object(drafts.map(\.definition))
    case "array": return array(node, reader, owner)
    case "list": return list(node, what, owner)
    case "map": return map(node, reader, owner)
    case "one_of": return oneOf(node, what, owner)
    case "from": return from(node, what, owner)
    case "ref": return reference(node, reader, owner)
    default: return number(name, reader)
    }
  }
}

extension FieldDraft {
  var definition: FieldDefinition {
    let generator: FieldGenerator =
      switch content {
      case .leaf(let generator): generator
      case .object(let fields): .object(fields.map(\.definition))
      }
    return FieldDefinition(name: name, generator: generator, optional: optional, nullable: nullable, condition: condition)
  }

  /// The rows that the field reads, or the fields in it.
  var reads: [BindingRead] {
    guard case .object(let fields) = content else { return leafReads }
    return fields.flatMap(\.reads)
  }
}

extension Scalar {
  /// The value that a scalar of a file means.
  public init(_ meaning: ScalarMeaning) {
    switch meaning {
    case .null: self = .null
    case .bool(let value): self = .bool(value)
    case .integer(let value): self = .integer(value)
    case .double(let value): self = .double(value)
    case .string(let value): self = .string(value)
    }
  }
}
