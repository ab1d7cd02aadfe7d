// Whether a saved key space is one that records could have made, as far as everything that follows relies on it: every number of an entry, node or
// block leads somewhere, nothing belongs to two, chains end, times do not overflow. A checksum says that bytes are what was written; this
// says that it was written by something that meant it, so that no snapshot can make a processor trap, loop or read what is not its own.
//
// One pass over entries, nodes, lists and blocks; beside them a bit per node and per 16 bytes of the pool.

import Base
import Records

struct SnapshotCheck {
  private let saved: SavedSpace
  private let entries: UnsafeMutableRawPointer
  private let nodes: [UnsafeMutableRawPointer]
  private let pool: BlockPool

  /// `entries` and `nodes` hold what the saved space says, `pool` its blocks.
  init(_ saved: SavedSpace, entries: UnsafeMutableRawPointer, nodes: [UnsafeMutableRawPointer], pool: BlockPool) {
    self.saved = saved
    self.entries = entries
    self.nodes = nodes
    self.pool = pool
  }

  private static let times = -Watermark.endOfTime...Watermark.endOfTime

  /// Per group: which nodes hold something.
  func run() throws(SnapshotError) -> [BitSet] {
    var claims = BlockClaims(pool)
    guard pool.claimFreeBlocks(&claims) else { throw .damaged }
    let isFree = try freeEntries()
    var liveCount = 0
    for number in 0..<saved.table.entryCount {
      let entry = entries + number * saved.table.stride
      switch entry.load(fromByteOffset: 28, as: UInt32.self) {
      case 0: guard isFree[number] else { throw .damaged }
      case 1:
        guard !isFree[number] else { throw .damaged }
        liveCount += 1
        try check(entry: entry, &claims)
      default: throw .damaged
      }
    }
    guard liveCount == saved.table.liveCount else { throw .damaged }
    var live: [BitSet] = []
    for group in saved.groups.indices { live.append(try check(group: group, &claims)) }
    return live
  }

  private func freeEntries() throws(SnapshotError) -> BitSet {
    var free = BitSet(saved.table.entryCount)
    var head = UInt64(saved.table.freeHead)
    while head != 0 {
      guard head <= UInt64(saved.table.entryCount), !free[Int(head - 1)] else { throw .damaged }
      free.insert(Int(head - 1))
      head = (entries + Int(head - 1) * saved.table.stride).load(fromByteOffset: 8, as: UInt64.self)
    }
    return free
  }

  private func check(entry: UnsafeMutableRawPointer, _ claims: inout BlockClaims) throws(SnapshotError) {
    let byteCount = entry.load(fromByteOffset: 24, as: UInt32.self)
    if byteCount > 16 {
      let text = TextReference(offset: entry.load(fromByteOffset: 8, as: UInt64.self), byteCount: byteCount)
      guard claims.claim(text) else { throw .damaged }
    }
    let lastEvent = entry.load(fromByteOffset: 32, as: Int64.self)
    guard lastEvent == .min || Self.times.contains(lastEvent) else { throw .damaged }
    guard entry.load(fromByteOffset: 40, as: UInt64.self) & ~saved.layout.changeViews == 0 else { throw .damaged }
  }

  // MARK: Groups

  private func check(group index: Int, _ claims: inout BlockClaims) throws(SnapshotError) -> BitSet {
    let group = saved.groups[index]
    try checkMoments(of: group)
    let live = try followChains(of: index, group, &claims)
    var free = BitSet(group.nodeCount)
    var freeCount = 0
    var head = group.freeHead
    while head != 0 {
      guard head <= group.nodeCount, !free[Int(head - 1)], !live.nodes[Int(head - 1)] else { throw .damaged }
      free.insert(Int(head - 1))
      freeCount += 1
      head = PaneGroup.next(of: node(head - 1, of: index, group))
    }
    // What is in no chain and not free is a session that was merged away and waits for its last timer.
    var deadCount = 0
    for number in 0..<group.nodeCount where !live.nodes[number] && !free[number] {
      guard group.layout.isSession, PaneGroup.key(of: node(UInt32(number), of: index, group)) == PaneGroup.deadKey else {
        throw .damaged
      }
      deadCount += 1
    }
    guard live.count + deadCount == group.liveCount else { throw .damaged }
    if group.layout.isSession {
      try checkTimers(of: index, group, free)
    } else {
      try checkLists(of: index, group, live.nodes, live.count)
    }
    return live.nodes
  }

  private func node(_ number: UInt32, of index: Int, _ group: SavedGroup) -> UnsafeMutableRawPointer {
    nodes[index] + Int(number) * group.layout.nodeByteCount
  }

