// When runs are due, and what a failure is worth.

import Base
import Batch
import Features
import Logging
import Testing

private let yaml = """
  version: 1
  kind: pipeline
  name: p
  sources:
    clicks: { event_time: { field: ts, format: epoch_ms } }
  entities:
    user: { key: user }
  views:
    hourly: { entity: user, source: clicks, lanes: [batch], schedule: { every: 1h, offset: 5m }, features: { n: { agg: count, window: none } } }
    daily: { entity: user, source: clicks, lanes: [nrt, batch], schedule: { every: 1d }, features: { n: { agg: count, window: none } } }
    other: { entity: user, source: clicks, lanes: [batch], schedule: { every: 1h, offset: 5m }, features: { n: { agg: count, window: none } } }
    byHand: { entity: user, source: clicks, lanes: [batch], features: { n: { agg: count, window: none } } }

  """

private let hour: Int64 = 3_600_000
private let minute: Int64 = 60_000

@Suite struct BatchSchedulerTests {
  private func scheduler(
    published: [Int: Int64] = [:], _ execute: @escaping (BatchScheduler.Run) throws -> Void = { _ in }
  ) throws -> BatchScheduler {
    BatchScheduler(
      try readPipeline(yaml), logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
      publishedCutoff: { published[$0] }, execute: execute)
  }

  @Test func `views of one schedule run together, as of the newest cutoff that is due`() throws {
    let scheduler = try scheduler()
    let due = scheduler.due(at: 50 * hour + 4 * minute)
    #expect(due.map(\.views) == [[0, 2], [1]])
    #expect(due.map(\.cutoff) == [49 * hour, 48 * hour])
    #expect(scheduler.due(at: 50 * hour + 5 * minute)[0].cutoff == 50 * hour)
    #expect(scheduler.nextDueTime(after: 50 * hour + 4 * minute) == 50 * hour + 5 * minute)
    #expect(scheduler.nextDueTime(after: 50 * hour + 5 * minute) == 51 * hour + 5 * minute)
  }

  @Test func `what has been published is not run again, and what was missed is not made up for`() throws {
    let scheduler = try scheduler(published: [0: 49 * hour, 2: 49 * hour, 1: 0])
    #expect(scheduler.due(at: 50 * hour).map(\.views) == [[1]])
    #expect(scheduler.due(at: 60 * hour + 10 * minute).map(\.cutoff) == [60 * hour, 48 * hour])
    // One of the two was never published.
    #expect(try self.scheduler(published: [0: 49 * hour]).due(at: 50 * hour).map(\.views) == [[0, 2], [1]])
  }

  @Test func `a run that fails is tried again with the next cutoff, and holds up no other`() throws {
    var tried: [Int64] = []
    let scheduler = try scheduler { run in
      tried.append(run.cutoff)
      if run.views == [0, 2] { throw Failure(.inputOutput, "no") }
    }
    try scheduler.runDue(at: 48 * hour + 6 * minute)
    #expect(tried == [48 * hour, 48 * hour])
    try scheduler.runDue(at: 48 * hour + 30 * minute)
    #expect(tried.count == 2)
    try scheduler.runDue(at: 49 * hour + 5 * minute)
    #expect(tried == [48 * hour, 48 * hour, 49 * hour])
    #expect((scheduler.finishedCount, scheduler.failedCount) == (1, 2))
  }

  @Test func `the end that was asked for is no failure`() throws {
    let scheduler = try scheduler { _ in throw StopRequested() }
    #expect(throws: StopRequested.self) { try scheduler.runDue(at: 0) }
    let clock = ManualClock(48 * hour)
    var pauses = 0
    let watched = try self.scheduler()
    #expect(throws: StopRequested.self) {
      try watched.watch(clock: clock) { _ in
        pauses += 1
        clock.advance(by: 10 * minute)
        if pauses == 13 { throw StopRequested() }
      }
    }
    // At 48:00 both, then the hourly ones at 48:10 and 49:10.
    #expect(watched.finishedCount == 4)
  }
}
