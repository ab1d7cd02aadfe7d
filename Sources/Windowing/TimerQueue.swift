// When to look at which session: a binary heap of event times, flat, least first; of equal times the lower node first, so that the order depends
// on what is due alone.

import Base

struct TimerQueue {
  struct Timer: BitwiseCopyable {
    var due: Int64
    var node: UInt32

    @inline(__always)
    static func < (a: Timer, b: Timer) -> Bool { a.due != b.due ? a.due < b.due : a.node < b.node }
  }

  private var heap: ContiguousArray<Timer> = []

  var count: Int { heap.count }
  var byteCount: Int { heap.capacity * MemoryLayout<Timer>.stride }
  /// `Int64.max` where nothing waits.
  var nextDue: Int64 { heap.isEmpty ? .max : heap[0].due }

  mutating func push(due: Int64, node: UInt32) {
    heap.append(Timer(due: due, node: node))
    rise(from: heap.count - 1)
  }

  /// Removes and returns the least; there must be one.
  mutating func pop() -> Timer {
    let least = heap[0]
    let last = heap.removeLast()
    if heap.isEmpty {
      // After a peak nothing of it stays.
      heap = []
    } else {
      heap[0] = last
      sink()
    }
    return least
  }

  private mutating func rise(from start: Int) {
    var index = start
    let timer = heap[index]
    while index > 0 {
      let parent = (index - 1) / 2
      guard timer < heap[parent] else { break }
      heap[index] = heap[parent]
      index = parent
    }
    heap[index] = timer
  }

  private mutating func sink() {
    var index = 0
    let timer = heap[0]
    while true {
      var child = 2 * index + 1
      guard child < heap.count else { break }
      if child + 1 < heap.count, heap[child + 1] < heap[child] { child += 1 }
      guard heap[child] < timer else { break }
      heap[index] = heap[child]
      index = child
    }
    heap[index] = timer
  }
}

extension TimerQueue {
  func save(to out: inout SnapshotWriter) {
    out.write(UInt64(heap.count))
    for timer in heap {
      out.write(UInt64(bitPattern: timer.due))
      out.write(UInt64(timer.node))
    }
  }

  mutating func load(from input: inout SnapshotReader) throws(SnapshotError) {
    heap = []
    let count = try input.count(of: 16)
    heap.reserveCapacity(count)
    for _ in 0..<count {
      let due = Int64(bitPattern: try input.word())
      heap.append(Timer(due: due, node: UInt32(try input.integer(upTo: Int(UInt32.max)))))
    }
  }
}
