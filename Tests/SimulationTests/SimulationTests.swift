// Histories by their seeds. FRESHET_DEEP=1 takes 20 000; FRESHET_SIMULATION_SEED=N replays one and prints all of it.

import Base
import Foundation
import Synchronization
import Testing

private let environment = ProcessInfo.processInfo.environment

/// A history that went wrong, as a person wants to see it: run once more, with its journal.
func report(_ seed: UInt64, quirk: Quirk? = nil, lastSteps: Int = 50) throws -> String {
  let history = try History(seed: seed, quirk: quirk, keepsJournal: true)
  let violations = history.run()
  let steps = history.world.journal.suffix(lastSteps)
  return """
    seed \(seed): \(violations.isEmpty ? "nothing wrong" : violations.joined(separator: "\n  "))
    \(steps.joined(separator: "\n"))
    The whole history: FRESHET_SIMULATION_SEED=\(seed) swift test --skip-build --filter SimulationTests
    """
}

/// Runs the histories of `seeds` on all processors; gives the violations of those that went wrong, by seed.
func runHistories(_ seeds: Range<UInt64>, quirk: Quirk? = nil, failuresMax: Int = 3) throws -> [(seed: UInt64, violation: String)] {
  let next = Mutex(seeds.lowerBound)
  let failures = Mutex<[(seed: UInt64, violation: String)]>([])
  let threads = (0..<max(1, ProcessInfo.processInfo.activeProcessorCount)).map { _ in
    JoinableThread {
      while failures.withLock({ $0.count }) < failuresMax {
        let seed = next.withLock { seed in
          defer { seed += 1 }
          return seed
        }
        guard seed < seeds.upperBound else { return }
        if let first = try History(seed: seed, quirk: quirk).run().first { failures.withLock { $0.append((seed, first)) } }
      }
    }
  }
  for thread in threads { try thread.join() }
  return failures.withLock { $0 }.sorted { $0.seed < $1.seed }
}

@Suite(.serialized) struct `Simulated histories` {
  @Test func `end with every record counted once, and show no value that goes back`() throws {
    if let seed = environment["FRESHET_SIMULATION_SEED"].flatMap({ UInt64($0) }) {
      print(try report(seed, lastSteps: .max))
      return
    }
    let count: UInt64 =
      environment["FRESHET_SIMULATION_COUNT"].flatMap { UInt64($0) } ?? (environment["FRESHET_DEEP"] == "1" ? 20_000 : 500)
    for failure in try runHistories(0..<count) { Issue.record("\(try report(failure.seed))") }
  }

  /// A claim that is refused right when the store comes back must not leave reading paused.
  @Test(arguments: [15222] as [UInt64]) func `that once went wrong end well`(seed: UInt64) throws {
    #expect(try History(seed: seed).run() == [])
  }

  @Test(arguments: [3, 14, 159] as [UInt64]) func `are the same each time`(seed: UInt64) throws {
    let first = try History(seed: seed)
    let second = try History(seed: seed, keepsJournal: true)
    #expect(first.run() == second.run())
    #expect(first.world.fingerprint == second.world.fingerprint, "seed \(seed)")
    #expect(first.world.eventCount == second.world.eventCount)
  }
}
