// Clocks and the shape of a result line.

import Foundation
import Logging

/// CPU time that the calling thread has used, in seconds.
func threadSeconds() -> Double { seconds(CLOCK_THREAD_CPUTIME_ID) }

/// CPU time that all threads of the process have used, in seconds.
func processSeconds() -> Double { seconds(CLOCK_PROCESS_CPUTIME_ID) }

/// Wall time, in seconds.
func wallSeconds() -> Double { seconds(CLOCK_MONOTONIC) }

private func seconds(_ clock: clockid_t) -> Double {
  var time = timespec()
  clock_gettime(clock, &time)
  return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}

/// The least seconds that each body took, measured in turns.
func leastSeconds(rounds: Int, clock: () -> Double = threadSeconds, _ bodies: [() throws -> Void]) throws -> [Double] {
  var least = [Double](repeating: .infinity, count: bodies.count)
  for _ in 0..<rounds {
    for (index, body) in bodies.enumerated() {
      let start = clock()
      try body()
      least[index] = min(least[index], clock() - start)
    }
  }
  return least
}

/// `  name                         82.1 ns/event     12.2 M/s`
func printFigure(_ name: String, seconds: Double, events: Int) {
  let perEvent = seconds / Double(events) * 1e9
  print("  \(pad(name, 52))\(pad(String(format: "%.1f ns/event", perEvent), 20))\(String(format: "%.2f M/s", 1e3 / perEvent))")
}

/// `  ratio to the C loop          1.27 (target at most 1.60)`
func printRatio(_ name: String, _ ratio: Double, target: String) {
  print("  \(pad(name, 52))\(pad(String(format: "%.2f", ratio), 20))target \(target)")
}

/// `  times the cost at 1000 keys  1.93               73 bytes of state`
func printDetail(_ name: String, _ value: String, _ note: String) { print("  \(pad(name, 52))\(pad(value, 20))\(note)") }

private func pad(_ text: String, _ width: Int) -> String { text + String(repeating: " ", count: max(1, width - text.count)) }

extension Logger {
  /// Figures are all that a benchmark says.
  static let silent = Logger(label: "bench") { _ in SwiftLogNoOpLogHandler() }
}
