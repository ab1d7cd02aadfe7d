// `freshet explain PIPELINE VIEW.FEATURE --key K` against a processor that runs, and against what it left behind.

import Base
import Foundation
import TestSupport
import Testing

@Suite struct ExplainValueTests {
  private struct Setting {
    let folder = TestFolder()
    let cluster: TestCluster
    let redis: TestRedis
    let pipeline: ShopPipeline

    init(store: String) throws {
      cluster = try TestCluster(partitionCount: 2)
      redis = try TestRedis()
      pipeline = try ShopPipeline(
        in: folder, topic: cluster.topic, prefix: redis.prefix,
        replacing: [
          "idle_timeout: 10s": "idle_timeout: 1h",
          "every: 10s, store: redis": "every: 1s, store: \(store == "redis" ? store : folder.file(store))",
        ])
    }

    var environment: [String: String] {
      let servers = cluster.address.description.dropFirst("kafka://".count).prefix { $0 != "/" }
      return ["KAFKA_BROKERS": String(servers), "REDIS_URL": redis.address.description]
    }

    func process() throws -> Program {
      let properties = TestCluster.groupProperties.flatMap { ["-X", "\($0.name)=\($0.value)"] }
      return try Program("freshet", ["process", pipeline.path] + properties, environment: environment)
    }

    func explain(_ feature: String, key: String, _ arguments: String...) throws -> ProgramOutcome {
      try Program.run("freshet", ["explain", pipeline.path, feature, "--key", key] + arguments, environment: environment)
    }

    func document(_ feature: String, key: String) throws -> [String: Any] {
      let outcome = try explain(feature, key: key, "--output", "json")
      #expect(outcome.status == 0, "\(outcome.errors)")
      return try #require(try JSONSerialization.jsonObject(with: outcome.output) as? [String: Any])
    }
  }

  @Test(arguments: ["redis", "state"])
  func `a value is what its panes add up to, of a running processor and of its checkpoint`(store: String) throws {
    let setting = try Setting(store: store)
    let stream = ["generate", "Schemas/clickstream.yaml", "--count", "400", "--rate", "5/s", "--from", "2026-01-05T10:00:00Z"]
    let sent = try Program.run("freshet", stream + ["--to", "\(setting.cluster.address)"])
    #expect(sent.status == 0, "\(sent.errors)")
    // When each user was seen last: once every row says so, all records are in.
    var lastEvents: [String: Int64] = [:]
    for line in try Program.run("freshet", stream).lines {
      let event = try JSONSerialization.jsonObject(with: Data(line.utf8)) as! [String: Any]
      lastEvents[event["userId"] as! String] = TimeText.milliseconds(fromRFC3339: event["timestamp"] as! String)
    }
    let process = try setting.process()
    let prefix = "\(setting.redis.prefix):user_activity:"
    #expect(
      try waitUntil {
        let rows = try setting.redis.reader.hashes(lastEvents.keys.map { prefix + $0 })
        return zip(lastEvents.values, rows).allSatisfy { $1["_last_event"] == "\($0)" }
      })
    // One that has seen lists of products.
    let key = try #require(
      try lastEvents.keys.sorted().first { (Int(try setting.redis.reader.hash(prefix + $0)["impressions_10m"] ?? "0") ?? 0) > 0 })
    let row = try setting.redis.reader.hash(prefix + key)
    for origin in ["worker", "checkpoint"] {
      if origin == "checkpoint" {
        process.send(signal: SIGTERM)
        #expect(process.wait().status == 0)
      }
      let document = try setting.document("user_activity.impressions_10m", key: key)
      #expect(document["origin"] as? String == origin)
      let finding = try #require(document["finding"] as? [String: Any])
      #expect(finding["value"] as? String == row["impressions_10m"])
      let parts = try #require(finding["parts"] as? [[String: Any]])
      let sum = parts.filter { $0["counts"] as! Bool }.reduce(0) { $0 + Int($1["value"] as! String)! }
      #expect("\(sum)" == row["impressions_10m"] && !parts.isEmpty)
      #expect(finding["nextOffset"] as! Int > 0 && (finding["lastEvent"] as! Int) <= (finding["streamTime"] as! Int))
      #expect((document["redis"] as? [String: String])?["impressions_10m"] == row["impressions_10m"])

      let text = try setting.explain("user_activity.impressions_10m", key: key)
      #expect(text.text.hasPrefix("user_activity.impressions_10m of '\(key)' is \(sum)\n"))
      for line in [
        origin == "worker" ? ", all before offset " : "the checkpoint of partition ", "  made of\n    [2026-01-05T10:0",
        " leaves it\n",
        "  in Redis                  \(prefix)\(key): \(sum), as of 2026-01-05T10:0",
      ] { #expect(text.text.contains(line), "\(line)\n\(text.text)") }
      let unknown = try setting.explain("user_activity.views_5m", key: "nobody")
      #expect(unknown.status == 1 && unknown.errors == "freshet: error: nothing is known of key 'nobody'\n")
      #expect(
        unknown.text.hasPrefix(
          origin == "worker"
            ? "user_activity.views_5m of 'nobody': no worker holds anything of this key (1 answered)\n"
            : "user_activity.views_5m of 'nobody': no worker has answered within 2s, and no checkpoint holds anything of this key\n"
        ))
    }
    #expect(try setting.redis.reader.keys(matching: "\(setting.redis.prefix):_freshet:inquiry:*") == [])
  }

  @Test func `a key needs a feature`() throws {
    let outcome = try Program.run("freshet", ["explain", "Pipelines/shop_features.yaml", "--key", "u1"])
    #expect(outcome.status == 64)
    #expect(outcome.errors == "freshet: error: --key: expected VIEW.FEATURE before it, such as user_activity.views_5m\n")
  }
}
