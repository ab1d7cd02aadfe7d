// The panes of one group: nodes in one flat pool, one per key and pane (or session) that holds anything. A node stands in the chain of its key
// (newest first, head in the key's entry, linked both ways so that the oldest leaves at once), and in the list of its pane or the timers of
// its session, which is what closes or leaves.
//
//   node  [ pane, or a session's first event time 8 | next in chain + 1  4 | previous + 1  4 | key entry 4 | marks 4 | accumulators ... ]
//   of a session, before the accumulators  [ last event time 8 | when to look at it next 8 ]

import Base
import Records

final class PaneGroup {
  /// The nodes of one pane, in the order in which they were made.
  struct Pane {
    var number: Int64
    var nodes: ContiguousArray<UInt32>
  }

  let plan: PaneGroupPlan
  let eventTime: EventTime
  let nodeByteCount: Int
  let headerByteCount: Int
  let isClosing: Bool
  let isSession: Bool
  let isUnbounded: Bool
  /// `Int64.max` where there are no panes.
  let paneLength: Int64
  let offset: Int64
  /// 0 where there are no sessions.
  let gap: Int64
  /// `close` views: panes per window, or per longest window of those that cumulate; else 1.
  let panesPerWindow: Int64
  let isCumulating: Bool
  /// `change` views: how long a pane stays in some value; see `PaneReach`.
  let longestReach: Int64
  /// How many nodes of a chain a row is usually made of, up to 8; at least 1.
  let nodesPerRow: Int
  let accumulators: UnsafeMutablePointer<AccumulatorPlan>
  let accumulatorCount: Int
  let hitTests: UnsafeMutablePointer<HitTest>
  let hitTestCount: Int
  let gates: UnsafeMutablePointer<RecordGate>
  let gateCount: Int
  private let holdsBlocks: Bool
  /// A word of a node's second line, if it has three.
  private let middleWord: Int
  /// Where the first `approx_distinct` stands in a node, -1 where there is none.
  private let sketchOffset: Int

  private(set) var nodes: UnsafeMutableRawPointer
  private(set) var nodeCapacity = PaneGroup.leastCapacity
  private(set) var nodeCount = 0
  private(set) var liveCount = 0
  /// First free node plus one, chained through the word of the next.
  private var freeHead: UInt32 = 0
  /// Rising by number.
  var panes: [Pane] = []
  /// Sessions: when to look at which.
  var timers = TimerQueue()
  /// What merging sessions or steps could not do, by accumulator, until the engine has counted it: nearly always empty.
  var mergeFailures: [(accumulator: Int, counts: FoldCounts)] = []
  /// `close` views: the last window that has closed, by the number of its first pane; of those that cumulate, by the number of its last.
  var closedThrough: Int64 = .min
  /// Where the rows of the window that is just closing go on; nil where none has been written.
  var closingPosition: Int?
  /// `change` views: per reach, the last pane that has left the values.
  var leftThrough: [Int64]
  /// The watermark, or for `change` views the stream time, at which the next window closes or the next pane leaves; `Int64.max` for none.
  var deadline: Int64 = .max
  /// The pane found last, and where it starts: most records are of the same.
  private var recentPane: Int64 = 0
  private var recentStart: Int64

  static let leastCapacity = 64

