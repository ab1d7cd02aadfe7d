// What runs of the lane batch say of themselves to others: noted by the thread that runs them, read by any.

import Measuring
import Synchronization

public final class BatchRecorder: Sendable {
  private struct View {
    var section: StatusDocument.Batch.View
    let duration = DurationHistogram()
  }

  private struct State {
    var runs: Int64 = 0
    var failures: Int64 = 0
    var views: [View] = []
  }

  private let state = Mutex(State())

  /// - Parameter views: Those that are run, with how often their schedules want it, in ms, and as of when they were last published.
  public init(_ views: [(name: String, everyMilliseconds: Int64?, asOf: Int64?)]) {
    state.withLock { state in
      for view in views {
        var section = StatusDocument.Batch.View(name: view.name)
        section.everyMilliseconds = view.everyMilliseconds
        section.asOf = view.asOf
        state.views.append(View(section: section))
      }
    }
  }

  public func begin(_ names: [String], at time: Int64) {
    update(names) { $0.section.runningSince = time }
  }

  /// A run has been published.
  public func finish(_ names: [String], asOf: Int64, publishedAt: Int64, nanoseconds: Int64, records: Int64, rows: Int64) {
    update(names) { view in
      view.section.runningSince = nil
      (view.section.asOf, view.section.publishedAt) = (asOf, publishedAt)
      (view.section.runNanoseconds, view.section.records, view.section.rows) = (nanoseconds, records, rows)
      view.duration.record(nanoseconds: nanoseconds)
    }
    state.withLock { $0.runs += 1 }
  }

  public func fail(_ names: [String]) {
    abandon(names)
    state.withLock { $0.failures += 1 }
  }

  /// A run has ended because the process ends, which is no failure.
  public func abandon(_ names: [String]) {
    update(names) { $0.section.runningSince = nil }
  }

  /// As of when views were published by others, where nothing newer is known.
  public func note(published: [String: Int64]) {
    update(Array(published.keys)) { view in
      if view.section.asOf == nil { view.section.asOf = published[view.section.name] }
    }
  }

  private func update(_ names: [String], _ change: (inout View) -> Void) {
    state.withLock { state in
      for index in state.views.indices where names.contains(state.views[index].section.name) { change(&state.views[index]) }
    }
  }

  public var section: StatusDocument.Batch {
    state.withLock { state in
      var batch = StatusDocument.Batch()
      (batch.runs, batch.failures) = (state.runs, state.failures)
      batch.views = state.views.map { view in
        var section = view.section
        section.duration = view.duration.distribution
        return section
      }
      return batch
    }
  }

  /// As metrics; Documentation/operating.md lists them.
  public static func add(to metrics: inout MetricsText, _ batch: StatusDocument.Batch) {
    metrics.family("freshet_batch_runs_total", .counter, "Runs of the lane batch that were published")
    metrics.sample(batch.runs)
    metrics.family("freshet_batch_failures_total", .counter, "Runs of the lane batch that failed")
    metrics.sample(batch.failures)
    metrics.family("freshet_batch_run_seconds", .histogram, "How long runs took, by view")
    for view in batch.views { metrics.histogram(view.duration, [("view", view.name)]) }
    metrics.family(
      "freshet_batch_as_of_timestamp_seconds", .gauge,
      "The cutoff of the run that is published: event time through which it is complete")
    for view in batch.views { if let time = view.asOf { metrics.sample(milliseconds: time, [("view", view.name)]) } }
    metrics.family("freshet_batch_published_timestamp_seconds", .gauge, "When a run was last published by this process")
    for view in batch.views { if let time = view.publishedAt { metrics.sample(milliseconds: time, [("view", view.name)]) } }
    metrics.family("freshet_batch_interval_seconds", .gauge, "How often a run is due, as its schedule says")
    for view in batch.views { if let every = view.everyMilliseconds { metrics.sample(milliseconds: every, [("view", view.name)]) } }
    metrics.family("freshet_batch_running", .gauge, "1 while a run is under way")
    for view in batch.views { metrics.sample(view.runningSince == nil ? 0 : 1, [("view", view.name)]) }
    metrics.family("freshet_batch_records", .gauge, "Records that the run read that was last published by this process")
    for view in batch.views { if let records = view.records { metrics.sample(records, [("view", view.name)]) } }
    metrics.family("freshet_batch_rows", .gauge, "Rows of the run that was last published by this process")
    for view in batch.views { if let rows = view.rows { metrics.sample(rows, [("view", view.name)]) } }
  }
}
