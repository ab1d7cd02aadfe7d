// The accumulators: fixed-size state in raw memory, all zero when empty, so that a node of many accumulators is made by one `memset` and
// copied by one `memcpy`. Each can be folded with a value, merged with another, and read.
//
//   count   [ n 8 ]
//   sum     [ Int64 or Double bits 8 | kind 1 | - 7 | correction Double 8 ]    kind: what the bits are (`ValueKind`); .null after only nulls
//   min max [ Int64 or Double bits 8 | kind 1 | - 7 ]
//   mean    [ sum Double 8 | kind 1 | - 7 | correction Double 8 | n 8 ]
//   last    [ event time 8 | bits or pool offset 8 | byteCount 4 | kind 1 | - 3 ]
//
// Doubles are added with Neumaier's compensation ("Rundungsfehleranalyse einiger Verfahren zur Summation endlicher Summen", 1974), so that
// prices add up to what people expect, and the cut into panes does not show in the last digits.

import Base
import Records

/// What folding could not do, counted.
struct FoldCounts: Equatable {
  /// Values of a type that the aggregate does not take.
  var typeMismatches: Int64 = 0
  /// Integer sums that left `Int64`; such a sum is null from then on.
  var overflows: Int64 = 0
}

enum Accumulator {
  static let byteCountMax = 32
  /// Where the kind of a `sum`, `min`, `max` or `mean` stands.
  private static let numberKindOffset = 8

  static func byteCount(of function: AggregateFunction) -> Int {
    switch function {
    case .count: 8
    case .min, .max: 16
    case .sum, .last: 24
    case .mean: 32
    }
  }

  /// Whether the state refers to bytes in a `TextPool`.
  static func holdsText(_ function: AggregateFunction) -> Bool { function == .last }

  // MARK: Fold

  /// Folds one value in; says whether the state changed. `hasColumn` is false for a `count` of records.
  @inline(__always)
  static func fold(
    _ function: AggregateFunction, at state: UnsafeMutableRawPointer, _ value: ColumnValue, hasColumn: Bool, time: Int64,
    text: TextPool,
    counts: inout FoldCounts
  ) -> Bool {
    switch function {
    case .count:
      if hasColumn, value.isNull { return false }
      state.storeBytes(of: state.load(as: Int64.self) &+ 1, as: Int64.self)
      return true
    case .last: return foldLast(at: state, value, time: time, text: text)
    case .sum, .min, .max, .mean: break
    }
    guard value.kind == .integer || value.kind == .double else {
      if !value.isNull { counts.typeMismatches += 1 }
      return noteNull(state, numberKindOffset)
    }
    switch function {
    case .min: return takeExtreme(at: state, bits: value.bits, kind: value.kind, takesGreater: false)
    case .max: return takeExtreme(at: state, bits: value.bits, kind: value.kind, takesGreater: true)
    case .mean: foldMean(at: state, value)
    default: addNumber(at: state, bits: value.bits, kind: value.kind, &counts)
    }
    return true
  }

  /// Adds a number to a sum. A sum that has overflowed stays `.composite`, which no sum otherwise is, and reads as null.
  @inline(__always)
  private static func addNumber(at state: UnsafeMutableRawPointer, bits: UInt64, kind: ValueKind, _ counts: inout FoldCounts) {
    let old = state.load(as: UInt64.self)
    switch (kindByte(state, 8), kind) {
    case (.missing, _), (.null, _):
      state.storeBytes(of: bits, as: UInt64.self)
      setKind(state, 8, kind)
    case (.integer, .integer):
      let (sum, overflow) = Int64(bitPattern: old).addingReportingOverflow(Int64(bitPattern: bits))
      state.storeBytes(of: sum, as: Int64.self)
      if overflow {
        counts.overflows += 1
        setKind(state, 8, .composite)
      }
    case (.integer, _), (.double, _):
      if kindByte(state, 8) == .integer { state.storeBytes(of: double(old, .integer), as: Double.self) }
      addDouble(at: state, double(bits, kind))
      setKind(state, 8, .double)
    default: break
    }
  }

  /// Adds to the sum at 0 with its correction at 16.
  @inline(__always)
  private static func addDouble(at state: UnsafeMutableRawPointer, _ value: Double) {
    let old = state.load(as: Double.self)
    let sum = old + value
    let lost = abs(old) >= abs(value) ? (old - sum) + value : (value - sum) + old
    state.storeBytes(of: sum, as: Double.self)
    // An overflow has no correction: infinity minus infinity is no number.
    if lost.isFinite {
      state.storeBytes(of: state.load(fromByteOffset: 16, as: Double.self) + lost, toByteOffset: 16, as: Double.self)
    }
  }

