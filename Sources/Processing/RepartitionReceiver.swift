// What a partition of an internal topic knows of the partitions of the source: how far each has been applied, so that a record that was sent twice
// counts once, and how far each has come in event time, so that no window closes before the slowest has reached its end. A function of
// the internal partition's records alone.
//
//   per partition of the source   [ first offset 8 | next earlier offset 8 | next offset 8 | stream time 8 | idle 8 ]
//
// A sender writes what it reads in order, and begins at a place before which everything is known to be in the topic. So when a record, or a marker, of
// offset n has come, every record before n that belongs here has come before it: what comes later from below n has been sent before. What lies
// before the first that this state has seen it has not counted, though: the topic may have forgotten it since, and when a sender that begins anew
// sends it again, it counts.

import Base
import Records
import Windowing

/// The rows of a batch as a receiver has sorted them; belongs to one thread and is filled again and again.
final class ReceivedRows {
  /// Those to fold, in order.
  var kept: ContiguousArray<Int32> = []
  /// Those that have been applied before.
  var replayed: ContiguousArray<Int32> = []
  /// By row, for those that are kept: through which event time every partition of the source has come.
  var completeTimes: ContiguousArray<Int64> = []
  /// What markers say: before the row at `position` of `kept`, time moves. Rising by position.
  var moves: ContiguousArray<(position: Int, streamTime: Int64, completeTime: Int64)> = []

  func removeAll(rowCount: Int) {
    kept.removeAll(keepingCapacity: true)
    replayed.removeAll(keepingCapacity: true)
    moves.removeAll(keepingCapacity: true)
    if completeTimes.count < rowCount {
      completeTimes = ContiguousArray(repeating: .min, count: max(rowCount, completeTimes.count * 2))
    }
  }
}

final class RepartitionReceiver {
  private struct SourcePartition {
    /// Of the first that was heard of it; -1 before that.
    var firstOffset: Offset = -1
    /// Where what was sent anew from before `firstOffset` has come to.
    var nextEarlierOffset: Offset = 0
    var nextOffset: Offset = 0
    var streamTime: Int64 = .min
    var isIdle = false

    /// Whether a record counts; once.
    mutating func take(_ offset: Offset) -> Bool {
      if firstOffset < 0 { firstOffset = offset }
      if offset >= nextOffset, offset >= firstOffset {
        nextOffset = offset + 1
        return true
      }
      guard offset < firstOffset, offset >= nextEarlierOffset else { return false }
      nextEarlierOffset = offset + 1
      return true
    }
  }

  private var partitions: [SourcePartition] = []
  /// Whether a marker has said how many partitions the source has.
  private var isCountKnown = false
  /// The greatest event time of all partitions.
  private(set) var streamTime: Int64 = .min
  /// Through which event time all of them have come; `Int64.min` while that of one is not known.
  private(set) var completeTime: Int64 = .min
  /// The partition that holds `completeTime` back; -1 where the next record has to look for it.
  private var slowest = -1
  /// Records that had been applied before.
  private(set) var replayedCount: Int64 = 0

  /// Sorts the rows of a batch into `output`; `times` is indexed by row and holds nothing for markers.
  func receive(
    _ rows: ContiguousArray<Int32>, of batch: RecordBatch, times: UnsafePointer<Int64>, into output: ReceivedRows
  ) {
    output.removeAll(rowCount: batch.count)
    for row in rows {
      let origin = batch.origins[Int(row)]
      if origin.isMarker {
        guard take(origin) else { continue }
        output.moves.append((output.kept.count, streamTime, completeTime))
        continue
      }
      let index = place(of: origin.partition)
      guard partitions[index].take(origin.offset) else {
        output.replayed.append(row)
        continue
      }
      let time = times[Int(row)]
      let wasIdle = partitions[index].isIdle
      partitions[index].isIdle = false
      if time > partitions[index].streamTime || wasIdle {
        partitions[index].streamTime = max(partitions[index].streamTime, time)
        if wasIdle || index == slowest { slowest = -1 }
        updateTimes(partitions[index].streamTime)
      }
      output.completeTimes[Int(row)] = completeTime
      output.kept.append(row)
    }
    replayedCount += Int64(output.replayed.count)
  }

