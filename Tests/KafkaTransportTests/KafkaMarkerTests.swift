// Markers into chosen partitions, and the ends of a topic as somebody sees them who reads none of it.

import Base
import Foundation
import KafkaTransport
import Records
import TestSupport
import Testing

@Suite(.waiting) struct `Markers into a topic` {
  @Test func `each goes to its partition with key, value and time as they were`() throws {
    let cluster = try TestCluster(partitionCount: 3)
    let output = try KafkaMarkerOutput(cluster.address)
    #expect(output.partitionCount == 3)
    let ends = try KafkaLogEnds(cluster.address)
    #expect(try ends.ask() == [0..<0, 0..<0, 0..<0])
    for partition in 0..<3 as Range<Int32> {
      try output.send(
        partition: partition, key: partition == 2 ? nil : "k\(partition)", value: "v\(partition)", timestamp: 1_700_000_000_123)
    }
    try output.send(partition: 0, key: "", value: "", timestamp: 1)
    #expect(try waitUntil(seconds: 20) { try output.poll(timeoutMilliseconds: 50) == nil && ends.ask() == [0..<2, 0..<1, 0..<1] })
    output.close()
    let reader = try Reader(cluster, group: "markers")
    #expect(try waitUntil(seconds: 30) { try reader.poll() == .records ? reader.records.count == 4 : reader.records.count == 4 })
    let seen = Set(reader.records)
    #expect(seen.contains(TestRecord(key: "k1", value: "v1", timestamp: 1_700_000_000_123, partition: 1, offset: 0)))
    #expect(seen.contains(TestRecord(key: nil, value: "v2", timestamp: 1_700_000_000_123, partition: 2, offset: 0)))
    #expect(seen.contains(TestRecord(key: "", value: "", timestamp: 1, partition: 0, offset: 1)))
    try reader.source.close()
  }

  @Test(.enabled(if: !TestCluster.isExternal))
  func `a broker that is away is said within seconds, and the markers arrive when it is back`() throws {
    let cluster = try TestCluster(partitionCount: 1)
    let output = try KafkaMarkerOutput(cluster.address)
    try cluster.tell("down")
    try output.send(partition: 0, key: "k", value: "v", timestamp: 1)
    var trouble: String?
    #expect(
      try waitUntil(seconds: 30) {
        trouble = try output.poll(timeoutMilliseconds: 50)
        return trouble != nil
      })
    #expect(trouble?.hasPrefix("\(cluster.address): no marker has been delivered for ") == true, "\(trouble ?? "")")
    try cluster.tell("up")
    #expect(try waitUntil(seconds: 60) { try output.poll(timeoutMilliseconds: 50) == nil })
    #expect(try KafkaLogEnds(cluster.address).ask() == [0..<1])
  }

  // The embedded broker makes whatever it is asked for.
  @Test(.enabled(if: TestCluster.isExternal)) func `a topic that does not exist is not made`() throws {
    let cluster = try TestCluster(partitionCount: 1)
    let address = KafkaAddress(servers: cluster.servers, topic: "\(cluster.topic)-nowhere")
    let failure = #expect(throws: Failure.self) { _ = try KafkaMarkerOutput(address, connectTimeoutMilliseconds: 3000) }
    #expect(failure?.message == "\(address): the topic does not exist" && failure?.isRetryable == true)
    #expect(throws: Failure.self) { _ = try KafkaLogEnds(address, connectTimeoutMilliseconds: 3000) }
  }

  @Test func `what would make a marker late cannot be set`() throws {
    let address = try KafkaAddress("kafka://localhost:1/t")
    let failure = #expect(throws: Failure.self) {
      _ = try KafkaMarkerOutput(address, properties: KafkaProperties([("linger.ms", "50")]))
    }
    #expect(failure?.message == "Kafka property linger.ms cannot be set: markers are sent at once")
    let embedded = #expect(throws: Failure.self) { _ = try KafkaMarkerOutput(KafkaAddress("kafka://embedded/t")) }
    #expect(embedded?.message.contains("nobody would read the markers") == true)
  }
}
