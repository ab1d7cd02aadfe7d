// Partitions that come and go, and what is remembered of them: state in the checkpoint store first, then the committed offset.

import Base
import Features
import Logging
import Records
import Windowing

extension Worker {
  // MARK: Positions

  func commit(_ indices: [PartitionIndex], waits: Bool) throws {
    // Without checkpoints a position is one whose rows have all been written, not only those of the fastest view.
    let positions = indices.compactMap { index -> PartitionOffset? in
      guard let state = partitions[index] else { return nil }
      return (checkpoints == nil ? state.writtenOffset : state.nextOffset).map { PartitionOffset(partition: index, offset: $0) }
    }
    isPendingCommit = false
    try confirmSideOutputs()
    guard !positions.isEmpty else { return }
    do {
      try source.commit(positions, waits: waits)
    } catch let failure as Failure where waits {
      // A group that is just changing takes no commits. With a checkpoint, which has been saved, nothing is lost: the next owner begins there
      // and commits for us.
      let level: Logger.Level = checkpoints == nil ? .warning : .info
      logger.log(level: level, "offsets were not committed", metadata: ["reason": "\(failure.message)"])
    }
  }

  /// Flushes, saves the state of `indices`, and commits what the saved states cover: also what was committed before, because a group that
  /// was changing may have refused it, and the owner before us may have had no second try.
  func checkpoint(_ indices: [PartitionIndex], waits: Bool) throws {
    checkpointDue = now + settings.checkpointEveryMilliseconds
    guard let checkpoints else { return try commit(indices, waits: waits) }
    try flush()
    try confirmSideOutputs()
    let snapshot = ByteBuffer(capacity: 1 << 16)
    for index in indices {
      guard let state = partitions[index], let nextOffset = state.nextOffset,
        state.savedOffset != nextOffset || state.savedTime != state.engine.watermark.streamTime
      else { continue }
      snapshot.removeAll()
      state.save(to: snapshot, nextOffset: nextOffset)
      try checkpoints.save(UnsafeRawBufferPointer(snapshot.bytes), of: index, under: nil)
      state.savedOffset = state.nextOffset
      state.savedTime = state.engine.watermark.streamTime
      counts.checkpoints += 1
    }
    try commit(indices, waits: waits)
  }

  // MARK: Partitions that come and go

  func take(_ assigned: [PartitionIndex]) throws {
    var positions: [PartitionOffset] = []
    for index in assigned {
      let state = makeState()
      partitions[index] = state
      if settings.ignoresCheckpoints, settings.started.insert(index) { continue }
      guard let checkpoints, let saved = try checkpoints.load(index) else { continue }
      try load(saved, into: state, index)
      state.savedOffset = state.nextOffset
      state.savedTime = state.engine.watermark.streamTime
      if let offset = state.nextOffset { positions.append(PartitionOffset(partition: index, offset: offset)) }
    }
    logger.info("partitions assigned", metadata: ["partitions": "\(assigned)", "resumed": "\(positions.count)"])
    try source.start(assigned, at: positions)
  }

  private func load(_ saved: ByteBuffer, into state: PartitionState, _ index: PartitionIndex) throws {
    do throws(SnapshotError) {
      try state.load(UnsafeRawBufferPointer(saved.bytes))
    } catch {
      let reason =
        switch error {
        case .damaged: "is damaged"
        case .otherFormat(let version): "has format \(version), which this version does not read"
        case .otherViews: "was made by other views, or another lateness or 'dedup', than the pipeline has now"
        }
      throw Failure(
        .badConfiguration,
        "the checkpoint of pipeline '\(plan.pipelineName)', partition \(index), \(reason); --ignore-checkpoints starts its windows anew"
      )
    }
  }

  func giveUp(_ revoked: [PartitionIndex]) throws {
    try emitAll()
    try checkpoint(revoked, waits: true)
    for index in revoked { retire(index) }
    logger.info("partitions given up", metadata: ["partitions": "\(revoked)"])
  }

  /// Partitions that another owner has already: nothing of theirs may be written.
  func drop(_ lost: [PartitionIndex]) {
    rows.removeRows { lost.contains($0.partition) }
    for index in lost { retire(index) }
    logger.warning("partitions lost to another member", metadata: ["partitions": "\(lost)"])
  }

  /// Forgets a partition; what it counted stays counted.
  private func retire(_ index: PartitionIndex) {
    partitions.removeValue(forKey: index)?.addCounts(to: &counts.ledger, index, plan)
  }
}
