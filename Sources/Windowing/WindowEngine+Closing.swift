// Windows that close, as rows.
//
//   sliding, n panes per window, window k = panes k ... k + n - 1     cumulating, window k = the steps of its period up to k
//     [k][ ][ ]            closes at watermark >= end - 1               [ 0 ]
//        [k+1][ ][ ]       pane k is freed with window k                [ 0 | 1 ]      closed steps are one node per key,
//                                                                       [ 0 | 1 | 2 ]  which moves on with the step

import Base
import Records

extension WindowEngine {
  /// Closes every window that ends at or before `watermark + 1`, in the order of their ends; of equal ends in the order of the views' first
  /// appearance, then of the keys'. False where `output` is full before the end.
  func closeWindows(through watermark: Int64, into output: FeatureRowBatch, rowLimit: Int) -> Bool {
    while true {
      var next: (space: Int, group: Int, deadline: Int64)?
      for (spaceIndex, space) in keySpaces.enumerated() {
        for (groupIndex, group) in space.groups.enumerated() where group.isClosing {
          if group.deadline < next?.deadline ?? .max { next = (spaceIndex, groupIndex, group.deadline) }
        }
      }
      guard let next, next.deadline <= watermark else {
        eventTime.nextClose = next?.deadline ?? .max
        for space in keySpaces { space.giveBackIfEmpty() }
        return true
      }
      guard !output.isFull(rowLimit: rowLimit) else { return false }
      let space = keySpaces[next.space]
      if space.groups[next.group].isSession {
        closeSessions(of: space, group: next.group, into: output)
      } else if !closeNextWindow(of: space, group: next.group, into: output, rowLimit: rowLimit) {
        return false
      }
    }
  }

  /// Closes the next session, or puts off a timer whose session has gone on.
  private func closeSessions(of space: KeySpace, group groupIndex: Int, into output: FeatureRowBatch) {
    let group = space.groups[groupIndex]
    guard let number = group.nextClosingSession() else { return }
    let session = group.node(number)
    let start = PaneGroup.pane(of: session)
    let end = group.end(ofSession: session)
    let key = PaneGroup.key(of: session)
    gathering.begin(groupIndex)
    gathering.append(session)
    appendWindowRows(group, groupIndex, key: key, in: space, marks: group.gates[0].mark, start: start, end: end, into: output)
    space.free(session: number, of: groupIndex)
  }

  /// Goes on with the window of a group that closes next; false where `output` is full before its end.
  private func closeNextWindow(of space: KeySpace, group groupIndex: Int, into output: FeatureRowBatch, rowLimit: Int) -> Bool {
    let group = space.groups[groupIndex]
    let window = group.nextWindow!
    let bounds = group.bounds(ofWindow: window)
    if group.isCumulating, group.closingPosition == nil { cumulate(through: window, space, groupIndex) }
    let panes = group.isCumulating ? window...window : window...(window + group.panesPerWindow - 1)
    // The window's first pane goes with it; closed steps stay until the longest window has closed.
    let takesFirstPane = !group.isCumulating || floorMod(window + 1, group.panesPerWindow) == 0
    if takesFirstPane, panes.count == 1 {
      guard closeOnlyPane(window, bounds, space, groupIndex, into: output, rowLimit: rowLimit) else { return false }
    } else {
      guard closePanes(panes, bounds, space, groupIndex, into: output, rowLimit: rowLimit) else { return false }
      if takesFirstPane { freeFirstPane(through: window, space, groupIndex) }
    }
    group.closingPosition = nil
    group.closedThrough = window
    group.updateDeadline()
    return true
  }

  /// Appends the rows of a window of one pane, and frees its nodes as it goes, while they are near; false where `output` is full before its end.
  private func closeOnlyPane(
    _ number: Int64, _ bounds: (start: Int64, end: Int64), _ space: KeySpace, _ groupIndex: Int, into output: FeatureRowBatch,
    rowLimit: Int
  ) -> Bool {
    let group = space.groups[groupIndex]
    guard group.panes.first?.number == number else { return true }
    // Taken out of the pane, so that neither is copied.
    var nodes = group.takeNodesOfFirstPane()
    for position in nodes.indices {
      guard !output.isFull(rowLimit: rowLimit) else {
        nodes.removeFirst(position)
        group.panes[0].nodes = nodes
        return false
      }
      space.warm(nodes: nodes, at: position, of: group)
      appendRows(ofKeyAt: nodes[position], number...number, space, group, groupIndex, bounds, into: output)
      space.free(nodes[position], of: group, groupIndex)
    }
    group.panes.removeFirst()
    return true
  }

  /// Appends the rows of a window; false where `output` is full before its end.
  private func closePanes(
    _ panes: ClosedRange<Int64>, _ bounds: (start: Int64, end: Int64), _ space: KeySpace, _ groupIndex: Int,
    into output: FeatureRowBatch, rowLimit: Int
  ) -> Bool {
    let group = space.groups[groupIndex]
    let begin = group.closingPosition ?? 0
    var base = 0
    for pane in group.panes where pane.number >= panes.lowerBound {
      guard pane.number <= panes.upperBound else { break }
      let nextBase = base + pane.nodes.count
      var start = max(base, begin)
      while start < nextBase {
        let end = min(start + KeySpace.blockCount, nextBase)
        let stop = pane.nodes.withUnsafeBufferPointer { nodes in
          appendRows(
            of: UnsafeBufferPointer(rebasing: nodes[start - base..<end - base]), panes, bounds, space, groupIndex, into: output,
            rowLimit: rowLimit)
        }
        if let stop {
          group.closingPosition = start + stop
          return false
        }
        start = end
      }
      base = nextBase
    }
    return true
  }

