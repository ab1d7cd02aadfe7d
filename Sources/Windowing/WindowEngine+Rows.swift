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

  /// The same with rows that are complete through another time.
  public func drainChanges(ofView position: Int, asOf: Int64, into output: FeatureRowBatch, rowLimit: Int) -> Bool {
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
      appendRows(of: dirty & views, key: key, appendKey(key, of: space, to: output), in: space, asOf: asOf, into: output)
      entry.storeBytes(of: dirty & ~views, toByteOffset: 40, as: UInt64.self)
      space.removeIfEmpty(key)
    }
    space.dirtyKeys[drain].removeAll(keepingCapacity: true)
    space.drainedCounts[drain] = 0
    return true
  }

  /// Appends the current row of one key in one `change` view, as complete through `asOf`, whether it has changed or not; false where nothing is held of
  /// the key, or what is held has outlived its time. `key` is nil for `entity: all`.
  public func appendRow(ofView position: Int, key: UnsafeBufferPointer<UInt8>?, asOf: Int64, to output: FeatureRowBatch) -> Bool {
    for space in keySpaces {
      guard let place = space.plan.views.firstIndex(where: { $0.position == position }) else { continue }
      let bytes = key ?? UnsafeBufferPointer(start: nil, count: 0)
      let hash = bytes.count == 0 ? 0 : Hash.bytes(bytes.baseAddress!, count: bytes.count)
      guard let number = space.table.find(bytes, hash: hash) else { return false }
      if let timeToLive = space.plan.timeToLive {
        let lastEvent = space.table.entry(number).load(fromByteOffset: 32, as: Int64.self)
        if lastEvent != .min, lastEvent + timeToLive <= eventTime.watermark.streamTime { return false }
      }
      gathering.begin()
      appendRows(of: 1 << UInt64(place), key: number, appendKey(number, of: space, to: output), in: space, asOf: asOf, into: output)
      return true
    }
    return false
  }

  // MARK: The rows of a key

  /// Where a key's text stands in an output; the rows of one key may share it.
  typealias KeyText = (start: UInt32, count: Int32)

  @inline(__always)
  func appendKey(_ key: UInt32, of space: KeySpace, to output: FeatureRowBatch) -> KeyText {
    space.isKeyless ? (0, -1) : space.table.appendKey(of: key, to: output.bytes)
  }

  /// Appends a row of each of these views (a bit each): of a closing window out of the nodes that are shown, else the current values, out of
  /// what the chains hold.
  func appendRows(
    of views: UInt64, key: UInt32, _ keyText: KeyText, in space: KeySpace, asOf: Int64, windowStart: Int64 = .min,
    windowEnd: Int64 = .min, into output: FeatureRowBatch
  ) {
    let entry = space.table.entry(key)
    let lastEvent = entry.load(fromByteOffset: 32, as: Int64.self)
    let firstValue = output.values.count
    var rowCount = 0
    var valueCount = 0
    var rest = views
    while rest != 0 {
      let layout = space.rowLayouts + rest.trailingZeroBitCount
      rest &= rest &- 1
      (keyRows + rowCount).initialize(
        to: FeatureRow(
          view: layout.pointee.identifier, keyStart: keyText.start, keyCount: keyText.count,
          firstValue: UInt32(truncatingIfNeeded: firstValue &+ valueCount), partition: 0, windowStart: windowStart,
          windowEnd: windowEnd, asOf: asOf, lastEvent: lastEvent))
      rowCount &+= 1
      for index in 0..<layout.pointee.aggregateCount {
        (keyValues + valueCount).initialize(
          to: value(of: layout.pointee.aggregates + index, layout.pointee.position, in: space, entry, bytes: output.bytes))
        valueCount &+= 1
      }
    }
    output.rows.append(contentsOf: UnsafeBufferPointer(start: keyRows, count: rowCount))
    output.values.append(contentsOf: UnsafeBufferPointer(start: keyValues, count: valueCount))
  }

  @inline(__always)
  private func value(
    of aggregate: UnsafeMutablePointer<ViewAggregate>, _ view: Int, in space: KeySpace, _ entry: UnsafeMutableRawPointer,
    bytes: ByteBuffer
  ) -> FeatureValue {
    if !gathering.shows(aggregate.pointee.group, reach: aggregate.pointee.reach) { show(aggregate, space, entry) }
    let quick = values.quickValue(
      of: &aggregate.pointee.reading, at: aggregate.pointee.offset, in: gathering.nodes, gathering.shownCount,
      isNewestFirst: !aggregate.pointee.isClosing, space.pool)
    return quick ?? otherValue(of: aggregate, view, in: space, bytes: bytes)
  }

  @inline(never)
  private func otherValue(of aggregate: UnsafeMutablePointer<ViewAggregate>, _ view: Int, in space: KeySpace, bytes: ByteBuffer)
    -> FeatureValue
  {
    var counts = FoldCounts()
    let state = space.groups[aggregate.pointee.group].accumulators[aggregate.pointee.accumulator].accumulator
    let value = values.value(
      of: state, at: aggregate.pointee.offset, in: gathering.nodes, gathering.shownCount,
      isNewestFirst: !aggregate.pointee.isClosing, reading: aggregate.pointee.reading, space.pool, bytes: bytes, counts: &counts)
    if counts != FoldCounts() {
      foldCounts.add(counts)
      recordCounts.overflowsOfView[view] += counts.overflows
      recordCounts.limitsOfView[view] += counts.limits
    }
    return value
  }

  /// Sees to it that the nodes which the current value of `aggregate` may show are gathered, and shown are those that it does.
  @inline(never)
  private func show(_ aggregate: UnsafeMutablePointer<ViewAggregate>, _ space: KeySpace, _ entry: UnsafeMutableRawPointer) {
    let time = eventTime.watermark.streamTime
    let index = aggregate.pointee.group
    let group = space.groups[index]
    if !gathering.holds(index) { gather(index, of: group, head: space.head(entry, index).pointee, at: time) }
    var count = gathering.count
    if !group.isUnbounded, !group.isSession {
      if aggregate.pointee.leastPaneTime != time {
        // The oldest pane p with end(p) + reach > time.
        aggregate.pointee.leastPane = floorDivide(time - aggregate.pointee.reach - group.offset, group.paneLength)
        aggregate.pointee.leastPaneTime = time
      }
      while count > 0, PaneGroup.pane(of: gathering[count - 1]) < aggregate.pointee.leastPane { count -= 1 }
    }
    gathering.show(count, of: index, reach: aggregate.pointee.reach)
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
