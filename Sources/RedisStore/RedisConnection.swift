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

  let password: String?
  let timeouts: RedisTimeouts
  let logger: Logger
  let transport: (any RedisTransport)?
  private var wire: (any RedisWire)?
  /// How many connections were made: what was sent over an earlier one may still arrive.
  private(set) var ownIncarnation = 0
  /// Which of the address' endpoints is tried first.
  private var endpointIndex = 0
  /// The nodes, where the address is a Redis Cluster's.
  var cluster: RedisCluster?
  /// Whether this is one node's: what it redirects is for its cluster to follow.
  let isNode: Bool
  /// Whether each command is to be taken although its slot is only on its way here; whole commands are sent then.
  var isAsking = false
  /// Whether the last connection was given up because no answer came: then another try would only wait as long again.
  private(set) var hasTimedOut = false
  var isOpen: Bool { wire != nil }

  /// Connects, authenticates and selects the database, without trying twice.
  ///
  /// - Parameters:
  ///   - transport: What makes connections; nil for sockets.
  ///   - isNode: Whether to speak with this one process, whatever cluster it may be of.
  public init(
    _ address: RedisAddress, password: String? = nil, timeouts: RedisTimeouts = RedisTimeouts(),
    logger: Logger = Logger(label: "freshet.redis"), transport: (any RedisTransport)? = nil, isNode: Bool = false
  ) throws {
    self.address = address
    self.password = password
    self.timeouts = timeouts
    self.logger = logger
    self.transport = transport
    self.isNode = isNode
    try open()
    if !isNode { try lookForCluster() }
  }

  /// Closes; the next command opens again.
  public func disconnect() {
    wire = nil
    cluster?.disconnect()
  }

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

  /// One command, one reply; an error reply becomes a failure.
  @discardableResult
  func command(_ arguments: String..., what: String) throws -> RedisReply {
    let buffer = ByteBuffer()
    RESP.append(arguments, to: buffer)
    try send(buffer.bytes)
    return try checkedReply(what)
  }

  /// Queues RESP bytes.
  func send(_ bytes: UnsafeBufferPointer<UInt8>) throws {
    if isAsking {
      let commands = RESP.asking(bytes)
      return try onWire { wire throws(RedisWireError) in try wire.send(commands.bytes) }
    }
    try onWire { wire throws(RedisWireError) in try wire.send(bytes) }
  }

  /// Writes what is queued, so that Redis works while the caller goes on.
  func flush() throws { try onWire { wire throws(RedisWireError) in try wire.flush() } }

  /// Waits for bytes of replies; see `RedisWire.receive`.
  func receive(into buffer: ByteBuffer) throws { try onWire { wire throws(RedisWireError) in try wire.receive(into: buffer) } }

  /// The next reply, which may be an error.
  func reply() throws -> RedisReply {
    if isAsking { _ = try onWire { wire throws(RedisWireError) in try wire.reply() } }
    return try onWire { wire throws(RedisWireError) in try wire.reply() }
  }

  /// The next reply; an error becomes a failure that says `what` was being done.
  func checkedReply(_ what: String) throws -> RedisReply {
    let reply = try reply()
    if let error = reply.error { throw failure(error, what) }
    return reply
  }

  /// What an error reply means: a `Failure`, or the `RedisRedirect` of a node. Closes where another Redis may by now be found at the address.
  func failure(_ text: String, _ what: String) -> any Error {
    if let redirect = RedisRedirect(text, askedAt: address.endpoint) {
      if isNode { return redirect }
      // It was not known that this is a cluster: from now on it is.
      do { try becomeCluster() } catch { return error }
      return Failure(.unavailable, "\(name): \(what): Redis is a cluster: \(text)", isRetryable: true)
    }
    let error = RedisError(text: text)
    if error.isElsewhere {
      disconnect()
      endpointIndex += 1
    }
    return error.failure(name, what)
  }

  /// Connects to the first endpoint that can be, beginning with the one that served last. Its name is looked up anew.
  private func open() throws {
    let endpoints = address.endpoints
    var refusal: (any Error)?
    for _ in endpoints {
      do { return try open(endpoints[endpointIndex % endpoints.count]) } catch {
        refusal = refusal ?? error
        if let failure = error as? Failure, !failure.isRetryable { throw failure }
        endpointIndex += 1
      }
    }
    if let refusal { throw refusal }
  }

  private func open(_ endpoint: RedisAddress.Endpoint) throws {
    ownIncarnation += 1
    hasTimedOut = false
    let address = RedisAddress(endpoint: endpoint, user: address.user, database: address.database)
    do throws(RedisWireError) {
      if let transport { wire = try StreamWire(try transport.open(address)) } else { wire = try SocketWire(address, timeouts) }
    } catch {
      throw Failure(.unavailable, "\(address): cannot connect to Redis: \(error.reason)", isRetryable: true)
    }
    do {
      if let user = address.user {
        // Without a password for one who needs none: else we would be the default user, unnoticed.
        try command("AUTH", user, password ?? "", what: "logging in")
      } else if let password {
        try command("AUTH", password, what: "logging in")
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
