// The tests of a pipeline, run: what a reader sees when, and what a failing expectation says.

import Base
import Configuration
import Features
import Foundation
import Processing
import Testing

private func pipeline(_ tests: String, watermark: String = "{ lateness: 5s }", extra: String = "") throws -> PipelineDefinition {
  let text = """
    kind: pipeline
    name: test
    sources:
      events:
        event_time: { field: ts, format: epoch_ms }
        watermark: \(watermark)
    \(extra)
    entities: { key: { key: k } }
    views:
      now:
        entity: key
        source: events
        features:
          n:     { agg: count, window: { sliding: 1m, hop: 10s }, default: 0 }
          total: { agg: sum, field: v, window: { sliding: 1m, hop: 10s } }
          name:  { agg: last, field: name }
      rows:
        entity: key
        source: events
        emit: { trigger: close }
        features:
          n: { agg: count, window: { tumbling: 10s } }
      all:
        entity: all
        source: events
        features:
          late: { agg: count, window: { tumbling: 10s }, default: 0 }
    tests:
    \(tests.split(separator: "\n").map { "  " + $0 }.joined(separator: "\n"))
    """
  let diagnostics = Diagnostics(file: "p.yaml")
  let definition = PipelineReader.read(text: text, diagnostics: diagnostics)
  return try #require(definition, "\(diagnostics.all.map(\.description).joined(separator: "\n"))")
}

/// What the first test has to say, a line per difference.
private func differences(_ pipeline: PipelineDefinition) throws -> [String] {
  let outcome = try PipelineTestRun.run(pipeline.tests[0], of: pipeline)
  var lines = outcome.failure.map { [$0] } ?? []
  for miss in outcome.misses {
    for difference in miss.differences {
      lines.append("\(miss.viewName): \(difference.subject): expected \(difference.expected), found \(difference.found)")
    }
    lines += miss.notes
  }
  return lines
}

@Suite struct PipelineTestRunTests {
  @Test func `a reader sees the records that came before, and time that moves without any`() throws {
    let differences = try differences(
      pipeline(
        """
        - name: a
          view: now
          given:
            - { ts: 1000, k: a, v: 1 }
            - { ts: 31000, k: a, v: 2, name: x }
            - { ts: 21000, k: a, v: 4, name: y }
            - { ts: 71000, k: b, v: 8 }
          expect:
            - { at: 999, key: a, absent: true }
            - { at: 1000, key: a, n: 1, total: 1 }
            - { at: 30999, key: a, n: 1, total: 1 }
            - { at: 31000, key: a, n: 3, total: 7, name: x }
            - { at: 69999, key: a, n: 3 }
            - { at: 70000, key: a, n: 2, total: 6 }
            - { at: 71000, key: a, n: 2, total: 6 }
            - { at: 71000, key: b, n: 1 }
            - { at: 89999, key: a, n: 2 }
            - { at: 90000, key: a, n: 1, total: 2 }
            - { at: 100000, key: a, n: 0, total: null, name: x }
            - { key: a, n: 2 }
            - { view: all, features: { late: 1 } }
            - { view: all, at: 80000, features: { late: 0 } }
        """))
    #expect(differences == [])
  }

  @Test func `the tests of a source of Avro state their records as any other's do`() throws {
    let definition = try pipeline(
      """
      - name: avro
        view: now
        given:
          - { ts: 1000, k: a, v: 2, name: x }
          - { ts: 2000, k: a, v: 3, name: y }
        expect:
          - { at: 5000, key: a, n: 2, total: 5, name: x }
      """, extra: "    format: avro")
    #expect(try differences(definition) == ["now: name: expected \"x\", found \"y\""])
  }

  @Test func `windows close behind the watermark, and at the end`() throws {
    let differences = try differences(
      pipeline(
        """
        - name: a
          view: rows
          given:
            - { ts: 1000, k: a }
            - { ts: 12000, k: a }
            - { ts: 2000, k: a }
            - { advance: 3s }
            - { ts: 9999, k: a }
            - { ts: 16000, k: 7 }
          expect:
            - { key: a, at: 14998, window_start: 0, absent: true }
            - { key: a, at: 14999, window_start: 0, n: 2 }
            - { key: a, window_start: 0, n: 2 }
            - { key: a, window_end: 20000, n: 1 }
            - { key: "7", window_start: 10000, window_end: 20000, n: 1 }
            - { late: 1, rows: 3, keyless: 0, rejected: 0 }
            - { key: a, rows: 2 }
            - { at: 14999, rows: 1, late: 0 }
        """))
    #expect(differences == [])
  }

