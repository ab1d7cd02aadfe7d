// The accumulators: a fixed part in raw memory, all zero when empty, so that a node of many accumulators is made by one `memset` and copied by
// one `memcpy`; what does not fit stands in blocks of a `BlockPool`, named by number. Each can be folded with a value, merged, read and
// given back.
//
//   fixed part [ ... ] --block number--> BlockPool [ block ]      a snapshot is a copy of both
//
// An aggregate over nothing is `.missing` (a feature's default stands for it), over only nulls it is null; `count` and the counts of
// distinct values are 0 over both.

import Base
import Records

/// What folding and merging could not do, counted.
struct FoldCounts: Equatable {
  /// Values of a type that the aggregate does not take.
  var typeMismatches: Int64 = 0
  /// Sums that left `Int64` or the range of doubles; such a sum is null from then on.
  var overflows: Int64 = 0
  /// Sets of distinct values that outgrew their limit; such a set is null from then on.
  var limits: Int64 = 0

  mutating func add(_ other: FoldCounts) {
    typeMismatches += other.typeMismatches
    overflows += other.overflows
    limits += other.limits
  }
}

/// An aggregate with its parameters, worked out for the loops.
struct Accumulator: Hashable, BitwiseCopyable, Sendable {
  /// The longest fixed part.
  static let byteCountMax = 32

  let function: AggregateFunction
  /// Of a population; of texts.
  let flag: Bool
  /// How a state is read: `quantile`: millionths; `top_k`: k.
  private let reading: Int32
  /// How a state is kept: `distinct`: the limit; `approx_distinct`: the precision; `top_k`: counters; `collect`: n.
  let size: Int32
  /// `quantile`: see `QuantileSketch.multiplier`.
  let multiplier: Double

  init(_ function: AggregateFunction, _ parameters: AggregateParameters) {
    let size: Int32 =
      switch function {
      case .approxDistinct: Int32(HyperLogLog.precision(forError: parameters.error))
      case .topK: max(Int32((1 / parameters.error).rounded(.up)), 2 * parameters.count, 16)
      default: parameters.count
      }
    self.init(
      function, flag: parameters.isPopulation || parameters.comparesTexts,
      reading: function == .topK ? parameters.count : parameters.quantile, size: size,
      multiplier: function == .quantile ? QuantileSketch.multiplier(forError: parameters.error) : 0)
  }

  init(_ function: AggregateFunction, flag: Bool, reading: Int32, size: Int32, multiplier: Double) {
    self.function = function
    self.flag = flag
    self.reading = reading
    self.size = size
    self.multiplier = multiplier
  }

  /// The same for all that keep the same state and differ only in how it is read.
  var stateForm: Accumulator {
    let isMoment = function == .stddev || function == .variance
    return Accumulator(
      isMoment ? .variance : function, flag: isMoment ? false : flag, reading: 0, size: size, multiplier: multiplier)
  }

  /// Of the fixed part; a multiple of 8.
  var byteCount: Int {
    switch function {
    case .count: 8
    case .min, .max, .elapsed, .approxDistinct, .quantile, .collect: 16
    case .sum, .first, .last, .distinct, .topK: 24
    case .mean, .variance, .stddev: 32
    }
  }

  /// Whether the state may refer to blocks.
  var holdsBlocks: Bool {
    switch function {
    case .first, .last, .distinct, .approxDistinct, .quantile, .topK, .collect: true
    case .min, .max: flag
    default: false
    }
  }

  /// Of `min` and `max`: by the bytes of texts, not by the value of numbers.
  @inline(__always)
  var comparesTexts: Bool { flag }

  // MARK: Fold

  /// Folds one value in; says whether the state changed. `hasColumn` is false for a `count` of records. May allocate in `pool`.
  @inline(__always)
  func fold(
    at state: UnsafeMutableRawPointer, _ value: ColumnValue, hasColumn: Bool, time: Int64, pool: BlockPool, counts: inout FoldCounts
  ) -> Bool {
    switch function {
    case .count:
      if hasColumn, value.isNull { return false }
      state.storeBytes(of: state.load(as: Int64.self) &+ 1, as: Int64.self)
      return true
    case .sum: return NumberSum.fold(at: state, value, counting: false, &counts)
    case .mean: return NumberSum.fold(at: state, value, counting: true, &counts)
    case .min where !flag: return ExtremeNumber.fold(at: state, value, takesGreater: false, &counts)
    case .max where !flag: return ExtremeNumber.fold(at: state, value, takesGreater: true, &counts)
    case .approxDistinct: return value.isNull ? false : hyperLogLog.fold(at: state, value, pool)
    default: return foldOther(at: state, value, time: time, pool: pool, counts: &counts)
    }
  }

