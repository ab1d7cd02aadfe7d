import Base
import Configuration
import Features
import Records
import TestSupport
import Testing

@testable import RedisStore

struct RedisRecentEventsTests {
  private func pipeline(_ rest: String = "rt: { max_events: 5 }") throws -> PipelineDefinition {
    let diagnostics = Diagnostics(file: "p")
    let definition = PipelineReader.read(
      text: """
        kind: pipeline
        name: p
        sources:
          s: { event_time: { field: ts, format: epoch_ms }, watermark: { lateness: 1s } }
        entities:
          user: { key: user }
        views:
          v:
            entity: user
            source: s
            lanes: [rt]
            \(rest)
            features:
              n: { agg: count, window: { sliding: 10s, hop: 1s } }
          all:
            entity: all
            source: s
            lanes: [rt]
            features:
              n: { agg: count }
        """, diagnostics: diagnostics)
    #expect(diagnostics.all.map(\.description) == [])
    return try #require(definition)
  }

  private func sink(_ connection: RedisConnection, _ prefix: String, _ pipeline: PipelineDefinition) -> RedisRecentEvents {
    RedisRecentEvents(connection, prefix: prefix, lists: pipeline.recentEventsLists(ofSource: 0), in: pipeline)
  }

  private func batch(_ events: [(key: String?, offset: Offset, time: Int64)], origin: String = "0") -> RecentEventBatch {
    let batch = RecentEventBatch()
    batch.begin(origin: origin)
    for event in events {
      let run =
        event.key.map { key in Array(key.utf8).withUnsafeBufferPointer { batch.run(list: 0, key: $0) } }
        ?? batch.run(list: 1, key: nil)
      let start = batch.bytes.count
      batch.bytes.append("\(event.offset) \(origin) \(event.time) {}")
      batch.append(from: start, offset: event.offset, time: event.time, to: run)
    }
    return batch
  }

  private func offsets(_ connection: RedisConnection, _ key: String) throws -> [String] {
    try connection.command("LRANGE", key, "0", "-1", what: "reading").texts!.map { String($0.prefix { $0 != " " }) }
  }

  @Test func `events are appended once, whatever is sent again`() throws {
    let redis = try TestRedis()
    let connection = try redis.connection()
    let sink = sink(try redis.connection(), redis.prefix, try pipeline())
    let list = "\(redis.prefix):_events:s:user:a"
    #expect(try sink.append(batch([("a", 3, 1000), (nil, 3, 1000), ("a", 4, 2000), ("b", 5, 2000)])) == 4)
    #expect(try offsets(connection, list) == ["3", "4"])
    #expect(try sink.append(batch([("a", 3, 1000), ("a", 4, 2000), ("a", 6, 500), ("b", 5, 2000)])) == 1)
    #expect(try offsets(connection, list) == ["3", "4", "6"])
    #expect(try connection.command("LRANGE", list, "-1", "-1", what: "reading").texts == ["6 0 500 {}"])
    // Another partition, and the first again behind it.
    #expect(try sink.append(batch([("a", 1, 1000)], origin: "1")) == 1)
    #expect(try sink.append(batch([("a", 6, 1000), ("a", 7, 1000)])) == 1)
    #expect(try offsets(connection, list) == ["3", "4", "6", "1", "7"])
    #expect(try offsets(connection, "\(redis.prefix):_events:s:all") == ["3"])
  }

  @Test func `a list holds the newest, what windows can still show, and expires`() throws {
    let redis = try TestRedis()
    let connection = try redis.connection()
    let sink = sink(try redis.connection(), redis.prefix, try pipeline())
    let list = "\(redis.prefix):_events:s:user:a"
    #expect(try sink.append(batch((0..<8).map { ("a", $0, 1000 + $0) })) == 8)
    #expect(try offsets(connection, list) == ["3", "4", "5", "6", "7"])
    _ = try sink.append(batch([("a", 8, 2000)]))
    #expect(try offsets(connection, list) == ["4", "5", "6", "7", "8"])
    let expiry = try #require(try redis.reader.timeToLiveMilliseconds(of: list))
    #expect((1...12_000).contains(expiry))
    _ = try sink.append(batch([(nil, 1, 1)]))
    #expect(try redis.reader.timeToLiveMilliseconds(of: "\(redis.prefix):_events:s:all") == nil, "what has no window stays")
  }

