// A pipeline as the target of probes: its topic, its rows in Redis, and a feature server that serves them.

import Base
import Features
import Foundation
import HTTPTransport
import KafkaTransport
import Monitoring
import Processing
import Records
import RedisStore

extension ProbeTarget {
  /// - Parameters:
  ///   - kafka: A topic in the place of the source's.
  ///   - redis: A Redis in the place of the sink's.
  ///   - server: The address of a feature server.
  init(
    _ pipeline: PipelineDefinition, _ event: ProbeEvent, kafka: KafkaAddress?, redis: RedisAddress?, server: String?,
    properties: KafkaProperties
  ) throws {
    let source = pipeline.sources[event.source]
    guard let topic = kafka ?? source.kafka.map({ KafkaAddress(servers: $0.brokers, topic: $0.topic) }) else {
      throw Failure(.usage, "source '\(source.name)' has no 'kafka:', so there is no topic to send markers to")
    }
    guard let address = try redis ?? pipeline.sink.map({ try RedisAddress($0.url) }) else {
      throw Failure(.usage, "pipeline '\(pipeline.name)' has no 'sink:', so there is no Redis in which markers could be seen")
    }
    let environment = ProcessInfo.processInfo.environment
    let password = try RedisAddress.password(environment: environment)
    let view = pipeline.views[event.view]
    let start = "\(pipeline.sink?.prefix ?? RedisSinkDefinition.defaultPrefix):\(view.name):"
    @Sendable func rowKey(_ partition: Int, _ count: Int) -> String {
      start + event.rowKey(ofMarker: ProbeEvent.key(partition: partition, of: count))
    }
    @Sendable func connect() throws -> RedisReader {
      RedisReader(try RedisConnection(address, password: password, timeouts: Self.timeouts))
    }
    self.init(
      view: view.name, emitEveryMilliseconds: view.emitEveryMilliseconds, topic: topic,
      // What the environment says wins over the pipeline, and what the command line says over both.
      properties: try KafkaProperties(source.kafka?.properties ?? []).overlaid(with: KafkaProperties(environment: environment))
        .overlaid(with: properties),
      record: { marker, count in
        event.record(
          key: ProbeEvent.key(partition: marker.partition, of: count), partition: PartitionIndex(marker.partition),
          time: marker.eventTime, number: marker.number)
      },
      reader: { count in RowMarkerReader(try connect(), keys: (0..<count).map { rowKey($0, count) }) })
    if let server {
      guard let entity = view.entity else { return }
      let url = try Self.serverURL(server)
      let name = pipeline.entities[entity].name
      self.server = { count in
        ServedMarkerReader(
          try connect(), url: url, view: view, entity: name,
          markerKeys: (0..<count).map { ProbeEvent.key(partition: $0, of: count) },
          rowKey: { event.rowKey(ofMarker: $0) }, redisPrefix: start)
      }
    }
  }

  /// How long Redis may take before it counts as away.
  static let timeouts: RedisTimeouts = {
    var timeouts = RedisTimeouts()
    timeouts.connectMilliseconds = 1000
    timeouts.commandMilliseconds = 1000
    return timeouts
  }()

  private static func serverURL(_ text: String) throws -> URL {
    let base = text.hasSuffix("/") ? String(text.dropLast()) : text
    guard base.hasPrefix("http://") || base.hasPrefix("https://"), let url = URL(string: base + "/get-online-features") else {
      throw Failure(.usage, "'\(text)': expected the address of a feature server, such as http://127.0.0.1:6566")
    }
    return url
  }
}

/// Looks for markers in the rows of a pipeline: `_last_event` says which are in them.
final class RowMarkerReader: MarkerReader {
  private let reader: RedisReader
  /// By partition.
  private let keys: [String]

  init(_ reader: RedisReader, keys: [String]) {
    self.reader = reader
    self.keys = keys
  }

  func look(for underWay: [[Prober.Marker]]) throws -> [MarkerFinding] {
    let partitions = underWay.compactMap(\.first?.partition)
    let values = try reader.values(of: "_last_event", in: partitions.map { keys[$0] })
    return zip(partitions, values).compactMap { partition, text in
      text.flatMap { Int64($0) }.map { .lastEvent($0, partition: partition) }
    }
  }
}

/// Asks a feature server for the row of a marker, and compares its answer with what the store shows.
final class ServedMarkerReader: MarkerServerReader {
  private let reader: RedisReader
  private let client = HTTPClient(timeoutMilliseconds: 2000)
  private let url: URL
  private let featureNames: [String]
  /// By partition.
  private let bodies: [Data]
  private let rowKeys: [String]

  init(
    _ reader: RedisReader, url: URL, view: FeatureView, entity: String, markerKeys: [String], rowKey: (String) -> String,
    redisPrefix: String
  ) {
    self.reader = reader
    self.url = url
    featureNames = view.features.map(\.name)
    rowKeys = markerKeys.map { redisPrefix + rowKey($0) }
    let features = featureNames.map { JSONText.quoted("\(view.name)@nrt:\($0)") }.joined(separator: ",")
    bodies = markerKeys.map {
      Data(
        "{\"features\":[\(features)],\"entities\":{\(JSONText.quoted(entity)):[\(JSONText.quoted(rowKey($0)))]},\"full_feature_names\":true}"
          .utf8)
    }
  }

  func isServed(_ marker: Prober.Marker) throws -> Bool {
    let row = try reader.hash(rowKeys[marker.partition])
    guard let time = row["_last_event"].flatMap({ Int64($0) }), time >= marker.eventTime else { return false }
    let response: HTTPResponse
    do {
      response = try client.send("POST", url, headers: [("Content-Type", "application/json")], body: bodies[marker.partition])
    } catch { throw Failure(.unavailable, "\(url): \(error.reason)", isRetryable: true) }
    guard response.status == 200 else {
      let text = String(decoding: response.body.prefix(200), as: UTF8.self)
      throw Failure(.unavailable, "\(url): HTTP \(response.status): \(text)", isRetryable: true)
    }
    let values = try Self.values(response.body, url)
    guard values.count == featureNames.count else {
      throw Failure(.unavailable, "\(url): the answer has \(values.count) features, and \(featureNames.count) were asked for")
    }
    return zip(featureNames, values).allSatisfy { name, value in
      guard let stored = row[name] else { return true }
      return Self.isSame(stored, value)
    }
  }

  /// The values of the one entity, behind its key.
  private static func values(_ body: Data, _ url: URL) throws -> [Any] {
    guard let answer = try? JSONSerialization.jsonObject(with: body) as? [String: Any],
      let results = answer["results"] as? [[String: Any]]
    else { throw Failure(.unavailable, "\(url): the answer is not what a feature server answers") }
    return results.dropFirst().map { (($0["values"] as? [Any])?.first) ?? NSNull() }
  }

  private static func isSame(_ stored: String, _ served: Any) -> Bool {
    switch served {
    case let text as String: return text == stored
    case let number as NSNumber:
      if stored == "true" || stored == "false" { return number.boolValue == (stored == "true") }
      guard let value = Double(stored) else { return false }
      return abs(value - number.doubleValue) <= 1e-9 * max(1, abs(value))
    case is NSNull: return false
    default:
      guard let value = try? JSONSerialization.jsonObject(with: Data(stored.utf8), options: [.fragmentsAllowed]) else {
        return false
      }
      return (value as? NSObject) == (served as? NSObject)
    }
  }
}
