// Fences in a real Redis: who is refused, and what a refusal, a break or an error leaves behind.

import Base
import Features
import Records
import TestSupport
import Testing

@testable import RedisStore

struct RedisFenceTests {
  /// A store of one view, with what a test needs to look behind it.
  private struct Bench {
    let redis: TestRedis
    let connection: RedisConnection
    let store: RedisFeatureStore
    let clock: ManualClock
    var fenceKey: String { keys.fence(0) }
    let keys: FenceKeys

    init(_ redis: TestRedis, clock: ManualClock = ManualClock(1_000_000), _ connection: RedisConnection? = nil) throws {
      self.redis = redis
      self.clock = clock
      self.connection = try connection ?? redis.connection()
      keys = FenceKeys(prefix: redis.prefix, pipeline: "shop", topic: "clicks.clicks-v1")
      store = RedisFeatureStore(
        self.connection, prefix: redis.prefix,
        views: [StoredView(name: "short", keyFieldName: "user", featureNames: ["n"], timeToLiveMilliseconds: nil)], fences: keys,
        clock: clock)
    }

    func fence(_ partition: PartitionIndex = 0) throws -> [String: String] { try redis.reader.hash(keys.fence(partition)) }

    func row(_ key: String) throws -> [String: String] { try redis.reader.hash("\(redis.prefix):short:\(key)") }
  }

  private static func rows(_ keys: [String], _ value: Int64, partition: PartitionIndex = 0) -> FeatureRowBatch {
    let rows = FeatureRowBatch()
    for key in keys { rows.append(view: 0, key: key, values: [.integer(value)], partition: partition) }
    return rows
  }

  private static func position(
    _ nextOffset: Offset, flushingTo: Offset? = nil, partition: PartitionIndex = 0, idle: [IdleAdvance] = []
  ) -> FlushPosition {
    FlushPosition(
      partition: partition, nextOffset: nextOffset, flushingTo: flushingTo ?? nextOffset, watermark: nextOffset * 10,
      idleAdvances: idle)
  }

  private static let first = FenceOwner(token: "a", name: "host:1", partitionCount: 4)
  private static let second = FenceOwner(token: "b", name: "host:2", partitionCount: 6)

