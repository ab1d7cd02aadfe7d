// A key space into a snapshot, and back: as it was, or into another division of views, groups and accumulators, where views have come or gone.
// Numbers of entries, nodes and blocks stay what they were; what no view shows any more gives its blocks back.

import Base
import Records

/// A key space as a snapshot holds it.
struct SavedSpace {
  var layout: SpaceLayout
  var sweepAt: Int64
  /// Per drain: its views, and the keys that waited, in order.
  var drains: [(views: UInt64, keys: ContiguousArray<UInt32>)]
  var table: SavedTable
  var pool: SavedPool
  var groups: [SavedGroup]

  init(from input: inout SnapshotReader) throws(SnapshotError) {
    layout = try SpaceLayout(from: &input)
    sweepAt = try input.number()
    guard sweepAt == .max || abs(sweepAt / 2) <= Watermark.endOfTime else { throw .damaged }
    drains = []
    for _ in 0..<(try input.count()) { drains.append((try input.word(), try input.numbers())) }
    table = try SavedTable(from: &input, groupCount: layout.groups.count)
    pool = try SavedPool(from: &input)
    groups = []
    for group in layout.groups { groups.append(try SavedGroup(group, from: &input)) }
  }
}

/// Where the parts of a saved key space have their places now.
struct SpaceMapping {
  /// Per saved view: its bit now; nil for one that is gone, or begins anew.
  var views: [Int?]
  /// Per group: the saved one that it goes on from.
  var groups: [Int?]
  /// Per group and accumulator: the saved one that it goes on from.
  var accumulators: [[Int?]]

  func views(_ saved: UInt64) -> UInt64 {
    var now: UInt64 = 0
    for (old, new) in views.enumerated() where saved & 1 << UInt64(old) != 0 { if let new { now |= 1 << UInt64(new) } }
    return now
  }
}

extension KeySpace {
  func save(_ descriptions: [ViewDescription], to out: SnapshotWriter) {
    SpaceLayout(plan, descriptions).save(to: out)
    out.write(sweepAt)
    out.write(dirtyKeys.count)
    for drain in dirtyKeys.indices {
      out.write(drainViews[drain])
      out.writeSection { $0.append(numbers: dirtyKeys[drain][drainedCounts[drain]...]) }
    }
    table.save(to: out)
    pool.save(to: out)
    for group in groups { group.save(to: out) }
  }

  /// Takes over a saved space; nothing may have been folded yet. `mapping` is nil where everything stands where it stood.
  func load(_ saved: SavedSpace, _ mapping: SpaceMapping?) throws(SnapshotError) {
    pool.load(saved.pool)
    if let mapping { try adopt(saved, mapping) } else { try adopt(saved) }
    table.makeIndex()
    sweepAt = saved.sweepAt
    eventTime.nextLeave = min(eventTime.nextLeave, sweepAt)
    try addWaiting(saved, mapping)
    if mapping != nil {
      freeEmptyNodes()
      for key in 0..<UInt32(table.entryCount) where table.isLive(key) { removeIfEmpty(key) }
      giveBackIfEmpty()
    }
    for group in groups { group.updateDeadline() }
  }

  /// As it was.
  private func adopt(_ saved: SavedSpace) throws(SnapshotError) {
    table.adopt(saved.table) { Self.copy(saved.table.entries, to: $0) }
    for (group, savedGroup) in zip(groups, saved.groups) { group.adopt(savedGroup) { Self.copy(savedGroup.nodes, to: $0) } }
    _ = try SnapshotCheck(saved, entries: table.entries, nodes: groups.map(\.nodes), pool: pool).run()
  }

  private static func copy(_ bytes: UnsafeRawBufferPointer, to target: UnsafeMutableRawPointer) {
    if let source = bytes.baseAddress { target.copyMemory(from: source, byteCount: bytes.count) }
  }

  // MARK: Into another division

  private func adopt(_ saved: SavedSpace, _ mapping: SpaceMapping) throws(SnapshotError) {
    func copied(_ bytes: UnsafeRawBufferPointer) -> UnsafeMutableRawPointer {
      let copy = UnsafeMutableRawPointer.allocate(byteCount: max(1, bytes.count), alignment: 8)
      Self.copy(bytes, to: copy)
      return copy
    }
    let entries = copied(saved.table.entries)
    let nodes = saved.groups.map { copied($0.nodes) }
    defer {
      entries.deallocate()
      for table in nodes { table.deallocate() }
    }
    let live = try SnapshotCheck(saved, entries: entries, nodes: nodes, pool: pool).run()
    for old in saved.groups.indices { releaseDropped(of: old, saved, mapping, nodes[old], live[old]) }
    for (new, group) in groups.enumerated() {
      guard let old = mapping.groups[new] else { continue }
      group.adopt(saved.groups[old]) { move(nodes[old], of: old, saved, to: $0, of: new, mapping, live[old]) }
    }
    let stride = table.stride
    table.adopt(saved.table) { target in
      for entry in 0..<saved.table.entryCount {
        let (from, to) = (entries + entry * saved.table.stride, target + entry * stride)
        to.initializeMemory(as: UInt8.self, repeating: 0, count: stride)
        to.copyMemory(from: from, byteCount: KeyTable.headsOffset)
        guard from.load(fromByteOffset: 28, as: UInt32.self) != 0 else { continue }
        to.storeBytes(of: mapping.views(from.load(fromByteOffset: 40, as: UInt64.self)), toByteOffset: 40, as: UInt64.self)
        for (new, old) in mapping.groups.enumerated() {
          let head = old.map { from.load(fromByteOffset: KeyTable.headsOffset + 4 * $0, as: UInt32.self) } ?? 0
          to.storeBytes(of: head, toByteOffset: KeyTable.headsOffset + 4 * new, as: UInt32.self)
        }
      }
    }
  }

