// Views whose entity is not the topic's key, from Kafka to Redis through processes that come, go, die and freeze: what Redis holds at the end must be
// what one pass over all events gives.

import Foundation
import TestSupport
import Testing

/// A topic of four partitions that is keyed by user, a Redis, and Pipelines/product_features.yaml between them.
private final class ProductRoute {
  let folder = TestFolder()
  let cluster: TestCluster
  let redis: TestRedis
  private let pipeline: String
  private var events = Data()
  static let partitionCount = 4

  init(checkpointEvery: String) throws {
    cluster = try TestCluster(partitionCount: Self.partitionCount)
    redis = try TestRedis()
    var text = try String(contentsOfFile: "\(Products.packageFolder)/Pipelines/product_features.yaml", encoding: .utf8)
    let changes = [
      "topic: clicks": "topic: \(cluster.topic)", "group: product-features": "group: group-\(cluster.topic)",
      "prefix: products }": "prefix: \(redis.prefix) }", "../Schemas/": "\(Products.packageFolder)/Schemas/",
      "checkpoint: { every: 10s }": "checkpoint: { every: \(checkpointEvery) }",
      // Silence must not move event time while a test waits.
      "idle_timeout: 10s": "idle_timeout: 1h",
    ]
    for (old, new) in changes {
      precondition(text.contains(old), "product_features.yaml has no '\(old)' any more")
      text = text.replacingOccurrences(of: old, with: new)
    }
    pipeline = try folder.write(text, as: "product_features.yaml")
  }

  /// Sends a stretch of the stream at five events per second of event time, from `minute` on.
  func generate(count: Int, fromMinute minute: Int, seed: Int) throws {
    let time = String(format: "2026-01-01T%02d:%02d:00Z", minute / 60, minute % 60)
    let options = [
      "generate", "Schemas/clickstream.yaml", "--count", "\(count)", "--rate", "5/s", "--from", time, "--seed", "\(seed)",
    ]
    let sent = try Program.run("freshet", options + ["--to", "\(cluster.address)"])
    #expect(sent.status == 0, "\(sent.errors)")
    events += try Program.run("freshet", options).output
    try events.write(to: URL(filePath: folder.file("events.ndjson")))
  }

  /// Starts a member of the groups, with the short timeouts of groups that shall notice changes soon.
  func process(_ arguments: String...) throws -> Program {
    let properties = TestCluster.groupProperties.flatMap { ["-X", "\($0.name)=\($0.value)"] }
    return try Program(
      "freshet", ["process", pipeline] + properties + arguments,
      environment: ["KAFKA_BROKERS": cluster.servers, "REDIS_URL": redis.address.description])
  }

  func keyCount(_ view: String) throws -> Int { try redis.reader.keys(matching: "\(redis.prefix):\(view):*").count }

  /// Compares every row in Redis with a computation from scratch.
  func expectRightRows() throws {
    var lines = Data()
    let features = [
      "product_activity": ["views_1h", "viewers_1h", "sold", "revenue"], "product_minutes": ["events", "users"],
      "shop_minutes": ["views", "orders", "revenue"],
    ]
    for (view, names) in features {
      let keys = try redis.reader.keys(matching: "\(redis.prefix):\(view):*")
      for (key, hash) in zip(keys, try redis.reader.hashes(keys)) {
        let parts = key.dropFirst(redis.prefix.count + 1).split(separator: ":")
        var row: [String: Any] = ["view": view]
        if view != "shop_minutes" { row["product_id"] = String(parts[1]) }
        if view != "product_activity" { row["window_start"] = Int(parts.last!)! }
        for name in names { row[name] = hash[name].map { text in Double(text) as Any? ?? text } ?? NSNull() }
        lines += try JSONSerialization.data(withJSONObject: row) + [0x0a]
      }
    }
    try lines.write(to: URL(filePath: folder.file("rows.ndjson")))
    let verdict = try Program.run(
      "python3",
      ["Tests/Oracles/product_features.py", folder.file("events.ndjson"), folder.file("rows.ndjson"), "\(Self.partitionCount)"])
    #expect(verdict.status == 0, "\(verdict.text)\(verdict.errors)")
    #expect(verdict.text.contains(" rows compared, 0 differences"))
  }
}

