// What a batch run computes is what the stream has computed: the same records through a worker and through a run, whose cutoff is where the stream's time
// ends, give the same rows, for every aggregate and every kind of window, in memory and out of spills.

import Base
import Batch
import Configuration
import Features
import Foundation
import Processing
import Records
import TestSupport
import Testing

private let yaml = """
  version: 1
  kind: pipeline
  name: lanes
  sources:
    clicks:
      event_time: { field: ts, format: epoch_ms }
      watermark: { lateness: 3s }
      DEDUP
  entities:
    user: { key: user }
    guest: { key: guest, ttl: 40s }
  views:
    sliding:
      entity: user
      source: clicks
      lanes: [nrt, batch]
      features:
        n: { agg: count, window: { sliding: 20s, hop: 5s } }
        shown: { agg: count, where: "kind == 'view'", window: { sliding: 1m, hop: 1s }, default: 0 }
        spend: { agg: sum, field: price, window: { sliding: 1m, hop: 1s } }
        mean: { agg: mean, field: price, window: { sliding: 20s, hop: 5s } }
        least: { agg: min, field: price, window: { sliding: 20s, hop: 5s } }
        most: { agg: max, field: price, window: { sliding: 1m, hop: 1s }, default: -1 }
        spread: { agg: stddev, field: price, window: { sliding: 1m, hop: 1s } }
        varied: { agg: variance, field: price, window: { sliding: 20s, hop: 5s } }
        kinds: { agg: distinct, field: kind, window: { sliding: 1m, hop: 1s } }
        about: { agg: approx_distinct, field: item, window: { sliding: 1m, hop: 1s } }
        median: { agg: quantile, q: 0.5, field: price, window: { sliding: 1m, hop: 1s } }
        top: { agg: top_k, k: 2, field: item, window: { sliding: 1m, hop: 1s } }
        last: { agg: last, field: item, window: { sliding: 20s, hop: 5s } }
        first: { agg: first, field: item, window: { sliding: 20s, hop: 5s } }
        since: { agg: elapsed, window: { sliding: 1m, hop: 1s } }
        share: { expr: "shown / n", on_divide_by_zero: 0 }
    fixed:
      entity: user
      source: clicks
      lanes: [nrt, batch]
      features:
        n: { agg: count, window: { tumbling: 15s } }
        spend: { agg: sum, field: price, window: { cumulate: 1m, step: 10s } }
    visit:
      entity: user
      source: clicks
      lanes: [nrt, batch]
      features:
        n: { agg: count, window: { session: 6s } }
        spend: { agg: sum, field: price, window: { session: 6s } }
    ever:
      entity: guest
      source: clicks
      lanes: [nrt, batch]
      where: "kind != 'cart'"
      features:
        n: { agg: count, window: none }
        last: { agg: last, field: item, window: none }
    everyone:
      entity: all
      source: clicks
      lanes: [nrt, batch]
      features:
        n: { agg: count, window: { sliding: 1m, hop: 1s } }
        spend: { agg: sum, field: price, window: none }

  """

func readPipeline(_ text: String) throws -> PipelineDefinition {
  let diagnostics = Diagnostics(file: "test.yaml")
  let pipeline = PipelineReader.read(text: text, diagnostics: diagnostics)
  try diagnostics.throwIfErrors()
  return try #require(pipeline)
}

/// Rows as text, by view and key.
final class CollectedRows: BatchOutput {
  let name = "memory"
  let store: MemoryRowStore
  var events: [String] = []
  init(_ pipeline: PipelineDefinition) {
    store = MemoryRowStore(pipeline.views.map { StoredView($0, entities: pipeline.entities) })
  }
  func begin(_ run: BatchRunIdentity) throws { events.append("begin") }
  func write(_ rows: FeatureRowBatch) throws { try store.write(rows) }
  func keepAlive() throws {}
  func publish() throws { events.append("publish") }
  func abandon() { events.append("abandon") }

  static func texts(_ rows: [MemoryRowStore.Row]) -> [String: String] {
    Dictionary(uniqueKeysWithValues: rows.map { ("\($0.view) \($0.key ?? "-")", "\($0.values)") })
  }
}

