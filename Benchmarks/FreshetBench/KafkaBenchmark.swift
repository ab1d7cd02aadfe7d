// Producing and consuming 280-byte keyed records against a broker in another process, and the same settings in a bare C loop over librdkafka.
// CPU time of the whole process, librdkafka's threads included. The broker keeps 5 MiB of a partition, hence the many partitions.

import Base
import CReference
import Foundation
import KafkaTransport
import Records

let kafkaBenchmark = Benchmark(name: "kafka") { scale in
  let load = KafkaLoad(recordCount: scale.events(400_000))
  var produceLeast = [Double.infinity, .infinity]
  var consumeLeast = [Double.infinity, .infinity]
  var produceWall = Double.infinity
  var consumeWall = Double.infinity
  // One side first, then the other: what runs second finds a warmer machine.
  for round in 0..<max(2, scale.rounds) {
    for side in round % 2 == 0 ? [0, 1] : [1, 0] {
      let broker = try BrokerProcess(topic: load.topic, partitionCount: load.partitionCount)
      let produced = try measure { try side == 0 ? load.produceBare(broker) : load.produce(broker) }
      let consumed = try side == 0 ? load.consumeBare(broker) : load.consume(broker)
      produceLeast[side] = min(produceLeast[side], produced.cpu)
      consumeLeast[side] = min(consumeLeast[side], consumed.cpu)
      if side == 1 {
        produceWall = min(produceWall, produced.wall)
        consumeWall = min(consumeWall, consumed.wall)
      }
    }
  }
  let count = load.recordCount
  printFigure("kafka produce, bare librdkafka loop", seconds: produceLeast[0], events: count)
  printFigure("kafka produce, KafkaSink", seconds: produceLeast[1], events: count)
  printRatio("  of the bare loop's speed", produceLeast[0] / produceLeast[1], target: "0.85 or more")
  printFigure("kafka produce, KafkaSink, wall time", seconds: produceWall, events: count)
  printFigure("kafka consume, bare librdkafka loop", seconds: consumeLeast[0], events: count)
  printFigure("kafka consume, KafkaSource", seconds: consumeLeast[1], events: count)
  printRatio("  of the bare loop's speed", consumeLeast[0] / consumeLeast[1], target: "0.85 or more")
  printFigure("kafka consume, KafkaSource, wall time", seconds: consumeWall, events: count)
  let timed = try measure {
    try load.produce(BrokerProcess(topic: load.topic, partitionCount: load.partitionCount), usesEventTimestamp: true)
  }
  printFigure("kafka produce, KafkaSink, event time as timestamp", seconds: timed.cpu, events: count)
  try printLatency(recordCount: scale.isTiny ? 100 : 2000)
}

/// From `write` to the return of `poll`, records one by one, each when the one before it has arrived.
private func printLatency(recordCount: Int) throws {
  let broker = try BrokerProcess(topic: "latency", partitionCount: 1)
  let address = KafkaAddress(servers: broker.servers, topic: "latency")
  let sink = try KafkaSink(address)
  let source = try KafkaSource(address, group: "bench")
  let sent = RecordBatch()
  let received = RecordBatch()
  withUnsafeBytes(of: UInt8(ascii: "1")) {
    sent.append(value: $0.bindMemory(to: UInt8.self), key: nil, timestamp: .min, offset: 0, partition: 0)
  }
  var milliseconds: [Double] = []
  var start = 0.0
  var isReading = false
  while milliseconds.count < recordCount {
    switch try source.poll(into: received, maximumCount: 10, timeoutMilliseconds: 100) {
    case .assigned(let partitions):
      try source.start(partitions, at: [])
      isReading = true
    case .records: milliseconds.append((wallSeconds() - start) * 1000)
    default:
      if start > 0 { continue }
    }
    guard isReading else { continue }
    start = wallSeconds()
    try sink.write(sent)
  }
  milliseconds.sort()
  let percentiles = [50, 99].map { String(format: "p%d %.1f ms", $0, milliseconds[milliseconds.count * $0 / 100]) }
  print("  kafka, write to poll, one record at a time: \(percentiles.joined(separator: ", "))")
}

private struct Spent {
  var cpu: Double
  var wall: Double
}

private func measure(_ body: () throws -> Void) rethrows -> Spent {
  let start = Spent(cpu: processSeconds(), wall: wallSeconds())
  try body()
  return Spent(cpu: processSeconds() - start.cpu, wall: wallSeconds() - start.wall)
}

