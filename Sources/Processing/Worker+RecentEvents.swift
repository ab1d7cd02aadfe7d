// Recent events: what the lane `rt` will be computed of goes to its lists as soon as a batch has been decoded and its copies have been taken out, before it
// is folded, so that no flush has to be waited for. A list passes over what it has already; so what is read again, and what an owner that was overtaken
// still sends, changes nothing.

import Base
import Features
import Records

extension Worker {
  /// Appends `rows` of the last batch, which are of one partition, to the lists of their entities; false where the partition was taken away while the store
  /// did not answer.
  func keepRecent(_ rows: ContiguousArray<Int32>, of batch: RecordBatch, _ partition: PartitionIndex) throws -> Bool {
    guard let recentEvents, !plan.recentEvents.isEmpty, !rows.isEmpty else { return true }
    let state = partitions[partition]
    let events = recentBatch
    events.begin(origin: "\(partition)\(settings.inputTag)")
    for (list, kept) in plan.recentEvents.enumerated() { collect(rows, of: batch, list, kept, into: events) }
    guard !events.isEmpty else { return true }
    counts.recentEventsWritten += try untilStored { Int64(try recentEvents.append(events)) }
    return partitions[partition] === state
  }

  private func collect(
    _ rows: ContiguousArray<Int32>, of batch: RecordBatch, _ list: Int, _ kept: RecentEventsPlan, into events: RecentEventBatch
  ) {
    let keys = kept.keyColumn.map { decoder.column($0) }
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: NumberText.maximumByteCount) { digits in
      let digits = digits.baseAddress!
      decoder.withTimes { times in
        for row in rows {
          let row = Int(row)
          if let predicates = kept.predicates, !predicates.contains(where: { decoder.holds($0, row) }) { continue }
          var key: UnsafeBufferPointer<UInt8>?
          if let keys {
            switch keys[row].kind {
            case .string: key = keys[row].bytes
            case .integer: key = UnsafeBufferPointer(start: digits, count: NumberText.write(keys[row].integer, to: digits))
            // The views that would take it say so.
            default: continue
            }
          }
          let run = events.run(list: list, key: key)
          let start = events.bytes.count
          append(batch.slots[row].offset, times[row], origin: events.origin, to: events.bytes)
          kept.fields.append(to: events.bytes) { decoder.column($0)[row] }
          events.append(from: start, offset: batch.slots[row].offset, time: times[row], to: run)
        }
      }
    }
  }

  /// `OFFSET PARTITION TIME `
  private func append(_ offset: Offset, _ time: Int64, origin: String, to out: ByteBuffer) {
    out.reserve(2 * NumberText.maximumByteCount)
    out.count += NumberText.write(offset, to: out.base + out.count)
    out.append(UInt8(ascii: " "))
    out.append(origin)
    out.append(UInt8(ascii: " "))
    out.reserve(NumberText.maximumByteCount)
    out.count += NumberText.write(time, to: out.base + out.count)
    out.append(UInt8(ascii: " "))
  }
}
