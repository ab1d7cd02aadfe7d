// What a seed stands for: a pipeline, the records of its topic, how many processes read it, and which faults they meet.

import Base
import Features
import Records
import Schema
import Windowing

struct Scenario {
  var pipeline: PipelineDefinition
  var partitions: [[LogRecord]]
  /// When the last record becomes visible, in µs.
  var logEnd: Int64
  /// Processes that run at once.
  var memberCount: Int
  var checkpointEveryMilliseconds: Int64
  var batchCount: Int
  /// Records that the broker sends at once at most, and how long that takes, in µs: where it is slow, flushes fall between records that are read again.
  var fetchCount: Int64
  var fetchLatency: Int64
  /// Rows that a worker holds at most before it writes, and rows of one call of Redis: small ones cut a record's rows, and a flush, in the middle.
  var rowLimit: Int
  var callRowLimit: Int

  static let name = "simulated"
  /// The source, and the topic that it reads.
  static let topic = "events.events"
  static let prefix = "sim"
  /// The feature that only ever grows.
  static let monotoneFeature = "total"

  /// - Parameter hasIdleTime: Whether every history has an `idle_timeout`, and not only some.
  init(_ world: World, hasIdleTime: Bool = false) {
    let random = world
    let lateness = random.pick([0, 500, 2000] as [Int64])
    let idleTimeout: Int64? = random.chance(hasIdleTime ? 1 : 0.35) ? random.pick([600, 1500, 4000]) : nil
    let hasDeduplication = random.chance(0.3)
    var source = SourceDefinition(
      name: "events",
      kafka: nil, schema: nil, eventTime: EventTimeSettings(path: FieldPath(["ts"]), format: .epochMilliseconds),
      latenessMilliseconds: lateness, idleTimeoutMilliseconds: idleTimeout, errorAction: .skip)
    if hasDeduplication { source.deduplication = DeduplicationDefinition(keyPath: FieldPath(["id"]), windowMilliseconds: 3000) }
    var views = [Self.totals]
    for view in Self.otherViews where random.chance(0.6) { views.append(view) }
    pipeline = PipelineDefinition(
      name: Self.name, sources: [source],
      entities: [FeatureEntity(name: "key", keyPath: FieldPath(["k"]), timeToLiveMilliseconds: nil)], views: views, sink: nil,
      checkpoint: CheckpointSettings(everyMilliseconds: 10_000, store: .redis))

    let pace = random.pick([20_000, 80_000, 250_000] as [Int64])
    logEnd = random.draw(4_000_000...16_000_000)
    let end = logEnd
    partitions = (0..<random.draw(1...Int64(SimulatedBroker.partitionCountMax))).map {
      Self.log(partition: Int($0), until: end, pace: pace, copies: hasDeduplication, random)
    }
    memberCount = Int(random.draw(1...3))
    checkpointEveryMilliseconds = random.pick([300, 1000, 3000])
    batchCount = Int(random.pick([7, 64, 4096] as [Int64]))
    fetchCount = random.pick([2, 60, 60])
    fetchLatency = random.pick([50, 50, 40_000])
    rowLimit = random.pick([2, 7, 16_384])
    callRowLimit = random.pick([1, 3, 256])
  }

  // MARK: Views

  private static let totals = view(
    "totals", .change, every: 150,
    [
      feature("total", .count, window: .unbounded, default: .integer(0)), feature("sum", .sum, "v", window: .unbounded),
      feature("newest", .last, "v", window: .unbounded),
    ])

  /// What `recent` shows of a key whose records have all left its windows.
  static let emptyRecentRow = ["count": "0"]

  private static let otherViews = [
    view(
      "recent", .change, every: 100,
      [
        feature("count", .count, window: .sliding(size: 3000, hop: 1000), default: .integer(0)),
        feature("mean", .mean, "v", window: .sliding(size: 5000, hop: 1000)),
      ]),
    view(
      "buckets", .close, every: 200,
      [
        feature("count", .count, window: .tumbling(size: 1000)), feature("sum", .sum, "v", window: .tumbling(size: 1000)),
        feature("users", .approxDistinct, "u", window: .tumbling(size: 1000)),
      ]),
    view(
      "visits", .close, every: 200,
      [feature("count", .count, window: .session(gap: 700)), feature("first", .first, "v", window: .session(gap: 700))]),
    view(
      "reach", .change, every: 400,
      [
        feature("users", .approxDistinct, "u", window: .sliding(size: 6000, hop: 2000)),
        feature("some", .distinct, "u", window: .unbounded),
      ]),
  ]

  private static func view(_ name: String, _ trigger: Trigger, every: Int64, _ features: [FeatureDefinition]) -> FeatureView {
    FeatureView(
      name: name, entity: 0, source: 0, emitEveryMilliseconds: every, trigger: trigger, predicate: nil, features: features)
  }

  private static func feature(
    _ name: String, _ function: AggregateFunction, _ field: String? = nil, window: WindowSpecification, default value: Scalar? = nil
  ) -> FeatureDefinition {
    FeatureDefinition(
      name: name, function: function, field: field.map { FieldPath([$0]) }, predicate: nil, window: window, defaultValue: value)
  }

  // MARK: Records

  /// Records in bursts and with silences, out of order, some of them late, some of them not to be read.
  private static func log(
    partition: Int, until end: Int64, pace: Int64, copies: Bool, _ random: World
  ) -> [LogRecord] {
    var records: [LogRecord] = []
    let keyCount = random.draw(1...4)
    let disorder = random.pick([0, 300, 1500] as [Int64])
    var time = random.draw(0...1_000_000)
    var offset = random.chance(0.3) ? random.draw(1...50) : 0
    while time < end, records.count < 150 {
      let key = "p\(partition)k\(random.draw(0...keyCount - 1))"
      let back = random.chance(0.04) ? random.draw(2000...9000) : random.draw(0...disorder)
      let eventTime = World.epoch + time / 1000 - back
      var value =
        #"{"k":"\#(key)","ts":\#(eventTime),"v":\#(random.draw(1...9)),"u":"u\#(random.draw(0...40))","id":"\#(partition)-\#(offset)"}"#
      if copies, let last = records.last, random.chance(0.15) { value = last.value }
      if random.chance(0.01) { value = #"{"k":"\#(key)","ts":"# }
      records.append(
        LogRecord(offset: offset, visibleAt: time, key: records.last?.value == value ? records.last!.key : key, value: value))
      offset += random.chance(0.04) ? random.draw(2...9) : 1
      time += random.chance(0.03) ? random.draw(500_000...4_000_000) : random.draw(0...2 * pace)
    }
    return records
  }
}
