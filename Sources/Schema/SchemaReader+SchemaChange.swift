// The incident by which events change their looks: fields that go, get other names, and come. It is applied here, once, so that whoever
// generates has two layouts and no rules.

import Configuration

extension SchemaReader {
  /// What is to be done to the fields, and where it is said.
  private struct Edits {
    var removed: [(path: [String], location: SourceLocation)] = []
    var renamed: [(path: [String], name: String, location: SourceLocation)] = []
    var added: [(path: [String], draft: FieldDraft, location: SourceLocation)] = []
  }

  func schemaChange(
    _ reader: MappingReader, _ definitions: [EventDefinition], _ drafts: inout [EventDraft], keys: [[String]?]
  ) -> Incident.Kind? {
    let sessionCount = definitions.count - streams.count
    var targets = Array(sessionCount > 0 ? 0..<sessionCount : definitions.indices)
    if let node = reader.node("events"), let items = values.list(node, reader.what("events"), min: 1) {
      targets = items.compactMap { item in
        guard let name = values.string(item, "an item in \(reader.what("events"))") else { return nil }
        if let index = definitions.firstIndex(where: { $0.name == name }) { return index }
        let isBase = drafts.contains { $0.name == name }
        unknown(
          item, "an item in \(reader.what("events"))", isBase ? "'\(name)' is only a base" : "no event '\(name)'", name,
          definitions.map(\.name))
        return nil
      }
      if targets.count < items.count { targets = [] }
    }
    for name in ["remove", "rename", "add"] { _ = reader.node(name) }
    guard reader.has("remove") || reader.has("rename") || reader.has("add") else {
      diagnostics.error(
        "missing-field", at: reader.location, "\(reader.subject ?? "") changes nothing; expected 'add', 'remove' or 'rename'")
      return nil
    }
    var changes: [Incident.SchemaChange] = []
    // Fields that are added are read once for the events of sessions, and once for each stream, as those read different rows.
    var sessionEdits: Edits?
    for target in Set(targets).sorted() {
      let isStream = target >= sessionCount
      let edits: Edits
      if !isStream, let sessionEdits {
        edits = sessionEdits
      } else {
        edits = readEdits(reader, isStream ? .stream(target - sessionCount) : .sessions)
        if !isStream { sessionEdits = edits }
      }
      if let change = apply(edits, to: definitions[target], target, reader, key: keys[target]) { changes.append(change) }
      if let draft = drafts.firstIndex(where: { !isStream && $0.name == definitions[target].name }) {
        drafts[draft].reads += edits.added.flatMap(\.draft.reads)
      }
    }
    return changes.isEmpty ? nil : .schemaChange(changes)
  }

  private func readEdits(_ reader: MappingReader, _ owner: FieldOwner) -> Edits {
    var edits = Edits()
    if let node = reader.node("remove"), let items = values.list(node, reader.what("remove"), min: 1) {
      for item in items {
        guard let path = values.string(item, "an item in \(reader.what("remove"))") else { continue }
        edits.removed.append((Self.path(path), item.location))
      }
    }
    if let inner = reader.mapping("rename") {
      for pair in inner.pairs {
        guard let name = values.string(pair.value, inner.what(pair.name)) else { continue }
        values.checkFieldName(name, at: pair.value.location)
        edits.renamed.append((Self.path(pair.name), name, pair.key.location))
      }
    }
    if let inner = reader.mapping("add") {
      for pair in inner.pairs {
        let path = Self.path(pair.name)
        if path.contains("") { values.checkFieldName("", at: pair.key.location) }
        let draft = field(path.last ?? "", pair.value, of: inner.subject ?? "", owner)
        edits.added.append((path, draft, pair.key.location))
      }
    }
    return edits
  }

  private static func path(_ text: String) -> [String] {
    text.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
  }

  /// The changed fields of one event; nil where a path leads nowhere, which is reported.
  private func apply(
    _ edits: Edits, to event: EventDefinition, _ index: Int, _ reader: MappingReader, key: [String]?
  ) -> Incident.SchemaChange? {
    var fields = event.fields
    var isSound = true
    func report(_ code: String, _ location: SourceLocation, _ message: String) {
      diagnostics.error(code, at: location, "\(reader.subject ?? ""): \(message)")
      isSound = false
    }
    func missing(_ path: [String], _ location: SourceLocation) {
      let name = path.joined(separator: ".")
      report(
        "unknown-reference", location,
        "event '\(event.name)' has no field '\(name)'" + Suggestion.hint(for: name, among: event.fieldPaths))
    }
    func isKey(_ path: [String]) -> Bool { key.map { Array($0.prefix(path.count)) == path } ?? false }
    for (path, location) in edits.removed {
      if isKey(path) {
        report(
          "wrong-value", location, "'\(path.joined(separator: "."))' holds the key of event '\(event.name)', which has to stay")
      } else if !Self.edit(&fields, path, { siblings, place in siblings.remove(at: place) }) {
        missing(path, location)
      }
    }
    for (path, name, location) in edits.renamed {
      var isTaken = false
      if isKey(path) {
        report(
          "wrong-value", location,
          "'\(path.joined(separator: "."))' holds the key of event '\(event.name)', which has to keep its name")
      } else if !Self.edit(
        &fields, path,
        { siblings, place in
          isTaken = siblings.contains { $0.name == name }
          siblings[place].name = name
        })
      {
        missing(path, location)
      } else if isTaken {
        report("wrong-value", location, "event '\(event.name)' has a field '\(name)' already")
      }
    }
    for (path, draft, location) in edits.added {
      let parent = Array(path.dropLast())
      var isTaken = false
      let isDone =
        parent.isEmpty
        ? Self.add(draft.definition, to: &fields, &isTaken)
        : Self.edit(
          &fields, parent,
          { siblings, place in
            guard case .object(var inner) = siblings[place].generator else {
              isTaken = true
              return
            }
            _ = Self.add(draft.definition, to: &inner, &isTaken)
            siblings[place].generator = .object(inner)
          })
      if !isDone {
        missing(parent, location)
      } else if isTaken {
        report(
          "wrong-value", location,
          "event '\(event.name)' has a field '\(path.joined(separator: "."))' already, or no object to add it to")
      }
    }
    if fields.isEmpty { report("wrong-value", reader.location, "no field of event '\(event.name)' would be left") }
    return isSound ? Incident.SchemaChange(event: index, fields: fields) : nil
  }

  private static func add(_ field: FieldDefinition, to fields: inout [FieldDefinition], _ isTaken: inout Bool) -> Bool {
    isTaken = fields.contains { $0.name == field.name }
    if !isTaken { fields.append(field) }
    return true
  }

  /// Calls `body` with the fields among which the one at `path` stands, and its index; false where there is none.
  private static func edit(
    _ fields: inout [FieldDefinition], _ path: [String], _ body: (inout [FieldDefinition], Int) -> Void
  ) -> Bool {
    guard let index = fields.firstIndex(where: { $0.name == path.first }) else { return false }
    if path.count == 1 {
      body(&fields, index)
      return true
    }
    guard case .object(var inner) = fields[index].generator else { return false }
    guard edit(&inner, Array(path.dropFirst()), body) else { return false }
    fields[index].generator = .object(inner)
    return true
  }
}
