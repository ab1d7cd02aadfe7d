// Where the value of several panes is merged to be read; one per engine, used again for every value, so that reading allocates nothing. A
// value of one pane is read where it stands.

import Base
import Records

final class AccumulatorScratch {
  private let state: UnsafeMutableRawPointer
  /// Blocks of the merged state; texts stay in the pool of the states that were merged.
  private let pool = BlockPool()
  private let entries = UnsafeMutablePointer<UInt32>.allocate(capacity: HyperLogLog.fewMax + 1)

  init() { state = .allocate(byteCount: Accumulator.byteCountMax, alignment: 16) }

  deinit {
    state.deallocate()
    entries.deallocate()
    pool.deallocate()
  }

  /// The value of an accumulator over the first `count` of the gathered nodes, whose states stand at `offset` and have their blocks in
  /// `live`, read as `reading` says.
  @inline(__always)
  func value(
    of accumulator: Accumulator, at offset: Int, in nodes: RowGathering, _ count: Int, isNewestFirst: Bool, reading: Accumulator,
    _ live: BlockPool, bytes: ByteBuffer, counts: inout FoldCounts
  ) -> FeatureValue {
    if accumulator.function == .count {
      var sum: Int64 = 0
      for index in 0..<count { sum &+= (nodes[index] + offset).load(as: Int64.self) }
      return FeatureValue(kind: .integer, bits: UInt64(bitPattern: sum))
    }
    if count == 1 { return reading.result(at: nodes[0] + offset, live, texts: live, bytes: bytes) }
    if accumulator.function == .approxDistinct,
      let few = accumulator.hyperLogLog.estimateOfFew(nodes, count, at: offset, live, entries)
    {
      return FeatureValue(kind: .integer, bits: UInt64(bitPattern: few))
    }
    return merged(accumulator, offset, nodes, count, isNewestFirst, reading, live, bytes, &counts)
  }

  private func merged(
    _ accumulator: Accumulator, _ offset: Int, _ nodes: RowGathering, _ count: Int, _ isNewestFirst: Bool, _ reading: Accumulator,
    _ live: BlockPool, _ bytes: ByteBuffer, _ counts: inout FoldCounts
  ) -> FeatureValue {
    state.initializeMemory(as: UInt8.self, repeating: 0, count: Accumulator.byteCountMax)
    // From the newest to the oldest, so that equal state gives equal bits.
    for index in 0..<count {
      let node = nodes[isNewestFirst ? index : count &- 1 &- index]
      accumulator.merge(into: state, pool, from: node + offset, live, counts: &counts)
    }
    let value = reading.result(at: state, pool, texts: live, bytes: bytes)
    if accumulator.holdsBlocks { pool.removeAll() }
    return value
  }
}
