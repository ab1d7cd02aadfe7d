// Delays counted in fixed buckets, as Prometheus wants them. One thread records, any other reads; recording costs a few nanoseconds and takes no
// lock. `DelayHistogram` is for percentiles that a person reads.

import Synchronization

public final class DelayBuckets: Sendable {
  /// The upper ends of the buckets, in ms, each included; one more bucket takes what is longer.
  public static let bounds: [Int64] = [
    5, 10, 25, 50, 75, 100, 150, 250, 500, 750, 1000, 1500, 2500, 5000, 10_000, 30_000, 60_000, 300_000, 3_600_000,
  ]

  /// Per bucket, then the sum in ms.
  private nonisolated(unsafe) let counters: UnsafeMutablePointer<Atomic<Int64>>
  private static let counterCount = bounds.count + 2

  public init() {
    counters = .allocate(capacity: Self.counterCount)
    for index in 0..<Self.counterCount { (counters + index).initialize(to: Atomic<Int64>(0)) }
  }

  deinit {
    counters.deinitialize(count: Self.counterCount)
    counters.deallocate()
  }

  /// Notes `count` delays of `milliseconds`; a negative one (a clock that is ahead, an event that is early) counts as none.
  public func record(milliseconds: Int64, count: Int = 1) {
    let delay = max(milliseconds, 0)
    var bucket = 0
    while bucket < Self.bounds.count, Self.bounds[bucket] < delay { bucket += 1 }
    add(Int64(count), at: bucket)
    add(delay &* Int64(count), at: Self.counterCount - 1)
  }

  /// There is one writer, so that a load and a store are enough.
  private func add(_ amount: Int64, at index: Int) {
    counters[index].store(counters[index].load(ordering: .relaxed) &+ amount, ordering: .relaxed)
  }

  public var counts: DelayCounts {
    DelayCounts(
      buckets: (0...Self.bounds.count).map { counters[$0].load(ordering: .relaxed) },
      sumMilliseconds: counters[Self.counterCount - 1].load(ordering: .relaxed))
  }
}

/// What was recorded up to now; those of several threads add up.
public struct DelayCounts: Equatable, Sendable {
  /// Per bucket of `DelayBuckets.bounds`, then what was longer.
  public var buckets: [Int64]
  public var sumMilliseconds: Int64

  public init(buckets: [Int64] = Array(repeating: 0, count: DelayBuckets.bounds.count + 1), sumMilliseconds: Int64 = 0) {
    self.buckets = buckets
    self.sumMilliseconds = sumMilliseconds
  }

  public mutating func add(_ other: DelayCounts) {
    for index in buckets.indices { buckets[index] += other.buckets[index] }
    sumMilliseconds += other.sumMilliseconds
  }
}
