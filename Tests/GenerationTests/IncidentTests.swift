// Incidents and populations as they show in the records: when they begin and end, and how much they do, with the sessions' own arrivals and
// under an exact load.

import Base
import Foundation
import Records
import Schema
import Testing

@testable import Generation

@Suite struct IncidentTests {
  /// Sessions of one page and then pages until they leave, two on average; a product is bound at each.
  private static func schema(_ incidents: String, seed: Int = 3, user: String = "", extra: String = "") throws -> EventSchema {
    try Generating.schema(
      """
      version: 1
      kind: events
      name: shop
      seed: \(seed)
      entities:
        user:
          count: 4000
          key: id
          fields: { id: { sequence: number }, country: { choice: [DE, FR], weights: [1, 3] } }
          \(user)
        product:
          count: 100
          key: id
          fields: { id: { sequence: number, start: 0 } }
      sessions:
        actor: { ref: user, pick: uniform }
        arrival: { poisson: 100/s }
        id: { field: session_id, uuid: v4 }
        \(extra)
        states:
          view:
            emit: page
            think: { exponential: 500ms }
            bind: { current: { ref: product, pick: uniform } }
            next: { view: 1, exit: 1 }
        initial: { view: 1 }
      events:
        page:
          fields:
            session: { from: session.session_id }
            user: { from: user.id }
            country: { from: user.country }
            product: { from: current.id }
            bot: { from: session.is_bot }
            known: { from: session.is_identified }
            step: { from: session.step }
            at: { time: event, format: epoch_ms }
      \(incidents.isEmpty ? "" : "incidents:\n" + incidents.split(separator: "\n").map { "  " + $0 }.joined(separator: "\n"))
      """)
  }

  struct Page {
    var second: Double
    var session: String
    var user: Int
    var country: String
    var product: Int
    var isBot: Bool
    var isKnown: Bool
    var step: Int
    var names: Set<String>
  }

  /// The first `seconds` of event time.
  private static func pages(_ schema: EventSchema, rate: Double? = nil, seconds: Double) throws -> [Page] {
    let generator = Generator(
      try GenerationPlan(schema), GenerationSettings(startMilliseconds: Generating.start, eventsPerSecond: rate))
    let batch = RecordBatch(slotCapacity: 1024)
    var pages: [Page] = []
    while true {
      generator.fill(batch, maximumCount: 1024, before: (Generating.start + Int64(seconds * 1000)) * 1_000_000)
      if batch.count == 0 { return pages }
      for index in 0..<batch.count {
        let object = try #require(try JSONSerialization.jsonObject(with: Data(buffer: batch.value(index))) as? [String: Any])
        pages.append(
          Page(
            second: Double((object["at"] as! NSNumber).int64Value - Generating.start) / 1000, session: object["session"] as! String,
            user: (object["user"] as! NSNumber).intValue, country: object["country"] as! String,
            product: (object["product"] as? NSNumber ?? object["item"] as! NSNumber).intValue, isBot: object["bot"] as! Bool,
            isKnown: object["known"] as! Bool, step: (object["step"] as! NSNumber).intValue, names: Set(object.keys)))
      }
    }
  }

  /// Whether a count fits a binomial distribution, within 4.5 standard deviations.
  private static func fits(_ count: Int, of total: Int, _ share: Double) -> Bool {
    abs(Double(count) - Double(total) * share) <= 4.5 * (Double(total) * share * (1 - share)).squareRoot() + 1
  }

  private static func first(_ pages: [Page], _ from: Double, _ to: Double) -> [Page] {
    pages.filter { $0.step == 1 && $0.second >= from && $0.second < to }
  }

  @Test func `a flash crowd multiplies the sessions while it lasts`() throws {
    let pages = try Self.pages(try Self.schema("- flash_crowd: { at: 10s, for: 10s, arrivals: 5 }"), seconds: 40)
    for (from, to, expected) in [(0.0, 10.0, 1000.0), (10, 20, 5000), (20, 40, 2000)] {
      #expect(abs(Double(Self.first(pages, from, to).count) - expected) < 4.5 * expected.squareRoot(), "\(from)")
    }
  }