  /// Apart, so that what comes most often stays small enough to be one piece with the loop over records.
  @inline(never)
  private func foldOther(
    at state: UnsafeMutableRawPointer, _ value: ColumnValue, time: Int64, pool: BlockPool, counts: inout FoldCounts
  ) -> Bool {
    switch function {
    case .min, .max: ExtremeText.fold(at: state, value, takesGreater: function == .max, pool, &counts)
    case .variance, .stddev: Moments.fold(at: state, value, &counts)
    case .first, .last: TimedValue.fold(at: state, value, time: time, takesLater: function == .last, pool)
    case .elapsed: TimeSpan.fold(at: state, time: time)
    case .distinct: value.isNull ? false : distinct.fold(at: state, value, pool, &counts)
    case .quantile: quantile.fold(at: state, value, pool, &counts)
    case .topK: top.fold(at: state, value, pool)
    case .collect: collected.fold(at: state, value, time: time, pool)
    case .count, .sum, .mean, .approxDistinct: preconditionFailure("folded by `fold`")
    }
  }

  // MARK: Merge

  /// Adds `other`, whose blocks are in `otherPool`, to `state`, whose own are in `pool`. `other` stays as it is; texts stay in its pool and
  /// are only referred to. Merge panes from the newest to the oldest, so that equal state gives equal bits.
  func merge(
    into state: UnsafeMutableRawPointer, _ pool: BlockPool, from other: UnsafeRawPointer, _ otherPool: BlockPool,
    counts: inout FoldCounts
  ) {
    switch function {
    case .count: state.storeBytes(of: state.load(as: Int64.self) &+ other.load(as: Int64.self), as: Int64.self)
    case .sum, .mean: NumberSum.merge(into: state, from: other, counting: function == .mean, &counts)
    case .min, .max:
      if flag {
        ExtremeText.merge(into: state, from: other, takesGreater: function == .max, texts: otherPool, released: nil)
      } else {
        ExtremeNumber.merge(into: state, from: other, takesGreater: function == .max)
      }
    case .variance, .stddev: Moments.merge(into: state, from: other)
    case .first, .last: TimedValue.merge(into: state, from: other, takesLater: function == .last, released: nil)
    case .elapsed: TimeSpan.merge(into: state, from: other)
    case .distinct: distinct.merge(into: state, pool, from: other, otherPool, &counts)
    case .approxDistinct: hyperLogLog.merge(into: state, pool, from: other, otherPool)
    case .quantile: quantile.merge(into: state, pool, from: other, otherPool, &counts)
    case .topK: top.merge(into: state, pool, from: other, otherPool, texts: otherPool, owning: false)
    case .collect: collected.merge(into: state, pool, from: other, otherPool, owning: false)
    }
  }

  /// Adds `other` to `state`, both alive in `pool`; `other` is empty afterwards, what it owned is taken over or given back.
  func absorb(into state: UnsafeMutableRawPointer, from other: UnsafeMutableRawPointer, pool: BlockPool, counts: inout FoldCounts) {
    switch function {
    case .min where flag, .max where flag:
      ExtremeText.merge(into: state, from: other, takesGreater: function == .max, texts: pool, released: pool)
    case .first, .last: TimedValue.merge(into: state, from: other, takesLater: function == .last, released: pool)
    case .topK:
      top.merge(into: state, pool, from: other, pool, texts: pool, owning: true)
      top.release(other, pool, texts: false)
    case .collect:
      collected.merge(into: state, pool, from: other, pool, owning: true)
      collected.release(other, pool, texts: false)
    default:
      merge(into: state, pool, from: other, pool, counts: &counts)
      release(at: other, pool: pool)
    }
    other.initializeMemory(as: UInt8.self, repeating: 0, count: byteCount)
  }

  /// Takes `other`, which was merged before, out of `state`, where that is exact: a `count`, and a `sum` or `mean` that has met only
  /// integers. False leaves `state` as it was: merge again what remains.
  func retract(at state: UnsafeMutableRawPointer, _ other: UnsafeRawPointer) -> Bool {
    switch function {
    case .count:
      state.storeBytes(of: state.load(as: Int64.self) &- other.load(as: Int64.self), as: Int64.self)
      return true
    case .sum, .mean: return NumberSum.retract(at: state, other, counting: function == .mean)
    default: return false
    }
  }

