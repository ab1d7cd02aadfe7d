// Random expressions over random rows against `PlainInterpreter`, and mutated texts against the parser. FRESHET_DEEP=1 takes many more seeds.

import Base
import Foundation
import Records
import Schema
import Testing

import enum Features.Expression

@testable import Features

/// SplitMix64 (Steele, Lea, Flood, 2014).
struct SplitMix: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

/// Makes expressions: mostly of the types that their place wants, sometimes of any.
struct ExpressionMaker {
  static let names = ["a", "b", "c", "d"]
  static let scalars: [Scalar] = [
    .null, .bool(true), .bool(false), .integer(0), .integer(1), .integer(2), .integer(-7), .integer(.max), .integer(.min),
    .integer(1 << 53 + 1), .integer(1_700_000_000_123), .integer(-1), .double(0), .double(1), .double(1.5), .double(-7.25),
    .double(0x1p53), .double(0x1p63),
    .double(-0x1p63), .double(1e300), .double(2.5), .double(1e-3), .string(""), .string("x"), .string("xy"), .string("é"),
    .string("Product"), .string("Products"),
    .string("Product Viewed"), .string("Product Vieweb"), .string("Product Viewed!!"), .string("Product Viewed!!?"),
    .string(" 12 "),
    .string("-3.5e2"), .string("TRUE"), .string("2026-02-28T23:59:59.999Z"), .string("2024-02-29"), .string("a,b,,c"),
    .string("İß→ΣςΐŉDž"), .string("😀_%"),
  ]
  private static let patterns: [LikePattern] = [
    LikePattern("%")!, LikePattern("")!, LikePattern("Product%")!, LikePattern("%ed!!_")!, LikePattern("_")!,
    LikePattern("%o%u%t%")!,
    LikePattern("x_")!, LikePattern("%!%", escape: "!")!, LikePattern("%_!_%", escape: "!")!, LikePattern("%,,_")!,
  ]

  var generator: SplitMix

  mutating func field() -> Expression { .field(FieldPath([Self.names.randomElement(using: &generator)!])) }
  private mutating func scalar() -> Scalar { Self.scalars.randomElement(using: &generator)! }
  private mutating func coin() -> Bool { .random(using: &generator) }

  mutating func condition(_ depth: Int) -> Expression {
    let comparisons: [Expression.Comparison] = [.equal, .notEqual, .less, .lessOrEqual, .greater, .greaterOrEqual]
    switch Int.random(in: 0..<(depth > 0 ? 10 : 5), using: &generator) {
    case 0: return .isNull(value(depth - 1), negated: coin())
    case 1:
      let list = (0..<Int.random(in: 1...4, using: &generator)).map { _ in scalar() }.filter { $0 != .null }
      return .isIn(value(depth - 1), list.isEmpty ? [.integer(1)] : list, negated: coin())
    case 2: return .like(value(depth - 1), Self.patterns.randomElement(using: &generator)!, negated: coin())
    case 5: return .not(condition(depth - 1))
    case 6: return .and(condition(depth - 1), condition(depth - 1))
    case 7: return .or(condition(depth - 1), condition(depth - 1))
    case 8: return value(depth - 1)
    default: return .compare(comparisons.randomElement(using: &generator)!, value(depth - 1), value(depth - 1))
    }
  }

  mutating func value(_ depth: Int) -> Expression {
    guard depth > 0 else { return coin() ? field() : .literal(scalar()) }
    let operations: [Expression.Arithmetic] = [.add, .subtract, .multiply, .divide, .remainder]
    switch Int.random(in: 0..<13, using: &generator) {
    case 12: return .onDivisionByZero(value(depth - 1), scalar())
    case 0: return .literal(scalar())
    case 1, 2: return field()
    case 3: return condition(depth - 1)
    case 4, 5: return .arithmetic(operations.randomElement(using: &generator)!, value(depth - 1), value(depth - 1))
    case 6: return .negate(value(depth - 1))
    case 7:
      let branches = (0..<Int.random(in: 1...3, using: &generator)).map { _ in
        Expression.Branch(condition(depth - 1), value(depth - 1))
      }
      return .choose(branches, otherwise: value(depth - 1))
    case 8: return .dateTruncate(Expression.TimeUnit.allCases.randomElement(using: &generator)!, time(depth - 1))
    default: return call(depth)
    }
  }

