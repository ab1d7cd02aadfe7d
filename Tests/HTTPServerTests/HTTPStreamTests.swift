// Answers that come in pieces: to clients that read, do not read, go away, or ask for something else afterwards.

import Base
import Foundation
import Synchronization
import TestSupport
import Testing

@testable import HTTPServer

/// A server whose streams are kept until somebody writes to them.
private final class Fixture: Sendable {
  /// What the server's handlers note.
  private final class Taken: Sendable {
    let streams = Mutex<[HTTPStream]>([])
    let endCount = Mutex(0)

    func take(_ stream: HTTPStream, begins: Bool) {
      stream.onEnd { [self] in endCount.withLock { $0 += 1 } }
      if begins { stream.begin(headers: [("Cache-Control", "no-store"), ("X-Two", "a\r\nX-Three: b")]) }
      streams.withLock { $0.append(stream) }
    }
  }

  let server: HTTPServer
  private let taken: Taken

  init(_ change: (inout HTTPLimits) -> Void = { _ in }) throws {
    var limits = HTTPLimits()
    change(&limits)
    let taken = Taken()
    var router = HTTPRouter()
    router.on("GET", "/events", .streaming { taken.take($1, begins: true) })
    router.on("GET", "/unbegun", .streaming { taken.take($1, begins: false) })
    router.on("GET", "/full", .streaming { _, stream in stream.refuse(with: .text("too many streams", status: 503)) })
    router.on("GET", "/echo", .immediate { .text($0.query ?? "-") })
    server = try HTTPServer(ListenAddress(port: 0), router, limits: limits)
    self.taken = taken
  }

  func stop() { server.stop(graceMilliseconds: 5000) }

  var ends: Int { taken.endCount.withLock { $0 } }

  var streams: [HTTPStream] { taken.streams.withLock { $0 } }

  /// Asks, and waits until the server has taken the request.
  func open(_ request: String = "GET /events HTTP/1.1\r\nHost: x\r\n\r\n") throws -> (RawConnection, HTTPStream) {
    let before = streams.count
    let client = try RawConnection(port: server.address.port)
    client.send(request)
    #expect(waitUntil { streams.count > before })
    return (client, streams[before])
  }
}

