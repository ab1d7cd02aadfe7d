// What it costs to measure how long records take: the worker of `freshet process` over records of a log in memory to a store that keeps nothing, with
// measuring and without, in turns. Clicks come as a topic's do, 4096 a poll from four partitions, out of order, with times of the log's own: a backlog of
// 100 s that ends with what happens now.

import Base
import Features
import Foundation
import LocalTransport
import Logging
import Processing
import Records

let measuringBenchmark = Benchmark(name: "measuring") { scale in
  let log = ClickLog(count: scale.events(1_000_000), userCount: scale.isTiny ? 1000 : 100_000)
  for (name, views) in [
    ("current values, 4 aggregates", slidingClicks(every: ["200ms"])),
    ("current values in three rhythms", slidingClicks(every: ["100ms", "200ms", "1s"])),
  ] {
    let plan = try ProcessingPlan(try clickPipeline(views), source: 0)
    var recorded: Int64 = 0
    let without = { try log.process(plan, measures: nil) }
    let with = {
      let measures = StageMeasures(plan)
      try log.process(plan, measures: measures)
      recorded = measures.eventToLog.distribution.count
      precondition(
        measures.rhythms.allSatisfy { $0.eventToVisible.distribution.count == Int64(log.count) }, "every event became visible")
    }
    var least = [Double](repeating: .infinity, count: 2)
    var ratios: [Double] = []
    // Each as often first as second: what the one leaves behind in memory is the other's.
    for round in 0..<scale.rounds * 3 {
      let seconds = try leastSeconds(rounds: 1, round % 2 == 0 ? [without, with] : [with, without])
      let pair = round % 2 == 0 ? seconds : seconds.reversed()
      for index in 0...1 { least[index] = min(least[index], pair[index]) }
      ratios.append(pair[1] / pair[0])
    }
    precondition(recorded == log.count, "every event was measured")
    printFigure("\(name), nothing measured", seconds: least[0], events: log.count)
    printFigure("the same, every stage of every event measured", seconds: least[1], events: log.count)
    // What is sought is less than the machine's moods: the middle of the ratios of neighbours is steadier than the ratio of the best.
    printRatio("  ratio to nothing measured", ratios.sorted()[ratios.count / 2], target: "less than 1.03")
  }
}

private func slidingClicks(every: [String]) -> String {
  every.enumerated().map { index, every in
    """
      activity\(index):
        entity: user
        source: clicks
        emit: { every: \(every), trigger: change }
        features:
          views:    { agg: count, where: "page == '/product'", window: { sliding: 60s, hop: 10s } }
          spend:    { agg: sum, field: price, window: { sliding: 60s, hop: 10s } }
          dearest:  { agg: max, field: price, window: { sliding: 60s, hop: 10s } }
          sessions: { agg: approx_distinct, field: session_id, window: { sliding: 60s, hop: 10s } }

    """
  }.joined()
}

/// Clicks in batches as a poll of Kafka leaves them.
private final class ClickLog {
  let count: Int
  private let batches: [RecordBatch]
  private static let partitionCount = 4
  private static let start: Int64 = 1_767_225_600_000

  init(count: Int, userCount: UInt64) {
    self.count = count
    var batches: [RecordBatch] = []
    var random = Random(seed: 1, 2, 3)
    var offsets = [Offset](repeating: 0, count: Self.partitionCount)
    var written = 0
    while written < count {
      let batch = RecordBatch(slotCapacity: 4096, byteCapacity: 2 << 20)
      for partition in 0..<Self.partitionCount {
        for _ in 0..<1024 where written < count {
          let now = Self.start + Int64(written) * 100_000 / Int64(count)
          var click = ClickFile.click(now, userCount, &random)
          click.removeLast()
          click.withUTF8 {
            batch.append(
              value: $0, key: nil, timestamp: now + Int64(random.below(5)), offset: offsets[partition],
              partition: PartitionIndex(partition))
          }
          offsets[partition] += 1
          written += 1
        }
      }
      batches.append(batch)
    }
    self.batches = batches
  }

  func process(_ plan: ProcessingPlan, measures: StageMeasures?) throws {
    let source = Reader(batches)
    nonisolated(unsafe) let log = source
    let status = ProcessingStatus()
    var settings = WorkerSettings()
    // The clicks have no keys.
    settings.hasRecordKeys = false
    let worker = Worker(
      plan: plan, source: source, store: NullRowStore(), checkpoints: nil, clock: LogClock(), settings: settings, status: status,
      logger: .silent, isStopRequested: { log.isAtEnd }, measures: measures)
    try worker.run()
    precondition(status.current.records == Int64(count) && status.current.rejectedCount == 0, "every event was counted")
  }

  /// The system's, and its wall clock shows the end of the log when it is made.
  private final class LogClock: Clock {
    private let system = SystemClock()
    private let offset: Int64

    init() { offset = ClickLog.start + 100_000 - system.nowMilliseconds }

    var nowMilliseconds: Int64 { system.nowMilliseconds + offset }
    var monotonicNanoseconds: UInt64 { system.monotonicNanoseconds }
  }

  /// Copies batch after batch, as a source does.
  private final class Reader: Source {
    let isBounded = false
    let isRepeatable = true
    let name = "memory"
    private let batches: [RecordBatch]
    private var next = -1

    init(_ batches: [RecordBatch]) { self.batches = batches }

    var isAtEnd: Bool { next == batches.count }

    func poll(into batch: RecordBatch, maximumCount: Int, timeoutMilliseconds: Int) throws -> PollResult {
      batch.removeAll()
      if next < 0 {
        next = 0
        return .assigned((0..<ClickLog.partitionCount).map { PartitionIndex($0) })
      }
      let source = batches[next]
      batch.bytes.append(UnsafeBufferPointer(start: source.bytes.base, count: source.bytes.count))
      batch.reserveSlots(source.count)
      batch.slots.update(from: source.slots, count: source.count)
      batch.count = source.count
      next += 1
      return .records
    }

    func start(_ partitions: [PartitionIndex], at positions: [PartitionOffset]) throws {}
    func commit(_ positions: [PartitionOffset], waits: Bool) throws {}
    func lag(of partition: PartitionIndex) -> Int64? { Int64(batches.count - next) * 4096 }
    func close() throws {}
  }
}