/// The number before `text` in what a program said; 0 where it said nothing of the kind.
private func number(before text: String, in output: String) -> Int {
  guard let end = output.range(of: text)?.lowerBound else { return 0 }
  return Int(output[..<end].split { !$0.isNumber }.last ?? "") ?? 0
}

@Suite struct `Views with keys of their own, through processes` {
  @Test func `members that join and leave give the values of one pass, and a restart goes on from there`() throws {
    let route = try ProductRoute(checkpointEvery: "1h")
    try route.generate(count: 8000, fromMinute: 0, seed: 1)
    let first = try route.process("--workers", "2")
    #expect(try waitUntil { try route.keyCount("product_minutes") > 0 })
    let second = try route.process("--until-idle", "3s")
    try route.generate(count: 6000, fromMinute: 27, seed: 2)
    first.send(signal: SIGTERM)
    let ended = first.wait()
    #expect(ended.status == 0, "\(ended.errors)")
    let finished = second.wait()
    #expect(finished.status == 0, "\(finished.errors)")
    try route.expectRightRows()

    try route.generate(count: 3000, fromMinute: 50, seed: 3)
    let restarted = try route.process("--until-idle", "3s").wait()
    #expect(restarted.status == 0, "\(restarted.errors)")
    #expect(restarted.errors.contains("processed 3000 events ("), "\(restarted.errors)")
    #expect(number(before: " records went through internal topics", in: restarted.errors) > 1000)
    try route.expectRightRows()
  }

  @Test(arguments: ["300ms", "1h"])
  func `a processor that is killed again and again counts nothing twice`(_ checkpointEvery: String) throws {
    let route = try ProductRoute(checkpointEvery: checkpointEvery)
    try route.generate(count: 6000, fromMinute: 0, seed: 4)
    for round in 0..<3 {
      let windows = try route.keyCount("product_minutes")
      let killed = try route.process("--workers", "2")
      #expect(try waitUntil { try route.keyCount("product_minutes") > windows })
      killed.send(signal: SIGKILL)
      #expect(killed.wait().status == 128 + SIGKILL)
      try route.generate(count: 2000, fromMinute: 20 + 7 * round, seed: 5 + round)
    }
    let last = try route.process("--until-idle", "8s", "--workers", "2").wait()
    #expect(last.status == 0, "\(last.errors)")
    #expect(last.errors.contains(" late") == false, "\(last.errors)")
    // Without a checkpoint everything is sent again, and everything that was sent is read again.
    if checkpointEvery == "1h" {
      #expect(number(before: " records of internal topics had come before", in: last.errors) > 0, "\(last.errors)")
    }
    try route.expectRightRows()
  }

  @Test func `a member that freezes and comes back when others have its partitions spoils nothing`() throws {
    let route = try ProductRoute(checkpointEvery: "500ms")
    try route.generate(count: 6000, fromMinute: 0, seed: 8)
    let frozen = try route.process()
    #expect(try waitUntil { try route.keyCount("product_minutes") > 0 })
    let other = try route.process("--until-idle", "10s")
    frozen.send(signal: SIGSTOP)
    try route.generate(count: 4000, fromMinute: 20, seed: 9)
    let before = try route.keyCount("product_minutes")
    // The others get its partitions once its session has ended.
    #expect(try waitUntil { try route.keyCount("product_minutes") > before })
    frozen.send(signal: SIGCONT)
    let finished = other.wait()
    #expect(finished.status == 0, "\(finished.errors)")
    frozen.send(signal: SIGTERM)
    let ended = frozen.wait()
    #expect(ended.status == 0, "\(ended.errors)")
    try route.expectRightRows()
  }
}
