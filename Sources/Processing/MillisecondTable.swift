// Counts of times or durations in ms that lie close to each other, in whatever order they come, as those of a stream do: a counter per ms around where the
// stream is, or per power of two of them. It follows the stream; what lies far from it is kept apart, one by one.

struct MillisecondTable {
  /// 8 s, where there is a counter per ms.
  private static let size = 1 << 13

  private var counters: ContiguousArray<UInt32> = []
  /// What the first counter stands for.
  private var base: Int64 = 0
  /// A counter is for `1 << shift` ms.
  private var shift: Int64 = 0
  /// The counters in use.
  private var first = Self.size
  private var last = -1
  private var others: ContiguousArray<Int64> = []

  var isEmpty: Bool { last < 0 && others.isEmpty }

  /// The least of those that are counted, else the first of the others.
  var least: Int64? { last < 0 ? others.first : base &+ Int64(first) &<< shift }

  /// Counts the `count` numbers that `value` gives, `Int64.min` left out. Where the stream has moved on, what has been counted goes to `body` first.
  ///
  /// - Parameter size: How large, in ms, the least of the durations is that are made of the numbers: these are rounded down by less than a four-thousandth
  ///   of that, far below what a histogram tells apart; up to 8 s not at all.
  @inline(__always)
  mutating func add(
    count: Int, value: (Int) -> Int64, ofSize size: Int64 = 0,
    spilling body: (_ value: Int64, _ count: Int) -> Void
  ) {
    guard count > 0 else { return }
    // What stands in the middle of a batch is rarely far from the stream, and if it is nothing is lost but time.
    let middle = value(count / 2)
    // A table that is finer by one step is kept: sizes around a power of two do not empty it time and again.
    let wanted = Int64(max(0, min(40, 51 - max(size, 1).leadingZeroBitCount)))
    if last < 0 || !(shift...shift + 1).contains(wanted) || middle < base &+ Int64(Self.size / 8) &<< shift
      || middle >= base &+ Int64(Self.size / 8 * 7) &<< shift
    {
      follow(to: middle, shift: wanted, body)
    }
    let (base, shift) = (base, UInt64(shift))
    var (first, last) = (first, last)
    counters.withUnsafeMutableBufferPointer { counters in
      for index in 0..<count {
        let value = value(index)
        // What lies before the base is a large number without its sign.
        let place = UInt64(bitPattern: value &- base) &>> shift
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
  private mutating func follow(to middle: Int64, shift: Int64, _ body: (Int64, Int) -> Void) {
    drain(body)
    if counters.isEmpty { counters = ContiguousArray(repeating: 0, count: Self.size) }
    // Far from both ends, where numbers go round.
    self.shift = shift
    base = min(max(middle, .min / 2), .max / 2) - Int64(Self.size / 2) << shift
  }

  /// Tells of all that was counted, and forgets it: those near the stream ascending and each once, then the others as they came.
  mutating func drain(_ body: (_ value: Int64, _ count: Int) -> Void) {
    if last >= 0 {
      for place in first...last where counters[place] > 0 {
        body(base &+ Int64(place) &<< shift, Int(counters[place]))
        counters[place] = 0
      }
    }
    for value in others { body(value, 1) }
    others.removeAll(keepingCapacity: true)
    (first, last) = (Self.size, -1)
  }
}
