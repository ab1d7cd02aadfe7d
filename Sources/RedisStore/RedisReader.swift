// Reading back what was written: one hash, or the keys of a pattern.

import Base

/// Reads features and control keys.
public final class RedisReader {
  let connection: RedisConnection

  public init(_ connection: RedisConnection) { self.connection = connection }

  /// All fields of a hash; empty where the key does not exist.
  public func hash(_ key: String) throws -> [String: String] {
    try connection.retrying(at: key) { node in
      Self.fields(try node.command("HGETALL", key, what: "reading \(key)"))
    }
  }

  /// The hashes of several keys in one round trip, in the order of `keys`.
  public func hashes(_ keys: [String]) throws -> [[String: String]] {
    if let cluster = connection.cluster { return try hashes(keys, in: cluster) }
    return try connection.retrying {
      let buffer = ByteBuffer()
      for key in keys { RESP.append(["HGETALL", key], to: buffer) }
      try connection.send(buffer.bytes)
      var results: [[String: String]] = []
      var refusal: String?
      // Every answer is read, also after an error: the next command must find its own.
      for _ in keys {
        let reply = try connection.reply()
        if let error = reply.error { refusal = refusal ?? error }
        results.append(Self.fields(reply))
      }
      if let refusal { throw connection.failure(refusal, "reading features") }
      return results
    }
  }

  private func hashes(_ keys: [String], in cluster: RedisCluster) throws -> [[String: String]] {
    var results: [[String: String]] = Array(repeating: [:], count: keys.count)
    try ClusterPipeline(cluster, what: "reading features").run(
      count: keys.count,
      append: { index, out in
        RESP.append(["HGETALL", keys[index]], to: out)
        return KeySlot.of(keys[index])
      }, answer: { results[$0] = Self.fields($1) })
    return results
  }

  /// Questions to the nodes of a cluster; a connection that an earlier error has closed is opened again.
  private func pipeline(_ cluster: RedisCluster, _ what: String) -> ClusterPipeline {
    var pipeline = ClusterPipeline(cluster, what: what)
    pipeline.prepare = { node, _ in try node.retrying {} }
    return pipeline
  }

  /// Whether each key exists, in one round trip.
  public func exist(_ keys: [String]) throws -> [Bool] {
    if let cluster = connection.cluster {
      var results = Array(repeating: false, count: keys.count)
      try pipeline(cluster, "looking for keys").run(
        count: keys.count,
        append: { index, out in
          RESP.append(["EXISTS", keys[index]], to: out)
          return KeySlot.of(keys[index])
        }, answer: { results[$0] = $1.integer == 1 })
      return results
    }
    return try connection.retrying {
      let buffer = ByteBuffer()
      for key in keys { RESP.append(["EXISTS", key], to: buffer) }
      try connection.send(buffer.bytes)
      var results: [Bool] = []
      var refusal: String?
      for _ in keys {
        let reply = try connection.reply()
        if let error = reply.error { refusal = refusal ?? error }
        results.append(reply.integer == 1)
      }
      if let refusal { throw connection.failure(refusal, "looking for keys") }
      return results
    }
  }

  /// One field of several hashes in one round trip, in the order of `keys`; nil where there is none.
  public func values(of field: String, in keys: [String]) throws -> [String?] {
    if let cluster = connection.cluster {
      var results: [String?] = Array(repeating: nil, count: keys.count)
      try pipeline(cluster, "reading '\(field)'").run(
        count: keys.count,
        append: { index, out in
          RESP.append(["HGET", keys[index], field], to: out)
          return KeySlot.of(keys[index])
        }, answer: { results[$0] = $1.text })
      return results
    }
    return try connection.retrying {
      let buffer = ByteBuffer()
      for key in keys { RESP.append(["HGET", key, field], to: buffer) }
      try connection.send(buffer.bytes)
      var results: [String?] = []
      var refusal: String?
      for _ in keys {
        let reply = try connection.reply()
        if let error = reply.error { refusal = refusal ?? error }
        results.append(reply.text)
      }
      if let refusal { throw connection.failure(refusal, "reading '\(field)'") }
      return results
    }
  }

  private static func fields(_ reply: borrowing RedisReply) -> [String: String] {
    let texts = reply.texts ?? []
    var fields: [String: String] = [:]
    for index in stride(from: 0, to: texts.count - 1, by: 2) { fields[texts[index]] = texts[index + 1] }
    return fields
  }

  /// Milliseconds until the key expires; nil where it does not exist or never does.
  public func timeToLiveMilliseconds(of key: String) throws -> Int64? {
    try connection.retrying(at: key) { node in
      let reply = try node.command("PTTL", key, what: "reading \(key)")
      return reply.integer.flatMap { $0 >= 0 ? $0 : nil }
    }
  }

  /// Keys that match a glob pattern, each once, in no order; stops after `limit`.
  public func keys(matching pattern: String, limit: Int = .max) throws -> [String] {
    var found: Set<String> = []
    for node in try connection.masters() where found.count < limit {
      try node.retrying {
        var cursor = "0"
        repeat {
          let reply = try node.command("SCAN", cursor, "MATCH", pattern, "COUNT", "1000", what: "listing keys")
          cursor = reply.text(at: 0) ?? "0"
          found.formUnion(reply.texts(at: 1) ?? [])
        } while cursor != "0" && found.count < limit
      }
    }
    return Array(found.prefix(limit))
  }

  /// One step of a scan: the cursor to go on from, "0" at the end, and keys that match a glob pattern. Of a cluster the first node alone.
  public func scan(from cursor: String, matching pattern: String, count: Int) throws -> (cursor: String, keys: [String]) {
    guard let node = try connection.masters().first else { return ("0", []) }
    return try node.retrying {
      let reply = try node.command("SCAN", cursor, "MATCH", pattern, "COUNT", "\(count)", what: "listing keys")
      return (reply.text(at: 0) ?? "0", reply.texts(at: 1) ?? [])
    }
  }

  /// Some fields of hashes, nil where there is no such field, in the order of `keys` and `names`.
  public func fields(_ names: [String], of keys: [String]) throws -> [[String?]] {
    guard !keys.isEmpty else { return [] }
    if connection.cluster != nil {
      return try hashes(keys).map { hash in names.map { hash[$0] } }
    }
    return try connection.retrying {
      let buffer = ByteBuffer()
      for key in keys { RESP.append(["HMGET", key] + names, to: buffer) }
      try connection.send(buffer.bytes)
      var results: [[String?]] = []
      for _ in keys {
        let reply = try connection.reply()
        // Something else may lie under the key.
        results.append(names.indices.map { reply.error == nil ? reply.text(at: $0) : nil })
      }
      return results
    }
  }

  /// Removes all keys that match a glob pattern; returns how many there were.
  @discardableResult
  public func removeKeys(matching pattern: String) throws -> Int {
    let keys = try keys(matching: pattern)
    for key in keys {
      try connection.retrying(at: key) { node in _ = try node.command("UNLINK", key, what: "removing keys") }
    }
    return keys.count
  }
}
