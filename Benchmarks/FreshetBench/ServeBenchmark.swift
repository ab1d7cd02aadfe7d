// The feature server beside its redis-server, both on one processor, asked from another one: how many requests it answers, and how long answers take
// while requests come at half that rate, counted from when each was to be sent. The reference is a bare hiredis loop that reads the same
// rows on that same processor, one request after the other. Linux only.

import Base
import CReference
import Configuration
import Features
import Foundation
import HTTPServer
import Records
import RedisStore
import Serving

let serveBenchmark = Benchmark(name: "serve") { scale in
  // What is started from here stays on the first processor.
  guard serve_reference_bind(0) == 0 else { return print("  only where threads can be bound to a processor") }
  defer { _ = serve_reference_bind(-1) }
  let redis = try PrivateRedis()
  guard case .unix(let path) = redis.address.endpoint else { return }
  try fill(redis)
  let server = try FeatureServer(plan(), ListenAddress(port: 0), settings: ServingSettings()) {
    RedisOnlineReader(try RedisConnection(redis.address), prefix: "fv", pipeline: "bench")
  }
  defer { server.stop(graceMilliseconds: 1000) }
  let cost = Costs(try RedisReader(RedisConnection(redis.address)))
  for (entityCount, target) in [(1, "0.50 or more"), (10, "between"), (100, "0.80 or more")] {
    try measure(entityCount, target, path, server.address.port, cost, scale)
  }
}

private let featureCount = 20
private let keyCount = 10_000
private let featureNames = (0..<featureCount).map { "feature_\($0)" }

/// What a request costs the processor, redis-server included: where one processor is all there is, that is the rate, whatever else the machine does.
private struct Costs {
  private let reader: RedisReader

  init(_ reader: RedisReader) { self.reader = reader }

  /// - Parameter isOurs: Whether the calling thread belongs to what is measured, as the loop does and the load does not.
  func seconds(ofOne count: Int, isOurs: Bool, _ body: () throws -> Void) throws -> Double {
    let before = try (redisSeconds(), processSeconds(), threadSeconds())
    try body()
    let after = try (redisSeconds(), processSeconds(), threadSeconds())
    return (after.0 - before.0 + after.1 - before.1 - (isOurs ? 0 : after.2 - before.2)) / Double(count)
  }

  private func redisSeconds() throws -> Double {
    let fields = try reader.information("cpu")
    return ["used_cpu_user", "used_cpu_sys"].compactMap { fields[$0].flatMap { Double($0) } }.reduce(0, +)
  }
}

private func measure(
  _ entityCount: Int, _ target: String, _ path: String, _ port: Int, _ costs: Costs, _ scale: BenchmarkScale
) throws {
  let requests = (0..<500).map { request(number: $0, entityCount) }
  let count = max(scale.isTiny ? 20 : 2000, scale.events(40_000) / entityCount)
  var bare = 0.0
  var served = 0.0
  var bareCost = Double.infinity
  var servedCost = Double.infinity
  // In turns; the best of each is the least disturbed.
  for _ in 0..<scale.rounds {
    _ = serve_reference_bind(0)
    bareCost = min(
      bareCost,
      try costs.seconds(ofOne: count, isOurs: true) { bare = max(bare, try readBare(path, entityCount, count)) })
    _ = serve_reference_bind(1)
    servedCost = min(
      servedCost,
      try costs.seconds(ofOne: count, isOurs: false) {
        served = max(served, try load(port, requests, count: count, perSecond: 0).rate)
      })
  }
  _ = serve_reference_bind(1)
  let name = entityCount == 1 ? "1 entity" : "\(entityCount) entities"
  printDetail("serve, \(name) of \(featureCount) features", String(format: "%.0f requests/s", served), "32 connections")
  printDetail("  bare hiredis loop", String(format: "%.0f requests/s", bare), "")
  printDetail(
    "  CPU of a request, redis-server included", String(format: "%.1f us", servedCost * 1e6),
    String(format: "the loop's %.1f us", bareCost * 1e6))
  printRatio("  of the bare loop's rate", served / bare, target: target)
  printRatio("  of the bare loop's rate, by the CPU of both", bareCost / servedCost, target: target)
  let rate = served / 2
  let latencies = try load(port, requests, count: scale.isTiny ? 20 : max(1000, Int(rate * 5)), perSecond: rate).latencies.sorted()
  func milliseconds(_ share: Double) -> String {
    String(format: "%.2f", Double(latencies[min(latencies.count - 1, Int(Double(latencies.count) * share))]) / 1e6)
  }
  printDetail(
    "  ms at half that rate: p50, p99, p99.9", "\(milliseconds(0.5)) \(milliseconds(0.99)) \(milliseconds(0.999))",
    "target p99 at most 2")
}

