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

  /// Appends the current row of every key whose row in this `change` view may have changed since the last call, in the order in which
  /// they first changed. `view` is the view's place in the engine's specification; `close` views have nothing to drain. False where `output`
  /// holds `rowLimit` rows before all are out; the next call goes on.
  @discardableResult
  public func drainChanges(ofView view: Int, into output: FeatureRowBatch, rowLimit: Int = .max) -> Bool {
    drainChanges(ofView: view, asOf: eventTime.watermark.value, into: output, rowLimit: rowLimit)
  }

  func drainChanges(ofView position: Int, asOf: Int64, into output: FeatureRowBatch, rowLimit: Int) -> Bool {
    for space in keySpaces {
      guard let index = space.plan.views.firstIndex(where: { $0.position == position }), !space.dirtyKeys[index].isEmpty else {
        continue
      }
      let view = space.plan.views[index]
      let keys = space.dirtyKeys[index]
      while space.drainedCounts[index] < keys.count {
        guard output.rows.count < rowLimit else { return false }
        let position = space.drainedCounts[index]
        if position % KeySpace.blockCount == 0 {
          keys.withUnsafeBufferPointer {
            space.warm(keys: UnsafeBufferPointer(rebasing: $0[position...].prefix(KeySpace.blockCount)))
          }
        }
        space.drainedCounts[index] = position + 1
        let key = keys[position]
        gathering.begin()
        appendRow(of: view, key: key, in: space, asOf: asOf, into: output)
        let entry = space.table.entry(key)
        let dirty = entry.load(fromByteOffset: 40, as: UInt64.self) & ~(1 << UInt64(index))
        entry.storeBytes(of: dirty, toByteOffset: 40, as: UInt64.self)
        space.removeIfEmpty(key)
      }
      space.dirtyKeys[index].removeAll(keepingCapacity: true)
      space.drainedCounts[index] = 0
    }
    return true
  }

  // MARK: One row

  /// Appends a row: of a closing window out of the nodes that have been gathered, else the current values, out of what the chains hold.
  func appendRow(
    of view: KeySpaceView, key: UInt32, in space: KeySpace, asOf: Int64, windowStart: Int64 = .min, windowEnd: Int64 = .min,
    into output: FeatureRowBatch
  ) {
    let entry = space.table.entry(key)
    let (keyStart, keyCount) = space.plan.keyColumn == nil ? (0, -1) : space.table.appendKey(of: key, to: output.bytes)
    output.rows.append(
      FeatureRow(
        view: view.identifier, keyStart: keyStart, keyCount: keyCount, firstValue: UInt32(output.values.count), partition: 0,
        windowStart: windowStart, windowEnd: windowEnd, asOf: asOf, lastEvent: entry.load(fromByteOffset: 32, as: Int64.self)))
    let time = eventTime.watermark.streamTime
    let before = foldCounts
    for aggregate in view.aggregates {
      unowned(unsafe) let group = space.groupPointers[aggregate.group]._withUnsafeGuaranteedRef { $0 }
      var count: Int
      if group.isClosing {
        count = gathering.count
      } else {
        if !gathering.holds(aggregate.group) {
          gather(aggregate.group, of: group, head: space.head(entry, aggregate.group).pointee, at: time)
        }
        count = gathering.count
        if !group.isUnbounded, !group.isSession {
          // The oldest pane p with end(p) + reach > time.
          let least = floorDivide(time - aggregate.reach - group.offset, group.paneLength)
          while count > 0, PaneGroup.pane(of: gathering[count - 1]) < least { count -= 1 }
        }
      }
      output.values.append(value(aggregate, of: group, count, pool: space.table.text, bytes: output.bytes))
    }
    recordCounts.overflowsOfView[view.position] += foldCounts.overflows - before.overflows
    recordCounts.limitsOfView[view.position] += foldCounts.limits - before.limits
  }

  /// Collects the nodes of a chain that may show in some value at stream time `time`.
  private func gather(_ index: Int, of group: PaneGroup, head: UInt32, at time: Int64) {
    guard group.isSession else {
      let least = group.isUnbounded ? 0 : floorDivide(time - group.plan.reaches.last!.reach - group.offset, group.paneLength)
      return gathering.collect(group, index, head: head, downTo: least)
    }
    gathering.collect(group, index, head: 0, downTo: 0)
    if head != 0, group.isVisible(group.node(head - 1), at: time) { gathering.append(group.node(head - 1), of: index) }
  }

  /// Merges an accumulator over the first `count` of the gathered nodes.
  @inline(__always)
  private func value(
    _ aggregate: ViewAggregate, of group: PaneGroup, _ count: Int, pool: BlockPool, bytes: ByteBuffer
  ) -> FeatureValue {
    let plan = group.accumulators[aggregate.accumulator]
    for index in 0..<count {
      // From the newest to the oldest.
      let node = gathering[group.isClosing ? count - 1 - index : index]
      values.add(plan.accumulator, node + Int(plan.offset), pool, counts: &foldCounts)
    }
    return values.take(aggregate.reading, pool, bytes: bytes)
  }
}
