// What the user of the demo sees: the monitor while it runs, and at its end what a newcomer should take away.

import Base
import Features
import Foundation
import Monitoring
import Processing
import Serving

extension Demo {
  /// Shows the monitor until `isDone`.
  func show(until isDone: @escaping () -> Bool) {
    let started = clock.monotonicNanoseconds
    if let session = TerminalSession() {
      MonitorDisplay(session, monitor).show(head: { self.title(since: started) }, until: isDone)
      session.end()
      return
    }
    var next = started + 10_000_000_000
    while !isDone(), !Interrupts.stopRequested {
      usleep(20_000)
      guard clock.monotonicNanoseconds >= next, let snapshot = monitor.snapshot else { continue }
      next += 10_000_000_000
      Terminal.print(toError: "\(title(since: started)); \(MonitorCommand.plainLine(snapshot))")
    }
    // Ctrl-C ends the generator, which then says that it is done.
    while !isDone() { usleep(20_000) }
  }

  private func title(since started: UInt64) -> String {
    let seconds = Int(Double(clock.monotonicNanoseconds - started) / 1e9)
    let page = web.map { "; the page: http://\($0.address)/" } ?? ""
    return "freshet demo, \(seconds) of \(settings.lengthMilliseconds / 1000) s (q or Ctrl-C ends it)\(page)"
  }

  /// One active user's features in all lanes, at this moment.
  func noteUser() {
    guard let user = users.user(at: 0.5), let reader = try? setup.reader(), let entity = pipeline.entities.first,
      let answer = try? FeatureInquiry(setup.plan, reader).answer(
        service: Self.service, pairs: [(entity.keyFieldName, user)])
    else { return }
    userTable = LaneComparison(answer.values).text
  }

  /// Throws where anything was lost.
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
      "  generated  \(delivery.written) events, asked \(settings.rate), achieved \(Quantities.rate(Double(delivery.written) / seconds)); "
        + "sent behind schedule p50 \(Quantities.milliseconds(generated.lags.nanoseconds(atPercentile: 50) ?? 0)), "
        + "p99 \(Quantities.milliseconds(generated.lags.nanoseconds(atPercentile: 99) ?? 0))")
    print(
      "  delivered  \(delivery.delivered) to Kafka (embedded broker, \(Self.partitionCount) partitions), \(delivery.failed) failed")
    print("  processed  \(counts.records) events, \(counts.rejectedCount) rejected, \(counts.ledger.count(of: .late)) late")
    print("  wrote      \(counts.rowsWritten) rows to Redis, \(counts.windowRowsWritten) of them closed windows")
    let outcomes = requests.outcomes
    let failed = outcomes.reduce(0) { $1.key == "200" ? $0 : $0 + $1.value }
    print("  answered   \(outcomes["200"] ?? 0) requests for features, \(failed) refused or failed")
    if let snapshot = lastSnapshot { printLanes(snapshot) }
    if let userTable { print("\nOne user, in all lanes at one moment:\n\n\(userTable)") }
    // Markers are records, too.
    let markers = lastSnapshot?.probes?.sent ?? 0
    guard delivery.delivered == delivery.written, counts.records >= delivery.delivered else {
      throw Failure(
        .failure,
        "\(delivery.written) events were generated, \(delivery.delivered) delivered, \(counts.records) processed (with up to \(markers) markers)"
      )
    }
  }

  private func printLanes(_ snapshot: MonitorSnapshot) {
    var summary = DemoSummary(snapshot: snapshot)
    summary.incidents = incidents.all
    let view = pipeline.views.first { $0.lanes.contains(.batch) }
    summary.batchEveryMilliseconds = view?.schedule?.everyMilliseconds
    summary.emitEveryMilliseconds = view?.emitEveryMilliseconds
    print("\nThe same features in three lanes, as measured here:\n")
    print(summary.table.joined(separator: "\n"))
    if !summary.incidentTable.isEmpty {
      print("\nWhat went wrong, and how each lane suffered (the worst second):\n")
      print(summary.incidentTable.joined(separator: "\n"))
    }
    print("\nWhat to take away:\n")
    for lesson in summary.lessons { print(DemoSummary.wrapped(lesson, first: "  - ").joined(separator: "\n")) }
  }
}
