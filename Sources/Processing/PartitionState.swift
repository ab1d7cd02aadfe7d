// What a worker holds of one partition: its windows, and how far it has read.

import Base
import Records
import Windowing

final class PartitionState {
  let engine: WindowEngine
  /// The offset of the next record; nil where reading begins at a place that only the source knows.
  var nextOffset: Offset?
  /// The offset that the last checkpoint covers.
  var savedOffset: Offset?
  /// The stream time that it covers; with `idle_timeout` time moves without a record.
  var savedTime: Int64 = .min
  /// By the monotonic clock, in ms.
  var lastRecordAt: Int64
  /// Stream time when the partition fell silent.
  private var idleBase: (at: Int64, streamTime: Int64)?

  init(_ engine: WindowEngine, at now: Int64) {
    self.engine = engine
    lastRecordAt = now
  }

  /// Moves event time as far as the wall clock has moved since the last record.
  func advanceByIdleTime(now: Int64, into rows: FeatureRowBatch) {
    guard engine.watermark.streamTime != .min else { return }
    if idleBase?.at != lastRecordAt { idleBase = (lastRecordAt, engine.watermark.streamTime) }
    engine.advance(streamTimeTo: idleBase!.streamTime + now - lastRecordAt, into: rows)
  }

  func addCounts(to counts: inout ProcessingCounts, views: [Int]) {
    counts.typeMismatches += engine.counts.typeMismatches
    counts.overflows += engine.counts.overflows
    for (position, view) in views.enumerated() {
      counts.late[view] += engine.counts.late[position]
      counts.keyless[view] += engine.counts.keyless[position]
    }
  }

  func addGauges(to counts: inout ProcessingCounts, lag: Int64?) {
    counts.keys += engine.keyCount
    counts.panes += engine.paneCount
    if let lag { counts.lag = (counts.lag ?? 0) + lag }
    if engine.watermark.value != .min { counts.watermark = min(counts.watermark ?? .max, engine.watermark.value) }
  }
}
