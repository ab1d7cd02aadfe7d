// Routes, headers, tombstones and transactions, read back by a consumer that knows nothing of the sink.

import Base
import CRdkafka
import Foundation
import Records
import TestSupport
import Testing

@testable import KafkaTransport

/// A record as a foreign consumer sees it.
struct SeenRecord: Equatable {
  var topic: String
  var key: String?
  /// Nil for a tombstone.
  var value: String?
  var timestamp: Int64
  var headers: [String]
}

/// Reads the first `count` records of each topic by bare librdkafka, one partition each.
func read(_ cluster: TestCluster, _ topics: [String], count: Int) throws -> [SeenRecord] {
  let configuration = KafkaConfiguration()
  try configuration.set("bootstrap.servers", cluster.servers)
  try configuration.set("group.id", "seen")
  try configuration.set("enable.auto.commit", "false")
  let client = try KafkaHandle(RD_KAFKA_CONSUMER, configuration, events: KafkaEvents(logger: .init(label: "test")), name: "reader")
  let list = rd_kafka_topic_partition_list_new(Int32(topics.count))!
  for topic in topics {
    rd_kafka_topic_partition_list_add(list, topic, 0).pointee.offset = Int64(RD_KAFKA_OFFSET_BEGINNING)
  }
  rd_kafka_poll_set_consumer(client.pointer)
  rd_kafka_assign(client.pointer, list)
  rd_kafka_topic_partition_list_destroy(list)
  var seen: [SeenRecord] = []
  let end = Date().addingTimeInterval(30)
  while seen.count < count, Date() < end {
    guard let message = rd_kafka_consumer_poll(client.pointer, 100) else { continue }
    defer { rd_kafka_message_destroy(message) }
    if message.pointee.err == RD_KAFKA_RESP_ERR_NO_ERROR { seen.append(record(message)) }
  }
  rd_kafka_consumer_close(client.pointer)
  return seen
}

