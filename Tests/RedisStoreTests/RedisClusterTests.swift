// The store over a real Redis Cluster: keys in many slots, slots that move, nodes that go and come back.

import Base
import Features
import Records
import TestSupport
import Testing

@testable import RedisStore

@Suite(.serialized) struct RedisClusterTests {
  private static let owner = FenceOwner(token: "a", name: "host:1")
  private static let other = FenceOwner(token: "b", name: "host:2")
  private let prefix = "test-\(UInt32.random(in: 0 ... .max))"
  private var keys: FenceKeys { FenceKeys(prefix: prefix, pipeline: prefix, topic: "clicks.c") }
  private static let users = (0..<600).map { "u\($0)" }

  private func store(_ connection: RedisConnection, clock: ManualClock = ManualClock(1_000_000)) -> RedisFeatureStore {
    RedisFeatureStore(
      connection, prefix: prefix,
      views: [StoredView(name: "short", keyFieldName: "user", featureNames: ["n", "m"], timeToLiveMilliseconds: 600_000)],
      fences: keys, clock: clock)
  }

  private func rows(_ users: [String], _ value: Int64, partition: PartitionIndex = 0) -> FeatureRowBatch {
    let rows = FeatureRowBatch()
    for user in users {
      rows.append(view: 0, key: user, values: [.integer(value), value % 2 == 0 ? .null : .integer(1)], partition: partition)
    }
    return rows
  }

  private func position(_ nextOffset: Offset, partition: PartitionIndex = 0) -> FlushPosition {
    FlushPosition(partition: partition, nextOffset: nextOffset, flushingTo: nextOffset, watermark: 0)
  }

  private func values(_ cluster: TestRedisCluster, _ users: [String] = users) throws -> Set<String> {
    Set(
      try RedisReader(cluster.connection()).hashes(users.map { "\(prefix):short:\($0)" }).map {
        "\($0["n"] ?? "-") \($0["_position"] ?? "-")"
      })
  }

  @Test func `a key's slot is the one that Redis takes`() throws {
    #expect(KeySlot.of("123456789") == 0x31C3)
    #expect(KeySlot.of("{user1000}.following") == KeySlot.of("user1000"))
    let redis = try PrivateRedis(options: ["--cluster-enabled", "yes"])
    let connection = try RedisConnection(redis.address, isNode: true)
    let texts = ["foo{}{bar}", "foo{{bar}}zap", "foo{bar}{zap}", "}{", "a}b{c}", "{", "{}", "hé:ü", keys.fence(3)] + Self.users
    for text in texts {
      #expect(try connection.command("CLUSTER", "KEYSLOT", text, what: "asking").integer == Int64(KeySlot.of(text)), "\(text)")
    }
  }

  @Test func `each of several commands is announced where a slot is on its way`() {
    let commands = ByteBuffer()
    RESP.append(["SET", "k", "*1\r\n$1\r\n"], to: commands)
    RESP.append([""], to: commands)
    RESP.append(["GET", "k"], to: commands)
    let expected = ByteBuffer()
    for command in [["ASKING"], ["SET", "k", "*1\r\n$1\r\n"], ["ASKING"], [""], ["ASKING"], ["GET", "k"]] {
      RESP.append(command, to: expected)
    }
    let announced = RESP.asking(commands.bytes)
    #expect(Array(announced.bytes) == Array(expected.bytes))
    for length in 0..<commands.count { _ = RESP.asking(UnsafeBufferPointer(rebasing: commands.bytes[..<length])) }
  }

