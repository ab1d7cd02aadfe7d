import Base
import Foundation
import Records
import TestSupport
import Testing

@testable import HTTPTransport

/// A request as the webhook saw it.
private struct Seen: Decodable {
  var path: String
  var type: String?
  var body: String
  var answer: String
  var headers: [String: String]
  var most: Int

  var lines: [String] { body.split(separator: "\n").map(String.init) }
}

private func batch(_ range: Range<Int>) -> RecordBatch {
  let batch = RecordBatch()
  for index in range {
    Array("{\"n\":\(index)}".utf8).withUnsafeBufferPointer {
      batch.append(value: $0, key: nil, timestamp: 0, offset: 0, partition: 0)
    }
  }
  return batch
}

private func sink(_ double: TestDouble, _ change: (inout HTTPSinkSettings) -> Void = { _ in }) throws -> HTTPSink {
  var settings = HTTPSinkSettings()
  settings.retries.firstWaitMilliseconds = 2
  // Only sizes and ends cut requests, so that what they hold does not depend on time.
  settings.lingerMilliseconds = 600_000
  change(&settings)
  return HTTPSink(try HTTPAddress("\(double.address)/in?token=s3cret"), settings)
}

struct HTTPSinkTests {
  @Test func `records arrive as lines, in requests of their size, the rest at the end`() throws {
    let double = try TestDouble("webhook", ["200"])
    let sink = try sink(double) {
      $0.headers = HTTPHeaders([("X-Team", "a"), ("Authorization", "Bearer x"), ("Content-Type", "application/x-mine")])
      $0.connectionCount = 1
    }
    try sink.write(batch(0..<1200))
    try sink.finish(timeoutMilliseconds: 30_000)
    let seen = try double.requests(Seen.self)
    #expect(seen.map(\.lines.count) == [500, 500, 200])
    #expect(seen.flatMap(\.lines) == (0..<1200).map { "{\"n\":\($0)}" })
    #expect(seen.allSatisfy { $0.body.hasSuffix("}\n") && $0.path == "/in?token=s3cret" && $0.most == 1 })
    #expect(seen[0].headers["x-team"] == "a")
    #expect(seen[0].headers["authorization"] == "Bearer x")
    #expect(seen[0].type == "application/x-mine")
    #expect(sink.delivery.written == 1200)
    #expect(sink.delivery.delivered == 1200)
    #expect(sink.delivery.inFlight == 0)
    #expect(sink.name == "\(double.address)/in?***")
  }

  @Test func `a request can be an array, or one record`() throws {
    let double = try TestDouble("webhook")
    let arrays = try sink(double) {
      $0.batching = .json
      $0.batchSize = 3
      $0.connectionCount = 1
    }
    try arrays.write(batch(0..<5))
    try arrays.finish(timeoutMilliseconds: 30_000)
    let single = try sink(double) { $0.batchSize = 1 }
    try single.write(batch(5..<6))
    try single.finish(timeoutMilliseconds: 30_000)
    let lines = try sink(double)
    try lines.write(batch(6..<7))
    try lines.finish(timeoutMilliseconds: 30_000)
    let seen = try double.requests(Seen.self)
    #expect(seen.map(\.body) == ["[{\"n\":0},{\"n\":1},{\"n\":2}]", "[{\"n\":3},{\"n\":4}]", "{\"n\":5}", "{\"n\":6}\n"])
    #expect(seen.map(\.type) == ["application/json", "application/json", "application/json", "application/x-ndjson"])
  }

  @Test func `a record does not wait for others longer than it may`() throws {
    let double = try TestDouble("webhook")
    let sink = try sink(double) { $0.lingerMilliseconds = 1 }
    try sink.write(batch(0..<1))
    let hasArrived = try waitUntil(seconds: 30) {
      try sink.poll()
      return sink.delivery.delivered == 1
    }
    #expect(hasArrived)
    try sink.finish(timeoutMilliseconds: 30_000)
  }

  @Test(arguments: ["503", "500", "429", "408", "429/0", "close"])
  func `what can pass is tried again, and nothing is lost`(answer: String) throws {
    let double = try TestDouble("webhook", [answer, answer, "200", answer, "200"])
    let sink = try sink(double) {
      $0.connectionCount = 1
      $0.batchSize = 10
    }
    try sink.write(batch(0..<30))
    try sink.finish(timeoutMilliseconds: 30_000)
    #expect(sink.delivery.delivered == 30)
    #expect(sink.delivery.failed == 0)
    let taken = try double.requests(Seen.self).filter { $0.answer == "200" }
    #expect(taken.flatMap(\.lines) == (0..<30).map { "{\"n\":\($0)}" })
  }

  @Test func `attempts are bounded, and what was not taken has failed`() throws {
    let double = try TestDouble("webhook", ["503:try later", "503", "503", "200"])
    let sink = try sink(double) {
      $0.connectionCount = 1
      $0.batchSize = 10
      $0.retries.attemptLimit = 3
    }
    try sink.write(batch(0..<20))
    try sink.finish(timeoutMilliseconds: 30_000)
    #expect(try double.requests(Seen.self).count == 4)
    #expect(sink.delivery.delivered == 10)
    #expect(sink.delivery.failed == 10)
    #expect(sink.delivery.firstFailure == "\(double.address)/in?***: HTTP 503 (after 3 attempts)")
  }

