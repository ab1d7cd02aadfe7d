// What several workers have measured, put together, and the section of a status document that is made of it.

import Measuring
import Processing

/// Distributions of all workers of a process.
public struct ProcessingMeasures: Sendable {
  public var stages = StatusDocument.Process.Stages()
  public var views: [StatusDocument.Process.View] = []
  public var oldestPendingEventAt: Int64?

  public init(_ workers: [StageMeasures] = []) {
    for worker in workers {
      stages.eventToLog.add(worker.eventToLog.distribution)
      stages.logToRead.add(worker.logToRead.distribution)
      stages.readToApplied.add(worker.readToApplied.distribution)
      for rhythm in worker.rhythms {
        let (applied, event) = (rhythm.appliedToVisible.distribution, rhythm.eventToVisible.distribution)
        for name in rhythm.viewNames {
          let place = place(of: name, trigger: "change", emitEvery: rhythm.emitEveryMilliseconds)
          views[place].appliedToVisible.add(applied)
          views[place].eventToVisible.add(event)
        }
      }
      for closing in worker.closings {
        let place = place(of: closing.viewName, trigger: "close", emitEvery: nil)
        views[place].eventToVisible.add(closing.endToVisible.distribution)
      }
      if let time = worker.oldestPendingEventAt { oldestPendingEventAt = min(oldestPendingEventAt ?? .max, time) }
    }
  }

  private mutating func place(of name: String, trigger: String, emitEvery: Int64?) -> Int {
    if let place = views.firstIndex(where: { $0.name == name }) { return place }
    views.append(StatusDocument.Process.View(name: name, trigger: trigger, emitEveryMilliseconds: emitEvery))
    return views.count - 1
  }

  /// As metrics.
  public func add(to metrics: inout MetricsText) {
    metrics.family(
      "freshet_process_stage_seconds", .histogram,
      "From an event's time to the log's, from there until it was polled, and from there until it was in the windows")
    for (name, stage) in [
      ("event_to_log", stages.eventToLog), ("log_to_read", stages.logToRead), ("read_to_applied", stages.readToApplied),
    ] { metrics.histogram(stage, [("stage", name)]) }
    metrics.family(
      "freshet_process_visible_delay_seconds", .histogram,
      "From an event's time, or a closed window's end, to the moment at which the store had confirmed the rows that show it")
    for view in views { metrics.histogram(view.eventToVisible, [("view", view.name), ("trigger", view.trigger)]) }
    metrics.family(
      "freshet_process_oldest_pending_event_timestamp_seconds", .gauge,
      "When the record happened that has waited longest to become visible, of those that have been read")
    if let oldestPendingEventAt { metrics.sample(milliseconds: oldestPendingEventAt) }
  }
}

extension StatusDocument.Process {
  public init(_ health: ProcessingHealth, _ measures: ProcessingMeasures) {
    self.init()
    var counts = ProcessingCounts()
    for worker in health.workers { counts.add(worker.counts) }
    records = counts.records
    recordBytes = counts.byteCount
    rows = counts.rowsWritten
    windowRows = counts.windowRowsWritten
    flushes = counts.flushes
    checkpoints = counts.checkpoints
    storeOutages = counts.outages
    for reason in LedgerReason.all {
      let count = counts.ledger.count(of: reason)
      if count > 0 { uncounted[reason.code] = count }
    }
    workers = health.workers.count { !$0.hasEnded }
    partitions = counts.partitions
    waitingPartitions = counts.waitingPartitions
    replayingPartitions = counts.replayingPartitions
    keys = counts.keys
    panes = counts.panes
    lagRecords = counts.lag
    watermark = counts.watermark
    lastFlushAt = health.workers.compactMap(\.lastFlushAt).max()
    lastCheckpointAt = health.workers.compactMap(\.lastCheckpointAt).max()
    stages = measures.stages
    views = measures.views
    oldestPendingEventAt = measures.oldestPendingEventAt
  }
}
