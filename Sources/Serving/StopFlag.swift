// A flag that one thread sets and another waits for.

import Dispatch

final class StopFlag: Sendable {
  private let semaphore = DispatchSemaphore(value: 0)

  func set() { semaphore.signal() }

  /// Whether it was set, at the latest after so long. Waited for by one thread.
  func wait(milliseconds: Int64) -> Bool { semaphore.wait(timeout: .now() + .milliseconds(Int(milliseconds))) == .success }
}
