// A monotone priority queue over nanoseconds: what is pushed is never earlier than what was last popped, as in any simulation. Items lie
// in buckets by the highest bit in which their key differs from the last popped one (Ahuja, Mehlhorn, Orlin and Tarjan 1990); an
// item moves to a lower bucket at most once per bit, and in practice a few times, without comparisons between items.

/// Something due at `key`. Of equal keys the smaller `order` comes first.
struct HeapItem: BitwiseCopyable {
  var key: UInt64
  var order: UInt32
  var slot: UInt32
}

/// A value with pointers inside: one owner copies it into a local for a loop, copies it back, and calls `deallocate` in the end.
struct RadixHeap: BitwiseCopyable {
  private struct Bucket: BitwiseCopyable {
    var items: UnsafeMutablePointer<HeapItem>
    var count: Int
    var capacity: Int
  }

  private static let bucketCount = 65
  private let buckets: UnsafeMutablePointer<Bucket>
  /// Bit i says that bucket i + 1 holds something; bucket 0, the items due at `last`, is asked by itself.
  private var occupied: UInt64 = 0
  private var last: UInt64 = 0
  private(set) var count = 0

  init() {
    buckets = .allocate(capacity: Self.bucketCount)
    for index in 0..<Self.bucketCount {
      (buckets + index).initialize(to: Bucket(items: .allocate(capacity: 16), count: 0, capacity: 16))
    }
  }

  func deallocate() {
    for index in 0..<Self.bucketCount { buckets[index].items.deallocate() }
    buckets.deallocate()
  }

  /// Lets an empty heap begin anew at `key`.
  @inline(__always)
  mutating func restart(at key: UInt64) { last = key }

  /// `item.key` is at least the key that was last popped.
  @inline(__always)
  mutating func push(_ item: HeapItem) {
    count &+= 1
    place(item)
  }

  /// The item with the smallest key. The heap must not be empty.
  @inline(__always)
  mutating func pop() -> HeapItem {
    count &-= 1
    if buckets[0].count == 0, let single = advance() { return single }
    if buckets[0].count == 1 {
      buckets[0].count = 0
      return buckets[0].items[0]
    }
    return popTie()
  }

  @inline(__always)
  private mutating func place(_ item: HeapItem) {
    let index = 64 &- (item.key ^ last).leadingZeroBitCount
    let bucket = buckets + index
    if bucket.pointee.count == bucket.pointee.capacity { Self.grow(bucket) }
    bucket.pointee.items[bucket.pointee.count] = item
    bucket.pointee.count &+= 1
    if index > 0 { occupied |= 1 &<< UInt64(truncatingIfNeeded: index &- 1) }
  }

  /// Moves `last` on to the smallest key and spreads its bucket over the lower ones. A bucket's only item is returned at once.
  private mutating func advance() -> HeapItem? {
    let index = occupied.trailingZeroBitCount
    occupied &= occupied &- 1
    let bucket = buckets[index &+ 1]
    buckets[index &+ 1].count = 0
    var smallest = bucket.items[0].key
    for position in 1..<max(bucket.count, 1) { smallest = min(smallest, bucket.items[position].key) }
    last = smallest
    if bucket.count == 1 { return bucket.items[0] }
    for position in 0..<bucket.count { place(bucket.items[position]) }
    return nil
  }

  /// Several items are due at the same nanosecond: rare, so a scan.
  @inline(never)
  private mutating func popTie() -> HeapItem {
    let bucket = buckets
    var best = 0
    for position in 1..<bucket.pointee.count where bucket.pointee.items[position].order < bucket.pointee.items[best].order {
      best = position
    }
    let item = bucket.pointee.items[best]
    bucket.pointee.count &-= 1
    // The later ones move up one place, so that equal orders keep their sequence.
    for position in best..<bucket.pointee.count { bucket.pointee.items[position] = bucket.pointee.items[position &+ 1] }
    return item
  }

  @inline(never)
  private static func grow(_ bucket: UnsafeMutablePointer<Bucket>) {
    let capacity = bucket.pointee.capacity * 2
    let items = UnsafeMutablePointer<HeapItem>.allocate(capacity: capacity)
    items.update(from: bucket.pointee.items, count: bucket.pointee.count)
    bucket.pointee.items.deallocate()
    bucket.pointee.items = items
    bucket.pointee.capacity = capacity
  }
}