private func record(_ message: UnsafeMutablePointer<rd_kafka_message_t>) -> SeenRecord {
  func text(_ start: UnsafeRawPointer?, _ count: Int) -> String? {
    start.map { String(decoding: UnsafeRawBufferPointer(start: $0, count: count), as: UTF8.self) }
  }
  var found: OpaquePointer?
  var headers: [String] = []
  if rd_kafka_message_headers(message, &found) == RD_KAFKA_RESP_ERR_NO_ERROR, let found {
    var index = 0
    var name: UnsafePointer<CChar>?
    var value: UnsafeRawPointer?
    var size = 0
    while rd_kafka_header_get_all(found, index, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR {
      headers.append("\(String(cString: name!))=\(text(value, size) ?? "null")")
      index += 1
    }
  }
  return SeenRecord(
    topic: String(cString: rd_kafka_topic_name(message.pointee.rkt)), key: text(message.pointee.key, message.pointee.key_len),
    value: text(message.pointee.payload, message.pointee.len), timestamp: rd_kafka_message_timestamp(message, nil), headers: headers
  )
}

/// A batch whose slots a test then marks.
private func batch(_ count: Int, _ change: (Int, inout RecordSlot) -> Void = { _, _ in }) -> RecordBatch {
  let batch = RecordBatch(
    (0..<count).map { TestRecord(key: "k\($0 % 3)", value: "{\"n\":\($0)}", timestamp: 1_700_000_000_000 + Int64($0)) })
  for index in 0..<count { change(index, &batch.slots[index]) }
  return batch
}

struct KafkaHeaderTests {
  @Test func `a cloud event in binary mode has its attributes in headers`() throws {
    let cluster = try TestCluster(partitionCount: 1)
    let attributes = CloudEventAttributes(
      source: "/freshet/shop", identifierPrefix: "2a", types: ["shop.page", "shop.order"])
    let sink = try KafkaSink(
      cluster.address.cluster,
      routes: [
        KafkaRoute(topic: cluster.topic, usesEventTimestamp: true, headers: [("source", "wéb")], cloudEvents: attributes)
      ])
    try sink.write(
      batch(3) { index, slot in
        slot.offset = 41 + Int64(index)
        slot.event = UInt16(index % 2)
        if index == 2 { slot.marks = [.tombstone, .late, .wrongType] }
      })
    try sink.finish(timeoutMilliseconds: 30_000)
    #expect(sink.delivery.delivered == 3)
    func headers(_ id: String, _ type: String, _ time: String) -> [String] {
      ["ce_specversion=1.0", "ce_source=/freshet/shop", "source=wéb", "ce_id=\(id)", "ce_type=\(type)", "ce_time=\(time)"]
    }
    let json = ["content-type=application/json"]
    #expect(
      try read(cluster, [cluster.topic], count: 3) == [
        SeenRecord(
          topic: cluster.topic, key: "k0", value: "{\"n\":0}", timestamp: 1_700_000_000_000,
          headers: headers("2a-41", "shop.page", "2023-11-14T22:13:20.000Z") + json),
        SeenRecord(
          topic: cluster.topic, key: "k1", value: "{\"n\":1}", timestamp: 1_700_000_000_001,
          headers: headers("2a-42", "shop.order", "2023-11-14T22:13:20.001Z") + json),
        SeenRecord(
          topic: cluster.topic, key: "k2", value: nil, timestamp: 1_700_000_000_002,
          headers: headers("2a-43", "shop.page", "2023-11-14T22:13:20.002Z") + ["freshet-fault=late,wrong_type"]),
      ])
  }

  @Test func `faults are labelled without moving a record from its place`() throws {
    let cluster = try TestCluster(partitionCount: 1)
    let sink = try KafkaSink(cluster.address)
    // Runs of plain records between labelled ones, a tombstone among each.
    try sink.write(
      batch(5000) { index, slot in
        if index % 7 == 3 { slot.marks = .late }
        if index % 11 == 5 { slot.marks.insert(.tombstone) }
      })
    try sink.finish(timeoutMilliseconds: 30_000)
    #expect(sink.delivery.delivered == 5000)
    let seen = try read(cluster, [cluster.topic], count: 5000)
    #expect(seen.map(\.key) == (0..<5000).map { "k\($0 % 3)" })
    #expect(seen.map(\.value) == (0..<5000).map { $0 % 11 == 5 ? nil : "{\"n\":\($0)}" })
    #expect(seen.map(\.headers) == (0..<5000).map { $0 % 7 == 3 ? ["freshet-fault=late"] : [] })
    let bytes = (0..<5000).filter { $0 % 11 != 5 }.reduce(0) { $0 + "{\"n\":\($1)}".utf8.count }
    #expect(sink.delivery.writtenByteCount == Int64(bytes))
  }

  @Test(.enabled(if: !TestCluster.isExternal))
  func `each event goes to its topic, in order`() throws {
    let cluster = try TestCluster(partitionCount: 1)
    let other = "other-\(UUID().uuidString)"
    try cluster.tell("topic \(other):1")
    let sink = try KafkaSink(
      cluster.address.cluster,
      routes: [KafkaRoute(topic: cluster.topic), KafkaRoute(topic: other, headers: [("a", "b"), ("a", "")])],
      routeOfEvent: [0, 1, 0])
    #expect(sink.name == "kafka://\(cluster.servers) (\(cluster.topic), \(other))")
    for first in stride(from: 0, to: 9000, by: 900) {
      try sink.write(
        batch(900) { index, slot in
          slot.event = UInt16((first + index) % 3)
          slot.keyCount = index % 2 == 0 ? -1 : slot.keyCount
        })
    }
    try sink.finish(timeoutMilliseconds: 30_000)
    #expect(sink.delivery.delivered == 9000)
    #expect(sink.queuedRecordCount == 0)
    let seen = Dictionary(grouping: try read(cluster, [cluster.topic, other], count: 9000), by: \.topic)
    let once = (0..<900).map { "{\"n\":\($0)}" }
    func expected(_ events: Set<Int>) -> [String] {
      (0..<10).flatMap { _ in once.indices.filter { events.contains($0 % 3) }.map { once[$0] } }
    }
    #expect(seen[cluster.topic]?.map(\.value) == expected([0, 2]))
    #expect(seen[other]?.map(\.value) == expected([1]))
    #expect(seen[cluster.topic]?.allSatisfy { $0.headers.isEmpty } == true)
    #expect(seen[other]?.allSatisfy { $0.headers == ["a=b", "a="] } == true)
  }

  @Test func `plain records of several topics are sorted by topic`() throws {
    let sink = try KafkaSink(
      KafkaCluster(servers: nil), routes: (0..<5).map { KafkaRoute(topic: "t\($0)", partitionCount: $0 + 1) },
      routeOfEvent: [4, 3, 2, 1, 0])
    try sink.write(batch(4097) { index, slot in slot.event = UInt16(index * index % 5) })
    try sink.finish(timeoutMilliseconds: 30_000)
    #expect(sink.delivery.delivered == 4097)
    #expect(sink.delivery.failed == 0)
    #expect(sink.name == "kafka://embedded (t0, t1, t2, t3, t4)")
  }

  @Test func `a full queue holds labelled records back too, and loses none`() throws {
    let cluster = try TestCluster(partitionCount: 1)
    if !TestCluster.isExternal { try cluster.tell("rtt 20") }
    let sink = try KafkaSink(cluster.address, properties: KafkaProperties([("queue.buffering.max.messages", "50")]))
    try sink.write(batch(1000) { index, slot in if index % 2 == 0 { slot.marks = .skew } })
    #expect(sink.queuedRecordCount <= 50)
    try sink.finish(timeoutMilliseconds: 30_000)
    #expect(sink.delivery.delivered == 1000)
    #expect(try read(cluster, [cluster.topic], count: 1000).map(\.value) == (0..<1000).map { "{\"n\":\($0)}" })
  }
}

