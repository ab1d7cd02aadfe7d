// One session: who it is when it arrives, and its way from state to state.

import Base
import Schema

extension SessionSource {
  /// Fills the slot of a session that arrives now; false where it does not come.
  @inline(__always)
  func begin(
    _ header: UnsafeMutablePointer<SessionHeader>, _ arrivals: ArrivalProcess, _ time: Int64
  ) -> Bool {
    let random =
      following.map { Random(seed: sessionSeed, .max, $0.index) }
      ?? Random(seed: sessionSeed, UInt64(bitPattern: arrivals.block), arrivals.index)
    return begin(header, random, time, swarm: nil)
  }

  @inline(never)
  func begin(
    _ header: UnsafeMutablePointer<SessionHeader>, swarm index: Int, _ time: Int64
  ) -> Bool {
    let swarm = swarms[index]
    guard time < swarm.window.end else { return false }
    let random = Random(seed: swarm.seed, UInt64(bitPattern: swarm.arrivals.block), swarm.arrivals.index)
    return begin(header, random, time, swarm: index)
  }

  @inline(__always)
  func begin(
    _ header: UnsafeMutablePointer<SessionHeader>, _ start: Random, _ time: Int64, swarm: Int?
  ) -> Bool {
    var random = start
    let rows = SessionPool.rows(header)
    header.pointee.session = random.state
    header.pointee.order = UInt32(truncatingIfNeeded: random.state)
    header.pointee.startedAt = time
    header.pointee.step = 0
    var flags: SessionFlags = []
    var pace: UInt16 = 0
    if let swarm {
      flags.insert(.bot)
      pace = UInt16(swarm + 1)
      rows[0] = random.below(min(swarms[swarm].actorCount, plan.actor.count))
    } else if plan.botShare > 0, random.unit() < plan.botShare {
      flags.insert(.bot)
      pace = .max
      rows[0] = random.below(min(plan.botActorCount, plan.actor.count))
    } else {
      rows[0] = plan.actor.draw(&random, time: time, elapsed: time &- startNanoseconds)
    }
    if plan.deviceMost > 0 { rows[1] = device(of: rows[0], &random) }
    if plan.anonymousShare == 0 || random.unit() >= plan.anonymousShare { flags.insert(.identified) }
    if shard.count > 1, !shard.owns(rows[0]) { flags.insert(.foreign) }
    header.pointee.flags = flags
    header.pointee.pace = pace
    header.pointee.identifier =
      plan.identifierIsV7 ? .v7(milliseconds: time.flooredMilliseconds, &random) : .v4(&random)
    let state = plan.initialCount == 1 ? 0 : AliasTable.sample(plan.initialStates, count: plan.initialCount, &random)
    header.pointee.state = plan.initialTargets[state]
    header.pointee.random = random
    if outages.isEmpty { return true }
    // By event time, as under a load the simulation's runs ahead when nobody comes.
    return !outages.contains { $0.window.contains(time) && $0.filter.contains(rows[0]) }
  }

  /// One of the actor's devices, the first most often.
  func device(of actor: UInt64, _ random: inout Random) -> UInt64 {
    let spread = plan.deviceMost - plan.deviceLeast
    let owned = plan.deviceLeast + (spread == 0 ? 0 : Hash.mix(plan.deviceSeed, actor) % (spread + 1))
    let pick = min(random.below(max(owned, 1)), random.below(max(owned, 1)))
    return actor * plan.deviceMost + pick
  }

  /// The state after this one, -1 when the session ends here.
  @inline(__always)
  static func next(_ state: UnsafePointer<StatePlan>, _ random: inout Random) -> Int32 {
    let count = Int(state.pointee.targetCount)
    let edge = count == 1 ? 0 : AliasTable.sample(state.pointee.transitions, count: count, &random)
    return state.pointee.targets[edge]
  }

  /// Nanoseconds until the next state; at most about 100 years.
  @inline(__always)
  func pause(
    _ state: UnsafePointer<StatePlan>, _ header: UnsafeMutablePointer<SessionHeader>, _ random: inout Random
  ) -> Int64? {
    let pace = header.pointee.pace
    let value: Double
    if pace == 0 {
      value = state.pointee.think.draw(&random, normals)
    } else {
      let think = pace == .max ? plan.botThink : swarms[Int(pace) - 1].think
      value = think.draw(&random, normals)
    }
    return Int64(min(max(value, 0), 3e18))
  }

  @inline(never)
  func overrideRow(_ binding: Int, _ row: UnsafeMutablePointer<UInt64>, _ random: inout Random, _ time: Int64) {
    for hot in hotRows where hot.binding == binding && hot.window.contains(time) {
      if random.unit() < hot.share { row.pointee = hot.row }
    }
  }
}
