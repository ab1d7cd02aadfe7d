// One record into the panes and sessions of its keys.

import Base
import Records

extension WindowEngine {
  /// Folds a record into one key space, or counts why some views do without it.
  @inline(__always)
  func fold(
    _ row: Int, time: Int64, in space: KeySpace, key: ColumnValue, hash: UInt64,
    columns: UnsafeBufferPointer<UnsafePointer<ColumnValue>>,
    predicates: UnsafeBufferPointer<UnsafePointer<UInt8>>
  ) {
    var wanted: UInt64 = 0
    var accepted: UInt64 = 0
    var changed: UInt64 = 0
    var entryNumber = UInt32.max
    for groupIndex in 0..<space.groupCount {
      // Not retained: the space holds its groups.
      unowned(unsafe) let group = space.groupPointers[groupIndex]._withUnsafeGuaranteedRef { $0 }
      var hits: UInt64 = 0
      var views: UInt64 = 0
      for index in 0..<group.hitTestCount {
        let test = group.hitTests[index]
        if test.predicate < 0 || predicates[Int(test.predicate)][row] != 0 {
          hits |= test.accumulators
          views |= test.views
        }
      }
      var marks: UInt32 = 0
      var gated: UInt64 = 0
      for index in 0..<group.gateCount {
        let gate = group.gates[index]
        if gate.predicate < 0 || predicates[Int(gate.predicate)][row] != 0 {
          marks |= gate.mark
          gated |= gate.views
        }
      }
      let node: UnsafeMutableRawPointer
      var shown = UInt64.max
      if group.isSession {
        guard marks != 0 else { continue }
        wanted |= gated
        guard key.kind == .string else { continue }
        guard let session = session(of: group, groupIndex, row, at: time, in: space, key, hash, &entryNumber) else { continue }
        accepted |= gated
        node = session.node
        // A session that the stream time has passed shows in no value.
        shown = group.isVisible(node, at: max(time, eventTime.watermark.streamTime)) ? .max : 0
        if session.isOther { changed |= shown & gated }
      } else if group.isClosing {
        guard marks != 0 else { continue }
        wanted |= gated
        guard key.kind == .string else { continue }
        guard let pane = closingPane(of: group, at: time) else { continue }
        accepted |= gated
        if entryNumber == .max { entryNumber = space.table.findOrInsert(key.bytes, hash: hash) }
        node = group.findOrInsert(pane: pane, key: entryNumber, head: space.head(space.table.entry(entryNumber), groupIndex))
        PaneGroup.setMarks(node, PaneGroup.marks(of: node) | marks)
      } else {
        guard hits != 0 else { continue }
        wanted |= views
        guard key.kind == .string else { continue }
        let pane = group.pane(at: time)
        let inReach = group.isUnbounded ? views : viewsInReach(group, pane: pane, hits) & views
        if inReach == 0 { continue }
        accepted |= inReach
        if entryNumber == .max { entryNumber = space.table.findOrInsert(key.bytes, hash: hash) }
        let entry = space.table.entry(entryNumber)
        node = group.findOrInsert(pane: pane, key: entryNumber, head: space.head(entry, groupIndex))
        if group.isUnbounded, let timeToLive = space.plan.timeToLive {
          let last = entry.load(fromByteOffset: 32, as: Int64.self)
          // What the key had before has outlived its time, whether a sweep has come by or not.
          if last != .min, last + timeToLive <= time { group.clear(node, pool: space.pool) }
        }
      }
      var rest = hits
      while rest != 0 {
        let accumulator = group.accumulators[rest.trailingZeroBitCount]
        rest &= rest &- 1
        let hasColumn = accumulator.column >= 0
        let before = foldCounts
        let hasChanged = accumulator.accumulator.fold(
          at: node + Int(accumulator.offset), hasColumn ? columns[Int(accumulator.column)][row] : .null, hasColumn: hasColumn,
          time: time, pool: space.pool, counts: &foldCounts)
        if foldCounts != before { countFoldFailures(since: before, row: row, accumulator, in: space) }
        if hasChanged { changed |= accumulator.views & shown }
      }
    }
    if accepted != wanted { countRefused(wanted & ~accepted, row: row, time: time, isKeyless: key.kind != .string, in: space) }
    guard accepted != 0 else { return }
    let entry = space.table.entry(entryNumber)
    if time > entry.load(fromByteOffset: 32, as: Int64.self) { entry.storeBytes(of: time, toByteOffset: 32, as: Int64.self) }
    // With a time to live the store forgets a row that is not written again.
    changed = (space.plan.timeToLive == nil ? changed & accepted : accepted) & space.changeViews
    if changed != 0 {
      space.markDirty(entryNumber, entry, views: changed)
      if tracksTimes, foldedTimes.count < Self.foldedTimesMax { foldedTimes.append(time) }
    }
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
