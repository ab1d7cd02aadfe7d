// From text to nodes: places, broken structure, duplicate keys, aliases, variables, bounds.

import Base
import Foundation
import Testing

@testable import Configuration

/// The findings about a text, without the name of the file.
func findings(_ text: String, environment: [String: String] = [:]) -> [String] {
  let diagnostics = Diagnostics(file: "f")
  _ = ConfigurationLoader(environment: environment).load(text: text, diagnostics: diagnostics)
  return diagnostics.all.map { String($0.description.dropFirst(2)) }
}

/// A node in one line: `{a: [1, "x"]}`, quoted scalars in quotes.
func shape(_ node: ConfigurationNode?) -> String {
  guard let node else { return "nothing" }
  switch node.content {
  case .scalar(let scalar): return scalar.isQuoted ? "\"\(scalar.text)\"" : scalar.text
  case .sequence(let items): return "[\(items.map(shape).joined(separator: ", "))]"
  case .mapping(let pairs): return "{\(pairs.map { "\(shape($0.key)): \(shape($0.value))" }.joined(separator: ", "))}"
  }
}

@Suite struct ConfigurationLoaderTests {
  private func load(_ text: String, environment: [String: String] = [:]) -> ConfigurationNode? {
    ConfigurationLoader(environment: environment).load(text: text, diagnostics: Diagnostics(file: "f"))
  }

  @Test(arguments: [
    ("a: 1\nb: [x, 'y', \"z\"]", "{a: 1, b: [x, \"y\", \"z\"]}"),
    ("{\"a\": {\"b\": null}}", "{\"a\": {\"b\": null}}"),
    ("a: &x { n: 1 }\nb: *x", "{a: {n: 1}, b: {n: 1}}"),
    ("a: NO\nb: 007\nc: 10:30:00\nd: 1e3\ne:", "{a: NO, b: 007, c: 10:30:00, d: 1e3, e: }"),
    ("\u{feff}a: 1\r\nb: 2\r\n", "{a: 1, b: 2}"),
    ("a: |\n  line\nb: >\n  fold\n  ed", "{a: \"line\n\", b: \"fold ed\"}"),
    ("--- # one document\na: 1\n...\n", "{a: 1}"),
  ])
  func `scalars stay the texts that they were`(_ text: String, _ expected: String) {
    #expect(shape(load(text)) == expected)
    #expect(findings(text) == [])
  }

  @Test func `every node knows its line and column`() throws {
    let root = try #require(load("a: 1\né:\n  - ü: \"x\"\n"))
    guard case .mapping(let pairs) = root.content, case .sequence(let items) = pairs[1].value.content,
      case .mapping(let inner) = items[0].content
    else {
      Issue.record("another shape: \(shape(root))")
      return
    }
    #expect(root.location == SourceLocation(line: 1, column: 1))
    #expect(pairs[0].value.location == SourceLocation(line: 1, column: 4))
    #expect(pairs[1].key.location == SourceLocation(line: 2, column: 1))
    #expect(inner[0].key.location == SourceLocation(line: 3, column: 5))
    #expect(inner[0].value.location == SourceLocation(line: 3, column: 8))
    guard case .scalar(let scalar) = inner[0].value.content else { return }
    #expect(scalar.verbatimLocation == SourceLocation(line: 3, column: 9))
  }

  @Test(arguments: [
    ("", ["1:1: error[empty-file]: the file is empty"]),
    ("# only a comment\n", ["1:1: error[empty-file]: the file is empty"]),
    ("a: 1\n---\nb: 2", ["3:1: error[several-documents]: a second document begins here; expected one document per file"]),
    ("a: [1, 2", ["2:1: error[syntax]: did not find expected ',' or ']' while parsing a flow sequence that begins on line 1"]),
    (
      "a: 1\n  b: 2", ["2:4: error[syntax]: mapping values are not allowed in this context"]
    ),
    (
      "a:\n\t- 1",
      [
        "2:1: error[syntax]: found character that cannot start any token while scanning for the next token; YAML indents with spaces, this line begins with a tab"
      ]
    ),
    ("a: 'x\nb: 1", ["2:5: error[syntax]: found unexpected end of stream while scanning a quoted scalar that begins on line 1"]),
    ("a: *nobody", ["1:4: error[syntax]: found undefined alias"]),
    ("? [a]\n: 1", ["1:3: error[wrong-type]: expected a name as key, found a list"]),
    (
      "a: &x {b: 1}\nc:\n  <<: *x",
      ["3:3: error[syntax]: '<<' merges mappings in YAML 1.1 only; write the fields out, or alias a whole value"]
    ),
  ])
  func `broken structure is reported where it breaks`(_ text: String, _ expected: [String]) {
    #expect(findings(text) == expected)
  }

