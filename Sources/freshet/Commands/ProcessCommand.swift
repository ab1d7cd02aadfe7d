// `freshet process`: a pipeline's windows over a topic, a file or a pipe, into Redis or onto stdout.

import ArgumentParser
import Base
import Configuration
import Features
import Foundation
import LocalTransport
import Processing
import Records

struct ProcessCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "process",
    abstract: "Compute a pipeline's windowed features from a stream of events.",
    discussion: """
      Reads events from the pipeline's Kafka topic (or from --from), keeps the windows of every view in memory, and writes feature rows to \
      Redis (or to --to). A source reads JSON, one record per line or per message of Kafka, or Avro ('format: avro': container files, or \
      records with the schemas of a registry, whose credentials are FRESHET_SCHEMA_REGISTRY_USERNAME and \
      FRESHET_SCHEMA_REGISTRY_PASSWORD, or the latter with _FILE). Offsets are committed only after the rows that depend on them have been confirmed.

        freshet process Pipelines/shop_features.yaml
        freshet generate Schemas/clickstream.yaml --count 1000000 | freshet process Pipelines/shop_features.yaml --from - --to stdout

      Where the pipeline has 'archive:', its topics are archived on the way, by consumers of their own ('freshet archive --help'). --from archive \
      reads the archive in the place of the topics, ends where it ends, and leaves the state from which the next run goes on in Kafka: that is \
      how a store that was lost is filled anew.

      Each option can also be set by the environment: FRESHET_PROCESS_TO=null for --to. FRESHET_LOG=info tells about partitions that come \
      and go.
      """)

  @Argument(help: "The pipeline, a YAML file.")
  var pipeline: String

  @Option(
    help: "Read from kafka (as the pipeline says), kafka://HOST:PORT[,HOST:PORT]/TOPIC, archive, - (standard input) or file:PATH.")
  var from: String?

  @Option(help: "Write to redis (as the pipeline says), redis://[user@]HOST:PORT[/DB], redis+unix:///PATH, stdout or null.")
  var to: String?

  @Option(help: "Pass late records on to kafka://HOST:PORT/TOPIC or file:PATH, whatever the pipeline says; null only counts them.")
  var lateTo: String?

  @Option(help: "The same for records that cannot be read.")
  var deadLettersTo: String?

  @Option(help: "The summary as text on stderr, or as one line of json: on stdout, and where --to is stdout at the end of stderr.")
  var output = InspectionOptions.Output.text

  @Option(
    help: "Workers, each with its own consumer, thread and Redis connection; together they form one consumer group. (default: 1)")
  var workers: Int?

  @Option(name: .customLong("view"), help: "Only this view; may be given several times.")
  var views: [String] = []

  @Option(help: "End when no event has arrived for this long, for example 10s.")
  var untilIdle: String?

  @Option(name: .customShort("X"), help: "A librdkafka property, as key=value; may be given several times.")
  var kafkaProperties: [String] = []

  @Option(
    name: .customLong("reset"),
    help: "Start this view anew from where its checkpoint ends, as one that has changed has to; may be given several times.")
  var reset: [String] = []

  @Flag(help: "Archive nothing, whatever the pipeline says.")
  var noArchive = false

  @Flag(help: "Compute everything anew: empty windows, from where the input (or auto.offset.reset) begins.")
  var ignoreCheckpoints = false

  @OptionGroup
  var service: ServiceOptions

  func run() throws {
    Interrupts.install()
    var settings = WorkerSettings()
    settings.untilIdleMilliseconds = try given(untilIdle, "until-idle").map { try Arguments.duration($0, "--until-idle") }
    settings.ignoresCheckpoints = ignoreCheckpoints
    settings.resetViews = Set(reset)
    let workersText = given(workers.map(String.init), "workers") ?? "1"
    guard let workers = Int(workersText), (1...256).contains(workers) else {
      throw Failure(.usage, "--workers: expected 1 to 256, found '\(workersText)'")
    }
    let listen = try service.address(of: "process")
    let drainTimeout = try service.drainTimeout(of: "process")
    settings.drainMilliseconds = drainTimeout
    let definition = try PipelineReader.load(path: pipeline) { Terminal.print(toError: $0.description) }
    try checkReset(definition)
    let run = ProcessingRun(
      pipeline: definition,
      endpoints: try ProcessingEndpoints(
        definition, from: given(from, "from"), to: given(to, "to"), lateTo: given(lateTo, "late-to"),
        deadLettersTo: given(deadLettersTo, "dead-letters-to"), properties: kafkaProperties),
      viewNames: try viewNames(of: definition), workerCount: workers, settings: settings, measures: listen != nil,
      archives: !noArchive)
    let supervisor = try ProcessingService(
      run, definition, listen: listen, drainTimeout: drainTimeout, stallAfter: service.stallAfter(of: "process"))
    do { try run.start() } catch {
      supervisor.stop()
      throw error
    }
    supervisor.noteStarted(definition, run)
    let started = SystemClock().monotonicNanoseconds
    // Whoever supervises a service reads its metrics, and its log should be quiet.
    let progress =
      supervisor.isSupervised && !Terminal.errorIsTerminal
      ? nil : ProgressReporter { ProcessingReport.progress(run.counts, since: started) }
    var failure: (any Error)?
    do { try run.join() } catch { failure = error }
    progress?.stop()
    supervisor.stop()
    if !(failure is ClosedPipe) { try report(run, definition, since: started) }
    if let failure { throw failure }
  }

  private func report(_ run: ProcessingRun, _ definition: PipelineDefinition, since started: UInt64) throws {
    let archived = run.archiveCounts
    guard output == .json else {
      let lines = [ProcessingReport.summary(run.counts, definition, since: started)] + (archived.map(ArchiveReport.lines) ?? [])
      return Terminal.print(toError: lines.joined(separator: "\n"))
    }
    let line = ProcessingReport.json(run.counts, definition, archived: archived, since: started)
    if ["stdout", "-"].contains(given(to, "to")) { Terminal.print(toError: line) } else { try Terminal.print(toOutput: line) }
  }

  private func given(_ flag: String?, _ name: String) -> String? { Arguments.option(flag, name, of: "process") }

  private func checkReset(_ definition: PipelineDefinition) throws(Failure) {
    let known = definition.views.map(\.name)
    for name in reset where !known.contains(name) {
      let hint = Suggestion.hint(for: name, among: known)
      throw Failure(
        .usage,
        "--reset: pipeline '\(definition.name)' has no view '\(name)'"
          + (hint.isEmpty ? "; it has \(known.map { "'\($0)'" }.joined(separator: ", "))" : hint))
    }
  }

  private func viewNames(of definition: PipelineDefinition) throws(Failure) -> Set<String>? {
    guard !views.isEmpty else { return nil }
    let known = definition.views.map(\.name)
    for name in views where !known.contains(name) {
      throw Failure(
        .usage,
        "--view: pipeline '\(definition.name)' has no view '\(name)'; it has \(known.map { "'\($0)'" }.joined(separator: ", "))")
    }
    return Set(views)
  }
}
