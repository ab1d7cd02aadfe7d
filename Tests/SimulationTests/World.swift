// Time, chance, and who goes on: everything that happens in a history happens here, one thing after the other, in an order that the seed alone
// decides.
//
// Each simulated process has a thread, but only one thread runs at a time. A process that does I/O says when it wants to go on and hands
// over: the thread looks at the queue of what comes next, runs what the simulated Redis and broker do themselves, and wakes the process
// whose turn it is. Time is a number that jumps to the next thing to do.
//
//   queue:  (time, number) -> an act of Redis, the broker or a fault | a process goes on
//
// A crash is an error out of the I/O that the process is in; a process that is stopped (SIGSTOP) is not woken before it goes on.

import Base
import Dispatch

final class World: @unchecked Sendable {
  private struct Event {
    var time: Int64
    var number: UInt64
    var action: Action
  }

  private enum Action {
    case act(() -> Void)
    /// The process goes on, where this is still what it waits for.
    case wake(Process, ticket: UInt64)
  }

  let seed: UInt64
  var random: Random
  /// µs since the beginning.
  private(set) var now: Int64 = 0
  private(set) var processes: [Process] = []
  /// What was found wrong, first to last.
  private(set) var violations: [String] = []
  /// What happened, in words; only where asked for.
  private(set) var journal: [String] = []
  let keepsJournal: Bool
  /// A number that all that happens goes into: two runs of one seed must agree.
  private(set) var fingerprint: UInt64 = 0

  private var queue: [Event] = []
  private var nextNumber: UInt64 = 0
  private(set) var eventCount = 0
  private let eventCountMax: Int
  private let driver = DispatchSemaphore(value: 0)
  private var isOver = false

  /// When the simulated clocks begin, in ms since the epoch.
  static let epoch: Int64 = 1_700_000_000_000

  init(seed: UInt64, keepsJournal: Bool, eventCountMax: Int = 400_000) {
    self.seed = seed
    self.keepsJournal = keepsJournal
    self.eventCountMax = eventCountMax
    random = Random(seed: seed, 0x51_4d, 0)
  }

  // MARK: Chance

  func chance(_ probability: Double) -> Bool { probability > 0 && random.unit() < probability }

  /// Uniform, both ends included.
  func draw(_ range: ClosedRange<Int64>) -> Int64 { random.integer(in: range) }

  func pick<Element>(_ elements: [Element]) -> Element { elements[Int(random.below(UInt64(elements.count)))] }

  // MARK: What is seen

  func note(_ what: @autoclosure () -> String) {
    guard keepsJournal else { return }
    let milliseconds = now % 1_000_000 / 1000
    let padded = String("00\(milliseconds)".suffix(3))
    journal.append("\(now / 1_000_000).\(padded) s  \(what())")
  }

  /// Adds to the fingerprint.
  func mark(_ value: UInt64) { fingerprint = Hash.mix(fingerprint, value) }

  func violate(_ what: String) {
    note("VIOLATION: \(what)")
    if violations.count < 20 { violations.append(what) }
    isOver = true
  }

  // MARK: Acts

  /// Has `act` happen in `delay` µs.
  func after(_ delay: Int64, _ act: @escaping () -> Void) { push(now + max(delay, 0), .act(act)) }

  /// Runs until `body`'s acts are all done, nothing is left to do, or something was found wrong; returns when every thread has ended.
  func run() {
    if let first = advance() {
      first.semaphore.signal()
      driver.wait()
    }
    for process in processes { process.kill() }
    // Whoever still waits comes back from its I/O with an error, one after the other.
    for process in processes where !process.hasEnded {
      process.semaphore.signal()
      driver.wait()
    }
    for process in processes { process.join() }
    // What was still to come refers to everything there is, and so does what processes know of themselves.
    queue.removeAll()
    for process in processes { process.idleLog = { _ in [] } }
    processes.removeAll()
  }

  /// Ends the history after what happens now.
  func end() { isOver = true }

  /// Starts a process on a thread of its own; `body` runs when its turn comes.
  func start(_ name: String, _ body: @escaping (Process) -> Void) -> Process {
    let process = Process(name, self)
    processes.append(process)
    process.begin { body(process) }
    push(now, .wake(process, ticket: process.ticket))
    return process
  }

  // MARK: Turns

  /// The process goes on in `delay` µs, or when `wake` is called for it.
  func wait(_ process: Process, atMost delay: Int64) {
    guard !process.isDead else { return }
    process.ticket += 1
    push(now + max(delay, 0), .wake(process, ticket: process.ticket))
    handOver(from: process)
  }

  /// Has a process that waits go on now.
  func wake(_ process: Process) { push(now, .wake(process, ticket: process.ticket)) }

  private func handOver(from process: Process) {
    let next = advance()
    if next === process { return }
    if let next { next.semaphore.signal() } else { driver.signal() }
    process.semaphore.wait()
  }

  /// The thread of `process` ends.
  func leave(_ process: Process) {
    process.hasEnded = true
    if let next = advance() { next.semaphore.signal() } else { driver.signal() }
  }

  /// Does what comes next until it is a process' turn; nil at the end.
  private func advance() -> Process? {
    while !isOver, let event = pop() {
      eventCount += 1
      if eventCount > eventCountMax {
        violate("no end after \(eventCountMax) steps")
        return nil
      }
      now = max(now, event.time)
      switch event.action {
      case .act(let act): act()
      case .wake(let process, let ticket):
        guard !process.hasEnded, process.ticket == ticket else { continue }
        if process.stoppedUntil > now, !process.isDead {
          push(process.stoppedUntil, event.action)
          continue
        }
        process.ticket += 1
        mark(UInt64(now))
        return process
      }
    }
    isOver = true
    return nil
  }

  // MARK: The queue: a binary heap

  private func push(_ time: Int64, _ action: Action) {
    nextNumber += 1
    queue.append(Event(time: time, number: nextNumber, action: action))
    var child = queue.count - 1
    while child > 0, isBefore(child, (child - 1) / 2) {
      queue.swapAt(child, (child - 1) / 2)
      child = (child - 1) / 2
    }
  }

  private func pop() -> Event? {
    guard let first = queue.first else { return nil }
    let last = queue.removeLast()
    guard !queue.isEmpty else { return first }
    queue[0] = last
    var parent = 0
    while true {
      var least = parent
      for child in [2 * parent + 1, 2 * parent + 2] where child < queue.count && isBefore(child, least) { least = child }
      if least == parent { return first }
      queue.swapAt(least, parent)
      parent = least
    }
  }

  private func isBefore(_ a: Int, _ b: Int) -> Bool {
    (queue[a].time, queue[a].number) < (queue[b].time, queue[b].number)
  }
}
