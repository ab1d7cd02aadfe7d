// Somebody else's pipeline as the target of probes: events of a schema with a key of their own go to its topic, and a key in Redis, or a record of an output
// topic, says that one has come through.

import Base
import Foundation
import Generation
import KafkaTransport
import Monitoring
import Processing
import Records
import RedisStore
import Schema
import Synchronization

/// What `--watch` names.
enum WatchPlace {
  case redis(RedisAddress, key: String, field: String?)
  case topic(KafkaAddress)

  init(_ text: String, key: String?, field: String?) throws {
    if KafkaAddress.isOne(text) {
      guard key == nil, field == nil else {
        throw Failure(
          .usage, "--watch-key and --watch-field go with --watch redis://...; in a topic the marker's key is looked for")
      }
      self = .topic(try KafkaAddress(text))
      return
    }
    guard RedisAddress.isOne(text) else {
      throw Failure(.usage, "--watch: expected redis://HOST:PORT or kafka://HOST:PORT/TOPIC, found '\(text)'")
    }
    guard let key, key.contains("{key}") else {
      throw Failure(
        .usage, "--watch-key: expected what a marker's key is called in Redis, such as 'user:{key}', found '\(key ?? "")'")
    }
    self = .redis(try RedisAddress(text), key: key, field: field)
  }

  var name: String {
    switch self {
    case .redis(let address, let key, let field): "\(address), \(key)\(field.map { " field \($0)" } ?? "")"
    case .topic(let address): "\(address)"
    }
  }
}

extension ProbeTarget {
  /// - Parameter keyField: The field that names the entity; nil for the one that the schema's records are keyed by.
  init(
    schema: EventSchema, topic: KafkaAddress, watch: WatchPlace, keyField: String?, properties: KafkaProperties
  ) throws {
    let events = try MarkerEvents(schema, keyField: keyField)
    let reader: @Sendable (Int) throws -> any MarkerReader
    switch watch {
    case .redis(let address, let key, let field):
      let password = try RedisAddress.password(environment: ProcessInfo.processInfo.environment)
      // A wrong address is told before anything is sent.
      _ = try RedisConnection(address, password: password, timeouts: Self.timeouts)
      reader = { _ in
        WatchedKeys(
          RedisReader(try RedisConnection(address, password: password, timeouts: Self.timeouts)), template: key, field: field,
          run: events.run)
      }
    case .topic(let address):
      // What comes from now on is looked at, so the reader must stand ready before the first marker.
      let watched = WatchedTopicBox(try WatchedTopic(address, properties: properties, run: events.run))
      reader = { _ in watched.topic }
    }
    self.init(
      view: watch.name, topic: topic, properties: properties, record: { marker, _ in events.record(marker) }, reader: reader)
  }

  private final class WatchedTopicBox: @unchecked Sendable {
    let topic: WatchedTopic
    init(_ topic: WatchedTopic) { self.topic = topic }
  }
}

/// Events of a schema that are markers: each as the schema makes it at that moment, with a key that no other event has.
final class MarkerEvents: Sendable {
  /// Tells the markers of this run from those of others.
  let run: String
  private let keyPath: [String]
  private let hasRecordKey: Bool
  private let producer: Mutex<ProducerBox>

  private struct ProducerBox: @unchecked Sendable {
    let producer: RecordProducer
  }

  init(_ schema: EventSchema, keyField: String?) throws {
    guard schema.outputs.allSatisfy({ $0.format == .json }) else {
      throw Failure(.usage, "a load test of another's pipeline needs a schema whose records are JSON: its markers are made of them")
    }
    let path = keyField.map { $0.split(separator: ".").map(String.init) } ?? schema.output.keyPath
    guard let path, !path.isEmpty else {
      throw Failure(.usage, "--marker-key: the schema's records have no key; say which field names the entity of a record")
    }
    keyPath = path
    hasRecordKey = schema.output.keyPath != nil
    let clock = SystemClock()
    run = String(UInt64(clock.nowMilliseconds), radix: 36)
    var schema = schema
    // What is broken on purpose is no marker.
    schema.faults = FaultModel()
    var settings = GenerationSettings(startMilliseconds: clock.nowMilliseconds)
    settings.load = .constant(1000)
    let plan = try GenerationPlan(schema, seed: schema.seed &+ 1)
    producer = Mutex(ProducerBox(producer: RecordProducer(plan, settings)))
  }

  static func identifier(_ run: String, _ partition: Int, _ number: Int64) -> String {
    "\(ProbeEvent.keyPrefix)\(run)_\(partition)_\(number)_"
  }

