// What a survey counts, against the same counts made from the records themselves.

import Foundation
import Records
import Schema
import Testing

@testable import Generation

@Suite struct StreamSurveyTests {
  private static let hour: Int64 = 3_600_000

  private func survey(_ schema: EventSchema, milliseconds: Int64, count: Int64? = nil) throws -> StreamStatistics {
    let settings = GenerationSettings(startMilliseconds: Generating.start, maximumCount: count)
    let survey = StreamSurvey(try GenerationPlan(schema), settings)
    let end = Generating.start + milliseconds
    while survey.advance(before: end * 1_000_000) {}
    return survey.statistics(endMilliseconds: end)
  }

  /// All records of some event time, as objects with the time of each.
  private func records(_ schema: EventSchema, milliseconds: Int64) throws -> [(time: Int64, value: [String: Any])] {
    let generator = Generating.generator(schema)
    let batch = RecordBatch(slotCapacity: 512, byteCapacity: 1 << 18)
    var records: [(Int64, [String: Any])] = []
    while true {
      generator.fill(batch, maximumCount: 512, before: (Generating.start + milliseconds) * 1_000_000)
      guard batch.count > 0 else { return records }
      for index in 0..<batch.count {
        let value = try JSONSerialization.jsonObject(with: Data(batch.value(index))) as! [String: Any]
        records.append((batch.slots[index].timestamp, value))
      }
    }
  }

  /// Bots, strangers and a day's profile, slow enough to write every record.
  private func shop(arrivals: Int = 40) throws -> EventSchema {
    try Generating.schema(
      """
      version: 1
      kind: events
      name: shop
      seed: 5
      entities:
        user:
          count: 400
          key: id
          fields: { id: { sequence: "u{n}" } }
      sessions:
        actor: { ref: user, pick: { zipf: 0.9 } }
        arrival: { poisson: \(arrivals)/m, profile: { period: 24h, points: { "00:00": 0.2, "12:00": 1 } } }
        id: { field: session_id, uuid: v4 }
        timeout: 30m
        identity: { anonymous: 0.5, login: [buy] }
        bots: { share: 0.1, think: 100ms, actors: 3 }
        states:
          look: { emit: looked, think: { exponential: 40s }, next: { look: 60, buy: 20, exit: 20 } }
          buy: { emit: bought, think: { exponential: 10s }, next: { look: 30, exit: 70 } }
        initial: { look: 1 }
      events:
        looked: { fields: &fields { user: { from: user.id }, session: { from: session.session_id }, bot: { from: session.is_bot }, known: { from: session.is_identified } } }
        bought: { fields: *fields }
      output: { topic: shop, key: user }
      """)
  }

  @Test func `sessions, users and shares are those of the records`() throws {
    let schema = try shop(arrivals: 200)
    let length = 3 * Self.hour
    let found = try survey(schema, milliseconds: length)
    let all = try records(schema, milliseconds: length)
    #expect(found.recordCount == Int64(all.count) && all.count > 10_000)
    #expect(found.sources[0].events.map(\.count).reduce(0, +) == found.recordCount)

    let sessions = Dictionary(grouping: all) { $0.value["session"] as! String }
    let statistics = try #require(found.sessions)
    #expect(statistics.count == Int64(sessions.count))
    // What goes on after the end is not finished; the records of the following hours tell.
    let later = Set(
      try records(schema, milliseconds: length + 2 * Self.hour).dropFirst(all.count).map { $0.value["session"] as! String })
    let finished = sessions.filter { !later.contains($0.key) }.map(\.value)
    #expect(statistics.unfinishedCount == sessions.count - finished.count && statistics.unfinishedCount > 0)
    let sizes = finished.map(\.count).sorted()
    #expect(statistics.eventsPerSession.count == UInt64(sizes.count))
    #expect(abs(statistics.eventsPerSession.mean - Double(sizes.reduce(0, +)) / Double(sizes.count)) < 1e-9)
    #expect(statistics.eventsPerSession.max == UInt64(sizes.last!))
    #expect(statistics.eventsPerSession.p50 == UInt64(sizes[(sizes.count + 1) / 2 - 1]))
    let lengths = finished.map { Double($0.last!.time - $0[0].time) }
    #expect(abs(statistics.lengthMilliseconds.mean / (lengths.reduce(0, +) / Double(lengths.count)) - 1) < 0.002)

    let people = all.filter { $0.value["bot"] as! Bool == false }
    let users = Dictionary(grouping: people) { $0.value["user"] as! String }.map(\.value.count).sorted(by: >)
    #expect(statistics.users.seenCount == users.count && statistics.users.recordCount == Int64(people.count))
    let tenth = users.prefix((users.count + 5) / 10).reduce(0, +)
    #expect(statistics.users.topTenthShare == Double(tenth) / Double(people.count))
    #expect(statistics.users.hottestShare == Double(users[0]) / Double(people.count))

    let bots = try #require(statistics.bots)
    #expect(bots.eventShare == Double(all.count - people.count) / Double(all.count))
    #expect(abs(bots.sessionShare - 0.1) < 0.01)
    let anonymous = try #require(statistics.anonymous)
    #expect(anonymous.eventShare == Double(all.count { $0.value["known"] as! Bool == false }) / Double(all.count))
    #expect(abs(anonymous.startShare - 0.5) < 0.04 && anonymous.endShare < anonymous.startShare)
  }

