// What others may read of a worker while it runs: its counts, and whether it gets on. The worker publishes once per batch, and at least five times a
// second as long as it moves: a status that has grown old is that of a worker that hangs.

import Base
import Synchronization

/// What a worker needs from others, and whether it gets it.
public struct WorkerHealth: Equatable, Sendable {
  /// Whether it is known which partitions are the worker's, be it none.
  public var hasJoined: Bool
  /// Why no records can come, as the source says it.
  public var sourceTrouble: String?
  /// Why no rows can go out, as the store said it.
  public var storeTrouble: String?

  public init(hasJoined: Bool = false, sourceTrouble: String? = nil, storeTrouble: String? = nil) {
    self.hasJoined = hasJoined
    self.sourceTrouble = sourceTrouble
    self.storeTrouble = storeTrouble
  }
}

public final class ProcessingStatus: Sendable {
  /// Counts and health as they were last published.
  public struct Report: Sendable {
    public var counts = ProcessingCounts()
    public var health = WorkerHealth()
    /// When that was, by the monotonic clock in ns; before the first time, when the status was made.
    public var publishedAt: UInt64
    /// When rows, and when state, were last confirmed, in ms since the epoch.
    public var lastFlushAt: Int64?
    public var lastCheckpointAt: Int64?
    public var hasEnded = false

    public init(publishedAt: UInt64) { self.publishedAt = publishedAt }
  }

  private let report: Mutex<Report>
  private let clock: any Clock

  public init(clock: any Clock = SystemClock()) {
    self.clock = clock
    report = Mutex(Report(publishedAt: clock.monotonicNanoseconds))
  }

  public var current: ProcessingCounts { report.withLock { $0.counts } }
  public var latest: Report { report.withLock { $0 } }

  /// Called where the worker's thread ends.
  public func noteEnd() { report.withLock { $0.hasEnded = true } }

  func publish(_ counts: ProcessingCounts, _ health: WorkerHealth) {
    let now = clock.monotonicNanoseconds
    let wallTime = clock.nowMilliseconds
    report.withLock { report in
      if counts.flushes > report.counts.flushes { report.lastFlushAt = wallTime }
      if counts.checkpoints > report.counts.checkpoints { report.lastCheckpointAt = wallTime }
      report.counts = counts
      report.health = health
      report.publishedAt = now
    }
  }
}
