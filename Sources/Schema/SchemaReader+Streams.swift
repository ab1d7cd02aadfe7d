// Streams: first all names, so that one may bind another, then what each consists of, then their fields, those of a bound stream before those
// of the one that binds it.

import Configuration

/// A name that a stream binds a row or a record to.
struct StreamBindingDraft {
  var name: String
  /// One of the two; neither where the binding could not be read.
  var entity: Int?
  var stream: Int?
  var pick = RowPick.uniform
  var withinMilliseconds: Int64 = 0
}

/// A stream while the schema is read.
struct StreamDraft {
  /// `changes:`, as far as it could be read.
  struct Changes {
    var entity: Int?
    var model: StreamModel.Changes?
  }

  var name: String
  var location: SourceLocation
  /// Where its settings stand: the stream's own mapping, or the whole file.
  var reader: MappingReader
  var fieldNames: [String] = []
  var changes: Changes?
  var load: LoadShape?
  var bindings: [StreamBindingDraft] = []
  var fields: [FieldDraft] = []
  var fieldKinds: [Set<GeneratedKind>] = []

  /// How messages name it.
  var subject: String { "stream '\(name)'" }
}

extension SchemaReader {
  /// What a stream consists of, apart from where it goes.
  static let streamSettings = ["rate", "load", "bind", "key", "fields", "changes"]
  /// The longest chain of streams that bind each other.
  static let streamChainMax = 16

  /// Reads streams up to their fields. `parts` are their names and where their settings stand.
  func readStreams(_ parts: [(name: String, location: SourceLocation, reader: MappingReader)]) {
    for (name, location, reader) in parts {
      var draft = StreamDraft(name: name, location: location, reader: reader)
      if let changesReader = reader.mapping("changes") {
        draft.changes = readChanges(changesReader, &draft)
      }
      if case .mapping(let pairs)? = reader.node("fields")?.content {
        draft.fieldNames = pairs.map { $0.key.scalarText ?? "" }
      } else if let entity = draft.changes?.entity {
        draft.fieldNames = entities[entity].fieldNames
      }
      streams.append(draft)
    }
    for index in streams.indices {
      readStreamLoad(index)
      if let binds = streams[index].reader.mapping("bind") { streams[index].bindings = readStreamBinds(binds, index) }
    }
    for index in streamOrder() {
      readStreamFields(index)
      let kinds = generatedKinds(.stream(index))
      streams[index].fieldKinds = streams[index].fields.map { kinds.kinds(of: $0.definition) }
    }
    for read in recordReads where streams[read.stream].fields.indices.contains(read.field) {
      let field = streams[read.stream].fields[read.field]
      guard field.optional > 0 else { continue }
      diagnostics.error(
        "wrong-value", at: read.location,
        "\(read.what): '\(field.name)' of \(streams[read.stream].subject) may be left out, so it cannot be read; make it 'nullable' instead"
      )
    }
  }

  private func reportMissing(_ name: String, _ stream: StreamDraft, _ hint: String = "") {
    let place = stream.reader.subject.map { " in \($0)" } ?? ""
    diagnostics.error("missing-field", at: stream.reader.location, "missing field '\(name)'\(place)\(hint)")
  }

  // MARK: - Parts

  /// `rate` or `load`; a stream of changes may have its rate beside what changes.
  private func readStreamLoad(_ index: Int) {
    let reader = streams[index].reader
    let present = ["rate", "load"].filter { reader.node($0) != nil }
    let hasOwn = streams[index].load != nil || reader.mapping("changes")?.has("rate") ?? false
    guard present.count + (hasOwn ? 1 : 0) < 2 else {
      diagnostics.error(
        "wrong-value", at: reader.keyLocation(present.last ?? "rate"),
        "\(reader.what(present.last ?? "rate")): the rate of \(streams[index].subject) is given twice")
      return
    }
    if let name = present.first, let node = reader.node(name) {
      streams[index].load =
        name == "rate" ? rate(node, reader.what("rate")).map { .constant($0) } : readLoad(node, reader.what("load"))
    } else if !hasOwn {
      reportMissing("rate", streams[index], "; expected 'rate' or 'load'")
    }
  }

