// What a real Redis does to a store that writes: it is full, read-only, gone, silent, restored, or has forgotten the scripts.

import Base
import Features
import Records
import Synchronization
import TestSupport
import Testing

@testable import RedisStore

@Suite(.enabled(if: !TestRedis.isExternal)) struct RedisOutageTests {
  private static let owner = FenceOwner(token: "a", name: "host:1")
  private let clock = ManualClock(1_000_000)
  private let redis: TestRedis
  private let keys: FenceKeys

  init() throws {
    redis = try TestRedis()
    keys = FenceKeys(prefix: redis.prefix, pipeline: "shop", topic: "clicks.c")
  }

  private func store(_ connection: RedisConnection? = nil) throws -> RedisFeatureStore {
    RedisFeatureStore(
      try connection ?? redis.connection(), prefix: redis.prefix,
      views: [StoredView(name: "short", keyFieldName: "user", featureNames: ["n"], timeToLiveMilliseconds: nil)], fences: keys,
      clock: clock)
  }

  private func rows(_ count: Int, _ value: Int64) -> FeatureRowBatch {
    let rows = FeatureRowBatch()
    for index in 0..<count { rows.append(view: 0, key: "u\(index)", values: [.integer(value)]) }
    return rows
  }

  private func position(_ nextOffset: Offset) -> FlushPosition {
    FlushPosition(partition: 0, nextOffset: nextOffset, flushingTo: nextOffset, watermark: 0)
  }

  private func fence() throws -> [String: String] { try redis.reader.hash(keys.fence(0)) }

  private func values(_ count: Int) throws -> Set<String> {
    let rows = try redis.reader.hashes((0..<count).map { "\(redis.prefix):short:u\($0)" })
    return Set(rows.map { "\($0["n"] ?? "-") \($0["_position"] ?? "-")" })
  }

  private func tell(_ arguments: String...) throws {
    let connection = try redis.connection()
    let buffer = ByteBuffer()
    RESP.append(arguments, to: buffer)
    try connection.send(buffer.bytes)
    _ = try connection.checkedReply("telling")
  }

  @Test func `a full Redis takes nothing, and everything once it has room`() throws {
    let store = try store()
    _ = try store.claim(0, as: Self.owner)
    _ = try store.write(rows(600, 1), at: [position(1)])
    let before = try fence()
    try tell("CONFIG", "SET", "maxmemory", "1")
    let failure = #expect(throws: Failure.self) { try store.write(rows(600, 2), at: [position(2)]) }
    #expect(failure?.isRetryable == true)
    #expect(failure?.code == .unavailable)
    #expect(failure?.message.contains("writing features: Redis is out of memory (maxmemory): ") == true)
    #expect(try values(600) == ["1 0:1"])
    #expect(try fence() == before)
    #expect(throws: Failure.self) { try store.claim(0, as: Self.owner) }
    try tell("CONFIG", "SET", "maxmemory", "0")
    _ = try store.claim(0, as: Self.owner)
    #expect(try store.write(rows(600, 2), at: [position(2)]) == [])
    #expect(try values(600) == ["2 0:2"])
  }

  @Test func `a replica refuses, and is asked again once it is none`() throws {
    let connection = try redis.connection()
    let store = try store(connection)
    _ = try store.claim(0, as: Self.owner)
    _ = try store.write(rows(10, 1), at: [position(1)])
    try tell("REPLICAOF", "127.0.0.1", "1")
    let failure = #expect(throws: Failure.self) { try store.write(rows(10, 2), at: [position(2)]) }
    #expect(failure?.isRetryable == true)
    #expect(failure?.message.contains("Redis is a read-only replica") == true)
    // The name is to be looked up again: a failover may have moved it.
    #expect(!connection.isOpen)
    try tell("REPLICAOF", "NO", "ONE")
    #expect(try store.write(rows(10, 2), at: [position(2)]) == [])
    #expect(try values(10) == ["2 0:2"])
  }

  @Test func `of several addresses the one that takes writes is found`() throws {
    let (primary, replica) = (try PrivateRedis(), try PrivateRedis())
    let admin = try RedisConnection(replica.address)
    try admin.command("REPLICAOF", "127.0.0.1", "1", what: "telling")
    var address = replica.address
    address.alternatives = [primary.address.endpoint]
    let connection = try RedisConnection(address)
    let store = try store(connection)
    _ = try store.claim(0, as: Self.owner)
    #expect(try store.write(rows(10, 1), at: [position(1)]) == [])
    #expect(try RedisReader(RedisConnection(primary.address)).hash(keys.fence(0))["next_offset"] == "1")
    // The primary is gone; the replica has taken its place, empty.
    primary.stop()
    try admin.command("REPLICAOF", "NO", "ONE", what: "telling")
    #expect(try store.write(rows(10, 2), at: [position(2)]) == [FenceRefusal(partition: 0, reason: .missing)])
  }

  @Test func `a connection that is killed is made anew with a new generation`() throws {
    let store = try store()
    _ = try store.claim(0, as: Self.owner)
    for round in 1...5 as ClosedRange<Int64> {
      try tell("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
      #expect(try store.write(rows(1000, round), at: [position(round)]) == [])
      #expect(try values(1000) == ["\(round) 0:\(round)"])
    }
    let fence = try fence()
    #expect(fence["generation"] == "1000005")
    #expect(fence["step"] == "5")
  }

  @Test func `connections killed and scripts flushed while rows are on their way lose and double nothing`() throws {
    let store = try store()
    _ = try store.claim(0, as: Self.owner)
    let isOver = Atomic(false)
    let address = redis.address
    let meddler = JoinableThread {
      let connection = try RedisConnection(address)
      defer { isOver.store(true, ordering: .relaxed) }
      for round in 1...400 {
        if round % 20 == 0 {
          try connection.command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes", what: "meddling")
        } else {
          try connection.command("SCRIPT", "FLUSH", what: "meddling")
        }
      }
    }
    var round: Int64 = 0
    while !isOver.load(ordering: .relaxed) {
      round += 1
      var isWritten = false
      // As a worker does: the same rows again, until they are confirmed.
      while !isWritten {
        do {
          #expect(try store.write(rows(2000, round), at: [position(round)]) == [])
          isWritten = true
        } catch let failure as Failure where failure.isRetryable {}
      }
    }
    try meddler.join()
    #expect(try values(2000) == ["\(round) 0:\(round)"])
    #expect(try fence()["next_offset"] == "\(round)")
  }

  @Test func `an answer that does not come in time is not waited for twice, and what arrives late lies under what came after`()
    throws
  {
    var timeouts = RedisTimeouts()
    timeouts.commandMilliseconds = 100
    let store = try store(RedisConnection(redis.address, timeouts: timeouts))
    _ = try store.claim(0, as: Self.owner)
    _ = try store.write(rows(10, 1), at: [position(1)])
    try tell("CLIENT", "PAUSE", "100000", "WRITE")
    let failure = #expect(throws: Failure.self) { try store.write(rows(10, 2), at: [position(2)]) }
    #expect(failure?.isRetryable == true)
    #expect(failure?.message == "\(redis.address): the connection to Redis broke: no answer in time")
    try tell("CLIENT", "UNPAUSE")
    #expect(try store.write(rows(10, 3), at: [position(3)]) == [])
    #expect(try values(10) == ["3 0:3"])
    #expect(try fence()["next_offset"] == "3")
  }

  @Test func `a Redis that comes back empty, or as it was, is told from the one that was written to`() throws {
    let store = try store()
    _ = try store.claim(0, as: Self.owner)
    _ = try store.write(rows(10, 1), at: [position(1)])
    // A saved state, restored: what DEBUG RELOAD or a replica that lagged would give.
    let connection = try redis.connection()
    let key = keys.fence(0)
    try connection.command("COPY", key, "\(key):saved", what: "saving")
    _ = try store.write(rows(10, 2), at: [position(2)])
    try connection.command("COPY", "\(key):saved", key, "REPLACE", what: "restoring")
    try tell("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    #expect(
      try store.write(rows(10, 3), at: [position(3)]) == [FenceRefusal(partition: 0, reason: .wentBack(to: 1))])
    #expect(try values(10) == ["2 0:2"])
    #expect(try store.claim(0, as: Self.owner)?.nextOffset == 1)
    #expect(try store.write(rows(10, 3), at: [position(3)]) == [])
    try redis.server?.restart()
    #expect(try store.write(rows(10, 4), at: [position(4)]) == [FenceRefusal(partition: 0, reason: .missing)])
    #expect(try redis.reader.keys(matching: "*").isEmpty)
  }

  @Test(arguments: [
    ("LOADING Redis is loading the dataset in memory", "Redis is not ready", true, ExitCode.unavailable),
    ("MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.", "Redis is not ready", true, .unavailable),
    ("TRYAGAIN Multiple keys request during rehashing of slot", "Redis is not ready", true, .unavailable),
    ("CLUSTERDOWN The cluster is down", "Redis is not ready", true, .unavailable),
    (
      "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.", "Redis is not ready", true,
      .unavailable
    ),
    ("ERR Error running script (call to f_x): Script killed by user with SCRIPT KILL...", "Redis is not ready", true, .unavailable),
    ("NOREPLICAS Not enough good replicas to write.", "Redis is not ready", true, .unavailable),
    ("READONLY You can't write against a read only replica.", "Redis is a read-only replica", true, .unavailable),
    ("OOM command not allowed when used memory > 'maxmemory'.", "Redis is out of memory (maxmemory)", true, .unavailable),
    ("MISCONF Redis is configured to save RDB snapshots", "Redis cannot save to disk and refuses writes", true, .unavailable),
    ("NOAUTH Authentication required.", "Redis refuses the login or the command", false, .unavailable),
    (
      "WRONGPASS invalid username-password pair or user is disabled.", "Redis refuses the login or the command", false, .unavailable
    ),
    (
      "NOPERM this user has no permissions to run the 'evalsha' command", "Redis refuses the login or the command", false,
      .unavailable
    ),
    (
      "WRONGTYPE Operation against a key holding the wrong kind of value",
      "a key of this name holds another type; choose another prefix or delete it", false, .failure
    ),
    ("ERR unknown command 'evalsha'", "Redis refuses", false, .failure),
  ])
  func `an error says whether waiting helps`(text: String, meaning: String, isRetryable: Bool, code: ExitCode) {
    let failure = RedisError(text: text).failure("redis://h:1", "writing features")
    #expect(failure.message == "redis://h:1: writing features: \(meaning): \(text)")
    #expect(failure.isRetryable == isRetryable)
    #expect(failure.code == code)
  }

  @Test(arguments: [
    ("noeviction", "100mb", nil), ("allkeys-lru", "100mb", "allkeys-lru"), ("allkeys-lfu", "0", nil),
    ("volatile-ttl", "100mb", nil),
  ])
  func `a policy that may evict fences is seen`(policy: String, limit: String, expected: String?) throws {
    try tell("CONFIG", "SET", "maxmemory-policy", policy)
    try tell("CONFIG", "SET", "maxmemory", limit)
    #expect(RedisInformation.evictionPolicy(try redis.reader.information("memory")) == expected)
    #expect(RedisInformation.evictionPolicy([:]) == nil)
  }

  @Test func `a user who may do only what is documented can do all of it`() throws {
    let admin = try redis.connection()
    let command = try DocumentedUser.command(password: "s3cret", prefix: redis.prefix)
    try admin.send(command.bytes)
    _ = try admin.checkedReply("making a user")
    var address = redis.address
    address.user = "freshet"
    address.database = 3
    let connection = try RedisConnection(address, password: "s3cret")
    let store = try store(connection)
    _ = try store.claim(0, as: Self.owner)
    #expect(try store.write(rows(1000, 1), at: [position(1)]) == [])
    connection.disconnect()
    try store.startAfresh(0, as: Self.owner)
    #expect(try store.write(rows(10, 2), at: [position(2)]) == [])
    store.release(0)
    let reader = RedisReader(connection)
    #expect(try reader.hash("\(redis.prefix):short:u1")["n"] == "2")
    #expect(try reader.keys(matching: "\(redis.prefix):*").count == 1001)
    let checkpoints = try RedisCheckpointStore(connection, prefix: redis.prefix, pipeline: "shop", topic: "clicks.c")
    try [UInt8](repeating: 7, count: 100).withUnsafeBytes { try checkpoints.save($0, of: 0, under: nil) }
    #expect(try checkpoints.load(0)?.bytes.count == 100)
    let box = RedisInquiryBox(connection, prefix: redis.prefix, pipeline: "shop")
    try box.ask("1", "why")
    #expect(try box.waiting() == ["1": "why"])
    try box.answer("1", with: "so")
    #expect(try box.answers(to: "1") == ["so"])
    try box.withdraw("1")
    // In a database of its own.
    #expect(try redis.reader.keys(matching: "*").isEmpty)
    let failure = #expect(throws: Failure.self) { try connection.retrying { try connection.command("FLUSHALL", what: "trying") } }
    #expect(failure?.message.contains("Redis refuses the login or the command: NOPERM") == true)
    #expect(failure?.isRetryable == false)
    #expect(throws: Failure.self) { try RedisConnection(address, password: "wrong") }
    #expect(throws: Failure.self) { try RedisConnection(address) }
  }
}
