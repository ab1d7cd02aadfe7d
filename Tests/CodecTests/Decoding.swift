// Decodes JSON for the tests and shows what came out as plain values.

import Base
import Codec
import Records

/// A column's value, without pointers.
enum PlainValue: Equatable, CustomStringConvertible {
  case missing
  case null
  case bool(Bool)
  case integer(Int64)
  case double(UInt64)
  case string([UInt8])
  case composite(String)

  init(_ value: ColumnValue) {
    switch value.kind {
    case .missing: self = .missing
    case .null: self = .null
    case .bool: self = .bool(value.bool)
    case .integer: self = .integer(value.integer)
    case .double: self = .double(value.bits)
    case .string: self = .string(Array(value.bytes))
    case .composite: self = .composite(String(decoding: value.bytes, as: UTF8.self))
    }
  }

  static func text(_ text: String) -> PlainValue { .string(Array(text.utf8)) }
  static func number(_ number: Double) -> PlainValue { .double(number.bitPattern) }

  var description: String {
    switch self {
    case .missing: "missing"
    case .null: "null"
    case .bool(let value): "\(value)"
    case .integer(let value): "\(value)"
    case .double(let bits): "double \(Double(bitPattern: bits))"
    case .string(let bytes): "\"\(String(decoding: bytes, as: UTF8.self))\""
    case .composite(let text): text
    }
  }
}

/// What became of one record.
struct PlainRow: Equatable {
  var status: RecordStatus
  var values: [PlainValue]
  /// Nil unless the record is malformed.
  var errorByteIndex: Int?
}

func paths(_ dotted: String...) -> [FieldPath] { dotted.map { FieldPath(dotted: $0)! } }

extension JSONColumnReader {
  /// Decodes the records as one batch; the bytes of `gap` stand between them.
  func rows(of records: [[UInt8]], gap: [UInt8] = [UInt8(ascii: "\n")]) -> [PlainRow] {
    let batch = RecordBatch(slotCapacity: max(1, records.count), byteCapacity: 64)
    for record in records {
      record.withUnsafeBufferPointer { batch.append(value: $0, key: nil, timestamp: 0, offset: 0, partition: 0) }
      gap.withUnsafeBufferPointer { batch.bytes.append($0) }
    }
    let columns = Columns(columnCount: paths.count)
    decode(batch, into: columns)
    return (0..<records.count).map { row in
      PlainRow(
        status: columns.statuses[row], values: paths.indices.map { PlainValue(columns.column($0)[row]) },
        errorByteIndex: columns.statuses[row] == .malformed ? Int(columns.errorByteIndex[row]) : nil)
    }
  }

  func row(of record: String) -> PlainRow { rows(of: [Array(record.utf8)])[0] }
}

/// The status of a whole value as if it stood in a record on its own, beside hostile neighbours, and after `lesson`; nil where they differ.
func status(of record: [UInt8], after lesson: [UInt8] = Array("{\"a\":{\"b\":1},\"k\":\"x\"}".utf8)) -> RecordStatus? {
  let reader = JSONColumnReader(paths: paths("a.b", "k"))
  let alone = JSONColumnReader(paths: reader.paths, learns: false).rows(of: [record], gap: [])[0]
  for gap in ["\"", "}", "0", ",\"a\":1}", "]}}}}", "\u{0}", "\\\"", "e5}"] {
    let rows = reader.rows(of: [lesson, record, record], gap: Array(gap.utf8))
    guard rows[1] == alone, rows[2] == alone else { return nil }
  }
  // With a wanted object, which is never learned.
  let composite = JSONColumnReader(paths: paths("a", "a.b", "k")).rows(of: [record])[0]
  return composite.status == alone.status && composite.errorByteIndex == alone.errorByteIndex ? alone.status : nil
}

/// A small seeded generator of random numbers (splitmix64).
struct SeededGenerator: RandomNumberGenerator {
  var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
