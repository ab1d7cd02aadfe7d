// The same records in several formats, written to files and held against each other by `Tests/Oracles/formats.py`, which reads them with Python's
// csv and fastavro.

import Base
import Foundation
import Records
import Schema
import TestSupport

@testable import Generation

/// Records of one run.
struct Rendered {
  var values: [[UInt8]] = []
  var keys: [[UInt8]?] = []
  var events: [Int] = []
  var marks: [RecordMarks] = []
  var lineByteCount = 0

  var texts: [String] { values.map { String(decoding: $0, as: UTF8.self) } }
  var keyTexts: [String?] { keys.map { $0.map { String(decoding: $0, as: UTF8.self) } } }

  init(_ plan: GenerationPlan, count: Int, batchSize: Int = 100) {
    let generator = Generator(plan, GenerationSettings(startMilliseconds: Generating.start))
    let batch = RecordBatch(slotCapacity: batchSize, byteCapacity: 1 << 12)
    while values.count < count {
      generator.fill(batch, maximumCount: min(batchSize, count - values.count), before: .max)
      if batch.count == 0 { return }
      lineByteCount += batch.lineByteCount
      for index in 0..<batch.count {
        values.append(Array(batch.value(index)))
        keys.append(batch.key(index).map { Array($0) })
        events.append(Int(batch.slots[index].event))
        marks.append(batch.slots[index].marks)
      }
    }
  }

  init(_ schema: EventSchema, _ format: RecordFormat, count: Int, encoding: RecordEncoding = RecordEncoding()) throws {
    self.init(try GenerationPlan(schema.with(format), encoding: encoding), count: count)
  }

  /// The records as lines.
  var lines: Data { Data(values.flatMap { $0 + [10] }) }

  /// Each record behind its length.
  var framed: Data {
    values.reduce(into: Data()) { data, value in
      withUnsafeBytes(of: UInt32(value.count).littleEndian) { data.append(contentsOf: $0) }
      data.append(contentsOf: value)
    }
  }
}

extension EventSchema {
  func with(_ format: RecordFormat) -> EventSchema {
    var schema = self
    for index in schema.outputs.indices { schema.outputs[index].format = format }
    return schema
  }
}

/// Cases for the oracle.
final class FormatComparison {
  private let folder = TestFolder()
  private var cases: [[String: Any]] = []

  /// Renders records as JSON, CSV and Avro; gives what was rendered in that order.
  @discardableResult
  func add(_ name: String, _ schema: EventSchema, count: Int) throws -> [Rendered] {
    let json = try Rendered(schema, .json, count: count)
    let csvPlan = try GenerationPlan(schema.with(.csv))
    let csv = Rendered(csvPlan, count: count)
    // Without a frame: the identifiers of a registry are cut off.
    let identifiers = Dictionary(uniqueKeysWithValues: schema.events.indices.map { ($0, Int32($0 + 7)) })
    var avro = try Rendered(schema, .avro, count: count, encoding: RecordEncoding(avro: .registry(identifiers)))
    for index in avro.values.indices where avro.values[index].count >= 5 { avro.values[index].removeFirst(5) }
    let place = "case\(cases.count)"
    let header = csvPlan.header(ofOutput: 0) ?? []
    cases.append([
      "name": name, "json": try write(json.lines, "\(place).ndjson"), "csv": try write(Data(header) + csv.lines, "\(place).csv"),
      "avro": try write(avro.framed, "\(place).avro"), "events": avro.events,
      "schemas": schema.with(.avro).avroSchemas.map(\.text),
    ])
    return [json, csv, avro]
  }

  /// What the oracle says.
  func verdict() throws -> String {
    let manifest = try write(JSONSerialization.data(withJSONObject: ["cases": cases]), "manifest.json")
    return try Program.run("env", [try TestPython.path, "Tests/Oracles/formats.py", manifest]).text
  }

  private func write(_ data: Data, _ name: String) throws -> String {
    try data.write(to: URL(filePath: folder.file(name)))
    return folder.file(name)
  }
}
