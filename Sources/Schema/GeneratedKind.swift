// What kinds of values a schema can put where, worked out without generating any: for checking keys, and the fields that features read.

/// A kind of generated value.
public enum GeneratedKind: Sendable, CaseIterable {
  case null
  case bool
  case integer
  case double
  case string
  case object
}

/// The definitions that generators refer to.
struct GeneratedKinds {
  var entities: [EntityDefinition]
  var actor: Int
  /// The entity of each binding.
  var bindings: [Int]

  /// The kinds of values that a generator gives; empty where it refers to nothing.
  func kinds(of generator: FieldGenerator, depth: Int = 0) -> Set<GeneratedKind> {
    switch generator {
    case .const(let value): return [Self.kind(of: value)]
    case .choice(let values, _): return Set(values.map(Self.kind(of:)))
    case .uuid, .sequence: return [.string]
    case .integer: return [.integer]
    case .number(let settings): return [settings.decimals == 0 ? .integer : .double]
    case .time(_, let format): return [format == .rfc3339Milliseconds ? .string : .integer]
    case .object: return [.object]
    case .from(.sessionIdentifier): return [.string]
    case .from(.actor(let field)): return kinds(entity: actor, field: field, depth: depth)
    case .from(.binding(let binding, let field)):
      return bindings.indices.contains(binding) ? kinds(entity: bindings[binding], field: field, depth: depth) : []
    case .reference(let entity, let field, _): return kinds(entity: entity, field: field, depth: depth)
    }
  }

  private func kinds(entity: Int, field: Int, depth: Int) -> Set<GeneratedKind> {
    // References that run in a circle are an error of their own.
    guard entities.indices.contains(entity), entities[entity].fields.indices.contains(field), depth < 32 else { return [] }
    return kinds(of: entities[entity].fields[field].generator, depth: depth + 1)
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
  /// The generator of a top-level or nested field.
  public func generator(at path: [String]) -> FieldGenerator? {
    var fields = self.fields
    var found: FieldGenerator?
    for name in path {
      guard let field = fields.first(where: { $0.name == name }) else { return nil }
      found = field.generator
      if case .object(let inner) = field.generator { fields = inner } else { fields = [] }
    }
    return found
  }

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
    let generators = events.compactMap { $0.generator(at: path) }
    guard !generators.isEmpty else { return nil }
    let kinds = GeneratedKinds(entities: entities, actor: sessions.actor, bindings: sessions.bindings.map(\.entity))
    return generators.reduce(into: []) { $0.formUnion(kinds.kinds(of: $1)) }
  }
}
