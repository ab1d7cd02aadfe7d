// When batch runs are due: views with one schedule run together, as of the newest cutoff that is due. What was missed while nobody ran is not made up
// for, since only the newest cutoff is ever read; what fails is tried again with the next cutoff.

import Base
import Features
import Logging

/// Driven by one thread.
public final class BatchScheduler {
  /// Views that run together.
  public struct Run: Equatable, Sendable {
    /// By index in `PipelineDefinition.views`.
    public var views: [Int]
    public var schedule: BatchSchedule
    public var cutoff: Int64
  }

  /// What became of runs so far.
  public private(set) var finishedCount = 0
  public private(set) var failedCount = 0
  private let pipeline: PipelineDefinition
  private let logger: Logger
  private let execute: (Run) throws -> Void
  private let groups: [(schedule: BatchSchedule, views: [Int])]
  /// Per group: the cutoff that was last tried.
  private var triedCutoffs: [Int64?]

  /// - Parameters:
  ///   - views: Those that are run, by index; those without a schedule are left out.
  ///   - publishedCutoff: As of when a view was last published, by whomever; nil where it never was.
  ///   - execute: Runs and publishes; called on the thread that calls `runDue`.
  public init(
    _ pipeline: PipelineDefinition, views: [Int]? = nil, logger: Logger = Logger(label: "freshet.batch"),
    publishedCutoff: (Int) -> Int64? = { _ in nil }, execute: @escaping (Run) throws -> Void
  ) {
    self.pipeline = pipeline
    self.logger = logger
    self.execute = execute
    var groups: [(schedule: BatchSchedule, views: [Int])] = []
    for view in views ?? Array(pipeline.views.indices) where pipeline.views[view].lanes.contains(.batch) {
      guard let schedule = pipeline.views[view].schedule else { continue }
      if let place = groups.firstIndex(where: { $0.schedule == schedule }) {
        groups[place].views.append(view)
      } else {
        groups.append((schedule, [view]))
      }
    }
    self.groups = groups
    triedCutoffs = groups.map { group in
      let published = group.views.map(publishedCutoff)
      return published.contains(nil) ? nil : published.compactMap { $0 }.min()
    }
  }

  /// Whether there is anything to run, ever.
  public var isEmpty: Bool { groups.isEmpty }

  /// The runs that are due at `time` and have not been tried; both times in ms.
  public func due(at time: Int64) -> [Run] {
    groups.indices.compactMap { index in
      let (schedule, views) = groups[index]
      let cutoff = schedule.cutoff(at: time)
      guard triedCutoffs[index].map({ cutoff > $0 }) ?? true else { return nil }
      return Run(views: views, schedule: schedule, cutoff: cutoff)
    }
  }

  /// When the next run is due after `time`; nil where none ever is.
  public func nextDueTime(after time: Int64) -> Int64? {
    groups.map { $0.schedule.dueTime(ofCutoff: $0.schedule.cutoff(at: time) + $0.schedule.everyMilliseconds) }.min()
  }

  /// Runs what is due at `time`, one after the other. Throws `StopRequested` alone; other failures are logged.
  public func runDue(at time: Int64) throws {
    for run in due(at: time) {
      guard let index = groups.firstIndex(where: { $0.schedule == run.schedule }) else { continue }
      triedCutoffs[index] = run.cutoff
      do {
        try execute(run)
        finishedCount += 1
      } catch let stop as StopRequested {
        throw stop
      } catch {
        failedCount += 1
        let next = run.schedule.dueTime(ofCutoff: run.cutoff + run.schedule.everyMilliseconds)
        logger.error(
          "A batch run failed, readers keep the one before",
          metadata: [
            "batch.views": "\(run.views.map { pipeline.views[$0].name }.joined(separator: " "))",
            "batch.as_of": "\(TimeText.rfc3339(run.cutoff))", "batch.next": "\(TimeText.rfc3339(next))",
            "batch.reason": "\((error as? Failure)?.message ?? "\(error)")",
          ])
      }
    }
  }

  /// Runs what is due, now and whenever it is, until the end is asked for.
  ///
  /// - Parameter pause: Waits so many ms, or throws where the end has been asked for.
  public func watch(clock: any Clock, pause: (Int64) throws -> Void) throws {
    while true {
      let now = clock.nowMilliseconds
      try runDue(at: now)
      guard let next = nextDueTime(after: clock.nowMilliseconds) else { return }
      // In steps, because the wall clock may be set.
      try pause(min(1000, max(10, next - clock.nowMilliseconds)))
    }
  }
}
