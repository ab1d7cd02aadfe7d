// What a survey has found, for people and as JSON. Rates are those of the whole schema, also where one user in several was simulated; counts
// are those of what was simulated.

import Base
import Configuration
import Foundation
import Generation

struct StatisticsReport {
  private let statistics: StreamStatistics
  /// One user in so many was simulated.
  private let factor: Int
  private let isBounded: Bool

  /// eventsim's own example, measured over a week of its output.
  static let comparison = "for comparison, eventsim: peak to trough hour 2.9x, the busiest 10 % of users make 60 % of the events"

  init(_ statistics: StreamStatistics, factor: Int, isBounded: Bool) {
    self.statistics = statistics
    self.factor = factor
    self.isBounded = isBounded
  }

  // MARK: - Text

  var text: String {
    let interval = statistics.interval
    let milliseconds = interval.endMilliseconds - interval.startMilliseconds
    let length = milliseconds % 1000 == 0 ? Units.durationText(milliseconds: milliseconds) : Self.duration(Double(milliseconds))
    var lines = [
      "\(statistics.name), seed \(statistics.seed), \(length) of event time from \(TimeText.rfc3339(interval.startMilliseconds))"
    ]
    if factor > 1 { lines.append("one user in \(factor) was simulated, with all their sessions; rates are those of all users") }
    if statistics.isCutOff {
      lines.append("ended after \(statistics.recordCount) records" + (isBounded ? "; --count with a larger number goes on" : ""))
    }
    lines.append("")
    for source in statistics.sources {
      if source.isSessions, let sessions = statistics.sessions { lines += describe(sessions) }
      lines += describe(source)
      lines.append("")
    }
    if statistics.sessions != nil { lines.append(Self.comparison) }
    while lines.last == "" { lines.removeLast() }
    return lines.joined(separator: "\n")
  }

  private func describe(_ sessions: SessionStatistics) -> [String] {
    let events = sessions.eventsPerSession
    let length = sessions.lengthMilliseconds
    let users = sessions.users
    var lines = [
      row(
        "sessions",
        "\(Quantities.count(Double(sessions.count)))  \(rate(Double(sessions.count) / max(statistics.interval.seconds, 1e-3)))"),
      row(
        "  events in each",
        "mean \(Self.decimal(events.mean))  p50 \(events.p50)  p90 \(events.p90)  p99 \(events.p99)  max \(events.max)"),
      row(
        "  length",
        "mean \(Self.duration(length.mean))  p50 \(Self.duration(Double(length.p50)))  p90 \(Self.duration(Double(length.p90)))  "
          + "p99 \(Self.duration(Double(length.p99)))  max \(Self.duration(Double(length.max)))"),
      row("users", "\(Quantities.count(Double(users.seenCount))) seen of \(Quantities.count(Double(sessions.userCount)))"),
      row(
        "  share of events",
        "busiest 1 % \(Self.percent(users.topHundredthShare))  busiest 10 % \(Self.percent(users.topTenthShare))"
          + (factor == 1 ? "  busiest user \(Self.percent(users.hottestShare))" : "")),
    ]
    if let bots = sessions.bots {
      lines.append(row("  bots", "\(Self.percent(bots.sessionShare)) of sessions, \(Self.percent(bots.eventShare)) of events"))
    }
    if let anonymous = sessions.anonymous {
      lines.append(
        row(
          "  unknown",
          "\(Self.percent(anonymous.startShare)) of sessions at their start, \(Self.percent(anonymous.endShare)) at their end, "
            + "\(Self.percent(anonymous.eventShare)) of events"))
    }
    return lines
  }

  private func describe(_ source: SourceStatistics) -> [String] {
    var lines = [
      row(
        source.isSessions ? "events" : "stream \(source.name)",
        "\(Quantities.count(Double(source.recordCount)))  mean \(rate(source.recordsPerSecond))"
          + (source.peakMinutePerSecond.map { "  busiest minute \(rate($0))" } ?? ""))
    ]
    if source.snapshotCount > 0 { lines.append(row("  at the start", "\(Quantities.count(Double(source.snapshotCount))) rows")) }
    if let day = source.hours.ofDay {
      let ratio = source.peakToTrough.map { "  peak to trough hour \(Self.decimal($0))x" } ?? ""
      lines.append(row("  hours, UTC", Self.bars(day) + ratio))
    }
    if let week = source.hours.ofWeek {
      let mean = week.reduce(0, +) / 7
      let days = zip(["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"], week)
      lines.append(
        row("  days, 1 the mean", days.map { "\($0) \(String(format: "%.2f", mean > 0 ? $1 / mean : 0))" }.joined(separator: "  ")))
    }
    if !source.isSessions, let keys = source.keys {
      lines.append(
        row(
          "  keys",
          "\(Quantities.count(Double(keys.seenCount))) seen, busiest 1 % \(Self.percent(keys.topHundredthShare))  "
            + "busiest 10 % \(Self.percent(keys.topTenthShare))  busiest key \(Self.percent(keys.hottestShare))"))
    }
    guard source.isSessions else { return lines }
    for (name, count) in source.events.sorted(by: { $0.count > $1.count }) {
      lines.append(row("  \(name)", Self.percent(Double(count) / Double(max(source.recordCount, 1)))))
    }
    return lines
  }

