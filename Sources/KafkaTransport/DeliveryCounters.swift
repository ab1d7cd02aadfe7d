// Delivery reports, one per record, counted into a plain struct that every message points to: librdkafka calls back on the thread that
// polls, so no lock is needed, and the callback touches no reference count.

import CRdkafka

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Totals over all delivery reports of one producer; owned by the thread that writes and polls.
struct DeliveryCounters {
  var delivered: Int64 = 0
  var failed: Int64 = 0
  /// Value bytes of the records reported so far, delivered or not.
  var reportedByteCount: Int64 = 0
  var firstError: rd_kafka_resp_err_t = RD_KAFKA_RESP_ERR_NO_ERROR
  var firstErrorPartition: Int32 = 0
  /// The name of the first failed record's topic; owned, see `forget`.
  var firstErrorTopic: UnsafeMutablePointer<CChar>?

  /// Counts one record that did not arrive.
  mutating func addFailure(_ error: rd_kafka_resp_err_t, partition: Int32, topic: OpaquePointer?) {
    if failed == 0 {
      firstError = error
      firstErrorPartition = partition
      firstErrorTopic = topic.flatMap { rd_kafka_topic_name($0) }.flatMap { strdup($0) }
    }
    failed &+= 1
  }

  /// Frees what the counters own.
  mutating func forget() {
    free(firstErrorTopic)
    firstErrorTopic = nil
  }

  /// Has `configuration` count into the struct that each message's `_private` points to.
  static func install(in configuration: borrowing KafkaConfiguration) {
    rd_kafka_conf_set_dr_msg_cb(configuration.pointer) { _, message, _ in
      // Sound: every message is produced with `_private` set to the sink's counters, which live until the client is destroyed.
      guard let message, let counters = message.pointee._private?.assumingMemoryBound(to: DeliveryCounters.self) else { return }
      counters.pointee.reportedByteCount &+= Int64(message.pointee.len)
      if message.pointee.err == RD_KAFKA_RESP_ERR_NO_ERROR {
        counters.pointee.delivered &+= 1
      } else {
        counters.pointee.addFailure(message.pointee.err, partition: message.pointee.partition, topic: message.pointee.rkt)
      }
    }
  }
}
