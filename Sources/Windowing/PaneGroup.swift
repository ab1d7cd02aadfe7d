// The panes of one group: nodes in one flat pool, one per key and pane that holds anything. A node stands in two lists: the chain of its key
// (newest pane first, head in the key's entry) and the list of its pane (in order of arrival), which is what closes or leaves.
//
//   node  [ pane 8 | next in chain + 1  4 | key entry 4 | accumulators ... ]

import Base
import Records

final class PaneGroup {
  /// The nodes of one pane, in the order in which they were made.
  struct Pane {
    var number: Int64
    var nodes: ContiguousArray<UInt32>
  }

  let plan: PaneGroupPlan
  let nodeByteCount: Int
  let accumulators: UnsafeMutablePointer<AccumulatorPlan>
  let accumulatorCount: Int
  private(set) var nodes: UnsafeMutableRawPointer
  private(set) var nodeCapacity = 64
  private(set) var nodeCount = 0
  private(set) var liveCount = 0
  /// First free node plus one, chained through the word of the next.
  private var freeHead: UInt32 = 0
  /// Rising by number.
  private(set) var panes: [Pane] = []
  private let holdsBlocks: Bool

  let eventTime: EventTime

  /// `close` views: the last window that has closed, by the number of its first pane.
  var closedThrough: Int64 = .min
  /// `change` views: per reach, the last pane that has left the values.
  var leftThrough: [Int64]
  /// The watermark, or for `change` views the stream time, at which the next window closes or the next pane leaves; `Int64.max` for none.
  private(set) var deadline: Int64 = .max

  init(_ plan: PaneGroupPlan, eventTime: EventTime) {
    self.plan = plan
    self.eventTime = eventTime
    leftThrough = plan.reaches.map { _ in .min }
    nodeByteCount = plan.nodeByteCount
    accumulatorCount = plan.accumulators.count
    accumulators = .allocate(capacity: max(1, accumulatorCount))
    accumulators.initialize(from: plan.accumulators, count: accumulatorCount)
    nodes = .allocate(byteCount: nodeCapacity * nodeByteCount, alignment: 8)
    holdsBlocks = plan.accumulators.contains { $0.accumulator.holdsBlocks }
  }

  deinit {
    accumulators.deallocate()
    nodes.deallocate()
  }

  @inline(__always)
  func node(_ number: UInt32) -> UnsafeMutableRawPointer { nodes + Int(number) * nodeByteCount }
  @inline(__always)
  static func pane(of node: UnsafeRawPointer) -> Int64 { node.load(as: Int64.self) }
  /// The next node of the chain plus one; 0 at its end.
  @inline(__always)
  static func next(of node: UnsafeRawPointer) -> UInt32 { node.load(fromByteOffset: 8, as: UInt32.self) }
  @inline(__always)
  static func key(of node: UnsafeRawPointer) -> UInt32 { node.load(fromByteOffset: 12, as: UInt32.self) }

  /// The node of `pane` in the chain that starts at `head`, made and linked if there is none.
  @inline(__always)
  func findOrInsert(pane: Int64, key: UInt32, head: UnsafeMutablePointer<UInt32>) -> UnsafeMutableRawPointer {
    let first = head.pointee
    if first != 0 {
      let node = node(first &- 1)
      if Self.pane(of: node) == pane { return node }
    }
    return findOrInsertSlowly(pane: pane, key: key, head: head)
  }

  @inline(never)
  private func findOrInsertSlowly(pane: Int64, key: UInt32, head: UnsafeMutablePointer<UInt32>) -> UnsafeMutableRawPointer {
    var previous: UInt32 = 0
    var current = head.pointee
    while current != 0 {
      let node = node(current - 1)
      let number = Self.pane(of: node)
      if number == pane { return node }
      if number < pane { break }
      previous = current
      current = Self.next(of: node)
    }
    let number = allocateNode()
    let made = node(number)
    made.initializeMemory(as: UInt8.self, repeating: 0, count: nodeByteCount)
    made.storeBytes(of: pane, as: Int64.self)
    made.storeBytes(of: current, toByteOffset: 8, as: UInt32.self)
    made.storeBytes(of: key, toByteOffset: 12, as: UInt32.self)
    if previous == 0 {
      head.pointee = number + 1
    } else {
      node(previous - 1).storeBytes(of: number + 1, toByteOffset: 8, as: UInt32.self)
    }
    panes[paneIndex(of: pane)].nodes.append(number)
    return made
  }

  /// Takes a node out of its key's chain and frees it. Its pane's list is the caller's to drop.
  func free(_ number: UInt32, head: UnsafeMutablePointer<UInt32>, pool: BlockPool) {
    let freed = node(number)
    let next = Self.next(of: freed)
    if head.pointee == number + 1 {
      head.pointee = next
    } else {
      var current = head.pointee
      while Self.next(of: node(current - 1)) != number + 1 { current = Self.next(of: node(current - 1)) }
      node(current - 1).storeBytes(of: next, toByteOffset: 8, as: UInt32.self)
    }
    if holdsBlocks {
      for index in 0..<accumulatorCount {
        accumulators[index].accumulator.release(at: freed + Int(accumulators[index].offset), pool: pool)
      }
    }
    freed.storeBytes(of: freeHead, toByteOffset: 8, as: UInt32.self)
    freeHead = number + 1
    liveCount -= 1
  }

