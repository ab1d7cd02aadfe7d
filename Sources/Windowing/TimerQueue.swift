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
  func save(to out: SnapshotWriter) {
    out.writeSection { bytes in
      bytes.reserve(16 * heap.count)
      for timer in heap {
        bytes.append(word: UInt64(bitPattern: timer.due))
        bytes.append(word: UInt64(timer.node))
      }
    }
  }

  /// Takes over what was saved; throws where it is no heap.
  init(from input: inout SnapshotReader) throws(SnapshotError) {
    let bytes = try input.section(of: 16)
    heap.reserveCapacity(bytes.count / 16)
    for offset in Swift.stride(from: 0, to: bytes.count, by: 16) {
      let due = Int64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: Int64.self))
      let node = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset + 8, as: UInt64.self))
      guard node < UInt64(UInt32.max), (-Watermark.endOfTime...Watermark.endOfTime).contains(due) else { throw .damaged }
      let timer = Timer(due: due, node: UInt32(node))
      if let parent = heap.isEmpty ? nil : heap[(heap.count - 1) / 2], timer < parent { throw .damaged }
      heap.append(timer)
    }
  }

  /// The nodes that timers name, one per timer.
  var nodes: some Sequence<UInt32> { heap.lazy.map(\.node) }
}
