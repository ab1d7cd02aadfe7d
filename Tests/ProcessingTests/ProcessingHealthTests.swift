// When a processor lives and when it is ready, from what its workers say.

import Base
import Testing

@testable import Processing

struct ProcessingHealthTests {
  private func report(_ change: (inout ProcessingStatus.Report) -> Void = { _ in }) -> ProcessingStatus.Report {
    var report = ProcessingStatus.Report(publishedAt: 0)
    report.health.hasJoined = true
    report.counts.partitions = 2
    change(&report)
    return report
  }

  private func health(
    _ workers: ProcessingStatus.Report..., hasStarted: Bool = true, isStopping: Bool = false, at seconds: UInt64 = 0
  )
    -> ProcessingHealth
  {
    ProcessingHealth(workers: workers, hasStarted: hasStarted, isStopping: isStopping, now: seconds * 1_000_000_000)
  }

  @Test func `a worker that has not published for too long hangs, unless it has ended`() {
    #expect(health(report(), report(), at: 30).stalls(after: 30_000) == [])
    let late = report { $0.publishedAt = 5_000_000_000 }
    let ended = report { $0.hasEnded = true }
    #expect(health(report(), late, ended, at: 31).stalls(after: 30_000) == ["worker 1 of 3 has not moved for 31 s"])
    #expect(health(report(), at: 99).stalls(after: 30_000) == ["worker has not moved for 99 s"])
    // Connections are made one after the other, which may take longer than a worker may.
    #expect(health(report(), hasStarted: false, at: 99).stalls(after: 30_000) == [])
    // A monotonic clock that was read before the report was made.
    #expect(health(late, at: 1).stalls(after: 0) == [])
  }

  @Test func `what stands in the way is told by worker`() {
    #expect(health(report(), report()).obstacles == [])
    #expect(health(report(), hasStarted: false).obstacles == ["starting: connections are being made"])
    #expect(health(report(), isStopping: true).obstacles == ["stopping: the end was asked for"])
    let joining = report { $0.health.hasJoined = false }
    let replaying = report {
      $0.counts.replayingPartitions = 1
      $0.counts.replayDistance = 1234
      $0.counts.waitingPartitions = 3
    }
    let cutOff = report {
      $0.health.sourceTrouble = "kafka://b/t: no Kafka broker can be reached"
      $0.health.storeTrouble = "redis://r: Connection refused"
    }
    #expect(
      health(joining, replaying, cutOff, report { $0.hasEnded = true }).obstacles == [
        "worker 1 of 4: the consumer group has not said yet which partitions are its own",
        "worker 2 of 4: 3 partitions not claimed yet",
        "worker 2 of 4: 1 partition being read again, 1234 offsets before what was shown last",
        "worker 3 of 4: kafka://b/t: no Kafka broker can be reached",
        "worker 3 of 4: the store does not answer: redis://r: Connection refused",
      ])
  }

  @Test func `a member without partitions is ready, and says so`() {
    let idle = report { $0.counts.partitions = 0 }
    #expect(health(idle).obstacles == [])
    #expect(health(idle).summary == "1 worker, no partitions: others have them, or the topic does not exist yet")
    #expect(health(report(), report { $0.counts.partitions = 1 }).summary == "2 workers, 3 partitions")
    #expect(
      health(
        report { $0.counts.partitions = 1 },
        report {
          $0.hasEnded = true; $0.counts.partitions = 0
        }
      ).summary == "1 worker, 1 partition")
  }

  @Test func `a status keeps when rows and state were last confirmed`() {
    let clock = ManualClock(1_000_000)
    let status = ProcessingStatus(clock: clock)
    #expect(status.latest.publishedAt == clock.monotonicNanoseconds)
    clock.advance(by: 10)
    var counts = ProcessingCounts()
    counts.flushes = 1
    status.publish(counts, WorkerHealth(hasJoined: true))
    clock.advance(by: 10)
    counts.checkpoints = 1
    status.publish(counts, WorkerHealth())
    let report = status.latest
    #expect(report.lastFlushAt == 1_000_010)
    #expect(report.lastCheckpointAt == 1_000_020)
    #expect(report.publishedAt == clock.monotonicNanoseconds)
    #expect(!report.health.hasJoined && !report.hasEnded)
    status.noteEnd()
    #expect(status.latest.hasEnded)
  }
}
