// What a generator has done, in words: the progress line and the summary. Both name the rate that was asked for beside the one achieved.

import Base
import Foundation
import Generation
import Monitoring
import Records

struct GenerationReport: Sendable {
  var options: GenerateOptions
  var sinkName: String
  /// Of the monotonic clock.
  var started: UInt64

  func progressLine(_ progress: GenerationProgress, _ clock: some Base.Clock) -> String {
    let events = progress.events.load(ordering: .relaxed)
    let elapsed = max(Double(clock.monotonicNanoseconds - started) / 1e9, 1e-3)
    var parts = [
      "\(Quantities.count(Double(events))) events", Quantities.bytes(Double(progress.byteCount.load(ordering: .relaxed))),
      rates(Double(events) / elapsed),
    ]
    if options.isRealTime {
      parts.append("lag \(Quantities.milliseconds(UInt64(max(0, progress.lagNanoseconds.load(ordering: .relaxed)))))")
    } else if events > 0 {
      parts.append("event time \(TimeText.rfc3339(progress.eventTimeMilliseconds.load(ordering: .relaxed)))")
    }
    return parts.joined(separator: ", ")
  }

  func summary(_ delivery: DeliveryCounts, _ lags: DelaySummary?, ended: UInt64) -> String {
    let elapsed = ended - started
    let seconds = max(Double(elapsed) / 1e9, 1e-6)
    var line = "generated \(delivery.written) events (\(Quantities.bytes(Double(delivery.writtenByteCount)))) to \(sinkName)"
    line += " in \(Quantities.seconds(elapsed)), \(rates(Double(delivery.written) / seconds))"
    var lines = [line]
    if options.isRealTime, let lags {
      lines.append(
        "  behind schedule: p50 \(Quantities.milliseconds(lags.p50)), p99 \(Quantities.milliseconds(lags.p99)), max "
          + Quantities.milliseconds(lags.max))
    }
    if sinkName.hasPrefix("kafka:") || delivery.delivered < delivery.written {
      lines.append("  delivered \(delivery.delivered), failed \(delivery.failed)")
    }
    return lines.joined(separator: "\n")
  }

  /// `asked 2k/s, achieved 1.99k/s`; a simulated stream goes as fast as the sink takes it, and its rate is one of event time.
  private func rates(_ achieved: Double) -> String {
    guard let asked = options.eventsPerSecond else { return "achieved \(Quantities.rate(achieved))" }
    return "asked \(Quantities.rate(asked))\(options.isRealTime ? "" : " of event time"), achieved \(Quantities.rate(achieved))"
  }
}
