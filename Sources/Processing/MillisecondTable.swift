// Counts of times or durations in ms that lie close to each other, in whatever order they come, as those of a stream do: a counter per ms around where the
// stream is. It follows the stream; what lies far from it is kept apart, one by one.

struct MillisecondTable {
  /// 8 s.
  private static let size = 1 << 13

  private var counters: ContiguousArray<Int> = []
  /// What the first counter stands for.
  private var base: Int64 = 0
  /// The counters in use.
  private var first = Self.size
  private var last = -1
  private var others: ContiguousArray<Int64> = []

  var isEmpty: Bool { last < 0 && others.isEmpty }

  /// The least of those that are counted, else the first of the others.
  var least: Int64? { last < 0 ? others.first : base &+ Int64(first) }

  /// Counts the `count` numbers that `value` gives, `Int64.min` left out. Where the stream has moved on, what has been counted goes to `body` first.
  @inline(__always)
  mutating func add(count: Int, value: (Int) -> Int64, spilling body: (_ value: Int64, _ count: Int) -> Void) {
    guard count > 0 else { return }
    let middle = value(count / 2)
    // What stands in the middle of a batch is rarely far from the stream, and if it is nothing is lost but time.
    if last < 0 || middle < base &+ Int64(Self.size / 8) || middle >= base &+ Int64(Self.size / 8 * 7) {
      follow(to: middle, body)
    }
    var (first, last) = (first, last)
    counters.withUnsafeMutableBufferPointer { counters in
      for index in 0..<count {
        let value = value(index)
        let place = UInt64(bitPattern: value &- base)
        if place < UInt64(Self.size) {
          counters[Int(place)] &+= 1
          first = min(first, Int(place))
          last = max(last, Int(place))
        } else if value != .min {
          others.append(value)
        }
      }
    }
    (self.first, self.last) = (first, last)
  }

  @inline(never)
  private mutating func follow(to middle: Int64, _ body: (Int64, Int) -> Void) {
    drain(body)
    if counters.isEmpty { counters = ContiguousArray(repeating: 0, count: Self.size) }
    // Far from both ends, where numbers go round.
    base = min(max(middle, .min / 2), .max / 2) - Int64(Self.size / 2)
  }

  /// Tells of all that was counted, and forgets it: those near the stream ascending and each once, then the others as they came.
  mutating func drain(_ body: (_ value: Int64, _ count: Int) -> Void) {
    if last >= 0 {
      for place in first...last where counters[place] > 0 {
        body(base &+ Int64(place), counters[place])
        counters[place] = 0
      }
    }
    for value in others { body(value, 1) }
    others.removeAll(keepingCapacity: true)
    (first, last) = (Self.size, -1)
  }
}
