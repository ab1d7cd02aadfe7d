// Ctrl-C and SIGTERM: the first asks everything to drain and end, the second leaves at once with 130, after the cleanups that were
// registered (a private server, a temporary folder), the third without them.

import Base
import Foundation
import Synchronization

enum Interrupts {
  private static let count = Atomic<Int>(0)
  private static let hasCleanups = Atomic<Bool>(false)
  private static let cleanups = Mutex<[@Sendable () -> Void]>([])

  /// Whether the user, or the system, has asked for the end. Loops on the data path look at it once per batch.
  static var stopRequested: Bool { count.load(ordering: .relaxed) > 0 }

  /// Asks for the end as a first Ctrl-C does.
  static func requestStop() { count.add(1, ordering: .relaxed) }

  /// Installs the handlers; called once, before the first thread starts.
  static func install() {
    for number in [SIGINT, SIGTERM] {
      signal(number) { _ in
        // Only async-signal-safe calls here.
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
