// The ledger against what the generator did on purpose: `generate --truth` counts the copies, the late and the damaged records that it sent, and
// the ledger must count the same, whatever the batches, in one partition and over four.

import Base
import Features
import Foundation
import Processing
import Records
import TestSupport
import Testing
import Windowing

/// A faulty stream, and what the truth says of all of it.
private struct FaultyStream {
  var lines: [Data] = []
  var truth: [String: Any] = [:]

  init(_ faults: String) throws {
    let folder = TestFolder()
    let original = try String(contentsOfFile: "\(Products.packageFolder)/Schemas/clickstream.yaml", encoding: .utf8)
    try FileManager.default.copyItem(atPath: "\(Products.packageFolder)/Schemas/brands.txt", toPath: folder.file("brands.txt"))
    let schema = try folder.write(original + "\nfaults: \(faults)\n", as: "schema.yaml")
    let outcome = try Program.run(
      "freshet",
      [
        "generate", schema, "--count", "6000", "--rate", "40/s", "--seed", "11", "--from", "2026-01-01T00:00:00Z", "--truth",
        folder.file("truth.ndjson"),
      ])
    #expect(outcome.status == 0, "\(outcome.errors)")
    lines = outcome.output.split(separator: 0x0a).map { Data($0) }
    let last = folder.text(of: "truth.ndjson").split(separator: "\n").last ?? ""
    truth = try #require(try JSONSerialization.jsonObject(with: Data(last.utf8)) as? [String: Any])
    #expect(truth["truth"] as? String == "end")
  }

  func count(_ name: String) -> Int64 { (truth[name] as? NSNumber)?.int64Value ?? -1 }

  /// The stream as a topic: records of a session share a partition.
  func source(partitionCount: Int, batchCount: Int) -> ScriptedSource {
    var offsets = [Int64](repeating: 0, count: partitionCount)
    let records = lines.enumerated().map {
      index, line -> (partition: PartitionIndex, offset: Offset, key: String?, value: String) in
      let object = try? JSONSerialization.jsonObject(with: line) as? [String: Any]
      let session = object?["session_id"] as? String ?? "\(index)"
      let partition = Int(session.utf8.reduce(UInt32(7)) { $0 &* 31 &+ UInt32($1) } % UInt32(partitionCount))
      defer { offsets[partition] += 1 }
      return (PartitionIndex(partition), offsets[partition], nil, String(decoding: line, as: UTF8.self))
    }
    let batches = stride(from: 0, to: records.count, by: batchCount).map {
      ScriptedSource.Step.records(Array(records[$0..<min($0 + batchCount, records.count)]))
    }
    return ScriptedSource([.result(.assigned((0..<partitionCount).map { PartitionIndex($0) }))] + batches, isBounded: false)
  }
}

/// Windows of a second, closed ten seconds later.
private func definition() -> PipelineDefinition {
  var definition = pipeline(
    [view("w", .close, keyed: false, [feature("n", .count, window: .tumbling(size: 1000))])], lateness: 10_000,
    time: EventTimeSettings(path: FieldPath(["timestamp"]), format: .rfc3339))
  definition.sources[0].deduplication = DeduplicationDefinition(keyPath: FieldPath(["messageId"]), windowMilliseconds: 3_600_000)
  return definition
}

@Suite struct `The ledger and the truth` {
  @Test(arguments: [1, 4], [1, 7, 4096])
  func `agree on copies and late records`(partitionCount: Int, batchCount: Int) throws {
    // A record that is held back comes a minute late, and the stream never pauses for so long.
    let stream = try FaultyStream("{ late: { rate: 0.05, delay: 60s }, duplicate: { rate: 0.08 } }")
    #expect(stream.count("late") > 100 && stream.count("duplicate") > 100)
    let late = MemorySideOutput()
    let run = try runWorker(
      definition(), stream.source(partitionCount: partitionCount, batchCount: batchCount), sideOutputs: SideOutputs(late: late))
    #expect(run.counts.records == 6000 && stream.count("sent") == 6000)
    #expect(run.counts.ledger.count(of: .duplicate) == stream.count("duplicate"))
    #expect(run.counts.ledger.count(of: .late) == stream.count("late"))
    #expect(run.counts.rejectedCount == 0 && Int64(late.records.count) == stream.count("late"))
    #expect(Set(run.counts.ledger.sorted.map(\.key.partition)).count == partitionCount)
  }

  @Test(arguments: [1, 4], [1, 7, 4096])
  func `agree on damaged records`(partitionCount: Int, batchCount: Int) throws {
    let stream = try FaultyStream("{ corrupt: { rate: 0.05 } }")
    #expect(stream.count("corrupt") > 100)
    let letters = MemorySideOutput()
    let run = try runWorker(
      definition(), stream.source(partitionCount: partitionCount, batchCount: batchCount),
      sideOutputs: SideOutputs(deadLetters: letters))
    #expect(run.counts.rejectedCount == stream.count("corrupt"))
    #expect(Int64(letters.records.count) == stream.count("corrupt"))
    #expect(run.counts.ledger.count(of: .duplicate) == 0)
  }
}
