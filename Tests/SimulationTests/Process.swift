// One simulated process: a thread that runs when the world says so, its clocks, and how it dies.

import Base
import Dispatch
import Features
import Records

/// Ends the I/O of a process that was killed.
struct Killed: Error {}

final class Process: @unchecked Sendable {
  let name: String
  let clock: ProcessClock
  unowned let world: World
  let semaphore = DispatchSemaphore(value: 0)
  /// Grows whenever it begins to wait or goes on, so that an old alarm is told from a new one.
  var ticket: UInt64 = 0
  /// SIGKILL: all I/O from here on fails.
  private(set) var isDead = false
  var hasEnded = false
  /// SIGTERM.
  var isStopRequested = false
  /// SIGSTOP until then, in µs.
  var stoppedUntil: Int64 = 0
  /// Connections to Redis so far.
  var connectionCount = 0
  /// What it has noted of idle time since the last checkpoint of a partition.
  var idleLog: (PartitionIndex) -> [IdleAdvance] = { _ in [] }
  /// Befalls it when it next writes to Redis: dies (nil), or is stopped for so many µs; before its bytes are out, or right after.
  var fateAtWrite: (stop: Int64?, isAfter: Bool)?
  private var thread: JoinableThread?

  init(_ name: String, _ world: World) {
    self.name = name
    self.world = world
    clock = ProcessClock(world)
    clock.process = self
  }

  /// Whether it is there and not stopped, so that its heartbeats go out.
  var isBeating: Bool { !isDead && !hasEnded && stoppedUntil <= world.now }

  fileprivate func runBody(_ body: () -> Void) {
    semaphore.wait()
    if !isDead { body() }
    world.leave(self)
  }

  func begin(_ body: @escaping () -> Void) {
    nonisolated(unsafe) let body = body
    thread = JoinableThread { self.runBody(body) }
  }

  func join() { try? thread?.join() }

  /// Called around a write to Redis.
  func meetFate(isAfter: Bool) {
    guard let fate = fateAtWrite, fate.isAfter == isAfter else { return }
    fateAtWrite = nil
    world.note("\(name) \(fate.stop == nil ? "dies" : "is stopped") \(isAfter ? "after" : "before") its write")
    if let stop = fate.stop { stoppedUntil = world.now + stop } else { kill() }
  }

  /// SIGKILL. What it has written to its connections is on its way all the same.
  func kill() {
    guard !isDead, !hasEnded else { return }
    isDead = true
    world.wake(self)
  }

  /// Takes `delay` µs. Throws where the process was killed meanwhile.
  func pass(_ delay: Int64) throws(Killed) {
    if isDead { throw Killed() }
    world.wait(self, atMost: delay)
    if isDead { throw Killed() }
  }
}

/// The clocks of a process. Those of a dead one run on, so that whoever waits for a time gives up.
final class ProcessClock: Clock, @unchecked Sendable {
  private unowned let world: World
  weak var process: Process?
  private var extra: Int64 = 0

  init(_ world: World) { self.world = world }

  private var microseconds: Int64 {
    if process?.isDead == true { extra += 1_000_000 }
    return world.now + extra
  }

  var nowMilliseconds: Int64 { World.epoch + microseconds / 1000 }
  var monotonicNanoseconds: UInt64 { UInt64(1_000_000_000_000 + microseconds) * 1000 }
}
