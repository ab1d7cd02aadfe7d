// A Redis Cluster for tests: redis-server processes of our own on loopback, each keeping what it has over a restart.

import Base
import Foundation
import RedisStore
import Synchronization
import TestSupport

@testable import RedisStore

final class TestRedisCluster: @unchecked Sendable {
  let nodes: [PrivateRedis]
  let ports: [UInt16]

  /// One of three nodes for all tests that leave it as they found it; it ends with the process.
  static func shared() throws -> TestRedisCluster {
    try held.withLock { held in
      if let cluster = held { return cluster }
      let cluster = try TestRedisCluster()
      held = cluster
      atexit { TestRedisCluster.held.withLock { $0?.nodes.forEach { $0.stop() } } }
      return cluster
    }
  }

  private static let held = Mutex<TestRedisCluster?>(nil)

  /// - Parameter replicaCount: How many of the nodes have no slots of their own, and copy the first one.
  init(nodeCount: Int = 3, replicaCount: Int = 0, options: [String] = []) throws {
    ports = try Self.freePorts(nodeCount)
    nodes = try ports.map { port in
      try PrivateRedis(
        options: [
          "--port", "\(port)", "--bind", "127.0.0.1", "--cluster-enabled", "yes", "--cluster-node-timeout", "2000", "--appendonly",
          "yes", "--appendfsync", "always", "--cluster-replica-validity-factor", "0",
        ] + options)
    }
    let masterCount = nodeCount - replicaCount
    for (index, port) in ports.enumerated() {
      let node = try connection(toNode: index)
      try node.command("CLUSTER", "SET-CONFIG-EPOCH", "\(index + 1)", what: "making a cluster")
      if index < masterCount {
        let slots = KeySlot.count * index / masterCount..<KeySlot.count * (index + 1) / masterCount
        let buffer = ByteBuffer()
        RESP.append(["CLUSTER", "ADDSLOTS"] + slots.map { "\($0)" }, to: buffer)
        try node.send(buffer.bytes)
        _ = try node.checkedReply("making a cluster")
      }
      if index > 0 { try connection(toNode: 0).command("CLUSTER", "MEET", "127.0.0.1", "\(port)", what: "making a cluster") }
    }
    try waitUntilReady(knowing: nodeCount)
    for index in masterCount..<nodeCount {
      try connection(toNode: index).command("CLUSTER", "REPLICATE", try identifier(ofNode: 0), what: "making a cluster")
    }
  }

  /// The address names the last node only: the others have to be found.
  var address: RedisAddress { RedisAddress(endpoint: .tcp(host: "127.0.0.1", port: ports[ports.count - 1])) }

  func connection() throws -> RedisConnection { try RedisConnection(address) }

  /// A connection that follows no redirects.
  func connection(toNode index: Int) throws -> RedisConnection {
    try RedisConnection(RedisAddress(endpoint: .tcp(host: "127.0.0.1", port: ports[index])), isNode: true)
  }

  func identifier(ofNode index: Int) throws -> String {
    try connection(toNode: index).command("CLUSTER", "MYID", what: "asking").text ?? ""
  }

  /// The node that serves the slot of a key, as the first says.
  func node(of key: String) throws -> Int {
    let connection = try RedisConnection(RedisAddress(endpoint: .tcp(host: "127.0.0.1", port: ports[0])))
    guard let cluster = connection.cluster, case .tcp(_, let port) = try cluster.node(ofSlot: KeySlot.of(key)).address.endpoint,
      let index = ports.firstIndex(of: port)
    else { throw Failure(.failure, "nobody serves \(key)") }
    return index
  }

  /// Waits until all nodes that run find the cluster whole.
  func waitUntilReady(knowing nodeCount: Int) throws {
    let isReady = waitUntil(seconds: 60) {
      nodes.indices.allSatisfy { index in
        guard let text = try? connection(toNode: index).command("CLUSTER", "INFO", what: "asking").text else { return false }
        return text.contains("cluster_state:ok") && text.contains("cluster_known_nodes:\(nodeCount)")
      }
    }
    guard isReady else { throw Failure(.unavailable, "the nodes do not become a cluster") }
  }

  /// Ports that are free, and whose ports of the cluster's bus are.
  private static func freePorts(_ count: Int) throws -> [UInt16] {
    var found: [UInt16] = []
    for _ in 0..<1000 where found.count < count {
      let port = UInt16.random(in: 20_000..<32_000)
      if !found.contains(port), isFree(port), isFree(port + 10_000) { found.append(port) }
    }
    guard found.count == count else { throw Failure(.unavailable, "no free ports") }
    return found
  }

  private static func isFree(_ port: UInt16) -> Bool {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    return withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0 }
    }
  }
}
