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
      return (checkpointWriter == nil ? state.writtenOffset : state.savedOffset).map {
        PartitionOffset(partition: index, offset: $0)
      }
    }
    isPendingCommit = false
    try confirmSideOutputs()
    guard !positions.isEmpty else { return }
    do {
      try source.commit(positions, waits: waits)
    } catch let failure as Failure where waits {
      // A group that is just changing takes no commits. With a checkpoint, which has been saved, nothing is lost: the next owner begins there
      // and commits for us.
      let level: Logger.Level = checkpointWriter == nil ? .warning : .info
      logger.log(level: level, "offsets were not committed", metadata: ["reason": "\(failure.message)"])
    }
  }

  // MARK: Partitions that go

  func giveUp(_ revoked: [PartitionIndex]) throws {
    leaving = Set(revoked)
    defer { leaving = [] }
    try emitAll()
    try checkpoint(revoked, waits: true)
    // Those that were dropped on the way may be ours again by now.
    forget(leaving)
    logger.info("partitions given up", metadata: ["partitions": "\(leaving.sorted())"])
  }

  /// Partitions that another owner has already: nothing of theirs may be written.
  func drop(_ lost: [PartitionIndex]) {
    forget(Set(lost))
    logger.warning("partitions lost to another member", metadata: ["partitions": "\(lost)"])
  }

  /// Forgets partitions and their rows; what they counted stays counted.
  func forget(_ indices: Set<PartitionIndex>) {
    rows.removeRows { indices.contains($0.partition) }
    for index in indices.sorted() {
      waiting[index] = nil
      tokens[index] = nil
      guard let state = partitions.removeValue(forKey: index) else { continue }
      state.addCounts(to: &counts.ledger, index, plan)
      if state.fence != nil { store.release(index) }
    }
  }

  // MARK: Partitions that are refused

  /// What follows when the store does not take a partition's rows. What it holds is dropped; what was saved last is where to go on.
  func refuse(_ refusal: FenceRefusal) throws {
    let index = refusal.partition
    counts.refusedFlushes += 1
    switch refusal.reason {
    case .overtaken(let owner):
      if source.isBounded { throw overtakenInput(by: owner) }
      // As long as nobody says that it is not ours: another that believes the same must not be fought with all speed.
      let attempts = (overtakenCounts[index] ?? 0) + 1
      overtakenCounts[index] = attempts
      let pause = min(Self.overtakenPauseMin << Int64(min(attempts - 1, 10)), Self.overtakenPauseMax)
      forget([index])
      waiting[index] = WaitingPartition(due: now + jittered(pause))
      logger.warning(
        "another worker has taken the partition over; what was held of it is dropped",
        metadata: ["partition": "\(index)", "owner": "\(owner)"])
    case .wentBack(let offset):
      let confirmed = partitions[index]?.confirmedOffset
      forget([index])
      waiting[index] = WaitingPartition(due: now)
      logger.warning(
        "the store has gone back to an older state; the partition is computed again from the checkpoint that it has",
        metadata: [
          "partition": "\(index)", "confirmed": "\(confirmed.map(String.init) ?? "nothing")",
          "found": "\(offset.map(String.init) ?? "nothing")",
        ])
    case .missing:
      throw Failure(
        .unavailable,
        "\(store.name) no longer has the fence of pipeline '\(plan.pipelineName)', partition \(index) of \(source.name): it was emptied "
          + "(FLUSHALL, FLUSHDB, a restart without persistence), or evicted it (maxmemory-policy may not be one of allkeys-*). "
          + "Rows may be gone with it: --ignore-checkpoints computes all of them anew from where the input begins")
    }
  }

  /// Nobody divides a file or a pipe between processes: whoever comes later has been started later.
  private func overtakenInput(by owner: String) -> Failure {
    let name = owner.isEmpty || owner == "another" ? "another process" : "another process, \(owner),"
    return Failure(
      .failure,
      "\(source.name): \(name) has been started over the same input for pipeline '\(plan.pipelineName)' in \(store.name); "
        + "the newer one goes on, and this one ends. If both are to run, give one of them another 'prefix'")
  }

  static let overtakenPauseMin: Int64 = 100
  static let overtakenPauseMax: Int64 = 10_000
}
