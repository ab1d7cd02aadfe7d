// Rows on their way out: changes drained when they are due, everything written and confirmed by `flush`.

import Base
import Features
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
    if now >= checkpointDue { try checkpoint(partitions.keys.sorted(), waits: false) } else { try advanceCheckpoints() }
  }

  func emitAll() throws {
    for position in plan.views.indices { try drain(view: position) }
    try flush()
  }

  func drain(view position: Int) throws {
    for (index, state) in sortedPartitions where !state.isSilent {
      try writeInSteps(index, state) { state.engine.drainChanges(ofView: position, into: $0, rowLimit: settings.rowLimit) }
      state.drainedOffsets[position] = state.nextOffset
      if let rhythm = measures?.rhythmOfView[position] { state.pending.noteDrained(rhythm: rhythm) }
    }
  }

  /// Calls `step`, which adds rows of a partition, until it says that it is done; writes them whenever there are many. Ends early where the
  /// partition is taken away in between. Rows that are in the store already go nowhere.
  func writeInSteps(_ partition: PartitionIndex, _ state: PartitionState, _ step: (_ output: FeatureRowBatch) throws -> Bool) throws
  {
    while partitions[partition] === state {
      guard !state.isRepeating else {
        let isDone = try step(repeatedRows)
        repeatedRows.removeAll()
        if isDone { return }
        continue
      }
      let firstRow = rows.rows.count
      let isDone = try step(rows)
      label(from: firstRow, partition)
      if isDone { return }
      try writeRows()
    }
  }

  /// Writes what is due; on return it is confirmed.
  func flush() throws {
    if !rows.isEmpty { try writeRows() }
    noteVisible()
    guard checkpointWriter == nil, !source.isBounded else { return }
    for state in partitions.values where !state.isSilent && state.noteWritten(changeViews: changeViews) { isPendingCommit = true }
    if isPendingCommit { try commit(partitions.keys.sorted(), waits: false) }
  }

  /// Writes rows, and no more than that: a record may be half way through, so that nothing may be committed yet. The fences of `moving` come
  /// along, even where they have no rows.
  func writeRows(moving: [PartitionIndex] = []) throws {
    finisher.finish(rows)
    var positions: [FlushPosition] = []
    let refusals = try untilStored {
      positions = flushPositions(moving)
      return try store.write(rows, at: positions)
    }
    for refusal in refusals { try refuse(refusal) }
    for position in positions {
      guard let state = partitions[position.partition] else { continue }
      state.confirmedOffset = position.nextOffset
      if let step = store.confirmedStep(of: position.partition) { state.fence?.step = step }
    }
    counts.rowsWritten += Int64(rows.rows.count)
    for row in rows.rows where row.isWindow { counts.windowRowsWritten += 1 }
    counts.flushes += 1
    noteClosed()
    rows.removeAll()
  }

  /// How far the rows reach that are to be written, for each partition that has some or is among `moving`.
  private func flushPositions(_ moving: [PartitionIndex]) -> [FlushPosition] {
    var wanted = Set(moving)
    var last: PartitionIndex = -1
    for row in rows.rows where row.partition != last {
      last = row.partition
      wanted.insert(last)
    }
    return wanted.sorted().compactMap { index in
      guard let state = partitions[index], state.fence != nil, let nextOffset = state.nextOffset else { return nil }
      return FlushPosition(
        partition: index, nextOffset: nextOffset,
        flushingTo: max(nextOffset, state.batchEnd ?? nextOffset, state.replay?.shownThrough ?? nextOffset),
        watermark: state.engine.watermark.value, idleAdvances: state.idleLog,
        rowOffset: max(nextOffset, state.replay?.shownThrough ?? nextOffset))
    }
  }
}
