// Where records go that did not count: what the command line says, else what the source says. Workers share the files, each has a producer.

import Base
import Features
import KafkaTransport
import LocalTransport
import Processing
import Records
import Synchronization

/// What `--late-to` or `--dead-letters-to` says.
enum SideOutputChoice: Sendable {
  case asThePipelineSays
  case none
  case file(String)
  case kafka(KafkaAddress)

  init(_ text: String?, _ option: String) throws {
    switch text {
    case nil: self = .asThePipelineSays
    case "null": self = .none
    case let text? where text.hasPrefix("file:") && text != "file:": self = .file(String(text.dropFirst(5)))
    case let text? where KafkaAddress.isOne(text): self = .kafka(try KafkaAddress(text))
    case let text?:
      throw Failure(.usage, "\(option): expected kafka://HOST:PORT[,HOST:PORT]/TOPIC, file:PATH or null, found '\(text)'")
    }
  }
}

/// The side outputs of a run.
final class SideOutputChoices: Sendable {
  private let late: SideOutputChoice
  private let deadLetters: SideOutputChoice
  private let properties: KafkaProperties
  private let files = Mutex<[String: FileDescriptorWriter]>([:])
  /// Outputs that the pipeline asks for and that this run does not have, each told once.
  private let leftOut = Mutex<[String]>([])

  init(late: String?, deadLetters: String?, properties: KafkaProperties) throws {
    self.late = try SideOutputChoice(late, "--late-to")
    self.deadLetters = try SideOutputChoice(deadLetters, "--dead-letters-to")
    self.properties = properties
  }

  /// The outputs of one worker over `source`.
  func open(_ source: SourceDefinition, _ input: ProcessingInput) throws -> SideOutputs {
    SideOutputs(
      late: try open(late, source.lateOutput, "late records", source, input),
      deadLetters: try open(deadLetters, source.deadLetterOutput, "dead letters", source, input))
  }

  private func open(
    _ choice: SideOutputChoice, _ target: SideOutputTarget?, _ what: String, _ source: SourceDefinition, _ input: ProcessingInput
  ) throws -> (any SideOutput)? {
    switch (choice, target) {
    case (.none, _), (.asThePipelineSays, nil): return nil
    case (.file(let path), _), (.asThePipelineSays, .file(let path)?): return FileSideOutput(try file(path, input))
    case (.kafka(let address), _):
      return try KafkaSideOutput(address, properties: KafkaProperties(source.kafka?.properties ?? []).overlaid(with: properties))
    case (.asThePipelineSays, .topic(let topic)?):
      guard case .kafka(let address, _, let properties) = input else {
        noteLeftOut(
          "source '\(source.name)': its \(what) are only counted, as their topic '\(topic)' is on Kafka and the input is not")
        return nil
      }
      return try KafkaSideOutput(KafkaAddress(servers: address.servers, topic: topic), properties: properties)
    }
  }

  /// A file is begun anew with an input that is, and continued with a topic that is.
  private func file(_ path: String, _ input: ProcessingInput) throws -> FileDescriptorWriter {
    try files.withLock { files in
      if let writer = files[path] { return writer }
      let writer = input.isPartitioned ? try FileDescriptorWriter(appendingTo: path) : try FileDescriptorWriter(path: path)
      files[path] = writer
      return writer
    }
  }

  private func noteLeftOut(_ text: String) {
    let isNews = leftOut.withLock { told in
      guard !told.contains(text) else { return false }
      told.append(text)
      return true
    }
    if isNews { Terminal.print(toError: "freshet: note: \(text)") }
  }
}
