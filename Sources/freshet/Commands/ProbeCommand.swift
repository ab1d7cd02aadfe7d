// `freshet probe`: markers through a pipeline that runs, and how long they took.

import ArgumentParser
import Base
import Features
import Foundation
import KafkaTransport
import Measuring
import Monitoring
import Processing
import RedisStore

struct ProbeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "probe",
    abstract: "Send marker events through a pipeline, and time their way.",
    discussion: """
      A marker goes to each partition of a source's topic, again and again, as an event of an entity of its own; a row with it, read back from Redis \
      and through a feature server, says how long an event takes from happening to being read. Markers that do not come back count with their age.

        freshet probe Pipelines/shop_features.yaml --for 30s
        freshet probe Pipelines/shop_features.yaml --every 200ms --server http://127.0.0.1:6566 --output json
        freshet probe Pipelines/shop_features.yaml --show

      Ends with 3 where no marker came back. Each option can also be set by the environment: FRESHET_PROBE_EVERY=200ms for --every.
      """)

  enum Output: String, ExpressibleByArgument, CaseIterable {
    case text
    case json
  }

  @Argument(help: "The pipeline.")
  var pipeline: String

  @Option(help: "How often a marker goes to each partition. (default: 1s)")
  var every: String?

  @Option(name: .customLong("for"), help: "How long. (default: until Ctrl-C)")
  var length: String?

  @Option(help: "The view whose rows are read back. (default: the first that can be probed)")
  var view: String?

  @Option(help: "A topic in the place of the source's: kafka://HOST:PORT/TOPIC.")
  var to: String?

  @Option(help: "A Redis in the place of the sink's: redis://HOST:PORT.")
  var redis: String?

  @Option(help: "A feature server that serves the pipeline: http://127.0.0.1:6566.")
  var server: String?

  @Option(help: "text or json.")
  var output = Output.text

  @Flag(help: "Print the marker that would be sent, and end.")
  var show = false

  @Option(name: [.customShort("X", allowingJoined: true)], help: "A librdkafka property, as key=value.")
  var properties: [String] = []

  func run() throws {
    let clock = SystemClock()
    let definition = try PipelineReader.load(path: pipeline) { Terminal.print(toError: $0.description) }
    if show {
      let event = try ProbeEvent.choose(for: definition, view: given(view, "view"), now: clock.nowMilliseconds)
      Terminal.print(
        toError: "view \(event.viewName) of pipeline \(definition.name)\(event.isRepartitioned ? ", by an internal topic" : "")")
      return try Terminal.print(toOutput: event.example(time: clock.nowMilliseconds))
    }
    let period = try given(every, "every").map { try Arguments.duration($0, "--every") } ?? 1000
    guard period > 0 else { throw Failure(.usage, "--every: expected a duration like 1s, found '\(every ?? "")'") }
    let length = try given(self.length, "for").map { try Arguments.duration($0, "--for") }
    let probes = try ProbeRun(
      pipeline: definition, view: given(view, "view"), kafka: given(to, "to").map { try KafkaAddress($0) },
      redis: given(redis, "redis").map { try RedisAddress($0) }, server: given(server, "server"),
      properties: KafkaProperties(arguments: properties), every: period)
    Interrupts.install()
    probes.start()
    let reporter = ProgressReporter { probes.report.map(Self.line) ?? "looking for the topic" }
    let deadline = length.map { clock.monotonicNanoseconds + UInt64($0) * 1_000_000 } ?? .max
    while !Interrupts.stopRequested, clock.monotonicNanoseconds < deadline { usleep(20_000) }
    let report = probes.report ?? ProbeReport(view: probes.view)
    probes.stop()
    reporter.stop()
    let document = ProbeDocument(report)
    if output == .json {
      try Terminal.print(toOutput: String(decoding: MonitoringJSON.data(of: document), as: UTF8.self))
    } else {
      try Terminal.print(toOutput: Self.text(report))
    }
    if report.visible == 0 {
      throw Failure(.checkFailed, "no marker came back" + (report.trouble.map { ": \($0)" } ?? " of \(report.sent)"))
    }
  }

  private static func line(_ report: ProbeReport) -> String {
    var text = "view \(report.view): \(report.sent) sent, \(report.visible) seen"
    if let p50 = report.delay.nanoseconds(atPercentile: 50), let p99 = report.delay.nanoseconds(atPercentile: 99) {
      text += ", p50 \(Quantities.milliseconds(Int64(p50))), p99 \(Quantities.milliseconds(Int64(p99)))"
    }
    if let oldest = report.agesInFlight.max(), oldest > 1_000_000_000 {
      text += ", the oldest under way for \(Quantities.milliseconds(Int64(oldest)))"
    }
    return text + (report.trouble.map { "; \($0)" } ?? "")
  }

  private static func text(_ report: ProbeReport) -> String {
    func percentiles(_ delays: DurationDistribution) -> String {
      guard let values = MonitorSnapshot.Percentiles(delays) else { return "nothing yet" }
      return [("p50", values.p50), ("p90", values.p90), ("p99", values.p99), ("max", values.max)]
        .map { "\($0) \(Quantities.milliseconds(Int64($1 * 1e6)))" }.joined(separator: "   ")
    }
    var lines = [line(report), "  in the store         \(percentiles(report.delay))"]
    if let server = report.serverDelay { lines.append("  through the server   \(percentiles(server))") }
    for partition in report.partitions {
      let last = partition.lastDelay.map { "last \(Quantities.milliseconds(Int64($0 * 1e6)))" } ?? "nothing seen"
      let age = partition.inFlightAge.map { ", under way for \(Quantities.milliseconds(Int64($0 * 1e6)))" } ?? ""
      lines.append("  partition \(partition.partition): \(partition.health.rawValue), \(last)\(age)")
    }
    return lines.joined(separator: "\n")
  }

  private func given(_ flag: String?, _ name: String) -> String? { Arguments.option(flag, name, of: "probe") }
}

/// What `--output json` prints; durations in ms.
private struct ProbeDocument: Encodable {
  var view: String
  var sent: Int64
  var visible: Int64
  var delay: MonitorSnapshot.Percentiles?
  var serverDelay: MonitorSnapshot.Percentiles?
  var agesUnderWay: [Double]
  var partitions: [MonitorSnapshot.Probes.Partition]
  var trouble: String?

  init(_ report: ProbeReport) {
    view = report.view
    sent = report.sent
    visible = report.visible
    delay = MonitorSnapshot.Percentiles(report.delay)
    serverDelay = report.serverDelay.flatMap(MonitorSnapshot.Percentiles.init)
    agesUnderWay = report.agesInFlight.map { Double($0) / 1e6 }.sorted(by: >)
    partitions = report.partitions
    trouble = report.trouble
  }
}
