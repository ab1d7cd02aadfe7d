// Variance and standard deviation from the running mean and the sum of squared differences from it: one value at a time by Welford ("Note on a
// method for calculating corrected sums of squares and products", 1962), two states by Chan, Golub and LeVeque ("Updating formulae and a
// pairwise algorithm for computing sample variances", 1979). Neither subtracts large squares, so nothing cancels.
//
//   [ mean 8 | kind 1 | - 7 | sum of squares M2 8 | n 8 ]

import Records

enum Moments {
  private static let kindOffset = 8
  private static let squaresOffset = 16
  private static let countOffset = 24

  @inline(__always)
  static func fold(at state: UnsafeMutableRawPointer, _ value: ColumnValue, _ counts: inout FoldCounts) -> Bool {
    guard value.kind == .integer || value.kind == .double else {
      if !value.isNull { counts.typeMismatches += 1 }
      return StateKind.noteNull(state, at: kindOffset)
    }
    let number = NumberSum.double(value.bits, value.kind)
    let n = state.load(fromByteOffset: countOffset, as: Int64.self) &+ 1
    let oldMean = state.load(as: Double.self)
    let oldSquares = squares(state)
    let mean = oldMean + (number - oldMean) / Double(n)
    let newSquares = oldSquares + (number - oldMean) * (number - mean)
    if !newSquares.isFinite, oldSquares.isFinite { counts.overflows += 1 }
    store(state, mean: mean, squares: newSquares, n: n)
    return true
  }

  static func merge(into state: UnsafeMutableRawPointer, from other: UnsafeRawPointer) {
    guard StateKind.load(other, at: kindOffset) == .double else {
      if StateKind.load(other, at: kindOffset) == .null { StateKind.noteNull(state, at: kindOffset) }
      return
    }
    let (n, otherN) = (
      state.load(fromByteOffset: countOffset, as: Int64.self), other.load(fromByteOffset: countOffset, as: Int64.self)
    )
    guard n > 0 else {
      return store(state, mean: other.load(as: Double.self), squares: squares(other), n: otherN)
    }
    let mean = state.load(as: Double.self)
    let difference = other.load(as: Double.self) - mean
    let share = Double(otherN) / Double(n + otherN)
    store(
      state, mean: mean + difference * share,
      squares: squares(state) + squares(other) + difference * difference * Double(n) * share, n: n + otherN)
  }

  /// Of a sample under two values, and of a population without one: null.
  static func result(_ state: UnsafeRawPointer, isPopulation: Bool, isRoot: Bool) -> FeatureValue {
    guard StateKind.load(state, at: kindOffset) == .double else {
      return FeatureValue(kind: StateKind.load(state, at: kindOffset))
    }
    let divisor = state.load(fromByteOffset: countOffset, as: Int64.self) - (isPopulation ? 0 : 1)
    guard divisor > 0 else { return FeatureValue(kind: .null) }
    let variance = squares(state) / Double(divisor)
    return .finite(isRoot ? variance.squareRoot() : variance)
  }

  private static func squares(_ state: UnsafeRawPointer) -> Double { state.load(fromByteOffset: squaresOffset, as: Double.self) }

  @inline(__always)
  private static func store(_ state: UnsafeMutableRawPointer, mean: Double, squares: Double, n: Int64) {
    state.storeBytes(of: mean, as: Double.self)
    state.storeBytes(of: squares, toByteOffset: squaresOffset, as: Double.self)
    state.storeBytes(of: n, toByteOffset: countOffset, as: Int64.self)
    StateKind.store(.double, state, at: kindOffset)
  }
}

extension Moments {
  /// See `Accumulator.isSound`.
  static func isSound(_ state: UnsafeRawPointer) -> Bool {
    guard let kind = StateKind.checked(state, at: kindOffset), [.missing, .null, .double].contains(kind) else { return false }
    return (kind == .double ? 1 : 0)...(kind == .double ? StateKind.countMax : 0)
      ~= state.load(fromByteOffset: countOffset, as: Int64.self)
  }
}
