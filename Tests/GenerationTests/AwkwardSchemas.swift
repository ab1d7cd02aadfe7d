// Schemas made by a seed: trees of every generator, at every depth that the language allows, with names, texts and numbers that are awkward.
// What they promise is what `SchemaReader` promises, so a plan must be able to run each.

import Base
import Foundation
import Schema

struct AwkwardSchemas {
  private var random: Random
  private var names = 0

  init(seed: UInt64) { random = Random(seed: seed, 0x5343_4845_4d41, 0) }

  /// One entity, sessions of two states with an event each, the key under an object that may be null.
  mutating func schema(_ format: RecordFormat, seed: UInt64) -> EventSchema {
    let isAvro = format == .avro
    let user = EntityDefinition(
      name: "user", count: 1 + pick(1000), keyField: 0,
      fields: [FieldDefinition(name: "id", generator: .uuid(.v4))]
        + (0..<4).map { _ in
          FieldDefinition(name: name(), generator: generator(depth: 3, isEntity: true), nullable: chance(0.3) ? 0.4 : 0)
        })
    let events = ["first", "second"].map { event in
      let identity = FieldDefinition(
        name: "identity",
        generator: .object([
          FieldDefinition(name: "before", generator: .integer(0...9), optional: chance(0.5) ? 0.5 : 0),
          FieldDefinition(name: "key", generator: key(), nullable: chance(0.3) ? 0.3 : 0),
        ]), nullable: chance(0.5) ? 0.4 : 0, condition: chance(0.2) ? .identified : nil)
      var fields = fields(depth: 0)
      fields.insert(identity, at: pick(fields.count + 1))
      return EventDefinition(name: event, fields: fields)
    }
    let state = { (event: Int) in
      SessionModel.State(
        name: "s\(event)", event: event, think: .exponential(mean: 1000), binds: [], next: [(1 - event, 2), (nil, 1)])
    }
    let sessions = SessionModel(
      actor: 0, actorPick: .zipf(exponent: 1.1), arrivalsPerSecond: 50, profiles: [], identifierField: "session_id",
      identifierVersion: .v7, timeoutMilliseconds: nil, anonymousShare: 0.5,
      bots: .init(share: 0.1, think: .constant(10), actorCount: 3), bindings: [], states: [state(0), state(1)],
      initial: [(0, 1), (1, 1)])
    var faults = FaultModel()
    faults.missing = .init(rate: 0.1, paths: [])
    if !isAvro { faults.wrongType = .init(rate: 0.1, paths: []) }
    return EventSchema(
      name: "random", seed: seed, clock: ClockSettings(startMilliseconds: nil, mode: .simulated), entities: [user],
      sessions: sessions, events: events, outputs: [OutputSettings(keyPath: ["identity", "key"], format: format)], faults: faults)
  }

  // MARK: - Fields

  private mutating func fields(depth: Int) -> [FieldDefinition] {
    (0..<(1 + pick(6))).map { _ in
      FieldDefinition(
        name: name(), generator: generator(depth: depth), optional: chance(0.4) ? 0.5 : 0, nullable: chance(0.3) ? 0.3 : 0,
        condition: chance(0.1) ? SessionCondition.allCases[pick(4)] : nil)
    }
  }

  private mutating func key() -> FieldGenerator {
    switch pick(5) {
    case 0: .uuid(.v4)
    case 1: .integer(.min ... .max)
    case 2: .from(.actor(field: 0))
    case 3: .choice([.string("a\"b\\c\n"), .string("ü,€"), .string("")], weights: [1, 2, 3])
    default: .text([.literal("\u{1}k\""), .characters(["a", "\"", "\\", "\n", "€"], count: 0...40)])
    }
  }

  private mutating func generator(depth: Int, isEntity: Bool = false) -> FieldGenerator {
    let compound = depth < 6 ? 6 : 0
    switch pick(14 + compound) {
    case 0: return .const(scalar())
    case 1:
      let count = [1, 2, 5, 300][pick(4)]
      return .choice((0..<count).map { _ in scalar() }, weights: (0..<count).map { _ in chance(0.1) ? 1e-12 : 0.1 + random.unit() })
    case 2: return .uuid(isEntity || chance(0.5) ? .v4 : .v7)
    case 3:
      let bounds = [Int64.min, .max, 0, -1, 1, 99_999_999, 100_000_000, -10_000_000_000_000_000]
      let (a, b) = (bounds[pick(bounds.count)], bounds[pick(bounds.count)])
      return .integer(min(a, b)...max(a, b))
    case 4, 5:
      return .number(
        NumberSettings(
          distribution: number(), clamp: chance(0.2) ? -1e15...1e15 : nil, decimals: chance(0.3) ? nil : pick(10)))
    case 6: return .bool([0, 0.3, 1][pick(3)])
    case 7:
      let frame = SequenceSettings.Frame(prefix: text(), minimumDigits: 1 + pick(19), suffix: text())
      return .sequence(
        SequenceSettings(
          text: chance(0.5) ? frame : nil, start: chance(0.5) ? -1_000_000_000_000_000 : 1_000_000_000_000_000,
          step: chance(0.5) ? -1_000_000 : 1_000_000, period: chance(0.5) ? 3 : nil))
    case 8, 9:
      let between = TimeSource.between(-62_000_000_000_000...253_000_000_000_000)
      let source: TimeSource = isEntity ? between : [.event, .sent, between][pick(3)]
      let pieces: [TimePiece] = [
        .literal("a \"q\" "), .year, .yearOfCentury, .month, .day, .dayPadded, .dayOfYear, .hour, .hour12, .minute, .second,
        .milliseconds, .microseconds, .monthName, .monthAbbreviation, .weekdayName, .weekdayAbbreviation, .meridiem, .epochSeconds,
        .literal(String(repeating: "é", count: 50)),
      ]
      return .time(
        source,
        [
          .rfc3339Milliseconds, .rfc3339Seconds, .epochMilliseconds, .epochSeconds, .epochMicroseconds,
          .pattern((0..<(1 + pick(20))).map { _ in pieces[pick(pieces.count)] }),
        ][pick(6)])
    case 10, 11: return .text(pieces(depth: 0, isEntity))
    case 12:
      guard !isEntity else { return .const(scalar()) }
      return .from(
        [.sessionIdentifier, .session(SessionFact.allCases[pick(4)]), .actor(field: pick(5)), .actor(field: pick(5))][pick(4)])
    case 13: return .const(.string(String(repeating: "x", count: pick(100))))
    case 14, 15: return .object(chance(0.1) ? [] : plain(depth: depth + 1, isEntity))
    case 16: return .array(generator(depth: depth + 1, isEntity: isEntity), count: count())
    case 17: return .list((0..<pick(5)).map { _ in generator(depth: depth + 1, isEntity: isEntity) })
    case 18:
      let keys: FieldGenerator = chance(0.5) ? .text(pieces(depth: 2, isEntity)) : .text([.value(.integer(0...99))])
      return .map(keys: keys, values: generator(depth: depth + 1, isEntity: isEntity), count: count())
    default:
      return .oneOf((0..<(1 + pick(4))).map { _ in (generator(depth: depth + 1, isEntity: isEntity), 0.5 + random.unit()) })
    }
  }

