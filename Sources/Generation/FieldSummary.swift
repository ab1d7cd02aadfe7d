// What the fields of a schema hold, in a few words, and how many different values they can have: what somebody wants to know who is to store them,
// group by them, or join on them.

import Base
import Schema

/// A field of a source's records.
public struct FieldSummary: Sendable, Equatable {
  /// How many different values there are.
  public enum Cardinality: Sendable, Equatable {
    /// At most so many.
    case values(Double)
    /// Another one in each record.
    case records
    /// Another one in each session.
    case sessions
    /// As time goes on.
    case time
    /// So many that nobody counts: numbers with many digits, texts, lists.
    case many
  }

  /// Dotted.
  public var path: String
  public var kind: String
  public var cardinality: Cardinality
  /// The names of the events that have it, as the schema has them.
  public var events: [String]
  /// The probability that it is not there, or null, in those events; the largest of them.
  public var absence: Double

  /// The fields of the sessions' events, or of one stream's, each once, in the order in which they come.
  public static func summaries(of schema: EventSchema, stream: StreamModel? = nil) -> [FieldSummary] {
    // What events state literally is counted together.
    var literals: [String: Set<Scalar>] = [:]
    let events = schema.events.indices.filter { index in
      stream.map { $0.event == index } ?? !schema.streams.contains { $0.event == index }
    }
    var summaries: [FieldSummary] = []
    var places: [String: Int] = [:]
    let reader = FieldReader(schema: schema, stream: stream)
    for index in events {
      for (found, values) in reader.summaries(schema.events[index].fields, event: schema.events[index].name) {
        guard let place = places[found.path] else {
          literals[found.path] = values
          places[found.path] = summaries.count
          summaries.append(found)
          continue
        }
        summaries[place].events += found.events
        summaries[place].absence = max(summaries[place].absence, found.absence)
        if let values, let known = literals[found.path] {
          let all = known.union(values)
          literals[found.path] = all
          if all.count > 1 { summaries[place].kind = "choice" }
          summaries[place].cardinality = .values(Double(all.count))
          continue
        }
        literals[found.path] = nil
        // Events that differ in the field: what holds the most says it.
        if found.cardinality.rank > summaries[place].cardinality.rank {
          (summaries[place].kind, summaries[place].cardinality) = (found.kind, found.cardinality)
        }
      }
    }
    return summaries
  }
}

extension FieldSummary.Cardinality {
  fileprivate var rank: Double {
    switch self {
    case .values(let count): count
    case .sessions: 1e300
    case .time: 1e301
    case .records: 1e302
    case .many: 1e303
    }
  }

  fileprivate func limited(to count: Double) -> Self {
    switch self {
    case .values(let own): .values(min(own, count))
    default: .values(count)
    }
  }
}

private struct FieldReader {
  let schema: EventSchema
  let stream: StreamModel?

  func summaries(_ fields: [FieldDefinition], event: String, prefix: String = "", absence: Double = 0)
    -> [(FieldSummary, Set<Scalar>?)]
  {
    fields.flatMap { field -> [(FieldSummary, Set<Scalar>?)] in
      let path = prefix + field.name
      let missing = 1 - (1 - absence) * (1 - field.optional) * (1 - field.nullable)
      if case .object(let inner) = field.generator {
        return summaries(inner, event: event, prefix: path + ".", absence: missing)
      }
      let (kind, cardinality) = describe(field.generator)
      let found = FieldSummary(path: path, kind: kind, cardinality: cardinality, events: [event], absence: missing)
      return [(found, Self.literals(field.generator))]
    }
  }

  private static func literals(_ generator: FieldGenerator) -> Set<Scalar>? {
    switch generator {
    case .const(let value): [value]
    case .choice(let values, _): Set(values)
    default: nil
    }
  }

  private func describe(_ generator: FieldGenerator) -> (kind: String, FieldSummary.Cardinality) {
    switch generator {
    case .const: ("constant", .values(1))
    case .choice(let values, _): ("choice", .values(Double(Set(values).count)))
    case .uuid(let version): ("uuid \(version.rawValue)", .records)
    case .integer(let range): ("integer", .values(Double(range.upperBound) - Double(range.lowerBound) + 1))
    case .number(let settings): number(settings)
    case .bool(let probability): ("boolean", .values(probability > 0 && probability < 1 ? 2 : 1))
    case .sequence(let settings): ("sequence", settings.period.map { .values(Double($0)) } ?? .records)
    case .time(.between, _): ("time", .many)
    case .time: ("time", .time)
    case .object(let fields): ("object", object(fields))
    case .array, .list: ("list", .many)
    case .map: ("map", .many)
    case .oneOf(let options): oneOf(options.map(\.generator))
    case .text(let pieces): text(pieces)
    case .reference(let entity, let field, _): row(entity, field)
    case .from(let bound): from(bound)
    }
  }

