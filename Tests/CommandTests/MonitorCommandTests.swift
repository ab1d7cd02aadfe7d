// `freshet monitor` with processes that say what a test lets them say: reports, lines of JSON, exit codes, silence.

import Base
import Foundation
import HTTPServer
import Measuring
import Monitoring
import Synchronization
import TestSupport
import Testing

/// A processor of the pipeline `clicks` with a hundred records more each time it is asked.
private final class ScriptedProcess: Sendable {
  private struct State {
    var histogram = DurationHistogram()
    var records: Int64 = 0
    var isHanging = false
    var replies: [HTTPReply] = []
  }

  private let state = Mutex(State())
  private let server: HTTPServer
  private let delay: Int64

  /// - Parameters:
  ///   - delay: In ms, from event to visible.
  ///   - answer: What it says in place of a status.
  init(delay: Int64 = 100, answer: HTTPResponse? = nil) throws {
    self.delay = delay
    var router = HTTPRouter()
    let box = HandlerBox()
    router.on("GET", StatusDocument.path, .asynchronous { _, reply in box.handle(reply) })
    server = try HTTPServer(ListenAddress(port: 0), router)
    box.handler.withLock { $0 = { [unowned self] reply in if let answer { reply(answer) } else { self.answer(reply) } } }
  }

  private final class HandlerBox: Sendable {
    let handler = Mutex<(@Sendable (HTTPReply) -> Void)?>(nil)
    func handle(_ reply: HTTPReply) { handler.withLock { $0 }?(reply) }
  }

  var address: String { "http://\(server.address)" }

  func stop() { server.stop() }
  /// From now on it takes requests and says nothing, like a process that is frozen.
  func hang() { state.withLock { $0.isHanging = true } }

  private func answer(_ reply: HTTPReply) {
    let document: StatusDocument? = state.withLock { state in
      guard !state.isHanging else {
        state.replies.append(reply)
        return nil
      }
      state.histogram.record(nanoseconds: delay * 1_000_000, count: 100)
      state.records += 100
      var document = StatusDocument(
        version: "1", pipeline: "clicks", instance: "h:1", startedAt: 1, now: SystemClock().nowMilliseconds)
      var process = StatusDocument.Process()
      process.records = state.records
      var view = StatusDocument.Process.View(name: "activity", trigger: "change", emitEveryMilliseconds: 100)
      view.eventToVisible = state.histogram.distribution
      process.views = [view]
      document.process = process
      return document
    }
    guard let document else { return }
    reply(HTTPResponse(contentType: "application/json", body: Array(try! MonitoringJSON.data(of: document))))
  }
}

private struct MonitorLine: Decodable {
  struct Lane: Decodable {
    struct Percentiles: Decodable { var p99: Double }
    var lane: String
    var health: String
    var latency: Percentiles?
    var staleness_now: Double?
  }
  struct Target: Decodable {
    var health: String
    var reasons: [String]
  }
  struct Flow: Decodable { var read: Double? }
  var pipeline: String
  var now: Int64
  var lanes: [Lane]
  var targets: [Target]
  var flow: Flow

  var nrt: Lane { lanes.first { $0.lane == "nrt" }! }
}

/// A pipeline whose store is a Redis of the test.
private func pipeline(_ folder: TestFolder, _ redis: TestRedis, slo: String) throws -> String {
  let path = folder.file("clicks-\(UUID().uuidString).yaml")
  try """
  version: 1
  kind: pipeline
  name: clicks
  sources:
    clicks:
      kafka: { brokers: "127.0.0.1:1", topic: clicks, group: clicks }
      event_time: { field: at, format: epoch_ms }
  entities: { user: { key: user, ttl: 1d } }
  views:
    activity:
      entity: user
      source: clicks
      features: { clicks: { agg: count, window: { sliding: 1m, hop: 10s } } }
  sink: { redis: { url: "\(redis.address)", prefix: "\(redis.prefix)" } }
  \(slo)
  """.write(toFile: path, atomically: true, encoding: .utf8)
  return path
}

