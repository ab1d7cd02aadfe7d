// `freshet verify --lanes` as a user runs it: events archived and processed, values served and noted, and compared.

import Base
import Foundation
import RedisStore
import TestSupport
import Testing

@Suite struct VerifyLanesTests {
  @Test(.enabled(if: !TestRedis.isExternal)) func `what was served is what the archive gives, and a changed value is found`() throws
  {
    let redis = try TestRedis()
    let folder = TestFolder()
    let pipeline = try ShopPipeline(
      in: folder, replacing: ["# How often the state": "archive: { path: \"\(folder.file("archive"))\" }\n\n# How often the state"]
    ).path
    let address = redis.address.description
    let events = folder.file("events.ndjson")
    try folder.write(
      String(
        decoding: Program.run("freshet", ["generate", "Schemas/clickstream.yaml", "--from", "0", "--count", "3000"]).output,
        as: UTF8.self), as: "events.ndjson")
    for arguments in [
      ["archive", pipeline, "--from", "file:\(events)"],
      ["process", pipeline, "--from", "archive", "--to", address],
    ] {
      let outcome = try Program.run("freshet", arguments)
      #expect(outcome.status == 0, "\(outcome.errors)")
    }
    let log = folder.file("served.ndjson")
    let server = try Program(
      "freshet", ["serve", pipeline, "--listen", "127.0.0.1:0", "--redis", address, "--log-served", log])
    func port() -> Int? {
      guard let found = server.errorsSoFar.firstRange(of: #/http=127\.0\.0\.1:(\d+)/#) else { return nil }
      return Int(server.errorsSoFar[found].drop { $0 != ":" }.dropFirst())
    }
    #expect(waitUntil { port() != nil })
    let keys = try redis.reader.keys(matching: "fv:user_activity:*").sorted().prefix(20)
    #expect(keys.count == 20)
    for key in keys.map({ String($0.dropFirst("fv:user_activity:".count)) }) + ["nobody"] {
      #expect(RawResponse.get("/features/ranking/\(key)", port: try #require(port()))?.status == 200)
    }
    #expect(waitUntil { folder.text(of: "served.ndjson").split(separator: "\n").count == 21 * 8 })
    server.send(signal: SIGTERM)
    #expect(server.wait().status == 0)

    let right = try Program.run("freshet", ["verify", pipeline, "--lanes", "--served", log])
    #expect(right.status == 0, "\(right.text)\(right.errors)")
    #expect(right.lines[0].hasSuffix("served.ndjson: 168 values are what the archive gives"), "\(right.text)")
    #expect(right.text.contains("168 not checkable: of their error: their times are beyond the archive"), "\(right.text)")
    let text = folder.text(of: "served.ndjson")
    let found = try #require(text.firstRange(of: #/"feature":"views_5m","value":\d+/#))
    try folder.write(text.replacingCharacters(in: found, with: "\"feature\":\"views_5m\",\"value\":4711"), as: "changed.ndjson")
    let changed = try Program.run(
      "freshet", ["verify", pipeline, "--lanes", "--served", folder.file("changed.ndjson"), "--output", "json"])
    #expect(changed.status == 3, "\(changed.text)\(changed.errors)")
    let json = try #require(JSONSerialization.jsonObject(with: Data(changed.text.utf8)) as? [String: Any])
    #expect(json["agrees"] as? Bool == false && json["mismatches"] as? Int == 1 && json["checked"] as? Int == 168)
  }

  @Test(arguments: [
    (["--lanes"], 64, "--lanes: expected --served FILE"), (["--served", "x"], 64, "--served: expected --lanes with it"),
    (["--lanes", "--served", "/nothing/here"], 66, "/nothing/here"),
    (["--lanes", "--served", "Package.swift"], 65, "Package.swift:1: "),
    (["--lanes", "--served", "x", "--tolerance=-1"], 64, "--tolerance: expected a number of at least 0, found '-1'"),
    (["--lanes", "--served", "x", "--redis"], 64, "--redis: with --lanes"),
  ])
  func `what cannot be is refused with a reason`(arguments: [String], status: Int, text: String) throws {
    let outcome = try Program.run("freshet", ["verify", "Pipelines/shop_features.yaml"] + arguments)
    #expect(Int(outcome.status) == status && outcome.errors.contains(text), "\(outcome.errors)")
  }
}
