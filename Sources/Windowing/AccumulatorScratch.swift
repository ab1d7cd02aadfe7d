// Where the value of several panes is merged to be read; one per engine, used again for every value, so that reading allocates nothing. The
// first state is only referred to: a value of one pane is read where it stands.

import Base
import Records

final class AccumulatorScratch {
  private let state: UnsafeMutableRawPointer
  /// Blocks of the merged state; texts stay in the pool of the states that were merged.
  private let pool = BlockPool()
  private var first: UnsafeRawPointer?
  private var isMerged = false

  init() { state = .allocate(byteCount: Accumulator.byteCountMax, alignment: 16) }

  deinit {
    state.deallocate()
    pool.deallocate()
  }

  /// Adds a state that is alive in `live`; from the newest pane to the oldest. No state may change before `take`.
  @inline(__always)
  func add(_ accumulator: Accumulator, _ other: UnsafeRawPointer, _ live: BlockPool, counts: inout FoldCounts) {
    guard let first else {
      first = other
      return
    }
    if !isMerged { begin(accumulator, first, live, &counts) }
    accumulator.merge(into: state, pool, from: other, live, counts: &counts)
  }

  /// The value of what was added since the last call, read as `accumulator` says.
  func take(_ accumulator: Accumulator, _ live: BlockPool, bytes: ByteBuffer) -> FeatureValue {
    defer {
      first = nil
      isMerged = false
    }
    if isMerged {
      defer { pool.removeAll() }
      return accumulator.result(at: state, pool, texts: live, bytes: bytes)
    }
    if let first { return accumulator.result(at: first, live, texts: live, bytes: bytes) }
    state.initializeMemory(as: UInt8.self, repeating: 0, count: Accumulator.byteCountMax)
    return accumulator.result(at: state, pool, texts: live, bytes: bytes)
  }

  private func begin(_ accumulator: Accumulator, _ first: UnsafeRawPointer, _ live: BlockPool, _ counts: inout FoldCounts) {
    state.initializeMemory(as: UInt8.self, repeating: 0, count: Accumulator.byteCountMax)
    accumulator.merge(into: state, pool, from: first, live, counts: &counts)
    isMerged = true
  }
}
