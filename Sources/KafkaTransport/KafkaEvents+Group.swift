// What librdkafka reports of the consumer group: rebalances, noted and answered later, and the fate of commits.

import CRdkafka
import Records

/// A rebalance that librdkafka has reported and waits to have answered.
struct Rebalance: Equatable {
  enum Kind { case assigned, revoked, lost }
  var kind: Kind
  var partitions: [PartitionIndex]
}

extension KafkaEvents {
  /// Installs the rebalance and the commit callback. Both are called by whoever polls the consumer.
  func installGroupCallbacks(in configuration: borrowing KafkaConfiguration) {
    rd_kafka_conf_set_rebalance_cb(configuration.pointer) { client, error, list, opaque in
      guard let client, let opaque else { return }
      let events = Unmanaged<KafkaEvents>.fromOpaque(opaque).takeUnretainedValue()
      if error == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS { events.noteAssignment() }
      if events.isLeavingGroup {
        // Nobody will poll again: answer at once, or the close would wait for ever.
        KafkaSource.answer(client, error == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS ? .assigned : .revoked, list)
        return
      }
      let isLost = rd_kafka_assignment_lost(client) == 1
      if isLost, error != RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS { events.noteLoss() }
      let kind: Rebalance.Kind = error == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS ? .assigned : isLost ? .lost : .revoked
      events.add(Rebalance(kind: kind, partitions: TopicPartitionList.partitions(in: list)))
      // Ends the call that polls, so that what was fetched before comes back before the rebalance does.
      rd_kafka_yield(client)
    }
    rd_kafka_conf_set_offset_commit_cb(configuration.pointer) { _, error, _, opaque in
      guard let opaque, error != RD_KAFKA_RESP_ERR_NO_ERROR, error != RD_KAFKA_RESP_ERR__NO_OFFSET else { return }
      Unmanaged<KafkaEvents>.fromOpaque(opaque).takeUnretainedValue().noteCommitFailure(error.text)
    }
  }
}