  @Test func `what differs is said, with the records that did not count`() throws {
    let differences = try differences(
      pipeline(
        """
        - name: a
          view: rows
          given:
            - { ts: 1000, k: a }
            - { ts: 30000, k: a }
            - { ts: 2000, k: a }
            - { ts: 31000 }
            - not JSON
            - { ts: today }
          expect:
            - { key: a, window_start: 0, n: 2 }
            - { key: a, window_start: 10000, n: 1 }
            - { key: b, window_start: 10000, n: 1 }
            - { key: a, window_start: 30000, absent: true }
            - { late: 0, keyless: 0, rejected: 0, rows: 0 }
            - { view: now, key: a, n: true, total: { between: [1, 2] }, name: x }
        """))
    let notes = [
      "record 3, line 34: late, all its windows had closed", "record 4, line 35: without a key",
      "record 5, line 36: rejected, malformed", "record 6, line 37: rejected, invalid event time",
    ]
    #expect(
      differences == ["rows: n: expected 2, found 1"] + notes + ["rows: row: expected one, found none"] + notes
        + ["rows: row: expected one, found none"] + notes + ["rows: row: expected none, found n 1"] + notes
        + [
          "rows: late: expected 0, found 1", "rows: keyless: expected 0, found 1", "rows: rejected: expected 0, found 2",
          "rows: rows: expected 0, found 2",
        ] + notes
        + [
          "now: n: expected true, found 3", "now: total: expected between 1.0 and 2.0, found null",
          "now: name: expected \"x\", found null",
          notes[1], notes[2], notes[3],
        ])
  }

  @Test func `a row that is not there is looked for elsewhere`() throws {
    let definition = try pipeline(
      """
      - name: a
        view: rows
        given: [{ ts: 1000, k: user-1 }]
        expect:
          - { key: user-2, window_start: 0, n: 1 }
          - { key: user-1, window_start: 10000, n: 1 }
          - { key: x, at: 0, window_start: 0, n: 1 }
      """)
    let outcome = try PipelineTestRun.run(definition.tests[0], of: definition)
    #expect(
      outcome.misses.flatMap { $0.differences.flatMap(\.reasons) } == [
        "view 'rows' has rows of 'user-1'; did you mean 'user-1'?",
        "the windows of this key: [1970-01-01T00:00:00.000Z, 1970-01-01T00:00:10.000Z)", "view 'rows' has no row at all",
      ])
  }

  @Test func `records have a key and a time of their own, and any bytes`() throws {
    let differences = try differences(
      pipeline(
        """
        - name: a
          view: now
          given:
            - { $value: '{"ts":1000,"k":"a","v":0.1}', $key: a, $timestamp: 5 }
            - '{"ts":1000,"k":"a","v":0.2}'
            - { $value: { ts: 1000, k: a, v: 1.0e2 } }
            - { $value: null }
          expect: [{ key: a, n: 3, total: 100.3, rejected: 1 }]
        """))
    #expect(differences == [])
  }

  @Test func `copies are counted and named`() throws {
    let differences = try differences(
      pipeline(
        """
        - name: a
          view: now
          given: [{ ts: 1000, k: a, id: x }, { ts: 2000, k: a, id: y }, { ts: 1000, k: a, id: x }]
          expect:
            - { key: a, n: 2, duplicates: 1 }
            - { at: 1500, key: a, n: 1, duplicates: 0 }
            - { key: a, n: 3 }
        """, extra: "    dedup: { key: id, window: 1m }"))
    #expect(differences == ["now: n: expected 3, found 2", "record 3, line 31: a copy of one that counted"])
  }

  @Test func `a record that stops the source fails the test`() throws {
    let differences = try differences(
      pipeline("- { name: a, view: now, given: [{ k: a }], expect: [{ key: a, n: 1 }] }", extra: "    on_error: { action: stop }"))
    #expect(
      differences == [
        "the test, partition 0, offset 0: no event time in 'ts': {\"k\":\"a\"} (on_error: stop)"
      ])
  }
}

@Suite struct ExpectedValueTests {
  @Test(arguments: [
    ("1", "1", true), ("1", "2", false), ("1", "1.0", true), ("0.3", "0.30000000000000004", true), ("0.3", "0.3000001", false),
    ("9007199254740993", "9007199254740992", false), ("1e300", "1.0000000000000002e300", true), ("true", "1", false),
    ("null", "null", true), ("null", "0", false), ("\"a\"", "\"a\"", true), ("\"1\"", "1", false),
    ("[1, \"a\"]", "[1.0, \"a\"]", true), ("[1]", "[1, 1]", false), ("{\"a\": 1}", "{\"a\": 1}", true),
    ("{\"a\": 1, \"b\": 2}", "{\"b\": 2, \"a\": 1}", true), ("{\"a\": 1}", "{\"b\": 1}", false), ("[]", "{}", false),
  ])
  func `values are compared as numbers, texts and members`(expected: String, found: String, isSame: Bool) throws {
    let (a, b) = (try #require(ExpectedValue(json: expected.utf8)), try #require(ExpectedValue(json: found.utf8)))
    #expect(a.accepts(b) == isSame)
  }

  @Test func `a range takes numbers from end to end`() {
    let range = ExpectedValue.between(98, 102)
    #expect(range.accepts(.integer(98)) && range.accepts(.double(102)))
    #expect(!range.accepts(.integer(97)) && !range.accepts(.string("100")) && !range.accepts(.null))
  }
}
