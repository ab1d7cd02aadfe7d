// Entities: their names and fields are known before any generator is read, so that references may point forward.

import Configuration

/// An entity while the schema is read.
struct EntityDraft {
  var name: String
  var location: SourceLocation
  var definition: EntityDefinition
  /// Whether anything refers to it.
  var isUsed = false
  var fieldNames: [String] { definition.fields.map(\.name) }
}

extension SchemaReader {
  static let entityCountMax: Int64 = 1_000_000_000

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
          name: pair.name, location: pair.key.location,
          definition: EntityDefinition(name: pair.name, count: 1, keyField: 0, fields: placeholders)))
      readers.append((entity, fields))
    }
    for (index, reader) in readers.enumerated() {
      let drafts = fields(reader.fields, of: "entity '\(entities[index].name)'", .entity(index))
      entities[index].definition.fields = drafts.map(\.definition)
    }
    for (index, reader) in readers.enumerated() { readRest(of: reader.entity, at: index) }
    multiplyOwned(readers.map(\.entity))
    reportReferences(readers.map(\.fields))
  }

  /// Everything of an entity but its fields; `index` is nil where those could not be read.
  private func readRest(of reader: MappingReader, at index: Int?) {
    let owner = reader.node("of").flatMap { readOwner($0, reader) }
    let isOwned = reader.has("of")
    let count = reader.required("count").flatMap { node -> ClosedRange<Int>? in
      guard !isOwned else { return counts(node, reader.what("count"), in: 0...1000) }
      return values.integer(node, reader.what("count"), in: 1...Self.entityCountMax).map { Int($0)...Int($0) }
    }
    let keyNode = reader.required("key")
    let key = keyNode.flatMap { values.string($0, reader.what("key")) }
    let growth = reader.mapping("growth").flatMap { readGrowth($0, of: count?.upperBound) }
    var lifetime: Double?
    if let churn = reader.mapping("churn") {
      lifetime = churn.required("lifetime").flatMap { values.parameter($0, churn.what("lifetime"), of: .duration, above: 0) }
      churn.finish()
    }
    for name in ["growth", "churn"] where isOwned && reader.has(name) {
      diagnostics.error(
        "wrong-value", at: reader.keyLocation(name), "\(reader.what(name)): rows with an owner come and go with it")
    }
    reader.finish()
    guard let index else { return }
    if isOwned {
      if let count, count.upperBound == 0 {
        diagnostics.error("wrong-value", at: reader.keyLocation("count"), "\(reader.what("count")): nobody has any of them")
      }
      if let owner, let count {
        entities[index].definition.ownership = .init(owner: owner, least: count.lowerBound, most: count.upperBound)
      }
    } else {
      entities[index].definition.count = count?.upperBound ?? 1
      entities[index].definition.growth = growth
      entities[index].definition.lifetimeMilliseconds = lifetime
    }
    if let keyNode, let key { checkKey(key, keyNode, of: index, reader) }
  }

  private func readOwner(_ node: ConfigurationNode, _ reader: MappingReader) -> Int? {
    guard let name = values.string(node, reader.what("of")) else { return nil }
    guard let owner = entities.firstIndex(where: { $0.name == name }) else {
      unknown(node, reader.what("of"), "no entity '\(name)'", name, entities.map(\.name))
      return nil
    }
    markUsed(owner)
    return owner
  }

  private func readGrowth(_ reader: MappingReader, of count: Int?) -> EntityDefinition.Growth? {
    let initial = reader.required("initial").flatMap {
      values.integer($0, reader.what("initial"), in: 1...Int64(count ?? Int(Self.entityCountMax)))
    }
    let perDay = reader.required("per_day").flatMap {
      values.number($0, reader.what("per_day"), expected: "a number above 0, at most 1e12") { $0 > 0 && $0 <= 1e12 }
    }
    reader.finish()
    guard let initial, let perDay else { return nil }
    return .init(initial: Int(initial), perDay: perDay)
  }

  /// The key names a row: it has to be there and to be different in every row.
  private func checkKey(_ key: String, _ node: ConfigurationNode, of index: Int, _ reader: MappingReader) {
    guard let field = entities[index].fieldNames.firstIndex(of: key) else {
      diagnostics.error(
        "unknown-reference", at: node.location,
        "\(reader.what("key")): no field '\(key)' in \(reader.subject ?? "")"
          + Suggestion.hint(for: key, among: entities[index].fieldNames))
      return
    }
    entities[index].definition.keyField = field
    let definition = entities[index].definition.fields[field]
    if definition.nullable > 0 {
      diagnostics.error("wrong-value", at: node.location, "\(reader.what("key")): '\(key)' may be null; a key names every row")
      return
    }
    switch definition.generator {
    case .uuid: break
    case .sequence(let settings) where settings.period == nil: break
    // A generator that could not be read has its finding already.
    case .choice(let values, _) where values.isEmpty: break
    case .sequence:
      diagnostics.error(
        "wrong-value", at: node.location,
        "\(reader.what("key")): '\(key)' repeats, as it has 'restart'; a key has to be different in every row")
    default:
      diagnostics.error(
        "wrong-value", at: node.location,
        "\(reader.what("key")): '\(key)' may repeat; a key has to be different in every row: uuid or sequence")
    }
  }

  // MARK: - Over all entities

  /// Gives owned entities their number of rows.
  private func multiplyOwned(_ readers: [MappingReader]) {
    for index in entities.indices {
      guard let ownership = entities[index].definition.ownership else { continue }
      let place = readers[index].node("of")?.location ?? entities[index].location
      guard entities[ownership.owner].definition.ownership == nil, ownership.owner != index else {
        diagnostics.error(
          "wrong-value", at: place,
          "\(readers[index].what("of")): '\(entities[ownership.owner].name)' has an owner itself; one level is possible")
        entities[index].definition.ownership = nil
        continue
      }
      let count = entities[ownership.owner].definition.count * max(1, ownership.most)
      if count > Int(Self.entityCountMax) {
        diagnostics.error(
          "too-large", at: readers[index].keyLocation("count"),
          "\(readers[index].what("count")): \(count) rows in all; at most \(Self.entityCountMax) are possible")
        continue
      }
      entities[index].definition.count = count
    }
  }

  /// What only shows when all entities are known: circles, and tables of weights that are longer than their entity.
  private func reportReferences(_ fields: [MappingReader]) {
    func name(_ place: ReferenceGraph.Place) -> String {
      "\(entities[place.entity].name).\(entities[place.entity].fieldNames[place.field])"
    }
    for finding in ReferenceGraph(entities.map(\.definition)).findings() {
      switch finding {
      case .circle(let places):
        let key = fields[places[0].entity].pairs[places[0].field].key
        diagnostics.error(
          "cycle", at: key.location, "references run in a circle: \(places.map(name).joined(separator: " -> "))")
      case .wide(let place):
        diagnostics.error(
          "too-large", at: fields[place.entity].pairs[place.field].key.location,
          "more than \(ReferenceGraph.lookupMax) rows are looked at for one value of '\(name(place))'")
      case .long(let place):
        diagnostics.error(
          "too-large", at: fields[place.entity].pairs[place.field].key.location,
          "more than \(ReferenceGraph.chainMax) references follow each other from '\(name(place))' on")
      }
    }
  }

  /// Reports rows that cannot be drawn one by one, and tables of weights with more weights than rows. Called last.
  func checkPicks() {
    for table in weightTables where table.count > entities[table.entity].definition.count {
      diagnostics.error(
        "wrong-value", at: table.location,
        "\(table.what): \(table.count) weights, but '\(entities[table.entity].name)' has \(entities[table.entity].definition.count) rows"
      )
    }
    for picked in pickedEntities {
      guard let ownership = entities[picked.entity].definition.ownership, ownership.least != ownership.most else { continue }
      diagnostics.error(
        "wrong-value", at: picked.location,
        "\(picked.what): not every '\(entities[ownership.owner].name)' has as many rows of '\(entities[picked.entity].name)', so none can be drawn from all; give it a fixed 'count', or use it as the sessions' device"
      )
    }
  }
}