  /// Appends the rows of those keys whose oldest nodes in the window are among these, up to a block; returns the place of the first for which
  /// `output` has no room.
  private func appendRows(
    of nodes: UnsafeBufferPointer<UInt32>, _ panes: ClosedRange<Int64>, _ bounds: (start: Int64, end: Int64), _ space: KeySpace,
    _ groupIndex: Int, into output: FeatureRowBatch, rowLimit: Int
  ) -> Int? {
    let group = space.groups[groupIndex]
    let shownCount = space.selectOldest(nodes, from: panes.lowerBound, of: group)
    for index in 0..<shownCount {
      let position = Int(space.shownPositions[index])
      guard !output.isFull(rowLimit: rowLimit) else { return position }
      appendRows(ofKeyAt: nodes[position], panes, space, group, groupIndex, bounds, into: output)
    }
    return nil
  }

  /// Frees the pane that was only in windows up to `window`.
  private func freeFirstPane(through window: Int64, _ space: KeySpace, _ groupIndex: Int) {
    let group = space.groups[groupIndex]
    while let oldest = group.panes.first, oldest.number <= window {
      let nodes = group.removeFirstPane()
      for (position, node) in nodes.enumerated() {
        space.warm(nodes: nodes, at: position, of: group)
        space.free(node, of: group, groupIndex)
      }
    }
  }

  /// Appends the rows of a key for the window of `panes`; the node is its oldest in the window.
  private func appendRows(
    ofKeyAt number: UInt32, _ panes: ClosedRange<Int64>, _ space: KeySpace, _ group: PaneGroup, _ groupIndex: Int,
    _ bounds: (start: Int64, end: Int64), into output: FeatureRowBatch
  ) {
    var node = group.node(number)
    var marks: UInt32 = 0
    gathering.begin(groupIndex)
    while true {
      gathering.append(node)
      marks |= PaneGroup.marks(of: node)
      let newer = PaneGroup.previous(of: node)
      guard newer != 0 else { break }
      node = group.node(newer - 1)
      guard PaneGroup.pane(of: node) <= panes.upperBound else { break }
    }
    appendWindowRows(
      group, groupIndex, key: PaneGroup.key(of: node), in: space, marks: marks, start: bounds.start, end: bounds.end, into: output)
  }

  /// Appends a row for each view whose records are in the window, out of the nodes that have been gathered.
  private func appendWindowRows(
    _ group: PaneGroup, _ groupIndex: Int, key: UInt32, in space: KeySpace, marks: UInt32, start: Int64, end: Int64,
    into output: FeatureRowBatch
  ) {
    gathering.show(gathering.count, of: groupIndex, reach: .max)
    let keyText = appendKey(key, of: space, to: output)
    for index in 0..<group.gateCount where group.gates[index].mark & marks != 0 {
      appendRows(
        of: group.gates[index].views, key: key, keyText, in: space, asOf: end - 1, windowStart: start, windowEnd: end, into: output)
    }
  }

  /// Makes the nodes of the closed steps and those of step `window` one node per key, of step `window`.
  private func cumulate(through window: Int64, _ space: KeySpace, _ groupIndex: Int) {
    let group = space.groups[groupIndex]
    guard let oldest = group.panes.first, oldest.number < window else { return }
    var nodes = group.removeFirstPane()
    if let step = group.panes.first, step.number == window {
      // A key's newer node is the one before its older one in the chain.
      for node in nodes {
        let newer = PaneGroup.previous(of: group.node(node))
        guard newer != 0, PaneGroup.pane(of: group.node(newer - 1)) == window else { continue }
        group.absorb(group.node(newer - 1), into: group.node(node), pool: space.pool)
        let marks = PaneGroup.marks(of: group.node(newer - 1)) | PaneGroup.marks(of: group.node(node))
        PaneGroup.setMarks(group.node(node), marks)
        PaneGroup.setKey(group.node(newer - 1), PaneGroup.deadKey)
      }
      for node in group.removeFirstPane() {
        if PaneGroup.key(of: group.node(node)) == PaneGroup.deadKey {
          // Its key holds the older node still.
          let key = PaneGroup.key(of: group.node(PaneGroup.next(of: group.node(node)) - 1))
          group.unlink(node, head: space.head(space.table.entry(key), groupIndex))
          group.recycle(node)
        } else {
          nodes.append(node)
        }
      }
    }
    if !group.mergeFailures.isEmpty { countMergeFailures(of: group, row: nil, in: space) }
    for node in nodes { group.node(node).storeBytes(of: window, as: Int64.self) }
    group.panes.insert(PaneGroup.Pane(number: window, nodes: nodes), at: 0)
  }
}
