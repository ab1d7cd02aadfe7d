// From `--to` to a sink. The only place that knows which sinks a generator can have.

import Base
import Foundation
import HTTPTransport
import KafkaTransport
import LocalTransport
import Logging
import Records
import Schema

enum SinkChoice {
  static let expected = "stdout, null, file:PATH, kafka://HOST:PORT[,HOST:PORT][/TOPIC] or http[s]://HOST[:PORT]/PATH"

  /// - Parameters:
  ///   - network: How Kafka and HTTP are spoken to.
  ///   - eventIdentifierPrefix: What the ids of CloudEvents begin with.
  ///   - files: How files and standard output are written.
  static func open(
    _ text: String, network: NetworkOptions = NetworkOptions(), schema: EventSchema, eventIdentifierPrefix: String,
    files: FileOptions = FileOptions()
  ) throws -> any Sink {
    if KafkaAddress.isOne(text) {
      try files.checkUnused(with: "kafka://")
      try network.checkNotHTTP()
      return try openKafka(text, network, schema: schema, eventIdentifierPrefix: eventIdentifierPrefix)
    }
    try network.checkNotKafka()
    if HTTPAddress.isOne(text) {
      try files.checkUnused(with: "http://")
      return try openHTTP(text, network, schema: schema)
    }
    try network.checkNotHTTP()
    switch text {
    case "stdout", "-":
      try files.checkNotRolling(with: "stdout")
      return try FileSink(
        descriptor: STDOUT_FILENO, name: "stdout", compression: files.compression ?? .none, content: files.content)
    case "null":
      try files.checkUnused(with: "null")
      return NullSink()
    default:
      guard text.hasPrefix("file:") else { throw Failure(.usage, "--to: expected \(expected), found '\(text)'") }
      let path = String(text.dropFirst("file:".count))
      guard !path.isEmpty else { throw Failure(.usage, "--to: no path in 'file:'; expected file:PATH") }
      return try FileSink(
        path: path, compression: files.compression, rolling: files.rolling, content: files.content, streams: files.streams,
        keepsFiles: files.keepsFiles)
    }
  }
}
