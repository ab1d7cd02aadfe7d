// Accumulators in a snapshot: which they are, and whether a saved state is one that folding could have made, as far as reading, folding and merging
// rely on it.

import Base
import Records

extension Accumulator {
  func save(to out: SnapshotWriter) {
    out.write(function.rawValue)
    out.write(flag ? 1 : 0)
    out.write(Int(size))
    out.write(multiplier.bitPattern)
  }

  init(from input: inout SnapshotReader) throws(SnapshotError) {
    guard let function = AggregateFunction(rawValue: try input.text()) else { throw .damaged }
    let flag = try input.flag()
    let size = Int32(try input.integer(upTo: Int(Int32.max)))
    let multiplier = Double(bitPattern: try input.word())
    let isPossible: Bool =
      switch function {
      case .distinct: (1...1_000_000).contains(size)
      case .approxDistinct: (4...18).contains(size)
      case .topK: (16...10_000).contains(size)
      case .collect: (1...1000).contains(size)
      case .quantile: multiplier >= 1 && multiplier <= 400
      default: true
      }
    guard isPossible else { throw .damaged }
    self.init(function, flag: flag, reading: 0, size: size, multiplier: multiplier)
  }

  /// Whether a state can be relied on; its blocks are claimed.
  func isSound(at state: UnsafeRawPointer, _ pool: BlockPool, _ claims: inout BlockClaims) -> Bool {
    switch function {
    case .count: state.load(as: Int64.self) >= 0
    case .sum, .mean: NumberSum.isSound(state, counting: function == .mean)
    case .min, .max: flag ? ExtremeText.isSound(state, &claims) : ExtremeNumber.isSound(state)
    case .variance, .stddev: Moments.isSound(state)
    case .first, .last: TimedValue.isSound(state, &claims)
    case .elapsed: TimeSpan.isSound(state)
    case .distinct: distinct.isSound(state, pool, &claims)
    case .approxDistinct: hyperLogLog.isSound(state, pool, &claims)
    case .quantile: quantile.isSound(state, pool, &claims)
    case .topK: top.isSound(state, pool, &claims)
    case .collect: collected.isSound(state, pool, &claims)
    }
  }
}

extension StateKind {
  /// The kind at `offset`; nil where the byte is none.
  static func checked(_ state: UnsafeRawPointer, at offset: Int) -> ValueKind? {
    ValueKind(rawValue: state.load(fromByteOffset: offset, as: UInt8.self))
  }

  /// More values than any state has met.
  static let countMax: Int64 = 1 << 55

  static func isFinite(_ kind: ValueKind, _ bits: UInt64) -> Bool { kind != .double || Double(bitPattern: bits).isFinite }
}

extension StoredValue {
  /// Whether it is a value, and not null; its block is claimed.
  func isSound(_ claims: inout BlockClaims) -> Bool {
    switch tag {
    case ValueKind.bool.rawValue, ValueKind.integer.rawValue: true
    case ValueKind.double.rawValue: Double(bitPattern: bits).isFinite
    case 0x10...0x18: true
    case 0x20, 0x21:
      claims.claim(TextReference(offset: (bits & 0xffff_ffff) << 4, byteCount: UInt32(truncatingIfNeeded: bits >> 32)))
    default: false
    }
  }
}
