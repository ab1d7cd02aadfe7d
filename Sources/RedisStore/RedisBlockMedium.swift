// Blocks of checkpoints in Redis. Each save makes a hash of its own, a field per block, and one script then points the header at it:
//
//   {prefix}:_freshet:checkpoint:{PIPELINE:SOURCE.TOPIC:PARTITION}              "blocks GENERATION PIECES BYTECOUNT GENERATION,GENERATION,..."
//   {prefix}:_freshet:checkpoint:{PIPELINE:SOURCE.TOPIC:PARTITION}:generation   a counter
//   {prefix}:_freshet:checkpoint:{PIPELINE:SOURCE.TOPIC:PARTITION}:GENERATION   hash: block number -> bytes, m0, m1 ... -> the manifest
//
// Braces around capitals are in the key, so that a cluster keeps a partition together. No command carries more than about 1 MiB, so Redis is
// never busy with one for long. A hash expires within the hour unless the script makes it lasting: a save that died leaves nothing for long.

import Base
import Checkpoints
import Features
import Records

public final class RedisBlockMedium: BlockMedium {
  private let connection: RedisConnection
  /// The one that has the partition that something is being done to.
  private var node: RedisConnection
  private let keys: FenceKeys
  private let script = RedisScript(RedisBlockMedium.publishScript)
  private let command = ByteBuffer()

  /// A manifest of this many bytes at most goes into one field.
  private static let pieceByteCount = 512 << 10
  private static let abandonedSeconds: Int64 = 3600

  /// KEYS: the header, the fence. ARGV: the fence's token or nothing, the generation that the save went on from or nothing, the new
  /// generation, the new header, how many fields its hash has, the generations that it names, the fence's step that the state rests on.
  ///
  /// A Redis that was restored from an older state, which nobody has noticed yet, has a fence of an earlier step: beside it the state would say
  /// that rows are there which are not.
  private static let publishScript = """
    local key, new = KEYS[1], ARGV[3]
    if ARGV[1] ~= '' then
      local f = redis.call('HMGET', KEYS[2], 'token', 'step')
      if not f[1] then return 'missing' end
      if f[1] ~= ARGV[1] then return 'overtaken' end
      if tonumber(f[2] or '0') < tonumber(ARGV[7]) then return 'went_back' end
    end
    local header = redis.call('GET', key)
    local old, live
    if header then
      old, live = string.match(header, '^blocks (%d+) %d+ %d+ (%S+)$')
      if not old then
        old = string.match(header, '^%d+') or '0'
        live = old
      end
    end
    if ARGV[2] ~= '' and old ~= ARGV[2] then return 'stale' end
    if old and tonumber(old) >= tonumber(new) then return 'newer' end
    if redis.call('HLEN', key .. ':' .. new) ~= tonumber(ARGV[5]) then return 'incomplete' end
    redis.call('PERSIST', key .. ':' .. new)
    redis.call('SET', key, ARGV[4])
    local named = {}
    for generation in string.gmatch(ARGV[6], '%d+') do named[generation] = true end
    for generation in string.gmatch(live or '', '%d+') do
      if not named[generation] then redis.call('UNLINK', key .. ':' .. generation) end
    end
    for number = math.max(tonumber(old or '0') + 1, tonumber(new) - 100), tonumber(new) - 1 do
      local generation = string.format('%d', number)
      if not named[generation] then redis.call('UNLINK', key .. ':' .. generation) end
    end
    return 'published'
    """

  init(_ connection: RedisConnection, _ keys: FenceKeys) {
    self.connection = connection
    node = connection
    self.keys = keys
  }

  public var name: String { connection.name }

  private func key(_ partition: PartitionIndex) -> String { keys.checkpoint(partition) }

  public func retrying<Result>(_ partition: PartitionIndex, _ body: () throws -> Result) throws -> Result {
    try connection.retrying(at: key(partition)) { owner in
      node = owner
      defer { node = connection }
      return try body()
    }
  }

  // MARK: Save

  public func begin(_ partition: PartitionIndex, under fence: Fence?) throws -> Int64 {
    try node.command("INCR", "\(key(partition)):generation", what: saving(partition)).integer ?? 0
  }

  public func write(_ blocks: [UnsafeRawBufferPointer], from ordinal: Int, of partition: PartitionIndex, _ generation: Int64) throws
  {
    try set(blocks, named: { "\(ordinal + $0)" }, of: partition, generation)
  }

  private func set(
    _ values: [UnsafeRawBufferPointer], named name: (Int) -> String, of partition: PartitionIndex, _ generation: Int64
  ) throws {
    let hash = "\(key(partition)):\(generation)"
    command.removeAll()
    RESP.appendCommand(argumentCount: 2 + 2 * values.count, to: command)
    RESP.append("HSET", to: command)
    RESP.append(hash, to: command)
    for (index, value) in values.enumerated() {
      RESP.append(name(index), to: command)
      RESP.append(value.bindMemory(to: UInt8.self), to: command)
    }
    RESP.append(["EXPIRE", hash, "\(Self.abandonedSeconds)"], to: command)
    try node.send(command.bytes)
    // Both answers are read, also after an error: the next command must find its own.
    let stored = try node.reply()
    let expires = try node.reply()
    for error in [stored.error, expires.error] { if let error { throw node.failure(error, saving(partition)) } }
  }

