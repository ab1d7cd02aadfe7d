// When state is saved, and what follows from it: one partition after the other, and the offset that a saved state covers is committed once the
// store has confirmed it.

import Base
import Features
import Logging
import Records
import Windowing

extension Worker {
  /// Sees to it that the state of `indices` is saved, and commits what saved states cover: also what was committed before, because a group that
  /// was changing may have refused it, and the owner before us may have had no second try. With `waits` all is done on return.
  func checkpoint(_ indices: [PartitionIndex], waits: Bool) throws {
    checkpointDue = now + settings.checkpointEveryMilliseconds
    if waits {
      if let outcome = checkpointWriter?.takeOutcome(waits: true) { try take(outcome) }
      waitingCheckpoints.removeAll { indices.contains($0) }
      if checkpointWriter != nil { try saveNow(indices) }
    } else {
      waitingCheckpoints += indices.filter { !waitingCheckpoints.contains($0) }
      try flush()
      try moveFences(of: indices)
      try advanceCheckpoints()
    }
    try commit(indices, waits: waits)
  }

  /// Takes what has been saved, and begins with the next that is due.
  func advanceCheckpoints() throws {
    guard let checkpointWriter else { return }
    while true {
      if let outcome = checkpointWriter.takeOutcome(waits: false) { try take(outcome) }
      guard !checkpointWriter.isBusy, !waitingCheckpoints.isEmpty else { return }
      let index = waitingCheckpoints.removeFirst()
      guard isUnsaved(index) else { continue }
      try prepare([index])
      // A flush may have found that it is another's by now.
      guard isUnsaved(index), let state = partitions[index], let nextOffset = state.nextOffset else { continue }
      checkpointWriter.begin(index, state, at: nextOffset)
    }
  }

  private func isUnsaved(_ index: PartitionIndex) -> Bool {
    guard let state = partitions[index], let nextOffset = state.nextOffset else { return false }
    return state.savedOffset != nextOffset || state.savedTime != state.engine.watermark.streamTime
  }

  /// Saves without a thread, and until the store has taken it.
  private func saveNow(_ indices: [PartitionIndex]) throws {
    try prepare(indices)
    for index in indices where isUnsaved(index) {
      guard let state = partitions[index], try save(state, at: state.nextOffset!, index) else { continue }
      noteSaved(index)
    }
  }

  /// A copy holds no rows: what has closed must have been written, and what did not count passed on.
  private func prepare(_ indices: [PartitionIndex]) throws {
    try flush()
    try moveFences(of: indices)
    try confirmSideOutputs()
  }

  /// No checkpoint reaches further than its fence: then one without the other shows that something was lost. Fences that stay where they are come
  /// along, because nobody else would notice that a store was emptied while the input is quiet.
  private func moveFences(of indices: [PartitionIndex]) throws {
    let moving = indices.filter { partitions[$0]?.fence != nil && partitions[$0]?.nextOffset != nil }
    if !moving.isEmpty { try writeRows(moving: moving) }
  }

  private func noteSaved(_ index: PartitionIndex) {
    overtakenCounts[index] = nil
    counts.checkpoints += 1
  }

  private func take(_ outcome: CheckpointWriter.Outcome) throws {
    counts.checkpointPauseNanoseconds += outcome.copyNanoseconds
    // It may have been given up since, and have come back.
    let isOurs = partitions[outcome.partition] === outcome.state
    do {
      note(try outcome.result.get(), outcome)
    } catch let overtaken as CheckpointOvertaken {
      if isOurs { try refuse(overtaken.refusal) }
      return
    } catch let failure as Failure where failure.isRetryable {
      logger.warning(
        "state was not saved; it will be tried again",
        metadata: ["kafka.partition": "\(outcome.partition)", "reason": "\(failure.message)"])
      return
    } catch {
      if isOurs { throw error }
      return
    }
    guard isOurs else { return }
    outcome.state.noteSaved(outcome.nextOffset, outcome.streamTime)
    noteSaved(outcome.partition)
    try commit([outcome.partition], waits: false)
  }

  private func note(_ cost: CheckpointCost?, _ outcome: CheckpointWriter.Outcome) {
    guard let cost else { return }
    counts.checkpointStateByteCount += Int64(cost.snapshotByteCount)
    counts.checkpointWrittenByteCount += Int64(cost.writtenByteCount)
    counts.checkpointNanoseconds += cost.nanoseconds
    logger.info(
      "state saved",
      metadata: [
        "kafka.partition": "\(outcome.partition)", "kafka.offset": "\(outcome.nextOffset)", "bytes": "\(cost.snapshotByteCount)",
        "written": "\(cost.writtenByteCount)", "whole": "\(cost.isWhole)",
        "ms": "\(Double(cost.nanoseconds / 10_000) / 100)", "paused_ms": "\(Double(outcome.copyNanoseconds / 10_000) / 100)",
      ])
  }

  // MARK: State of an earlier owner

  /// Takes over a saved state. Fails with 78 where it cannot be taken over, and says what to do.
  func load(_ saved: ByteBuffer, into state: PartitionState, _ index: PartitionIndex, resetting reset: Set<String>) throws(Failure)
  {
    let report: SnapshotReport
    do throws(SnapshotError) {
      report = try state.load(UnsafeRawBufferPointer(saved.bytes), resetting: reset)
    } catch {
      throw Failure(
        .badConfiguration, "the checkpoint of pipeline '\(plan.pipelineName)', partition \(index), \(Self.explanation(error))")
    }
    guard !report.isEmpty else { return }
    let notes =
      report.newViews.map { "view '\($0)' is new: it begins with the records from here on" }
      + report.removedViews.map { "view '\($0)' is gone: its state was dropped" }
      + report.resetViews.map { "view '\($0)' begins anew from here on, as --reset says" } + report.notes
    for note in notes {
      logger.info("\(note)", metadata: ["kafka.partition": "\(index)", "kafka.offset": "\(state.nextOffset ?? 0)"])
      if !counts.restoreNotes.contains(note) { counts.restoreNotes.append(note) }
    }
  }

  /// How a sentence about a checkpoint ends that cannot be taken over.
  static func explanation(_ error: SnapshotError) -> String {
    switch error {
    case .damaged: return "is damaged; --ignore-checkpoints starts all windows anew"
    case .otherFormat(let format):
      return
        "has format \(format), and this version reads format \(SnapshotWriter.format); --ignore-checkpoints starts all windows anew"
    case .changedViews(let changes):
      let shown = changes.prefix(changesShownMax).map(\.description).joined(separator: "; ")
      let more = changes.count > changesShownMax ? "; and \(changes.count - changesShownMax) more" : ""
      let views = changes.map(\.view).reduce(into: [String]()) { if !$0.contains($1) { $0.append($1) } }
      return "is of views that have changed since: \(shown)\(more). "
        + "\(views.map { "--reset \($0)" }.joined(separator: " ")) starts \(views.count == 1 ? "it" : "them") anew from here on"
    case .regrouped(let view):
      return "keeps view '\(view)' together with other views than the pipeline does now, as it has more than "
        + "\(WindowPlan.accumulatorsPerGroup) aggregates of one kind of window; --reset \(view) starts it anew from here on"
    }
  }

  private static let changesShownMax = 5
}
