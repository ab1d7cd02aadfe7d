// What goes wrong in a history: which faults, how often and when, all by the seed. A history takes a few kinds of faults, not all of them: what
// only two of them together bring about is found more often that way.

import Base

enum Fault: CaseIterable {
  /// kill -9.
  case crash
  /// SIGSTOP, and SIGCONT later, which may be after another has taken over.
  case stop
  /// SIGTERM.
  case terminate
  /// The group grows.
  case join
  case breakConnections
  /// Commands are lost one by one, before or after their execution, or come late.
  case loseCommands
  case redisUnreachable
  case redisStalled
  case redisFull
  case redisReadOnly
  /// Comes back with what it had a while ago.
  case redisRestored
  /// Comes back with nothing.
  case redisEmptied
  case scriptsForgotten
  case brokerDown
  case commitsRefused
}

/// Faults and when they come.
struct FaultPlan {
  var faults: [(at: Int64, fault: Fault)] = []
  /// When the last of them is over at the latest, in µs.
  var end: Int64

  init(_ world: World, _ scenario: Scenario) {
    end = scenario.logEnd + world.draw(0...4_000_000)
    // One history in twenty goes undisturbed.
    guard !world.chance(0.05) else { return }
    let kinds = Fault.allCases.filter { world.chance($0.probability) }
    guard !kinds.isEmpty else { return }
    for _ in 0..<world.draw(1...10) { faults.append((world.draw(0...end), world.pick(kinds))) }
    faults.sort { $0.at < $1.at }
  }
}

extension Fault {
  /// How likely a history takes it.
  fileprivate var probability: Double {
    switch self {
    // Not before saving a checkpoint looks at the fence: one that is saved into a Redis that has gone back is refused when it is loaded.
    case .redisEmptied: 0.06
    case .redisRestored: 0.15
    case .redisFull, .redisReadOnly: 0.15
    case .crash, .stop, .loseCommands, .breakConnections: 0.4
    default: 0.25
    }
  }
}
