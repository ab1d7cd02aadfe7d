// Expressions of a pipeline: conditions, computed fields of sources, computed keys and inputs, and features made of features. Types and names are
// checked against what the place knows: the source's schema, its computed fields, or the view's features.

import Base
import Codec
import Configuration
import Records
import Schema
import Windowing

extension PipelineReader {
  /// The condition that a field states.
  func predicate(_ name: String, _ reader: MappingReader, _ schema: EventSchema?) -> Expression? {
    reader.node(name).flatMap { expression($0, reader.what(name), schema, isCondition: true)?.expression }
  }

  /// The expression that a node states, its fields checked.
  func expression(_ node: ConfigurationNode, _ what: String, _ schema: EventSchema?, isCondition: Bool) -> ParsedExpression? {
    guard let parsed = parse(node, what, isCondition: isCondition, typeOf: { self.fieldType(of: $0, schema) }) else { return nil }
    for (path, byteOffset) in parsed.references where computedTypes[path] == nil {
      let location = Self.place(of: byteOffset, in: node)
      checkKnown(path, at: location, what)
      if let schema { _ = checkField(path, in: schema, at: location, what) }
    }
    return parsed
  }

  private func parse(
    _ node: ConfigurationNode, _ what: String, isCondition: Bool, typeOf: @escaping (FieldPath) -> ExpressionType
  ) -> ParsedExpression? {
    guard let text = values.string(node, what) else { return nil }
    do {
      return try isCondition
        ? ExpressionParser.parseCondition(text, typeOf: typeOf) : ExpressionParser.parseValue(text, typeOf: typeOf)
    } catch {
      diagnostics.error("expression", at: Self.place(of: error.byteOffset, in: node), "\(what): \(error.message)")
      return nil
    }
  }

  /// What is known of a field of the source that is being read.
  func fieldType(of path: FieldPath, _ schema: EventSchema?) -> ExpressionType {
    if let type = computedTypes[path] { return type }
    switch path.metadata {
    case .timestamp?, .partition?, .offset?: return .integer
    case .key?, .topic?, .header?: return .string
    case nil: break
    }
    if let kinds = schema?.kinds(at: path.components) { return ExpressionType(kinds) }
    guard let kinds = viewAvroSchema?.kinds(at: path) else { return .any }
    return ExpressionType(kinds)
  }

  /// Where a byte of a scalar stands in the file; the scalar's own place where it does not stand there as one line.
  static func place(of byteOffset: Int, in node: ConfigurationNode) -> SourceLocation {
    guard case .scalar(let scalar) = node.content, let start = scalar.verbatimLocation else { return node.location }
    let before = String(decoding: scalar.text.utf8.prefix(byteOffset), as: UTF8.self)
    return SourceLocation(line: start.line, column: start.column + before.unicodeScalars.count)
  }

  // MARK: - Computed fields

  /// The `fields` of a source, in the order of the file: each may refer to those above it.
  func readComputedFields(_ source: MappingReader, _ schema: EventSchema?) -> [ComputedField] {
    guard let fields = source.mapping("fields") else { return [] }
    var computed: [ComputedField] = []
    let names = Set(fields.pairs.map(\.name))
    for pair in fields.pairs {
      values.checkName(pair.name, "the name of a computed field", at: pair.key.location)
      let path = FieldPath([pair.name])
      let what = "'\(pair.name)' of \(source.what("fields"))"
      if let schema, schema.kinds(at: path.components) != nil {
        diagnostics.error(
          "wrong-value", at: pair.key.location,
          "\(what): schema '\(schema.name)' has a field of this name already; give the computed one another")
      }
      guard let parsed = parse(pair.value, what, isCondition: false, typeOf: { self.fieldType(of: $0, schema) }) else {
        computedTypes[path] = .any
        continue
      }
      for (reference, byteOffset) in parsed.references where computedTypes[reference] == nil {
        let location = Self.place(of: byteOffset, in: pair.value)
        if reference == path {
          diagnostics.error("wrong-value", at: location, "\(what) refers to itself; give the computed field another name")
        } else if reference.components.count == 1, names.contains(reference.components[0]) {
          diagnostics.error("wrong-value", at: location, "\(what): '\(reference)' is computed further down; move it up")
        } else {
          checkKnown(reference, at: location, what)
          if let schema { _ = checkField(reference, in: schema, at: location, what) }
        }
      }
      computedTypes[path] = parsed.type
      computed.append(ComputedField(path: path, expression: parsed.expression))
    }
    return computed
  }

