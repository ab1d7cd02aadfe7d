// One field of many rows, and whether keys are there: one round trip each, in one Redis and in a cluster.

import Base
import TestSupport
import Testing

@testable import RedisStore

@Suite struct RedisReaderTests {
  private func check(_ connection: RedisConnection, prefix: String) throws {
    let reader = RedisReader(connection)
    let keys = (0..<20).map { "\(prefix):row:\($0)" }
    for (number, key) in keys.enumerated() where number % 2 == 0 {
      try connection.retrying(at: key) { node in _ = try node.command("HSET", key, "_last_event", "\(number)", what: "preparing") }
    }
    #expect(try reader.values(of: "_last_event", in: keys) == (0..<20).map { $0 % 2 == 0 ? "\($0)" : nil })
    #expect(try reader.values(of: "other", in: keys) == Array(repeating: nil, count: 20))
    #expect(try reader.exist(keys) == (0..<20).map { $0 % 2 == 0 })
    #expect(try reader.values(of: "f", in: []).isEmpty && reader.exist([]).isEmpty)
    // A key of another type is an error, and the connection is of use afterwards.
    let wrong = "\(prefix):wrong"
    try connection.retrying(at: wrong) { node in _ = try node.command("SET", wrong, "x", what: "preparing") }
    #expect(throws: Failure.self) { _ = try reader.values(of: "_last_event", in: [keys[0], wrong, keys[2]]) }
    #expect(try reader.values(of: "_last_event", in: [keys[2]]) == ["2"])
    #expect(try reader.exist([keys[0], wrong]) == [true, true])
    for key in keys + [wrong] { try connection.retrying(at: key) { node in _ = try node.command("UNLINK", key, what: "removing") } }
  }

  @Test func `of one Redis`() throws {
    let redis = try TestRedis()
    try check(redis.connection(), prefix: redis.prefix)
  }

  @Test(.enabled(if: !TestRedis.isExternal)) func `of a cluster`() throws {
    try check(TestRedisCluster.shared().connection(), prefix: "freshet-test-reader")
  }
}
