// Delivery reports, one per record, counted into a plain struct that every message points to: librdkafka calls back on the thread that
// polls, so no lock is needed, and the callback touches no reference count.

import CRdkafka

/// Totals over all delivery reports of one producer; owned by the thread that writes and polls.
struct DeliveryCounters {
  var delivered: Int64 = 0
  var failed: Int64 = 0
  /// Value bytes of the records reported so far, delivered or not.
  var reportedByteCount: Int64 = 0
  var firstError: rd_kafka_resp_err_t = RD_KAFKA_RESP_ERR_NO_ERROR
  var firstErrorPartition: Int32 = 0

  /// Has `configuration` count into the struct that each message's `_private` points to.
  static func install(in configuration: borrowing KafkaConfiguration) {
    rd_kafka_conf_set_dr_msg_cb(configuration.pointer) { _, message, _ in
      // Sound: every message is produced with `_private` set to the sink's counters, which live until the client is destroyed.
      guard let message, let counters = message.pointee._private?.assumingMemoryBound(to: DeliveryCounters.self) else { return }
      counters.pointee.reportedByteCount &+= Int64(message.pointee.len)
      if message.pointee.err == RD_KAFKA_RESP_ERR_NO_ERROR {
        counters.pointee.delivered &+= 1
      } else {
        if counters.pointee.failed == 0 {
          counters.pointee.firstError = message.pointee.err
          counters.pointee.firstErrorPartition = message.pointee.partition
        }
        counters.pointee.failed &+= 1
      }
    }
  }
}