  @Test func `hours of the day show the profile`() throws {
    let found = try survey(try shop(), milliseconds: 48 * Self.hour)
    let source = found.sources[0]
    #expect(source.hours.counts.count == 48)
    #expect(source.hours.counts.reduce(0, +) == found.recordCount)
    let day = try #require(source.hours.ofDay)
    #expect(day.firstIndex(of: day.max()!) == 11 || day.firstIndex(of: day.max()!) == 12)
    // From 0.2 to 1 and back, the middle of the first hour against that of the twelfth: 0.967 / 0.233.
    #expect(abs(try #require(source.peakToTrough) - 4.14) < 0.6)
    #expect(source.hours.ofWeek == nil)
    #expect(try #require(source.peakMinutePerSecond) > source.recordsPerSecond)
    #expect(try survey(try shop(), milliseconds: 59_000).sources[0].peakMinutePerSecond == nil)
  }

  @Test func `a week has days, and hours before the epoch their place in it`() {
    // 1969-12-29 was a Monday.
    let hours = SourceStatistics.Hours(firstHour: -72, counts: (0..<168).map { Int64($0 / 24) })
    #expect(hours.ofWeek == [0, 1, 2, 3, 4, 5, 6])
    #expect(hours.ofDay == [Double](repeating: 3, count: 24))
  }

  @Test func `a number of records ends a survey`() throws {
    let found = try survey(try shop(), milliseconds: 48 * Self.hour, count: 1000)
    #expect(found.recordCount == 1000 && found.isCutOff)
    #expect(found.interval.endMilliseconds < Generating.start + 2 * Self.hour)
    #expect(try !survey(try shop(), milliseconds: Self.hour).isCutOff)
  }

  @Test func `one user in several does what the user did`() throws {
    let schema = try shop()
    #expect(schema.canBeThinned)
    let thinned = schema.thinned(byFactor: 4)
    #expect(thinned.entities[0].count == 100 && thinned.sessions?.bots?.actorCount == 1)
    let (all, part) = (try survey(schema, milliseconds: 24 * Self.hour), try survey(thinned, milliseconds: 24 * Self.hour))
    #expect(abs(Double(part.recordCount) * 4 / Double(all.recordCount) - 1) < 0.05)
    let (users, fewer) = (try #require(all.sessions?.users), try #require(part.sessions?.users))
    #expect(abs(users.topTenthShare - fewer.topTenthShare) < 0.1)
    #expect(abs(try #require(part.sources[0].peakToTrough) / #require(all.sources[0].peakToTrough) - 1) < 0.2)
    #expect(abs(part.sessions!.eventsPerSession.mean / all.sessions!.eventsPerSession.mean - 1) < 0.05)
  }

  @Test func `streams are counted each by itself, and by key where it is a row`() throws {
    let schema = try Generating.schema(
      """
      version: 1
      kind: stream
      name: two
      entities:
        user: { count: 50, key: id, fields: { id: { sequence: "u{n}" }, plan: { choice: [a, b] } } }
      streams:
        orders:
          rate: 20/s
          key: user
          bind: { customer: { ref: user, pick: { zipf: 1.2 } } }
          fields: { order: { uuid: v4 }, user: { from: customer.id } }
        users:
          changes: { of: user, rate: 2/s, snapshot: true, fields: [plan], delete: 0.1 }
      """)
    let found = try survey(schema, milliseconds: 600_000)
    #expect(found.sessions == nil)
    #expect(found.sources.map(\.name) == ["orders", "users"])
    #expect(found.sources.map(\.recordCount) == [12_000, 50 + 1200])
    #expect(found.sources[1].snapshotCount == 50)
    #expect(found.sources.map { ($0.recordsPerSecond * 100).rounded() / 100 } == [20, 2])
    let keys = try #require(found.sources[0].keys)
    let orders = Generating.lines(Generating.generator(schema), count: 13_250).filter { $0.hasPrefix("{\"order\"") }
      .map { $0.split(separator: "\"")[7] }
    let counts = Dictionary(grouping: orders.prefix(12_000)) { $0 }.map(\.value.count).sorted(by: >)
    #expect(keys.seenCount == counts.count && keys.hottestShare == Double(counts[0]) / 12_000)
    #expect(found.sources[1].keys?.seenCount == 50)
  }

  @Test func `a forecast agrees with what comes`() throws {
    let schema = try shop()
    let forecast = StreamForecast(try GenerationPlan(schema), startMilliseconds: Generating.start)
    let found = try survey(schema, milliseconds: 24 * Self.hour)
    let expected = forecast.sources[0].meanRate(fromMilliseconds: Generating.start, length: 24 * Self.hour, step: 60_000)
    #expect(abs(expected / found.sources[0].recordsPerSecond - 1) < 0.03)
    // 40 sessions a minute at noon, each as long as a session is (Little).
    let noon = forecast.sources[0].rate(atMilliseconds: Generating.start + 12 * Self.hour)
    #expect(abs(forecast.liveSessions(atEventsPerSecond: noon) - 40.0 / 60 * forecast.sessionMilliseconds / 1000) < 1e-6)
  }
}
