// What a schema will give, put together from what it says (fields, rates over the day), what was measured (bytes, keys, speed), and
// what follows (live sessions by Little's law, memory, bytes per day).

import Base
import Foundation
import Generation
import Schema

struct SchemaExplanation {
  let schema: EventSchema
  let sources: [Source]
  let measurement: SchemaMeasurement
  let forecast: StreamForecast
  let startMilliseconds: Int64

  struct Source {
    var name: String
    var stream: StreamModel?
    var origin: KeyOrigin
    var output: OutputSettings
    var fields: [FieldSummary]
    /// Records per second: by the hours of the first day (by its minutes under a load), in UTC.
    var rates: [Double]
    var snapshotCount: Int
    var events: [Int]

    var meanRate: Double { rates.reduce(0, +) / Double(rates.count) }
  }

  private static let day: Int64 = 86_400_000

  /// - Parameter seed: nil for the schema's own.
  init(_ schema: EventSchema, seed: UInt64?) throws {
    self.schema = schema
    var texts = GenerateOptions.Texts()
    texts.seed = seed.map { String($0) }
    let options = try InspectionOptions.options(texts, schema)
    startMilliseconds = options.startMilliseconds
    let plan = try GenerationPlan(schema, seed: seed)
    let forecast = StreamForecast(plan, startMilliseconds: startMilliseconds)
    self.forecast = forecast
    measurement = try SchemaMeasurement(schema, seed: seed, settings: options.settings)
    let start = startMilliseconds
    sources = forecast.sources.map { source in
      let stream = source.isSessions ? nil : schema.streams.first { $0.name == source.name }
      let events = schema.events.indices.filter { index in
        stream.map { $0.event == index } ?? !schema.streams.contains { $0.event == index }
      }
      let isLoad = stream != nil || schema.load != nil
      let parts: Int64 = isLoad ? 1440 : 24
      return Source(
        name: source.name, stream: stream,
        origin: stream.map { KeyOrigin(of: $0, in: schema) } ?? KeyOrigin(ofSessionsIn: schema),
        output: schema.outputs[schema.events[events[0]].output],
        fields: FieldSummary.summaries(of: schema, stream: stream),
        rates: (0..<parts).map { part in
          source.meanRate(fromMilliseconds: start + part * Self.day / parts, length: Self.day / parts, step: 10_000)
        }, snapshotCount: source.snapshotCount, events: events)
    }
  }

  // MARK: - What follows

  /// Mean bytes of a record of a source, in its own format.
  private func byteCount(_ source: Source) -> Double {
    var (count, sum) = (0.0, 0.0)
    for index in source.events {
      let event = measurement.events[index]
      // CloudEvents in Kafka are JSON with attributes beside it.
      let format: RecordFormat = source.output.format == .cloudevents ? .json : source.output.format
      guard let bytes = event.byteCounts.first(where: { $0.format == format })?.mean else { continue }
      count += Double(event.count)
      sum += Double(event.count) * bytes
    }
    return count > 0 ? sum / count : 0
  }

  var meanRate: Double { sources.reduce(0) { $0 + $1.meanRate } }
  var bytesPerSecond: Double { sources.reduce(0) { $0 + $1.meanRate * byteCount($1) } }

  var peakLiveSessions: Double {
    guard let source = sources.first(where: { $0.stream == nil }), schema.sessions != nil else { return 0 }
    return forecast.liveSessions(atEventsPerSecond: source.rates.max() ?? 0)
  }

  /// Versions of the rows that streams of changes write.
  private var changedRowByteCount: Int {
    schema.streams.reduce(0) { sum, stream in
      guard case .changes(let changes) = stream.content else { return sum }
      return sum + 4 * schema.entities[changes.entity].count
    }
  }

  private var sessionByteCount: Double { peakLiveSessions * Double(forecast.bytesPerSession) }
  var memoryByteCount: Double { Double(forecast.planByteCount + changedRowByteCount) + sessionByteCount }

  // MARK: - Text

  var text: String {
    var lines: [String] = ["\(schema.name), seed \(schema.seed)"]
    for entity in schema.entities {
      let owned = entity.ownership.map { " of each \(schema.entities[$0.owner].name), up to \($0.most)" } ?? ""
      let growth = entity.growth.map { ", \(Quantities.count(Double($0.initial))) at the start" } ?? ""
      lines.append(row("entity \(entity.name)", "\(Quantities.count(Double(entity.count))) rows\(owned)\(growth)"))
    }
    for (place, source) in sources.enumerated() {
      lines.append("")
      lines += describe(source, measurement.keys[place])
    }
    lines.append("")
    lines += costs
    return lines.joined(separator: "\n")
  }

