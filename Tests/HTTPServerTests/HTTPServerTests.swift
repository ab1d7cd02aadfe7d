// The server against clients that speak properly, badly, slowly, all at once, or not at all.

import Base
import Foundation
import Synchronization
import TestSupport
import Testing

@testable import HTTPServer

/// A server that says what it was asked, and waits where it is told to.
private final class Fixture: Sendable {
  let server: HTTPServer
  /// Requests to /gate wait here.
  let gate = Gate()

  init(_ change: (inout HTTPLimits) -> Void = { _ in }) throws {
    var limits = HTTPLimits()
    change(&limits)
    var router = HTTPRouter()
    router.on("GET", "/echo", .immediate { .text("\($0.method) \($0.path) \($0.query ?? "-") \($0.header("X-A") ?? "-")") })
    router.on("POST", "/echo", .immediate { .text("\($0.body.count) \(String(decoding: $0.body.prefix(40), as: UTF8.self))") })
    router.on("GET", "/large", .immediate { _ in HTTPResponse(contentType: "x/y", body: Array(repeating: 120, count: 4 << 20)) })
    router.on("GET", "/empty", .immediate { _ in HTTPResponse(status: 204, contentType: "text/plain", body: []) })
    router.on(
      "GET", "/gate",
      .waiting { [gate] _ in
        gate.pass()
        return .text("passed")
      })
    router.on(
      "GET", "/later",
      .asynchronous { [later] _, reply in later.append(reply) })
    router.on("GET", "/soon", .asynchronous { request, reply in reply(.text("at once \(request.query ?? "-")")) })
    router.on(
      "GET", "/bounded",
      .asynchronous { _, reply in reply.expire(afterMilliseconds: 20, with: .text("too late", status: 504)) })
    router.on(
      "GET", "/rooms/{room}/beds/{bed}",
      .immediate { request in
        .text(request.parameters.map { "\($0.name)=\($0.value)" }.joined(separator: " "))
      })
    server = try HTTPServer(ListenAddress(port: 0), router, limits: limits)
  }

  /// Answers of /later that are still to be given.
  let later = Replies()

  deinit {
    gate.open()
    server.stop()
  }

  var port: Int { server.address.port }

  func connect() throws -> RawConnection { try RawConnection(port: port) }
}

/// Kept until somebody gives them.
private final class Replies: Sendable {
  private let replies = Mutex<[HTTPReply]>([])

  var all: [HTTPReply] { replies.withLock { $0 } }

  func append(_ reply: HTTPReply) { replies.withLock { $0.append(reply) } }
}

/// Closed until it is opened, or half a minute has passed.
private final class Gate: Sendable {
  private let waiting = Atomic<Int>(0)
  private let isOpen = Atomic<Bool>(false)

  var waitingCount: Int { waiting.load(ordering: .sequentiallyConsistent) }

  func pass() {
    waiting.add(1, ordering: .sequentiallyConsistent)
    _ = waitUntil(seconds: 30) { isOpen.load(ordering: .sequentiallyConsistent) }
  }

  func open() { isOpen.store(true, ordering: .sequentiallyConsistent) }
}

