// What each construct of the language becomes in the model: small generators one by one, and the schema that holds everything.

import Base
import Configuration
import Foundation
import Testing

@testable import Schema

/// What is read for a field of an event in a small schema; the findings where it is not sound.
private func generator(_ text: String) -> String {
  let schema = soundSchema.replacingOccurrences(of: "fields: { amount: { int: [1, 3] } }", with: "fields: { amount: \(text) }")
  let diagnostics = Diagnostics(file: "s")
  let directory = "\(packageDirectory)/Tests/SchemaTests/Schemas"
  let read = SchemaReader.read(
    text: schema, directory: directory, loader: ConfigurationLoader(environment: [:]), diagnostics: diagnostics)
  guard let read, let field = read.events.last?.fields.last else { return diagnostics.all.map(\.message).joined(separator: "; ") }
  return "\(field.generator)".replacingOccurrences(of: "Schema.", with: "")
    + (field.optional > 0 ? " optional \(field.optional)" : "") + (field.nullable > 0 ? " nullable \(field.nullable)" : "")
    + (field.condition.map { " when \($0)" } ?? "")
}

/// The load of a stream.
private func load(_ text: String) -> LoadShape? {
  let diagnostics = Diagnostics(file: "s")
  let schema = SchemaReader.read(
    text: "kind: stream\nname: s\nload: \(text)\nfields: { a: { const: 1 } }", diagnostics: diagnostics)
  #expect(diagnostics.all.map(\.description) == [])
  return schema?.streams.first?.load
}

private func number(_ distribution: String, clamp: String = "nil", decimals: String) -> String {
  "number(NumberSettings(distribution: Distribution.\(distribution), clamp: \(clamp), decimals: \(decimals)))"
}

