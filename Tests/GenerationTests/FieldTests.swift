// What single fields hold: their distribution, their text, their escapes; and where keys point.

import Base
import Foundation
import Records
import Schema
import Testing

@testable import Generation

@Suite struct FieldTests {
  @Test func `choices follow their weights, short and long texts alike`() throws {
    let long = String(repeating: "x", count: 40)
    let schema = try Generating.flat(
      "short: { choice: [a, b, c], weights: [70, 20, 10] }\nlong: { choice: [\(long), y], weights: [1, 3] }")
    var short: [String: Int] = [:], longCounts: [String: Int] = [:]
    for object in try Generating.objects(Generating.generator(schema), count: 20_000) {
      short[object["short"] as! String, default: 0] += 1
      longCounts[object["long"] as! String, default: 0] += 1
    }
    #expect(Generating.excess(observed: ["a", "b", "c"].map { short[$0] ?? 0 }, probabilities: [0.7, 0.2, 0.1]) < 4)
    #expect(Generating.excess(observed: [long, "y"].map { longCounts[$0] ?? 0 }, probabilities: [0.25, 0.75]) < 4)
  }

  @Test func `numbers keep their median, their clamp and their decimals`() throws {
    let schema = try Generating.flat(
      "price: { lognormal: { median: 24, sigma: 0.8 }, clamp: [5, 100], decimals: 2 }\nwait: { exponential: 3, decimals: 4 }")
    let lines = Generating.lines(Generating.generator(schema), count: 20_000)
    var prices: [Double] = []
    for line in lines {
      let match = try #require(line.wholeMatch(of: /\{"price":(\d+\.\d\d),"wait":(\d+\.\d{4})\}/))
      prices.append(Double(match.1)!)
    }
    prices.sort()
    #expect(prices.first! >= 5 && prices.last! == 100)
    #expect(abs(prices[10_000] - 24) < 0.5)
  }

  @Test func `integers cover their range`() throws {
    let schema = try Generating.flat("n: { int: [-3, 6] }\nbig: { int: [0, 9223372036854775807] }")
    var counts = [Int](repeating: 0, count: 10)
    for object in try Generating.objects(Generating.generator(schema), count: 20_000) {
      counts[(object["n"] as! NSNumber).intValue + 3] += 1
      #expect((object["big"] as! NSNumber).int64Value >= 0)
    }
    #expect(Generating.excess(observed: counts, probabilities: counts.map { _ in 0.1 }) < 4)
  }

  @Test func `sequences count events in the stream and rows in an entity`() throws {
    let schema = try Generating.flat("n: { sequence: \"e-{n:03}!\" }\nuser: { from: user.id }")
    var users: [String: Int] = [:]
    for (index, object) in try Generating.objects(Generating.generator(schema), count: 2_000).enumerated() {
      #expect(object["n"] as! String == "e-" + String(format: "%03d", index + 1) + "!")
      users[object["user"] as! String, default: 0] += 1
    }
    // Zipf with exponent 1.1 over 1000 rows gives the first row 0.18 of all draws.
    #expect(users.max { $0.value < $1.value }?.key == "u-0001")
    #expect(abs(Double(users["u-0001"]!) / 2_000 - 0.18) < 0.03)
  }

  @Test func `texts are escaped, and read back as they were`() throws {
    let text = "a \"quoted\" \\ back\u{8}slash\n\u{1}é"
    var schema = try Generating.flat("first: { const: x }\nsecond: { choice: [x, y] }")
    schema.events[0].fields = [
      FieldDefinition(name: "key \"1\"", generator: .const(.string(text))),
      FieldDefinition(name: "none", generator: .const(.null)), FieldDefinition(name: "real", generator: .const(.double(1e-7))),
      FieldDefinition(name: "kinds", generator: .choice([.bool(true), .integer(-5)], weights: [1, 1])),
    ]
    let object = try Generating.objects(Generating.generator(schema), count: 1)[0]
    #expect(object["key \"1\""] as? String == text)
    #expect(object["none"] is NSNull)
    #expect(object["real"] as? Double == 1e-7)
  }

  @Test func `times are the event's, in all formats`() throws {
    let schema = try Generating.flat(
      "a: { time: event, format: rfc3339_ms }\nb: { time: event, format: epoch_ms }\nc: { time: event, format: epoch_s }\nd: { uuid: v7 }\ns: { from: session.session_id }\ne: { time: sent, format: epoch_ms }"
    )
    let generator = Generating.generator(schema)
    let batch = RecordBatch(slotCapacity: 300)
    generator.fill(batch, maximumCount: 300, before: .max, sentMilliseconds: 5)
    for index in 0..<300 {
      let object = try JSONSerialization.jsonObject(with: Data(batch.value(index))) as! [String: Any]
      let time = batch.slots[index].timestamp
      #expect(object["a"] as! String == TimeText.rfc3339(time))
      #expect((object["b"] as! NSNumber).int64Value == time)
      #expect((object["c"] as! NSNumber).int64Value == time / 1000)
      for field in ["d", "s"] {
        let digits = (object[field] as! String).replacing("-", with: "").prefix(12)
        #expect(Int64(digits, radix: 16) == time)
      }
      #expect((object["e"] as! NSNumber).int64Value == 5)
    }
  }

  @Test func `keys point at their text`() throws {
    let schema = try Generating.clickstream()
    let generator = Generating.generator(schema)
    let batch = RecordBatch(slotCapacity: 500)
    generator.fill(batch, maximumCount: 500, before: .max)
    for index in 0..<batch.count {
      let object = try JSONSerialization.jsonObject(with: Data(batch.value(index))) as! [String: Any]
      #expect(String(decoding: batch.key(index)!, as: UTF8.self) == object["userId"] as! String)
    }
  }

  @Test func `a key with escapes stands behind the lines, undone`() throws {
    let texts = ["plain", "say \"hi\"\t\u{1}\\", "line\nfeed"]
    var schema = try Generating.flat("k: { const: x }", output: "output: { key: k }")
    schema.events[0].fields = [
      FieldDefinition(name: "k", generator: .choice(texts.map { .string($0) }, weights: [1, 1, 1]))
    ]
    let generator = Generating.generator(schema)
    let batch = RecordBatch(slotCapacity: 200, byteCapacity: 64)
    generator.fill(batch, maximumCount: 200, before: .max)
    var seen: Set<String> = []
    for index in 0..<200 {
      let object = try JSONSerialization.jsonObject(with: Data(batch.value(index))) as! [String: String]
      let key = String(decoding: batch.key(index)!, as: UTF8.self)
      #expect(key == object["k"])
      seen.insert(key)
    }
    #expect(seen == Set(texts))
    #expect(batch.lines.count < batch.bytes.count)
  }

  @Test func `integer keys are their digits`() throws {
    let schema = try Generating.flat("k: { int: [1, 500] }\nz: { const: 1 }", output: "output: { key: k }")
    let batch = RecordBatch(slotCapacity: 50)
    Generating.generator(schema).fill(batch, maximumCount: 50, before: .max)
    for index in 0..<50 {
      let object = try JSONSerialization.jsonObject(with: Data(batch.value(index))) as! [String: Any]
      #expect(String(decoding: batch.key(index)!, as: UTF8.self) == "\(object["k"]!)")
    }
  }
}
