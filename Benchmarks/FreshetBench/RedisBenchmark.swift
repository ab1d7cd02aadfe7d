// Rows of three features with an expiry into a redis-server of our own, under fences and without, and the same as HSET and PEXPIRE from a bare
// hiredis loop. Wall time, because the limit is Redis' one thread; our CPU and the server's are printed beside it.

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
  let reader = RedisReader(try RedisConnection(server.address))
  let view = StoredView(
    name: "activity", keyFieldName: "user", featureNames: ["views", "mean", "page"], timeToLiveMilliseconds: 600_000)
  let fences = FenceKeys(prefix: "fv", pipeline: "bench", topic: "clicks.clicks")
  func store(_ fences: FenceKeys?) throws -> RedisFeatureStore {
    RedisFeatureStore(try RedisConnection(server.address), prefix: "fv", views: [view], fences: fences)
  }
  let (unfenced, fenced) = (try store(nil), try store(fences))
  for partition in 0..<partitionCount { _ = try fenced.claim(partition, as: FenceOwner(token: "bench", name: "bench")) }
  // Per body: the least CPU of ours and of the server's.
  var ourCPU = [Double](repeating: .infinity, count: 3)
  var serverCPU = [Double](repeating: .infinity, count: 3)
  func measured(_ index: Int, _ body: () throws -> Void) throws {
    let (ours, theirs) = (threadSeconds(), try serverSeconds(reader))
    try body()
    ourCPU[index] = min(ourCPU[index], threadSeconds() - ours)
    serverCPU[index] = min(serverCPU[index], try serverSeconds(reader) - theirs)
  }
  let least = try leastSeconds(
    rounds: scale.rounds, clock: wallSeconds,
    [
      {
        try measured(0) {
          precondition(redis_reference_write(path, Int64(count), Int64(keyCount)) == 2 * count, "every write was taken")
        }
      },
      { try measured(1) { try write(unfenced, count: count, keyCount: keyCount, isFenced: false) } },
      { try measured(2) { try write(fenced, count: count, keyCount: keyCount, isFenced: true) } },
    ])
  let names = ["HSET and PEXPIRE through bare hiredis", "RedisFeatureStore without fences", "RedisFeatureStore"]
  for (index, name) in names.enumerated() {
    printFigure("redis, \(name)", seconds: least[index], events: count)
    printFigure("  CPU of redis-server", seconds: serverCPU[index], events: count)
    printFigure("  our CPU", seconds: ourCPU[index], events: count)
  }
  printRatio("  fenced, of the bare loop's speed", least[0] / least[2], target: "0.85 or more")
  printRatio("  fenced, of the speed without fences", least[1] / least[2], target: "0.80 or more")
  try measureFlushes(fenced, reader, count: max(100, count / 50))
}

private let partitionCount: PartitionIndex = 12

/// Flushes of a single row, and of none: what a flush costs beside its rows.
private func measureFlushes(_ store: RedisFeatureStore, _ reader: RedisReader, count: Int) throws {
  let rows = FeatureRowBatch()
  for rowCount in [1, 0] {
    rows.removeAll()
    if rowCount == 1 { append(0, keyCount: 1, partition: 0, to: rows) }
    let (start, theirs) = (wallSeconds(), try serverSeconds(reader))
    for offset in 0..<count { _ = try store.write(rows, at: [position(Offset(offset), partition: 0)]) }
    printFigure("redis, a flush of \(rowCount == 1 ? "one row" : "no row")", seconds: wallSeconds() - start, events: count)
    printFigure("  CPU of redis-server", seconds: try serverSeconds(reader) - theirs, events: count)
  }
}

/// CPU time that the server has used.
private func serverSeconds(_ reader: RedisReader) throws -> Double {
  let fields = try reader.information("cpu")
  return ["used_cpu_user", "used_cpu_sys"].compactMap { fields[$0].flatMap { Double($0) } }.reduce(0, +)
}

private func write(_ store: RedisFeatureStore, count: Int, keyCount: Int, isFenced: Bool) throws {
  let rows = FeatureRowBatch()
  for index in 0..<count {
    // A partition's rows stand together, as a worker drains them.
    append(index, keyCount: keyCount, partition: PartitionIndex(rows.rows.count * Int(partitionCount) / 5000), to: rows)
    if rows.rows.count == 5000 || index == count - 1 {
      let positions = isFenced ? (0..<partitionCount).map { position(Offset(index), partition: $0) } : []
      let refusals = try store.write(rows, at: positions)
      precondition(refusals.isEmpty, "nobody else claims anything")
      rows.removeAll()
    }
  }
}

private func position(_ offset: Offset, partition: PartitionIndex) -> FlushPosition {
  FlushPosition(partition: partition, nextOffset: offset, flushingTo: offset, watermark: 1_700_000_000_000)
}

private func append(_ index: Int, keyCount: Int, partition: PartitionIndex, to rows: FeatureRowBatch) {
  let keyStart = rows.bytes.count
  rows.bytes.append("user-")
  rows.bytes.reserve(NumberText.maximumByteCount)
  rows.bytes.count += NumberText.write(Int64(index % keyCount), to: rows.bytes.base + rows.bytes.count)
  let keyEnd = rows.bytes.count
  rows.bytes.append("/products/17" as StaticString)
  rows.rows.append(
    FeatureRow(
      view: 0, keyStart: UInt32(keyStart), keyCount: Int32(keyEnd - keyStart), firstValue: UInt32(rows.values.count),
      partition: partition, windowStart: .min, windowEnd: .min, asOf: 1_700_000_000_000 + Int64(index),
      lastEvent: 1_700_000_000_000 + Int64(index)))
  rows.values.append(FeatureValue(kind: .integer, bits: UInt64(index)))
  rows.values.append(FeatureValue(kind: .double, bits: (Double(index) / 7).bitPattern))
  rows.values.append(FeatureValue(kind: .string, bits: UInt64(keyEnd), byteCount: 12))
}
