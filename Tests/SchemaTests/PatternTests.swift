// Regular expressions as generators: what each becomes, and what is refused where.

import Testing

@testable import Schema

@Suite struct PatternTests {
  /// A pattern and its pieces, written shortly.
  @Test(arguments: [
    ("abc", "'abc'"), ("a\\.b", "'a.b'"), ("^abc$", "'abc'"), ("", ""), ("[a-c]", "<abc>"), ("[a-c]{2,4}", "<abc>{2,4}"),
    ("[cab-]", "<cab->"), ("[]a]", "<]a>"), ("[\\]\\-]", "<]->"), ("\\d{3}", "<0123456789>{3,3}"), ("a?", "('a'){0,1}"),
    ("a*", "('a'){0,8}"), ("a+", "('a'){1,9}"), ("a{2,}", "('a'){2,10}"), ("(ab){3}", "('ab'){3,3}"), ("(?:ab)c", "'abc'"),
    ("a|b|cd", "('a'|'b'|'cd')"), ("x(a|b)y", "'x'('a'|'b')'y'"), ("(a|)", "('a'|)"), ("a{1}", "'a'"), ("\\s", "' '"),
    ("\\$5", "'$5'"), ("[^!-~]", "< >"), ("[\\d]", "<0123456789>"), ("é+", "('é'){1,9}"), ("(a{2}){2}", "(('a'){2,2}){2,2}"),
    ("a}", "'a}'"), ("a]", "'a]'"),
  ])
  func `a pattern becomes pieces`(_ pattern: String, _ pieces: String) throws {
    #expect(Self.text(try PatternParser.pieces(of: pattern)) == pieces)
  }

  @Test func `a dot and a negation choose from printable ASCII`() throws {
    let anything = Self.text(try PatternParser.pieces(of: "."))
    #expect(anything.count == 97)
    #expect(Self.text(try PatternParser.pieces(of: "[^ ]")).count == 96)
    #expect(Self.text(try PatternParser.pieces(of: "\\D")).count == 87)
    #expect(Self.text(try PatternParser.pieces(of: "\\w")).count == 65)
  }

  @Test(arguments: [
    ("a(b", 2, "this group is not closed by ')'"), ("ab)", 3, "')' closes no group"), ("[ab", 1, "this class is not closed by ']'"),
    ("a\\", 2, "the pattern ends behind a '\\'"), ("(a)\\1", 4, "a reference to a group is not possible"),
    ("a(?=b)", 2, "looking ahead or behind is not possible; groups are (...) and (?:...)"),
    ("(?<!b)a", 1, "looking ahead or behind is not possible; groups are (...) and (?:...)"),
    ("(?i)a", 1, "this kind of group is not possible; groups are (...) and (?:...)"),
    ("*a", 1, "'*' repeats nothing; write '\\*' for the character"),
    ("a+?", 3, "'?' repeats a repetition; put that into a group"), ("a{3,1}", 2, "{3,1} repeats at least 3 and at most 1 times"),
    ("a{x}", 2, "expected {m}, {m,n} or {m,}; write '\\{' for the character"), ("a{2", 2, "this '{' is not closed by '}'"),
    ("a{5000}", 2, "at most 1000 repetitions are possible, found 5000"),
    ("(a{1000}){1000}", 10, "this repeats to more than 65536 characters"), ("[z-a]", 2, "the range z-a runs backwards"),
    ("[\\d-z]", 2, "a range goes from one ASCII character to another"), ("[^ -~]", 1, "this class holds no character"),
    ("a^b", 2, "'^' stands only at the start of a pattern; write '\\^' for the character"),
    ("a$b", 2, "'$' stands only at the end of a pattern; write '\\$' for the character"),
    ("\\pL", 1, "'\\p' is no escape; there are \\d \\w \\s \\D \\W \\S \\t \\n \\r, and a backslash before a sign"),
    ("[]", 1, "this class is not closed by ']'"), (String(repeating: "(", count: 30), 21, "groups stand more than 20 deep"),
    (String(repeating: "a", count: 2000), 1001, "a pattern has at most 1000 characters"),
  ])
  func `what cannot be generated is refused at its place`(_ pattern: String, _ character: Int, _ message: String) {
    #expect(throws: PatternParser.Fault(character: character, message: message)) { try PatternParser.pieces(of: pattern) }
  }

