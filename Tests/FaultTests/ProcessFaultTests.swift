// Each thing that can go wrong, by itself and under load. At the end of each test every row in Redis must be what one pass over all events gives, and
// on the way no value may have gone back: `FaultRun.play` sees to both.

import Foundation
import TestSupport
import Testing

/// Whether the Redis, or the broker, of the tests is theirs to take away.
private let ownsRedis = !TestRedis.isExternal
private let ownsBroker = !TestCluster.isExternal

extension Faults {
  struct ProcessFaultTests {
    // MARK: Processes

    @Test func `a process that is killed again and again loses nothing and counts nothing twice`() throws {
      try FaultRun.play { run in
        try run.join("--workers", "2")
        for milliseconds in [0, 150, 700] {
          try run.send(15_000) {
            run.pass(milliseconds: milliseconds)
            run.kill(run.members[0])
            try run.join("--workers", "2")
          }
        }
      }
    }

    @Test(arguments: [100, 101, 102])
    func `a process that is killed in its very first flush has shown nothing that goes back`(seed: Int) throws {
      try FaultRun.play(seed: seed) { run in
        try run.send(30_000)
        let first = try run.join()
        try run.wait(until: "something is visible") { try run.watcher.look().events > 0 }
        run.kill(first)
        try run.join()
      }
    }

    @Test func `others go on with the partitions of a process that is killed`() throws {
      try FaultRun.play(seed: 2) { run in
        for _ in 0..<3 { try run.join() }
        try run.send(20_000) { run.kill(run.members[1]) }
        try run.send(10_000) { run.kill(run.members[0]) }
      }
    }

    @Test func `a process that stood still for longer than its session writes nothing of partitions that others have`() throws {
      try FaultRun.play(seed: 3) { run in
        for _ in 0..<2 { try run.join() }
        for milliseconds in [0, 130] {
          let zombie = run.members[0]
          try run.send(15_000) {
            run.pass(milliseconds: milliseconds)
            run.freeze(zombie)
          }
          // The other one has taken everything over, with what came since.
          try run.send(5000)
          try run.waitUntilBehind(atMost: 0)
          run.thaw(zombie)
          try run.send(10_000)
          try run.waitUntilBehind(atMost: 0)
        }
      }
    }

    @Test func `a process that stood still with all others gone goes on where it was`() throws {
      try FaultRun.play(seed: 4) { run in
        let only = try run.join("--workers", "2")
        try run.send(20_000) {
          run.freeze(only)
          run.pass(milliseconds: 4500)
          run.thaw(only)
        }
      }
    }

    @Test func `a process that is told to end hands over in order`() throws {
      try FaultRun.play(seed: 5, checkpointEvery: "1h") { run in
        for _ in 0..<2 { try run.join() }
        for _ in 0..<3 {
          try run.send(15_000) {
            run.stop(run.members[0])
            try run.join()
          }
        }
      }
    }

    @Test func `members that join and leave under load move partitions and no value`() throws {
      try FaultRun.play(seed: 6) { run in
        try run.join()
        try run.send(15_000) { try run.join("--workers", "2") }
        try run.send(15_000) { try run.join() }
        try run.send(15_000) { run.stop(run.members[0]) }
        try run.send(15_000) { run.stop(run.members[0]) }
      }
    }

    // MARK: Redis

    @Test(.enabled(if: ownsRedis))
    func `a Redis that is killed and comes back with everything that it confirmed`() throws {
      try FaultRun.play(seed: 7) { run in
        for _ in 0..<2 { try run.join() }
        for milliseconds in [0, 400, 3000] { try run.send(15_000) { try run.killRedis(awayMilliseconds: milliseconds) } }
      }
    }

    @Test(.enabled(if: ownsRedis), arguments: [4000, 300_000])
    func `a Redis that comes back without its last writes is given them again`(byteCount: Int) throws {
      try FaultRun.play(seed: 8, fsync: "everysec") { run in
        for _ in 0..<2 { try run.join() }
        for milliseconds in [0, 1000] {
          try run.send(15_000) { try run.loseTailOfRedis(byteCount: byteCount, awayMilliseconds: milliseconds) }
        }
      }
    }

