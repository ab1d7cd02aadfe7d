// How a field gets its value: exactly one generator per field, with the settings that go with it.

import Base
import Configuration
import Foundation

/// What was read for a field.
enum FieldContent {
  case leaf(FieldGenerator, reads: BindingRead?)
  case object([FieldDraft])
}

/// A field of an event while the schema is read.
struct FieldDraft {
  var name: String
  var content: FieldContent
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
  case event(String)
}

extension SchemaReader {
  private static let generatorNames = [
    "const", "choice", "uuid", "int", "lognormal", "exponential", "uniform", "sequence", "time", "object", "from", "ref",
  ]
  private static let notBuiltNames = [
    "optional", "null", "unique", "pattern", "regex", "template", "string", "text", "normal", "poisson", "zipf", "pareto", "bool",
    "array", "list", "map", "one_of", "expr", "timestamp", "date", "ip", "email", "url", "fake", "counter", "bytes", "enum", "when",
  ]
  /// Settings, and the generators that they go with.
  private static let settings: [(name: String, generators: [String])] = [
    ("weights", ["choice"]), ("clamp", ["lognormal", "exponential", "uniform"]),
    ("decimals", ["lognormal", "exponential", "uniform"]),
    ("format", ["time"]), ("pick", ["ref"]),
  ]

  /// Reads a generator; `subject` names the field in messages. Nil where it could not be read.
  func generator(_ node: ConfigurationNode, _ subject: String, _ owner: FieldOwner) -> FieldContent? {
    guard case .mapping = node.content else {
      let hint = node.scalarText.map { node.isNull ? "" : "; did you mean '{ const: \($0) }'?" } ?? ""
      values.mismatch(node, subject, expected: "a generator such as { const: EUR } or { choice: [a, b] }", hint: hint)
      return nil
    }
    guard let reader = MappingReader(node, subject, values) else { return nil }
    let present = Self.generatorNames.filter { reader.node($0) != nil }
    for setting in Self.settings where reader.node(setting.name) != nil {
      guard let generator = present.first, !setting.generators.contains(generator) else { continue }
      diagnostics.error(
        "unknown-field", at: reader.keyLocation(setting.name),
        "'\(setting.name)' in \(subject) goes with \(ValueReader.alternatives(setting.generators)), not with \(generator)")
    }
    reader.finish(notBuilt: Self.notBuiltNames)
    guard let name = present.first else {
      // An unknown name has its finding already.
      if !reader.pairs.contains(where: { pair in !Self.settings.contains { $0.name == pair.name } }) {
        diagnostics.error(
          "missing-field", at: node.location,
          "\(subject) has no generator; expected one of \(Self.generatorNames.joined(separator: ", "))")
      }
      return nil
    }
    guard present.count == 1 else {
      let last = present.max { reader.keyLocation($0) < reader.keyLocation($1) } ?? name
      diagnostics.error(
        "wrong-value", at: reader.keyLocation(last),
        "\(subject) has \(present.count) generators, \(present.map { "'\($0)'" }.joined(separator: " and ")); expected one")
      return nil
    }
    return self.generator(name, reader, owner)
  }

  private func generator(_ name: String, _ reader: MappingReader, _ owner: FieldOwner) -> FieldContent? {
    guard let node = reader.node(name) else { return nil }
    let what = reader.what(name)
    func leaf(_ generator: FieldGenerator?) -> FieldContent? { generator.map { .leaf($0, reads: nil) } }
    if case .entity = owner, ["object", "from", "time"].contains(name) {
      diagnostics.error("wrong-value", at: reader.keyLocation(name), "\(what): the fields of an entity cannot be made by '\(name)'")
      return nil
    }
    switch name {
    case "const": return leaf(values.meaning(node, what).map { .const(Scalar($0)) })
    case "choice": return leaf(choice(node, reader))
    case "uuid":
      guard let version = values.oneOf(node, what, UUIDVersion.self) else { return nil }
      if case .entity = owner, version == .v7 {
        diagnostics.error(
          "wrong-value", at: node.location,
          "\(what): v7 holds the time of an event, which the rows of an entity do not have; use v4")
        return nil
      }
      return leaf(.uuid(version))
    case "int": return leaf(integerRange(node, what))
    case "lognormal", "exponential", "uniform": return leaf(number(name, node, reader))
    case "sequence": return leaf(sequence(node, what))
    case "time":
      let source = values.name(node, what, among: ["event", "sent"])
      let format = reader.node("format").flatMap {
        values.name($0, reader.what("format"), among: ["rfc3339_ms", "epoch_ms", "epoch_s"])
      }
      let formats: [String: TimeFormat] = ["epoch_ms": .epochMilliseconds, "epoch_s": .epochSeconds]
      return leaf(source.map { .time($0 == "event" ? .event : .sent, formats[format ?? ""] ?? .rfc3339Milliseconds) })
    case "object":
      guard let inner = MappingReader(node, what, values), case .event(let event) = owner else { return nil }
      return .object(fields(inner, event))
    case "from": return from(node, what)
    default:
      guard case .entity = owner else {
        diagnostics.error(
          "wrong-value", at: reader.keyLocation(name),
          "\(what): an event reads a row that a state binds, or its actor; write { from: ... } instead of { ref: ... }")
        return nil
      }
      return leaf(reference(node, reader))
    }
  }