@Suite struct LanguageTests {
  @Test(arguments: [
    ("{ const: null }", "const(Scalar.null)"), ("{ const: [] }", "list([])"),
    ("{ const: [1, a] }", "list([FieldGenerator.const(Scalar.integer(1)), FieldGenerator.const(Scalar.string(\"a\"))])"),
    (
      "{ const: { a: true } }",
      "object([FieldDefinition(name: \"a\", generator: FieldGenerator.const(Scalar.bool(true)), optional: 0.0, nullable: 0.0, condition: nil)])"
    ),
    ("{ choice: [a, 1], weights: [2, 0] }", "choice([Scalar.string(\"a\")], weights: [2.0])"),
    (
      "{ choice: { file: words.csv, column: name, weights: share } }",
      "choice([Scalar.string(\"Acme\"), Scalar.string(\"Bolt, Ltd\")], weights: [3.0, 1.0])"
    ),
    (
      "{ choice: { file: words.csv } }",
      "choice([Scalar.string(\"name,share\"), Scalar.string(\"Acme,3\"), Scalar.string(\"\\\"Bolt, Ltd\\\",1\")], weights: [1.0, 1.0, 1.0])"
    ),
    ("{ int: [-3, 3] }", "integer(ClosedRange(-3...3))"),
    ("{ int: any }", "integer(ClosedRange(-9223372036854775808...9223372036854775807))"),
    ("{ int: [-9223372036854775808, 9223372036854775807] }", "integer(ClosedRange(-9223372036854775808...9223372036854775807))"),
    ("{ int: { poisson: 3 } }", number("poisson(mean: 3.0)", decimals: "Optional(0)")),
    ("{ float: [0, 1] }", number("uniform(0.0, 1.0)", decimals: "nil")),
    ("{ float: [0, 1], decimals: 2 }", number("uniform(0.0, 1.0)", decimals: "Optional(2)")),
    (
      "{ decimal: [1, 2], decimals: 0 }",
      number("uniform(0.5, 2.5)", clamp: "Optional(ClosedRange(1.0...2.0))", decimals: "Optional(0)")
    ),
    ("{ bool: 0.25 }", "bool(0.25)"),
    ("{ normal: { mean: -1, sd: 2 } }", number("normal(mean: -1.0, sd: 2.0)", decimals: "Optional(2)")),
    ("{ exponential: 4, decimals: 0 }", number("exponential(mean: 4.0)", decimals: "Optional(0)")),
    (
      "{ pareto: { min: 1, alpha: 2, max: 9 } }",
      number("pareto(minimum: 1.0, alpha: 2.0, maximum: Optional(9.0))", decimals: "Optional(2)")
    ),
    ("{ zipf: 1.1, count: 10 }", number("zipf(exponent: 1.1, count: 10)", decimals: "Optional(0)")),
    (
      "{ histogram: { edges: [0, 1, 5], weights: [1, 0] } }",
      number("histogram(edges: [0.0, 1.0, 5.0], weights: [1.0, 0.0])", decimals: "Optional(2)")
    ),
    (
      "{ mixture: [ { weight: 2, poisson: 1 }, { uniform: [0, 1] } ], clamp: [0, 3] }",
      number(
        "mixture([Distribution.Component(distribution: Distribution.poisson(mean: 1.0), weight: 2.0), Distribution.Component(distribution: Distribution.uniform(0.0, 1.0), weight: 1.0)])",
        clamp: "Optional(ClosedRange(0.0...3.0))", decimals: "Optional(2)")
    ),
    (
      "{ sequence: number, start: 5, step: -1, restart: 1 }",
      "sequence(SequenceSettings(text: nil, start: 5, step: -1, period: Optional(5)))"
    ),
    (
      "{ sequence: number, start: 1, step: 3, restart: 9 }",
      "sequence(SequenceSettings(text: nil, start: 1, step: 3, period: Optional(3)))"
    ),
    ("{ time: event }", "time(TimeSource.event, TimeFormat.rfc3339Milliseconds)"),
    (
      "{ time: { between: [1970-01-01T00:00:00Z, 1970-01-01T00:00:01Z] }, format: epoch_us }",
      "time(TimeSource.between(ClosedRange(0...1000)), TimeFormat.epochMicroseconds)"
    ),
    ("{ time: sent, format: \"%H h\" }", "time(TimeSource.sent, TimeFormat.pattern([TimePiece.hour, TimePiece.literal(\" h\")]))"),
    ("{ array: { bool: 1 }, length: 3 }", "array(FieldGenerator.bool(1.0), count: Distribution.constant(3.0))"),
    ("{ array: { bool: 1 }, length: [1, 5] }", "array(FieldGenerator.bool(1.0), count: Distribution.uniformInteger(1, 5))"),
    ("{ array: { bool: 1 }, length: { poisson: 3 } }", "array(FieldGenerator.bool(1.0), count: Distribution.poisson(mean: 3.0))"),
    (
      "{ list: [ { bool: 1 }, { const: a, nullable: 0.25 } ] }",
      "list([FieldGenerator.bool(1.0), FieldGenerator.oneOf([(generator: FieldGenerator.const(Scalar.string(\"a\")), weight: 0.75), (generator: FieldGenerator.const(Scalar.null), weight: 0.25)])])"
    ),
    (
      "{ map: { bool: 1 }, keys: { choice: [a] }, length: 2 }",
      "map(keys: FieldGenerator.choice([Scalar.string(\"a\")], weights: [1.0]), values: FieldGenerator.bool(1.0), count: Distribution.constant(2.0))"
    ),
    (
      "{ map: { bool: 1 }, keys: { int: [1, 2] }, length: 2 }",
      "map(keys: FieldGenerator.text([TextPiece.value(FieldGenerator.integer(ClosedRange(1...2)))]), values: FieldGenerator.bool(1.0), count: Distribution.constant(2.0))"
    ),
    (
      "{ one_of: [ { bool: 1, weight: 2 }, { const: 1, weight: 0 } ] }",
      "oneOf([(generator: FieldGenerator.bool(1.0), weight: 2.0)])"
    ),
    (
      "{ template: \"{user.id}-{n}}}\", with: { n: { const: 1 } } }",
      "text([TextPiece.value(FieldGenerator.from(BoundField.actor(field: 0))), TextPiece.literal(\"-\"), TextPiece.value(FieldGenerator.const(Scalar.integer(1))), TextPiece.literal(\"}\")])"
    ),
    ("{ from: session.started_at }", "from(BoundField.session(SessionFact.startedAt))"),
    ("{ from: it.price }", "from(BoundField.binding(0, field: 1))"),
    ("{ const: 1, optional: 0.5, nullable: 0.25 }", "const(Scalar.integer(1)) optional 0.5 nullable 0.25"),
    (
      "{ ip: 1.2.3.4/32 }",
      "text([TextPiece.literal(\"1\"), TextPiece.literal(\".\"), TextPiece.literal(\"2\"), TextPiece.literal(\".\"), TextPiece.literal(\"3\"), TextPiece.literal(\".\"), TextPiece.literal(\"4\")])"
    ),
    (
      "{ geo: [0, 10], within: 0m, as: list }",
      "list([FieldGenerator."
        + number("uniform(10.0, 10.0)", clamp: "Optional(ClosedRange(-180.0...180.0))", decimals: "Optional(5)")
        + ", FieldGenerator."
        + number("uniform(0.0, 0.0)", clamp: "Optional(ClosedRange(-90.0...90.0))", decimals: "Optional(5)") + "])"
    ),
  ])
  func `a field's generator is read`(_ text: String, _ model: String) {
    #expect(generator(text) == model)
  }