  /// Inside a value, fields are optional and nullable too, but know no session.
  private mutating func plain(depth: Int, _ isEntity: Bool) -> [FieldDefinition] {
    (0..<(1 + pick(4))).map { _ in
      FieldDefinition(
        name: name(), generator: generator(depth: depth, isEntity: isEntity), optional: !isEntity && chance(0.5) ? 0.6 : 0,
        nullable: chance(0.3) ? 0.3 : 0)
    }
  }

  private mutating func pieces(depth: Int, _ isEntity: Bool) -> [TextPiece] {
    (0..<pick(5)).map { _ in
      switch pick(depth < 4 ? 6 : 3) {
      case 0: return .literal(text())
      case 1:
        let sets: [[Character]] = [
          Array("abc"), ["\"", "\\", "\u{1}", "\n"], ["€", "ü", "x"], ["👩‍👩‍👧‍👦", "a"],
          (0..<300).map { Character(Unicode.Scalar(0x4e00 + $0)!) },
        ]
        let least = pick(3)
        return .characters(sets[pick(sets.count)], count: least...(least + pick(40)))
      case 2:
        return .value(
          [.uuid(.v4), .integer(.min ... .max), .bool(0.5), .number(NumberSettings(distribution: number(), decimals: 3))][pick(4)])
      case 3: return .alternatives([pieces(depth: depth + 1, isEntity), [.literal(text())]], weights: [1, 2])
      case 4: return .alternatives([[.literal(text())], [.literal(text())]], weights: [1, 1])
      default:
        let least = pick(4)
        return .repeated(pieces(depth: depth + 1, isEntity), count: least...(least + pick(4)))
      }
    }
  }

  // MARK: - Leaves

  private mutating func number() -> Distribution {
    switch pick(11) {
    case 0: .constant(-1e15)
    case 1: .uniform(-1e15, 1e15)
    case 2: .normal(mean: 0, sd: 1e15)
    case 3: .lognormal(median: 24, sigma: 5)
    case 4: .exponential(mean: 1e15)
    case 5: .pareto(minimum: 1, alpha: 0.1, maximum: nil)
    case 6: .poisson(mean: 1e9)
    case 7: .zipf(exponent: 1.1, count: 1_000_000)
    case 8: .histogram(edges: [-1e15, 0, 1e-9, 1e15], weights: [1, 2, 1])
    case 9: .mixture([.init(.constant(0.1), weight: 1), .init(.uniform(0, 1e-7), weight: 1)])
    default: .pareto(minimum: 1e-12, alpha: 50, maximum: 1e15)
    }
  }

  private mutating func count() -> Distribution {
    switch pick(6) {
    case 0: .constant(Double(pick(4)))
    case 1: .uniformInteger(0, 5)
    case 2: .poisson(mean: 1)
    case 3: .exponential(mean: 1)
    case 4: .uniform(0, 4)
    default: .lognormal(median: 1, sigma: 0.3)
    }
  }

  private mutating func scalar() -> Scalar {
    switch pick(6) {
    case 0: .null
    case 1: .bool(chance(0.5))
    case 2: .integer(chance(0.5) ? .min : .max)
    case 3: .double([0.1, -1e300, Double.leastNonzeroMagnitude, 1e22][pick(4)])
    default: .string(text())
    }
  }

  private mutating func text() -> String {
    let texts = [
      "", "a", "home", "a,b", "\"", "\\", "line\nfeed", "\u{0}\u{1f}", "ünïcödé €", "👩‍👩‍👧‍👦", "\u{2028}", "null",
      String(repeating: "long ", count: 7), String(repeating: "\"", count: 16), String(repeating: "€", count: 40),
    ]
    return texts[pick(texts.count)]
  }

  private mutating func name() -> String {
    names += 1
    return "\(["f", "field_with_a_name_of_more_than_thirty_two_bytes_", "F", "g_"][pick(4)])\(names)"
  }

  private mutating func pick(_ count: Int) -> Int { Int(random.below(UInt64(count))) }
  private mutating func chance(_ probability: Double) -> Bool { random.unit() < probability }
}
