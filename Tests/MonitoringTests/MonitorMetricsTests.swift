// What a monitor says to Prometheus: in form, with the right numbers, and each of them in the manual.

import Foundation
import TestSupport
import Testing

@testable import Monitoring

@Suite struct `A monitor's metrics` {
  private var report: ProbeReport {
    var report = ProbeReport(view: "v")
    report.delay.insert(nanoseconds: 150_000_000, count: 3)
    report.serverDelay = report.delay
    return report
  }

  @Test func `are what the snapshot says`() {
    let check = MetricsCheck(MonitorMetrics.text(fullSnapshot, probes: report))
    #expect(check.problems == [])
    let expected: [String: Double] = [
      "freshet_monitor_target_up{target=\"http://10.0.0.1:9464\"}": 1,
      "freshet_monitor_target_up{target=\"http://10.0.0.2:6566\"}": 0,
      "freshet_monitor_objective_met{objective=\"nrt visible_delay p99 <= 500ms\"}": 0,
      "freshet_monitor_objective_met{objective=\"batch staleness_at_read max <= 1m\"}": 1,
      "freshet_monitor_staleness_seconds{lane=\"nrt\"}": 2.3, "freshet_monitor_value_error_ratio{lane=\"batch\"}": 0.128,
      "freshet_monitor_probes_sent_total": 120, "freshet_monitor_probe_age_seconds{partition=\"3\"}": 2.3,
      "freshet_monitor_probe_age_seconds{partition=\"0\"}": 0,
      "freshet_monitor_probe_delay_seconds_count{reader=\"store\"}": 3,
      "freshet_monitor_probe_delay_seconds_bucket{reader=\"server\",le=\"0.15\"}": 3,
      "freshet_monitor_probe_delay_seconds_bucket{reader=\"server\",le=\"0.1\"}": 0,
    ]
    for (series, value) in expected { #expect(check.samples[series] == value, "\(series)") }
    // What cannot be judged is neither met nor violated, and an age that is not known is not there.
    #expect(check.samples["freshet_monitor_objective_met{objective=\"rt serve_latency p99 <= 5ms\"}"] == nil)
    #expect(check.samples["freshet_monitor_staleness_seconds{lane=\"rt\"}"] == nil)
  }

  @Test func `are nothing before the first look`() { #expect(MonitorMetrics.text(nil) == "") }

  @Test func `are in the manual, each of them`() throws {
    let manual = try String(contentsOfFile: "\(Products.packageFolder)/Documentation/monitoring.md", encoding: .utf8)
    for name in MetricsCheck(MonitorMetrics.text(fullSnapshot, probes: report)).kinds.keys {
      #expect(manual.contains("`\(name)`") || manual.contains("`\(name){"), "\(name)")
    }
  }
}
