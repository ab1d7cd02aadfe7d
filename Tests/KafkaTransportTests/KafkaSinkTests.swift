import Base
import Foundation
import Records
import TestSupport
import Testing

@testable import KafkaTransport

@Suite(.waiting) struct KafkaSinkTests {
  // org.apache.kafka.common.utils.UtilsTest.testMurmur2
  @Test(
    arguments: [
      ("21", -973_932_308), ("foobar", -790_332_482), ("a-little-bit-long-string", -985_981_536),
      ("a-little-bit-longer-string", -1_486_304_829), ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
      ("abc", 479_470_107),
    ] as [(String, Int32)])
  func `murmur2 agrees with Kafka's own test`(key: String, expected: Int32) {
    let bytes = Array(key.utf8)
    bytes.withUnsafeBufferPointer {
      #expect(Int32(bitPattern: Hash.murmur2($0.baseAddress!, count: $0.count)) == expected)
    }
  }

  @Test func `records arrive with key, value, partition and event time`() throws {
    let cluster = try TestCluster(partitionCount: 4)
    let sink = try KafkaSink(cluster.address, usesEventTimestamp: true)
    #expect(sink.partitionCount == 4)
    let sent = (0..<500).map {
      TestRecord(key: "user-\($0 % 37)", value: "{\"n\":\($0)}", timestamp: 1_700_000_000_000 + Int64($0))
    }
    try sink.write(RecordBatch(sent))
    try sink.finish(timeoutMilliseconds: 30_000)
    #expect(sink.delivery.written == 500)
    #expect(sink.delivery.delivered == 500)
    #expect(sink.delivery.failed == 0)
    #expect(sink.delivery.writtenByteCount == Int64(sent.reduce(0) { $0 + $1.value.utf8.count }))

    let reader = try Reader(cluster, group: "g")
    try reader.poll { reader.records.count >= 500 }
    try reader.source.close()
    var byPartition: [PartitionIndex: [TestRecord]] = [:]
    for record in reader.records { byPartition[record.partition, default: []].append(record) }
    let expected = Dictionary(grouping: sent) { record in
      let key = Array(record.key!.utf8)
      return key.withUnsafeBufferPointer { Hash.kafkaPartition(ofKey: $0.baseAddress!, count: $0.count, partitionCount: 4) }
    }
    for (partition, records) in expected {
      let found = byPartition[partition] ?? []
      #expect(found.map(\.value) == records.map(\.value))
      #expect(found.map(\.key) == records.map(\.key))
      #expect(found.map(\.timestamp) == records.map(\.timestamp))
      #expect(found.map(\.offset) == (0..<Int64(records.count)).map { $0 })
    }
  }

  @Test func `records without a key spread over all partitions and carry the time of sending`() throws {
    let cluster = try TestCluster(partitionCount: 3)
    let sink = try KafkaSink(cluster.address)
    let before = SystemClock().nowMilliseconds
    for batch in 0..<9 { try sink.write(RecordBatch((0..<10).map { TestRecord(key: nil, value: "\(batch).\($0)") })) }
    try sink.finish(timeoutMilliseconds: 30_000)
    let reader = try Reader(cluster, group: "g")
    try reader.poll { reader.records.count >= 90 }
    let counts = Dictionary(grouping: reader.records, by: \.partition).mapValues(\.count)
    #expect(counts == [0: 30, 1: 30, 2: 30])
    #expect(reader.records.allSatisfy { $0.key == nil && $0.timestamp >= before })
  }

  @Test func `a full queue holds the writer back and loses nothing`() throws {
    let cluster = try TestCluster(partitionCount: 2)
    try cluster.tell("rtt 20")
    let sink = try KafkaSink(cluster.address, properties: KafkaProperties([("queue.buffering.max.messages", "100")]))
    let sent = (0..<5000).map { TestRecord(key: "k\($0 % 10)", value: "\($0)") }
    try sink.write(RecordBatch(sent))
    #expect(sink.delivery.delivered >= 4900)
    try sink.finish(timeoutMilliseconds: 30_000)
    #expect(sink.delivery.delivered == 5000)
    let reader = try Reader(cluster, group: "g")
    try reader.poll { reader.records.count >= 5000 }
    for key in 0..<10 {
      let values = reader.records.filter { $0.key == "k\(key)" }.map { Int($0.value)! }
      #expect(values == stride(from: key, to: 5000, by: 10).map { $0 })
    }
  }

  @Test(.enabled(if: !TestCluster.isExternal))
  func `what a broker that went down did not acknowledge counts as failed`() throws {
    let cluster = try TestCluster(partitionCount: 1)
    let sink = try KafkaSink(cluster.address)
    try sink.write(RecordBatch([TestRecord(key: "a", value: "1")]))
    let end = Date().addingTimeInterval(30)
    while sink.delivery.delivered < 1, Date() < end { try sink.poll() }
    try cluster.tell("down")
    try sink.write(RecordBatch((0..<10).map { TestRecord(key: "a", value: "\($0)") }))
    try sink.finish(timeoutMilliseconds: 500)
    #expect(sink.delivery.written == 11)
    #expect(sink.delivery.delivered == 1)
    #expect(sink.delivery.failed == 10)
    #expect(sink.delivery.firstFailure?.hasPrefix("\(cluster.address) partition 0: Local: Purged") == true)
  }

  @Test func `a broker that nobody serves is unavailable`() throws {
    let failure = #expect(throws: Failure.self) {
      try KafkaSink(KafkaAddress("kafka://127.0.0.1:1/x"), connectTimeoutMilliseconds: 700)
    }
    #expect(failure?.code == .unavailable)
    #expect(failure?.isRetryable == true)
    #expect(failure?.message.hasPrefix("kafka://127.0.0.1:1/x: no Kafka broker answered within 700 ms: ") == true)
    #expect(failure?.message.contains("Connection refused") == true)
    let readFailure = #expect(throws: Failure.self) {
      try KafkaSource(KafkaAddress("kafka://127.0.0.1:1/x"), group: "g", connectTimeoutMilliseconds: 700)
    }
    #expect(readFailure?.code == .unavailable)
  }

  @Test func `the embedded broker serves a sink of its own`() throws {
    let sink = try KafkaSink(KafkaAddress("kafka://embedded/clicks"), partitionCount: 7)
    #expect(sink.partitionCount == 7)
    try sink.write(RecordBatch([TestRecord(key: "a", value: "1")]))
    try sink.finish(timeoutMilliseconds: 10_000)
    #expect(sink.delivery.delivered == 1)
  }
}
