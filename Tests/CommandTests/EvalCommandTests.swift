// `freshet eval` as people use it: values, types, mistakes with their column, bad lines, closed pipes, and SQLite's opinion.

import Foundation
import TestSupport
import Testing

@Suite struct EvalCommandTests {
  private func eval(_ arguments: [String], _ input: String = "") throws -> ProgramOutcome {
    try Program.run("freshet", ["eval"] + arguments, input: .bytes(Data(input.utf8)))
  }

  @Test func `one value comes per event, null included`() throws {
    let events = #"{"a":1,"s":"x\"y"}"# + "\n\n" + #"{"a":2.5}"# + "\r\n" + #"{"a":null,"s":null}"#
    #expect(try eval(["a * 2"], events).text == "2\n5.0\nnull\n")
    #expect(try eval(["s"], events).text == "\"x\\\"y\"\nnull\nnull\n")
    let offsets = try eval(["$offset"], events)
    #expect(offsets.text == "0\n20\n31\n" && offsets.status == 0 && offsets.errors == "")
    #expect(try eval(["a"], "").text == "")
  }

  @Test func `a constant is printed once, and no input is read`() throws {
    let outcome = try Program.run("freshet", ["eval", "concat('a', 1 + 1)"], input: .open, timeout: 30)
    #expect(outcome.text == "\"a2\"\n" && outcome.status == 0)
  }

  @Test(
    arguments: [
      (
        ["lenght(a)"],
        "freshet: error: the expression, column 1: 'lenght' is no function; did you mean 'length'?\n  lenght(a)\n  ^\n"
      ),
      (
        ["a >\n  'é' +"],
        "freshet: error: the expression, column 8: expected a field or a literal, found the end of the expression\n    'é' +\n         ^\n"
      ),
      (
        ["--schema", "Schemas/clickstream.yaml", "price > 5"],
        "freshet: error: the expression, column 1: no event of schema 'clickstream' has a field 'price'; did you mean 'properties.price'?\n  price > 5\n  ^\n"
      ),
      (
        ["--schema", "Schemas/clickstream.yaml", "lower(properties.price)"],
        "freshet: error: the expression, column 7: 'lower' takes a string, and 'properties.price' is a number\n  lower(properties.price)\n        ^\n"
      ),
      (
        ["$keys"],
        "freshet: error: the expression, column 1: no record has '$keys'; there are $timestamp, $key, $partition, $offset, $topic, $headers.NAME\n  $keys\n  ^\n"
      ),
    ] as [([String], String)])
  func `a mistake is shown with its column`(arguments: [String], expected: String) throws {
    let outcome = try eval(arguments, "{}")
    #expect(outcome.errors == expected)
    #expect(outcome.status == 64 && outcome.text == "")
  }

  @Test func `the type is told without reading`() throws {
    let schema = ["--check", "--schema", "Schemas/clickstream.yaml"]
    #expect(try eval(schema + ["hour(timestamp) between 9 and 17"]).text == "bool\n")
    #expect(try eval(schema + ["properties.price * 2"]).text == "number\n")
    #expect(try eval(["--check", "coalesce(a, 'x')"]).text == "any\n")
    #expect(try eval(["--check", "--schema", "Schemas/missing.yaml", "a"]).status == 66)
  }

  @Test func `lines that are no objects are named by number, and end the command with 65`() throws {
    let outcome = try eval(["a + 1"], "{\"a\":1}\n\n{\"a\":\n[1]\n{\"a\":\"x\"}\n")
    #expect(outcome.text == "2\nnull\nnull\nnull\n")
    #expect(
      outcome.errors
        == "stdin:3: malformed JSON at byte 5: the text ends too early: {\"a\":\nstdin:4: expected a JSON object: [1]\n1 value is null because a value has another type, or cannot be converted\n"
    )
    #expect(outcome.status == 65)
    let many = try eval(["a / b"], String(repeating: "x\n", count: 12) + "{\"a\":1,\"b\":0}")
    #expect(
      many.errors.hasSuffix("and 2 more lines that are no JSON objects\n1 value is null because something is divided by zero\n"))
    #expect(many.errors.split(separator: "\n").count == 12)
  }

  @Test func `a reader that has had enough ends it quietly`() throws {
    let outcome = try Program.run(
      "bash",
      ["-c", "yes '{\"a\":1}' | head -200000 | { \"$0\" eval 'a'; echo $? >&2; } | head -2", Products.executable("freshet")])
    #expect(outcome.text == "1\n1\n" && outcome.errors == "0\n")
  }

  @Test func `SQLite gives the same where both mean the same`() throws {
    let rounds = ProcessInfo.processInfo.environment["FRESHET_DEEP"] == "1" ? "60" : "4"
    let verdict = try Program.run(
      "python3", ["Tests/Oracles/expressions.py", Products.executable("freshet"), "20260301", rounds], timeout: 600)
    #expect(verdict.status == 0, "\(verdict.text)")
  }
}
