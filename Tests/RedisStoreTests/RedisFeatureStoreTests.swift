import Base
import Features
import Records
import TestSupport
import Testing

@testable import RedisStore

struct RedisFeatureStoreTests {
  private let views = [
    StoredView(
      name: "activity", keyFieldName: "user", featureNames: ["views", "mean", "vip", "page", "last5"], timeToLiveMilliseconds: nil),
    StoredView(name: "short", keyFieldName: "user", featureNames: ["n"], timeToLiveMilliseconds: 60_000),
    StoredView(name: "total", keyFieldName: nil, featureNames: ["n"], timeToLiveMilliseconds: nil),
  ]

  private func store(_ redis: TestRedis, _ connection: RedisConnection? = nil) throws -> RedisFeatureStore {
    RedisFeatureStore(try connection ?? redis.connection(), prefix: redis.prefix, views: views, clock: StillClock(5000))
  }

  @Test func `a row is a hash of plain text under view and key`() throws {
    let redis = try TestRedis()
    let rows = FeatureRowBatch()
    rows.append(
      key: "u1", values: [.integer(-12), .double(0.1), .bool(true), .string("hé\r\nllo"), .json("[1,2]")], asOf: 2000,
      lastEvent: 1990)
    rows.append(view: 2, key: nil, values: [.integer(9_007_199_254_740_993)])
    rows.append(view: 1, key: "u:2", values: [.double(1e300)], windowStart: 10_000, windowEnd: 20_000)
    rows.append(view: 2, key: nil, values: [.bool(false)], windowStart: -10_000, windowEnd: 0, asOf: .min, lastEvent: .min)
    let store = try store(redis)
    try store.write(rows)
    #expect(store.writtenRowCount == 4)
    #expect(
      try redis.reader.hash("\(redis.prefix):activity:u1") == [
        "views": "-12", "mean": "0.1", "vip": "true", "page": "hé\r\nllo", "last5": "[1,2]", "_as_of": "2000",
        "_last_event": "1990",
        "_written_at": "5000",
      ])
    #expect(try redis.reader.hash("\(redis.prefix):total")["n"] == "9007199254740993")
    #expect(try redis.reader.hash("\(redis.prefix):short:u:2:10000")["n"] == "1e+300")
    #expect(try redis.reader.hash("\(redis.prefix):total:-10000") == ["n": "false", "_written_at": "5000"])
    #expect(try redis.reader.keys(matching: "\(redis.prefix):*").count == 4)
    #expect(try redis.reader.hashes(["\(redis.prefix):total", "\(redis.prefix):none"]).map(\.count) == [4, 0])
  }

  @Test func `a null takes the field away`() throws {
    let redis = try TestRedis()
    let store = try store(redis)
    let rows = FeatureRowBatch()
    rows.append(key: "u", values: [.integer(1), .double(2), .null, .string("x"), .null])
    try store.write(rows)
    rows.removeAll()
    rows.append(key: "u", values: [.null, .double(3), .bool(false), .null, .null])
    try store.write(rows)
    #expect(
      try redis.reader.hash("\(redis.prefix):activity:u") == [
        "mean": "3.0", "vip": "false", "_as_of": "1000", "_last_event": "900", "_written_at": "5000",
      ])
  }

  @Test func `expiry is set by the write and renewed by the next`() throws {
    let redis = try TestRedis()
    let store = try store(redis)
    let key = "\(redis.prefix):short:u"
    let rows = FeatureRowBatch()
    rows.append(view: 1, key: "u", values: [.integer(1)])
    rows.append(view: 2, key: nil, values: [.integer(1)])
    try store.write(rows)
    let first = try #require(try redis.reader.timeToLiveMilliseconds(of: key))
    #expect(first > 50_000 && first <= 60_000)
    #expect(try redis.reader.timeToLiveMilliseconds(of: "\(redis.prefix):total") == nil)
    let connection = try redis.connection()
    try connection.command("PEXPIRE", key, "1000", what: "shortening")
    try store.write(rows)
    #expect(try #require(try redis.reader.timeToLiveMilliseconds(of: key)) > 50_000)
  }

  @Test func `a batch of many chunks arrives whole`() throws {
    let redis = try TestRedis()
    let store = try store(redis)
    let rows = FeatureRowBatch()
    for index in 0..<5000 {
      rows.append(
        key: "u\(index)", values: [.integer(Int64(index)), .null, .bool(index % 2 == 0), .string("page-\(index)"), .null])
    }
    try store.write(rows)
    #expect(try redis.reader.keys(matching: "\(redis.prefix):activity:*").count == 5000)
    for index in stride(from: 0, to: 5000, by: 499) {
      #expect(try redis.reader.hash("\(redis.prefix):activity:u\(index)")["page"] == "page-\(index)")
    }
  }

  @Test func `a forgotten script is loaded again`() throws {
    let redis = try TestRedis()
    let store = try store(redis)
    let rows = FeatureRowBatch()
    for round in 0..<3 {
      rows.removeAll()
      for index in 0..<1000 {
        rows.append(view: 1, key: "\(index)", values: [.integer(Int64(round))])
      }
      try store.write(rows)
      try redis.connection().command("SCRIPT", "FLUSH", what: "flushing")
      #expect(try redis.reader.hash("\(redis.prefix):short:999")["n"] == "\(round)")
    }
  }

  @Test(.enabled(if: !TestRedis.isExternal))
  func `a Redis that was restarted gets the rows all the same`() throws {
    let redis = try TestRedis()
    let store = try store(redis)
    let rows = FeatureRowBatch()
    rows.append(view: 1, key: "u", values: [.integer(1)])
    try store.write(rows)
    try redis.server?.restart()
    try store.write(rows)
    #expect(try redis.reader.hash("\(redis.prefix):short:u")["n"] == "1")
  }

  @Test(.enabled(if: !TestRedis.isExternal))
  func `a Redis that is gone fails at once`() throws {
    let redis = try TestRedis()
    let store = try store(redis, redis.connection())
    let rows = FeatureRowBatch()
    rows.append(view: 1, key: "u", values: [.integer(1)])
    try store.write(rows)
    redis.server?.stop()
    let failure = #expect(throws: Failure.self) { try store.write(rows) }
    #expect(failure?.code == .unavailable)
    #expect(failure?.isRetryable == true)
    #expect(failure?.message == "\(redis.address): cannot connect to Redis: No such file or directory")
  }

  @Test func `a key of another type is named`() throws {
    let redis = try TestRedis()
    try redis.connection().command("SET", "\(redis.prefix):short:u", "x", what: "setting")
    let store = try store(redis)
    let rows = FeatureRowBatch()
    rows.append(view: 1, key: "u", values: [.integer(1)])
    let failure = #expect(throws: Failure.self) { try store.write(rows) }
    #expect(failure?.code == .failure)
    #expect(failure?.isRetryable == false)
    #expect(
      failure?.message.hasPrefix(
        "\(redis.address): writing features: a key of this name holds another type; choose another prefix or delete it: ") == true)
    // The connection is still in step.
    rows.removeAll()
    rows.append(view: 1, key: "v", values: [.integer(1)])
    try store.write(rows)
  }

  @Test(.enabled(if: !TestRedis.isExternal))
  func `a full Redis is named`() throws {
    let redis = try TestRedis()
    let store = try store(redis, redis.connection())
    try redis.connection().command("CONFIG", "SET", "maxmemory", "1", what: "configuring")
    let rows = FeatureRowBatch()
    rows.append(view: 1, key: "u", values: [.integer(1)])
    let failure = #expect(throws: Failure.self) { try store.write(rows) }
    #expect(failure?.code == .unavailable)
    #expect(failure?.message.contains("Redis is out of memory (maxmemory)") == true)
  }
}
