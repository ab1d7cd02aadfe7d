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
    let slots = UnsafePointer(batch.slots)
    let parts = decoder.decodedPartitions.indices.filter { partitions[decoder.decodedPartitions[$0].partition] != nil }
    /// Lends the rows of each partition that have not been read before.
    func forEachPart(_ body: (UnsafeBufferPointer<Int32>) -> Void) {
      for part in parts {
        let read = decoder.decodedPartitions[part]
        let first = firstNewRow(read, slots)
        read.rows.withUnsafeBufferPointer { body(UnsafeBufferPointer(rebasing: $0[first...])) }
      }
    }
    decoder.withTimes { times in
      forEachPart { rows in
        measuredCount += rows.count
        if logTimes.count < rows.count { logTimes = ContiguousArray(repeating: 0, count: rows.count) }
        logTimes.withUnsafeMutableBufferPointer { logTimes in
          // Slots are far apart in memory: each is looked at once.
          eventsToLog.add(count: rows.count) { index in
            let row = Int(rows[index])
            let time = slots[row].timestamp
            logTimes[index] = time
            return time == .min ? .min : time &- times[row]
          } spilling: { delay, count in
            measures.eventToLog.record(nanoseconds: Self.nanoseconds(delay), count: count)
          }
          logToRead.add(count: rows.count) { index in
            logTimes[index] == .min ? .min : polledAt &- logTimes[index]
          } spilling: { delay, count in
            measures.logToRead.record(nanoseconds: Self.nanoseconds(delay), count: count)
          }
        }
      }
    }
  }

  /// What has been counted of the first stages goes to where others read it.
  func publishMeasures() {
    guard let measures else { return }
    if !eventsToLog.isEmpty {
      measures.eventToLog.record { record in eventsToLog.drain { record(Self.nanoseconds($0), $1) } }
    }
    if !logToRead.isEmpty {
      measures.logToRead.record { record in logToRead.drain { record(Self.nanoseconds($0), $1) } }
    }
    measures.note(oldestPendingEventAt: partitions.values.compactMap(\.pending.oldestEventTime).min())
  }

  /// Which of a partition's rows is the first that has not been read before.
  private func firstNewRow(_ read: BatchDecoder.PartitionRows, _ slots: UnsafePointer<RecordSlot>) -> Int {
    guard let shown = partitions[read.partition]?.replay?.shownThrough else { return 0 }
    return read.rows.firstIndex { slots[Int($0)].offset >= shown } ?? read.rows.count
  }

  /// Times of records may be anything.
  private static func nanoseconds(_ milliseconds: Int64) -> Int64 {
    let (product, overflow) = milliseconds.multipliedReportingOverflow(by: 1_000_000)
    return overflow ? (milliseconds < 0 ? 0 : .max) : product
  }

  /// The batch is in state.
  func noteApplied(polledAt: UInt64) {
    guard let measures else { return }
    let (appliedAt, now) = (clock.monotonicNanoseconds, clock.nowMilliseconds)
    if measuredCount > 0 { measures.readToApplied.record(nanoseconds: Int64(appliedAt &- polledAt), count: measuredCount) }
    for state in partitions.values {
      if !state.isSilent { state.pending.append(state.engine.foldedTimes, appliedAt: appliedAt, now: now) }
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
          state.pending.events.forEachDrained(rhythm: index) { record(Self.nanoseconds(visibleAt &- $0), $1) }
        }
      }
      rhythm.appliedToVisible.record { record in
        for state in states {
          state.pending.applied.forEachDrained(rhythm: index) { record(Int64(visibleMonotonic) &- $0, $1) }
        }
      }
      for state in states { state.pending.noteVisible(rhythm: index) }
    }
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
