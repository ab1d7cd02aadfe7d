// `freshet explain`: what a schema will give, or what a pipeline will do and cost, before it is run.

import ArgumentParser
import Base
import Configuration
import Features
import Foreign
import Foundation
import Schema

struct ExplainCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "explain",
    abstract: "Say what a schema will give, or what a pipeline will do and cost.",
    discussion: """
      Of a schema: bytes, rates, cardinalities, keys, memory. It runs a part of the stream to measure it, and writes nothing of it. Where event \
      time matters it starts at the schema's clock, or on Monday, 2026-01-05.

      Of a pipeline: keys, windows, which features share panes, bytes of state, rows and commands for Redis, how fresh a value can be, what makes \
      records late. It reads nothing but the file; figures are for --rate and --keys.

        freshet explain Schemas/clickstream.yaml
        freshet explain Pipelines/shop_features.yaml --rate 5k/s --keys 1M
        freshet explain Pipelines/shop_features.yaml user_activity.views_5m

      With --key it asks the running 'freshet process' why a value is what it is: which panes it is made of, up to which offset and event time, \
      when it changes by itself, and what Redis holds. Where no worker answers it looks into the saved checkpoint.

        freshet explain Pipelines/shop_features.yaml user_activity.views_5m --key u1
      """)

  @Argument(help: "An event schema or a pipeline.")
  var file: String

  @Argument(help: ArgumentHelp("Only this view of the pipeline, or only this feature: VIEW or VIEW.FEATURE.", valueName: "view"))
  var subject: String?

  @Option(help: "Of a schema: seed in place of its own.")
  var seed: String?

  @Option(help: "Of a pipeline: events per second. (default: 1k/s)")
  var rate: String?

  @Option(help: "Of a pipeline: how many keys there are of each entity. (default: 100k)")
  var keys: String?

  @Option(help: "Of a running pipeline: the key whose value is explained; needs VIEW.FEATURE.")
  var key: String?

  @Option(help: "With --key: where the processor writes, if not where the pipeline says: redis://HOST:PORT[/DB].")
  var to: String?

  @Option(help: "text or json.")
  var output = InspectionOptions.Output.text

  func run() throws {
    if try isPipeline() { try explainPipeline() } else { try explainSchema() }
  }

  private func given(_ flag: String?, _ name: String) -> String? { Arguments.option(flag, name, of: "explain") }

  private func isPipeline() throws(Failure) -> Bool {
    guard !ForeignReader.isForeign(path: file) else { return false }
    // What is wrong with the file is said when it is read in earnest.
    let diagnostics = Diagnostics(file: file)
    guard let root = try ConfigurationLoader().load(path: file, diagnostics: diagnostics),
      let reader = MappingReader(root, nil, ValueReader(diagnostics, language: "language"))
    else { return false }
    return reader.node("kind")?.scalarText == "pipeline"
  }

  // MARK: - Schemas

  private func explainSchema() throws {
    for (name, isGiven) in [("--rate", rate != nil), ("--keys", keys != nil), ("--key", key != nil)] where isGiven {
      throw Failure(.usage, "\(name): goes with a pipeline, and '\(file)' is a schema, which has a rate and keys of its own")
    }
    if let subject { throw Failure(.usage, "'\(subject)': a view goes with a pipeline, and '\(file)' is a schema") }
    let (schema, _) = try SchemaSource.load(path: file)
    let seed = try given(seed, "seed").map { text throws(Failure) in
      guard let seed = UInt64(text) else {
        throw Failure(.usage, "--seed: expected a whole number from 0 to 18446744073709551615, found '\(text)'")
      }
      return seed
    }
    let explanation = try SchemaExplanation(schema, seed: seed)
    try Terminal.print(toOutput: output == .json ? explanation.json : explanation.text)
  }

  // MARK: - Pipelines

  private func explainPipeline() throws {
    if seed != nil { throw Failure(.usage, "--seed: goes with a schema, and '\(file)' is a pipeline") }
    let rateText = given(rate, "rate") ?? "1k/s"
    guard let rate = Units.ratePerSecond(rateText), rate > 0 else {
      throw Failure(.usage, "--rate: expected a rate like 200/s, 5k/s or 1.5M/s, found '\(rateText)'")
    }
    let keysText = given(keys, "keys") ?? "100k"
    guard let keys = Units.count(keysText), keys > 0 else {
      throw Failure(.usage, "--keys: expected a count like 500, 20k or 1.5M, found '\(keysText)'")
    }
    let pipeline = try PipelineReader.load(path: file) { Terminal.print(toError: $0.description) }
    if let key = given(key, "key") { return try explainValue(pipeline, key) }
    let explanation = try PipelineExplanation(pipeline, subject: subject, ratePerSecond: rate, keyCount: Double(keys))
    try Terminal.print(toOutput: output == .json ? explanation.json : explanation.text)
  }

  // MARK: - One value

  private func explainValue(_ pipeline: PipelineDefinition, _ key: String) throws {
    let (view, feature) = try PipelineExplanation.find(subject, in: pipeline)
    guard let view, let feature else {
      throw Failure(.usage, "--key: expected VIEW.FEATURE before it, such as user_activity.views_5m")
    }
    if let derivation = pipeline.views[view].features[feature].derivation {
      throw Failure(
        .usage, "'\(subject ?? "")' is made of other features (\(derivation.text)), which each can be explained with --key")
    }
    let endpoints = try ProcessingEndpoints(pipeline, from: nil, to: given(to, "to"), properties: [])
    let isKeyed = pipeline.views[view].entity != nil
    let inquiry = try ValueInquiry(pipeline, view: view, feature: feature, key: isKeyed ? key : nil, endpoints: endpoints)
    try Terminal.print(toOutput: output == .json ? inquiry.json : inquiry.text)
    if inquiry.finding == nil { throw Failure(.failure, "nothing is known of key '\(key)'") }
  }
}
