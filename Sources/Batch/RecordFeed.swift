// Records on their way to the windows of a batch run: out of one partition, out of all partitions in one order, or back from a spill.

import Base
import Features
import Processing
import Records

/// Belongs to one thread.
protocol RecordFeed: AnyObject {
  /// Per record of the last batch, how far event time had come before it; nil where the records themselves say it.
  var streamTimes: ContiguousArray<Int64>? { get }

  /// Empties `batch` and fills it; false at the end.
  func fill(_ batch: RecordBatch) throws -> Bool
}

enum FeedSize {
  static let recordCount = 4096
  static let byteCount = 1 << 20
}

/// One partition as it lies there.
final class PartitionFeed: RecordFeed {
  let streamTimes: ContiguousArray<Int64>? = nil
  private let reader: any ArchivedRecordReader

  init(_ reader: any ArchivedRecordReader) { self.reader = reader }

  func fill(_ batch: RecordBatch) throws -> Bool { try reader.read(into: batch, maximumCount: FeedSize.recordCount) }
}

/// All partitions of a source, a record after the other: always the one whose partition has come least far in event time with it, and of those the
/// least partition. So the order is a function of the records, whatever the files and batches.
final class MergedFeed: RecordFeed {
  private final class Head {
    let partition: PartitionIndex
    let reader: any ArchivedRecordReader
    let keys: RecordKeys
    let batch = RecordBatch(slotCapacity: 1024, byteCapacity: 1 << 18)
    var position = 0

    init(_ partition: PartitionIndex, _ reader: any ArchivedRecordReader, _ keys: RecordKeys) {
      self.partition = partition
      self.reader = reader
      self.keys = keys
    }

    var record: RecordKeys.Record { keys.records[position] }

    /// False at the end of the partition.
    func advance(through cutoff: Int64) throws -> Bool {
      position += 1
      while position >= keys.records.count {
        guard try reader.read(into: batch, maximumCount: 1024) else { return false }
        try keys.decode(batch, through: cutoff)
        position = 0
      }
      return true
    }
  }

  let streamTimes: ContiguousArray<Int64>? = nil
  private var heads: [Head]
  private let cutoff: Int64
  private var hasBegun = false
  /// Of partitions that have ended, and of the others.
  private let all: [Head]

  init(
    _ pipeline: PipelineDefinition, _ group: BatchGroup, _ readers: [(PartitionIndex, any ArchivedRecordReader)], cutoff: Int64,
    name: String
  ) throws {
    self.cutoff = cutoff
    all = try readers.map { partition, reader in
      Head(
        partition, reader, try RecordKeys(pipeline, source: group.source, viewNames: group.viewNames, sourceName: name))
    }
    heads = all
  }

  var rejectedCount: Int64 { all.reduce(0) { $0 + $1.keys.rejectedCounts.values.reduce(0, +) } }
  var duplicateCount: Int64 { all.reduce(0) { $0 + $1.keys.duplicateCount } }

  func fill(_ batch: RecordBatch) throws -> Bool {
    batch.removeAll()
    if !hasBegun {
      hasBegun = true
      heads = try heads.filter {
        $0.position = -1
        return try $0.advance(through: cutoff)
      }
    }
    while !heads.isEmpty, batch.count < FeedSize.recordCount, batch.bytes.count < FeedSize.byteCount {
      var least = 0
      var leastTime = Int64.max
      for (index, head) in heads.enumerated() {
        let time = max(head.record.time, head.record.streamTimeBefore)
        if time < leastTime { (least, leastTime) = (index, time) }
      }
      let head = heads[least]
      let row = Int(head.record.row)
      batch.append(
        value: head.batch.value(row), key: nil, timestamp: head.batch.slots[row].timestamp, offset: head.batch.slots[row].offset,
        partition: head.partition)
      if try !head.advance(through: cutoff) { heads.remove(at: least) }
    }
    return batch.count > 0
  }
}
