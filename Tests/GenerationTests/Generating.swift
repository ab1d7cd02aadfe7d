// Helpers of these tests: schemas from text or from the program's own files, and streams as lines.

import Base
import Configuration
import Foundation
import Records
import Schema

@testable import Generation

enum Generating {
  static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

  static func clickstream() throws -> EventSchema {
    try SchemaReader.load(path: root.appendingPathComponent("Schemas/clickstream.yaml").path)
  }

  static func schema(_ text: String) throws -> EventSchema {
    let diagnostics = Diagnostics(file: "test.yaml")
    let schema = SchemaReader.read(text: text, diagnostics: diagnostics)
    try diagnostics.throwIfErrors()
    return schema!
  }

  /// One state, one event with these fields, `arrivals` per second.
  static func flat(_ fields: String, arrivals: String = "1000/s", output: String = "", seed: UInt64 = 7) throws -> EventSchema {
    try schema(
      """
      version: 1
      kind: events
      name: flat
      seed: \(seed)
      entities:
        user:
          count: 1000
          key: id
          fields:
            id: { sequence: "u-{n:04}" }
            code: { uuid: v4 }
      sessions:
        actor: { ref: user, pick: { zipf: 1.1 } }
        arrival: { poisson: \(arrivals) }
        id: { field: session_id, uuid: v7 }
        states:
          only: { emit: click, next: { exit: 1 } }
        initial: { only: 1 }
      events:
        click:
          fields:
      \(fields.split(separator: "\n").map { "      " + $0 }.joined(separator: "\n"))
      \(output)
      """)
  }

  /// The start that these tests use: 2026-01-01T00:00:00Z.
  static let start: Int64 = 1_767_225_600_000

  static func generator(_ schema: EventSchema, rate: Double? = nil, seed: UInt64? = nil) -> Generator {
    Generator(try! GenerationPlan(schema, seed: seed), GenerationSettings(startMilliseconds: start, eventsPerSecond: rate))
  }

  /// All bytes of the first `count` events.
  static func bytes(_ generator: Generator, count: Int, batchSize: Int = 512, byteCapacity: Int = 1 << 16) -> [UInt8] {
    let batch = RecordBatch(slotCapacity: batchSize, byteCapacity: byteCapacity)
    var bytes: [UInt8] = []
    var rest = count
    while rest > 0 {
      generator.fill(batch, maximumCount: min(rest, batchSize), before: .max)
      bytes += Array(batch.lines)
      rest -= batch.count
    }
    return bytes
  }

  static func lines(_ generator: Generator, count: Int) -> [String] {
    String(decoding: bytes(generator, count: count), as: UTF8.self).split(separator: "\n").map(String.init)
  }

  static func objects(_ generator: Generator, count: Int) throws -> [[String: Any]] {
    try lines(generator, count: count).map {
      try JSONSerialization.jsonObject(with: Data($0.utf8)) as! [String: Any]
    }
  }

  /// The chi-square statistic in standard deviations above its mean; 4 is far out.
  static func excess(observed: [Int], probabilities: [Double]) -> Double {
    let total = Double(observed.reduce(0, +))
    var statistic = 0.0
    for (count, probability) in zip(observed, probabilities) {
      let expected = total * probability
      statistic += (Double(count) - expected) * (Double(count) - expected) / expected
    }
    let freedom = Double(observed.count - 1)
    return (statistic - freedom) / (2 * freedom).squareRoot()
  }
}

/// A dictionary's value at a dotted path.
func at(_ object: [String: Any], _ path: String) -> Any? {
  path.split(separator: ".").reduce(object as Any?) { ($0 as? [String: Any])?[String($1)] }
}
