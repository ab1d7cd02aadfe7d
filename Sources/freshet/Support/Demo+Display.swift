// What the user of the demo sees: the table while it runs, the summary at its end.

import Base
import Features
import Foundation
import Monitoring
import Processing
import RedisStore

extension Demo {
  /// Draws the table until `isDone`.
  func show(until isDone: () -> Bool) {
    let started = clock.monotonicNanoseconds
    var table = LiveTable()
    var nextPlainLine = started + 10_000_000_000
    while !isDone() {
      let now = clock.monotonicNanoseconds
      let rows = rows(elapsedSeconds: Double(now - started) / 1e9)
      if Terminal.errorIsTerminal {
        Terminal.write(toError: table.draw(title: title(now - started), rows: rows, width: Terminal.columnCount))
      } else if now >= nextPlainLine {
        nextPlainLine += 10_000_000_000
        Terminal.print(toError: rows.map { "\($0.label): \($0.cells.joined(separator: ", "))" }.joined(separator: "; "))
      }
      usleep(100_000)
    }
    let elapsed = clock.monotonicNanoseconds - started
    if Terminal.errorIsTerminal {
      Terminal.write(
        toError: table.draw(title: title(elapsed), rows: rows(elapsedSeconds: Double(elapsed) / 1e9), width: Terminal.columnCount))
    }
  }

  private func title(_ elapsed: UInt64) -> String {
    "freshet demo, \(Int(Double(elapsed) / 1e9)) of \(lengthMilliseconds / 1000) s (Ctrl-C ends it)"
  }

  private func rows(elapsedSeconds: Double) -> [LiveTable.Row] {
    let counts = processing.counts
    let events = progress.events.load(ordering: .relaxed)
    let delay = delays.summary
    return [
      LiveTable.Row(
        "generate",
        ["\(events) events", "asked \(rate)", "achieved \(Quantities.rate(Double(events) / max(elapsedSeconds, 0.1)))"]),
      LiveTable.Row("process", ["\(counts.records) events", "lag \(counts.lag ?? 0)", "\(counts.rejectedCount) rejected"]),
      LiveTable.Row("windows", ["\(counts.panes) panes", "\(counts.keys) users", "\(counts.windowRowsWritten) closed"]),
      LiveTable.Row("Redis", ["\(counts.rowsWritten) rows", "\(counts.flushes) flushes"]),
      LiveTable.Row(
        "event -> visible",
        delay.map {
          [
            "p50 \(Quantities.milliseconds($0.p50))", "p99 \(Quantities.milliseconds($0.p99))",
            "max \(Quantities.milliseconds($0.max))",
          ]
        } ?? ["nothing yet"]),
    ]
  }

  /// The end: what happened, and a few users' features as Redis gives them. Throws where anything was lost.
  func printSummary() throws {
    let counts = processing.counts
    guard let generated else {
      print("ended before the first event")
      return
    }
    let delivery = generated.delivery
    let seconds = max(Double(generated.nanoseconds) / 1e9, 1e-3)
    print("\nIn \(String(format: "%.1f", seconds)) s:")
    print(
      "  generated  \(delivery.written) events, asked \(rate), achieved \(Quantities.rate(Double(delivery.written) / seconds)); "
        + "sent behind schedule p50 \(Quantities.milliseconds(generated.lags?.p50 ?? 0)), p99 \(Quantities.milliseconds(generated.lags?.p99 ?? 0))"
    )
    print(
      "  delivered  \(delivery.delivered) to Kafka (embedded broker, \(Self.partitionCount) partitions), \(delivery.failed) failed")
    print("  processed  \(counts.records) events, \(counts.rejectedCount) rejected, \(counts.ledger.count(of: .late)) late")
    print("  wrote      \(counts.rowsWritten) rows to Redis, \(counts.windowRowsWritten) of them closed windows")
    if let delay = delays.summary {
      print(
        "  visible    event -> Redis p50 \(Quantities.milliseconds(delay.p50)), p90 \(Quantities.milliseconds(delay.p90)), "
          + "p99 \(Quantities.milliseconds(delay.p99)), max \(Quantities.milliseconds(delay.max))")
    }
    try printUsers()
    guard delivery.delivered == delivery.written, counts.records == delivery.delivered else {
      throw Failure(
        .failure, "\(delivery.written) events were generated, \(delivery.delivered) delivered, \(counts.records) processed")
    }
  }

  private func printUsers() throws {
    guard let view = pipeline.views.first(where: { $0.trigger == .change }) else { return }
    let reader = RedisReader(try RedisConnection(redis.address))
    let prefix = "\(pipeline.sink?.prefix ?? "fv"):\(view.name):"
    let keys = try reader.keys(matching: "\(prefix)*")
    let sample = Array(keys.prefix(5000))
    let hashes = Array(zip(sample, try reader.hashes(sample)))
    // The users with most to show: those with the greatest first feature.
    let first = view.features[0].name
    let most = hashes.sorted { (Double($0.1[first] ?? "") ?? 0, $1.0) > (Double($1.1[first] ?? "") ?? 0, $0.0) }.prefix(3)
    print("\n\(keys.count) users in Redis; the features of three of them, as HGETALL gives them:")
    let width = view.features.map(\.name.count).max() ?? 0
    for (key, fields) in most {
      print("\n  \(key)")
      for name in view.features.map(\.name) + ["_as_of"] {
        let value = fields[name] ?? "(null)"
        let time = name == "_as_of" ? Int64(value).map { "  (\(TimeText.rfc3339($0)))" } ?? "" : ""
        print("    \(name.padding(toLength: max(width, 6), withPad: " ", startingAt: 0))  \(value)\(time)")
      }
    }
  }
}
