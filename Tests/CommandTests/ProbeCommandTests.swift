// `freshet probe` and `freshet load` with real processes: a broker, a Redis, a processor, a feature server.

import Foundation
import TestSupport
import Testing

/// A topic, a Redis and a small pipeline of clicks.
private final class ClickRoute {
  let folder = TestFolder()
  let cluster: TestCluster
  let redis: TestRedis
  var servers: String { cluster.servers }
  var environment: [String: String] { ["KAFKA_BROKERS": servers, "REDIS_URL": redis.address.description] }
  let pipeline: String
  let schema: String

  init(partitions: Int = 2, emitEvery: String = "100ms") throws {
    cluster = try TestCluster(partitionCount: partitions)
    redis = try TestRedis()
    pipeline = folder.file("clicks.yaml")
    schema = folder.file("events.yaml")
    try """
    kind: pipeline
    name: clicks
    sources:
      clicks:
        kafka: { brokers: "${KAFKA_BROKERS}", topic: "\(cluster.topic)", group: "\(cluster.topic)" }
        event_time: { field: at, format: epoch_ms }
        watermark: { lateness: 1s }
    entities: { user: { key: user, ttl: 1d } }
    views:
      activity:
        entity: user
        source: clicks
        emit: { every: \(emitEvery) }
        features:
          clicks: { agg: count, window: { sliding: 1m, hop: 10s }, default: 0 }
          spend:  { agg: sum, field: price, window: { sliding: 1m, hop: 10s }, default: 0.0 }
    services: { all: { features: [activity] } }
    sink: { redis: { url: "${REDIS_URL}", prefix: "\(redis.prefix)" } }
    checkpoint: { every: 5s, store: redis }
    """.write(toFile: pipeline, atomically: true, encoding: .utf8)
    try """
    kind: stream
    name: clicks
    clock: { start: now, mode: realtime }
    entities: { user: { count: 1000, key: user, fields: { user: { sequence: "u{n:04}" } } } }
    streams:
      clicks:
        rate: 100/s
        topic: \(cluster.topic)
        key: user
        bind: { who: { ref: user, pick: uniform } }
        fields:
          user:  { from: who.user }
          price: { int: [1, 500] }
          at:    { time: event, format: epoch_ms }
    """.write(toFile: schema, atomically: true, encoding: .utf8)
  }

  func start(_ command: String, _ arguments: String...) throws -> Program {
    let own = ["load", "generate"].contains(command) ? [] : [pipeline]
    let group = command == "process" ? TestCluster.groupProperties.flatMap { ["-X", "\($0.name)=\($0.value)"] } : []
    return try Program("freshet", [command] + own + arguments + group, environment: environment)
  }

  func markerKeys() throws -> [String] { try redis.reader.keys(matching: "\(redis.prefix):activity:_freshet_probe_*") }

