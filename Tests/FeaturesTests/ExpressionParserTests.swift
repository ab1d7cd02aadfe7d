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
      (
        "a between 1 and b",
        .and(.compare(.greaterOrEqual, field("a"), .literal(.integer(1))), .compare(.lessOrEqual, field("a"), field("b")))
      ),
      (
        "a not between 1 and 2 or b",
        .or(
          .not(
            .and(
              .compare(.greaterOrEqual, field("a"), .literal(.integer(1))),
              .compare(.lessOrEqual, field("a"), .literal(.integer(2))))), field("b"))
      ),
      ("a LIKE 'x%'", .like(field("a"), LikePattern("x%")!, negated: false)),
      ("a not like '!%%' escape '!'", .like(field("a"), LikePattern("!%%", escape: "!")!, negated: true)),
      (
        "a in (1, b, 'x')",
        .or(.isIn(field("a"), [.integer(1), .string("x")], negated: false), .compare(.equal, field("a"), field("b")))
      ),
      (
        "$headers.trace is null and $offset > 5",
        .and(
          .isNull(.field(FieldPath(["$headers", "trace"])), negated: false),
          .compare(.greater, .field(FieldPath(["$offset"])), .literal(.integer(5))))
      ),
      ("a -1 > 2", .compare(.greater, .arithmetic(.subtract, field("a"), .literal(.integer(1))), .literal(.integer(2)))),
      ("-a > -9223372036854775808", .compare(.greater, .negate(field("a")), .literal(.integer(.min)))),
      ("a == 1 + 2 * 3 - 4 / 2", .compare(.equal, field("a"), .literal(.double(5)))),
      (
        "a - b - c > 0",
        .compare(
          .greater, .arithmetic(.subtract, .arithmetic(.subtract, field("a"), field("b")), field("c")), .literal(.integer(0)))
      ),
      (
        "a + b * -c % 2 > 0",
        .compare(
          .greater,
          .arithmetic(
            .add, field("a"),
            .arithmetic(.remainder, .arithmetic(.multiply, field("b"), .negate(field("c"))), .literal(.integer(2)))),
          .literal(.integer(0)))
      ),
      (
        "a || ':' || b == 'x'",
        .compare(.equal, .call(.concat, [field("a"), .literal(.string(":")), field("b")]), .literal(.string("x")))
      ),
      (
        "a || (b || c) == 'x'",
        .compare(.equal, .call(.concat, [field("a"), .call(.concat, [field("b"), field("c")])]), .literal(.string("x")))
      ),
      (
        "length == 3 and length(length) == MIN(3, 4)",
        .and(
          .compare(.equal, field("length"), .literal(.integer(3))),
          .compare(.equal, .call(.length, [field("length")]), .literal(.integer(3))))
      ),
      (
        "nullif(a, 0) > 1",
        .compare(
          .greater,
          .choose([Expression.Branch(.compare(.equal, field("a"), .literal(.integer(0))), .literal(.null))], otherwise: field("a")),
          .literal(.integer(1)))
      ),
      (
        "case a when 1 then b when 2 then c end",
        .choose(
          [
            Expression.Branch(.compare(.equal, field("a"), .literal(.integer(1))), field("b")),
            Expression.Branch(.compare(.equal, field("a"), .literal(.integer(2))), field("c")),
          ], otherwise: .literal(.null))
      ),
      (
        "case when end then then else else end", .choose([Expression.Branch(field("end"), field("then"))], otherwise: field("else"))
      ),
      ("date_trunc('DAY', a) == 0", .compare(.equal, .dateTruncate(.day, field("a")), .literal(.integer(0)))),
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
      ("a || b", 0, "a string is not a condition; did you mean 'or' in place of '||'?"),
      ("a == 1 or (b || c)", 10, "a string is not a condition; compare it with something"),
      ("!a", 0, "unexpected '!'; did you mean 'not' or '!='?"),
      ("a == null", 2, "comparing with null is never true; write 'is null'"),
      ("null != a", 5, "comparing with null is never true; write 'is not null'"),
      ("a < true", 2, "'<' orders numbers and strings, not true and false"),
      ("'a' == 1", 4, "a string is never comparable with a number"),
      ("a == 1 == b", 7, "comparisons do not chain; join them with 'and'"),
      ("a == 'x", 5, "the string that begins here is not closed with '"),
      ("`a", 0, "the name that begins here is not closed with `"),
      ("`` == 1", 0, "a field's name is empty"),
      (#"a == 'x\q'"#, 7, #"unknown escape in a string; known are \\ \' \" \/ \n \t \r \b \f and \uXXXX"#),
      (#"a == '\u12'"#, 6, #"\u needs four hexadecimal digits"#),
      (#"a == '\ud800'"#, 6, "half of a surrogate pair in a string"),
      ("a == 5m", 6, "unexpected 'm' after the number 5"),
      ("a == 1e999", 5, "the number 1e999 is outside the range of a double"),
      ("a b", 2, "expected an operator or the end of the expression, found 'b'"),
      ("a ==", 4, "expected a field or a literal, found the end of the expression"),
      ("a and or b", 6, "expected a field or a literal, found 'or'"),
      ("a. == 1", 3, "expected a name after '.', found '=='"),
      ("(a == 1", 7, "expected ')' for the '(' at byte 0, found the end of the expression"),
      ("a == 1)", 6, "unexpected ')': nothing is open here"),
      ("a in ()", 6, "the list after 'in' is empty"),
      ("a in 1", 5, "expected '(' or '[' after 'in', found '1'"),
      ("a in (1, null)", 9, "null is in no list; write 'is null'"),
      ("a in (1 2)", 8, "expected ',' or ')' for the '(' at byte 5, found '2'"),
      ("a is 1", 5, "expected 'null' after 'is', found '1'"),
      ("a is not b", 9, "expected 'null' after 'is not', found 'b'"),
      ("a not b", 6, "expected 'in', 'like' or 'between' after 'not', found 'b'"),
      ("a and 'x'", 6, "a string is not a condition; compare it with a field"),
      ("not 1", 4, "a number is not a condition; compare it with a field"),
      ("é == ‘x’", 0, "unexpected 'é'; a name with such characters stands between backquotes"),
      ("`é` == ‘x’", 8, "unexpected '‘'; strings stand between ' or \""),
      ("a == 'é' ; b", 10, "unexpected ';'"),
      ("a == $", 5, "unexpected '$'; record metadata has names like $key and $headers.name"),
      ("a like b", 7, "expected a pattern in quotes after 'like', found 'b'"),
      ("a like 'x!y' escape '!'", 7, "in the pattern '!' stands before no '%', '_' or itself"),
      ("a like 'x' escape 'ab'", 18, "expected one character in quotes after 'escape', found ''ab''"),
      ("5 like 'x'", 0, "'like' takes a string, and this is a number"),
      ("a between 1 or 2", 12, "expected 'and' between the bounds of 'between', found 'or'"),
      ("1 between a and 'x'", 2, "a number is never comparable with a string"),
      ("a > null + 1", 2, "comparing with null is never true; write 'is null'"),
      ("a in (1, b, 'x') and (2 in ('x'))", 28, "a number is never comparable with a string"),
      ("a + 'x' > 2", 4, "'+' takes a number, and this is a string; '||' joins texts"),
      ("a * true > 2", 4, "'*' takes a number, and this is a boolean"),
      ("-'x' > 2", 1, "'-' takes a number, and this is a string"),
      ("a / 0 > 2", 2, "dividing by zero is always null"),
      ("a % 0.0 > 2", 2, "dividing by zero is always null"),
      ("a + 9223372036854775807 * 2 > 1", 24, "this is outside the range of numbers and always null"),
      ("a > -9223372036854775808 - 1", 25, "this is outside the range of numbers and always null"),
      ("a > - -9223372036854775808", 4, "this is outside the range of numbers and always null"),
      ("a > sqrt(-1)", 4, "this is outside the range of numbers and always null"),
      ("a > int('x')", 4, "this text cannot be converted and is always null"),
      ("lenght(a) > 2", 0, "'lenght' is no function; did you mean 'length'?"),
      ("foo(a)", 0, "'foo' is no function"),
      ("avg(a) > 1", 0, "'avg' is no function; 'mean' is an aggregate"),
      ("a > now()", 4, "'now' is no function; values are a function of the records; compare with a field"),
      (
        "matches(a, 'x+')", 0,
        "'matches' is part of the expression language but not built in this version; 'like', 'contains' and 'split_part' are"
      ),
      ("length() > 2", 0, "expected length(text), found 0 values"),
      ("length(a, b) > 2", 0, "expected length(text), found 2 values"),
      ("a == substring(b)", 5, "expected substring(text, start[, count]), found 1 value"),
      ("if(a, b)", 0, "expected if(condition, then, otherwise), found 2 values"),
      ("nullif(a) == 1", 0, "expected nullif(a, b), found 1 value"),
      ("lower(5) == 'x'", 6, "'lower' takes a string, and this is a number"),
      ("lower(a > 1) == 'x'", 6, "'lower' takes a string, and this is a boolean"),
      ("substring(a, 1.5) == 'x'", 13, "'substring' takes an integer, and this is a double"),
      ("substring(a, b / 2) == 'x'", 13, "'substring' takes an integer, and this is a double"),
      ("hour(true) == 1", 5, "'hour' takes a time, and this is a boolean"),
      ("length(a) == 'x'", 10, "a number is never comparable with a string"),
      ("length(a)", 0, "a number is not a condition; compare it with something"),
      ("a > 1 and b + 1", 10, "a number is not a condition; compare it with something"),
      ("least(1, 'x') == 1", 9, "a number is never comparable with a string"),
      ("date_trunc(a, b) == 1", 11, "expected a unit in quotes, one of second, minute, hour, day, week, month, quarter, year"),
      (
        "date_trunc('hours', b) == 1", 11,
        "expected one of second, minute, hour, day, week, month, quarter, year, found 'hours'; did you mean 'hour'?"
      ),
      ("lower(a == 'x'", 14, "expected ',' or ')' for the '(' at byte 5, found the end of the expression"),
      ("case a end", 7, "expected 'when', found 'end'"),
      ("case when a > 1 else 2 end", 16, "expected 'then', found 'else'"),
      ("case when a > 1 then 2 > 1", 26, "expected 'end' for the 'case' at byte 0, found the end of the expression"),
      ("case when 5 then a end", 10, "a number is not a condition; compare it with a field"),
      ("case 5 when 'x' then a end", 12, "a number is never comparable with a string"),
      ("if(5, a, b)", 3, "a number is not a condition; compare it with a field"),
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
    let sum = "a > 0" + String(repeating: " + a", count: 1022)
    _ = try ExpressionParser.parse(sum)
    #expect(throws: ExpressionError(byteOffset: 4096, message: "more than 1024 fields and literals in one expression")) {
      try ExpressionParser.parse(sum + " + a")
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
