// From `--to` to a sink. The only place that knows which sinks a generator can have.

import Base
import Foundation
import KafkaTransport
import LocalTransport
import Logging
import Records
import Schema

enum SinkChoice {
  static let expected = "stdout, null, file:PATH or kafka://HOST:PORT[,HOST:PORT]/TOPIC"

  /// - Parameters:
  ///   - properties: `-X` arguments, for Kafka only.
  ///   - files: How files and standard output are written.
  static func open(_ text: String, properties: [String], output: OutputSettings, files: FileOptions = FileOptions()) throws
    -> any Sink
  {
    if KafkaAddress.isOne(text) {
      try files.checkUnused(with: "kafka://")
      let environment = try KafkaProperties(environment: ProcessInfo.processInfo.environment)
      return try KafkaSink(
        KafkaAddress(text), properties: environment.overlaid(with: KafkaProperties(arguments: properties)),
        partitionCount: output.partitionCount, usesEventTimestamp: output.usesEventTimestamp)
    }
    guard properties.isEmpty else { throw Failure(.usage, "-X \(properties[0]): librdkafka properties go with --to kafka://...") }
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
        path: path, compression: files.compression, rolling: files.rolling, content: files.content, streams: files.streams)
    }
  }
}
