// One record into the panes and sessions of its keys.

import Base
import Records

/// A record on its way through the groups of a key space.
private struct FoldedRecord {
  /// Views that want the record, those among them that count it, and those whose rows it changes.
  var wanted: UInt64 = 0
  var accepted: UInt64 = 0
  var changed: UInt64 = 0
  /// Views that have no room for its key.
  var full: UInt64 = 0
  /// The key's entry; `UInt32.max` until it is looked up.
  var entryNumber = UInt32.max
}

extension WindowEngine {
  typealias ColumnStarts = UnsafeBufferPointer<UnsafePointer<ColumnValue>>
  typealias PredicateStarts = UnsafeBufferPointer<UnsafePointer<UInt8>>

  /// Folds a record into one key space, or counts why some views do without it.
  @inline(__always)
  func fold(
    _ row: Int, time: Int64, in space: KeySpace, key: ColumnValue, hash: UInt64, columns: ColumnStarts, predicates: PredicateStarts
  ) {
    var record = FoldedRecord()
    for groupIndex in 0..<space.groupCount {
      // Not retained: the space holds its groups.
      space.groupPointers[groupIndex]._withUnsafeGuaranteedRef {
        fold(row, time: time, into: $0, groupIndex, of: space, key: key, hash: hash, columns, predicates, &record)
      }
    }
    if record.accepted != record.wanted {
      countRefused(record.wanted & ~record.accepted, record.full, row: row, time: time, isKeyless: key.kind != .string, in: space)
    }
    guard record.accepted != 0 else { return }
    let entry = space.table.entry(record.entryNumber)
    if time > entry.load(fromByteOffset: 32, as: Int64.self) { entry.storeBytes(of: time, toByteOffset: 32, as: Int64.self) }
    // With a time to live the store forgets a row that is not written again.
    let changed = (space.hasTimeToLive ? record.accepted : record.changed & record.accepted) & space.changeViews
    if changed != 0 {
      space.markDirty(record.entryNumber, entry, views: changed)
      if tracksTimes, row != lastTimedRow {
        lastTimedRow = row
        timesStart[timeCount] = time
        timeCount &+= 1
      }
    }
  }

  /// Folds a record into one group.
  @inline(__always)
  private func fold(
    _ row: Int, time: Int64, into group: PaneGroup, _ groupIndex: Int, of space: KeySpace, key: ColumnValue, hash: UInt64,
    _ columns: ColumnStarts, _ predicates: PredicateStarts, _ record: inout FoldedRecord
  ) {
    var hits: UInt64 = 0
    var views: UInt64 = 0
    // Without branches: whether a condition holds is rarely to be foreseen.
    for index in 0..<group.hitTestCount {
      let test = group.hitTests + index
      let mask = Self.mask(test.pointee.predicate, predicates, row)
      hits |= test.pointee.accumulators & mask
      views |= test.pointee.views & mask
    }
    var marks: UInt32 = 0
    var gated: UInt64 = 0
    for index in 0..<group.gateCount {
      let gate = group.gates + index
      let mask = Self.mask(gate.pointee.predicate, predicates, row)
      marks |= gate.pointee.mark & UInt32(truncatingIfNeeded: mask)
      gated |= gate.pointee.views & mask
    }
    let node: UnsafeMutableRawPointer
    var shown = UInt64.max
    if group.isSession {
      guard marks != 0 else { return }
      record.wanted |= gated
      guard key.kind == .string else { return }
      if isFull(space, key, hash, gated, &record) { return }
      guard let session = session(of: group, groupIndex, row, at: time, in: space, key, hash, &record.entryNumber) else { return }
      record.accepted |= gated
      node = session.node
      // A session that the stream time has passed shows in no value.
      shown = group.isVisible(node, at: max(time, eventTime.watermark.streamTime)) ? .max : 0
      if session.isOther { record.changed |= shown & gated }
    } else if group.isClosing {
      guard marks != 0 else { return }
      record.wanted |= gated
      guard key.kind == .string else { return }
      guard let pane = closingPane(of: group, at: time) else { return }
      if isFull(space, key, hash, gated, &record) { return }
      record.accepted |= gated
      if record.entryNumber == .max { record.entryNumber = space.table.findOrInsert(key.bytes, hash: hash) }
      node = group.findOrInsert(
        pane: pane, key: record.entryNumber, head: space.head(space.table.entry(record.entryNumber), groupIndex))
      PaneGroup.setMarks(node, PaneGroup.marks(of: node) | marks)
    } else {
      guard hits != 0 else { return }
      record.wanted |= views
      guard key.kind == .string else { return }
      let pane = group.pane(at: time)
      let inReach = group.isUnbounded ? views : viewsInReach(group, pane: pane, hits) & views
      guard inReach != 0 else { return }
      if isFull(space, key, hash, inReach, &record) { return }
      record.accepted |= inReach
      if record.entryNumber == .max { record.entryNumber = space.table.findOrInsert(key.bytes, hash: hash) }
      let entry = space.table.entry(record.entryNumber)
      node = group.findOrInsert(pane: pane, key: record.entryNumber, head: space.head(entry, groupIndex))
      if group.isUnbounded, space.hasTimeToLive { clearIfOutlived(node, of: group, entry, at: time, in: space) }
    }
    record.changed |= fold(hits, of: row, time: time, into: node, of: group, in: space, columns) & shown
  }