  @Test func `a lognormal with its 95th percentile has the sigma that leads there`() throws {
    let text = generator("{ lognormal: { median: 10, p95: 40 } }")
    let sigma = try #require(text.firstMatch(of: /sigma: ([0-9.]+)/).flatMap { Double($0.1) })
    #expect(abs(sigma - 0.842_81) < 1e-4)
  }

  @Test(arguments: [
    ("2k/s", LoadShape.constant(2000)),
    ("{ poisson: 60/m }", LoadShape(segments: LoadShape.constant(1).segments, isRandom: true)),
    (
      "{ ramp: { from: 0/s, to: 5/s, over: 10s } }",
      LoadShape(segments: [.init(lengthMilliseconds: 10_000, curve: .line(from: 0, to: 5))] + LoadShape.constant(5).segments)
    ),
    (
      "{ step: { from: 1/s, by: 2/s, every: 1s, to: 4/s } }",
      LoadShape(
        segments: [1.0, 3].map { .init(lengthMilliseconds: 1000, curve: .line(from: $0, to: $0)) } + LoadShape.constant(4).segments)
    ),
    (
      "{ step: { from: 4/s, by: 2/s, every: 1s, to: 2/s } }",
      LoadShape(segments: [.init(lengthMilliseconds: 1000, curve: .line(from: 4, to: 4))] + LoadShape.constant(2).segments)
    ),
    (
      "{ sine: { mean: 5/s, amplitude: 5/s, period: 1m } }",
      LoadShape(segments: [.init(lengthMilliseconds: .infinity, curve: .sine(mean: 5, amplitude: 5, periodMilliseconds: 60_000))])
    ),
    (
      "{ burst: { base: 0/s, peak: 9/s, every: 10s, for: 1s } }",
      LoadShape(
        segments: [(9000.0, 0.0), (1000, 9)].map { .init(lengthMilliseconds: $0.0, curve: .line(from: $0.1, to: $0.1)) },
        isRepeated: true)
    ),
    (
      "{ spike: { base: 1/s, peak: 9/s, at: 5s, for: 1s } }",
      LoadShape(
        segments: [(5000.0, 1.0), (1000, 9)].map { .init(lengthMilliseconds: $0.0, curve: .line(from: $0.1, to: $0.1)) }
          + LoadShape.constant(1).segments)
    ),
    (
      "{ stages: [ { for: 1s, rate: 0/s }, { for: 2s, ramp: { from: 0/s, to: 2/s } } ], repeat: true }",
      LoadShape(
        segments: [
          .init(lengthMilliseconds: 1000, curve: .line(from: 0, to: 0)),
          .init(lengthMilliseconds: 2000, curve: .line(from: 0, to: 2)),
        ], isRepeated: true)
    ),
    (
      "{ stages: [ { for: 1s, rate: 3/s }, { rate: 2/s } ] }",
      LoadShape(segments: [.init(lengthMilliseconds: 1000, curve: .line(from: 3, to: 3))] + LoadShape.constant(2).segments)
    ),
  ])
  func `a load becomes segments`(_ text: String, _ shape: LoadShape) {
    #expect(load(text) == shape)
  }
}