struct KafkaTransactionTests {
  @Test func `records count as delivered once their transaction is committed`() throws {
    let cluster = try TestCluster(partitionCount: 1)
    let sink = try KafkaSink(
      cluster.address.cluster, routes: [KafkaRoute(topic: cluster.topic)],
      transactions: KafkaTransactions(identifier: "t1", commitIntervalMilliseconds: 600_000))
    try sink.write(batch(100))
    let areReported = try waitUntil(seconds: 30) {
      try sink.poll()
      return sink.queuedRecordCount == 0
    }
    #expect(areReported)
    #expect(sink.delivery.delivered == 0)
    #expect(sink.delivery.inFlight == 100)
    try sink.finish(timeoutMilliseconds: 30_000)
    #expect(sink.delivery.delivered == 100)
    #expect(sink.delivery.failed == 0)
    #expect(try read(cluster, [cluster.topic], count: 100).count == 100)
  }

  @Test func `an interval that is over commits, while writing and while idle`() throws {
    let cluster = try TestCluster(partitionCount: 1)
    let sink = try KafkaSink(
      cluster.address.cluster, routes: [KafkaRoute(topic: cluster.topic, headers: [("a", "b")])],
      transactions: KafkaTransactions(identifier: "t2", commitIntervalMilliseconds: 1))
    for _ in 0..<5 { try sink.write(batch(10)) }
    let areCommitted = try waitUntil(seconds: 30) {
      try sink.poll()
      return sink.delivery.delivered == 50
    }
    #expect(areCommitted)
    try sink.write(batch(10))
    try sink.finish(timeoutMilliseconds: 30_000)
    #expect(sink.delivery.delivered == 60)
  }

  @Test(.enabled(if: !TestCluster.isExternal))
  func `a transaction that a broker does not take is an error, and its records have failed`() throws {
    let cluster = try TestCluster(partitionCount: 1)
    let sink = try KafkaSink(
      cluster.address.cluster, routes: [KafkaRoute(topic: cluster.topic)],
      transactions: KafkaTransactions(identifier: "t3", commitIntervalMilliseconds: 600_000))
    try sink.write(batch(10))
    try cluster.tell("down")
    let failure = #expect(throws: Failure.self) { try sink.finish(timeoutMilliseconds: 700) }
    #expect(failure?.code == .unavailable)
    #expect(failure?.message.hasPrefix("\(cluster.address): the transaction is not committed: ") == true)
    #expect(sink.delivery.delivered == 0)
    #expect(sink.delivery.failed == 10)
  }

  @Test func `the identifier is not taken as a property`() throws {
    let failure = #expect(throws: Failure.self) {
      try KafkaSink(KafkaAddress("kafka://embedded/x"), properties: KafkaProperties([("transactional.id", "a")]))
    }
    #expect(
      failure?.message
        == "Kafka property transactional.id cannot be set: records would stand outside of any transaction; --transactional-id begins and commits them"
    )
  }
}
