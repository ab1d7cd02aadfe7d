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
  public var headers: [String: String]
}

extension TestCluster {
  /// The first `count` records of the topic, or of another, in the order of its one partition; fewer where no more come within a minute.
  public func records(_ count: Int, of other: String? = nil) throws -> [ReadRecord] {
    let source = try KafkaSource(
      KafkaAddress(servers: servers, topic: other ?? topic), group: "reader-\(UUID().uuidString)",
      properties: KafkaProperties([("auto.offset.reset", "earliest")]), readsHeaders: true)
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
              timestamp: batch.slots[index].timestamp, headers: headers(of: index, in: batch)))
        }
      default: break
      }
      return records.count >= count
    }
    try source.close()
    return records
  }

  private func headers(of index: Int, in batch: RecordBatch) -> [String: String] {
    batch.headerIndices(of: index).reduce(into: [:]) { headers, number in
      let header = batch.headers[number]
      headers[String(decoding: batch.name(of: header), as: UTF8.self)] = batch.value(of: header).map {
        String(decoding: $0, as: UTF8.self)
      }
    }
  }
}
