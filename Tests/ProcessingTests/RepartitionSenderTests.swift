// What a worker sends on to internal topics, what it says of its partitions, and what it holds back until that is confirmed.

import Base
import Features
import Processing
import Records
import Schema
import Testing
import Windowing

private func json(_ time: Int64, _ fields: String = "") -> String { #"{"ts":\#(time)\#(fields)}"# }

/// Over a topic that is keyed by `u`: a view of the users, and views of `k`, of `d` and of everything.
private func definition(_ views: [FeatureView]? = nil, where predicate: String? = nil) -> PipelineDefinition {
  let count = [feature("n", .count, window: .unbounded)]
  var users = view("users", .change, count)
  users.entity = 1
  var keys = view("keys", .change, count)
  keys.predicate = predicate.map { try! ExpressionParser.parse($0) }
  var definition = pipeline(views ?? [users, keys, view("all", .change, keyed: false, count)])
  definition.sources[0].kafka = KafkaSourceDefinition(brokers: "localhost:9092", topic: "events", group: "g", properties: [])
  definition.sources[0].kafka!.key = .field(FieldPath(["u"]))
  definition.entities.append(FeatureEntity(name: "user", keyPath: FieldPath(["u"]), timeToLiveMilliseconds: nil))
  return definition
}

private var assigned: ScriptedSource.Step { .result(.assigned([0, 1])) }

@Suite struct `A worker whose records others count` {
  @Test func `sends each record to every topic that takes it, under that topic's key, and counts the others itself`() throws {
    let topics = MemoryTopics(topicCount: 2, partitionCount: 3)
    let value = json(5, #","u":"u1","k":17"#)
    let source = ScriptedSource(
      [assigned, .records([(1, 4, "u1", value), (1, 5, "u1", json(6, #","u":"u1""#)), (1, 6, "u1", "broken")])], isBounded: false)
    let run = try runSender(definition(), source, topics, partitionCount: 2)
    let origin = RecordOrigin(partition: 1, offset: 4, timestamp: 0)
    #expect(topics.records(of: 0) == [SentRecord(origin: origin, entityKey: "17", value: value, key: "u1")])
    #expect(topics.records(of: 1).map(\.entityKey) == ["all", "all"] && topics.records(of: 1).map(\.origin.offset) == [4, 5])
    #expect(run.store.current("users") == ["u1": ["n": "2"]])
    #expect(run.counts.recordsSentOn == 3 && run.counts.records == 3 && run.counts.rejectedCount == 1)
    #expect(
      run.counts.ledger.tallies[LedgerKey(source: 0, partition: 1, view: 1, reason: .keyless)]?.example
        == #"memory, partition 1, offset 5: the view's key is missing, null, or neither a text nor an integer: {"ts":6,"u":"u1"}"#)
    #expect(run.counts.ledger.count(of: .keyless) == 1)
    #expect(topics.isClosed)
  }

  @Test func `sends only what a view's condition takes, or cannot say`() throws {
    let topics = MemoryTopics(topicCount: 2, partitionCount: 1)
    let records = [#","k":"a","v":1"#, #","k":"b","v":5"#, #","k":"c","v":"x""#, #","k":"d""#, #","v":9"#, #","v":1"#]
    let source = ScriptedSource(
      [
        assigned,
        .records(
          records.enumerated().map { (0, Offset($0.offset), "u", json(1, #","u":"u"\#($0.element)"#)) }),
      ], isBounded: false)
    let pipeline = definition(where: "v > 3")
    let run = try runSender(pipeline, source, topics, partitionCount: 2)
    #expect(topics.records(of: 0).map(\.entityKey) == ["b", "c"])
    #expect(run.counts.ledger.count(of: .keyless) == 1 && run.counts.ledger.count(of: .comparisonMismatch) == 0)
    let received = try runReceiver(pipeline, topics.topics[0])
    #expect(received.counts.ledger.count(of: .comparisonMismatch) == 1)
    #expect(received.store.current("keys") == ["b": ["n": "1"]])
  }

  @Test func `says at once that partitions are its own, and how far each has come when that has changed`() throws {
    let topics = MemoryTopics(topicCount: 2, partitionCount: 2)
    let clock = ManualClock()
    func wait(_ milliseconds: Int64) -> [ScriptedSource.Step] { [.act { clock.advance(by: milliseconds) }, .result(.idle)] }
    let source = ScriptedSource(
      [assigned, .records([(0, 7, "u", json(500, #","u":"u""#))])] + wait(249) + wait(1) + wait(5000) + [
        .records([(0, 8, "u", json(400, #","u":"u""#))])
      ] + wait(300) + wait(9700) + wait(60_000), isBounded: false)
    try runSender(definition(), source, topics, partitionCount: 2, clock: clock)
    func marker(_ partition: PartitionIndex, _ offset: Offset, _ time: Int64, isIdle: Bool = false) -> RecordOrigin {
      RecordOrigin(markerOf: partition, offset: offset, streamTime: time, isIdle: isIdle, partitionCount: 2)
    }
    let expected = [
      marker(0, 0, .min), marker(1, 0, .min), marker(0, 8, 500), marker(0, 9, 500, isIdle: true), marker(1, 0, .min, isIdle: true),
      marker(0, 9, 500, isIdle: true), marker(1, 0, .min, isIdle: true),
    ]
    for partition in topics.topics.flatMap({ $0 }) {
      let markers = partition.map(\.origin).filter(\.isMarker)
      #expect(markers == expected)
    }
  }

  @Test func `saves and commits nothing before what it has sent is confirmed`() throws {
    let topics = MemoryTopics(topicCount: 2, partitionCount: 1)
    topics.onConfirm = { throw Failure(.unavailable, "the broker is gone") }
    let checkpoints = MemoryCheckpoints()
    let source = ScriptedSource([assigned, .records([(0, 0, "u", json(1, #","u":"u","k":"a""#))])], isBounded: false)
    let error = #expect(throws: Failure.self) {
      try runSender(definition(), source, topics, partitionCount: 2, checkpoints: checkpoints)
    }
    #expect(error?.message == "the broker is gone")
    #expect(checkpoints.saved.isEmpty && source.commits.isEmpty)
    topics.onConfirm = {}
    let again = ScriptedSource([assigned, .records([(0, 0, "u", json(1, #","u":"u","k":"a""#))])], isBounded: false)
    try runSender(definition(), again, topics, partitionCount: 2, checkpoints: checkpoints)
    #expect(checkpoints.saved.keys.sorted() == [0] && again.commits.last == [PartitionOffset(partition: 0, offset: 1)])
  }

  @Test func `leaves copies out before they are sent`() throws {
    var pipeline = definition()
    pipeline.sources[0].deduplication = DeduplicationDefinition(keyPath: FieldPath(["id"]), windowMilliseconds: 1000)
    let topics = MemoryTopics(topicCount: 2, partitionCount: 1)
    let source = ScriptedSource(
      [
        assigned,
        .records([
          (0, 0, "u", json(1, #","u":"u","k":"a","id":"1""#)), (0, 1, "u", json(2, #","u":"u","k":"a","id":"1""#)),
          (0, 2, "u", json(3, #","u":"u","k":"a","id":"2""#)),
        ]),
      ], isBounded: false)
    try runSender(pipeline, source, topics, partitionCount: 2)
    #expect(topics.records(of: 0).map(\.origin.offset) == [0, 2])
    let run = try runReceiver(pipeline, topics.topics[0])
    #expect(run.store.current("keys") == ["a": ["n": "2"]] && run.counts.ledger.count(of: .withoutDedupKey) == 0)
  }

  @Test func `keeps the state of its own views where only the others change`() throws {
    let checkpoints = MemoryCheckpoints()
    func run(_ pipeline: PipelineDefinition, _ offset: Offset) throws -> WorkerRun {
      let source = ScriptedSource([assigned, .records([(0, offset, "u", json(1, #","u":"u","k":"a""#))])], isBounded: false)
      return try runSender(
        pipeline, source, MemoryTopics(topicCount: 2, partitionCount: 1), partitionCount: 2, checkpoints: checkpoints)
    }
    _ = try run(definition(), 0)
    #expect(try run(definition(where: "v > 3"), 1).store.current("users") == ["u": ["n": "2"]])
  }
}

@Suite struct `The headers of an internal topic` {
  private func withText<Result>(_ text: String, _ body: (UnsafeBufferPointer<UInt8>) -> Result) -> Result {
    Array(text.utf8).withUnsafeBufferPointer(body)
  }

  @Test(arguments: [
    (RecordOrigin(partition: 0, offset: 0), "0:0:"),
    (RecordOrigin(partition: 3, offset: 1042, timestamp: 1_700_000_000_123), "3:1042:1700000000123"),
    (RecordOrigin(partition: RecordOrigin.partitionCountMax - 1, offset: .max - 1, timestamp: -5), "131071:9223372036854775806:-5"),
  ])
  func `say where a record stood`(_ origin: RecordOrigin, _ text: String) {
    let scratch = UnsafeMutablePointer<UInt8>.allocate(capacity: RecordOrigin.textByteCountMax)
    defer { scratch.deallocate() }
    let count = origin.writeOrigin(to: scratch)
    #expect(String(decoding: UnsafeBufferPointer(start: scratch, count: count), as: UTF8.self) == text)
    #expect(withText(text) { RecordOrigin(origin: $0) } == origin)
  }

  @Test(arguments: [
    "", ":", "1", "1:", "1:x:", "-1:5:", "131072:5:", "1:-5:", "1:9223372036854775807:", "1:5:x", "1:5:6:", "1:5:6:7",
    "1:99999999999999999999:",
  ])
  func `are refused where they say nothing that can be`(_ text: String) {
    #expect(withText(text) { RecordOrigin(origin: $0) } == nil)
  }

  @Test func `say how far a partition has come`() {
    for (time, isIdle) in [(Int64.min, true), (-7, false), (1_700_000_000_123, false)] as [(Int64, Bool)] {
      let marker = RecordOrigin(markerOf: 2, offset: 9, streamTime: time, isIdle: isIdle, partitionCount: 4)
      var read = RecordOrigin(partition: 2, offset: 9)
      #expect(withText(marker.markerText) { read.read(marker: $0) } && read == marker)
    }
    for text in ["", "::", ":idle:", ":busy:4", "x:idle:4", ":idle:2", ":idle:131073", ":idle:4:5"] {
      var read = RecordOrigin(partition: 2, offset: 9)
      #expect(withText(text) { !read.read(marker: $0) }, "\(text)")
    }
  }
}
