// A connection whose address is a Redis Cluster's: found out when it is opened, or when Redis says that a key lies elsewhere.

import Base

extension RedisConnection {
  var isCluster: Bool { cluster != nil }

  /// How many connections were made, to whatever node: what was sent over an earlier one may still arrive.
  var incarnation: Int { cluster?.incarnation ?? ownIncarnation }

  /// Runs `body` on the connection to the node that has `key`; what it does may look at keys of one slot only, and must bear repeating.
  func retrying<Result>(at key: String, _ body: (RedisConnection) throws -> Result) throws -> Result {
    if let cluster { return try cluster.run(slot: KeySlot.of(key), body) }
    do { return try retrying { try body(self) } } catch let failure as Failure where failure.isRetryable {
      guard let cluster else { throw failure }
      return try cluster.run(slot: KeySlot.of(key), body)
    }
  }

  /// The connections to all Redis processes that hold keys.
  func masters() throws -> [RedisConnection] {
    guard let cluster else { return [self] }
    try cluster.refresh()
    return try cluster.masters()
  }

  /// Asks Redis whether it is a cluster. One that does not let us ask is one where the address names several nodes.
  func lookForCluster() throws {
    let buffer = ByteBuffer()
    RESP.append(["INFO", "cluster"], to: buffer)
    try send(buffer.bytes)
    let reply = try reply()
    if let text = reply.text {
      if text.contains("cluster_enabled:1") { try becomeCluster() }
    } else if address.endpoints.count > 1 {
      try? becomeCluster()
    }
  }

  func becomeCluster() throws {
    guard cluster == nil else { return }
    let (user, password, timeouts, logger, transport) = (address.user, password, timeouts, logger, transport)
    cluster = try RedisCluster(address) { endpoint in
      try RedisConnection(
        RedisAddress(endpoint: endpoint, user: user), password: password, timeouts: timeouts, logger: logger, transport: transport,
        isNode: true)
    }
  }
}
