// What is answered, to the letter: values, statuses, times, defaults, in all lanes.

import Base
import Features
import Testing

@testable import Serving

struct AnswerTests {
  private let plan: ServingPlan
  private let reader = MemoryReader()
  private let clock = ManualClock(ServingFixtures.now)
  private let progress = ServingProgress()

  init() throws {
    plan = try ServingFixtures.plan()
    reader.hashes["fv:activity:u1"] = [
      "views_5m": "3", "spend": "12.50", "last_cat": "a \"b\"", "recent": "[\"x\",\"y\"]",
      "_as_of": "\(ServingFixtures.now - 2000)",
      "_last_event": "1", "_written_at": "2", "_position": "0:17",
    ]
    reader.hashes["fv:totals"] = ["events": "9007199254740993", "_as_of": "\(ServingFixtures.now - 90_000)", "_position": "0:17"]
  }

  private func answer(_ body: String, feast: Bool = true) throws -> String {
    let request = try FeatureRequest(json: Array(body.utf8), plan, rowLimit: 100)
    return try answer(request, feast: feast)
  }

  private func answer(_ request: FeatureRequest, feast: Bool) throws -> String {
    let out = ByteBuffer()
    let lookup = FeatureLookup(plan, reader, progress, clock: clock)
    try lookup.answer([request]) { _, result in
      guard case .success(let rows) = result else { return }
      if feast {
        AnswerText().appendFeast(rows, to: out)
      } else {
        AnswerText().appendRows(rows, ServedTiming(), encodingSince: 0, ManualClock(0), to: out)
      }
    }
    return out.string
  }

  private func log(_ body: String) throws -> [String] {
    let out = ByteBuffer()
    let request = try FeatureRequest(json: Array(body.utf8), plan, rowLimit: 100)
    try FeatureLookup(plan, reader, progress, clock: clock).answer([request]) { _, result in
      if case .success(let rows) = result { AnswerText().appendLog(rows, to: out) }
    }
    return out.string.split(separator: "\n").map(String.init)
  }

