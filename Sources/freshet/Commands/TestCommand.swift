// `freshet test`: the tests that a pipeline brings with it, on records in memory and a clock that stands still.

import ArgumentParser
import Base
import Configuration
import Features
import Foundation
import LocalTransport
import Processing

struct TestCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "test",
    abstract: "Run the tests of a pipeline, without Kafka, Redis or waiting.",
    discussion: """
      Gives the records of each test to the pipeline's decoder and windows, and compares what readers of its features would see with what \
      the test expects. Time is event time: it moves with the records, and to the times at which an expectation looks.

        tests:
          - name: a view leaves after five minutes
            view: user_activity
            given:
              - { timestamp: "2026-01-01T10:00:00Z", event: Product Viewed, userId: u1 }
            expect:
              - { at: "2026-01-01T10:04:00Z", key: u1, views_5m: 1 }
              - { at: "2026-01-01T10:06:00Z", key: u1, views_5m: 0 }

      Ends with 0 where all pass, with 3 where one does not, and with 78 where the file has errors.
      """)

  @Argument(help: "The pipeline, a YAML file.")
  var pipeline: String

  @Option(name: .customLong("name"), help: "Only the test of this name; may be given several times.")
  var names: [String] = []

  @Option(help: "text or json.")
  var output = InspectionOptions.Output.text

  func run() throws {
    let definition = try PipelineReader.load(path: pipeline) { Terminal.print(toError: $0.description) }
    let outcomes = try chosen(definition).map { try PipelineTestRun.run($0, of: definition) }
    let report = PipelineTestReport(path: pipeline, outcomes)
    let text = output == .json ? report.json : report.text
    try Terminal.print(toOutput: text)
    guard report.failedCount == 0 else {
      throw Failure(.checkFailed, "\(report.failedCount) of \(outcomes.count) tests of '\(pipeline)' failed")
    }
  }

  private func chosen(_ definition: PipelineDefinition) throws(Failure) -> [PipelineTest] {
    let known = definition.tests.map(\.name)
    guard !known.isEmpty else {
      throw Failure(.badConfiguration, "pipeline '\(definition.name)' has no tests; write some under 'tests:'")
    }
    for name in names where !known.contains(name) {
      throw Failure(
        .usage,
        "--name: pipeline '\(definition.name)' has no test '\(name)'\(Suggestion.hint(for: name, among: known)); it has "
          + known.map { "'\($0)'" }.joined(separator: ", "))
    }
    return definition.tests.filter { names.isEmpty || names.contains($0.name) }
  }
}
