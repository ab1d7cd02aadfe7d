// The nodes that one row is made of, collected once per group, so that each of the row's values is a walk over an array instead of a chain.

import Base

final class RowGathering {
  /// The nodes of one group, in the order of the chain or against it.
  private(set) var nodes = UnsafeMutablePointer<UnsafeRawPointer>.allocate(capacity: 64)
  private var capacity = 64
  private(set) var count = 0
  private var group = -1
  /// The values of which group and reach are made of the first `shownCount` nodes; see `show`.
  private var shownGroup = -1
  private var shownReach: Int64 = 0
  private(set) var shownCount = 0

  deinit { nodes.deallocate() }

  /// Forgets the nodes of the row before; those that come are of `group`, of none where it is -1.
  @inline(__always)
  func begin(_ group: Int = -1) {
    count = 0
    self.group = group
    shownGroup = -1
  }

  /// Collects the nodes of a chain, newest first.
  func collect(_ group: PaneGroup, _ index: Int, head: UInt32) {
    begin(index)
    var current = head
    while current != 0 {
      let node = group.node(current &- 1)
      append(node)
      current = PaneGroup.next(of: node)
    }
  }

  @inline(__always)
  func holds(_ group: Int) -> Bool { self.group == group }

  /// Notes that values of `group` with `reach` are made of the first `count` nodes: views of one key mostly ask for the same.
  @inline(__always)
  func show(_ count: Int, of group: Int, reach: Int64) {
    shownCount = count
    shownGroup = group
    shownReach = reach
  }

  @inline(__always)
  func shows(_ group: Int, reach: Int64) -> Bool { shownGroup == group && shownReach == reach }

  @inline(__always)
  subscript(_ index: Int) -> UnsafeRawPointer { nodes[index] }

  @inline(__always)
  func append(_ node: UnsafeRawPointer) {
    if count == capacity { grow() }
    nodes[count] = node
    count &+= 1
  }

  @inline(never)
  private func grow() {
    let more = UnsafeMutablePointer<UnsafeRawPointer>.allocate(capacity: capacity * 2)
    more.update(from: nodes, count: count)
    nodes.deallocate()
    nodes = more
    capacity *= 2
  }
}
