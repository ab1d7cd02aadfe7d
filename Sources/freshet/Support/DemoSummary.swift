// What a newcomer should take away from a demo: the lanes' latency, freshness, error and cost, as they were measured in it, and what each incident did
// to them. Every number comes from the run; sentences are chosen by what was measured.

import Features
import Foundation
import Monitoring

struct DemoSummary {
  /// An incident as it happened.
  struct Incident {
    var name: String
    /// Ms since the epoch.
    var start: Int64
    var end: Int64
    /// Answers by outcome, before and after.
    var outcomesBefore: [String: Int]
    var outcomesAfter: [String: Int]

    /// Requests of that time that were not answered with 200.
    var failedRequests: Int {
      func failed(_ outcomes: [String: Int]) -> Int { outcomes.reduce(0) { $1.key == "200" ? $0 : $0 + $1.value } }
      return failed(outcomesAfter) - failed(outcomesBefore)
    }
  }

  /// The last one, with percentiles since the start.
  var snapshot: MonitorSnapshot
  var incidents: [Incident] = []
  /// How often batch runs come, in ms.
  var batchEveryMilliseconds: Int64?
  var emitEveryMilliseconds: Int64?

  // MARK: The lanes

  /// The table of lanes.
  var table: [String] {
    let head = ["lane", "latency (p50, p99)", "age of a value (p50, p99)", "error (median, p90)", "cost"]
    let lines = snapshot.lanes.map { lane in
      [
        lane.lane, Self.pair(lane.latency) + " " + Self.meaning(of: lane.lane), Self.pair(lane.staleness), error(of: lane),
        lane.cost ?? "-",
      ]
    }
    return Self.aligned([head] + lines).map { "  \($0)" }
  }

  private static func meaning(of lane: String) -> String {
    switch lane {
    case "rt": "to answer"
    case "nrt": "event to Redis"
    default: "per run"
    }
  }

  private func error(of lane: MonitorSnapshot.LaneState) -> String {
    if lane.lane == "rt" { return "exact" }
    guard lane.comparedCount > 0, let median = lane.errorMedian, let p90 = lane.errorP90 else { return "-" }
    return "\(Self.percent(median)), \(Self.percent(p90))"
  }

  /// What the numbers say, in sentences.
  var lessons: [String] {
    var lessons: [String] = []
    func lane(_ name: String) -> MonitorSnapshot.LaneState? { snapshot.lanes.first { $0.lane == name } }
    if let batch = lane("batch"), let age = batch.staleness, let every = batchEveryMilliseconds {
      var text =
        "batch is simple, and as old as its rhythm: with a run every \(Self.time(Double(every))) a value was \(Self.time(age.p50)) old"
      if batch.comparedCount > 0 {
        text += ", and wrong in \(Self.percent(1 - Double(batch.equalCount) / Double(batch.comparedCount))) of the comparisons"
      }
      lessons.append(text + ". With hourly runs, multiply.")
    }
    if let nrt = lane("nrt"), let latency = nrt.latency {
      var text = "nrt is computed ahead of the request: events were visible after \(Self.time(latency.p50)) (p99 \(Self.time(latency.p99)))"
      if let every = emitEveryMilliseconds { text += ", of which the rhythm of writing, \(Self.time(Double(every))), is the most" }
      if nrt.comparedCount > 0 {
        text += "; \(Self.percent(Double(nrt.equalCount) / Double(nrt.comparedCount))) of the compared values were exact"
      }
      lessons.append(text + ". The price is a stateful system to run.")
    }
    if let rt = lane("rt"), let latency = rt.latency {
      lessons.append(
        "rt folds a user's newest events inside the request: exact, \(Self.time(latency.p50)) to answer (p99 \(Self.time(latency.p99)))"
          + (rt.cost.map { "; it costs \($0)" } ?? "") + ", paid for by every request.")
    }
    return lessons
  }

  // MARK: Incidents

  /// After an incident its effects last a while.
  private static let tailMilliseconds: Int64 = 5000

  /// What each incident did to each lane: a table, empty without incidents.
  var incidentTable: [String] {
    guard !incidents.isEmpty else { return [] }
    var lines = [["", "nrt: event to Redis, p99", "nrt: age of a value", "batch: age of a value", "rt: to answer, p99", "requests refused or failed"]]
    let quiet = snapshot.history.filter { point in
      !incidents.contains { ($0.start...($0.end + Self.tailMilliseconds)).contains(point.at) }
    }
    lines.append(Self.worst("otherwise", quiet, failed: nil))
    for incident in incidents {
      let points = snapshot.history.filter { (incident.start...(incident.end + Self.tailMilliseconds)).contains($0.at) }
      lines.append(Self.worst(incident.name, points, failed: incident.failedRequests))
    }
    return Self.aligned(lines).map { "  \($0)" }
  }

  /// The median second where nothing goes wrong, the worst where something does.
  private static func worst(_ name: String, _ points: [MonitorSnapshot.HistoryPoint], failed: Int?) -> [String] {
    func figure(_ values: [Double]) -> String {
      let values = values.sorted()
      guard let last = values.last else { return "nothing came" }
      return time(failed == nil ? values[values.count / 2] : last)
    }
    return [
      name, figure(points.compactMap { $0.latencyP99["nrt"] }),
      figure(points.compactMap { point in [point.stalenessP99["nrt"], point.probeAge].compactMap { $0 }.max() }),
      figure(points.compactMap { $0.stalenessP99["batch"] }), figure(points.compactMap { $0.latencyP99["rt"] }),
      failed.map { "\($0)" } ?? "",
    ]
  }

  // MARK: Texts

  private static func pair(_ percentiles: MonitorSnapshot.Percentiles?) -> String {
    percentiles.map { "\(time($0.p50)), \(time($0.p99))" } ?? "-"
  }

  /// Ms as people write durations.
  static func time(_ milliseconds: Double) -> String {
    switch milliseconds {
    case ..<0.01: "0 ms"
    case ..<10: String(format: "%.1f ms", milliseconds)
    case ..<1000: String(format: "%.0f ms", milliseconds)
    case ..<100_000: String(format: "%.1f s", milliseconds / 1000)
    case ..<7_200_000: String(format: "%.0f min", milliseconds / 60_000)
    default: String(format: "%.0f h", milliseconds / 3_600_000)
    }
  }

  private static func percent(_ fraction: Double) -> String {
    let percent = fraction * 100
    return percent == 0 || percent >= 10 ? String(format: "%.0f %%", percent) : String(format: "%.1f %%", percent)
  }

  private static func aligned(_ lines: [[String]]) -> [String] {
    TextTable.aligned(lines, gap: 3).split(separator: "\n").map(String.init)
  }
}
