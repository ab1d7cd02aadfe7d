// Rows out of panes: windows that close, and current values of `change` views.
//
//   close, n panes per window, window k = panes k ... k + n - 1       change, value at stream time t
//     [k][ ][ ]            closes at watermark >= end - 1               panes p with (p + 1) * length + reach > t
//        [k+1][ ][ ]       pane k is freed with window k

import Base
import Records

extension WindowEngine {
  // MARK: Closed windows

  /// Closes every window that ends at or before `watermark + 1`, in the order of their ends; of equal ends in the order of the views.
  func closeWindows(through watermark: Int64, into output: FeatureRowBatch) {
    while true {
      var next: (space: Int, group: Int, deadline: Int64)?
      for (spaceIndex, space) in keySpaces.enumerated() {
        for (groupIndex, group) in space.groups.enumerated() where group.plan.closing != nil {
          if group.deadline < next?.deadline ?? .max { next = (spaceIndex, groupIndex, group.deadline) }
        }
      }
      guard let next, next.deadline <= watermark else {
        eventTime.nextClose = next?.deadline ?? .max
        return
      }
      closeNextWindow(of: keySpaces[next.space], group: next.group, into: output)
    }
  }

  private func closeNextWindow(of space: KeySpace, group groupIndex: Int, into output: FeatureRowBatch) {
    let group = space.groups[groupIndex]
    let closing = group.plan.closing!
    let view = space.plan.views[closing.view]
    let paneLength = group.plan.paneLength
    let first = (group.deadline + 1 - closing.windowSize) / paneLength
    let last = first + closing.windowSize / paneLength - 1
    for pane in group.panes where pane.number >= first {
      guard pane.number <= last else { break }
      for (position, node) in pane.nodes.enumerated() {
        if position % KeySpace.blockCount == 0 { space.warm(nodes: pane.nodes[position...].prefix(KeySpace.blockCount), of: group) }
        // A key shows at the oldest of its panes in the window: the next of the chain is older.
        let older = PaneGroup.next(of: group.node(node))
        if older != 0, PaneGroup.pane(of: group.node(older - 1)) >= first { continue }
        let key = PaneGroup.key(of: group.node(node))
        appendRow(of: view, key: key, in: space, asOf: first * paneLength + closing.windowSize - 1, into: output) { row in
          row.windowStart = first * paneLength
          row.windowEnd = first * paneLength + closing.windowSize
        } panes: { _, _ in
          first...last
        }
      }
    }
    group.closedThrough = first
    while let oldest = group.panes.first, oldest.number <= first {
      let nodes = group.removeFirstPane()
      for (position, node) in nodes.enumerated() {
        if position % KeySpace.blockCount == 0 { space.warm(nodes: nodes[position...].prefix(KeySpace.blockCount), of: group) }
        let key = PaneGroup.key(of: group.node(node))
        group.free(node, head: space.head(space.table.entry(key), groupIndex), pool: space.table.text)
        space.removeIfEmpty(key)
      }
    }
    group.updateDeadline()
  }

  // MARK: Changed values

  func leavePanes() {
    eventTime.nextLeave = .max
    for space in keySpaces {
      space.leavePanes()
      for group in space.groups where group.plan.closing == nil { eventTime.nextLeave = min(eventTime.nextLeave, group.deadline) }
      eventTime.nextLeave = min(eventTime.nextLeave, space.sweepAt)
    }
  }

  /// Appends the current row of every key whose row in this `change` view may have changed since the last call, in the order in which
  /// they first changed. `view` is the view's place in the engine's specification; `close` views have nothing to drain.
  public func drainChanges(ofView view: Int, into output: FeatureRowBatch) {
    drainChanges(ofView: view, asOf: eventTime.watermark.value, into: output)
  }

  func drainChanges(ofView position: Int, asOf: Int64, into output: FeatureRowBatch) {
    for space in keySpaces {
      guard let index = space.plan.views.firstIndex(where: { $0.position == position }), !space.dirtyKeys[index].isEmpty else {
        continue
      }
      let view = space.plan.views[index]
      let time = eventTime.watermark.streamTime
      let keys = space.dirtyKeys[index]
      for (position, key) in keys.enumerated() {
        if position % KeySpace.blockCount == 0 {
          keys.withUnsafeBufferPointer {
            space.warm(keys: UnsafeBufferPointer(rebasing: $0[position...].prefix(KeySpace.blockCount)))
          }
        }
        appendRow(of: view, key: key, in: space, asOf: asOf, into: output) { _ in
        } panes: { group, aggregate in
          guard !group.plan.isUnbounded else { return 0...0 }
          // The oldest pane p with (p + 1) * length + reach > time.
          return floorDivide(time - aggregate.reach, group.plan.paneLength)...Int64.max
        }
        let entry = space.table.entry(key)
        let dirty = entry.load(fromByteOffset: 40, as: UInt64.self) & ~(1 << UInt64(index))
        entry.storeBytes(of: dirty, toByteOffset: 40, as: UInt64.self)
        space.removeIfEmpty(key)
      }
      space.dirtyKeys[index].removeAll(keepingCapacity: true)
    }
  }

  // MARK: One row

  /// Appends a row whose values are merged from the panes that `panes` names for each aggregate.
  private func appendRow(
    of view: KeySpaceView, key: UInt32, in space: KeySpace, asOf: Int64, into output: FeatureRowBatch,
    _ adjust: (inout FeatureRow) -> Void,
    panes: (PaneGroup, ViewAggregate) -> ClosedRange<Int64>
  ) {
    let entry = space.table.entry(key)
    let (keyStart, keyCount) = space.plan.keyColumn == nil ? (0, -1) : space.table.appendKey(of: key, to: output.bytes)
    var row = FeatureRow(
      view: view.identifier, keyStart: keyStart, keyCount: keyCount, firstValue: UInt32(output.values.count), partition: 0,
      windowStart: .min, windowEnd: .min, asOf: asOf, lastEvent: entry.load(fromByteOffset: 32, as: Int64.self))
    adjust(&row)
    let overflowsBefore = foldCounts.overflows
    for aggregate in view.aggregates {
      let group = space.groups[aggregate.group]
      output.values.append(
        value(
          aggregate, of: group, in: panes(group, aggregate), head: space.head(entry, aggregate.group), pool: space.table.text,
          bytes: output.bytes))
    }
    recordCounts.overflowsOfView[view.position] += foldCounts.overflows - overflowsBefore
    output.rows.append(row)
  }

  /// Merges an accumulator over the nodes of a chain whose panes lie in `panes`; newest first, so that equal state gives equal bits.
  private func value(
    _ aggregate: ViewAggregate, of group: PaneGroup, in panes: ClosedRange<Int64>, head: UnsafeMutablePointer<UInt32>,
    pool: BlockPool, bytes: ByteBuffer
  ) -> FeatureValue {
    let accumulator = group.accumulators[aggregate.accumulator].accumulator
    let offset = Int(group.accumulators[aggregate.accumulator].offset)
    var current = head.pointee
    while current != 0 {
      let node = group.node(current - 1)
      let pane = PaneGroup.pane(of: node)
      guard pane >= panes.lowerBound else { break }
      if pane <= panes.upperBound { values.add(accumulator, node + offset, pool, counts: &foldCounts) }
      current = PaneGroup.next(of: node)
    }
    return values.take(aggregate.reading, pool, bytes: bytes)
  }
}