  @Test(arguments: [
    ("10.0.0.0/8", "'10''.'0-255'.'0-255'.'1-254"), ("192.168.4.0/22", "'192''.''168''.'4-7'.'1-254"),
    ("10.1.2.16/29", "'10''.''1''.''2''.'17-22"), ("10.1.2.16/31", "'10''.''1''.''2''.'16-17"),
    ("1.2.3.4/32", "'1''.''2''.''3''.''4'"),
    ("2001:db8::/112", "'2001:db8::'<123456789abcdef><0123456789abcdef>{3,3}"),
    ("2001:db8:0:5::/120", "'2001:db8:0:5::'<123456789abcdef><0123456789abcdef>"), ("::1/128", "'::1'"),
    ("2001:db8:a::b/128", "'2001:db8:a::b'"), ("fe80::1:80/121", "'fe80::1:'<89abcdef><0123456789abcdef>"),
  ])
  func `a network becomes pieces`(_ network: String, _ pieces: String) throws {
    #expect(Self.text(try #require(NetworkAddresses.pieces(ofNetwork: network))) == pieces)
  }

  @Test(arguments: [
    "", "10.0.0.0", "10.0.0/8", "10.0.0.0/33", "10.0.0.256/8", "a/8", "::/129", ":::/3", "1:2:3/8", "10.0.0.0/-1", "1::2::3/9",
  ])
  func `what is no network has no addresses`(_ text: String) {
    #expect(NetworkAddresses.pieces(ofNetwork: text) == nil)
  }

  @Test(
    arguments: [
      ("%Y-%m", [.year, .literal("-"), .month]), ("%F", [.year, .literal("-"), .month, .literal("-"), .day]),
      ("at %T%z %%", [.literal("at "), .hour, .literal(":"), .minute, .literal(":"), .second, .literal("+0000 %")]),
      ("%b%B%a%A", [.monthAbbreviation, .monthName, .weekdayAbbreviation, .weekdayName]),
      (
        "%e%j%y%I%p%s%L%f%H%M%S%d%Z",
        [
          .dayPadded, .dayOfYear, .yearOfCentury, .hour12, .meridiem, .epochSeconds, .milliseconds, .microseconds, .hour, .minute,
          .second,
          .day, .literal("UTC"),
        ]
      ),
    ] as [(String, [TimePiece])])
  func `a strftime pattern becomes pieces`(_ pattern: String, _ pieces: [TimePiece]) throws {
    #expect(try TimePattern.pieces(of: pattern) == pieces)
  }

  @Test func `tables in CSV are read with quotes and empty lines`() {
    #expect(DelimitedText.records(of: "a,b\r\n\n\"x,\"\"y\"\"\",2\nlast,") == [["a", "b"], ["x,\"y\"", "2"], ["last", ""]])
    #expect(DelimitedText.records(of: "a,\"b") == nil)
    #expect(DelimitedText.records(of: "\"a\nb\",c") == [["a\nb", "c"]])
  }

  /// Pieces in a short notation: `'literal'`, `<characters>{least,most}`, `(...)` for what is repeated or chosen from, `low-high`.
  static func text(_ pieces: [TextPiece]) -> String {
    pieces.map { piece -> String in
      switch piece {
      case .literal(let text): "'\(text)'"
      case .characters(let set, let count): "<\(String(set))>" + (count == 1...1 ? "" : "{\(count.lowerBound),\(count.upperBound)}")
      case .value(.integer(let range)): "\(range.lowerBound)-\(range.upperBound)"
      case .value: "value"
      case .alternatives(let alternatives, _): "(\(alternatives.map(text).joined(separator: "|")))"
      case .repeated(let pieces, let count): "(\(text(pieces))){\(count.lowerBound),\(count.upperBound)}"
      }
    }.joined()
  }
}
