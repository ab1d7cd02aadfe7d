// Records in internal topics: where they lie, in which order, and what they say of where they come from.

import Base
import Foundation
import KafkaTransport
import Records
import TestSupport
import Testing

private func write(
  _ value: String, key: String?, entity: String?, _ origin: RecordOrigin, to output: KafkaRepartitionOutput, topic: Int = 0,
  headers: [(String, String?)] = [], isTombstone: Bool = false
) throws {
  func bytes(_ text: String?) -> UnsafeBufferPointer<UInt8>? {
    guard let text else { return nil }
    let copy = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: text.utf8.count)
    _ = copy.initialize(from: text.utf8)
    return UnsafeBufferPointer(copy)
  }
  let (value, key, entity) = (bytes(value)!, bytes(key), bytes(entity))
  let named = headers.map { (name: bytes($0.0)!, value: bytes($0.1)) }
  defer {
    for copy in [value, key, entity] { copy?.deallocate() }
    for header in named {
      header.name.deallocate()
      header.value?.deallocate()
    }
  }
  var record = RepartitionedRecord(origin: origin, entityKey: entity, value: value, key: key)
  record.headers = named
  record.isTombstone = isTombstone
  try output.write(record, to: topic)
}

@Suite(.waiting) struct `An internal topic` {
  @Test func `holds records with their origins before their own headers, and markers among them`() throws {
    let cluster = try TestCluster(partitionCount: 1)
    let output = try KafkaRepartitionOutput(cluster.address.cluster, topics: [cluster.topic], partitionCount: 1)
    #expect(output.partitionCount == 1)
    try write(#"{"a":1}"#, key: "u1", entity: "p1", RecordOrigin(partition: 3, offset: 41, timestamp: 7), to: output)
    try write(
      "", key: nil, entity: nil, RecordOrigin(partition: 2, offset: 0), to: output, headers: [("freshet-key", "x"), ("trace", nil)])
    try output.write(marker: RecordOrigin(markerOf: 3, offset: 42, streamTime: 99, isIdle: true, partitionCount: 4))
    try write("", key: "", entity: "", RecordOrigin(partition: 0, offset: 5), to: output, isTombstone: true)
    try output.confirm()
    let seen = try read(cluster, [cluster.topic], count: 4)
    #expect(seen.map(\.key) == ["p1", nil, nil, ""])
    #expect(seen.map(\.value) == [#"{"a":1}"#, "", nil, nil])
    let headers: [[String]] = [
      ["freshet-origin=3:41:7", "freshet-key=u1"], ["freshet-origin=2:0:", "freshet-key=null", "freshet-key=x", "trace=null"],
      ["freshet-origin=3:42:", "freshet-marker=99:idle:4"], ["freshet-origin=0:5:", "freshet-key="],
    ]
    #expect(seen.map(\.headers) == headers)
    try output.close()
  }

  @Test func `keeps equal keys together in order, and tells every partition of every topic how far its source is`() throws {
    let cluster = try TestCluster(partitionCount: 4)
    let second = "\(cluster.topic)-second"
    let properties = KafkaProperties([("queue.buffering.max.messages", "50"), ("linger.ms", "1")])
    let output = try KafkaRepartitionOutput(
      cluster.address.cluster, topics: [cluster.topic, second], properties: properties, partitionCount: 4)
    #expect(output.partitionCount == 8 && output.partitionCount(of: 1) == 4)
    for index in 0..<400 {
      try write(
        "v\(index)", key: nil, entity: index % 10 == 9 ? nil : "key \(index % 10)",
        RecordOrigin(partition: PartitionIndex(index % 10), offset: Offset(index)), to: output, topic: index % 2)
    }
    try output.write(marker: RecordOrigin(markerOf: 0, offset: 1, streamTime: 2, isIdle: false, partitionCount: 10))
    try output.close()
    for (topic, name) in [cluster.topic, second].enumerated() {
      let other = try TestReader(KafkaAddress(servers: cluster.servers, topic: name))
      let records = try other.read(count: 200 + 4)
      let markers = records.filter { $0.value.isEmpty }
      #expect(Set(markers.map(\.partition)) == [0, 1, 2, 3] && markers.count == 4)
      for record in records where !record.value.isEmpty {
        let number = Int(record.value.dropFirst())!
        #expect(number % 2 == topic)
        let key = Array("key \(number % 10)".utf8)
        let expected =
          number % 10 == 9
          ? Int32(number % 10) % 4 : Hash.kafkaPartition(ofKey: key, count: key.count, partitionCount: 4)
        #expect(record.partition == expected)
      }
      for partition in 0..<4 as Range<PartitionIndex> {
        let numbers = records.filter { $0.partition == partition && !$0.value.isEmpty }.map { Int($0.value.dropFirst())! }
        #expect(numbers == numbers.sorted())
      }
    }
  }

  @Test(.enabled(if: !TestCluster.isExternal, "an external broker cannot be taken down"))
  func `is waited for as long as the owner likes, and what was written then arrives`() throws {
    let cluster = try TestCluster(partitionCount: 1)
    let output = try KafkaRepartitionOutput(
      cluster.address.cluster, topics: [cluster.topic], partitionCount: 1, blockedTimeoutMilliseconds: 300)
    try cluster.tell("down")
    try write("x", key: "k", entity: "e", RecordOrigin(partition: 0, offset: 0), to: output)
    for _ in 0..<2 {
      let error = #expect(throws: Failure.self) { try output.confirm() }
      #expect(error?.code == .unavailable && error?.isRetryable == true)
    }
    try cluster.tell("up")
    #expect(waitUntil { (try? output.confirm()) != nil })
    #expect(try read(cluster, [cluster.topic], count: 1).map(\.value) == ["x"])
    try output.close()
  }

  @Test func `is not kept by a broker that ends with its owner, and cannot be told to lose records`() throws {
    let embedded = #expect(throws: Failure.self) {
      try KafkaRepartitionOutput(KafkaAddress("kafka://embedded/x").cluster, topics: ["x"], partitionCount: 1)
    }
    #expect(
      embedded?.message == "kafka://embedded: an embedded broker ends with its owner and cannot keep an internal topic")
    let cluster = try TestCluster(partitionCount: 1)
    let loose = #expect(throws: Failure.self) {
      try KafkaRepartitionOutput(
        cluster.address.cluster, topics: ["x"], properties: KafkaProperties([("acks", "1")]), partitionCount: 1)
    }
    #expect(loose?.message == "Kafka property acks cannot be set: what has been passed on must not be lost")
  }

  @Test func `counts the partitions of a topic`() throws {
    let cluster = try TestCluster(partitionCount: 3)
    #expect(try KafkaTopic.partitionCount(of: cluster.address) == 3)
    #expect(try KafkaTopic.partitionCount(of: KafkaAddress("kafka://embedded/x")) == nil)
  }

  @Test(.enabled(if: TestCluster.isExternal, "the embedded broker makes every topic that it is asked about"))
  func `counts no partitions where there is no topic, and makes none`() throws {
    let cluster = try TestCluster(partitionCount: 1)
    let missing = KafkaAddress(servers: cluster.servers, topic: "\(cluster.topic)-missing")
    for _ in 0..<2 { #expect(try KafkaTopic.partitionCount(of: missing) == nil) }
  }
}

/// Reads a topic of any number of partitions from its beginning.
private final class TestReader {
  private let source: KafkaSource

  init(_ address: KafkaAddress) throws {
    source = try KafkaSource(address, group: "reader-\(UUID().uuidString)", properties: KafkaProperties([]))
  }

  func read(count: Int) throws -> [TestRecord] {
    let batch = RecordBatch()
    var records: [TestRecord] = []
    _ = try waitUntil {
      switch try source.poll(into: batch, maximumCount: 1000, timeoutMilliseconds: 100) {
      case .assigned(let partitions):
        try source.start(partitions, at: partitions.map { PartitionOffset(partition: $0, offset: 0) })
      case .records: records += batch.records
      default: break
      }
      return records.count >= count
    }
    try source.close()
    return records
  }
}
