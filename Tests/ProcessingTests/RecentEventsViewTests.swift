// Values inside a request equal those of the stream at the same stream time: all aggregates and windows, after every record of random streams.

import Base
import Features
import Foundation
import Records
import Testing

@testable import Processing

@Suite struct RecentEventsViewTests {
  static let seeds: [UInt64] = Array(1...(ProcessInfo.processInfo.environment["FRESHET_DEEP"] == nil ? 3 : 200))

  @Test(arguments: seeds) func `after every record a request gets what the stream shows`(seed: UInt64) throws {
    let pipeline = try RecentEventsHarness.everything()
    let rehearsal = try Rehearsal(pipeline, source: 0, keepsRecentEvents: true)
    let lists = try #require(rehearsal.recentEvents)
    let view = try RecentEventsView(pipeline, source: 0, entity: 0)
    var compared = 0
    for (index, record) in RecentEventsHarness.stream(seed: seed, count: 60).enumerated() {
      try rehearsal.give(record)
      try rehearsal.emit()
      let now = try #require(rehearsal.streamTime)
      var answers: [String: (rows: [MemoryRowStore.Row], reading: RecentEventsView.Reading)] = [:]
      for row in rehearsal.rows.rows {
        let key = try #require(row.key)
        let elements = lists.elements[view.key(prefix: "fv", entityKey: key)] ?? []
        let found = try answers[key] ?? view.rows(elements, key: key, at: now, pipeline)
        answers[key] = found
        let same = try #require(found.rows.first { $0.view == row.view })
        let names = pipeline.views[row.view].features.map(\.name)
        for (name, (expected, value)) in zip(names, zip(row.values, same.values)) {
          #expect(expected == value, "seed \(seed), record \(index), \(pipeline.views[row.view].name).\(name) of \(key)")
        }
        #expect(same.key == key && found.reading.malformedCount == 0 && found.reading.asOf == now)
        compared += 1
      }
    }
    #expect(compared > 300)
  }

  @Test(arguments: seeds) func `time that moves on without events moves values in both lanes`(seed: UInt64) throws {
    let pipeline = try RecentEventsHarness.everything()
    let records = RecentEventsHarness.stream(seed: seed, count: 40)
    for step in [1, 2500, 7000] as [Int64] {
      let rehearsal = try Rehearsal(pipeline, source: 0, keepsRecentEvents: true)
      for record in records { try rehearsal.give(record) }
      try rehearsal.emit()
      let now = try #require(rehearsal.streamTime) + step
      try rehearsal.advance(streamTimeTo: now)
      try rehearsal.emit()
      let view = try RecentEventsView(pipeline, source: 0, entity: 0)
      for row in rehearsal.rows.rows {
        let elements = rehearsal.recentEvents!.elements[view.key(prefix: "fv", entityKey: row.key)] ?? []
        let found = try view.rows(elements, key: row.key, at: now, pipeline).rows.first { $0.view == row.view }
        #expect(found?.values == row.values, "seed \(seed), step \(step), \(pipeline.views[row.view].name) of \(row.key ?? "")")
      }
    }
  }

  private static let small = """
    kind: pipeline
    name: p
    sources:
      s: { event_time: { field: ts, format: epoch_ms }, watermark: { lateness: 1s } }
    entities:
      user: { key: user, ttl: 1h }
    views:
      v:
        entity: user
        source: s
        lanes: [rt]
        rt: { max_events: 4 }
        features:
          n: { agg: count, window: { sliding: 10s, hop: 1s } }
          total: { agg: sum, field: a.x, window: { sliding: 10s, hop: 1s }, default: 0 }
          last: { agg: last, field: a.x, window: { sliding: 10s, hop: 1s } }
      w:
        entity: user
        source: s
        lanes: [rt]
        rt: { max_events: 2 }
        features:
          n: { agg: count, window: { sliding: 3s, hop: 1s } }
      other:
        entity: all
        source: s
        lanes: [rt]
        features:
          n: { agg: count }
    """

  private func values(_ found: (rows: [MemoryRowStore.Row], reading: RecentEventsView.Reading)) -> [String] {
    found.rows.map { $0.values.map(\.text).joined(separator: " ") }
  }

  @Test func `copies and elements out of order change nothing`() throws {
    let pipeline = try RecentEventsHarness.read(Self.small)
    let view = try RecentEventsView(pipeline, source: 0, entity: 0)
    let elements = [
      #"3 0 10000 {"a":{"x":1}}"#, #"7 0 11000 {"a":{"x":2.5}}"#, #"8 0 11000 {"a":{"x":4}}"#, #"9 0 10500 {}"#,
    ]
    let expected = try view.rows(elements, key: "u", at: 12_000, pipeline)
    #expect(values(expected) == ["4 7.5 4", "4"])
    #expect(expected.reading.eventCount == 4 && expected.reading.oldest == 10_000 && expected.reading.lastEvent == 11_000)
    #expect(expected.rows.allSatisfy { $0.asOf == 12_000 && $0.key == "u" })
    for order in [[3, 2, 1, 0], [0, 0, 1, 2, 2, 3, 3, 0], [1, 0, 3, 2], [2, 1, 0, 3, 1]] {
      let found = try view.rows(order.map { elements[$0] }, key: "u", at: 12_000, pipeline)
      #expect(values(found) == values(expected), "\(order)")
      #expect(found.reading.duplicateCount == order.count - 4 && found.reading.eventCount == 4)
    }
  }

