// Event times and keys of records, without windows: what is needed to bring the records of several partitions into one order, or to part those
// of one by key, before a `ViewReplay` takes them. Copies are found here, because only here all records of a partition go by.

import Base
import Codec
import Features
import Records
import Windowing

/// Belongs to one thread, and to one partition.
public final class RecordKeys {
  /// A usable record of the last batch that is no copy.
  public struct Record: BitwiseCopyable {
    /// In the batch.
    public var row: Int32
    public var time: Int64
    /// The greatest event time of the records before it, copies included; `Int64.min` before the first.
    public var streamTimeBefore: Int64
  }

  private let decoder: BatchDecoder
  private let deduplicator: Deduplicator?
  private let deduplicated = DeduplicatedRows()
  /// Nil where one key stands for everything.
  private let keyColumn: Int?
  private let digits = ByteBuffer(capacity: 64)
  private var counts = ProcessingCounts()
  private var rows: ContiguousArray<Int32> = []
  public private(set) var records: ContiguousArray<Record> = []
  /// The greatest event time so far, copies included; `Int64.min` before the first.
  public private(set) var streamTime: Int64 = .min
  /// Where event time came to with the records of the last batch, copies included: each time that it moved.
  public private(set) var streamTimes: ContiguousArray<Int64> = []
  public private(set) var rejectedCounts: [RejectionReason: Int64] = [:]
  public private(set) var duplicateCount: Int64 = 0

  /// - Parameter viewNames: Views over the source that all have the same entity.
  public init(_ pipeline: PipelineDefinition, source: Int, viewNames: Set<String>, sourceName: String) throws(Failure) {
    let plan = try ProcessingPlan(pipeline, source: source, viewNames: viewNames)
    decoder = BatchDecoder(plan, sourceName: sourceName, isPartitioned: true, requiresRecordKey: false)
    deduplicator = plan.deduplication.map { Deduplicator($0) }
    keyColumn = plan.entityColumns.values.first
  }

  /// Takes the records of a batch; those with an event time after `lastTime` are passed over.
  public func decode(_ batch: RecordBatch, through lastTime: Int64) throws(Failure) {
    try decoder.decode(batch, counts: &counts)
    for rejection in decoder.rejections { rejectedCounts[rejection.reason, default: 0] += 1 }
    rows.removeAll(keepingCapacity: true)
    decoder.appendRows(through: lastTime, to: &rows)
    records.removeAll(keepingCapacity: true)
    streamTimes.removeAll(keepingCapacity: true)
    decoder.withTimes { times in
      guard let deduplicator else { return take(rows, times) }
      rows.withUnsafeBufferPointer {
        deduplicator.apply($0, times: times, keys: decoder.column(deduplicator.settings.column), into: deduplicated)
      }
      duplicateCount += Int64(deduplicated.duplicates.count)
      takeKept(times)
    }
  }

  private func take(_ rows: ContiguousArray<Int32>, _ times: UnsafePointer<Int64>) {
    for row in rows {
      let time = times[Int(row)]
      records.append(Record(row: row, time: time, streamTimeBefore: streamTime))
      advance(to: time)
    }
  }

  private func takeKept(_ times: UnsafePointer<Int64>) {
    var moves = deduplicated.moves[...]
    for (position, row) in deduplicated.kept.enumerated() {
      while let move = moves.first, move.position <= position {
        advance(to: move.time)
        moves.removeFirst()
      }
      let time = times[Int(row)]
      records.append(Record(row: row, time: time, streamTimeBefore: streamTime))
      advance(to: time)
    }
    for move in moves { advance(to: move.time) }
  }

  private func advance(to time: Int64) {
    guard time > streamTime else { return }
    streamTime = time
    streamTimes.append(time)
  }

  /// The hash of the key of a row of the last batch, as `hash(ofKey:seed:)` gives it for the text in rows; nil where it has none.
  public func hash(ofRow row: Int, seed: UInt64) -> UInt64? {
    guard let keyColumn else { return 0 }
    let value = decoder.column(keyColumn)[row]
    switch value.kind {
    case .string: return Self.hash(ofKey: value.bytes, seed: seed)
    case .integer:
      digits.count = NumberText.write(value.integer, to: digits.base)
      return Self.hash(ofKey: digits.bytes, seed: seed)
    default: return nil
    }
  }

  /// The hash of a key's text.
  public static func hash(ofKey key: UnsafeBufferPointer<UInt8>, seed: UInt64) -> UInt64 {
    guard let start = key.baseAddress, key.count > 0 else { return seed }
    return Hash.bytes(start, count: key.count, seed: seed)
  }
}