struct HTTPServerTests {
  @Test func `requests of one connection are answered in order, also when they come at once`() throws {
    let fixture = try Fixture()
    let client = try fixture.connect()
    client.send(
      "GET /echo?a=1 HTTP/1.1\r\nHost: x\r\nX-a:  b \r\n\r\nPOST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc")
    client.send("GET /gate HTTP/1.1\r\nHost: x\r\n\r\nGET http://h/echo HTTP/1.1\r\nHost: x\r\n\r\n")
    #expect(waitUntil { fixture.gate.waitingCount == 1 })
    fixture.gate.open()
    client.send("HEAD /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    _ = client.readToEnd()
    var bytes = client.received
    var answers: [String] = []
    for isHead in [false, false, false, false, true] {
      let response = try #require(RawResponse.take(from: &bytes, isBodiless: isHead))
      #expect(response.status == 200)
      #expect(response.headers["connection"] == (isHead ? "close" : "keep-alive"))
      if isHead { #expect(response.headers["content-length"] == "15") }
      answers.append(response.body)
    }
    #expect(answers == ["GET /echo a=1 b\n", "3 abc\n", "passed\n", "GET /echo - -\n", ""])
    #expect(bytes.isEmpty)
  }

  @Test(arguments: [
    (
      "GET /nothing HTTP/1.1\r\nHost: x\r\n", 404,
      "there is nothing at this path; there is /bounded /echo /empty /gate /large /later /rooms/{room}/beds/{bed} /soon\n"
    ),
    (
      "GET /echo/ HTTP/1.1\r\nHost: x\r\n", 404,
      "there is nothing at this path; there is /bounded /echo /empty /gate /large /later /rooms/{room}/beds/{bed} /soon\n"
    ),
    ("PUT /echo HTTP/1.1\r\nHost: x\r\n", 405, "this path takes GET, HEAD, POST\n"),
    ("GET /echo HTTP/1.1\r\n", 400, "expected one Host header\n"),
    ("GET /echo HTTP/1.1\r\nHost: x\r\nHost: y\r\n", 400, "expected one Host header\n"),
    ("GET /echo HTTP/1.1\r\nHost: x, y\r\n", 400, "expected one Host header\n"),
    ("GET /echo HTTP/1.1\r\nhOST: x\r\nHosu: y\r\n", 200, "GET /echo - -\n"),
    ("POST /echo HTTP/1.1\r\nHost: x\r\nCONTENT-LENGTH: 101\r\n", 413, "a body has at most 100 bytes\n"),
    ("GET /echo HTTP/1.0\r\n", 200, "GET /echo - -\n"),
    ("nonsense\r\n", 400, "not a request of HTTP/1.1\n"),
    ("\u{16}\u{3}\u{1}\u{2}\u{0}", 400, "not a request of HTTP/1.1\n"),
    ("PRI * HTTP/2.0\r\n\r\nSM\r\n", 400, "not a request of HTTP/1.1\n"),
    ("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n", 400, "not a request of HTTP/1.1\n"),
    ("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n", 400, "not a request of HTTP/1.1\n"),
    ("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 101\r\n", 413, "a body has at most 100 bytes\n"),
    ("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n", 400, "not a request of HTTP/1.1\n"),
    (
      "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n65\r\n\(String(repeating: "x", count: 101))", 413,
      "a body has at most 100 bytes\n"
    ),
    (
      "GET /echo HTTP/1.1\r\nHost: x\r\nX: \(String(repeating: "x", count: 600))\r\n", 431, "the head of the request is too large\n"
    ),
    ("GET /\(String(repeating: "x", count: 600)) HTTP/1.1\r\nHost: x\r\n", 431, "the head of the request is too large\n"),
    ("GET /echo HTTP/1.1\r\nHost: x\r\n\(String(repeating: "X: y\r\n", count: 40))", 431, "the head of the request is too large\n"),
  ])
  func `what is wrong with a request is said`(head: String, status: Int, body: String) throws {
    let fixture = try Fixture {
      $0.bodyByteCountMax = 100
      $0.headByteCountMax = 500
      $0.headerCountMax = 32
    }
    let client = try fixture.connect()
    client.send(head + "\r\n")
    var response: RawResponse?
    _ = client.read { connection in
      var bytes = connection.received
      response = RawResponse.take(from: &bytes)
      return response != nil
    }
    #expect(response?.status == status)
    #expect(response?.body == body)
    if status == 405 { #expect(response?.headers["allow"] == "GET, HEAD, POST") }
    // After a request that was not understood nothing can follow.
    let isEnd = [400, 413, 431].contains(status) || head.contains("HTTP/1.0")
    #expect(response?.headers["connection"] == (isEnd ? "close" : "keep-alive"))
    client.endOutput()
    _ = client.readToEnd()
    #expect(client.isClosed)
    #expect(RawResponse.get("/echo", port: fixture.port)?.status == 200)
  }

  @Test func `a body in chunks and an expectation are understood`() throws {
    let fixture = try Fixture()
    let client = try fixture.connect()
    client.send("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n")
    #expect(client.read { $0.text == "HTTP/1.1 100 Continue\r\n\r\n" })
    client.send("3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nTrailer: t\r\n\r\n")
    #expect(client.read { $0.text.hasSuffix("\r\n\r\n5 abcde\n") })
  }

  @Test func `an answer without a body ends with its head`() throws {
    let fixture = try Fixture()
    let client = try fixture.connect()
    client.send("GET /empty HTTP/1.1\r\nHost: x\r\n\r\nGET /echo HTTP/1.1\r\nHost: x\r\n\r\n")
    #expect(client.read { $0.text.hasSuffix("GET /echo - -\n") })
    #expect(client.text.hasPrefix("HTTP/1.1 204 No Content\r\n"))
  }

  @Test func `a client that is slow with its head, its body or its next request is disconnected`() throws {
    let fixture = try Fixture {
      $0.requestMilliseconds = 50
      $0.idleMilliseconds = 50
      $0.lingerMilliseconds = 50
    }
    let silent = try fixture.connect()
    let inHead = try fixture.connect()
    inHead.send("GET /echo HT")
    let inBody = try fixture.connect()
    inBody.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab")
    let between = try fixture.connect()
    between.send("GET /echo HTTP/1.1\r\nHost: x\r\n\r\n")
    #expect(silent.readToEnd() == "")
    #expect(inHead.readToEnd() == "")
    #expect(inBody.readToEnd().hasPrefix("HTTP/1.1 408 Request Timeout\r\n"))
    #expect(between.readToEnd().hasPrefix("HTTP/1.1 200 OK\r\n"))
  }

  @Test func `a client that reads nothing is disconnected, and its other requests are not answered`() throws {
    let count = Mutex(0)
    var limits = HTTPLimits()
    limits.responseMilliseconds = 200
    var router = HTTPRouter()
    router.on(
      "GET", "/",
      .immediate { _ in
        count.withLock { $0 += 1 }
        return HTTPResponse(contentType: "x/y", body: Array(repeating: 120, count: 64 << 20))
      })
    let server = try HTTPServer(ListenAddress(port: 0), router, limits: limits)
    let client = try RawConnection(port: server.address.port)
    client.sendOnly(String(repeating: "GET / HTTP/1.1\r\nHost: x\r\n\r\n", count: 5))
    #expect(waitUntil { server.connectionCount == 1 })
    #expect(waitUntil { server.connectionCount == 0 })
    #expect(count.withLock { $0 } == 1)
    server.stop()
  }

  @Test func `more connections than there may be are refused with a reason, and come again`() throws {
    let fixture = try Fixture { $0.connectionCountMax = 2 }
    var first: RawConnection? = try fixture.connect()
    let second = try fixture.connect()
    first?.send("GET /echo HTTP/1.1\r\nHost: x\r\n\r\n")
    second.send("GET /echo HTTP/1.1\r\nHost: x\r\n\r\n")
    #expect(first?.read { $0.text.hasSuffix("GET /echo - -\n") } == true)
    #expect(second.read { $0.text.hasSuffix("GET /echo - -\n") })
    let third = try fixture.connect()
    #expect(third.readToEnd().hasPrefix("HTTP/1.1 503 Service Unavailable\r\n"))
    #expect(third.text.hasSuffix("\r\n\r\ntoo many connections\n"))
    first = nil
    #expect(waitUntil { RawResponse.get("/echo", port: fixture.port)?.status == 200 })
  }

  @Test func `thousands of requests that come at once are answered in order, also where the client has closed its side`() throws {
    let fixture = try Fixture()
    let client = try fixture.connect()
    let count = 5000
    client.send((0..<count).map { "GET /\($0 % 100 == 7 ? "soon" : "echo")?\($0) HTTP/1.1\r\nHost: x\r\n\r\n" }.joined())
    client.endOutput()
    _ = client.readToEnd()
    var bytes = client.received
    let all = String(decoding: bytes, as: UTF8.self)
    let numbers = all.split(separator: "\r\n").compactMap { line -> Int? in
      line.hasPrefix("GET /echo ") || line.hasPrefix("at once ") ? Int(line.split(whereSeparator: { " \n".contains($0) })[2]) : nil
    }
    #expect(numbers == Array(0..<count))
    #expect(RawResponse.take(from: &bytes)?.headers["connection"] == "keep-alive")
  }

  @Test func `a client that has closed its side still gets its answer`() throws {
    let fixture = try Fixture()
    let client = try fixture.connect()
    client.send("GET /gate HTTP/1.1\r\nHost: x\r\n\r\n")
    #expect(waitUntil { fixture.gate.waitingCount == 1 })
    client.endOutput()
    fixture.gate.open()
    #expect(client.readToEnd().hasSuffix("passed\n"))
  }

  @Test func `the end answers what has been asked and takes nothing more`() throws {
    let fixture = try Fixture()
    let idle = try fixture.connect()
    let asking = try fixture.connect()
    asking.send("GET /gate HTTP/1.1\r\nHost: x\r\n\r\n")
    #expect(waitUntil { fixture.gate.waitingCount == 1 })
    let ending = JoinableThread { fixture.server.stop(graceMilliseconds: 30_000) }
    #expect(idle.readToEnd() == "")
    #expect(waitUntil { (try? fixture.connect()) == nil })
    fixture.gate.open()
    #expect(asking.readToEnd().hasSuffix("passed\n"))
    try ending.join()
  }

  @Test func `the end cuts off what takes too long`() throws {
    let fixture = try Fixture()
    let asking = try fixture.connect()
    asking.send("GET /gate HTTP/1.1\r\nHost: x\r\n\r\n")
    #expect(waitUntil { fixture.gate.waitingCount == 1 })
    fixture.server.stop(graceMilliseconds: 10)
    #expect(asking.readToEnd() == "")
  }

  @Test func `an answer may come later, from any thread, and once`() throws {
    let fixture = try Fixture()
    let client = try fixture.connect()
    client.send("GET /later HTTP/1.1\r\nHost: x\r\n\r\nGET /soon?x HTTP/1.1\r\nHost: x\r\n\r\n")
    #expect(waitUntil { fixture.later.all.count == 1 })
    let reply = fixture.later.all[0]
    #expect(reply.isWanted)
    #expect(client.text.isEmpty)
    #expect(reply(.text("first")))
    #expect(!reply(.text("second")))
    #expect(!reply.isWanted)
    #expect(client.read { $0.text.hasSuffix("at once x\n") })
    #expect(client.text.contains("\r\n\r\nfirst\n"))
    #expect(!client.text.contains("second"))
  }

  @Test func `an answer that does not come in time is given by the server`() throws {
    let fixture = try Fixture { $0.answerMilliseconds = 30 }
    let client = try fixture.connect()
    client.send("GET /bounded HTTP/1.1\r\nHost: x\r\n\r\nGET /later HTTP/1.1\r\nHost: x\r\n\r\n")
    #expect(client.read { $0.text.hasSuffix("the answer took too long\n") })
    #expect(client.text.hasPrefix("HTTP/1.1 504 Gateway Timeout\r\n"))
    #expect(client.text.contains("too late\n"))
    let reply = fixture.later.all[0]
    #expect(!reply(.text("much later")))
    client.send("GET /soon HTTP/1.1\r\nHost: x\r\n\r\n")
    #expect(client.read { $0.text.hasSuffix("at once -\n") })
  }

  @Test func `a client that has gone wants no answer, and neither does one that the end has cut off`() throws {
    let fixture = try Fixture()
    var client: RawConnection? = try fixture.connect()
    client?.send("GET /later HTTP/1.1\r\nHost: x\r\n\r\n")
    #expect(waitUntil { fixture.later.all.count == 1 })
    client = nil
    // A side that is closed may still read: only writing shows that nobody does.
    let reply = fixture.later.all[0]
    reply(.text("into nothing"))
    let asking = try fixture.connect()
    asking.send("GET /later HTTP/1.1\r\nHost: x\r\n\r\n")
    #expect(waitUntil { fixture.later.all.count == 2 })
    fixture.server.stop(graceMilliseconds: 10)
    let late = fixture.later.all[1]
    #expect(!late.isWanted)
    #expect(!late(.text("after the end")))
  }

  @Test(arguments: [
    ("/rooms/1/beds/a", 200, "room=[49] bed=[97]\n"), ("/rooms/%2F/beds/%00%FF", 200, "room=[47] bed=[0, 255]\n"),
    ("/rooms/%2e%2e/beds/..", 200, "room=[46, 46] bed=[46, 46]\n"),
    ("/rooms/1/beds/%", 400, "a percent sign of the path is not followed by two hexadecimal digits\n"),
    ("/rooms/1/beds/%4", 400, "a percent sign of the path is not followed by two hexadecimal digits\n"),
    ("/rooms//beds/a", 404, ""), ("/rooms/1/beds/", 404, ""), ("/rooms/1/beds/a/", 404, ""), ("/rooms/1/beds", 404, ""),
    ("/rooms/1/Beds/a", 404, ""), ("//rooms/1/beds/a", 404, ""),
  ])
  func `parameters of a path are its segments, with percent signs resolved`(path: String, status: Int, body: String) throws {
    let fixture = try Fixture()
    let response = try #require(RawResponse.get(path, port: fixture.port))
    #expect(response.status == status)
    if !body.isEmpty { #expect(response.body == body) }
  }

  @Test func `queries are taken apart`() throws {
    func text(_ query: String) -> String? {
      HTTPText.pairs(ofQuery: query)?.map {
        "\(String(decoding: $0.name, as: UTF8.self))=\(String(decoding: $0.value, as: UTF8.self))"
      }
      .joined(separator: "|")
    }
    #expect(text("") == "")
    #expect(text("a=1&b=x+y&a=%2B%26&&c&=d&e==") == "a=1|b=x y|a=+&|c=|=d|e==")
    #expect(text("a=%") == nil)
    #expect(text("%zz=1") == nil)
  }

  @Test func `an address that is taken is named`() throws {
    let fixture = try Fixture()
    let failure = #expect(throws: Failure.self) { try HTTPServer(ListenAddress(port: fixture.port), HTTPRouter()) }
    #expect(failure?.message == "cannot listen on 127.0.0.1:\(fixture.port): Address already in use")
    #expect(failure?.code == .inputOutput)
  }

  @Test(arguments: [
    ("127.0.0.1:9464", "127.0.0.1:9464"), (":9464", "127.0.0.1:9464"), ("9464", "127.0.0.1:9464"), ("0.0.0.0:0", "0.0.0.0:0"),
    ("[::1]:80", "[::1]:80"), ("[::]:80", "[::]:80"), ("localhost:80", "localhost:80"),
  ])
  func `an address names a host and a port`(text: String, shown: String) throws {
    #expect(try ListenAddress(text, option: "--listen").description == shown)
  }

  @Test(arguments: ["", ":", "host", "host:", "host:-1", "host:65536", "::1:80", "[::1]80", "[::1", "a b:1", "http://h:80", "h:١"])
  func `what is no address is refused`(text: String) {
    let failure = #expect(throws: Failure.self) { try ListenAddress(text, option: "--listen") }
    #expect(
      failure?.message == "--listen: expected HOST:PORT, such as 127.0.0.1:9464, or a port of this machine alone, found '\(text)'")
    #expect(failure?.code == .usage)
  }
}
