// Compiled expressions over columns: SQL's null logic, what is shared, what is counted, and random typed expressions over random rows
// against an interpreter of one row at a time.

import Codec
import Records
import Schema
import Testing

@testable import Features

@Suite struct ExpressionProgramTests {
  private static let names = ["a", "b", "c"]
  private static let scalars: [Scalar] = [
    .null, .bool(true), .bool(false), .integer(0), .integer(1), .integer(-7), .integer(.max), .integer(.min), .integer(1 << 53 + 1),
    .double(0), .double(-0.0), .double(1), .double(1.5), .double(-7.25), .double(0x1p53), .double(0x1p63), .double(-0x1p63),
    .double(1e300),
    .string(""), .string("x"), .string("xy"), .string("é"), .string("Product"), .string("Products"), .string("Product Viewed"),
    .string("Product Vieweb"), .string("Product Viewed!!"), .string("Product Viewed!!!"), .string("Product Viewed!!?"),
  ]

  private func evaluate(_ predicates: [Expression], _ json: [String]) -> (
    results: [[UInt8]], mismatches: [Int], program: ExpressionProgram
  ) {
    let reader = JSONColumnReader(paths: Self.names.map { FieldPath([$0]) })
    let program = ExpressionProgram(predicates) { Self.names.firstIndex(of: $0.description)! }
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
      ("a == 'x' or true", [1, 1, 1, 1, 1], 0), ("(a == 'x') == false", [0, 1, 0, 0, 0], 1), ("b", [1, 1, 0, 1, 1], 0),
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
    let program = ExpressionProgram([try ExpressionParser.parse("a == 'x'")]) { _ in 0 }
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

  @Test(arguments: [true, false, nil] as [Bool?], [true, false, nil] as [Bool?])
  func `and, or and not follow SQL's truth tables`(a: Bool?, b: Bool?) throws {
    func text(_ value: Bool?) -> String { value.map(String.init) ?? "null" }
    let row = ["{\"a\":\(text(a)),\"b\":\(text(b))}"]
    let and = a == false || b == false ? false : a == nil || b == nil ? nil : true
    let or = a == true || b == true ? true : a == nil || b == nil ? nil : false
    let equal = a == nil || b == nil ? nil : a == b
    let tables: [(String, Bool?)] = [
      ("a and b", and), ("a or b", or), ("not a", a.map { !$0 }), ("a == b", equal), ("a != b", equal.map { !$0 }),
      ("not (a and b)", and.map { !$0 }), ("a is null", a == nil), ("(a or b) is not null", or != nil),
      ("if(a, 'yes', 'no') == 'yes'", a == true), ("coalesce(a, b)", a ?? b), ("nullif(a, b)", equal == true ? nil : a),
      ("a in (b, true)", a == true ? true : a == nil || b == nil ? nil : a == b),
    ]
    for (condition, expected) in tables {
      let results = evaluate([try ExpressionParser.parse(condition), try ExpressionParser.parse("(\(condition)) is null")], row)
        .results
      #expect(
        results == [[expected == true ? 1 : 0], [expected == nil ? 1 : 0]], "\(condition) for a = \(text(a)), b = \(text(b))")
    }
  }

  @Test func `a reason goes on to what is null because of it, and no further`() throws {
    let texts: [(String, NullCounts)] = [
      ("a / b", NullCounts(divisionsByZero: 1)), ("a / b + 1", NullCounts(divisionsByZero: 1)),
      ("coalesce(a / b, 0)", NullCounts()),
      ("a + s", NullCounts(mismatches: 1)), ("a / b + s * 2", NullCounts(mismatches: 1, divisionsByZero: 1)),
      ("9223372036854775807 + a", NullCounts(outOfRange: 1)), ("sqrt(-a)", NullCounts(outOfRange: 1)),
      ("lower(a)", NullCounts(mismatches: 1)),
      ("if(a / b > 1, 1, 2)", NullCounts()), ("a / b > 1", NullCounts(divisionsByZero: 1)), ("a / b > 1 or true", NullCounts()),
      ("int(s)", NullCounts(mismatches: 1)), ("missing + 1", NullCounts()), ("a % b", NullCounts(divisionsByZero: 1)),
      ("div(a, b)", NullCounts(divisionsByZero: 1)), ("s", NullCounts()), ("null", NullCounts()),
    ]
    let reader = JSONColumnReader(paths: ["a", "b", "s", "missing"].map { FieldPath([$0]) })
    let program = ExpressionProgram([], values: try texts.map { try ExpressionParser.parseValue($0.0).expression }) { path in
      reader.paths.firstIndex(of: path)!
    }
    let batch = RecordBatch()
    var text = #"{"a":1,"b":0,"s":"text"}"#
    text.withUTF8 { batch.append(value: $0, key: nil, timestamp: 0, offset: 0, partition: 0) }
    let columns = Columns(columnCount: reader.paths.count)
    reader.decode(batch, into: columns)
    program.evaluate(columns, rowCount: 1)
    program.evaluate(columns, rowCount: 1)
    for (index, (text, expected)) in texts.enumerated() {
      #expect(program.nullCounts(ofValue: index) == expected + expected, "\(text)")
    }
  }