@Suite struct MonitorCommandTests {
  @Test func `one report has the lanes, and ends with 0`() throws {
    let process = try ScriptedProcess()
    defer { process.stop() }
    let outcome = try Program.run("freshet", ["monitor", process.address, "--once"])
    #expect(outcome.status == 0)
    #expect(outcome.lines.first?.hasPrefix("freshet monitor  clicks  00:00:0") == true, "\(outcome.text)")
    #expect(outcome.lines.contains("+ process"))
    #expect(outcome.text.contains(#/\n  nrt +\+ ok +(99|100|101)(\.\d)? ms/#), "\(outcome.text)")
    #expect(outcome.text.contains("\n  rt     - unknown"))
    #expect(!outcome.text.contains("\u{1b}"))
    #expect(outcome.errors == "")
  }

  @Test func `an objective that is met ends with 0, one that is not with 3, and so does one that cannot be judged`() throws {
    let folder = TestFolder()
    let redis = try TestRedis()
    let process = try ScriptedProcess(delay: 300)
    defer { process.stop() }
    let met = try pipeline(folder, redis, slo: "slo: [ { lane: nrt, metric: visible_delay, p99: 500ms } ]")
    let first = try Program.run("freshet", ["monitor", met, process.address, "--for", "3s", "--fail-on", "slo"])
    #expect(first.status == 0, "\(first.text)\(first.errors)")
    #expect(first.text.contains(#/\+ nrt visible_delay p99 <= 500ms: (29\d|30\d) ms/#), "\(first.text)")

    let broken = try pipeline(
      folder, redis,
      slo: "slo: [ { lane: nrt, metric: visible_delay, p50: 200ms, p99: 1s }, { lane: nrt, metric: staleness_at_read, p99: 1s } ]")
    let second = try Program.run("freshet", ["monitor", broken, process.address, "--once", "--fail-on", "slo"])
    #expect(second.status == 3)
    #expect(
      second.errors.contains(
        #/freshet: error: 1 of 3 objectives not met: nrt visible_delay p50 <= 200ms: measured (29\d|30\d) ms\n/#),
      "\(second.errors)")

    process.stop()
    let third = try Program.run("freshet", ["monitor", met, process.address, "--once", "--fail-on", "slo"])
    #expect(third.status == 3)
    #expect(third.errors == "freshet: error: 1 of 1 objectives not met: nrt visible_delay p99 <= 500ms: nothing to judge by\n")
    #expect(third.text.contains("\(process.address): connection refused"), "\(third.text)")
  }

  @Test func `a process that hangs is silent, without its last good numbers`() throws {
    let process = try ScriptedProcess()
    defer { process.stop() }
    let monitor = try Program("freshet", ["monitor", process.address, "--output", "json", "--for", "60s"])
    func lines() throws -> [MonitorLine] {
      try monitor.outputSoFar.split(separator: "\n", omittingEmptySubsequences: false).dropLast().map {
        try JSONDecoder().decode(MonitorLine.self, from: Data($0.utf8))
      }
    }
    #expect(try waitUntil { try lines().last.map { $0.nrt.latency != nil && $0.flow.read ?? 0 > 0 } ?? false })
    process.hang()
    let hangsSince = SystemClock().nowMilliseconds
    #expect(try waitUntil { try lines().last?.nrt.health == "silent" })
    let silent = try #require(try lines().first { $0.nrt.health == "silent" })
    // Printed, and not judged: a line comes once a second, and a machine that is busy is late.
    print("a process that hangs was silent after \(silent.now - hangsSince) ms")
    #expect(silent.nrt.latency == nil)
    #expect(silent.flow.read == nil)
    #expect(silent.targets.map(\.health) == ["silent"])
    #expect(silent.targets[0].reasons == ["no answer within 700 ms"])
    let age = try #require(silent.nrt.staleness_now)
    #expect(try waitUntil { try lines().last?.nrt.staleness_now ?? 0 > age })
    monitor.send(signal: SIGINT)
    #expect(monitor.wait().status == 0)
  }

