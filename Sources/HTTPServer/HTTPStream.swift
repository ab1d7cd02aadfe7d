// A response that goes on, such as server-sent events: written from any thread, until either side has had enough. What the client has not taken is bounded:
// one that is slower than that is cut off.

import NIOCore
import Synchronization

public final class HTTPStream: Sendable {
  /// Bytes that were handed over and not written yet.
  private final class Outstanding: Sendable { let byteCount = Atomic<Int>(0) }

  /// Held while something is handed over, so that nothing is handed over to a loop that has ended: `abandon` comes before that.
  private let open = Mutex(true)
  private let outstanding = Outstanding()
  private let loop: any EventLoop
  private let outstandingMax: Int
  /// On the loop alone.
  private let write: @Sendable ([UInt8], _ done: @escaping @Sendable () -> Void) -> Void
  private let end: @Sendable (_ abruptly: Bool) -> Void

  init(
    _ loop: any EventLoop, outstandingMax: Int,
    write: @escaping @Sendable ([UInt8], _ done: @escaping @Sendable () -> Void) -> Void,
    end: @escaping @Sendable (_ abruptly: Bool) -> Void
  ) {
    self.loop = loop
    self.outstandingMax = outstandingMax
    self.write = write
    self.end = end
  }

  /// Whether the client is still there.
  public var isOpen: Bool { open.withLock { $0 } }

  /// Sends a piece; false where the client has gone, or has been cut off because it takes too little.
  @discardableResult
  public func send(_ bytes: [UInt8]) -> Bool {
    open.withLock { isOpen in
      guard isOpen else { return false }
      guard outstanding.byteCount.load(ordering: .relaxed) + bytes.count <= outstandingMax else {
        isOpen = false
        loop.execute { [end] in end(true) }
        return false
      }
      outstanding.byteCount.add(bytes.count, ordering: .relaxed)
      loop.execute { [write, outstanding] in
        write(bytes) { outstanding.byteCount.subtract(bytes.count, ordering: .relaxed) }
      }
      return true
    }
  }

  /// Ends the response in order.
  public func close() {
    open.withLock { isOpen in
      guard isOpen else { return }
      isOpen = false
      loop.execute { [end] in end(false) }
    }
  }

  /// The connection is gone.
  func abandon() { open.withLock { $0 = false } }
}

/// Those of a server that are open, so that its end can end them.
final class HTTPStreams: Sendable {
  private let open = Mutex<[ObjectIdentifier: HTTPStream]>([:])

  func add(_ stream: HTTPStream) { open.withLock { $0[ObjectIdentifier(stream)] = stream } }
  func remove(_ stream: HTTPStream) { open.withLock { _ = $0.removeValue(forKey: ObjectIdentifier(stream)) } }
  func closeAll() { for stream in open.withLock({ Array($0.values) }) { stream.close() } }
}
