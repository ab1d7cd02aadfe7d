// The least and the greatest: of numbers by value, also an integer against a double that cannot hold it; of texts by their UTF-8 bytes, which is
// the order of their Unicode scalars.
//
//   number  [ Int64 or Double bits 8 | kind 1 | - 7 ]
//   text    [ pool offset 8 | kind 1 | - 3 | byteCount 4 ]

import Base
import Records

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

enum ExtremeNumber {
  private static let kindOffset = 8

  @inline(__always)
  static func fold(at state: UnsafeMutableRawPointer, _ value: ColumnValue, takesGreater: Bool, _ counts: inout FoldCounts) -> Bool
  {
    guard value.kind == .integer || value.kind == .double else {
      if !value.isNull { counts.typeMismatches += 1 }
      return StateKind.noteNull(state, at: kindOffset)
    }
    return take(at: state, bits: value.bits, kind: value.kind, takesGreater: takesGreater)
  }

  static func merge(into state: UnsafeMutableRawPointer, from other: UnsafeRawPointer, takesGreater: Bool) {
    switch StateKind.load(other, at: kindOffset) {
    case .missing: break
    case .null: StateKind.noteNull(state, at: kindOffset)
    case let kind: _ = take(at: state, bits: other.load(as: UInt64.self), kind: kind, takesGreater: takesGreater)
    }
  }

  static func result(_ state: UnsafeRawPointer) -> FeatureValue {
    FeatureValue(kind: StateKind.load(state, at: kindOffset), bits: state.load(as: UInt64.self))
  }

  /// The extreme over several states, where all numbers in them are doubles; nil elsewhere.
  @inline(__always)
  static func extremeOfDoubles(
    _ nodes: UnsafePointer<UnsafeRawPointer>, _ count: Int, at offset: Int, takesGreater: Bool
  ) -> FeatureValue? {
    var extreme = takesGreater ? -Double.infinity : .infinity
    for index in 0..<count {
      let state = nodes[index] + offset
      let kind = StateKind.load(state, at: kindOffset)
      if kind != .double {
        guard kind == .missing || kind == .null else { return nil }
        continue
      }
      let value = state.load(as: Double.self)
      extreme = takesGreater ? (value > extreme ? value : extreme) : (value < extreme ? value : extreme)
    }
    // What is folded is finite.
    guard extreme.isFinite else { return nil }
    return FeatureValue(kind: .double, bits: extreme.bitPattern)
  }

  @inline(__always)
  private static func take(at state: UnsafeMutableRawPointer, bits: UInt64, kind: ValueKind, takesGreater: Bool) -> Bool {
    let oldKind = StateKind.load(state, at: kindOffset)
    if oldKind == .integer || oldKind == .double {
      let old = state.load(as: UInt64.self)
      let isBetter =
        takesGreater ? isNumber(bits, kind, greaterThan: old, oldKind) : isNumber(old, oldKind, greaterThan: bits, kind)
      guard isBetter || kind == .integer && oldKind == .double && equals(bits, old) else { return false }
    }
    state.storeBytes(of: kind == .double && bits == (-0.0).bitPattern ? 0 : bits, as: UInt64.self)
    StateKind.store(kind, state, at: kindOffset)
    return true
  }

  /// Of 1 and 1.0 the integer is kept, whichever comes first: values must not tell how records were ordered or cut into panes.
  @inline(never)
  private static func equals(_ integer: UInt64, _ double: UInt64) -> Bool {
    Int64(exactly: Double(bitPattern: double)) == Int64(bitPattern: integer)
  }

  /// Compares exactly.
  @inline(__always)
  static func isNumber(_ a: UInt64, _ aKind: ValueKind, greaterThan b: UInt64, _ bKind: ValueKind) -> Bool {
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

enum ExtremeText {
  private static let kindOffset = 8
  private static let byteCountOffset = 12

  static func fold(
    at state: UnsafeMutableRawPointer, _ value: ColumnValue, takesGreater: Bool, _ pool: BlockPool, _ counts: inout FoldCounts
  ) -> Bool {
    guard value.kind == .string else {
      if !value.isNull { counts.typeMismatches += 1 }
      return StateKind.noteNull(state, at: kindOffset)
    }
    let new: TextReference
    if StateKind.load(state, at: kindOffset) == .string {
      let old = reference(state)
      let order = compare(value.bytes, pool.bytes(old))
      guard takesGreater ? order > 0 : order < 0 else { return false }
      new = pool.replace(old, with: value.bytes)
    } else {
      new = pool.store(value.bytes)
    }
    store(new, state)
    return true
  }

  /// `released`: the pool that owns both texts, where the one that is not taken goes back to.
  static func merge(
    into state: UnsafeMutableRawPointer, from other: UnsafeRawPointer, takesGreater: Bool, texts: BlockPool, released: BlockPool?
  ) {
    switch StateKind.load(other, at: kindOffset) {
    case .missing: return
    case .string: break
    default:
      StateKind.noteNull(state, at: kindOffset)
      return
    }
    let new = reference(other)
    if StateKind.load(state, at: kindOffset) == .string {
      let old = reference(state)
      let order = compare(texts.bytes(new), texts.bytes(old))
      guard takesGreater ? order > 0 : order < 0 else {
        released?.release(new)
        return
      }
      released?.release(old)
    }
    store(new, state)
  }

  static func result(_ state: UnsafeRawPointer, _ texts: BlockPool, _ bytes: ByteBuffer) -> FeatureValue {
    let kind = StateKind.load(state, at: kindOffset)
    guard kind == .string else { return FeatureValue(kind: kind) }
    return .text(kind, texts.bytes(reference(state)), to: bytes)
  }

  static func release(_ state: UnsafeRawPointer, _ pool: BlockPool) {
    if StateKind.load(state, at: kindOffset) == .string { pool.release(reference(state)) }
  }

  /// Below, at or above 0 as `a` stands before, with or behind `b`.
  static func compare(_ a: UnsafeBufferPointer<UInt8>, _ b: UnsafeBufferPointer<UInt8>) -> Int {
    let shorter = min(a.count, b.count)
    if shorter > 0 {
      let order = memcmp(a.baseAddress!, b.baseAddress!, shorter)
      if order != 0 { return Int(order) }
    }
    return a.count - b.count
  }

  private static func reference(_ state: UnsafeRawPointer) -> TextReference {
    TextReference(offset: state.load(as: UInt64.self), byteCount: state.load(fromByteOffset: byteCountOffset, as: UInt32.self))
  }

  private static func store(_ text: TextReference, _ state: UnsafeMutableRawPointer) {
    state.storeBytes(of: text.offset, as: UInt64.self)
    state.storeBytes(of: text.byteCount, toByteOffset: byteCountOffset, as: UInt32.self)
    StateKind.store(.string, state, at: kindOffset)
  }
}

extension ExtremeNumber {
  /// See `Accumulator.isSound`.
  static func isSound(_ state: UnsafeRawPointer) -> Bool {
    guard let kind = StateKind.checked(state, at: kindOffset), [.missing, .null, .integer, .double].contains(kind) else {
      return false
    }
    return StateKind.isFinite(kind, state.load(as: UInt64.self))
  }
}

extension ExtremeText {
  /// See `Accumulator.isSound`.
  static func isSound(_ state: UnsafeRawPointer, _ claims: inout BlockClaims) -> Bool {
    switch StateKind.checked(state, at: kindOffset) {
    case .missing, .null: true
    case .string: claims.claim(reference(state))
    default: false
    }
  }
}