  @Test func `with every eighth event those behind all windows go`() throws {
    let redis = try TestRedis()
    let connection = try redis.connection()
    let sink = sink(try redis.connection(), redis.prefix, try pipeline("rt: { max_events: 50 }"))
    let list = "\(redis.prefix):_events:s:user:a"
    _ = try sink.append(batch((0..<8).map { ("a", $0, 1000 + $0) }))
    _ = try sink.append(batch((8..<15).map { ("a", $0, 13_006) }))
    #expect(try offsets(connection, list).count == 15)
    // 12 s behind: ten of the window, one of the hop, one of the lateness.
    _ = try sink.append(batch([("a", 15, 13_006)]))
    #expect(try offsets(connection, list) == (6..<16).map { "\($0)" })
    _ = try sink.append(batch((16..<34).map { ("a", $0, 60_000) }))
    #expect(try offsets(connection, list) == (16..<34).map { "\($0)" }, "in pieces that are long enough for all of them")
  }

  @Test func `long runs and long elements go in several calls`() throws {
    let redis = try TestRedis()
    let connection = try redis.connection()
    let sink = sink(try redis.connection(), redis.prefix, try pipeline("rt: { max_events: 5000 }"))
    let events: [(key: String?, offset: Offset, time: Int64)] = (0..<3000).map { (["a", "b", nil, "c\r\n"][Int($0 % 4)], $0, $0) }
    #expect(try sink.append(batch(events)) == 3000)
    #expect(try sink.append(batch(events + [("a", 3000, 3000)])) == 1)
    #expect(try offsets(connection, "\(redis.prefix):_events:s:user:a") == (0..<751).map { "\($0 * 4)" })
    #expect(try offsets(connection, "\(redis.prefix):_events:s:user:c\r\n").count == 750)
    try connection.command("SCRIPT", "FLUSH", what: "forgetting")
    #expect(try sink.append(batch([("b", 4000, 4000)])) == 1, "a script that was forgotten is loaded again")
  }

  @Test func `a Redis that is gone is a failure that can be tried again`() throws {
    let redis = try PrivateRedis()
    let sink = sink(try RedisConnection(redis.address), "x", try pipeline())
    #expect(try sink.append(batch([("a", 1, 1)])) == 1)
    redis.stop()
    #expect {
      try sink.append(batch([("a", 2, 2)]))
    } throws: {
      ($0 as? Failure)?.isRetryable == true
    }
  }

  @Test func `lists of a cluster lie on all its nodes`() throws {
    let cluster = try TestRedisCluster()
    let connection = try cluster.connection()
    let sink = sink(connection, "c", try pipeline("rt: { max_events: 400 }"))
    let events: [(key: String?, offset: Offset, time: Int64)] = (0..<2000).map { ("u\($0 % 100)", $0, $0) } + [("hot", 1, 1)]
    let hot: [(key: String?, offset: Offset, time: Int64)] = (2..<600).map { ("hot", $0, $0) }
    #expect(try sink.append(batch(events + hot)) == 2599)
    #expect(try sink.append(batch(events + [("u7", 5000, 5000)])) == 1)
    func length(_ key: String) throws -> Int64? {
      try connection.retrying(at: key) { try $0.command("LLEN", key, what: "counting").integer }
    }
    #expect(try length("c:_events:s:user:u7") == 21 && length("c:_events:s:user:u8") == 20)
    #expect(try length("c:_events:s:user:hot") == 400)
  }
}