  @Test func `the first claim finds nothing and makes a fence`() throws {
    let bench = try Bench(TestRedis())
    #expect(
      try bench.store.claim(0, as: Self.first) == Fence(generation: 1_000_000, owner: Self.first, partitionCount: nil))
    #expect(bench.fenceKey == "\(bench.redis.prefix):_freshet:fence:{shop:clicks.clicks-v1:0}")
    #expect(
      try bench.fence() == ["generation": "1000000", "token": "a", "owner": "host:1", "step": "0", "partitions": "4"])
  }

  @Test func `a flush says in the row and in the fence how far it goes`() throws {
    let bench = try Bench(TestRedis())
    _ = try bench.store.claim(0, as: Self.first)
    let idle = [IdleAdvance(offset: 5, streamTime: -3), IdleAdvance(offset: 6, streamTime: 70)]
    #expect(try bench.store.write(Self.rows(["u"], 1), at: [Self.position(7, flushingTo: 9, idle: idle)]) == [])
    #expect(try bench.row("u") == ["n": "1", "_as_of": "1000", "_last_event": "900", "_written_at": "1000000", "_position": "0:7"])
    #expect(
      try bench.fence() == [
        "generation": "1000000", "token": "a", "owner": "host:1", "step": "1", "partitions": "4", "next_offset": "7",
        "flushing_to": "9", "watermark": "70", "idle": "5:-3,6:70",
      ])
    // Without rows only the fence moves; how far rows have gone stays.
    #expect(try bench.store.write(FeatureRowBatch(), at: [Self.position(8)]) == [])
    let fence = try bench.fence()
    #expect([fence["next_offset"], fence["flushing_to"], fence["idle"], fence["step"]] == ["8", "9", "", "2"])
  }

  @Test func `a later claim learns how far rows have come, and the earlier owner is refused`() throws {
    let redis = try TestRedis()
    let old = try Bench(redis)
    let new = try Bench(redis)
    _ = try old.store.claim(0, as: Self.first)
    _ = try old.store.write(Self.rows(["u"], 1), at: [Self.position(7, idle: [IdleAdvance(offset: 5, streamTime: 60)])])
    #expect(
      try new.store.claim(0, as: Self.second)
        == Fence(
          generation: 1_000_001, step: 1, owner: Self.second, nextOffset: 7, flushingTo: 7, watermark: 70,
          idleAdvances: [IdleAdvance(offset: 5, streamTime: 60)], previousOwner: "host:1", partitionCount: 4))
    #expect(try new.store.write(Self.rows(["u"], 2), at: [Self.position(9)]) == [])
    let refusal = FenceRefusal(partition: 0, reason: .overtaken(by: "host:2"))
    #expect(try old.store.write(Self.rows(["u"], 1), at: [Self.position(8)]) == [refusal])
    #expect(try old.store.write(Self.rows((0..<1000).map { "u\($0)" }, 1), at: [Self.position(8)]) == [refusal])
    #expect(try old.store.write(FeatureRowBatch(), at: [Self.position(8)]) == [refusal])
    #expect(try new.row("u")["n"] == "2")
    #expect(try new.fence()["next_offset"] == "9")
    #expect(try redis.reader.keys(matching: "\(redis.prefix):short:*").count == 1)
  }

  @Test func `a fence that was given up names nobody`() throws {
    let redis = try TestRedis()
    let bench = try Bench(redis)
    _ = try bench.store.claim(0, as: Self.first)
    _ = try bench.store.claim(1, as: Self.first)
    bench.store.release(0)
    #expect(try bench.store.claim(0, as: Self.second)?.previousOwner == nil)
    #expect(try bench.store.claim(1, as: Self.second)?.previousOwner == "host:1")
    // A claim whose answer was lost is made again by the same token, and is not another's.
    #expect(try bench.store.claim(1, as: Self.second)?.previousOwner == nil)
    // Another has it by now: not ours to give up.
    let other = try Bench(redis)
    _ = try other.store.claim(1, as: Self.first)
    bench.store.release(1)
    #expect(try other.fence(1)["owner"] == "host:1")
  }

  @Test func `generations grow over a clock that stands, and with one that goes`() throws {
    let bench = try Bench(TestRedis())
    #expect(try bench.store.claim(0, as: Self.first)?.generation == 1_000_000)
    #expect(try bench.store.claim(0, as: Self.second)?.generation == 1_000_001)
    bench.clock.advance(by: 50)
    #expect(try bench.store.claim(0, as: Self.first)?.generation == 1_000_050)
    // As if it had been restored from an older state: what was given in between is not given again.
    try bench.redis.connection().command("HSET", bench.fenceKey, "generation", "3", what: "restoring")
    #expect(try bench.store.claim(0, as: Self.second)?.generation == 1_000_050)
    bench.clock.advance(by: 1)
    #expect(try bench.store.claim(0, as: Self.second)?.generation == 1_000_051)
  }

  @Test func `of several partitions only the refused one is not written`() throws {
    let redis = try TestRedis()
    let bench = try Bench(redis)
    for partition in 0..<3 as Range<PartitionIndex> { _ = try bench.store.claim(partition, as: Self.first) }
    _ = try Bench(redis).store.claim(1, as: Self.second)
    let rows = FeatureRowBatch()
    for index in 0..<3000 {
      rows.append(view: 0, key: "u\(index)", values: [.integer(1)], partition: PartitionIndex(index % 3))
    }
    let positions = (0..<3).map { Self.position(100 + Offset($0), partition: PartitionIndex($0)) }
    #expect(
      try bench.store.write(rows, at: positions) == [FenceRefusal(partition: 1, reason: .overtaken(by: "host:2"))])
    #expect(bench.store.writtenRowCount == 2000)
    #expect(try bench.fence(0)["next_offset"] == "100")
    #expect(try bench.fence(1)["next_offset"] == nil)
    #expect(try bench.fence(2)["next_offset"] == "102")
    #expect(try bench.row("u0")["_position"] == "0:100")
    #expect(try bench.row("u1").isEmpty)
    #expect(try bench.row("u2999")["_position"] == "2:102")
  }

  @Test func `a fence that is gone, or went back, is told`() throws {
    let bench = try Bench(TestRedis())
    let other = try bench.redis.connection()
    _ = try bench.store.claim(0, as: Self.first)
    _ = try bench.store.write(Self.rows(["u"], 1), at: [Self.position(7)])
    let saved = try bench.fence()
    _ = try bench.store.write(Self.rows(["u"], 2), at: [Self.position(7)])
    // Nothing but the number of flushes tells the two apart.
    try other.command("HSET", bench.fenceKey, "step", try #require(saved["step"]), what: "restoring")
    let wentBack = FenceRefusal(partition: 0, reason: .wentBack(to: 7))
    #expect(try bench.store.write(Self.rows(["u"], 3), at: [Self.position(9)]) == [wentBack])
    #expect(try bench.row("u")["n"] == "2")
    // An older owner's state.
    try other.command("HSET", bench.fenceKey, "step", "2", "generation", "999999", "token", "z", what: "restoring")
    #expect(try bench.store.write(Self.rows(["u"], 3), at: [Self.position(9)]) == [wentBack])
    bench.connection.disconnect()
    #expect(try bench.store.write(Self.rows(["u"], 3), at: [Self.position(9)]) == [wentBack])
    try other.command("DEL", bench.fenceKey, what: "evicting")
    let missing = FenceRefusal(partition: 0, reason: .missing)
    #expect(try bench.store.write(Self.rows(["u"], 3), at: [Self.position(9)]) == [missing])
    bench.connection.disconnect()
    #expect(try bench.store.write(Self.rows(["u"], 3), at: [Self.position(9)]) == [missing])
    #expect(try bench.row("u")["n"] == "2")
    // A claim anew ends it.
    _ = try bench.store.claim(0, as: Self.second)
    #expect(try bench.store.write(Self.rows(["u"], 3), at: [Self.position(9)]) == [])
  }

  @Test func `what lies in an old connection is refused once there is a new one`() throws {
    let bench = try Bench(TestRedis())
    let old = try bench.redis.connection()
    _ = try bench.store.claim(0, as: Self.first)
    _ = try bench.store.write(Self.rows(["u"], 1), at: [Self.position(7)])
    let generation = try #require(try bench.fence()["generation"])
    bench.connection.disconnect()
    #expect(try bench.store.write(Self.rows(["u"], 2), at: [Self.position(8)]) == [])
    #expect(try bench.fence()["generation"] == "1000001")
    // What the first connection might still have held back.
    let late = try RedisScript(FenceScripts.write).call(
      on: old, keys: [bench.fenceKey, "\(bench.redis.prefix):short:u"],
      [generation, "1", "7", "", "7", "70", "0:7", "1", "1", "0", "1", "n", "", "1"], what: "being late")
    #expect(late.texts == ["overtaken", "host:1"])
    #expect(try bench.row("u")["n"] == "2")
    #expect(try bench.fence()["next_offset"] == "8")
  }

  @Test func `a claim of our own that arrives late costs nothing but a claim`() throws {
    let bench = try Bench(TestRedis())
    _ = try bench.store.claim(0, as: Self.first)
    _ = try RedisScript(FenceScripts.claim).call(
      on: bench.redis.connection(), keys: [bench.fenceKey], ["a", "host:1", "1000000", ""], what: "being late")
    #expect(try bench.fence()["generation"] == "1000001")
    #expect(try bench.store.write(Self.rows(["u"], 2), at: [Self.position(8)]) == [])
    #expect(try bench.fence()["generation"] == "1000002")
    #expect(try bench.row("u")["_position"] == "0:8")
  }

  @Test func `the number of partitions stays what the first was told, until the partition is started afresh`() throws {
    let bench = try Bench(TestRedis())
    #expect(try bench.store.claim(0, as: Self.first)?.partitionCount == nil)
    #expect(try bench.store.claim(0, as: Self.second)?.partitionCount == 4)
    _ = try bench.store.write(Self.rows(["u"], 5), at: [Self.position(100, idle: [IdleAdvance(offset: 5, streamTime: 6)])])
    try bench.store.startAfresh(0, as: Self.second)
    #expect(
      try bench.store.claim(0, as: Self.second) == Fence(generation: 1_000_002, step: 1, owner: Self.second, partitionCount: 6))
    #expect(try bench.store.write(Self.rows(["u"], 1), at: [Self.position(1)]) == [])
    #expect(try bench.fence()["next_offset"] == "1")
    #expect(try bench.row("u")["_position"] == "0:1")
  }

  @Test func `a type that is in the way leaves next_offset behind and flushing_to ahead`() throws {
    let bench = try Bench(TestRedis())
    _ = try bench.store.claim(0, as: Self.first)
    try bench.redis.connection().command("SET", "\(bench.redis.prefix):short:u700", "x", what: "setting")
    #expect(throws: Failure.self) {
      try bench.store.write(Self.rows((0..<1000).map { "u\($0)" }, 1), at: [Self.position(8, flushingTo: 9)])
    }
    let fence = try bench.fence()
    #expect(fence["next_offset"] == nil)
    #expect(fence["flushing_to"] == "9")
    #expect(try bench.row("u0")["n"] == "1")
    _ = try bench.redis.connection().command("DEL", "\(bench.redis.prefix):short:u700", what: "removing")
    #expect(try bench.store.write(Self.rows(["u700"], 1), at: [Self.position(8)]) == [])
  }

  @Test func `a fence that somebody else wrote is refused by name`() throws {
    let bench = try Bench(TestRedis())
    try bench.redis.connection().command("HSET", bench.fenceKey, "idle", "5:x", what: "spoiling")
    let failure = #expect(throws: Failure.self) { try bench.store.claim(0, as: Self.first) }
    #expect(
      failure?.message
        == "\(bench.redis.address): claiming partition 0: \(bench.fenceKey) is not a fence as this program writes it: idle '5:x'")
    #expect(failure?.code == .badData)
  }

  @Test func `idle advances read back as they were written`() {
    let advances = [IdleAdvance(offset: 0, streamTime: -5), IdleAdvance(offset: 9_007_199_254_740_993, streamTime: .max)]
    #expect(RedisFences.idleAdvances(RedisFences.text(advances)) == advances)
    #expect(RedisFences.idleAdvances("") == [])
    for text in ["x", "1:", ":1", "1:2:3", "1"] { #expect(RedisFences.idleAdvances(text) == nil) }
  }
}