  @Test func `a computed field is evaluated once, whoever reads it`() throws {
    let computed = [
      ComputedField(path: FieldPath(["double"]), expression: try ExpressionParser.parseValue("a * 2").expression),
      ComputedField(path: FieldPath(["quad"]), expression: try ExpressionParser.parseValue("double + double").expression),
      ComputedField(path: FieldPath(["large"]), expression: try ExpressionParser.parseValue("quad > 10").expression),
    ]
    let program = ExpressionProgram(
      try ["large", "not large", "quad > 10 and a > 0"].map { try ExpressionParser.parse($0) },
      values: try ["quad", "large", "double"].map { try ExpressionParser.parseValue($0).expression }, computed: computed
    ) { _ in 0 }
    let columns = Columns(columnCount: 1)
    columns.reset(rowCount: 2, textByteCount: 0)
    columns.column(0)[0] = ColumnValue(integer: 3)
    columns.column(0)[1] = ColumnValue(integer: 2)
    program.evaluate(columns, rowCount: 2)
    #expect((0..<3).map { [program.results($0)[0], program.results($0)[1]] } == [[1, 0], [0, 1], [1, 0]])
    #expect([program.values(0)[0].integer, program.values(0)[1].integer, program.values(2)[0].integer] == [12, 8, 6])
    #expect([program.values(1)[0].bool, program.values(1)[1].bool] == [true, false])
    // a * 2, double + double, 10 < quad, its value, not, 0 < a, and.
    #expect(program.operationCount == 7)
  }

  @Test func `computed fields that double each other cost one operation each`() throws {
    var computed = [ComputedField(path: FieldPath(["f0"]), expression: .field(FieldPath(["a"])))]
    for index in 1...60 {
      let before = Expression.field(FieldPath(["f\(index - 1)"]))
      computed.append(ComputedField(path: FieldPath(["f\(index)"]), expression: .arithmetic(.add, before, before)))
    }
    let program = ExpressionProgram([], values: [.field(FieldPath(["f60"]))], computed: computed) { _ in 0 }
    #expect(program.operationCount == 60)
    withUnsafeTemporaryAllocation(of: ColumnValue.self, capacity: 1) { column in
      column[0] = ColumnValue(integer: 1)
      program.evaluate(columns: [UnsafePointer(column.baseAddress!)], rowCount: 1)
    }
    #expect(program.values(0)[0].integer == 1 << 60)
  }

  @Test func `texts that a batch makes stand beside each other until the next`() throws {
    let program = ExpressionProgram(
      [],
      values: try ["concat(a, '-', upper(a))", "replace(a, 'x', 'yyyy')"].map { try ExpressionParser.parseValue($0).expression }
    ) { _ in 0 }
    let scalars = (0..<500).map { Scalar.string(String(repeating: "x", count: $0)) }
    let list = LiteralList(scalars)
    for round in 0..<3 {
      let count = [3, 500, 100][round]
      program.evaluate(columns: [list.start], rowCount: count)
      for row in 0..<count {
        let x = String(repeating: "x", count: row)
        #expect(String(decoding: program.values(0)[row].bytes, as: UTF8.self) == x + "-" + x.uppercased())
        #expect(program.values(1)[row].bytes.count == 4 * row)
      }
    }
    withExtendedLifetime(list) {}
  }

  @Test func `a text that grows beyond bounds is null`() throws {
    var expression = Expression.field(FieldPath(["a"]))
    for _ in 0..<6 {
      expression = .call(.replace, [expression, .literal(.string("x")), .literal(.string(String(repeating: "x", count: 20)))])
    }
    let program = ExpressionProgram([], values: [expression]) { _ in 0 }
    let list = LiteralList([.string("x")])
    program.evaluate(columns: [list.start], rowCount: 1)
    #expect(program.values(0)[0].isNull)
    #expect(program.nullCounts(ofValue: 0) == NullCounts(outOfRange: 1))
    withExtendedLifetime(list) {}
  }
}