  @Test(arguments: [
    ("400:no such\n  field 'x'", "HTTP 400: no such field 'x'"), ("404", "HTTP 404"), ("413:too large", "HTTP 413: too large"),
    ("302>http://127.0.0.1:1/x", "HTTP 302 to http://127.0.0.1:1/x; give that address instead"),
  ])
  func `what cannot pass fails at once, with the server's words`(answer: String, reason: String) throws {
    let double = try TestDouble("webhook", [answer, "200"])
    let sink = try sink(double) {
      $0.connectionCount = 1
      $0.batchSize = 10
    }
    try sink.write(batch(0..<30))
    try sink.finish(timeoutMilliseconds: 30_000)
    #expect(try double.requests(Seen.self).count == 3)
    #expect(sink.delivery.written == 30)
    #expect(sink.delivery.delivered == 20)
    #expect(sink.delivery.failed == 10)
    #expect(sink.delivery.firstFailure == "\(double.address)/in?***: \(reason)")
  }

  @Test func `an endpoint that refuses everything ends the stream`() throws {
    let double = try TestDouble("webhook", ["401:who are you"])
    let sink = try sink(double) { $0.batchSize = 1 }
    let failure = #expect(throws: Failure.self) {
      for first in stride(from: 0, to: 100_000, by: 10) { try sink.write(batch(first..<first + 10)) }
    }
    #expect(failure?.code == .unavailable)
    #expect(failure?.message.hasPrefix("\(double.address)/in?***: ") == true)
    #expect(failure?.message.hasSuffix(" requests in a row failed; the first failure: HTTP 401: who are you") == true)
    #expect(sink.delivery.delivered == 0)
  }

  @Test func `a server that is not there is tried again, and then it has failed`() throws {
    var settings = HTTPSinkSettings()
    settings.retries.firstWaitMilliseconds = 1
    settings.retries.attemptLimit = 2
    let sink = HTTPSink(try HTTPAddress("http://127.0.0.1:1/"), settings)
    try sink.write(batch(0..<3))
    try sink.finish(timeoutMilliseconds: 30_000)
    #expect(sink.delivery.failed == 3)
    #expect(sink.delivery.firstFailure == "http://127.0.0.1:1/: connection refused (after 2 attempts)")
  }

  @Test func `the end waits only as long as it may`() throws {
    let double = try TestDouble("webhook", ["hang"])
    let sink = try sink(double) {
      $0.connectionCount = 2
      $0.batchSize = 1
    }
    try sink.write(batch(0..<4))
    try sink.finish(timeoutMilliseconds: 200)
    #expect(sink.delivery.written == 4)
    #expect(sink.delivery.failed == 4)
    #expect(sink.delivery.inFlight == 0)
    #expect(sink.delivery.firstFailure == "\(double.address)/in?***: not answered within 200 ms at the end")
  }

  @Test func `an answer that does not come in time counts as none`() throws {
    let double = try TestDouble("webhook", ["hang", "200"])
    let sink = try sink(double) {
      $0.connectionCount = 1
      $0.timeoutMilliseconds = 2500
    }
    try sink.write(batch(0..<4))
    try sink.finish(timeoutMilliseconds: 30_000)
    #expect(sink.delivery.delivered == 4)
    #expect(try double.requests(Seen.self).count >= 2)
  }

  @Test func `several requests are under way at once, never more than asked for`() throws {
    let double = try TestDouble("webhook", ["slow200"])
    let sink = try sink(double) {
      $0.connectionCount = 3
      $0.batchSize = 1
    }
    try sink.write(batch(0..<40))
    try sink.finish(timeoutMilliseconds: 60_000)
    let seen = try double.requests(Seen.self)
    #expect(sink.delivery.delivered == 40)
    #expect((2...3).contains(seen.map(\.most).max() ?? 0))
    #expect(Set(seen.map(\.body)) == Set((0..<40).map { "{\"n\":\($0)}" }))
  }
}

struct RetryPolicyTests {
  private func answer(_ status: Int, retryAfter: Int64? = nil) -> Result<HTTPResponse, NoResponse> {
    .success(HTTPResponse(status: status, body: Data(), retryAfterMilliseconds: retryAfter, location: nil))
  }

  @Test func `waits double up to a limit and vary by half`() {
    var random = Random(seed: 1, 2, 3)
    let policy = RetryPolicy()
    for attempt in 1...5 {
      for _ in 0..<100 {
        guard case .retry(let wait) = policy.step(after: answer(503), attempt: attempt, random: &random) else {
          Issue.record("attempt \(attempt) is not the last")
          return
        }
        let longest = Int64(100) << Int64(attempt - 1)
        #expect((longest / 2...longest).contains(wait))
      }
    }
    #expect(policy.step(after: answer(503), attempt: 9, random: &random) == .fail)
    #expect(policy.step(after: .failure(NoResponse(reason: "x")), attempt: 9, random: &random) == .fail)
  }

  @Test func `a server's own wait is kept, within a limit`() {
    var random = Random(seed: 1, 2, 3)
    let policy = RetryPolicy()
    #expect(policy.step(after: answer(429, retryAfter: 1500), attempt: 1, random: &random) == .retry(afterMilliseconds: 1500))
    #expect(
      policy.step(after: answer(429, retryAfter: 999_999_999), attempt: 1, random: &random) == .retry(afterMilliseconds: 60_000))
    #expect(policy.step(after: answer(400, retryAfter: 1500), attempt: 1, random: &random) == .fail)
    #expect(policy.step(after: answer(204), attempt: 1, random: &random) == .succeed)
  }

  @Test(
    arguments: [
      ("120", 120_000), ("0", 0), (" 7 ", 7000), ("Tue, 14 Nov 2023 22:13:30 GMT", 10_000), ("Tue, 14 Nov 2023 22:13:00 GMT", 0),
      ("soon", nil), ("", nil), ("-1", nil), ("99999999999999999999", nil),
    ] as [(String, Int64?)])
  func `a wait is seconds or a date`(text: String, milliseconds: Int64?) {
    #expect(RetryPolicy.retryAfter(text, nowMilliseconds: 1_700_000_000_000) == milliseconds)
  }
}
