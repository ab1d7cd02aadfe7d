// The answer to one request that is given later, from any thread: once. What comes after the client has gone, or after the time for it has
// passed, is dropped.

import NIOCore
import Synchronization

public final class HTTPReply: Sendable {
  private let connection: NIOLoopBound<HTTPConnection>
  private let loop: any EventLoop
  /// Held while the answer is handed over, so that nothing is handed over to a loop that has ended.
  private let isDone = Mutex(false)

  init(_ connection: NIOLoopBound<HTTPConnection>, _ loop: any EventLoop) {
    self.connection = connection
    self.loop = loop
  }

  /// Whether somebody still waits for the answer.
  public var isWanted: Bool { isDone.withLock { !$0 } }

  /// Answers; false where that has been done, or nobody waits any more.
  @discardableResult
  public func callAsFunction(_ response: HTTPResponse) -> Bool {
    isDone.withLock { isDone in
      guard !isDone else { return false }
      isDone = true
      if loop.inEventLoop { give(response) } else { loop.execute { [self] in give(response) } }
      return true
    }
  }

  private func give(_ response: HTTPResponse) {
    let connection = connection.value
    guard connection.reply === self else { return }
    connection.reply = nil
    connection.write(response)
  }

  /// Answers with `response` where no other answer comes in time. Called by the handler before it returns, at most once; without it the
  /// server's own bound holds.
  public func expire(afterMilliseconds milliseconds: Int64, with response: HTTPResponse) {
    let connection = connection.value
    if connection.reply === self { connection.wait(milliseconds, .answer(response)) }
  }

  /// Nobody waits any more.
  func abandon() { isDone.withLock { $0 = true } }
}