/// The records, and the four ways to move them.
private final class KafkaLoad {
  let topic = "bench"
  let partitionCount = 40
  let recordCount: Int
  private let chunkCount = 4000
  private let valueCount = 280
  private let keyCount = 8
  private let values: [UInt8]
  private let keys: [UInt8]
  private let batch = RecordBatch()

  init(recordCount: Int) {
    self.recordCount = recordCount / chunkCount * chunkCount == 0 ? chunkCount : recordCount / chunkCount * chunkCount
    values = (0..<chunkCount * valueCount).map { UInt8(0x20 + $0 * 31 % 95) }
    keys = (0..<chunkCount).flatMap { Array(("u" + String(1_000_000 + $0 * 7919)).utf8.prefix(8)) }
    for index in 0..<chunkCount {
      values.withUnsafeBufferPointer { values in
        keys.withUnsafeBufferPointer { keys in
          batch.append(
            value: UnsafeBufferPointer(rebasing: values[index * valueCount..<(index + 1) * valueCount]),
            key: UnsafeBufferPointer(rebasing: keys[index * keyCount..<(index + 1) * keyCount]), timestamp: .min, offset: 0,
            partition: 0)
        }
      }
    }
  }

  func produce(_ broker: BrokerProcess, usesEventTimestamp: Bool = false) throws {
    let sink = try KafkaSink(KafkaAddress(servers: broker.servers, topic: topic), usesEventTimestamp: usesEventTimestamp)
    for _ in 0..<recordCount / chunkCount { try sink.write(batch) }
    try sink.finish(timeoutMilliseconds: 60_000)
    precondition(sink.delivery.delivered == recordCount, "every record was delivered")
  }

  func produceBare(_ broker: BrokerProcess) throws {
    let delivered = withSettings(KafkaSink.defaults + [("bootstrap.servers", broker.servers)]) { settings in
      kafka_reference_produce(
        topic, settings.baseAddress, settings.count, values, valueCount, keys, keyCount, chunkCount, Int64(recordCount),
        Int32(partitionCount))
    }
    precondition(delivered == recordCount, "every record was delivered")
  }

  /// From the assignment on, before which nothing is fetched: joining the group is not what is measured.
  func consume(_ broker: BrokerProcess) throws -> Spent {
    let source = try KafkaSource(KafkaAddress(servers: broker.servers, topic: topic), group: "bench")
    let received = RecordBatch(slotCapacity: 4096, byteCapacity: 2 << 20)
    var count = 0
    var start = Spent(cpu: 0, wall: 0)
    while count < recordCount {
      switch try source.poll(into: received, maximumCount: 4096, timeoutMilliseconds: 100) {
      case .assigned(let partitions):
        start = Spent(cpu: processSeconds(), wall: wallSeconds())
        try source.start(partitions, at: [])
      case .records: count += received.count
      default: break
      }
    }
    let end = Spent(cpu: processSeconds() - start.cpu, wall: wallSeconds() - start.wall)
    try source.close()
    return end
  }

  func consumeBare(_ broker: BrokerProcess) throws -> Spent {
    var start = Spent(cpu: 0, wall: 0)
    var end = start
    let mark: @convention(c) (UnsafeMutableRawPointer?) -> Void = {
      $0?.assumingMemoryBound(to: Spent.self).pointee = Spent(cpu: processSeconds(), wall: wallSeconds())
    }
    let bytes = withSettings(KafkaSource.defaults + [("bootstrap.servers", broker.servers), ("group.id", "bench")]) { settings in
      withUnsafeMutablePointer(to: &start) { start in
        withUnsafeMutablePointer(to: &end) { end in
          kafka_reference_consume(topic, settings.baseAddress, settings.count, Int64(recordCount), mark, start, end)
        }
      }
    }
    precondition(bytes == recordCount * valueCount, "every record was read")
    return Spent(cpu: end.cpu - start.cpu, wall: end.wall - start.wall)
  }

  private func withSettings(
    _ properties: [(name: String, value: String)], _ body: (UnsafeBufferPointer<kafka_setting>) -> Int64
  ) -> Int64 {
    let texts = properties.map { (strdup($0.name)!, strdup($0.value)!) }
    defer {
      for (name, value) in texts {
        free(name)
        free(value)
      }
    }
    return texts.map { kafka_setting(name: $0.0, value: $0.1) }.withUnsafeBufferPointer(body)
  }
}
