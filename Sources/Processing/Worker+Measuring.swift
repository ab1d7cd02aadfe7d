// Where a worker looks at the clock for `StageMeasures`: when a batch was polled, when a partition's records are in state, when rows are confirmed.

import Base
import Records

extension Worker {
  /// A batch of a log with times of its own has been read and decoded: the first stages of its records are known.
  ///
  /// - Parameter polledAt: Ms since the epoch.
  func noteRead(_ batch: RecordBatch, polledAt: Int64) {
    measuredCount = 0
    // What came by an internal topic has been measured where it was read first.
    guard let measures, !plan.isRepartitioned else { return }
    let slots = batch.slots
    let parts = decoder.decodedPartitions.compactMap { read in
      firstNewRow(read, batch).map { (rows: read.rows, first: $0) }
    }
    measuredCount = parts.reduce(0) { $0 + $1.rows.count - $1.first }
    decoder.withTimes { times in
      measures.eventToLog.record { record in
        for part in parts {
          tally.forEachRun(count: part.rows.count - part.first) { index in
            let row = Int(part.rows[part.first + index])
            return slots[row].timestamp == .min ? .min : slots[row].timestamp &- times[row]
          } _: { delay, count in
            record(Self.nanoseconds(delay), count)
          }
        }
      }
    }
    measures.logToRead.record { record in
      for part in parts {
        tally.forEachRun(count: part.rows.count - part.first) { index in
          slots[Int(part.rows[part.first + index])].timestamp
        } _: { time, count in
          record(Self.nanoseconds(polledAt &- time), count)
        }
      }
    }
  }

  /// Which of a partition's rows is the first that has not been read before; nil for a partition that is not taken yet, and is read again then.
  private func firstNewRow(_ read: BatchDecoder.PartitionRows, _ batch: RecordBatch) -> Int? {
    guard let state = partitions[read.partition] else { return nil }
    guard let shown = state.replay?.shownThrough else { return 0 }
    return read.rows.firstIndex { batch.slots[Int($0)].offset >= shown }
  }

  /// Times of records may be anything.
  private static func nanoseconds(_ milliseconds: Int64) -> Int64 {
    let (product, overflow) = milliseconds.multipliedReportingOverflow(by: 1_000_000)
    return overflow ? (milliseconds < 0 ? 0 : .max) : product
  }

  /// The batch is in state.
  func noteApplied(polledAt: UInt64) {
    guard let measures else { return }
    let appliedAt = clock.monotonicNanoseconds
    if measuredCount > 0 { measures.readToApplied.record(nanoseconds: Int64(appliedAt &- polledAt), count: measuredCount) }
    for state in partitions.values {
      if !state.isSilent { state.pending.append(state.engine.foldedTimes, appliedAt: appliedAt, &tally) }
      state.engine.clearFoldedTimes()
    }
  }

  /// Rows have been confirmed: the records that were drained for them are visible.
  func noteVisible() {
    guard let measures else { return }
    let (visibleAt, visibleMonotonic) = (clock.nowMilliseconds, clock.monotonicNanoseconds)
    for (index, rhythm) in measures.rhythms.enumerated() {
      let states = partitions.values.filter { $0.pending.hasDrained(rhythm: index) }
      guard !states.isEmpty else { continue }
      rhythm.eventToVisible.record { record in
        for state in states {
          state.pending.forEachDrained(rhythm: index) { record(Self.nanoseconds(visibleAt &- $0.eventTime), $0.count) }
        }
      }
      rhythm.appliedToVisible.record { record in
        for state in states {
          state.pending.forEachDrained(rhythm: index) { record(Int64(visibleMonotonic &- $0.appliedAt), $0.count) }
        }
      }
      for state in states { state.pending.noteVisible(rhythm: index) }
    }
    for state in partitions.values { state.pending.compact() }
  }

  /// Closed windows among rows that have just been confirmed: how long after their ends. Rows of one key stand together, view after view, so each
  /// view has a run of its own.
  func noteClosed() {
    guard let measures, !measures.closings.isEmpty else { return }
    let visibleAt = clock.nowMilliseconds
    var pending = [(end: Int64, count: Int)](repeating: (0, 0), count: measures.closings.count)
    func record(_ closing: Int) {
      guard pending[closing].count > 0 else { return }
      measures.closings[closing].endToVisible.record(
        nanoseconds: Self.nanoseconds(visibleAt &- pending[closing].end), count: pending[closing].count)
    }
    for row in rows.rows where row.isWindow {
      guard let closing = measures.closingOfView[Int(row.view)] else { continue }
      if row.windowEnd != pending[closing].end {
        record(closing)
        pending[closing] = (row.windowEnd, 0)
      }
      pending[closing].count += 1
    }
    for closing in pending.indices { record(closing) }
  }
}
