// The nodes that one row is made of, collected once per group, so that each of the row's values is a walk over an array instead of a chain.

import Base

final class RowGathering {
  /// The nodes of one group, in the order of the chain or against it.
  private var nodes = UnsafeMutablePointer<UnsafeRawPointer>.allocate(capacity: 64)
  private var capacity = 64
  private(set) var count = 0
  private var group = -1

  deinit { nodes.deallocate() }

  /// Forgets the nodes of the row before; those that come are of `group`, of none where it is -1.
  @inline(__always)
  func begin(_ group: Int = -1) {
    count = 0
    self.group = group
  }

  /// Collects the nodes of a chain, newest first.
  @inline(__always)
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
