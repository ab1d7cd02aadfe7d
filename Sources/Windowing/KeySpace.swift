// One key space of a partition: its keys, its pane groups, and which keys' values have changed since they were last drained.

import Base
import Records

final class KeySpace {
  let plan: KeySpacePlan
  var table: KeyTable
  /// What the table's long keys and the groups' accumulators have in blocks.
  let pool: BlockPool
  let groups: [PaneGroup]
  /// The same, for loops that must not pay for reference counts; sound as long as `groups` holds them, which it always does.
  let groupPointers: UnsafeMutablePointer<Unmanaged<PaneGroup>>
  let groupCount: Int
  /// One key stands for everything.
  let isKeyless: Bool
  let hasTimeToLive: Bool
  /// One per view of `plan`.
  let rowLayouts: UnsafeMutablePointer<RowLayout>
  /// The views of `plan` that are drained, a bit each.
  let changeViews: UInt64
  /// See `warm`.
  let warmedEntries: UnsafeMutablePointer<UInt32>
  let warmedNodes: UnsafeMutablePointer<UInt32>
  /// See `selectOldest`.
  let shownPositions: UnsafeMutablePointer<UInt32>
  /// Keeps the loads of `warm` from being optimised away.
  var warmth: UInt64 = 0
  /// The views of each drain, a bit each.
  let drainViews: UnsafeMutablePointer<UInt64>
  /// Per drain: entries of which rows must be written, each once (the entry's dirty word says for which views).
  var dirtyKeys: [ContiguousArray<UInt32>]
  /// Per drain: how many of `dirtyKeys` have been written already, while the rest waits for room.
  var drainedCounts: [Int]
  /// The stream time at which idle keys are next looked for; `Int64.max` where nothing has to be swept.
  var sweepAt: Int64 = .max
  let eventTime: EventTime
  /// Nil where any number of keys may come.
  var budget: StateBudget?
  /// The same, for loops.
  private(set) var isBounded = false

  func bound(by budget: StateBudget) {
    self.budget = budget
    isBounded = true
  }

  init(_ plan: KeySpacePlan, eventTime: EventTime) {
    self.plan = plan
    self.eventTime = eventTime
    changeViews = plan.views.enumerated().reduce(0) { $1.element.trigger == .change ? $0 | 1 << UInt64($1.offset) : $0 }
    table = KeyTable(groupCount: plan.groups.count)
    pool = table.text
    groups = plan.groups.map { PaneGroup($0, eventTime: eventTime) }
    groupCount = groups.count
    isKeyless = plan.keyColumn == nil
    hasTimeToLive = plan.timeToLive != nil
    groupPointers = .allocate(capacity: max(1, groupCount))
    groupPointers.initialize(from: groups.map { Unmanaged.passUnretained($0) }, count: groupCount)
    rowLayouts = .allocate(capacity: max(1, plan.views.count))
    for (index, view) in plan.views.enumerated() {
      let aggregates = UnsafeMutablePointer<ViewAggregate>.allocate(capacity: max(1, view.aggregates.count))
      aggregates.initialize(from: view.aggregates, count: view.aggregates.count)
      rowLayouts[index] = RowLayout(
        identifier: view.identifier, position: view.position, aggregates: aggregates, aggregateCount: view.aggregates.count)
    }
    warmedEntries = .allocate(capacity: Self.blockCount)
    warmedEntries.initialize(repeating: 0, count: Self.blockCount)
    warmedNodes = .allocate(capacity: Self.blockCount)
    warmedNodes.initialize(repeating: 0, count: Self.blockCount)
    shownPositions = .allocate(capacity: Self.blockCount)
    shownPositions.initialize(repeating: 0, count: Self.blockCount)
    drainViews = .allocate(capacity: max(1, plan.drains.count))
    drainViews.initialize(from: plan.drains.map(\.views), count: plan.drains.count)
    dirtyKeys = plan.drains.map { _ in [] }
    drainedCounts = plan.drains.map { _ in 0 }
  }

  deinit {
    for index in plan.views.indices { rowLayouts[index].aggregates.deallocate() }
    rowLayouts.deallocate()
    drainViews.deallocate()
    groupPointers.deallocate()
    warmedEntries.deallocate()
    warmedNodes.deallocate()
    shownPositions.deallocate()
  }

  @inline(__always)
  func head(_ entry: UnsafeMutableRawPointer, _ group: Int) -> UnsafeMutablePointer<UInt32> {
    // Sound: an entry has a 4-byte head per group from `headsOffset` on, and nothing else is ever stored there.
    (entry + KeyTable.headsOffset + 4 * group).assumingMemoryBound(to: UInt32.self)
  }

