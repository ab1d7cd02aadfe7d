// What batch runs and training sets read: records of one source, partition by partition, in the order of their offsets. An archive is that; tests have
// records in memory.

import Base
import Features
import Records
import Windowing

public protocol ArchivedRecords: Sendable {
  /// For messages.
  var name: String { get }
  /// In ascending order.
  var partitions: [PartitionIndex] { get }

  /// Reads a partition. Records outside of the range of event times may be left out; those inside come all.
  func records(of partition: PartitionIndex, from firstTime: Int64?, through lastTime: Int64?) throws -> any ArchivedRecordReader

  /// Which offsets of a partition are accounted for; nil where nothing is known of it.
  func offsets(of partition: PartitionIndex) -> Range<Offset>?

  /// The greatest event time of all partitions; nil where there is none.
  var newestTime: Int64? { get }

  /// What of it had been there at a time, in ms.
  func committed(by time: Int64) -> any ArchivedRecords
}

/// Belongs to one thread.
public protocol ArchivedRecordReader: AnyObject {
  /// Files that are read for it.
  var fileCount: Int { get }
  /// Bytes of values that it gives altogether; about, where that is not known.
  var byteCount: Int64 { get }

  /// Empties `batch` and fills it with up to `maximumCount` records; false at the end, the batch is empty then.
  func read(into batch: RecordBatch, maximumCount: Int) throws -> Bool
}

extension ArchiveCatalog: ArchivedRecords {
  public var name: String { "\(path)/\(source)" }

  public func records(of partition: PartitionIndex, from firstTime: Int64?, through lastTime: Int64?) throws
    -> any ArchivedRecordReader
  {
    let files = files(of: partition).filter { file in
      (file.maxTime ?? .min) >= firstTime ?? .min && (file.minTime ?? .max) <= lastTime ?? .max
    }
    return CatalogReader(
      ArchiveReader(self, partition: partition, from: firstTime, through: lastTime),
      byteCount: files.reduce(0) { $0 + $1.byteCount })
  }

  public func offsets(of partition: PartitionIndex) -> Range<Offset>? {
    let files = files(of: partition)
    guard let first = files.first, let last = files.last else { return nil }
    return first.first..<last.next
  }

  public var newestTime: Int64? { timeRange?.upperBound }

  public func committed(by time: Int64) -> any ArchivedRecords { filtered { $0.writtenAt <= time } }
}

private final class CatalogReader: ArchivedRecordReader {
  private let reader: ArchiveReader
  let byteCount: Int64
  var fileCount: Int { reader.fileCount }

  init(_ reader: ArchiveReader, byteCount: Int64) {
    self.reader = reader
    self.byteCount = byteCount
  }

  func read(into batch: RecordBatch, maximumCount: Int) throws -> Bool {
    try reader.read(into: batch, maximumCount: maximumCount)
  }
}

extension FeatureView {
  /// How far before a time records can still be in a value at that time, in ms; nil where only the records decide.
  public var reachMilliseconds: Int64? {
    var reach: Int64 = 0
    for feature in aggregates {
      switch feature.window {
      case .tumbling(let size, _), .cumulating(let size, _, _): reach = max(reach, size)
      case .sliding(let size, let hop, _): reach = max(reach, size + hop)
      case .session, .unbounded: return nil
      }
    }
    return reach
  }

  /// Whether what a key holds depends on how far time had come between its own records: sessions are closed by time, and keys outlive theirs.
  func dependsOnStreamTime(in pipeline: PipelineDefinition) -> Bool {
    aggregates.contains { feature in
      switch feature.window {
      case .session: true
      case .unbounded: entity.map { pipeline.entities[$0].timeToLiveMilliseconds != nil } ?? false
      case .tumbling, .cumulating, .sliding: false
      }
    }
  }
}
