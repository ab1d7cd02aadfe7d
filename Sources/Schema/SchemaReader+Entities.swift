// Entities: their names and fields are known before any generator is read, so that references may point forward.

import Configuration

/// An entity while the schema is read.
struct EntityDraft {
  var name: String
  var definition: EntityDefinition
  var fieldNames: [String] { definition.fields.map(\.name) }
}

extension SchemaReader {
  /// Stands for a generator that could not be read; no schema can state it.
  static let placeholder = FieldGenerator.choice([], weights: [])

  func readEntities(_ reader: MappingReader) {
    var readers: [(entity: MappingReader, fields: MappingReader)] = []
    for pair in reader.pairs {
      values.checkName(pair.name, "the name of an entity", at: pair.key.location)
      let subject = "entity '\(pair.name)'"
      guard let entity = MappingReader(pair.value, subject, values) else { continue }
      guard let node = entity.required("fields"), let fields = MappingReader(node, "'fields' of \(subject)", values) else {
        readRest(of: entity, at: nil)
        continue
      }
      let placeholders = fields.pairs.map { FieldDefinition(name: $0.name, generator: Self.placeholder) }
      entities.append(
        EntityDraft(
          name: pair.name, definition: EntityDefinition(name: pair.name, count: 1, keyField: 0, fields: placeholders)))
      readers.append((entity, fields))
    }
    for (index, reader) in readers.enumerated() {
      for (field, pair) in reader.fields.pairs.enumerated() {
        values.checkFieldName(pair.name, at: pair.key.location)
        let subject = "field '\(pair.name)' of entity '\(entities[index].name)'"
        if case .leaf(let generator, _)? = generator(pair.value, subject, .entity(index)) {
          entities[index].definition.fields[field].generator = generator
        }
      }
      readRest(of: reader.entity, at: index)
    }
    checkReferenceCycles(readers.map(\.fields))
  }

  /// Everything of an entity but its fields; `index` is nil where those could not be read.
  private func readRest(of reader: MappingReader, at index: Int?) {
    let count = reader.required("count").flatMap { values.integer($0, reader.what("count"), in: 1...1_000_000_000) }
    let keyNode = reader.required("key")
    let key = keyNode.flatMap { values.string($0, reader.what("key")) }
    reader.finish(notBuilt: ["file", "churn", "updates", "weights", "changelog", "description"])
    guard let index else { return }
    entities[index].definition.count = Int(count ?? 1)
    guard let keyNode, let key else { return }
    guard let field = entities[index].fieldNames.firstIndex(of: key) else {
      diagnostics.error(
        "unknown-reference", at: keyNode.location,
        "\(reader.what("key")): no field '\(key)' in \(reader.subject ?? "")"
          + Suggestion.hint(for: key, among: entities[index].fieldNames))
      return
    }
    entities[index].definition.keyField = field
    switch entities[index].definition.fields[field].generator {
    case .uuid, .sequence: break
    // A generator that could not be read has its finding already.
    case .choice(let values, _) where values.isEmpty: break
    default:
      diagnostics.error(
        "wrong-value", at: keyNode.location,
        "\(reader.what("key")): '\(key)' may repeat; a key has to be different in every row: uuid or sequence")
    }
  }

  /// A field that refers to a field that refers back to it has no value.
  private func checkReferenceCycles(_ fields: [MappingReader]) {
    for (entity, draft) in entities.enumerated() {
      for (field, definition) in draft.definition.fields.enumerated() {
        var path = ["\(draft.name).\(definition.name)"]
        var current = definition.generator
        while case .reference(let nextEntity, let nextField, _) = current, path.count <= 64 {
          path.append("\(entities[nextEntity].name).\(entities[nextEntity].fieldNames[nextField])")
          if (nextEntity, nextField) == (entity, field) {
            diagnostics.error(
              "cycle", at: fields[entity].pairs[field].key.location, "references run in a circle: \(path.joined(separator: " -> "))"
            )
            break
          }
          current = entities[nextEntity].definition.fields[nextField].generator
        }
      }
    }
  }
}
