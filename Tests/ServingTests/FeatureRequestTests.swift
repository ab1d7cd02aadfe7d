// What requests ask for: keys, inputs and columns, and what is said where they are wrong.

import Base
import Features
import Testing

@testable import Serving

struct FeatureRequestTests {
  private let plan: ServingPlan

  init() throws { plan = try ServingFixtures.plan() }

  private func read(_ text: String, rowLimit: Int = 3) throws(RequestFault) -> FeatureRequest {
    try FeatureRequest(json: Array(text.utf8), plan, rowLimit: rowLimit)
  }

  @Test func `keys are texts, whatever they were written as, and come back as they came`() throws {
    let request = try read(#"{"feature_service":"ranking","entities":{"user_id":["u\u0031:x", 42, -7]}}"#)
    #expect(request.keys == [KeyList(["u1:x", "42", "-7"])])
    #expect(request.echoes[0].values == KeyList([#""u\u0031:x""#, "42", "-7"]))
    #expect(request.rowCount == 3)
  }

  @Test func `members come in any order, the entity's name stands for its key, and what is not known is passed over`() throws {
    let request = try read(#"{"x":[{"y":1}],"entities":{"user":["u1"]},"full_feature_names":true,"feature_service":"ranking"}"#)
    #expect(request.keys == [KeyList(["u1"])])
    #expect(request.usesFullNames)
  }

  @Test func `inputs stand among the entities or in a context of their own`() throws {
    let request = try read(
      #"{"feature_service":"checkout","entities":{"user_id":["a","b"],"amount":[1,2.5]},"request_context":{"at":[0,"2026-01-01T00:00:00Z"]}}"#
    )
    #expect(request.inputs["amount"] == [.integer(1), .double(2.5)])
    #expect(request.inputs["at"] == [.integer(0), .string("2026-01-01T00:00:00Z")])
  }

  @Test func `a service without entities has one row`() throws {
    #expect(try read(#"{"feature_service":"overview","entities":{}}"#).rowCount == 1)
    #expect(try read(#"{"features":["totals:events"]}"#).rowCount == 1)
  }

  @Test(arguments: [
    ("[]", 400, "not valid JSON at byte 0: expected an object"),
    ("{}", 422, "expected 'features' or 'feature_service'"),
    (#"{"features":["activity:spend"],"feature_service":"ranking"}"#, 422, "expected 'features' or 'feature_service', found both"),
    (#"{"feature_service":"no"}"#, 404, "there is no service 'no'; there is checkout, live, nightly, overview, pairs, ranking"),
    (#"{"feature_service":3}"#, 422, "'feature_service': expected a string"),
    (#"{"features":"activity:spend"}"#, 422, "'features': expected a list of strings"),
    (#"{"features":[1]}"#, 422, "'features': expected a string"),
    (#"{"features":[]}"#, 422, "'features' is empty"),
    (#"{"features":["spend"]}"#, 422, "expected view:feature, found 'spend'"),
    (#"{"features":["no:spend"]}"#, 404, "there is no view 'no'"),
    (#"{"features":["activity:no"]}"#, 404, "view 'activity' has no feature 'no'"),
    (#"{"features":["windows:n"]}"#, 422, "view 'windows' has windows that close, and no current value to serve"),
    (#"{"features":["activity:spend","activity.spend"]}"#, 422, "feature 'activity.spend' is listed twice"),
    (#"{"feature_service":"ranking","entities":[]}"#, 422, "'entities': expected an object of lists"),
    (#"{"feature_service":"ranking","entities":{}}"#, 422, "the keys of 'user_id' are missing"),
    (#"{"feature_service":"ranking","entities":{"user_id":"u1"}}"#, 422, "'user_id': expected a list"),
    (#"{"feature_service":"ranking","entities":{"user_id":[null]}}"#, 422, "'user_id': expected strings or integers"),
    (
      #"{"feature_service":"ranking","entities":{"user_id":[1.5]}}"#, 422, "'user_id': expected strings or integers, found a number"
    ),
    (#"{"feature_service":"ranking","entities":{"user_id":[["a"]]}}"#, 422, "'user_id': expected strings or integers"),
    (#"{"feature_service":"ranking","entities":{"usr":["a"]}}"#, 422, "there is no key or input 'usr'; there is user_id"),
    (#"{"feature_service":"ranking","entities":{"user_id":["a"],"user":["a"]}}"#, 422, "'user' is there twice"),
    (
      #"{"feature_service":"ranking","entities":{"user_id":["a","b","c","d"]}}"#, 422,
      "'user_id' has more than 3 values, as many as a request may have"
    ),
    (
      #"{"feature_service":"pairs","entities":{"user_id":["a"],"product_id":["p","q"]}}"#, 422,
      "'product_id' has 2 values, and other columns have 1"
    ),
    (
      #"{"feature_service":"pairs","entities":{"user_id":["a"],"product_id":["p"]}}"#, 422,
      "two views have a feature 'views_5m'; ask with \"full_feature_names\": true"
    ),
    (
      #"{"feature_service":"checkout","entities":{"user_id":["a"],"amount":[1]}}"#, 422,
      "input 'at' is missing: expected a time (epoch milliseconds, or RFC 3339 text), or null where it is not known"
    ),
    (
      #"{"feature_service":"checkout","entities":{"user_id":["a"],"amount":["1"],"at":[0]}}"#, 422,
      "input 'amount': expected a number, found \"1\""
    ),
    (
      #"{"feature_service":"checkout","entities":{"user_id":["a"],"amount":[1],"at":["soon"]}}"#, 422,
      "input 'at': expected a time (epoch milliseconds, or RFC 3339 text), found \"soon\""
    ),
    (
      #"{"feature_service":"checkout","entities":{"user_id":["a"],"amount":[1e999],"at":[0]}}"#, 422,
      "'amount': 1e999 is out of range"
    ),
    (#"{"full_feature_names":1}"#, 422, "'full_feature_names': expected true or false"),
    (#"{"features":null,"features":null}"#, 422, "'features' is there twice"),
  ])
  func `what is wrong is said`(text: String, status: Int, detail: String) {
    let fault = #expect(throws: RequestFault.self) { try read(text) }
    #expect(fault == RequestFault(status, detail))
  }

  @Test func `a body that is no UTF-8 is refused`() {
    let fault = #expect(throws: RequestFault.self) { try FeatureRequest(json: [0x22, 0xff, 0x22], plan, rowLimit: 1) }
    #expect(fault == RequestFault(400, "the body is not UTF-8"))
  }

  @Test func `features that a request lists are a service that is remembered`() throws {
    let body = #"{"features":["activity:spend","activity@rt:views_5m","totals:events"],"entities":{"user_id":["a"]}}"#
    let first = try read(body)
    let second = try read(body)
    #expect(first.service === second.service)
    #expect(first.service.columns.map(\.reference) == ["activity.spend", "activity@rt.views_5m", "totals.events"])
  }

  private func path(_ service: String, _ key: String?, _ pairs: [(String, String)]) throws(RequestFault) -> FeatureRequest {
    try FeatureRequest(
      plan.service(named: service), key: key.map { Array($0.utf8) }, pairs: pairs.map { (Array($0.0.utf8), Array($0.1.utf8)) },
      rowLimit: 3)
  }

  @Test func `a path and its query name keys and inputs`() throws {
    let request = try path("checkout", "u1", [("key", "u2"), ("amount", "9.5"), ("at", "2026-01-01T00:00:00Z")])
    #expect(request.keys == [KeyList(["u1", "u2"])])
    #expect(request.inputs["amount"] == [.double(9.5), .double(9.5)])
    let pair = try path("pairs", "u1", [("user_id", "u2"), ("product_id", "p")])
    #expect(pair.keys == [KeyList(["u1", "u2"]), KeyList(["p", "p"])])
  }

  @Test func `what is wrong with a path and its query is said`() {
    func detail(_ body: () throws(RequestFault) -> FeatureRequest) -> String? {
      do throws(RequestFault) {
        _ = try body()
        return nil
      } catch { return error.detail }
    }
    #expect(
      detail { () throws(RequestFault) in try path("overview", "u", []) } == "service 'overview' has no entity, and takes no key")
    #expect(detail { () throws(RequestFault) in try path("ranking", nil, []) } == "the keys of 'user_id' are missing")
    #expect(
      detail { () throws(RequestFault) in try path("ranking", "u", [("x", "1")]) }
        == "there is no key or input 'x'; there is user_id")
    #expect(
      detail { () throws(RequestFault) in try path("checkout", "u", [("amount", "much"), ("at", "0")]) }
        == "input 'amount': expected a number, found 'much'")
    #expect(
      detail { () throws(RequestFault) in try path("ranking", "a", [("key", "b"), ("key", "c"), ("key", "d")]) }
        == "'user_id' has 4 values; a request may have 3")
  }
}
