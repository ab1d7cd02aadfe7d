// Measures a schema by running a part of its stream: bytes per event in each format, how keys are spread, how fast it goes.

import Base
import Foundation
import Generation
import Records
import Schema

/// The records of one event.
struct EventMeasurement {
  var name: String
  var topic: String?
  /// In the part that was run.
  var count = 0
  /// By format that can write the event; means.
  var byteCounts: [(format: RecordFormat, mean: Double)] = []
  var keyByteCount: Double?
}

/// The keys of one source.
struct KeyMeasurement {
  var count = 0
  var hottestCount = 0
  var differentCount = 0
  /// Records of the busiest partition, where the topic has several.
  var busiestPartitionCount: Int?

  var hottestShare: Double { Double(hottestCount) / Double(max(count, 1)) }
}

struct SchemaMeasurement {
  var events: [EventMeasurement] = []
  /// By the sources' place: the sessions first, then the streams.
  var keys: [KeyMeasurement] = []
  /// Events per second of one thread that generates, in the schema's own format.
  var eventsPerSecond = 0.0

  /// Records of each source that are measured.
  static let recordCount = 20_000
  private static let speedNanoseconds: UInt64 = 300_000_000

  init(_ schema: EventSchema, seed: UInt64?, settings: GenerationSettings) throws {
    events = schema.events.map { EventMeasurement(name: $0.name, topic: schema.outputs[$0.output].topic) }
    let sources = (schema.sessions == nil ? [] : [schema.name]) + schema.streams.map(\.name)
    keys = sources.map { _ in KeyMeasurement() }
    for format in [RecordFormat.json, .csv, .avro] {
      // What a format cannot write is left out: CSV has no lists of lists.
      guard let plan = try? GenerationPlan(schema.written(as: format), seed: seed) else { continue }
      for (place, source) in sources.enumerated() { measure(plan, source, place, format, settings) }
    }
    eventsPerSecond = Self.speed(try GenerationPlan(schema, seed: seed), settings)
  }

  private mutating func measure(
    _ plan: GenerationPlan, _ source: String, _ place: Int, _ format: RecordFormat, _ settings: GenerationSettings
  ) {
    var settings = settings
    settings.streamName = source
    let generator = Generator(plan, settings)
    let batch = RecordBatch(slotCapacity: 1000, byteCapacity: 1 << 19)
    var sums = [(count: Int, byteCount: Int, keyByteCount: Int)](repeating: (0, 0, 0), count: events.count)
    var counts: [[UInt8]: Int] = [:]
    var partitions: [Int32: Int] = [:]
    while generator.eventCount < Self.recordCount {
      generator.fill(batch, maximumCount: 1000, before: .max)
      guard batch.count > 0 else { break }
      for index in 0..<batch.count {
        let event = Int(batch.slots[index].event)
        sums[event].count += 1
        sums[event].byteCount += batch.value(index).count
        guard let key = batch.key(index) else { continue }
        sums[event].keyByteCount += key.count
        guard format == .json else { continue }
        counts[Array(key), default: 0] += 1
        if let most = plan.schema.outputs[plan.schema.events[event].output].partitionCount, most > 1, let start = key.baseAddress {
          partitions[Hash.kafkaPartition(ofKey: start, count: key.count, partitionCount: Int32(most)), default: 0] += 1
        }
      }
    }
    for (event, sum) in sums.enumerated() where sum.count > 0 {
      events[event].byteCounts.append((format, Double(sum.byteCount) / Double(sum.count)))
      guard format == .json else { continue }
      events[event].count = sum.count
      if sum.keyByteCount > 0 { events[event].keyByteCount = Double(sum.keyByteCount) / Double(sum.count) }
    }
    if format == .json {
      keys[place] = KeyMeasurement(
        count: counts.values.reduce(0, +), hottestCount: counts.values.max() ?? 0, differentCount: counts.count,
        busiestPartitionCount: partitions.values.max())
    }
  }

  /// Events per second of wall time, after a start that does not count.
  private static func speed(_ plan: GenerationPlan, _ settings: GenerationSettings) -> Double {
    let generator = Generator(plan, settings)
    let batch = RecordBatch(slotCapacity: 1000, byteCapacity: 1 << 19)
    let clock = SystemClock()
    for _ in 0..<10 { generator.fill(batch, maximumCount: 1000, before: .max) }
    let (started, before) = (clock.monotonicNanoseconds, generator.eventCount)
    while clock.monotonicNanoseconds < started + speedNanoseconds {
      generator.fill(batch, maximumCount: 1000, before: .max)
      if batch.count == 0 { break }
    }
    return Double(generator.eventCount - before) / max(Double(clock.monotonicNanoseconds - started) / 1e9, 1e-9)
  }
}

extension EventSchema {
  /// The same, with all records in one format.
  func written(as format: RecordFormat) -> EventSchema {
    var schema = self
    for index in schema.outputs.indices { schema.outputs[index].format = format }
    return schema
  }
}
