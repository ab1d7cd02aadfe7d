// Records of a feed in the order of event time: each waits until event time has come so far past it that nothing earlier is expected any more.

import Base
import Features
import Processing
import Records

/// Belongs to one thread.
final class TimeOrderedFeed: RecordFeed {
  private struct Held {
    var time: Int64
    /// Of those of one time, the order of the feed.
    var number: Int
    var offset: Offset
    var partition: PartitionIndex
    var timestamp: Int64
    var value: [UInt8]

    static func < (left: Held, right: Held) -> Bool { (left.time, left.number) < (right.time, right.number) }
  }

  let streamTimes: ContiguousArray<Int64>? = nil
  private let feed: any RecordFeed
  private let keys: RecordKeys
  private let patience: Int64
  private let input = RecordBatch(slotCapacity: FeedSize.recordCount, byteCapacity: FeedSize.byteCount)
  /// A heap: the least is first.
  private var held: [Held] = []
  private var count = 0
  private var isAtEnd = false

  /// - Parameters:
  ///   - keys: Reads event times and leaves copies out.
  ///   - patience: How far event time goes past a record before it is given, in ms. What comes later than that comes out of order.
  init(_ feed: any RecordFeed, _ keys: RecordKeys, patience: Int64) {
    self.feed = feed
    self.keys = keys
    self.patience = patience
  }

  func fill(_ batch: RecordBatch) throws -> Bool {
    batch.removeAll()
    while batch.count < FeedSize.recordCount, batch.bytes.count < FeedSize.byteCount {
      if let first = held.first, isAtEnd || first.time + patience <= keys.streamTime {
        let record = take()
        record.value.withUnsafeBufferPointer {
          batch.append(
            value: $0, key: nil, timestamp: record.timestamp, offset: record.offset, partition: record.partition)
        }
      } else if isAtEnd {
        break
      } else {
        try read()
      }
    }
    return batch.count > 0
  }

  private func read() throws {
    guard try feed.fill(input) else {
      isAtEnd = true
      return
    }
    try keys.decode(input, through: .max)
    for record in keys.records {
      let row = Int(record.row)
      let slot = input.slots[row]
      add(
        Held(
          time: record.time, number: count, offset: slot.offset, partition: slot.partition, timestamp: slot.timestamp,
          value: Array(input.value(row))))
      count += 1
    }
  }

  private func add(_ record: Held) {
    held.append(record)
    var child = held.count - 1
    while child > 0, held[child] < held[(child - 1) / 2] {
      held.swapAt(child, (child - 1) / 2)
      child = (child - 1) / 2
    }
  }

  private func take() -> Held {
    held.swapAt(0, held.count - 1)
    let record = held.removeLast()
    var parent = 0
    while true {
      var least = parent
      for child in [2 * parent + 1, 2 * parent + 2] where child < held.count && held[child] < held[least] { least = child }
      guard least != parent else { return record }
      held.swapAt(parent, least)
      parent = least
    }
  }
}