  /// Notes that the rows of `key` in these views (a bit each) have changed.
  @inline(__always)
  func markDirty(_ key: UInt32, _ entry: UnsafeMutableRawPointer, views: UInt64) {
    let old = entry.load(fromByteOffset: 40, as: UInt64.self)
    if views & ~old != 0 { noteDirty(key, entry, old, views) }
  }

  /// Apart, so that the fold stays small enough to be one piece with its loop.
  @inline(never)
  private func noteDirty(_ key: UInt32, _ entry: UnsafeMutableRawPointer, _ old: UInt64, _ views: UInt64) {
    entry.storeBytes(of: old | views, toByteOffset: 40, as: UInt64.self)
    for drain in 0..<dirtyKeys.count where old & drainViews[drain] == 0 && views & drainViews[drain] != 0 {
      dirtyKeys[drain].append(key)
    }
  }

  /// Forgets a key that holds nothing any more and owes no row.
  func removeIfEmpty(_ key: UInt32) {
    let entry = table.entry(key)
    guard entry.load(fromByteOffset: 40, as: UInt64.self) == 0 else { return }
    for group in 0..<groupCount where head(entry, group).pointee != 0 { return }
    table.remove(key)
  }

  /// Frees a node of `group` and forgets its key with its last one.
  func free(_ node: UInt32, of group: PaneGroup, _ groupIndex: Int) {
    let key = PaneGroup.key(of: group.node(node))
    group.free(node, head: head(table.entry(key), groupIndex), pool: pool)
    removeIfEmpty(key)
  }

  /// Frees a session of `group` and forgets its key with its last one.
  func free(session node: UInt32, of group: Int) {
    let key = PaneGroup.key(of: groups[group].node(node))
    groups[group].free(session: node, head: head(table.entry(key), group), pool: pool)
    removeIfEmpty(key)
  }

  /// Gives back the memory of what a peak has left empty.
  func giveBackIfEmpty() {
    for group in groups { group.giveBackIfEmpty() }
    table.giveBackIfEmpty()
  }

  // MARK: Panes that leave

  /// Lets panes and sessions leave the values of `change` views as the stream time says, and sweeps idle keys.
  func leavePanes() {
    let time = eventTime.watermark.streamTime
    for (index, group) in groups.enumerated() where group.deadline <= time && !group.isClosing {
      if group.isSession {
        group.serveTimers(at: time) { session in
          let key = PaneGroup.key(of: group.node(session))
          markDirty(key, table.entry(key), views: group.views(in: session))
        } ends: { session in
          free(session: session, of: index)
        }
        continue
      }
      for (reach, paneReach) in group.plan.reaches.enumerated() { leave(group, reach: reach, paneReach, at: time) }
      while let oldest = group.panes.first, group.end(ofPane: oldest.number) + group.longestReach <= time {
        for node in group.removeFirstPane() { free(node, of: group, index) }
      }
      group.updateDeadline()
    }
    if time >= sweepAt { sweep(at: time) }
    giveBackIfEmpty()
  }

  private func leave(_ group: PaneGroup, reach: Int, _ paneReach: PaneReach, at time: Int64) {
    let views = paneReach.views
    for pane in group.panes where pane.number > group.leftThrough[reach] {
      guard group.end(ofPane: pane.number) + paneReach.reach <= time else { break }
      for node in pane.nodes {
        let key = PaneGroup.key(of: group.node(node))
        markDirty(key, table.entry(key), views: views & group.views(in: node))
      }
      group.leftThrough[reach] = pane.number
    }
  }

  // MARK: Keys that have gone quiet

  /// Plans the first sweep, once values without a window exist.
  func scheduleSweep() {
    guard sweepAt == .max, let timeToLive = plan.timeToLive, plan.groups.contains(where: \.isUnbounded) else { return }
    sweepAt = eventTime.watermark.streamTime + max(timeToLive / 8, 1000)
    eventTime.nextLeave = min(eventTime.nextLeave, sweepAt)
  }

  /// Drops the values without a window of keys that have been silent for longer than `timeToLive`. Visits every key, eight times per
  /// `timeToLive`.
  private func sweep(at time: Int64) {
    sweepAt = .max
    guard let timeToLive = plan.timeToLive else { return }
    for (index, group) in groups.enumerated() where group.isUnbounded {
      var freed = Set<UInt32>()
      for key in 0..<UInt32(table.entryCount) where table.isLive(key) {
        let entry = table.entry(key)
        guard entry.load(fromByteOffset: 32, as: Int64.self) + timeToLive <= time else { continue }
        let first = head(entry, index).pointee
        guard first != 0 else { continue }
        group.free(first - 1, head: head(entry, index), pool: pool)
        freed.insert(first - 1)
        removeIfEmpty(key)
      }
      group.filterUnboundedPane { !freed.contains($0) }
    }
    scheduleSweep()
  }
}
