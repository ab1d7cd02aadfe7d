// Waiting for room in librdkafka's queue: how the brokers hold the writer back.

import Base
import CRdkafka

extension KafkaSink {
  /// Serves delivery reports until the queue has room for the records. A chunk larger than the whole queue waits for an empty one.
  @inline(__always)
  func waitForRoom(recordCount: Int64, byteCount: Int64, _ client: KafkaHandle) throws {
    if hasRoom(recordCount: recordCount, byteCount: byteCount) { return }
    var wait = Wait(self)
    repeat {
      rd_kafka_poll(client.pointer, 100)
      try wait.check(self, client)
    } while !hasRoom(recordCount: recordCount, byteCount: byteCount)
  }

  @inline(__always)
  private func hasRoom(recordCount: Int64, byteCount: Int64) -> Bool {
    let records = queuedRecordCount
    let bytes = writtenByteCount &- counters.pointee.reportedByteCount
    return records == 0 || (records &+ recordCount <= queueRecordLimit && bytes &+ byteCount <= queueByteLimit)
  }

  /// Watches a wait for room: as long as reports come in, it may last; without any it ends after the sink's bound.
  struct Wait {
    private var reported: Int64
    private var since: UInt64?

    init(_ sink: KafkaSink) { reported = sink.reportedCount }

    mutating func check(_ sink: KafkaSink, _ client: KafkaHandle) throws {
      try client.checkFatal()
      let now = sink.clock.monotonicNanoseconds
      guard sink.reportedCount == reported, let since else {
        reported = sink.reportedCount
        since = now
        return
      }
      if now - since > sink.blockedTimeoutNanoseconds {
        let reason = client.events.lastError.map { ": \($0)" } ?? ""
        throw Failure(
          .unavailable,
          "\(sink.name): no delivery confirmed for \(sink.blockedTimeoutNanoseconds / 1_000_000_000) s with a full queue\(reason)",
          isRetryable: true)
      }
    }
  }

  private var reportedCount: Int64 { counters.pointee.delivered &+ counters.pointee.failed }
}
