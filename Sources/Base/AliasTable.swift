// Draws an index by weight in constant time: Walker's alias method, built after Vose (1991).
// One 64-bit draw gives both the column (the high word of draw x count) and the coin (the low word).

/// One column: below `threshold` (in 2^-32) the column itself, else `alias`.
public struct AliasEntry: BitwiseCopyable, Sendable {
  public var threshold: UInt32
  public var alias: UInt32

  @inlinable
  public init(threshold: UInt32, alias: UInt32) {
    self.threshold = threshold
    self.alias = alias
  }
}

/// Weighted choice among `count` indices. Probabilities are exact to about 2^-32.
public final class AliasTable: @unchecked Sendable {
  public let count: Int
  /// `count` entries, never written after `init`; owned.
  public let entries: UnsafePointer<AliasEntry>

  /// Weights must not be negative and must not all be zero.
  public init(weights: [Double]) {
    precondition(!weights.isEmpty, "an alias table needs a weight")
    count = weights.count
    let entries = UnsafeMutablePointer<AliasEntry>.allocate(capacity: count)
    for (index, entry) in Self.columns(weights).enumerated() { (entries + index).initialize(to: entry) }
    self.entries = UnsafePointer(entries)
  }

  deinit { entries.deallocate() }

  @inlinable
  public func sample(_ random: inout Random) -> Int { Self.sample(entries, count: count, &random) }

  /// The same for a loop that holds the pointer.
  @inlinable
  public static func sample(_ entries: UnsafePointer<AliasEntry>, count: Int, _ random: inout Random) -> Int {
    let product = random.next().multipliedFullWidth(by: UInt64(truncatingIfNeeded: count))
    let column = Int(truncatingIfNeeded: product.high)
    let entry = entries[column]
    return UInt32(truncatingIfNeeded: product.low &>> 32) < entry.threshold ? column : Int(entry.alias)
  }

  /// The columns for these weights.
  public static func columns(_ weights: [Double]) -> [AliasEntry] {
    let total = weights.reduce(0, +)
    precondition(total > 0 && total.isFinite && weights.allSatisfy { $0 >= 0 }, "weights must be finite and not all zero")
    let scale = Double(weights.count) / total
    var rest = weights.map { $0 * scale }
    var entries = weights.indices.map { AliasEntry(threshold: .max, alias: UInt32($0)) }
    var small = rest.indices.filter { rest[$0] < 1 }
    var large = rest.indices.filter { rest[$0] >= 1 }
    while let low = small.popLast(), let high = large.last {
      entries[low] = AliasEntry(threshold: UInt32(min(rest[low] * 0x1p32, 4_294_967_295)), alias: UInt32(high))
      rest[high] -= 1 - rest[low]
      if rest[high] < 1 {
        large.removeLast()
        small.append(high)
      }
    }
    return entries
  }
}