  /// Whoever can write into the store can write this.
  @Test(arguments: ["-9223372036854775807", "9223372036854775807", "-8640000000000001", "99999999999999999999"])
  func `a time that no calendar has is none, and the value is stale`(time: String) throws {
    reader.hashes["fv:activity:u1"]!["_as_of"] = time
    let answer = try answer(#"{"feature_service":"ranking","entities":{"user_id":["u1"]}}"#)
    let column = #"{"values":[3],"statuses":["OUTSIDE_MAX_AGE"],"event_timestamps":["1970-01-01T00:00:00Z"]}"#
    #expect(answer.contains(column), "\(answer)")
  }

  @Test func `Feast's answer goes column by column, with defaults for what is not there and the status of what is too old`() throws
  {
    #expect(
      try answer(#"{"feature_service":"ranking","entities":{"user_id":["u1","nobody"]}}"#) == """
        {"metadata":{"feature_names":["user_id","views_5m","spend","events"]},"results":[\
        {"values":["u1","nobody"],"statuses":["PRESENT","PRESENT"],"event_timestamps":["1970-01-01T00:00:00Z","1970-01-01T00:00:00Z"]},\
        {"values":[3,0],"statuses":["PRESENT","NOT_FOUND"],"event_timestamps":["2027-01-15T07:59:58Z","1970-01-01T00:00:00Z"]},\
        {"values":[12.50,null],"statuses":["PRESENT","NOT_FOUND"],"event_timestamps":["2027-01-15T07:59:58Z","1970-01-01T00:00:00Z"]},\
        {"values":[9007199254740993,9007199254740993],"statuses":["OUTSIDE_MAX_AGE","OUTSIDE_MAX_AGE"],\
        "event_timestamps":["2027-01-15T07:58:30Z","2027-01-15T07:58:30Z"]}]}
        """)
    #expect(reader.tripCount == 1)
  }

  @Test func `our own answer goes row by row, and says of each value how old it is`() throws {
    clock.advance(by: 7)
    let request = try FeatureRequest(
      plan.service(named: "ranking"), key: Array("u\n1".utf8), pairs: [], rowLimit: 1)
    reader.hashes["fv:activity:u\n1"] = ["views_5m": "1", "_as_of": "\(ServingFixtures.now)"]
    #expect(
      try answer(request, feast: false) == """
        {"service":"ranking","now":1800000000007,"rows":[{"keys":{"user_id":"u\\n1"},"features":{\
        "activity.views_5m":{"value":1,"status":"PRESENT","as_of":1800000000000,"age_ms":7,"lane":"nrt"},\
        "activity.spend":{"value":null,"status":"NULL_VALUE","as_of":1800000000000,"age_ms":7,"lane":"nrt"},\
        "totals.events":{"value":9007199254740993,"status":"STALE","as_of":1799999910000,"age_ms":90007,"lane":"nrt"}}}],\
        "timing":{"parse_us":0,"queue_us":0,"redis_us":0,"compute_us":0,"encode_us":0}}
        """)
  }

  @Test func `a row that is idle is as current as its partition`() throws {
    let body = #"{"feature_service":"overview"}"#
    let stale = #"{"features":["totals:events"]}"#
    progress.set(plan.topics.map { _ in [ServingFixtures.now - 1000] }, at: ServingFixtures.now)
    #expect(try answer(stale).contains(#""event_timestamps":["2027-01-15T07:59:59Z"]"#))
    #expect(try answer(#"{"feature_service":"ranking","entities":{"user_id":["u1"]}}"#).contains("OUTSIDE_MAX_AGE") == false)
    // What is said of another partition, or of none, says nothing.
    reader.hashes["fv:totals"]?["_position"] = "7:1"
    #expect(try answer(body).contains("07:58:30Z"))
    reader.hashes["fv:totals"]?["_position"] = "no:1"
    #expect(try answer(body).contains("07:58:30Z"))
  }

  @Test func `values have the types of their features, and what has another is invalid`() throws {
    let body =
      #"{"features":["activity:views_5m","activity:spend","activity:last_cat","activity:recent","activity:per_view"],"entities":{"user_id":["u1"]}}"#
    func values(_ fields: [String: String]) throws -> [String] {
      reader.hashes["fv:activity:u1"] = fields
      let text = try answer(body)
      return text.matches(of: #/\{"values":\[(.*?)\],"statuses":\["(\w+)"\]/#).dropFirst().map { "\($0.1) \($0.2)" }
    }
    #expect(
      try values(["views_5m": "-3", "spend": "1e-7", "last_cat": "true", "recent": "[]", "per_view": "0.25", "_as_of": "1"])
        == ["-3 PRESENT", "1e-7 PRESENT", "true PRESENT", "[] PRESENT", "0.25 PRESENT"])
    #expect(
      try values(["views_5m": "3.5", "spend": "NaN", "last_cat": "007", "recent": "[1", "per_view": "", "_as_of": "1"])
        == ["null INVALID", "null INVALID", "\"007\" PRESENT", "null INVALID", "null INVALID"])
    #expect(
      try values(["views_5m": "1}", "spend": "1,2", "last_cat": "{\"a\":1}", "recent": "[]]", "per_view": "0x1", "_as_of": "1"])
        == ["null INVALID", "null INVALID", "{\"a\":1} PRESENT", "null INVALID", "null INVALID"])
    #expect(
      try values(["_as_of": "1"])
        == ["null NULL_VALUE", "null NULL_VALUE", "null NULL_VALUE", "null NULL_VALUE", "null NULL_VALUE"])
    // What an empty window gives: defaults, and what is made of them.
    #expect(try values([:]) == ["0 NOT_FOUND", "null NOT_FOUND", "null NOT_FOUND", "[] NOT_FOUND", "null NOT_FOUND"])
  }

  @Test func `what lies under a row's key and is no row is invalid`() throws {
    reader.foreign = ["fv:activity:u1"]
    #expect(
      try answer(#"{"features":["activity:views_5m"],"entities":{"user_id":["u1"]}}"#)
        .hasSuffix(#"{"values":[null],"statuses":["INVALID"],"event_timestamps":["1970-01-01T00:00:00Z"]}]}"#))
  }

  @Test func `recent events are computed inside the request`() throws {
    let now = ServingFixtures.now
    reader.lists["fv:_events:clicks:user:u1"] = [
      "4 0 \(now - 600_000) {\"event\":\"view\",\"price\":1}",
      "5 0 \(now - 1000) {\"event\":\"view\",\"price\":2,\"category\":\"x\"}",
      "6 0 \(now - 500) {\"event\":\"click\",\"price\":0.5}", "nonsense",
    ]
    let text = try answer(#"{"feature_service":"live","entities":{"user_id":["u1","u2"]},"full_feature_names":true}"#)
    #expect(text.contains(#""feature_names":["user_id","activity__views_5m","activity__spend","activity__last_cat""#))
    #expect(
      text.contains(
        #"{"values":[1,0],"statuses":["PRESENT","NOT_FOUND"],"event_timestamps":["2027-01-15T08:00:00Z","1970-01-01T00:00:00Z"]}"#))
    #expect(text.contains(#"{"values":[3.5,null],"#))
    #expect(text.contains(#"{"values":["x",null],"#))
  }

  @Test func `batch values are of the run that was read`() throws {
    reader.run = OnlineRun(run: 77, asOf: ServingFixtures.now - 86_400_000)
    reader.hashes["fv:activity@batch:a:u1"] = ["spend": "8", "_as_of": "\(ServingFixtures.now - 86_400_000)"]
    let request = try FeatureRequest(plan.service(named: "nightly"), key: Array("u1".utf8), pairs: [], rowLimit: 1)
    #expect(
      try answer(request, feast: false).contains(
        #""activity@batch.spend":{"value":8,"status":"PRESENT","as_of":1799913600000,"age_ms":86400000,"lane":"batch","run":77}"#))
    reader.run = OnlineRun(run: 77, asOf: ServingFixtures.now - 3 * 86_400_000)
    reader.hashes["fv:activity@batch:a:u1"]?["_as_of"] = "\(ServingFixtures.now - 3 * 86_400_000)"
    #expect(try answer(request, feast: false).contains(#""status":"STALE""#))
  }

  @Test func `views of requests are computed of inputs and of other values`() throws {
    let text = try answer(
      #"{"feature_service":"checkout","entities":{"user_id":["u1","u2"],"amount":[25,1],"at":["2026-01-01T05:00:00Z",null]}}"#)
    #expect(text.contains(#""feature_names":["user_id","ratio","hour","last_cat"]"#))
    #expect(text.contains(#"{"values":[2.0,null],"statuses":["PRESENT","NULL_VALUE"]"#))
    #expect(text.contains(#"{"values":[5,null],"statuses":["PRESENT","NULL_VALUE"]"#))
  }

  @Test func `requests that wait together share a round trip`() throws {
    let bodies = [
      #"{"feature_service":"ranking","entities":{"user_id":["u1"]}}"#, #"{"feature_service":"overview"}"#,
      #"{"feature_service":"live","entities":{"user_id":["u1"]}}"#,
    ]
    let requests = try bodies.map { try FeatureRequest(json: Array($0.utf8), plan, rowLimit: 10) }
    let lookup = FeatureLookup(plan, reader, progress, clock: clock)
    var together: [String] = []
    try lookup.answer(requests) { _, result in
      guard case .success(let rows) = result else { return }
      let out = ByteBuffer()
      AnswerText().appendFeast(rows, to: out)
      together.append(out.string)
    }
    #expect(reader.tripCount == 1)
    #expect(together == (try bodies.map { try answer($0) }))
  }

  @Test func `what was served is noted value by value, with the row's own time and position`() throws {
    progress.set(plan.topics.map { _ in [ServingFixtures.now] }, at: ServingFixtures.now)
    let lines = try log(#"{"features":["activity:views_5m","totals:events"],"entities":{"user_id":["u1"]}}"#)
    #expect(
      lines == [
        #"{"time":1800000000000,"service":"","view":"activity","lane":"nrt","key":"u1","feature":"views_5m","value":3,"status":"PRESENT","as_of":1799999998000,"position":"0:17","run":null}"#,
        #"{"time":1800000000000,"service":"","view":"totals","lane":"nrt","key":null,"feature":"events","value":9007199254740993,"status":"PRESENT","as_of":1799999910000,"position":"0:17","run":null}"#,
      ])
  }

  @Test func `no entities are no rows`() throws {
    #expect(
      try answer(#"{"feature_service":"ranking","entities":{"user_id":[]}}"#).hasPrefix(
        #"{"metadata":{"feature_names":["user_id","views_5m","spend","events"]},"results":[{"values":[],"statuses":[],"event_timestamps":[]}"#
      ))
  }
}
