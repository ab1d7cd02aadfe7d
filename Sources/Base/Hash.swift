// Hashes of bytes: one for our own tables, one that others must agree with.
// `bytes` follows the construction of wyhash (Wang Yi, public domain): 64x64 -> 128 bit multiply and fold.
// `murmur2` is Apache Kafka's variant (org.apache.kafka.common.utils.Utils.murmur2), which its default partitioner uses. `murmur3` is
// MurmurHash3_x86_32 (Austin Appleby, public domain), which Feast names features by.

public enum Hash {
  /// A 64-bit hash of `count` bytes for tables inside one process. Reads nothing outside the range.
  @inlinable
  public static func bytes(_ start: UnsafePointer<UInt8>, count: Int, seed: UInt64 = 0) -> UInt64 {
    let raw = UnsafeRawPointer(start)
    var state = seed ^ 0xa076_1d64_78bd_642f
    var a: UInt64
    var b: UInt64
    if count <= 16 {
      if count >= 8 {
        a = raw.loadUnaligned(as: UInt64.self)
        b = (raw + count - 8).loadUnaligned(as: UInt64.self)
      } else if count >= 4 {
        a = UInt64(raw.loadUnaligned(as: UInt32.self))
        b = UInt64((raw + count - 4).loadUnaligned(as: UInt32.self))
      } else if count > 0 {
        a = UInt64(start[0]) << 16 | UInt64(start[count >> 1]) << 8 | UInt64(start[count - 1])
        b = 0
      } else {
        a = 0
        b = 0
      }
    } else {
      var index = 0
      while index &+ 16 < count {
        state = fold(
          (raw + index).loadUnaligned(as: UInt64.self) ^ 0xe703_7ed1_a0b4_28db,
          (raw + index + 8).loadUnaligned(as: UInt64.self) ^ state)
        index &+= 16
      }
      a = (raw + count - 16).loadUnaligned(as: UInt64.self)
      b = (raw + count - 8).loadUnaligned(as: UInt64.self)
    }
    return fold(0x8ebc_6af0_9c88_c6e3 ^ UInt64(truncatingIfNeeded: count), fold(a ^ 0xe703_7ed1_a0b4_28db, b ^ state))
  }

  /// Mixes two words into one; every input bit changes every output bit with probability close to one half.
  @inlinable
  public static func mix(_ a: UInt64, _ b: UInt64) -> UInt64 {
    fold(a ^ 0xa076_1d64_78bd_642f, fold(b ^ 0xe703_7ed1_a0b4_28db, 0x8ebc_6af0_9c88_c6e3))
  }

  @inlinable
  static func fold(_ a: UInt64, _ b: UInt64) -> UInt64 {
    let product = a.multipliedFullWidth(by: b)
    return product.high ^ product.low
  }

  /// Kafka's murmur2 of `count` bytes.
  @inlinable
  public static func murmur2(_ start: UnsafePointer<UInt8>, count: Int) -> UInt32 {
    let multiplier: UInt32 = 0x5bd1_e995
    let raw = UnsafeRawPointer(start)
    var hash: UInt32 = 0x9747_b28c ^ UInt32(truncatingIfNeeded: count)
    var index = 0
    while index &+ 4 <= count {
      var word = UInt32(littleEndian: (raw + index).loadUnaligned(as: UInt32.self)) &* multiplier
      word ^= word >> 24
      word = word &* multiplier
      hash = (hash &* multiplier) ^ word
      index &+= 4
    }
    let rest = count & 3
    if rest > 0 {
      if rest == 3 { hash ^= UInt32(start[index &+ 2]) << 16 }
      if rest >= 2 { hash ^= UInt32(start[index &+ 1]) << 8 }
      hash ^= UInt32(start[index])
      hash = hash &* multiplier
    }
    hash ^= hash >> 13
    hash = hash &* multiplier
    return hash ^ (hash >> 15)
  }

  /// MurmurHash3_x86_32 of `count` bytes, with seed 0.
  public static func murmur3(_ start: UnsafePointer<UInt8>, count: Int) -> UInt32 {
    func scrambled(_ word: UInt32) -> UInt32 {
      let product = word &* 0xcc9e_2d51
      return (product << 15 | product >> 17) &* 0x1b87_3593
    }
    let raw = UnsafeRawPointer(start)
    var hash: UInt32 = 0
    var index = 0
    while index + 4 <= count {
      hash ^= scrambled(UInt32(littleEndian: (raw + index).loadUnaligned(as: UInt32.self)))
      hash = (hash << 13 | hash >> 19) &* 5 &+ 0xe654_6b64
      index += 4
    }
    var tail: UInt32 = 0
    for place in stride(from: count - 1, through: index, by: -1) { tail = tail << 8 | UInt32(start[place]) }
    hash ^= scrambled(tail) ^ UInt32(truncatingIfNeeded: count)
    hash = (hash ^ hash >> 16) &* 0x85eb_ca6b
    hash = (hash ^ hash >> 13) &* 0xc2b2_ae35
    return hash ^ hash >> 16
  }

  /// The partition that Kafka's default partitioner gives a record with this key: `toPositive(murmur2(key)) % partitionCount`.
  @inlinable
  public static func kafkaPartition(ofKey start: UnsafePointer<UInt8>, count: Int, partitionCount: Int32) -> Int32 {
    Int32(bitPattern: murmur2(start, count: count) & 0x7fff_ffff) % partitionCount
  }
}
