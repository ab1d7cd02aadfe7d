// `freshet validate`: reads schemas and pipelines as the other commands do, says everything that is wrong with them, and runs nothing.

import ArgumentParser
import Base
import Configuration
import Features
import Foreign
import Foundation
import Schema

struct ValidateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "validate",
    abstract: "Check event schemas and pipelines without running them.",
    discussion: """
      All errors and warnings of all files go to stderr, each with its place; every sound file gives one line on stdout. \
      Ends with 78 when a file has errors, and else with 66 when one cannot be read.
      """)

  enum Output: String, ExpressibleByArgument, CaseIterable {
    case text
    case json
  }

  @Argument(
    help: ArgumentHelp("Event schemas, also those of other programs, and pipelines; their 'kind' says which.", valueName: "file"))
  var files: [String]

  @Option(help: "text, or json: a list of all findings on stdout.")
  var output = Output.text

  func run() throws {
    var findings: [Diagnostic] = []
    var unreadable: [Failure] = []
    for file in files {
      let diagnostics = Diagnostics(file: file)
      var summary: String?
      do {
        summary = try Self.check(file, diagnostics)
      } catch {
        unreadable.append(error)
        Terminal.printError(error.message)
        continue
      }
      // A schema that several pipelines name is reported once.
      let new = diagnostics.all.filter { !findings.contains($0) }
      findings += new
      guard output == .text else { continue }
      for finding in new { Terminal.print(toError: finding.description) }
      if let summary { print("\(file): \(summary), \(Self.closing(diagnostics.all))") }
    }
    if output == .json { print(try Self.json(findings)) }
    if findings.contains(where: { $0.severity == .error }) { _exit(.badConfiguration) }
    if let first = unreadable.first { _exit(first.code) }
  }

  /// Reads a file of either kind; what it holds in a few words, or nil where it has errors.
  private static func check(_ file: String, _ diagnostics: Diagnostics) throws(Failure) -> String? {
    if ForeignReader.isForeign(path: file) {
      return try SchemaSource.readForeign(path: file, diagnostics).map { summary($0.schema) }
    }
    let loader = ConfigurationLoader()
    guard let root = try loader.load(path: file, diagnostics: diagnostics) else { return nil }
    let directory = ResourcePath.directory(of: file)
    let values = ValueReader(diagnostics, language: "language")
    guard let document = MappingReader(root, nil, values) else { return nil }
    guard let kind = document.node("kind") else {
      diagnostics.error(
        "missing-field", at: root.location, "missing field 'kind'; expected 'kind: events', 'kind: stream' or 'kind: pipeline'")
      return nil
    }
    switch values.name(kind, "'kind'", among: ["events", "stream", "pipeline"]) {
    case "events", "stream":
      return SchemaReader.read(root, directory: directory, diagnostics: diagnostics).map(summary)
    case "pipeline":
      let pipeline = PipelineReader.read(root, directory: directory, loader: loader, diagnostics: diagnostics)
      return pipeline.map(summary)
    default:
      return nil
    }
  }

  // MARK: - Text

  private static func summary(_ schema: EventSchema) -> String {
    let entities = count(schema.entities.count, "entity", "entities")
    let streams = count(schema.streams.count, "stream", "streams")
    guard let sessions = schema.sessions else { return "stream schema '\(schema.name)': \(entities), \(streams)" }
    let events = count(schema.events.count - schema.streams.count, "event", "events")
    let parts = [entities, count(sessions.states.count, "state", "states"), events] + (schema.streams.isEmpty ? [] : [streams])
    return "events schema '\(schema.name)': \(parts.joined(separator: ", "))"
  }

  private static func summary(_ pipeline: PipelineDefinition) -> String {
    let views = pipeline.views.count + pipeline.requestViews.count
    let features = pipeline.views.reduce(0) { $0 + $1.features.count } + pipeline.requestViews.reduce(0) { $0 + $1.features.count }
    let counts = [
      count(pipeline.sources.count, "source", "sources"), count(pipeline.entities.count, "entity", "entities"),
      count(views, "view", "views"), count(features, "feature", "features"),
    ]
    return "pipeline '\(pipeline.name)': \(counts.joined(separator: ", "))"
  }

  private static func closing(_ findings: [Diagnostic]) -> String {
    findings.isEmpty ? "no errors" : "no errors, \(count(findings.count, "warning", "warnings"))"
  }

  private static func count(_ count: Int, _ one: String, _ many: String) -> String { "\(count) \(count == 1 ? one : many)" }

  // MARK: - JSON

  private struct Finding: Encodable {
    var file: String
    var line: Int
    var column: Int
    var severity: String
    var code: String
    var message: String
  }

  private static func json(_ findings: [Diagnostic]) throws -> String {
    try JSONDocument.text(
      of: findings.map {
        Finding(
          file: $0.file, line: $0.location.line, column: $0.location.column, severity: $0.severity.rawValue, code: $0.code,
          message: $0.message)
      })
  }
}
