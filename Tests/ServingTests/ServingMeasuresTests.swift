// What a server notes of its answers: phases, rows by status, how old they were; and that the manual knows every metric.

import Base
import Features
import Foundation
import HTTPServer
import Measuring
import TestSupport
import Testing

@testable import Monitoring
@testable import Serving

struct ServingMeasuresTests {
  private let plan: ServingPlan
  private let reader = MemoryReader()
  private let clock = ManualClock(ServingFixtures.now)
  private let progress = ServingProgress()
  private let measures: ServingMeasures
  private let recorder: ServingRecorder

  init() throws {
    plan = try ServingFixtures.plan()
    measures = ServingMeasures(plan)
    recorder = ServingRecorder(measures)
    reader.hashes["fv:activity:u1"] = ["views_5m": "3", "_as_of": "\(ServingFixtures.now - 32_000)"]
    reader.hashes["fv:activity:u2"] = ["views_5m": "4", "_as_of": "\(ServingFixtures.now - 31_000)"]
    reader.hashes["fv:activity:u3"] = ["views_5m": "5", "_as_of": "\(ServingFixtures.now - 90_500)"]
    // Younger than `lateness` would have it: never below 0.
    reader.hashes["fv:totals"] = ["events": "9", "_as_of": "\(ServingFixtures.now - 5000)"]
    reader.foreign = ["fv:activity:odd"]
  }

  private func note(_ body: String, _ timing: ServedTiming = ServedTiming()) throws {
    let request = try FeatureRequest(json: Array(body.utf8), plan, rowLimit: 100)
    try FeatureLookup(plan, reader, progress, clock: clock).answer([request]) { _, result in
      guard case .success(let rows) = result else { return }
      recorder.note(rows, timing, nanoseconds: 9_000_000)
      recorder.flush()
    }
  }

  private var section: StatusDocument.Serve {
    var serve = StatusDocument.Serve()
    measures.fill(&serve)
    return serve
  }

  /// HDR histograms keep two digits.
  private func isNear(_ distribution: DurationDistribution, milliseconds: [Double]) -> Bool {
    var found: [Double] = []
    for (value, count) in zip(distribution.values, distribution.counts) {
      found += Array(repeating: Double(value) / 1e6, count: Int(count))
    }
    let sum = Int64(milliseconds.reduce(0, +) * 1e6)
    guard distribution.sumNanoseconds == sum, found.count == milliseconds.count else { return false }
    return zip(found, milliseconds.sorted()).allSatisfy { abs($0 - $1) <= $1 * 0.01 }
  }

  @Test func `rows are counted by status, and are as old as the newest event that they show`() throws {
    try note(#"{"feature_service":"ranking","entities":{"user_id":["u1","u2","u3","nobody","odd"]}}"#)
    let views = section.views
    #expect(views.map(\.name) == ["activity", "totals"])
    #expect(views.map(\.lane) == ["nrt", "nrt"])
    #expect(views[0].statuses == ["PRESENT": 2, "STALE": 1, "NOT_FOUND": 1, "INVALID": 1])
    #expect(isNear(views[0].staleness, milliseconds: [2000, 1000, 60_500]), "\(views[0].staleness)")
    // A row for all keys is one row.
    #expect(views[1].statuses == ["PRESENT": 1])
    #expect(isNear(views[1].staleness, milliseconds: [0]), "\(views[1].staleness)")
    #expect(views[0].compute.isEmpty)
  }

  @Test func `a row is judged by how far its partition has come`() throws {
    reader.hashes["fv:activity:idle"] = ["views_5m": "3", "_as_of": "1", "_position": "1:7"]
    progress.set([[nil, ServingFixtures.now - 30_100]], at: ServingFixtures.now)
    try note(#"{"feature_service":"ranking","entities":{"user_id":["idle"]}}"#)
    #expect(isNear(section.views[0].staleness, milliseconds: [100]), "\(section.views[0].staleness)")
  }

  @Test func `a batch is as old as its cutoff, and what is computed now is new`() throws {
    reader.hashes["fv:activity@batch:a:u1"] = ["spend": "1.5", "_as_of": "1"]
    reader.run = OnlineRun(run: 7, asOf: ServingFixtures.now - 3_600_000)
    try note(#"{"feature_service":"nightly","entities":{"user_id":["u1"]}}"#)
    reader.lists["fv:_events:clicks:user:u1"] = []
    var timing = ServedTiming()
    timing.compute = 250_000
    try note(#"{"feature_service":"live","entities":{"user_id":["u1"]}}"#, timing)
    let views = section.views
    #expect(views.map { "\($0.name)@\($0.lane)" } == ["activity@batch", "activity@rt"])
    #expect(isNear(views[0].staleness, milliseconds: [3_600_000]), "\(views[0].staleness)")
    // Nothing is held of the key: that has no age, but it took its time to compute.
    #expect(views[1].statuses == ["NOT_FOUND": 1])
    #expect(views[1].staleness.isEmpty)
    #expect(isNear(views[1].compute, milliseconds: [0.25]), "\(views[1].compute)")
  }

  @Test func `phases are those of the answer's timing`() throws {
    for _ in 0..<3 {
      try note(
        #"{"feature_service":"overview","entities":{}}"#,
        ServedTiming(parse: 10_000, queue: 20_000, store: 300_000, compute: 4000, encode: 50_000))
    }
    let section = section
    #expect(section.phases.map(\.name) == ["parse", "queue", "redis", "compute", "encode"])
    #expect(section.phases.map { $0.duration.sumNanoseconds / 3 } == [10_000, 20_000, 300_000, 4000, 50_000])
    #expect(section.latency.count == 3)
    #expect(section.latency.sumNanoseconds == 27_000_000)
  }

  @Test func `what is not held has no age in an inquiry either`() throws {
    let inquiry = FeatureInquiry(plan, reader, clock: clock)
    let values = try inquiry.answer(service: "live", pairs: [("user_id", "nobody")]).values
    #expect(!values.isEmpty)
    for value in values {
      #expect(value.status == "NOT_FOUND")
      #expect(value.ageMilliseconds == nil)
      #expect(value.asOf == nil)
    }
  }

  @Test func `the manual lists every metric with its type, and no other`() throws {
    try note(#"{"feature_service":"live","entities":{"user_id":["u1"]}}"#)
    let kinds = MetricsCheck(
      ServingCounts().text(
        ServingSettings(), pipelineName: "shop", isReady: true, waiting: 0, section, nil, startedAt: 0)
    ).kinds.filter { $0.key.hasPrefix("freshet_serve_") }
    let manual = try String(contentsOfFile: "\(Products.packageFolder)/Documentation/serving.md", encoding: .utf8)
    var documented: [String: String] = [:]
    for line in manual.split(separator: "\n") where line.hasPrefix("| `freshet_serve_") {
      let cells = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
      documented[String(cells[0].dropFirst().prefix { $0 != "`" && $0 != "{" })] = cells[1]
    }
    #expect(documented == kinds)
  }
}