  init(_ plan: PaneGroupPlan, eventTime: EventTime) {
    self.plan = plan
    self.eventTime = eventTime
    nodeByteCount = plan.nodeByteCount
    headerByteCount = Self.headerByteCount(of: plan.cut)
    isClosing = plan.closing != nil
    switch plan.cut {
    case .everything: (paneLength, offset, gap) = (.max, 0, 0)
    case .panes(let length, let offset): (paneLength, self.offset, gap) = (length, offset, 0)
    case .sessions(let gap): (paneLength, offset, self.gap) = (.max, 0, gap)
    }
    isSession = gap != 0
    isUnbounded = plan.isUnbounded
    if let window = plan.closing, let length = window.paneLength, let size = window.size {
      panesPerWindow = size / length
    } else {
      panesPerWindow = 1
    }
    isCumulating = if case .cumulating = plan.closing { true } else { false }
    recentStart = offset
    longestReach = plan.reaches.last?.reach ?? 0
    let reached = isClosing ? (isCumulating ? 1 : panesPerWindow) : longestReach == .max ? 1 : longestReach / paneLength + 1
    nodesPerRow = Int(max(1, min(8, reached)))
    leftThrough = plan.reaches.map { _ in .min }
    accumulators = Self.copy(plan.accumulators)
    accumulatorCount = plan.accumulators.count
    hitTests = Self.copy(plan.hitTests)
    hitTestCount = plan.hitTests.count
    gates = Self.copy(plan.gates)
    gateCount = plan.gates.count
    nodes = .allocate(byteCount: nodeCapacity * nodeByteCount, alignment: 8)
    holdsBlocks = plan.accumulators.contains { $0.accumulator.holdsBlocks }
    middleWord = min(64, nodeByteCount - 8)
    sketchOffset = plan.accumulators.first { $0.accumulator.function == .approxDistinct }.map { Int($0.offset) } ?? -1
  }

  deinit {
    accumulators.deallocate()
    hitTests.deallocate()
    gates.deallocate()
    nodes.deallocate()
  }

  private static func copy<Element: BitwiseCopyable>(_ elements: [Element]) -> UnsafeMutablePointer<Element> {
    let copy = UnsafeMutablePointer<Element>.allocate(capacity: max(1, elements.count))
    copy.initialize(from: elements, count: elements.count)
    return copy
  }

  static func headerByteCount(of cut: PaneCut) -> Int { if case .sessions = cut { 40 } else { 24 } }

  // MARK: Nodes

  @inline(__always)
  func node(_ number: UInt32) -> UnsafeMutableRawPointer { nodes + Int(number) * nodeByteCount }
  @inline(__always)
  static func pane(of node: UnsafeRawPointer) -> Int64 { node.load(as: Int64.self) }
  /// The next node of the chain plus one; 0 at its end.
  @inline(__always)
  static func next(of node: UnsafeRawPointer) -> UInt32 { node.load(fromByteOffset: 8, as: UInt32.self) }
  @inline(__always)
  static func previous(of node: UnsafeRawPointer) -> UInt32 { node.load(fromByteOffset: 12, as: UInt32.self) }
  @inline(__always)
  static func key(of node: UnsafeRawPointer) -> UInt32 { node.load(fromByteOffset: 16, as: UInt32.self) }
  @inline(__always)
  static func setKey(_ node: UnsafeMutableRawPointer, _ key: UInt32) { node.storeBytes(of: key, toByteOffset: 16, as: UInt32.self) }
  /// The gates that records of the node have passed; of a session of `change` views, see `PaneGroup+Sessions.swift`.
  @inline(__always)
  static func marks(of node: UnsafeRawPointer) -> UInt32 { node.load(fromByteOffset: 20, as: UInt32.self) }
  @inline(__always)
  static func setMarks(_ node: UnsafeMutableRawPointer, _ marks: UInt32) {
    node.storeBytes(of: marks, toByteOffset: 20, as: UInt32.self)
  }

  /// Reads a word of each line of a node, up to the third, to have it near.
  @inline(__always)
  func touch(_ number: UInt32) -> UInt64 {
    let node = node(number)
    return node.load(as: UInt64.self) &+ node.load(fromByteOffset: middleWord, as: UInt64.self)
      &+ node.load(fromByteOffset: nodeByteCount &- 8, as: UInt64.self)
  }

  /// Reads a word of what the first sketch of a node has beyond it, if there is a sketch and it has anything.
  @inline(__always)
  func touchSketch(of node: UnsafeRawPointer, _ pool: BlockPool) -> UInt64 {
    sketchOffset < 0 ? 0 : HyperLogLog.touchBlock(node + sketchOffset, pool)
  }

  /// The pane that holds `time`.
  @inline(__always)
  func pane(at time: Int64) -> Int64 {
    if isUnbounded { return 0 }
    if UInt64(bitPattern: time &- recentStart) < UInt64(bitPattern: paneLength) { return recentPane }
    recentPane = floorDivide(time - offset, paneLength)
    recentStart = recentPane * paneLength + offset
    return recentPane
  }

