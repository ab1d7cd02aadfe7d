// JSON as a person reads it: where lines break, what stays as it was, and what is no JSON.

import Testing

@testable import Codec

@Suite struct JSONPrettyPrinterTests {
  private func pretty(_ text: String, style: JSONPrettyPrinter.Style = .plain, width: Int = 60) -> String? {
    Array(text.utf8).withUnsafeBufferPointer { JSONPrettyPrinter(style: style, width: width).text($0) }
  }

  @Test func `keys keep their order, numbers their digits, and small parts stay on one line`() {
    #expect(
      pretty(#"{"b":1.50,"a":{"x":"y","z":null},"list":[1,2e3,-4],"none":{},"empty":[],"t":true}"#) == """
        {
          "b": 1.50,
          "a": { "x": "y", "z": null },
          "list": [1, 2e3, -4],
          "none": {},
          "empty": [],
          "t": true
        }
        """)
  }

  @Test func `what is too wide or holds something nested breaks into lines`() {
    #expect(
      pretty(#"{"a":{"b":{"c":1}},"words":["one","two","three"]}"#, width: 20) == """
        {
          "a": {
            "b": { "c": 1 }
          },
          "words": [
            "one",
            "two",
            "three"
          ]
        }
        """)
  }

  @Test func `colours go around names and values`() {
    let style = JSONPrettyPrinter.Style(name: "<n>", text: "<t>", number: "<#>", literal: "<l>", reset: "</>")
    #expect(
      pretty(#"{"a":"é\"","b":1,"c":false}"#, style: style)
        == "{\n  <n>\"a\"</>: <t>\"é\\\"\"</>,\n  <n>\"b\"</>: <#>1</>,\n  <n>\"c\"</>: <l>false</>\n}")
  }

  @Test func `a value by itself is printed`() {
    #expect(pretty("null") == "null")
    #expect(pretty(" [ ] ") == "[]")
    #expect(pretty("\"x\"") == "\"x\"")
  }

  @Test(arguments: [
    "", "{", "}", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "[1,]", "[1", "\"a", "\"a\\", "nul", "tru", "1 2", "{} x", "-", "{a:1}",
    "\"line\nbreak\"", String(repeating: "[", count: 200) + String(repeating: "]", count: 200),
  ])
  func `what is no JSON is told apart`(text: String) {
    #expect(pretty(text) == nil)
  }
}
