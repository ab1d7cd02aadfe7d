// The schemas of the library: that they are sound, that every record reads, and that they hold what their first lines say.

import Base
import Configuration
import Foundation
import Records
import Schema
import Testing

@testable import Generation

private let names = [
  "ad_events", "bids", "black_friday", "clickstream", "clickstream_faulty", "ga4", "orders", "page_views", "snowplow",
]

/// A record of a stream.
private struct Sent {
  var event: String
  var time: Int64
  var key: String?
  /// Empty for a tombstone.
  var value: [String: Any]

  func text(_ path: String) -> String? { at(value, path) as? String }
  func number(_ path: String) -> Double? { (at(value, path) as? NSNumber)?.doubleValue }
}

@Suite struct SchemaLibraryTests {
  private static let minute: Int64 = 60_000
  private static let hour: Int64 = 3_600_000
  private static let folder = Generating.root.appendingPathComponent("Schemas")

  private func schema(_ name: String) throws -> EventSchema {
    let path = Self.folder.appendingPathComponent("\(name).yaml").path
    let diagnostics = Diagnostics(file: path)
    let schema = try SchemaReader.read(path: path, diagnostics: diagnostics)
    #expect(diagnostics.all.map(\.description) == [])
    return try #require(schema)
  }

  /// The records of one stream, or of all: so many, or those of some event time.
  private func records(
    _ schema: EventSchema, stream: String? = nil, count: Int = .max, milliseconds: Int64 = 100 * Self.hour
  ) throws -> [Sent] {
    let generator = Generator(
      try GenerationPlan(schema), GenerationSettings(startMilliseconds: Generating.start, streamName: stream))
    let batch = RecordBatch(slotCapacity: 512, byteCapacity: 1 << 18)
    var records: [Sent] = []
    while records.count < count {
      generator.fill(
        batch, maximumCount: min(512, count - records.count), before: (Generating.start + milliseconds) * 1_000_000)
      if batch.count == 0 { break }
      for index in 0..<batch.count {
        let slot = batch.slots[index]
        let value: [String: Any]
        if slot.marks.contains(.tombstone) {
          #expect(String(decoding: batch.value(index), as: UTF8.self) == "null")
          value = [:]
        } else {
          value = try #require(try JSONSerialization.jsonObject(with: Data(batch.value(index))) as? [String: Any])
        }
        records.append(
          Sent(
            event: schema.events[Int(slot.event)].name, time: slot.timestamp,
            key: batch.key(index).map { String(decoding: $0, as: UTF8.self) }, value: value))
      }
    }
    return records
  }

  private func survey(_ schema: EventSchema, milliseconds: Int64) throws -> StreamStatistics {
    let survey = StreamSurvey(try GenerationPlan(schema), GenerationSettings(startMilliseconds: Generating.start))
    while survey.advance(before: (Generating.start + milliseconds) * 1_000_000) {}
    return survey.statistics(endMilliseconds: Generating.start + milliseconds)
  }

  // MARK: - All of them

  @Test func `every schema of the library is here`() throws {
    let files = try FileManager.default.contentsOfDirectory(atPath: Self.folder.path).filter { $0.hasSuffix(".yaml") }
    #expect(files.sorted() == names.map { "\($0).yaml" })
  }

  @Test(arguments: names)
  func `begins with what it models and how to run it`(name: String) throws {
    let text = try String(contentsOf: Self.folder.appendingPathComponent("\(name).yaml"), encoding: .utf8)
    let comment = text.split(separator: "\n").prefix { $0.hasPrefix("#") }
    #expect(comment.count >= 3)
    #expect(comment.contains { $0.contains("freshet generate Schemas/\(name).yaml") })
  }

  @Test(arguments: names)
  func `every record of every stream reads, has its key and the fields of its event`(name: String) throws {
    var schema = try schema(name)
    schema.faults = FaultModel()
    for stream in (schema.sessions == nil ? [] : [schema.name]) + schema.streams.map(\.name) {
      let found = try records(schema, stream: stream, count: 2000)
      #expect(found.count > 0)
      for record in found {
        let event = try #require(schema.events.first { $0.name == record.event })
        if let path = schema.outputs[event.output].keyPath?.joined(separator: "."), !record.value.isEmpty {
          let value = try #require(at(record.value, path))
          #expect(record.key == "\(value)")
        }
        guard !record.value.isEmpty else { continue }
        for field in event.fields where field.optional == 0 {
          #expect(record.value[field.name] != nil, "\(record.event).\(field.name)")
        }
      }
    }
  }

