// Where a worker looks at the clock for `StageMeasures`: when a batch was polled, when a partition's records are in state, when rows are confirmed.

import Base
import Records

extension Worker {
  /// A batch of a log with times of its own has been read and decoded: the first stages of its records are known.
  ///
  /// - Parameter polledAt: Ms since the epoch.
  func noteRead(_ batch: RecordBatch, polledAt: Int64) {
    // What came by an internal topic has been measured where it was read first.
    guard let measures, !plan.isRepartitioned else { return }
    let slots = batch.slots
    decoder.withTimes { times in
      measures.eventToLog.record { record in
        var (last, count): (Int64, Int) = (0, 0)
        for read in decoder.decodedPartitions {
          for row in read.rows {
            let row = Int(row)
            guard slots[row].timestamp != .min else { continue }
            let delay = slots[row].timestamp &- times[row]
            if delay != last {
              if count > 0 { record(last &* 1_000_000, count) }
              (last, count) = (delay, 0)
            }
            count += 1
          }
        }
        if count > 0 { record(last &* 1_000_000, count) }
      }
    }
    measures.logToRead.record { record in
      var (last, count): (Int64, Int) = (.min, 0)
      for row in 0..<batch.count {
        let time = slots[row].timestamp
        if time != last {
          if count > 0, last != .min { record((polledAt &- last) &* 1_000_000, count) }
          (last, count) = (time, 0)
        }
        count += 1
      }
      if count > 0, last != .min { record((polledAt &- last) &* 1_000_000, count) }
    }
  }

  /// The batch is in state.
  func noteApplied(_ batch: RecordBatch, polledAt: UInt64) {
    guard let measures, batch.count > 0 else { return }
    let appliedAt = clock.monotonicNanoseconds
    if !plan.isRepartitioned { measures.readToApplied.record(nanoseconds: Int64(appliedAt &- polledAt), count: batch.count) }
    for state in partitions.values {
      if !state.isSilent { state.pending.append(state.engine.foldedTimes, appliedAt: appliedAt) }
      state.engine.clearFoldedTimes()
    }
  }

  /// Rows have been confirmed: the records that were drained for them are visible.
  func noteVisible() {
    guard let measures else { return }
    let (visibleAt, visibleMonotonic) = (clock.nowMilliseconds, clock.monotonicNanoseconds)
    for (index, rhythm) in measures.rhythms.enumerated()
    where partitions.values.contains(where: { $0.pending.hasDrained(rhythm: index) }) {
      var taken: ContiguousArray<PendingRecords.Run> = []
      for state in partitions.values { state.pending.takeVisible(rhythm: index) { taken.append($0) } }
      rhythm.eventToVisible.record { record in
        for run in taken { record((visibleAt &- run.eventTime) &* 1_000_000, run.count) }
      }
      rhythm.appliedToVisible.record { record in
        for run in taken { record(Int64(visibleMonotonic &- run.appliedAt), run.count) }
      }
    }
    for state in partitions.values { state.pending.compact() }
  }

  /// Closed windows among rows that have just been confirmed: how long after their ends.
  func noteClosed() {
    guard let measures, !measures.closings.isEmpty else { return }
    let visibleAt = clock.nowMilliseconds
    var run: (closing: Int, end: Int64, count: Int) = (-1, 0, 0)
    func flush() {
      guard run.count > 0 else { return }
      measures.closings[run.closing].endToVisible.record(nanoseconds: (visibleAt &- run.end) &* 1_000_000, count: run.count)
    }
    for row in rows.rows where row.isWindow {
      guard let closing = measures.closingOfView[Int(row.view)] else { continue }
      if closing != run.closing || row.windowEnd != run.end {
        flush()
        run = (closing, row.windowEnd, 0)
      }
      run.count += 1
    }
    flush()
  }
}
