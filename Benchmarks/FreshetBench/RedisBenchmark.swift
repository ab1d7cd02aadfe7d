// Rows of three features with an expiry into a redis-server of our own, and the same as HSET and PEXPIRE from a bare hiredis loop. Wall time,
// because the limit is Redis' one thread; the CPU that is ours is printed beside it.

import Base
import CReference
import Features
import Foundation
import Records
import RedisStore

let redisBenchmark = Benchmark(name: "redis") { scale in
  let count = scale.events(500_000)
  let keyCount = 50_000
  let server = try PrivateRedis()
  guard case .unix(let path) = server.address.endpoint else { return }
  let view = StoredView(
    name: "activity", keyFieldName: "user", featureNames: ["views", "mean", "page"], timeToLiveMilliseconds: 600_000)
  let store = RedisFeatureStore(try RedisConnection(server.address), prefix: "fv", views: [view])
  var ourCPU = Double.infinity
  let least = try leastSeconds(
    rounds: scale.rounds, clock: wallSeconds,
    [
      { precondition(redis_reference_write(path, Int64(count), Int64(keyCount)) == 2 * count, "every write was taken") },
      {
        let start = threadSeconds()
        try write(store, count: count, keyCount: keyCount)
        ourCPU = min(ourCPU, threadSeconds() - start)
      },
    ])
  printFigure("redis, HSET and PEXPIRE through bare hiredis", seconds: least[0], events: count)
  printFigure("redis, RedisFeatureStore", seconds: least[1], events: count)
  printRatio("  of the bare loop's speed", least[0] / least[1], target: "0.85 or more")
  printFigure("redis, RedisFeatureStore, our CPU", seconds: ourCPU, events: count)
}

private func write(_ store: RedisFeatureStore, count: Int, keyCount: Int) throws {
  let rows = FeatureRowBatch()
  for index in 0..<count {
    let keyStart = rows.bytes.count
    rows.bytes.append("user-")
    rows.bytes.reserve(NumberText.maximumByteCount)
    rows.bytes.count += NumberText.write(Int64(index % keyCount), to: rows.bytes.base + rows.bytes.count)
    let keyEnd = rows.bytes.count
    rows.bytes.append("/products/17" as StaticString)
    rows.rows.append(
      FeatureRow(
        view: 0, keyStart: UInt32(keyStart), keyCount: Int32(keyEnd - keyStart), firstValue: UInt32(rows.values.count),
        partition: 0,
        windowStart: .min, windowEnd: .min, asOf: 1_700_000_000_000 + Int64(index), lastEvent: 1_700_000_000_000 + Int64(index)))
    rows.values.append(FeatureValue(kind: .integer, bits: UInt64(index)))
    rows.values.append(FeatureValue(kind: .double, bits: (Double(index) / 7).bitPattern))
    rows.values.append(FeatureValue(kind: .string, bits: UInt64(keyEnd), byteCount: 12))
    if rows.rows.count == 5000 || index == count - 1 {
      try store.write(rows)
      rows.removeAll()
    }
  }
}
