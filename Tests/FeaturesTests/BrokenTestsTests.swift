// Broken `tests:` of a pipeline, and what is said of them.

import Base
import Configuration
import Testing

@testable import Features

@Suite struct BrokenTestsTests {
  private static let tests = """

    tests:
      - name: t
        view: activity
        given:
          - { timestamp: "2026-01-01T00:00:00Z", userId: u1 }
        expect:
          - { key: u1, views: 0 }
    """

  private func findings(_ text: String) -> [String] {
    let diagnostics = Diagnostics(file: "shop.yaml")
    let definition = PipelineReader.read(text: text, directory: packageDirectory + "/Schemas", diagnostics: diagnostics)
    #expect((definition == nil) == diagnostics.hasErrors)
    return diagnostics.all.map { $0.description.replacing("shop.yaml:", with: "") }
  }

  @Test func `a sound one is read`() throws {
    #expect(findings(soundPipeline + Self.tests) == [])
  }

  @Test(
    arguments: [
      (
        "- name: t", "- title: t",
        [
          "30:5: error[unknown-field]: unknown field 'title' in test 1",
          "30:5: error[missing-field]: missing field 'name' in test 1",
        ]
      ),
      (
        "view: activity", "view: activty",
        ["31:11: error[unknown-reference]: 'view' of test 1: no view 'activty'; did you mean 'activity'?"]
      ),
      (
        "    view: activity\n", "",
        ["34:9: error[missing-field]: missing field 'view' in an item in 'expect' of test 't'; the pipeline has several views"]
      ),
      ("given:", "givn:", ["32:5: error[unknown-field]: unknown field 'givn' in test 1; did you mean 'given'?"]),
      (
        "key: u1, views: 0", "key: u1, view: 0",
        ["35:26: error[unknown-reference]: 'view' of an item in 'expect' of test 't': no view '0'"]
      ),
      (
        "key: u1, views: 0", "key: u1, viewz: 0",
        ["35:20: error[unknown-field]: unknown field 'viewz' in an item in 'expect' of test 't'; did you mean 'view'?"]
      ),
      (
        "key: u1, views: 0", "views: 0",
        ["35:9: error[missing-field]: missing field 'key' in an item in 'expect' of test 't'; view 'activity' has a row per key"]
      ),
      (
        "key: u1, views: 0", "key: u1",
        [
          "35:9: error[wrong-value]: an item in 'expect' of test 't': expects nothing; name a feature with its value, 'absent: true', or a count such as 'late: 0'"
        ]
      ),
      (
        "key: u1, views: 0", "key: u1, views: 0, absent: true",
        ["35:9: error[wrong-value]: an item in 'expect' of test 't': 'absent: true' and the value of a feature do not go together"]
      ),
      (
        "key: u1, views: 0", "key: u1, views: 0, window_start: 0",
        [
          "35:30: error[wrong-value]: an item in 'expect' of test 't': 'window_start' is for views with 'trigger: close'; 'activity' has current values: use 'at'"
        ]
      ),
      (
        "key: u1, views: 0", "view: windows, key: u1, seen: 0",
        [
          "35:9: error[missing-field]: missing field 'window_start' in an item in 'expect' of test 't'; view 'windows' has a row per key and window"
        ]
      ),
      (
        "key: u1, views: 0", "at: noon, key: u1, views: 0",
        [
          "35:15: error[wrong-unit]: 'at' of an item in 'expect' of test 't': expected a time like 2026-01-01T00:00:00Z, or milliseconds since 1970, found 'noon'"
        ]
      ),
      (
        "key: u1, views: 0", "key: u1, views: { between: [2, 1] }",
        ["35:42: error[wrong-value]: 'between' of 'views' of an item in 'expect' of test 't': expected the lower number first"]
      ),
      (
        "key: u1, views: 0", "late: -1",
        ["35:17: error[wrong-value]: 'late' of an item in 'expect' of test 't': expected a whole number of at least 0, found '-1'"]
      ),
      (
        "key: u1, views: 0", "key: u1, late: 0",
        ["35:11: error[wrong-value]: an item in 'expect' of test 't': 'late' is counted for all keys together"]
      ),
      (
        "userId: u1 }", "userID: u1 }",
        [
          "33:46: warning[unknown-reference]: a record of test 't': no event of schema 'clickstream' has a field 'userID'; did you mean 'userId'?"
        ]
      ),
      (
        "userId: u1 }", "userId: u1, $kay: a }",
        [
          "33:58: error[unknown-field]: unknown metadata '$kay' in an item in 'given' of test 't'; did you mean '$key'?; it has $key, $timestamp, $value"
        ]
      ),
      (
        "userId: u1 }", "userId: u1, $value: a }",
        [
          "33:9: error[wrong-value]: an item in 'given' of test 't': '$value' is the whole value, but there is a field 'timestamp' beside it"
        ]
      ),
      (
        "userId: u1 }", "userId: u1 }\n      - { advance: 5 }",
        [
          "34:20: error[wrong-unit]: 'advance' of an item in 'given' of test 't': expected a duration like 250ms, 10s, 5m, 1h or 1d, found '5', which has no unit; did you mean '5s'?"
        ]
      ),
      (
        "key: u1, views: 0", "duplicates: 0",
        [
          "35:11: error[wrong-value]: 'duplicates' of an item in 'expect' of test 't': source 'clicks' has no 'dedup', so every record counts"
        ]
      ),
    ])
  func `what is wrong is said`(old: String, new: String, findings: [String]) {
    precondition(Self.tests.contains(old))
    #expect(self.findings(soundPipeline + Self.tests.replacing(old, with: new)) == findings)
  }

  @Test func `two tests of one name are told apart`() {
    let second = "\n  - { name: t, view: activity, given: [], expect: [{ rows: 0 }] }"
    #expect(findings(soundPipeline + Self.tests + second) == ["36:5: error[wrong-value]: two tests are called 't'"])
  }
}
