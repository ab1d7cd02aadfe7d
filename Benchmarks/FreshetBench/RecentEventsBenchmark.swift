// The lane `rt`: what a request costs by how many events its entity has, and what keeping them costs the processor and Redis.

import Base
import Features
import Foundation
import Logging
import Processing
import Records
import RedisStore

let recentEventsBenchmark = Benchmark(name: "rt") { scale in
  for (name, window) in [
    ("5 min sliding by 10 s", "{ sliding: 5m, hop: 10s }"), ("1 h sliding by 1 min", "{ sliding: 1h, hop: 1m }"),
  ] {
    let pipeline = try clickPipeline(recentView(window, lanes: "[rt]"))
    for count in [1, 10, 100, 1000] { try measureRequests(pipeline, name, eventCount: count, scale) }
  }
  try measureWriting(scale)
}

/// Four aggregates, of which one has a condition.
private func recentView(_ window: String, lanes: String) -> String {
  """
    activity:
      entity: user
      source: clicks
      lanes: \(lanes)
      features:
        clicks: { agg: count, window: \(window) }
        views:  { agg: count, where: "page == '/product'", window: \(window) }
        spend:  { agg: sum, field: price, window: \(window) }
        dearest: { agg: max, field: price, window: \(window) }

  """
}

/// Events are spread over the last four minutes.
private func measureRequests(_ pipeline: PipelineDefinition, _ name: String, eventCount: Int, _ scale: BenchmarkScale) throws {
  let view = try RecentEventsView(pipeline, source: 0, entity: 0)
  let now: Int64 = 1_767_225_600_000
  let elements = (0..<eventCount).map { index in
    let time = now - Int64(eventCount - 1 - index) * 240_000 / Int64(eventCount)
    let page = ["/home", "/search", "/product", "/cart", "/checkout"][index % 5]
    return Array(#"\#(index) 0 \#(time) {"page":"\#(page)","price":\#(index % 97).5}"#.utf8)
  }
  let output = FeatureRowBatch()
  let key = Array("u0000017".utf8)
  let requestCount = max(50, scale.events(200_000) / (eventCount + 9))
  let least = try leastSeconds(
    rounds: scale.rounds,
    [
      {
        for _ in 0..<requestCount {
          output.removeAll()
          view.begin()
          for element in elements { element.withUnsafeBufferPointer { view.add($0) } }
          _ = try key.withUnsafeBufferPointer { try view.compute(key: $0, at: now, into: output) }
        }
      }
    ])[0]
  precondition(output.rows.count == 1 && output.values[0].bits == UInt64(eventCount), "every event was counted")
  let perRequest = least / Double(requestCount) * 1e6
  let target = eventCount == 10 ? "at most 30" : "none"
  printDetail(
    "rt, \(eventCount) events, \(name)", String(format: "%.1f us/request", perRequest),
    String(format: "%.0f ns/event, target %@", perRequest * 1e3 / Double(eventCount), target))
}

/// Takes elements and forgets them.
private final class NoRecentEvents: RecentEventsSink {
  let name = "nothing"
  func append(_ events: RecentEventBatch) throws -> Int { events.events.count }
  func close() throws {}
}

private func measureWriting(_ scale: BenchmarkScale) throws {
  let file = try ClickFile(count: scale.events(500_000), userCount: scale.isTiny ? 1000 : 100_000)
  let streamed = try clickPipeline(recentView("{ sliding: 5m, hop: 10s }", lanes: "[nrt]"))
  let both = try clickPipeline(recentView("{ sliding: 5m, hop: 10s }", lanes: "[nrt, rt]"))
  let server = try PrivateRedis()
  let lists = both.recentEventsLists(ofSource: 0)
  let least = try leastSeconds(
    rounds: scale.rounds,
    [{ try file.process(streamed) }, { try file.process(both, recentEvents: NoRecentEvents()) }])
  printFigure("process, the view in the lane nrt alone", seconds: least[0], events: file.count)
  printFigure("process, in nrt and rt, elements made and forgotten", seconds: least[1], events: file.count)
  var round = 0
  let reader = RedisReader(try RedisConnection(server.address))
  let start = try reader.cpuSeconds
  let written = try leastSeconds(
    rounds: max(1, scale.rounds / 2), clock: wallSeconds,
    [
      {
        round += 1
        let sink = RedisRecentEvents(try RedisConnection(server.address), prefix: "r\(round)", lists: lists, in: both)
        try file.process(both, recentEvents: sink)
      }
    ])[0]
  printFigure("process, in nrt and rt, elements in Redis, wall time", seconds: written, events: file.count)
  printFigure("  CPU of redis-server", seconds: (try reader.cpuSeconds - start) / Double(round), events: file.count)
  let memory = Double(try reader.information("memory")["used_memory"] ?? "0") ?? 0
  printDetail(
    "  memory of Redis per event that is kept", String(format: "%.0f bytes", memory / Double(round * file.count)),
    "\(file.count) events of \(scale.isTiny ? 1000 : 100_000) entities")
}

extension RedisReader {
  fileprivate var cpuSeconds: Double {
    get throws {
      let fields = try information("cpu")
      return ["used_cpu_user", "used_cpu_sys"].compactMap { fields[$0].flatMap { Double($0) } }.reduce(0, +)
    }
  }
}
