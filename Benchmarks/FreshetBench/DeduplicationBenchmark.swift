// Finding copies: the cost of a record by the number of keys that are remembered. Keys come evenly, which is the worst case for caches, and two
// in a hundred records are copies; the memory of keys is that of two windows.

import Base
import Foundation
import Records
import Windowing

let deduplicationBenchmark = Benchmark(name: "dedup") { scale in
  for keyCount in scale.isTiny ? [10_000] : [10_000, 100_000, 1_000_000, 4_000_000] {
    let eventCount = scale.events(max(1_000_000, 2 * keyCount))
    let feed = IdentifierFeed(count: eventCount, every: 50)
    // At one event per ms, so many keys are within the window.
    let settings = DeduplicationSettings(column: 0, keyName: "id", window: Int64(keyCount), keyCountMax: 100_000_000)
    let state = Deduplicator(settings)
    let output = DeduplicatedRows()
    var copies = 0
    let start = threadSeconds()
    feed.forEachBatch { rows, times, keys in
      state.apply(rows, times: times, keys: keys, into: output)
      copies += output.duplicates.count
    }
    let seconds = threadSeconds() - start - feed.emptySeconds
    printFigure("dedup, UUIDs, \(keyCount) keys in the window", seconds: seconds, events: eventCount)
    printDetail("  bytes of state per key", "\(state.byteCount / max(1, state.keyCount))", "\(state.keyCount) keys held")
    precondition(copies == feed.copyCount, "every copy was found")
  }
}

/// Texts like UUIDs, one in `every` a copy of the one before it; times a millisecond apart.
private struct IdentifierFeed {
  private static let batchCount = 4096
  private let count: Int
  private let every: Int
  private(set) var emptySeconds = 0.0

  init(count: Int, every: Int) {
    self.count = count
    self.every = every
    let start = threadSeconds()
    forEachBatch { _, _, _ in }
    emptySeconds = threadSeconds() - start
  }

  var copyCount: Int { (count - 1) / every }

  func forEachBatch(_ body: (UnsafeBufferPointer<Int32>, UnsafePointer<Int64>, UnsafePointer<ColumnValue>) -> Void) {
    let text = ByteBuffer(capacity: Self.batchCount * 36)
    let rows = (0..<Int32(Self.batchCount)).map { $0 }
    var times = [Int64](repeating: 0, count: Self.batchCount)
    var keys = [ColumnValue](repeating: .null, count: Self.batchCount)
    for first in stride(from: 0, to: count, by: Self.batchCount) {
      let end = min(count, first + Self.batchCount)
      for number in first..<end {
        let slot = text.base + (number - first) * 36
        // A copy has its original's identifier.
        let original = number > 0 && number % every == 0 ? number - 1 : number
        write(UInt64(original), to: slot)
        times[number - first] = Int64(number)
        keys[number - first] = ColumnValue(string: UnsafeBufferPointer(start: slot, count: 36))
      }
      rows.withUnsafeBufferPointer { rows in
        times.withUnsafeBufferPointer { times in
          keys.withUnsafeBufferPointer { keys in
            body(UnsafeBufferPointer(rebasing: rows[..<(end - first)]), times.baseAddress!, keys.baseAddress!)
          }
        }
      }
    }
  }

  private func write(_ number: UInt64, to slot: UnsafeMutablePointer<UInt8>) {
    for word in 0..<4 {
      var bits = Hash.mix(number, UInt64(word))
      for place in 0..<9 {
        slot[word * 9 + place] = UInt8(ascii: "a") + UInt8(truncatingIfNeeded: bits & 15)
        bits >>= 4
      }
    }
  }
}
