// One `rd_kafka_topic_partition_list_t`. A list that is not freed makes `rd_kafka_destroy` hang, so each has exactly one owner.

import CRdkafka
import Records

/// Owns a list of partitions, each with an offset.
struct TopicPartitionList: ~Copyable {
  let pointer: UnsafeMutablePointer<rd_kafka_topic_partition_list_t>

  init(capacity: Int) { pointer = rd_kafka_topic_partition_list_new(Int32(capacity)) }

  /// The partitions with offset -1001, which lets librdkafka look for the committed one.
  init(_ topic: String, _ partitions: [PartitionIndex]) {
    self.init(capacity: partitions.count)
    for partition in partitions { add(topic, partition, nil) }
  }

  deinit { rd_kafka_topic_partition_list_destroy(pointer) }

  func add(_ topic: String, _ partition: PartitionIndex, _ offset: Offset?) {
    let entry = rd_kafka_topic_partition_list_add(pointer, topic, partition)
    entry?.pointee.offset = offset ?? Offset(RD_KAFKA_OFFSET_INVALID)
  }

  var entries: UnsafeBufferPointer<rd_kafka_topic_partition_t> {
    UnsafeBufferPointer(start: pointer.pointee.elems, count: Int(pointer.pointee.cnt))
  }

  /// The partitions of a list that librdkafka lends to a callback.
  static func partitions(
    in list: UnsafeMutablePointer<rd_kafka_topic_partition_list_t>?
  ) -> [PartitionIndex] {
    guard let list else { return [] }
    return (0..<Int(list.pointee.cnt)).map { list.pointee.elems[$0].partition }
  }
}