  private func readChanges(_ reader: MappingReader, _ draft: inout StreamDraft) -> StreamDraft.Changes {
    var entity: Int?
    if let node = reader.required("of"), let name = values.string(node, reader.what("of")) {
      entity = entities.firstIndex { $0.name == name }
      if let entity {
        markUsed(entity)
        pickedEntities.append((entity, node.location, reader.what("of")))
      } else {
        unknown(node, reader.what("of"), "no entity '\(name)'", name, entities.map(\.name))
      }
    }
    if let node = reader.node("rate") { draft.load = rate(node, reader.what("rate")).map { .constant($0) } }
    let hasSnapshot = reader.bool("snapshot") ?? false
    let deleteShare = reader.node("delete").map { values.share($0, reader.what("delete")) } ?? 0
    let pick = reader.node("pick").map { readPick($0, reader.what("pick"), of: entity) } ?? .uniform
    let fieldsNode = reader.node("fields")
    reader.finish()
    guard let entity else { return StreamDraft.Changes() }
    let definition = entities[entity].definition
    var changing: [Int]? = definition.fields.indices.filter { $0 != definition.keyField }
    if let fieldsNode { changing = changingFields(fieldsNode, reader.what("fields"), of: entity) }
    guard let changing, let deleteShare, let pick else { return StreamDraft.Changes(entity: entity) }
    let model = StreamModel.Changes(
      entity: entity, hasSnapshot: hasSnapshot, changingFields: changing, deleteShare: deleteShare, pick: pick)
    return StreamDraft.Changes(entity: entity, model: model)
  }

  private func changingFields(_ node: ConfigurationNode, _ what: String, of entity: Int) -> [Int]? {
    guard let items = values.list(node, what, min: 1) else { return nil }
    var indices: [Int] = []
    for item in items {
      guard let name = values.string(item, "an item in \(what)") else { continue }
      guard let field = entities[entity].fieldNames.firstIndex(of: name) else {
        unknown(
          item, "an item in \(what)", "no field '\(name)' in entity '\(entities[entity].name)'", name, entities[entity].fieldNames)
        continue
      }
      if field == entities[entity].definition.keyField {
        diagnostics.error("wrong-value", at: item.location, "an item in \(what): '\(name)' is the key, which never changes")
      } else if !indices.contains(field) {
        indices.append(field)
      }
    }
    return indices.count == items.count ? indices : nil
  }

  // MARK: - Bindings

  private func readStreamBinds(_ reader: MappingReader, _ index: Int) -> [StreamBindingDraft] {
    reader.pairs.map { pair in
      values.checkName(pair.name, "a name that is bound", at: pair.key.location)
      if pair.name == "session" || pair.name == "row" {
        diagnostics.error(
          "wrong-value", at: pair.key.location,
          "'\(pair.name)' always means \(pair.name == "row" ? "the row that changes" : "a session") and cannot be bound")
      }
      var draft = StreamBindingDraft(name: pair.name)
      guard let inner = MappingReader(pair.value, reader.what(pair.name), values) else { return draft }
      if let withinNode = inner.node("within") {
        readStreamReference(inner, withinNode, &draft)
        if inner.has("pick") {
          diagnostics.error(
            "unknown-field", at: inner.keyLocation("pick"), "\(inner.what("pick")) goes with an entity; records are drawn evenly")
          _ = inner.node("pick")
        }
        inner.finish()
        return draft
      }
      draft.entity = readEntityReference(inner) { name in
        guard self.streams.contains(where: { $0.name == name }) else { return nil }
        return "to bind a record of the stream '\(name)', say how old it may be, as in 'within: 10m'"
      }
      if let node = inner.node("pick") { draft.pick = readPick(node, inner.what("pick"), of: draft.entity) ?? .uniform }
      inner.finish()
      if let entity = draft.entity {
        pickedEntities.append((entity, inner.node("ref")?.location ?? inner.location, inner.what("ref")))
      }
      return draft
    }
  }