  /// The end of a pane, which no longer belongs to it.
  @inline(__always)
  func end(ofPane pane: Int64) -> Int64 { (pane &+ 1) &* paneLength &+ offset }

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
    let number = insert(pane, key: key, after: previous, head: head)
    panes[paneIndex(of: pane)].nodes.append(number)
    return node(number)
  }

  /// Makes a node that begins with `pane` and links it behind `previous` (a node plus one; 0: at the head).
  func insert(_ pane: Int64, key: UInt32, after previous: UInt32, head: UnsafeMutablePointer<UInt32>) -> UInt32 {
    let number = allocateNode()
    let made = node(number)
    let next = previous == 0 ? head.pointee : Self.next(of: node(previous - 1))
    made.initializeMemory(as: UInt8.self, repeating: 0, count: nodeByteCount)
    made.storeBytes(of: pane, as: Int64.self)
    made.storeBytes(of: next, toByteOffset: 8, as: UInt32.self)
    made.storeBytes(of: previous, toByteOffset: 12, as: UInt32.self)
    made.storeBytes(of: key, toByteOffset: 16, as: UInt32.self)
    if previous == 0 {
      head.pointee = number + 1
    } else {
      node(previous - 1).storeBytes(of: number + 1, toByteOffset: 8, as: UInt32.self)
    }
    if next != 0 { node(next - 1).storeBytes(of: number + 1, toByteOffset: 12, as: UInt32.self) }
    return number
  }

  /// Takes a node out of its key's chain.
  func unlink(_ number: UInt32, head: UnsafeMutablePointer<UInt32>) {
    let next = Self.next(of: node(number))
    let previous = Self.previous(of: node(number))
    if previous == 0 {
      head.pointee = next
    } else {
      node(previous - 1).storeBytes(of: next, toByteOffset: 8, as: UInt32.self)
    }
    if next != 0 { node(next - 1).storeBytes(of: previous, toByteOffset: 12, as: UInt32.self) }
  }

  /// Takes a node out of its key's chain and frees it. Its pane's list is the caller's to drop.
  func free(_ number: UInt32, head: UnsafeMutablePointer<UInt32>, pool: BlockPool) {
    unlink(number, head: head)
    release(node(number), pool: pool)
    recycle(number)
  }

  /// Puts a node that is in no chain and holds no blocks on the free list.
  func recycle(_ number: UInt32) {
    node(number).storeBytes(of: freeHead, toByteOffset: 8, as: UInt32.self)
    freeHead = number + 1
    liveCount -= 1
  }

  /// Gives back what the accumulators of a node hold in the pool.
  func release(_ node: UnsafeMutableRawPointer, pool: BlockPool) {
    guard holdsBlocks else { return }
    for index in 0..<accumulatorCount {
      accumulators[index].accumulator.release(at: node + Int(accumulators[index].offset), pool: pool)
    }
  }

  /// Merges the accumulators of `source` into those of `target`; what the source held in the pool is taken over or released.
  func absorb(_ source: UnsafeMutableRawPointer, into target: UnsafeMutableRawPointer, pool: BlockPool) {
    for index in 0..<accumulatorCount {
      let offset = Int(accumulators[index].offset)
      var counts = FoldCounts()
      accumulators[index].accumulator.absorb(into: target + offset, from: source + offset, pool: pool, counts: &counts)
      if counts != FoldCounts() { mergeFailures.append((index, counts)) }
    }
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
    release(node, pool: pool)
    (node + headerByteCount).initializeMemory(as: UInt8.self, repeating: 0, count: nodeByteCount - headerByteCount)
  }

  // MARK: The pool

  /// Bytes that the group has reserved.
  var byteCount: Int { nodeCapacity * nodeByteCount + timers.byteCount + panes.reduce(0) { $0 + 4 * $1.nodes.capacity } }

  private func allocateNode() -> UInt32 {
    liveCount += 1
    if freeHead != 0 {
      let number = freeHead - 1
      freeHead = Self.next(of: node(number))
      return number
    }
    if nodeCount == nodeCapacity { changeCapacity(to: nodeCapacity * 2) }
    nodeCount += 1
    return UInt32(nodeCount - 1)
  }

  private func changeCapacity(to newCapacity: Int) {
    let newNodes = UnsafeMutableRawPointer.allocate(byteCount: newCapacity * nodeByteCount, alignment: 8)
    LargeMemory.advise(newNodes, byteCount: newCapacity * nodeByteCount)
    newNodes.copyMemory(from: nodes, byteCount: nodeCount * nodeByteCount)
    nodes.deallocate()
    nodes = newNodes
    nodeCapacity = newCapacity
  }

  /// Gives the memory of a pool back in which nothing lives any more.
  func giveBackIfEmpty() {
    guard liveCount == 0, nodeCapacity > Self.leastCapacity else { return }
    nodeCount = 0
    freeHead = 0
    changeCapacity(to: Self.leastCapacity)
  }
}

