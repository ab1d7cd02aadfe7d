// Waiting for room in librdkafka's queue: how the brokers hold the writer back.

import Base
import CRdkafka

extension KafkaSink {
  /// Serves delivery reports until the queue has room for the records. A chunk larger than the whole queue waits for an empty one.
  @inline(__always)
  func waitForRoom(recordCount: Int64, byteCount: Int64, _ client: KafkaHandle) throws {
    if hasRoom(recordCount: recordCount, byteCount: byteCount) { return }
    var wait = DeliveryPatience(reported: reportedCount)
    repeat {
      rd_kafka_poll(client.pointer, 100)
      try check(&wait, client)
    } while !hasRoom(recordCount: recordCount, byteCount: byteCount)
  }

  @inline(__always)
  private func hasRoom(recordCount: Int64, byteCount: Int64) -> Bool {
    let records = queuedRecordCount
    let bytes = writtenByteCount &- counters.pointee.reportedByteCount
    return records == 0 || (records &+ recordCount <= queueRecordLimit && bytes &+ byteCount <= queueByteLimit)
  }

  /// Checks a wait for room.
  func check(_ patience: inout DeliveryPatience, _ client: KafkaHandle) throws {
    try client.checkFatal()
    try patience.check(
      reported: reportedCount, at: clock.monotonicNanoseconds, limit: blockedTimeoutNanoseconds, name: name,
      state: " with a full queue", client)
  }

  var reportedCount: Int64 { counters.pointee.delivered &+ counters.pointee.failed }
}