  /// A record of another stream, `within` some time.
  private func readStreamReference(_ reader: MappingReader, _ withinNode: ConfigurationNode, _ draft: inout StreamBindingDraft) {
    let what = reader.what("within")
    if let within = values.duration(withinNode, what) {
      if Double(within) > ValueReader.durationMax {
        values.mismatch(withinNode, what, expected: "a duration of at most 36525d", code: "wrong-value")
      }
      draft.withinMilliseconds = within
    }
    guard let node = reader.required("ref"), let name = values.string(node, reader.what("ref")) else { return }
    guard let other = streams.firstIndex(where: { $0.name == name }) else {
      if entities.contains(where: { $0.name == name }) {
        diagnostics.error(
          "wrong-value", at: reader.keyLocation("within"),
          "\(what): '\(name)' is an entity, whose rows have no age; leave 'within' out")
      } else {
        unknown(node, reader.what("ref"), "no stream '\(name)'", name, streams.map(\.name))
      }
      return
    }
    guard streams[other].changes == nil else {
      diagnostics.error(
        "wrong-value", at: node.location,
        "\(reader.what("ref")): '\(name)' is a stream of changes, of which no record can be bound; bind the entity")
      return
    }
    draft.stream = other
  }

  /// The streams in an order in which each comes after those it binds. Reports circles, and chains that are too long, and cuts them.
  private func streamOrder() -> [Int] {
    var order: [Int] = []
    /// The length of the chain that a stream begins; -1 while that is looked for.
    var lengths: [Int: Int] = [:]
    func visit(_ index: Int, _ path: [Int]) -> Int {
      if let length = lengths[index] { return length }
      lengths[index] = -1
      var length = 0
      for binding in streams[index].bindings.indices {
        guard let other = streams[index].bindings[binding].stream else { continue }
        let path = path + [index]
        if lengths[other] == -1 {
          let circle = path[path.firstIndex(of: other)!...].map { streams[$0].name } + [streams[other].name]
          diagnostics.error(
            "cycle", at: streams[index].location, "streams bind each other in a circle: \(circle.joined(separator: " -> "))")
          streams[index].bindings[binding].stream = nil
        } else if path.count >= Self.streamChainMax {
          diagnostics.error(
            "too-large", at: streams[index].location,
            "more than \(Self.streamChainMax) streams bind each other in a chain: \(path.map { streams[$0].name }.joined(separator: " -> "))"
          )
          streams[index].bindings[binding].stream = nil
        } else {
          let rest = visit(other, path) + 1
          length = max(length, rest)
        }
      }
      lengths[index] = length
      order.append(index)
      return length
    }
    for index in streams.indices { _ = visit(index, []) }
    return order
  }

  // MARK: - Fields

  private func readStreamFields(_ index: Int) {
    let reader = streams[index].reader
    if let node = reader.node("fields") {
      guard let fieldsReader = MappingReader(node, reader.what("fields"), values) else { return }
      if fieldsReader.pairs.isEmpty {
        values.mismatch(node, reader.what("fields"), expected: "at least one entry", code: "wrong-value")
      }
      streams[index].fields = fields(fieldsReader, of: streams[index].subject, .stream(index))
    } else if let entity = streams[index].changes?.entity {
      streams[index].fields = entities[entity].definition.fields.indices.map { field in
        FieldDraft(name: entities[entity].fieldNames[field], content: .leaf(.from(.changed(field: field))))
      }
    } else if streams[index].changes == nil {
      reportMissing("fields", streams[index])
    }
  }

  /// The model of a sound stream whose record is the event with this index.
  func model(ofStream index: Int, event: Int) -> StreamModel? {
    let draft = streams[index]
    guard let load = draft.load else { return nil }
    var content = StreamModel.Content.records
    if let changes = draft.changes {
      guard let model = changes.model else { return nil }
      content = .changes(model)
    }
    let bindings = draft.bindings.compactMap { binding -> StreamModel.Binding? in
      if let entity = binding.entity { return .init(name: binding.name, target: .entity(entity, pick: binding.pick)) }
      return binding.stream.map { .init(name: binding.name, target: .stream($0, withinMilliseconds: binding.withinMilliseconds)) }
    }
    guard bindings.count == draft.bindings.count else { return nil }
    return StreamModel(name: draft.name, load: load, content: content, bindings: bindings, event: event)
  }
}
