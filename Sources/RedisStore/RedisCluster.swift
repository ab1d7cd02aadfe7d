// The nodes of a Redis Cluster: which has which slot, one connection to each, and where a redirected command is to go. The map is asked for
// with CLUSTER SLOTS, and again whenever a node says that a slot has moved, or cannot be reached.

import Base

/// `MOVED` or `ASK`: the key lies on another node, for good or for this command.
struct RedisRedirect: Error, Equatable {
  var slot: Int
  var endpoint: RedisAddress.Endpoint
  var isForGood: Bool

  /// Nil where the error is no redirect. A node that does not know its own name leaves the host out: it is the one that was asked.
  init?(_ text: String, askedAt asked: RedisAddress.Endpoint) {
    let parts = text.split(separator: " ")
    guard parts.count >= 3, parts[0] == "MOVED" || parts[0] == "ASK", let slot = Int(parts[1]), 0..<KeySlot.count ~= slot,
      let colon = parts[2].lastIndex(of: ":"), let port = UInt16(parts[2][parts[2].index(after: colon)...])
    else { return nil }
    var host = String(parts[2][..<colon])
    if host.isEmpty, case .tcp(let own, _) = asked { host = own }
    guard !host.isEmpty, host != "?" else { return nil }
    self.slot = slot
    endpoint = .tcp(host: host, port: port)
    isForGood = parts[0] == "MOVED"
  }
}

/// Driven by the thread that drives the connection it belongs to.
final class RedisCluster {
  /// Makes a connection to a node.
  private let connect: (RedisAddress.Endpoint) throws -> RedisConnection
  private let seeds: [RedisAddress.Endpoint]
  /// Every node that was ever spoken with: a connection that was there before must not be taken for a first one.
  private var nodes: [RedisAddress.Endpoint: RedisConnection] = [:]
  private var owners: [RedisAddress.Endpoint?] = Array(repeating: nil, count: KeySlot.count)
  private let name: String

  private static let redirectLimit = 16

  init(_ address: RedisAddress, connect: @escaping (RedisAddress.Endpoint) throws -> RedisConnection) throws {
    self.connect = connect
    name = address.description
    seeds = address.endpoints
    try refresh()
  }

  /// How often a connection to any node was made anew.
  var incarnation: Int { nodes.values.reduce(0) { $0 + $1.ownIncarnation } }

  /// Whether a node was given up because it did not answer.
  var hasTimedOut: Bool { nodes.values.contains { $0.hasTimedOut } }

  /// The nodes that have slots.
  func masters() throws -> [RedisConnection] {
    var seen: Set<RedisAddress.Endpoint> = []
    return try owners.compactMap { $0 }.filter { seen.insert($0).inserted }.map(node)
  }

  func node(ofSlot slot: Int) throws -> RedisConnection {
    if let owner = owners[slot] { return try node(owner) }
    try refresh()
    guard let owner = owners[slot] else {
      throw Failure(.unavailable, "\(name): no node of the cluster serves slot \(slot)", isRetryable: true)
    }
    return try node(owner)
  }

  func disconnect() {
    for node in nodes.values { node.disconnect() }
  }

  /// Runs `body` on the node that has the slot, wherever that goes; what it does may look at keys of this slot only, and must bear repeating.
  func run<Result>(slot: Int, _ body: (RedisConnection) throws -> Result) throws -> Result {
    var asked: RedisConnection?
    var hasRefreshed = false
    for _ in 0..<Self.redirectLimit {
      do {
        let node = try asked ?? node(ofSlot: slot)
        node.isAsking = asked != nil
        defer { node.isAsking = false }
        asked = nil
        return try node.retrying { try body(node) }
      } catch let redirect as RedisRedirect {
        if redirect.isForGood { try move(redirect) } else { asked = try node(redirect.endpoint) }
      } catch let failure as Failure where failure.isRetryable && !hasRefreshed {
        // A replica may have taken the node's place.
        hasRefreshed = true
        let before = owners[slot]
        guard (try? refresh()) != nil, owners[slot] != before else { throw failure }
      }
    }
    throw Failure(.unavailable, "\(name): slot \(slot) is passed on from node to node", isRetryable: true)
  }

  /// A slot has a new owner; others will have come with it.
  func move(_ redirect: RedisRedirect) throws {
    try? refresh()
    owners[redirect.slot] = redirect.endpoint
  }

  /// Connects to every node that has slots.
  func openAll() throws {
    for node in try masters() where !node.isOpen { try node.retrying {} }
  }

  /// Asks the first node that answers for the whole map.
  func refresh() throws {
    var refusal: (any Error)?
    let known = nodes.filter { $0.value.isOpen }.map(\.key)
    for endpoint in known + seeds + nodes.keys.filter({ !known.contains($0) }) {
      do {
        let node = try node(endpoint)
        let ranges = try node.retrying { try Self.slots(of: node, endpoint) }
        owners = Array(repeating: nil, count: KeySlot.count)
        for (range, owner) in ranges { for slot in range { owners[slot] = owner } }
        return
      } catch { refusal = refusal ?? error }
    }
    throw refusal ?? Failure(.unavailable, "\(name): no node of the cluster answers", isRetryable: true)
  }

  func node(_ endpoint: RedisAddress.Endpoint) throws -> RedisConnection {
    if let node = nodes[endpoint] { return node }
    let node = try connect(endpoint)
    nodes[endpoint] = node
    return node
  }

  private static func slots(of node: RedisConnection, _ asked: RedisAddress.Endpoint) throws
    -> [(ClosedRange<Int>, RedisAddress.Endpoint)]
  {
    let reply = try node.command("CLUSTER", "SLOTS", what: "asking for the slots")
    return (0..<reply.count).compactMap { index in
      guard let first = reply.integer(at: index, 0), let last = reply.integer(at: index, 1), 0 <= first, first <= last,
        last < Int64(KeySlot.count), let port = reply.integer(at: index, 2, 1), let port = UInt16(exactly: port)
      else { return nil }
      var host = reply.text(at: index, 2, 0) ?? ""
      if host.isEmpty || host == "?", case .tcp(let own, _) = asked { host = own }
      return (Int(first)...Int(last), .tcp(host: host, port: port))
    }
  }
}
