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

  /// Touches what the keys of these nodes will need, their home in the index included: they may be removed.
  @inline(never)
  func warm(nodes: ContiguousArray<UInt32>.SubSequence, of group: PaneGroup) {
    var touched: UInt64 = 0
    for (index, node) in nodes.enumerated() { warmedEntries[index] = PaneGroup.key(of: group.node(node)) &+ 1 }
    for index in 0..<nodes.count {
      touched &+= UInt64(table.cell(table.entry(warmedEntries[index] &- 1).load(as: UInt64.self)))
    }
    touchBehindEntries(nodes.count, &touched)
    warmth = touched
  }

  /// Touches what a row of each of these keys will need; up to `blockCount` of them.
  @inline(never)
  func warm(keys: UnsafeBufferPointer<UInt32>) {
    var touched: UInt64 = 0
    for index in 0..<keys.count {
      warmedEntries[index] = keys[index] &+ 1
      touched &+= table.entry(keys[index]).load(as: UInt64.self)
    }
    touchBehindEntries(keys.count, &touched)
    warmth = touched
  }

  /// The first node of each chain, and the text of long keys.
  @inline(__always)
  private func touchBehindEntries(_ count: Int, _ touched: inout UInt64) {
    for index in 0..<count where warmedEntries[index] != 0 {
      let entry = table.entry(warmedEntries[index] &- 1)
      touched &+= table.touchText(of: entry)
      for group in 0..<groupCount {
        let first = head(entry, group).pointee
        if first != 0 { touched &+= groupPointers[group]._withUnsafeGuaranteedRef { $0.node(first &- 1).load(as: UInt64.self) } }
      }
    }
  }
}
