// What a worker over a source's own partitions sends on to the internal topics of its repartitioned views: records that one of the views takes, under
// the keys of the views' entity, and markers that say how far each partition has come.

import Base
import Records

/// Where a worker sends records that other workers count.
public struct RepartitionSender {
  let output: any RepartitionOutput
  /// Partitions of the source, as far as is known; those that are assigned may be more.
  var sourcePartitionCount: Int32
  private let countPartitions: () throws -> Int?
  /// When they were last counted, by the monotonic clock in ms.
  private var countedAt: Int64 = 0
  /// How often a partition's time is told at most, in ms.
  let markerEveryMilliseconds: Int64
  var markersDue: Int64 = .min
  /// What was last told of a partition.
  var told: [PartitionIndex: Told] = [:]
  /// Records sent.
  var sentCount: Int64 = 0

  struct Told {
    var streamTime: Int64
    var isIdle: Bool
    /// By the monotonic clock, in ms.
    var at: Int64

    /// Whether `news` is worth telling: what has changed at once, an idle partition's time, which holds nobody back, each second, and the same
    /// again each minute, for readers that begin where what was told before has been forgotten.
    func isOutdated(by news: Told) -> Bool {
      if isIdle != news.isIdle { return true }
      if streamTime == news.streamTime { return news.at - at >= 60_000 }
      return !isIdle || news.at - at >= 1000
    }
  }

  /// These partitions are new: they are told of as soon as may be.
  mutating func begin(_ partitions: [PartitionIndex], at now: Int64) {
    for partition in partitions { told[partition] = nil }
    markersDue = .min
    // A topic may have grown; where nobody answers just now, it has as many as it had.
    guard now - countedAt >= 10_000 else { return }
    countedAt = now
    if let count = try? countPartitions() { sourcePartitionCount = max(sourcePartitionCount, Int32(clamping: count)) }
  }

  /// - Parameters:
  ///   - sourcePartitionCount: How many partitions the source's topic has.
  ///   - countPartitions: Asks for that again, when partitions are assigned.
  public init(
    _ output: any RepartitionOutput, sourcePartitionCount: Int, countPartitions: @escaping () throws -> Int? = { nil }
  ) {
    self.output = output
    self.countPartitions = countPartitions
    self.sourcePartitionCount = Int32(clamping: sourcePartitionCount)
    // Each partition of the source is told of in each internal partition.
    let markerCount = Int64(sourcePartitionCount) * Int64(output.partitionCount)
    markerEveryMilliseconds = max(Self.markerEveryMillisecondsMin, markerCount * 1000 / Self.markersPerSecondMax)
  }

  static let markerEveryMillisecondsMin: Int64 = 250
  private static let markersPerSecondMax: Int64 = 4000

  /// A partition that has been silent for this long, in ms, holds the others back no more, where `idle_timeout` does not say how long.
  public static let defaultIdleMilliseconds: Int64 = 10_000
}

/// The records of one internal topic.
struct RepartitionPlan: Sendable {
  /// The column of the entity's key; nil for `entity: all`.
  var keyColumn: Int?
  /// The views that will count the records: by index in the pipeline's, with the predicates of which one has to hold, nil where they take every
  /// record.
  var views: [(view: Int, predicates: [Int]?)]
  /// What stands for the key of `entity: all`.
  static let commonKey = Array("all".utf8)
}

