// Whole streams: the same from the same seed, valid JSON with the schema's fields, sessions that follow the schema's edges.

import Base
import Foundation
import Records
import Schema
import Testing

@testable import Generation

@Suite struct StreamTests {
  @Test(arguments: [nil, 500.0]) func `the same seed gives the same bytes for any batch size`(rate: Double?) throws {
    let schema = try Generating.clickstream()
    let expected = Generating.bytes(Generating.generator(schema, rate: rate), count: 3_000)
    #expect(expected == Generating.bytes(Generating.generator(schema, rate: rate), count: 3_000, batchSize: 1))
    #expect(expected == Generating.bytes(Generating.generator(schema, rate: rate), count: 3_000, batchSize: 777, byteCapacity: 64))
    #expect(expected != Generating.bytes(Generating.generator(schema, rate: rate, seed: 43), count: 3_000))
  }

  @Test func `stopping at a time and going on changes nothing`() throws {
    let schema = try Generating.clickstream()
    let expected = Generating.bytes(Generating.generator(schema), count: 2_000)
    let generator = Generating.generator(schema)
    let batch = RecordBatch(slotCapacity: 4096)
    var bytes: [UInt8] = []
    var limit = Generating.start * 1_000_000
    while bytes.count < expected.count {
      limit += 70_000_000
      generator.fill(batch, maximumCount: 4096, before: limit)
      #expect(generator.nextTimeNanoseconds >= limit)
      for index in 0..<batch.count { #expect(batch.slots[index].timestamp * 1_000_000 < limit) }
      bytes += Array(batch.lines)
    }
    #expect(bytes.starts(with: expected))
  }

  @Test func `every line is an object with exactly the fields of its event, in their order`() throws {
    let schema = try Generating.clickstream()
    func names(_ fields: [FieldDefinition]) -> [String] {
      fields.flatMap { field -> [String] in
        if case .object(let inner) = field.generator { return [field.name] + names(inner) }
        return [field.name]
      }
    }
    let shapes = Set(schema.events.map { names($0.fields) })
    for line in Generating.lines(Generating.generator(schema), count: 2_000) {
      _ = try JSONSerialization.jsonObject(with: Data(line.utf8))
      // No text of this schema holds a colon behind a quote, so this finds the names.
      let found = line.matches(of: /"([A-Za-z_]+)":/).map { String($0.1) }
      #expect(shapes.contains(found), "\(line)")
    }
  }

  @Test func `sessions walk only along the edges, in their odds, and keep their actor and rows`() throws {
    let schema = try Generating.clickstream()
    let objects = try Generating.objects(Generating.generator(schema), count: 25_000)
    var sessions: [String: [[String: Any]]] = [:]
    for object in objects { sessions[object["session_id"] as! String, default: []].append(object) }
    // Event names identify states except that two states emit "Product Viewed".
    func name(_ object: [String: Any]) -> String { object["event"] as? String ?? "page" }
    let edges: [String: Set<String>] = [
      "page": ["Product List Viewed", "Product Viewed"],
      "Product List Viewed": ["Product Clicked", "Product List Viewed"], "Product Clicked": ["Product Viewed"],
      "Product Viewed": ["Product List Viewed", "Product Added"], "Product Added": ["Product List Viewed", "Order Completed"],
      "Order Completed": [],
    ]
    var fromListing = [0, 0]
    for events in sessions.values {
      #expect(["page", "Product List Viewed", "Product Viewed"].contains(name(events[0])))
      #expect(Set(events.map { $0["userId"] as! String }).count == 1)
      #expect(Set(events.map { at($0, "context.country") as! String }).count == 1)
      for (event, next) in zip(events, events.dropFirst()) {
        #expect(edges[name(event)]!.contains(name(next)), "\(name(event)) to \(name(next))")
        #expect((event["timestamp"] as! String) <= (next["timestamp"] as! String))
        if name(event) == "Product List Viewed" { fromListing[name(next) == "Product Clicked" ? 0 : 1] += 1 }
        if name(event) == "Product Clicked" {
          for field in ["product_id", "category", "brand"] {
            #expect(at(event, "properties.\(field)") as? String == at(next, "properties.\(field)") as? String)
          }
        }
      }
    }
    #expect(Generating.excess(observed: fromListing, probabilities: [45 / 80, 35 / 80]) < 4)
  }

  @Test func `a row's fields are the same wherever it appears`() throws {
    let schema = try Generating.clickstream()
    var prices: [String: [String]] = [:]
    for object in try Generating.objects(Generating.generator(schema), count: 10_000) {
      guard let product = at(object, "properties.product_id") as? String else { continue }
      let fields = ["category", "brand"].compactMap { at(object, "properties.\($0)") as? String }
      prices[product, default: []].append("\(fields.first ?? "") \(at(object, "properties.price")!)")
    }
    for values in prices.values { #expect(Set(values).count == 1) }
    #expect(prices.count > 300)
  }

  @Test func `a pause beyond the timeout ends the session`() throws {
    var schema = try Generating.clickstream()
    schema.sessions!.timeoutMilliseconds = 5_000
    var last: [String: Int64] = [:]
    for object in try Generating.objects(Generating.generator(schema), count: 5_000) {
      let time = TimeText.milliseconds(fromRFC3339: object["timestamp"] as! String)!
      let session = object["session_id"] as! String
      if let before = last[session] { #expect(time - before <= 5_001) }
      last[session] = time
    }
  }
}
