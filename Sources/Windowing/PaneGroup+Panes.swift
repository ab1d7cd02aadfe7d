// The panes of a group as lists, and the moments at which they close or leave.

import Base

extension PaneGroup {
  /// Removes the first pane and returns its nodes.
  func removeFirstPane() -> ContiguousArray<UInt32> { panes.removeFirst().nodes }

  /// Takes the nodes out of the first pane, which stays in its place.
  func takeNodesOfFirstPane() -> ContiguousArray<UInt32> {
    var nodes = ContiguousArray<UInt32>()
    swap(&nodes, &panes[0].nodes)
    return nodes
  }

  /// Keeps in pane 0 of an unbounded group only the nodes for which `isKept` holds.
  func filterUnboundedPane(_ isKept: (UInt32) -> Bool) {
    guard !panes.isEmpty else { return }
    panes[0].nodes.removeAll { !isKept($0) }
  }

  /// Where `pane` stands in `panes`, made if there is none.
  func paneIndex(of pane: Int64) -> Int {
    var index = panes.count
    while index > 0, panes[index - 1].number > pane { index -= 1 }
    if index > 0, panes[index - 1].number == pane { return index - 1 }
    panes.insert(Pane(number: pane, nodes: []), at: index)
    if isClosing, eventTime.watermark.value != .min {
      // Windows that the watermark had passed before any of their panes came have closed without a row.
      closedThrough = max(closedThrough, closedWindow)
    }
    updateDeadline()
    return index
  }

  /// The last window that the watermark has closed, with a row or without; there must have been a record.
  var closedWindow: Int64 {
    let length = isCumulating ? paneLength : panesPerWindow * paneLength
    return floorDivide(eventTime.watermark.value + 1 - length - offset, paneLength)
  }

  /// The window that closes next: by its first pane, of those that cumulate by its last.
  var nextWindow: Int64? {
    guard let oldest = panes.first else { return nil }
    let least = closedThrough == .min ? closedThrough : closedThrough + 1
    return max(least, isCumulating ? oldest.number : oldest.number - panesPerWindow + 1)
  }

  /// `[start, end)` of a window, by its number.
  func bounds(ofWindow window: Int64) -> (start: Int64, end: Int64) {
    let first = isCumulating ? floorDivide(window, panesPerWindow) * panesPerWindow : window
    let last = isCumulating ? window : window + panesPerWindow - 1
    return (first * paneLength + offset, end(ofPane: last))
  }

  /// The end of the last window that a record of `time` would count in, were it the only one.
  func lastEnd(of time: Int64) -> Int64 {
    if isSession { return time + gap }
    let pane = pane(at: time)
    return isCumulating
      ? end(ofPane: floorDivide(pane, panesPerWindow) * panesPerWindow + panesPerWindow - 1)
      : end(ofPane: pane + panesPerWindow - 1)
  }

  /// Finds out when this group next needs `WindowEngine`, after panes or sessions have come or gone.
  func updateDeadline() {
    deadline = isSession ? timers.nextDue : .max
    if isClosing {
      if let window = nextWindow { deadline = bounds(ofWindow: window).end - 1 }
      eventTime.nextClose = min(eventTime.nextClose, deadline)
    } else if !isUnbounded {
      for (index, reach) in plan.reaches.enumerated() {
        guard let pane = panes.first(where: { $0.number > leftThrough[index] }) else { continue }
        deadline = min(deadline, end(ofPane: pane.number) + reach.reach)
      }
      eventTime.nextLeave = min(eventTime.nextLeave, deadline)
    }
  }
}