    @Test(.enabled(if: ownsRedis))
    func `what Redis has lost is noticed although nothing new comes`() throws {
      try FaultRun.play(seed: 9, fsync: "everysec") { run in
        try run.join()
        try run.send(20_000)
        try run.waitUntilBehind(atMost: 0)
        try run.loseTailOfRedis(byteCount: 20_000, awayMilliseconds: 100)
      }
    }

    @Test(.enabled(if: ownsRedis))
    func `a Redis that stands still for seconds is waited for`() throws {
      try FaultRun.play(seed: 10) { run in
        for _ in 0..<2 { try run.join() }
        try run.send(15_000) { try run.freezeRedis(milliseconds: 1500) }
        // Longer than the members' sessions.
        try run.send(15_000) { try run.freezeRedis(milliseconds: 5000) }
      }
    }

    @Test(.enabled(if: ownsRedis))
    func `a process that stood still while another took over cannot write what lay in its connection`() throws {
      try FaultRun.play(seed: 11) { run in
        for _ in 0..<2 { try run.join() }
        let zombie = run.members[0]
        try run.send(20_000) {
          // What is on its way when Redis stands still is executed after the process has lost its partitions.
          run.note("Redis stands still, and a process with it")
          run.redis.server?.send(signal: SIGSTOP)
          run.pass(milliseconds: 300)
          run.freeze(zombie)
          run.pass(milliseconds: 4000)
          run.redis.server?.send(signal: SIGCONT)
        }
        try run.waitUntilBehind(atMost: 0)
        run.thaw(zombie)
        try run.send(5000)
      }
    }

    @Test(.enabled(if: ownsRedis))
    func `scripts and connections that Redis drops are made anew`() throws {
      try FaultRun.play(seed: 12) { run in
        for _ in 0..<2 { try run.join() }
        for _ in 0..<3 {
          try run.send(8000) {
            try run.flushScripts()
            run.pass(milliseconds: 100)
            try run.killConnections()
          }
        }
      }
    }

    @Test(.enabled(if: ownsRedis))
    func `a Redis that is full is waited for`() throws {
      try FaultRun.play(seed: 13) { run in
        for _ in 0..<2 { try run.join() }
        for milliseconds in [500, 4000] { try run.send(15_000) { try run.fillRedis(milliseconds: milliseconds) } }
      }
    }

    @Test(.enabled(if: ownsRedis))
    func `a Redis that is a read-only replica for a while is waited for`() throws {
      try FaultRun.play(seed: 14) { run in
        for _ in 0..<2 { try run.join() }
        for milliseconds in [500, 4000] { try run.send(15_000) { try run.makeRedisReadOnly(milliseconds: milliseconds) } }
      }
    }

    @Test(.enabled(if: ownsRedis))
    func `a process that is killed while Redis is away loses nothing`() throws {
      try FaultRun.play(seed: 15) { run in
        for _ in 0..<2 { try run.join() }
        try run.send(15_000) {
          run.note("Redis stands still")
          run.redis.server?.send(signal: SIGSTOP)
          run.pass(milliseconds: 300)
          run.kill(run.members[0])
          run.pass(milliseconds: 1000)
          try run.killRedis(awayMilliseconds: 500)
        }
        try run.join()
      }
    }

    // MARK: The broker

    @Test(.enabled(if: ownsBroker))
    func `a broker that is down for seconds is waited for`() throws {
      try FaultRun.play(seed: 16) { run in
        for _ in 0..<2 { try run.join() }
        for milliseconds in [500, 6000] {
          // The generator is not the one that is tested: what it sends while the broker goes down may come twice.
          try run.send(15_000)
          try run.takeBrokerDown(milliseconds: milliseconds)
          try run.waitUntilBehind(atMost: 0)
        }
        try run.send(5000)
      }
    }

    @Test(.enabled(if: ownsBroker && ownsRedis))
    func `broker and Redis away at once, with a process killed`() throws {
      try FaultRun.play(seed: 17) { run in
        for _ in 0..<3 { try run.join() }
        try run.send(30_000)
        run.note("the broker is down")
        try run.cluster.tell("down")
        try run.killRedis(awayMilliseconds: 1000)
        run.kill(run.members[0])
        run.pass(milliseconds: 3000)
        run.note("the broker is up")
        try run.cluster.tell("up")
        try run.send(5000)
      }
    }
  }
}
