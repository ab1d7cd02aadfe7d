// The expression language as a table: what each text means, and the exact words and place of each refusal.

import Features
import Records
import Schema
import Testing

private func field(_ dotted: String) -> Expression { .field(FieldPath(dotted: dotted)!) }

@Suite struct ExpressionParserTests {
  @Test(
    arguments: [
      ("event == 'Product Viewed'", .compare(.equal, field("event"), .literal(.string("Product Viewed")))),
      ("a != \"x\"", .compare(.notEqual, field("a"), .literal(.string("x")))),
      ("a<-5", .compare(.less, field("a"), .literal(.integer(-5)))),
      ("a <= 1.5e3", .compare(.lessOrEqual, field("a"), .literal(.double(1500)))),
      ("9223372036854775808 > a", .compare(.greater, .literal(.double(9_223_372_036_854_775_808)), field("a"))),
      ("a >= b.c.d", .compare(.greaterOrEqual, field("a"), field("b.c.d"))),
      ("`a b`.`c.d`.e == true", .compare(.equal, .field(FieldPath(["a b", "c.d", "e"])), .literal(.bool(true)))),
      ("`a``b` is null", .isNull(.field(FieldPath(["a`b"])), negated: false)),
      ("a.in is not null", .isNull(field("a.in"), negated: true)),
      ("a IN (1, 2.5, 'x', false)", .isIn(field("a"), [.integer(1), .double(2.5), .string("x"), .bool(false)], negated: false)),
      ("a not in ['x']", .isIn(field("a"), [.string("x")], negated: true)),
      ("a or b and c", .or(field("a"), .and(field("b"), field("c")))),
      ("(a or b) and c", .and(.or(field("a"), field("b")), field("c"))),
      ("not a and not not b", .and(.not(field("a")), .not(.not(field("b"))))),
      ("not a == 1", .not(.compare(.equal, field("a"), .literal(.integer(1))))),
      ("a and b and c", .and(.and(field("a"), field("b")), field("c"))),
      ("(a == 1) == true", .compare(.equal, .compare(.equal, field("a"), .literal(.integer(1))), .literal(.bool(true)))),
      (#"a == 'it''s \'\"\\\/\n\t\r\b\f'"#, .compare(.equal, field("a"), .literal(.string("it's '\"\\/\n\t\r\u{8}\u{c}")))),
      (#"a == "\u00e9\ud83d\ude00""#, .compare(.equal, field("a"), .literal(.string("é😀")))),
      ("\n\ttrue ", .literal(.bool(true))),
    ] as [(String, Expression)])
  func `an expression is read`(text: String, expected: Expression) throws {
    #expect(try ExpressionParser.parse(text) == expected)
  }

  @Test(
    arguments: [
      ("", 0, "the expression is empty"),
      ("  ", 2, "the expression is empty"),
      ("a = 1", 2, "unexpected '='; did you mean '=='?"),
      ("a === 1", 2, "unexpected '==='; did you mean '=='?"),
      ("a <> 1", 2, "unexpected '<>'; did you mean '!='?"),
      ("a && b", 2, "unexpected '&&'; did you mean 'and'?"),
      ("a || b", 2, "unexpected '||'; did you mean 'or'?"),
      ("!a", 0, "unexpected '!'; did you mean 'not' or '!='?"),
      ("a == null", 2, "comparing with null is never true; write 'is null'"),
      ("null != a", 5, "comparing with null is never true; write 'is not null'"),
      ("a < true", 2, "'<' orders numbers and strings, not true and false"),
      ("'a' == 1", 4, "a string is never comparable with a number"),
      ("a == 1 == b", 7, "comparisons do not chain; join them with 'and'"),
      ("a like 'x%'", 2, "'like' is part of the expression language but not built in this version"),
      ("a not like 'x%'", 6, "'like' is part of the expression language but not built in this version"),
      ("a between 1 and 2", 2, "'between' is part of the expression language but not built in this version"),
      ("a + 1 > 2", 2, "'+' is part of the expression language but not built in this version"),
      ("a -1 > 2", 2, "'-' is part of the expression language but not built in this version"),
      ("(a / b) > 2", 3, "'/' is part of the expression language but not built in this version"),
      ("-a > 2", 0, "'-' is part of the expression language but not built in this version"),
      ("hour(now) == 3", 0, "'hour' is part of the expression language but not built in this version"),
      ("a == lower(b)", 5, "'lower' is part of the expression language but not built in this version"),
      ("foo(a)", 0, "unknown function 'foo'"),
      ("a == 'x", 5, "the string that begins here is not closed with '"),
      ("`a", 0, "the name that begins here is not closed with `"),
      ("`` == 1", 0, "a field's name is empty"),
      (#"a == 'x\q'"#, 7, #"unknown escape in a string; known are \\ \' \" \/ \n \t \r \b \f and \uXXXX"#),
      (#"a == '\u12'"#, 6, #"\u needs four hexadecimal digits"#),
      (#"a == '\ud800'"#, 6, "half of a surrogate pair in a string"),
      ("a == 5m", 6, "unexpected 'm' after the number 5"),
      ("a == 1e999", 5, "the number 1e999 is outside the range of a double"),
      ("a b", 2, "expected 'and', 'or' or the end of the expression, found 'b'"),
      ("a ==", 4, "expected a field or a literal, found the end of the expression"),
      ("a and or b", 6, "expected a field or a literal, found 'or'"),
      ("a. == 1", 3, "expected a name after '.', found '=='"),
      ("(a == 1", 7, "expected ')' for the '(' at byte 0, found the end of the expression"),
      ("a == 1)", 6, "unexpected ')': nothing is open here"),
      ("a in ()", 6, "the list after 'in' is empty"),
      ("a in 1", 5, "expected '(' or '[' after 'in', found '1'"),
      ("a in (b)", 6, "expected a literal in the list after 'in', found 'b'"),
      ("a in (1, null)", 9, "null is in no list; write 'is null'"),
      ("a in (1 2)", 8, "expected ',' or ')' for the '(' at byte 5, found '2'"),
      ("a is 1", 5, "expected 'null' after 'is', found '1'"),
      ("a is not b", 9, "expected 'null' after 'is not', found 'b'"),
      ("a not b", 6, "expected 'in' after 'not', found 'b'"),
      ("a and 'x'", 6, "a string is not a condition; compare it with a field"),
      ("not 1", 4, "a number is not a condition; compare it with a field"),
      ("é == ‘x’", 0, "unexpected 'é'; a name with such characters stands between backquotes"),
      ("`é` == ‘x’", 8, "unexpected '‘'; strings stand between ' or \""),
      ("a == 'é' ; b", 10, "unexpected ';'"),
    ] as [(String, Int, String)])
  func `an expression is refused with its place and a reason`(text: String, byteOffset: Int, message: String) {
    #expect(throws: ExpressionError(byteOffset: byteOffset, message: message)) { try ExpressionParser.parse(text) }
  }

  @Test func `nesting, length and the number of conditions are bounded`() throws {
    let parentheses = String(repeating: "(", count: 1000) + "a"
    #expect(throws: ExpressionError(byteOffset: 64, message: "nested more than 64 deep")) {
      try ExpressionParser.parse(parentheses)
    }
    let negations = String(repeating: "not ", count: 1000) + "a"
    #expect(throws: ExpressionError(byteOffset: 256, message: "nested more than 64 deep")) { try ExpressionParser.parse(negations) }
    let chain = "a" + String(repeating: " or a", count: 511)
    _ = try ExpressionParser.parse(chain)
    #expect(throws: ExpressionError(byteOffset: 2560, message: "more than 512 conditions in one expression")) {
      try ExpressionParser.parse(chain + " or a")
    }
    #expect(throws: ExpressionError(byteOffset: 65_536, message: "the expression is longer than 65536 bytes")) {
      try ExpressionParser.parse(String(repeating: "a", count: 65_537))
    }
  }

  @Test func `the fields of an expression come once each, in order`() throws {
    let expression = try ExpressionParser.parse("b.c == 1 and (a is null or not b.c in (2)) and d")
    #expect(expression.fieldPaths.map(\.description) == ["b.c", "a", "d"])
  }
}
