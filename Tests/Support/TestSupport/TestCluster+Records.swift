// What lies in a test's topic, for tests that run whole programs.

import Base
import Foundation
import KafkaTransport
import Records

/// A record of a topic.
public struct ReadRecord: Sendable {
  public var key: String?
  public var value: Data
  public var timestamp: Int64
}

extension TestCluster {
  /// The first `count` records of the topic, in the order of its one partition; fewer where no more come within a minute.
  public func records(_ count: Int) throws -> [ReadRecord] {
    let source = try KafkaSource(
      address, group: "reader-\(UUID().uuidString)", properties: KafkaProperties([("auto.offset.reset", "earliest")]))
    let batch = RecordBatch()
    var records: [ReadRecord] = []
    _ = try waitUntil {
      switch try source.poll(into: batch, maximumCount: 1000, timeoutMilliseconds: 100) {
      case .assigned(let partitions): try source.start(partitions, at: partitions.map { PartitionOffset(partition: $0, offset: 0) })
      case .records:
        for index in 0..<batch.count {
          records.append(
            ReadRecord(
              key: batch.key(index).map { String(decoding: $0, as: UTF8.self) }, value: Data(batch.value(index)),
              timestamp: batch.slots[index].timestamp))
        }
      default: break
      }
      return records.count >= count
    }
    try source.close()
    return records
  }
}
