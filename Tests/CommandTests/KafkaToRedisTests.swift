// From Kafka to Redis through processes that come, go and die: what Redis holds at the end must be what one pass over all events gives.

import Foundation
import TestSupport
import Testing

/// A topic of four partitions, a Redis, and the pipeline between them.
final class Route {
  let folder = TestFolder()
  let cluster: TestCluster
  let redis: TestRedis
  let pipeline: ShopPipeline
  /// Every event that was sent, in order of time.
  private(set) var events = Data()
  static let partitionCount = 4

  /// - Parameter archive: What the pipeline says of its archive beside its path.
  init(checkpointEvery: String, archive: String? = nil) throws {
    let path = folder.file("archive")
    cluster = try TestCluster(partitionCount: Self.partitionCount)
    redis = try TestRedis()
    pipeline = try ShopPipeline(
      in: folder, topic: cluster.topic, prefix: redis.prefix,
      // Silence must not move event time while a test waits.
      replacing: [
        "every: 10s": "every: \(checkpointEvery)", "idle_timeout: 10s": "idle_timeout: 1h",
        "# How often the state is saved": (archive.map { "archive: { path: \"\(path)\", \($0) }\n\n" } ?? "")
          + "# How often the state is saved",
      ])
  }

  /// Sends a stretch of the stream at five events per second of event time, from `minute` on.
  func generate(count: Int, fromMinute minute: Int, seed: Int) throws {
    let time = String(format: "2026-01-01T%02d:%02d:00Z", minute / 60, minute % 60)
    let options = [
      "generate", "Schemas/clickstream.yaml", "--count", "\(count)", "--rate", "5/s", "--from", time, "--seed", "\(seed)",
    ]
    let sent = try Program.run("freshet", options + ["--to", "\(cluster.address)"])
    #expect(sent.status == 0, "\(sent.errors)")
    #expect(sent.errors.contains("delivered \(count), failed 0"))
    events += try Program.run("freshet", options).output
    try events.write(to: URL(filePath: folder.file("events.ndjson")))
  }

  /// Starts a member of the group, with the short timeouts of a group that shall notice changes soon.
  func process(_ arguments: String...) throws -> Program { try run("process", arguments) }

  func run(_ command: String, _ arguments: [String]) throws -> Program {
    let address = cluster.address.description
    let servers = address.dropFirst("kafka://".count).prefix { $0 != "/" }
    let properties = TestCluster.groupProperties.flatMap { ["-X", "\($0.name)=\($0.value)"] }
    return try Program(
      "freshet", [command, pipeline.path] + properties + arguments,
      environment: ["KAFKA_BROKERS": String(servers), "REDIS_URL": redis.address.description])
  }

  /// How many users have a row.
  func userCount() throws -> Int { try redis.reader.keys(matching: "\(redis.prefix):user_activity:*").count }

  /// How many partitions have a checkpoint.
  /// How many processes hold partitions.
  func ownerCount() throws -> Int {
    let fences = try redis.reader.keys(matching: "\(redis.prefix):_freshet:fence:*")
    return Set(try fences.compactMap { try redis.reader.hash($0)["owner"] }.filter { !$0.isEmpty }).count
  }

  func expectAllCommitted() throws {
    let count = events.count { $0 == 0x0a }
    let committed = try cluster.committedOffsets(of: pipeline.group)
    #expect(committed.count == Self.partitionCount && committed.values.reduce(0, +) == Int64(count), "\(committed)")
  }

  /// Writes what Redis holds in the form of `--to stdout`.
  private func writeRows() throws -> String {
    var lines = Data()
    let features = [
      "views_5m", "clicks_10m", "impressions_10m", "purchases_1h", "spend_1h", "avg_price_1h", "max_price_1h", "last_category",
    ]
    for (view, names) in [("user_activity", features), ("user_windows", ["views", "revenue"])] {
      let keys = try redis.reader.keys(matching: "\(redis.prefix):\(view):*")
      for (key, hash) in zip(keys, try redis.reader.hashes(keys)) {
        let parts = key.dropFirst(redis.prefix.count + 1).split(separator: ":")
        var row: [String: Any] = ["view": view, "userId": String(parts[1])]
        if view == "user_windows" { row["window_start"] = Int(parts[2])! }
        for name in names { row[name] = hash[name].map { text in Double(text) as Any? ?? text } ?? NSNull() }
        lines += try JSONSerialization.data(withJSONObject: row) + [0x0a]
      }
    }
    try lines.write(to: URL(filePath: folder.file("rows.ndjson")))
    return folder.file("rows.ndjson")
  }

  /// Compares every row in Redis with a computation from scratch.
  func expectRightRows() throws {
    let verdict = try Program.run(
      "python3",
      ["Tests/Oracles/shop_features.py", folder.file("events.ndjson"), try writeRows(), "\(Self.partitionCount)"])
    #expect(verdict.status == 0, "\(verdict.text)\(verdict.errors)")
    #expect(verdict.text.contains(" users compared, 0 differences"))
  }