/// Requests per second.
private func readBare(_ path: String, _ entityCount: Int, _ count: Int) throws -> Double {
  let names = featureNames + ["_as_of", "_last_event", "_written_at", "_position"]
  var fields: [UnsafePointer<CChar>?] = names.map { UnsafePointer(strdup($0)) }
  defer { for field in fields { free(UnsafeMutablePointer(mutating: field)) } }
  let start = wallSeconds()
  let bytes = serve_reference_read(path, &fields, Int32(fields.count), Int32(entityCount), Int32(keyCount), Int64(count))
  precondition(bytes > 0, "the rows are there")
  return Double(count) / (wallSeconds() - start)
}

private func load(_ port: Int, _ requests: [[UInt8]], count: Int, perSecond: Double) throws -> (rate: Double, latencies: [Int64]) {
  var pointers: [UnsafePointer<UInt8>?] = requests.map { request in
    let copy = UnsafeMutablePointer<UInt8>.allocate(capacity: request.count)
    copy.initialize(from: request, count: request.count)
    return UnsafePointer(copy)
  }
  defer { for pointer in pointers { UnsafeMutablePointer(mutating: pointer)?.deallocate() } }
  let lengths = requests.map(\.count)
  var latencies = [Int64](repeating: 0, count: count)
  let took = serve_reference_load(Int32(port), 32, &pointers, lengths, Int32(requests.count), Int64(count), perSecond, &latencies)
  guard took > 0 else { throw Failure(.failure, "the server did not answer all requests with 200") }
  return (Double(count) / Double(took) * 1e9, latencies)
}

private func request(number: Int, _ entityCount: Int) -> [UInt8] {
  let keys = (0..<entityCount).map { "\"user-\((number * 31 + $0) * 7919 % keyCount)\"" }.joined(separator: ",")
  let body = "{\"feature_service\":\"all\",\"entities\":{\"user_id\":[\(keys)]}}"
  return Array(
    "POST /get-online-features HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
      .utf8)
}

private func plan() throws -> ServingPlan {
  let features = featureNames.enumerated().map { index, name in
    index % 4 == 3
      ? "      \(name): { agg: last, field: v }"
      : index % 4 == 0 ? "      \(name): { agg: count }" : "      \(name): { agg: mean, field: v }"
  }
  let text = """
    version: 1
    kind: pipeline
    name: bench
    sources:
      clicks:
        kafka: { brokers: localhost, topic: clicks, group: g }
        event_time: { field: t, format: epoch_ms }
        watermark: { lateness: 0s }
    entities:
      user: { key: user_id }
    views:
      activity:
        entity: user
        source: clicks
        lanes: [nrt]
        features:
    \(features.map { "    \($0)" }.joined(separator: "\n"))
    services:
      all: { features: [activity] }
    sink: { redis: { url: "redis://127.0.0.1:6379/0", layout: native, prefix: fv } }
    """
  let diagnostics = Diagnostics(file: "bench.yaml")
  let pipeline = PipelineReader.read(text: text, diagnostics: diagnostics)
  try diagnostics.throwIfErrors()
  return try ServingPlan(pipeline!)
}

/// Rows as the processor writes them: counts, means and texts.
private func fill(_ redis: PrivateRedis) throws {
  let store = RedisFeatureStore(
    try RedisConnection(redis.address), prefix: "fv",
    views: [StoredView(name: "activity", keyFieldName: "user_id", featureNames: featureNames, timeToLiveMilliseconds: nil)],
    fences: FenceKeys(prefix: "fv", pipeline: "bench", topic: "clicks.clicks"))
  _ = try store.claim(0, as: FenceOwner(token: "bench", name: "bench"))
  let rows = FeatureRowBatch()
  for key in 0..<keyCount {
    let (keyStart, firstValue) = (rows.bytes.count, rows.values.count)
    rows.bytes.append("user-\(key)")
    let keyCount = rows.bytes.count - keyStart
    for feature in 0..<featureCount {
      switch feature % 4 {
      case 0: rows.values.append(FeatureValue(kind: .integer, bits: UInt64(key % 1000)))
      case 3:
        let start = rows.bytes.count
        rows.bytes.append("category-\(key % 50)")
        rows.values.append(FeatureValue(kind: .string, bits: UInt64(start), byteCount: UInt32(rows.bytes.count - start)))
      default: rows.values.append(FeatureValue(kind: .double, bits: (Double(key) / 7).bitPattern))
      }
    }
    rows.rows.append(
      FeatureRow(
        view: 0, keyStart: UInt32(keyStart), keyCount: Int32(keyCount), firstValue: UInt32(firstValue), partition: 0,
        windowStart: .min, windowEnd: .min, asOf: 1_700_000_000_000 + Int64(key), lastEvent: 1_700_000_000_000))
  }
  _ = try store.write(
    rows, at: [FlushPosition(partition: 0, nextOffset: 1, flushingTo: 1, watermark: 1_700_000_000_000)])
}
