// Schemas grown from a seed, for tests of what has to hold whatever a schema says: two streams, of which the second reads records of the first,
// over entities that refer to each other.

import Base
import Schema

struct RandomSchemas {
  private var random: Random
  /// Names are unique within an object.
  private var nameCount = 0

  init(seed: UInt64) { random = Random(seed: seed, 0x666f_726d, 0) }

  static func schema(seed: UInt64, format: RecordFormat) -> EventSchema {
    var schemas = RandomSchemas(seed: seed)
    return schemas.schema(seed, format)
  }

  private mutating func schema(_ seed: UInt64, _ format: RecordFormat) -> EventSchema {
    let shop = EntityDefinition(name: "shop", count: 7, keyField: 0, fields: [key("id")] + fields(depth: 1, most: 3, of: nil))
    var user = EntityDefinition(name: "user", count: 50, keyField: 0, fields: [key("id")] + fields(depth: 2, most: 4, of: nil))
    user.fields.append(
      FieldDefinition(
        name: "shop", generator: .reference(entity: 0, field: Int(random.below(UInt64(shop.fields.count))), pick: .uniform),
        nullable: chance(0.3) ? 0.3 : 0))
    let first = [keyField()] + fields(depth: 3, most: 6, of: .first(user: user.fields.count))
    let second = [keyField()] + fields(depth: 3, most: 6, of: .second(user: user.fields.count, first: first))
    return EventSchema(
      name: "fuzz \(seed)", seed: seed, clock: ClockSettings(startMilliseconds: 0, mode: .simulated), entities: [shop, user],
      sessions: nil,
      streams: [
        StreamModel(
          name: "first", load: .constant(10), bindings: [.init(name: "user", target: .entity(1, pick: .zipf(exponent: 1.1)))],
          event: 0),
        StreamModel(
          name: "second", load: .constant(7),
          bindings: [
            .init(name: "user", target: .entity(1, pick: .uniform)),
            .init(name: "first", target: .stream(0, withinMilliseconds: 5_000)),
          ], event: 1),
      ],
      events: [EventDefinition(name: "first", fields: first), EventDefinition(name: "second", fields: shuffled(second))],
      outputs: [OutputSettings(topic: "t", keyPath: ["key"], format: format)])
  }

  // MARK: - Fields

  /// What a field may take its value from.
  private enum Scope {
    case first(user: Int)
    case second(user: Int, first: [FieldDefinition])
  }

  private func key(_ name: String) -> FieldDefinition {
    FieldDefinition(name: name, generator: .sequence(SequenceSettings(text: .init(prefix: "k", minimumDigits: 3, suffix: ""))))
  }

  private mutating func keyField() -> FieldDefinition {
    let generator: FieldGenerator =
      switch random.below(5) {
      case 0: .choice([.string("a,b"), .string("say \"hi\""), .string("plain"), .string("")], weights: [1, 1, 1, 1])
      case 1: .integer(-500...70_000)
      case 2: .choice([.integer(5), .string("5"), .null], weights: [1, 1, 1])
      case 3: .text([.literal("x"), .characters(Array("ab\",\n"), count: 0...80)])
      default: .from(.binding(0, field: 0))
      }
    return FieldDefinition(name: "key", generator: generator, nullable: chance(0.3) ? 0.3 : 0)
  }

  private mutating func fields(depth: Int, most: Int, of scope: Scope?) -> [FieldDefinition] {
    (0...Int(random.below(UInt64(most)))).map { _ in
      nameCount += 1
      // Shared names make shared columns.
      let name = chance(0.3) ? "shared" + ["_a", "_b", "_c"][nameCount % 3] : "f\(nameCount)"
      return FieldDefinition(
        name: name, generator: generator(depth: depth, scope), optional: chance(0.2) ? 0.4 : 0, nullable: chance(0.2) ? 0.4 : 0,
        condition: chance(0.1) ? .identified : nil)
    }.reduce(into: []) { fields, field in if !fields.contains(where: { $0.name == field.name }) { fields.append(field) } }
  }