  /// Compares every user's features in Redis with the last row of one run over all events. Both agree because every partition has events in
  /// the last ten seconds, the shortest hop.
  func expectRowsOfOneRun() throws {
    let run = try Program.run(
      "freshet",
      ["process", pipeline.path, "--from", "file:\(folder.file("events.ndjson"))", "--to", "stdout", "--view", "user_activity"])
    var differences: [String] = []
    var last: [String: [String: Any]] = [:]
    for line in run.lines {
      let row = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
      last[try #require(row["userId"] as? String)] = row
    }
    for (user, row) in last {
      let hash = try redis.reader.hash("\(redis.prefix):user_activity:\(user)")
      for (name, value) in row where !["view", "userId", "as_of"].contains(name) {
        switch value {
        case let number as NSNumber:
          let found = hash[name].flatMap(Double.init) ?? .nan
          let isNear = abs(found - number.doubleValue) <= 1e-9 * max(1, abs(number.doubleValue))
          if !isNear { differences.append("\(user) \(name): \(hash[name] ?? "nothing"), expected \(number)") }
        case let text as String:
          if hash[name] != text { differences.append("\(user) \(name): \(hash[name] ?? "nothing"), expected \(text)") }
        default: if let found = hash[name] { differences.append("\(user) \(name): \(found), expected nothing") }
        }
      }
    }
    #expect(differences.isEmpty, "\(differences.count): \(differences.prefix(10))")
    #expect(try userCount() == last.count)
  }
}

@Suite struct KafkaToRedisTests {
  @Test func `members of a group that join and leave give the values of one run, and a restart goes on from there`() throws {
    // No checkpoint but those of partitions that are handed over.
    let route = try Route(checkpointEvery: "1h")
    try route.generate(count: 12_000, fromMinute: 0, seed: 1)
    let first = try route.process()
    #expect(try waitUntil { try route.userCount() > 0 })
    let second = try route.process("--until-idle", "3s")
    #expect(try waitUntil { try route.ownerCount() >= 2 })
    try route.generate(count: 8000, fromMinute: 40, seed: 2)
    first.send(signal: SIGTERM)
    let ended = first.wait()
    #expect(ended.status == 0, "\(ended.errors)")
    let finished = second.wait()
    #expect(finished.status == 0, "\(finished.errors)")
    #expect(!finished.errors.contains("processed 0 events"))
    try route.expectRightRows()
    try route.expectRowsOfOneRun()
    try route.expectAllCommitted()

    try route.generate(count: 5000, fromMinute: 67, seed: 3)
    let restarted = try route.process("--until-idle", "3s").wait()
    #expect(restarted.status == 0, "\(restarted.errors)")
    #expect(restarted.errors.contains("processed 5000 events ("))
    try route.expectRightRows()
    try route.expectRowsOfOneRun()
    try route.expectAllCommitted()
  }

  @Test func `a processor that is killed again and again loses nothing and counts nothing twice`() throws {
    let route = try Route(checkpointEvery: "300ms")
    try route.generate(count: 10_000, fromMinute: 0, seed: 4)
    for round in 0..<3 {
      let users = try route.userCount()
      let killed = try route.process("--workers", "2")
      // In the first round somewhere among the first events; later ones wait until something new is visible.
      #expect(try waitUntil { try route.userCount() > users })
      killed.send(signal: SIGKILL)
      #expect(killed.wait().status == 128 + SIGKILL)
      try route.generate(count: 3000, fromMinute: 34 + 10 * round, seed: 5 + round)
    }
    let last = try route.process("--until-idle", "8s", "--workers", "2").wait()
    #expect(last.status == 0, "\(last.errors)")
    try route.expectRightRows()
    try route.expectRowsOfOneRun()
    try route.expectAllCommitted()
  }

  @Test func `a processor over an empty topic ends when it is told to`() throws {
    let route = try Route(checkpointEvery: "1h")
    let idle = try route.process("--until-idle", "1s").wait()
    #expect(idle.status == 0)
    #expect(idle.errors.contains("processed 0 events"))
    let stopped = try route.process()
    #expect(waitUntil { stopped.isRunning })
    stopped.send(signal: SIGINT)
    #expect([0, 128 + SIGINT].contains(stopped.wait().status))
    #expect(try route.userCount() == 0)
  }

  // librdkafka up to 2.2 aborts when a consumer is destroyed between joining its group and its first assignment.
  @Test(.enabled(if: !TestCluster.isExternal))
  func `Ctrl-C at any moment while a group forms ends quietly`() throws {
    let cluster = try TestCluster(partitionCount: 2)
    try cluster.tell("rtt 400")
    let servers = cluster.address.description.dropFirst("kafka://".count).prefix { $0 != "/" }
    let folders = (0..<8).map { _ in TestFolder() }
    let members = try folders.enumerated().map { index, folder in
      let pipeline = try ShopPipeline(
        in: folder, topic: cluster.topic, replacing: ["group: shop-features": "group: forming-\(index)"])
      return try Program("freshet", ["process", pipeline.path, "--to", "null"], environment: ["KAFKA_BROKERS": String(servers)])
    }
    // The group forms in the fifth second.
    _ = waitUntil(seconds: 3.5) { false }
    for member in members {
      _ = waitUntil(seconds: 0.3) { false }
      member.send(signal: SIGINT)
    }
    for member in members {
      let outcome = member.wait()
      #expect(outcome.status == 0, "\(outcome.errors)")
    }
  }
}
