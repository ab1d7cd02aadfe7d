// Equal numbers of a batch counted together, for whoever does something per number: times in ms that lie close to each other, as those of a batch do, in
// whatever order. A pass over a table of counters, no sorting.

struct MillisecondTally {
  private var counters: ContiguousArray<UInt32> = []
  private var others: ContiguousArray<Int64> = []

  /// How far from the one in the middle numbers may be that are counted in the table.
  private static let reachMax = 1 << 15

  /// Tells of the `count` numbers that `value` gives, `Int64.min` left out: those around the middle one ascending and each once, then the rest as they
  /// came, neighbours that are equal together.
  @inline(__always)
  mutating func forEachRun(count: Int, value: (Int) -> Int64, _ body: (_ value: Int64, _ count: Int) -> Void) {
    guard count > 0 else { return }
    let reach = min(2 * count + 32, Self.reachMax)
    let base = value(count / 2) &- Int64(reach)
    let size = 2 * reach + 1
    if counters.count < size { counters = ContiguousArray(repeating: 0, count: size) }
    others.removeAll(keepingCapacity: true)
    var (first, last) = (size, -1)
    counters.withUnsafeMutableBufferPointer { counters in
      for index in 0..<count {
        let value = value(index)
        let place = UInt64(bitPattern: value &- base)
        if place < UInt64(size) {
          counters[Int(place)] &+= 1
          first = min(first, Int(place))
          last = max(last, Int(place))
        } else {
          others.append(value)
        }
      }
      guard first <= last else { return }
      for place in first...last where counters[place] > 0 {
        let value = base &+ Int64(place)
        if value != .min { body(value, Int(counters[place])) }
        counters[place] = 0
      }
    }
    var index = 0
    while index < others.count {
      let value = others[index]
      let start = index
      while index < others.count, others[index] == value { index += 1 }
      if value != .min { body(value, index - start) }
    }
  }
}