  /// Times that the calendar of the interpreter agrees about.
  private mutating func time(_ depth: Int) -> Expression {
    let times: [Scalar] = [
      .integer(0), .integer(-1), .integer(1_700_000_000_123), .integer(-11_676_096_000_000), .double(951_782_400_000.75),
      .string("2026-02-28T23:59:59.999Z"),
      .string("2024-02-29"), .string("1999-12-31T23:30:00-01:30"), .string("2000-13-01"), .integer(.max), .bool(true), .null,
    ]
    return .choose(
      [Expression.Branch(condition(depth), .literal(times.randomElement(using: &generator)!))],
      otherwise: .literal(times.randomElement(using: &generator)!))
  }

  private mutating func call(_ depth: Int) -> Expression {
    let function = ExpressionFunction.allCases.randomElement(using: &generator)!
    switch function {
    case .second, .minute, .hour, .dayOfWeek, .dayOfMonth, .dayOfYear, .month, .year, .toTimestamp, .rfc3339:
      return .call(function, [time(depth - 1)])
    case .round: return .call(.round, [value(depth - 1)])
    default: break
    }
    let counts = function.argumentCounts
    let count = Int.random(in: counts.lowerBound...min(counts.upperBound, 4), using: &generator)
    return .call(
      function,
      (0..<count).map { index in
        // Lengths and places near those of the texts.
        if function.argumentType(index) == .integer, coin() {
          return .literal(.integer(Int64.random(in: -4...9, using: &generator)))
        }
        return value(depth - 1)
      })
  }
}

@Suite struct ExpressionFuzzTests {
  private static let isDeep = ProcessInfo.processInfo.environment["FRESHET_DEEP"] == "1"
  private static let seeds = Array(1...(isDeep ? 200 : 6) as ClosedRange<UInt64>)

