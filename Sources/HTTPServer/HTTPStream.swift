// An answer that comes in pieces, as server-sent events do, from any thread. What the client has not taken yet is bounded: one that is too slow
// is cut off, and so is one that has closed its side. A stream has no time limit, and is never idle.
//
//   new --begin--> open --close--> closing --all taken--> ended        new --refuse--> ended
//                    \--gone, too slow, the server ends--> ended

import NIOCore
import Synchronization

public final class HTTPStream: Sendable {
  private enum Phase { case new, open, closing, ended }

  private struct State {
    var phase = Phase.new
    /// What waits to be sent.
    var pending: [UInt8] = []
    /// With what is on its way.
    var outstandingByteCount = 0
    /// The loop has been told that something waits.
    var isFlushing = false
    var onEnd: [@Sendable () -> Void] = []
  }

  private let connection: NIOLoopBound<HTTPConnection>
  private let loop: any EventLoop
  private let byteCountMax: Int
  /// Held while work is handed to the loop, so that nothing is handed to one that has ended.
  private let state = Mutex(State())

  init(_ connection: NIOLoopBound<HTTPConnection>, _ loop: any EventLoop, byteCountMax: Int) {
    self.connection = connection
    self.loop = loop
    self.byteCountMax = byteCountMax
  }

  /// Whether the client is still there, as far as is known, and the stream has not been closed.
  public var isOpen: Bool { state.withLock { $0.phase == .open } }

  /// Sends the head: the first thing to do, once. False where the client has gone meanwhile.
  @discardableResult
  public func begin(
    status: Int = 200, contentType: String = "text/event-stream", headers: [(name: String, value: String)] = []
  ) -> Bool {
    var response = HTTPResponse(status: status, contentType: contentType, body: [])
    response.headers = headers
    let head = response
    return state.withLock { state in
      guard state.phase == .new else { return false }
      state.phase = .open
      loop.execute { [self] in connection.value.begin(self, head) }
      return true
    }
  }

  /// Answers with a whole response instead of a stream. False where it has begun, or the client has gone.
  @discardableResult
  public func refuse(with response: HTTPResponse) -> Bool {
    let isFirst = state.withLock { state in
      guard state.phase == .new else { return false }
      state.phase = .ended
      loop.execute { [self] in connection.value.refuse(self, response) }
      return true
    }
    if isFirst { end() }
    return isFirst
  }

  /// Sends a piece, and does not wait for it to arrive. False where the client has gone, or is so slow that it is cut off now, or the stream has
  /// not begun or was closed; then nothing more can be sent.
  @discardableResult
  public func send(_ bytes: some Collection<UInt8>) -> Bool {
    let count = bytes.count
    let (isSent, isTooSlow) = state.withLock { state in
      guard state.phase == .open else { return (false, false) }
      guard state.outstandingByteCount + count <= byteCountMax else {
        state.phase = .ended
        state.pending = []
        loop.execute { [self] in connection.value.cut(self) }
        return (false, true)
      }
      guard count > 0 else { return (true, false) }
      state.pending.append(contentsOf: bytes)
      state.outstandingByteCount += count
      flushLater(&state)
      return (true, false)
    }
    if isTooSlow { end() }
    return isSent
  }

  @discardableResult
  public func send(_ text: String) -> Bool { send(text.utf8) }

  /// Ends the stream after what was sent; the connection may go on with the next request.
  public func close() {
    state.withLock { state in
      guard state.phase == .open else { return }
      state.phase = .closing
      flushLater(&state)
    }
  }

  /// Has `body` run once, when nothing more can arrive: the stream was closed and the client has taken all, or has gone, or was cut off, or the server
  /// ends. Runs on any thread and must not wait; at once where the stream has ended already.
  public func onEnd(_ body: @escaping @Sendable () -> Void) {
    let hasEnded = state.withLock { state in
      if state.phase != .ended { state.onEnd.append(body) }
      return state.phase == .ended
    }
    if hasEnded { body() }
  }

  private func flushLater(_ state: inout State) {
    guard !state.isFlushing else { return }
    state.isFlushing = true
    loop.execute { [self] in connection.value.flush(self) }
  }

  // MARK: For the connection, on its loop

  /// What waits, and whether nothing follows it. The connection takes again when that has arrived.
  func takePending() -> (bytes: [UInt8], isEnd: Bool) {
    state.withLock { state in
      let bytes = state.pending
      state.pending = []
      // While a piece is on its way the connection looks by itself whether there is another.
      state.isFlushing = !bytes.isEmpty
      return (bytes, state.phase == .closing)
    }
  }

  func noteWritten(_ byteCount: Int) { state.withLock { $0.outstandingByteCount -= byteCount } }

  /// Nothing more can arrive.
  func end() {
    let bodies = state.withLock { state in
      state.phase = .ended
      state.pending = []
      let bodies = state.onEnd
      state.onEnd = []
      return bodies
    }
    for body in bodies { body() }
  }
}
