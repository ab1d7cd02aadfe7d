// The references between the fields of entities, checked before anyone follows them: none may run in a circle, and none may be so long that
// following it costs more than a value is worth. Depth-first search with a stack of its own, so that no file exhausts the program's.

/// Fields are numbered over all entities.
struct ReferenceGraph {
  /// The longest chain of references.
  static let chainMax = 16
  /// The most rows that are looked at for one value.
  static let lookupMax = 10_000

  enum Finding: Equatable {
    /// The fields on the way, the first one again at the end.
    case circle([Place])
    case long(Place)
    case wide(Place)
  }

  struct Place: Hashable {
    var entity: Int
    var field: Int
  }

  private let entities: [EntityDefinition]

  init(_ entities: [EntityDefinition]) { self.entities = entities }

  /// Each circle once, at the field where the search enters it, and each field that begins too long a chain of which none of the next does.
  func findings() -> [Finding] {
    var findings: [Finding] = []
    /// How many references follow from a field; -1 while it is on the stack.
    var lengths: [Place: Int] = [:]
    /// How many fields are looked at for a value of a field, itself included.
    var lookups: [Place: Int] = [:]
    for entity in entities.indices {
      for field in entities[entity].fields.indices where lengths[Place(entity: entity, field: field)] == nil {
        var stack: [(place: Place, targets: [Place], next: Int, length: Int)] = []
        func push(_ place: Place) {
          lengths[place] = -1
          stack.append((place, targets(of: place), 0, 0))
        }
        push(Place(entity: entity, field: field))
        while let top = stack.last {
          guard top.next < top.targets.count else {
            stack.removeLast()
            lengths[top.place] = top.length
            if top.length == Self.chainMax + 1 { findings.append(.long(top.place)) }
            let parts = top.targets.map { lookups[$0] ?? 1 }
            // Saturates, so that those that look at one too wide are not reported again.
            let count = min(parts.reduce(1) { min($0 + $1, Self.lookupMax + 1) }, Self.lookupMax + 1)
            if count > Self.lookupMax, !parts.contains(where: { $0 > Self.lookupMax }) { findings.append(.wide(top.place)) }
            lookups[top.place] = count
            if !stack.isEmpty { stack[stack.count - 1].length = max(stack[stack.count - 1].length, top.length + 1) }
            continue
          }
          stack[stack.count - 1].next += 1
          let target = top.targets[top.next]
          switch lengths[target] {
          case nil: push(target)
          case -1:
            let start = stack.firstIndex { $0.place == target } ?? 0
            findings.append(.circle(stack[start...].map(\.place) + [target]))
          case let length?: stack[stack.count - 1].length = max(stack[stack.count - 1].length, length + 1)
          }
        }
      }
    }
    return findings
  }

  private func targets(of place: Place) -> [Place] {
    var targets: [Place] = []
    entities[place.entity].fields[place.field].generator.visit { generator in
      if case .reference(let entity, let field, _) = generator { targets.append(Place(entity: entity, field: field)) }
    }
    return targets
  }
}

extension FieldGenerator {
  /// Calls `body` with this generator and all that it holds.
  func visit(_ body: (FieldGenerator) -> Void) {
    body(self)
    switch self {
    case .object(let fields): for field in fields { field.generator.visit(body) }
    case .array(let item, _): item.visit(body)
    case .list(let items): for item in items { item.visit(body) }
    case .map(let keys, let values, _):
      keys.visit(body)
      values.visit(body)
    case .oneOf(let options): for option in options { option.generator.visit(body) }
    case .text(let pieces): for piece in pieces { piece.visit(body) }
    default: break
    }
  }
}

extension TextPiece {
  fileprivate func visit(_ body: (FieldGenerator) -> Void) {
    switch self {
    case .literal, .characters: break
    case .value(let generator): generator.visit(body)
    case .alternatives(let alternatives, _): for pieces in alternatives { for piece in pieces { piece.visit(body) } }
    case .repeated(let pieces, _): for piece in pieces { piece.visit(body) }
    }
  }
}
