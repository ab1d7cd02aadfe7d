// Legal schemas at the ends of what the language allows.

import Base
import Foundation
import Records
import Schema
import Testing

@testable import Generation

@Suite struct ExtremesTests {
  @Test func `times far from now are right in every format`() throws {
    for (text, year, microseconds) in [
      ("0001-01-01T00:00:00Z", "0001", -62_135_596_800_000_000), ("9999-12-31T23:59:59Z", "9999", 253_402_300_799_000_000),
      ("3000-06-15T12:00:00Z", "3000", 32_517_979_200_000_000 as Int64),
    ] {
      let schema = try Generating.flat(
        """
        a: { time: { between: [\(text), \(text)] }, format: epoch_us }
        b: { time: { between: [\(text), \(text)] }, format: "%Y-%m-%dT%H:%M:%SZ" }
        c: { time: { between: [\(text), \(text)] }, format: "%Y" }
        d: { time: { between: [\(text), \(text)] }, format: rfc3339 }
        """)
      let object = try Generating.objects(Generating.generator(schema), count: 1)[0]
      #expect((object["a"] as? NSNumber)?.int64Value == microseconds)
      #expect(object["b"] as? String == text)
      #expect(object["c"] as? String == year)
      #expect(object["d"] as? String == text)
    }
  }

  @Test(arguments: [-9_000_000_000_000, -1, 0, 1, 8_999_999_990_000] as [Int64], [nil, 1e-6, 1000, 1e9])
  func `a stream begins before the epoch, and ends where time does`(start: Int64, rate: Double?) throws {
    let schema = try Generating.flat("at: { time: event, format: epoch_us }\nid: { uuid: v7 }")
    let generator = Generator(
      try GenerationPlan(schema), GenerationSettings(startMilliseconds: start, eventsPerSecond: rate))
    let batch = RecordBatch(slotCapacity: 100)
    generator.fill(batch, maximumCount: 100, before: .max)
    var last = start * 1000
    for index in 0..<batch.count {
      let object = try #require(try JSONSerialization.jsonObject(with: Data(buffer: batch.value(index))) as? [String: Any])
      let time = try #require(object["at"] as? NSNumber).int64Value
      #expect(time >= last)
      if let rate, rate >= 1000 { #expect(time == start * 1000 + Int64((Double(index) * 1e6 / rate + 1e-4).rounded(.down))) }
      last = time
    }
    #expect(batch.count == 100 || rate == 1e-6)
  }

  @Test func `large records come in small batches`() throws {
    let schema = try Generating.flat("many: { array: { const: \"\(String(repeating: "x", count: 1000))\" }, length: [0, 500] }")
    let producer = RecordProducer(
      try GenerationPlan(schema), GenerationSettings(startMilliseconds: Generating.start), threadCount: 3)
    var count = 0
    for _ in 0..<4 {
      let produced = try #require(producer.next(before: .max))
      #expect(produced.batch.bytes.count <= 64 << 20)
      #expect(produced.batch.count >= 1)
      count += produced.batch.count
      for index in 0..<produced.batch.count { #expect(produced.batch.value(index).last == UInt8(ascii: "}")) }
    }
    #expect(count < 4 * RecordProducer.batchCount)
  }

  @Test func `objects, lists and maps may be empty, and entities have one row`() throws {
    let schema = try Generating.schema(
      """
      version: 1
      kind: stream
      name: empty
      entities: { only: { count: 1, key: id, fields: { id: { sequence: number } }, churn: { lifetime: 1ms } } }
      rate: 10/s
      bind: { one: { ref: only, pick: { zipf: 1.1, drift: 1ms } } }
      fields:
        a: { const: {} }
        b: { const: [] }
        c: { array: { bool: 0.5 }, length: 0 }
        d: { map: { bool: 0.5 }, keys: { pattern: "k" }, length: 0 }
        e: { object: { f: { int: any, optional: 1 }, g: { int: any, optional: 1 } } }
        f: { int: any, optional: 1 }
        g: { from: one.id }
      """)
    for line in Generating.lines(Generating.generator(schema), count: 100) {
      #expect(line == #"{"a":{},"b":[],"c":[],"d":{},"e":{},"g":1}"#)
    }
  }

  @Test func `rows come and go with their owner`() throws {
    let schema = try Generating.schema(
      """
      version: 1
      kind: stream
      name: owned
      entities:
        user: { count: 1000, key: id, fields: { id: { sequence: number } }, growth: { initial: 10, per_day: 86400 } }
        card: { of: user, count: 3, key: id, fields: { id: { sequence: number, start: 0 } } }
      rate: 100/s
      bind: { card: { ref: card, pick: uniform } }
      fields: { card: { from: card.id } }
      """)
    let cards = try Generating.objects(Generating.generator(schema), count: 10_000).map { ($0["card"] as! NSNumber).intValue / 3 }
    for (index, owner) in cards.enumerated() { #expect(owner < 10 + index / 100 + 1) }
    #expect(Set(cards.suffix(3000)).count > 90)
  }
}
