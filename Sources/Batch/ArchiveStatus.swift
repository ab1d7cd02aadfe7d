// What others may read of an archive worker while it runs. It publishes at least five times a second as long as it moves.

import Base
import Processing
import Synchronization

public final class ArchiveStatus: Sendable {
  /// Counts and health as they were last published.
  public struct Report: Sendable {
    public var counts = ArchiveCounts()
    public var health: ArchiveHealth
  }

  private let report: Mutex<Report>
  private let clock: any Clock

  /// - Parameter source: The name of the source that is archived.
  public init(source: String, clock: any Clock = SystemClock()) {
    self.clock = clock
    report = Mutex(Report(health: ArchiveHealth(source: source, publishedAt: clock.monotonicNanoseconds)))
  }

  public var latest: Report { report.withLock { $0 } }

  /// Called where the worker's thread ends.
  public func noteEnd() { report.withLock { $0.health.hasEnded = true } }

  func publish(_ counts: ArchiveCounts, hasJoined: Bool, trouble: String?) {
    let now = clock.monotonicNanoseconds
    report.withLock { report in
      report.counts = counts
      report.health.partitionCount = counts.partitions
      report.health.hasJoined = hasJoined
      report.health.trouble = trouble
      report.health.publishedAt = now
    }
  }
}
