import Base
import Configuration
import Features
import Records
import Testing

@Suite struct RequestExpressionsTests {
  private func expressions() throws -> RequestExpressions {
    let diagnostics = Diagnostics(file: "p")
    let definition = PipelineReader.read(
      text: """
        kind: pipeline
        name: p
        sources:
          s: { event_time: { field: ts, format: epoch_ms } }
        entities:
          user: { key: user }
        views:
          spend:
            entity: user
            source: s
            lanes: [rt, nrt]
            features:
              mean: { agg: mean, field: x, window: { sliding: 1h, hop: 1m } }
              pages: { agg: collect, n: 3, field: page }
              n: { agg: count }
          risk:
            entity: user
            lanes: [rt]
            inputs: { amount: double, count: integer, country: string, known: bool, at: timestamp }
            features:
              ratio: { expr: "amount / spend.mean", on_divide_by_zero: -1 }
              more: { expr: "ratio * 2 + spend@nrt.n - spend@rt.n" }
              each: { expr: "amount / count", default: 0.5 }
              abroad: { expr: "country != 'de' and not known" }
              seen: { expr: "spend.pages" }
              hour: { expr: "date_trunc('hour', at)" }
              greeting: { expr: "concat('hello ', country)" }
        """, diagnostics: diagnostics)
    #expect(diagnostics.all.map(\.description) == [])
    let pipeline = try #require(definition)
    return RequestExpressions(try #require(pipeline.requestViews.first), in: pipeline)
  }

  private static let inputs: [String: TypedValue] = [
    "amount": .integer(30), "count": .integer(4), "country": .string("fr"), "known": .bool(false),
    "at": .string("1970-01-01T01:30:00Z"), "of another view": .integer(1),
  ]

  private func evaluate(
    _ expressions: RequestExpressions, _ changes: [String: TypedValue] = [:], mean: TypedValue = .double(10)
  ) throws -> [RequestExpressions.Result] {
    try expressions.evaluate(inputs: Self.inputs.merging(changes) { $1 }) { reference in
      switch (reference.feature, reference.lane) {
      case (0, _): mean
      case (1, _): .composite(#"["a", "b"]"#)
      case (_, .rt): .integer(3)
      default: .integer(5)
      }
    }
  }

  @Test func `features are made of inputs, of values of other views and of each other`() throws {
    let expressions = try expressions()
    #expect(expressions.references.count == 4)
    let results = try evaluate(expressions)
    #expect(
      results.map(\.value) == [
        .double(3), .double(8), .double(7.5), .bool(true), .composite(#"["a", "b"]"#), .integer(3_600_000), .string("hello fr"),
      ])
    #expect(results.allSatisfy { $0.nullReasons == [] })
    // Again, with texts of other lengths.
    #expect(try evaluate(expressions, ["country": .string("")]).last?.value == .string("hello "))
  }

  @Test func `a null says why it is one, and defaults stand in`() throws {
    let expressions = try expressions()
    let results = try evaluate(expressions, ["count": .integer(0), "country": .null, "at": .null], mean: .double(0))
    #expect(
      results.map(\.value) == [
        .integer(-1), .integer(0), .double(0.5), .null, .composite(#"["a", "b"]"#), .null, .null,
      ])
    #expect(results[3].nullReasons == [])
    let other = try evaluate(expressions, mean: .string("dear"))
    #expect(other[0] == RequestExpressions.Result(.null, .mismatch) && other[1].nullReasons == .mismatch)
    #expect(try evaluate(expressions, mean: .null)[0] == RequestExpressions.Result(.null))
  }

  @Test(arguments: [
    ("amount", TypedValue.string("12"), "input 'amount' of view 'risk': expected a number, found a string, \"12\""),
    ("count", .double(1.5), "input 'count' of view 'risk': expected an integer of 64 bits, found a number, 1.5"),
    ("count", .bool(true), "input 'count' of view 'risk': expected an integer of 64 bits, found a boolean, true"),
    ("known", .integer(1), "input 'known' of view 'risk': expected a boolean, found an integer, 1"),
    ("country", .composite("[1]"), "input 'country' of view 'risk': expected a string, found an object or a list, [1]"),
    (
      "at", .string("noon"),
      "input 'at' of view 'risk': expected a time (epoch milliseconds, or RFC 3339 text), found a string, \"noon\""
    ),
  ]) func `an input of another type is refused by name`(name: String, value: TypedValue, message: String) throws {
    let expressions = try expressions()
    #expect {
      try evaluate(expressions, [name: value])
    } throws: {
      "\($0)" == message && ($0 as? Failure)?.code == .badData
    }
  }

  @Test func `an input that is missing is refused, and numbers may be written otherwise`() throws {
    let expressions = try expressions()
    #expect {
      try expressions.evaluate(inputs: ["amount": .integer(1)]) { _ in .null }
    } throws: {
      "\($0)" == "input 'count' is missing: view 'risk' needs it, an integer of 64 bits, or null where it is not known"
    }
    #expect(try evaluate(expressions, ["count": .double(4), "at": .double(7_200_000)])[5].value == .integer(7_200_000))
  }
}
