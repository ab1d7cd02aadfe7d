// Overlapping cache misses. A record of a random key misses the cache at its index cell, its entry and its node, each found through the one
// before. For a block of records the misses of one kind are independent, so touching all cells, then all entries, then all nodes lets the
// processor have many under way at once, and the fold that follows finds everything near. (With 100 000 keys drawn evenly this halved the
// time of an event.)

import Base

extension KeySpace {
  /// How many records are warmed at a time: three lines each stay well inside the first-level cache.
  static let blockCount = 64

  /// Touches what folding records with these hashes will need; up to `blockCount` of them.
  @inline(never)
  func warm(_ hashes: UnsafeBufferPointer<UInt64>) {
    for index in 0..<hashes.count { warmedEntries[index] = table.cell(hashes[index]) }
    var touched: UInt64 = 0
    for index in 0..<hashes.count where warmedEntries[index] != 0 {
      touched &+= table.entry(warmedEntries[index] &- 1).load(as: UInt64.self)
    }
    touchBehindEntries(hashes.count, &touched)
    warmth = touched
  }

  /// Where a block of nodes begins at `position`, touches what their keys will need.
  @inline(__always)
  func warm(nodes: ContiguousArray<UInt32>, at position: Int, of group: PaneGroup) {
    guard position % Self.blockCount == 0 else { return }
    nodes.withUnsafeBufferPointer { warm(UnsafeBufferPointer(rebasing: $0[position...].prefix(Self.blockCount)), of: group) }
  }

  /// Touches what the keys of these nodes will need, their home in the index included: they may be removed. Up to `blockCount` of them.
  @inline(never)
  private func warm(_ nodes: UnsafeBufferPointer<UInt32>, of group: PaneGroup) {
    var touched: UInt64 = 0
    for index in 0..<nodes.count { warmedEntries[index] = PaneGroup.key(of: group.node(nodes[index])) &+ 1 }
    for index in 0..<nodes.count {
      touched &+= UInt64(table.cell(table.entry(warmedEntries[index] &- 1).load(as: UInt64.self)))
    }
    touchBehindEntries(nodes.count, &touched)
    warmth = touched
  }

  /// Finds out which of these nodes, up to `blockCount`, are the oldest of their keys from pane `first` on, and touches what their rows will
  /// need. Their places among `nodes` are in `shownPositions` then.
  ///
  /// - Returns: How many there are.
  @inline(never)
  func selectOldest(_ nodes: UnsafeBufferPointer<UInt32>, from first: Int64, of group: PaneGroup) -> Int {
    for index in 0..<nodes.count { warmedEntries[index] = PaneGroup.next(of: group.node(nodes[index])) }
    var shownCount = 0
    for index in 0..<nodes.count {
      let older = warmedEntries[index]
      shownPositions[shownCount] = UInt32(truncatingIfNeeded: index)
      if older == 0 || PaneGroup.pane(of: group.node(older &- 1)) < first { shownCount &+= 1 }
    }
    var touched: UInt64 = 0
    for index in 0..<shownCount {
      let key = PaneGroup.key(of: group.node(nodes[Int(shownPositions[index])]))
      warmedEntries[index] = key &+ 1
      touched &+= table.entry(key).load(as: UInt64.self)
    }
    touchBehindEntries(shownCount, &touched, readsChains: true)
    warmth = touched
    return shownCount
  }

  /// Touches what a row of each of these keys will need; up to `blockCount` of them.
  @inline(never)
  func warm(keys: UnsafeBufferPointer<UInt32>) {
    var touched: UInt64 = 0
    for index in 0..<keys.count {
      warmedEntries[index] = keys[index] &+ 1
      touched &+= table.entry(keys[index]).load(as: UInt64.self)
    }
    touchBehindEntries(keys.count, &touched, readsChains: true)
    warmth = touched
  }

  /// The chains, as far as rows are made of them, and the text of long keys.
  @inline(__always)
  private func touchBehindEntries(_ count: Int, _ touched: inout UInt64, readsChains: Bool = false) {
    for index in 0..<count where warmedEntries[index] != 0 {
      touched &+= table.touchText(of: table.entry(warmedEntries[index] &- 1))
    }
    for groupIndex in 0..<groupCount {
      groupPointers[groupIndex]._withUnsafeGuaranteedRef { group in
        for index in 0..<count where warmedEntries[index] != 0 {
          let first = head(table.entry(warmedEntries[index] &- 1), groupIndex).pointee
          warmedNodes[index] = first
          if first != 0 { touched &+= group.touch(first &- 1) }
        }
        if readsChains { touchChains(count, of: group, &touched) }
      }
    }
  }

  /// The older nodes of the chains whose first ones have just been touched.
  @inline(__always)
  private func touchChains(_ count: Int, of group: PaneGroup, _ touched: inout UInt64) {
    for _ in 1..<group.nodesPerRow {
      var rest: UInt32 = 0
      for index in 0..<count where warmedNodes[index] != 0 {
        let node = group.node(warmedNodes[index] &- 1)
        let older = PaneGroup.next(of: node)
        touched &+= group.touchSketch(of: node, pool)
        warmedNodes[index] = older
        rest |= older
        if older != 0 { touched &+= group.touch(older &- 1) }
      }
      if rest == 0 { break }
    }
  }
}
