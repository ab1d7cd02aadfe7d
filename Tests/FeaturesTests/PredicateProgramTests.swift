// Predicates over columns, against a plain evaluator of one row at a time that follows SQL's truth tables word by word.

import Codec
import Records
import Schema
import Testing

@testable import Features

/// Evaluates one row, obviously. Values are scalars; null stands for missing as well.
private struct PlainEvaluator {
  enum Truth {
    case yes, no, unknown, mismatch
  }

  var row: [String: Scalar]

  func truth(_ expression: Expression) -> Truth {
    switch expression {
    case .field, .literal:
      switch value(expression) {
      case .bool(let value): return value ? .yes : .no
      case .null: return .unknown
      default: return .mismatch
      }
    case .not(let operand):
      switch truth(operand) {
      case .yes: return .no
      case .no: return .yes
      case let other: return other
      }
    case .and(let left, let right):
      let sides = [truth(left), truth(right)]
      if sides.contains(.no) { return .no }
      if sides.contains(.mismatch) { return .mismatch }
      return sides.contains(.unknown) ? .unknown : .yes
    case .or(let left, let right):
      return PlainEvaluator(row: row).truth(.not(.and(.not(left), .not(right))))
    case .isNull(let operand, let negated): return (value(operand) == .null) != negated ? .yes : .no
    case .isIn(let operand, let list, let negated):
      let alternatives = list.map { compare(.equal, value(operand), $0) }
      let result: Truth =
        alternatives.contains(.yes)
        ? .yes : alternatives.contains(.mismatch) ? .mismatch : alternatives.contains(.unknown) ? .unknown : .no
      return negated ? (result == .yes ? .no : result == .no ? .yes : result) : result
    case .compare(let comparison, let left, let right): return compare(comparison, value(left), value(right))
    }
  }

  private func value(_ expression: Expression) -> Scalar {
    switch expression {
    case .field(let path): return row[path.description] ?? .null
    case .literal(let literal): return literal
    default:
      switch truth(expression) {
      case .yes: return .bool(true)
      case .no: return .bool(false)
      default: return .null
      }
    }
  }

  private func compare(_ comparison: Expression.Comparison, _ left: Scalar, _ right: Scalar) -> Truth {
    func test<T: Comparable>(_ left: T, _ right: T) -> Truth {
      switch comparison {
      case .equal: left == right ? .yes : .no
      case .notEqual: left != right ? .yes : .no
      case .less: left < right ? .yes : .no
      case .lessOrEqual: left <= right ? .yes : .no
      case .greater: left > right ? .yes : .no
      case .greaterOrEqual: left >= right ? .yes : .no
      }
    }
    switch (left, right) {
    case (.null, _), (_, .null): return .unknown
    case (.integer(let left), .integer(let right)): return test(left, right)
    case (.double(let left), .double(let right)): return test(left, right)
    // Equal where the integer has that double; less where it is below the next whole number.
    case (.integer(let left), .double(let right)):
      if Double(exactly: left) == right { return test(0, 0) }
      return right >= 0x1p63 || right >= -0x1p63 && left < Int64(right.rounded(.up)) ? test(0, 1) : test(1, 0)
    case (.double, .integer):
      let mirrored: [Expression.Comparison: Expression.Comparison] = [
        .equal: .equal, .notEqual: .notEqual, .less: .greater, .lessOrEqual: .greaterOrEqual, .greater: .less,
        .greaterOrEqual: .lessOrEqual,
      ]
      return PlainEvaluator(row: row).compare(mirrored[comparison]!, right, left)
    case (.string(let left), .string(let right)):
      let (left, right) = (Array(left.utf8), Array(right.utf8))
      return test(left == right ? 0 : left.lexicographicallyPrecedes(right) ? -1 : 1, 0)
    case (.bool(let left), .bool(let right)) where comparison == .equal: return left == right ? .yes : .no
    case (.bool(let left), .bool(let right)) where comparison == .notEqual: return left != right ? .yes : .no
    default: return .mismatch
    }
  }
}

@Suite struct PredicateProgramTests {
  private static let names = ["a", "b", "c"]
  private static let scalars: [Scalar] = [
    .null, .bool(true), .bool(false), .integer(0), .integer(1), .integer(-7), .integer(.max), .integer(.min), .integer(1 << 53 + 1),
    .double(0), .double(-0.0), .double(1), .double(1.5), .double(-7.25), .double(0x1p53), .double(0x1p63), .double(-0x1p63),
    .double(1e300),
    .string(""), .string("x"), .string("xy"), .string("é"), .string("Product"), .string("Products"), .string("Product Viewed"),
    .string("Product Vieweb"), .string("Product Viewed!!"), .string("Product Viewed!!!"), .string("Product Viewed!!?"),
  ]

  private func evaluate(_ predicates: [Expression], _ json: [String]) -> (
    results: [[UInt8]], mismatches: [Int], program: PredicateProgram
  ) {
    let reader = JSONColumnReader(paths: Self.names.map { FieldPath([$0]) })
    let program = PredicateProgram(predicates) { Self.names.firstIndex(of: $0.description)! }
    let batch = RecordBatch()
    for var text in json { text.withUTF8 { batch.append(value: $0, key: nil, timestamp: 0, offset: 0, partition: 0) } }
    let columns = Columns(columnCount: Self.names.count)
    reader.decode(batch, into: columns)
    program.evaluate(columns, rowCount: json.count)
    return (
      predicates.indices.map { Array(UnsafeBufferPointer(start: program.results($0), count: json.count)) },
      predicates.indices.map { program.typeMismatchCount($0) }, program
    )
  }