/// Clicks of some users, some of them late, some twice.
func clicks(_ random: inout Random, count: Int, userCount: UInt64, pause: UInt64 = 900) -> [String] {
  var time: Int64 = 1_000_000
  var values: [String] = []
  for _ in 0..<count {
    time += Int64(random.below(pause))
    if random.below(40) == 0 { time += Int64(random.below(33 * pause)) }
    let late = random.below(5) == 0 ? Int64(random.below(8000)) : 0
    let price = random.below(10) == 0 ? "null" : "\(Double(random.below(10_000)) / 100)"
    values.append(
      #"{"user":"u\#(random.below(userCount))","guest":"g\#(random.below(userCount))","ts":\#(time - late),"kind":"\#(["view", "cart", "buy"][Int(random.below(3))])","#
        + #""price":\#(price),"item":"i\#(random.below(20))","id":\#(values.count)}"#)
    if random.below(12) == 0 { values.append(values[Int(random.below(UInt64(values.count)))]) }
  }
  return values
}

@Suite struct BatchRunTests {
  private func pipeline(dedup: Bool) throws -> PipelineDefinition {
    try readPipeline(yaml.replacing("DEDUP", with: dedup ? "dedup: { key: id, window: 30s }" : ""))
  }

  /// What the stream shows in the end, and where its time ends; of keys that hold nothing, nothing.
  private func stream(_ pipeline: PipelineDefinition, _ values: [String]) throws -> (rows: [String: String], time: Int64) {
    let rehearsal = try Rehearsal(pipeline, source: 0)
    for (index, value) in values.enumerated() {
      try rehearsal.give(TestRecord(value: value, location: SourceLocation(line: 1, column: 1)))
      if index % 50 == 49 { try rehearsal.emit() }
    }
    try rehearsal.emit()
    return (CollectedRows.texts(rehearsal.rows.rows), try #require(rehearsal.streamTime))
  }

  private func batch(
    _ pipeline: PipelineDefinition, _ values: [PartitionIndex: [String]], cutoff: Int64, views: [Int]? = nil, batchSize: Int = 7,
    _ change: (inout BatchRunSettings) -> Void = { _ in }
  ) throws -> (rows: [String: String], counts: BatchCounts) {
    var settings = BatchRunSettings()
    change(&settings)
    let run = try BatchRun(
      pipeline, views: views ?? Array(pipeline.views.indices), cutoff: cutoff,
      archives: [0: MemoryRecords(values: values, batchSize: batchSize)], settings: settings)
    let output = CollectedRows(pipeline)
    try run.run(into: output)
    #expect(output.events == ["begin", "publish"])
    #expect(run.progress.current.rowCount == Int64(output.store.rows.count))
    return (CollectedRows.texts(output.store.rows), run.progress.current)
  }

  @Test(arguments: [false, true], [1, 2, 3, 4, 5, 6] as [UInt64])
  func `a run as of where the stream ends gives the rows of the stream`(dedup: Bool, seed: UInt64) throws {
    let pipeline = try pipeline(dedup: dedup)
    var random = Random(seed: seed, 1, 1)
    let values = clicks(&random, count: 600, userCount: 12)
    let (expected, time) = try stream(pipeline, values)
    let (found, counts) = try batch(pipeline, [0: values], cutoff: time)
    #expect(counts.records == Int64(values.count) * 3)
    for (key, row) in found { #expect(expected[key] == row, "seed \(seed), \(key)") }
    // A key that holds nothing any more has a last row in the stream, which says so, and none here. One that outlives its time just has none.
    for (key, row) in expected where found[key] == nil && !key.hasPrefix("3 ") {
      let values = row.replacing("Features.ExpectedValue.", with: "").dropFirst().dropLast().split(separator: ", ")
      #expect(values.allSatisfy { ["null", "integer(0)", "integer(-1)"].contains($0) }, "seed \(seed), \(key): \(row)")
    }
    #expect(found.count > 20)
  }

  @Test(arguments: [false, true], [11, 12, 13, 14] as [UInt64])
  func `rows do not depend on memory, batches and threads`(dedup: Bool, seed: UInt64) throws {
    let pipeline = try pipeline(dedup: dedup)
    var random = Random(seed: seed, 2, 2)
    var values: [PartitionIndex: [String]] = [:]
    for partition in 0..<3 as Range<PartitionIndex> {
      values[partition] = clicks(&random, count: 900, userCount: 60, pause: 150).map {
        $0.replacing(#""user":"u"#, with: #""user":"p\#(partition)u"#).replacing(#""guest":"g"#, with: #""guest":"p\#(partition)g"#)
      }
    }
    let cutoff: Int64 = 1_080_000
    let (expected, _) = try batch(pipeline, values, cutoff: cutoff)
    let (threaded, _) = try batch(pipeline, values, cutoff: cutoff, batchSize: 100) { $0.threadCount = 4 }
    #expect(threaded == expected)
    let folder = TestFolder()
    let (spilled, counts) = try batch(pipeline, values, cutoff: cutoff, batchSize: 50) {
      $0.temporaryFolder = folder.path
      $0.threadCount = 2
      $0.memoryByteCount = 140_000
    }
    #expect(counts.spills >= 1)
    #expect(counts.records == (try batch(pipeline, values, cutoff: cutoff)).counts.records)
    #expect(spilled == expected, "seed \(seed)")
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == [])
  }

  @Test(arguments: [21, 22, 23] as [UInt64]) func `keys outlive their time in a spill as they would without`(seed: UInt64) throws {
    let pipeline = try readPipeline(
      yaml.replacing("DEDUP", with: "dedup: { key: id, window: 30s }").replacing("ttl: 40s", with: "ttl: 5s"))
    var random = Random(seed: seed, 4, 4)
    let values = clicks(&random, count: 6000, userCount: 700, pause: 30)
    let cutoff: Int64 = 1_150_000
    let (expected, _) = try batch(pipeline, [0: values], cutoff: cutoff, views: [3], batchSize: 500)
    let (spilled, counts) = try batch(pipeline, [0: values], cutoff: cutoff, views: [3], batchSize: 500) {
      $0.memoryByteCount = 40_000
    }
    #expect(counts.spills >= 1 && expected.count > 50, "\(counts.spills) spills, \(expected.count) rows")
    #expect(spilled == expected, "seed \(seed)")
  }

  @Test func `records after the cutoff are as if they were not there`() throws {
    let pipeline = try pipeline(dedup: true)
    var random = Random(seed: 5, 3, 3)
    let values = clicks(&random, count: 400, userCount: 8)
    let cutoff: Int64 = 1_100_000
    let before = values.filter { value in
      Int64(value.split(separator: #""ts":"#)[1].prefix { $0.isNumber })! <= cutoff
    }
    #expect(before.count < values.count - 50 && before.count > 50)
    #expect(try batch(pipeline, [0: values], cutoff: cutoff).rows == batch(pipeline, [0: before], cutoff: cutoff).rows)
  }

  @Test func `keys that lie in several partitions are brought together in the order of event time`() throws {
    let text = """
      version: 1
      kind: pipeline
      name: p
      sources:
        clicks:
          kafka: { brokers: "localhost:1", topic: t, group: g, key: id }
          event_time: { field: ts, format: epoch_ms }
          watermark: { lateness: 3s }
      entities:
        user: { key: user }
      views:
        v:
          entity: user
          source: clicks
          lanes: [batch]
          features:
            n: { agg: count, window: { sliding: 1m, hop: 1s } }
            items: { agg: collect, field: item, n: 100, window: { sliding: 1m, hop: 1s } }
      """
    let pipeline = try readPipeline(text)
    func value(_ user: String, _ time: Int, _ item: String) -> String { #"{"user":"\#(user)","ts":\#(time),"item":"\#(item)"}"# }
    let values: [PartitionIndex: [String]] = [
      0: [value("a", 1000, "1"), value("b", 5000, "3"), value("a", 9000, "5")],
      1: [value("a", 2000, "2"), value("a", 6000, "4"), value("b", 50_000, "late")],
    ]
    func items(_ texts: String...) -> String { texts.map { "Features.ExpectedValue.string(\"\($0)\")" }.joined(separator: ", ") }
    for size in [1, 2, 10] {
      let (rows, counts) = try batch(pipeline, values, cutoff: 20_000, batchSize: size)
      #expect(
        rows == [
          "0 a": #"[Features.ExpectedValue.integer(4), Features.ExpectedValue.list([\#(items("1", "2", "4", "5"))])]"#,
          "0 b": #"[Features.ExpectedValue.integer(1), Features.ExpectedValue.list([\#(items("3"))])]"#,
        ])
      #expect(counts.parts == 1)
    }
  }

  @Test func `what fails publishes nothing, and is told once`() throws {
    let pipeline = try readPipeline(yaml.replacing("DEDUP", with: "on_error: { action: stop }"))
    let output = CollectedRows(pipeline)
    let run = try BatchRun(
      pipeline, views: [0], cutoff: 10, archives: [0: MemoryRecords(values: [0: ["{}", "{}"], 1: ["oops"]])],
      settings: BatchRunSettings())
    let failure = #expect(throws: Failure.self) { try run.run(into: output) }
    #expect(failure?.code == .badData)
    #expect(output.events == ["begin", "abandon"])
  }

  @Test func `what the archive does not keep is refused by name`() throws {
    let pipeline = try readPipeline(yaml.replacing("DEDUP", with: "").replacing("{ key: user }", with: "{ key: $key }"))
    let failure = #expect(throws: Failure.self) {
      try BatchRun(pipeline, views: [0], cutoff: 10, archives: [:], settings: BatchRunSettings())
    }
    #expect(failure?.message.hasPrefix("view 'sliding' reads '$key', which the archive does not keep") == true)
  }
}
