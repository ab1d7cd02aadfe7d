// The keys of a batch's rows, made uniform and hashed ahead of the fold: text stays where it is, integers become their decimal text, and
// anything else is no key.

import Base
import Records

final class KeyScratch {
  private var keys: [ContiguousArray<ColumnValue>] = []
  private var hashes: [ContiguousArray<UInt64>] = []
  private let digits = ByteBuffer()

  /// The key of the row at `position`: `.string`, or `.missing` where it has none.
  @inline(__always)
  func key(_ space: Int, _ position: Int) -> ColumnValue { keys[space][position] }
  @inline(__always)
  func hash(_ space: Int, _ position: Int) -> UInt64 { hashes[space][position] }

  func withHashes(_ space: Int, _ range: Range<Int>, _ body: (UnsafeBufferPointer<UInt64>) -> Void) {
    hashes[space].withUnsafeBufferPointer { body(UnsafeBufferPointer(rebasing: $0[range])) }
  }

  func prepare(_ spaces: [KeySpace], _ rows: UnsafeBufferPointer<Int32>, _ columns: UnsafeBufferPointer<UnsafePointer<ColumnValue>>)
  {
    if keys.count < spaces.count {
      keys = spaces.map { _ in [] }
      hashes = spaces.map { _ in [] }
    }
    digits.removeAll()
    // No append below may move the digits under the keys that point to them.
    digits.reserve(rows.count * spaces.count * 20)
    for (index, space) in spaces.enumerated() {
      keys[index].removeAll(keepingCapacity: true)
      hashes[index].removeAll(keepingCapacity: true)
      for row in rows {
        let key = space.plan.keyColumn.map { uniform(columns[$0][Int(row)]) } ?? ColumnValue(kind: .string)
        keys[index].append(key)
        hashes[index].append(key.bits == 0 ? 0 : Hash.bytes(key.bytes.baseAddress!, count: Int(key.byteCount)))
      }
    }
  }

  @inline(__always)
  private func uniform(_ value: ColumnValue) -> ColumnValue {
    switch value.kind {
    case .string: return value
    case .integer:
      let start = digits.count
      digits.append(String(value.integer))
      return ColumnValue(string: UnsafeBufferPointer(start: digits.base + start, count: digits.count - start))
    default: return ColumnValue(kind: .missing)
    }
  }
}
