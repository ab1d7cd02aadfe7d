// Lists of recent events in Redis, as `RecentEventsList` names them. A script per call appends to several of them: what is not newer than a list's last
// element of the same origin is passed over, the oldest go where there are too many or where they lie behind every window, and expiry is set anew. Several
// calls are on their way at once. In a cluster lists lie on many nodes, and a call has one.

import Base
import Features
import Records

public final class RedisRecentEvents: RecentEventsSink {
  public var name: String { connection.name }

  private struct List {
    let keyStart: [UInt8]
    let eventCountMax: Int64
    /// 0 for none.
    let expiry: Int64
    /// How far behind the newest event others are kept, in ms; nil for all.
    let reach: Int64?
  }

  private let connection: RedisConnection
  private let lists: [List]
  private let script = RedisScript(RecentEventsScript.append)
  private let keys = ByteBuffer(capacity: 1 << 14)
  private let arguments = ByteBuffer(capacity: 1 << 16)
  private let head = ByteBuffer(capacity: 256)
  private let keyText = ByteBuffer(capacity: 256)

  /// A call ends after this many events or bytes.
  private static let callEventLimit = 256
  private static let callByteLimit = 64 << 10
  private static let pipelineDepth = 8
  private static let attemptLimit = 3

  /// - Parameter lists: In the order of the plan.
  public init(_ connection: RedisConnection, prefix: String, lists: [RecentEventsList], in pipeline: PipelineDefinition) {
    self.connection = connection
    self.lists = lists.map { list in
      let lateness = pipeline.sources[list.source].latenessMilliseconds
      return List(
        keyStart: Array(list.keyStart(prefix: prefix, in: pipeline).utf8), eventCountMax: Int64(list.eventCountMax),
        expiry: list.expiryMilliseconds ?? 0, reach: list.reachMilliseconds.map { $0 + lateness })
    }
  }

  public func append(_ events: RecentEventBatch) throws -> Int {
    if let cluster = connection.cluster { return try append(events, to: cluster) }
    return try connection.retrying {
      for _ in 0..<Self.attemptLimit {
        if let count = try attempt(events) { return count }
        script.forget()
      }
      throw Failure(.unavailable, "\(name): keeping recent events: Redis does not keep the script", isRetryable: true)
    }
  }

  public func close() throws { connection.disconnect() }

  /// Sends all calls and reads all answers; nil where Redis has forgotten the script.
  private func attempt(_ events: RecentEventBatch) throws -> Int? {
    let digest = try script.digest(on: connection)
    var answers = Answers()
    var run = 0
    var event = events.runs.first?.first ?? -1
    do {
      while run < events.runs.count || answers.pendingCount > 0 {
        if run < events.runs.count {
          try send(events, &run, &event, digest)
          answers.pendingCount += 1
        }
        guard run == events.runs.count || answers.pendingCount == Self.pipelineDepth else { continue }
        try readOne(&answers)
      }
    } catch {
      // Answers that nobody has read would be taken for those of the next command.
      if answers.pendingCount > 0 { connection.disconnect() }
      throw error
    }
    if let error = answers.error { throw connection.failure(error, "keeping recent events") }
    return answers.hasForgotten ? nil : answers.count
  }

  private struct Answers {
    var pendingCount = 0
    var count = 0
    var hasForgotten = false
    var error: String?
  }

  private func readOne(_ answers: inout Answers) throws {
    let reply = try connection.reply()
    answers.pendingCount -= 1
    if let text = reply.error {
      if RedisError(text: text).isForgottenScript { answers.hasForgotten = true } else { answers.error = answers.error ?? text }
    } else {
      answers.count += Int(reply.integer ?? 0)
    }
  }

  /// Sends the next call, with events of runs from `run` on that are of one list; moves both numbers behind what it took.
  private func send(_ events: RecentEventBatch, _ run: inout Int, _ event: inout Int32, _ digest: String) throws {
    keys.removeAll()
    arguments.removeAll()
    let list = events.runs[run].list
    var keyCount = 0
    var argumentCount = 0
    var eventCount = 0
    while run < events.runs.count, events.runs[run].list == list, eventCount < Self.callEventLimit,
      keys.count + arguments.count < Self.callByteLimit
    {
      appendKey(of: events.runs[run], of: events, to: keys)
      keyCount += 1
      let taken = appendEvents(events, events.runs[run], &event, limit: Self.callEventLimit - eventCount)
      argumentCount += 2 + 2 * taken
      eventCount += taken
      guard event < 0 else { break }
      run += 1
      if run < events.runs.count { event = events.runs[run].first }
    }
    appendHead(events.origin, lists[Int(list)], digest, keyCount: keyCount, argumentCount: argumentCount)
    try connection.send(head.bytes)
    try connection.send(keys.bytes)
    head.removeAll()
    appendSettings(lists[Int(list)], events.origin, to: head)
    try connection.send(head.bytes)
    try connection.send(arguments.bytes)
    try connection.flush()
  }

  private func appendHead(_ origin: String, _ list: List, _ digest: String, keyCount: Int, argumentCount: Int) {
    head.removeAll()
    RESP.appendCommand(argumentCount: 3 + keyCount + 3 + argumentCount, to: head)
    RESP.append("EVALSHA", to: head)
    RESP.append(digest, to: head)
    RESP.append(Int64(keyCount), to: head)
  }

  private func appendSettings(_ list: List, _ origin: String, to out: ByteBuffer) {
    RESP.append(list.eventCountMax, to: out)
    RESP.append(list.expiry, to: out)
    RESP.append(origin, to: out)
  }

