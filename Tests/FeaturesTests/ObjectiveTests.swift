import Configuration
import Testing

@testable import Features

private func read(_ slo: String) -> (objectives: [ServiceObjective]?, errors: [String]) {
  let diagnostics = Diagnostics(file: "p.yaml")
  let text = """
    version: 1
    kind: pipeline
    name: p
    sources: { s: { format: json, event_time: { field: ts, format: epoch_ms } } }
    entities: { user: { key: u } }
    views:
      fresh: { entity: user, source: s, lanes: [nrt], features: { n: { agg: count, window: { sliding: 1m, hop: 10s } } } }
    slo:
    \(slo.split(separator: "\n").map { "  \($0)" }.joined(separator: "\n"))
    """
  let definition = PipelineReader.read(text: text, diagnostics: diagnostics)
  return (definition?.objectives, diagnostics.all.map(\.description))
}

@Suite struct `Objectives` {
  @Test func `are a lane, a metric and bounds, each an objective`() {
    let found = read(
      "- { lane: nrt, metric: visible_delay, view: fresh, p50: 200ms, p99: 1s }\n- { lane: rt, metric: serve_latency, max: 50ms }")
    #expect(found.errors == [])
    #expect(
      found.objectives == [
        ServiceObjective(lane: .nrt, metric: .visibleDelay, view: 0, statistic: .p50, boundMilliseconds: 200),
        ServiceObjective(lane: .nrt, metric: .visibleDelay, view: 0, statistic: .p99, boundMilliseconds: 1000),
        ServiceObjective(lane: .rt, metric: .serveLatency, view: nil, statistic: .max, boundMilliseconds: 50),
      ])
  }

  @Test(arguments: [
    (
      "- { lane: nrt, metric: visible_delay }",
      "an item in 'slo': expected a bound, one of 'p50', 'p90', 'p95', 'p99', 'p999', 'max'"
    ),
    (
      "- { lane: nrt, metric: serve_latency, p99: 1s }",
      "the lane 'nrt' has no 'serve_latency'; it has 'visible_delay', 'staleness_at_read'"
    ),
    ("- { lane: nrt, metric: visible_delay, view: frehs, p99: 1s }", "there is no view 'frehs'; did you mean 'fresh'?"),
    ("- { lane: batch, metric: run_duration, view: fresh, p99: 1s }", "view 'fresh' has no lane 'batch'"),
    ("- { lane: nrt, metric: visible_delays, p99: 1s }", "visible_delay"),
    ("- { lane: nrt, metric: visible_delay, p98: 1s }", "unknown field 'p98'"),
    ("- { lane: nrt, metric: visible_delay, p99: fast }", "p99"),
    ("- nrt", "an item in 'slo'"),
  ])
  func `what cannot be judged is refused, with its place`(slo: String, message: String) {
    let found = read(slo)
    #expect(found.objectives == nil)
    #expect(found.errors.contains { $0.contains(message) && $0.hasPrefix("p.yaml:9:") }, "\(found.errors)")
  }
}
