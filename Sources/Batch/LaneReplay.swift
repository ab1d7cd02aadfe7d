// Rows as they were at places of the log, for `LaneCheck`: right before an offset of a partition, at an event time, or as of a batch run's cutoff.

import Base
import Features
import Processing
import Records

/// A row that is asked for.
struct LaneProbe: Hashable {
  /// Index into `PipelineDefinition.views`.
  var view: Int
  var key: [UInt8]?
  /// An offset, or an event time in ms.
  var place: Int64
  /// Through which event time the row said it was complete; `Int64.min` where it did not.
  var asOf: Int64
  /// Whether nothing was held of the key.
  var isNotFound: Bool
}

/// Belongs to one thread.
struct LaneReplay {
  struct Row {
    var values: [TrainingValue]
    var lastEvent: Int64
  }

  var pipeline: PipelineDefinition
  var group: BatchGroup
  var partitions: [PartitionIndex]
  var archive: any ArchivedRecords
  var check: () throws -> Void

  /// How far event time goes past a record before its turn comes where records are put into the order of event time, in ms.
  private static let patienceMin: Int64 = 600_000
  /// How many records may be folded before keys that hold nothing are let go.
  private static let recordLimit = 1 << 16

  private func makeReplay(isKept: Bool) throws -> ViewReplay {
    var pipeline = pipeline
    if isKept { pipeline.sources[group.source].deduplication = nil }
    return try ViewReplay(
      pipeline, source: group.source, viewNames: group.viewNames, partition: partitions[0], sourceName: archive.name)
  }

  private func makeBatch() -> RecordBatch { RecordBatch(slotCapacity: FeedSize.recordCount, byteCapacity: FeedSize.byteCount) }

  /// The row of a probe out of what is held; of a key that was there once and holds nothing any more, as a store still shows it.
  private func row(_ probe: LaneProbe, _ replay: ViewReplay, asOf: Int64, isRun: Bool = false) -> Row {
    let position = replay.views.firstIndex(of: probe.view)!
    let rows = FeatureRowBatch()
    let showsNothing = probe.isNotFound || isRun
    var isHeld = false
    if replay.streamTime != .min {
      isHeld = replay.appendRows(ofView: position, keys: [probe.key], asOf: asOf, emptyIsNothing: showsNothing, to: rows)[0]
    }
    if !isHeld, !showsNothing || rows.isEmpty {
      rows.removeAll()
      if showsNothing {
        replay.appendRows(ofView: position, keys: [probe.key], asOf: asOf, emptyIsNothing: true, to: rows)
      } else {
        replay.appendEmptiedRow(ofView: position, key: probe.key, asOf: asOf, to: rows)
      }
    }
    let first = Int(rows.rows[0].firstValue)
    return Row(
      values: pipeline.views[probe.view].features.indices.map { TrainingValue(rows.values[first + $0], in: rows.bytes) },
      lastEvent: isHeld ? rows.rows[0].lastEvent : .min)
  }

  // MARK: Positions

  /// Rows right before offsets of the one partition, and behind which offset nothing was archived.
  ///
  /// - Parameters:
  ///   - probes: In the order of their places.
  ///   - lateness: Move time on to the one that the row was written at; nil leaves it where the records have brought it.
  func rows(atPositions probes: [LaneProbe], movingTimeBy lateness: Int64?) throws -> (rows: [Row], end: Offset) {
    let replay = try makeReplay(isKept: false)
    let batch = makeBatch()
    let reader = try archive.records(of: partitions[0], from: nil, through: nil)
    var found: [Row] = []
    var end = archive.offsets(of: partitions[0])?.lowerBound ?? 0
    func answer(before offset: Offset) {
      while found.count < probes.count, probes[found.count].place <= offset {
        let probe = probes[found.count]
        if let lateness, probe.asOf != .min, replay.streamTime != .min, probe.asOf + lateness > replay.streamTime {
          replay.advance(to: probe.asOf + lateness)
        }
        found.append(row(probe, replay, asOf: probe.asOf == .min ? 0 : probe.asOf))
      }
    }
    var foldedCount = 0
    while found.count < probes.count, try reader.read(into: batch, maximumCount: FeedSize.recordCount) {
      try check()
      try replay.decode(batch)
      for index in 0..<replay.recordCount {
        let offset = batch.slots[replay.row(of: index)].offset
        guard found.count < probes.count, probes[found.count].place <= offset else { continue }
        replay.apply(through: index)
        answer(before: offset)
      }
      replay.apply(through: replay.recordCount)
      end = batch.slots[batch.count - 1].offset + 1
      answer(before: end)
      foldedCount += batch.count
      if foldedCount > Self.recordLimit {
        replay.discardChanges()
        foldedCount = 0
      }
    }
    // Behind the last record there may be offsets that no record has.
    end = max(end, archive.offsets(of: partitions[0])?.upperBound ?? end)
    answer(before: end)
    return (found, end)
  }

  // MARK: Times

  /// Rows at event times, all archived records through them included.
  ///
  /// - Parameter probes: In the order of their places.
  func rows(atTimes probes: [LaneProbe]) throws -> [Row] {
    guard let first = probes.first else { return [] }
    let patience = max(Self.patienceMin, 2 * pipeline.sources[group.source].latenessMilliseconds)
    var kept = pipeline
    kept.sources[group.source].deduplication = nil
    let isMerged = group.mergesPartitions
    let keys = try RecordKeys(
      isMerged ? kept : pipeline, source: group.source, viewNames: group.viewNames, sourceName: archive.name)
    let feed = TimeOrderedFeed(
      try open(from: group.reach.map { first.place - $0 }, through: nil, cutoff: .max), keys, patience: patience)
    let replay = try makeReplay(isKept: true)
    let batch = makeBatch()
    var found: [Row] = []
    func answer(before time: Int64) {
      while found.count < probes.count, probes[found.count].place < time {
        let probe = probes[found.count]
        if replay.streamTime != .min { replay.advance(to: probe.place) }
        found.append(row(probe, replay, asOf: probe.place))
      }
    }
    while found.count < probes.count, try feed.fill(batch) {
      try check()
      try replay.decode(batch)
      replay.withTimes { times in
        for index in 0..<replay.recordCount {
          let time = times[replay.row(of: index)]
          guard found.count < probes.count, probes[found.count].place < time else { continue }
          replay.apply(through: index)
          answer(before: time)
        }
      }
      replay.apply(through: replay.recordCount)
      replay.discardChanges()
    }
    answer(before: .max)
    return found
  }

  /// Rows as a batch run as of `cutoff` gives them.
  func rows(atCutoff cutoff: Int64, _ probes: [LaneProbe]) throws -> [Row] {
    let feed = try open(from: group.reach.map { cutoff - $0 }, through: cutoff, cutoff: cutoff)
    let replay = try makeReplay(isKept: group.mergesPartitions)
    let batch = makeBatch()
    while try feed.fill(batch) {
      try check()
      try replay.decode(batch, through: cutoff)
      replay.apply(through: replay.recordCount)
    }
    if replay.streamTime != .min { replay.advance(to: cutoff) }
    return probes.map { row($0, replay, asOf: cutoff, isRun: true) }
  }

  private func open(from first: Int64?, through last: Int64?, cutoff: Int64) throws -> any RecordFeed {
    let readers = try partitions.map { ($0, try archive.records(of: $0, from: first, through: last)) }
    guard group.mergesPartitions else { return PartitionFeed(readers[0].1) }
    return try MergedFeed(pipeline, group, readers, cutoff: cutoff, name: archive.name)
  }
}
