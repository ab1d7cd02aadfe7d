// Whether a source gets what it needs: brokers that answer, and a group that has said which partitions are ours. librdkafka says once that all
// brokers are down, and never that they are back; so they are asked.

import Base
import CRdkafka
import Records

extension KafkaSource {
  /// How often brokers that are down are asked, and how long for.
  private static let probeEveryNanoseconds: UInt64 = 1_000_000_000
  private static let probeMilliseconds: Int32 = 250

  /// Why nothing can come at the moment; nil while brokers answer.
  public var trouble: String? {
    guard let client, client.events.areAllBrokersDown else { return nil }
    return "\(name): no Kafka broker can be reached: \(client.events.lastError ?? "all are down")"
  }

  /// Whether the group has said which partitions are ours, be it none.
  public var hasJoined: Bool { client?.events.hasJoined ?? false }

  /// Asks brokers that were down whether they are back; called by every poll.
  func probe(_ client: KafkaHandle) {
    guard client.events.areAllBrokersDown else { return }
    let now = clock.monotonicNanoseconds
    guard now >= probeDue else { return }
    var metadata: UnsafePointer<rd_kafka_metadata>?
    if rd_kafka_metadata(client.pointer, 0, nil, &metadata, Self.probeMilliseconds) == RD_KAFKA_RESP_ERR_NO_ERROR {
      rd_kafka_metadata_destroy(metadata)
      client.events.noteAnswer()
    }
    probeDue = clock.monotonicNanoseconds + Self.probeEveryNanoseconds
  }
}
