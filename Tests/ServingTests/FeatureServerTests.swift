// The server as clients see it: over a real Redis, by raw connections.

import Base
import Features
import Foundation
import HTTPServer
import Monitoring
import Synchronization
import TestSupport
import Testing

@testable import RedisStore
@testable import Serving

/// A server over a Redis of its own.
private final class Fixture {
  let redis: TestRedis
  let server: FeatureServer
  let served = Mutex("")

  init(_ change: (inout ServingSettings) -> Void = { _ in }) throws {
    let redis = try TestRedis()
    self.redis = redis
    var settings = ServingSettings()
    change(&settings)
    var timeouts = RedisTimeouts()
    timeouts.commandMilliseconds = 1000
    server = try FeatureServer(ServingFixtures.plan(), ListenAddress(port: 0), settings: settings) {
      RedisOnlineReader(try RedisConnection(redis.address, timeouts: timeouts), prefix: redis.prefix, pipeline: "shop")
    }
  }

  deinit { server.stop(graceMilliseconds: 100) }

  var port: Int { server.address.port }

  func tell(_ arguments: String...) throws {
    let connection = try redis.connection()
    let buffer = ByteBuffer()
    RESP.append(arguments, to: buffer)
    try connection.send(buffer.bytes)
    _ = try connection.checkedReply("telling")
  }

  func get(_ path: String, headers: String = "") -> RawResponse? { send("GET \(path) HTTP/1.1\r\nHost: x\r\n\(headers)\r\n") }

  func post(_ body: String, path: String = "/get-online-features") -> RawResponse? {
    send("POST \(path) HTTP/1.1\r\nHost: x\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)")
  }

  func send(_ text: String) -> RawResponse? {
    guard let connection = try? RawConnection(port: port) else { return nil }
    connection.send(text)
    var response: RawResponse?
    _ = connection.read { connection in
      var bytes = connection.received
      response = RawResponse.take(from: &bytes)
      return response != nil
    }
    return response
  }
}

