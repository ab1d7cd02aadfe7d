// Feature rows into Redis hashes that are readable with HGETALL:
//
//   {prefix}:{view}:{entity key}                  a current value       {prefix}:{view}                  of `entity: all`
//   {prefix}:{view}:{entity key}:{window_start}   a closed window       {prefix}:{view}:{window_start}   of `entity: all`
//
// One field per feature with its plain text; null deletes the field, so that an absent field is a null value. `_as_of`, `_last_event`
// and `_written_at` are ms since the epoch. A chunk of one view's rows is one call of a script that sets, deletes and renews the expiry of
// each row; it names the fields once. Several chunks are on their way at once, and every answer is read. Values are absolute: writing a
// batch twice does no harm.

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
  /// Per view: its rows in the batch being written.
  private var order: [[Int]]
  private let keys = ByteBuffer(capacity: 1 << 16)
  private let arguments = ByteBuffer(capacity: 1 << 18)
  private let header = ByteBuffer(capacity: 256)
  private let keyText = ByteBuffer(capacity: 256)

  /// A chunk ends after this many rows or bytes: long enough to spread the call's cost, short enough that Redis serves others in between.
  private static let chunkRowLimit = 256
  private static let chunkByteLimit = 64 << 10
  /// Chunks sent and not yet answered.
  private static let pipelineDepth = 8

  /// KEYS: one per row. ARGV: expiry in ms or 0, the time of writing, how many fields a row has, their names; then per row its nulls
  /// (empty where it has none, else one digit per field) and its values.
  private static let rowScript = """
    local ttl, count = ARGV[1], tonumber(ARGV[3])
    local row = {}
    for f = 1, count do row[2 * f - 1] = ARGV[3 + f] end
    row[2 * count + 1] = '_written_at'
    row[2 * count + 2] = ARGV[2]
    local at = 4 + count
    for i = 1, #KEYS do
      local key, nulls = KEYS[i], ARGV[at]
      if nulls == '' then
        for f = 1, count do row[2 * f] = ARGV[at + f] end
        redis.call('HSET', key, unpack(row, 1, 2 * count + 2))
      else
        local set, del = {}, {}
        for f = 1, count do
          if string.byte(nulls, f) == 49 then
            del[#del + 1] = row[2 * f - 1]
          else
            set[#set + 1] = row[2 * f - 1]
            set[#set + 1] = ARGV[at + f]
          end
        end
        redis.call('HSET', key, '_written_at', ARGV[2], unpack(set))
        redis.call('HDEL', key, unpack(del))
      end
      if ttl ~= '0' then redis.call('PEXPIRE', key, ttl) end
      at = at + count + 1
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
    order = views.map { _ in [] }
  }

  public func write(_ rows: FeatureRowBatch, at positions: [FlushPosition]) throws -> [FenceRefusal] {
    guard !rows.isEmpty else { return [] }
    let writtenAt = clock.nowMilliseconds
    for view in order.indices { order[view].removeAll(keepingCapacity: true) }
    for (index, row) in rows.rows.enumerated() { order[Int(row.view)].append(index) }
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
    return []
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
    for view in layouts.indices {
      var first = 0
      while first < order[view].count, refusal == nil, knowsScript {
        first += try sendChunk(rows, view, from: first, digest, writtenAt)
        pending += 1
        if pending == Self.pipelineDepth { try readOne() }
      }
    }
    while pending > 0 { try readOne() }
    if let refusal { throw refusal.failure(name, "writing features") }
    return knowsScript
  }

  /// Sends one call of the script with rows of one view; returns how many.
  private func sendChunk(
    _ rows: FeatureRowBatch, _ view: Int, from first: Int, _ digest: String, _ writtenAt: Int64
  ) throws -> Int {
    let layout = layouts[view]
    keys.removeAll()
    arguments.removeAll()
    layout.appendFields(writtenAt, to: arguments)
    var count = 0
    while first + count < order[view].count, count < Self.chunkRowLimit, keys.count + arguments.count < Self.chunkByteLimit {
      let row = rows.rows[order[view][first + count]]
      layout.appendKey(of: row, in: rows, to: keys, scratch: keyText)
      layout.appendValues(of: row, in: rows, to: arguments)
      count += 1
    }
    header.removeAll()
    RESP.appendCommand(
      argumentCount: 3 + count + layout.leadingArgumentCount + count * layout.argumentCountPerRow, to: header)
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
