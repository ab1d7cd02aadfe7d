// From librdkafka's messages to the caller's batch: one chunk at a time, copied and freed record by record, counted in locals.

import Base
import CRdkafka
import Records

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

extension KafkaSource {
  /// A batch that has grown past this takes no further chunk; offsets in a batch are 32 bits wide.
  private static let batchByteLimit = 256 << 20

  /// Moves what is in the local queue into the batch, without waiting.
  func fill(_ batch: RecordBatch, _ maximumCount: Int, _ queue: OpaquePointer) throws {
    while batch.count < maximumCount, batch.bytes.count < Self.batchByteLimit {
      let wanted = min(Self.chunkCapacity, maximumCount - batch.count)
      let count = rd_kafka_consume_batch_queue(queue, 0, messages, wanted)
      guard count > 0 else { return }
      try append(to: batch, count: count)
      // Fewer than asked: the queue is empty, or a rebalance stands in it.
      if count < wanted { return }
    }
  }

  /// Copies the first `count` of `messages` into the batch and frees them, also when one of them is an error that ends the source.
  func append(to batch: RecordBatch, count: Int) throws {
    var byteCount = 0
    for index in 0..<count {
      let message = messages[index]!
      byteCount &+= message.pointee.len &+ message.pointee.key_len
      if readsHeaders { forEachHeader(of: message) { name, value in byteCount &+= name.count &+ (value?.count ?? 0) } }
    }
    batch.bytes.reserve(byteCount)
    batch.reserveSlots(count)
    // Neither buffer moves from here on.
    let base = batch.bytes.base
    let slots = batch.slots
    var end = batch.bytes.count
    var slotCount = batch.count
    var partition: PartitionIndex = -1
    var position: Offset = 0
    var failure: (any Error)?
    for index in 0..<count {
      let message = messages[index]!
      defer { rd_kafka_message_destroy(message) }
      guard message.pointee.err == RD_KAFKA_RESP_ERR_NO_ERROR else {
        do { try note(message) } catch { failure = error }
        continue
      }
      let valueCount = message.pointee.len
      let valueStart = end
      if let payload = message.pointee.payload {
        UnsafeMutableRawPointer(base + end).copyMemory(from: payload, byteCount: valueCount)
      }
      end &+= valueCount
      let keyStart = end
      var keyCount: Int32 = -1
      if let key = message.pointee.key {
        UnsafeMutableRawPointer(base + end).copyMemory(from: key, byteCount: message.pointee.key_len)
        end &+= message.pointee.key_len
        keyCount = Int32(truncatingIfNeeded: message.pointee.key_len)
      }
      if readsHeaders {
        forEachHeader(of: message) { name, value in
          let nameStart = end
          UnsafeMutableRawPointer(base + end).copyMemory(from: name.baseAddress!, byteCount: name.count)
          end &+= name.count
          let valueStart = end
          if let value, let start = value.baseAddress {
            UnsafeMutableRawPointer(base + end).copyMemory(from: start, byteCount: value.count)
            end &+= value.count
          }
          batch.append(
            RecordHeader(
              nameStart: UInt32(truncatingIfNeeded: nameStart), nameCount: UInt32(truncatingIfNeeded: name.count),
              valueStart: UInt32(truncatingIfNeeded: valueStart),
              valueCount: value.map { Int32(truncatingIfNeeded: $0.count) } ?? -1),
            toRecord: slotCount)
        }
      }
      var kind = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE
      let timestamp = rd_kafka_message_timestamp(message, &kind)
      slots[slotCount] = RecordSlot(
        valueStart: UInt32(truncatingIfNeeded: valueStart), valueCount: UInt32(truncatingIfNeeded: valueCount),
        keyStart: UInt32(truncatingIfNeeded: keyStart), keyCount: keyCount,
        timestamp: kind == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE ? .min : timestamp, offset: message.pointee.offset,
        partition: message.pointee.partition, marks: message.pointee.payload == nil ? .tombstone : [])
      slotCount &+= 1
      if message.pointee.partition != partition {
        if partition >= 0 { setPosition(of: partition, position) }
        partition = message.pointee.partition
      }
      position = message.pointee.offset &+ 1
    }
    if partition >= 0 { setPosition(of: partition, position) }
    batch.bytes.count = end
    batch.count = slotCount
    if let failure { throw failure }
  }

  /// Calls `body` with the name and the value of each header, in the order of the record; the value is nil where it is null. The bytes are
  /// librdkafka's and live as long as the message.
  private func forEachHeader(
    of message: UnsafeMutablePointer<rd_kafka_message_t>,
    _ body: (_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer?) -> Void
  ) {
    var headers: OpaquePointer?
    guard message.pointee.err == RD_KAFKA_RESP_ERR_NO_ERROR,
      rd_kafka_message_headers(message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR, let headers
    else { return }
    var index = 0
    var name: UnsafePointer<CChar>?
    var value: UnsafeRawPointer?
    var valueCount = 0
    while rd_kafka_header_get_all(headers, index, &name, &value, &valueCount) == RD_KAFKA_RESP_ERR_NO_ERROR, let found = name {
      body(
        UnsafeRawBufferPointer(start: found, count: strlen(found)),
        value.map { UnsafeRawBufferPointer(start: $0, count: valueCount) })
      index += 1
    }
  }

  /// An error that came in place of a record: fatal ones end the source, the others pass.
  private func note(_ message: UnsafeMutablePointer<rd_kafka_message_t>) throws {
    let error = message.pointee.err
    let reason = rd_kafka_message_errstr(message).map { String(cString: $0) } ?? error.text
    switch error {
    case RD_KAFKA_RESP_ERR__PARTITION_EOF: endsReached[message.pointee.partition] = message.pointee.offset
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
      logger.debug("the topic does not exist yet", metadata: ["kafka.topic": "\(topic)"])
    default:
      try client?.checkFatal()
      guard error.isRetryable else { throw Failure(.unavailable, "\(name): \(reason)") }
      client?.events.note(error: error, reason: reason)
      logger.warning("Kafka reports an error", metadata: ["kafka.topic": "\(topic)", "kafka.reason": "\(reason)"])
    }
  }
}
