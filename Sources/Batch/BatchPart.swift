// A part of a batch run: the records of a partition, or of all partitions in one order, for the views of one entity. First in memory; where the state
// outgrows its share, by key out of temporary files, and where a piece outgrows it again, in smaller pieces.

import Base
import Compression
import Features
import Processing
import Records

/// Belongs to one thread.
final class BatchPart {
  struct Place: Sendable {
    var group: BatchGroup
    var partitions: [PartitionIndex]
  }

  /// The piece of a part's keys whose hashes, with each of these seeds, leave these remainders.
  private struct Piece {
    var depth = 0
    var conditions: [(seed: UInt64, count: UInt64, remainder: UInt64)] = []

    func holds(_ key: UnsafeBufferPointer<UInt8>) -> Bool {
      conditions.allSatisfy { RecordKeys.hash(ofKey: key, seed: $0.seed) % $0.count == $0.remainder }
    }
  }

  private let run: BatchRun
  private let place: Place
  private let archive: any ArchivedRecords
  private let output: SharedBatchOutput
  private let stateByteCountMax: Int
  /// Whose source has no `dedup`, for records that have been through it.
  private let pipelineOfKept: PipelineDefinition
  /// Found while records are parted: when keys are looked through for those that have outlived their time, had they not been.
  private var sweeps = SweepTimes()
  private let rows = FeatureRowBatch()
  private let batch = RecordBatch(slotCapacity: FeedSize.recordCount, byteCapacity: FeedSize.byteCount)

  private static let rowLimit = 16_384
  private static let pieceCountMax = 64
  /// A key cannot be parted: what is still too large then is computed all the same.
  private static let depthMax = 3

  init(
    _ run: BatchRun, _ place: Place, _ archive: any ArchivedRecords, _ output: SharedBatchOutput, stateByteCountMax: Int
  ) {
    self.run = run
    self.place = place
    self.archive = archive
    self.output = output
    self.stateByteCountMax = stateByteCountMax
    var pipeline = run.pipeline
    pipeline.sources[place.group.source].deduplication = nil
    pipelineOfKept = pipeline
  }

  private var group: BatchGroup { place.group }

  /// Computes and writes all rows of the part.
  func compute() throws {
    var opened = try open(counts: true)
    let canBeParted = group.entity != nil
    guard let outgrown = try replay(opened.feed, Piece(), isKept: group.mergesPartitions, mayOutgrow: canBeParted) else {
      return note(opened)
    }
    // As many pieces as the state will need at this rate, and half as many again.
    let expected = Double(outgrown.stateByteCount) * Double(opened.byteCount) / Double(max(1, outgrown.byteCount))
    let count = Int((1.5 * expected / Double(stateByteCountMax)).rounded(.up))
    opened = try open(counts: false)
    let files = try part(opened.feed, Piece(), count: min(max(2, count), Self.pieceCountMax), isKept: group.mergesPartitions)
    note(opened)
    try replay(files, Piece())
  }

  // MARK: Reading

  private func open(counts isFirst: Bool) throws -> (feed: any RecordFeed, byteCount: Int64) {
    let first = group.reach.map { run.cutoff - $0 }
    let readers = try place.partitions.map {
      ($0, try archive.records(of: $0, from: first, through: run.cutoff))
    }
    if isFirst { run.progress.update { $0.files += readers.reduce(0) { $0 + Int64($1.1.fileCount) } } }
    let byteCount = readers.reduce(0) { $0 + $1.1.byteCount }
    guard group.mergesPartitions else { return (PartitionFeed(readers[0].1), byteCount) }
    return (try MergedFeed(run.pipeline, group, readers, cutoff: run.cutoff, name: archive.name), byteCount)
  }

  private func note(_ opened: (feed: any RecordFeed, byteCount: Int64)) {
    guard let merged = opened.feed as? MergedFeed else { return }
    run.progress.update {
      $0.rejected += merged.rejectedCount
      $0.duplicates += merged.duplicateCount
    }
  }

  // MARK: Computing

  /// Computes the rows of a piece and writes them; where its state grows too large, ends without and says how far it came.
  ///
  /// - Parameter isKept: Whether records have been through `dedup`.
  private func replay(_ feed: any RecordFeed, _ piece: Piece, isKept: Bool, mayOutgrow: Bool) throws
    -> (stateByteCount: Int, byteCount: Int64)?
  {
    let replay = try ViewReplay(
      isKept ? pipelineOfKept : run.pipeline, source: group.source, viewNames: group.viewNames, partition: place.partitions[0],
      sourceName: archive.name)
    var told: (records: Int64, bytes: Int64) = (0, 0)
    while try feed.fill(batch) {
      try output.check()
      try replay.decode(batch, through: run.cutoff)
      if group.dependsOnStreamTime, let times = feed.streamTimes {
        for index in 0..<replay.recordCount {
          let before = times[replay.row(of: index)]
          for sweep in sweeps.times(after: replay.streamTime, before: before) { replay.advance(to: sweep) }
          if before > replay.streamTime { replay.advance(to: before) }
          replay.apply(through: index + 1)
        }
      } else {
        replay.apply(through: replay.recordCount)
      }
      let given = replay.givenCount
      if piece.depth == 0 {
        run.progress.update {
          $0.records += given.records - told.records
          $0.byteCount += given.bytes - told.bytes
        }
      }
      told = given
      if mayOutgrow, replay.stateByteCount > stateByteCountMax {
        // These records will be read again.
        if piece.depth == 0 {
          run.progress.update {
            $0.records -= given.records
            $0.byteCount -= given.bytes
          }
        }
        return (replay.stateByteCount, given.bytes)
      }
    }
    try write(replay, piece)
    if piece.depth == 0 {
      let rejected = replay.rejectedCounts.values.reduce(0, +)
      run.progress.update {
        $0.rejected += rejected
        $0.duplicates += replay.duplicateCount
      }
    }
    return nil
  }

