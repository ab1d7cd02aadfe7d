// A file into Redis by a process that is killed again and again: the next one goes on at the byte where the last one was.

import Base
import Foundation
import TestSupport
import Testing

extension Faults {
  struct FileFaultTests {
    @Test func `a file whose reader is killed again and again is counted once`() throws {
      let folder = TestFolder()
      let redis = try TestRedis()
      let watcher = try Watcher(address: redis.address.description, prefix: redis.prefix, folder: folder)
      let events = folder.file("events.ndjson")
      let generated = try Program.run(
        FaultSettings.program,
        [
          "generate", "Tests/FaultTests/Fixtures/payments.yaml", "--count", "240000", "--seed", "20", "--rate", "1k/s", "--from",
          "2026-01-01T00:00:00Z", "--to", "file:\(events)",
        ])
      #expect(generated.status == 0, "\(generated.errors)")
      func start() throws -> Program {
        try Program(
          FaultSettings.program, ["process", "Tests/FaultTests/Fixtures/accounts.yaml", "--from", "file:\(events)"],
          environment: [
            "KAFKA_BROKERS": "none", "TOPIC": "none", "GROUP": "none", "PREFIX": redis.prefix, "CHECKPOINT_EVERY": "100ms",
            "REDIS_URL": redis.address.description,
          ])
      }
      for share in [1, 3, 6] {
        let reader = try start()
        let isThere = try waitUntil(seconds: FaultSettings.patience) {
          try watcher.look().events >= 240_000 * share / 10 || !reader.isRunning
        }
        #expect(isThere && reader.isRunning, "\(reader.errorsSoFar)")
        reader.send(signal: SIGKILL)
        _ = reader.wait()
      }
      let last = try start().wait(timeout: FaultSettings.patience)
      #expect(last.status == 0, "\(last.errors)")
      // It did not begin anew.
      #expect(!last.errors.contains("processed 240000 events"), "\(last.errors)")
      let sight = try watcher.look()
      #expect(sight.regressionCount == 0, "\(sight.regressions)")
      let verdict = try Program.run(
        "python3", ["Tests/Oracles/payments.py", redis.address.description, redis.prefix, "file", "/dev/null"], input: .file(events)
      )
      #expect(verdict.status == 0, "\(verdict.text)\(verdict.errors)")
      #expect(verdict.text.contains("240000 events, "), "\(verdict.text)")
    }
  }
}
