// Tickets that wait until they are due: a pool of slots as large as a ticket with its rows, and a binary heap of who is due when. (The heap of
// the sessions is monotone and cannot be asked for its smallest item without moving on, so it does not fit here.)
//
//     heap   [ due | order | slot ] ...          pool   [ Ticket | row 0 | row 1 | ... ] ...

import Base

/// Owns its memory. Belongs to one thread.
final class HeldTickets {
  private struct Item: BitwiseCopyable {
    var due: Int64
    /// Counts what was pushed; of those due at the same nanosecond the first pushed comes first.
    var order: UInt64
    var slot: UInt32

    @inline(__always)
    func isBefore(_ other: Item) -> Bool { due < other.due || (due == other.due && order < other.order) }
  }

  /// More would be tens of gigabytes: a delay of days at a high rate.
  static let countMax = 1 << 28

  private let stride: Int
  private var heap: UnsafeMutablePointer<Item>
  private var pool: UnsafeMutableRawPointer
  private var free: UnsafeMutablePointer<UInt32>
  private var freeCount = 0
  private var capacity: Int
  private var order: UInt64 = 0
  private(set) var count = 0
  /// How many waited at once.
  private(set) var mostCount = 0
  /// When the first is due, in ns since the epoch; `Int64.max` when none waits.
  private(set) var nextDue = Int64.max

  init(rowCount: Int) {
    stride = TicketBuffer.stride(rowCount: rowCount)
    capacity = 256
    heap = .allocate(capacity: capacity)
    pool = .allocate(byteCount: capacity * stride, alignment: 64)
    free = .allocate(capacity: capacity)
    addFree(from: 0)
  }

  deinit {
    heap.deallocate()
    pool.deallocate()
    free.deallocate()
  }

  /// Keeps a copy of the ticket and its rows until `due`. Returns where it is, which holds until the next one is pushed.
  @discardableResult
  func push(_ ticket: UnsafeMutablePointer<Ticket>, due: Int64) -> UnsafeMutablePointer<Ticket> {
    if freeCount == 0 { grow() }
    freeCount -= 1
    let slot = free[freeCount]
    let place = pool + Int(slot) * stride
    place.copyMemory(from: ticket, byteCount: stride)
    let item = Item(due: due, order: order, slot: slot)
    order += 1
    var index = count
    count += 1
    mostCount = max(mostCount, count)
    while index > 0 {
      let parent = (index - 1) / 2
      guard item.isBefore(heap[parent]) else { break }
      heap[index] = heap[parent]
      index = parent
    }
    heap[index] = item
    nextDue = heap[0].due
    return place.assumingMemoryBound(to: Ticket.self)
  }

  /// Copies the first one into `ticket`, with its rows, and lets it go. One must wait.
  func pop(to ticket: UnsafeMutablePointer<Ticket>) {
    let first = heap[0]
    UnsafeMutableRawPointer(ticket).copyMemory(from: pool + Int(first.slot) * stride, byteCount: stride)
    free[freeCount] = first.slot
    freeCount += 1
    count -= 1
    let item = heap[count]
    var index = 0
    while true {
      var child = 2 * index + 1
      guard child < count else { break }
      if child + 1 < count, heap[child + 1].isBefore(heap[child]) { child += 1 }
      guard heap[child].isBefore(item) else { break }
      heap[index] = heap[child]
      index = child
    }
    heap[index] = item
    nextDue = count > 0 ? heap[0].due : .max
  }

  private func addFree(from first: Int) {
    for slot in (first..<capacity).reversed() {
      free[freeCount] = UInt32(slot)
      freeCount += 1
    }
  }

  private func grow() {
    precondition(capacity < Self.countMax, "more than \(Self.countMax) records are held back at once")
    let newPool = UnsafeMutableRawPointer.allocate(byteCount: 2 * capacity * stride, alignment: 64)
    newPool.copyMemory(from: pool, byteCount: capacity * stride)
    pool.deallocate()
    pool = newPool
    let newHeap = UnsafeMutablePointer<Item>.allocate(capacity: 2 * capacity)
    newHeap.update(from: heap, count: count)
    heap.deallocate()
    heap = newHeap
    let newFree = UnsafeMutablePointer<UInt32>.allocate(capacity: 2 * capacity)
    newFree.update(from: free, count: freeCount)
    free.deallocate()
    free = newFree
    capacity *= 2
    addFree(from: capacity / 2)
  }
}