  /// The views in whose accumulators a node holds anything.
  func views(in number: UInt32) -> UInt64 {
    var views: UInt64 = 0
    for index in 0..<accumulatorCount
    where !accumulators[index].accumulator.isEmpty(at: node(number) + Int(accumulators[index].offset)) {
      views |= accumulators[index].views
    }
    return views
  }

  /// Empties the accumulators of a node.
  func clear(_ node: UnsafeMutableRawPointer, pool: BlockPool) {
    if holdsBlocks {
      for index in 0..<accumulatorCount {
        accumulators[index].accumulator.release(at: node + Int(accumulators[index].offset), pool: pool)
      }
    }
    (node + PaneGroupPlan.headerByteCount).initializeMemory(
      as: UInt8.self, repeating: 0, count: nodeByteCount - PaneGroupPlan.headerByteCount)
  }

  /// Removes the first pane and returns its nodes.
  func removeFirstPane() -> ContiguousArray<UInt32> { panes.removeFirst().nodes }

  /// Keeps in pane 0 of an unbounded group only the nodes for which `isKept` holds.
  func filterUnboundedPane(_ isKept: (UInt32) -> Bool) {
    guard !panes.isEmpty else { return }
    panes[0].nodes.removeAll { !isKept($0) }
  }

  /// Where `pane` stands in `panes`, made if there is none.
  private func paneIndex(of pane: Int64) -> Int {
    var index = panes.count
    while index > 0, panes[index - 1].number > pane { index -= 1 }
    if index > 0, panes[index - 1].number == pane { return index - 1 }
    panes.insert(Pane(number: pane, nodes: []), at: index)
    if let closing = plan.closing, eventTime.watermark.value != .min {
      // Windows that the watermark had passed before any of their panes came have closed without a row.
      closedThrough = max(closedThrough, floorDivide(eventTime.watermark.value + 1 - closing.windowSize, plan.paneLength))
    }
    updateDeadline()
    return index
  }

  private func allocateNode() -> UInt32 {
    liveCount += 1
    if freeHead != 0 {
      let number = freeHead - 1
      freeHead = Self.next(of: node(number))
      return number
    }
    if nodeCount == nodeCapacity { growNodes(toHold: nodeCount + 1) }
    nodeCount += 1
    return UInt32(nodeCount - 1)
  }

  private func growNodes(toHold count: Int) {
    let newCapacity = max(nodeCapacity * 2, count)
    let newNodes = UnsafeMutableRawPointer.allocate(byteCount: newCapacity * nodeByteCount, alignment: 8)
    newNodes.copyMemory(from: nodes, byteCount: nodeCount * nodeByteCount)
    nodes.deallocate()
    nodes = newNodes
    nodeCapacity = newCapacity
  }
}

extension PaneGroup {
  /// Finds out when this group next needs `WindowEngine`, after panes have come or gone.
  func updateDeadline() {
    deadline = .max
    if let closing = plan.closing {
      guard let oldest = panes.first else { return }
      let window = max(closedThrough + (closedThrough == .min ? 0 : 1), oldest.number - closing.windowSize / plan.paneLength + 1)
      deadline = window * plan.paneLength + closing.windowSize - 1
      eventTime.nextClose = min(eventTime.nextClose, deadline)
    } else if !plan.isUnbounded {
      for (index, reach) in plan.reaches.enumerated() {
        guard let pane = panes.first(where: { $0.number > leftThrough[index] }) else { continue }
        deadline = min(deadline, (pane.number + 1) * plan.paneLength + reach.reach)
      }
      eventTime.nextLeave = min(eventTime.nextLeave, deadline)
    }
  }

  func save(to out: inout SnapshotWriter) {
    out.write(UInt64(nodeCount))
    out.write(UInt64(liveCount))
    out.write(UInt64(freeHead))
    out.write(UInt64(bitPattern: closedThrough))
    for pane in leftThrough { out.write(UInt64(bitPattern: pane)) }
    out.write(UnsafeRawBufferPointer(start: nodes, count: nodeCount * nodeByteCount))
    out.write(UInt64(panes.count))
    for pane in panes {
      out.write(UInt64(bitPattern: pane.number))
      out.write(pane.nodes)
    }
  }

  func load(from input: inout SnapshotReader) throws(SnapshotError) {
    let savedCount = try input.count(of: nodeByteCount)
    liveCount = try input.integer(upTo: savedCount)
    freeHead = UInt32(try input.integer(upTo: savedCount))
    closedThrough = Int64(bitPattern: try input.word())
    for index in leftThrough.indices { leftThrough[index] = Int64(bitPattern: try input.word()) }
    nodeCount = 0
    growNodes(toHold: savedCount)
    nodeCount = savedCount
    try input.read(into: UnsafeMutableRawBufferPointer(start: nodes, count: savedCount * nodeByteCount))
    panes = []
    for _ in 0..<(try input.count(of: 16)) {
      let number = Int64(bitPattern: try input.word())
      panes.append(Pane(number: number, nodes: try input.entryNumbers()))
    }
    updateDeadline()
  }
}
