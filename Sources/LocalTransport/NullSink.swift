// Nowhere.

import Records

/// Takes records and forgets them: for measuring what a generator can do.
public final class NullSink: Sink {
  public let name = "null"
  public private(set) var delivery = DeliveryCounts()

  public init() {}

  public func write(_ batch: RecordBatch) {
    delivery.countWritten(batch)
    delivery.delivered = delivery.written
  }

  public func poll() {}

  public func finish(timeoutMilliseconds: Int) {}
}

extension DeliveryCounts {
  /// Counts a batch that a sink has taken.
  mutating func countWritten(_ batch: RecordBatch) {
    written += Int64(batch.count)
    if batch.lineByteCount > 0 {
      // A line's feed is not part of its value.
      writtenByteCount += Int64(batch.lineByteCount - batch.count)
    } else {
      for index in 0..<batch.count { writtenByteCount += Int64(batch.slots[index].valueCount) }
    }
  }
}
