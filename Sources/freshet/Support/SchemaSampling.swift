// A few records of a schema for people to read. Each source (the sessions, each stream) gives as many, its first ones in their order; where these
// lack one of its events, later records that have it take the place of the last ones that are not needed. They come in the order of time.

import Base
import Codec
import Configuration
import Foundation
import Generation
import LocalTransport
import Records
import Schema

struct SchemaSampling {
  let path: String
  let count: Int
  let texts: GenerateOptions.Texts
  private let output = FileDescriptorWriter(descriptor: STDOUT_FILENO, name: "stdout")

  /// How many records of a source are looked through for events that have not come yet.
  static let searchCount = 200_000

  init(path: String, count: Int, _ texts: GenerateOptions.Texts) {
    self.path = path
    self.count = count
    self.texts = texts
  }

  /// Reads the schema and prints a sample: records on stdout, what is to be said about each on stderr.
  func run() throws {
    try show(try SchemaSource.load(path: path).schema)
  }

  func show(_ schema: EventSchema) throws {
    let options = try InspectionOptions.options(texts, schema)
    // Whatever format they are sent in, people read them as JSON.
    let plan = try GenerationPlan(schema.written(as: .json), seed: options.seed)
    let sources = schema.sources.filter { options.streamName == nil || options.streamName == $0.name }
    var picked: [SampledRecord] = []
    var missing: [String] = []
    var hasRoom = true
    for (index, source) in sources.enumerated() {
      let quota = max(count / sources.count + (index < count % sources.count ? 1 : 0), 1)
      var settings = options.settings
      settings.streamName = source.name
      // A rate is that of all streams together.
      if sources.count > 1, schema.sessions == nil { settings.load = nil }
      let wanted = Set(schema.kinds(of: source))
      let found = Self.pick(Generator(plan, settings), quota, wanted, until: options.untilNanoseconds)
      picked += found
      missing += wanted.subtracting(found.map(\.kind)).sorted().map { $0.name(in: schema) }
      hasRoom = hasRoom && wanted.count <= quota
    }
    picked.sort { ($0.timestamp, $0.kind) < ($1.timestamp, $1.kind) }
    let printer = JSONPrettyPrinter(style: Terminal.outputHasColors ? .colored : .plain)
    for record in picked { try show(record, schema, printer) }
    if picked.isEmpty { Terminal.print(toError: "no record before the end of event time") }
    if !missing.isEmpty {
      let advice = hasRoom ? "" : "; a larger --sample shows more"
      Terminal.print(toError: Terminal.dimmed("not among them: \(missing.joined(separator: ", "))\(advice)"))
    }
  }

  private func show(_ record: SampledRecord, _ schema: EventSchema, _ printer: JSONPrettyPrinter) throws {
    let text = record.value.withUnsafeBufferPointer { printer.text($0) }
    // What a fault has broken is shown as it is, without bytes that a terminal would obey.
    let shown = text ?? String(decoding: record.value.map { $0 < 0x20 || $0 == 0x7f ? 0x3f : $0 }, as: UTF8.self)
    var line = shown + "\n"
    try line.withUTF8 { try output.write(UnsafeRawBufferPointer($0)) }
    Terminal.print(toError: Terminal.dimmed("  # \(record.note(schema))"))
  }

  // MARK: - Which records

  /// Up to `count` records, every wanted kind among them where it comes early enough and there is room.
  private static func pick(
    _ generator: Generator, _ count: Int, _ wanted: Set<SampledRecord.Kind>, until limit: Int64
  ) -> [SampledRecord] {
    let batch = RecordBatch(slotCapacity: 512, byteCapacity: 1 << 18)
    var first: [SampledRecord] = []
    var later: [SampledRecord] = []
    var seen: Set<SampledRecord.Kind> = []
    while generator.eventCount < searchCount, first.count < count || !wanted.isSubset(of: seen) {
      generator.fill(batch, maximumCount: 512, before: limit)
      guard batch.count > 0 else { break }
      for index in 0..<batch.count {
        let isNew = seen.insert(SampledRecord.Kind(batch.slots[index])).inserted
        if first.count < count {
          first.append(SampledRecord(batch, index))
        } else if isNew {
          later.append(SampledRecord(batch, index))
        }
      }
    }
    return fit(first, later, count)
  }

  /// Lets later records take the place of those of a kind that came before, the last first.
  private static func fit(_ first: [SampledRecord], _ later: [SampledRecord], _ count: Int) -> [SampledRecord] {
    var kept = first
    var rest = later[...]
    var place = kept.count - 1
    while let next = rest.first, place >= 0 {
      if kept[..<place].contains(where: { $0.kind == kept[place].kind }) {
        kept.remove(at: place)
        kept.append(next)
        rest = rest.dropFirst()
      }
      place -= 1
    }
    return kept
  }
}

/// A record taken out of its batch.
private struct SampledRecord {
  /// An event, or the deletion of a row.
  struct Kind: Hashable, Comparable {
    var event: Int
    var isDeletion: Bool

    init(event: Int, isDeletion: Bool) {
      self.event = event
      self.isDeletion = isDeletion
    }

    init(_ slot: RecordSlot) {
      event = Int(slot.event)
      isDeletion = slot.marks.contains(.tombstone)
    }

    static func < (left: Kind, right: Kind) -> Bool {
      (left.event, left.isDeletion ? 1 : 0) < (right.event, right.isDeletion ? 1 : 0)
    }

    func name(in schema: EventSchema) -> String { schema.events[event].name + (isDeletion ? " (deletion)" : "") }
  }

  var kind: Kind
  var value: [UInt8]
  var key: [UInt8]?
  var timestamp: Int64
  var marks: RecordMarks

  init(_ batch: RecordBatch, _ index: Int) {
    kind = Kind(batch.slots[index])
    value = Array(batch.value(index))
    key = batch.key(index).map(Array.init)
    timestamp = batch.slots[index].timestamp
    marks = batch.slots[index].marks
  }

  /// `page, topic clicks, key 06e21f58, 2026-01-05T00:00:00.000Z, late`
  func note(_ schema: EventSchema) -> String {
    let event = schema.events[kind.event]
    let output = schema.outputs[event.output]
    var parts = [event.name]
    if let topic = output.topic { parts.append("topic \(topic)") }
    if let key { parts.append("key \(String(decoding: key, as: UTF8.self))") }
    parts.append(TimeText.rfc3339(timestamp))
    if marks.contains(.tombstone) { parts.append("tombstone") }
    parts += RecordMarks.faults.filter { marks.contains($0.mark) }.map(\.name)
    return parts.joined(separator: ", ")
  }
}

extension EventSchema {
  fileprivate typealias SampledSource = (name: String, stream: StreamModel?)

  fileprivate var sources: [SampledSource] {
    (sessions == nil ? [] : [(name, nil)]) + streams.map { ($0.name, $0) }
  }

  fileprivate func kinds(of source: SampledSource) -> [SampledRecord.Kind] {
    guard let stream = source.stream else {
      let own = events.indices.filter { index in !streams.contains { $0.event == index } }
      return own.map { SampledRecord.Kind(event: $0, isDeletion: false) }
    }
    var kinds = [SampledRecord.Kind(event: stream.event, isDeletion: false)]
    if case .changes(let changes) = stream.content, changes.deleteShare > 0 {
      kinds.append(SampledRecord.Kind(event: stream.event, isDeletion: true))
    }
    return kinds
  }
}
