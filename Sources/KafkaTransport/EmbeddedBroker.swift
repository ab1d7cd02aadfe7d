// A Kafka broker inside this process: librdkafka's mock cluster, which listens on TCP and serves any client in any process.
// It keeps about the last 5 MiB or 100 000 records of a partition and drops older ones silently; it knows groups, commits and idempotent
// producers, but not the admin API: a topic that is not created here is made on first use, with four partitions.

import Base
import CRdkafka
import Logging

/// Owns one mock cluster.
public final class EmbeddedBroker {
  private let client: KafkaHandle
  private let cluster: OpaquePointer
  /// `host:port`, comma-separated.
  public let bootstrapServers: String

  public init(brokerCount: Int = 1, logger: Logger = Logger(label: "freshet.kafka")) throws {
    precondition(brokerCount > 0, "a cluster needs a broker")
    let events = KafkaEvents(logger: logger)
    let configuration = KafkaConfiguration()
    events.install(in: configuration)
    client = try KafkaHandle(RD_KAFKA_PRODUCER, configuration, events: events, name: "embedded Kafka broker")
    guard let cluster = rd_kafka_mock_cluster_new(client.pointer, Int32(brokerCount)) else {
      throw Failure(.unavailable, "the embedded Kafka broker does not start: \(rd_kafka_last_error().text)")
    }
    self.cluster = cluster
    bootstrapServers = String(cString: rd_kafka_mock_cluster_bootstraps(cluster))
  }

  deinit { rd_kafka_mock_cluster_destroy(cluster) }

  /// Makes a topic; one that is there already is an error.
  public func createTopic(_ topic: String, partitionCount: Int) throws {
    let error = rd_kafka_mock_topic_create(cluster, topic, Int32(partitionCount), 1)
    guard error == RD_KAFKA_RESP_ERR_NO_ERROR else {
      throw Failure(.failure, "embedded Kafka broker: topic \(topic) with \(partitionCount) partitions: \(error.text)")
    }
  }

  /// Makes broker `number` (from 1) drop its connections and refuse new ones, or serve again.
  public func setBroker(_ number: Int = 1, isUp: Bool) throws {
    let error =
      isUp
      ? rd_kafka_mock_broker_set_up(cluster, Int32(number)) : rd_kafka_mock_broker_set_down(cluster, Int32(number))
    guard error == RD_KAFKA_RESP_ERR_NO_ERROR else {
      throw Failure(.failure, "embedded Kafka broker \(number): \(error.text)")
    }
  }

  /// Takes the leader of a partition away, so that nobody can read or write it, or gives it back.
  public func setLeader(ofPartition partition: Int, topic: String, isThere: Bool) throws {
    let error = rd_kafka_mock_partition_set_leader(cluster, topic, Int32(partition), isThere ? 1 : -1)
    guard error == RD_KAFKA_RESP_ERR_NO_ERROR else {
      throw Failure(.failure, "embedded Kafka broker: partition \(partition) of \(topic): \(error.text)")
    }
  }

  /// Delays every answer of broker `number` by `milliseconds`.
  public func setRoundTripTime(ofBroker number: Int = 1, milliseconds: Int) throws {
    let error = rd_kafka_mock_broker_set_rtt(cluster, Int32(number), Int32(milliseconds))
    guard error == RD_KAFKA_RESP_ERR_NO_ERROR else {
      throw Failure(.failure, "embedded Kafka broker \(number): \(error.text)")
    }
  }
}
