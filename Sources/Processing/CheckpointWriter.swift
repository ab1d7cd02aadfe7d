// Saves state behind a worker's back: the worker copies it into a buffer and goes on, a thread of its own takes the copy through hashing,
// compression and the store. One copy at a time, so memory is bounded by the state of one partition; the buffer is kept for the next.
//
//   begin (copy) -> thread: store.save -> taken by the worker at a later poll      one that is due meanwhile waits
//
// Store and buffer belong to the thread from `begin` until its end has been waited for, and to the worker in between. Inline there is no
// thread: `begin` saves before it returns, so that the order of everything is that of the calls.

import Base
import Features
import Logging
import Records
import Synchronization
import Windowing

final class CheckpointWriter {
  /// How a save has ended.
  struct Outcome {
    var partition: PartitionIndex
    /// What the saved state covers.
    var nextOffset: Offset
    var streamTime: Int64
    /// Whose state it was; a partition may have gone and come back since.
    var state: PartitionState
    /// How long the worker was held up.
    var copyNanoseconds: UInt64
    var result: Result<CheckpointCost?, any Error>
  }

  private let store: any CheckpointStore
  private let isInline: Bool
  private let clock: any Clock
  private let buffer = ByteBuffer(capacity: 1 << 16)
  private var underWay: Outcome?
  private var thread: JoinableThread?
  private let hasEnded = EndFlag()

  init(_ store: any CheckpointStore, isInline: Bool, clock: any Clock) {
    self.store = store
    self.isInline = isInline
    self.clock = clock
  }

  /// Whether an outcome is still to come, or to be taken.
  var isBusy: Bool { underWay != nil }

  /// Copies the state of a partition, of which all rows must have been written that follow from records before `nextOffset` and are not marked
  /// as changed, and saves the copy under the state's fence. Nothing may be under way.
  func begin(_ partition: PartitionIndex, _ state: PartitionState, at nextOffset: Offset) {
    precondition(!isBusy, "one checkpoint is saved at a time")
    let started = clock.monotonicNanoseconds
    copy(state, at: nextOffset)
    underWay = Outcome(
      partition: partition, nextOffset: nextOffset, streamTime: state.engine.watermark.streamTime, state: state,
      copyNanoseconds: clock.monotonicNanoseconds - started, result: .success(nil))
    let fence = state.fence
    if isInline {
      underWay?.result = Result { try Self.save(self.buffer, self.store, partition, fence) }
      return
    }
    hasEnded.isSet.withLock { $0 = false }
    // Sound: until the thread has been joined nobody else touches either.
    nonisolated(unsafe) let buffer = self.buffer
    nonisolated(unsafe) let store = self.store
    thread = JoinableThread { [hasEnded] in
      defer { hasEnded.isSet.withLock { $0 = true } }
      try Self.save(buffer, store, partition, fence)
    }
  }

  /// Saves the state of a partition before it returns.
  func save(_ state: PartitionState, at nextOffset: Offset, of partition: PartitionIndex) throws {
    settle()
    copy(state, at: nextOffset)
    try Self.save(buffer, store, partition, state.fence)
  }

  private func copy(_ state: PartitionState, at nextOffset: Offset) {
    buffer.removeAll()
    state.save(to: buffer, nextOffset: nextOffset)
  }

  @discardableResult
  private static func save(_ buffer: ByteBuffer, _ store: any CheckpointStore, _ partition: PartitionIndex, _ fence: Fence?) throws
    -> CheckpointCost?
  {
    SnapshotWriter.seal(buffer)
    try store.save(UnsafeRawBufferPointer(buffer.bytes), of: partition, under: fence)
    return store.lastSave
  }

  /// The outcome of the save that was begun last; nil where there is none, or, unless `waits`, where it is still under way.
  func takeOutcome(waits: Bool) -> Outcome? {
    guard var outcome = underWay, waits || thread == nil || hasEnded.isSet.withLock({ $0 }) else { return nil }
    if let thread {
      outcome.result = Result {
        try thread.join()
        return store.lastSave
      }
    }
    thread = nil
    underWay = nil
    return outcome
  }

  /// Waits until nothing is under way; the outcome stays to be taken.
  private func settle() {
    guard thread != nil, let outcome = takeOutcome(waits: true) else { return }
    underWay = outcome
  }

  func load(_ partition: PartitionIndex) throws -> ByteBuffer? {
    settle()
    return try store.load(partition)
  }

  deinit { try? thread?.join() }
}

private final class EndFlag: Sendable {
  let isSet = Mutex(false)
}
