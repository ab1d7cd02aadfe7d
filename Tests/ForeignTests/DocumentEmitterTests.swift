// Documents as text: what needs quotes gets them, what is printed reads as what was meant.

import Configuration
import Testing

@testable import Foreign

@Suite struct DocumentEmitterTests {
  @Test(arguments: [
    ("plain", "plain"), ("two words", "two words"), ("a/b-c_d.e", "a/b-c_d.e"), ("", "\"\""), ("true", "\"true\""),
    ("No", "\"No\""),
    ("null", "\"null\""), ("12", "\"12\""), ("1e5", "\"1e5\""), ("-x", "\"-x\""), ("a: b", "\"a: b\""), ("a, b", "\"a, b\""),
    ("#x", "\"#x\""), ("x ", "\"x \""), ("a\"b\\", "\"a\\\"b\\\\\""), ("a\nb", "\"a\\nb\""), ("é", "\"é\""),
    ("\u{7f}", "\"\\u007f\""),
    ("${HOME}", "\"$${HOME}\""), ("$${x}", "\"$$${x}\""), ("[a-z]{3}", "\"[a-z]{3}\""), ("~", "\"~\""), ("10:30", "\"10:30\""),
    ("\u{2028}", "\"\\u2028\""), ("\u{0}", "\"\\u0000\""), ("*a", "\"*a\""), ("&a", "\"&a\""), ("!t", "\"!t\""), ("%Y", "\"%Y\""),
  ])
  func `a text is quoted where it would mean something else, and reads as itself`(_ text: String, _ expected: String) throws {
    let document = DocumentNode.block([DocumentEntry("v", .list([.text(text)]))])
    let printed = DocumentEmitter.text(of: document)
    #expect(printed == "v: [\(expected)]\n")
    let diagnostics = Diagnostics(file: "d")
    let root = try #require(ConfigurationLoader(environment: [:]).load(text: printed, diagnostics: diagnostics))
    guard case .sequence(let items)? = root.value("v")?.content, case .scalar(let scalar) = items[0].content else {
      Issue.record("no list of a scalar")
      return
    }
    #expect(ScalarMeaning(scalar) == .string(text))
    #expect(diagnostics.all.isEmpty)
  }

  @Test func `short values stand on one line, long ones and those with comments do not`() {
    let long = DocumentNode.list((0..<40).map { .text("value-\($0)") })
    let document = DocumentNode.block([
      DocumentEntry("a", .mapping(["int": .range(1, 2)]), comments: ["One", "two\nlines."]),
      DocumentEntry("b", .mapping([DocumentEntry("c", .integer(1), comments: ["Inside."]), DocumentEntry("d", .list([]))])),
      DocumentEntry("choice", long),
      DocumentEntry("e", .list([.mapping(["x": .text("y")]), .block([DocumentEntry("z", .mapping([:]))])])),
    ])
    #expect(
      DocumentEmitter.text(of: document, heading: ["Top", ""]) == """
        # Top
        #
        # One
        # two lines.
        a: { int: [1, 2] }
        b:
          # Inside.
          c: 1
          d: []
        choice:
          [value-0, value-1, value-2, value-3, value-4, value-5, value-6, value-7, value-8, value-9, value-10, value-11,
           value-12, value-13, value-14, value-15, value-16, value-17, value-18, value-19, value-20, value-21, value-22,
           value-23, value-24, value-25, value-26, value-27, value-28, value-29, value-30, value-31, value-32, value-33,
           value-34, value-35, value-36, value-37, value-38, value-39]
        e:
          - { x: y }
          - z: {}

        """)
  }
}
