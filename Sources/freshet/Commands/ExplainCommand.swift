// `freshet explain`: what a schema will give before it is run.

import ArgumentParser
import Base
import Configuration
import Foreign
import Foundation
import Schema

struct ExplainCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "explain",
    abstract: "Say what a schema will give: bytes, rates, cardinalities, keys, memory.",
    discussion: """
      Runs a part of the stream to measure it, and writes nothing of it. Where event time matters it starts at the schema's clock, or on Monday, \
      2026-01-05.
      """)

  @Argument(help: "An event schema.")
  var file: String

  @Option(help: "Seed in place of the schema's.")
  var seed: String?

  @Option(help: "text or json.")
  var output = InspectionOptions.Output.text

  func run() throws {
    try Self.refusePipelines(file)
    let (schema, _) = try SchemaSource.load(path: file)
    let seed = try Arguments.option(seed, "seed", of: "explain").map { text throws(Failure) in
      guard let seed = UInt64(text) else {
        throw Failure(.usage, "--seed: expected a whole number from 0 to 18446744073709551615, found '\(text)'")
      }
      return seed
    }
    let explanation = try SchemaExplanation(schema, seed: seed)
    switch output {
    case .text: print(explanation.text)
    case .json: print(try explanation.json)
    }
  }

  private static func refusePipelines(_ file: String) throws(Failure) {
    guard !ForeignReader.isForeign(path: file) else { return }
    let diagnostics = Diagnostics(file: file)
    guard let root = try ConfigurationLoader().load(path: file, diagnostics: diagnostics),
      let reader = MappingReader(root, nil, ValueReader(diagnostics, language: "language")), let kind = reader.node("kind"),
      case .scalar(let scalar) = kind.content, scalar.text == "pipeline"
    else { return }
    throw Failure(
      .usage, "\(file): is a pipeline; this version explains event schemas only, and freshet validate \(file) checks it")
  }
}
