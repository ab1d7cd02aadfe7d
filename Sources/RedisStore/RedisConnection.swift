// One blocking connection to Redis over hiredis. Commands are written as RESP into the caller's buffer and sent in pieces; replies come
// back in order, one call each. A connection that broke is opened again by the next attempt: see `retrying`.

import Base
import CHiredis
import Logging

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Times and bounds of a connection, in ms.
public struct RedisTimeouts: Sendable {
  /// For the connection to be made.
  public var connectMilliseconds = 3000
  /// For an answer.
  public var commandMilliseconds = 5000

  public init() {}
}

/// Owns a `redisContext`; used by one thread at a time.
public final class RedisConnection {
  public let address: RedisAddress
  public var name: String { address.description }

  private let password: String?
  private let timeouts: RedisTimeouts
  private let logger: Logger
  private var context: UnsafeMutablePointer<redisContext>?
  /// How many connections were made: what was sent over an earlier one may still arrive.
  private(set) var incarnation = 0
  /// Whether the last connection was given up because no answer came: then another try would only wait as long again.
  private var hasTimedOut = false
  var isOpen: Bool { context != nil }

  /// Connects, authenticates and selects the database, without trying twice.
  public init(
    _ address: RedisAddress, password: String? = nil, timeouts: RedisTimeouts = RedisTimeouts(),
    logger: Logger = Logger(label: "freshet.redis")
  ) throws {
    self.address = address
    self.password = password
    self.timeouts = timeouts
    self.logger = logger
    _ = Self.ignoresBrokenPipe
    try open()
  }

  /// hiredis writes without MSG_NOSIGNAL: a connection that Redis closed must come back as EPIPE, not end the process.
  private static let ignoresBrokenPipe: Void = { _ = signal(SIGPIPE, SIG_IGN) }()

  deinit { disconnect() }

  /// Closes; the next command opens again.
  public func disconnect() {
    if let context { redisFree(context) }
    context = nil
  }

  /// Runs `body`; once more, over a new connection, where the one that there was broke. Longer waits are the caller's, who is told by a
  /// retryable failure. What `body` does must bear repeating.
  func retrying<Result>(_ body: () throws -> Result) throws -> Result {
    if context == nil { try open() }
    do { return try body() } catch let failure as Failure where failure.isRetryable && context == nil && !hasTimedOut {
      logger.debug("The connection to Redis broke, making another", metadata: ["redis.reason": "\(failure.message)"])
      try open()
      return try body()
    }
  }

  /// Runs `body` on the connection to the node that has `key`; what it does may look at keys of one slot only.
  func retrying<Result>(at key: String, _ body: (RedisConnection) throws -> Result) throws -> Result {
    try retrying { try body(self) }
  }

  /// One command, one reply; an error reply becomes a failure.
  @discardableResult
  func command(_ arguments: String..., what: String) throws -> RedisReply {
    let buffer = ByteBuffer()
    RESP.append(arguments, to: buffer)
    try send(buffer.bytes)
    return try checkedReply(what)
  }

  /// Queues RESP bytes and writes what the socket takes.
  func send(_ bytes: UnsafeBufferPointer<UInt8>) throws {
    guard let context else { throw lost("the connection is closed") }
    let result = bytes.withMemoryRebound(to: CChar.self) {
      redisAppendFormattedCommand(context, $0.baseAddress, $0.count)
    }
    guard result == REDIS_OK else { throw brokenContext(context) }
  }

  /// Writes what is queued, so that Redis works while the caller goes on.
  func flush() throws {
    guard let context else { throw lost("the connection is closed") }
    var done: Int32 = 0
    while done == 0 {
      guard redisBufferWrite(context, &done) == REDIS_OK else { throw brokenContext(context) }
    }
  }

  /// The next reply, which may be an error.
  func reply() throws -> RedisReply {
    guard let context else { throw lost("the connection is closed") }
    var raw: UnsafeMutableRawPointer?
    guard redisGetReply(context, &raw) == REDIS_OK, let raw else { throw brokenContext(context) }
    return RedisReply(raw.assumingMemoryBound(to: redisReply.self))
  }

  /// The next reply; an error becomes a failure that says `what` was being done.
  func checkedReply(_ what: String) throws -> RedisReply {
    let reply = try reply()
    if let error = reply.error { throw failure(error, what) }
    return reply
  }

  /// What an error reply means. Closes where another Redis may by now be found at the address.
  func failure(_ text: String, _ what: String) -> Failure {
    let error = RedisError(text: text)
    if error.isElsewhere { disconnect() }
    return error.failure(name, what)
  }

  private func open() throws {
    let timeout = Self.timeval(timeouts.connectMilliseconds)
    let opened: UnsafeMutablePointer<redisContext>? =
      switch address.endpoint {
      case .tcp(let host, let port): redisConnectWithTimeout(host, Int32(port), timeout)
      case .unix(let path): redisConnectUnixWithTimeout(path, timeout)
      }
    guard let opened else { throw Failure(.unavailable, "\(name): out of memory") }
    context = opened
    incarnation += 1
    hasTimedOut = false
    guard opened.pointee.err == 0 else {
      let reason = Self.errorText(opened)
      disconnect()
      throw Failure(.unavailable, "\(name): cannot connect to Redis: \(reason)", isRetryable: true)
    }
    guard redisSetTimeout(opened, Self.timeval(timeouts.commandMilliseconds)) == REDIS_OK else {
      throw brokenContext(opened)
    }
    if case .tcp = address.endpoint { redisEnableKeepAlive(opened) }
    do {
      if let password {
        if let user = address.user {
          try command("AUTH", user, password, what: "logging in")
        } else {
          try command("AUTH", password, what: "logging in")
        }
      }
      if address.database != 0 { try command("SELECT", "\(address.database)", what: "selecting the database") }
      // Refuses early where a password is wanted and none is given, or while Redis still loads.
      try command("PING", what: "connecting")
    } catch {
      disconnect()
      throw error
    }
  }

  /// Closes, because after an error hiredis can do nothing else with a context.
  private func brokenContext(_ context: UnsafeMutablePointer<redisContext>) -> Failure {
    let reason = Self.errorText(context)
    hasTimedOut = context.pointee.err == REDIS_ERR_IO && errno == EAGAIN
    disconnect()
    return lost(reason)
  }

  private func lost(_ reason: String) -> Failure {
    Failure(.unavailable, "\(name): the connection to Redis broke: \(reason)", isRetryable: true)
  }

  private static func errorText(_ context: UnsafeMutablePointer<redisContext>) -> String {
    if context.pointee.err == REDIS_ERR_IO, errno == EAGAIN { return "no answer in time" }
    return withUnsafeBytes(of: context.pointee.errstr) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
  }

  private static func timeval(_ milliseconds: Int) -> timeval {
    #if canImport(Glibc)
      Glibc.timeval(tv_sec: milliseconds / 1000, tv_usec: milliseconds % 1000 * 1000)
    #else
      Darwin.timeval(tv_sec: milliseconds / 1000, tv_usec: Int32(milliseconds % 1000 * 1000))
    #endif
  }
}