  /// Whether the record's key is not there and has no room; notes the views that would have counted it.
  @inline(__always)
  private func isFull(_ space: KeySpace, _ key: ColumnValue, _ hash: UInt64, _ views: UInt64, _ record: inout FoldedRecord) -> Bool
  {
    guard space.isBounded, record.entryNumber == .max, space.isFull(for: key.bytes, hash: hash) else { return false }
    record.full |= views
    return true
  }

  /// All ones where a predicate holds, or there is none to hold.
  @inline(__always)
  private static func mask(_ predicate: Int32, _ predicates: PredicateStarts, _ row: Int) -> UInt64 {
    predicate < 0 ? .max : 0 &- UInt64(predicates[Int(predicate)][row])
  }

  /// What the key had before has outlived its time, whether a sweep has come by or not.
  @inline(never)
  private func clearIfOutlived(
    _ node: UnsafeMutableRawPointer, of group: PaneGroup, _ entry: UnsafeMutableRawPointer, at time: Int64, in space: KeySpace
  ) {
    guard let timeToLive = space.plan.timeToLive else { return }
    let last = entry.load(fromByteOffset: 32, as: Int64.self)
    if last != .min, last + timeToLive <= time { group.clear(node, pool: space.pool) }
  }

  /// Folds the values of a record into the accumulators that it hits, a bit each; returns the views that show those which have changed.
  @inline(__always)
  private func fold(
    _ hits: UInt64, of row: Int, time: Int64, into node: UnsafeMutableRawPointer, of group: PaneGroup, in space: KeySpace,
    _ columns: ColumnStarts
  ) -> UInt64 {
    var changed: UInt64 = 0
    var rest = hits
    while rest != 0 {
      let plan = group.accumulators + rest.trailingZeroBitCount
      rest &= rest &- 1
      let state = node + Int(plan.pointee.offset)
      let column = Int(plan.pointee.column)
      if column < 0, plan.pointee.accumulator.function == .count {
        state.storeBytes(of: state.load(as: Int64.self) &+ 1, as: Int64.self)
        changed |= plan.pointee.views
        continue
      }
      var counts = FoldCounts()
      let hasChanged = plan.pointee.accumulator.fold(
        at: state, column < 0 ? .null : columns[column][row], hasColumn: column >= 0, time: time, pool: space.pool, counts: &counts)
      if counts != FoldCounts() { countFoldFailures(counts, row: row, plan.pointee, in: space) }
      if hasChanged { changed |= plan.pointee.views }
    }
    return changed
  }

  /// The pane that a record of closing windows counts in; nil where all its windows have closed.
  @inline(__always)
  private func closingPane(of group: PaneGroup, at time: Int64) -> Int64? {
    let pane = group.pane(at: time)
    let watermark = eventTime.watermark.value
    if group.isCumulating { return cumulatingPane(of: group, pane, watermark) }
    let lastClose = group.end(ofPane: pane &+ group.panesPerWindow &- 1) &- 1
    return watermark >= lastClose ? nil : pane
  }

  /// Of windows that cumulate, what has closed has been added up in the pane of the last step that has: a record that comes later than
  /// its own step counts there, and so in every step to come.
  @inline(__always)
  private func cumulatingPane(of group: PaneGroup, _ pane: Int64, _ watermark: Int64) -> Int64? {
    if watermark < group.end(ofPane: pane) &- 1 { return pane }
    let lastPane = (floorDivide(pane, group.panesPerWindow) + 1) * group.panesPerWindow - 1
    return watermark >= group.end(ofPane: lastPane) - 1 ? nil : group.closedWindow
  }

  /// The session of a record; nil where the record is late. Finds the key's entry, or makes it.
  @inline(never)
  private func session(
    of group: PaneGroup, _ groupIndex: Int, _ row: Int, at time: Int64, in space: KeySpace, _ key: ColumnValue, _ hash: UInt64,
    _ entryNumber: inout UInt32
  ) -> (node: UnsafeMutableRawPointer, isOther: Bool)? {
    let mayBeLate = group.isTooLateToBegin(time)
    if entryNumber == .max {
      if let found = space.table.find(key.bytes, hash: hash) {
        entryNumber = found
      } else if mayBeLate {
        return nil
      } else {
        entryNumber = space.table.findOrInsert(key.bytes, hash: hash)
      }
    }
    let head = space.head(space.table.entry(entryNumber), groupIndex)
    let place = group.place(of: time, head: head.pointee)
    if mayBeLate, !place.touchesAny { return nil }
    let session = group.session(at: time, in: place, key: entryNumber, head: head, pool: space.pool)
    if !group.mergeFailures.isEmpty { countMergeFailures(of: group, row: row, in: space) }
    return session
  }

  /// The views in whose values a record of `pane` that hits these accumulators can show at the present stream time.
  @inline(__always)
  private func viewsInReach(_ group: PaneGroup, pane: Int64, _ hits: UInt64) -> UInt64 {
    let time = eventTime.watermark.streamTime
    let paneEnd = group.end(ofPane: pane)
    if paneEnd > time { return .max }
    var views: UInt64 = 0
    for reach in group.plan.reaches where paneEnd &+ reach.reach > time { views |= reach.views(showing: hits) }
    return views
  }
}
