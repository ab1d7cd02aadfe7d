// Decodes Avro for the tests: bytes are written down by hand, after the specification, so that nothing is checked against itself.

import Base
import Records

@testable import Codec

/// Bytes of Avro's binary encoding.
enum AvroBytes {
  static func long(_ value: Int64) -> [UInt8] {
    var rest = UInt64(bitPattern: value << 1 ^ value >> 63)
    var bytes: [UInt8] = []
    while rest > 0x7F {
      bytes.append(UInt8(rest & 0x7F | 0x80))
      rest >>= 7
    }
    return bytes + [UInt8(rest)]
  }

  static func string(_ text: String) -> [UInt8] { long(Int64(text.utf8.count)) + Array(text.utf8) }
  static func bytes(_ bytes: [UInt8]) -> [UInt8] { long(Int64(bytes.count)) + bytes }
  static func double(_ value: Double) -> [UInt8] { withUnsafeBytes(of: value.bitPattern.littleEndian) { Array($0) } }
  static func float(_ value: Float) -> [UInt8] { withUnsafeBytes(of: value.bitPattern.littleEndian) { Array($0) } }
}

/// The schema of a record `r` with one field `v`.
func schema(ofField type: String) -> String { #"{"type":"record","name":"r","fields":[{"name":"v","type":\#(type)}]}"# }

extension AvroColumnReader {
  /// Decodes the records as one batch; the bytes of `gap` stand between them.
  func rows(of records: [[UInt8]], gap: [UInt8] = [], schema: String? = nil) throws -> [PlainRow] {
    let batch = RecordBatch(slotCapacity: max(1, records.count), byteCapacity: 64)
    batch.schema = schema
    for record in records {
      record.withUnsafeBufferPointer { batch.append(value: $0, key: nil, timestamp: 0, offset: 0, partition: 0) }
      gap.withUnsafeBufferPointer { batch.bytes.append($0) }
    }
    let columns = Columns(columnCount: paths.count)
    try decode(batch, into: columns)
    return (0..<records.count).map { row in
      PlainRow(
        status: columns.statuses[row], values: paths.indices.map { PlainValue(columns.column($0)[row]) },
        errorByteIndex: columns.statuses[row] == .malformed ? Int(columns.errorByteIndex[row]) : nil)
    }
  }

  /// What the reader says of a record that it refuses.
  func explanation(of record: [UInt8]) throws -> String {
    let batch = RecordBatch()
    record.withUnsafeBufferPointer { batch.append(value: $0, key: nil, timestamp: 0, offset: 0, partition: 0) }
    try decode(batch, into: Columns(columnCount: paths.count))
    return explanation(ofRow: 0, in: batch)
  }
}

/// One record of a given schema, decoded.
func avroRow(_ schema: String, _ record: [UInt8], _ wanted: String...) throws -> PlainRow {
  let reader = AvroColumnReader(paths: wanted.map { FieldPath(dotted: $0)! }, .given(try AvroSchema(schema)))
  return try reader.rows(of: [record])[0]
}