  /// The fields of an event or of an object in one.
  func fields(_ reader: MappingReader, _ event: String) -> [FieldDraft] {
    reader.pairs.map { pair in
      values.checkFieldName(pair.name, at: pair.key.location)
      let content = generator(pair.value, "field '\(pair.name)' of event '\(event)'", .event(event))
      return FieldDraft(name: pair.name, content: content ?? .leaf(Self.placeholder, reads: nil))
    }
  }

  // MARK: - One by one

  private func choice(_ node: ConfigurationNode, _ reader: MappingReader) -> FieldGenerator? {
    let what = reader.what("choice")
    let options: [Scalar]?
    if case .mapping = node.content {
      options = MappingReader(node, what, values).flatMap { inner in
        let file = inner.required("file")
        inner.finish(notBuilt: ["column", "url"])
        return file.flatMap { lines(ofFile: $0, inner.what("file")) }
      }
    } else {
      options = values.list(node, what, min: 1).map { items in
        items.compactMap { values.meaning($0, "an item in \(what)").map(Scalar.init) }
      }
    }
    guard let options, !options.isEmpty else { return nil }
    guard let weightsNode = reader.node("weights") else {
      return .choice(options, weights: [Double](repeating: 1, count: options.count))
    }
    let weightsWhat = reader.what("weights")
    guard let items = values.list(weightsNode, weightsWhat) else { return nil }
    let weights = items.compactMap {
      values.number($0, "an item in \(weightsWhat)", expected: "a weight of at least 0") { $0 >= 0 }
    }
    guard weights.count == items.count else { return nil }
    guard weights.count == options.count else {
      diagnostics.error(
        "wrong-value", at: weightsNode.location,
        "\(weightsWhat): expected \(options.count) weights, as many as 'choice' has values, found \(weights.count)")
      return nil
    }
    guard weights.contains(where: { $0 > 0 }) else {
      diagnostics.error("wrong-value", at: weightsNode.location, "\(weightsWhat): all weights are 0")
      return nil
    }
    let chosen = zip(options, weights).filter { $0.1 > 0 }
    return .choice(chosen.map(\.0), weights: chosen.map(\.1))
  }

