// What kinds of values a schema can put where, worked out without generating any: for checking keys, and the fields that features read.

/// A kind of generated value.
public enum GeneratedKind: Sendable, CaseIterable {
  case null
  case bool
  case integer
  case double
  case string
  case object
  case list
}

/// The definitions that generators refer to.
struct GeneratedKinds {
  var entities: [EntityDefinition]
  var actor: Int?
  /// The entity of each binding; -1 for one that is bound to no entity.
  var bindings: [Int]
  var device: Int?
  /// The entity whose history is written.
  var changed: Int?
  /// For each binding that is a stream: the kinds of that stream's fields.
  var records: [[Set<GeneratedKind>]?] = []

  /// The kinds of values that a field takes.
  func kinds(of field: FieldDefinition) -> Set<GeneratedKind> {
    var seen: Set<Source> = []
    return kinds(of: field, &seen)
  }

  /// The kinds of values that a generator gives; empty where it refers to nothing.
  func kinds(of generator: FieldGenerator) -> Set<GeneratedKind> {
    var seen: Set<Source> = []
    return kinds(of: generator, &seen)
  }

  /// A field that others take their values from; each is looked at once, so that no web of references takes long.
  private struct Source: Hashable {
    var entity: Int
    var field: Int
  }

  private func kinds(of field: FieldDefinition, _ seen: inout Set<Source>) -> Set<GeneratedKind> {
    let kinds = kinds(of: field.generator, &seen)
    return field.nullable > 0 || field.condition != nil ? kinds.union([.null]) : kinds
  }

  private func kinds(of generator: FieldGenerator, _ seen: inout Set<Source>) -> Set<GeneratedKind> {
    switch generator {
    case .const(let value): return [Self.kind(of: value)]
    case .choice(let values, _): return Set(values.map(Self.kind(of:)))
    case .uuid, .text: return [.string]
    case .sequence(let settings): return [settings.text == nil ? .integer : .string]
    case .integer: return [.integer]
    case .bool: return [.bool]
    case .number(let settings): return [settings.decimals == 0 ? .integer : .double]
    case .time(_, .epochMilliseconds), .time(_, .epochSeconds), .time(_, .epochMicroseconds): return [.integer]
    case .time: return [.string]
    case .object, .map: return [.object]
    case .array, .list: return [.list]
    case .oneOf(let generators):
      var kinds: Set<GeneratedKind> = []
      for option in generators { kinds.formUnion(self.kinds(of: option.generator, &seen)) }
      return kinds
    case .from(.sessionIdentifier): return [.string]
    case .from(.session(let fact)): return [fact == .isBot || fact == .isIdentified ? .bool : .integer]
    case .from(.change(let fact)): return [fact == .version ? .integer : .string]
    case .from(.actor(let field)): return actor.map { kinds(entity: $0, field: field, &seen) } ?? []
    case .from(.device(let field)): return device.map { kinds(entity: $0, field: field, &seen) } ?? []
    case .from(.changed(let field)): return changed.map { kinds(entity: $0, field: field, &seen) } ?? []
    case .from(.record(let binding, let field)):
      guard records.indices.contains(binding), let record = records[binding], record.indices.contains(field) else { return [] }
      return record[field]
    case .from(.binding(let binding, let field)):
      return bindings.indices.contains(binding) ? kinds(entity: bindings[binding], field: field, &seen) : []
    case .reference(let entity, let field, _): return kinds(entity: entity, field: field, &seen)
    }
  }

  private func kinds(entity: Int, field: Int, _ seen: inout Set<Source>) -> Set<GeneratedKind> {
    guard entities.indices.contains(entity), entities[entity].fields.indices.contains(field),
      seen.insert(Source(entity: entity, field: field)).inserted
    else { return [] }
    return kinds(of: entities[entity].fields[field], &seen)
  }

  private static func kind(of value: Scalar) -> GeneratedKind {
    switch value {
    case .null: .null
    case .bool: .bool
    case .integer: .integer
    case .double: .double
    case .string: .string
    }
  }
}

extension EventDefinition {
  /// A top-level or nested field.
  public func field(at path: [String]) -> FieldDefinition? {
    var fields = self.fields
    var found: FieldDefinition?
    for name in path {
      guard let field = fields.first(where: { $0.name == name }) else { return nil }
      found = field
      if case .object(let inner) = field.generator { fields = inner } else { fields = [] }
    }
    return found
  }

  /// The generator of a top-level or nested field.
  public func generator(at path: [String]) -> FieldGenerator? { field(at: path)?.generator }

  /// The dotted paths of all fields, objects before what they hold.
  public var fieldPaths: [String] {
    func paths(_ fields: [FieldDefinition], _ prefix: String) -> [String] {
      fields.flatMap { field -> [String] in
        guard case .object(let inner) = field.generator else { return [prefix + field.name] }
        return [prefix + field.name] + paths(inner, prefix + field.name + ".")
      }
    }
    return paths(fields, "")
  }
}

extension EventSchema {
  /// The dotted paths of the fields of all events, each once.
  public var fieldPaths: [String] {
    var seen: Set<String> = []
    return events.flatMap(\.fieldPaths).filter { seen.insert($0).inserted }
  }

  /// The kinds of values that a field takes over all events; nil where no event has it.
  public func kinds(at path: [String]) -> Set<GeneratedKind>? {
    var found: Set<GeneratedKind>?
    for (index, event) in events.enumerated() {
      guard let field = event.field(at: path) else { continue }
      found = (found ?? []).union(kinds(of: event, index).kinds(of: field))
    }
    return found
  }

  /// What the fields of an event refer to.
  private func kinds(of event: EventDefinition, _ index: Int) -> GeneratedKinds {
    guard let stream = streams.firstIndex(where: { $0.event == index }) else {
      return GeneratedKinds(
        entities: entities, actor: sessions?.actor, bindings: sessions?.bindings.map(\.entity) ?? [], device: sessions?.device)
    }
    return kinds(ofStream: stream)
  }

  /// Streams bind streams in chains of bounded length, never in a circle.
  private func kinds(ofStream index: Int) -> GeneratedKinds {
    var changed: Int?
    if case .changes(let changes) = streams[index].content { changed = changes.entity }
    var bindings: [Int] = []
    var records: [[Set<GeneratedKind>]?] = []
    for binding in streams[index].bindings {
      switch binding.target {
      case .entity(let entity, _):
        bindings.append(entity)
        records.append(nil)
      case .stream(let other, _):
        bindings.append(-1)
        let kinds = kinds(ofStream: other)
        records.append(events[streams[other].event].fields.map { kinds.kinds(of: $0) })
      }
    }
    return GeneratedKinds(entities: entities, actor: nil, bindings: bindings, changed: changed, records: records)
  }
}
