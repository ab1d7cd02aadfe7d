// `freshet serve` and `freshet get` as users run them.

import Base
import Foundation
import RedisStore
import TestSupport
import Testing

private let pipeline = "Pipelines/shop_features.yaml"

@Suite struct ServeCommandTests {
  private let redis: TestRedis
  private let folder = TestFolder()

  init() throws { redis = try TestRedis() }

  /// Rows of users, as `process` writes them.
  private func fill() throws {
    let events = try Program.run("freshet", ["generate", "Schemas/clickstream.yaml", "--from", "0", "--count", "2000"])
    let processed = try Program.run(
      "freshet", ["process", pipeline, "--from", "-", "--to", redis.address.description], input: .bytes(events.output))
    #expect(processed.status == 0, "\(processed.errors)")
  }

  private func userKeys() throws -> [String] {
    try redis.reader.keys(matching: "fv:user_activity:*").sorted().map { String($0.dropFirst("fv:user_activity:".count)) }
  }

  private func listeningPort(of program: Program) -> Int? {
    guard let found = program.errorsSoFar.firstRange(of: #/http=127\.0\.0\.1:(\d+)/#) else { return nil }
    return Int(program.errorsSoFar[found].drop { $0 != ":" }.dropFirst())
  }

  @Test(.enabled(if: !TestRedis.isExternal))
  func `rows that were processed are served and looked up, and the end is orderly`() throws {
    try fill()
    let key = try #require(userKeys().first)
    let stored = try redis.reader.hash("fv:user_activity:\(key)")
    let log = folder.file("served.ndjson")
    let server = try Program(
      "freshet",
      ["serve", pipeline, "--listen", "127.0.0.1:0", "--redis", redis.address.description, "--log-served", log, "--threads", "2"])
    #expect(waitUntil { listeningPort(of: server) != nil })
    let port = try #require(listeningPort(of: server))
    let answer = try #require(RawResponse.get("/features/ranking/\(key)", port: port))
    #expect(answer.status == 200)
    #expect(answer.body.contains("\"user_activity.views_5m\":{\"value\":\(stored["views_5m"] ?? "?"),\"status\":\"STALE\""))
    #expect(waitUntil { folder.text(of: "served.ndjson").split(separator: "\n").count == 8 })
    #expect(folder.text(of: "served.ndjson").contains(#/"position":"0:\d+"/#))
    let looked = try Program.run(
      "freshet", ["get", pipeline, "ranking", "userId=\(key)", "--redis", redis.address.description, "--explain"])
    #expect(looked.status == 0, "\(looked.errors)")
    #expect(looked.lines[0].contains(#/^feature +value +status +age +lane$/#))
    #expect(looked.lines[1].contains(#/^user_activity\.views_5m +\d+ +STALE +\d+d +nrt$/#), "\(looked.text)")
    #expect(looked.text.contains("\nread\n  fv:user_activity:\(key)\n"))
    #expect(looked.text.contains(#/partition 0 before offset \d+, written \d+ ms ago/#))
    let json = try Program.run(
      "freshet", ["get", pipeline, "ranking", "user=nobody", "--redis", redis.address.description, "--output", "json"])
    #expect(
      json.text.contains(#""user_activity.views_5m":{"value":0,"status":"NOT_FOUND","as_of":null,"age_ms":null,"lane":"nrt"}"#))
    server.send(signal: SIGTERM)
    let ended = server.wait()
    #expect(ended.status == 0, "\(ended.errors)")
    #expect(
      ended.errors.contains(
        #/^freshet: notice: started \(http=127.0.0.1:\d+, pipeline=shop_features, services=ranking, store=redis[^ ]*, version=0.1.0\)\n$/#
      ),
      "\(ended.errors)")
  }

  @Test func `a server runs the batches that a schedule asks for, and serves the newest`() throws {
    let text = """
      version: 1
      kind: pipeline
      name: scheduled
      sources: { visits: { event_time: { field: at, format: epoch_ms } } }
      entities: { user: { key: user } }
      views:
        profile:
          entity: user
          source: visits
          lanes: [batch]
          schedule: { every: 1s }
          features: { visits: { agg: count, window: { sliding: 30d, hop: 1d }, default: 0 } }
      services: { profiles: { features: [profile] } }
      sink: { redis: { url: "\(redis.address)", prefix: "\(redis.prefix)" } }
      archive: { path: "\(folder.file("archive"))" }
      """
    let path = try folder.write(text, as: "scheduled.yaml")
    let now = Int64(Date().timeIntervalSince1970 * 1000) - 5000
    func archive(_ count: Int) throws {
      let events = try folder.write(
        (0..<count).map { "{\"user\":\"u1\",\"at\":\(now + Int64($0))}\n" }.joined(), as: "events.ndjson")
      let outcome = try Program.run("freshet", ["archive", path, "--from", "file:\(events)"])
      #expect(outcome.status == 0, "\(outcome.errors)")
    }
    try archive(3)
    let server = try Program("freshet", ["serve", path, "--listen", "127.0.0.1:0"])
    #expect(waitUntil { listeningPort(of: server) != nil })
    let port = listeningPort(of: server) ?? 0
    func serves(_ value: Int) -> Bool {
      RawResponse.get("/features/profiles/u1", port: port)?.body.contains("\"value\":\(value),\"status\":\"PRESENT\"") ?? false
    }
    #expect(waitUntil { serves(3) }, "\(server.errorsSoFar)")
    // The file has grown: what is new goes into the archive, and comes with the next cutoff.
    try archive(5)
    #expect(waitUntil { serves(5) }, "\(server.errorsSoFar)")
    server.send(signal: SIGTERM)
    #expect(server.wait().status == 0)
  }

  @Test(.enabled(if: !TestRedis.isExternal))
  func `lanes stand side by side, with how far they are from what happened`() throws {
    let modes = "Examples/modes/shop_modes.yaml"
    let time = Date().addingTimeInterval(-8 * 60).formatted(.iso8601)
    let events = [("Product Viewed", 10), ("Product Viewed", 30), ("Product Clicked", 30), ("Order Completed", 7)].map {
      #"{"timestamp":"\#(time)","event":"\#($0.0)","userId":"u1","properties":{"price":\#($0.1)}}"# + "\n"
    }
    let address = redis.address.description
    let processed = try Program.run(
      "freshet", ["process", modes, "--from", "-", "--to", address], input: .bytes(Data(events.joined().utf8)))
    #expect(processed.status == 0, "\(processed.errors)")
    let looked = try Program.run(
      "freshet", ["get", modes, "three_lanes", "userId=u1", "userId=nobody", "--lanes", "--redis", address])
    #expect(looked.status == 0, "\(looked.errors)")
    let lines = looked.lines.map { $0.replacing(#/ +/#) { _ in " " } }
    #expect(
      lines.dropLast() == [
        "userId=u1", " feature batch age error nrt age error rt age",
        " activity.views_5m 0 NOT_FOUND 0 2 8m STALE +2 0 0ms",
        " activity.clicks_10m 0 NOT_FOUND -1 (-100 %) 1 8m STALE 0 1 0ms",
        " activity.spend_1h 0 NOT_FOUND -7 (-100 %) 7 8m STALE 0 7 0ms",
        " activity.avg_price_1h null NOT_FOUND differs 20 8m STALE 0 20 0ms",
        "userId=nobody", " feature batch age error nrt age error rt age",
        " activity.views_5m 0 NOT_FOUND 0 0 NOT_FOUND 0 0 NOT_FOUND",
        " activity.clicks_10m 0 NOT_FOUND 0 0 NOT_FOUND 0 0 NOT_FOUND",
        " activity.spend_1h 0 NOT_FOUND 0 0 NOT_FOUND 0 0 NOT_FOUND",
        " activity.avg_price_1h null NOT_FOUND same null NOT_FOUND same null NOT_FOUND",
      ], "\(looked.text)")
    #expect(lines.last?.hasPrefix("answered in ") == true)
  }

  @Test(arguments: [
    (["serve", pipeline, "--listen", "host"], 64, "--listen: expected HOST:PORT"),
    (["serve", pipeline, "--threads", "0"], 64, "--threads: expected 1 to 64, found '0'"),
    (["serve", pipeline, "--max-entities", "0"], 64, "--max-entities: expected 1 to 100000, found '0'"),
    (["serve", pipeline, "--timeout", "2h"], 64, "--timeout: expected a duration of 1ms to 60s, found '2h'"),
    (["serve", pipeline, "--token-file", "/nothing/here"], 66, "--token-file: cannot read /nothing/here"),
    (["serve", pipeline, "--token-file", "Package.swift"], 64, "--token-file Package.swift: expected a token"),
    (["serve", pipeline, "--redis", "redis://127.0.0.1:1"], 69, "cannot connect to Redis"),
    (["serve", "/nothing.yaml"], 66, "/nothing.yaml"),
    (["get", pipeline, "ranking", "userId"], 64, "expected name=value, found 'userId'"),
    (["get", pipeline, "ranking", "userId=a", "--redis", "redis://127.0.0.1:1"], 69, "cannot connect to Redis"),
  ])
  func `what is wrong is said with the exit code that is promised`(arguments: [String], status: Int, text: String) throws {
    let outcome = try Program.run("freshet", arguments)
    #expect(Int(outcome.status) == status, "\(outcome.errors)")
    #expect(outcome.errors.contains(text), "\(outcome.errors)")
  }

  @Test func `a request that cannot be answered is a matter of usage`() throws {
    for (arguments, text) in [
      (["no", "userId=a"], "there is no service 'no'; there is ranking"), (["ranking"], "the keys of 'userId' are missing"),
      (["ranking", "userId=a", "x=1"], "there is no key or input 'x'; there is userId"),
    ] {
      let outcome = try Program.run("freshet", ["get", pipeline] + arguments + ["--redis", redis.address.description])
      #expect(outcome.status == 64)
      #expect(outcome.errors.contains(text), "\(outcome.errors)")
    }
  }

  @Test func `documentation and metrics name the same`() throws {
    let server = try Program(
      "freshet", ["serve", pipeline, "--listen", "127.0.0.1:0", "--redis", redis.address.description])
    #expect(waitUntil { listeningPort(of: server) != nil })
    let metrics = MetricsCheck(try #require(RawResponse.get("/metrics", port: listeningPort(of: server) ?? 0)).body)
    let document = try String(contentsOfFile: "\(Products.packageFolder)/Documentation/serving.md", encoding: .utf8)
    let documented = Set(document.matches(of: #/`(freshet_serve_\w+)[`{]/#).map { String($0.1) })
    let found = Set(metrics.kinds.keys.filter { $0.hasPrefix("freshet_") })
    #expect(documented.subtracting(found).isEmpty, "\(documented) \(found)")
    #expect(found.subtracting(documented).isEmpty)
  }
}
