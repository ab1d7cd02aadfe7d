// Ctrl-C and SIGTERM: the first asks everything to drain and end, the second leaves at once with 130, after the cleanups that were
// registered (a private server, a temporary folder), the third without them.
// Signals that come within a tenth of a second count as one: `timeout` and other supervisors signal a process and its group.

import Base
import Foundation
import Synchronization

enum Interrupts {
  private static let count = Atomic<Int>(0)
  /// When the last one came, by the monotonic clock in ns; 0 before the first.
  private static let lastAt = Atomic<UInt64>(0)
  private static let mergingNanoseconds: UInt64 = 100_000_000
  private static let hasCleanups = Atomic<Bool>(false)
  private static let cleanups = Mutex<[@Sendable () -> Void]>([])

  /// Whether the user, or the system, has asked for the end. Loops on the data path look at it once per batch.
  static var stopRequested: Bool { count.load(ordering: .relaxed) > 0 }

  /// Asks for the end as a first Ctrl-C does.
  static func requestStop() { _ = count.compareExchange(expected: 0, desired: 1, ordering: .relaxed) }

  /// Installs the handlers; called once, before the first thread starts.
  static func install() {
    // Made here, not in a handler.
    _ = (count.load(ordering: .relaxed), lastAt.load(ordering: .relaxed), hasCleanups.load(ordering: .relaxed))
    for number in [SIGINT, SIGTERM] {
      signal(number) { _ in
        // Only async-signal-safe calls here.
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        let now = UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
        let last = Interrupts.lastAt.exchange(now, ordering: .relaxed)
        if last > 0, now - last < Interrupts.mergingNanoseconds { return }
        let before = Interrupts.count.add(1, ordering: .relaxed).oldValue
        if before > 1 || (before == 1 && !Interrupts.hasCleanups.load(ordering: .relaxed)) {
          Foundation._exit(ExitCode.forced.rawValue)
        }
      }
    }
  }

  /// Has `body` run before a forced end. It may run while everything else is still going on.
  static func onForcedEnd(_ body: @escaping @Sendable () -> Void) {
    cleanups.withLock { $0.append(body) }
    guard !hasCleanups.exchange(true, ordering: .relaxed) else { return }
    _ = JoinableThread {
      while count.load(ordering: .relaxed) < 2 { usleep(50_000) }
      for cleanup in cleanups.withLock({ $0 }).reversed() { cleanup() }
      Foundation._exit(ExitCode.forced.rawValue)
    }
  }
}
