// Ctrl-C and SIGTERM: the first asks everything to drain and end, the second leaves at once with 130.

import Base
import Foundation
import Synchronization

enum Interrupts {
  private static let count = Atomic<Int>(0)

  /// Whether the user, or the system, has asked for the end. Loops on the data path look at it once per batch.
  static var stopRequested: Bool { count.load(ordering: .relaxed) > 0 }

  /// Asks for the end as a first Ctrl-C does.
  static func requestStop() { count.add(1, ordering: .relaxed) }

  /// Installs the handlers; called once, before the first thread starts.
  static func install() {
    for number in [SIGINT, SIGTERM] {
      signal(number) { _ in
        // Only async-signal-safe calls here.
        if Interrupts.count.add(1, ordering: .relaxed).oldValue > 0 { Foundation._exit(ExitCode.forced.rawValue) }
      }
    }
  }
}