  /// Numbers of panes, and what has closed or left, within all of time.
  private func checkMoments(of group: SavedGroup) throws(SnapshotError) {
    let length: Int64
    let offset: Int64
    switch group.layout.cut {
    case .panes(let paneLength, let paneOffset): (length, offset) = (paneLength, paneOffset)
    case .everything:
      guard group.panes.allSatisfy({ $0.number == 0 }), group.panes.count <= 1 else { throw .damaged }
      return
    case .sessions:
      guard group.panes.isEmpty else { throw .damaged }
      return
    }
    let numbers = floorDivide(-Watermark.endOfTime - offset / 2, length)...floorDivide(Watermark.endOfTime - offset / 2, length)
    func isNumber(_ number: Int64) -> Bool { numbers.contains(number) }
    guard group.closedThrough == .min || isNumber(group.closedThrough),
      group.leftThrough.allSatisfy({ $0 == .min || isNumber($0) }), group.panes.allSatisfy({ isNumber($0.number) })
    else { throw .damaged }
    for (pane, next) in zip(group.panes, group.panes.dropFirst()) where pane.number >= next.number { throw .damaged }
    guard let closing = group.layout.closing, group.closedThrough != .min, let oldest = group.panes.first else { return }
    if case .cumulating(let max, let step, _) = closing {
      // Steps that have closed are one pane, of the last of them, until the longest window has.
      let perWindow = max / step
      let last = (floorDivide(oldest.number, perWindow) + 1) * perWindow - 1
      guard last > group.closedThrough, oldest.number >= group.closedThrough,
        group.panes.dropFirst().allSatisfy({ $0.number > group.closedThrough })
      else { throw .damaged }
    } else {
      guard oldest.number > group.closedThrough else { throw .damaged }
    }
  }

  /// Every node of every chain is met once.
  private func followChains(of index: Int, _ group: SavedGroup, _ claims: inout BlockClaims) throws(SnapshotError) -> (
    nodes: BitSet, count: Int
  ) {
    var met = BitSet(group.nodeCount)
    var count = 0
    let parts = Array(zip(group.layout.accumulators, group.layout.offsets))
    for entryNumber in 0..<saved.table.entryCount {
      let entry = entries + entryNumber * saved.table.stride
      guard entry.load(fromByteOffset: 28, as: UInt32.self) == 1 else { continue }
      var previous: UInt32 = 0
      var newer = Int64.max
      var current = entry.load(fromByteOffset: KeyTable.headsOffset + 4 * index, as: UInt32.self)
      while current != 0 {
        guard current <= group.nodeCount, !met[Int(current - 1)] else { throw .damaged }
        met.insert(Int(current - 1))
        count += 1
        let node = node(current - 1, of: index, group)
        let pane = PaneGroup.pane(of: node)
        guard PaneGroup.key(of: node) == UInt32(entryNumber), PaneGroup.previous(of: node) == previous, pane < newer else {
          throw .damaged
        }
        if group.layout.isSession {
          guard Self.times.contains(pane), Self.times.contains(PaneGroup.lastTime(of: node)), PaneGroup.lastTime(of: node) >= pane
          else {
            throw .damaged
          }
        }
        for (accumulator, offset) in parts {
          guard accumulator.isSound(at: node + offset, pool, &claims) else { throw .damaged }
        }
        newer = pane
        previous = current
        current = PaneGroup.next(of: node)
      }
    }
    return (met, count)
  }

  /// The lists of the panes name every node once, where it belongs.
  private func checkLists(of index: Int, _ group: SavedGroup, _ live: BitSet, _ liveCount: Int) throws(SnapshotError) {
    var listed = BitSet(group.nodeCount)
    var count = 0
    for pane in group.panes {
      for number in pane.nodes {
        guard number < group.nodeCount, live[Int(number)], !listed[Int(number)],
          PaneGroup.pane(of: node(number, of: index, group)) == pane.number
        else { throw .damaged }
        listed.insert(Int(number))
        count += 1
      }
    }
    guard count == liveCount, group.timers.count == 0 else { throw .damaged }
  }

  /// Every session is named by as many timers as it says.
  private func checkTimers(of index: Int, _ group: SavedGroup, _ free: BitSet) throws(SnapshotError) {
    var counts = [UInt32](repeating: 0, count: group.nodeCount)
    for number in group.timers.nodes {
      guard number < group.nodeCount, !free[Int(number)] else { throw .damaged }
      counts[Int(number)] += 1
    }
    for number in 0..<group.nodeCount where !free[number] {
      guard PaneGroup.marks(of: node(UInt32(number), of: index, group)) >> 8 == counts[number], counts[number] > 0 else {
        throw .damaged
      }
    }
  }
}