  @Test(arguments: seeds) func `random expressions over random rows agree with the interpreter`(seed: UInt64) throws {
    var maker = ExpressionMaker(generator: SplitMix(state: seed))
    let predicates = (0..<120).map { _ in maker.condition(4) }
    let values = (0..<200).map { _ in maker.value(4) }
    let rows = (0..<60).map { _ in
      Dictionary(
        uniqueKeysWithValues: ExpressionMaker.names.filter { _ in Int.random(in: 0..<8, using: &maker.generator) > 0 }
          .map { ($0, ExpressionMaker.scalars.randomElement(using: &maker.generator)!) })
    }
    let program = ExpressionProgram(predicates, values: values) { ExpressionMaker.names.firstIndex(of: $0.description)! }
    let columns = Columns(columnCount: ExpressionMaker.names.count)
    columns.reset(rowCount: rows.count, textByteCount: 0)
    let literals = rows.map { row in ExpressionMaker.names.map { LiteralList([row[$0] ?? .null]) } }
    for (index, row) in rows.enumerated() {
      for (column, name) in ExpressionMaker.names.enumerated() {
        columns.column(column)[index] = row[name] == nil ? ColumnValue(kind: .missing) : literals[index][column][0]
      }
    }
    program.evaluate(columns, rowCount: rows.count)
    for (index, predicate) in predicates.enumerated() {
      let truths = rows.map { PlainInterpreter(row: $0).truth(predicate) }
      #expect(
        truths.map { $0 == .yes ? 1 : 0 } == Array(UnsafeBufferPointer(start: program.results(index), count: rows.count)),
        "seed \(seed), predicate \(index): \(predicate)")
      #expect(
        program.nullCounts(ofPredicate: index) == Self.counts(truths.map(\.reasons)),
        "seed \(seed), predicate \(index): \(predicate)")
    }
    for (index, value) in values.enumerated() {
      let column = program.values(index)
      for (row, content) in rows.enumerated() {
        let expected = PlainInterpreter(row: content).value(value)
        let found = Self.plain(column[row])
        #expect(
          Self.isSame(found, expected), "seed \(seed), value \(index): \(value) over \(content) is \(found), expected \(expected)")
      }
    }
    withExtendedLifetime(literals) {}
  }

  private static func counts(_ reasons: [NullReasons]) -> NullCounts {
    NullCounts(
      mismatches: reasons.count { $0.contains(.mismatch) }, outOfRange: reasons.count { $0.contains(.outOfRange) },
      divisionsByZero: reasons.count { $0.contains(.divisionByZero) })
  }

  private static func plain(_ value: ColumnValue) -> PlainValue {
    switch value.kind {
    case .missing: .null([])
    case .null: .null(value.nullReasons)
    case .bool: .scalar(.bool(value.bool))
    case .integer: .scalar(.integer(value.integer))
    case .double: .scalar(.double(value.double))
    case .string, .composite: .scalar(.string(String(decoding: value.bytes, as: UTF8.self)))
    }
  }

  /// Strings by their bytes.
  private static func isSame(_ left: PlainValue, _ right: PlainValue) -> Bool {
    if case .scalar(.string(let left)) = left, case .scalar(.string(let right)) = right {
      return left.utf8.elementsEqual(right.utf8)
    }
    return left == right
  }

  // MARK: - Texts

  private static let texts = [
    "event == 'Product Viewed' and properties.price between 1.5 and 20 or not (a in (1, 'x', b))",
    "case when a > 1 then concat(b, ':', c) when x is not null then 'y' else substring(lower(d), 2, 3) end || `odd name`.e",
    "if(a like '%x!_%' escape '!', date_trunc('hour', timestamp), coalesce(-5 % 3, nullif(a, 2), round(x / 3, 2)))",
    #"split_part(replace("a\u00e9b", 'é', '\n'), 'b', -1) != '' and hash($key) % 100 < 10 and $headers.trace is null"#,
    "case kind when 'a' then int('12') when 'b' then 9223372036854775807 + 1 else least(a, b, greatest(1, 2)) end",
  ]

  @Test(arguments: seeds) func `no mutation of a text stops the parser, and what it reads can be evaluated`(seed: UInt64) throws {
    var generator = SplitMix(state: seed)
    let parts = Array(Self.texts.joined(separator: " ")) + Array("()[]'\"`,.$-+*/%<>=!|&éß\\0\u{0}9e'")
    var readCount = 0
    for _ in 0..<(Self.isDeep ? 2000 : 400) {
      var text = Array(Self.texts.randomElement(using: &generator)!)
      for _ in 0..<Int.random(in: 1...4, using: &generator) where !text.isEmpty {
        let place = text.indices.randomElement(using: &generator)!
        switch Int.random(in: 0..<4, using: &generator) {
        case 0: text.remove(at: place)
        case 1: text.insert(parts.randomElement(using: &generator)!, at: place)
        case 2: text[place] = parts.randomElement(using: &generator)!
        default:
          let end = min(text.count, place + Int.random(in: 1...12, using: &generator))
          text.insert(contentsOf: text[place..<end], at: text.indices.randomElement(using: &generator)!)
        }
      }
      do {
        let parsed = try ExpressionParser.parseValue(String(text))
        readCount += 1
        let fields = parsed.expression.fieldPaths
        #expect(Set(fields).isSubset(of: Set(parsed.references.map(\.path))))
        let program = ExpressionProgram([parsed.expression], values: [parsed.expression]) { _ in 0 }
        let list = LiteralList(ExpressionMaker.scalars)
        program.evaluate(columns: [list.start], rowCount: list.count)
        withExtendedLifetime(list) {}
      } catch {
        #expect(error.byteOffset <= String(text).utf8.count && !error.message.isEmpty)
      }
    }
    #expect(readCount > 0)
  }
}
