// Metrics as Prometheus reads them.

import Foundation
import Measuring
import TestSupport
import Testing

@testable import Monitoring

struct MetricsTests {
  @Test func `families, labels and numbers are written as the format says`() {
    var metrics = MetricsText()
    metrics.family("freshet_x_total", .counter, "What \\ is\ncounted")
    metrics.sample(3, [("reason", "a \"b\" \\ c\nd"), ("view", "v")])
    metrics.sample(Int64.max, [("reason", "")])
    metrics.family("freshet_time_seconds", .gauge, "A time")
    for milliseconds in [1_700_000_000_123, 1500, -20, 0, Int64.min] { metrics.sample(milliseconds: milliseconds) }
    metrics.family("freshet_y", .gauge, "A number")
    for value in [0.5, -.infinity, .infinity, .nan, 1e300] { metrics.sample(value) }
    #expect(
      metrics.text == #"""
        # HELP freshet_x_total What \\ is\ncounted
        # TYPE freshet_x_total counter
        freshet_x_total{reason="a \"b\" \\ c\nd",view="v"} 3
        freshet_x_total{reason=""} 9223372036854775807
        # HELP freshet_time_seconds A time
        # TYPE freshet_time_seconds gauge
        freshet_time_seconds 1700000000.123
        freshet_time_seconds 1.5
        freshet_time_seconds -0.02
        freshet_time_seconds 0
        freshet_time_seconds -9223372036854775.808
        # HELP freshet_y A number
        # TYPE freshet_y gauge
        freshet_y 0.5
        freshet_y -Inf
        freshet_y +Inf
        freshet_y NaN
        freshet_y 1e+300

        """#)
  }

  @Test func `durations are in the buckets that they keep`() {
    let histogram = DurationHistogram()
    for delay: Int64 in [-7, 0, 5, 6, 100, 3_600_000] { histogram.record(nanoseconds: delay * 1_000_000) }
    histogram.record(nanoseconds: 3_700_000_000_000, count: 4)
    var metrics = MetricsText()
    metrics.family("freshet_delay_seconds", .histogram, "How long it took")
    metrics.histogram(histogram.distribution)
    let check = MetricsCheck(metrics.text)
    #expect(check.problems.isEmpty, "\(check.problems)")
    func bucket(_ bound: String) -> Double? { check.samples["freshet_delay_seconds_bucket{le=\"\(bound)\"}"] }
    #expect(bucket("0.005") == 3)
    #expect(bucket("0.01") == 4)
    #expect(bucket("0.1") == 5)
    #expect(bucket("300") == 5)
    #expect(bucket("3600") == 6)
    #expect(bucket("+Inf") == 10)
    #expect(check.samples["freshet_delay_seconds_sum"] == 18_400.111)
  }

  @Test func `what the system knows of the process is told`() {
    var metrics = MetricsText()
    ProcessMetrics.add(to: &metrics, startedAt: 1_700_000_000_000)
    let check = MetricsCheck(metrics.text)
    #expect(check.problems.isEmpty, "\(check.problems)")
    #expect(check.samples["process_start_time_seconds"] == 1_700_000_000)
    #expect(check.samples["process_cpu_seconds_total"]! > 0)
    #if os(Linux)
      #expect(check.samples["process_resident_memory_bytes"]! > 1_000_000)
      #expect(check.samples["process_open_fds"]! >= 3)
    #endif
  }

  @Test(arguments: [
    ("x 1\n", "line 1: not of its family: x 1"),
    ("# HELP x y\nx 1\n", "line 2: not of its family: x 1"),
    ("# TYPE x gauge\n", "line 1: a TYPE out of place: # TYPE x gauge"),
    ("# HELP x y\n# TYPE x counter\n", "line 2: counters, and they alone, end with _total: # TYPE x counter"),
    ("# HELP x y\n# TYPE x gauge\nx{a=\"b} 1\n", "line 3: quotes that do not end: x{a=\"b} 1"),
    ("# HELP x y\n# TYPE x gauge\nx{a=\"\\b\"} 1\n", "line 3: an escape: x{a=\"\\b\"} 1"),
    ("# HELP x y\n# TYPE x gauge\nx 1\nx 2\n", "line 4: twice: x 2"),
    ("# HELP x y\n# TYPE x gauge\nx one\n", "line 3: no number at the end: x one"),
    ("# HELP x y\n# TYPE x histogram\nx_bucket{le=\"1\"} 1\n", "x has no bucket for the rest"),
    ("# HELP x y", "the text does not end with a line's end"),
  ])
  func `the tests' own reader is strict`(text: String, problem: String) {
    #expect(MetricsCheck(text).problems.first == problem)
  }
}