  @inline(__always)
  private static func corrected(_ state: UnsafeRawPointer) -> Double {
    state.load(as: Double.self) + state.load(fromByteOffset: 16, as: Double.self)
  }

  @inline(__always)
  @discardableResult
  private static func takeExtreme(at state: UnsafeMutableRawPointer, bits: UInt64, kind: ValueKind, takesGreater: Bool) -> Bool {
    let oldKind = kindByte(state, 8)
    if oldKind == .integer || oldKind == .double {
      let old = state.load(as: UInt64.self)
      let isGreater = isNumber(bits, kind, greaterThan: old, oldKind)
      let isLess = isNumber(old, oldKind, greaterThan: bits, kind)
      guard takesGreater ? isGreater : isLess else { return false }
    }
    state.storeBytes(of: bits, as: UInt64.self)
    setKind(state, 8, kind)
    return true
  }

  @inline(__always)
  private static func foldMean(at state: UnsafeMutableRawPointer, _ value: ColumnValue) {
    addDouble(at: state, double(value.bits, value.kind))
    state.storeBytes(of: state.load(fromByteOffset: 24, as: Int64.self) &+ 1, toByteOffset: 24, as: Int64.self)
    setKind(state, 8, .double)
  }

  private static func foldLast(at state: UnsafeMutableRawPointer, _ value: ColumnValue, time: Int64, text: TextPool) -> Bool {
    let oldKind = kindByte(state, 20)
    if value.isNull { return noteNull(state, 20) }
    let isEmpty = oldKind == .missing || oldKind == .null
    guard isEmpty || time >= state.load(as: Int64.self) else { return false }
    var bits = value.bits
    if value.kind == .string || value.kind == .composite {
      bits = (holdsText(kind: oldKind) ? text.replace(textReference(state), with: value.bytes) : text.store(value.bytes)).offset
    } else if holdsText(kind: oldKind) {
      text.release(textReference(state))
    }
    state.storeBytes(of: time, as: Int64.self)
    state.storeBytes(of: bits, toByteOffset: 8, as: UInt64.self)
    state.storeBytes(of: value.byteCount, toByteOffset: 16, as: UInt32.self)
    setKind(state, 20, value.kind)
    return true
  }

  // MARK: Merge

  /// Adds `other` to `state`. A merged `last` refers to the text of the one it took, and does not own it.
  static func merge(
    _ function: AggregateFunction, at state: UnsafeMutableRawPointer, _ other: UnsafeRawPointer, counts: inout FoldCounts
  ) {
    switch function {
    case .count: state.storeBytes(of: state.load(as: Int64.self) &+ other.load(as: Int64.self), as: Int64.self)
    case .sum:
      switch kindByte(other, 8) {
      case .missing: break
      case .null: noteNull(state, 8)
      case .composite: setKind(state, 8, .composite)
      case let kind:
        addNumber(at: state, bits: other.load(as: UInt64.self), kind: kind, &counts)
        if kind == .double { mergeCorrection(at: state, other) }
      }
    case .min, .max:
      switch kindByte(other, 8) {
      case .missing: break
      case .null: noteNull(state, 8)
      case let kind: takeExtreme(at: state, bits: other.load(as: UInt64.self), kind: kind, takesGreater: function == .max)
      }
    case .mean:
      guard kindByte(other, 8) == .double else {
        if kindByte(other, 8) == .null { noteNull(state, 8) }
        return
      }
      addDouble(at: state, other.load(as: Double.self))
      mergeCorrection(at: state, other)
      state.storeBytes(
        of: state.load(fromByteOffset: 24, as: Int64.self) &+ other.load(fromByteOffset: 24, as: Int64.self), toByteOffset: 24,
        as: Int64.self)
      setKind(state, 8, .double)
    case .last:
      let kind = kindByte(other, 20)
      guard kind != .missing, kind != .null else {
        if kind == .null { noteNull(state, 20) }
        return
      }
      let oldKind = kindByte(state, 20)
      if oldKind == .missing || oldKind == .null || other.load(as: Int64.self) > state.load(as: Int64.self) {
        state.copyMemory(from: other, byteCount: 24)
      }
    }
  }

  // MARK: Read

