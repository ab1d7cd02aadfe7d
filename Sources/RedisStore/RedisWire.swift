// What lies under a connection: bytes out, replies in. `SocketWire` is hiredis' own context. `StreamWire` brings bytes of any other origin
// through hiredis' reader, so that a simulated Redis is parsed, and fails, as a real one does.

import Base
import CHiredis

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Why a wire can no longer be used, for people.
public struct RedisWireError: Error, Equatable {
  public var reason: String
  /// Whether no answer came in time.
  public var isTimeout: Bool

  public init(_ reason: String, isTimeout: Bool = false) {
    self.reason = reason
    self.isTimeout = isTimeout
  }

  public static let noAnswer = RedisWireError("no answer in time", isTimeout: true)
}

/// Makes connections that are no sockets.
public protocol RedisTransport: AnyObject {
  func open(_ address: RedisAddress) throws(RedisWireError) -> any RedisByteStream
}

/// The bytes of one connection; it is closed when the last reference goes.
public protocol RedisByteStream: AnyObject {
  /// Takes all of the bytes. That they are taken does not mean that Redis has seen them.
  func write(_ bytes: UnsafeBufferPointer<UInt8>) throws(RedisWireError)

  /// Waits for bytes of replies, and adds at least one.
  func read(into buffer: ByteBuffer) throws(RedisWireError)
}

/// One connection; useless after the first error.
protocol RedisWire: AnyObject {
  /// Queues RESP bytes.
  func send(_ bytes: UnsafeBufferPointer<UInt8>) throws(RedisWireError)

  /// Writes what is queued, so that Redis works while the caller goes on.
  func flush() throws(RedisWireError)

  /// Writes what is queued, and waits for the next reply.
  func reply() throws(RedisWireError) -> RedisReply

  /// Writes what is queued, waits for bytes of replies, and adds at least one to `buffer`, for whoever reads whole replies out of it himself. Nothing
  /// may be left that `reply` has not returned.
  func receive(into buffer: ByteBuffer) throws(RedisWireError)
}

/// Owns a `redisContext`.
final class SocketWire: RedisWire {
  private let context: UnsafeMutablePointer<redisContext>

  /// hiredis writes without MSG_NOSIGNAL: a connection that Redis closed must come back as EPIPE, not end the process.
  private static let ignoresBrokenPipe: Void = { _ = signal(SIGPIPE, SIG_IGN) }()

  init(_ address: RedisAddress, _ timeouts: RedisTimeouts) throws(RedisWireError) {
    _ = Self.ignoresBrokenPipe
    let timeout = Self.timeval(timeouts.connectMilliseconds)
    let opened: UnsafeMutablePointer<redisContext>? =
      switch address.endpoint {
      case .tcp(let host, let port): redisConnectWithTimeout(host, Int32(port), timeout)
      case .unix(let path): redisConnectUnixWithTimeout(path, timeout)
      }
    guard let opened else { throw RedisWireError("out of memory") }
    context = opened
    guard opened.pointee.err == 0, redisSetTimeout(opened, Self.timeval(timeouts.commandMilliseconds)) == REDIS_OK else {
      throw error
    }
    if case .tcp = address.endpoint { redisEnableKeepAlive(opened) }
  }

  deinit { redisFree(context) }

  func send(_ bytes: UnsafeBufferPointer<UInt8>) throws(RedisWireError) {
    let result = bytes.withMemoryRebound(to: CChar.self) {
      redisAppendFormattedCommand(context, $0.baseAddress, $0.count)
    }
    guard result == REDIS_OK else { throw error }
  }

  func flush() throws(RedisWireError) {
    var done: Int32 = 0
    while done == 0 {
      guard redisBufferWrite(context, &done) == REDIS_OK else { throw error }
    }
  }

  func reply() throws(RedisWireError) -> RedisReply {
    var raw: UnsafeMutableRawPointer?
    guard redisGetReply(context, &raw) == REDIS_OK, let raw else { throw error }
    return RedisReply(raw.assumingMemoryBound(to: redisReply.self))
  }

  func receive(into buffer: ByteBuffer) throws(RedisWireError) {
    try flush()
    buffer.reserve(Self.receiveByteCount)
    while true {
      let count = recv(context.pointee.fd, buffer.base + buffer.count, buffer.capacity - buffer.count, 0)
      if count < 0, errno == EINTR { continue }
      if count < 0, errno == EAGAIN || errno == EWOULDBLOCK { throw .noAnswer }
      guard count > 0 else { throw RedisWireError(count == 0 ? "Server closed the connection" : String(cString: strerror(errno))) }
      buffer.count += count
      return
    }
  }

  private static let receiveByteCount = 1 << 14

  private var error: RedisWireError {
    if context.pointee.err == REDIS_ERR_IO, errno == EAGAIN { return .noAnswer }
    return RedisWireError(
      withUnsafeBytes(of: context.pointee.errstr) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) })
  }

  private static func timeval(_ milliseconds: Int) -> timeval {
    #if canImport(Glibc)
      Glibc.timeval(tv_sec: milliseconds / 1000, tv_usec: milliseconds % 1000 * 1000)
    #else
      Darwin.timeval(tv_sec: milliseconds / 1000, tv_usec: Int32(milliseconds % 1000 * 1000))
    #endif
  }
}

/// A stream of bytes with hiredis' reader behind it; owns the reader.
final class StreamWire: RedisWire {
  private let stream: any RedisByteStream
  private let reader: UnsafeMutablePointer<redisReader>
  private let queue = ByteBuffer()
  private let received = ByteBuffer()

  init(_ stream: any RedisByteStream) throws(RedisWireError) {
    guard let reader = redisReaderCreate() else { throw RedisWireError("out of memory") }
    self.stream = stream
    self.reader = reader
  }

  deinit { redisReaderFree(reader) }

  func send(_ bytes: UnsafeBufferPointer<UInt8>) throws(RedisWireError) { queue.append(bytes) }

  func flush() throws(RedisWireError) {
    guard queue.count > 0 else { return }
    try stream.write(queue.bytes)
    queue.removeAll()
  }

  func reply() throws(RedisWireError) -> RedisReply {
    try flush()
    while true {
      var raw: UnsafeMutableRawPointer?
      guard redisReaderGetReply(reader, &raw) == REDIS_OK else { throw error }
      if let raw { return RedisReply(raw.assumingMemoryBound(to: redisReply.self)) }
      received.removeAll()
      try stream.read(into: received)
      let result = received.bytes.withMemoryRebound(to: CChar.self) { redisReaderFeed(reader, $0.baseAddress, $0.count) }
      guard result == REDIS_OK else { throw error }
    }
  }

  func receive(into buffer: ByteBuffer) throws(RedisWireError) {
    try flush()
    try stream.read(into: buffer)
  }

  private var error: RedisWireError {
    RedisWireError(withUnsafeBytes(of: reader.pointee.errstr) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) })
  }
}