  /// Gives back what accumulators hold that no group goes on from.
  private func releaseDropped(
    of old: Int, _ saved: SavedSpace, _ mapping: SpaceMapping, _ nodes: UnsafeMutableRawPointer, _ live: BitSet
  ) {
    let layout = saved.groups[old].layout
    let kept = Set(mapping.groups.firstIndex(of: old).map { mapping.accumulators[$0].compactMap { $0 } } ?? [])
    let dropped = zip(layout.accumulators, layout.offsets).enumerated().filter {
      !kept.contains($0.offset) && $0.element.0.holdsBlocks
    }
    guard !dropped.isEmpty else { return }
    for number in 0..<saved.groups[old].nodeCount where live[number] {
      let node = nodes + number * layout.nodeByteCount
      for (_, (accumulator, offset)) in dropped { accumulator.release(at: node + offset, pool: pool) }
    }
  }

  /// Writes the nodes of a saved group as nodes of group `new`.
  private func move(
    _ nodes: UnsafeMutableRawPointer, of old: Int, _ saved: SavedSpace, to target: UnsafeMutableRawPointer, of new: Int,
    _ mapping: SpaceMapping, _ live: BitSet
  ) {
    let group = groups[new]
    let layout = saved.groups[old].layout
    let offsets = layout.offsets
    // A node's marks say which views have a record in it; of sessions, something else.
    let marks = group.isSession ? [] : self.marks(of: new, from: layout, mapping)
    for number in 0..<saved.groups[old].nodeCount {
      let (from, to) = (nodes + number * layout.nodeByteCount, target + number * group.nodeByteCount)
      to.initializeMemory(as: UInt8.self, repeating: 0, count: group.nodeByteCount)
      to.copyMemory(from: from, byteCount: layout.headerByteCount)
      guard live[number] else { continue }
      if !group.isSession {
        let before = PaneGroup.marks(of: from)
        PaneGroup.setMarks(to, marks.reduce(0) { before & $1.old != 0 ? $0 | $1.new : $0 })
      }
      for (index, source) in mapping.accumulators[new].enumerated() {
        guard let source else { continue }
        (to + Int(group.accumulators[index].offset)).copyMemory(
          from: from + offsets[source], byteCount: layout.accumulators[source].byteCount)
      }
    }
  }

  private func marks(of new: Int, from layout: GroupLayout, _ mapping: SpaceMapping) -> [(old: UInt32, new: UInt32)] {
    layout.gates.flatMap { gate in
      let views = mapping.views(gate.views)
      return groups[new].plan.gates.filter { $0.views & views != 0 }.map { (gate.mark, $0.mark) }
    }
  }

  /// Frees what only views held that are gone: values without a window would keep it for ever.
  private func freeEmptyNodes() {
    for (index, group) in groups.enumerated() where !group.isClosing && !group.isSession {
      for pane in group.panes.indices {
        group.panes[pane].nodes.removeAll { node in
          guard group.views(in: node) == 0 else { return false }
          let key = PaneGroup.key(of: group.node(node))
          group.free(node, head: head(table.entry(key), index), pool: pool)
          return true
        }
      }
    }
  }

  // MARK: What waits

  /// Takes over the keys that waited for a drain, in their order. How views are divided into drains may be another now.
  private func addWaiting(_ saved: SavedSpace, _ mapping: SpaceMapping?) throws(SnapshotError) {
    for drain in dirtyKeys.indices {
      var known = BitSet(table.entryCount)
      for waiting in saved.drains where (mapping?.views(waiting.views) ?? waiting.views) & drainViews[drain] != 0 {
        for key in waiting.keys {
          guard key < table.entryCount else { throw .damaged }
          guard table.isLive(key), !known[Int(key)] else { continue }
          if table.entry(key).load(fromByteOffset: 40, as: UInt64.self) & drainViews[drain] == 0 { continue }
          known.insert(Int(key))
          dirtyKeys[drain].append(key)
        }
      }
    }
  }
}

/// A set of small numbers.
struct BitSet {
  private var words: [UInt64]

  init(_ count: Int) { words = [UInt64](repeating: 0, count: count / 64 + 1) }

  subscript(_ number: Int) -> Bool { words[number >> 6] & 1 << UInt64(number & 63) != 0 }

  mutating func insert(_ number: Int) { words[number >> 6] |= 1 << UInt64(number & 63) }
}
