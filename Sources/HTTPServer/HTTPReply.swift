// The answer to one request that is given later, from any thread: once. What comes after the client has gone, or after the time for it has
// passed, is dropped.

import NIOCore
import Synchronization

public final class HTTPReply: Sendable {
  private let loop: any EventLoop
  /// On the loop alone.
  private let write: @Sendable (HTTPResponse) -> Void
  private let scheduleEnd: @Sendable (Int64, HTTPResponse) -> Void
  /// Held while the answer is handed over, so that nothing is handed over to a loop that has ended.
  private let isDone = Mutex(false)

  init(
    _ loop: any EventLoop, write: @escaping @Sendable (HTTPResponse) -> Void,
    scheduleEnd: @escaping @Sendable (Int64, HTTPResponse) -> Void
  ) {
    self.loop = loop
    self.write = write
    self.scheduleEnd = scheduleEnd
  }

  /// Whether somebody still waits for the answer.
  public var isWanted: Bool { isDone.withLock { !$0 } }

  /// Answers; false where that has been done, or nobody waits any more.
  @discardableResult
  public func callAsFunction(_ response: HTTPResponse) -> Bool {
    isDone.withLock { isDone in
      guard !isDone else { return false }
      isDone = true
      if loop.inEventLoop { write(response) } else { loop.execute { [write] in write(response) } }
      return true
    }
  }

  /// Answers with `response` where no other answer comes in time. Called by the handler before it returns, at most once; without it the
  /// server's own bound holds.
  public func expire(afterMilliseconds milliseconds: Int64, with response: HTTPResponse) {
    loop.preconditionInEventLoop()
    scheduleEnd(milliseconds, response)
  }

  /// Nobody waits any more.
  func abandon() { isDone.withLock { $0 = true } }
}
