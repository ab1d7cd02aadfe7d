// A Redis for one test: a redis-server of its own, or the one that FRESHET_TEST_REDIS names, under a prefix that nobody else uses.

import Base
import Features
import Foundation
import Records
import RedisStore

final class TestRedis {
  let address: RedisAddress
  let prefix = "freshet-test-\(UUID().uuidString.lowercased())"
  let server: PrivateRedis?
  let reader: RedisReader
  private let password: String?

  static let isExternal = ProcessInfo.processInfo.environment["FRESHET_TEST_REDIS"] != nil

  init() throws {
    let environment = ProcessInfo.processInfo.environment
    password = try RedisAddress.password(environment: environment)
    if let external = environment["FRESHET_TEST_REDIS"] {
      server = nil
      address = try RedisAddress(external)
    } else {
      let server = try PrivateRedis()
      self.server = server
      address = server.address
    }
    reader = RedisReader(try RedisConnection(address, password: password))
  }

  deinit {
    if server == nil { _ = try? reader.removeKeys(matching: "\(prefix):*") }
  }

  func connection(retryMilliseconds: Int = 15_000) throws -> RedisConnection {
    var timeouts = RedisTimeouts()
    timeouts.retryMilliseconds = retryMilliseconds
    return try RedisConnection(address, password: password, timeouts: timeouts)
  }
}

/// A value as a test states it.
enum TestValue {
  case null, integer(Int64), double(Double), bool(Bool), string(String), json(String)
}

extension FeatureRowBatch {
  func append(
    view: Int32 = 0, key: String?, values: [TestValue], windowStart: Int64 = .min, windowEnd: Int64 = .min, asOf: Int64 = 1000,
    lastEvent: Int64 = 900
  ) {
    let keyStart = bytes.count
    if let key { bytes.append(key) }
    let row = FeatureRow(
      view: view, keyStart: UInt32(keyStart), keyCount: key.map { Int32($0.utf8.count) } ?? -1,
      firstValue: UInt32(self.values.count),
      partition: 0, windowStart: windowStart, windowEnd: windowEnd, asOf: asOf, lastEvent: lastEvent)
    for value in values { self.values.append(stored(value)) }
    rows.append(row)
  }

  private func stored(_ value: TestValue) -> FeatureValue {
    func text(_ kind: ValueKind, _ text: String) -> FeatureValue {
      let start = bytes.count
      bytes.append(text)
      return FeatureValue(kind: kind, bits: UInt64(start), byteCount: UInt32(text.utf8.count))
    }
    switch value {
    case .null: return FeatureValue(kind: .null)
    case .integer(let value): return FeatureValue(kind: .integer, bits: UInt64(bitPattern: value))
    case .double(let value): return FeatureValue(kind: .double, bits: value.bitPattern)
    case .bool(let value): return FeatureValue(kind: .bool, bits: value ? 1 : 0)
    case .string(let value): return text(.string, value)
    case .json(let value): return text(.composite, value)
    }
  }
}

/// A clock that stands where it is put.
final class StillClock: Clock {
  let nowMilliseconds: Int64
  let monotonicNanoseconds: UInt64 = 0
  init(_ nowMilliseconds: Int64) { self.nowMilliseconds = nowMilliseconds }
}
