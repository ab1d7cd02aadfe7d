// Feature rows into Redis hashes that are readable with HGETALL:
//
//   {prefix}:{view}:{entity key}                  a current value       {prefix}:{view}                  of `entity: all`
//   {prefix}:{view}:{entity key}:{window_start}   a closed window       {prefix}:{view}:{window_start}   of `entity: all`
//
// One field per feature with its plain text; null deletes the field, so that an absent field is a null value. `_as_of`, `_last_event`
// and `_written_at` are ms since the epoch. A chunk of rows is one call of a script that sets, deletes and renews the expiry of each row;
// several chunks are on their way at once, and every answer is read. Values are absolute: writing a batch twice does no harm.

import Base
import Features
import Logging
import Records

/// Writes the native layout.
public final class RedisFeatureStore: FeatureStore {
  public var name: String { connection.name }
  /// Rows confirmed so far.
  public private(set) var writtenRowCount: Int64 = 0

  private let connection: RedisConnection
  private let layouts: [ViewLayout]
  private let clock: any Clock
  private let script = RedisScript(RedisFeatureStore.rowScript)
  private let keys = ByteBuffer(capacity: 1 << 16)
  private let arguments = ByteBuffer(capacity: 1 << 18)
  private let header = ByteBuffer(capacity: 256)
  private let keyText = ByteBuffer(capacity: 256)

  /// A chunk ends after this many rows or bytes: long enough to spread the call's cost, short enough that Redis serves others in between.
  private static let chunkRowLimit = 256
  private static let chunkByteLimit = 64 << 10
  /// Chunks sent and not yet answered.
  private static let pipelineDepth = 8

  /// KEYS: one per row. ARGV, per row: expiry in ms or 0, how many arguments HSET takes, how many fields HDEL takes, then both.
  private static let rowScript = """
    local at = 1
    for i = 1, #KEYS do
      local key, ttl, set, del = KEYS[i], ARGV[at], ARGV[at + 1], ARGV[at + 2]
      local next = at + 3 + set
      redis.call('HSET', key, unpack(ARGV, at + 3, next - 1))
      if del ~= '0' then
        redis.call('HDEL', key, unpack(ARGV, next, next + del - 1))
        next = next + del
      end
      if ttl ~= '0' then redis.call('PEXPIRE', key, ttl) end
      at = next
    end
    return #KEYS
    """

  /// - Parameter views: in the order of `FeatureRow.view`.
  public init(_ connection: RedisConnection, prefix: String, views: [StoredView], clock: any Clock = SystemClock()) {
    self.connection = connection
    self.clock = clock
    layouts = views.map { ViewLayout($0, prefix: prefix) }
    for view in views {
      // `unpack` in Redis' Lua takes fewer than 8000 values.
      precondition(view.featureNames.count < 3500, "a view has at most 3499 features")
    }
  }

  public func write(_ rows: FeatureRowBatch) throws {
    guard !rows.isEmpty else { return }
    let writtenAt = clock.nowMilliseconds
    try connection.retrying {
      // Twice at most: a script that is forgotten again and again is Redis refusing to keep it.
      if try !attempt(rows, writtenAt) {
        script.forget()
        guard try attempt(rows, writtenAt) else {
          throw Failure(.unavailable, "\(name): Redis does not keep the row script", isRetryable: true)
        }
      }
    }
    writtenRowCount += Int64(rows.rows.count)
  }

  public func close() throws { connection.disconnect() }

  /// Sends all chunks and reads all answers; false when Redis did not know the script.
  private func attempt(_ rows: FeatureRowBatch, _ writtenAt: Int64) throws -> Bool {
    let digest = try script.digest(on: connection)
    var pending = 0
    var knowsScript = true
    var refusal: RedisError?
    func readOne() throws {
      let reply = try connection.reply()
      pending -= 1
      guard let text = reply.error else { return }
      let error = RedisError(text: text)
      if error.isForgottenScript { knowsScript = false } else if refusal == nil { refusal = error }
    }
    var first = 0
    while first < rows.rows.count, refusal == nil, knowsScript {
      first += try sendChunk(rows, from: first, digest, writtenAt)
      pending += 1
      if pending == Self.pipelineDepth { try readOne() }
    }
    while pending > 0 { try readOne() }
    if let refusal { throw refusal.failure(name, "writing features") }
    return knowsScript
  }

  /// Sends one call of the script; returns how many rows it holds.
  private func sendChunk(_ rows: FeatureRowBatch, from first: Int, _ digest: String, _ writtenAt: Int64) throws -> Int {
    keys.removeAll()
    arguments.removeAll()
    var argumentCount = 0
    var count = 0
    while first + count < rows.rows.count, count < Self.chunkRowLimit, keys.count + arguments.count < Self.chunkByteLimit {
      let row = rows.rows[first + count]
      let layout = layouts[Int(row.view)]
      layout.appendKey(of: row, in: rows, to: keys, scratch: keyText)
      argumentCount += layout.appendArguments(of: row, in: rows, writtenAt, to: arguments)
      count += 1
    }
    header.removeAll()
    RESP.appendCommand(argumentCount: 3 + count + argumentCount, to: header)
    RESP.append("EVALSHA", to: header)
    RESP.append(digest, to: header)
    RESP.append(Int64(count), to: header)
    try connection.send(header.bytes)
    try connection.send(keys.bytes)
    try connection.send(arguments.bytes)
    try connection.flush()
    return count
  }
}
