// Views whose entity is not the topic's key: each record counts once, whatever is sent twice, in whatever order partitions are read; no window
// closes before the slowest partition has come to its end.

import Base
import Features
import Foundation
import Processing
import Records
import Schema
import Testing
import Windowing

private typealias Step = ScriptedSource.Step

/// A record of a topic that is keyed by the field `u`.
private func record(_ partition: PartitionIndex, _ offset: Offset, _ time: Int64, _ key: String?, _ value: Int64 = 1)
  -> (partition: PartitionIndex, offset: Offset, key: String?, value: String)
{
  let field = key.map { #","k":"\#($0)""# } ?? ""
  return (partition, offset, "u\(partition)", #"{"ts":\#(time),"u":"u\#(partition)","v":\#(value)\#(field)}"#)
}

/// The pipeline of the tests, over a topic that is keyed by `u`.
private func keyed(_ views: [FeatureView], lateness: Int64 = 0, idleTimeout: Int64? = nil) -> PipelineDefinition {
  var definition = pipeline(views, lateness: lateness, idleTimeout: idleTimeout)
  definition.sources[0].kafka = KafkaSourceDefinition(brokers: "localhost:9092", topic: "events", group: "g", properties: [])
  definition.sources[0].kafka!.key = .field(FieldPath(["u"]))
  return definition
}

private let sums = [
  feature("n", .count, window: .tumbling(size: 10_000)), feature("s", .sum, "v", window: .tumbling(size: 10_000)),
]
private let totals = [feature("n", .count, window: .unbounded), feature("s", .sum, "v", window: .unbounded)]

/// What the windows of `records` hold: by key and start, count and sum.
private func model(_ records: [(time: Int64, key: String, value: Int64)]) -> [String: [String: String]] {
  var windows: [String: (Int64, Int64)] = [:]
  for record in records {
    let (count, sum) = windows["\(record.key) \(record.time / 10_000 * 10_000)", default: (0, 0)]
    windows["\(record.key) \(record.time / 10_000 * 10_000)"] = (count + 1, sum + record.value)
  }
  return windows.mapValues { ["n": "\($0.0)", "s": "\($0.1)"] }
}

private func windows(_ store: MemoryStore, _ view: String = "w") -> [String: [String: String]] {
  store.rows.filter { $0.view == view && $0.start != nil }.reduce(into: [:]) { $0["\($1.key ?? "") \($1.start!)"] = $1.values }
}

/// A stream over `count` partitions, each in nearly the order of its times, as the senders of one or more processes read it: `records` by partition.
private struct RandomStream {
  var records: [[(time: Int64, key: String, value: Int64)]]

  init(seed: UInt64, partitionCount: Int, count: Int) {
    var random = SplitMix(state: seed)
    records = (0..<partitionCount).map { _ in
      var time: Int64 = 0
      return (0..<count).map { _ in
        time += Int64(random.next() % 2000)
        return (max(0, time - Int64(random.next() % 500)), "k\(random.next() % 7)", Int64(random.next() % 100))
      }
    }
  }

  func steps(_ partition: Int, from: Int = 0, to: Int? = nil, batch: Int = 5) -> [Step] {
    let range = Array(from..<(to ?? records[partition].count))
    return stride(from: 0, to: range.count, by: batch).map { start in
      .records(
        range[start..<min(start + batch, range.count)].map { offset in
          let one = records[partition][offset]
          return record(PartitionIndex(partition), Offset(offset), one.time, one.key, one.value)
        })
    }
  }
}

private struct SplitMix: RandomNumberGenerator {
  var state: UInt64
  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }
}

/// Puts logs into one, each in its own order.
private func merged(_ logs: [[SentRecord]], using random: inout SplitMix) -> [SentRecord] {
  var rest = logs.map { $0[...] }
  var result: [SentRecord] = []
  while let next = rest.indices.filter({ !rest[$0].isEmpty }).randomElement(using: &random) {
    // In runs, as producers send batches.
    let count = min(rest[next].count, 1 + Int(random.next() % 8))
    result += rest[next].prefix(count)
    rest[next] = rest[next].dropFirst(count)
  }
  return result
}

private let seeds: ClosedRange<UInt64> = 1...(ProcessInfo.processInfo.environment["FRESHET_DEEP"] == "1" ? 400 : 25)

@Suite struct `Views over an internal topic` {
  @Test func `count each record of every partition once, and close windows when all have come to their end`() throws {
    let definition = keyed([view("w", .close, sums)], lateness: 1000)
    for seed in seeds {
      let stream = RandomStream(seed: seed, partitionCount: 3, count: 60)
      var random = SplitMix(state: seed)
      let topics = (0..<3).map { _ in MemoryTopics(partitionCount: 2) }
      for partition in 0..<3 {
        // A worker of its own for each partition; in the silence after its last record it says how far it has come.
        let clock = ManualClock()
        let silence: [Step] = [.act { clock.advance(by: 1000) }, .result(.idle), .result(.idle)]
        try runSender(
          definition,
          ScriptedSource([.result(.assigned([Int32(partition)]))] + stream.steps(partition) + silence, isBounded: false),
          topics[partition], partitionCount: 3, clock: clock)
      }
      let logs = (0..<2).map { internalPartition in merged(topics.map { $0.topics[0][internalPartition] }, using: &random) }
      let run = try runReceiver(definition, logs, batchCount: 1 + Int(seed % 9))
      let slowest = stream.records.map { $0.map(\.time).max()! }.min()! - 1000
      let expected = model(stream.records.flatMap { $0 }).filter { Int64($0.key.split(separator: " ")[1])! + 10_000 - 1 <= slowest }
      #expect(!expected.isEmpty && windows(run.store) == expected, "seed \(seed)")
      // No record is as late as that behind its own partition, however the partitions' logs meet.
      #expect(run.counts.ledger.count(of: .late) == 0 && run.counts.recordsSentTwice == 0, "seed \(seed)")
    }
  }

  @Test func `leave out what is sent again, however the logs of two senders of one partition meet`() throws {
    let definition = keyed([view("w", .close, sums), view("t", .change, totals)], lateness: 600_000)
    for seed in seeds {
      let stream = RandomStream(seed: seed, partitionCount: 2, count: 50)
      var random = SplitMix(state: seed &+ 1000)
      // One that was killed anywhere, or still runs and does not know that it has been replaced; the next began at a checkpoint before that, which
      // covered what was confirmed: the first one's log up to there lies before all of the second one's.
      let checkpoint = Int(random.next() % 50)
      let death = checkpoint + Int(random.next() % UInt64(51 - checkpoint))
      var confirmed: [[SentRecord]] = [[], []]
      var logs: [[[SentRecord]]] = []
      for partition in 0..<2 {
        func send(_ from: Int, _ to: Int) throws -> [[SentRecord]] {
          let topics = MemoryTopics(partitionCount: 2)
          let steps = stream.steps(partition, from: from, to: to)
          try runSender(
            definition, ScriptedSource([.result(.assigned([Int32(partition)]))] + steps, isBounded: false), topics,
            partitionCount: 2)
          return topics.topics[0]
        }
        let before = try send(0, checkpoint)
        for index in 0..<2 { confirmed[index] += before[index] }
        logs += [try send(checkpoint, death), try send(checkpoint, 50)]
      }
      let partitions = (0..<2).map { index in confirmed[index] + merged(logs.map { $0[index] }, using: &random) }
      let run = try runReceiver(definition, partitions, batchCount: 1 + Int(seed % 9))
      let all = stream.records.flatMap { $0 }
      let expected = Dictionary(grouping: all, by: \.key).mapValues { records in
        ["n": "\(records.count)", "s": "\(records.reduce(0) { $0 + $1.value })"]
      }
      #expect(run.store.current("t") == expected, "seed \(seed), checkpoint \(checkpoint), death \(death)")
      #expect(run.counts.ledger.count(of: .late) == 0)
      #expect(run.counts.recordsSentTwice == Int64(2 * (death - checkpoint)), "seed \(seed)")
    }
  }

  @Test func `go on from a checkpoint as if there had been no end`() throws {
    let definition = keyed([view("w", .close, sums), view("t", .change, totals)])
    for seed in seeds {
      let stream = RandomStream(seed: seed, partitionCount: 2, count: 40)
      var random = SplitMix(state: seed &+ 2000)
      let topics = (0..<2).map { _ in MemoryTopics(partitionCount: 1) }
      for partition in 0..<2 {
        // Everything twice: the second time is left out by what the checkpoint remembers.
        for _ in 0..<2 {
          try runSender(
            definition, ScriptedSource([.result(.assigned([Int32(partition)]))] + stream.steps(partition), isBounded: false),
            topics[partition], partitionCount: 2)
        }
      }
      let log = merged(topics.map { $0.topics[0][0] }, using: &random)
      let whole = try runReceiver(definition, [log])
      let checkpoints = MemoryCheckpoints()
      let store = MemoryStore(definition)
      var end = 0
      while end < log.count {
        end = min(log.count, end + 1 + Int(random.next() % 40))
        try runReceiver(definition, [Array(log[..<end])], checkpoints: checkpoints, store: store)
      }
      #expect(windows(store) == windows(whole.store), "seed \(seed)")
      #expect(store.rows.count { $0.start != nil } == whole.store.rows.count { $0.start != nil }, "seed \(seed)")
      #expect(store.current("t") == whole.store.current("t"), "seed \(seed)")
    }
  }

  @Test func `count what the topic had forgotten when it is sent anew, once`() throws {
    let definition = keyed([view("t", .change, totals)])
    func sent(_ offsets: Range<Int>) throws -> [SentRecord] {
      let topics = MemoryTopics(partitionCount: 1)
      let records = offsets.map { record(0, Offset($0), Int64($0), "a") }
      try runSender(
        definition, ScriptedSource([.result(.assigned([0])), .records(records)], isBounded: false), topics, partitionCount: 2)
      return topics.records()
    }
    // The log begins at 5; then everything comes again, and again.
    let log = try sent(5..<9) + sent(0..<12) + sent(0..<12)
    let run = try runReceiver(definition, [log])
    #expect(run.store.current("t") == ["a": ["n": "12", "s": "12"]])
    #expect(run.counts.recordsSentTwice == 16)
    let checkpoints = MemoryCheckpoints()
    for end in log.indices { try runReceiver(definition, [Array(log[...end])], checkpoints: checkpoints) }
    #expect(try runReceiver(definition, [log], checkpoints: checkpoints).store.rows.isEmpty)
    #expect(
      try runReceiver(definition, [log + sent(12..<13)], checkpoints: checkpoints).store.current("t")
        == ["a": ["n": "13", "s": "13"]])
  }

  @Test func `wait for a partition that lags, and lose nothing of it`() throws {
    let definition = keyed([view("w", .close, keyed: false, sums)])
    let topics = MemoryTopics(partitionCount: 1)
    let clock = ManualClock()
    try runSender(
      definition,
      ScriptedSource(
        [
          .result(.assigned([0, 1])), .records([record(0, 0, 5000, nil), record(0, 1, 60_000, nil)]),
          .act { clock.advance(by: 1000) }, .result(.idle), .records([record(1, 0, 3000, nil), record(1, 1, 9999, nil)]),
        ], isBounded: false), topics, partitionCount: 2, clock: clock)
    let run = try runReceiver(definition, topics.topics[0])
    #expect(windows(run.store) == [" 0": ["n": "3", "s": "3"]])
    #expect(run.counts.ledger.count(of: .late) == 0)
  }

  @Test(arguments: [nil, 3000] as [Int64?])
  func `are not held up by a partition that has been silent for as long as idle_timeout says, or 10s`(_ timeout: Int64?) throws {
    let definition = keyed([view("w", .close, keyed: false, sums)], idleTimeout: timeout)
    let topics = MemoryTopics(partitionCount: 1)
    let clock = ManualClock()
    func wait(_ milliseconds: Int64) -> [Step] { [.act { clock.advance(by: milliseconds) }, .result(.idle)] }
    let patience = timeout ?? RepartitionSender.defaultIdleMilliseconds
    let source = ScriptedSource(
      [.result(.assigned([0, 1])), .records([record(0, 0, 5000, nil)])] + wait(patience - 1) + [
        .records([record(0, 1, 20_000, nil)])
      ] + wait(1) + wait(300) + [.records([record(0, 2, 21_000, nil)])] + wait(300), isBounded: false)
    try runSender(definition, source, topics, partitionCount: 2, clock: clock)
    let log = topics.topics[0][0]
    let idle = try #require(log.firstIndex { $0.origin.partition == 1 && $0.origin.isIdle })
    #expect(log[..<idle].contains { $0.origin.offset == 1 && !$0.origin.isMarker })
    #expect(try runReceiver(definition, [Array(log[..<idle])]).store.rows == [])
    #expect(windows(try runReceiver(definition, [log]).store) == [" 0": ["n": "1", "s": "1"]])
  }

  @Test func `show current values of all partitions at the greatest event time`() throws {
    let definition = keyed([view("v", .change, [feature("n", .count, window: .sliding(size: 10_000, hop: 1000))])])
    let topics = MemoryTopics(partitionCount: 1)
    try runSender(
      definition,
      ScriptedSource(
        [
          .result(.assigned([0, 1])),
          .records([record(0, 0, 1000, "a"), record(0, 1, 20_500, "a"), record(1, 0, 11_000, "a"), record(1, 1, 2000, "b")]),
        ], isBounded: false), topics, partitionCount: 2)
    let run = try runReceiver(definition, topics.topics[0])
    #expect(run.store.current("v") == ["a": ["n": "2"]])
    #expect(run.counts.ledger.count(of: .late) == 1)
  }

  @Test func `read time, key, place and headers of the source's record`() throws {
    let definition = keyed([
      view(
        "m", .change,
        [
          feature("partition", .last, "$partition", window: .unbounded), feature("offset", .last, "$offset", window: .unbounded),
          feature("key", .last, "$key", window: .unbounded), feature("time", .last, "$timestamp", window: .unbounded),
          feature("topic", .last, "$topic", window: .unbounded), feature("trace", .last, "$headers.trace", window: .unbounded),
        ])
    ])
    var origin = RecordOrigin(partition: 5, offset: 77, timestamp: 1234)
    let value = #"{"ts":1,"k":"a"}"#
    let one = SentRecord(origin: origin, entityKey: "a", value: value, key: "user 1", headers: ["freshet-key=x", "trace=t9"])
    #expect(
      try runReceiver(definition, [[one]]).store.current("m") == [
        "a": ["partition": "5", "offset": "77", "key": "user 1", "time": "1234", "topic": "events", "trace": "t9"]
      ])
    origin.timestamp = .min
    let bare = SentRecord(origin: origin, entityKey: "a", value: value)
    #expect(
      try runReceiver(definition, [[bare]]).store.current("m") == [
        "a": ["partition": "5", "offset": "77", "key": "null", "time": "null", "topic": "events", "trace": "null"]
      ])
  }

  @Test func `pass late records on with the place that they had in the source's topic`() throws {
    let definition = keyed([view("w", .close, sums)])
    var marker = RecordOrigin(markerOf: 0, offset: 0, streamTime: 50_000, isIdle: false, partitionCount: 1)
    let late = MemorySideOutput()
    let one = SentRecord(
      origin: RecordOrigin(partition: 0, offset: 3, timestamp: 9), entityKey: "a", value: #"{"ts":1000,"k":"a"}"#, key: "u",
      headers: ["trace=1"])
    let run = try runReceiver(
      definition, [[SentRecord(origin: marker, value: ""), one]], sideOutputs: SideOutputs(late: late))
    let labels = [
      "reason=late", "view=w", "late-by-ms=49000", "lateness-needed-ms=40002", "source-topic=events", "source-partition=0",
      "source-offset=3",
    ]
    #expect(late.records == [MemorySideOutput.Record(value: #"{"ts":1000,"k":"a"}"#, key: "u", labels: labels)])
    #expect(run.counts.lateRecordsWritten == 1)
    let tally = run.counts.ledger.tallies[LedgerKey(source: 0, partition: 0, view: 0, reason: .late)]
    #expect(
      tally?.example
        == "topic events, partition 0, offset 3: came 49000ms behind the newest event, a lateness of 40002ms would have "
        + #"admitted it: {"ts":1000,"k":"a"}"#)
    marker.streamTime = 10_000
    #expect(try runReceiver(definition, [[SentRecord(origin: marker, value: ""), one]]).counts.ledger.count(of: .late) == 1)
  }

  @Test func `refuse a topic that others write to`() throws {
    let definition = keyed([view("w", .close, sums)])
    let script = ScriptedSource([.result(.assigned([0])), .records([(0, 4, nil, "{}")])], isBounded: false)
    let source = RepartitionedSource(script, of: "events")
    let batch = RecordBatch()
    _ = try source.poll(into: batch, maximumCount: 1, timeoutMilliseconds: 0)
    let error = #expect(throws: Failure.self) { try source.poll(into: batch, maximumCount: 1, timeoutMilliseconds: 0) }
    #expect(error?.code == .badData)
    #expect(
      error?.message
        == "memory, partition 0, offset 4: the record does not say where it stood in topic 'events' (header 'freshet-origin'); only "
        + "'freshet process' may write to this topic")
    #expect(definition.views.count == 1)
  }
}