  private func describe(_ source: Source, _ keys: KeyMeasurement) -> [String] {
    var lines = [source.stream == nil ? "sessions" : "stream \(source.name)"]
    if source.stream == nil, schema.sessions != nil {
      lines.append(
        row(
          "  a session",
          "\(String(format: "%.1f", forecast.eventsPerSession)) events in \(StatisticsReport.duration(forecast.sessionMilliseconds))"
        ))
    }
    lines.append(rate(source))
    if source.snapshotCount > 0 {
      lines.append(row("  at the start", "\(Quantities.count(Double(source.snapshotCount))) rows at once"))
    }
    let topic = source.output.topic.map { "topic \($0), " } ?? ""
    lines.append(row("  key", topic + key(source, keys)))
    lines.append(row("  bytes per record", "share   json    csv   avro    key"))
    let total = source.events.reduce(0) { $0 + measurement.events[$1].count }
    for index in source.events {
      let event = measurement.events[index]
      guard event.count > 0 else {
        lines.append(row("    \(event.name)", "none in the first \(total) records"))
        continue
      }
      let cells = [RecordFormat.json, .csv, .avro].map { format in
        event.byteCounts.first { $0.format == format }.map { String(format: "%.0f", $0.mean) } ?? "-"
      }
      let share = String(format: "%.1f%%", Double(event.count) / Double(max(total, 1)) * 100)
      let numbers = ([share] + cells + [event.keyByteCount.map { String(format: "%.0f", $0) } ?? "-"])
      lines.append(row("    \(event.name)", numbers.enumerated().map { Self.left($1, $0 == 0 ? 5 : 7) }.joined()))
    }
    lines.append("  fields")
    let width = (source.fields.map(\.path.count).max() ?? 0) + 6
    for field in source.fields { lines.append(row("    \(field.path)", describe(field, source), width: width)) }
    return lines
  }

  private func rate(_ source: Source) -> String {
    let (mean, peak, trough) = (source.meanRate, source.rates.max() ?? 0, source.rates.min() ?? 0)
    guard peak > trough * 1.000_001 else { return row("  records", Quantities.rate(mean)) }
    let unit = source.rates.count == 24 ? "hour" : "minute"
    var text = "mean \(Quantities.rate(mean)), busiest \(unit) \(Quantities.rate(peak)), quietest \(Quantities.rate(trough))"
    if source.rates.count == 24 { text += "  \(StatisticsReport.bars(source.rates))" }
    return row("  records, first day", text)
  }

  private func key(_ source: Source, _ keys: KeyMeasurement) -> String {
    guard let path = source.output.keyPath else { return "no key" }
    var text = path.joined(separator: ".")
    switch source.origin {
    case .row(_, let entity):
      text += ", one of \(Quantities.count(Double(schema.entities[entity].count))) rows of \(schema.entities[entity].name)"
    case .session: text += ", another one in each session"
    case .record: text += ", another one in each record"
    case .foreign(let stream): text += ", that of a record of \(schema.streams[stream].name)"
    case .constant: text += ", always the same"
    case .drawn, .none: text += ""
    }
    guard keys.count > 0 else { return text }
    text += "; the hottest has \(StatisticsReport.percent(keys.hottestShare)) of \(Quantities.count(Double(keys.count))) records"
    if let partitions = source.output.partitionCount, let busiest = keys.busiestPartitionCount {
      text += ", the busiest of \(partitions) partitions \(StatisticsReport.percent(Double(busiest) / Double(keys.count)))"
    }
    return text
  }

  private func describe(_ field: FieldSummary, _ source: Source) -> String {
    var text = "\(field.kind), \(Self.words(field.cardinality))"
    if field.absence > 0 { text += ", up to \(StatisticsReport.percent(field.absence)) null or left out" }
    if field.events.count < source.events.count { text += "  (\(field.events.joined(separator: ", ")))" }
    return text
  }

  private static func words(_ cardinality: FieldSummary.Cardinality) -> String {
    switch cardinality {
    case .values(let count): count == 1 ? "1 value" : "\(Quantities.count(count)) values"
    case .records: "another in each record"
    case .sessions: "another in each session"
    case .time: "as time goes on"
    case .many: "many values"
    }
  }

  private var costs: [String] {
    let perDay = meanRate * 86_400
    var lines = ["together"]
    lines.append(
      row(
        "  first day",
        "\(Quantities.count(perDay)) records, \(Quantities.bytes(bytesPerSecond * 86_400)); \(Quantities.bytes(bytesPerSecond * 3600)) an hour"
      ))
    lines.append(
      row(
        "  one thread makes",
        "\(Quantities.rate(measurement.eventsPerSecond)) here, so a day takes \(StatisticsReport.duration(perDay / max(measurement.eventsPerSecond, 1) * 1000))"
      ))
    var memory = "\(Quantities.bytes(Double(forecast.planByteCount))) of tables"
    if schema.sessions != nil {
      memory +=
        ", \(Quantities.bytes(sessionByteCount)) for \(Quantities.count(peakLiveSessions.rounded())) live sessions of \(forecast.bytesPerSession) B"
    }
    if changedRowByteCount > 0 { memory += ", \(Quantities.bytes(Double(changedRowByteCount))) for the versions of rows" }
    lines.append(row("  memory", memory))
    return lines
  }

  private func row(_ label: String, _ text: String, width: Int = 28) -> String {
    label + String(repeating: " ", count: max(max(width, 28) - label.count, 2)) + text
  }

  private static func left(_ text: String, _ width: Int) -> String {
    String(repeating: " ", count: max(width - text.count, 1)) + text
  }
}
