// The two clocks of the program, passed in wherever time is needed, so that a test moves time by hand.

import Synchronization

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// A source of wall-clock and monotonic time.
public protocol Clock: AnyObject, Sendable {
  /// Milliseconds since the Unix epoch, UTC.
  var nowMilliseconds: Int64 { get }
  /// The same in nanoseconds, as fine as the clock is.
  var nowNanoseconds: Int64 { get }
  /// Nanoseconds of a clock that never goes back; only differences mean anything.
  var monotonicNanoseconds: UInt64 { get }
}

extension Clock {
  public var nowNanoseconds: Int64 { nowMilliseconds * 1_000_000 }
}

/// The machine's clocks.
public final class SystemClock: Clock {
  public init() {}

  public var nowMilliseconds: Int64 {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
  }

  public var nowNanoseconds: Int64 {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
  }

  public var monotonicNanoseconds: UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }
}

/// Time that stands still until it is told to move.
public final class ManualClock: Clock {
  private let milliseconds: Mutex<Int64>

  /// - Parameter milliseconds: The time to begin with, since the epoch.
  public init(_ milliseconds: Int64 = 1_700_000_000_000) { self.milliseconds = Mutex(milliseconds) }

  public var nowMilliseconds: Int64 { milliseconds.withLock { $0 } }
  public var monotonicNanoseconds: UInt64 { UInt64(nowMilliseconds) * 1_000_000 }
  public func advance(by duration: Int64) { milliseconds.withLock { $0 += duration } }
}