  @Test(arguments: [nil, 400.0]) func `a hot row has its share, from its beginning to its end`(rate: Double?) throws {
    let pages = try Self.pages(
      try Self.schema("- hot_product: { at: 10s, for: 20s, bind: current, share: 0.6, row: 17 }"), rate: rate, seconds: 40)
    for (from, to, share) in [(0.0, 10.0, 0.01), (10, 30, 0.6 + 0.4 * 0.01), (30, 40, 0.01)] {
      let during = pages.filter { $0.second >= from && $0.second < to }
      #expect(Self.fits(during.count { $0.product == 17 }, of: during.count, share), "\(from)")
    }
  }

  @Test(arguments: [nil, 400.0]) func `an outage silences the new sessions of its rows and nobody else`(rate: Double?) throws {
    let pages = try Self.pages(
      try Self.schema("- outage: { at: 10s, for: 20s, where: { user.country: DE } }"), rate: rate, seconds: 45)
    #expect(Self.first(pages, 10, 30).allSatisfy { $0.country == "FR" })
    let others = Self.first(pages, 0, 10) + Self.first(pages, 31, 45)
    #expect(Self.fits(others.count { $0.country == "DE" }, of: others.count, 0.25))
    // Who was there before goes on.
    #expect(pages.contains { $0.second > 10 && $0.second < 13 && $0.country == "DE" && $0.step > 1 })
    if rate == nil { #expect(abs(Double(Self.first(pages, 10, 30).count) - 1500) < 4.5 * 1500.0.squareRoot()) }
  }

  @Test func `a swarm arrives at its rate, from its actors, and leaves`() throws {
    let pages = try Self.pages(
      try Self.schema("- bot_swarm: { at: 10s, for: 10s, arrivals: 200/s, think: 20ms, actors: 7 }"), seconds: 40)
    let bots = pages.filter(\.isBot)
    let arrivals = Self.first(bots, 0, 40)
    #expect(abs(Double(arrivals.count) - 2000) < 4.5 * 2000.0.squareRoot())
    #expect(arrivals.allSatisfy { $0.second >= 10 && $0.second < 20 })
    #expect(Set(bots.map(\.user)) == Set(1...7))
    #expect(abs(Double(Self.first(pages, 0, 40).count - arrivals.count) - 4000) < 4.5 * 4000.0.squareRoot())
  }

  /// The records stay as many as the load says, and the swarm is there when it is due: even at the end of an hour in which the load began at
  /// nothing, or other swarms took most of it.
  @Test(arguments: [
    "{ stages: [ { for: 600s, rate: 20/s } ] }", "{ ramp: { from: 0/s, to: 40/s, over: 600s } }",
    "{ stages: [ { for: 1s, rate: 30/s }, { for: 1s, rate: 10/s } ], repeat: true }",
  ]) func `under a load a swarm and a hot row are where they should be`(load: String) throws {
    var schema = try Self.schema(
      """
      - bot_swarm: { at: 100s, for: 100s, arrivals: 100/s, think: 20ms, actors: 7 }
      - bot_swarm: { at: 400s, for: 100s, arrivals: 10/s, think: 20ms, actors: 7 }
      - hot_product: { at: 500s, for: 50s, bind: current, share: 1, row: 17 }
      """)
    schema.load = try LoadTests.shape(load)
    let pages = try Self.pages(schema, seconds: 600)
    #expect(abs(pages.count - 12_000) <= 1)
    let arrivals = Self.first(pages.filter(\.isBot), 0, 600)
    #expect(arrivals.allSatisfy { (100..<200).contains($0.second) || (400..<500).contains($0.second) })
    for start in [100.0, 400] {
      for tenth in 1..<10 {
        let from = start + 10 * Double(tenth)
        #expect(arrivals.contains { $0.second >= from && $0.second < from + 10 }, "\(from)")
      }
    }
    #expect(pages.allSatisfy { $0.second < 500 || $0.second >= 550 || $0.product == 17 })
    let after = pages.filter { $0.second >= 550 }
    #expect(Self.fits(after.count { $0.product == 17 }, of: after.count, 0.01))
  }

  @Test(arguments: [nil, 400.0]) func `a changed schema begins and ends to the millisecond`(rate: Double?) throws {
    let pages = try Self.pages(
      try Self.schema(
        "- schema_change: { at: 5s, for: 5s, events: [page], add: { build: { const: 7 } }, rename: { product: item } }"),
      rate: rate, seconds: 15)
    for page in pages {
      let isChanged = page.second >= 5 && page.second < 10
      #expect(page.names.contains("build") == isChanged)
      #expect(page.names.contains("item") == isChanged)
      #expect(page.names.contains("product") == !isChanged)
    }
  }

  @Test func `a stream that begins later is the one that was given that start`() throws {
    let schema = try Self.schema(
      """
      - schema_change: { at: 2s, for: 2s, events: [page], add: { build: { const: 7 } } }
      - bot_swarm: { at: 1s, for: 1s, arrivals: 100/s, think: 20ms, actors: 7 }
      """)
    let moved = GenerationSettings(startMilliseconds: Generating.start - 86_400_000, eventsPerSecond: 300)
    let generator = Generator(try GenerationPlan(schema), moved)
    #expect(generator.moveStart(toMilliseconds: Generating.start))
    #expect(Generating.bytes(generator, count: 3000) == Generating.bytes(Generating.generator(schema, rate: 300), count: 3000))
    #expect(!generator.moveStart(toMilliseconds: Generating.start))
  }

  @Test func `what is left of a stream ends where it is told, however much later it goes on`() throws {
    let schema = try Self.schema("")
    let producer = RecordProducer(
      try GenerationPlan(schema), GenerationSettings(startMilliseconds: Generating.start, eventsPerSecond: 100))
    #expect(producer.skip(1000))
    producer.moveEnd(toMilliseconds: Generating.start + 3_602_000)
    producer.resume(atNanoseconds: (Generating.start + 3_600_000) * 1_000_000)
    var count = 0
    while let batch = producer.next(before: .max) { count += batch.batch.count }
    #expect(count == 200)
    #expect(producer.nextTimeNanoseconds == .max)
  }

  // MARK: - Who acts

  @Test func `bots have their share and their actors, the unknown theirs`() throws {
    let pages = try Self.pages(
      try Self.schema("", extra: "bots: { share: 0.2, think: 10ms, actors: 5 }\n  identity: { anonymous: 0.4 }"), seconds: 100)
    let sessions = Self.first(pages, 0, 100)
    #expect(Self.fits(sessions.count(where: \.isBot), of: sessions.count, 0.2))
    #expect(Self.fits(sessions.count { !$0.isKnown }, of: sessions.count, 0.4))
    #expect(Set(sessions.filter(\.isBot).map(\.user)) == Set(1...5))
  }

  @Test(arguments: [nil, 400.0]) func `a population grows as it should`(rate: Double?) throws {
    // 1000 rows, and 10 more each second.
    let pages = try Self.pages(
      try Self.schema("", user: "growth: { initial: 1000, per_day: 864000 }"), rate: rate, seconds: 100)
    #expect(pages.allSatisfy { Double($0.user) <= 1000 + 10 * ($0.second + 10) })
    let sessions = Self.first(pages, 0, 100)
    #expect(sessions.allSatisfy { Double($0.user) <= 1000 + 10 * $0.second + 1 })
    let late = Self.first(pages, 80, 100)
    // Evenly among those that are there: about 1900.
    #expect(Self.fits(late.count { $0.user <= 1000 }, of: late.count, 1000.0 / 1900))
  }

  @Test func `rows leave after an exponential time`() throws {
    let pages = try Self.pages(try Self.schema("", user: "churn: { lifetime: 100s }"), seconds: 200)
    for (from, to) in [(0.0, 5.0), (95, 105), (195, 200)] {
      let distinct = Set(Self.first(pages, from, to).map(\.user)).count
      let arrivals = Double(Self.first(pages, from, to).count)
      // Distinct rows among so many draws from those that are left.
      let left = 4000 * exp(-(from + to) / 200)
      let expected = left * (1 - pow(1 - 1 / left, arrivals))
      #expect(abs(Double(distinct) - expected) < 5 * expected.squareRoot(), "\(from): \(distinct), expected \(expected)")
    }
    // Who has left does not come back.
    var last: [Int: Double] = [:]
    for page in Self.first(pages, 0, 200) { last[page.user] = page.second }
    #expect(Double(last.values.count { $0 < 100 }) > 0.4 * Double(last.count))
  }
}
