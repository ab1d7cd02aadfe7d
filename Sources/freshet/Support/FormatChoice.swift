// In which format records go where: `--format` over the schema's, and what the place that takes them has to know of it.

import Base
import Compression
import Configuration
import Foundation
import Generation
import HTTPTransport
import KafkaTransport
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

  private var isKafka: Bool { KafkaAddress.isOne(destination) }
  private var isFilePerStream: Bool { destination.hasPrefix("file:") && destination.contains("{stream}") }
  private var isOneFile: Bool {
    destination == "stdout" || destination == "-" || destination.hasPrefix("file:") && !isFilePerStream
  }

  private var formats: Set<RecordFormat> { Set(events.map { schema.outputs[schema.events[$0].output].format }) }

  /// The `id` of a CloudEvent begins with it.
  ///
  /// - Parameter startMilliseconds: of the stream: with its seed it tells the CloudEvents of one run from those of others.
  static func eventIdentifierPrefix(seed: UInt64, startMilliseconds: Int64) -> String { "\(seed)-\(startMilliseconds)" }

  /// What surrounds the records. Registers Avro schemas where they go to Kafka.
  ///
  /// - Parameter registry: `--schema-registry`, nil for what the schema's outputs say.
  func encoding(seed: UInt64, startMilliseconds: Int64, registry: String? = nil) throws -> RecordEncoding {
    let isRegistered = isKafka && formats.contains(.avro)
    if registry != nil, !isRegistered, destination != "null" {
      throw Failure(.usage, "--schema-registry goes with --format avro and --to kafka://...; an Avro file holds its schema itself")
    }
    var encoding = RecordEncoding(
      avro: isFilePerStream ? .containerPerEvent : .container, hasEnvelope: !isKafka,
      eventIdentifierPrefix: Self.eventIdentifierPrefix(seed: seed, startMilliseconds: startMilliseconds))
    encoding.events = Set(events)
    if isRegistered { encoding.avro = .registry(try registeredIdentifiers(registry)) }
    return encoding
  }

  /// Registers the schemas of the events that are written; gives their identifiers.
  private func registeredIdentifiers(_ registry: String?) throws -> [Int: Int32] {
    let (cluster, topic) = try KafkaAddress.parts(of: destination)
    // What Avro cannot say is refused before the registry is told anything.
    _ = try GenerationPlan(
      schema, encoding: RecordEncoding(avro: .registry(Dictionary(uniqueKeysWithValues: events.map { ($0, 0) }))))
    var topics: [Int: String] = [:]
    for event in events {
      topics[event] = try SinkChoice.topic(of: schema.outputs[schema.events[event].output], given: topic, cluster)
    }
    var clients: [String: SchemaRegistry] = [:]
    var identifiers: [Int: Int32] = [:]
    for avro in schema.avroSchemas where events.contains(avro.event) {
      guard let url = registry ?? schema.outputs[schema.events[avro.event].output].schemaRegistry else {
        throw Failure(
          .badConfiguration,
          "--to \(destination): in Kafka, Avro needs a schema registry: --schema-registry URL, or 'output: { schema_registry: URL }' in the schema"
        )
      }
      let client = try clients[url] ?? SchemaRegistry(url, environment: ProcessInfo.processInfo.environment)
      clients[url] = client
      let topic = topics[avro.event]!
      let isAlone = topics.values.count { $0 == topic } == 1
      identifiers[avro.event] = try client.register(schema: avro.text, subject: avro.subject(topic: topic, isAlone: isAlone))
    }
    return identifiers
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
