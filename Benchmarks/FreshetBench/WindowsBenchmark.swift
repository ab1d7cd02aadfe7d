// Windows alone: how the cost of an event and the bytes of state grow with the number of keys. Columns are filled by hand, nothing is parsed; keys
// come evenly, which is the worst case for caches; all of them stay live.

import Base
import Foundation
import Records
import Windowing

let windowsBenchmark = Benchmark(name: "windows") { scale in
  var first: Double?
  for keyCount in scale.isTiny ? [1000, 10_000] : [1000, 10_000, 100_000, 1_000_000, 5_000_000] {
    let feed = KeyFeed(keyCount: keyCount)
    let eventCount = scale.events(max(2_000_000, 2 * keyCount))
    var engine = WindowEngine(dayPlan())
    var least = Double.infinity
    for _ in 0..<(scale.isTiny || keyCount > 1_000_000 ? 1 : 3) {
      engine = WindowEngine(dayPlan())
      // The first time a key comes it is made, and tables grow: that is not what an event costs.
      _ = feed.apply(to: engine, eventCount: keyCount, everyKeyOnce: true)
      least = min(least, feed.apply(to: engine, eventCount: eventCount, everyKeyOnce: false))
    }
    let perEvent = least / Double(eventCount) * 1e9
    first = first ?? perEvent
    printFigure("windows, count and sum per key, \(keyCount) keys", seconds: least, events: eventCount)
    printDetail(
      "  times the cost at 1000 keys", String(format: "%.2f", perEvent / first!),
      "\(engine.stateByteCount / max(1, engine.paneCount)) bytes of state per key and pane")
    precondition(engine.keyCount == keyCount, "every key is live")
  }
}

/// One day's window per key: nothing closes while this runs.
private func dayPlan() -> WindowPlan {
  let window = WindowSpecification.tumbling(size: 86_400_000)
  return WindowPlan(
    views: [
      ViewSpecification(
        identifier: 0, keyColumn: 0, trigger: .close, predicate: nil,
        aggregates: [
          AggregateSpecification(function: .count, column: nil, predicate: nil, window: window),
          AggregateSpecification(function: .sum, column: 1, predicate: nil, window: window),
        ], timeToLive: nil)
    ], lateness: 0)
}

/// Batches of records with keys of eight characters, made outside of what is measured.
private final class KeyFeed {
  private static let batchCount = 4096
  private let keyCount: Int
  private let text = ByteBuffer(capacity: 8 * KeyFeed.batchCount)
  private let keys = UnsafeMutablePointer<ColumnValue>.allocate(capacity: KeyFeed.batchCount)
  private let prices = UnsafeMutablePointer<ColumnValue>.allocate(capacity: KeyFeed.batchCount)
  private let rows: [Int32]
  private let times: [Int64]
  private var random = Random(seed: 7, 8, 9)
  private let output = FeatureRowBatch()

  init(keyCount: Int) {
    self.keyCount = keyCount
    text.count = 8 * Self.batchCount
    rows = (0..<Int32(Self.batchCount)).map { $0 }
    times = (0..<Int64(Self.batchCount)).map { 1_767_225_600_000 + $0 }
    for row in 0..<Self.batchCount { prices[row] = ColumnValue(double: Double(row % 977) / 100) }
  }

  deinit {
    keys.deallocate()
    prices.deallocate()
  }

  /// The CPU seconds that the engine took for `eventCount` records.
  func apply(to engine: WindowEngine, eventCount: Int, everyKeyOnce: Bool) -> Double {
    var seconds = 0.0
    for start in stride(from: 0, to: eventCount, by: Self.batchCount) {
      let count = min(Self.batchCount, eventCount - start)
      for row in 0..<count { setKey(row, everyKeyOnce ? start + row : Int(random.below(UInt64(keyCount)))) }
      let before = threadSeconds()
      _ = rows.withUnsafeBufferPointer { rows in
        times.withUnsafeBufferPointer { times in
          engine.apply(
            WindowInput(
              rows: UnsafeBufferPointer(rebasing: rows[..<count]), times: times.baseAddress!,
              columns: [UnsafePointer(keys), UnsafePointer(prices)], predicates: []), into: output)
        }
      }
      seconds += threadSeconds() - before
      output.removeAll()
    }
    return seconds
  }

  private func setKey(_ row: Int, _ number: Int) {
    let start = text.base + 8 * row
    var rest = number
    for digit in stride(from: 7, through: 1, by: -1) {
      start[digit] = UInt8(ascii: "0") + UInt8(rest % 10)
      rest /= 10
    }
    start[0] = UInt8(ascii: "u")
    keys[row] = ColumnValue(string: UnsafeBufferPointer(start: start, count: 8))
  }
}
