// Rows on their way out: changes drained when they are due, everything written and confirmed by `flush`.

import Base
import Records
import Schema
import Windowing

extension Worker {
  func emitDueChanges() throws {
    let now = now
    let due = plan.emitEvery.indices.filter { emissionDue[$0] <= now }
    if !due.isEmpty {
      try advanceIdlePartitions()
      for position in due {
        if plan.emitEvery[position] != nil, !source.isBounded { try drain(view: position) }
        emissionDue[position] = now + (plan.emitEvery[position] ?? Self.closeEveryMilliseconds)
      }
      try flush()
    }
    if now >= checkpointDue { try checkpoint(Array(partitions.keys), waits: false) }
  }

  func emitAll() throws {
    for position in plan.views.indices { try drain(view: position) }
    try flush()
  }

  func drain(view position: Int) throws {
    for (index, state) in partitions {
      try writeInSteps(index) { state.engine.drainChanges(ofView: position, into: rows, rowLimit: Self.rowLimit) }
      state.drainedOffsets[position] = state.nextOffset
    }
    drainedViews[position] = true
  }

  /// Calls `step`, which adds rows of a partition, until it says that it is done; writes them whenever there are many.
  func writeInSteps(_ partition: PartitionIndex, _ step: () throws -> Bool) throws {
    while true {
      let firstRow = rows.rows.count
      let isDone = try step()
      label(from: firstRow, partition)
      if isDone { return }
      try writeRows()
    }
  }

  /// Writes what is due; on return it is confirmed.
  func flush() throws {
    if !rows.isEmpty {
      try writeRows()
      noteVisible()
    }
    guard checkpoints == nil, !source.isBounded else { return }
    for state in partitions.values where state.noteWritten(changeViews: changeViews) { isPendingCommit = true }
    if isPendingCommit { try commit(Array(partitions.keys), waits: false) }
  }

  /// Writes rows, and no more than that: a record may be half way through, so that nothing may be committed yet.
  private func writeRows() throws {
    finisher.finish(rows)
    try store.write(rows)
    counts.rowsWritten += Int64(rows.rows.count)
    for row in rows.rows where row.isWindow { counts.windowRowsWritten += 1 }
    counts.flushes += 1
    rows.removeAll()
  }

  /// Records are visible once every view that may show them has been drained and written.
  private func noteVisible() {
    guard let observeVisible, drainedViews.allSatisfy({ $0 }) else { return }
    for position in plan.emitEvery.indices { drainedViews[position] = plan.emitEvery[position] == nil }
    let visibleAt = clock.nowMilliseconds
    for state in partitions.values {
      for time in state.engine.foldedTimes { observeVisible(visibleAt - time, 1) }
      state.engine.clearFoldedTimes()
    }
  }
}
