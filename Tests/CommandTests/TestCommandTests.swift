// `freshet test` as a user runs it.

import Foundation
import TestSupport
import Testing

@Suite struct TestCommandTests {
  private static let name = "a purchase leaves the window after an hour"

  @Test func `the pipeline of sketches and visits passes its tests`() throws {
    let outcome = try Program.run("freshet", ["test", "Pipelines/shop_insights.yaml"])
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(outcome.lines.last == "2 tests, 5 expectations: 2 passed, 0 failed")
  }

  @Test func `the shipped pipeline passes its own tests`() throws {
    let outcome = try Program.run("freshet", ["test", "Pipelines/shop_features.yaml"])
    #expect(outcome.status == 0)
    #expect(outcome.errors == "")
    #expect(outcome.text.hasPrefix("ok    \(Self.name)\n"))
    #expect(outcome.lines.last!.contains(/^\d+ tests, \d+ expectations: \d+ passed, 0 failed$/))
  }

  @Test func `every difference is shown with its place, and the exit code is 3`() throws {
    let folder = TestFolder()
    let shop = try ShopPipeline(in: folder, replacing: ["purchases_1h: 2, spend_1h: 25.0": "purchases_1h: 3, spend_1h: 25.5"])
    let outcome = try Program.run("freshet", ["test", shop.path, "--name", Self.name])
    #expect(outcome.status == 3)
    #expect(outcome.errors == "freshet: error: 1 of 1 tests of '\(shop.path)' failed\n")
    let line =
      try String(contentsOfFile: shop.path, encoding: .utf8).split(separator: "\n", omittingEmptySubsequences: false)
      .firstIndex { $0.contains("purchases_1h: 3") }! + 1
    #expect(
      outcome.text == """
        FAIL  \(Self.name)
              \(shop.path):\(line):9: view 'user_activity', key 'u1', at 2026-01-05T10:31:00.000Z
                purchases_1h  expected 3, found 2
                                made of 1 from 2026-01-05T10:00:00.000Z to 2026-01-05T10:01:00.000Z, 1 from 2026-01-05T10:30:00.000Z to 2026-01-05T10:31:00.000Z
                spend_1h      expected 25.5, found 25.0
                                made of 20.0 from 2026-01-05T10:00:00.000Z to 2026-01-05T10:01:00.000Z, 5.0 from 2026-01-05T10:30:00.000Z to 2026-01-05T10:31:00.000Z
        1 test, 4 expectations: 0 passed, 1 failed

        """)
    let json = try Program.run("freshet", ["test", shop.path, "--output", "json"])
    #expect(json.status == 3)
    let document = try #require(try JSONSerialization.jsonObject(with: json.output) as? [String: Any])
    #expect(document["failed"] as? Int == 1)
    let test = try #require((document["tests"] as? [[String: Any]])?.first)
    let failure = try #require((test["failures"] as? [[String: Any]])?.first)
    #expect(failure["line"] as? Int == line && failure["at"] as? Int == 1_767_609_060_000 && failure["key"] as? String == "u1")
    let difference = try #require((failure["differences"] as? [[String: Any]])?.first)
    #expect(difference["subject"] as? String == "purchases_1h" && difference["found"] as? String == "2")
  }

  @Test func `what cannot be run is refused`() throws {
    let folder = TestFolder()
    let shop = try ShopPipeline(in: folder)
    let unknown = try Program.run("freshet", ["test", shop.path, "--name", "a purchase leaves the window after an hou"])
    #expect(unknown.status == 64)
    #expect(
      unknown.errors.hasPrefix(
        "freshet: error: --name: pipeline 'shop_features' has no test 'a purchase leaves the window after an hou'; did you mean "
          + "'\(Self.name)'?; it has '\(Self.name)', "))
    let text = try String(contentsOfFile: shop.path, encoding: .utf8)
    let without = try folder.write(String(text[..<text.firstRange(of: "\ntests:")!.lowerBound]), as: "without.yaml")
    let none = try Program.run("freshet", ["test", without])
    #expect(none.status == 78)
    #expect(none.errors == "freshet: error: pipeline 'shop_features' has no tests; write some under 'tests:'\n")
    let broken = try folder.write(text.replacing("views_5m: 3", with: "views5m: 3"), as: "broken.yaml")
    let refused = try Program.run("freshet", ["test", broken])
    #expect(refused.status == 78)
    #expect(
      refused.errors.contains(
        "error[unknown-field]: unknown field 'views5m' in an item in 'expect' of test 'prices of what a user has looked at'; did you mean "
          + "'views_5m'?\n"))
  }
}