  private func row(_ label: String, _ text: String) -> String {
    label + String(repeating: " ", count: max(24 - label.count, 1)) + text
  }

  private func rate(_ perSecond: Double) -> String { Quantities.rate(perSecond * Double(factor)) }

  /// One block per value, as high as it is among them.
  static func bars(_ values: [Double]) -> String {
    let blocks = Array("▁▂▃▄▅▆▇█")
    let peak = values.max() ?? 0
    return String(values.map { peak > 0 ? blocks[min(Int($0 / peak * 8), 7)] : blocks[0] })
  }

  static func percent(_ share: Double) -> String {
    let value = share * 100
    return String(format: value >= 10 ? "%.0f %%" : value >= 1 ? "%.1f %%" : "%.2g %%", value)
  }

  private static func decimal(_ value: Double) -> String { String(format: "%.1f", value) }

  /// `850 ms`, `12.3 s`, `4 m 05 s`, `2 h 10 m`.
  static func duration(_ milliseconds: Double) -> String {
    let seconds = milliseconds / 1000
    switch seconds {
    case ..<1: return String(format: "%.0f ms", milliseconds)
    case ..<60: return String(format: "%.1f s", seconds)
    case ..<3600:
      return String(
        format: "%.0f m %02.0f s", (seconds / 60).rounded(.down), seconds.truncatingRemainder(dividingBy: 60).rounded(.down))
    default:
      return String(
        format: "%.0f h %02.0f m", (seconds / 3600).rounded(.down),
        (seconds / 60).truncatingRemainder(dividingBy: 60).rounded(.down))
    }
  }
}

// MARK: - JSON

extension StatisticsReport {
  var json: String {
    get throws { try JSONDocument.text(of: document) }
  }

  private struct Document: Encodable {
    var schema: String
    var seed: UInt64
    var start: Int64
    var end: Int64
    var isCutOff: Bool
    var usersPerSimulatedUser: Int
    var records: Int64
    var sessions: Sessions?
    var sources: [Source]
  }

  private struct Quantiles: Encodable {
    var mean: Double
    var p50: UInt64
    var p90: UInt64
    var p99: UInt64
    var max: UInt64

    init(_ summary: QuantileSummary) {
      (mean, p50, p90, p99, max) = (summary.mean, summary.p50, summary.p90, summary.p99, summary.max)
    }
  }

  private struct Shares: Encodable {
    var seen: Int
    var hottest: Double
    var top1Percent: Double
    var top10Percent: Double

    init(_ shares: Concentration) {
      (seen, hottest, top1Percent, top10Percent) = (
        shares.seenCount, shares.hottestShare, shares.topHundredthShare, shares.topTenthShare
      )
    }
  }

  private struct Sessions: Encodable {
    var count: Int64
    var unfinished: Int
    var events: Quantiles
    var lengthMs: Quantiles
    var users: Int
    var userShares: Shares
    var botSessionShare: Double
    var botEventShare: Double
    var anonymousStartShare: Double
    var anonymousEndShare: Double
    var anonymousEventShare: Double
  }

  private struct Source: Encodable {
    var name: String
    var isSessions: Bool
    var records: Int64
    var snapshot: Int64
    var events: [String: Int64]
    var meanPerSecond: Double
    var peakMinutePerSecond: Double?
    var hoursOfDay: [Double]?
    var daysOfWeek: [Double]?
    var peakToTrough: Double?
    var keyShares: Shares?
  }

  private var document: Document {
    let scale = Double(factor)
    return Document(
      schema: statistics.name, seed: statistics.seed, start: statistics.interval.startMilliseconds,
      end: statistics.interval.endMilliseconds, isCutOff: statistics.isCutOff, usersPerSimulatedUser: factor,
      records: statistics.recordCount,
      sessions: statistics.sessions.map { sessions in
        Sessions(
          count: sessions.count, unfinished: sessions.unfinishedCount, events: Quantiles(sessions.eventsPerSession),
          lengthMs: Quantiles(sessions.lengthMilliseconds), users: sessions.userCount, userShares: Shares(sessions.users),
          botSessionShare: sessions.bots?.sessionShare ?? 0, botEventShare: sessions.bots?.eventShare ?? 0,
          anonymousStartShare: sessions.anonymous?.startShare ?? 0, anonymousEndShare: sessions.anonymous?.endShare ?? 0,
          anonymousEventShare: sessions.anonymous?.eventShare ?? 0)
      },
      sources: statistics.sources.map { source in
        Source(
          name: source.name, isSessions: source.isSessions, records: source.recordCount, snapshot: source.snapshotCount,
          events: Dictionary(source.events.map { ($0.name, $0.count) }, uniquingKeysWith: +),
          meanPerSecond: source.recordsPerSecond * scale, peakMinutePerSecond: source.peakMinutePerSecond.map { $0 * scale },
          hoursOfDay: source.hours.ofDay?.map { $0 * scale }, daysOfWeek: source.hours.ofWeek?.map { $0 * scale },
          peakToTrough: source.peakToTrough, keyShares: factor == 1 ? source.keys.map(Shares.init) : nil)
      })
  }
}
