import Base
import Features
import TestSupport
import Testing

@testable import RedisStore

struct RedisCheckpointStoreTests {
  private func snapshot(_ count: Int, seed: UInt8) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8 &+ $0 >> 16) ^ seed }
  }

  private func store(_ redis: TestRedis) throws -> RedisCheckpointStore {
    try RedisCheckpointStore(try redis.connection(), prefix: redis.prefix, pipeline: "p", topic: "s.clicks")
  }

  private func key(_ redis: TestRedis) -> String { "\(redis.prefix):_freshet:checkpoint:{p:s.clicks:0}" }

  private func keys(_ redis: TestRedis) throws -> Set<String> { Set(try redis.reader.keys(matching: "\(redis.prefix):*")) }

  @Test func `a partition without a checkpoint has none`() throws {
    let redis = try TestRedis()
    #expect(try store(redis).load(3) == nil)
  }

  @Test(arguments: [0, 1, 1000, (64 << 10) - 1, 64 << 10, (64 << 10) + 1, 20 << 20])
  func `a checkpoint of any size comes back as it was saved`(count: Int) throws {
    let redis = try TestRedis()
    let saved = snapshot(count, seed: 7)
    try saved.withUnsafeBytes { try store(redis).save($0, of: 1, under: nil) }
    let loaded = try #require(try store(redis).load(1))
    #expect(Array(loaded.bytes) == saved)
    #expect(try store(redis).load(2) == nil)
  }

  @Test func `a save writes what has changed and leaves nothing that no checkpoint names`() throws {
    let redis = try TestRedis()
    let store = try store(redis)
    var state = snapshot(1 << 20, seed: 0)
    try state.withUnsafeBytes { try store.save($0, of: 0, under: nil) }
    #expect(try #require(store.lastSave).isWhole)
    state[300_000] ^= 1
    try state.withUnsafeBytes { try store.save($0, of: 0, under: nil) }
    #expect(try #require(store.lastSave).isWhole == false)
    #expect(try store.load(0).map { Array($0.bytes) } == state)
    #expect(try keys(redis) == [key(redis), "\(key(redis)):generation", "\(key(redis)):1", "\(key(redis)):2"])
    // 16 blocks and a manifest less the block that nobody names any more; one block and a manifest.
    #expect(try redis.reader.hash("\(key(redis)):1").keys.filter { !$0.hasPrefix("m") }.count == 15)
    #expect(Set(try redis.reader.hash("\(key(redis)):2").keys) == ["0", "m0"])
  }

  @Test func `a whole save replaces all generations before it`() throws {
    let redis = try TestRedis()
    for seed in 0..<3 as Range<UInt8> {
      let saved = snapshot(200_000, seed: seed)
      // A store that has just been made knows nothing of the last.
      try saved.withUnsafeBytes { try store(redis).save($0, of: 0, under: nil) }
      #expect(try store(redis).load(0).map { Array($0.bytes) } == saved)
    }
    #expect(try keys(redis) == [key(redis), "\(key(redis)):generation", "\(key(redis)):3"])
  }

  @Test func `a save that died halfway is cleared away by the next and expires where there is none`() throws {
    let redis = try TestRedis()
    let store = try store(redis)
    try snapshot(10, seed: 1).withUnsafeBytes { try store.save($0, of: 0, under: nil) }
    let medium = RedisBlockMedium(
      try redis.connection(), FenceKeys(prefix: redis.prefix, pipeline: "p", topic: "s.clicks"))
    let generation = try medium.begin(0, under: nil)
    try snapshot(10, seed: 3).withUnsafeBytes { try medium.write([$0], from: 0, of: 0, generation) }
    let left = try #require(try redis.reader.timeToLiveMilliseconds(of: "\(key(redis)):2"))
    #expect((1...3_600_000).contains(left))
    #expect(try redis.reader.timeToLiveMilliseconds(of: "\(key(redis)):1") == nil)
    #expect(try store.load(0).map { Array($0.bytes) } == snapshot(10, seed: 1))
    try snapshot(10, seed: 2).withUnsafeBytes { try store.save($0, of: 0, under: nil) }
    #expect(try keys(redis) == [key(redis), "\(key(redis)):generation", "\(key(redis)):3"])
  }

  @Test func `one who no longer holds the fence is refused, and what was saved stays`() throws {
    let redis = try TestRedis()
    let store = try store(redis)
    let fence = "\(redis.prefix):_freshet:fence:{p:s.clicks:0}"
    let (mine, theirs) = (
      Fence(generation: 1, owner: FenceOwner(token: "a", name: "a")), Fence(generation: 2, owner: FenceOwner(token: "b", name: "b"))
    )
    try redis.connection().command("HSET", fence, "token", "a", what: "claiming")
    try snapshot(10, seed: 1).withUnsafeBytes { try store.save($0, of: 0, under: mine) }
    try redis.connection().command("HSET", fence, "token", "b", what: "claiming")
    #expect(throws: CheckpointOvertaken(partition: 0)) {
      try snapshot(10, seed: 2).withUnsafeBytes { try store.save($0, of: 0, under: mine) }
    }
    #expect(try self.store(redis).load(0).map { Array($0.bytes) } == snapshot(10, seed: 1))
    #expect(try redis.reader.hash("\(key(redis)):2").isEmpty)
    try snapshot(10, seed: 3).withUnsafeBytes { try self.store(redis).save($0, of: 0, under: theirs) }
    #expect(try self.store(redis).load(0).map { Array($0.bytes) } == snapshot(10, seed: 3))
  }

  @Test func `a Redis that has lost the rows under a state does not take the state`() throws {
    let redis = try TestRedis()
    let store = try store(redis)
    let key = "\(redis.prefix):_freshet:fence:{p:s.clicks:0}"
    let fence = Fence(generation: 1, step: 7, owner: FenceOwner(token: "a", name: "a"))
    try redis.connection().command("HSET", key, "token", "a", "step", "7", what: "claiming")
    try snapshot(10, seed: 1).withUnsafeBytes { try store.save($0, of: 0, under: fence) }
    // As it was before the last flush, with the same offsets.
    try redis.connection().command("HSET", key, "step", "6", what: "restoring")
    #expect(throws: CheckpointOvertaken(partition: 0, reason: .wentBack(to: nil))) {
      try snapshot(10, seed: 2).withUnsafeBytes { try store.save($0, of: 0, under: fence) }
    }
    _ = try redis.reader.removeKeys(matching: key)
    #expect(throws: CheckpointOvertaken(partition: 0, reason: .missing)) {
      try snapshot(10, seed: 2).withUnsafeBytes { try store.save($0, of: 0, under: fence) }
    }
    #expect(try self.store(redis).load(0).map { Array($0.bytes) } == snapshot(10, seed: 1))
  }

  @Test func `a Redis that has lost the checkpoint is given the whole`() throws {
    let redis = try TestRedis()
    let store = try store(redis)
    for seed in 1...2 as ClosedRange<UInt8> {
      try snapshot(10, seed: seed).withUnsafeBytes { try store.save($0, of: 0, under: nil) }
    }
    _ = try redis.reader.removeKeys(matching: "\(redis.prefix):*")
    try snapshot(10, seed: 2).withUnsafeBytes { try store.save($0, of: 0, under: nil) }
    #expect(try #require(store.lastSave).isWhole)
    #expect(try self.store(redis).load(0).map { Array($0.bytes) } == snapshot(10, seed: 2))
  }

  @Test func `a checkpoint that lost a block is an error and not a fresh start`() throws {
    let redis = try TestRedis()
    let store = try store(redis)
    try snapshot(10, seed: 1).withUnsafeBytes { try store.save($0, of: 0, under: nil) }
    try redis.connection().command("HDEL", "\(key(redis)):1", "0", what: "losing")
    let lostBlock = #expect(throws: Failure.self) { try store.load(0) }
    #expect(
      lostBlock?.message == "\(redis.address): the checkpoint of partition 0 is damaged: it names blocks that are not there")
    #expect(lostBlock?.code == .badData)
    try redis.connection().command("DEL", "\(key(redis)):1", what: "losing")
    let lostAll = #expect(throws: Failure.self) { try store.load(0) }
    #expect(
      lostAll?.message
        == "\(redis.address): loading the checkpoint of partition 0: \(key(redis)) names a manifest that is not there")
    try redis.connection().command("SET", key(redis), "hello", what: "overwriting")
    let overwritten = #expect(throws: Failure.self) { try store.load(0) }
    #expect(
      overwritten?.message
        == "\(redis.address): loading the checkpoint of partition 0: \(key(redis)) holds 'hello', not a checkpoint's header")
  }

  @Test func `a private Redis ends and leaves no folder`() throws {
    let server = try PrivateRedis()
    let address = server.address
    _ = try RedisConnection(address)
    server.stop()
    let failure = #expect(throws: Failure.self) { try RedisConnection(address) }
    #expect(failure?.message == "\(address): cannot connect to Redis: No such file or directory")
  }
}
