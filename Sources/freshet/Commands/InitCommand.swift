// `freshet init`: a schema to begin with, from nothing, from another program's file, or from a sample of data.

import ArgumentParser
import Base
import Configuration
import Foreign
import Foundation
import Schema

struct InitCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "init",
    abstract: "Write a schema to begin with, or convert another program's.",
    discussion: """
      Without --from: a small schema with comments. With it: GlassGen configurations, Avro schemas (with or without arg.properties), \
      kafka-connect-datagen connectors and JSON Schemas are converted; from NDJSON, JSON and CSV data a schema is inferred, and what was found goes \
      to stderr. What has no equivalent is named with its place.

        freshet init > shop.yaml
        freshet init --kind stream --name orders --out orders.yaml
        freshet init --from users.avsc --out users.yaml
        freshet init --from events.ndjson > events.yaml
      """)

  enum Kind: String, ExpressibleByArgument, CaseIterable {
    case sessions
    case stream
    /// As the schema itself says for sessions.
    case events

    var starter: StarterSchema { self == .stream ? .stream : .sessions }
  }

  @Option(help: ArgumentHelp("The file to convert, or a sample to learn from.", valueName: "file"))
  var from: String?

  @Option(
    help: "Without --from: sessions of users (events means the same), or a stream of independent records. (default: sessions)")
  var kind: Kind?

  @Option(help: "The schema's name. (default: made from the file's, or 'example')")
  var name: String?

  @Option(help: ArgumentHelp("Where to write it. (default: stdout)", valueName: "file"))
  var out: String?

  @Flag(help: "Overwrite what is there.")
  var force = false

  func run() throws {
    if let name, name.isEmpty || !name.utf8.allSatisfy({ Self.isNameByte($0) }) {
      throw Failure(.usage, "--name: expected letters, digits, '_' and '-', found '\(name)'")
    }
    if from != nil, kind != nil { throw Failure(.usage, "--kind: goes with a new schema, not with --from") }
    if let out, !force, FileManager.default.fileExists(atPath: out) {
      throw Failure(.inputOutput, "\(out): is there already; --force overwrites it")
    }
    let text =
      try from.map(converted) ?? (kind ?? .sessions).starter.text(name: name ?? "example")
    guard let out else {
      print(text, terminator: "")
      return
    }
    do {
      try Data(text.utf8).write(to: URL(fileURLWithPath: out), options: force ? .atomic : .withoutOverwriting)
    } catch {
      throw Failure(.inputOutput, "\(out): cannot be written: \(error.localizedDescription)")
    }
    Terminal.print(
      toError: "wrote \(out); freshet validate \(out) checks it, freshet generate \(out) --count 10 shows what it gives")
  }

  private func converted(_ path: String) throws -> String {
    let schema = try ForeignReader.load(path: path, name: name) { Terminal.print(toError: $0.description) }
    // What the reader of schemas says about it has places in the file it came from.
    let diagnostics = Diagnostics(file: path)
    _ = SchemaReader.read(
      schema.document.configurationNode(), directory: ResourcePath.directory(of: path), diagnostics: diagnostics)
    // What is only not built yet is no fault of the file.
    let faults = diagnostics.all.filter { $0.severity == .error && $0.code != "not-built" }
    guard faults.isEmpty else { throw Failure(.badConfiguration, faults.map(\.description).joined(separator: "\n")) }
    for finding in diagnostics.all { Terminal.print(toError: finding.description) }
    for note in schema.notes { Terminal.print(toError: "\(path): \(note)") }
    return schema.text
  }

  private static func isNameByte(_ byte: UInt8) -> Bool {
    (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte) || byte == UInt8(ascii: "_")
      || byte == UInt8(ascii: "-")
  }
}
