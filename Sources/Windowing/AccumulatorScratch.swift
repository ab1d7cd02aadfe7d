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

  /// The value over states that stand at `offset` in these nodes and have their blocks in `live`, where it can be told in registers, as nearly
  /// always: counts, numbers of one type, few distinct values. Gives the bits that merging would give; nil where only that tells.
  @inline(__always)
  func quickValue(
    of accumulator: UnsafePointer<Accumulator>, at offset: Int, in nodes: UnsafePointer<UnsafeRawPointer>, _ count: Int,
    isNewestFirst: Bool, _ live: BlockPool
  ) -> FeatureValue? {
    switch accumulator.pointee.function {
    case .count:
      var sum: Int64 = 0
      for index in 0..<count { sum &+= (nodes[index] + offset).load(as: Int64.self) }
      return FeatureValue(kind: .integer, bits: UInt64(bitPattern: sum))
    case .sum: return NumberSum.sumOfDoubles(nodes, count, at: offset, isNewestFirst: isNewestFirst)
    case .min where !accumulator.pointee.comparesTexts:
      return ExtremeNumber.extremeOfDoubles(nodes, count, at: offset, takesGreater: false)
    case .max where !accumulator.pointee.comparesTexts:
      return ExtremeNumber.extremeOfDoubles(nodes, count, at: offset, takesGreater: true)
    case .approxDistinct:
      guard let estimate = accumulator.pointee.hyperLogLog.estimateOfFew(nodes, count, at: offset, live, entries) else {
        return nil
      }
      return FeatureValue(kind: .integer, bits: UInt64(bitPattern: estimate))
    default: return nil
    }
  }

  /// The value over states, of any kind; `reading` says how the accumulator's state is read.
  @inline(never)
  func value(
    of accumulator: Accumulator, at offset: Int, in nodes: UnsafePointer<UnsafeRawPointer>, _ count: Int, isNewestFirst: Bool,
    reading: Accumulator, _ live: BlockPool, bytes: ByteBuffer, counts: inout FoldCounts
  ) -> FeatureValue {
    if count == 1 { return reading.result(at: nodes[0] + offset, live, texts: live, bytes: bytes) }
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
