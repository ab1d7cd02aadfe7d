// What goes by event time: the first and the last value, and the time between the first and the last record.
//
//   first last  [ event time 8 | bits or pool offset 8 | byteCount 4 | kind 1 | - 3 ]
//   elapsed     [ least event time, sign bit turned 8 | greatest, the same 8 ]       0: none, as no event time is `Int64.min`

import Base
import Records

/// `first` and `last`. Values of one event time are all folded into one state, in the order of their arrival; so equal times in two
/// states that are merged do not happen, and need no rule.
enum TimedValue {
  static let kindOffset = 20

  static func fold(
    at state: UnsafeMutableRawPointer, _ value: ColumnValue, time: Int64, takesLater: Bool, _ pool: BlockPool
  ) -> Bool {
    if value.isNull { return StateKind.noteNull(state, at: kindOffset) }
    let oldKind = StateKind.load(state, at: kindOffset)
    if oldKind != .missing, oldKind != .null {
      let oldTime = state.load(as: Int64.self)
      guard takesLater ? time >= oldTime : time < oldTime else { return false }
    }
    var bits = value.bits
    if holdsText(value.kind) {
      bits = (holdsText(oldKind) ? pool.replace(reference(state), with: value.bytes) : pool.store(value.bytes)).offset
    } else if holdsText(oldKind) {
      pool.release(reference(state))
    }
    state.storeBytes(of: time, as: Int64.self)
    state.storeBytes(of: bits, toByteOffset: 8, as: UInt64.self)
    state.storeBytes(of: value.byteCount, toByteOffset: 16, as: UInt32.self)
    StateKind.store(value.kind, state, at: kindOffset)
    return true
  }

  /// `released`: the pool that owns both texts, where the one that is not taken goes back to.
  static func merge(into state: UnsafeMutableRawPointer, from other: UnsafeRawPointer, takesLater: Bool, released: BlockPool?) {
    let kind = StateKind.load(other, at: kindOffset)
    guard kind != .missing, kind != .null else {
      if kind == .null { StateKind.noteNull(state, at: kindOffset) }
      return
    }
    let oldKind = StateKind.load(state, at: kindOffset)
    if oldKind != .missing, oldKind != .null {
      let (time, oldTime) = (other.load(as: Int64.self), state.load(as: Int64.self))
      guard takesLater ? time > oldTime : time < oldTime else {
        if let released { release(other, released) }
        return
      }
      if let released { release(state, released) }
    }
    state.copyMemory(from: other, byteCount: 24)
  }

  static func result(_ state: UnsafeRawPointer, _ texts: BlockPool, _ bytes: ByteBuffer) -> FeatureValue {
    let kind = StateKind.load(state, at: kindOffset)
    guard holdsText(kind) else { return FeatureValue(kind: kind, bits: state.load(fromByteOffset: 8, as: UInt64.self)) }
    return .text(kind, texts.bytes(reference(state)), to: bytes)
  }

  static func release(_ state: UnsafeRawPointer, _ pool: BlockPool) {
    if holdsText(StateKind.load(state, at: kindOffset)) { pool.release(reference(state)) }
  }

  private static func holdsText(_ kind: ValueKind) -> Bool { kind == .string || kind == .composite }

  private static func reference(_ state: UnsafeRawPointer) -> TextReference {
    TextReference(
      offset: state.load(fromByteOffset: 8, as: UInt64.self), byteCount: state.load(fromByteOffset: 16, as: UInt32.self))
  }
}

enum TimeSpan {
  @inline(__always)
  static func fold(at state: UnsafeMutableRawPointer, time: Int64) -> Bool {
    take(state, least: UInt64(bitPattern: time ^ .min), greatest: UInt64(bitPattern: time ^ .min))
  }

  static func merge(into state: UnsafeMutableRawPointer, from other: UnsafeRawPointer) {
    guard !isEmpty(other) else { return }
    _ = take(state, least: other.load(as: UInt64.self), greatest: other.load(fromByteOffset: 8, as: UInt64.self))
  }

  static func isEmpty(_ state: UnsafeRawPointer) -> Bool { state.load(as: UInt64.self) == 0 }

  static func result(_ state: UnsafeRawPointer) -> FeatureValue {
    guard !isEmpty(state) else { return FeatureValue(kind: .missing) }
    return FeatureValue(kind: .integer, bits: state.load(fromByteOffset: 8, as: UInt64.self) - state.load(as: UInt64.self))
  }

  @inline(__always)
  private static func take(_ state: UnsafeMutableRawPointer, least: UInt64, greatest: UInt64) -> Bool {
    let oldLeast = state.load(as: UInt64.self)
    let oldGreatest = state.load(fromByteOffset: 8, as: UInt64.self)
    guard oldLeast == 0 || least < oldLeast || greatest > oldGreatest else { return false }
    state.storeBytes(of: oldLeast == 0 ? least : min(least, oldLeast), as: UInt64.self)
    state.storeBytes(of: max(greatest, oldGreatest), toByteOffset: 8, as: UInt64.self)
    return true
  }
}

extension TimedValue {
  /// See `Accumulator.isSound`.
  static func isSound(_ state: UnsafeRawPointer, _ claims: inout BlockClaims) -> Bool {
    guard let kind = StateKind.checked(state, at: kindOffset) else { return false }
    if holdsText(kind) { return claims.claim(reference(state)) }
    return StateKind.isFinite(kind, state.load(fromByteOffset: 8, as: UInt64.self))
  }
}

extension TimeSpan {
  /// See `Accumulator.isSound`.
  static func isSound(_ state: UnsafeRawPointer) -> Bool {
    let (least, greatest) = (state.load(as: UInt64.self), state.load(fromByteOffset: 8, as: UInt64.self))
    return least == 0 ? greatest == 0 : greatest >= least && greatest - least <= UInt64(Int64.max)
  }
}
