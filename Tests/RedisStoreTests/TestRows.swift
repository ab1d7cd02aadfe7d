// Rows and times as the tests of Redis state them.

import Base
import Features
import Records

/// A value as a test states it.
enum TestValue {
  case null, integer(Int64), double(Double), bool(Bool), string(String), json(String)
}

extension FeatureRowBatch {
  func append(
    view: Int32 = 0, key: String?, values: [TestValue], windowStart: Int64 = .min, windowEnd: Int64 = .min, asOf: Int64 = 1000,
    lastEvent: Int64 = 900, partition: PartitionIndex = 0
  ) {
    let keyStart = bytes.count
    if let key { bytes.append(key) }
    let row = FeatureRow(
      view: view, keyStart: UInt32(keyStart), keyCount: key.map { Int32($0.utf8.count) } ?? -1,
      firstValue: UInt32(self.values.count),
      partition: partition, windowStart: windowStart, windowEnd: windowEnd, asOf: asOf, lastEvent: lastEvent)
    for value in values { self.values.append(stored(value)) }
    rows.append(row)
  }

  private func stored(_ value: TestValue) -> FeatureValue {
    func text(_ kind: ValueKind, _ text: String) -> FeatureValue {
      let start = bytes.count
      bytes.append(text)
      return FeatureValue(kind: kind, bits: UInt64(start), byteCount: UInt32(text.utf8.count))
    }
    switch value {
    case .null: return FeatureValue(kind: .null)
    case .integer(let value): return FeatureValue(kind: .integer, bits: UInt64(bitPattern: value))
    case .double(let value): return FeatureValue(kind: .double, bits: value.bitPattern)
    case .bool(let value): return FeatureValue(kind: .bool, bits: value ? 1 : 0)
    case .string(let value): return text(.string, value)
    case .json(let value): return text(.composite, value)
    }
  }
}

/// A clock that stands where it is put.
final class StillClock: Clock {
  let nowMilliseconds: Int64
  let monotonicNanoseconds: UInt64 = 0
  init(_ nowMilliseconds: Int64) { self.nowMilliseconds = nowMilliseconds }
}