  /// Takes in a marker; false where a newer one, or a newer record, has come before it.
  private func take(_ marker: RecordOrigin) -> Bool {
    _ = place(of: max(marker.partition, marker.partitionCount - 1))
    if !isCountKnown { slowest = -1 }
    isCountKnown = true
    let index = Int(marker.partition)
    guard marker.offset >= partitions[index].nextOffset else {
      updateTimes(streamTime)
      return false
    }
    if partitions[index].firstOffset < 0 { partitions[index].firstOffset = marker.offset }
    partitions[index].nextOffset = marker.offset
    partitions[index].streamTime = max(partitions[index].streamTime, marker.streamTime)
    partitions[index].isIdle = marker.isIdle
    slowest = -1
    updateTimes(partitions[index].streamTime)
    return true
  }

  private func place(of partition: PartitionIndex) -> Int {
    let index = Int(partition)
    while partitions.count <= index {
      partitions.append(SourcePartition())
      slowest = -1
    }
    return index
  }

  /// The slowest partition that is not idle holds time back; where all are idle nothing more is to be waited for.
  private func updateTimes(_ newTime: Int64) {
    streamTime = max(streamTime, newTime)
    guard isCountKnown, slowest < 0 else { return }
    var least = Int64.max
    for (index, partition) in partitions.enumerated() where !partition.isIdle && partition.streamTime < least {
      least = partition.streamTime
      slowest = index
    }
    completeTime = max(completeTime, least == .max ? streamTime : least)
  }
}

extension Worker {
  /// Folds what has not been applied before, and moves time as markers say.
  func receive(
    _ read: BatchDecoder.PartitionRows, of batch: RecordBatch, by receiver: RepartitionReceiver, _ state: PartitionState
  ) throws {
    decoder.withTimes { receiver.receive(read.rows, of: batch, times: $0, into: received) }
    guard try keepRecent(received.kept, of: batch, read.partition) else { return }
    try received.completeTimes.withUnsafeBufferPointer { completeTimes in
      try decoder.withInput(of: received.kept) { input in
        var position = 0
        func apply(upTo end: Int) throws {
          guard end > position else { return }
          var part = input
          part.rows = UnsafeBufferPointer(rebasing: input.rows[position..<end])
          part.completeTimes = completeTimes.baseAddress
          try self.apply(part, to: state, read.partition)
          position = end
        }
        for move in received.moves {
          try apply(upTo: move.position)
          try writeInSteps(read.partition, state) { output in
            let engine = state.engine
            return
              (move.streamTime == .min || engine.advance(streamTimeTo: move.streamTime, into: output, rowLimit: settings.rowLimit))
              && (move.completeTime == .min
                || engine.advance(completeTo: move.completeTime, into: output, rowLimit: settings.rowLimit))
          }
        }
        try apply(upTo: input.rows.count)
      }
    }
  }
}

// MARK: - Saved state

extension RepartitionReceiver {
  func save(to out: SnapshotWriter) {
    for word in [Int64(partitions.count), isCountKnown ? 1 : 0, streamTime, completeTime] { out.write(word) }
    for partition in partitions {
      let offsets = [partition.firstOffset, partition.nextEarlierOffset, partition.nextOffset]
      for word in offsets + [partition.streamTime, partition.isIdle ? 1 : 0] { out.write(word) }
    }
  }

  /// Takes over a saved state.
  func load(from input: inout SnapshotReader) throws(SnapshotError) {
    let count = try input.count()
    isCountKnown = try input.word() != 0
    streamTime = try input.number()
    completeTime = try input.number()
    slowest = -1
    partitions = []
    for _ in 0..<count {
      partitions.append(
        SourcePartition(
          firstOffset: try input.number(), nextEarlierOffset: try input.number(), nextOffset: try input.number(),
          streamTime: try input.number(), isIdle: try input.word() != 0))
    }
  }
}
