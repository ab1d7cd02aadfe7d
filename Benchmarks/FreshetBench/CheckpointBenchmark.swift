// What saving state costs: the copy, for which a worker stands still; hash, compression and writing, which a thread of its own does; and the way
// back. Keys of `count`, `sum` and `approx_distinct` in one pane; the second save comes after a hundredth of the keys has had another record.

import Base
import Features
import Foundation
import LocalTransport
import Records
import RedisStore
import Windowing

let checkpointBenchmark = Benchmark(name: "checkpoint") { scale in
  let keyCount = scale.isTiny ? 10_000 : 1_000_000
  let plan = keysPlan()
  let engine = WindowEngine(plan)
  let feed = CheckpointFeed()
  let perEvent = feed.apply(to: engine, keys: 0..<keyCount, times: 3) / Double(3 * keyCount)
  let buffer = ByteBuffer()
  // The first time memory is new to the process; a worker keeps the buffer.
  var copies: [Double] = []
  for _ in 0..<scale.rounds + 1 {
    buffer.removeAll()
    let start = threadSeconds()
    let out = SnapshotWriter()
    out.write(1 as Int64)
    engine.save(to: out)
    out.finish(to: buffer)
    copies.append(threadSeconds() - start)
  }
  let copy = copies.dropFirst().min() ?? copies[0]
  let start = threadSeconds()
  SnapshotWriter.seal(buffer)
  let hash = threadSeconds() - start
  func show(_ name: String, _ seconds: Double, _ note: String) { printDetail(name, String(format: "%.1f ms", seconds * 1e3), note) }
  printDetail("state of \(keyCount) keys", "\(buffer.count / max(1, keyCount)) bytes/key", "\(buffer.count) bytes")
  show(
    "  copied by the worker", copy,
    String(format: "%.2f %% of the events of 10 s; first time %.1f ms", copy / 10 * 100, copies[0] * 1e3))
  show("  hashed", hash, String(format: "one event takes %.0f ns", perEvent * 1e9))

  let folder = FileManager.default.temporaryDirectory.appendingPathComponent("freshet-bench-\(getpid())").path
  defer { try? FileManager.default.removeItem(atPath: folder) }
  let server = try PrivateRedis()
  defer { server.stop() }
  let redis = try RedisCheckpointStore(try RedisConnection(server.address), prefix: "fv", pipeline: "p", topic: "s.t")
  let directory = try DirectoryCheckpointStore(directory: folder, prefix: "p")
  for (name, store) in [("directory", directory), ("Redis", redis)] as [(String, any CheckpointStore)] {
    try save(buffer, store, "  saved whole, \(name)")
    _ = feed.apply(to: engine, keys: 0..<max(1, keyCount / 100), times: 1)
    let later = ByteBuffer()
    engine.save(to: later, position: 2)
    try save(later, store, "  saved after 1 % of the keys changed, \(name)")
    let (cpu, wall) = (processSeconds(), wallSeconds())
    guard let loaded = try store.load(0) else { preconditionFailure("what was saved is there") }
    let read = wallSeconds() - wall
    let target = WindowEngine(plan)
    let loading = wallSeconds()
    _ = try target.load(UnsafeRawBufferPointer(loaded.bytes))
    show(
      "  loaded, \(name)", wallSeconds() - wall,
      String(
        format: "read %.1f ms, checked and taken over %.1f ms, CPU %.1f ms", read * 1e3, (wallSeconds() - loading) * 1e3,
        (processSeconds() - cpu) * 1e3))
    precondition(target.keyCount == keyCount, "every key came back")
  }
}

private func save(_ buffer: ByteBuffer, _ store: any CheckpointStore, _ name: String) throws {
  let (cpu, wall) = (threadSeconds(), wallSeconds())
  try store.save(UnsafeRawBufferPointer(buffer.bytes), of: 0, under: nil)
  let (cpuUsed, wallUsed) = (threadSeconds() - cpu, wallSeconds() - wall)
  printDetail(
    name, String(format: "%.1f ms", wallUsed * 1e3),
    String(format: "CPU %.1f ms; %d bytes written", cpuUsed * 1e3, store.lastSave?.writtenByteCount ?? 0))
}

private func keysPlan() -> WindowPlan {
  let window = WindowSpecification.tumbling(size: 86_400_000)
  return WindowPlan(
    views: [
      ViewSpecification(
        identifier: 0, keyColumn: 0, trigger: .close, predicate: nil,
        aggregates: [
          AggregateSpecification(function: .count, column: nil, predicate: nil, window: window),
          AggregateSpecification(function: .sum, column: 1, predicate: nil, window: window),
          AggregateSpecification(function: .approxDistinct, column: 1, predicate: nil, window: window),
        ], timeToLive: nil)
    ], lateness: 0)
}

/// Records of keys of eight characters.
private final class CheckpointFeed {
  private static let batchCount = 4096
  private let text = ByteBuffer(capacity: 8 * CheckpointFeed.batchCount)
  private var random = Random(seed: 17, 8, 9)
  private let output = FeatureRowBatch()

  /// The CPU seconds that the engine took for `times` records of each of `keys`, in another order each time.
  func apply(to engine: WindowEngine, keys: Range<Int>, times: Int) -> Double {
    let rows = (0..<Int32(Self.batchCount)).map { $0 }
    let eventTimes = (0..<Int64(Self.batchCount)).map { 1_767_225_600_000 + $0 }
    var keyColumn = [ColumnValue](repeating: .null, count: Self.batchCount)
    var prices = keyColumn
    var seconds = 0.0
    for round in 0..<times {
      for start in stride(from: 0, to: keys.count, by: Self.batchCount) {
        let count = min(Self.batchCount, keys.count - start)
        for row in 0..<count {
          let number = round == 0 ? keys.lowerBound + start + row : keys.lowerBound + Int(random.below(UInt64(keys.count)))
          let slot = text.base + 8 * row
          var rest = number
          for digit in stride(from: 7, through: 0, by: -1) {
            slot[digit] = UInt8(ascii: "0") + UInt8(rest % 10)
            rest /= 10
          }
          keyColumn[row] = ColumnValue(string: UnsafeBufferPointer(start: slot, count: 8))
          prices[row] = ColumnValue(double: Double(random.below(977)) / 100)
        }
        let before = threadSeconds()
        rows.withUnsafeBufferPointer { rows in
          eventTimes.withUnsafeBufferPointer { times in
            keyColumn.withUnsafeBufferPointer { keys in
              prices.withUnsafeBufferPointer { prices in
                _ = engine.apply(
                  WindowInput(
                    rows: UnsafeBufferPointer(rebasing: rows[..<count]), times: times.baseAddress!,
                    columns: [keys.baseAddress!, prices.baseAddress!], predicates: []), into: output)
              }
            }
          }
        }
        seconds += threadSeconds() - before
        output.removeAll()
      }
    }
    return seconds
  }
}
