import Base
import Foundation
import RedisStore
import TestSupport
import Testing

struct RedisAddressTests {
  @Test(arguments: [
    ("redis://localhost:6379", "redis://localhost:6379"),
    ("redis://localhost", "redis://localhost:6379"),
    ("redis://me@h:1/3", "redis://me@h:1/3"),
    ("redis://h:1/0", "redis://h:1"),
    ("redis://me@a:1,b,[::1]:3/2", "redis://me@a:1,b:6379,[::1]:3/2"),
    ("redis://[::1]:7000", "redis://[::1]:7000"),
    ("redis+unix:///tmp/r.sock", "redis+unix:///tmp/r.sock"),
    ("redis+unix:///tmp/r.sock?db=2", "redis+unix:///tmp/r.sock?db=2"),
  ])
  func `an address reads back as it was written`(text: String, expected: String) throws {
    #expect(try RedisAddress(text).description == expected)
  }

  static let expectation = "; expected redis://[USER@]HOST:PORT[,HOST:PORT...][/DB] or redis+unix:///PATH[?db=N]"

  @Test(arguments: [
    ("redis://h:x", "redis://h:x: 'h:x' is not HOST:PORT" + expectation),
    ("redis://h:1,", "redis://h:1,: '' is not HOST:PORT" + expectation),
    ("redis://h:1/x", "redis://h:1/x: 'x' is not a database number" + expectation),
    ("redis+unix://tmp/r", "redis+unix://tmp/r: no socket path" + expectation),
    ("redis+unix:///r?x=1", "redis+unix:///r?x=1: '?x=1' is not ?db=N" + expectation),
    ("http://h", "http://h: not a Redis address" + expectation),
    ("rediss://h:1", "rediss://h:1: TLS is not built in; use redis:// through a TLS tunnel such as stunnel"),
    (
      "redis://me:s3cret@h:1",
      "redis://***@h:1: a password does not belong in an address; set FRESHET_REDIS_PASSWORD or FRESHET_REDIS_PASSWORD_FILE"
    ),
  ])
  func `a malformed address says what was expected`(text: String, message: String) {
    let failure = #expect(throws: Failure.self) { try RedisAddress(text) }
    #expect(failure?.message == message)
    #expect(failure?.code == .usage)
  }

  @Test func `the password comes from the environment or from a file`() throws {
    #expect(try RedisAddress.password(environment: [:]) == nil)
    #expect(try RedisAddress.password(environment: ["FRESHET_REDIS_PASSWORD": "a"]) == "a")
    let file = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    try Data("b c\nrest".utf8).write(to: file)
    defer { try? FileManager.default.removeItem(at: file) }
    #expect(try RedisAddress.password(environment: ["FRESHET_REDIS_PASSWORD_FILE": file.path]) == "b c")
    #expect(throws: Failure.self) { try RedisAddress.password(environment: ["FRESHET_REDIS_PASSWORD_FILE": "/nowhere"]) }
  }

  @Test func `a Redis that nobody serves is unavailable`() {
    let failure = #expect(throws: Failure.self) { try RedisConnection(RedisAddress("redis://127.0.0.1:1")) }
    #expect(failure?.code == .unavailable)
    #expect(failure?.isRetryable == true)
    #expect(failure?.message == "redis://127.0.0.1:1: cannot connect to Redis: Connection refused")
  }

  @Test(.enabled(if: !TestRedis.isExternal))
  func `a wrong password is refused without a retry`() throws {
    let redis = try TestRedis()
    let failure = #expect(throws: Failure.self) { try RedisConnection(redis.address, password: "wrong") }
    #expect(failure?.code == .unavailable)
    #expect(failure?.isRetryable == false)
    #expect(failure?.message.contains("wrong") == false)
  }
}
