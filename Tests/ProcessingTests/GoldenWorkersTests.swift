// The golden cases by several workers at once: each a thread of its own with partitions, state and store of its own, as `freshet process
// --workers` runs them. Every partition gets the whole case, so that each has to give all of its rows; where no record is late, partitions may
// as well divide the keys among them, and together give the rows once.
//
//   first half   worker 0: partitions 0 4     worker 1: 1 5     worker 2: 2 6     worker 3: 3 7
//   second half  worker 0: partitions 1 5     worker 1: 2 6     worker 2: 3 7     worker 3: 0 4        (handed over with their state)

import Base
import Features
import Foundation
import Records
import Synchronization
import Testing

@Suite struct `Results equal to Flink's, by several workers at once` {
  static let workerCount = 4

  /// The random cases go through their tens of thousands of records often enough elsewhere.
  @Test(arguments: GoldenCase.all.filter { !$0.name.hasPrefix("rand") || $0.name == "rand_hop" }, [7, 4096])
  func `partitions that change workers half way give the rows that Flink gave`(golden: GoldenCase, batchCount: Int) throws {
    let lines = try golden.lines("input.ndjson")
    let pipeline = try golden.pipeline()
    let half = lines.count / 2
    let first = try atOnce { worker in
      let script = Self.script(lines[..<half], Self.partitions(of: worker), batchCount)
      let checkpoints = MemoryCheckpoints()
      let source = ScriptedSource(script + [.result(.revoked(Self.partitions(of: worker)))], isBounded: false)
      return (rows: try runWorker(pipeline, source, checkpoints: checkpoints).store.rows, checkpoints: checkpoints)
    }
    nonisolated(unsafe) let checkpoints = first.map(\.checkpoints)
    let second = try atOnce { worker in
      let former = (worker + 1) % Self.workerCount
      let script = Self.script(lines[half...], Self.partitions(of: former), batchCount)
      return try runWorker(
        pipeline, ScriptedSource(script + [.result(.endOfInput)], isBounded: false),
        checkpoints: MemoryCheckpoints(checkpoints[former])
      ).store.rows
    }
    for worker in 0..<Self.workerCount {
      // What worker 1 began, worker 0 has ended.
      try golden.expect(first[(worker + 1) % Self.workerCount].rows + second[worker], copies: 2, "worker \(worker)")
    }
  }

  @Test func `without late records it does not matter which partition a key is in`() throws {
    let cases = try GoldenCase.all.filter { try $0.keepsItsRowsByKey }
    #expect(cases.count == 15)
    for golden in cases {
      let keyed = try golden.lines("input.ndjson").map { (key: try #require(try Self.key(of: $0)), line: $0) }
      let pipeline = try golden.pipeline()
      let rows = try atOnce { worker in
        let partitions = Self.partitions(of: worker)
        var script: [ScriptedSource.Step] = [.result(.assigned(partitions))]
        for partition in partitions {
          let lines = keyed.filter { Self.partition(of: $0.key) == partition }.map(\.line)
          script.append(.records(Self.records(lines[...], partition)))
        }
        return try runWorker(pipeline, ScriptedSource(script + [.result(.endOfInput)], isBounded: false)).store.rows
      }
      try golden.expect(rows.flatMap { $0 }, "\(golden.name), keys divided among partitions")
    }
  }

  // MARK: Partitions and records

  static func partitions(of worker: Int) -> [PartitionIndex] { [PartitionIndex(worker), PartitionIndex(worker + workerCount)] }

  private static func key(of line: String) throws -> String? {
    (try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])?["k"] as? String
  }

  private static func partition(of key: String) -> PartitionIndex {
    var key = key
    return key.withUTF8 { Hash.kafkaPartition(ofKey: $0.baseAddress!, count: $0.count, partitionCount: 2 * Int32(workerCount)) }
  }

  private static func records(_ lines: ArraySlice<String>, _ partition: PartitionIndex)
    -> [(partition: PartitionIndex, offset: Offset, key: String?, value: String)]
  {
    zip(lines.indices, lines).map { (partition, Offset($0), nil, $1) }
  }

  /// The partitions' records in turn, in batches.
  private static func script(
    _ lines: ArraySlice<String>, _ partitions: [PartitionIndex], _ batchCount: Int
  ) -> [ScriptedSource.Step] {
    let records = zip(lines.indices, lines).flatMap { offset, line in
      partitions.map { (partition: $0, offset: Offset(offset), key: String?.none, value: line) }
    }
    let batches = stride(from: 0, to: records.count, by: batchCount).map {
      ScriptedSource.Step.records(Array(records[$0..<min($0 + batchCount, records.count)]))
    }
    return [.result(.assigned(partitions))] + batches
  }

  // MARK: Threads

  /// Runs `body` for each worker on a thread of its own.
  private func atOnce<Result>(_ body: @escaping @Sendable (_ worker: Int) throws -> Result) throws -> [Result] {
    let results = Mutex<[Int: Handed<Result>]>([:])
    let threads = (0..<Self.workerCount).map { worker in
      JoinableThread {
        let result = Handed(value: try body(worker))
        results.withLock { $0[worker] = result }
      }
    }
    for thread in threads { try thread.join() }
    return results.withLock { results in (0..<Self.workerCount).map { results[$0]!.value } }
  }
}

/// What a thread hands over at its end, and never touches again.
private struct Handed<Value>: @unchecked Sendable {
  var value: Value
}
