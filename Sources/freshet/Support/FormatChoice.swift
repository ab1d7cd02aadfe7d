// In which format records go where: `--format` over the schema's, and what the place that takes them has to know of it.

import Base
import Compression
import Configuration
import Generation
import LocalTransport
import Schema

/// The formats of one run.
struct FormatChoice {
  /// With the formats that were asked for.
  let schema: EventSchema
  /// `--to`, or what stands for it.
  private let destination: String
  /// Indices of the events that the run writes.
  private let events: [Int]

  /// - Parameters:
  ///   - format: `--format`, nil for each output's own.
  ///   - streamName: the only stream that is written, nil for all.
  init(_ format: String?, _ schema: EventSchema, to destination: String, streamName: String?) throws(Failure) {
    var schema = schema
    if let format {
      guard let known = RecordFormat(rawValue: format) else {
        let names = RecordFormat.allCases.map(\.rawValue)
        throw Failure(
          .usage,
          "--format: expected \(ValueReader.alternatives(names)), found '\(format)'\(Suggestion.hint(for: format, among: names))")
      }
      for index in schema.outputs.indices { schema.outputs[index].format = known }
    }
    self.schema = schema
    self.destination = destination
    events = schema.events.indices.filter { index in
      let stream = schema.streams.first { $0.event == index }
      return streamName == nil || streamName == stream?.name ?? schema.name
    }
    if isOneFile { try checkIsOne() }
    if isFilePerStream, formats.count > 1, formats.contains(.avro) {
      throw Failure(.usage, "--to \(destination): streams in avro and in other formats need a run each; choose one with --stream")
    }
  }

  private var isKafka: Bool { destination.hasPrefix("kafka:") }
  private var isFilePerStream: Bool { destination.hasPrefix("file:") && destination.contains("{stream}") }
  private var isOneFile: Bool {
    destination == "stdout" || destination == "-" || destination.hasPrefix("file:") && !isFilePerStream
  }

  private var formats: Set<RecordFormat> { Set(events.map { schema.outputs[schema.events[$0].output].format }) }

  /// What surrounds the records.
  ///
  /// - Parameter startMilliseconds: of the stream: with its seed it tells the CloudEvents of one run from those of others.
  func encoding(seed: UInt64, startMilliseconds: Int64) throws(Failure) -> RecordEncoding {
    if isKafka, formats.contains(.avro) {
      throw Failure(
        .badConfiguration, "--to \(destination): in Kafka, Avro needs a schema registry, so that readers find the schema")
    }
    var encoding = RecordEncoding(
      avro: isFilePerStream ? .containerPerEvent : .container, hasEnvelope: !isKafka,
      eventIdentifierPrefix: "\(seed)-\(startMilliseconds)")
    encoding.containerEvents = Set(events)
    return encoding
  }

  /// Says what files hold. In Avro containers the blocks are compressed, not the file, so that readers need not know.
  func apply(_ plan: GenerationPlan, to files: inout FileOptions) {
    var codec = AvroCodec.null
    if let compression = files.compression, formats == [.avro] {
      codec = AvroCodec(compression)
      files.compression = Compression.none
    }
    files.content = events.first.map { content(plan, event: $0, codec) } ?? .plainLines
    files.streams = schema.events.indices.map { FileStream(name: schema.events[$0].name, content: content(plan, event: $0, codec)) }
  }

  private func content(_ plan: GenerationPlan, event: Int, _ codec: AvroCodec) -> FileContent {
    if let text = plan.containerSchema(ofEvent: event) {
      return .avro(AvroContainer(schema: text, codec: codec, seed: plan.seed))
    }
    return plan.header(ofOutput: schema.events[event].output).map { .lines(header: $0) } ?? .plainLines
  }

  /// Refuses what one file cannot hold.
  private func checkIsOne() throws(Failure) {
    let outputs = Set(events.map { schema.events[$0].output }).sorted()
    guard outputs.count > 1 else { return }
    let remedy = "choose one with --stream, or write to a file for each with {stream} in its name"
    let formats = formats
    guard formats.count == 1 else {
      let names = formats.map(\.rawValue).sorted().joined(separator: " and ")
      throw Failure(
        .usage, "--to \(destination): the streams are in \(names), which one file cannot hold; \(remedy), or give --format")
    }
    guard formats == [.csv] else { return }
    let columns = try outputs.map { output throws(Failure) in try GenerationPlan.columnNames(schema, output: output) }
    guard Set(columns).count == 1 else {
      throw Failure(.usage, "--to \(destination): the streams have different columns in csv; \(remedy)")
    }
  }
}