  private mutating func generator(depth: Int, _ scope: Scope?) -> FieldGenerator {
    let kinds = depth > 0 ? 22 : 14
    switch random.below(UInt64(kinds)) {
    case 0: return .const(scalar())
    case 1: return choice()
    case 2: return .uuid(.v4)
    case 3: return .integer(Int64.min...Int64.max)
    case 4: return .integer(-3...300)
    case 5:
      return .number(NumberSettings(distribution: .lognormal(median: 24, sigma: 2), clamp: nil, decimals: [nil, 0, 2, 6][pick(4)]))
    case 6: return .number(NumberSettings(distribution: .normal(mean: 0, sd: 1e14), clamp: nil, decimals: [nil, 0, 3][pick(3)]))
    case 7: return .bool([0, 0.5, 1][pick(3)])
    case 8:
      let frame = chance(0.5) ? nil : SequenceSettings.Frame(prefix: chance(0.5) ? "a, \"" : "n", minimumDigits: 4, suffix: "!")
      return .sequence(SequenceSettings(text: frame, start: -3, step: 2, period: chance(0.5) ? 5 : nil))
    case 9: return .time(.between(1_000_000_000_123...1_700_000_000_456), timeFormat())
    case 10, 11: return .text(pieces(depth: depth, scope))
    case 12, 13: return bound(scope)
    case 14, 15: return .object(fields(depth: depth - 1, most: 3, of: scope))
    case 16, 17: return .array(generator(depth: depth - 1, scope), count: .uniformInteger(0, 3))
    case 18: return .list((0..<pick(4)).map { _ in generator(depth: depth - 1, scope) })
    case 19:
      return .map(
        keys: .text([.literal("k\""), .characters(Array("abc"), count: 1...2)]), values: generator(depth: depth - 1, scope),
        count: .uniformInteger(0, 3))
    default: return .oneOf((0...1 + pick(2)).map { _ in (generator(depth: depth - 1, scope), weight: 1) })
    }
  }

  private mutating func bound(_ scope: Scope?) -> FieldGenerator {
    switch scope {
    case .first(let user): return .from(.binding(0, field: pick(user)))
    case .second(let user, let first):
      return chance(0.5) ? .from(.binding(0, field: pick(user))) : .from(.record(1, field: pick(first.count)))
    case nil: return .reference(entity: 0, field: 0, pick: .uniform)
    }
  }

  private mutating func choice() -> FieldGenerator {
    let count = 1 + pick(4)
    let isText = chance(0.5)
    let values = (0..<count).map { _ in isText ? Scalar.string(text()) : scalar() }
    return .choice(values, weights: values.map { _ in 1 })
  }

  private mutating func scalar() -> Scalar {
    switch random.below(6) {
    case 0: .null
    case 1: .bool(chance(0.5))
    case 2: .integer(Int64(bitPattern: random.next()))
    case 3: .double([1e-7, -0.1, 1e300, 2][pick(4)])
    default: .string(text())
    }
  }

  private mutating func text() -> String {
    [
      "", "plain", "with, comma", "\"quoted\"", "line\nfeed\r\n", "tab\t", "ü€😀", "back\\slash", " spaces ", "\u{1}",
      String(repeating: "long, \"text\" ", count: 12),
    ][pick(11)]
  }

  private mutating func timeFormat() -> TimeFormat {
    [
      .rfc3339Milliseconds, .rfc3339Seconds, .epochMilliseconds, .epochSeconds, .epochMicroseconds,
      .pattern([.day, .literal("/, \""), .monthAbbreviation, .literal("/"), .year]),
    ][pick(6)]
  }

  private mutating func pieces(depth: Int, _ scope: Scope?) -> [TextPiece] {
    (0...pick(3)).map { _ in
      switch random.below(6) {
      case 0: return .literal(text())
      case 1: return .characters(Array("abc\"é,"), count: 0...3)
      case 2: return .characters(Array("0123456789"), count: 2...40)
      case 3: return .value(choice())
      case 4: return .alternatives([[.literal("one")], [.literal("two, "), .value(.integer(1...9))]], weights: [1, 2])
      default: return .repeated([.literal("-"), .characters(Array("xy"), count: 1...1)], count: 0...6)
      }
    }
  }

  private mutating func shuffled(_ fields: [FieldDefinition]) -> [FieldDefinition] {
    var fields = fields
    for index in fields.indices.reversed() where chance(0.5) { fields.swapAt(index, pick(index + 1)) }
    return fields
  }

  private mutating func chance(_ probability: Double) -> Bool { random.unit() < probability }
  private mutating func pick(_ count: Int) -> Int { Int(random.below(UInt64(count))) }
}