  /// The value; `.missing` where nothing was folded, but for `count`, which is 0. Text goes behind `bytes`.
  static func result(_ function: AggregateFunction, at state: UnsafeRawPointer, text: TextPool, bytes: ByteBuffer) -> FeatureValue {
    let bits = state.load(as: UInt64.self)
    switch function {
    case .count: return FeatureValue(kind: .integer, bits: bits)
    case .sum:
      switch kindByte(state, 8) {
      case .composite: return FeatureValue(kind: .null)
      case .double: return finite(corrected(state))
      case let kind: return FeatureValue(kind: kind, bits: bits)
      }
    case .min, .max: return FeatureValue(kind: kindByte(state, 8), bits: bits)
    case .mean:
      let kind = kindByte(state, 8)
      guard kind == .double else { return FeatureValue(kind: kind) }
      let mean = corrected(state) / Double(state.load(fromByteOffset: 24, as: Int64.self))
      return finite(mean)
    case .last:
      let kind = kindByte(state, 20)
      guard holdsText(kind: kind) else {
        return FeatureValue(kind: kind, bits: state.load(fromByteOffset: 8, as: UInt64.self))
      }
      let start = bytes.count
      let stored = text.bytes(textReference(state))
      bytes.append(stored)
      return FeatureValue(kind: kind, bits: UInt64(start), byteCount: UInt32(stored.count))
    }
  }

  /// Gives back what the state holds in the pool.
  static func releaseText(of function: AggregateFunction, at state: UnsafeMutableRawPointer, text: TextPool) {
    guard function == .last, holdsText(kind: kindByte(state, 20)) else { return }
    text.release(textReference(state))
  }

  // MARK: Parts

  /// A sum that has left the range of doubles is null: no store has a text for infinity.
  private static func finite(_ value: Double) -> FeatureValue {
    value.isFinite ? FeatureValue(kind: .double, bits: value.bitPattern) : FeatureValue(kind: .null)
  }

  /// Whether nothing was ever folded.
  static func isEmpty(_ function: AggregateFunction, at state: UnsafeRawPointer) -> Bool {
    switch function {
    case .count: state.load(as: Int64.self) == 0
    case .sum, .min, .max, .mean: kindByte(state, numberKindOffset) == .missing
    case .last: kindByte(state, 20) == .missing
    }
  }

  @inline(__always)
  private static func mergeCorrection(at state: UnsafeMutableRawPointer, _ other: UnsafeRawPointer) {
    let sum = state.load(fromByteOffset: 16, as: Double.self) + other.load(fromByteOffset: 16, as: Double.self)
    state.storeBytes(of: sum, toByteOffset: 16, as: Double.self)
  }

  @inline(__always)
  private static func kindByte(_ state: UnsafeRawPointer, _ offset: Int) -> ValueKind {
    // Sound: only `setKind` writes this byte, and a zeroed state is `.missing`.
    state.load(fromByteOffset: offset, as: ValueKind.self)
  }

  @inline(__always)
  private static func setKind(_ state: UnsafeMutableRawPointer, _ offset: Int, _ kind: ValueKind) {
    state.storeBytes(of: kind, toByteOffset: offset, as: ValueKind.self)
  }

  /// An aggregate over only nulls is null, over nothing it is missing.
  @discardableResult
  private static func noteNull(_ state: UnsafeMutableRawPointer, _ offset: Int) -> Bool {
    guard kindByte(state, offset) == .missing else { return false }
    setKind(state, offset, .null)
    return true
  }

  private static func holdsText(kind: ValueKind) -> Bool { kind == .string || kind == .composite }

  private static func textReference(_ state: UnsafeRawPointer) -> TextReference {
    TextReference(
      offset: state.load(fromByteOffset: 8, as: UInt64.self), byteCount: state.load(fromByteOffset: 16, as: UInt32.self))
  }

  @inline(__always)
  private static func double(_ bits: UInt64, _ kind: ValueKind) -> Double {
    kind == .integer ? Double(Int64(bitPattern: bits)) : Double(bitPattern: bits)
  }

  /// Compares exactly, also an `Int64` with a `Double` that cannot hold it.
  @inline(__always)
  private static func isNumber(_ a: UInt64, _ aKind: ValueKind, greaterThan b: UInt64, _ bKind: ValueKind) -> Bool {
    switch (aKind, bKind) {
    case (.integer, .integer): return Int64(bitPattern: a) > Int64(bitPattern: b)
    case (.integer, _): return isDouble(Double(bitPattern: b), lessThan: Int64(bitPattern: a))
    case (_, .integer): return isDouble(Double(bitPattern: a), greaterThan: Int64(bitPattern: b))
    default: return Double(bitPattern: a) > Double(bitPattern: b)
    }
  }

  private static func isDouble(_ double: Double, lessThan integer: Int64) -> Bool {
    if double < -0x1p63 { return true }
    if double >= 0x1p63 { return false }
    return Int64(double.rounded(.down)) < integer
  }

  private static func isDouble(_ double: Double, greaterThan integer: Int64) -> Bool {
    if double < -0x1p63 { return false }
    if double >= 0x1p63 { return true }
    return Int64(double.rounded(.up)) > integer
  }
}
