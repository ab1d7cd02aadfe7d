// What a server counts, and its metrics. Labels are few: endpoints, status codes of HTTP, statuses of values.

import Monitoring
import Synchronization

struct ServingCounts: Sendable {
  static let boundsMicroseconds: [Int64] = [
    100, 200, 300, 500, 750, 1000, 1500, 2000, 3000, 5000, 10_000, 25_000, 50_000, 100_000, 250_000, 1_000_000, 5_000_000,
  ]

  struct Answer: Hashable, Comparable, Sendable {
    var endpoint: String
    var code: Int

    static func < (left: Self, right: Self) -> Bool { (left.endpoint, left.code) < (right.endpoint, right.code) }
  }

  var answers: [Answer: Int64] = [:]
  var values: [ServedStatus: Int64] = [:]
  /// Keys that were asked for.
  var rowCount: Int64 = 0
  var tripCount: Int64 = 0
  /// Requests that shared those round trips.
  var tripRequestCount: Int64 = 0
  var tripFailureCount: Int64 = 0
  var logFailureCount: Int64 = 0
  var buckets = Array(repeating: Int64(0), count: boundsMicroseconds.count + 1)
  var sumMicroseconds: Int64 = 0

  mutating func note(_ endpoint: String, _ code: Int) { answers[Answer(endpoint: endpoint, code: code), default: 0] += 1 }

  mutating func note(nanoseconds: UInt64) {
    let microseconds = Int64(clamping: nanoseconds / 1000)
    var bucket = 0
    while bucket < Self.boundsMicroseconds.count, Self.boundsMicroseconds[bucket] < microseconds { bucket += 1 }
    buckets[bucket] += 1
    sumMicroseconds &+= microseconds
  }

  /// Documentation/serving.md lists them.
  func text(
    _ settings: ServingSettings, pipelineName: String, isReady: Bool, waiting: Int, _ serve: StatusDocument.Serve,
    _ batch: StatusDocument.Batch?, startedAt: Int64
  ) -> String {
    var metrics = MetricsText()
    metrics.family("freshet_serve_info", .gauge, "Always 1; its labels say what runs")
    metrics.sample(1, [("pipeline", pipelineName), ("version", settings.version)])
    metrics.family("freshet_serve_ready", .gauge, "1 while the feature store answers, as /readyz says")
    metrics.sample(isReady ? 1 : 0)
    metrics.family(
      "freshet_serve_requests_total", .counter, "Requests for features that were answered, by endpoint and status code")
    for (answer, count) in answers.sorted(by: { $0.key < $1.key }) {
      metrics.sample(count, [("endpoint", answer.endpoint), ("code", "\(answer.code)")])
    }
    metrics.family(
      "freshet_serve_request_seconds", .histogram, "From a request that has come whole to its answer, of those that were looked up")
    metrics.histogram(boundsMicroseconds: Self.boundsMicroseconds, buckets: buckets, sumMicroseconds: sumMicroseconds)
    ServingMeasures.add(to: &metrics, serve)
    metrics.family("freshet_serve_rows_total", .counter, "Keys that were looked up, each once per request")
    metrics.sample(rowCount)
    metrics.family("freshet_serve_values_total", .counter, "Values that were served, by status")
    for status in ServedStatus.allCases { metrics.sample(values[status] ?? 0, [("status", status.rawValue)]) }
    metrics.family("freshet_serve_round_trips_total", .counter, "Round trips to the feature store")
    metrics.sample(tripCount)
    metrics.family("freshet_serve_round_trip_requests_total", .counter, "Requests that these round trips answered")
    metrics.sample(tripRequestCount)
    metrics.family("freshet_serve_round_trip_failures_total", .counter, "Round trips that failed")
    metrics.sample(tripFailureCount)
    metrics.family("freshet_serve_log_failures_total", .counter, "Answers that could not be noted in the log of served values")
    metrics.sample(logFailureCount)
    metrics.family("freshet_serve_waiting_requests", .gauge, "Requests that wait for a thread")
    metrics.sample(Int64(waiting))
    if let batch { BatchRecorder.add(to: &metrics, batch) }
    ProcessMetrics.add(to: &metrics, startedAt: startedAt)
    return metrics.text
  }
}
