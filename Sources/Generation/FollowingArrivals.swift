// Arrivals of sessions beside the even ones: those of swarms, and those that follow a load.

import Base
import Schema

/// Sessions of bots that arrive for a while.
struct Swarm {
  var window: TimeWindow
  var think: Sampler
  var actorCount: UInt64
  var arrivals: ArrivalProcess
  var seed: UInt64
  /// Of event time, in ns since the epoch.
  var start: Int64
  /// Whether its arrivals are in the heap, or over.
  var hasBegun = false
}

/// Arrivals that follow a load as it goes up and down: so many sessions that their records make up the load.
struct FollowingArrivals {
  private var random: Random
  private let eventsPerSession: Double
  private var time: Int64
  /// Counts the arrivals from 1.
  private(set) var index: UInt64 = 0

  init(seed: UInt64, eventsPerSession: Double, time: Int64) {
    random = Random(seed: seed, .max, 0)
    self.eventsPerSession = eventsPerSession
    self.time = time
  }

  mutating func next(eventsPerSecond: Double) -> Int64 {
    index += 1
    let gap = random.exponential() * eventsPerSession / max(eventsPerSecond, 1e-9) * 1e9
    time = time.addingReportingOverflow(Int64(min(gap, 1e18))).overflow ? .max : time + Int64(min(gap, 1e18))
    return time
  }
}
