// What a generator has done, in words: the progress line and the summary. Both name the rate that was asked for beside the one achieved.

import Base
import Foundation
import Generation
import Monitoring
import Records

struct GenerationReport: Sendable {
  var plan: GenerationPlan
  var options: GenerateOptions
  var sinkName: String
  /// Of the monotonic clock.
  var started: UInt64

  func progressLine(_ progress: GenerationProgress, _ clock: some Base.Clock) -> String {
    let events = progress.events.load(ordering: .relaxed)
    let elapsed = max(Double(clock.monotonicNanoseconds - started) / 1e9, 1e-3)
    var parts = [
      "\(Quantities.count(Double(events))) events", Quantities.bytes(Double(progress.byteCount.load(ordering: .relaxed))),
      rates(Double(events) / elapsed, after: elapsed, progress),
    ]
    if options.isRealTime {
      parts.append("lag \(Quantities.milliseconds(max(0, progress.lagNanoseconds.load(ordering: .relaxed))))")
    } else if events > 0 {
      parts.append("event time \(TimeText.rfc3339(progress.eventTimeMilliseconds.load(ordering: .relaxed)))")
    }
    return parts.joined(separator: ", ")
  }

  func summary(_ delivery: DeliveryCounts, _ loop: GenerationLoop, ended: UInt64) -> String {
    let lags = loop.lags.distribution
    // In real time the rate is that of the records; to finish a file or a queue is no part of it.
    let elapsed = (options.isRealTime && loop.ended > loop.began ? loop.ended : ended) - loop.began
    let seconds = max(Double(elapsed) / 1e9, 1e-6)
    let noun = delivery.written == 1 ? "event" : "events"
    var line = "generated \(delivery.written) \(noun) (\(Quantities.bytes(Double(delivery.writtenByteCount)))) to \(sinkName)"
    // A stream that ends with its last record is one gap shorter than its records take.
    let gaps = options.isRealTime && delivery.written == options.count ? max(delivery.written - 1, 1) : delivery.written
    line += " in \(Quantities.seconds(elapsed)), \(rates(Double(gaps) / seconds, after: seconds, nil))"
    var lines = [line]
    if options.isRealTime, !lags.isEmpty {
      lines.append(
        "  behind schedule: p50 \(Quantities.milliseconds(lags.nanoseconds(atPercentile: 50) ?? 0)), p99 \(Quantities.milliseconds(lags.nanoseconds(atPercentile: 99) ?? 0)), max "
          + Quantities.milliseconds(lags.maxNanoseconds))
    }
    if options.searchesRate {
      lines.append(
        loop.found.map(found) ?? "  highest sustained rate: not found before the end; the search takes about half a minute")
    }
    if ["kafka:", "http:", "https:"].contains(where: sinkName.hasPrefix) || delivery.delivered < delivery.written {
      lines.append("  delivered \(delivery.delivered), failed \(delivery.failed)")
    }
    return lines.joined(separator: "\n")
  }

  /// `asked 2k/s, achieved 1.99k/s`; a simulated stream goes as fast as the sink takes it, and its rate is one of event time.
  private func rates(_ achieved: Double, after seconds: Double, _ progress: GenerationProgress?) -> String {
    let achieved = "achieved \(Quantities.rate(achieved))"
    if options.searchesRate {
      let asked = progress.map { Double(bitPattern: $0.askedPerSecond.load(ordering: .relaxed)) } ?? 0
      return asked > 0 ? "asked \(Quantities.rate(asked)), \(achieved)" : achieved
    }
    let span = max(seconds, 1e-3)
    if let rate = options.eventsPerSecond {
      return "asked \(Quantities.rate(rate))\(options.isRealTime ? "" : " of event time"), \(achieved)"
    }
    guard options.isRealTime, let scheduled = plan.scheduledRecords(options.settings, within: span * 1e9) else { return achieved }
    return "asked \(Quantities.rate(min(scheduled, Double(options.count ?? .max)) / span)), \(achieved)"
  }

  /// What `--rate max` has found, and what keeps it from more.
  private func found(_ search: RateSearch) -> String {
    guard search.rate > 0 else { return "  highest sustained rate: none; nothing was delivered" }
    let share = Int((search.sinkShare * 100).rounded())
    let limit =
      search.sinkShare > 0.5
      ? "the sink limits it: \(share) % of the time went into \(sinkName)"
      : "generating limits it: only \(share) % of the time went into \(sinkName); try --threads"
    return
      "  highest sustained rate: \(Quantities.rate(search.rate)) (at most \(Quantities.rate(search.floodRate)) for a moment); \(limit)"
  }
}
