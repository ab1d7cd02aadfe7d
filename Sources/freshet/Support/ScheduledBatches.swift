// The batch runs that a pipeline's schedules ask for, on a thread of their own beside the feature server. What fails is logged, and readers keep the run
// before; several servers of one pipeline do no harm, as the publisher's lock lets one of them run.

import Base
import Batch
import Features
import Logging
import Monitoring

final class ScheduledBatches {
  /// What the runs say of themselves.
  let recorder: BatchRecorder
  private let thread: JoinableThread

  /// Whether a pipeline has anything to run.
  static func areWanted(by pipeline: PipelineDefinition) -> Bool {
    pipeline.archive != nil && pipeline.views.contains { $0.lanes.contains(.batch) && $0.schedule != nil }
  }

  /// - Parameter redis: Where rows go, in place of the pipeline's sink.
  init(_ pipeline: PipelineDefinition, redis: String?, threads: String?) throws {
    let launcher = try BatchLauncher(pipeline, to: redis, threads: threads ?? "1")
    let logger = Logger(label: "freshet.batch")
    let recorder = BatchRecorder(pipeline, published: [:])
    self.recorder = recorder
    thread = JoinableThread {
      do { try Self.run(launcher, recorder, logger) } catch is StopRequested {}
    }
  }

  /// Waits for a run that has been begun to notice the end.
  func join() { try? thread.join() }

  private static func run(_ launcher: BatchLauncher, _ recorder: BatchRecorder, _ logger: Logger) throws {
    let published = try publishedCutoffs(launcher, logger)
    recorder.note(published: Dictionary(uniqueKeysWithValues: published.map { (launcher.pipeline.views[$0].name, $1) }))
    let scheduler = BatchScheduler(launcher.pipeline, logger: logger, publishedCutoff: { published[$0] }) { due in
      let started = SystemClock().monotonicNanoseconds
      let counts = try recorder.recording(due, of: launcher.pipeline) {
        let run = try launcher.run(views: due.views, cutoff: due.cutoff)
        try run.run(into: try launcher.output())
        return run.progress.current
      }
      logger.info(
        "batch run published",
        metadata: [
          "batch.views": "\(due.views.map { launcher.pipeline.views[$0].name }.joined(separator: " "))",
          "batch.as_of": "\(TimeText.rfc3339(due.cutoff))", "batch.records": "\(counts.records)",
          "batch.rows": "\(counts.rowCount)",
          "batch.ms": "\((SystemClock().monotonicNanoseconds - started) / 1_000_000)",
        ])
    }
    try scheduler.watch(clock: SystemClock()) { try BatchLauncher.pause($0) }
  }

  /// Which cutoffs are there already; asked until Redis answers.
  private static func publishedCutoffs(_ launcher: BatchLauncher, _ logger: Logger) throws -> [Int: Int64] {
    var hasWarned = false
    while true {
      do { return try launcher.publishedCutoffs() } catch let failure as Failure {
        if !hasWarned { logger.warning("batch runs wait for Redis", metadata: ["reason": "\(failure.message)"]) }
        hasWarned = true
      }
      try BatchLauncher.pause(1000)
    }
  }
}
