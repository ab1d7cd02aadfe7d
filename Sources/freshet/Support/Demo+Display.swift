import Foundation
import Processing
extension Demo {
  func show(until isDone: () -> Bool) {
    let started = clock.monotonicNanoseconds
    while !isDone() {
      let c = processing.counts
      print(String(format: "%.1f", Double(clock.monotonicNanoseconds - started) / 1e9), progress.events.load(ordering: .relaxed), c.records, "lag", c.lag ?? -1, requests.outcomes, requests.latencies.distribution.nanoseconds(atPercentile: 99) ?? 0)
      usleep(1_000_000)
    }
  }
  func printSummary() throws { print(processing.counts.records, generated?.delivery as Any) }
}
