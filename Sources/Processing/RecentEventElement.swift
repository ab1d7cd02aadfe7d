// One element of a list of recent events, taken apart, and whether elements stand in the order of their offsets, each once.

import Base
import Features
import Records
import Windowing

/// `OFFSET PARTITION TIME JSON`; see `RecentEventsList`.
struct RecentEventElement {
  var offset: Offset
  /// The partition, with the input it belongs to where that is not the pipeline's own.
  var origin: UnsafeBufferPointer<UInt8>
  /// Within `Watermark.eventTimeRange`.
  var time: Int64
  var json: UnsafeBufferPointer<UInt8>

  /// Nil where the bytes are no element; the JSON is for the decoder to judge.
  init?(_ element: UnsafeBufferPointer<UInt8>) {
    var at = 0
    guard let offset = Self.number(element, &at), let start = Self.space(element, &at) else { return nil }
    while at < element.count, element[at] != UInt8(ascii: " ") { at += 1 }
    guard at > start, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(element[start]) else { return nil }
    origin = UnsafeBufferPointer(rebasing: element[start..<at])
    guard Self.space(element, &at) != nil, let time = Self.number(element, &at), Watermark.eventTimeRange.contains(time),
      let jsonStart = Self.space(element, &at)
    else { return nil }
    self.offset = offset
    self.time = time
    json = UnsafeBufferPointer(rebasing: element[jsonStart...])
  }

  private static func number(_ bytes: UnsafeBufferPointer<UInt8>, _ at: inout Int) -> Int64? {
    let isNegative = at < bytes.count && bytes[at] == UInt8(ascii: "-")
    if isNegative { at += 1 }
    let start = at
    var value: Int64 = 0
    while at < bytes.count, bytes[at] &- 48 <= 9 {
      // Eighteen digits are never too many.
      guard at - start < 18 else { return nil }
      value = value &* 10 &+ Int64(bytes[at] &- 48)
      at += 1
    }
    guard at > start else { return nil }
    return isNegative ? -value : value
  }

  /// Passes a space; returns where it is then.
  private static func space(_ bytes: UnsafeBufferPointer<UInt8>, _ at: inout Int) -> Int? {
    guard at < bytes.count, bytes[at] == UInt8(ascii: " ") else { return nil }
    at += 1
    return at
  }
}

/// The partitions that elements come from, numbered in the order in which they first come.
final class RecentEventOrigins {
  private var names: [[UInt8]] = []
  private var lastOffsets: [Offset?] = []
  private var count = 0
  /// Whether the offsets of each partition have only grown: the processor writes them so.
  private(set) var areInOrder = true

  func removeAll() {
    count = 0
    areInOrder = true
  }

  func number(of name: UnsafeBufferPointer<UInt8>) -> PartitionIndex {
    for index in 0..<count where names[index].count == name.count && names[index].elementsEqual(name) { return Int32(index) }
    if count == names.count {
      names.append(Array(name))
      lastOffsets.append(nil)
    } else {
      names[count] = Array(name)
      lastOffsets[count] = nil
    }
    count += 1
    return Int32(count - 1)
  }

  func note(_ offset: Offset, of partition: PartitionIndex) {
    if let last = lastOffsets[Int(partition)], offset <= last { areInOrder = false }
    lastOffsets[Int(partition)] = offset
  }

  /// Puts the records of each partition into the order of their offsets, and leaves out copies; returns how many. Every partition keeps its
  /// places in the batch.
  func putInOrder(_ batch: RecordBatch) -> Int {
    var slots = Array(UnsafeBufferPointer(start: batch.slots, count: batch.count))
    for partition in 0..<Int32(count) {
      let places = slots.indices.filter { slots[$0].partition == partition }
      let sorted = places.map { slots[$0] }.enumerated().sorted { ($0.element.offset, $0.offset) < ($1.element.offset, $1.offset) }
      for (place, slot) in zip(places, sorted) { slots[place] = slot.element }
    }
    var last: [Int32: Offset] = [:]
    var kept = 0
    for slot in slots where last[slot.partition] != slot.offset {
      last[slot.partition] = slot.offset
      batch.slots[kept] = slot
      kept += 1
    }
    batch.count = kept
    return slots.count - kept
  }
}
