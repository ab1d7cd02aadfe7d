// A thread that can be waited for. Data-path work runs on these, one owner of state per thread; Swift concurrency is for the control plane.

import Synchronization

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

public final class JoinableThread: Sendable {
  /// What `body` threw, once it has ended.
  private let outcome: Mutex<(any Error)?>
  private let thread: Mutex<pthread_t?>

  /// Starts `body` on a thread of its own.
  public init(_ body: @escaping @Sendable () throws -> Void) {
    outcome = Mutex(nil)
    thread = Mutex(nil)
    let box = Unmanaged.passRetained(
      Work {
        do { try body() } catch { self.outcome.withLock { $0 = error } }
      })
    var created = pthread_t()
    let code = pthread_create(&created, nil, { runThread($0) }, box.toOpaque())
    precondition(code == 0, "the system refused a thread")
    thread.withLock { $0 = created }
  }

  /// Waits for the end of `body`, and throws what it threw. A second call does not wait: the system has forgotten the thread by then.
  public func join() throws {
    let waiting = thread.withLock { thread in
      defer { thread = nil }
      return thread
    }
    if let waiting { pthread_join(waiting, nil) }
    if let error = outcome.withLock({ $0 }) { throw error }
  }
}

private final class Work: Sendable {
  let body: @Sendable () -> Void
  init(_ body: @escaping @Sendable () -> Void) { self.body = body }
}

private func runThread(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
  Unmanaged<Work>.fromOpaque(argument!).takeRetainedValue().body()
  return nil
}