  /// The lines of a file that are not blank, without the space around them.
  private func lines(ofFile node: ConfigurationNode, _ what: String) -> [Scalar]? {
    guard let name = values.string(node, what) else { return nil }
    let path = ResourcePath.resolve(name, in: directory)
    do {
      let bytes = try ConfigurationLoader.bytes(ofFile: path)
      guard let text = String(validating: bytes, as: UTF8.self) else {
        diagnostics.error("wrong-value", at: node.location, "\(what): \(path) is not UTF-8 text")
        return nil
      }
      let lines = text.split(whereSeparator: \.isNewline).map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }
      if lines.isEmpty {
        diagnostics.error("wrong-value", at: node.location, "\(what): \(path) holds no values; expected one per line")
      }
      return lines.map { .string($0) }
    } catch {
      diagnostics.error("missing-file", at: node.location, "\(what): \(error.message)")
      return nil
    }
  }

  private func integerRange(_ node: ConfigurationNode, _ what: String) -> FieldGenerator? {
    guard let items = values.list(node, what, min: 2, max: 2) else { return nil }
    guard let low = values.integer(items[0], "the lower bound in \(what)"),
      let high = values.integer(items[1], "the upper bound in \(what)")
    else { return nil }
    guard low <= high else {
      diagnostics.error(
        "wrong-value", at: items[0].location,
        "\(what): the lower bound \(low) is above the upper bound \(high); did you mean [\(high), \(low)]?")
      return nil
    }
    guard !high.subtractingReportingOverflow(low).overflow else {
      diagnostics.error("wrong-value", at: items[0].location, "\(what): the bounds lie further apart than 2^63")
      return nil
    }
    return .integer(low...high)
  }

  private func number(_ name: String, _ node: ConfigurationNode, _ reader: MappingReader) -> FieldGenerator? {
    let distribution = values.distribution(name, node, reader.what(name), of: .number)
    var clamp: ClosedRange<Double>?
    if let clampNode = reader.node("clamp"), let items = values.list(clampNode, reader.what("clamp"), min: 2, max: 2),
      let low = values.number(items[0], "the lower bound in \(reader.what("clamp"))"),
      let high = values.number(items[1], "the upper bound in \(reader.what("clamp"))")
    {
      if low <= high {
        clamp = low...high
      } else {
        diagnostics.error(
          "wrong-value", at: items[0].location,
          "\(reader.what("clamp")): the lower bound \(items[0].scalarText ?? "") is above the upper bound \(items[1].scalarText ?? "")"
        )
      }
    }
    let decimals = reader.integer("decimals", in: 0...9) ?? 2
    return distribution.map { .number(NumberSettings(distribution: $0, clamp: clamp, decimals: Int(decimals))) }
  }

  /// `SKU-{n:06}`: one `{n}`, with the least number of digits after `:0`.
  private func sequence(_ node: ConfigurationNode, _ what: String) -> FieldGenerator? {
    guard let text = values.string(node, what) else { return nil }
    let parts = text.components(separatedBy: "{n")
    guard parts.count == 2, let close = parts[1].firstIndex(of: "}") else {
      values.mismatch(node, what, expected: "a text with one {n} or {n:06}", code: "wrong-value")
      return nil
    }
    let format = parts[1][..<close]
    var digits = 1
    if !format.isEmpty {
      guard format.hasPrefix(":0"), let width = Int(format.dropFirst(2)), (1...19).contains(width) else {
        values.mismatch(node, what, expected: "{n}, or {n:06} for at least 6 digits", code: "wrong-value")
        return nil
      }
      digits = width
    }
    return .sequence(
      SequenceSettings(
        text: .init(
          prefix: parts[0], minimumDigits: digits, suffix: String(parts[1][parts[1].index(after: close)...]))))
  }

  /// `user.country`, `session.session_id` or `current.price`.
  private func from(_ node: ConfigurationNode, _ what: String) -> FieldContent? {
    guard let text = values.string(node, what) else { return nil }
    let parts = text.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    guard parts.count == 2 else {
      values.mismatch(node, what, expected: "a path of two names, as in user.country", code: "wrong-value")
      return nil
    }
    // Without sessions nothing can be said about what they bind.
    guard let actor, let identifierField else { return nil }
    let (scope, field) = (parts[0], parts[1])
    if scope == "session" {
      if field == identifierField { return .leaf(.from(.sessionIdentifier), reads: nil) }
      unknown(node, what, "a session has the field '\(identifierField)' and no '\(field)'", field, [identifierField])
    } else if scope == entities[actor].name {
      if let index = entities[actor].fieldNames.firstIndex(of: field) { return .leaf(.from(.actor(field: index)), reads: nil) }
      unknown(node, what, "no field '\(field)' in entity '\(scope)'", field, entities[actor].fieldNames)
    } else if let binding = bindings.firstIndex(where: { $0.name == scope }) {
      let entity = entities[bindings[binding].entity]
      if let index = entity.fieldNames.firstIndex(of: field) {
        return .leaf(.from(.binding(binding, field: index)), reads: BindingRead(binding: binding, text: text))
      }
      unknown(node, what, "no field '\(field)' in entity '\(entity.name)', which '\(scope)' is bound to", field, entity.fieldNames)
    } else {
      let scopes = [entities[actor].name, "session"] + bindings.map(\.name)
      unknown(node, what, "'\(scope)' is neither the actor, nor 'session', nor bound by a state", scope, scopes)
    }
    return nil
  }

  /// `product.category`, inside an entity.
  private func reference(_ node: ConfigurationNode, _ reader: MappingReader) -> FieldGenerator? {
    let what = reader.what("ref")
    let pick = reader.node("pick").flatMap { values.pick($0, reader.what("pick")) } ?? .uniform
    guard let text = values.string(node, what) else { return nil }
    let parts = text.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    guard parts.count == 2 else {
      values.mismatch(node, what, expected: "an entity and its field, as in product.category", code: "wrong-value")
      return nil
    }
    guard let entity = entities.firstIndex(where: { $0.name == parts[0] }) else {
      unknown(node, what, "no entity '\(parts[0])'", parts[0], entities.map(\.name))
      return nil
    }
    guard let field = entities[entity].fieldNames.firstIndex(of: parts[1]) else {
      unknown(node, what, "no field '\(parts[1])' in entity '\(parts[0])'", parts[1], entities[entity].fieldNames)
      return nil
    }
    return .reference(entity: entity, field: field, pick: pick)
  }

  /// Reports a reference to nothing.
  func unknown(_ node: ConfigurationNode, _ what: String, _ message: String, _ text: String, _ names: [String]) {
    diagnostics.error(
      "unknown-reference", at: node.location, "\(what): \(message)\(Suggestion.hint(for: text, among: names))")
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