struct HTTPStreamTests {
  @Test func `pieces come in chunks as they are sent, and the next request is answered after the last`() throws {
    let fixture = try Fixture()
    defer { fixture.stop() }
    let (client, stream) = try fixture.open("GET /events HTTP/1.1\r\nHost: x\r\n\r\nGET /echo?next HTTP/1.1\r\nHost: x\r\n\r\n")
    #expect(
      client.read {
        $0.text
          == "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\nX-Two: a  X-Three: b\r\n"
          + "Transfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n"
      })
    #expect(stream.send("data: 1\n\n"))
    #expect(client.read { $0.text.hasSuffix("\r\n\r\n9\r\ndata: 1\n\n\r\n") })
    #expect(stream.send(""))
    #expect(stream.send("data: twenty-two\n\n"))
    #expect(client.read { $0.text.hasSuffix("\r\n12\r\ndata: twenty-two\n\n\r\n") })
    #expect(fixture.ends == 0)
    stream.close()
    #expect(client.read { $0.text.hasSuffix("\r\n\r\nnext\n") })
    #expect(client.text.contains("\n\n\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n"))
    #expect(fixture.ends == 1)
    #expect(!stream.isOpen)
    #expect(!stream.send("data: late\n\n"))
    #expect(!stream.begin())
  }

  @Test func `a client of HTTP 1 0 gets the pieces as they are, until the connection ends`() throws {
    let fixture = try Fixture()
    defer { fixture.stop() }
    let (client, stream) = try fixture.open("GET /events HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    #expect(stream.send("one\n"))
    #expect(stream.send("two\n"))
    stream.close()
    let text = client.readToEnd()
    #expect(text.hasSuffix("\r\nConnection: close\r\n\r\none\ntwo\n"))
    #expect(!text.contains("Transfer-Encoding"))
  }

  @Test func `HEAD gets the head of a stream and ends it`() throws {
    let fixture = try Fixture()
    defer { fixture.stop() }
    let (client, stream) = try fixture.open(
      "HEAD /events HTTP/1.1\r\nHost: x\r\n\r\nGET /echo?next HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    let text = client.readToEnd()
    #expect(text.contains("Transfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\nHTTP/1.1 200 OK\r\n"))
    #expect(text.hasSuffix("\r\n\r\nnext\n"))
    #expect(fixture.ends == 1)
    #expect(!stream.send("data: 1\n\n"))
  }

  @Test func `a client that goes away is noticed, also while nothing is sent`() throws {
    let fixture = try Fixture()
    defer { fixture.stop() }
    var (client, stream): (RawConnection?, HTTPStream) = try fixture.open()
    #expect(stream.send("data: 1\n\n"))
    #expect(client?.read { $0.text.hasSuffix("data: 1\n\n\r\n") } == true)
    client = nil
    #expect(waitUntil { fixture.ends == 1 })
    #expect(!stream.isOpen)
    #expect(!stream.send("data: 2\n\n"))
    stream.close()
    var isCalled = false
    withUnsafeMutablePointer(to: &isCalled) { called in
      nonisolated(unsafe) let called = called
      stream.onEnd { called.pointee = true }
    }
    #expect(isCalled)
    let (closing, second) = try fixture.open()
    closing.endOutput()
    #expect(waitUntil { fixture.ends == 2 })
    #expect(!second.isOpen)
    #expect(waitUntil { fixture.server.connectionCount == 0 })
  }

  @Test func `a client that takes too little is cut off, and no more than the limit is kept for it`() throws {
    let fixture = try Fixture { $0.streamByteCountMax = 100_000 }
    defer { fixture.stop() }
    let (client, stream) = try fixture.open()
    let piece = [UInt8](repeating: 120, count: 10_000)
    // What the system keeps for a connection is taken as well.
    var count = 0
    #expect(
      waitUntil(seconds: 30) {
        while stream.send(piece) { count += 1 }
        return !stream.isOpen
      })
    #expect(waitUntil { fixture.ends == 1 })
    #expect(waitUntil { fixture.server.connectionCount == 0 })
    _ = client.readToEnd()
    #expect(client.received.count <= count * 10_100 + 1000)
    // A client that reads is sent any amount.
    let (reader, next) = try fixture.open()
    for _ in 0..<50 {
      let before = reader.received.count
      #expect(next.send(piece))
      #expect(reader.read { $0.received.count >= before + 10_000 })
    }
    #expect(next.isOpen)
  }

  @Test func `a client that takes nothing for too long is cut off`() throws {
    let fixture = try Fixture {
      $0.streamByteCountMax = 64 << 20
      $0.responseMilliseconds = 100
    }
    defer { fixture.stop() }
    let (client, stream) = try fixture.open()
    #expect(stream.send(Array(repeating: 120, count: 32 << 20)))
    #expect(waitUntil { fixture.ends == 1 })
    #expect(!client.isClosed)
  }

  @Test func `a stream is never idle`() throws {
    let fixture = try Fixture {
      $0.idleMilliseconds = 20
      $0.requestMilliseconds = 20
      $0.responseMilliseconds = 20
      $0.answerMilliseconds = 20
    }
    defer { fixture.stop() }
    let (client, stream) = try fixture.open()
    // Connections that are idle end, one after the other, and so the time of all limits passes.
    for _ in 0..<3 { #expect(try RawConnection(port: fixture.server.address.port).readToEnd() == "") }
    #expect(stream.send("data: still\n\n"))
    #expect(client.read { $0.text.hasSuffix("data: still\n\n\r\n") })
  }

  @Test func `the end of the server is the end of its streams, at once and in order`() throws {
    let fixture = try Fixture()
    let (client, stream) = try fixture.open()
    let (stuck, other) = try fixture.open()
    #expect(stream.send("data: 1\n\n"))
    #expect(other.send(Array(repeating: 120, count: 1 << 20)))
    #expect(client.read { $0.text.hasSuffix("data: 1\n\n\r\n") })
    fixture.server.stop(graceMilliseconds: 60_000)
    #expect(client.readToEnd().hasSuffix("data: 1\n\n\r\n0\r\n\r\n"))
    #expect(fixture.ends == 2)
    #expect(!stream.send("data: 2\n\n"))
    #expect(!other.send("data: 2\n\n"))
    _ = stuck.readToEnd()
  }

  @Test func `a stream may be refused, and one that does not begin in time is`() throws {
    let fixture = try Fixture { $0.answerMilliseconds = 20 }
    defer { fixture.stop() }
    let client = try RawConnection(port: fixture.server.address.port)
    client.send("GET /full HTTP/1.1\r\nHost: x\r\n\r\nGET /unbegun HTTP/1.1\r\nHost: x\r\n\r\n")
    #expect(client.read { $0.text.hasSuffix("\r\n\r\nthe answer took too long\n") })
    #expect(client.text.hasPrefix("HTTP/1.1 503 Service Unavailable\r\n"))
    #expect(client.text.contains("HTTP/1.1 504 Gateway Timeout\r\n"))
    #expect(fixture.ends == 1)
    #expect(!fixture.streams[0].begin())
    #expect(!fixture.streams[0].refuse(with: .text("")))
    client.send("GET /echo?next HTTP/1.1\r\nHost: x\r\n\r\n")
    #expect(client.read { $0.text.hasSuffix("\r\n\r\nnext\n") })
  }

  @Test func `what many threads send arrives whole`() throws {
    let fixture = try Fixture()
    defer { fixture.stop() }
    let (client, stream) = try fixture.open("GET /events HTTP/1.0\r\n\r\n")
    let threads = (0..<4).map { thread in
      JoinableThread { for number in 0..<500 { #expect(stream.send("event \(thread) \(number) end\n")) } }
    }
    for thread in threads { try thread.join() }
    stream.close()
    let lines = client.readToEnd().split(separator: "\r\n").last?.split(separator: "\n") ?? []
    #expect(lines.count == 2000)
    for thread in 0..<4 {
      #expect(
        lines.filter { $0.hasPrefix("event \(thread) ") } == (0..<500).map { "event \(thread) \($0) end" })
    }
  }
}
