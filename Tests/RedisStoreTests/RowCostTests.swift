// The estimate of what a row costs, against what a Redis says that it costs.

import Base
import Features
import Foundation
import Records
import TestSupport
import Testing

@testable import RedisStore

@Suite struct RowCostTests {
  @Test(arguments: [(2, 8, false), (8, 6, true), (20, 12, true), (3, 200, false), (1, 2, true)])
  func `memory and bytes are near the truth`(features: Int, valueByteCount: Int, expires: Bool) throws {
    let redis = try TestRedis()
    let view = StoredView(
      name: "activity", keyFieldName: "userId", featureNames: (0..<features).map { "feature_\($0)" },
      timeToLiveMilliseconds: expires ? 3_600_000 : nil)
    let connection = try redis.connection()
    let store = RedisFeatureStore(connection, prefix: redis.prefix, views: [view])
    let key = "0078498f-20f8-408b-97da-adf0bb795da5"
    let rows = FeatureRowBatch()
    let texts = (0..<features).map { _ in TestValue.string(String(repeating: "x", count: valueByteCount)) }
    rows.append(key: key, values: texts, asOf: 1_767_225_600_000, lastEvent: 1_767_225_600_000)
    try store.write(rows)
    let cost = RowCost(
      view, prefix: redis.prefix, isWindow: false, keyByteCount: key.utf8.count,
      valueByteCounts: Array(repeating: valueByteCount, count: features))
    let used = try #require(
      try redis.connection().command("MEMORY", "USAGE", "\(redis.prefix):activity:\(key)", "SAMPLES", "0", what: "measuring")
        .integer)
    #expect(abs(Double(cost.memoryByteCount) / Double(used) - 1) < 0.3, "\(cost.memoryByteCount), Redis \(used)")
    #expect(cost.key == "\(redis.prefix):activity:<userId>")
    let wire = redis.prefix.utf8.count + 10 + key.utf8.count + features * valueByteCount + 26
    #expect(cost.wireByteCount > wire && cost.wireByteCount < wire + 8 * (features + 4))
  }

  @Test func `a row of one key for everything is named without it`() {
    let view = StoredView(name: "total", keyFieldName: nil, featureNames: ["n"], timeToLiveMilliseconds: nil)
    #expect(RowCost(view, prefix: "fv", isWindow: true, keyByteCount: 36, valueByteCounts: [2]).key == "fv:total:<window_start>")
  }
}