  private func write(_ replay: ViewReplay, _ piece: Piece) throws {
    if !piece.conditions.isEmpty {
      for sweep in sweeps.times(after: replay.streamTime, before: run.cutoff) { replay.advance(to: sweep) }
    }
    replay.advance(to: run.cutoff)
    let keyCount = replay.keyCount
    for position in replay.views.indices {
      var isDone = false
      while !isDone {
        isDone = replay.drain(view: position, asOf: run.cutoff, into: rows, rowLimit: Self.rowLimit, dropsEmpty: true)
        if !piece.conditions.isEmpty {
          rows.removeRows { row in rows.key(of: row).map { !piece.holds($0) } ?? false }
        }
        guard !rows.isEmpty else { continue }
        try output.write(rows)
        run.progress.update { for row in rows.rows { $0.rows[Int(row.view)] += 1 } }
        rows.removeAll()
      }
    }
    run.progress.update { $0.keys += Int64(keyCount) }
  }

  // MARK: Spilling

  /// Parts the records of a feed by key.
  private func part(_ feed: any RecordFeed, _ piece: Piece, count: Int, isKept: Bool) throws -> [(Piece, SpillFile)] {
    let keys = try RecordKeys(
      isKept ? pipelineOfKept : run.pipeline, source: group.source, viewNames: group.viewNames, sourceName: archive.name)
    let seed = UInt64(piece.depth + 1) &* 0x9e37_79b9_7f4a_7c15
    let compressor = try ZstdCompressor(level: 1)
    let pieces = try (0..<count).map { remainder in
      (
        Piece(depth: piece.depth + 1, conditions: piece.conditions + [(seed, UInt64(count), UInt64(remainder))]),
        try SpillFile(folder: run.settings.temporaryFolder)
      )
    }
    if piece.depth == 0, let timeToLive = group.entity.flatMap({ run.pipeline.entities[$0].timeToLiveMilliseconds }) {
      sweeps = SweepTimes(timeToLive: timeToLive)
    }
    var isFirst = group.dependsOnStreamTime
    while try feed.fill(batch) {
      try output.check()
      try keys.decode(batch, through: run.cutoff)
      if piece.depth == 0 { for time in keys.streamTimes { sweeps.note(time) } }
      for record in keys.records {
        let row = Int(record.row)
        let before = feed.streamTimes.map { $0[row] } ?? record.streamTimeBefore
        guard let hash = keys.hash(ofRow: row, seed: seed) else { continue }
        if isFirst {
          // When keys are looked through for those that have outlived their time depends on when time began.
          for (_, file) in pieces { try file.append(batch, row: row, streamTimeBefore: before, compressor) }
          isFirst = false
        } else {
          try pieces[Int(hash % UInt64(count))].1.append(batch, row: row, streamTimeBefore: before, compressor)
        }
      }
      if piece.depth == 0 {
        let (records, bytes) = (Int64(batch.count), (0..<batch.count).reduce(0) { $0 + Int64(batch.slots[$1].valueCount) })
        run.progress.update {
          $0.records += records
          $0.byteCount += bytes
        }
      }
    }
    for (_, file) in pieces { try file.flush(compressor) }
    run.progress.update {
      $0.spills += 1
      $0.spilledByteCount += pieces.reduce(0) { $0 + $1.1.byteCount }
      if piece.depth == 0 {
        $0.rejected += keys.rejectedCounts.values.reduce(0, +)
        $0.duplicates += keys.duplicateCount
      }
    }
    return pieces
  }

  /// Computes pieces one after the other; each frees its file when it is through.
  private func replay(_ pieces: [(Piece, SpillFile)], _ parent: Piece) throws {
    for (piece, file) in pieces where file.recordCount > 0 {
      guard try replay(SpillFeed(file), piece, isKept: true, mayOutgrow: piece.depth < Self.depthMax) != nil else { continue }
      try replay(try part(SpillFeed(file), piece, count: 8, isKept: true), piece)
    }
  }
}

/// When the windows of a partition look through their keys for those that have outlived their time: an eighth of it after the last time, with the
/// first record that comes then (see `KeySpace.scheduleSweep`). A late record finds its key or does not, depending on that, so parts of the records have to do it
/// when all of them would.
private struct SweepTimes {
  private var period: Int64 = .max
  private var next: Int64 = .max
  private var isBegun = false
  private var times: [Int64] = []

  /// None.
  init() {}

  init(timeToLive: Int64) { period = max(timeToLive / 8, 1000) }

  /// Event time has come to `time`.
  mutating func note(_ time: Int64) {
    guard period != .max else { return }
    if !isBegun {
      isBegun = true
      next = time + period
    } else if time >= next {
      times.append(time)
      next = time + period
    }
  }

  /// Those behind `first` and not behind `last`.
  func times(after first: Int64, before last: Int64) -> ArraySlice<Int64> {
    guard last > first, let newest = times.last, newest > first else { return [] }
    let start = index(after: first)
    return times[start..<max(start, index(after: last))]
  }

  /// Where the times behind `time` begin.
  private func index(after time: Int64) -> Int {
    var (low, high) = (0, times.count)
    while low < high {
      let middle = (low + high) / 2
      if times[middle] <= time { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
