// Rounds of faults, drawn by a seed that is printed, over one long stream. FRESHET_FAULT_ROUNDS, _EVENTS and _SEED say how many and which.

import Base
import Foundation
import TestSupport
import Testing

/// What a round does to a run.
private enum Fault: CaseIterable {
  case kill, killAll, freeze, restart, join, leave
  case killRedis, loseTail, freezeRedis, flushScripts, killConnections, fillRedis, readOnlyRedis
  case brokerDown

  /// Those that can be done to the Redis and the broker of this run.
  static let possible: [Fault] = allCases.filter { fault in
    if let names = FaultSettings.faultNames, !names.contains("\(fault)") { return false }
    return switch fault {
    case .kill, .killAll, .freeze, .restart, .join, .leave: true
    case .brokerDown: !TestCluster.isExternal
    default: !TestRedis.isExternal
    }
  }
}

extension FaultRun {
  private static let memberCountMax = 4

  /// Sends `count` events and has one fault happen among them.
  fileprivate func round(_ fault: Fault, _ count: Int, _ random: inout Random) throws {
    let delay = Int(random.below(600))
    func milliseconds(_ range: ClosedRange<Int64>) -> Int { Int(random.integer(in: range)) }
    func member() -> Program { members[Int(random.below(UInt64(members.count)))] }
    if fault == .brokerDown {
      // The mock broker of librdkafka 2.0.2 bears it badly to be down while members ask to join: when it is back it may fail by itself, or give a
      // leader a group without members, at which the library crashes. No real broker does that; a group that has settled makes it rare.
      try waitUntilBehind(atMost: 0)
      try send(count)
      try takeBrokerDown(milliseconds: milliseconds(100...5000))
      return
    }
    try send(count) {
      pass(milliseconds: delay)
      switch fault {
      case .kill:
        kill(member())
        if members.count < 2 || random.below(2) == 0 { try join() }
      case .killAll:
        let count = members.count
        for member in members { kill(member) }
        for _ in 0..<count { try join() }
      case .freeze:
        let frozen = member()
        freeze(frozen)
        pass(milliseconds: milliseconds(100...6000))
        thaw(frozen)
      case .restart:
        stop(member())
        try join("--workers", "\(1 + random.below(2))")
      case .join: if members.count < Self.memberCountMax { try join() } else { stop(member()) }
      case .leave: if members.count > 1 { stop(member()) } else { try join() }
      case .killRedis: try killRedis(awayMilliseconds: milliseconds(0...3000))
      case .loseTail: try loseTailOfRedis(byteCount: milliseconds(1...200_000), awayMilliseconds: milliseconds(0...1000))
      case .freezeRedis: try freezeRedis(milliseconds: milliseconds(50...5000))
      case .flushScripts: try flushScripts()
      case .killConnections: try killConnections()
      case .fillRedis: try fillRedis(milliseconds: milliseconds(50...3000))
      case .readOnlyRedis: try makeRedisReadOnly(milliseconds: milliseconds(50...3000))
      case .brokerDown: break
      }
    }
  }
}

extension Faults {
  struct RandomFaultTests {
    /// The broker keeps 5 MiB of a partition and drops the oldest beyond; this is a fifth of it.
    private static let behindMax = 100_000

    @Test func `rounds of random faults lose nothing, count nothing twice, and let no value go back`() throws {
      let seed = FaultSettings.seed
      let rounds = FaultSettings.rounds
      print("\(rounds) rounds of faults over \(FaultSettings.eventCount) events; FRESHET_FAULT_SEED=\(seed) repeats them")
      try FaultRun.play(seed: seed, fsync: "everysec") { run in
        var random = Random(seed: UInt64(seed), 0, 0)
        for _ in 0..<2 { try run.join() }
        for round in 1...rounds {
          let fault = Fault.possible[Int(random.below(UInt64(Fault.possible.count)))]
          let count = FaultSettings.eventCount * round / rounds - run.sentCount
          run.note("round \(round): \(fault)")
          print("round \(round) of \(rounds): \(fault), \(run.members.count) members, \(run.sentCount) events so far")
          try run.round(fault, count, &random)
          try run.waitUntilBehind(atMost: Self.behindMax)
        }
      }
    }
  }
}