/// A group as a snapshot holds it.
struct SavedGroup {
  var layout: GroupLayout
  var liveCount: Int
  var freeHead: UInt32
  var closedThrough: Int64
  var leftThrough: [Int64]
  var nodes: UnsafeRawBufferPointer
  var panes: [PaneGroup.Pane]
  var timers: TimerQueue
  var nodeCount: Int { nodes.count / layout.nodeByteCount }

  init(_ layout: GroupLayout, from input: inout SnapshotReader) throws(SnapshotError) {
    self.layout = layout
    liveCount = try input.integer(upTo: Int(UInt32.max))
    freeHead = UInt32(try input.integer(upTo: Int(UInt32.max)))
    closedThrough = try input.number()
    leftThrough = []
    for _ in layout.reaches { leftThrough.append(try input.number()) }
    nodes = try input.section(of: layout.nodeByteCount)
    guard nodes.count / layout.nodeByteCount < Int(UInt32.max) - 1 else { throw .damaged }
    let lists = try input.section(of: 16)
    let numbers = try input.numbers()
    panes = []
    var taken = 0
    for offset in stride(from: 0, to: lists.count, by: 16) {
      let number = Int64(littleEndian: lists.loadUnaligned(fromByteOffset: offset, as: Int64.self))
      let count = UInt64(littleEndian: lists.loadUnaligned(fromByteOffset: offset + 8, as: UInt64.self))
      guard count <= UInt64(numbers.count - taken) else { throw .damaged }
      panes.append(PaneGroup.Pane(number: number, nodes: ContiguousArray(numbers[taken..<taken + Int(count)])))
      taken += Int(count)
    }
    guard taken == numbers.count else { throw .damaged }
    timers = try TimerQueue(from: &input)
  }
}

extension PaneGroup {
  func save(to out: SnapshotWriter) {
    out.write(liveCount)
    out.write(UInt64(freeHead))
    out.write(closedThrough)
    for pane in leftThrough { out.write(pane) }
    out.writeSection(UnsafeRawBufferPointer(start: nodes, count: nodeCount * nodeByteCount))
    out.writeSection { bytes in
      for pane in panes {
        bytes.append(word: UInt64(bitPattern: pane.number))
        bytes.append(word: UInt64(pane.nodes.count))
      }
    }
    out.writeSection { bytes in for pane in panes { bytes.append(numbers: pane.nodes) } }
    timers.save(to: out)
  }

  /// Takes over a saved group whose nodes `fill` writes; a reach that the saved one did not have begins as if no pane had left it.
  func adopt(_ saved: SavedGroup, _ fill: (UnsafeMutableRawPointer) -> Void) {
    nodeCount = 0
    changeCapacity(to: max(Self.leastCapacity, saved.nodeCount))
    nodeCount = saved.nodeCount
    liveCount = saved.liveCount
    freeHead = saved.freeHead
    closedThrough = saved.closedThrough
    for (index, reach) in plan.reaches.enumerated() {
      leftThrough[index] = saved.layout.reaches.firstIndex(of: reach.reach).map { saved.leftThrough[$0] } ?? .min
    }
    panes = saved.panes
    timers = saved.timers
    fill(nodes)
  }
}