  // MARK: - The click stream

  @Test func `the click stream has heavy users, days and weeks, bots and strangers`() throws {
    let schema = try schema("clickstream")
    let forecast = StreamForecast(try GenerationPlan(schema), startMilliseconds: Generating.start)
    let hours = (0..<24).map {
      forecast.sources[0].meanRate(fromMilliseconds: Generating.start + $0 * Self.hour, length: Self.hour, step: Self.minute)
    }
    #expect((2.7...3.2).contains(hours.max()! / hours.min()!))

    // One user in two thousand over a week; with so few of them the share of the busiest is a little smaller than among all.
    let found = try survey(schema.thinned(byFactor: 2000), milliseconds: 7 * 24 * Self.hour)
    let sessions = try #require(found.sessions)
    #expect((0.5...0.62).contains(sessions.users.topTenthShare))
    #expect((2.5...3.5).contains(try #require(found.sources[0].peakToTrough)))
    let week = try #require(found.sources[0].hours.ofWeek)
    #expect(week.firstIndex(of: week.max()!) == 6)
    #expect(abs(try #require(sessions.bots).sessionShare - 0.01) < 0.003)
    let anonymous = try #require(sessions.anonymous)
    #expect(abs(anonymous.startShare - 0.6) < 0.02 && anonymous.endShare < anonymous.startShare - 0.01)
  }

  @Test func `who has not logged in has no tier, and a product goes out of fashion`() throws {
    let schema = try schema("clickstream")
    let events = try records(schema, count: 20_000)
    let known = Dictionary(grouping: events) { $0.text("session_id")! }.map(\.value)
    #expect(events.contains { $0.text("context.tier") == nil } && events.contains { $0.text("context.tier") != nil })
    // Once known, known to the end.
    for session in known {
      let tiers = session.map { $0.text("context.tier") != nil }
      #expect(tiers == tiers.sorted { !$0 && $1 })
    }
    func favourite(_ start: Int64) throws -> String {
      let generator = Generator(try GenerationPlan(schema), GenerationSettings(startMilliseconds: start))
      let products = try Generating.objects(generator, count: 5000).compactMap { at($0, "properties.product_id") as? String }
      return Dictionary(grouping: products) { $0 }.max { $0.value.count < $1.value.count }!.key
    }
    #expect(try Set((0..<4).map { try favourite(Generating.start + $0 * 100 * 24 * Self.hour) }).count > 1)
  }

  @Test func `the faulty click stream is the clean one, with faults`() throws {
    func body(_ name: String) throws -> String {
      let text = try String(contentsOf: Self.folder.appendingPathComponent("\(name).yaml"), encoding: .utf8)
      return String(text[text.range(of: "version: 1")!.lowerBound...])
    }
    let (clean, faulty) = (try body("clickstream"), try body("clickstream_faulty"))
    #expect(faulty.hasPrefix(clean))
    #expect(faulty.dropFirst(clean.count).hasPrefix("\n# What goes wrong"))
    #expect(try schema("clickstream").faults.isEmpty)
    let faults = try schema("clickstream_faulty").faults
    #expect(faults.late?.rate == 0.02 && faults.dropRate == 0.001 && faults.missing?.paths.count == 2)
  }

  // MARK: - Web analytics

