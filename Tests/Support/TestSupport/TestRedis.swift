// A Redis for one test: a redis-server of its own, or the one that FRESHET_TEST_REDIS names, under a prefix that nobody else uses.

import Foundation
import RedisStore

public final class TestRedis {
  public let address: RedisAddress
  public let prefix = "freshet-test-\(UUID().uuidString.lowercased())"
  public let server: PrivateRedis?
  public let reader: RedisReader
  private let password: String?

  public static let isExternal = ProcessInfo.processInfo.environment["FRESHET_TEST_REDIS"] != nil

  /// - Parameter options: Settings of a redis-server of its own; an external one has its own.
  public init(options: [String] = []) throws {
    let environment = ProcessInfo.processInfo.environment
    password = try RedisAddress.password(environment: environment)
    if let external = environment["FRESHET_TEST_REDIS"] {
      server = nil
      address = try RedisAddress(external)
    } else {
      // One that loads what it had on its disk may take its time on a busy machine.
      let server = try PrivateRedis(startTimeoutMilliseconds: 120_000, options: options)
      self.server = server
      address = server.address
    }
    reader = RedisReader(try RedisConnection(address, password: password))
  }

  deinit {
    if server == nil { _ = try? reader.removeKeys(matching: "\(prefix):*") }
  }

  public func connection() throws -> RedisConnection { try RedisConnection(address, password: password) }
}
