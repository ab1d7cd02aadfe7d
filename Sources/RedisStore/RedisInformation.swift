// What INFO says of a Redis: figures for those who measure, and what endangers fences and checkpoints.

import Base
import Logging
import Synchronization

extension RedisReader {
  /// The fields of a section of INFO, of the Redis that the address names.
  public func information(_ section: String) throws -> [String: String] {
    try connection.retrying {
      RedisInformation.fields(try connection.command("INFO", section, what: "asking for INFO \(section)").text ?? "")
    }
  }
}

enum RedisInformation {
  /// `name:value` per line, `#` before a title.
  static func fields(_ text: String) -> [String: String] {
    var fields: [String: String] = [:]
    for line in text.split(whereSeparator: \.isNewline) where !line.hasPrefix("#") {
      guard let colon = line.firstIndex(of: ":") else { continue }
      fields[String(line[..<colon])] = String(line[line.index(after: colon)...])
    }
    return fields
  }

  /// The policy by which a Redis with these fields of `INFO memory` may remove keys that never expire; nil where it does not.
  static func evictionPolicy(_ fields: [String: String]) -> String? {
    guard let policy = fields["maxmemory_policy"], policy.hasPrefix("allkeys-"), let limit = fields["maxmemory"], limit != "0"
    else {
      return nil
    }
    return policy
  }

  private static let warned = Mutex<Set<String>>([])

  /// Warns, once per address, where Redis may evict fences and checkpoints. Says nothing where INFO is forbidden.
  static func warnOfEviction(_ connection: RedisConnection, at key: String) {
    guard connection.transport == nil, warned.withLock({ $0.insert(connection.name).inserted }) else { return }
    let text = try? connection.retrying(at: key) { node in try node.command("INFO", "memory", what: "asking for INFO memory").text }
    guard let text, let policy = evictionPolicy(fields(text)) else { return }
    connection.logger.warning(
      "Redis may evict fences and checkpoints, which have no expiry; processing would then end with an error. Use noeviction or a volatile policy",
      metadata: ["redis.address": "\(connection.name)", "redis.maxmemory_policy": "\(policy)"])
  }
}