  @Test func `offsets of two partitions and of two inputs do not know each other`() throws {
    let pipeline = try RecentEventsHarness.read(Self.small)
    let view = try RecentEventsView(pipeline, source: 0, entity: 0)
    let elements = [
      #"90 0 10000 {"a":{"x":1}}"#, #"3 1 11000 {"a":{"x":2}}"#, #"3 0@1f 11000 {"a":{"x":3}}"#, #"91 0 10001 {"a":{"x":4}}"#,
      #"3 1 11000 {"a":{"x":2}}"#,
    ]
    let found = try view.rows(elements, key: "u", at: 0, pipeline)
    #expect(values(found) == ["4 10 3", "4"])
    #expect(found.reading.duplicateCount == 1 && found.reading.asOf == 11_000)
  }

  @Test func `without events rows are those of empty windows`() throws {
    let pipeline = try RecentEventsHarness.read(Self.small)
    let view = try RecentEventsView(pipeline, source: 0, entity: 0)
    let found = try view.rows([], key: "u", at: 5000, pipeline)
    #expect(values(found) == ["null 0 null", "null"])
    #expect(found.reading.eventCount == 0 && found.reading.lastEvent == nil && found.reading.asOf == 5000)
    let gone = try view.rows([#"3 0 10000 {"a":{"x":1}}"#], key: "u", at: 50_000, pipeline)
    #expect(values(gone) == ["0 0 null", "0"], "as in the stream, where a key's last row says so")
    let all = try RecentEventsView(pipeline, source: 0, entity: nil)
    #expect(
      all.key(prefix: "x", entityKey: nil) == "x:_events:s:all" && view.key(prefix: "x", entityKey: "1:2") == "x:_events:s:user:1:2"
    )
    let everyone = try all.rows(["0 0 1 {}", "1 0 2 {}"], key: nil, at: 3, pipeline)
    #expect(everyone.rows.map(\.key) == [nil] && values(everyone) == ["2"])
  }

  @Test func `what is no element is counted and passed over`() throws {
    let pipeline = try RecentEventsHarness.read(Self.small)
    let view = try RecentEventsView(pipeline, source: 0, entity: 0)
    let broken = [
      "", " ", "1", "1 0", "1 0 5", "x 0 5 {}", "1 x 5 {}", "1 0 x {}", "1  5 {}", "1 0 5{}", "2 0 5 ", "3 0 5 {", "4 0 5 []",
      "99999999999999999999 0 5 {}", "1 0 99999999999999999 {}", "-1 -1 5 {}", "5 0 5 {\"a\":1e999}", "\u{0}\u{0}",
    ]
    let found = try view.rows(broken + [#"9 0 10000 {"a":{"x":1}}"#], key: "u", at: 0, pipeline)
    #expect(values(found) == ["1 1 1", "1"] && found.reading.malformedCount == broken.count)
    var random = Random(state: 9)
    for _ in 0..<2000 {
      var bytes = Array(#"12 0@ab 10000 {"a":{"x":1.5}}"#.utf8)
      for _ in 0...Int(random.integer(in: 0...3)) {
        let place = Int(random.integer(in: 0...Int64(bytes.count - 1)))
        if random.integer(in: 0...2) == 0 {
          bytes.removeLast(bytes.count - max(place, 1))
        } else {
          bytes[place] = UInt8(random.integer(in: 0...255))
        }
      }
      view.begin()
      bytes.withUnsafeBufferPointer { view.add($0) }
      let reading = try view.compute(key: nil, at: 0, into: FeatureRowBatch())
      #expect(reading.eventCount + reading.malformedCount == 1)
    }
  }

  @Test func `a full list whose first event is inside a window says so, view by view`() throws {
    let pipeline = try RecentEventsHarness.read(Self.small)
    let view = try RecentEventsView(pipeline, source: 0, entity: 0)
    func truncated(_ times: [Int64], at now: Int64) throws -> [Bool] {
      let elements = times.enumerated().map { "\($0.offset) 0 \($0.element) {}" }
      let reading = try view.rows(elements, key: "u", at: now, pipeline).reading
      return view.views.indices.map(reading.isTruncated)
    }
    #expect(view.list.eventCountMax == 4 && view.list.reachMilliseconds == 11_000 && view.list.expiryMilliseconds == 12_000)
    #expect(try truncated([10_000, 10_001, 10_002], at: 10_002) == [false, false], "the list has room")
    #expect(try truncated([10_000, 10_001, 10_002, 10_003], at: 10_003) == [true, true])
    #expect(try truncated([10_000, 10_001, 10_002, 10_003], at: 16_000) == [true, false], "the shorter window has passed it")
    #expect(try truncated([10_000, 10_001, 10_002, 10_003], at: 22_001) == [false, false])
  }

  @Test func `a view without the lane has no lists`() throws {
    let pipeline = pipeline([view("v", .change, [feature("n", .count, window: .unbounded)])])
    #expect {
      try RecentEventsView(pipeline, source: 0, entity: 0)
    } throws: {
      "\($0)" == "no view of entity 'key' over source 'events' of pipeline 'test' has the lane 'rt'"
    }
  }
}
