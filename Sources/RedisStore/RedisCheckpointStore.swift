// Snapshots in Redis. Each save makes a hash of its own, in pieces of 8 MiB, and one script then points the header at it:
//
//   {prefix}:_freshet:checkpoint:{pipeline}:{topic}:{partition}               "generation pieceCount byteCount checksum"
//   {prefix}:_freshet:checkpoint:{pipeline}:{topic}:{partition}:generation    a counter
//   {prefix}:_freshet:checkpoint:{pipeline}:{topic}:{partition}:{generation}  hash: piece number -> bytes
//
// The script refuses a generation that is not newer than the header's, so a worker that was overtaken cannot put an older state back; and it
// removes the generations in between, so a crash in the middle of a save leaves nothing for long.

import Base
import Features
import Records

/// Keeps the snapshots of one pipeline's topic.
public final class RedisCheckpointStore: CheckpointStore {
  private let connection: RedisConnection
  private let keyStart: String
  private let script = RedisScript(RedisCheckpointStore.switchScript)

  private static let pieceByteCount = 8 << 20

  /// KEYS: the header. ARGV: the new generation, the new header. A save that died leaves at most one generation behind it.
  private static let switchScript = """
    local old = redis.call('GET', KEYS[1])
    local from = old and tonumber(string.match(old, '^%d+')) or 0
    local to = tonumber(ARGV[1])
    if from >= to then return 0 end
    redis.call('SET', KEYS[1], ARGV[2])
    for generation = math.max(from, to - 100), to - 1 do
      redis.call('UNLINK', KEYS[1] .. ':' .. string.format('%d', generation))
    end
    return 1
    """

  public init(_ connection: RedisConnection, prefix: String, pipeline: String, topic: String) {
    self.connection = connection
    keyStart = "\(prefix):_freshet:checkpoint:\(pipeline):\(topic)"
  }

  public func save(_ snapshot: UnsafeRawBufferPointer, of partition: PartitionIndex, under fence: Fence?) throws {
    try connection.retrying {
      let key = "\(keyStart):\(partition)"
      let what = "saving the checkpoint of partition \(partition)"
      let generation = try connection.command("INCR", "\(key):generation", what: what).integer ?? 0
      let pieces = try write(snapshot, to: "\(key):\(generation)", what)
      let header = "\(generation) \(pieces) \(snapshot.count) \(Self.checksum(snapshot))"
      guard try point(key, to: generation, header, what) else {
        try connection.command("UNLINK", "\(key):\(generation)", what: what)
        guard fence == nil else { throw CheckpointOvertaken(partition: partition) }
        throw Failure(.failure, "\(connection.name): \(what): another worker has saved a newer one")
      }
    }
  }

  public func load(_ partition: PartitionIndex) throws -> ByteBuffer? {
    try connection.retrying {
      let key = "\(keyStart):\(partition)"
      let what = "loading the checkpoint of partition \(partition)"
      // A save that ends in between takes the pieces away: then the header is read anew.
      for _ in 0..<5 {
        guard let header = try connection.command("GET", key, what: what).text else { return nil }
        if let snapshot = try read(header, key, what) { return snapshot }
      }
      throw Failure(.badData, "\(connection.name): \(what): \(key) does not match its pieces")
    }
  }

  /// Writes the pieces; returns how many there are.
  private func write(_ snapshot: UnsafeRawBufferPointer, to key: String, _ what: String) throws -> Int {
    let pieceCount = max(1, (snapshot.count + Self.pieceByteCount - 1) / Self.pieceByteCount)
    let buffer = ByteBuffer()
    for piece in 0..<pieceCount {
      let start = piece * Self.pieceByteCount
      let bytes = UnsafeRawBufferPointer(rebasing: snapshot[start..<min(snapshot.count, start + Self.pieceByteCount)])
      buffer.removeAll()
      RESP.appendCommand(argumentCount: 4, to: buffer)
      RESP.append("HSET", to: buffer)
      RESP.append(key, to: buffer)
      RESP.append(Int64(piece), to: buffer)
      RESP.append(bytes.bindMemory(to: UInt8.self), to: buffer)
      try connection.send(buffer.bytes)
      _ = try connection.checkedReply(what)
    }
    return pieceCount
  }

  /// Runs the script; false where a newer generation stands.
  private func point(_ key: String, to generation: Int64, _ header: String, _ what: String) throws -> Bool {
    for _ in 0..<2 {
      let buffer = ByteBuffer()
      RESP.append(["EVALSHA", try script.digest(on: connection), "1", key, "\(generation)", header], to: buffer)
      try connection.send(buffer.bytes)
      let reply = try connection.reply()
      guard let text = reply.error else { return reply.integer == 1 }
      let error = RedisError(text: text)
      guard error.isForgottenScript else { throw error.failure(connection.name, what) }
      script.forget()
    }
    throw Failure(.unavailable, "\(connection.name): \(what): Redis does not keep the script", isRetryable: true)
  }

  /// Nil where the pieces are not what the header says.
  private func read(_ header: String, _ key: String, _ what: String) throws -> ByteBuffer? {
    let parts = header.split(separator: " ").compactMap { UInt64($0) }
    guard parts.count == 4 else {
      throw Failure(.badData, "\(connection.name): \(what): \(key) holds '\(header.prefix(80))', not a checkpoint's header")
    }
    let snapshot = ByteBuffer(capacity: Int(parts[2]))
    for piece in 0..<parts[1] {
      let reply = try connection.command("HGET", "\(key):\(parts[0])", "\(piece)", what: what)
      guard reply.withBytes({ snapshot.append($0) }) != nil else { return nil }
    }
    let bytes = UnsafeRawBufferPointer(snapshot.bytes)
    return bytes.count == Int(parts[2]) && Self.checksum(bytes) == parts[3] ? snapshot : nil
  }

  private static func checksum(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
    let bytes = bytes.bindMemory(to: UInt8.self)
    guard let start = bytes.baseAddress else { return 0 }
    return Hash.bytes(start, count: bytes.count)
  }
}
