// Records that did not count, in a topic: what a consumer finds there, and what happens when there is no broker.

import Base
import Foundation
import KafkaTransport
import Records
import TestSupport
import Testing

private func bytes(_ text: String, _ body: (UnsafeBufferPointer<UInt8>) throws -> Void) rethrows {
  try Array(text.utf8).withUnsafeBufferPointer(body)
}

private func write(_ value: String, key: String?, to output: KafkaSideOutput, _ adjust: (inout SideRecord) -> Void = { _ in })
  throws
{
  try bytes(value) { value in
    try bytes(key ?? "") { keyBytes in
      var record = SideRecord(
        value: value, key: key == nil ? nil : keyBytes, timestamp: 1_700_000_000_123, sourceName: "clicks", partition: 3,
        offset: 41,
        reason: "late")
      adjust(&record)
      try output.write(record)
    }
  }
}

@Suite(.waiting) struct `A topic for records that did not count` {
  @Test func `holds key, value and time as they were, with headers that say why`() throws {
    let cluster = try TestCluster(partitionCount: 1)
    let output = try KafkaSideOutput(cluster.address)
    try write(#"{"ts":1}"#, key: "u1", to: output) {
      $0.views = ["user_windows", "user_minutes"]
      $0.lateBy = 9000
      $0.latenessNeeded = 4001
    }
    try write("{nope", key: nil, to: output) {
      $0.reason = "malformed"
      $0.error = "malformed JSON at byte 1: a key was expected"
    }
    try write("", key: "", to: output) { $0.reason = "empty" }
    try write("", key: "gone", to: output) {
      $0.reason = "empty"
      $0.isTombstone = true
      $0.timestamp = .min
    }
    try output.confirm()
    let seen = try read(cluster, [cluster.topic], count: 4)
    let source: [String] = ["freshet-source-topic=clicks", "freshet-source-partition=3", "freshet-source-offset=41"]
    let late: [String] = [
      "freshet-reason=late", "freshet-view=user_windows,user_minutes", "freshet-late-by-ms=9000", "freshet-lateness-needed-ms=4001",
    ]
    let malformed: [String] = ["freshet-reason=malformed"] + source + ["freshet-error=malformed JSON at byte 1: a key was expected"]
    let empty: [String] = ["freshet-reason=empty"] + source
    #expect(seen.map(\.headers) == [late + source, malformed, empty, empty])
    #expect(seen.map(\.key) == ["u1", nil, "", "gone"])
    #expect(seen.map(\.value) == [#"{"ts":1}"#, "{nope", "", nil])
    let times = seen.map(\.timestamp)
    #expect(times.prefix(3).allSatisfy { $0 == 1_700_000_000_123 })
    #expect(times[3] > 1_700_000_000_123, "the time of sending stands for none")
    try output.close()
  }

  @Test func `keeps the record's own headers, but for those of an earlier side output`() throws {
    let cluster = try TestCluster(partitionCount: 1)
    let output = try KafkaSideOutput(cluster.address)
    try bytes("trace") { trace in
      try bytes("\u{1}2") { value in
        try bytes("freshet-source-offset") { earlier in
          try write("x", key: "k", to: output) { $0.headers = [(trace, value), (earlier, value), (trace, nil)] }
        }
      }
    }
    try output.close()
    let expected: [String] = [
      "trace=\u{1}2", "trace=null", "freshet-reason=late", "freshet-source-topic=clicks", "freshet-source-partition=3",
      "freshet-source-offset=41",
    ]
    let seen = try read(cluster, [cluster.topic], count: 1)
    #expect(seen.map(\.headers) == [expected])
  }

  @Test func `spreads keys as Kafka does, and waits where its queue is full`() throws {
    let cluster = try TestCluster(partitionCount: 4)
    let properties = KafkaProperties([("queue.buffering.max.messages", "10"), ("linger.ms", "1")])
    let output = try KafkaSideOutput(cluster.address, properties: properties)
    for index in 0..<500 { try write("v\(index)", key: "key \(index)", to: output) }
    try output.close()
    let reader = try Reader(cluster, group: "late")
    try reader.poll(until: { reader.records.count >= 500 })
    try reader.source.close()
    #expect(Set(reader.records.map(\.value)).count == 500)
    for record in reader.records {
      let key = Array(record.key!.utf8)
      #expect(record.partition == Hash.kafkaPartition(ofKey: key, count: key.count, partitionCount: 4))
    }
  }

  @Test(.enabled(if: !TestCluster.isExternal, "an external broker cannot be taken down"))
  func `says so when deliveries fail, and that no broker answers`() throws {
    let cluster = try TestCluster(partitionCount: 1)
    let output = try KafkaSideOutput(cluster.address, properties: KafkaProperties([("message.timeout.ms", "600")]))
    try cluster.tell("down")
    try write("x", key: "k", to: output)
    let error = #expect(throws: Failure.self) { try output.confirm() }
    #expect(error?.code == .unavailable && error?.isRetryable == true)
    #expect(
      error?.message.hasPrefix("\(cluster.address), partition 0: Local: Message timed out") == true, "\(error?.message ?? "")")
    let refused = #expect(throws: Failure.self) { try KafkaSideOutput(cluster.address, connectTimeoutMilliseconds: 300) }
    #expect(refused?.code == .unavailable)
    #expect(throws: Failure.self) { try KafkaSideOutput(KafkaAddress("kafka://embedded/late")) }
  }
}
