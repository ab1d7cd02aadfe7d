// What every daemon answers to those that look after it, and Examples/monitoring against it: Prometheus' own tool has nothing to say, and no dashboard
// or alert asks for a metric that no program has.

import Foundation
import TestSupport
import Testing

private let folder = "\(Products.packageFolder)/Examples/monitoring"
private let pipeline = "Pipelines/shop_lanes.yaml"

private func text(_ name: String) throws -> String { try String(contentsOfFile: "\(folder)/\(name)", encoding: .utf8) }

/// A program that answers by HTTP at a port of its own choice.
private struct Daemon {
  var name: String
  var program: Program
  var port: Int

  init(_ name: String, _ arguments: [String], input: Program.Input = .none, environment: [String: String]) throws {
    let program = try Program(
      "freshet", [name] + arguments + ["--listen", "127.0.0.1:0"], input: input, environment: environment)
    func port() -> Int? {
      guard let found = program.errorsSoFar.firstRange(of: #/http=127\.0\.0\.1:(\d+)/#) else { return nil }
      return Int(program.errorsSoFar[found].drop { $0 != ":" }.dropFirst())
    }
    #expect(waitUntil { port() != nil }, "\(name): \(program.errorsSoFar)")
    self.name = name
    self.program = program
    self.port = try #require(port(), "\(name): \(program.errorsSoFar)")
  }

  func body(_ path: String) throws -> String { try #require(RawResponse.get(path, port: port), "\(name)\(path)").body }

  func status() throws -> [String: Any] {
    try #require(JSONSerialization.jsonObject(with: Data(body("/status.json").utf8)) as? [String: Any])
  }

  func end() {
    program.send(signal: SIGTERM)
    let ended = program.wait()
    #expect(ended.status == 0, "\(name): \(ended.errors)")
  }
}

@Suite struct MonitoringExamplesTests {
  @Test(.enabled(if: !TestRedis.isExternal))
  func `every daemon says how it is in one way, and nobody asks for a metric that none has`() throws {
    let redis = try TestRedis()
    let files = TestFolder()
    let environment = ["SHOP_ARCHIVE": files.file("archive"), "REDIS_URL": redis.address.description]
    let events = try Program.run("freshet", ["generate", "Schemas/clickstream.yaml", "--from", "0", "--count", "200"])
    let daemons = [
      try Daemon("process", [pipeline, "--from", "-", "--to", "null"], input: .open, environment: environment),
      try Daemon("archive", [pipeline, "--from", "-"], input: .open, environment: environment),
      try Daemon("batch", [pipeline, "--watch", "--to", "null"], environment: environment),
      try Daemon("generate", ["Schemas/clickstream.yaml", "--rate", "200/s", "--to", "null"], environment: environment),
      try Daemon("serve", [pipeline, "--redis", redis.address.description], environment: environment),
    ]
    daemons[0].program.write(events.text)
    daemons[1].program.write(events.text)
    let moved: [(daemon: Int, metric: String)] = [
      (0, "freshet_process_records_total"), (1, "freshet_archive_records_total"), (2, "freshet_batch_runs_total"),
      (3, "freshet_generate_delivered_total"),
    ]
    for (daemon, metric) in moved {
      #expect(
        try waitUntil { try MetricsCheck(daemons[daemon].body("/metrics")).samples[metric] ?? 0 > 0 },
        "\(metric): \(daemons[daemon].program.errorsSoFar)")
    }
    var kinds: [String: String] = [:]
    for daemon in daemons {
      let metrics = try daemon.body("/metrics")
      let check = MetricsCheck(metrics)
      #expect(check.problems.isEmpty, "\(daemon.name): \(check.problems)")
      kinds.merge(check.kinds) { $1 }
      if Products.hasExecutable("promtool") {
        let outcome = try Program.run("promtool", ["check", "metrics"], input: .bytes(Data(metrics.utf8)))
        #expect(outcome.status == 0 && outcome.errors.isEmpty, "\(daemon.name): \(outcome.text)\(outcome.errors)")
      }
      #expect(try daemon.body("/livez") == "live\n")
      #expect(waitUntil { RawResponse.get("/readyz", port: daemon.port)?.status == 200 }, "\(daemon.name)")
      let status = try daemon.status()
      #expect(status["version"] as? String == "0.1.0")
      #expect(status[daemon.name] is [String: Any], "\(daemon.name): \(status.keys.sorted())")
      #expect((status["instance"] as? String)?.contains(#/.+:[0-9]+$/#) == true)
      #expect((status["now"] as? Int64 ?? 0) >= (status["started_at"] as? Int64 ?? .max))
    }
    let process = try #require(try daemons[0].status()["process"] as? [String: Any])
    #expect(process["records"] as? Int == 200)
    let generate = try #require(try daemons[3].status()["generate"] as? [String: Any])
    #expect(generate["asked_rate"] as? Double == 200)
    let batch = try #require(try daemons[2].status()["batch"] as? [String: Any])
    #expect((batch["views"] as? [[String: Any]])?.map { $0["name"] as? String } == ["user_activity"])
    for daemon in daemons { daemon.end() }
    for (file, names) in try askedNames() {
      #expect(names.count > 10, "\(file)")
      #expect(names.filter { kinds[$0] == nil } == [], "\(file)")
    }
  }

  /// Metrics that queries of a file name; those of a histogram without what its series end with.
  private func askedNames() throws -> [(file: String, names: Set<String>)] {
    let dashboard = try #require(JSONSerialization.jsonObject(with: Data(text("dashboard.json").utf8)) as? [String: Any])
    var queries: [String] = []
    func collect(_ value: Any) {
      if let list = value as? [Any] { list.forEach(collect) }
      guard let object = value as? [String: Any] else { return }
      if let query = object["expr"] as? String { queries.append(query) }
      object.values.forEach(collect)
    }
    collect(dashboard)
    #expect(queries.count > 40)
    let rules = try text("rules.yaml").split(separator: "\n").filter {
      !$0.drop { $0 == " " }.hasPrefix("#") && !$0.contains("summary:")
    }
    return [("dashboard.json", queries.joined(separator: "\n")), ("rules.yaml", rules.joined(separator: "\n"))].map { file, text in
      let names = text.matches(of: #/\b(freshet|process)_[a-z_]+\b/#).map { match in
        let name = String(match.output.0)
        let base = ["_bucket", "_sum", "_count"].first { name.hasSuffix($0) }.map { String(name.dropLast($0.count)) }
        return base ?? name
      }
      return (file, Set(names))
    }
  }

  @Test func `each alert has a test in which it fires, and one in which it does not`() throws {
    let alerts = try text("rules.yaml").matches(of: #/- alert: (\w+)/#).map { String($0.output.1) }
    #expect(alerts.count > 20 && Set(alerts).count == alerts.count)
    let tests = try text("rules_test.yaml").components(separatedBy: "  - interval:").dropFirst()
    for alert in alerts {
      let own = tests.filter { $0.contains("alertname: \(alert)\n") }
      #expect(own.contains { $0.contains("exp_alerts:\n          - exp_labels:") }, "\(alert)")
      #expect(own.contains { $0.contains("exp_alerts: []") }, "\(alert)")
    }
    // What the manual calls them by.
    let manual = try String(contentsOfFile: "\(folder)/README.md", encoding: .utf8)
    for match in manual.matches(of: #/`(Freshet\w+)`/#) { #expect(alerts.contains(String(match.output.1))) }
  }

  @Test(.enabled(if: Products.hasExecutable("promtool")))
  func `promtool takes the configuration and the rules, and their tests find a rule that is wrong`() throws {
    for arguments in [
      ["check", "config", "prometheus.yaml"], ["check", "rules", "rules.yaml"], ["test", "rules", "rules_test.yaml"],
    ] {
      let outcome = try promtool(arguments, in: folder)
      #expect(outcome.status == 0, "\(arguments): \(outcome.text)\(outcome.errors)")
    }
    let copy = TestFolder()
    try copy.write(text("rules_test.yaml"), as: "rules_test.yaml")
    for (right, wrong) in [
      ("> 60\n", "> 6000\n"), ("freshet_process_live == 0", "freshet_process_live == 1"), ("code=~\"5..\"", "code=~\"4..\""),
      (",trigger=\"change\"", ""), ("{trigger=\"change\"}", ""), ("3 * freshet_batch", "30 * freshet_batch"),
    ] where try text("rules.yaml").contains(right) {
      try copy.write(text("rules.yaml").replacingOccurrences(of: right, with: wrong), as: "rules.yaml")
      #expect(try promtool(["test", "rules", "rules_test.yaml"], in: copy.path).status != 0, "\(wrong)")
    }
  }

  private func promtool(_ arguments: [String], in directory: String) throws -> ProgramOutcome {
    try Program.run("promtool", arguments, directory: directory)
  }
}