  private func number(_ settings: NumberSettings) -> (String, FieldSummary.Cardinality) {
    let kind = settings.decimals == 0 ? "integer" : "number"
    var range = settings.clamp
    switch settings.distribution {
    case .constant: return (kind, .values(1))
    case .uniform(let low, let high) where range == nil: range = low...max(low, high)
    case .uniformInteger(let low, let high) where range == nil: range = Double(low)...Double(high)
    case .zipf(_, let count): return (kind, .values(Double(count)))
    default: break
    }
    guard let range, let decimals = settings.decimals else { return (kind, .many) }
    var scale = 1.0
    for _ in 0..<decimals { scale *= 10 }
    return (kind, .values(((range.upperBound - range.lowerBound) * scale).rounded(.down) + 1))
  }

  /// Of fields with few values each: all combinations.
  private func object(_ fields: [FieldDefinition]) -> FieldSummary.Cardinality {
    var product = 1.0
    for field in fields {
      guard case .values(let count) = describe(field.generator).1, product * count < 1e6 else { return .many }
      product *= count
    }
    return .values(product)
  }

  private func oneOf(_ options: [FieldGenerator]) -> (String, FieldSummary.Cardinality) {
    let found = options.map(describe)
    var sum = 0.0
    for (_, cardinality) in found {
      guard case .values(let count) = cardinality else { return ("one of \(options.count)", cardinality) }
      sum += count
    }
    return ("one of \(options.count)", .values(sum))
  }

  /// A text has as many values as its parts together.
  private func text(_ pieces: [TextPiece]) -> (String, FieldSummary.Cardinality) {
    guard let count = count(pieces), count < 1e12 else { return ("text", .many) }
    return ("text", .values(count))
  }

  private func count(_ pieces: [TextPiece]) -> Double? {
    var product = 1.0
    for piece in pieces {
      switch piece {
      case .literal: continue
      case .characters(let characters, let length):
        guard length.upperBound <= 64 else { return nil }
        product *= length.reduce(0) { $0 + Self.power(Double(Set(characters).count), $1) }
      case .value(let generator):
        guard case .values(let count) = describe(generator).1 else { return nil }
        product *= count
      case .alternatives(let options, _):
        var sum = 0.0
        for option in options {
          guard let count = count(option) else { return nil }
          sum += count
        }
        product *= sum
      case .repeated(let inner, let length):
        guard length.upperBound <= 64, let count = count(inner) else { return nil }
        product *= length.reduce(0) { $0 + Self.power(count, $1) }
      }
      if product > 1e15 { return nil }
    }
    return product
  }

  private static func power(_ base: Double, _ exponent: Int) -> Double { (0..<exponent).reduce(1) { product, _ in product * base } }

  private func row(_ entity: Int, _ field: Int) -> (String, FieldSummary.Cardinality) {
    let definition = schema.entities[entity]
    let name = "\(definition.name).\(definition.fields[field].name)"
    let own = describe(definition.fields[field].generator)
    return (name, own.1.limited(to: Double(definition.count)))
  }

  private func from(_ bound: BoundField) -> (String, FieldSummary.Cardinality) {
    switch bound {
    case .actor(let field): return schema.sessions.map { row($0.actor, field) } ?? ("actor", .many)
    case .device(let field): return schema.sessions?.device.map { row($0, field) } ?? ("device", .many)
    case .sessionIdentifier: return ("session", .sessions)
    case .session(let fact):
      switch fact {
      case .isBot, .isIdentified: return ("session", .values(2))
      case .step: return ("session", .many)
      case .startedAt: return ("session", .sessions)
      }
    case .binding(let index, let field):
      if let stream {
        guard case .entity(let entity, _) = stream.bindings[index].target else { return ("record", .many) }
        return row(entity, field)
      }
      return schema.sessions.map { row($0.bindings[index].entity, field) } ?? ("row", .many)
    case .record(let index, let field):
      guard let stream, case .stream(let other, _) = stream.bindings[index].target else { return ("record", .many) }
      let target = schema.streams[other]
      let definition = schema.events[target.event].fields[field]
      let own = FieldReader(schema: schema, stream: target).describe(definition.generator)
      return ("\(target.name).\(definition.name)", own.1 == .records ? .many : own.1)
    case .changed(let field):
      guard let stream, case .changes(let changes) = stream.content else { return ("row", .many) }
      let found = row(changes.entity, field)
      let changing = changes.changingFields.contains(field)
      return (found.0, changing ? describe(schema.entities[changes.entity].fields[field].generator).1 : found.1)
    case .change(let fact):
      return ("change", fact == .operation ? .values(3) : .many)
    }
  }
}
