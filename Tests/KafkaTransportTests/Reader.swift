// What the tests of Kafka write and read.

import Base
import Foundation
import KafkaTransport
import Records
import TestSupport
import Testing

/// One record as a test states it.
struct TestRecord: Hashable {
  var key: String?
  var value: String
  var timestamp: Int64 = .min
  var partition: PartitionIndex = 0
  var offset: Offset = 0
}

extension RecordBatch {
  convenience init(_ records: [TestRecord]) {
    self.init()
    for record in records {
      let value = Array(record.value.utf8)
      let key = record.key.map { Array($0.utf8) }
      value.withUnsafeBufferPointer { value in
        if let key {
          key.withUnsafeBufferPointer { append(value: value, key: $0, timestamp: record.timestamp, offset: 0, partition: 0) }
        } else {
          append(value: value, key: nil, timestamp: record.timestamp, offset: 0, partition: 0)
        }
      }
    }
  }

  var records: [TestRecord] {
    (0..<count).map { index in
      TestRecord(
        key: key(index).map { String(decoding: $0, as: UTF8.self) }, value: String(decoding: value(index), as: UTF8.self),
        timestamp: slots[index].timestamp, partition: slots[index].partition, offset: slots[index].offset)
    }
  }
}

/// A source with the plainest of owners: it starts what it is given and keeps what it reads.
final class Reader {
  let source: KafkaSource
  private(set) var records: [TestRecord] = []
  private(set) var events: [PollResult] = []
  private let batch = RecordBatch()
  var startPositions: [PartitionOffset] = []

  init(_ cluster: TestCluster, group: String, properties: [(name: String, value: String)] = []) throws {
    source = try KafkaSource(cluster.address, group: group, properties: KafkaProperties(properties))
  }

  @discardableResult
  func poll(_ timeoutMilliseconds: Int = 100) throws -> PollResult {
    let result = try source.poll(into: batch, maximumCount: 1000, timeoutMilliseconds: timeoutMilliseconds)
    switch result {
    case .records: records += batch.records
    case .assigned(let partitions):
      events.append(result)
      try source.start(partitions, at: startPositions.filter { partitions.contains($0.partition) })
    case .revoked, .lost: events.append(result)
    case .idle, .endOfInput: break
    }
    return result
  }

  /// Polls until `condition` holds; a minute is long enough for any group.
  func poll(until condition: () -> Bool) throws {
    let end = Date().addingTimeInterval(60)
    while !condition() {
      guard Date() < end else {
        Issue.record("nothing more came: \(records.count) records, \(events)")
        return
      }
      try poll()
    }
  }
}