@Suite(.enabled(if: !TestRedis.isExternal)) struct FeatureServerTests {
  private static let body = #"{"feature_service":"ranking","entities":{"user_id":["u1"]}}"#

  private func filled(_ change: (inout ServingSettings) -> Void = { _ in }) throws -> Fixture {
    let fixture = try Fixture(change)
    let now = "\(SystemClock().nowMilliseconds)"
    try fixture.tell("HSET", "\(fixture.redis.prefix):activity:u1", "views_5m", "3", "spend", "1.5", "_as_of", now)
    try fixture.tell("HSET", "\(fixture.redis.prefix):totals", "events", "9", "_as_of", now)
    return fixture
  }

  @Test func `features are answered both ways, and the server says how it is`() throws {
    let fixture = try filled()
    let answer = try #require(fixture.post(Self.body))
    #expect(answer.status == 200)
    #expect(answer.headers["content-type"] == "application/json")
    #expect(answer.body.contains(#""results":[{"values":["u1"],"#))
    #expect(answer.body.contains(#"{"values":[3],"statuses":["PRESENT"],"#))
    let own = try #require(fixture.get("/features/ranking/u1"))
    #expect(own.body.contains(#""activity.spend":{"value":1.5,"status":"PRESENT","#))
    let several = try #require(fixture.get("/features/ranking?key=u1&key=u2"))
    #expect(several.body.matches(of: #/"keys":/#).count == 2)
    #expect(fixture.get("/healthz")?.body == "live\n")
    #expect(fixture.get("/livez")?.status == 200)
    #expect(fixture.get("/readyz")?.body == "ready: 6 services\n")
    for path in ["/services", "/openapi.json"] {
      let document = try #require(fixture.get(path))
      #expect((try? JSONSerialization.jsonObject(with: Data(document.body.utf8))) != nil, "\(path): \(document.body)")
    }
    let metrics = MetricsCheck(try #require(fixture.get("/metrics")).body)
    #expect(metrics.problems.isEmpty, "\(metrics.problems)")
    #expect(metrics.samples["freshet_serve_requests_total{endpoint=\"features\",code=\"200\"}"] == 2)
    #expect(metrics.samples["freshet_serve_rows_total"] == 4)
    #expect(metrics.samples["freshet_serve_request_seconds_count"] == 3)
    #expect(metrics.samples["freshet_serve_phase_seconds_count{phase=\"redis\"}"] == 3)
    let status = try #require(fixture.get("/status.json"))
    let document = try MonitoringJSON.decode(StatusDocument.self, from: Data(status.body.utf8))
    let serve = try #require(document.serve)
    #expect(document.pipeline == "shop")
    #expect(document.obstacles.isEmpty)
    #expect(document.batch?.runs == nil)
    #expect(serve.requests == ["200": 3])
    #expect(serve.rows == 4)
    #expect(serve.latency.count == 3)
    #expect(serve.phases.map(\.duration.count) == [3, 3, 3, 3, 3])
    let activity = try #require(serve.views.first { $0.name == "activity" })
    #expect(activity.statuses == ["PRESENT": 3, "NOT_FOUND": 1])
    #expect(activity.staleness.count == 3)
  }

  @Test(arguments: [
    ("GET /features/no/u1 HTTP/1.1\r\nHost: x\r\n\r\n", 404, "there is no service 'no'; there is "),
    ("GET /features/ranking HTTP/1.1\r\nHost: x\r\n\r\n", 422, "the keys of 'user_id' are missing"),
    ("GET /features/ranking/ HTTP/1.1\r\nHost: x\r\n\r\n", 404, "there is nothing at this path"),
    ("GET /features/ranking/a/b HTTP/1.1\r\nHost: x\r\n\r\n", 404, "there is nothing at this path"),
    ("GET /features/ranking/%zz HTTP/1.1\r\nHost: x\r\n\r\n", 400, "a percent sign of the path"),
    ("GET /features/ranking?key=%f HTTP/1.1\r\nHost: x\r\n\r\n", 400, "a percent sign of the query"),
    ("GET /features/../metrics HTTP/1.1\r\nHost: x\r\n\r\n", 404, "there is no service '..'"),
    ("GET /features/%2e%2e/x HTTP/1.1\r\nHost: x\r\n\r\n", 404, "there is no service '..'"),
    ("GET /get-online-features HTTP/1.1\r\nHost: x\r\n\r\n", 405, "this path takes POST"),
    ("POST /get-online-features HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n{", 400, "not valid JSON: it ends"),
    ("POST /get-online-features HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", 400, "not valid JSON: it ends"),
    ("POST /get-online-features HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n", 413, "a body has at most "),
  ])
  func `bad requests are told so`(request: String, status: Int, text: String) throws {
    let fixture = try Fixture()
    let response = try #require(fixture.send(request))
    #expect(response.status == status)
    #expect(response.body.contains(text), "\(response.body)")
    #expect(fixture.get("/readyz")?.status == 200)
  }

  @Test func `a key may be any bytes, and reaches rows alone`() throws {
    let fixture = try filled()
    let prefix = fixture.redis.prefix
    try fixture.tell("HSET", "\(prefix):_freshet:fence:{shop:clicks.clicks:0}", "views_5m", "666", "watermark", "1")
    try fixture.tell("HSET", "\(prefix):activity:a/b\r\nFLUSHALL\r\n\0:é", "views_5m", "7")
    try fixture.tell("HSET", "\(prefix):activity:", "views_5m", "8")
    func value(_ key: String) -> String? {
      let text = fixture.get("/features/ranking?key=\(key)")?.body ?? ""
      return text.firstMatch(of: #/"activity.views_5m":{"value":(\w+),"status":"(\w+)"/#).map { "\($0.1) \($0.2)" }
    }
    #expect(value("a%2Fb%0D%0AFLUSHALL%0D%0A%00%3A%C3%A9") == "7 STALE")
    #expect(fixture.get("/features/ranking/a%2Fb%0D%0AFLUSHALL%0D%0A%00:%C3%A9")?.body.contains(#""value":7"#) == true)
    #expect(value("") == "8 STALE")
    #expect(value("%FF%FE") == "0 NOT_FOUND")
    for key in ["../_freshet:fence:{shop:clicks.clicks:0}", "_freshet:fence:{shop:clicks.clicks:0}", ":_freshet", "*", "u1*"] {
      let encoded = key.addingPercentEncoding(withAllowedCharacters: .alphanumerics)!
      #expect(value(encoded) == "0 NOT_FOUND", "\(key)")
    }
    let text = #"{"features":["activity:views_5m"],"entities":{"user_id":["\u0000\r\n","a\u2028"]}}"#
    #expect(fixture.post(text)?.status == 200)
    #expect(try fixture.redis.reader.hash("\(prefix):activity:u1")["views_5m"] == "3")
  }

  @Test func `as many entities as may be are answered, and one more is refused`() throws {
    let fixture = try Fixture { $0.entityCountMax = 500 }
    func body(_ count: Int) -> String {
      #"{"feature_service":"ranking","entities":{"user_id":[\#((0..<count).map { "\"u\($0)\"" }.joined(separator: ","))]}}"#
    }
    #expect(fixture.post(body(500))?.status == 200)
    let refused = try #require(fixture.post(body(501)))
    #expect(refused.status == 422)
    #expect(refused.body == #"{"detail":"'user_id' has more than 500 values, as many as a request may have"}"#)
  }

  @Test func `who brings no token, or a wrong one, learns only whether the server is well`() throws {
    let fixture = try filled { $0.token = Array("s3cret".utf8) }
    for header in [
      "", "Authorization: Bearer\r\n", "Authorization: Bearer s3cre\r\n", "Authorization: Bearer s3crett\r\n",
      "Authorization: Basic s3cret\r\n", "Authorization: Bearer s3creT\r\n",
    ] {
      let refused = try #require(fixture.get("/features/ranking/u1", headers: header))
      #expect(refused.status == 401)
      #expect(refused.headers["www-authenticate"] == "Bearer")
      #expect(refused.body == #"{"detail":"this server wants a token: Authorization: Bearer ..."}"#)
      #expect(fixture.get("/metrics", headers: header)?.status == 401)
      #expect(fixture.get("/services", headers: header)?.status == 401)
      #expect(fixture.get("/nothing", headers: header)?.status == 401)
      #expect(fixture.get("/readyz", headers: header)?.status == 200)
    }
    #expect(fixture.get("/features/ranking/u1", headers: "Authorization: Bearer s3cret\r\n")?.status == 200)
    #expect(fixture.get("/metrics", headers: "authorization: bearer s3cret\r\n")?.status == 200)
  }

  @Test func `an answer that takes too long is 504, and the next one comes`() throws {
    let fixture = try filled()
    let server = try #require(fixture.redis.server)
    server.send(signal: SIGSTOP)
    let late = try #require(fixture.get("/features/ranking/u1"))
    server.send(signal: SIGCONT)
    #expect(late.status == 504)
    #expect(late.body == #"{"detail":"the answer took too long"}"#)
    #expect(waitUntil { fixture.get("/features/ranking/u1")?.status == 200 })
  }

  @Test func `while Redis is away requests are refused at once, and it is found again`() throws {
    let fixture = try filled()
    let server = try #require(fixture.redis.server)
    #expect(fixture.get("/features/ranking/u1")?.status == 200)
    server.kill()
    let refused = try #require(fixture.get("/features/ranking/u1"))
    #expect(refused.status == 503)
    #expect(refused.headers["retry-after"] == "1")
    #expect(refused.body == #"{"detail":"the feature store cannot be reached; try again"}"#)
    #expect(waitUntil { fixture.get("/readyz")?.status == 503 })
    #expect(fixture.get("/healthz")?.status == 200)
    #expect(MetricsCheck(fixture.get("/metrics")?.body ?? "").samples["freshet_serve_ready"] == 0)
    try server.start()
    // Nobody has to ask for features.
    #expect(waitUntil { fixture.get("/readyz")?.status == 200 })
    #expect(fixture.get("/features/ranking/u1")?.status == 200)
  }

  @Test func `that Redis is away is noticed without anybody who asks`() throws {
    let fixture = try filled()
    try #require(fixture.redis.server).kill()
    #expect(waitUntil { fixture.get("/readyz")?.status == 503 })
    #expect(fixture.get("/readyz")?.body.hasPrefix("the feature store does not answer: ") == true)
  }

  @Test func `more requests than may wait are refused, and slow clients hold nobody up`() throws {
    let fixture = try filled { $0.queueCountMax = 1 }
    let slow = try (0..<20).map { _ in try RawConnection(port: fixture.port) }
    for client in slow { client.send("POST /get-online-features HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n{") }
    #expect(fixture.get("/features/ranking/u1")?.status == 200)
    let server = try #require(fixture.redis.server)
    server.send(signal: SIGSTOP)
    let clients = try (0..<8).map { _ in try RawConnection(port: fixture.port) }
    for client in clients { client.send("GET /features/ranking/u1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n") }
    let statuses = clients.map { Int($0.readToEnd().split(separator: " ")[1]) }
    server.send(signal: SIGCONT)
    #expect(statuses.contains(503), "\(statuses)")
    #expect(statuses.contains(504), "\(statuses)")
    #expect(Set(statuses).isSubset(of: [503, 504]), "\(statuses)")
  }

  @Test func `requests of many connections at once are all answered`() throws {
    let fixture = try filled { $0.threadCount = 2 }
    let clients = try (0..<40).map { _ in try RawConnection(port: fixture.port) }
    let request = "POST /get-online-features HTTP/1.1\r\nHost: x\r\nContent-Length: \(Self.body.utf8.count)\r\n\r\n\(Self.body)"
    for client in clients { client.send(String(repeating: request, count: 10)) }
    for client in clients {
      var count = 0
      var rest = Data()
      var taken = 0
      let isDone = client.read { client in
        rest.append(client.received.dropFirst(taken))
        taken = client.received.count
        while let response = RawResponse.take(from: &rest) { count += response.status == 200 ? 1 : 0 }
        return count == 10
      }
      #expect(isDone, "\(count)")
    }
  }

  @Test func `the end answers what has been asked`() throws {
    let fixture = try filled()
    let server = try #require(fixture.redis.server)
    server.send(signal: SIGSTOP)
    let asking = try RawConnection(port: fixture.port)
    asking.send("GET /features/overview HTTP/1.1\r\nHost: x\r\n\r\n")
    #expect(waitUntil { MetricsCheck(fixture.get("/metrics")?.body ?? "").samples["freshet_serve_ready"] != nil })
    let ending = JoinableThread { [server = fixture.server] in server.stop(graceMilliseconds: 10_000) }
    server.send(signal: SIGCONT)
    #expect(asking.readToEnd().hasPrefix("HTTP/1.1 200 OK\r\n"))
    try ending.join()
    #expect(throws: (any Error).self) { try RawConnection(port: fixture.port) }
  }
}
