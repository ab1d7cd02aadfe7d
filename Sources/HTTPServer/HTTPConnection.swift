// One connection: requests come one after the other (NIO's pipeline handler holds back those that follow), each is read whole, answered by
// its handler, and every wait has an end.
//
//   waiting --head--> reading --end--> answering --written--> waiting
//      |                 |                  |
//      | idle            | late, too large  | slow reader, or the last request; a stream goes on until either side ends it
//      v                 v                  v
//    closed <--------- leaving: the response goes out, what still comes in is dropped

import Logging
import NIOCore
import NIOHTTP1
import NIOPosix

final class HTTPConnection: ChannelInboundHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias OutboundOut = HTTPServerResponsePart

  private enum State { case waiting, reading, answering, streaming, leaving }

  private let router: HTTPRouter
  private let limits: HTTPLimits
  private let logger: Logger
  private let pool: NIOThreadPool
  private var state = State.waiting
  private var head = HTTPRequestHead(version: .http1_1, method: .GET, uri: "/")
  private var body: [UInt8] = []
  /// No request may follow: the client has said so, or has closed its side, or the server ends.
  private var isLast = false
  /// When the last wait ends, and what happens then; nil where there is none.
  private var deadline = NIODeadline.distantFuture
  private var atDeadline: ((ChannelHandlerContext) -> Void)?
  /// Fires at `timerEnd`, which is nil where none runs.
  private var timer: Scheduled<Void>?
  private var timerEnd: NIODeadline?
  /// Of the handler that answers later.
  private var reply: HTTPReply?
  private var stream: HTTPStream?
  private let streams: HTTPStreams

  init(_ router: HTTPRouter, _ limits: HTTPLimits, _ pool: NIOThreadPool, _ streams: HTTPStreams, _ logger: Logger) {
    self.streams = streams
    self.pool = pool
    self.router = router
    self.limits = limits
    self.logger = logger
  }

  // MARK: What comes in

  func channelActive(context: ChannelHandlerContext) {
    wait(limits.requestMilliseconds, context) { $0.close(promise: nil) }
    context.fireChannelActive()
  }

  func channelInactive(context: ChannelHandlerContext) {
    atDeadline = nil
    timer?.cancel()
    state = .leaving
    reply?.abandon()
    reply = nil
    if let stream {
      stream.abandon()
      streams.remove(stream)
    }
    stream = nil
    context.fireChannelInactive()
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch (unwrapInboundIn(data), state) {
    case (.head(let head), .waiting): begin(head, context)
    case (.body(let buffer), .reading):
      guard body.count + buffer.readableBytes <= limits.bodyByteCountMax else { return refuseBody(context) }
      body.append(contentsOf: buffer.readableBytesView)
    case (.end, .reading): answer(context)
    // A client that is being left may go on sending.
    default: break
    }
  }

  private func begin(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
    state = .reading
    self.head = head
    body = []
    isLast = isLast || !head.isKeepAlive
    wait(limits.requestMilliseconds, context) { [self] in refuse(408, "the request took too long to arrive", $0) }
    // RFC 9112, section 3.2.
    if head.version.minor >= 1, head.headers[canonicalForm: "host"].count != 1 {
      return refuse(400, "expected one Host header", context)
    }
    if let text = head.headers.first(name: "content-length"), Int(text).map({ $0 > limits.bodyByteCountMax }) ?? true {
      return refuseBody(context)
    }
    if head.version.minor >= 1, head.headers.first(name: "expect")?.lowercased() == "100-continue" {
      context.writeAndFlush(wrapOutboundOut(.head(HTTPResponseHead(version: head.version, status: .continue))), promise: nil)
    }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    if state == .leaving { return }
    guard let error = error as? HTTPParserError, state != .answering else {
      // The connection is broken.
      logger.debug("an HTTP connection failed", metadata: ["reason": "\(error)"])
      context.close(promise: nil)
      return
    }
    let isTooLarge = error == .headerOverflow
    refuse(isTooLarge ? 431 : 400, isTooLarge ? "the head of the request is too large" : "not a request of HTTP/1.1", context)
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    switch event {
    case ChannelEvent.inputClosed where state == .answering: isLast = true
    // Half closed or gone: who wants a stream stays whole.
    case ChannelEvent.inputClosed: context.close(promise: nil)
    default: context.fireUserInboundEventTriggered(event)
    }
  }

  // MARK: What goes out

  private func answer(_ context: ChannelHandlerContext) {
    state = .answering
    atDeadline = nil
    var request = request()
    switch router.outcome(of: &request) {
    case .refusal(let response): write(response, context)
    case .handler(.immediate(let handler)): write(handler(request), context)
    case .handler(.asynchronous(let handler)):
      let reply = reply(context)
      self.reply = reply
      reply.expire(afterMilliseconds: limits.answerMilliseconds, with: Self.late)
      handler(request, reply)
    case .handler(.streaming(let head, let handler)): begin(head, request, handler, context)
    case .handler(.waiting(let handler)):
      let request = request
      let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
      pool.runIfActive(eventLoop: context.eventLoop) { handler(request) }.whenComplete { result in
        let (connection, context) = bound.value
        guard connection.state == .answering else { return }
        connection.write((try? result.get()) ?? .text("the server ends", status: 503), context)
      }
    }
  }

  // MARK: Streams

  private func begin(
    _ response: HTTPResponse, _ request: HTTPRequest, _ handler: (HTTPRequest, HTTPStream) -> Void, _ context: ChannelHandlerContext
  ) {
    isLast = true
    // Without a length, so that the body ends where the stream does.
    let headers = HTTPHeaders(
      response.headers.map { ($0.name, $0.value) } + [("Content-Type", response.contentType), ("Connection", "close")])
    context.write(
      wrapOutboundOut(
        .head(HTTPResponseHead(version: .http1_1, status: HTTPResponseStatus(statusCode: response.status), headers: headers))),
      promise: nil)
    guard head.method != .HEAD else { return finish(context) }
    state = .streaming
    atDeadline = nil
    context.writeAndFlush(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: response.body)))), promise: nil)
    let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
    let stream = HTTPStream(
      context.eventLoop, outstandingMax: limits.streamByteCountMax,
      write: { bytes, done in
        let (connection, context) = bound.value
        guard connection.state == .streaming else { return }
        let written = context.eventLoop.makePromise(of: Void.self)
        written.futureResult.whenComplete { _ in done() }
        context.writeAndFlush(connection.wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: bytes)))), promise: written)
      },
      end: { abruptly in
        let (connection, context) = bound.value
        guard connection.state == .streaming else { return }
        if abruptly { return context.close(promise: nil) }
        connection.state = .answering
        connection.finish(context)
      })
    self.stream = stream
    streams.add(stream)
    handler(request, stream)
  }

  private static let late = HTTPResponse.text("the answer took too long", status: 504)

  private func reply(_ context: ChannelHandlerContext) -> HTTPReply {
    let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
    return HTTPReply(
      context.eventLoop,
      write: { response in
        let (connection, context) = bound.value
        guard connection.state == .answering else { return }
        connection.reply = nil
        connection.write(response, context)
      },
      scheduleEnd: { milliseconds, response in
        let (connection, context) = bound.value
        connection.wait(milliseconds, context) { _ in connection.reply?(response) }
      })
  }

  private func request() -> HTTPRequest {
    var target = Substring(head.uri)
    // RFC 9112, section 3.2.2: a proxy's way of asking.
    if !target.hasPrefix("/"), let scheme = target.firstRange(of: "://") {
      target = target[scheme.upperBound...].firstIndex(of: "/").map { target[$0...] } ?? "/"
    }
    let mark = target.firstIndex(of: "?")
    return HTTPRequest(
      method: head.method.rawValue, path: String(target[..<(mark ?? target.endIndex)]),
      query: mark.map { String(target[target.index(after: $0)...]) },
      headers: head.headers.map { ($0.name, Self.trimmed($0.value)) }, body: body)
  }

  /// Without white space at the end; RFC 9110, section 5.5.
  private static func trimmed(_ value: String) -> String {
    guard let last = value.utf8.last, last == 0x20 || last == 0x09 else { return value }
    var value = Substring(value)
    while value.last == " " || value.last == "\t" { value.removeLast() }
    return String(value)
  }

  private func refuseBody(_ context: ChannelHandlerContext) {
    refuse(413, "a body has at most \(limits.bodyByteCountMax) bytes", context)
  }

  /// Answers before the request has come whole, and reads no more of it.
  private func refuse(_ status: Int, _ reason: String, _ context: ChannelHandlerContext) {
    isLast = true
    state = .answering
    write(.text(reason, status: status), context)
  }

  private func write(_ response: HTTPResponse, _ context: ChannelHandlerContext) {
    let own = [
      ("Content-Type", response.contentType), ("Content-Length", "\(response.body.count)"),
      ("Connection", isLast ? "close" : "keep-alive"),
    ]
    let headers = HTTPHeaders(response.headers.map { ($0.name, $0.value) } + own)
    let responseHead = HTTPResponseHead(
      version: .http1_1, status: HTTPResponseStatus(statusCode: response.status), headers: headers)
    wait(limits.responseMilliseconds, context) { $0.close(promise: nil) }
    let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
    let written = context.eventLoop.makePromise(of: Void.self)
    written.futureResult.whenComplete { result in
      let (connection, context) = bound.value
      if case .failure = result { connection.state = .leaving }
      connection.finish(context)
    }
    if head.method == .HEAD || response.body.isEmpty {
      context.writeAndFlush(wrapOutboundOut(.head(responseHead)), promise: written)
    } else {
      context.write(wrapOutboundOut(.head(responseHead)), promise: nil)
      let buffer = context.channel.allocator.buffer(bytes: response.body)
      context.writeAndFlush(wrapOutboundOut(.body(.byteBuffer(buffer))), promise: written)
    }
  }

  /// The client has taken the response. Only now is its end noted, which lets the next request in: one who sends and never reads is not answered
  /// a second time.
  private func finish(_ context: ChannelHandlerContext) {
    guard state == .answering else { return }
    state = isLast ? .leaving : .waiting
    if isLast {
      wait(limits.lingerMilliseconds, context) { $0.close(promise: nil) }
    } else {
      wait(limits.idleMilliseconds, context) { $0.close(promise: nil) }
    }
    context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    if isLast { context.close(mode: .output, promise: nil) }
  }

  /// Has `body` run after a time, unless another wait begins first. Most waits never end, so the timer that is running is left to look, when it
  /// fires, how long the last of them still is; only a wait that ends before it does needs another.
  private func wait(_ milliseconds: Int64, _ context: ChannelHandlerContext, _ body: @escaping (ChannelHandlerContext) -> Void) {
    deadline = .now() + .milliseconds(milliseconds)
    atDeadline = body
    if let timerEnd, timerEnd <= deadline { return }
    schedule(context)
  }

  private func schedule(_ context: ChannelHandlerContext) {
    timer?.cancel()
    timerEnd = deadline
    let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
    timer = context.eventLoop.scheduleTask(deadline: deadline) {
      let (connection, context) = bound.value
      connection.timerEnd = nil
      guard let body = connection.atDeadline else { return }
      if NIODeadline.now() < connection.deadline { return connection.schedule(context) }
      connection.atDeadline = nil
      body(context)
    }
  }
}

/// Tells a client that there are too many, and disconnects it.
final class RefusedConnection: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  private static let answer =
    "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 21\r\nConnection: close\r\n\r\n"
    + "too many connections\n"

  func channelActive(context: ChannelHandlerContext) {
    let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
    context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: Self.answer))).whenComplete { _ in bound.value.close(promise: nil) }
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {}
}