  @Test(arguments: [
    ("a: 1\nb: 2\na: 3", ["3:1: error[duplicate-key]: duplicate key 'a'; it stands first on line 1"]),
    ("a: 1\n\"a\": 2", ["2:1: error[duplicate-key]: duplicate key 'a'; it stands first on line 1"]),
    ("'a': 1\na: 2", ["2:1: error[duplicate-key]: duplicate key 'a'; it stands first on line 1"]),
    (
      "x: {b: 1, b: 2, b: 3}\ny:\n  c: 1\n  d: 2\n  c: 3",
      [
        "1:11: error[duplicate-key]: duplicate key 'b'; it stands first on line 1",
        "1:17: error[duplicate-key]: duplicate key 'b'; it stands first on line 1",
        "5:3: error[duplicate-key]: duplicate key 'c'; it stands first on line 3",
      ]
    ),
    ("&k a: 1\na: 2", ["1:1: error[duplicate-key]: duplicate key 'a'; the same name stands again in this mapping"]),
  ])
  func `every duplicate key is reported with both places`(_ text: String, _ expected: [String]) {
    #expect(findings(text) == expected)
  }

  @Test func `the first of two equal keys counts`() {
    #expect(shape(load("a: 1\nb: 2\na: 3")) == "{a: 1, b: 2}")
  }

  @Test func `aliases of aliases do not multiply without end`() {
    var text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    for level in 1...9 {
      text += "a\(level): &a\(level) [" + [String](repeating: "*a\(level - 1)", count: 10).joined(separator: ", ") + "]\n"
    }
    let found = findings(text)
    #expect(found.count == 1)
    #expect(found[0].hasSuffix("error[too-large]: more than 500000 values, aliases written out"))
  }

  @Test(arguments: [200, 5000])
  func `depth is bounded`(_ depth: Int) {
    let text = String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
    #expect(findings(text).count == 1)
  }

  @Test(arguments: [
    ("${HOST}", "kafka", []),
    ("${HOST}:${PORT:-9092}", "kafka:9092", []),
    ("\"${EMPTY:-x}|${EMPTY}|\"", "\"x||\"", []),
    ("cost $5 and $${HOST}", "cost $5 and ${HOST}", []),
    ("a${HOST", "a${HOST", []),
    ("${X:-a:-b}", "a:-b", []),
    (
      "${NOPE}", "${NOPE}",
      ["1:4: error[unset-variable]: the environment variable 'NOPE' is not set; set it, or give a default: ${NOPE:-value}"]
    ),
    (
      "${1X}", "${1X}",
      ["1:4: error[unset-variable]: '${1X}' names no variable; expected ${NAME} or ${NAME:-default}, and $${ for a literal ${"]
    ),
  ])
  func `variables are filled in`(_ text: String, _ expected: String, _ errors: [String]) {
    let environment = ["HOST": "kafka", "EMPTY": ""]
    #expect(shape(load("a: \(text)", environment: environment)) == "{a: \(expected)}")
    #expect(findings("a: \(text)", environment: environment) == errors)
  }

  @Test func `a file that is missing or no text is no input`() throws {
    let loader = ConfigurationLoader(environment: [:])
    #expect(throws: Failure.self) { try loader.load(path: "/nonexistent/x.yaml", diagnostics: Diagnostics(file: "x")) }
    do {
      _ = try loader.load(path: "/", diagnostics: Diagnostics(file: "/"))
      Issue.record("a directory was read")
    } catch {
      #expect(error.code == .noInput)
      #expect(error.message == "/: is a directory, expected a file")
    }
    let diagnostics = Diagnostics(file: "f")
    let node = loader.load(bytes: Array("a: 1\nb: ü".utf8) + [0xff, 10], diagnostics: diagnostics)
    #expect(shape(node) == "nothing")
    #expect(diagnostics.all.map(\.description) == ["f:2:5: error[syntax]: the file is not UTF-8 text"])
  }
}

@Suite struct ResourcePathTests {
  @Test(arguments: [
    ("a", ""), ("a.yaml", ""), ("x/a", "x"), ("/a", "/"), ("/x/y/a.yaml", "/x/y"), ("./a", "."), ("", ""), ("x/", "x"),
  ])
  func `the directory of a file is what stands before its name`(_ path: String, _ directory: String) {
    #expect(ResourcePath.directory(of: path) == directory)
  }
}
