// How often durations of which length came: what a `DurationHistogram` held at one moment. Distributions of several processes add up, and an earlier one
// can be taken off a later one, which gives what came between; percentiles are read from counts, never averaged.
//
// As JSON, by a coder that writes snake case: {"count":3,"sum_ns":4200000,"max_ns":3000000,"values_ns":[600000,3000000],"counts":[2,1]}

public struct DurationDistribution: Equatable, Sendable {
  /// One duration per bucket that holds any, ascending, in ns: the middle of the bucket. The buckets of all distributions are the same.
  public private(set) var values: [Int64] = []
  /// Of the same length; each above 0.
  public private(set) var counts: [Int64] = []
  public private(set) var sumNanoseconds: Int64 = 0
  /// The longest, within one percent; of a difference the longest bucket.
  public private(set) var maxNanoseconds: Int64 = 0

  public init() {}

  /// - Parameters:
  ///   - values: Ascending; those of another's are never misread, since whatever stands there is only compared and added.
  ///   - counts: Of the same length.
  public init(values: [Int64], counts: [Int64], sumNanoseconds: Int64, maxNanoseconds: Int64) {
    precondition(values.count == counts.count, "each value has a count")
    self.values = values
    self.counts = counts
    self.sumNanoseconds = sumNanoseconds
    self.maxNanoseconds = maxNanoseconds
  }

  public var count: Int64 { counts.reduce(0, &+) }
  public var isEmpty: Bool { counts.isEmpty }
  public var meanNanoseconds: Double? { isEmpty ? nil : Double(sumNanoseconds) / Double(count) }

  /// The smallest duration that at least `percentile` of a hundred do not exceed, in ns; nil where there is none.
  public func nanoseconds(atPercentile percentile: Double) -> Int64? {
    let total = count
    guard total > 0 else { return nil }
    let wanted = max(1, Int64((min(max(percentile, 0), 100) / 100 * Double(total)).rounded(.up)))
    var seen: Int64 = 0
    for (value, count) in zip(values, counts) {
      seen &+= count
      if seen >= wanted { return min(value, max(maxNanoseconds, values[0])) }
    }
    return values.last
  }

  /// How many were not longer than `nanoseconds`, by whole buckets.
  public func count(upTo nanoseconds: Int64) -> Int64 {
    var seen: Int64 = 0
    for (value, count) in zip(values, counts) {
      if value > nanoseconds { break }
      seen &+= count
    }
    return seen
  }

  /// Adds one duration, of which the bucket is its own: for what is still under way, beside those that have ended.
  public mutating func insert(nanoseconds: Int64, count: Int64 = 1) {
    add(
      DurationDistribution(
        values: [nanoseconds], counts: [count], sumNanoseconds: nanoseconds &* count, maxNanoseconds: nanoseconds))
  }

  public mutating func add(_ other: DurationDistribution) {
    if other.isEmpty { return }
    merge(other, sign: 1)
    sumNanoseconds = Self.sum(sumNanoseconds, other.sumNanoseconds)
    maxNanoseconds = max(maxNanoseconds, other.maxNanoseconds)
  }

  /// Never past the end of its type: a mean that is too small is less wrong than a negative one.
  static func sum(_ a: Int64, _ b: Int64) -> Int64 {
    let (sum, overflow) = a.addingReportingOverflow(b)
    return overflow ? (b < 0 ? .min : .max) : sum
  }

  /// What has come since `earlier`. Where that was of another process, one that has been started again, all of this.
  public func since(_ earlier: DurationDistribution) -> DurationDistribution {
    var difference = self
    difference.merge(earlier, sign: -1)
    guard difference.counts.allSatisfy({ $0 > 0 }) else { return self }
    difference.sumNanoseconds = sumNanoseconds &- earlier.sumNanoseconds
    difference.maxNanoseconds = min(difference.values.last ?? 0, maxNanoseconds)
    return difference
  }

  private mutating func merge(_ other: DurationDistribution, sign: Int64) {
    var (values, counts): ([Int64], [Int64]) = ([], [])
    values.reserveCapacity(self.values.count + other.values.count)
    counts.reserveCapacity(self.values.count + other.values.count)
    var (left, right) = (0, 0)
    while left < self.values.count || right < other.values.count {
      let value = min(left < self.values.count ? self.values[left] : .max, right < other.values.count ? other.values[right] : .max)
      var count: Int64 = 0
      if left < self.values.count, self.values[left] == value {
        count &+= self.counts[left]
        left += 1
      }
      if right < other.values.count, other.values[right] == value {
        count &+= sign &* other.counts[right]
        right += 1
      }
      guard count != 0 else { continue }
      values.append(value)
      counts.append(count)
    }
    self.values = values
    self.counts = counts
  }
}

extension DurationDistribution: Codable {
  private enum CodingKeys: String, CodingKey {
    case count
    case sumNanoseconds = "sumNs"
    case maxNanoseconds = "maxNs"
    case values = "valuesNs"
    case counts
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    let values = try container.decode([Int64].self, forKey: .values)
    let counts = try container.decode([Int64].self, forKey: .counts)
    guard values.count == counts.count, counts.allSatisfy({ $0 > 0 }), values.allSatisfy({ $0 >= 0 }),
      zip(values, values.dropFirst()).allSatisfy({ $0 < $1 }), counts.allSatisfy({ $0 < 1 << 45 }), counts.count <= 1 << 13
    else {
      throw DecodingError.dataCorruptedError(
        forKey: .values, in: container, debugDescription: "expected ascending values with a count each")
    }
    self.init(
      values: values, counts: counts, sumNanoseconds: try container.decode(Int64.self, forKey: .sumNanoseconds),
      maxNanoseconds: try container.decode(Int64.self, forKey: .maxNanoseconds))
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(count, forKey: .count)
    try container.encode(sumNanoseconds, forKey: .sumNanoseconds)
    try container.encode(maxNanoseconds, forKey: .maxNanoseconds)
    try container.encode(values, forKey: .values)
    try container.encode(counts, forKey: .counts)
  }
}