  @Test(
    arguments: [
      ("a == 'x'", [1, 0, 0, 0, 0], 1), ("a != 'x'", [0, 1, 0, 0, 0], 1), ("not a == 'x'", [0, 1, 0, 0, 0], 1),
      ("a is null", [0, 0, 1, 1, 0], 0),
      ("a is not null", [1, 1, 0, 0, 1], 0), ("a in ('x', 5)", [1, 0, 0, 0, 1], 1), ("a not in ('x')", [0, 1, 0, 0, 0], 1),
      ("a > 4", [0, 0, 0, 0, 1], 2), ("a == 'x' or b", [1, 1, 0, 1, 1], 0), ("a == 'x' and b", [1, 0, 0, 0, 0], 1),
      ("a == 'x' or true", [1, 1, 1, 1, 1], 0), ("(a == 'x') == false", [0, 1, 0, 0, 0], 0), ("b", [1, 1, 0, 1, 1], 0),
      ("a", [0, 0, 0, 0, 0], 3),
      ("null", [0, 0, 0, 0, 0], 0), ("a == c", [0, 0, 0, 0, 0], 2), ("c is null", [1, 0, 1, 1, 0], 0),
      ("c < 'x'", [0, 0, 0, 0, 0], 2),
    ] as [(String, [UInt8], Int)])
  func `null passes nothing, and types do not mix`(text: String, expected: [UInt8], mismatchCount: Int) throws {
    let rows = [
      "{\"a\":\"x\",\"b\":true}", "{\"a\":\"y\",\"b\":true,\"c\":[1]}", "{\"a\":null,\"b\":false}", "{\"b\":true}",
      "{\"a\":5,\"b\":true,\"c\":{}}",
    ]
    let (results, mismatches, _) = evaluate([try ExpressionParser.parse(text)], rows)
    #expect(results == [expected])
    #expect(mismatches == [mismatchCount])
  }

  @Test func `an expression that several predicates share is computed once`() throws {
    let texts = ["a == 'x' and b", "a == 'x' and not b", "'x' == a", "a != 'x' or b", "b"]
    let program = evaluate(try texts.map { try ExpressionParser.parse($0) }, []).program
    // a == 'x', b, and, not b, and, not (a == 'x'), or.
    #expect(program.operationCount == 7)
  }

  @Test func `counts of mismatches go on over batches of any size`() throws {
    let program = PredicateProgram([try ExpressionParser.parse("a == 'x'")]) { _ in 0 }
    var expected = 0
    for count in [1, 0, 700, 3] {
      let columns = Columns(columnCount: 1)
      columns.reset(rowCount: count, textByteCount: 0)
      for row in 0..<count { columns.column(0)[row] = ColumnValue(integer: 1) }
      program.evaluate(columns, rowCount: count)
      expected += count
      #expect(program.typeMismatchCount(0) == expected)
    }
  }

  @Test(arguments: [1, 2, 3, 4] as [UInt64]) func `random predicates over random rows agree with the plain evaluator`(seed: UInt64)
  {
    var generator = SplitMix(state: seed)
    func field() -> Expression { .field(FieldPath([Self.names.randomElement(using: &generator)!])) }
    func operand(_ depth: Int) -> Expression {
      switch Int.random(in: 0..<8, using: &generator) {
      case 0: depth > 0 ? condition(depth - 1) : field()
      case 1...3: .literal(Self.scalars.randomElement(using: &generator)!)
      default: field()
      }
    }
    func condition(_ depth: Int) -> Expression {
      let comparisons: [Expression.Comparison] = [.equal, .notEqual, .less, .lessOrEqual, .greater, .greaterOrEqual]
      switch Int.random(in: 0..<(depth > 0 ? 8 : 4), using: &generator) {
      case 0: return .isNull(operand(depth), negated: .random(using: &generator))
      case 1:
        let list = (0..<Int.random(in: 1...4, using: &generator)).map { _ in Self.scalars.randomElement(using: &generator)! }
        return .isIn(operand(depth), list, negated: .random(using: &generator))
      case 4: return .not(condition(depth - 1))
      case 5: return .and(condition(depth - 1), condition(depth - 1))
      case 6: return .or(condition(depth - 1), condition(depth - 1))
      case 7: return operand(0)
      default: return .compare(comparisons.randomElement(using: &generator)!, operand(depth), operand(depth))
      }
    }
    let predicates = (0..<400).map { _ in condition(4) }
    let rows = (0..<150).map { _ in
      Dictionary(
        uniqueKeysWithValues: Self.names.filter { _ in Int.random(in: 0..<8, using: &generator) > 0 }
          .map { ($0, Self.scalars.randomElement(using: &generator)!) })
    }
    let program = PredicateProgram(predicates) { Self.names.firstIndex(of: $0.description)! }
    let columns = Columns(columnCount: Self.names.count)
    columns.reset(rowCount: rows.count, textByteCount: 0)
    let literals = rows.map { row in Self.names.map { LiteralList([row[$0] ?? .null]) } }
    for (index, row) in rows.enumerated() {
      for column in Self.names.indices {
        columns.column(column)[index] = row[Self.names[column]] == nil ? ColumnValue(kind: .missing) : literals[index][column][0]
      }
    }
    program.evaluate(columns, rowCount: rows.count)
    for (index, predicate) in predicates.enumerated() {
      let truths = rows.map { PlainEvaluator(row: $0).truth(predicate) }
      #expect(
        truths.map { $0 == .yes ? 1 : 0 } == Array(UnsafeBufferPointer(start: program.results(index), count: rows.count)),
        "\(predicate)")
      #expect(truths.count { $0 == .mismatch } == program.typeMismatchCount(index), "\(predicate)")
    }
    withExtendedLifetime(literals) {}
  }
}

private struct SplitMix: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