  /// Where a program listens, as it says itself.
  static func address(of program: Program) throws -> String {
    var found: Substring?
    _ = waitUntil {
      found = program.errorsSoFar.firstMatch(of: /(?:http=|http:\/\/)(127\.0\.0\.1:\d+)/)?.output.1
      return found != nil
    }
    return "http://" + String(try #require(found, "\(program.errorsSoFar)"))
  }
}

private struct ProbeOutput: Decodable {
  struct Percentiles: Decodable {
    var count: Int
    var p50: Double
    var p90: Double
    var max: Double
  }
  struct Partition: Decodable {
    var partition: Int
    var health: String
    var in_flight_age: Double?
  }
  var view: String
  var sent: Int
  var visible: Int
  var delay: Percentiles?
  var server_delay: Percentiles?
  var ages_under_way: [Double]
  var partitions: [Partition]
  var trouble: String?
}

private struct WatchedProbes: Decodable {
  struct Probes: Decodable {
    struct Delay: Decodable { var count: Int }
    var visible: Int
    var server_delay: Delay?
  }
  var probes: Probes
}

private struct Figures: Decodable {
  struct Part: Decodable {
    var count: Int
    var p50: Double?
    var p90: Double?
    var p99: Double?
  }
  var markers: Part
  var own: Part
  var pauses: Part
}

@Suite(.serialized) struct ProbeCommandTests {
  @Test func `markers come back through every partition, from the store and from the server, in the time that somebody else sees`()
    throws
  {
    let route = try ClickRoute()
    let processor = try route.start("process")
    let server = try route.start("serve", "--listen", "127.0.0.1:0")
    let address = try ClickRoute.address(of: server)
    let warming = try route.start("probe", "--every", "100ms", "--for", "60s")
    #expect(try waitUntil { try route.markerKeys().count == 2 }, "\(processor.errorsSoFar)\(warming.errorsSoFar)")
    warming.send(signal: SIGINT)
    _ = warming.wait()
    let rows = "\(route.redis.prefix):activity"
    let keys = try route.markerKeys().flatMap { ["--key", String($0.dropFirst(rows.count + 1))] }
    let prober = try route.start("probe", "--every", "150ms", "--for", "11s", "--server", address, "--output", "json")
    // Watches for less time, so that it sees nothing that the prober does not.
    let checker = try Program.run(
      "python3",
      ["Tests/Oracles/probes.py", route.redis.address.description, rows, "10"] + keys
        + ["--kafka", route.servers, route.cluster.topic, "2", "user", "at", "--extra", #"{"price": 1}"#])
    let outcome = prober.wait()
    #expect(checker.status == 0 && outcome.status == 0, "\(checker.errors)\(outcome.errors)")
    let seen = try JSONDecoder().decode(Figures.self, from: checker.output)
    let said = try JSONDecoder().decode(ProbeOutput.self, from: outcome.output)
    #expect(
      said.view == "activity" && said.visible > 100 && said.sent - said.visible < 10 && said.trouble == nil, "\(outcome.text)")
    #expect(said.partitions.map(\.health) == ["ok", "ok"])
    let delay = try #require(said.delay)
    // 5 % or 2 ms, and as much as Python's own looks were apart.
    for (ours, theirs) in [(delay.p50, seen.markers.p50), (delay.p90, seen.markers.p90)] {
      let theirs = try #require(theirs)
      #expect(abs(ours - theirs) <= max(2, 0.05 * theirs) + (seen.pauses.p99 ?? 0), "\(outcome.text)\(checker.text)")
    }
    #expect(seen.own.count > 20)
    // Through the server nothing is seen before it is in the store.
    let servedDelay = try #require(said.server_delay)
    #expect(servedDelay.count >= said.visible - 4 && servedDelay.p50 >= delay.p50)
    // A monitor finds the feature server among the addresses that it is given.
    let monitor = try route.start("monitor", address, "--probe", "150ms", "--for", "5s", "--output", "json").wait()
    #expect(monitor.status == 0, "\(monitor.errors)")
    let line = try #require(monitor.lines.last)
    let probes = try JSONDecoder().decode(WatchedProbes.self, from: Data(line.utf8)).probes
    let served = try #require(probes.server_delay, "\(line)")
    #expect(probes.visible > 10 && served.count > 10, "\(line)")
    server.send(signal: SIGTERM)
    processor.send(signal: SIGTERM)
    #expect(server.wait().status == 0 && processor.wait().status == 0)
  }

  @Test func `a processor that is stopped shows as markers that grow older, and comes back`() throws {
    let route = try ClickRoute()
    let processor = try route.start("process")
    let warming = try route.start("probe", "--every", "100ms", "--for", "60s")
    #expect(try waitUntil { try route.markerKeys().count == 2 }, "\(processor.errorsSoFar)")
    warming.send(signal: SIGINT)
    _ = warming.wait()
    processor.send(signal: SIGSTOP)
    let stopped = try route.start("probe", "--every", "200ms", "--for", "4s", "--output", "json").wait()
    // None came back: what was measured before does not stand in for it.
    #expect(stopped.status == 3 && stopped.errors.contains("no marker came back"))
    let said = try JSONDecoder().decode(ProbeOutput.self, from: stopped.output)
    #expect(said.visible == 0 && said.delay == nil && said.partitions.map(\.health) == ["silent", "silent"])
    let oldest = try #require(said.ages_under_way.first)
    #expect(oldest > 2000 && said.partitions.allSatisfy { $0.in_flight_age ?? 0 > 2000 })
    processor.send(signal: SIGCONT)
    let again = try route.start("probe", "--every", "200ms", "--for", "15s", "--output", "json").wait()
    #expect(again.status == 0, "\(again.errors)")
    processor.send(signal: SIGTERM)
    #expect(processor.wait().status == 0)
  }

  @Test func `what is not there is said by name`() throws {
    let route = try ClickRoute()
    let noStore = try Program.run(
      "freshet", ["probe", route.pipeline, "--for", "2s", "--every", "100ms"],
      environment: route.environment.merging(["REDIS_URL": "redis://127.0.0.1:1"]) { $1 })
    #expect(noStore.status == 3 && noStore.errors.contains("redis://127.0.0.1:1: cannot connect to Redis"), "\(noStore.errors)")
    let noView = try Program.run("freshet", ["probe", route.pipeline, "--view", "actvity"], environment: route.environment)
    #expect(noView.status == 64 && noView.errors.contains("has no view 'actvity'"))
    let shown = try Program.run("freshet", ["probe", route.pipeline, "--show"], environment: route.environment)
    #expect(shown.status == 0 && shown.text.hasPrefix(#"{"user":"_freshet_probe_0","at":"#))
  }
}

@Suite(.serialized) struct LoadCommandTests {
  @Test func `a load that is sustained is found, with a table, JSON and a page`() throws {
    let route = try ClickRoute()
    let processor = try route.start("process", "--listen", "127.0.0.1:0")
    let address = try ClickRoute.address(of: processor)
    let page = route.folder.file("load.html")
    let outcome = try route.start(
      "load", route.pipeline, route.schema, "--from-rate", "20/s", "--max-rate", "40/s", "--step-time", "2s", "--slo", "p50 30s",
      "--status",
      address, "--output", "json", "--report", page
    ).wait()
    #expect(outcome.status == 0, "\(outcome.errors)\(outcome.text)")
    let report = try #require(JSONSerialization.jsonObject(with: outcome.output) as? [String: Any])
    let steps = try #require(report["steps"] as? [[String: Any]])
    #expect(
      report["highest_sustained"] as? Double == 40 && report["is_confirmed"] as? Bool == true
        && report["is_at_limit"] as? Bool == true)
    #expect(steps.last?["purpose"] as? String == "confirm" && (steps.last?["freshness"] as? [String: Any])?["p50"] is Double)
    #expect(try String(contentsOfFile: page, encoding: .utf8).contains("highest sustained load: 40/s"))
    processor.send(signal: SIGTERM)
    _ = processor.wait()
  }

