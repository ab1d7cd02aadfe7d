// `freshet load`: the highest load that a pipeline sustains, and how fresh its values are on the way there.

import ArgumentParser
import Base
import Configuration
import Features
import Foundation
import KafkaTransport
import Monitoring
import Processing
import RedisStore
import Schema

struct LoadCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "load",
    abstract: "Find the highest load that a pipeline sustains.",
    discussion: """
      Events of a schema go to the topic of a pipeline that runs, at one rate after the other; marker events say all the while how long it takes until \
      a reader sees an event. A rate is sustained when as much was delivered as was asked for, the lag does not grow, and the objective holds.

        freshet load Pipelines/shop_features.yaml Schemas/clickstream.yaml --slo "p99 500ms" --report load.html
        freshet load Pipelines/shop_features.yaml Schemas/clickstream.yaml --status http://127.0.0.1:9464 --from-rate 5k/s --max-rate 200k/s

      A pipeline of somebody else is tested by its topic and a place where what came of a marker can be seen: a key in Redis, with {key} for the \
      marker's key, or a record in a topic that holds that key.

        freshet load orders.yaml --to kafka://localhost:9092/orders --watch redis://localhost --watch-key 'customer:{key}' --watch-field total
        freshet load orders.yaml --to kafka://localhost:9092/orders --watch kafka://localhost:9092/enriched

      Ends with 3 where not even the first rate is sustained. Ctrl-C ends with what is known. Each option can also be set by the environment: \
      FRESHET_LOAD_SLO="p99 500ms" for --slo.
      """)

  enum Output: String, ExpressibleByArgument, CaseIterable {
    case text
    case json
  }

  @Argument(help: "A pipeline and the schema of its events; with --watch the schema alone.")
  var files: [String]

  @Option(help: "Where events go: kafka://HOST:PORT[,HOST:PORT]/TOPIC. (default: the topic of the pipeline's source)")
  var to: String?

  @Option(help: "The Redis in which rows are looked for. (default: the pipeline's sink)")
  var redis: String?

  @Option(help: "The view whose rows tell of markers. (default: the first that can be probed)")
  var view: String?

  @Option(help: "The first rate, and the lowest that may be found: 1k/s. (default: 1k/s)")
  var fromRate: String?

  @Option(help: "The highest rate that is tried. (default: 10M/s)")
  var maxRate: String?

  @Option(
    help: "How long a step lasts; a quarter of that goes before it as warming up, and the last takes twice as long. (default: 10s)")
  var stepTime: String?

  @Option(
    help:
      "What readers may have to wait: \"p99 500ms\". (default: the `visible_delay` of the pipeline's `slo:`, else p99 1s and twice the view's emit.every)"
  )
  var slo: String?

  @Option(help: "How near the two ends of the search come to each other, as a share: 0.05 to 0.5. (default: 0.08)")
  var precision: String?

  @Option(help: "How often a marker goes to each partition. (default: so that a step has some hundred of them)")
  var probeEvery: String?

  @Option(
    help: """
      The address of a process of the pipeline, such as http://127.0.0.1:9464, which is asked for its lag; may be given several times. (default: the lag \
      is the end of the topic less what the fences in Redis say)
      """)
  var status: [String] = []

  @Option(help: "For another's pipeline, where markers are looked for: redis://HOST:PORT or kafka://HOST:PORT/TOPIC.")
  var watch: String?

  @Option(help: "The key in Redis that a marker's entity gets, with {key} for the marker's key.")
  var watchKey: String?

  @Option(help: "The field of that key which has to be there. (default: the key itself)")
  var watchField: String?

  @Option(help: "With --watch, the field of an event that names its entity. (default: the key of the schema's records)")
  var markerKey: String?

  @Option(help: "Only this stream of the schema.")
  var stream: String?

  @Option(help: "Threads that generate. (default: 1)")
  var threads: String?

  @Option(help: "text or json.")
  var output = Output.text

  @Option(help: "Write the report as a page: load.html.")
  var report: String?

  @Option(name: [.customShort("X", allowingJoined: true)], help: "A librdkafka property, as key=value.")
  var properties: [String] = []

  func run() throws {
    let stepSeconds = try Double(given(stepTime, "step-time").map { try Arguments.duration($0, "--step-time") } ?? 10_000) / 1000
    guard stepSeconds >= 1 else { throw Failure(.usage, "--step-time: expected at least 1s, found '\(stepTime ?? "")'") }
    var search = LoadSearch.Settings(
      firstRate: try rate(given(fromRate, "from-rate"), "--from-rate") ?? 1000,
      highestRate: .greatestFiniteMagnitude, stepSeconds: stepSeconds)
    search.highestRate = try rate(given(maxRate, "max-rate"), "--max-rate") ?? max(10_000_000, search.firstRate)
    guard search.highestRate >= search.firstRate else {
      throw Failure(
        .usage,
        "--max-rate: \(LoadReport.rate(search.highestRate)) is below the first rate, \(LoadReport.rate(search.firstRate)) (--from-rate)"
      )
    }
    if let text = given(precision, "precision") {
      guard let value = Double(text), (0.05...0.5).contains(value) else {
        throw Failure(.usage, "--precision: expected a share from 0.05 to 0.5, found '\(text)'")
      }
      search.precision = value
    }
    let asked = try given(slo, "slo").map(Self.objective)
    Interrupts.install()
    let kafka = try KafkaProperties(arguments: properties)
    let subject = try given(watch, "watch").map { try foreign($0, kafka) } ?? own(kafka)
    let every =
      try given(probeEvery, "probe-every").map { try Arguments.duration($0, "--probe-every") }
      ?? Int64(max(20, stepSeconds * 1000 * Double(subject.partitionCount) / 300))
    guard every > 0 else { throw Failure(.usage, "--probe-every: expected a duration like 100ms, found '\(probeEvery ?? "")'") }
    let objective =
      asked ?? subject.objective
      ?? LoadObjective(percentile: 99, milliseconds: Double(1000 + 2 * subject.target.emitEveryMilliseconds))
    try run(subject, LoadRun.Settings(search: search, objective: objective, settleSeconds: max(1, stepSeconds / 4)), every)
  }

  private func run(_ subject: Subject, _ settings: LoadRun.Settings, _ every: Int64) throws {
    let generator = try LoadGenerator(
      subject.schema, to: "\(subject.target.topic)", threads: given(threads, "threads"), stream: given(stream, "stream"),
      properties: properties)
    defer { generator.stop() }
    let probes = ProbeRun(subject.target, every: every)
    probes.start()
    defer { probes.stop() }
    var report = LoadReport(
      subject: subject.name, watched: subject.watched, startedAt: SystemClock().nowMilliseconds, objective: settings.objective)
    if output == .text {
      try Terminal.print(
        toOutput: "\(subject.name), markers read from \(subject.watched), \(settings.objective.text)\n\(LoadReport.head)")
    }
    let run = LoadRun(settings, generator, probes, subject.lagReader) { step in
      if output == .text { try Terminal.print(toOutput: LoadReport.line(step)) }
    }
    var failure: (any Error)?
    do { try run.run(&report) } catch { failure = error }
    if let failure, report.steps.isEmpty { throw failure }
    if let failure {
      report.isInterrupted = true
      report.notes.append("the test ended early: \((failure as? Failure)?.message ?? "\(failure)")")
    }
    try show(report)
    if let failure { throw failure }
    if report.highestSustained == nil, !report.isInterrupted { throw Failure(.checkFailed, report.conclusion) }
  }

  private func show(_ report: LoadReport) throws {
    if output == .json {
      try Terminal.print(toOutput: String(decoding: MonitoringJSON.data(of: report), as: UTF8.self))
    } else {
      try Terminal.print(toOutput: (report.notes.map { "note: \($0)" } + [report.conclusion]).joined(separator: "\n"))
    }
    guard let path = given(self.report, "report") else { return }
    do { try Data(report.page.utf8).write(to: URL(filePath: path), options: .atomic) } catch {
      throw Failure(.inputOutput, "--report: cannot write \(path): \(error.localizedDescription)")
    }
  }

  // MARK: - What is tested

  private struct Subject {
    var name: String
    var watched: String
    var schema: EventSchema
    var target: ProbeTarget
    var partitionCount: Int
    var lagReader: (any LagReader)?
    /// What the pipeline's own `slo:` asks of the view.
    var objective: LoadObjective?
  }

  private func own(_ kafka: KafkaProperties) throws -> Subject {
    for (value, name) in [(watchKey, "--watch-key"), (watchField, "--watch-field"), (markerKey, "--marker-key")] where value != nil
    {
      throw Failure(.usage, "\(name) goes with --watch")
    }
    guard files.count == 2 else {
      throw Failure(
        .usage,
        "expected a pipeline and a schema, found \(files.count == 1 ? "one file" : "\(files.count) files"); "
          + "the schema alone goes with --watch")
    }
    let pipeline = try PipelineReader.load(path: files[0]) { Terminal.print(toError: $0.description) }
    let schema = try SchemaSource.load(path: files[1]).schema
    let event = try ProbeEvent.choose(for: pipeline, view: given(view, "view"), now: SystemClock().nowMilliseconds)
    let address = try given(redis, "redis").map { try RedisAddress($0) }
    let target = try ProbeTarget(
      pipeline, event, kafka: try topic(), redis: address, server: nil, properties: kafka)
    let ends = try KafkaLogEnds(target.topic, properties: target.properties)
    var lagReader: (any LagReader)?
    if !status.isEmpty {
      lagReader = try StatusLagReader(status)
    } else if pipeline.checkpoint.store != .nowhere, let store = try address ?? pipeline.sink.map({ try RedisAddress($0.url) }) {
      let source = pipeline.sources[event.source].name
      lagReader = FenceLagReader(
        ends,
        RedisReader(
          try RedisConnection(store, password: RedisAddress.password(environment: ProcessInfo.processInfo.environment))),
        keys: FenceKeys(
          prefix: pipeline.sink?.prefix ?? RedisSinkDefinition.defaultPrefix, pipeline: pipeline.name,
          topic: "\(source).\(target.topic.topic)"))
    }
    let store = try address?.description ?? pipeline.sink.map { try RedisAddress($0.url).description } ?? ""
    return Subject(
      name: "pipeline \(pipeline.name) at \(target.topic)", watched: "\(store), view \(event.viewName)", schema: schema,
      target: target,
      partitionCount: ends.partitionCount, lagReader: lagReader, objective: Self.objective(of: event, in: pipeline))
  }

  private func foreign(_ watch: String, _ kafka: KafkaProperties) throws -> Subject {
    guard files.count == 1 else {
      throw Failure(.usage, "with --watch the schema alone is given, and \(files.count) files were found")
    }
    for (value, name) in [(redis, "--redis"), (view, "--view")] where value != nil {
      throw Failure(.usage, "\(name) goes with a pipeline; --watch says where to look")
    }
    guard let topic = try topic() else { throw Failure(.usage, "--watch: say where events go: --to kafka://HOST:PORT/TOPIC") }
    let place = try WatchPlace(watch, key: given(watchKey, "watch-key"), field: given(watchField, "watch-field"))
    let schema = try SchemaSource.load(path: files[0]).schema
    let environment = try KafkaProperties(environment: ProcessInfo.processInfo.environment)
    let target = try ProbeTarget(
      schema: schema, topic: topic, watch: place, keyField: given(markerKey, "marker-key"),
      properties: environment.overlaid(with: kafka))
    return Subject(
      name: "\(topic)", watched: place.name, schema: schema, target: target,
      partitionCount: try KafkaLogEnds(topic, properties: target.properties).partitionCount,
      lagReader: status.isEmpty ? nil : try StatusLagReader(status))
  }

  private func topic() throws -> KafkaAddress? {
    guard let text = given(to, "to") else { return nil }
    guard KafkaAddress.isOne(text) else { throw Failure(.usage, "--to: expected kafka://HOST:PORT/TOPIC, found '\(text)'") }
    return try KafkaAddress(text)
  }

  private func rate(_ text: String?, _ option: String) throws -> Double? {
    guard let text else { return nil }
    guard let rate = Units.ratePerSecond(text), rate >= 1, rate <= 1e9 else {
      throw Failure(.usage, "\(option): expected a rate from 1/s to 1000M/s, such as 5k/s, found '\(text)'")
    }
    return rate
  }

  /// The strictest that `slo:` says of how long values of the view may take to be visible.
  private static func objective(of event: ProbeEvent, in pipeline: PipelineDefinition) -> LoadObjective? {
    pipeline.objectives.filter { $0.lane == .nrt && $0.metric == .visibleDelay && ($0.view == nil || $0.view == event.view) }
      .map { LoadObjective(percentile: $0.statistic.percentile ?? 100, milliseconds: Double($0.boundMilliseconds)) }
      .min { $0.milliseconds < $1.milliseconds }
  }

  /// `p99 500ms`.
  static func objective(_ text: String) throws -> LoadObjective {
    let parts = text.split { $0 == " " || $0 == "<" || $0 == "=" || $0 == ":" }
    guard parts.count == 2, parts[0].first == "p", let percentile = Double(parts[0].dropFirst()),
      [50, 90, 95, 99, 99.9].contains(percentile), let duration = Units.wholeMilliseconds(String(parts[1])), duration > 0
    else {
      throw Failure(.usage, "--slo: expected p50, p90, p95, p99 or p99.9 and a duration, such as \"p99 500ms\", found '\(text)'")
    }
    return LoadObjective(percentile: percentile, milliseconds: Double(duration))
  }

  private func given(_ flag: String?, _ name: String) -> String? { Arguments.option(flag, name, of: "load") }
}
