// One blocking connection to Redis. Commands are written as RESP into the caller's buffer and sent in pieces; replies come back in order,
// one call each. A connection that broke is opened again by the next attempt: see `retrying`.

import Base
import Logging

/// Times and bounds of a connection, in ms.
public struct RedisTimeouts: Sendable {
  /// For the connection to be made.
  public var connectMilliseconds = 3000
  /// For an answer.
  public var commandMilliseconds = 5000

  public init() {}
}

/// Owns a wire; used by one thread at a time.
public final class RedisConnection {
  public let address: RedisAddress
  public var name: String { address.description }

  private let password: String?
  private let timeouts: RedisTimeouts
  private let logger: Logger
  private let transport: (any RedisTransport)?
  private var wire: (any RedisWire)?
  /// How many connections were made: what was sent over an earlier one may still arrive.
  private(set) var incarnation = 0
  /// Whether the last connection was given up because no answer came: then another try would only wait as long again.
  private var hasTimedOut = false
  var isOpen: Bool { wire != nil }

  /// Connects, authenticates and selects the database, without trying twice.
  ///
  /// - Parameter transport: What makes connections; nil for sockets.
  public init(
    _ address: RedisAddress, password: String? = nil, timeouts: RedisTimeouts = RedisTimeouts(),
    logger: Logger = Logger(label: "freshet.redis"), transport: (any RedisTransport)? = nil
  ) throws {
    self.address = address
    self.password = password
    self.timeouts = timeouts
    self.logger = logger
    self.transport = transport
    try open()
  }

  /// Closes; the next command opens again.
  public func disconnect() { wire = nil }

  /// Runs `body`; once more, over a new connection, where the one that there was broke. Longer waits are the caller's, who is told by a
  /// retryable failure. What `body` does must bear repeating.
  func retrying<Result>(_ body: () throws -> Result) throws -> Result {
    if wire == nil { try open() }
    do { return try body() } catch let failure as Failure where failure.isRetryable && wire == nil && !hasTimedOut {
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

  /// Queues RESP bytes.
  func send(_ bytes: UnsafeBufferPointer<UInt8>) throws { try onWire { wire throws(RedisWireError) in try wire.send(bytes) } }

  /// Writes what is queued, so that Redis works while the caller goes on.
  func flush() throws { try onWire { wire throws(RedisWireError) in try wire.flush() } }

  /// The next reply, which may be an error.
  func reply() throws -> RedisReply { try onWire { wire throws(RedisWireError) in try wire.reply() } }

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
    incarnation += 1
    hasTimedOut = false
    do throws(RedisWireError) {
      if let transport { wire = try StreamWire(try transport.open(address)) } else { wire = try SocketWire(address, timeouts) }
    } catch {
      throw Failure(.unavailable, "\(name): cannot connect to Redis: \(error.reason)", isRetryable: true)
    }
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

  /// Closes after an error, because nothing else can be done with the wire then.
  private func onWire<Result: ~Copyable>(_ body: (any RedisWire) throws(RedisWireError) -> Result) throws -> Result {
    guard let wire else { throw lost("the connection is closed") }
    do throws(RedisWireError) { return try body(wire) } catch {
      hasTimedOut = error.isTimeout
      disconnect()
      throw lost(error.reason)
    }
  }

  private func lost(_ reason: String) -> Failure {
    Failure(.unavailable, "\(name): the connection to Redis broke: \(reason)", isRetryable: true)
  }
}
