// One stream, taken in many ways: by several threads, in shards, in two runs, one of its streams alone.

import Foundation
import Records
import Schema
import Testing

@testable import Generation

@Suite struct AccessTests {
  static let shop = """
    version: 1
    kind: stream
    name: shop
    entities:
      user:
        count: 200
        key: user_id
        fields:
          user_id: { sequence: "u-{n:05}" }
          tier: { choice: [free, pro] }
          country: { choice: [DE, FR, US] }
    streams:
      orders:
        rate: 50/s
        key: order_id
        bind: { customer: { ref: user, pick: { zipf: 1.1 } } }
        fields:
          order_id: { uuid: v4 }
          user_id: { from: customer.user_id }
          amount: { lognormal: { median: 24, sigma: 0.8 } }
      payments:
        rate: 45/s
        key: order_id
        bind: { order: { ref: orders, within: 10s } }
        fields: { order_id: { from: order.order_id }, user_id: { from: order.user_id }, paid_at: { time: event } }
      users:
        changes: { of: user, rate: 20/s, snapshot: true, fields: [tier], delete: 0.2 }
        key: user_id
    """

  private static func settings(
    shard: Shard = .whole, stream: String? = nil, count: Int64? = nil, rate: Double? = nil
  ) -> GenerationSettings {
    GenerationSettings(
      startMilliseconds: Generating.start, eventsPerSecond: rate, shard: shard, streamName: stream, maximumCount: count)
  }

  private static func lines(
    _ schema: EventSchema, _ settings: GenerationSettings, threads: Int = 1, skipping: Int64 = 0, seconds: Int64 = 3600
  ) throws -> [String] {
    let producer = RecordProducer(try GenerationPlan(schema), settings, threadCount: threads)
    if skipping > 0 { #expect(producer.skip(skipping)) }
    var lines: [String] = []
    while let produced = producer.next(before: (Generating.start + seconds * 1000) * 1_000_000) {
      lines += String(decoding: produced.batch.lines, as: UTF8.self).split(separator: "\n").map(String.init)
    }
    return lines
  }

  private static func schemas() throws -> [EventSchema] { [try Generating.clickstream(), try Generating.schema(shop)] }

  @Test func `the bytes are the same with any number of threads`() throws {
    for schema in try Self.schemas() {
      let alone = try Self.lines(schema, Self.settings(count: 20_000))
      for threads in [2, 3, 5] { #expect(try Self.lines(schema, Self.settings(count: 20_000), threads: threads) == alone) }
    }
  }

  @Test(arguments: [nil, 300.0]) func `shards are disjoint and together the whole`(rate: Double?) throws {
    for schema in try Self.schemas() {
      let whole = try Self.lines(schema, Self.settings(rate: rate), seconds: 60)
      let shards = try (0..<3).map {
        try Self.lines(schema, Self.settings(shard: Shard(index: $0, count: 3), rate: rate), seconds: 60)
      }
      #expect(shards.allSatisfy { $0.count > whole.count / 6 })
      #expect(shards.flatMap { $0 }.sorted() == whole.sorted())
    }
  }

  @Test func `a later run goes on where an earlier one stopped`() throws {
    for schema in try Self.schemas() {
      let whole = try Self.lines(schema, Self.settings(count: 5000))
      for place in [1, 777, 4096, 4999] as [Int64] {
        let rest = try Self.lines(schema, Self.settings(count: 5000), threads: 2, skipping: place)
        #expect(rest == Array(whole.dropFirst(Int(place))))
      }
    }
  }

  @Test func `one stream alone is what it is among the others`() throws {
    let schema = try Generating.schema(Self.shop)
    let whole = try Self.lines(schema, Self.settings(), seconds: 20)
    let orders = try Self.lines(schema, Self.settings(stream: "orders"), seconds: 20)
    #expect(orders == whole.filter { $0.contains("amount") })
    let payments = try Self.lines(schema, Self.settings(stream: "payments"), seconds: 20)
    #expect(payments == whole.filter { $0.contains("paid_at") })
  }

  // MARK: - Streams

  private static func object(_ line: String) throws -> [String: Any] {
    try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
  }

  @Test func `a payment pays an order that was placed, by who placed it`() throws {
    let lines = try Self.lines(try Generating.schema(Self.shop), Self.settings(), seconds: 60)
    var orders: [String: (user: String, index: Int)] = [:]
    var payments = 0
    for (index, line) in lines.enumerated() where line != "null" {
      let record = try Self.object(line)
      guard let order = record["order_id"] as? String, let user = record["user_id"] as? String else { continue }
      if record["amount"] != nil {
        orders[order] = (user, index)
      } else {
        payments += 1
        let placed = try #require(orders[order], "line \(index)")
        #expect(placed.user == user)
      }
    }
    #expect(payments == 2700)
  }

  /// The rate of all streams together is another one than the schema's, the times are random, and the customers are not always the same.
  @Test(arguments: [nil, 20.0, 2000]) func `a payment pays what was ordered of late, whatever the rate`(rate: Double?) throws {
    let text = Self.shop.replacing("rate: 50/s", with: "load: { poisson: 50/s }")
      .replacing("key: user_id\n    fields:", with: "key: user_id\n    growth: { initial: 5, per_day: 86400 }\n    fields:")
    let lines = try Self.lines(try Generating.schema(text), Self.settings(rate: rate), seconds: Int64(20_000 / (rate ?? 100)))
    var orders: [String: String] = [:]
    var payments = 0
    for (index, line) in lines.enumerated() where line.contains("order_id") {
      let record = try Self.object(line)
      let (order, user) = (record["order_id"] as! String, record["user_id"] as! String)
      if record["amount"] != nil {
        orders[order] = user
      } else {
        payments += 1
        // Before the first order there is only that to pay.
        if orders.isEmpty { continue }
        #expect(try #require(orders[order], "line \(index)") == user)
      }
    }
    #expect(payments > 5000)
  }

  @Test func `a change stream begins with its rows, counts versions and deletes with tombstones`() throws {
    let schema = try Generating.schema(Self.shop)
    let generator = Generator(try GenerationPlan(schema), Self.settings(stream: "users"))
    let batch = RecordBatch(slotCapacity: 2200)
    generator.fill(batch, maximumCount: 2200, before: .max)
    let lines = String(decoding: batch.lines, as: UTF8.self).split(separator: "\n").map(String.init)
    let keys = (0..<batch.count).map { String(decoding: batch.key($0)!, as: UTF8.self) }
    #expect(Set(keys.prefix(200)).count == 200)
    #expect(lines.prefix(200).allSatisfy { $0 != "null" })
    var countries: [String: String] = [:]
    var tombstones = 0
    for index in 0..<batch.count {
      let isTombstone = batch.slots[index].marks.contains(.tombstone)
      #expect(isTombstone == (lines[index] == "null"))
      if isTombstone {
        tombstones += 1
        continue
      }
      let record = try Self.object(lines[index])
      #expect(record["user_id"] as? String == keys[index])
      // What does not change stays.
      let country = try #require(record["country"] as? String)
      #expect(countries.updateValue(country, forKey: keys[index]) ?? country == country)
    }
    // A fifth of the changes to rows that are there; rows that are gone come back first.
    let share = 0.2 / 1.2
    #expect(abs(Double(tombstones) - 2000 * share) < 4 * (2000 * share * (1 - share)).squareRoot())
  }
}
