// Lanes, schedules, views of requests, services and the archive, as a pipeline states them, and the exact findings where one is wrong.

import Base
import Records
import Testing

@testable import Features

/// `soundPipeline` with a first view in three lanes, a view of requests, a service and an archive.
private let lanesPipeline = soundPipeline.replacingOccurrences(
  of: "    source: clicks\n    features:\n      views:",
  with:
    "    source: clicks\n    lanes: [nrt, rt, batch]\n    schedule: { every: 1h, offset: 5m }\n    rt: { max_events: 200 }\n    features:\n      views:"
).replacingOccurrences(
  of: "sink: {",
  with: """
      context:
        entity: user
        lanes: [rt]
        inputs: { price: double, now: timestamp }
        features:
          ratio: { expr: "price / coalesce(activity.spend, 1)" }
          hour: { expr: "hour(now)" }
          busy: { expr: "activity@rt.views > 20 and ratio > 2" }
    services:
      ranking: { features: [activity, activity@batch.spend, context], max_age: { nrt: 30s, batch: 26h }, timeout: 20ms }
    archive: { path: data/archive, roll: { every: 1m, size: 8MiB } }
    sink: {
    """)

@Suite struct `Lanes of a pipeline` {
  @Test func `lanes, schedules, services and the archive are read as they stand`() throws {
    let read = readPipeline(lanesPipeline)
    #expect(read.findings == [])
    let pipeline = try #require(read.pipeline)
    #expect(pipeline.views[0].lanes == [.nrt, .rt, .batch])
    #expect(pipeline.views[0].schedule == BatchSchedule(everyMilliseconds: 3_600_000, offsetMilliseconds: 300_000))
    #expect(pipeline.views[0].recentEvents.eventCountMax == 200)
    #expect(pipeline.views[1].lanes == [.nrt])
    #expect(pipeline.viewNames(in: .batch) == ["activity"])
    let service = try #require(pipeline.services.first)
    #expect(
      service.selections == [
        ServiceDefinition.Selection(subject: .view(0, .nrt), features: [0, 1]),
        ServiceDefinition.Selection(subject: .view(0, .batch), features: [1]),
        ServiceDefinition.Selection(subject: .request(0), features: [0, 1, 2]),
      ])
    #expect(service.maxAgeMilliseconds == [.nrt: 30_000, .batch: 93_600_000])
    #expect(service.timeoutMilliseconds == 20)
    #expect(
      pipeline.archive
        == ArchiveDefinition(path: "data/archive", rollEveryMilliseconds: 60_000, rollByteCount: 8 << 20, sources: [0]))
  }

  @Test func `Feast has no place for windows that close, and types keys by what schemas say`() throws {
    let closing = soundPipeline.replacingOccurrences(of: "url: ", with: "layout: feast, project: shop, url: ")
    let feast = closing.replacingOccurrences(of: "    emit: { trigger: close }\n", with: "")
    let read = readPipeline(feast)
    let pipeline = try #require(read.pipeline, "\(read.findings)")
    #expect(pipeline.sink?.layout == .feast(project: "shop"))
    #expect(pipeline.entities.indices.allSatisfy { !pipeline.hasIntegerKey($0) }, "a key that no schema speaks of is a text")
    #expect(closing != feast)
    #expect(
      readPipeline(closing).findings.contains {
        $0.hasSuffix(
          "error[wrong-value]: 'layout: feast' of 'redis' of 'sink': view 'windows' has 'trigger: close', and Feast has no place for the rows of its "
            + "windows; write it with 'trigger: change', or into a pipeline with 'layout: native'")
      }, "\(readPipeline(closing).findings)")
  }

  @Test func `a view of requests refers to other views, and to what the request brings`() throws {
    let pipeline = try #require(readPipeline(lanesPipeline).pipeline)
    let view = try #require(pipeline.requestViews.first)
    #expect(view.inputs == [RequestInput(name: "price", kind: .double), RequestInput(name: "now", kind: .timestamp)])
    #expect(view.features.map(\.name) == ["ratio", "hour", "busy"])
    #expect(
      view.references(in: pipeline) == [
        FeatureReference(view: 0, lane: .nrt, feature: 1), FeatureReference(view: 0, lane: .rt, feature: 0),
      ])
  }

  @Test func `a schedule says which run is the newest at a time`() {
    let schedule = BatchSchedule(everyMilliseconds: 1000, offsetMilliseconds: 200)
    #expect([1199, 1200, 2199, 2200, -801, -800].map { schedule.cutoff(at: $0) } == [0, 1000, 1000, 2000, -2000, -1000])
    #expect(schedule.dueTime(ofCutoff: 1000) == 1200)
  }

  @Test func `a reference that names no lane means the first`() {
    let read = readPipeline(lanesPipeline.replacingOccurrences(of: "lanes: [nrt, rt, batch]", with: "lanes: [rt, batch]"))
    #expect(read.findings == [])
    #expect(read.pipeline?.services[0].selections[0].subject == .view(0, .rt))
  }

  @Test(
    arguments: [
      (
        "lanes: [nrt, rt, batch]", "lanes: [nrt, rt, batch, nrt]",
        "17:29: error[wrong-value]: 'lanes' of view 'activity': 'nrt' stands there twice"
      ),
      (
        "lanes: [nrt, rt, batch]", "lanes: [nrt, rt, batch, btch]",
        "17:29: error[wrong-value]: an item in 'lanes' of view 'activity': expected rt, nrt or batch, found 'btch'; did you mean 'batch'?"
      ),
      (
        "inputs: { price: double", "inputs: { price: float",
        "33:22: error[wrong-value]: input 'price': expected 'bool', 'integer', 'double', 'string' or 'timestamp', found 'float'; did you mean 'double'?"
      ),
      (
        "activity@rt.views", "activity@rtt.views",
        "37:22: error[unknown-reference]: 'expr' of feature 'busy': view 'activity' has no lane 'rtt'; did you mean 'rt'?"
      ),
      (
        "activity@rt.views", "activity.vews",
        "37:22: error[unknown-reference]: 'expr' of feature 'busy': view 'activity' has no feature 'vews'; did you mean 'views'?"
      ),
      (
        "activity@rt.views", "windows.seen",
        "37:22: error[unknown-reference]: 'expr' of feature 'busy': view 'windows' has windows that close, and no current value, in its lane 'nrt'"
      ),
      (
        "and ratio > 2", "and context.ratio > 2",
        "37:49: error[unknown-reference]: 'expr' of feature 'busy': 'context' is computed from requests itself, and cannot be referred to"
      ),
      (
        "hour(now)", "hour(nw)",
        "36:27: error[unknown-reference]: 'expr' of feature 'hour': the view has no feature 'nw'; did you mean 'now'?"
      ),
      (
        "activity@batch.spend", "activity.spend",
        "39:35: error[wrong-value]: 'features' of service 'ranking': 'activity.spend' is there already"
      ),
      (
        "activity@batch.spend", "activty.spend",
        "39:35: error[unknown-reference]: 'features' of service 'ranking': no view 'activty'; did you mean 'activity'?"
      ),
      (
        "activity@batch.spend", "windows",
        "39:35: error[wrong-value]: 'features' of service 'ranking': view 'windows' has windows that close, and no current value to serve"
      ),
      (
        "max_age: { nrt: 30s", "max_age: { nrt: 5s",
        "39:83: warning[wrong-value]: 'nrt' of 'max_age' of service 'ranking': 5s, but view 'activity' is never younger than the 5s of 'lateness' of source 'clicks', so every value would be STALE"
      ),
      (
        "batch: 26h }", "batch: 1h }",
        "39:95: warning[wrong-value]: 'batch' of 'max_age' of service 'ranking': 1h, but view 'activity' is 65m old before the next run of its 'schedule', so its values would be STALE in between"
      ),
      (
        "event_time: { field: timestamp }", "event_time: { format: record }",
        "40:10: error[not-built]: 'archive': source 'clicks' takes event times from the records' own timestamps, and an archive keeps only values"
      ),
      (
        "archive: { path: data/archive,", "archive: { path: s3://bucket,",
        "40:18: error[wrong-value]: 'path' of 'archive': expected a directory, found 's3://bucket'"
      ),
      (
        "archive: { path: data/archive,", "archive: { path: data, format: parquet,",
        "40:32: error[not-built]: 'format' of 'archive': 'parquet' is part of the pipeline language but not built in this version; built: ndjson, ndjson.gz, ndjson.zst"
      ),
    ])
  func `what is wrong is named with its place`(_ text: String, _ replacement: String, _ finding: String) {
    let findings = readPipeline(lanesPipeline.replacingOccurrences(of: text, with: replacement)).findings
    #expect(findings == [finding])
  }
}
