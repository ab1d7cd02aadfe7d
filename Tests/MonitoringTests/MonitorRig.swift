// A monitor's model with processes that say what a test lets them say, under a clock that moves by hand.

import Base
import Configuration
import Features
import Measuring
import Testing

@testable import Monitoring

let monitoredPipelineText = """
  version: 1
  kind: pipeline
  name: shop
  sources:
    clicks: { format: json, event_time: { field: ts, format: epoch_ms }, kafka: { brokers: "h:1", topic: t, group: g } }
  entities:
    user: { key: u }
  views:
    v:
      entity: user
      source: clicks
      lanes: [nrt, rt, batch]
      schedule: { every: 15s }
      features:
        n: { agg: count, window: { sliding: 1m, hop: 10s } }
  archive: { path: a }
  slo:
    - { lane: nrt, metric: visible_delay, p99: 500ms }
    - { lane: batch, metric: staleness_at_read, max: 30s }
  """

/// A model with processes that say what a test lets them say.
final class MonitorRig {
  let clock = ManualClock(1_700_000_000_000)
  let model: MonitorModel
  private var histograms: [Int: DurationHistogram] = [:]
  private var records: [Int: Int64] = [:]
  var startedAt: [Int: Int64] = [:]

  init(_ targetCount: Int = 1) throws {
    let diagnostics = Diagnostics(file: "shop.yaml")
    let pipeline = try #require(PipelineReader.read(text: monitoredPipelineText, diagnostics: diagnostics), "\(diagnostics.all)")
    model = MonitorModel(
      MonitoredPipeline(pipeline), targets: (0..<targetCount).map { "http://h:\($0)" }, windowSeconds: 10, clock: clock)
  }

  /// The process `target` has seen `count` more records, each visible after `delay` ms.
  func answer(
    _ target: Int = 0, count: Int = 0, delay: Int64 = 100, pendingSince: Int64? = nil, ahead: Int64 = 0,
    change: (inout StatusDocument) -> Void = { _ in }
  ) {
    let histogram = histograms[target] ?? DurationHistogram()
    histograms[target] = histogram
    if count > 0 { histogram.record(nanoseconds: delay * 1_000_000, count: count) }
    records[target, default: 0] += Int64(count)
    var document = StatusDocument(
      version: "1", pipeline: "shop", instance: "h:\(target)", startedAt: startedAt[target] ?? 0, now: clock.nowMilliseconds + ahead
    )
    var process = StatusDocument.Process()
    process.records = records[target]!
    process.oldestPendingEventAt = pendingSince
    var view = StatusDocument.Process.View(name: "v", trigger: "change", emitEveryMilliseconds: 200)
    view.eventToVisible = histogram.distribution
    process.views = [view]
    document.process = process
    change(&document)
    let now = Double(clock.nowMilliseconds)
    model.note(document, from: target, requestedAt: now - 2, answeredAt: now + 2)
  }

  func restart(_ target: Int) {
    histograms[target] = DurationHistogram()
    records[target] = 0
    startedAt[target, default: 0] += 1
  }

  func lane(_ name: String) -> MonitorSnapshot.LaneState { model.snapshot().lanes.first { $0.lane == name }! }
  var nrt: MonitorSnapshot.LaneState { lane("nrt") }
}