  @inline(__always)
  var distinct: DistinctSet { DistinctSet(limit: Int(size)) }
  @inline(__always)
  var hyperLogLog: HyperLogLog { HyperLogLog(precision: Int(size)) }
  @inline(__always)
  var quantile: QuantileSketch { QuantileSketch(multiplier: multiplier) }
  @inline(__always)
  var top: TopValues { TopValues(capacity: Int(size)) }
  var collected: CollectedValues { CollectedValues(limit: Int(size)) }

  // MARK: Read

  /// Whether nothing was ever folded.
  func isEmpty(at state: UnsafeRawPointer) -> Bool {
    switch function {
    case .count: state.load(as: Int64.self) == 0
    case .sum, .mean, .min, .max, .variance, .stddev: StateKind.load(state, at: 8) == .missing
    case .first, .last: StateKind.load(state, at: TimedValue.kindOffset) == .missing
    case .elapsed: TimeSpan.isEmpty(state)
    case .distinct: DistinctSet.isEmpty(state)
    case .approxDistinct: HyperLogLog.isEmpty(state)
    case .quantile: QuantileSketch.isEmpty(state)
    case .topK: TopValues.isEmpty(state)
    case .collect: CollectedValues.isEmpty(state)
    }
  }

  /// The value; `.missing` where nothing was folded. Blocks are looked up in `pool`, texts in `texts` (see `merge`); the text of the value goes
  /// behind `bytes`.
  func result(at state: UnsafeRawPointer, _ pool: BlockPool, texts: BlockPool, bytes: ByteBuffer) -> FeatureValue {
    switch function {
    case .count: FeatureValue(kind: .integer, bits: state.load(as: UInt64.self))
    case .sum: NumberSum.sum(state)
    case .mean: NumberSum.mean(state)
    case .min, .max: flag ? ExtremeText.result(state, texts, bytes) : ExtremeNumber.result(state)
    case .variance, .stddev: Moments.result(state, isPopulation: flag, isRoot: function == .stddev)
    case .first, .last: TimedValue.result(state, texts, bytes)
    case .elapsed: TimeSpan.result(state)
    case .distinct: DistinctSet.result(state)
    case .approxDistinct: FeatureValue(kind: .integer, bits: UInt64(bitPattern: hyperLogLog.estimate(state, pool)))
    case .quantile: quantile.result(state, pool, millionths: reading)
    case .topK: top.result(state, pool, texts: texts, k: Int(reading), bytes: bytes)
    case .collect: collected.result(state, pool, texts: texts, bytes: bytes)
    }
  }

  /// Gives back what the state holds in the pool; the fixed part is the caller's to clear.
  func release(at state: UnsafeMutableRawPointer, pool: BlockPool) {
    switch function {
    case .first, .last: TimedValue.release(state, pool)
    case .min, .max: if flag { ExtremeText.release(state, pool) }
    case .distinct: distinct.release(state, pool)
    case .approxDistinct: hyperLogLog.release(state, pool)
    case .quantile: quantile.release(state, pool)
    case .topK: top.release(state, pool)
    case .collect: collected.release(state, pool)
    default: break
    }
  }
}

/// What a state has met, as one byte of it: zero, `.missing`, before the first value, then `.null` until the first that is not null.
enum StateKind {
  @inline(__always)
  static func load(_ state: UnsafeRawPointer, at offset: Int) -> ValueKind {
    // Sound: only `store` writes this byte, and a zeroed state is `.missing`.
    state.load(fromByteOffset: offset, as: ValueKind.self)
  }

  @inline(__always)
  static func store(_ kind: ValueKind, _ state: UnsafeMutableRawPointer, at offset: Int) {
    state.storeBytes(of: kind, toByteOffset: offset, as: ValueKind.self)
  }

  /// Notes a null; says whether it was the first value at all.
  @inline(__always)
  @discardableResult
  static func noteNull(_ state: UnsafeMutableRawPointer, at offset: Int) -> Bool {
    guard load(state, at: offset) == .missing else { return false }
    store(.null, state, at: offset)
    return true
  }
}

extension FeatureValue {
  /// Null where a number has left the range of doubles: no store has a text for infinity.
  static func finite(_ value: Double) -> FeatureValue {
    value.isFinite ? FeatureValue(kind: .double, bits: value.bitPattern) : FeatureValue(kind: .null)
  }

  /// Copies a text, or the bytes of an object or an array without the space between its tokens, behind `bytes`.
  static func text(_ kind: ValueKind, _ source: UnsafeBufferPointer<UInt8>, to bytes: ByteBuffer) -> FeatureValue {
    let start = bytes.count
    if kind == .composite { JSONText.appendCompact(source, to: bytes) } else { bytes.append(source) }
    return FeatureValue(kind: kind, bits: UInt64(start), byteCount: UInt32(bytes.count - start))
  }
}
