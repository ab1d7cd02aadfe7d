// What goes out: whole responses, written at once, and streams, written in pieces of which one at a time is on its way.

import NIOCore
import NIOHTTP1
import NIOPosix

extension HTTPConnection {
  func answer() {
    state = .answering
    stopWaiting()
    var request = request()
    guard let loop = context?.eventLoop else { return }
    switch router.outcome(of: &request) {
    case .refusal(let response): write(response)
    case .handler(.immediate(let handler)): write(handler(request))
    case .handler(.asynchronous(let handler)):
      let reply = HTTPReply(NIOLoopBound(self, eventLoop: loop), loop)
      self.reply = reply
      wait(limits.answerMilliseconds, .answer(Self.late))
      handler(request, reply)
    case .handler(.streaming(let handler)):
      let stream = HTTPStream(NIOLoopBound(self, eventLoop: loop), loop, byteCountMax: limits.streamByteCountMax)
      self.stream = stream
      wait(limits.answerMilliseconds, .answer(Self.late))
      handler(request, stream)
    case .handler(.waiting(let handler)):
      let request = request
      let bound = NIOLoopBound(self, eventLoop: loop)
      pool.runIfActive(eventLoop: loop) { handler(request) }.whenComplete { result in
        guard bound.value.state == .answering else { return }
        bound.value.write((try? result.get()) ?? .text("the server ends", status: 503))
      }
    }
  }

  private static let late = HTTPResponse.text("the answer took too long", status: 504)

  private func request() -> HTTPRequest {
    var target = Substring(head.uri)
    // RFC 9112, section 3.2.2: a proxy's way of asking.
    if !target.hasPrefix("/"), let scheme = target.firstRange(of: "://") {
      target = target[scheme.upperBound...].firstIndex(of: "/").map { target[$0...] } ?? "/"
    }
    let mark = target.utf8.firstIndex(of: UInt8(ascii: "?"))
    return HTTPRequest(
      method: head.method.rawValue, path: String(target[..<(mark ?? target.endIndex)]),
      query: mark.map { String(target[target.index(after: $0)...]) }, head.headers, body: body)
  }

  // MARK: Whole responses

  func write(_ response: HTTPResponse) {
    guard let context else { return }
    wait(limits.responseMilliseconds, .close)
    prepareOut()
    HTTPHead.append(response, isLast: isLast, to: &out)
    if head.method != .HEAD { out.writeBytes(response.body) }
    let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
    send(context).whenComplete { result in
      if case .failure = result { bound.value.state = .leaving }
      bound.value.finish()
    }
  }

  /// Storage of ordinary size is used again once the client has taken what was in it.
  private func prepareOut() {
    if out.capacity > 1 << 16 { out = ByteBuffer() } else { out.clear() }
  }

  private func send(_ context: ChannelHandlerContext) -> EventLoopFuture<Void> {
    let written = context.eventLoop.makePromise(of: Void.self)
    context.writeAndFlush(wrapOutboundOut(out), promise: written)
    return written.futureResult
  }

  /// The client has taken the response. Only now is the next request let in: one who sends and never reads is not answered a second time.
  private func finish() {
    guard state == .answering || state == .streaming else { return }
    guard isLast else {
      state = .waiting
      wait(limits.idleMilliseconds, .close)
      return takeHeld()
    }
    state = .leaving
    if isQuiescing { return close() }
    wait(limits.lingerMilliseconds, .close)
    context?.close(mode: .output, promise: nil)
    takeHeld()
  }

  // MARK: Streams

  /// Otherwise the end of the connection is the end of the stream.
  private var takesChunks: Bool { head.version.minor >= 1 }

  /// Called on the loop, as all below.
  func begin(_ stream: HTTPStream, _ response: HTTPResponse) {
    guard self.stream === stream, state == .answering, let context else { return }
    state = .streaming
    isLast = isLast || !takesChunks
    prepareOut()
    HTTPHead.append(response, isLast: isLast, streaming: takesChunks ? .chunks : .untilEnd, to: &out)
    writePiece(context, streamByteCount: 0)
    if head.method == .HEAD || isQuiescing || isInputClosed { finishStream() }
  }

  /// Sends what waits, where nothing is on its way.
  func flush(_ stream: HTTPStream) {
    guard self.stream === stream, state == .streaming, !isStreamWriting, let context else { return }
    let (bytes, isEnd) = stream.takePending()
    if bytes.isEmpty {
      if isEnd { finishStream() }
      return
    }
    prepareOut()
    if takesChunks {
      out.writeString(String(bytes.count, radix: 16))
      out.writeStaticString("\r\n")
      out.writeBytes(bytes)
      out.writeStaticString("\r\n")
    } else {
      out.writeBytes(bytes)
    }
    writePiece(context, streamByteCount: bytes.count)
  }

  private func writePiece(_ context: ChannelHandlerContext, streamByteCount: Int) {
    isStreamWriting = true
    wait(limits.responseMilliseconds, .close)
    let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
    send(context).whenComplete { result in
      let connection = bound.value
      connection.isStreamWriting = false
      guard case .success = result, connection.state == .streaming else { return }
      connection.stopWaiting()
      guard let stream = connection.stream else { return connection.endOfStream() }
      stream.noteWritten(streamByteCount)
      connection.flush(stream)
    }
  }

  /// No more comes of the stream, whatever its writer thinks: what is on its way goes out, and then its end.
  func finishStream() {
    guard state == .streaming else { return }
    endStream()
    // A client that takes its time is not waited for at the end.
    if isStreamWriting, isQuiescing { return close() }
    if !isStreamWriting { endOfStream() }
  }

  private func endOfStream() {
    guard let context, takesChunks, head.method != .HEAD else { return finish() }
    wait(limits.responseMilliseconds, .close)
    let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
    context.writeAndFlush(wrapOutboundOut(ByteBuffer(staticString: "0\r\n\r\n"))).whenComplete { result in
      if case .failure = result { bound.value.state = .leaving }
      bound.value.finish()
    }
  }

  /// An answer that is not a stream after all.
  func refuse(_ stream: HTTPStream, _ response: HTTPResponse) {
    guard self.stream === stream, state == .answering else { return }
    self.stream = nil
    write(response)
  }

  /// Its client is too slow.
  func cut(_ stream: HTTPStream) {
    guard self.stream === stream else { return }
    close()
  }

  func endStream() {
    let ended = stream
    stream = nil
    ended?.end()
  }
}
