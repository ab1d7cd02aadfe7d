// Sums and means.
//
//   [ Int64 or Double bits 8 | kind 1 | - 3 | nulls 4 | integers: n 8, doubles: correction 8 | mean only: n 8 ]
//
// Integers add up as `Int64` until the first double. Doubles are added with Neumaier's compensation ("Rundungsfehleranalyse einiger Verfahren zur
// Summation endlicher Summen", 1974), so that prices add up to what people expect, and the cut into panes does not show in the last
// digits. A sum that has left its range stays `.composite`, which no sum otherwise is, and reads as null.

import Records

enum NumberSum {
  private static let kindOffset = 8
  private static let nullsOffset = 12
  /// Of the correction, and of the number of integers as long as there were only integers.
  private static let correctionOffset = 16
  private static let countOffset = 24

  // MARK: Fold

  /// `counting`: the state is that of a mean.
  @inline(__always)
  static func fold(at state: UnsafeMutableRawPointer, _ value: ColumnValue, counting: Bool, _ counts: inout FoldCounts) -> Bool {
    guard value.kind == .integer || value.kind == .double else {
      if !value.isNull { counts.typeMismatches += 1 }
      return noteNulls(1, state)
    }
    add(at: state, bits: value.bits, kind: value.kind, n: 1, counting: counting, &counts)
    if counting { addCount(1, state) }
    return true
  }

  /// Adds a number that stands for `n` values.
  @inline(__always)
  private static func add(
    at state: UnsafeMutableRawPointer, bits: UInt64, kind: ValueKind, n: Int64, counting: Bool, _ counts: inout FoldCounts
  ) {
    let old = state.load(as: UInt64.self)
    switch (StateKind.load(state, at: kindOffset), kind) {
    case (.missing, _), (.null, _):
      state.storeBytes(of: bits, as: UInt64.self)
      state.storeBytes(of: kind == .integer ? n : 0, toByteOffset: correctionOffset, as: Int64.self)
      StateKind.store(kind, state, at: kindOffset)
    case (.integer, .integer):
      let (sum, overflow) = Int64(bitPattern: old).addingReportingOverflow(Int64(bitPattern: bits))
      if overflow { return leaveIntegers(state, bits, counting: counting, &counts) }
      state.storeBytes(of: sum, as: Int64.self)
      state.storeBytes(
        of: state.load(fromByteOffset: correctionOffset, as: Int64.self) &+ n, toByteOffset: correctionOffset, as: Int64.self)
    case (.integer, _), (.double, _):
      becomeDouble(state)
      addDouble(at: state, double(bits, kind), &counts)
    default: break
    }
  }

  /// A sum of integers must not lose a digit; a mean is a double anyway.
  @inline(never)
  private static func leaveIntegers(
    _ state: UnsafeMutableRawPointer, _ bits: UInt64, counting: Bool, _ counts: inout FoldCounts
  ) {
    guard counting else {
      counts.overflows += 1
      return StateKind.store(.composite, state, at: kindOffset)
    }
    becomeDouble(state)
    addDouble(at: state, double(bits, .integer), &counts)
  }

  @inline(__always)
  private static func becomeDouble(_ state: UnsafeMutableRawPointer) {
    guard StateKind.load(state, at: kindOffset) == .integer else { return }
    state.storeBytes(of: double(state.load(as: UInt64.self), .integer), as: Double.self)
    state.storeBytes(of: 0, toByteOffset: correctionOffset, as: Double.self)
    StateKind.store(.double, state, at: kindOffset)
  }

  @inline(__always)
  private static func addDouble(at state: UnsafeMutableRawPointer, _ value: Double, _ counts: inout FoldCounts) {
    let old = state.load(as: Double.self)
    let sum = old + value
    let lost = abs(old) >= abs(value) ? (old - sum) + value : (value - sum) + old
    state.storeBytes(of: sum, as: Double.self)
    // What has left the range has no correction: infinity minus infinity is no number.
    if lost.isFinite {
      state.storeBytes(
        of: state.load(fromByteOffset: correctionOffset, as: Double.self) + lost, toByteOffset: correctionOffset, as: Double.self)
    } else if old.isFinite {
      counts.overflows += 1
    }
  }

  // MARK: Merge

  static func merge(into state: UnsafeMutableRawPointer, from other: UnsafeRawPointer, counting: Bool, _ counts: inout FoldCounts) {
    let nulls = other.load(fromByteOffset: nullsOffset, as: UInt32.self)
    if nulls > 0 { noteNulls(nulls, state) }
    switch StateKind.load(other, at: kindOffset) {
    case .missing, .null: return
    case .composite: StateKind.store(.composite, state, at: kindOffset)
    case let kind:
      let n = kind == .integer ? other.load(fromByteOffset: correctionOffset, as: Int64.self) : 0
      add(at: state, bits: other.load(as: UInt64.self), kind: kind, n: n, counting: counting, &counts)
      if kind == .double, StateKind.load(state, at: kindOffset) == .double {
        let correction = state.load(fromByteOffset: correctionOffset, as: Double.self)
        state.storeBytes(
          of: correction + other.load(fromByteOffset: correctionOffset, as: Double.self), toByteOffset: correctionOffset,
          as: Double.self)
      }
    }
    if counting { addCount(other.load(fromByteOffset: countOffset, as: Int64.self), state) }
  }

