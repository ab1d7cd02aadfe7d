// `freshet archive`: what a pipeline's sources send, into the archive that batch runs read.

import ArgumentParser
import Base
import Batch
import Features
import Foundation
import HTTPServer
import Monitoring
import Processing
import Synchronization

struct ArchiveCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "archive",
    abstract: "Keep a pipeline's events in files, for batch runs and for warming a store anew.",
    discussion: """
      Reads the topics of the pipeline's sources as a consumer group of its own (GROUP-archive) and writes what comes into the directory that \
      'archive:' names: compressed files of one event per line, by the hour of event time, which DuckDB, Spark and pandas read as they are. \
      Files appear when they are whole; nothing is missing or there twice, whatever ends the command. 'freshet process' does the same beside its \
      own work, where the pipeline has 'archive:'.

        freshet archive pipeline.yaml
        freshet archive pipeline.yaml --until-idle 10s
        freshet archive pipeline.yaml --from file:history.ndjson

      A file or a pipe is archived as partition 0, its events numbered; a file that has grown goes on where it was, a pipe always goes on.
      """)

  @Argument(help: "The pipeline, a YAML file with 'archive:'.")
  var pipeline: String

  @Option(help: "Read from kafka (as the pipeline says), kafka://HOST:PORT[,HOST:PORT]/TOPIC, - (standard input) or file:PATH.")
  var from: String?

  @Option(name: .customLong("source"), help: "Only this source; may be given several times.")
  var sources: [String] = []

  @Option(help: "End when no event has arrived for this long, for example 10s.")
  var untilIdle: String?

  @Option(help: "The summary as text on stderr, or as one line of json on stdout.")
  var output = InspectionOptions.Output.text

  @Option(help: "Answer /livez, /readyz, /metrics and /status.json by HTTP at HOST:PORT, or at a port of this machine alone.")
  var listen: String?

  @Option(name: .customShort("X"), help: "A librdkafka property, as key=value; may be given several times.")
  var kafkaProperties: [String] = []

  func run() throws {
    Interrupts.install()
    let idle = try given(untilIdle, "until-idle").map { try Arguments.duration($0, "--until-idle") }
    let definition = try PipelineReader.load(path: pipeline) { Terminal.print(toError: $0.description) }
    let chosen = try chosenSources(definition)
    let endpoints = try ProcessingEndpoints(definition, from: given(from, "from"), to: "null", properties: kafkaProperties)
    if endpoints.readsOneInput, chosen.count > 1 {
      throw Failure(.usage, "--from names one input, but the archive has \(chosen.count) sources; choose one with --source")
    }
    let hasFailed = FailureFlag()
    let run = ArchiveRun(
      pipeline: definition, endpoints: endpoints, untilIdleMilliseconds: idle,
      isStopRequested: { Interrupts.stopRequested || hasFailed.isSet.load(ordering: .relaxed) },
      onFailure: { hasFailed.isSet.store(true, ordering: .relaxed) })
    let started = SystemClock().monotonicNanoseconds
    try run.start(chosen)
    let server = try statusServer(definition, run)
    defer { server?.stop() }
    let progress = Terminal.errorIsTerminal ? ProgressReporter { ArchiveReport.progress(run.counts, since: started) } : nil
    var failure: (any Error)?
    do { try run.join() } catch { failure = error }
    progress?.stop()
    switch output {
    case .json: try Terminal.print(toOutput: ArchiveReport.json(run.counts))
    default: Terminal.print(toError: ArchiveReport.lines(run.counts).joined(separator: "\n"))
    }
    if let failure { throw failure }
  }

  private func statusServer(_ pipeline: PipelineDefinition, _ run: ArchiveRun) throws -> HTTPServer? {
    guard let text = given(listen, "listen") else { return nil }
    let clock = SystemClock()
    let startedAt = clock.nowMilliseconds
    let status = StatusServer(
      obstacles: {
        Interrupts.stopRequested
          ? ["stopping: the end was asked for"] : ProcessingHealth.obstacles(of: run.health, now: clock.monotonicNanoseconds)
      },
      summary: { "\(run.counts.archivedRecords) records archived" },
      metrics: {
        var metrics = MetricsText()
        ArchiveMetrics.add(to: &metrics, run.counts)
        ProcessMetrics.add(to: &metrics, startedAt: startedAt)
        return metrics.text
      }, fill: { $0.archive = StatusDocument.Archive(run.counts) }, pipelineName: pipeline.name, startedAt: startedAt)
    return try status.start(at: ListenAddress(text, option: "--listen"), label: "freshet.archive")
  }

  /// One worker that fails ends the others.
  private final class FailureFlag: Sendable {
    let isSet = Atomic<Bool>(false)
  }

  private func given(_ flag: String?, _ name: String) -> String? { Arguments.option(flag, name, of: "archive") }

  private func chosenSources(_ definition: PipelineDefinition) throws(Failure) -> [Int] {
    guard let archive = definition.archive else {
      throw Failure(
        .badConfiguration,
        "pipeline '\(definition.name)' has no 'archive:', so there is no place for its events; add 'archive: { path: DIRECTORY }'")
    }
    let known = archive.sources.map { definition.sources[$0].name }
    for name in sources where !known.contains(name) {
      throw Failure(
        .usage,
        "--source: '\(name)' is not archived by pipeline '\(definition.name)'; it archives "
          + known.map { "'\($0)'" }.joined(separator: ", "))
    }
    return archive.sources.filter { sources.isEmpty || sources.contains(definition.sources[$0].name) }
  }
}
