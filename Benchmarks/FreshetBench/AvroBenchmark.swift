// Avro to columns: five of the twelve fields of the clicks that the benchmark `parse` reads out of JSON, in the same run; behind the number of a
// schema, as in Kafka, and as a container's reader passes over them.

import Base
import Codec
import Records

let avroBenchmark = Benchmark(name: "avro") { scale in
  let count = 4096
  let rounds = scale.isTiny ? 1 : 300
  let lines = clicks(count)
  let records = avroClicks(lines, prefix: [])
  let numbered = avroClicks(lines, prefix: [0, 0, 0, 0, 7])
  let paths = ["userId", "ts", "event", "price", "product_id"].map { FieldPath([$0]) }
  let json = JSONColumnReader(paths: paths)
  let schema = try AvroSchema(clickSchema)
  let given = AvroColumnReader(paths: paths, .given(schema))
  let registered = AvroColumnReader(paths: paths, .registry { _ in AvroSchemaTexts(schema: clickSchema) })
  let splitter = try AvroSplitter(schema)
  let columns = Columns(columnCount: paths.count)
  func decode(_ decoder: any RecordDecoder, _ batch: RecordBatch) {
    do { try decoder.decode(batch, into: columns) } catch { preconditionFailure("\(error)") }
    precondition(columns.statuses[batch.count - 1] == .valid, "the benchmark's records are valid")
  }
  let least = try leastSeconds(
    rounds: rounds,
    [
      { decode(json, lines) }, { decode(given, records) }, { decode(registered, numbered) },
      {
        var byteCount = 0
        precondition(splitter.split(records.bytes.bytes, maximumCount: count) { byteCount += $1 } == nil)
        precondition(byteCount == records.bytes.count, "the records end where they do")
      },
    ])
  let names = [
    "JSON, 5 of 12 fields of a flat click", "5 of 12 fields of it in Avro", "the same behind the number of a schema",
    "no field of it, only its end",
  ]
  for (name, seconds) in zip(names, least) { printFigure("avro, \(name)", seconds: seconds, events: count) }
  printRatio("  ratio to the same out of JSON", least[1] / least[0], target: "at most 0.80")
}

private let names = [
  "event_id", "ts", "userId", "session_id", "event", "product_id", "price", "quantity", "country", "device", "url", "logged_in",
]

private let clickSchema: String = {
  let types = ["ts": "\"long\"", "price": "[\"null\",\"double\"]", "quantity": "\"int\"", "logged_in": "\"boolean\""]
  let fields = names.map { "{\"name\":\"\($0)\",\"type\":\(types[$0] ?? "\"string\"")}" }
  return "{\"type\":\"record\",\"name\":\"click\",\"fields\":[\(fields.joined(separator: ","))]}"
}()

/// The clicks of lines of JSON, each behind `prefix`.
private func avroClicks(_ lines: RecordBatch, prefix: [UInt8]) -> RecordBatch {
  let columns = Columns(columnCount: names.count)
  JSONColumnReader(paths: names.map { FieldPath([$0]) }).decode(lines, into: columns)
  let batch = RecordBatch()
  for row in 0..<lines.count {
    var record = prefix
    for (index, name) in names.enumerated() {
      let value = columns.column(index)[row]
      switch value.kind {
      case .string: record += long(Int64(value.byteCount)) + Array(value.bytes)
      case .bool: record.append(value.bool ? 1 : 0)
      case .integer where name == "price": record += [2] + bytes(of: Double(value.integer))
      case .integer: record += long(value.integer)
      case .double: record += [2] + bytes(of: value.double)
      default: preconditionFailure("a click has no \(value.kind)")
      }
    }
    record.withUnsafeBufferPointer { batch.append(value: $0, key: nil, timestamp: 0, offset: Offset(row), partition: 0) }
  }
  return batch
}

private func bytes(of value: Double) -> [UInt8] { withUnsafeBytes(of: value.bitPattern.littleEndian) { Array($0) } }

private func long(_ value: Int64) -> [UInt8] {
  var rest = UInt64(bitPattern: value << 1 ^ value >> 63)
  var bytes: [UInt8] = []
  while rest > 0x7F {
    bytes.append(UInt8(rest & 0x7F | 0x80))
    rest >>= 7
  }
  return bytes + [UInt8(rest)]
}
