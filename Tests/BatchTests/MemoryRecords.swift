// Records in memory, as an archive gives them.

import Base
import Batch
import Records

struct MemoryRecords: ArchivedRecords {
  /// Per partition: values, in order.
  var values: [PartitionIndex: [String]]
  /// How many records each batch has.
  var batchSize = 7
  let name = "memory"
  var newestTime: Int64? = .max
  /// How many records of each partition had come by when a batch run began; nil for all.
  var earlyCount: Int?
  var partitions: [PartitionIndex] { values.keys.sorted() }

  func records(of partition: PartitionIndex, from firstTime: Int64?, through lastTime: Int64?) throws -> any ArchivedRecordReader {
    Reader(values[partition]!, partition, batchSize)
  }

  func offsets(of partition: PartitionIndex) -> Range<Offset>? { values[partition].map { 0..<Offset($0.count) } }

  func committed(by time: Int64) -> any ArchivedRecords {
    var early = self
    if let earlyCount { early.values = values.mapValues { Array($0.prefix(earlyCount)) } }
    return early
  }

  private final class Reader: ArchivedRecordReader {
    let fileCount = 1
    var byteCount: Int64 { values.reduce(0) { $0 + Int64($1.utf8.count) } }
    private let values: [String]
    private let partition: PartitionIndex
    private let batchSize: Int
    private var next = 0

    init(_ values: [String], _ partition: PartitionIndex, _ batchSize: Int) {
      self.values = values
      self.partition = partition
      self.batchSize = batchSize
    }

    func read(into batch: RecordBatch, maximumCount: Int) throws -> Bool {
      batch.removeAll()
      while next < values.count, batch.count < min(maximumCount, batchSize) {
        var value = values[next]
        value.withUTF8 { batch.append(value: $0, key: nil, timestamp: .min, offset: Int64(next), partition: partition) }
        next += 1
      }
      return batch.count > 0
    }
  }
}