  func record(_ marker: Prober.Marker) -> ProbeEvent.Record {
    let key = Self.identifier(run, marker.partition, marker.number)
    let text = producer.withLock { box in
      box.producer.resume(atNanoseconds: marker.eventTime * 1_000_000)
      let produced = box.producer.next(before: marker.eventTime * 1_000_000 + 1_000_000, sentMilliseconds: marker.eventTime)
      guard let batch = produced?.batch, batch.count > 0 else { return "{}" }
      let slot = batch.slots[0]
      let start = batch.bytes.base + Int(slot.valueStart)
      return String(decoding: UnsafeBufferPointer(start: start, count: Int(slot.valueCount)), as: UTF8.self)
    }
    return ProbeEvent.Record(
      partition: PartitionIndex(marker.partition), key: hasRecordKey ? key : nil,
      value: ProbeEvent.value(text, withKey: key, at: keyPath), timestamp: marker.eventTime)
  }
}

/// Looks whether keys, or fields, are there.
private final class WatchedKeys: MarkerReader {
  private let reader: RedisReader
  private let template: String
  private let field: String?
  private let run: String

  /// Markers looked for at once, per partition: the oldest.
  private static let lookCount = 16

  init(_ reader: RedisReader, template: String, field: String?, run: String) {
    self.reader = reader
    self.template = template
    self.field = field
    self.run = run
  }

  func look(for underWay: [[Prober.Marker]]) throws -> [MarkerFinding] {
    let markers = underWay.flatMap { $0.prefix(Self.lookCount) }
    let keys = markers.map {
      template.replacingOccurrences(of: "{key}", with: MarkerEvents.identifier(run, $0.partition, $0.number))
    }
    let isThere = try field.map { try reader.values(of: $0, in: keys).map { $0 != nil } } ?? reader.exist(keys)
    return zip(markers, isThere).compactMap { $1 ? .number($0.number, partition: $0.partition) : nil }
  }
}

/// Looks into the records of a topic, from its end on.
private final class WatchedTopic: MarkerReader {
  private let source: KafkaSource
  private let batch = RecordBatch(slotCapacity: 4096, byteCapacity: 1 << 20)
  private let prefix: [UInt8]

  init(_ address: KafkaAddress, properties: KafkaProperties, run: String) throws {
    prefix = Array("\(ProbeEvent.keyPrefix)\(run)_".utf8)
    source = try KafkaSource(
      address, group: "freshet-load-\(run)",
      properties: properties.overlaid(with: KafkaProperties([("auto.offset.reset", "latest")])),
      isStopRequested: { Interrupts.stopRequested })
    let clock = SystemClock()
    let deadline = clock.monotonicNanoseconds + 30_000_000_000
    while source.assignedPartitions.isEmpty {
      if Interrupts.stopRequested { throw StopRequested() }
      guard clock.monotonicNanoseconds < deadline else {
        throw Failure(
          .unavailable, "\(address): the group gives no partitions within 30 s; does the topic exist?", isRetryable: true)
      }
      try poll(timeoutMilliseconds: 100)
    }
  }

  private func poll(timeoutMilliseconds: Int) throws {
    let result = try source.poll(into: batch, maximumCount: 4096, timeoutMilliseconds: timeoutMilliseconds)
    if case .assigned(let partitions) = result { try source.start(partitions, at: []) }
  }

  func look(for underWay: [[Prober.Marker]]) throws -> [MarkerFinding] {
    try poll(timeoutMilliseconds: 2)
    var findings: [MarkerFinding] = []
    for index in 0..<batch.count {
      let slot = batch.slots[index]
      let value = UnsafeBufferPointer(start: batch.bytes.base + Int(slot.valueStart), count: Int(slot.valueCount))
      if let found = Self.marker(in: value, prefix) {
        findings.append(found)
      } else if slot.keyCount > 0 {
        let key = UnsafeBufferPointer(start: batch.bytes.base + Int(slot.keyStart), count: Int(slot.keyCount))
        if let found = Self.marker(in: key, prefix) { findings.append(found) }
      }
    }
    return findings
  }

  /// The partition and number behind the first identifier in `bytes`.
  static func marker(in bytes: UnsafeBufferPointer<UInt8>, _ prefix: [UInt8]) -> MarkerFinding? {
    guard let place = end(of: prefix, in: bytes) else { return nil }
    let parts = bytes[place..<min(place + 48, bytes.count)].split(
      separator: UInt8(ascii: "_"), maxSplits: 2, omittingEmptySubsequences: false)
    guard parts.count == 3, let partition = Int(String(decoding: parts[0], as: UTF8.self)),
      let number = Int64(String(decoding: parts[1], as: UTF8.self))
    else { return nil }
    return .number(number, partition: partition)
  }

  /// Where the first `prefix` in `bytes` ends.
  private static func end(of prefix: [UInt8], in bytes: UnsafeBufferPointer<UInt8>) -> Int? {
    guard let base = bytes.baseAddress, let first = prefix.first else { return nil }
    var index = 0
    while index + prefix.count <= bytes.count,
      let found = memchr(base + index, Int32(first), bytes.count - prefix.count + 1 - index)
    {
      let place = UnsafeRawPointer(found) - UnsafeRawPointer(base)
      if memcmp(base + place, prefix, prefix.count) == 0 { return place + prefix.count }
      index = place + 1
    }
    return nil
  }
}