  @Test(arguments: [
    ("hello", 200, "what /status.json says is no status of Freshet"),
    ("{}", 200, "what /status.json says is no status of Freshet"),
    (String(repeating: "[", count: 100_000), 200, "what /status.json says is no status of Freshet"),
    ("no", 404, "HTTP 404 from /status.json: is it a process of Freshet, and not an older one?"),
    (
      #"{"version":"1","pipeline":"p","instance":"i","started_at":0,"now":9223372036854775807,"obstacles":[]}"#, 200,
      "its status cannot be true: now is 9223372036854775807"
    ),
  ])
  func `what is no status of a process is said, and ends nothing`(body: String, status: Int, reason: String) throws {
    let process = try ScriptedProcess(answer: HTTPResponse(status: status, contentType: "application/json", body: Array(body.utf8)))
    defer { process.stop() }
    let outcome = try Program.run("freshet", ["monitor", process.address, "--once"])
    #expect(outcome.status == 0)
    #expect(outcome.lines.contains("  \(process.address): \(reason)"), "\(outcome.text)")
    #expect(outcome.lines.contains("x \(process.address)"))
  }

  @Test func `the store that is not there is said, and the pipeline's lanes wait`() throws {
    let folder = TestFolder()
    let redis = try TestRedis()
    let path = try pipeline(folder, redis, slo: "")
    let outcome = try Program.run("freshet", ["monitor", path, "--once", "--redis", "redis://127.0.0.1:1"])
    #expect(outcome.status == 0)
    #expect(outcome.text.contains("x redis\n"), "\(outcome.text)")
    #expect(outcome.text.contains("! the store does not answer: "))
  }

  @Test(
    arguments: [
      ([], 64, "expected a pipeline's file, or addresses of processes like http://127.0.0.1:9464, or both"),
      (["ftp://h:1"], 66, "ftp://h:1"),
      (["http://"], 64, "expected a pipeline's file or an address like http://127.0.0.1:9464, found 'http://'"),
      (["http://h:1", "--fail-on", "slo"], 64, "--fail-on slo: no pipeline is given, so there is nothing to judge by"),
      (["http://h:1", "--once", "--for", "1s"], 64, "--once and --for exclude each other"),
      (["http://h:1", "--window", "1s"], 64, "--window: expected 10s to 10m, or 0s, found '1s'"),
      (["http://h:1", "--probe", "1s"], 64, "--probe: a pipeline's file is needed"),
      (["a.yaml", "b.yaml"], 64, "expected one pipeline's file at most, found 'a.yaml' and 'b.yaml'"),
    ] as [([String], Int32, String)])
  func `what is asked for wrongly is refused`(arguments: [String], status: Int32, message: String) throws {
    let outcome = try Program.run("freshet", ["monitor"] + arguments)
    #expect(outcome.status == status, "\(outcome.errors)")
    #expect(outcome.errors.contains(message), "\(outcome.errors)")
    #expect(outcome.output.isEmpty)
  }

  @Test func `its own metrics are in form`() throws {
    let process = try ScriptedProcess()
    defer { process.stop() }
    let monitor = try Program("freshet", ["monitor", process.address, "--web", "127.0.0.1:0"])
    var found: Substring?
    #expect(
      waitUntil {
        found = monitor.errorsSoFar.firstMatch(of: /page: (http:\/\/127\.0\.0\.1:\d+)\//)?.output.1
        return found != nil
      })
    let page = try #require(found)
    let url = try #require(URL(string: "\(page)/metrics"))
    var check = MetricsCheck("\n")
    #expect(
      try waitUntil {
        check = MetricsCheck(try String(contentsOf: url, encoding: .utf8))
        return check.samples["freshet_monitor_target_up{target=\"\(process.address)\"}"] == 1
      })
    #expect(check.problems == [])
    monitor.send(signal: SIGTERM)
    #expect(monitor.wait().status == 0)
  }
}
