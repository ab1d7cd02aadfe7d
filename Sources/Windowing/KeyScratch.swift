// The keys of a batch's rows, made uniform and hashed ahead of the fold: text stays where it is, integers become their decimal text, and
// anything else is no key. One run of `capacity` keys and hashes per key space.

import Base
import Records

final class KeyScratch {
  private let spaceCount: Int
  private var capacity = 0
  private var keys: UnsafeMutablePointer<ColumnValue>
  private var hashes: UnsafeMutablePointer<UInt64>
  private let digits = ByteBuffer()

  init(spaceCount: Int) {
    self.spaceCount = spaceCount
    keys = .allocate(capacity: 1)
    hashes = .allocate(capacity: 1)
  }

  deinit {
    keys.deallocate()
    hashes.deallocate()
  }

  /// The keys of a space, by position in the rows: `.string`, or `.missing` where a row has none.
  @inline(__always)
  func keys(_ space: Int) -> UnsafePointer<ColumnValue> { UnsafePointer(keys + space * capacity) }
  @inline(__always)
  func hashes(_ space: Int) -> UnsafePointer<UInt64> { UnsafePointer(hashes + space * capacity) }

  func prepare(_ spaces: [KeySpace], _ rows: UnsafeBufferPointer<Int32>, _ columns: UnsafeBufferPointer<UnsafePointer<ColumnValue>>)
  {
    reserve(rows.count)
    digits.removeAll()
    // No append below may move the digits under the keys that point to them.
    digits.reserve(rows.count * spaceCount * 20)
    for (space, keySpace) in spaces.enumerated() {
      let keys = keys + space * capacity
      let hashes = hashes + space * capacity
      let column = keySpace.plan.keyColumn.map { columns[$0] }
      for position in 0..<rows.count {
        let key = column.map { uniform($0[Int(rows[position])]) } ?? ColumnValue(kind: .string)
        keys[position] = key
        hashes[position] = key.bits == 0 ? 0 : Hash.bytes(key.bytes.baseAddress!, count: Int(key.byteCount))
      }
    }
  }

  private func reserve(_ rowCount: Int) {
    guard rowCount > capacity else { return }
    capacity = max(rowCount, capacity * 2)
    keys.deallocate()
    hashes.deallocate()
    keys = .allocate(capacity: capacity * max(1, spaceCount))
    hashes = .allocate(capacity: capacity * max(1, spaceCount))
  }

  @inline(__always)
  private func uniform(_ value: ColumnValue) -> ColumnValue {
    switch value.kind {
    case .string: return value
    case .integer:
      let start = digits.count
      digits.count += NumberText.write(value.integer, to: digits.base + start)
      return ColumnValue(string: UnsafeBufferPointer(start: digits.base + start, count: digits.count - start))
    default: return ColumnValue(kind: .missing)
    }
  }
}
