// Members of a group: who moves when one comes, who has nothing to do, who is told that its place is taken, and what is known of brokers.

import Base
import CRdkafka
import Foundation
import Records
import TestSupport
import Testing

@testable import KafkaTransport

@Suite(.waiting) struct KafkaGroupTests {
  private func polls(_ readers: [Reader], until condition: () -> Bool) throws {
    let end = Date().addingTimeInterval(60)
    while !condition() {
      guard Date() < end else {
        Issue.record("the group does not settle: \(readers.map(\.source.assignedPartitions))")
        return
      }
      for reader in readers { try reader.poll(20) }
    }
  }

  @Test func `a third member is handed only the partitions that move, and a fourth idles`() throws {
    let cluster = try TestCluster(partitionCount: 3)
    let readers = try (0..<2).map { _ in try Reader(cluster, group: "g", properties: TestCluster.groupProperties) }
    try polls(readers) {
      readers.allSatisfy { !$0.source.assignedPartitions.isEmpty }
        && readers.reduce(0) { $0 + $1.source.assignedPartitions.count } == 3
    }
    let before = readers.map(\.source.assignedPartitions)
    let eventCounts = readers.map(\.events.count)
    let third = try Reader(cluster, group: "g", properties: TestCluster.groupProperties)
    #expect(!third.source.hasJoined)
    try polls(readers + [third]) { third.source.assignedPartitions.count == 1 }
    // The one with two gave one up; the other was not asked for anything.
    for (index, reader) in readers.enumerated() {
      let moved = before[index].subtracting(reader.source.assignedPartitions)
      let events = reader.events.dropFirst(eventCounts[index])
      #expect(moved.count == (before[index].count == 2 ? 1 : 0))
      #expect(events.allSatisfy { $0 == .revoked(Array(moved)) } && events.count == moved.count, "\(events)")
      #expect(before[index].isSuperset(of: reader.source.assignedPartitions))
    }
    let fourth = try Reader(cluster, group: "g", properties: TestCluster.groupProperties)
    try polls(readers + [third, fourth]) { fourth.source.hasJoined }
    #expect(fourth.source.assignedPartitions.isEmpty)
    #expect((readers + [third, fourth]).allSatisfy { $0.source.hasJoined && $0.source.trouble == nil })
    for reader in readers + [third, fourth] { try reader.source.close() }
  }

  @Test func `one whose place was taken by another of the same identity says so`() throws {
    let cluster = try TestCluster(partitionCount: 1)
    let reader = try Reader(cluster, group: "g", properties: [("group.instance.id", "pod-0")] + TestCluster.groupProperties)
    try reader.poll { reader.source.hasJoined }
    // librdkafka's own way of testing what an application makes of a fatal error.
    _ = rd_kafka_test_fatal_error(reader.source.client!.pointer, RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID, "as the broker says it")
    let failure = #expect(throws: Failure.self) { for _ in 0..<100 { try reader.poll(20) } }
    #expect(
      failure?.message
        == "\(cluster.address): another member of group 'g' has joined with group.instance.id=pod-0, and Kafka has given it the "
        + "place of this one; each process needs an id of its own, such as the name of its host or its pod")
    #expect(failure?.code == .badConfiguration)
    try reader.source.close()
  }

  @Test(.enabled(if: !TestCluster.isExternal))
  func `brokers that are down are named, and so it is noticed that they are back, also where no record comes`() throws {
    let cluster = try TestCluster(partitionCount: 1)
    let reader = try Reader(cluster, group: "g", properties: TestCluster.groupProperties)
    try reader.poll { reader.source.hasJoined }
    #expect(reader.source.trouble == nil)
    try cluster.tell("down")
    try reader.poll { reader.source.trouble != nil }
    #expect(reader.source.trouble?.hasPrefix("\(cluster.address): no Kafka broker can be reached: ") == true)
    try cluster.tell("up")
    try reader.poll { reader.source.trouble == nil }
    try reader.source.close()
  }

  @Test func `whoever asks for the end is not kept waiting by brokers that do not answer`() throws {
    let address = try KafkaAddress("kafka://127.0.0.1:1/x")
    let isAsked: @Sendable () -> Bool = { true }
    #expect(throws: StopRequested.self) {
      try KafkaSource(address, group: "g", connectTimeoutMilliseconds: 3_600_000, isStopRequested: isAsked)
    }
    #expect(throws: StopRequested.self) {
      try KafkaSink(
        address.cluster, routes: [KafkaRoute(topic: "x")], connectTimeoutMilliseconds: 3_600_000, isStopRequested: isAsked)
    }
  }
}