  /// Reads `{ expr: "..." }` where a path could stand: the path of the field that it computes, which only this view knows. A path that stands
  /// there as an expression is that path.
  func computedInput(_ node: ConfigurationNode, _ what: String, _ schema: EventSchema?) -> FieldPath? {
    guard let (expressionNode, text) = inlineExpression(node, what),
      let parsed = expression(expressionNode, what, schema, isCondition: false)
    else { return nil }
    return addComputed(parsed, text)
  }

  /// The text of `{ expr: "..." }`.
  func inlineExpression(_ node: ConfigurationNode, _ what: String) -> (node: ConfigurationNode, text: String)? {
    guard let reader = MappingReader(node, what, values) else { return nil }
    let expression = reader.required("expr")
    reader.finish()
    return expression.flatMap { node in values.string(node, what).map { (node, $0) } }
  }

  private func addComputed(_ parsed: ParsedExpression, _ text: String) -> FieldPath {
    if case .field(let path) = parsed.expression { return path }
    let path = Self.path(ofComputed: text)
    computedTypes[path] = parsed.type
    let field = ComputedField(path: path, expression: parsed.expression)
    if !viewComputedFields.contains(field) { viewComputedFields.append(field) }
    return path
  }

  /// The name of what an expression computes that has none.
  static func path(ofComputed text: String) -> FieldPath { FieldPath(["(\(text))"]) }

  // MARK: - Computed keys

  /// Reads `key: { expr: "..." }`: the path that the key goes by, and, unless the expression is a field, the node to compute it from. Nil where
  /// the key is no mapping.
  func computedKey(_ node: ConfigurationNode, _ what: String) -> (path: FieldPath, expression: ConfigurationNode?)? {
    guard let (expression, text) = inlineExpression(node, what),
      let parsed = parse(expression, what, isCondition: false, typeOf: { _ in .any })
    else { return nil }
    if case .field(let path) = parsed.expression { return (path, nil) }
    return (Self.path(ofComputed: text), expression)
  }

  /// Checks an entity's computed key against the fields of a view's source, and lets the view compute it.
  func checkComputedKey(_ entity: Int, _ source: Int, _ schema: EventSchema?) {
    let what = "'key' of entity '\(entities[entity].name)'"
    guard let node = keyExpressions[entity] else {
      guard let type = computedTypes[entities[entity].keyPath], checkedKeys.insert([entity, source]).inserted else { return }
      return checkKeyType(type, what, at: keyLocations[entity])
    }
    guard checkedKeys.insert([entity, source]).inserted else {
      // What is wrong with it has been said.
      let parsed = try? ExpressionParser.parseValue(node.scalarText ?? "", typeOf: { self.fieldType(of: $0, schema) })
      if let parsed { _ = addComputed(parsed, node.scalarText ?? "") }
      return
    }
    guard let parsed = expression(node, what, schema, isCondition: false) else { return }
    checkKeyType(parsed.type, what, at: node.location)
    _ = addComputed(parsed, node.scalarText ?? "")
  }

  private func checkKeyType(_ type: ExpressionType, _ what: String, at location: SourceLocation) {
    guard !type.isEmpty, type.isDisjoint(with: [.string, .integer]) else { return }
    diagnostics.error("wrong-type", at: location, "\(what): the expression gives \(type.phrase), neither a text nor an integer")
  }

  // MARK: - Inputs

  /// The field that an aggregate folds: a path, or `{ expr: "..." }`.
  func input(_ node: ConfigurationNode, _ what: String, _ schema: EventSchema?) -> FieldPath? {
    if case .mapping = node.content { return computedInput(node, what, schema) }
    return path(node, what)
  }

  /// Whether a computed field holds what an aggregate takes; nil where the field is none.
  func checkComputedInput(
    _ field: FieldPath, _ node: ConfigurationNode, _ aggregate: ReadAggregate?, _ reader: MappingReader
  ) -> Bool? {
    guard let type = computedTypes[field] else { return nil }
    guard let aggregate, let expected = aggregate.fieldKinds, !type.isEmpty, type.isDisjoint(with: ExpressionType(expected)) else {
      return true
    }
    let needed = expected.contains(.string) ? "a text" : "a number"
    diagnostics.error(
      "wrong-type", at: node.location,
      "\(reader.what("field")): '\(aggregate.function.rawValue)' needs \(needed), and the expression gives \(type.phrase)")
    return false
  }
}

extension ExpressionType {
  /// What an Avro schema can put into a column.
  init(_ kinds: Set<ValueKind>) {
    self = []
    for kind in kinds {
      switch kind {
      case .missing, .null: break
      case .bool: insert(.bool)
      case .integer: insert(.integer)
      case .double: insert(.double)
      case .string: insert(.string)
      case .composite: insert(.composite)
      }
    }
  }
}
