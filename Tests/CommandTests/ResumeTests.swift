// Files and pipes into Redis: a run that was killed goes on, one that had finished doubles nothing, and an input that changed is refused.

import Base
import Foundation
import RedisStore
import TestSupport
import Testing

/// A pipeline, a Redis, and lines of events.
private final class Resumed {
  let folder = TestFolder()
  let redis: TestRedis
  let pipeline: ShopPipeline
  let lines: [String]

  init(count: Int = 3000) throws {
    redis = try TestRedis()
    pipeline = try ShopPipeline(in: folder, prefix: redis.prefix, replacing: ["every: 10s": "every: 100ms"])
    let sent = try Program.run(
      "freshet",
      [
        "generate", "Schemas/clickstream.yaml", "--count", "\(count)", "--rate", "20/s", "--from", "2026-01-01T00:00:00Z", "--seed",
        "3",
      ])
    lines = sent.lines.map(String.init)
  }

  func text(_ range: Range<Int>) -> String { lines[range].joined(separator: "\n") + "\n" }

  func program(_ arguments: String..., input: Program.Input = .none) throws -> Program {
    try Program("freshet", ["process", pipeline.path, "--to", "\(redis.address)"] + arguments, input: input)
  }

  /// What readers see, without what says when it was written.
  func rows() throws -> [String: [String: String]] {
    var rows: [String: [String: String]] = [:]
    for key in try redis.reader.keys(matching: "\(redis.prefix):*") where !key.contains(":_freshet:") {
      rows[key] = try redis.reader.hash(key).filter { !["_written_at", "_position", "_as_of"].contains($0.key) }
    }
    return rows
  }

  /// The rows of one run over `text`, which are then taken away again.
  func rowsOfOneRun(_ text: String) throws -> [String: [String: String]] {
    let path = try folder.write(text, as: "whole.ndjson")
    let outcome = try program("--from", "file:\(path)").wait()
    #expect(outcome.status == 0, "\(outcome.errors)")
    let rows = try rows()
    _ = try redis.reader.removeKeys(matching: "\(redis.prefix):*")
    return rows
  }

  /// Whether a checkpoint stands that lies behind the input's beginning.
  func hasProgress() throws -> Bool {
    let fences = try redis.reader.keys(matching: "\(redis.prefix):_freshet:fence:*")
    return try fences.contains { try Int(redis.reader.hash($0)["next_offset"] ?? "0") ?? 0 > 1000 }
  }
}

@Suite struct ResumeTests {
  @Test func `a file that was finished is not counted twice, and one that has grown is read on`() throws {
    let run = try Resumed()
    let whole = try run.rowsOfOneRun(run.text(0..<3000))
    let path = try run.folder.write(run.text(0..<2000), as: "events.ndjson")
    #expect(try run.program("--from", "file:\(path)").wait().status == 0)
    let before = try run.rows()
    let again = try run.program("--from", "file:\(path)").wait()
    #expect(again.status == 0 && again.errors.contains("processed 0 events"), "\(again.errors)")
    #expect(try run.rows() == before)
    _ = try run.folder.write(run.text(0..<3000), as: "events.ndjson")
    let more = try run.program("--from", "file:\(path)").wait()
    #expect(more.status == 0 && more.errors.contains("processed 1000 events"), "\(more.errors)")
    #expect(try run.rows() == whole)
    _ = try run.folder.write(run.text(0..<10), as: "events.ndjson")
    let shorter = try run.program("--from", "file:\(path)").wait()
    #expect(shorter.status == 65)
    #expect(
      shorter.errors.contains("it is another input now. --ignore-checkpoints reads it from its beginning"), "\(shorter.errors)")
    let anew = try run.program("--from", "file:\(path)", "--ignore-checkpoints").wait()
    #expect(anew.status == 0 && anew.errors.contains("processed 10 events"), "\(anew.errors)")
  }

  @Test func `a pipe that broke off is read on where it is piped again, and one that had ended is another`() throws {
    let run = try Resumed()
    let whole = try run.rowsOfOneRun(run.text(0..<3000))
    let first = try run.program("--from", "-", input: .open)
    first.write(run.text(0..<1500))
    #expect(try waitUntil { try run.hasProgress() })
    first.send(signal: SIGKILL)
    _ = first.wait()
    let short = try run.program("--from", "-", input: .bytes(Data(run.text(0..<1).utf8))).wait()
    #expect(short.status == 65 && short.errors.contains("--ignore-checkpoints"), "\(short.errors)")
    let second = try run.program("--from", "-", input: .bytes(Data(run.text(0..<3000).utf8))).wait()
    #expect(second.status == 0, "\(second.errors)")
    #expect(try run.rows() == whole)
    let third = try run.program("--from", "-", input: .bytes(Data(run.text(0..<100).utf8))).wait()
    #expect(third.status == 0 && third.errors.contains("processed 100 events"), "\(third.errors)")
  }

  @Test func `a run that was told to end goes on where it ended`() throws {
    let run = try Resumed()
    let whole = try run.rowsOfOneRun(run.text(0..<3000))
    let first = try run.program("--from", "-", input: .open)
    first.write(run.text(0..<1500))
    #expect(try waitUntil { try run.hasProgress() })
    first.send(signal: SIGTERM)
    let ended = first.wait()
    #expect(ended.status == 0, "\(ended.errors)")
    let second = try run.program("--from", "-", input: .bytes(Data(run.text(0..<3000).utf8))).wait()
    #expect(second.status == 0, "\(second.errors)")
    #expect(try run.rows() == whole)
  }
}