  @Test func `an objective that nobody can meet ends with 3`() throws {
    let route = try ClickRoute()
    let processor = try route.start("process")
    let outcome = try route.start(
      "load", route.pipeline, route.schema, "--from-rate", "20/s", "--max-rate", "40/s", "--step-time", "1s", "--slo", "p99 1ms"
    ).wait()
    #expect(
      outcome.status == 3 && outcome.errors.contains("not even 20/s is sustained: p99 was"), "\(outcome.errors)\(outcome.text)")
    #expect(outcome.lines.count == 6, "\(outcome.text)")
    processor.send(signal: SIGTERM)
    _ = processor.wait()
  }

  @Test func `Ctrl-C ends with what is known`() throws {
    let route = try ClickRoute()
    let processor = try route.start("process")
    let load = try route.start(
      "load", route.pipeline, route.schema, "--from-rate", "20/s", "--max-rate", "1M/s", "--step-time", "2s", "--slo", "p50 30s")
    #expect(waitUntil { load.outputSoFar.contains("  sustained\n") }, "\(load.outputSoFar)\(load.errorsSoFar)")
    load.send(signal: SIGINT)
    let outcome = load.wait()
    #expect(
      outcome.status == 0 && outcome.lines.last?.contains("not confirmed: the test was ended") == true,
      "\(outcome.text)\(outcome.errors)")
    #expect(outcome.lines.last?.hasPrefix("highest sustained load: ") == true)
    processor.send(signal: SIGTERM)
    _ = processor.wait()
  }

  @Test func `a pipeline that does not run is said, and not measured`() throws {
    let route = try ClickRoute()
    let load = try route.start("load", route.pipeline, route.schema, "--step-time", "1s")
    let outcome = load.wait()
    #expect(outcome.status == 69 && outcome.errors.contains("no marker came back within 30 s"), "\(outcome.errors)")
  }

  @Test func `somebody else's pipeline is watched by a key, or by a topic`() throws {
    let route = try ClickRoute()
    // What it writes stands for another's: rows in Redis, and the topic itself, from which a marker is read as it went in.
    let processor = try route.start("process")
    let watched = [
      [route.redis.address.description, "--watch-key", "\(route.redis.prefix):activity:{key}", "--watch-field", "clicks"],
      ["\(route.cluster.address)"],
    ]
    for place in watched {
      let outcome = try Program.run(
        "freshet",
        [
          "load", route.schema, "--to", "\(route.cluster.address)", "--from-rate", "20/s", "--max-rate", "20/s", "--step-time",
          "1s", "--slo",
          "p50 30s", "--watch",
        ] + place)
      #expect(outcome.status == 0 && outcome.text.contains("highest sustained load: 20/s"), "\(outcome.errors)\(outcome.text)")
    }
    processor.send(signal: SIGTERM)
    _ = processor.wait()
  }

  @Test(arguments: [
    (["p.yaml"], "expected a pipeline and a schema, found one file"), (["s.yaml", "--watch", "file:x"], "say where events go"),
    (["s.yaml", "--to", "kafka://h:1/t", "--watch", "file:x"], "--watch: expected redis://HOST:PORT or kafka://HOST:PORT/TOPIC"),
    (["s.yaml", "--to", "kafka://h:1/t", "--watch", "redis://h"], "--watch-key: expected what a marker's key is called"),
    (["a", "b", "--slo", "fast"], "--slo: expected p50, p90, p95, p99 or p99.9 and a duration"),
    (["a", "b", "--from-rate", "5k/s", "--max-rate", "1k/s"], "--max-rate: 1k/s is below the first rate, 5k/s"),
    (["a", "b", "--step-time", "10ms"], "--step-time: expected at least 1s"),
    (["a", "b", "--watch-key", "x"], "--watch-key goes with --watch"),
  ])
  func `what does not go together is refused`(_ arguments: [String], _ message: String) throws {
    let outcome = try Program.run("freshet", ["load"] + arguments)
    #expect(outcome.status == 64 && outcome.errors.contains(message), "\(outcome.errors)")
  }
}
