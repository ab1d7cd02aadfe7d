// The nodes that one row is made of, collected once per group, so that each of the row's values is a walk over an array instead of a chain.

import Base

final class RowGathering {
  /// The nodes of one group, in the order of the chain or against it, with the panes they are of.
  private var nodes: ContiguousArray<UnsafeRawPointer> = []
  private var group = -1

  /// Forgets the nodes of the row before.
  @inline(__always)
  func begin() {
    nodes.removeAll(keepingCapacity: true)
    group = -1
  }

  @inline(__always)
  func append(_ node: UnsafeRawPointer, of group: Int) {
    nodes.append(node)
    self.group = group
  }

  /// Collects the nodes of a chain, newest first, down to pane `least`.
  @inline(__always)
  func collect(_ group: PaneGroup, _ index: Int, head: UInt32, downTo least: Int64) {
    nodes.removeAll(keepingCapacity: true)
    self.group = index
    var current = head
    while current != 0 {
      let node = group.node(current &- 1)
      guard PaneGroup.pane(of: node) >= least else { break }
      nodes.append(node)
      current = PaneGroup.next(of: node)
    }
  }

  @inline(__always)
  func holds(_ group: Int) -> Bool { self.group == group }

  var count: Int { nodes.count }

  @inline(__always)
  subscript(_ index: Int) -> UnsafeRawPointer { nodes[index] }
}
