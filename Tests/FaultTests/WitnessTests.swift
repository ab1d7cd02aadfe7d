// The watcher and the oracle themselves: a witness that never objects proves nothing.

import Foundation
import TestSupport
import Testing

extension Faults {
  struct WitnessTests {
    private let folder = TestFolder()
    private let redis: TestRedis

    init() throws { redis = try TestRedis() }

    private func set(_ key: String, _ fields: String...) throws {
      guard case .unix(let path) = redis.address.endpoint else { preconditionFailure("only a Redis of our own is written to") }
      let outcome = try Program.run("redis-cli", ["-s", path, "HSET", "\(redis.prefix):\(key)"] + fields)
      #expect(outcome.status == 0 && Int(outcome.text.trimmingCharacters(in: .whitespacesAndNewlines)) != nil, "\(outcome.text)")
    }

    @Test(.enabled(if: !TestRedis.isExternal))
    func `the watcher notices a count, a sum or a position that goes back, and forgets when it is told to`() throws {
      let watcher = try Watcher(address: redis.address.description, prefix: redis.prefix, folder: folder)
      func look() throws -> Watcher.Sight {
        // A pass of its own for what was written before.
        let reads = try watcher.look().reads
        _ = try waitUntil { try watcher.look().reads >= reads + 2 }
        return try watcher.look()
      }
      try set("totals:a0007", "_position", "3:10", "events", "5", "total", "50")
      try set("recent:a0007", "_position", "3:10", "events", "2")
      #expect(try look().events == 5)
      try set("totals:a0007", "_position", "3:12", "events", "6", "total", "50")
      #expect(try look().regressionCount == 0)
      try set("totals:a0007", "events", "5")
      #expect(
        try look().regressions == ["totals of a0007: partition, offset, events, total (3, 12, 5, 50) after (3, 12, 6, 50)"])
      try set("totals:a0007", "total", "49")
      try set("recent:a0007", "_position", "3:9")
      #expect(try look().regressionCount == 3)
      redis.server?.kill()
      try watcher.forget()
      try redis.server?.start()
      try set("totals:a0007", "_position", "3:1", "events", "1", "total", "1")
      let sight = try look()
      #expect(sight.events == 1 && sight.failures > 0)
      #expect(sight.regressionCount == 3)
    }

    @Test(.enabled(if: !TestRedis.isExternal))
    func `the oracle notices a wrong value, a row too many, a row too few and a sample that was wrong at its position`() throws {
      let events = try folder.write(
        """
        {"id":0,"account":"a0001","amount":10,"shop":"books","at":1767225600000}
        {"id":1,"account":"a0001","amount":20,"shop":"tools","at":1767225601000}
        {"id":1,"account":"a0001","amount":20,"shop":"tools","at":1767225601000}
        {"id":2,"account":"a0002","amount":5,"shop":"books","at":1767225640000}

        """, as: "events.ndjson")
      func verdict(_ samples: String = "") throws -> [Substring] {
        let path = try folder.write(samples, as: "samples.ndjson")
        let outcome = try Program.run(
          "python3", ["Tests/Oracles/payments.py", redis.address.description, redis.prefix, "1", path], input: .file(events))
        let lines = outcome.lines
        #expect((outcome.status == 0) == lines.last?.hasSuffix(" 0 differences"), "\(outcome.text)\(outcome.errors)")
        return Array(lines.dropLast())
      }
      try set("totals:a0001", "events", "2", "total", "30", "shop", "tools")
      try set("recent:a0001", "events", "0", "total", "0", "highest", "20")
      try set("minutes:a0001:1767225600000", "events", "2", "total", "30", "shops", "2")
      try set("visits:a0001:1767225600000", "events", "2", "length", "1000")
      try set("totals:a0002", "events", "1", "total", "5", "shop", "books")
      #expect(try verdict() == ["recent of a0002 is missing, expected {'events': 1, 'total': 5, 'highest': 5}"])
      try set("recent:a0002", "events", "1", "total", "5", "highest", "5")
      #expect(try verdict() == [])
      #expect(try verdict("[\"a0001\", 0, 3, 2, 30]\n") == [])
      #expect(
        try verdict("[\"a0001\", 0, 2, 1, 10]\n")
          == ["totals of a0001 at offset 2 were 1 events, 10 in total, expected 2, 30"])
      try set("minutes:a0002:1767225640000", "events", "1", "total", "5", "shops", "1")
      try set("totals:a0001", "events", "3")
      #expect(
        try verdict() == [
          "totals of a0001: events is 3, expected 2",
          "minutes of a0002:1767225640000 should not be there: {'events': '1', 'total': '5', 'shops': '1'}",
        ])
    }
  }
}