  /// Only where both hold nothing but integers: those add up exactly.
  static func retract(at state: UnsafeMutableRawPointer, _ other: UnsafeRawPointer, counting: Bool) -> Bool {
    let (kind, otherKind) = (StateKind.load(state, at: kindOffset), StateKind.load(other, at: kindOffset))
    let (nulls, otherNulls) = (
      state.load(fromByteOffset: nullsOffset, as: UInt32.self), other.load(fromByteOffset: nullsOffset, as: UInt32.self)
    )
    guard kind == .integer || kind.rawValue <= ValueKind.null.rawValue, nulls < .max, otherNulls <= nulls else { return false }
    var rest = state.load(as: Int64.self)
    var n = kind == .integer ? state.load(fromByteOffset: correctionOffset, as: Int64.self) : 0
    switch otherKind {
    case .missing, .null: break
    case .integer:
      guard kind == .integer else { return false }
      let (difference, overflow) = rest.subtractingReportingOverflow(other.load(as: Int64.self))
      guard !overflow else { return false }
      rest = difference
      n -= other.load(fromByteOffset: correctionOffset, as: Int64.self)
    default: return false
    }
    state.storeBytes(of: rest, as: Int64.self)
    state.storeBytes(of: n, toByteOffset: correctionOffset, as: Int64.self)
    if counting { state.storeBytes(of: n, toByteOffset: countOffset, as: Int64.self) }
    state.storeBytes(of: nulls - otherNulls, toByteOffset: nullsOffset, as: UInt32.self)
    if n == 0 { StateKind.store(nulls > otherNulls ? .null : .missing, state, at: kindOffset) }
    return true
  }

  // MARK: Read

  static func sum(_ state: UnsafeRawPointer) -> FeatureValue {
    switch StateKind.load(state, at: kindOffset) {
    case .composite: FeatureValue(kind: .null)
    case .double: .finite(corrected(state))
    case let kind: FeatureValue(kind: kind, bits: state.load(as: UInt64.self))
    }
  }

  static func mean(_ state: UnsafeRawPointer) -> FeatureValue {
    let n = Double(state.load(fromByteOffset: countOffset, as: Int64.self))
    switch StateKind.load(state, at: kindOffset) {
    case .integer: return .finite(Double(state.load(as: Int64.self)) / n)
    case .double: return .finite(corrected(state) / n)
    case let kind: return FeatureValue(kind: kind)
    }
  }

  /// The sum over several states, where all numbers in them are doubles and none has left the range; nil elsewhere. The additions are those of
  /// `merge`, in its order.
  @inline(__always)
  static func sumOfDoubles(
    _ nodes: UnsafePointer<UnsafeRawPointer>, _ count: Int, at offset: Int, isNewestFirst: Bool
  ) -> FeatureValue? {
    var sum = 0.0
    var correction = 0.0
    var isFirst = true
    for index in 0..<count {
      let state = nodes[isNewestFirst ? index : count &- 1 &- index] + offset
      let kind = StateKind.load(state, at: kindOffset)
      if kind != .double {
        guard kind == .missing || kind == .null else { return nil }
        continue
      }
      let value = state.load(as: Double.self)
      if isFirst {
        sum = value
        isFirst = false
      } else {
        // As in `addDouble`, what is lost, but without a branch (Knuth, The Art of Computer Programming 2, 4.2.2, theorem B).
        let next = sum + value
        let added = next - sum
        correction += (sum - (next - added)) + (value - added)
        sum = next
      }
      correction += state.load(fromByteOffset: correctionOffset, as: Double.self)
    }
    let corrected = sum + correction
    guard !isFirst, corrected.isFinite else { return nil }
    return FeatureValue(kind: .double, bits: corrected.bitPattern)
  }

  // MARK: Parts

  private static func corrected(_ state: UnsafeRawPointer) -> Double {
    state.load(as: Double.self) + state.load(fromByteOffset: correctionOffset, as: Double.self)
  }

  @inline(__always)
  private static func addCount(_ n: Int64, _ state: UnsafeMutableRawPointer) {
    state.storeBytes(of: state.load(fromByteOffset: countOffset, as: Int64.self) &+ n, toByteOffset: countOffset, as: Int64.self)
  }

  /// Their number is needed where a pane is retracted: without its nulls a value may be missing rather than null. Stops at the greatest.
  @inline(__always)
  @discardableResult
  private static func noteNulls(_ n: UInt32, _ state: UnsafeMutableRawPointer) -> Bool {
    let (sum, overflow) = state.load(fromByteOffset: nullsOffset, as: UInt32.self).addingReportingOverflow(n)
    state.storeBytes(of: overflow ? .max : sum, toByteOffset: nullsOffset, as: UInt32.self)
    return StateKind.noteNull(state, at: kindOffset)
  }

  @inline(__always)
  static func double(_ bits: UInt64, _ kind: ValueKind) -> Double {
    kind == .integer ? Double(Int64(bitPattern: bits)) : Double(bitPattern: bits)
  }
}

extension NumberSum {
  /// See `Accumulator.isSound`.
  static func isSound(_ state: UnsafeRawPointer, counting: Bool) -> Bool {
    guard let kind = StateKind.checked(state, at: kindOffset), kind != .bool, kind != .string else { return false }
    let counts = 0...StateKind.countMax
    if kind == .integer, !counts.contains(state.load(fromByteOffset: correctionOffset, as: Int64.self)) { return false }
    return !counting || counts.contains(state.load(fromByteOffset: countOffset, as: Int64.self))
  }
}
