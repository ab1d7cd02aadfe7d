// Events: each is read once, in its own place, and then laid over its base. Objects are merged field by field, so that an event may add
// one property to those of its base; a field that overrides another keeps the base's place.

import Configuration

/// An event while the schema is read.
struct EventDraft {
  var name: String
  var location: SourceLocation
  /// The event that this one extends.
  var base: String?
  var definition: EventDefinition
  /// Whether all events that it extends, directly or not, are known.
  var hasWholeBase = true
  /// The rows that its fields read.
  var reads: [BindingRead]

  /// Whether it only serves others as their base.
  var isBase: Bool { name.hasPrefix("_") }
}

extension SchemaReader {
  /// All events, bases merged in, in the order of the file.
  func readEvents(_ reader: MappingReader) -> [EventDraft] {
    var own: [String: [FieldDraft]] = [:]
    var bases: [String: (name: String, location: SourceLocation)] = [:]
    var drafts: [EventDraft] = []
    for pair in reader.pairs {
      values.checkName(pair.name, "the name of an event", at: pair.key.location)
      drafts.append(
        EventDraft(
          name: pair.name, location: pair.key.location, definition: EventDefinition(name: pair.name, fields: []), reads: []))
      guard let event = MappingReader(pair.value, "event '\(pair.name)'", values) else { continue }
      if let node = event.node("extends"), let base = values.string(node, event.what("extends")) {
        if own[base] != nil || eventNames.contains(base) {
          bases[pair.name] = (base, node.location)
        } else {
          drafts[drafts.count - 1].hasWholeBase = false
          unknown(node, event.what("extends"), "no event '\(base)'", base, eventNames.filter { $0 != pair.name })
        }
      }
      if let fields = event.mapping("fields") { own[pair.name] = self.fields(fields, of: "event '\(pair.name)'", .sessions) }
      if !event.has("extends"), own[pair.name]?.isEmpty ?? true {
        if event.has("fields") {
          if own[pair.name] != nil { diagnostics.error("wrong-value", at: pair.key.location, "event '\(pair.name)' has no fields") }
        } else {
          event.reportMissing("fields")
        }
      }
      event.finish()
    }
    let circular = reportCycles(bases)
    for index in drafts.indices {
      let merged = merged(drafts[index].name, own, bases, depth: 0)
      drafts[index].base = bases[drafts[index].name]?.name
      var name = drafts[index].name
      for _ in drafts {
        guard let base = bases[name]?.name, let draft = drafts.first(where: { $0.name == base }) else { break }
        if !draft.hasWholeBase || circular.contains(base) { drafts[index].hasWholeBase = false }
        name = base
      }
      drafts[index].definition.fields = merged.map(\.definition)
      drafts[index].reads = merged.flatMap(\.reads)
    }
    return drafts
  }

  private func merged(
    _ name: String, _ own: [String: [FieldDraft]], _ bases: [String: (name: String, location: SourceLocation)], depth: Int
  ) -> [FieldDraft] {
    // A circle has its finding already.
    guard depth <= bases.count, let base = bases[name] else { return own[name] ?? [] }
    return Self.overlay(own[name] ?? [], on: merged(base.name, own, bases, depth: depth + 1))
  }

  private static func overlay(_ fields: [FieldDraft], on base: [FieldDraft]) -> [FieldDraft] {
    var result = base
    for field in fields {
      guard let index = result.firstIndex(where: { $0.name == field.name }) else {
        result.append(field)
        continue
      }
      if case .object(let inner) = field.content, case .object(let baseInner) = result[index].content {
        result[index].content = .object(overlay(inner, on: baseInner))
        if field.optional > 0 { result[index].optional = field.optional }
        if field.nullable > 0 { result[index].nullable = field.nullable }
        result[index].condition = field.condition ?? result[index].condition
      } else {
        result[index] = field
      }
    }
    return result
  }

  /// Names every event that extends itself, over however many others.
  private func reportCycles(_ bases: [String: (name: String, location: SourceLocation)]) -> Set<String> {
    var circular: Set<String> = []
    for name in eventNames {
      var path = [name]
      while let base = bases[path[path.count - 1]]?.name, path.count <= bases.count {
        path.append(base)
        if base == name {
          circular.insert(name)
          diagnostics.error(
            "cycle", at: bases[name]!.location, "event '\(name)' extends itself: \(path.joined(separator: " -> "))")
          break
        }
      }
    }
    return circular
  }
}
