// When two values are the same: texts by their bytes, numbers by their value (1 and 1.0 are one, 0.0 and -0.0 are one), objects and arrays by
// their bytes as they stand. A text is never a number.
//
//   identity, 16 bytes:   numbers and booleans   [ bits 8 | 0 7 | tag 1 ]
//                         up to 15 bytes         [ the bytes, then zeros 15 | tag + byteCount 1 ]
//                         longer                 [ hash 8 | another hash 7 | tag 1 ]

import Base
import Records

/// In which order the cells of an open-addressed table are put into another one. One after the other would fill the other from its front, because
/// both go by the same hashes: there it would overflow before it is full enough to grow, and every search would walk through all of that.
enum TableOrder {
  /// A number below `mask + 1`, a power of two, for each `index` below it, each once, and neighbours far apart.
  @inline(__always)
  static func scattered(_ index: Int, mask: Int) -> Int { index &* 0x9e37_79b1 & mask }
}

/// A value as two words that are equal for equal values. For texts of more than 15 bytes they are 120 bits of hashes: among a million of them two
/// different ones are taken for one with a probability below 1e-24. Never both zero.
struct ValueIdentity: BitwiseCopyable, Equatable {
  var low: UInt64
  var high: UInt64

  /// `value` must not be null.
  @inline(__always)
  init(_ value: ColumnValue) {
    switch value.kind {
    case .string: self.init(value.bytes, tag: 0x10)
    case .composite: self.init(value.bytes, tag: 0x30)
    default:
      let number = Self.normal(value)
      self.init(low: number.bits, high: UInt64(number.kind.rawValue) << 56)
    }
  }

  private init(low: UInt64, high: UInt64) {
    self.low = low
    self.high = high
  }

  private init(_ bytes: UnsafeBufferPointer<UInt8>, tag: UInt64) {
    let count = bytes.count
    guard count > 0, let start = UnsafeRawPointer(bytes.baseAddress) else {
      low = 0
      high = tag << 56
      return
    }
    guard count < 16 else {
      let start = start.assumingMemoryBound(to: UInt8.self)
      low = Hash.bytes(start, count: count)
      high = Hash.bytes(start, count: count, seed: 0x9ae1_6a3b_2f90_404f) >> 8 | (tag + 0x10) << 56
      return
    }
    high = (tag + UInt64(count)) << 56
    if count >= 8 {
      low = start.loadUnaligned(as: UInt64.self)
      high |= (start + count - 8).loadUnaligned(as: UInt64.self) >> UInt64(8 * (16 - count))
    } else if count >= 4 {
      low =
        UInt64(start.loadUnaligned(as: UInt32.self)) | UInt64((start + count - 4).loadUnaligned(as: UInt32.self))
        << (8 * (count - 4))
    } else {
      low = UInt64(bytes[0]) | UInt64(bytes[count >> 1]) << (8 * (count >> 1)) | UInt64(bytes[count - 1]) << (8 * (count - 1))
    }
  }

  @inline(__always)
  var hash: UInt64 { Hash.mix(high, low) }

  /// A 64-bit hash of a value that is not null; equal for equal values, in any process.
  @inline(__always)
  static func hash(_ value: ColumnValue) -> UInt64 {
    switch value.kind {
    case .string:
      return value.byteCount == 0 ? 0x2d35_8dcc_aa6c_78a5 : Hash.bytes(value.bytes.baseAddress!, count: Int(value.byteCount))
    case .composite:
      return Hash.bytes(value.bytes.baseAddress!, count: Int(value.byteCount), seed: 0x8bb8_4b93_962e_acc9)
    default:
      let number = normal(value)
      // The bits go through both rounds: counting depends on every bit of the hash.
      return Hash.mix(UInt64(number.kind.rawValue), number.bits)
    }
  }

  /// A number that an integer can hold becomes one, so that 1 and 1.0 are the same.
  @inline(__always)
  static func normal(_ value: ColumnValue) -> ColumnValue {
    guard value.kind == .double, let integer = Int64(exactly: value.double) else { return value }
    return ColumnValue(integer: integer)
  }
}