  @Test func `rows go to all nodes, and the fence says so`() throws {
    let cluster = try TestRedisCluster.shared()
    let connection = try cluster.connection()
    #expect(connection.isCluster)
    let store = store(connection)
    #expect(try store.claim(0, as: Self.owner)?.generation == 1_000_000)
    #expect(try store.claim(1, as: Self.owner) != nil)
    let both = self.rows(Self.users, 1)
    both.append(view: 0, key: "v", values: [.integer(5), .integer(5)], partition: 1)
    #expect(try store.write(both, at: [position(7), position(9, partition: 1)]) == [])
    #expect(store.writtenRowCount == 601)
    #expect(try values(cluster) == ["1 0:7"])
    let reader = RedisReader(connection)
    let row = try reader.hash("\(prefix):short:v")
    #expect(
      row.filter { $0.key != "_generation" } == [
        "n": "5", "m": "5", "_as_of": "1000", "_last_event": "900", "_written_at": "1000000", "_position": "1:9",
      ])
    #expect(try #require(try reader.timeToLiveMilliseconds(of: "\(prefix):short:v")) > 500_000)
    #expect(try reader.hash(keys.fence(1))["next_offset"] == "9")
    #expect(try reader.keys(matching: "\(prefix):*").count == 603)
    let counts = try (0..<3).map { try cluster.connection(toNode: $0).command("DBSIZE", what: "counting").integer ?? 0 }
    #expect(counts.allSatisfy { $0 > 100 }, "\(counts)")
    // A null takes the field away; a second flush moves on.
    #expect(try store.write(rows(Self.users, 2), at: [position(8)]) == [])
    #expect(try reader.hash("\(prefix):short:u0")["m"] == nil)
    #expect(try values(cluster) == ["2 0:8"])
    #expect(try reader.removeKeys(matching: "\(prefix):*") == 603)
  }

  @Test func `a worker that was overtaken is refused, and cannot lie over the other's rows`() throws {
    let cluster = try TestRedisCluster.shared()
    let connection = try cluster.connection()
    let old = store(connection)
    let new = store(try cluster.connection())
    _ = try old.claim(0, as: Self.owner)
    _ = try old.write(rows(Self.users, 1), at: [position(7)])
    let held = try #require(RedisReader(connection).hash(keys.fence(0))["generation"])
    let fence = try new.claim(0, as: Self.other)
    #expect(fence?.nextOffset == 7)
    #expect(fence?.previousOwner == "host:1")
    _ = try new.write(rows(Array(Self.users.prefix(300)), 2), at: [position(9)])
    #expect(
      try old.write(rows(Self.users, 3), at: [position(20)]) == [FenceRefusal(partition: 0, reason: .overtaken(by: "host:2"))])
    #expect(try values(cluster) == ["1 0:7", "2 0:9"])
    // It had passed the check, and sends its rows only now: those of the later generation stay.
    let part = PartitionRows(0, viewCount: 1)
    part.position = position(20)
    let late = rows(Self.users, 4)
    for index in late.rows.indices { part.append(index, view: 0) }
    let claim = RedisFences.Held(owner: Self.owner, generation: try #require(Int64(held)), step: 1, base: 0, incarnation: 0)
    let layout = ViewLayout(
      StoredView(name: "short", keyFieldName: "user", featureNames: ["n", "m"], timeToLiveMilliseconds: nil), prefix: prefix)
    try ClusterRows([layout]).write(late, [(part, claim)], writtenAt: 1, to: try #require(connection.cluster))
    #expect(try values(cluster, Array(Self.users.prefix(300))) == ["2 0:9"])
    #expect(try values(cluster, Array(Self.users.dropFirst(300))) == ["4 0:20"])
    // Nor does the new owner go back, where a row holds more than it has read.
    #expect(try new.write(rows(Self.users, 5), at: [position(10)]) == [])
    #expect(try values(cluster, Array(Self.users.prefix(300))) == ["5 0:10"])
    #expect(try values(cluster, Array(Self.users.dropFirst(300))) == ["4 0:20"])
    #expect(try new.write(rows(Self.users, 6), at: [position(20)]) == [])
    #expect(try values(cluster) == ["6 0:20"])
    // What is started afresh may go back, whoever wrote it.
    _ = try old.claim(0, as: Self.owner)
    try old.startAfresh(0, as: Self.owner)
    #expect(try old.write(rows(Self.users, 7), at: [position(1)]) == [])
    #expect(try values(cluster) == ["7 0:1"])
  }

  @Test func `a fence that is gone, or went back, is told in a cluster, too`() throws {
    let cluster = try TestRedisCluster.shared()
    let connection = try cluster.connection()
    let clock = ManualClock(1_000_000)
    let store = store(connection, clock: clock)
    _ = try store.claim(0, as: Self.owner)
    for value in 1...2 as ClosedRange<Int64> { _ = try store.write(rows(Self.users, value), at: [position(value)]) }
    let key = keys.fence(0)
    let fence = try cluster.connection(toNode: cluster.node(of: key))
    try fence.command("HSET", key, "step", "1", "next_offset", "1", what: "restoring")
    let wentBack = FenceRefusal(partition: 0, reason: .wentBack(to: 1))
    #expect(try store.write(rows(Self.users, 3), at: [position(3)]) == [wentBack])
    connection.disconnect()
    #expect(try store.write(rows(Self.users, 3), at: [position(3)]) == [wentBack])
    try fence.command("DEL", key, what: "evicting")
    #expect(try store.write(rows(Self.users, 3), at: [position(3)]) == [FenceRefusal(partition: 0, reason: .missing)])
    #expect(try values(cluster) == ["2 0:2"])
    // Replaying from there writes nothing over rows that hold more.
    clock.advance(by: 1000)
    _ = try store.claim(0, as: Self.other)
    #expect(try store.write(rows(Self.users, 1), at: [position(1)]) == [])
    #expect(try values(cluster) == ["2 0:2"])
    #expect(try store.write(rows(Self.users, 3), at: [position(3)]) == [])
    #expect(try values(cluster) == ["3 0:3"])
  }

  @Test func `a slot that moves under the writes takes its rows along`() throws {
    let cluster = try TestRedisCluster.shared()
    let connection = try cluster.connection()
    let store = store(connection)
    _ = try store.claim(0, as: Self.owner)
    // All users of one slot, so that there are several; some are written before the move, some only during it.
    let users = (0..<200).map { "{7}\($0)" }
    var value: Int64 = 0
    func writeAll(_ users: [String]) throws {
      value += 1
      #expect(try store.write(rows(users, value), at: [position(value)]) == [])
      #expect(try values(cluster, users) == ["\(value) 0:\(value)"])
    }
    try writeAll(Array(users.prefix(100)))
    let slot = "\(KeySlot.of("7"))"
    let from = try cluster.node(of: "7")
    let to = (from + 1) % 3
    let source = try cluster.connection(toNode: from)
    let target = try cluster.connection(toNode: to)
    let targetIdentifier = try cluster.identifier(ofNode: to)
    try target.command("CLUSTER", "SETSLOT", slot, "IMPORTING", try cluster.identifier(ofNode: from), what: "moving")
    try source.command("CLUSTER", "SETSLOT", slot, "MIGRATING", targetIdentifier, what: "moving")
    // What is there is written there; what is not is asked for at the target.
    try writeAll(Array(users.prefix(150)))
    for user in users.prefix(60) {
      try source.command("MIGRATE", "127.0.0.1", "\(cluster.ports[to])", "\(prefix):short:\(user)", "0", "5000", what: "moving")
    }
    try writeAll(users)
    for user in users.dropFirst(60).prefix(40) {
      try source.command("MIGRATE", "127.0.0.1", "\(cluster.ports[to])", "\(prefix):short:\(user)", "0", "5000", what: "moving")
    }
    for node in [target, source] { try node.command("CLUSTER", "SETSLOT", slot, "NODE", targetIdentifier, what: "moving") }
    try writeAll(users)
    #expect(try cluster.connection(toNode: to).command("CLUSTER", "COUNTKEYSINSLOT", slot, what: "counting").integer == 200)
    #expect(try RedisReader(connection).keys(matching: "\(prefix):short:*").count == 200)
  }

  @Test func `the fence's slot moves, too`() throws {
    let cluster = try TestRedisCluster.shared()
    let store = store(try cluster.connection())
    _ = try store.claim(0, as: Self.owner)
    _ = try store.write(rows(["u"], 1), at: [position(1)])
    let key = keys.fence(0)
    let slot = "\(KeySlot.of(key))"
    let from = try cluster.node(of: key)
    let to = (from + 2) % 3
    let (source, target) = (try cluster.connection(toNode: from), try cluster.connection(toNode: to))
    let targetIdentifier = try cluster.identifier(ofNode: to)
    try target.command("CLUSTER", "SETSLOT", slot, "IMPORTING", try cluster.identifier(ofNode: from), what: "moving")
    try source.command("CLUSTER", "SETSLOT", slot, "MIGRATING", targetIdentifier, what: "moving")
    try source.command("MIGRATE", "127.0.0.1", "\(cluster.ports[to])", key, "0", "5000", what: "moving")
    #expect(try store.write(rows(["u"], 2), at: [position(2)]) == [])
    for node in [target, source] { try node.command("CLUSTER", "SETSLOT", slot, "NODE", targetIdentifier, what: "moving") }
    #expect(try store.write(rows(["u"], 3), at: [position(3)]) == [])
    #expect(try values(cluster, ["u"]) == ["3 0:3"])
  }

  @Test func `a node that is away stops the writes, and nothing is lost when it is back`() throws {
    let cluster = try TestRedisCluster()
    let store = store(try cluster.connection())
    _ = try store.claim(0, as: Self.owner)
    _ = try store.write(rows(Self.users, 1), at: [position(1)])
    // The fence's node, and one that has rows only.
    let fenceNode = try cluster.node(of: keys.fence(0))
    for (round, index) in [fenceNode, (fenceNode + 1) % 3].enumerated() {
      cluster.nodes[index].kill()
      let failure = #expect(throws: Failure.self) { try store.write(rows(Self.users, 2), at: [position(2)]) }
      #expect(failure?.isRetryable == true)
      #expect(failure?.code == .unavailable)
      try cluster.nodes[index].start()
      try cluster.waitUntilReady(knowing: 3)
      let value = Int64(round) + 3
      #expect(try store.write(rows(Self.users, value), at: [position(value)]) == [])
      #expect(try values(cluster) == ["\(value) 0:\(value)"])
    }
  }

  @Test func `a replica that takes over is found`() throws {
    let cluster = try TestRedisCluster(nodeCount: 4, replicaCount: 1)
    let store = store(try cluster.connection())
    _ = try store.claim(0, as: Self.owner)
    _ = try store.write(rows(Self.users, 1), at: [position(1)])
    let isThere = waitUntil(seconds: 30) {
      let info = try? cluster.connection(toNode: 3).command("INFO", "replication", what: "asking").text
      return info?.contains("master_link_status:up") == true && info?.contains("role:slave") == true
    }
    #expect(isThere)
    try cluster.connection(toNode: 3).command("CLUSTER", "FAILOVER", what: "failing over")
    let hasTakenOver = waitUntil(seconds: 30) {
      (try? cluster.connection(toNode: 3).command("INFO", "replication", what: "asking").text)??.contains("role:master") == true
    }
    #expect(hasTakenOver)
    #expect(try store.write(rows(Self.users, 2), at: [position(2)]) == [])
    #expect(try values(cluster) == ["2 0:2"])
  }

  @Test func `a cluster that does not say so is found by its first redirect`() throws {
    let cluster = try TestRedisCluster.shared()
    for index in 0..<3 {
      try cluster.connection(toNode: index).command("ACL", "SETUSER", "default", "-info", what: "forbidding")
    }
    defer {
      for index in 0..<3 {
        _ = try? cluster.connection(toNode: index).command("ACL", "SETUSER", "default", "+info", what: "allowing")
      }
    }
    let connection = try cluster.connection()
    #expect(!connection.isCluster)
    let reader = RedisReader(connection)
    for user in Self.users.prefix(20) { #expect(try reader.hash("\(prefix):short:\(user)").isEmpty) }
    #expect(connection.isCluster)
  }

  @Test func `the documented user is let in on every node`() throws {
    let cluster = try TestRedisCluster.shared()
    for index in 0..<3 {
      let node = try cluster.connection(toNode: index)
      let command = try DocumentedUser.command(password: "s3cret", prefix: prefix, more: ["+cluster|slots", "+asking"])
      try node.send(command.bytes)
      _ = try node.checkedReply("making a user")
    }
    var address = cluster.address
    address.user = DocumentedUser.name
    let connection = try RedisConnection(address, password: "s3cret")
    #expect(connection.isCluster)
    let store = store(connection)
    _ = try store.claim(0, as: Self.owner)
    #expect(try store.write(rows(Self.users, 1), at: [position(7)]) == [])
    connection.disconnect()
    #expect(try store.write(rows(Self.users, 2), at: [position(8)]) == [])
    store.release(0)
    #expect(try values(cluster) == ["2 0:8"])
    #expect(try RedisReader(connection).keys(matching: "\(prefix):short:*").count == 600)
  }

  @Test func `a cluster has one database`() throws {
    let redis = try PrivateRedis(options: ["--cluster-enabled", "yes"])
    var address = redis.address
    address.database = 3
    let failure = #expect(throws: Failure.self) { try RedisConnection(address) }
    #expect(
      failure?.message
        == "\(address): selecting the database: a Redis Cluster has no database but 0: ERR SELECT is not allowed in cluster mode")
    #expect(failure?.code == .usage)
  }
}
