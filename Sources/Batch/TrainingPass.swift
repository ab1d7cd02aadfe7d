// One pass over the records of a partition, or of all in one order, that stops wherever a label wants to know what is held.

import Base
import Features
import Processing
import Records

/// Belongs to one thread.
final class TrainingPass {
  struct Place: Sendable {
    var group: BatchGroup
    /// Nil for the lanes of the stream.
    var schedule: BatchSchedule?
    var partitions: [PartitionIndex]
    /// Of the group.
    var number: Int
  }

  /// What a label finds here; of labels that find nothing there is none.
  struct Row: Sendable {
    var label: Int
    /// Index into `PipelineDefinition.views`.
    var view: Int
    var lastEvent: Int64
    var values: [TrainingValue]
  }

  private let set: TrainingSet
  private let place: Place
  private let archive: any ArchivedRecords
  private let note: (Int) throws -> Void
  /// Labels that have a key, in the order of their times.
  private let order: [Int]
  private let wanted: Set<[UInt8]>
  private var next = 0
  private var found: [Row] = []
  /// By position of the view: keys that a store has a row of, with the last event of that row. The one of `entity: all` is empty.
  private var known: [[[UInt8]: Int64]] = []
  private let rows = FeatureRowBatch()
  private let batch = RecordBatch(slotCapacity: FeedSize.recordCount, byteCapacity: FeedSize.byteCount)

  private static let rowLimit = 16_384
  /// How many records may be folded before the keys that have changed are looked through, so that those that hold nothing can go.
  private static let recordLimit = 1 << 16

  /// - Parameter note: Told how many records were read; throws where the end has been asked for.
  init(_ set: TrainingSet, _ place: Place, _ archive: any ArchivedRecords, note: @escaping (Int) throws -> Void) {
    self.set = set
    self.place = place
    self.archive = archive
    self.note = note
    let times = set.labels.times
    let keys = place.group.entity.map { set.labels.keys[$0]! }
    order = times.indices.filter { keys == nil || keys![$0] != nil }.sorted { (times[$0], $0) < (times[$1], $1) }
    wanted = Set(keys?.compactMap { $0 } ?? [])
  }

  private var group: BatchGroup { place.group }
  private func key(_ label: Int) -> [UInt8]? { group.entity.map { set.labels.keys[$0]![label]! } }
  private func time(_ label: Int) -> Int64 { set.labels.times[label] }

  func run() throws -> [Row] {
    guard !order.isEmpty else { return [] }
    var pipeline = set.pipeline
    let readers = try place.partitions.map { ($0, try archive.records(of: $0, from: firstTime, through: nil)) }
    let feed: any RecordFeed
    if group.mergesPartitions {
      feed = try MergedFeed(pipeline, group, readers, cutoff: .max, name: archive.name)
      pipeline.sources[group.source].deduplication = nil
    } else {
      feed = PartitionFeed(readers[0].1)
    }
    let replay = try ViewReplay(
      pipeline, source: group.source, viewNames: group.viewNames, partition: place.partitions[0], sourceName: archive.name)
    known = replay.views.map { _ in [:] }
    if let schedule = place.schedule {
      pipeline.sources[group.source].deduplication = nil
      let keys = try RecordKeys(pipeline, source: group.source, viewNames: group.viewNames, sourceName: archive.name)
      try serveRuns(HeldRecords(feed, keys, note), replay, schedule)
    } else {
      try serveStream(feed, replay)
    }
    return found
  }

  /// From where on records can matter. What a stream has once shown of a key it still shows when its windows are empty, so there it is all of them.
  private var firstTime: Int64? {
    guard let schedule = place.schedule, let reach = group.reach else { return nil }
    return schedule.cutoff(at: time(order[0])) - reach
  }

  // MARK: The stream

  private func serveStream(_ feed: any RecordFeed, _ replay: ViewReplay) throws {
    var foldedCount = 0
    while next < order.count, try feed.fill(batch) {
      try note(batch.count)
      try replay.decode(batch)
      replay.withTimes { times in
        for index in 0..<replay.recordCount {
          let recordTime = times[replay.row(of: index)]
          guard next < order.count, time(order[next]) < recordTime else { continue }
          replay.apply(through: index)
          remember(replay)
          while next < order.count, time(order[next]) < recordTime { answer(replay) }
        }
      }
      replay.apply(through: replay.recordCount)
      foldedCount += replay.recordCount
      if foldedCount > Self.recordLimit {
        remember(replay)
        foldedCount = 0
      }
    }
    remember(replay)
    while next < order.count { answer(replay) }
  }

  /// Notes of which keys that labels ask for a store has rows, and forgets what has changed.
  private func remember(_ replay: ViewReplay) {
    for position in replay.views.indices {
      var isDone = false
      while !isDone {
        rows.removeAll()
        isDone = replay.drain(view: position, asOf: 0, into: rows, rowLimit: Self.rowLimit)
        for row in rows.rows {
          let key = rows.key(of: row).map { Array($0) } ?? []
          guard group.entity == nil || wanted.contains(key),
            let place = replay.views.firstIndex(of: Int(row.view))
          else { continue }
          known[place][key] = row.lastEvent
        }
      }
    }
    rows.removeAll()
  }

