// What a plan costs, for those who explain it: which aggregates share which panes, how many panes are kept, and how many bytes a key and a node
// take.

import Base
import Records

/// One group of panes.
public struct PaneGroupShape: Sendable {
  public enum Cut: Sendable, Hashable {
    /// One pane holds everything.
    case everything
    /// Ms.
    case panes(length: Int64)
    case sessions(gap: Int64)
  }

  /// An aggregate that reads a group.
  public struct Use: Sendable, Hashable {
    /// The view's place in the plan's specification.
    public var view: Int
    /// Its place among the view's aggregates.
    public var aggregate: Int
    /// Which of the states of a node it reads; aggregates with the same state share it.
    public var state: Int
    /// Bytes of the state in the node; texts and sketches may hold more elsewhere.
    public var stateByteCount: Int
  }

  public var cut: Cut
  /// Whether it serves a view of closed windows.
  public var isClosing: Bool
  /// How long after its end a pane is still of use, in ms; 0 for sessions and where one pane holds everything.
  public var keptMilliseconds: Int64
  /// How often a pane leaves the values of some window before it is freed; 0 where it closes.
  public var leaveCount: Int
  /// Bytes of a node, which is one key in one pane.
  public var nodeByteCount: Int
  public var uses: [Use]

  /// How many panes of a key there can be at once.
  public var paneCountMax: Int64 {
    switch cut {
    case .panes(let length): (keptMilliseconds + length - 1) / length + 1
    case .everything, .sessions: 1
    }
  }
}

/// The keys of some views, and the panes that they share.
public struct KeySpaceShape: Sendable {
  /// The views' places in the plan's specification.
  public var views: [Int]
  /// Bytes of a key: its entry, its cells in the index, its place in the lists of changed keys.
  public var keyByteCount: Int
  public var groups: [PaneGroupShape]

  /// Keys longer than this take a block of the pool beside their entry.
  public static let inlineKeyByteCount = 16
  /// A node's place in the list of its pane.
  public static let listedNodeByteCount = 4
}

extension WindowPlan {
  /// One per key space, in the order in which views come.
  public var shapes: [KeySpaceShape] {
    keySpaces.map { space in
      let changing = space.views.count { $0.trigger == .change }
      return KeySpaceShape(
        views: space.views.map(\.position),
        keyByteCount: KeyTable.entryByteCount(groupCount: space.groups.count) + KeyTable.indexByteCountPerEntry + 4 * changing,
        groups: space.groups.indices.map { shape(of: $0, in: space) })
    }
  }

  private func shape(of index: Int, in space: KeySpacePlan) -> PaneGroupShape {
    let group = space.groups[index]
    var uses: [PaneGroupShape.Use] = []
    for view in space.views {
      for (place, aggregate) in view.aggregates.enumerated() where aggregate.group == index {
        uses.append(
          .init(
            view: view.position, aggregate: place, state: aggregate.accumulator,
            stateByteCount: group.accumulators[aggregate.accumulator].accumulator.byteCount))
      }
    }
    let cut: PaneGroupShape.Cut
    var kept: Int64 = 0
    switch group.cut {
    case .everything: cut = .everything
    case .sessions(let gap): cut = .sessions(gap: gap)
    case .panes(let length, _):
      cut = .panes(length: length)
      kept = group.closing.map { $0.size! - length + lateness } ?? group.reaches.last?.reach ?? 0
    }
    return PaneGroupShape(
      cut: cut, isClosing: group.closing != nil, keptMilliseconds: kept, leaveCount: group.reaches.count,
      nodeByteCount: group.nodeByteCount, uses: uses)
  }
}
