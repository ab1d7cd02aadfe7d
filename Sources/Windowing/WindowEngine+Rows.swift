// Rows out of panes: current values of `change` views, and what rows of every kind have in common.
//
//   change, value at stream time t: panes p with end(p) + reach > t; of sessions the newest, while its end > t

import Base
import Records

extension WindowEngine {
  // MARK: Changed values

  func leavePanes() {
    eventTime.nextLeave = .max
    for space in keySpaces {
      space.leavePanes()
      for group in space.groups where !group.isClosing { eventTime.nextLeave = min(eventTime.nextLeave, group.deadline) }
      eventTime.nextLeave = min(eventTime.nextLeave, space.sweepAt)
    }
  }

  /// Appends the current row of every key whose row in this `change` view, or in another of its rhythm, may have changed since the last call:
  /// key by key in the order in which they first changed, for each key the rows of the views in their order. `view` is the view's place in
  /// the engine's specification; `close` views have nothing to drain. False where `output` holds `rowLimit` rows before all are out; the next
  /// call goes on.
  @discardableResult
  public func drainChanges(ofView view: Int, into output: FeatureRowBatch, rowLimit: Int = .max) -> Bool {
    // Of several inputs it may not be known yet through which time they are complete: through none, then.
    let asOf = eventTime.watermark.value == .min ? 0 : eventTime.watermark.value
    return drainChanges(ofView: view, asOf: asOf, into: output, rowLimit: rowLimit)
  }

  func drainChanges(ofView position: Int, asOf: Int64, into output: FeatureRowBatch, rowLimit: Int) -> Bool {
    for space in keySpaces {
      guard let view = space.plan.views.first(where: { $0.position == position }) else { continue }
      return view.trigger == .close || drain(view.drain, of: space, asOf: asOf, into: output, rowLimit: rowLimit)
    }
    return true
  }

  private func drain(_ drain: Int, of space: KeySpace, asOf: Int64, into output: FeatureRowBatch, rowLimit: Int) -> Bool {
    let keys = space.dirtyKeys[drain]
    let views = space.plan.drains[drain].views
    for position in space.drainedCounts[drain]..<keys.count {
      guard !output.isFull(rowLimit: rowLimit) else {
        space.drainedCounts[drain] = position
        return false
      }
      if position % KeySpace.blockCount == 0 {
        keys.withUnsafeBufferPointer {
          space.warm(keys: UnsafeBufferPointer(rebasing: $0[position...].prefix(KeySpace.blockCount)))
        }
      }
      let key = keys[position]
      let entry = space.table.entry(key)
      let dirty = entry.load(fromByteOffset: 40, as: UInt64.self)
      gathering.begin()
      let keyText = appendKey(key, of: space, to: output)
      var changed = dirty & views
      while changed != 0 {
        appendRow(of: space.rowLayouts[changed.trailingZeroBitCount], key: key, keyText, in: space, asOf: asOf, into: output)
        changed &= changed &- 1
      }
      entry.storeBytes(of: dirty & ~views, toByteOffset: 40, as: UInt64.self)
      space.removeIfEmpty(key)
    }
    space.dirtyKeys[drain].removeAll(keepingCapacity: true)
    space.drainedCounts[drain] = 0
    return true
  }

  // MARK: One row

  /// Where a key's text stands in an output; the rows of one key may share it.
  typealias KeyText = (start: UInt32, count: Int32)

  @inline(__always)
  func appendKey(_ key: UInt32, of space: KeySpace, to output: FeatureRowBatch) -> KeyText {
    space.isKeyless ? (0, -1) : space.table.appendKey(of: key, to: output.bytes)
  }

  /// Appends a row: of a closing window out of the nodes that have been gathered, else the current values, out of what the chains hold.
  func appendRow(
    of layout: RowLayout, key: UInt32, _ keyText: KeyText, in space: KeySpace, asOf: Int64, windowStart: Int64 = .min,
    windowEnd: Int64 = .min, into output: FeatureRowBatch
  ) {
    let entry = space.table.entry(key)
    output.rows.append(
      FeatureRow(
        view: layout.identifier, keyStart: keyText.start, keyCount: keyText.count, firstValue: UInt32(output.values.count),
        partition: 0,
        windowStart: windowStart, windowEnd: windowEnd, asOf: asOf, lastEvent: entry.load(fromByteOffset: 32, as: Int64.self)))
    let before = foldCounts
    for index in 0..<layout.aggregateCount {
      let aggregate = layout.aggregates + index
      // Not retained: the space holds its groups.
      unowned(unsafe) let group = space.groupPointers[aggregate.pointee.group]._withUnsafeGuaranteedRef { $0 }
      let count = group.isClosing ? gathering.count : gather(aggregate, of: group, space, entry)
      let plan = group.accumulators[aggregate.pointee.accumulator]
      rowValues[index] = values.value(
        of: plan.accumulator, at: Int(plan.offset), in: gathering, count, isNewestFirst: !group.isClosing,
        reading: aggregate.pointee.reading, space.pool, bytes: output.bytes, counts: &foldCounts)
    }
    output.values.append(contentsOf: UnsafeBufferPointer(start: rowValues, count: layout.aggregateCount))
    if foldCounts != before {
      recordCounts.overflowsOfView[layout.position] += foldCounts.overflows - before.overflows
      recordCounts.limitsOfView[layout.position] += foldCounts.limits - before.limits
    }
  }

  /// Sees to it that the nodes which the current value of `aggregate` may show are gathered; returns how many of them it does.
  @inline(__always)
  private func gather(
    _ aggregate: UnsafeMutablePointer<ViewAggregate>, of group: PaneGroup, _ space: KeySpace, _ entry: UnsafeMutableRawPointer
  ) -> Int {
    let time = eventTime.watermark.streamTime
    let index = aggregate.pointee.group
    if !gathering.holds(index) { gather(index, of: group, head: space.head(entry, index).pointee, at: time) }
    if group.isUnbounded || group.isSession { return gathering.count }
    if aggregate.pointee.leastPaneTime != time {
      // The oldest pane p with end(p) + reach > time.
      aggregate.pointee.leastPane = floorDivide(time - aggregate.pointee.reach - group.offset, group.paneLength)
      aggregate.pointee.leastPaneTime = time
    }
    var count = gathering.count
    while count > 0, PaneGroup.pane(of: gathering[count - 1]) < aggregate.pointee.leastPane { count -= 1 }
    return count
  }

  /// Collects the nodes of a chain that may show in some value at stream time `time`.
  private func gather(_ index: Int, of group: PaneGroup, head: UInt32, at time: Int64) {
    guard group.isSession else {
      // A pane that is longer gone has been freed, or is about to be.
      return gathering.collect(group, index, head: head)
    }
    gathering.begin(index)
    if head != 0, group.isVisible(group.node(head - 1), at: time) { gathering.append(group.node(head - 1)) }
  }
}