  /// Answers the next label out of what is held.
  private func answer(_ replay: ViewReplay) {
    let label = order[next]
    next += 1
    guard replay.streamTime != .min else { return }
    let time = time(label)
    if time > replay.streamTime { replay.advance(to: time) }
    let key = key(label)
    for (position, view) in replay.views.enumerated() {
      guard let lastEvent = known[position][key ?? []] else { continue }
      rows.removeAll()
      let isHeld = replay.appendRows(ofView: position, keys: [key], asOf: time, to: rows)[0]
      if !isHeld {
        let timeToLive = group.entity.flatMap { set.pipeline.entities[$0].timeToLiveMilliseconds }
        if let timeToLive, lastEvent + timeToLive <= time { continue }
        rows.removeAll()
        replay.appendEmptiedRow(ofView: position, key: key, asOf: time, to: rows)
      }
      keep(label, view, lastEvent: lastEvent)
    }
  }

  private func keep(_ label: Int, _ view: Int, lastEvent: Int64) {
    let first = Int(rows.rows[0].firstValue)
    let values = set.pipeline.views[view].features.indices.map { TrainingValue(rows.values[first + $0], in: rows.bytes) }
    found.append(Row(label: label, view: view, lastEvent: lastEvent, values: values))
  }

  // MARK: Batch runs

  private func serveRuns(_ records: HeldRecords, _ replay: ViewReplay, _ schedule: BatchSchedule) throws {
    while next < order.count {
      let cutoff = schedule.cutoff(at: time(order[next]))
      try records.give(through: cutoff, before: schedule.dueTime(ofCutoff: cutoff)) { batch in
        try replay.decode(batch)
        replay.apply(through: replay.recordCount)
      }
      replay.discardChanges()
      if replay.streamTime != .min { replay.advance(to: cutoff) }
      while next < order.count, schedule.cutoff(at: time(order[next])) == cutoff {
        let label = order[next]
        next += 1
        guard replay.streamTime != .min else { continue }
        for (position, view) in replay.views.enumerated() {
          rows.removeAll()
          guard replay.appendRows(ofView: position, keys: [key(label)], asOf: cutoff, emptyIsNothing: true, to: rows)[0] else {
            continue
          }
          keep(label, view, lastEvent: rows.rows[0].lastEvent)
        }
      }
    }
  }
}

/// The records of a feed as one batch run after the other would have read them: those through a cutoff that had come by the time the run was due. What is
/// later than the cutoff waits for the next.
private final class HeldRecords {
  private let feed: any RecordFeed
  private let keys: RecordKeys
  private let note: (Int) throws -> Void
  private let batch = RecordBatch(slotCapacity: FeedSize.recordCount, byteCapacity: FeedSize.byteCount)
  /// The next of `keys.records`.
  private var position = 0
  private var isAtEnd = false
  private var held = RecordBatch()
  private var heldTimes: [Int64] = []
  private let given = RecordBatch()

  init(_ feed: any RecordFeed, _ keys: RecordKeys, _ note: @escaping (Int) throws -> Void) {
    self.feed = feed
    self.keys = keys
    self.note = note
  }

  func give(through cutoff: Int64, before dueTime: Int64, to body: (RecordBatch) throws -> Void) throws {
    given.removeAll()
    try giveHeld(cutoff, body)
    while let record = try nextRecord(), record.time <= dueTime {
      position += 1
      if record.time <= cutoff {
        try give(batch, Int(record.row), body)
      } else {
        Self.copy(batch, Int(record.row), to: held)
        heldTimes.append(record.time)
      }
    }
    if given.count > 0 { try body(given) }
  }

  private func giveHeld(_ cutoff: Int64, _ body: (RecordBatch) throws -> Void) throws {
    let still = RecordBatch()
    var stillTimes: [Int64] = []
    for (row, time) in heldTimes.enumerated() {
      if time <= cutoff {
        try give(held, row, body)
      } else {
        Self.copy(held, row, to: still)
        stillTimes.append(time)
      }
    }
    (held, heldTimes) = (still, stillTimes)
  }

  private func give(_ source: RecordBatch, _ row: Int, _ body: (RecordBatch) throws -> Void) throws {
    Self.copy(source, row, to: given)
    guard given.count >= FeedSize.recordCount || given.bytes.count >= FeedSize.byteCount else { return }
    try body(given)
    given.removeAll()
  }

  private static func copy(_ source: RecordBatch, _ row: Int, to target: RecordBatch) {
    let slot = source.slots[row]
    target.append(
      value: source.value(row), key: nil, timestamp: slot.timestamp, offset: slot.offset, partition: slot.partition)
  }

  private func nextRecord() throws -> RecordKeys.Record? {
    while position >= keys.records.count {
      guard !isAtEnd, try feed.fill(batch) else {
        isAtEnd = true
        return nil
      }
      try note(batch.count)
      try keys.decode(batch, through: .max)
      position = 0
    }
    return keys.records[position]
  }
}
