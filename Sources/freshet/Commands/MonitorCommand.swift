// `freshet monitor`: what each lane costs and how fresh it is, live: on the terminal, as a page, as JSON, as an exit code.

import ArgumentParser
import Base
import Configuration
import Features
import Foundation
import HTTPServer
import KafkaTransport
import Monitoring

struct MonitorCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "monitor",
    abstract: "Show what each lane costs and how fresh it is, live.",
    discussion: """
      Asks processes of Freshet for their status (process, serve, archive, batch and generate, each with --listen), looks into the pipeline's \
      Redis, and shows the lanes side by side: latency, age of values, error against the exact value; where the time goes; what is violated or silent. \
      Documentation/monitoring.md says what each number means.

        freshet monitor Pipelines/shop_lanes.yaml http://127.0.0.1:9464 http://127.0.0.1:6566
        freshet monitor Pipelines/shop_lanes.yaml http://127.0.0.1:9464 --web 127.0.0.1:9465
        freshet monitor Pipelines/shop_lanes.yaml http://127.0.0.1:9464 --for 60s --fail-on slo

      On a terminal: q ends it, w changes the window, s sorts the views, / filters them, p pauses, arrow keys scroll, ? helps.
      """)

  enum Failing: String, ExpressibleByArgument, CaseIterable { case slo }

  @Argument(help: "A pipeline's file and addresses of processes, http://HOST:PORT, in any order.")
  var subjects: [String] = []

  @Option(help: "Show a page at HOST:PORT, or at a port of this machine alone, with /snapshot.json and /metrics beside it.")
  var web: String?

  @Flag(help: "Print one report and end.")
  var once = false

  @Option(name: .customLong("for"), help: "How long. (default: until it is ended)")
  var length: String?

  @Option(help: "slo: end with 3 where an objective of the pipeline's 'slo:' is not met at the end, or cannot be judged.")
  var failOn: Failing?

  @Option(help: "Over which time percentiles are taken: 10s to 10m, or 0s for since the start. (default: 1m)")
  var window: String?

  @Option(
    help: """
      Send a marker through every partition of the topic this often, such as 1s, and read it back: what proves that values become visible. Markers are \
      events of keys of their own. (default: none are sent)
      """)
  var probe: String?

  @Option(help: "The topic that markers go to, in place of the pipeline's: kafka://HOST:PORT[,HOST:PORT]/TOPIC.")
  var from: String?

  @Option(name: .customShort("X"), help: "A librdkafka property for the markers, as key=value; may be given several times.")
  var kafkaProperties: [String] = []

  @Option(help: "Where the rows are, in place of the pipeline's sink: redis://[user@]HOST:PORT[/DB] or redis+unix:///PATH.")
  var redis: String?

  @Option(help: "text, or json: a snapshot, and with --for one per second.")
  var output = InspectionOptions.Output.text

  func run() throws {
    Interrupts.install()
    let (pipeline, setup, targets) = try subjectsByKind()
    if failOn == .slo, pipeline?.objectives.isEmpty ?? true {
      throw Failure(
        .usage,
        "--fail-on slo: \(pipeline == nil ? "no pipeline is given" : "the pipeline has no 'slo:'"), so there is nothing to judge by"
      )
    }
    let length = try given(length, "for").map { try Arguments.duration($0, "--for") }
    if once, length != nil { throw Failure(.usage, "--once and --for exclude each other") }
    var settings = MonitorRun.Settings()
    settings.windowSeconds = try windowSeconds()
    let probes = try probeRun(setup, targets)
    if let probes { settings.probes = { probes.report } }
    let run = try MonitorRun(setup, definition: pipeline, targets: targets, settings: settings)
    let page = try given(web, "web").map { try ListenAddress($0, option: "--web") }
    let web = try page.map { address in try MonitorWebServer(address, probes: { probes?.report }, snapshot: { run.snapshot }) }
    if let web {
      Terminal.print(toError: "the monitor's page: http://\(web.address)/")
      if !web.address.isLoopback {
        Terminal.print(toError: "freshet: warning: --web: whoever reaches this address can see it")
      }
    }
    run.start()
    probes?.start()
    defer {
      probes?.stop()
      run.stop()
      web?.stop()
    }
    try show(run, length: length)
    try judge(run.snapshot)
  }

  private func given(_ flag: String?, _ name: String) -> String? { Arguments.option(flag, name, of: "monitor") }

  private func subjectsByKind() throws -> (PipelineDefinition?, ServingSetup?, [String]) {
    let isAddress = { (subject: String) in subject.hasPrefix("http://") || subject.hasPrefix("https://") }
    let files = subjects.filter { !isAddress($0) }
    var targets: [String] = []
    for subject in subjects where isAddress(subject) {
      var address = subject
      while address.hasSuffix("/"), !address.hasSuffix("//") { address.removeLast() }
      // Who is asked twice would count twice.
      if !targets.contains(address) { targets.append(address) }
    }
    guard files.count <= 1 else {
      throw Failure(.usage, "expected one pipeline's file at most, found \(files.map { "'\($0)'" }.joined(separator: " and "))")
    }
    guard !subjects.isEmpty else {
      throw Failure(.usage, "expected a pipeline's file, or addresses of processes like http://127.0.0.1:9464, or both")
    }
    guard let file = files.first else { return (nil, nil, targets) }
    let redis = given(redis, "redis")
    let pipeline = try PipelineReader.load(path: file) { Terminal.print(toError: $0.description) }
    if case .feast = pipeline.sink?.layout { return (pipeline, nil, targets) }
    guard redis != nil || pipeline.sink != nil else { return (pipeline, nil, targets) }
    return (pipeline, try ServingSetup(pipeline, redis: redis), targets)
  }

  private func probeRun(_ setup: ServingSetup?, _ targets: [String]) throws -> ProbeRun? {
    guard let text = given(probe, "probe") else { return nil }
    guard let setup else {
      throw Failure(
        .usage, "--probe: a pipeline's file is needed, with a Redis that is not in Feast's layout: where markers go and come back")
    }
    let every = try Arguments.duration(text, "--probe")
    guard (100...3_600_000).contains(every) else {
      throw Failure(.usage, "--probe: expected a duration of 100ms to 1h, found '\(text)'")
    }
    return try ProbeRun(
      pipeline: setup.pipeline, kafka: given(from, "from").map { try KafkaAddress($0) }, redis: setup.address,
      server: MonitorRun.featureServer(of: setup.pipeline.name, among: targets),
      properties: try KafkaProperties(environment: ProcessInfo.processInfo.environment).overlaid(
        with: KafkaProperties(arguments: kafkaProperties)), every: every)
  }

  private func windowSeconds() throws -> Int {
    guard let text = given(window, "window") else { return 60 }
    let milliseconds = text == "0" || text == "0s" ? 0 : try Arguments.duration(text, "--window")
    guard milliseconds == 0 || (10_000...600_000).contains(milliseconds) else {
      throw Failure(.usage, "--window: expected 10s to 10m, or 0s, found '\(text)'")
    }
    return Int(milliseconds / 1000)
  }

  // MARK: Showing

  private func show(_ run: MonitorRun, length: Int64?) throws {
    let clock = SystemClock()
    let started = clock.monotonicNanoseconds
    func hasElapsed(_ milliseconds: Int64) -> Bool { clock.monotonicNanoseconds - started >= UInt64(milliseconds) * 1_000_000 }
    if once {
      // Rates and percentiles need two looks at each process.
      while !Interrupts.stopRequested, !hasElapsed(Self.onceMilliseconds) { usleep(20_000) }
      return try report(run.snapshot)
    }
    let isDone = { length.map(hasElapsed) ?? false }
    if output == .json {
      var next: Int64 = 1000
      while !Interrupts.stopRequested, !isDone() {
        usleep(20_000)
        guard hasElapsed(next), var snapshot = run.snapshot else { continue }
        next += 1000
        // A line a second has the history in itself.
        snapshot.history = Array(snapshot.history.suffix(1))
        try Terminal.print(toOutput: String(decoding: MonitoringJSON.data(of: snapshot), as: UTF8.self))
      }
      return
    }
    if let session = TerminalSession() {
      MonitorDisplay(session, run).show(until: isDone)
      session.end()
    } else {
      var next: Int64 = 10_000
      while !Interrupts.stopRequested, !isDone() {
        usleep(20_000)
        guard hasElapsed(next), let snapshot = run.snapshot else { continue }
        next += 10_000
        Terminal.print(toError: Self.plainLine(snapshot))
      }
    }
    if length != nil { try report(run.snapshot) }
  }

  private static let onceMilliseconds: Int64 = 2600

  private func report(_ snapshot: MonitorSnapshot?) throws {
    guard let snapshot else { throw Failure(.failure, "nothing was seen") }
    if output == .json { return try Terminal.print(toOutput: String(decoding: MonitoringJSON.data(of: snapshot), as: UTF8.self)) }
    let screen = MonitorScreen(width: 120, height: nil, hasColors: Terminal.outputHasColors)
    try Terminal.print(toOutput: screen.lines(snapshot).joined(separator: "\n"))
  }

  static func plainLine(_ snapshot: MonitorSnapshot) -> String {
    snapshot.lanes.map { lane in
      let latency = lane.latency.map { "p99 \(MonitorModel.milliseconds($0.p99))" } ?? "no latency"
      let age = lane.stalenessNow.map { ", age \(MonitorModel.milliseconds($0))" } ?? ""
      return "\(lane.lane) \(lane.health.rawValue): \(latency)\(age)"
    }.joined(separator: "; ")
  }

  // MARK: The exit code

  private func judge(_ snapshot: MonitorSnapshot?) throws {
    guard failOn == .slo, !once || snapshot != nil else { return }
    let broken = snapshot?.objectives.filter { $0.health != .ok } ?? []
    guard !broken.isEmpty || snapshot == nil else { return }
    let lines = broken.map { objective in
      "\(objective.text): "
        + (objective.measured.map { "measured \(MonitorModel.milliseconds($0))" } ?? "nothing to judge by")
    }
    throw Failure(
      .checkFailed, "\(broken.count) of \(snapshot?.objectives.count ?? 0) objectives not met: \(lines.joined(separator: "; "))")
  }
}
