// Draws ranks with weight 1 / k^exponent, exactly, from a table that stays in the first cache: ranks up to 80 have a bucket each,
// later ones share buckets a fortieth of their rank wide. An alias table picks a bucket by an upper bound of its mass, a uniform
// draw picks the rank inside, and rejection corrects the bound; a squeeze decides 97 of 100 cases without computing a power.

/// A bucket of consecutive ranks that starts at `start` (from 0).
@usableFromInline
struct ZipfBucket: BitwiseCopyable {
  @usableFromInline var entry: AliasEntry
  @usableFromInline var start: UInt64
  @usableFromInline var count: UInt64
  /// The weight of the last rank as a part of the first's: below it every rank is accepted.
  @usableFromInline var squeeze: Double

  init(entry: AliasEntry, start: UInt64, count: UInt64, squeeze: Double) {
    self.entry = entry
    self.start = start
    self.count = count
    self.squeeze = squeeze
  }
}

/// Zipf-distributed indices in `0..<count`.
public final class ZipfSampler: @unchecked Sendable {
  public let exponent: Double
  /// Never written after `init`; owned.
  @usableFromInline let buckets: UnsafePointer<ZipfBucket>
  @usableFromInline let bucketCount: Int

  /// Bytes of the table.
  public var byteCount: Int { bucketCount * MemoryLayout<ZipfBucket>.stride }

  /// `count` ranks, at least 1; `exponent` positive.
  public init(count: Int, exponent: Double) {
    precondition(count > 0 && exponent > 0, "a Zipf distribution needs a rank and a positive exponent")
    self.exponent = exponent
    var starts: [Int] = []
    var start = 1
    while start <= count {
      starts.append(start)
      start += max(1, start / 40)
    }
    let counts = starts.indices.map { ($0 + 1 < starts.count ? starts[$0 + 1] : count + 1) - starts[$0] }
    let bounds = starts.indices.map { FloatMath.power(Double(starts[$0]), -exponent) * Double(counts[$0]) }
    let columns = AliasTable.columns(bounds)
    bucketCount = starts.count
    let buckets = UnsafeMutablePointer<ZipfBucket>.allocate(capacity: bucketCount)
    for index in starts.indices {
      let last = Double(starts[index] + counts[index] - 1)
      (buckets + index).initialize(
        to: ZipfBucket(
          entry: columns[index], start: UInt64(starts[index] - 1), count: UInt64(counts[index]),
          squeeze: FloatMath.power(last / Double(starts[index]), -exponent)))
    }
    self.buckets = UnsafePointer(buckets)
  }

  deinit { buckets.deallocate() }

  /// A rank from 0: 0 is the most frequent.
  @inlinable
  public func sample(_ random: inout Random) -> Int {
    while true {
      let product = random.next().multipliedFullWidth(by: UInt64(truncatingIfNeeded: bucketCount))
      let entry = buckets[Int(truncatingIfNeeded: product.high)].entry
      let isOwn = UInt32(truncatingIfNeeded: product.low &>> 32) < entry.threshold
      let bucket = buckets + (isOwn ? Int(truncatingIfNeeded: product.high) : Int(entry.alias))
      let start = bucket.pointee.start
      guard bucket.pointee.count > 1 else { return Int(truncatingIfNeeded: start) }
      let inside = random.next().multipliedFullWidth(by: bucket.pointee.count)
      let rank = start &+ inside.high
      // The low word is what is left of the draw once the rank is taken from it: uniform again.
      let coin = Double(Int64(bitPattern: inside.low &>> 11)) * 0x1p-53
      if coin < bucket.pointee.squeeze || accepts(rank, start, coin) { return Int(truncatingIfNeeded: rank) }
    }
  }

  @usableFromInline
  @inline(never)
  func accepts(_ rank: UInt64, _ start: UInt64, _ coin: Double) -> Bool {
    coin < FloatMath.power(Double(rank + 1) / Double(start + 1), -exponent)
  }
}
