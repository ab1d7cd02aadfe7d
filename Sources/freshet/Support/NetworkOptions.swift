// Sinks behind a network: what the flags and the schema say about them.

import Base
import Configuration
import Foundation
import Generation
import HTTPTransport
import KafkaTransport
import Schema

/// Flags that go with `--to kafka://...` or `--to http://...`, as given.
struct NetworkOptions {
  /// `-X`, for Kafka.
  var properties: [String] = []
  var transactionalIdentifier: String?
  var commitInterval: String?
  /// `--header`, for HTTP.
  var headers: [String] = []
  var batching: String?
  var batchSize: String?
  var connections: String?

  /// Refuses what only goes with Kafka.
  func checkNotKafka() throws(Failure) {
    if let property = properties.first { throw Failure(.usage, "-X \(property): librdkafka properties go with --to kafka://...") }
    if transactionalIdentifier != nil { throw Failure(.usage, "--transactional-id goes with --to kafka://...") }
    if commitInterval != nil { throw Failure(.usage, "--commit-every goes with --to kafka://... and --transactional-id") }
  }

  /// Refuses what only goes with HTTP.
  func checkNotHTTP() throws(Failure) {
    let given = [
      ("--header", headers.first), ("--batch", batching), ("--batch-size", batchSize), ("--connections", connections),
    ]
    if let (name, _) = given.first(where: { $0.1 != nil }) {
      throw Failure(.usage, "\(name) goes with --to http://... or https://...")
    }
  }

  func transactions() throws(Failure) -> KafkaTransactions? {
    let interval = try commitInterval.map { text throws(Failure) in try Arguments.duration(text, "--commit-every") }
    guard let identifier = transactionalIdentifier else {
      if interval != nil { throw Failure(.usage, "--commit-every goes with --transactional-id") }
      return nil
    }
    guard !identifier.isEmpty else { throw Failure(.usage, "--transactional-id: expected a name, found an empty text") }
    guard let interval else { return KafkaTransactions(identifier: identifier) }
    guard (1...900_000).contains(interval) else {
      throw Failure(.usage, "--commit-every: expected a duration of 1ms to 15m, found '\(commitInterval ?? "")'")
    }
    return KafkaTransactions(identifier: identifier, commitIntervalMilliseconds: Int(interval))
  }

  /// - Parameter environment: for secrets.
  func sinkSettings(environment: [String: String]) throws -> HTTPSinkSettings {
    var settings = HTTPSinkSettings()
    settings.headers = try HTTPHeaders(environment: environment).overlaid(with: HTTPHeaders(arguments: headers))
    if let batching {
      guard let value = HTTPBatching(rawValue: batching) else {
        throw Failure(.usage, "--batch: expected lines or json, found '\(batching)'")
      }
      settings.batching = value
    }
    settings.batchSize = try Self.number(batchSize, "--batch-size", 1...100_000) ?? settings.batchSize
    settings.connectionCount = try Self.number(connections, "--connections", 1...64) ?? settings.connectionCount
    return settings
  }

  private static func number(_ text: String?, _ option: String, _ range: ClosedRange<Int64>) throws(Failure) -> Int? {
    guard let text else { return nil }
    guard let value = Units.count(text), range.contains(value) else {
      throw Failure(.usage, "\(option): expected a number from \(range.lowerBound) to \(range.upperBound), found '\(text)'")
    }
    return Int(value)
  }
}

extension SinkChoice {
  /// `kafka://HOST:PORT/TOPIC` takes every record into one topic; without a topic each goes to the one that the schema names for it.
  static func openKafka(_ text: String, _ network: NetworkOptions, schema: EventSchema, eventIdentifierPrefix: String) throws
    -> KafkaSink
  {
    let (cluster, topic) = try KafkaAddress.parts(of: text)
    let properties = try KafkaProperties(environment: ProcessInfo.processInfo.environment).overlaid(
      with: KafkaProperties(arguments: network.properties))
    let routes = try schema.outputs.indices.map { try route(of: $0, schema, topic: topic, eventIdentifierPrefix, cluster) }
    return try KafkaSink(
      cluster, routes: routes, routeOfEvent: schema.events.map(\.output), properties: properties,
      transactions: network.transactions(), isStopRequested: { Interrupts.stopRequested })
  }

  private static func route(
    of index: Int, _ schema: EventSchema, topic: String?, _ eventIdentifierPrefix: String, _ cluster: KafkaCluster
  ) throws -> KafkaRoute {
    let output = schema.outputs[index]
    let topic = try self.topic(of: output, given: topic, cluster)
    var attributes: CloudEventAttributes?
    if output.format == .cloudevents {
      attributes = CloudEventAttributes(
        source: CloudEvent.source(schemaName: schema.name), identifierPrefix: eventIdentifierPrefix,
        types: schema.events.map { CloudEvent.type(schemaName: schema.name, eventName: $0.name) })
    }
    return KafkaRoute(
      topic: topic, partitionCount: output.partitionCount, usesEventTimestamp: output.usesEventTimestamp, headers: output.headers,
      cloudEvents: attributes)
  }

  /// Where an output's records go: the topic of the address, else its own.
  static func topic(of output: OutputSettings, given topic: String?, _ cluster: KafkaCluster) throws(Failure) -> String {
    guard let topic = topic ?? output.topic else {
      throw Failure(
        .usage,
        "--to \(cluster): no topic here, and the schema names none; expected kafka://HOST:PORT/TOPIC, or 'output: { topic: ... }' in the schema"
      )
    }
    return topic
  }

  static func openHTTP(_ text: String, _ network: NetworkOptions, schema: EventSchema) throws -> HTTPSink {
    let address = try HTTPAddress(text)
    if let output = schema.outputs.first(where: { $0.format != .json && $0.format != .cloudevents }) {
      throw Failure(
        .usage, "--to \(address): records go by HTTP as json or cloudevents, and the schema's format is \(output.format.rawValue)")
    }
    return try HTTPSink(address, network.sinkSettings(environment: ProcessInfo.processInfo.environment))
  }
}
