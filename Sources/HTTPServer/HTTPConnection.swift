// One connection: requests come one after the other, each is read whole, answered by its handler, and every wait has an end. What comes while an
// answer is outstanding is kept back, and nothing more is read until it has had its turn; a client that waits for each answer before it asks again
// never notices, and costs no call of the system for it.
//
//   waiting --head--> reading --end--> answering --written--> waiting
//      |                 |              |      \--begins--> streaming --ends--> waiting
//      | idle            | late,        | slow reader,         | slow reader, gone,
//      v                 v too large    v the last request     v the server ends
//    closed <--------- leaving: the response goes out, what still comes in is dropped

import Logging
import NIOCore
import NIOHTTP1
import NIOPosix

final class HTTPConnection: ChannelDuplexHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias OutboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  enum State { case waiting, reading, answering, streaming, leaving }

  /// What came while an answer was outstanding.
  private enum Held {
    case part(HTTPServerRequestPart)
    case error(HTTPParserError)
    case inputClosed
  }

  /// What happens when the last wait ends.
  enum AtDeadline {
    case close
    case refuseLateRequest
    case answer(HTTPResponse)
  }

  let router: HTTPRouter
  let limits: HTTPLimits
  let pool: NIOThreadPool
  private let logger: Logger
  /// Nil before the connection is there and after it has gone.
  var context: ChannelHandlerContext?
  var state = State.waiting
  var head = HTTPRequestHead(version: .http1_1, method: .GET, uri: "/")
  var body: [UInt8] = []
  /// No request may follow: the client has said so, or has closed its side, or the server ends.
  var isLast = false
  /// The server ends: the connection closes as soon as the response is out.
  var isQuiescing = false
  var isInputClosed = false
  private var held = CircularBuffer<Held>(initialCapacity: 0)
  private var heldByteCount = 0
  private var isTakingHeld = false
  /// The channel wanted to read while something was held.
  private var isReadHeld = false
  /// When the last wait ends, and what happens then; nil where there is none.
  private var deadline = NIODeadline.distantFuture
  private var atDeadline: AtDeadline?
  /// Fires at `timerEnd`, which is nil where none runs.
  private var timer: Scheduled<Void>?
  private var timerEnd: NIODeadline?
  /// Of the handler that answers later.
  var reply: HTTPReply?
  var stream: HTTPStream?
  /// A piece of the stream is on its way to the client.
  var isStreamWriting = false
  /// Responses are written here, one after the other.
  var out = ByteBuffer()

  init(_ router: HTTPRouter, _ limits: HTTPLimits, _ pool: NIOThreadPool, _ logger: Logger) {
    self.pool = pool
    self.router = router
    self.limits = limits
    self.logger = logger
  }

  func handlerAdded(context: ChannelHandlerContext) { self.context = context }

  func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

  // MARK: What comes in

  func channelActive(context: ChannelHandlerContext) {
    wait(limits.requestMilliseconds, .close)
    context.fireChannelActive()
  }

  func channelInactive(context: ChannelHandlerContext) {
    atDeadline = nil
    timer?.cancel()
    state = .leaving
    held.removeAll()
    reply?.abandon()
    reply = nil
    endStream()
    context.fireChannelInactive()
  }

  func read(context: ChannelHandlerContext) {
    if held.isEmpty { context.read() } else { isReadHeld = true }
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let part = unwrapInboundIn(data)
    if isBusy || !held.isEmpty {
      // After the last request nothing is answered.
      if !isLast { hold(.part(part)) }
    } else {
      take(part)
    }
  }

  /// Whether an answer is outstanding.
  private var isBusy: Bool { state == .answering || state == .streaming }

  private func hold(_ item: Held) {
    if case .part(.body(let buffer)) = item { heldByteCount += buffer.readableBytes }
    held.append(item)
    // One read brings less; only what the system has kept of a client that has closed its side can be more.
    if held.count > Self.heldCountMax || heldByteCount > limits.bodyByteCountMax + Self.heldByteCountMax { close() }
  }

  private static let heldCountMax = 50_000
  private static let heldByteCountMax = 1 << 20

  /// Has what was held its turn, until an answer is outstanding again.
  func takeHeld() {
    guard !isTakingHeld else { return }
    isTakingHeld = true
    while !isBusy, let item = held.popFirst() {
      switch item {
      case .part(let part):
        if case .body(let buffer) = part { heldByteCount -= buffer.readableBytes }
        take(part)
      case .error(let error): refuse(error)
      case .inputClosed: closeInput()
      }
    }
    isTakingHeld = false
    if isReadHeld, held.isEmpty {
      isReadHeld = false
      context?.read()
    }
  }

  private func take(_ part: HTTPServerRequestPart) {
    switch (part, state) {
    case (.head(let head), .waiting): begin(head)
    case (.body(let buffer), .reading):
      guard body.count + buffer.readableBytes <= limits.bodyByteCountMax else { return refuseBody() }
      body.append(contentsOf: buffer.readableBytesView)
    case (.end, .reading): answer()
    // A client that is being left may go on sending.
    default: break
    }
  }

  private func begin(_ head: HTTPRequestHead) {
    state = .reading
    self.head = head
    body = []
    isLast = isLast || !head.isKeepAlive
    wait(limits.requestMilliseconds, .refuseLateRequest)
    let found = Self.look(at: head.headers)
    // RFC 9112, section 3.2.
    if head.version.minor >= 1, !found.hasOneHost { return refuse(400, "expected one Host header") }
    if let text = found.contentLength, Int(text).map({ $0 > limits.bodyByteCountMax }) ?? true { return refuseBody() }
    if head.version.minor >= 1, found.expectation?.lowercased() == "100-continue" {
      context?.writeAndFlush(wrapOutboundOut(ByteBuffer(string: "HTTP/1.1 100 Continue\r\n\r\n")), promise: nil)
    }
  }

  private struct Found {
    var hostCount = 0
    var contentLength: String?
    var expectation: String?
    var hasListOfHosts = false

    var hasOneHost: Bool { hostCount == 1 && !hasListOfHosts }
  }

  /// What the connection has to know of a head, in one pass.
  private static func look(at headers: HTTPHeaders) -> Found {
    var found = Found()
    for (name, value) in headers {
      switch name.utf8.count {
      case 4 where isName(name, "host"):
        found.hostCount += 1
        found.hasListOfHosts = found.hasListOfHosts || value.utf8.contains(UInt8(ascii: ","))
      case 14 where found.contentLength == nil && isName(name, "content-length"): found.contentLength = value
      case 6 where found.expectation == nil && isName(name, "expect"): found.expectation = value
      default: break
      }
    }
    return found
  }

  private static func isName(_ name: String, _ lowercase: StaticString) -> Bool {
    let expected = UnsafeBufferPointer(start: lowercase.utf8Start, count: lowercase.utf8CodeUnitCount)
    return name.utf8.elementsEqual(expected) { (byte: UInt8, other: UInt8) -> Bool in
      byte == other || (byte >= 0x41 && byte <= 0x5A && byte | 0x20 == other)
    }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    if state == .leaving { return }
    guard let error = error as? HTTPParserError else {
      // The connection is broken.
      logger.debug("an HTTP connection failed", metadata: ["reason": "\(error)"])
      return close()
    }
    if isBusy || !held.isEmpty { return hold(.error(error)) }
    refuse(error)
  }

  private func refuse(_ error: HTTPParserError) {
    guard state != .leaving else { return }
    let isTooLarge = error == .headerOverflow
    refuse(isTooLarge ? 431 : 400, isTooLarge ? "the head of the request is too large" : "not a request of HTTP/1.1")
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    switch event {
    case ChannelEvent.inputClosed:
      isInputClosed = true
      // Of a stream only a client that is still there reads.
      if state == .streaming { return close() }
      if held.isEmpty { closeInput() } else { hold(.inputClosed) }
    case is ChannelShouldQuiesceEvent: quiesce()
    default: context.fireUserInboundEventTriggered(event)
    }
  }

  private func closeInput() {
    if state == .answering { isLast = true } else { close() }
  }

  /// The server ends: what has been asked is answered.
  private func quiesce() {
    isQuiescing = true
    isLast = true
    held.removeAll()
    switch state {
    case .waiting, .leaving: close()
    case .reading, .answering: break
    case .streaming: finishStream()
    }
  }

  func close() { context?.close(promise: nil) }

  // MARK: What is refused before it has come whole

  private func refuseBody() { refuse(413, "a body has at most \(limits.bodyByteCountMax) bytes") }

  /// Answers before the request has come whole, and reads no more of it.
  private func refuse(_ status: Int, _ reason: String) {
    isLast = true
    state = .answering
    write(.text(reason, status: status))
  }

  // MARK: Waiting

  /// Has something happen after a time, unless another wait begins first. Most waits never end, so the timer that is running is left to look, when it
  /// fires, how long the last of them still is; only a wait that ends before it does needs another.
  func wait(_ milliseconds: Int64, _ what: AtDeadline) {
    deadline = .now() + .milliseconds(milliseconds)
    atDeadline = what
    if let timerEnd, timerEnd <= deadline { return }
    schedule()
  }

  func stopWaiting() { atDeadline = nil }

  private func schedule() {
    guard let loop = context?.eventLoop else { return }
    timer?.cancel()
    timerEnd = deadline
    let bound = NIOLoopBound(self, eventLoop: loop)
    timer = loop.scheduleTask(deadline: deadline) { bound.value.lookAtDeadline() }
  }

  private func lookAtDeadline() {
    timerEnd = nil
    guard let what = atDeadline else { return }
    if NIODeadline.now() < deadline { return schedule() }
    atDeadline = nil
    switch what {
    case .close: close()
    case .refuseLateRequest: refuse(408, "the request took too long to arrive")
    case .answer(let response):
      if let reply { reply(response) } else { stream?.refuse(with: response) }
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
