// Progress on stderr: one line that renews itself on a terminal, at most ten times a second; elsewhere a plain line every ten seconds.

import Base
import Foundation
import Synchronization

/// Prints what `render` gives until it is stopped. Runs on a thread of its own, so a busy data path does not hold it up.
final class ProgressReporter: Sendable {
  private let isStopped = Mutex(false)
  private let thread: Mutex<JoinableThread?> = Mutex(nil)

  /// - Parameter render: One line without its end; called on the reporter's thread.
  init(_ render: @escaping @Sendable () -> String) {
    let interval: UInt64 = Terminal.errorIsTerminal ? 100_000_000 : 10_000_000_000
    thread.withLock {
      $0 = JoinableThread { [self] in
        let clock = SystemClock()
        var due = clock.monotonicNanoseconds + interval
        while !isStopped.withLock({ $0 }) {
          usleep(20_000)
          guard clock.monotonicNanoseconds >= due else { continue }
          due += interval
          Terminal.printProgress(render())
        }
      }
    }
  }

  /// Prints something else where the line stands, which comes back with its next renewal.
  func interrupt(_ body: () -> Void) {
    Terminal.clearProgress()
    body()
  }

  /// Ends the reporting and clears the line.
  func stop() {
    isStopped.withLock { $0 = true }
    try? thread.withLock { $0 }?.join()
    Terminal.clearProgress()
  }
}

extension Terminal {
  static func printProgress(_ line: String) {
    if errorIsTerminal { printTransientProgress(line) } else { print(toError: line) }
  }

  /// Progress that only a terminal can take back.
  static func printTransientProgress(_ line: String) {
    if errorIsTerminal { write(toError: "\r\(line.prefix(columnCount - 1))\u{1b}[K") }
  }

  static func clearProgress() {
    if errorIsTerminal { write(toError: "\r\u{1b}[K") }
  }

  /// The width of the terminal on stderr.
  static var columnCount: Int {
    var size = winsize()
    return ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0 ? Int(size.ws_col) : 80
  }
}