  public func publish(
    _ manifest: BlockManifest, encoded: UnsafeRawBufferPointer, over base: Int64?, of partition: PartitionIndex, under fence: Fence?
  ) throws {
    let pieces = stride(from: 0, to: encoded.count, by: Self.pieceByteCount).map {
      UnsafeRawBufferPointer(rebasing: encoded[$0..<min(encoded.count, $0 + Self.pieceByteCount)])
    }
    for (number, piece) in pieces.enumerated() {
      try set([piece], named: { _ in "m\(number)" }, of: partition, manifest.generation)
    }
    let written = manifest.blocks.reduce(into: Set<UInt32>()) { if $1.generation == manifest.generation { $0.insert($1.ordinal) } }
    let named = manifest.generations.sorted().map { "\($0)" }.joined(separator: ",")
    let header = "blocks \(manifest.generation) \(pieces.count) \(encoded.count) \(named)"
    let arguments = [
      fence?.owner.token ?? "", base.map { "\($0)" } ?? "", "\(manifest.generation)", header, "\(written.count + pieces.count)",
      named, "\(fence?.step ?? 0)",
    ]
    let reply = try script.call(
      on: node, keys: [key(partition), keys.fence(partition)], arguments, what: saving(partition))
    switch reply.text ?? "" {
    case "published": return
    case "stale": throw StaleBase()
    case "incomplete":
      throw Failure(.unavailable, "\(name): \(saving(partition)): Redis has lost some of it, as by eviction", isRetryable: true)
    case "newer" where fence == nil: throw Failure(.failure, "\(name): \(saving(partition)): another worker has saved a newer one")
    case "missing": throw CheckpointOvertaken(partition: partition, reason: .missing)
    case "went_back": throw CheckpointOvertaken(partition: partition, reason: .wentBack(to: nil))
    default: throw CheckpointOvertaken(partition: partition)
    }
  }

  public func abandon(_ generation: Int64, of partition: PartitionIndex) {
    // What is left expires.
    _ = try? node.command("UNLINK", "\(key(partition)):\(generation)", what: saving(partition)).integer
  }

  public func remove(_ blocks: [BlockReference], of partition: PartitionIndex) throws {
    for start in stride(from: 0, to: blocks.count, by: 1000) {
      var fields: [Int64: [String]] = [:]
      for block in blocks[start..<min(blocks.count, start + 1000)] {
        fields[block.generation, default: []].append("\(block.ordinal)")
      }
      for (generation, names) in fields.sorted(by: { $0.key < $1.key }) {
        command.removeAll()
        RESP.append(["HDEL", "\(key(partition)):\(generation)"] + names, to: command)
        try node.send(command.bytes)
        _ = try node.checkedReply(saving(partition))
      }
    }
  }

  // MARK: Load

  public func manifest(of partition: PartitionIndex) throws -> ByteBuffer? {
    let key = key(partition)
    let what = "loading the checkpoint of partition \(partition)"
    for _ in 0..<5 {
      guard let header = try node.command("GET", key, what: what).text else { return nil }
      let words = header.split(separator: " ")
      guard words.count == 5, words[0] == "blocks", let generation = Int64(words[1]), let pieces = Int(words[2]), pieces < 1 << 16,
        let byteCount = Int(words[3])
      else {
        throw Failure(.badData, "\(name): \(what): \(key) holds '\(header.prefix(80))', not a checkpoint's header")
      }
      let manifest = ByteBuffer()
      var isThere = true
      for piece in 0..<pieces where isThere {
        let reply = try node.command("HGET", "\(key):\(generation)", "m\(piece)", what: what)
        isThere = reply.withBytes { manifest.append($0) } != nil
      }
      if isThere, manifest.count == byteCount { return manifest }
    }
    throw Failure(.badData, "\(name): \(what): \(key) names a manifest that is not there")
  }

  public func read(
    _ blocks: ArraySlice<BlockReference>, of partition: PartitionIndex, _ body: (UnsafeRawBufferPointer) throws -> Void
  ) throws -> Bool {
    guard let generation = blocks.first?.generation else { return true }
    command.removeAll()
    RESP.append(["HMGET", "\(key(partition)):\(generation)"] + blocks.map { "\($0.ordinal)" }, to: command)
    try node.send(command.bytes)
    let reply = try node.checkedReply("loading the checkpoint of partition \(partition)")
    for index in 0..<blocks.count {
      guard try reply.withBytes(at: index, { try body(UnsafeRawBufferPointer($0)) }) != nil else { return false }
    }
    return true
  }

  private func saving(_ partition: PartitionIndex) -> String { "saving the checkpoint of partition \(partition)" }
}