  private func appendKey(of run: RecentEventBatch.Run, of events: RecentEventBatch, to out: ByteBuffer) {
    keyText.removeAll()
    lists[Int(run.list)].keyStart.withUnsafeBufferPointer { keyText.append($0) }
    if let key = events.key(of: run) {
      keyText.append(UInt8(ascii: ":"))
      keyText.append(key)
    }
    RESP.append(keyText.bytes, to: out)
  }

  /// Appends up to `limit` events of a run from `event` on, which becomes the next one, or -1; returns how many.
  private func appendEvents(
    _ events: RecentEventBatch, _ run: RecentEventBatch.Run, _ event: inout Int32, limit: Int, to out: ByteBuffer? = nil
  ) -> Int {
    let out = out ?? arguments
    // How many are to come is known when they have been looked at: room for three digits.
    let countStart = out.count
    out.append("$3\r\n000\r\n" as StaticString)
    if let reach = lists[Int(run.list)].reach { RESP.append(run.newestTime - reach, to: out) } else { RESP.append("", to: out) }
    var count = 0
    while event >= 0, count < limit {
      let next = events.events[Int(event)]
      RESP.append(next.offset, to: out)
      RESP.append(events.element(next), to: out)
      event = next.next
      count += 1
    }
    let digits = out.base + countStart + 4
    digits[0] = 48 + UInt8(count / 100)
    digits[1] = 48 + UInt8(count / 10 % 10)
    digits[2] = 48 + UInt8(count % 10)
    return count
  }

  // MARK: - Clusters

  private func append(_ events: RecentEventBatch, to cluster: RedisCluster) throws -> Int {
    do { return try appendOnce(events, to: cluster) } catch let failure as Failure where failure.isRetryable {
      // Another node may have taken the place of one that is gone; where that has not happened yet, the caller waits.
      guard !cluster.hasTimedOut, (try? cluster.refresh()) != nil else { throw failure }
      return try appendOnce(events, to: cluster)
    }
  }

  private func appendOnce(_ events: RecentEventBatch, to cluster: RedisCluster) throws -> Int {
    // Per call: its run and the first of its events.
    var calls: [(run: Int, event: Int32)] = []
    for (index, run) in events.runs.enumerated() {
      var event = run.first
      while event >= 0 {
        calls.append((index, event))
        var count = 0
        while event >= 0, count < Self.callEventLimit {
          event = events.events[Int(event)].next
          count += 1
        }
      }
    }
    try cluster.openAll()
    guard let node = try cluster.masters().first else { return 0 }
    // The same on all nodes.
    var digest = try script.digest(on: node)
    var pipeline = ClusterPipeline(cluster, what: "keeping recent events")
    pipeline.prepare = { [self] node, hasForgotten in
      if hasForgotten { script.forget() }
      digest = try script.digest(on: node)
    }
    var count = 0
    try pipeline.run(
      count: calls.count,
      append: { index, out in
        let run = events.runs[calls[index].run]
        var event = calls[index].event
        arguments.removeAll()
        let taken = appendEvents(events, run, &event, limit: Self.callEventLimit)
        appendHead(events.origin, lists[Int(run.list)], digest, keyCount: 1, argumentCount: 2 + 2 * taken)
        out.append(head.bytes)
        appendKey(of: run, of: events, to: out)
        appendSettings(lists[Int(run.list)], events.origin, to: out)
        out.append(arguments.bytes)
        return KeySlot.of(keyText.bytes)
      }, answer: { count += Int($1.integer ?? 0) })
    return count
  }
}

/// Declares all its keys and reads no clock, so it runs in Redis 6.2, 7, Valkey and in a cluster, and is replicated as it is.
package enum RecentEventsScript {
  /// KEYS: lists. ARGV: 1 elements that a list holds, 2 expiry in ms or 0, 3 the origin of all events; then per list: how many events, the event time
  /// before which elements at its front go (empty: none does), and per event its offset and its element.
  ///
  /// Whether elements at the front are too old is looked at with every eighth one. Returns how many events were new.
  package static let append = """
    local max, expiry, origin = ARGV[1], ARGV[2], ARGV[3]
    local at, added = 4, 0
    for k = 1, #KEYS do
      local key, count, cutoff = KEYS[k], tonumber(ARGV[at]), tonumber(ARGV[at + 1])
      at = at + 2
      local last
      local tail = redis.call('LINDEX', key, -1)
      if tail then
        local offset, from = string.match(tail, '^(%-?%d+) (%S+) ')
        if from == origin then
          last = tonumber(offset)
        else
          local all = redis.call('LRANGE', key, 0, -2)
          for i = #all, 1, -1 do
            offset, from = string.match(all[i], '^(%-?%d+) (%S+) ')
            if from == origin then
              last = tonumber(offset)
              break
            end
          end
        end
      end
      local fresh = {}
      for i = at, at + 2 * count - 2, 2 do
        if not last or tonumber(ARGV[i]) > last then fresh[#fresh + 1] = ARGV[i + 1] end
      end
      at = at + 2 * count
      if #fresh > 0 then
        added = added + #fresh
        local length = redis.call('RPUSH', key, unpack(fresh))
        if length > tonumber(max) then redis.call('LTRIM', key, -max, -1) end
        for i = 1, cutoff and length % 8 < #fresh and #fresh + 16 or 0 do
          local time = string.match(redis.call('LINDEX', key, 0) or '', '^%S+ %S+ (%-?%d+) ')
          if not time or tonumber(time) >= cutoff then break end
          redis.call('LPOP', key)
        end
        if expiry ~= '0' then redis.call('PEXPIRE', key, expiry) end
      end
    end
    return added
    """
}
