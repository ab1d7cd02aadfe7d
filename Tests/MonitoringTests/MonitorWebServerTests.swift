// The page's server over plain connections: what it sends, to whom, and with which headers.

import Foundation
import HTTPServer
import TestSupport
import Testing

@testable import Monitoring

/// Everything after `event: NAME` of the events that have come whole.
private func events(_ connection: RawConnection) -> [(name: String, data: String)] {
  connection.text.components(separatedBy: "\n\n").dropLast().compactMap { block in
    let lines = block.components(separatedBy: "\n")
    guard let name = lines.first(where: { $0.contains("event: ") }), let data = lines.first(where: { $0.contains("data: ") }) else {
      return nil
    }
    return (name.components(separatedBy: "event: ")[1], data.components(separatedBy: "data: ")[1])
  }
}

private func snapshot(_ text: String) throws -> MonitorSnapshot {
  // A piece's length, as the transfer's coding writes it, may stand in between; JSON of one event is one line.
  try MonitoringJSON.decode(MonitorSnapshot.self, from: Data(text.utf8))
}

private func serve(_ monitor: MovingMonitor) throws -> MonitorWebServer {
  try MonitorWebServer(ListenAddress(port: 0)) { monitor.snapshot }
}

private func listen(to server: MonitorWebServer) throws -> RawConnection {
  let connection = try RawConnection(port: server.address.port)
  connection.send("GET /events HTTP/1.1\r\nHost: localhost:\(server.address.port)\r\n\r\n")
  return connection
}

private func get(_ path: String, _ server: MonitorWebServer, host: String = "127.0.0.1") throws -> RawResponse {
  let connection = try RawConnection(port: server.address.port)
  connection.send("GET \(path) HTTP/1.1\r\nHost: \(host)\r\nConnection: close\r\n\r\n")
  _ = connection.readToEnd()
  var bytes = connection.received
  return try #require(RawResponse.take(from: &bytes))
}

@Suite struct `A server of the monitor's page` {
  @Test func `every answer says that nothing may keep, guess or embed it`() throws {
    let server = try serve(MovingMonitor(.well, seconds: 3))
    defer { server.stop() }
    for path in ["/", "/monitor.css", "/monitor.js", "/plots.js", "/snapshot.json", "/metrics", "/livez", "/favicon.ico"] {
      let answer = try get(path, server)
      #expect(answer.status == (path == "/favicon.ico" ? 204 : 200), "\(path)")
      #expect(answer.headers["cache-control"] == "no-store", "\(path)")
      #expect(answer.headers["x-content-type-options"] == "nosniff", "\(path)")
      #expect(answer.headers["referrer-policy"] == "no-referrer", "\(path)")
      #expect(answer.headers["cross-origin-resource-policy"] == "same-origin", "\(path)")
    }
    let policy = try #require(try get("/", server).headers["content-security-policy"])
    let parts = policy.components(separatedBy: "; ")
    for part in ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'"] {
      #expect(parts.contains(part), "\(part)")
    }
    #expect(!policy.contains("unsafe"))
  }

  @Test(arguments: [
    ("localhost", true), ("LOCALHOST:9465", true), ("127.0.0.1", true), ("127.0.0.1:9465", true), ("127.1.2.3:1", true),
    ("[::1]", true), ("[::1]:9465", true),
    (nil, false), ("", false), ("example.com", false), ("127.0.0.1.example.com", false), ("127.example.com:80", false),
    ("127.0.0.1.", false), ("127.0.0", false), ("127.0.0.256", false), ("127.0.0.1:80:90", false), ("127.0.0.1:x", false),
    ("localhost.example.com", false), ("[::1].example.com", false), ("[::1", false), ("[::2]", false), ("10.0.0.1", false),
    ("user@127.0.0.1", false), ("127..0.1", false), ("127.0.0.+1", false),
  ])
  func `only names of this machine itself pass`(_ host: String?, _ isOwn: Bool) {
    #expect(MonitorWebServer.isOwn(host: host) == isOwn)
  }

  @Test func `a request by another name is refused, whatever it asks for`() throws {
    let server = try serve(MovingMonitor(.well, seconds: 3))
    defer { server.stop() }
    for path in ["/", "/events", "/snapshot.json", "/metrics", "/nowhere"] {
      let answer = try get(path, server, host: "127.evil.example:\(server.address.port)")
      #expect(answer.status == 421)
      #expect(!answer.body.contains("shop_lanes"))
    }
  }

  @Test func `a stream begins with everything, and goes on with what is new`() throws {
    let monitor = MovingMonitor(.well, seconds: 30)
    let server = try serve(monitor)
    defer { server.stop() }
    let connection = try listen(to: server)
    #expect(connection.read { !events($0).isEmpty })
    let first = try #require(events(connection).first)
    #expect(first.name == "full")
    let whole = try snapshot(first.data)
    #expect(whole == monitor.snapshot)
    #expect(whole.history.count == 30)
    monitor.step(2)
    let newest = try #require(monitor.snapshot)
    #expect(connection.read { events($0).contains { $0.name == "update" && $0.data.contains("\"now\":\(newest.now)") } })
    let later = try events(connection).dropFirst().map { try snapshot($0.data) }
    // Each point once, in their order, and everything else as it is now.
    #expect(later.flatMap(\.history) == Array(newest.history.suffix(2)))
    #expect(later.flatMap(\.errorPoints) == newest.errorPoints.filter { $0.at > whole.now })
    #expect(later.last?.lanes == newest.lanes)
  }

  @Test func `who comes later is given everything, too, and the first is not told twice`() throws {
    let monitor = MovingMonitor(.well, seconds: 10)
    let server = try serve(monitor)
    defer { server.stop() }
    let first = try listen(to: server)
    #expect(first.read { !events($0).isEmpty })
    monitor.step(5)
    let second = try listen(to: server)
    #expect(second.read { !events($0).isEmpty })
    #expect(try snapshot(events(second)[0].data).history.count == 15)
    let now = try #require(monitor.snapshot).now
    #expect(first.read { events($0).contains { $0.data.contains("\"now\":\(now)") } })
    #expect(events(first).count { $0.name == "full" } == 1)
    #expect(try events(first).dropFirst().flatMap { try snapshot($0.data).history }.count == 5)
  }

  @Test func `before anything has been seen it says so, and goes on`() throws {
    let monitor = MovingMonitor(.empty)
    let server = try serve(monitor)
    defer { server.stop() }
    #expect(try get("/snapshot.json", server).status == 503)
    #expect(try get("/", server).status == 200)
    let connection = try listen(to: server)
    #expect(connection.read { events($0).count { $0.name == "waiting" } > 1 })
    #expect(!connection.text.contains("event: full"))
    monitor.become(.well)
    #expect(connection.read { events($0).contains { $0.name == "full" } })
    #expect(try get("/snapshot.json", server).body.contains("\"pipeline\":\"shop_lanes\""))
  }
}