  @Test func `ga4 has parameters as typed lists, items, and users known from the checkout on`() throws {
    let events = try records(try schema("ga4"), count: 8000)
    #expect(
      Set(events.map(\.event)) == [
        "session_start", "page_view", "scroll", "view_search_results", "view_item_list", "view_item", "add_to_cart",
        "begin_checkout", "purchase",
      ])
    for event in events {
      #expect(event.text("event_name") == event.event)
      #expect(event.text("event_date") == "20260101")
      #expect(Int64(try #require(event.number("event_timestamp"))) / 1000 == event.time)
      let parameters = try #require(event.value["event_params"] as? [[String: Any]])
      #expect(parameters.allSatisfy { $0["key"] is String && ($0["value"] as? [String: Any])?.count == 1 })
      if ["begin_checkout", "purchase"].contains(event.event) { #expect(event.text("user_id") != nil) }
      if ["view_item", "purchase"].contains(event.event) {
        let items = try #require(event.value["items"] as? [[String: Any]])
        #expect(items.count == 1 && items[0]["item_id"] is String && items[0]["price"] is NSNumber)
      }
    }
    let purchase = try #require(events.first { $0.event == "purchase" })
    #expect(
      purchase.number("ecommerce.purchase_revenue")
        == ((purchase.value["items"] as? [[String: Any]])?[0]["price"] as? NSNumber)?.doubleValue)
    let systems = Set(events.map { "\($0.text("device.category")!) \($0.text("device.operating_system")!)" })
    #expect(systems == ["mobile Android", "mobile iOS", "desktop Windows", "desktop Macintosh", "tablet iOS"])
  }

  @Test func `snowplow pings every ten seconds while a page is read`() throws {
    let events = try records(try schema("snowplow"), count: 12_000)
    #expect(Set(events.map(\.event)) == ["page_view", "page_ping", "link_click", "social", "subscription"])
    var gaps: [Int64] = []
    for session in Dictionary(grouping: events, by: { $0.text("domain_sessionid")! }).values {
      #expect(Set(session.map { $0.text("domain_userid")! }).count == 1)
      #expect(session[0].event == "page_view")
      for (event, next) in zip(session, session.dropFirst()) where event.event == "page_ping" {
        gaps.append(next.time - event.time)
      }
      for (event, next) in zip(session, session.dropFirst()) where next.event == "page_ping" {
        #expect(event.text("page_urlpath") == next.text("page_urlpath"))
      }
    }
    // A person's tracker is exact to the millisecond; bots hurry.
    let exact = gaps.count { abs($0 - 10_000) <= 1 }
    #expect(Double(exact) / Double(gaps.count) > 0.9 && exact < gaps.count)
    let unknown = Double(events.count { $0.text("user_id") == nil }) / Double(events.count)
    #expect((0.75...0.92).contains(unknown))
  }

  // MARK: - Streams

  @Test func `a hundred campaigns have ten ads each, and events name ads of the table`() throws {
    let schema = try schema("ad_events")
    let table = try records(schema, stream: "ads", count: 1000)
    let campaigns = Dictionary(grouping: table) { $0.text("campaign_id")! }
    #expect(campaigns.count == 100 && campaigns.values.allSatisfy { $0.count == 10 })
    let ads = Set(table.map { $0.text("ad_id")! })
    #expect(ads.count == 1000)
    let events = try records(schema, stream: "ad_events", count: 9000)
    #expect(events.allSatisfy { ads.contains($0.text("ad_id")!) })
    #expect(Set(events[0].value.keys) == ["user_id", "page_id", "ad_id", "ad_type", "event_type", "event_time", "ip_address"])
    #expect(events.allSatisfy { Int64($0.number("event_time")!) == $0.time })
    let types = Dictionary(grouping: events) { $0.text("event_type")! }
    #expect(
      Generating.excess(observed: ["view", "click", "purchase"].map { types[$0]!.count }, probabilities: [1 / 3, 1 / 3, 1 / 3]) < 4)
    #expect(Set(events.map { $0.text("ad_type")! }).count == 5)
  }

  @Test func `of fifty records of the auction one is a person, three are auctions, and bids name what there is`() throws {
    let events = try records(try schema("bids"), milliseconds: 20_000)
    let parts = Dictionary(grouping: events, by: \.event)
    #expect(parts.mapValues(\.count) == ["persons": 400, "auctions": 1200, "bids": 18_400])
    // The first records of all three streams fall on the start.
    let born = Dictionary(uniqueKeysWithValues: parts["persons"]!.map { ($0.number("id")!, $0.time) })
    let opened = Dictionary(uniqueKeysWithValues: parts["auctions"]!.map { ($0.number("id")!, $0.time) })
    for auction in parts["auctions"]! { #expect(try #require(born[auction.number("seller")!]) <= auction.time) }
    for bid in parts["bids"]! {
      #expect(try #require(opened[bid.number("auction")!]) <= bid.time)
      #expect(try #require(born[bid.number("bidder")!]) <= bid.time)
    }
  }

  @Test func `orders name users, payments and shipments name orders, and some orders are never paid`() throws {
    let schema = try schema("orders")
    let start = Generating.start
    let orders = try records(schema, stream: "orders", milliseconds: 300_000)
    let placed = Dictionary(uniqueKeysWithValues: orders.map { ($0.text("order_id")!, $0.time) })
    let payments = try records(schema, stream: "payments", milliseconds: 300_000)
    for payment in payments {
      let time = try #require(placed[payment.text("order_id")!])
      #expect(time <= payment.time && payment.time - time <= 10 * Self.minute)
    }
    let paid = Set(payments.map { $0.text("order_id")! })
    #expect(paid.count < orders.count && paid.count > orders.count / 3)
    for shipment in try records(schema, stream: "shipments", milliseconds: 60_000) {
      #expect(placed[shipment.text("order_id")!] != nil)
    }

    let users = try records(schema, stream: "users", count: 12_000)
    let rows = Set(users.prefix(10_000).map { $0.key! })
    #expect(rows.count == 10_000 && users[9_999].time == start && users[10_000].time == start)
    #expect(orders.allSatisfy { rows.contains($0.text("user_id")!) })
    let changes = users.dropFirst(10_000)
    let deletions = changes.count { $0.value.isEmpty }
    #expect((15...70).contains(deletions))
    // A name does not change, a tier may.
    let first = Dictionary(uniqueKeysWithValues: users.prefix(10_000).map { ($0.key!, $0) })
    #expect(changes.allSatisfy { $0.value.isEmpty || $0.text("name") == first[$0.key!]!.text("name") })
    #expect(changes.contains { !$0.value.isEmpty && $0.text("tier") != first[$0.key!]!.text("tier") })
  }

  @Test func `the sale has its load, its hot product, its outage and its release`() throws {
    var schema = try schema("black_friday")
    // A hundredth of it.
    for index in schema.load!.segments.indices {
      guard case .line(let from, let to) = schema.load!.segments[index].curve else { continue }
      schema.load!.segments[index].curve = .line(from: from / 100, to: to / 100)
    }
    let events = try records(schema, milliseconds: 60 * Self.minute)
    func between(_ from: Int64, _ to: Int64) -> ArraySlice<Sent> {
      let first = events.firstIndex { $0.time >= Generating.start + from * Self.minute } ?? events.endIndex
      return events[first...].prefix { $0.time < Generating.start + to * Self.minute }
    }
    // Records per second of the whole: 500, then 8000 at the doors, 3000 in the evening.
    for (from, to, rate) in [(Int64(0), Int64(10), 500.0), (20, 22, 8000), (32, 35, 3000), (40, 45, 3000)] {
      let found = Double(between(from, to).count) * 100 / Double((to - from) * 60)
      #expect(abs(found / rate - 1) < 0.02, "\(from) to \(to): \(found)")
    }
    func hotShare(_ part: ArraySlice<Sent>) -> Double { Double(part.count { $0.text("sku") == "SKU-0018" }) / Double(part.count) }
    #expect(hotShare(between(5, 21)) < 0.05)
    #expect((0.4...0.75).contains(hotShare(between(24, 31))))
    // Who is there when the outage begins stays; nobody comes.
    let firsts = Dictionary(events.map { ($0.text("visit_id")!, $0) }, uniquingKeysWith: { first, _ in first }).values
    func germanShare(_ from: Int64, _ to: Int64) -> Double {
      let range = (Generating.start + from * Self.minute)..<(Generating.start + to * Self.minute)
      let arrivals = firsts.filter { range.contains($0.time) }
      return Double(arrivals.count { $0.text("country") == "DE" }) / Double(max(arrivals.count, 1))
    }
    #expect(germanShare(28, 35) > 0.2 && germanShare(42, 50) > 0.2)
    #expect(germanShare(35, 40) < 0.01)
    let orders = events.filter { $0.event == "order_placed" }
    for order in orders {
      let isNew = order.time >= Generating.start + 45 * Self.minute
      #expect((order.value["promotion"] != nil) == isNew && (order.value["coupon"] == nil) == isNew)
      #expect((order.text("payment_method") != nil) == isNew)
    }
    #expect(orders.count > 100)
  }
}
