// The examples of Documentation/expressions.md, over the record that stands there.

import Foundation
import Testing

@testable import Features

@Suite struct ExpressionDocumentationTests {
  @Test func `every example of the documentation gives what stands there, and every function has one`() throws {
    let text = try String(contentsOfFile: "\(packageDirectory)/Documentation/expressions.md", encoding: .utf8)
    let blocks = text.components(separatedBy: "```")
    let record = try #require(blocks.first { $0.hasPrefix("json\n") }).dropFirst(5)
    let examples = stride(from: 1, to: blocks.count, by: 2).flatMap { blocks[$0].split(separator: "\n") }
      .compactMap { line -> (expression: String, value: String)? in
        let sides = line.components(separatedBy: " → ")
        return sides.count == 2 ? (sides[0], sides[1]) : nil
      }
    #expect(examples.count > 80)
    let values = try evaluated(examples.map(\.expression), over: String(record).replacingOccurrences(of: "\n", with: " "))
    for (example, value) in zip(examples, values) { #expect(value == example.value, "\(example.expression)") }
    let functions: [String] = ExpressionFunction.allCases.map(\.rawValue) + ["if", "nullif", "date_trunc"]
    for function in functions {
      #expect(examples.contains { example in example.expression.contains(function + "(") }, "no example of \(function)")
    }
  }

  @Test func `the pipeline of the documentation is sound`() throws {
    let text = try String(contentsOfFile: "\(packageDirectory)/Documentation/expressions.md", encoding: .utf8)
    let yaml = try #require(text.components(separatedBy: "```").first { $0.hasPrefix("yaml\n") }).dropFirst(5)
    #expect(readPipeline("kind: pipeline\nname: p\n\(yaml)").findings == [])
  }
}
