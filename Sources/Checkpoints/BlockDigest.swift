// Which blocks are equal, without keeping their bytes: 128 bits of a hash whose secrets are drawn anew in each process. What stands in state comes
// from events, so with secrets that are known anybody could make events whose blocks look unchanged; digests therefore never leave the process.
// Two lanes of 64 x 64 -> 128 bit multiply and fold, each with a secret of its own on the side of the data.

struct BlockDigest: Hashable {
  var first: UInt64
  var second: UInt64
}

struct BlockHasher {
  private let secrets: (UInt64, UInt64, UInt64, UInt64)

  init(using random: inout some RandomNumberGenerator) {
    secrets = (random.next() | 1, random.next() | 1, random.next(), random.next())
  }

  func digest(_ bytes: UnsafeRawBufferPointer) -> BlockDigest {
    var (first, second) = (secrets.2, secrets.3)
    var offset = 0
    while offset + 16 <= bytes.count {
      let low = bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
      let high = bytes.loadUnaligned(fromByteOffset: offset + 8, as: UInt64.self)
      first = Self.fold(low ^ secrets.0, high ^ first)
      second = Self.fold(high ^ secrets.1, low ^ second)
      offset += 16
    }
    var rest: (UInt64, UInt64) = (0, 0)
    for (place, byte) in bytes[offset...].enumerated() {
      if place < 8 { rest.0 |= UInt64(byte) << UInt64(8 * place) } else { rest.1 |= UInt64(byte) << UInt64(8 * (place - 8)) }
    }
    first = Self.fold(rest.0 ^ secrets.0, rest.1 ^ first)
    second = Self.fold(rest.1 ^ secrets.1, rest.0 ^ second)
    let count = UInt64(bytes.count)
    return BlockDigest(first: Self.fold(first ^ count, secrets.1), second: Self.fold(second ^ count, secrets.0))
  }

  @inline(__always)
  private static func fold(_ a: UInt64, _ b: UInt64) -> UInt64 {
    let product = a.multipliedFullWidth(by: b)
    return product.high ^ product.low ^ a
  }
}