extension Worker {
  /// Sends `rows` of the last batch, which are of one partition, to the internal topics.
  func sendOn(_ rows: ContiguousArray<Int32>, of batch: RecordBatch, _ partition: PartitionIndex) throws {
    guard let sender, !plan.repartitions.isEmpty, !rows.isEmpty else { return }
    // Unknown for a reason: the view that will not count the record has to say why.
    var unknown: Set<Int64> = []
    for (row, predicate, _) in decoder.unknownRows { unknown.insert(Int64(row) << 32 | Int64(predicate)) }
    let digits = UnsafeMutablePointer<UInt8>.allocate(capacity: 32)
    defer { digits.deallocate() }
    var sentCount: Int64 = 0
    for row in rows {
      let row = Int(row)
      for (topic, repartition) in plan.repartitions.enumerated() {
        var isWanted = false
        var isUnknown = false
        for (_, predicates) in repartition.views {
          guard let predicates else {
            isWanted = true
            break
          }
          for predicate in predicates {
            if decoder.holds(predicate, row) { isWanted = true }
            if !unknown.isEmpty, unknown.contains(Int64(row) << 32 | Int64(predicate)) { isUnknown = true }
          }
        }
        guard isWanted || isUnknown else { continue }
        var key: UnsafeBufferPointer<UInt8>?
        if let column = repartition.keyColumn {
          let value = decoder.column(column)[row]
          switch value.kind {
          case .string: key = value.bytes
          case .integer: key = UnsafeBufferPointer(start: digits, count: NumberText.write(value.integer, to: digits))
          default: break
          }
        }
        if key == nil, repartition.keyColumn != nil, !isUnknown {
          noteKeyless(row, batch, repartition, partition)
          continue
        }
        try RepartitionPlan.commonKey.withUnsafeBufferPointer { common in
          var record = RepartitionedRecord(
            origin: RecordOrigin(
              partition: partition, offset: batch.slots[row].offset, timestamp: batch.slots[row].timestamp),
            entityKey: repartition.keyColumn == nil ? common : key, value: batch.value(row), key: batch.key(row))
          record.isTombstone = batch.slots[row].marks.contains(.tombstone)
          record.headers = batch.headerIndices(of: row).map {
            (batch.name(of: batch.headers[$0]), batch.value(of: batch.headers[$0]))
          }
          do {
            try sender.output.write(record, to: topic)
          } catch let failure as Failure where failure.isRetryable {
            // The queue is full, and nothing is delivered.
            try untilStored { try sender.output.write(record, to: topic) }
          }
        }
        sentCount += 1
      }
    }
    self.sender?.sentCount += sentCount
  }

  /// A record without a key counts nowhere: the views that would take it are told so here, as it is not sent.
  private func noteKeyless(_ row: Int, _ batch: RecordBatch, _ repartition: RepartitionPlan, _ partition: PartitionIndex) {
    for (view, predicates) in repartition.views where predicates?.contains(where: { decoder.holds($0, row) }) ?? true {
      let key = LedgerKey(source: plan.sourceIndex, partition: partition, view: view, reason: .keyless)
      counts.ledger.add(1, to: key)
      if counts.ledger.lacksExample(key) {
        counts.ledger.keepExample(
          decoder.example(row, batch, "the view's key is missing, null, or neither a text nor an integer"), of: key)
      }
    }
  }

  /// Tells the receivers how far partitions have come, where that has changed, or at once where they are new.
  func sendMarkers() throws {
    guard sender != nil, now >= sender!.markersDue else { return }
    // Views write at their own rhythm, and time moves with it; where there are none nobody else moves it.
    if plan.views.isEmpty { try advanceIdlePartitions() }
    sender!.markersDue = now + sender!.markerEveryMilliseconds
    let patience = plan.source.idleTimeoutMilliseconds ?? RepartitionSender.defaultIdleMilliseconds
    for (index, state) in partitions.sorted(by: { $0.key < $1.key }) {
      let isIdle = now - state.lastRecordAt >= patience && source.isSilent(index)
      let news = RepartitionSender.Told(streamTime: state.engine.watermark.streamTime, isIdle: isIdle, at: now)
      guard sender!.told[index]?.isOutdated(by: news) ?? true else { continue }
      sender!.sourcePartitionCount = max(sender!.sourcePartitionCount, index + 1)
      let marker = RecordOrigin(
        markerOf: index, offset: state.nextOffset ?? 0, streamTime: news.streamTime, isIdle: isIdle,
        partitionCount: sender!.sourcePartitionCount)
      do {
        try sender!.output.write(marker: marker)
      } catch let failure as Failure where failure.isRetryable {
        // Nothing is delivered just now, and the queue is full: told again when it is not.
        return
      }
      sender!.told[index] = news
    }
  }
}
