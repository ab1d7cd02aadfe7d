// Helpers of these tests: streams with faults in memory, and lines as a source.

import Base
import Configuration
import Foundation
import Generation
import Records
import Schema

@testable import Verification

/// Lines in memory.
final class LineFeed: Source {
  let isBounded = true
  let name = "lines"
  private var lines: ArraySlice<[UInt8]>
  private var offset: Offset = 0

  init(_ lines: [[UInt8]]) { self.lines = lines[...] }

  convenience init(_ lines: [String]) { self.init(lines.map { Array($0.utf8) }) }

  func poll(into batch: RecordBatch, maximumCount: Int, timeoutMilliseconds: Int) -> PollResult {
    batch.removeAll()
    guard !lines.isEmpty else { return .endOfInput }
    for line in lines.prefix(100) {
      line.withUnsafeBufferPointer { batch.append(value: $0, key: nil, timestamp: .min, offset: offset, partition: 0) }
      offset += Int64(line.count) + 1
    }
    lines = lines.dropFirst(100)
    return .records
  }

  func start(_ partitions: [PartitionIndex], at positions: [PartitionOffset]) {}
  func commit(_ positions: [PartitionOffset], waits: Bool) {}
  func lag(of partition: PartitionIndex) -> Int64? { nil }
  func close() {}
}

/// A stream as it went out, and the lines of its truth.
struct FaultyStream {
  var schema: EventSchema
  var plan: GenerationPlan
  var lines: [[UInt8]] = []
  var truth: [String]

  static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

  static let start: Int64 = 1_767_225_600_000

  static let faults = FaultModel(
    late: .init(rate: 0.05, delay: .exponential(mean: 3_000), maximumMilliseconds: 20_000),
    duplicate: .init(rate: 0.03, delay: .exponential(mean: 1_000), maximumMilliseconds: 5_000),
    reorder: .init(rate: 0.1, delay: .constant(0), maximumMilliseconds: 500), dropRate: 0.02, corruptRate: 0.01,
    missing: .init(rate: 0.01, paths: []), wrongType: .init(rate: 0.01, paths: []))

  static let skewed = FaultModel(skew: .init(rate: 0.1, offset: .constant(-15_000)))

  /// The click stream of the examples for so many seconds.
  ///
  /// - Parameter isRealTime: whether batches are sent by a clock of their own.
  init(
    _ faults: FaultModel = faults, seconds: Int64 = 25, rate: Double? = 200, count: Int64? = nil, isRealTime: Bool = false,
    movedBy shift: Int64 = 0
  ) throws {
    schema = try SchemaReader.load(path: Self.root.appendingPathComponent("Schemas/clickstream.yaml").path)
    schema.faults = faults
    plan = try GenerationPlan(schema)
    let settings = GenerationSettings(
      startMilliseconds: Self.start, eventsPerSecond: rate, maximumCount: count,
      endMilliseconds: count == nil ? Self.start + seconds * 1000 : nil)
    let generator = Generator(
      plan, settings,
      truth: TruthSettings(schemaPath: "clickstream.yaml", programVersion: "1", isRealTime: isRealTime))
    if shift != 0 { precondition(generator.moveStart(toMilliseconds: Self.start + shift)) }
    let batch = RecordBatch(slotCapacity: 64)
    while generator.nextTimeNanoseconds < .max {
      let now = generator.nextTimeNanoseconds / 1_000_000 + 3
      generator.fill(
        batch, maximumCount: 64, before: isRealTime ? (now + 50) * 1_000_000 : .max, sentMilliseconds: isRealTime ? now + 50 : nil)
      for index in 0..<batch.count { lines.append(Array(batch.value(index))) }
    }
    generator.finishTruth()
    truth = generator.truth!.text.string.split(separator: "\n").map(String.init)
  }

  func truthFile() throws -> TruthFile { try TruthFile(LineFeed(truth)) }

  func check(order: Bool = true) throws -> StreamReport {
    var check = try StreamCheck(truthFile(), plan, checksOrder: order)
    return try check.run(LineFeed(lines), untilIdleMilliseconds: 0)
  }

  func windows(_ aggregates: [String], where predicate: String? = nil) throws -> ExpectedWindows {
    let question = try WindowQuestion(
      key: "userId", lengthMilliseconds: 10_000, predicate: predicate, aggregates: aggregates)
    return try ExpectedWindows(question, truthFile(), plan)
  }
}
