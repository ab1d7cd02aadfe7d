// The results of Apache Flink SQL on the same input: `Golden/<case>` holds the input, what Flink gave, and the query as data. Each case runs in
// batches of several sizes, over several partitions and workers, and cut in two at every record. Where Freshet differs on purpose
// (`GoldenCase.swift`), the rows of our own rule are expected.

import Base
import Features
import Foundation
import Processing
import Records
import Testing
import Windowing

@Suite struct `Results equal to Flink's` {
  @Test func `all cases are here`() {
    #expect(GoldenCase.all.count == 31)
    #expect(GoldenCase.all.count(where: \.isDifferent) == 5)
  }

  @Test(arguments: GoldenCase.all, [1, 7, 4096])
  func `the rows are those that Flink gave`(golden: GoldenCase, batchCount: Int) throws {
    let run = try runWorker(golden.pipeline(), ScriptedSource(lines: try golden.lines("input.ndjson"), batchCount: batchCount))
    let ends = run.store.rows.map { $0.end! }
    #expect(ends == ends.sorted())
    try golden.expect(run.store.rows)
  }

  /// Three partitions with the same records, one after the other in turn: each has to give the case's rows.
  @Test(arguments: GoldenCase.all.filter { !$0.name.hasPrefix("rand") }, [1, 7, 4096])
  func `partitions do not touch each other`(golden: GoldenCase, batchCount: Int) throws {
    let records = try golden.lines("input.ndjson").enumerated().flatMap { index, line in
      (0..<3).map { (partition: PartitionIndex($0), offset: Offset(index), key: String?.none, value: line) }
    }
    let batches = stride(from: 0, to: records.count, by: batchCount).map {
      ScriptedSource.Step.records(Array(records[$0..<min($0 + batchCount, records.count)]))
    }
    let run = try runWorker(golden.pipeline(), ScriptedSource(batches + [.result(.endOfInput)], isBounded: true))
    try golden.expect(run.store.rows, copies: 3)
  }

  /// A worker takes the records up to the cut, saves its state and gives the partition up; another one goes on.
  @Test(arguments: GoldenCase.all)
  func `the input may be cut at any record`(golden: GoldenCase) throws {
    let records = try golden.lines("input.ndjson").enumerated().map {
      (partition: PartitionIndex(0), offset: Offset($0.offset), key: String?.none, value: $0.element)
    }
    let pipeline = try golden.pipeline()
    let cuts = records.count < 100 ? Array(0...records.count) : Array(stride(from: 1013, to: records.count, by: 4999))
    for cut in cuts {
      let checkpoints = MemoryCheckpoints()
      let store = MemoryStore(pipeline)
      let before: [ScriptedSource.Step] = [.result(.assigned([0])), .records(Array(records[..<cut])), .result(.revoked([0]))]
      let after: [ScriptedSource.Step] = [.result(.assigned([0])), .records(Array(records[cut...])), .result(.endOfInput)]
      for steps in [before, after] {
        try runWorker(pipeline, ScriptedSource(steps, isBounded: false), checkpoints: checkpoints, store: store)
      }
      #expect(checkpoints.saved.isEmpty == (cut == 0))
      try golden.expect(store.rows, "cut at \(cut)")
    }
  }
}
