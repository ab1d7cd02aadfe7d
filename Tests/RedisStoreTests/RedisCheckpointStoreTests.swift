import Base
import TestSupport
import Testing

@testable import RedisStore

struct RedisCheckpointStoreTests {
  private func snapshot(_ count: Int, seed: UInt8) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) ^ seed }
  }

  private func store(_ redis: TestRedis) throws -> RedisCheckpointStore {
    RedisCheckpointStore(try redis.connection(), prefix: redis.prefix, pipeline: "p", topic: "clicks")
  }

  @Test func `a partition without a checkpoint has none`() throws {
    let redis = try TestRedis()
    #expect(try store(redis).load(3) == nil)
  }

  @Test(arguments: [0, 1, 1000, (8 << 20) - 1, 8 << 20, (8 << 20) + 1, 20 << 20])
  func `a checkpoint of any size comes back as it was saved`(count: Int) throws {
    let redis = try TestRedis()
    let saved = snapshot(count, seed: 7)
    try saved.withUnsafeBytes { try store(redis).save($0, of: 1, under: nil) }
    let loaded = try #require(try store(redis).load(1))
    #expect(Array(loaded.bytes) == saved)
    #expect(try store(redis).load(2) == nil)
  }

  @Test func `the next save replaces the last and leaves nothing of it`() throws {
    let redis = try TestRedis()
    let store = try store(redis)
    for seed in 0..<5 as Range<UInt8> {
      let saved = snapshot((seed % 2 == 0 ? 9 : 1) << 20, seed: seed)
      try saved.withUnsafeBytes { try store.save($0, of: 0, under: nil) }
      #expect(try store.load(0).map { Array($0.bytes) } == saved)
    }
    let key = "\(redis.prefix):_freshet:checkpoint:p:clicks:0"
    #expect(Set(try redis.reader.keys(matching: "\(redis.prefix):*")) == [key, "\(key):generation", "\(key):5"])
  }

  @Test func `a save that died halfway is cleared away by the next`() throws {
    let redis = try TestRedis()
    let store = try store(redis)
    let key = "\(redis.prefix):_freshet:checkpoint:p:clicks:0"
    try snapshot(10, seed: 1).withUnsafeBytes { try store.save($0, of: 0, under: nil) }
    let other = try redis.connection()
    try other.command("INCR", "\(key):generation", what: "dying")
    try other.command("HSET", "\(key):2", "0", "half", what: "dying")
    #expect(try store.load(0).map { Array($0.bytes) } == snapshot(10, seed: 1))
    try snapshot(10, seed: 2).withUnsafeBytes { try store.save($0, of: 0, under: nil) }
    #expect(Set(try redis.reader.keys(matching: "\(redis.prefix):*")) == [key, "\(key):generation", "\(key):3"])
  }

  @Test func `an overtaken worker cannot put an older state back`() throws {
    let redis = try TestRedis()
    let store = try store(redis)
    let key = "\(redis.prefix):_freshet:checkpoint:p:clicks:0"
    try snapshot(10, seed: 1).withUnsafeBytes { try store.save($0, of: 0, under: nil) }
    // As if another had saved with a generation that is yet to come.
    try redis.connection().command("SET", key, "99 1 10 0", what: "overtaking")
    let failure = #expect(throws: Failure.self) {
      try snapshot(10, seed: 2).withUnsafeBytes { try store.save($0, of: 0, under: nil) }
    }
    #expect(
      failure?.message == "\(redis.address): saving the checkpoint of partition 0: another worker has saved a newer one")
    #expect(try redis.reader.hash("\(key):2").isEmpty)
  }

  @Test func `a checkpoint that lost a piece is an error and not a fresh start`() throws {
    let redis = try TestRedis()
    let store = try store(redis)
    try snapshot(10, seed: 1).withUnsafeBytes { try store.save($0, of: 0, under: nil) }
    try redis.connection().command("DEL", "\(redis.prefix):_freshet:checkpoint:p:clicks:0:1", what: "losing")
    let failure = #expect(throws: Failure.self) { try store.load(0) }
    #expect(failure?.code == .badData)
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
