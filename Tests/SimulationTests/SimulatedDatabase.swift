// A Redis without its network: keys with texts and hashes that expire, scripts that run in Lua, and the errors that a real one gives. It holds
// what the stores use; any other command is refused by its name, so that nobody mistakes silence for success.

import Base
import Foundation

final class SimulatedDatabase {
  enum Value: Equatable {
    case text([UInt8])
    case hash(SimulatedHash)
  }

  struct Entry: Equatable {
    var value: Value
    /// Ms since the epoch.
    var expiresAt: Int64?
  }

  /// What Redis would keep on its disk.
  typealias Contents = [String: Entry]

  private(set) var contents: Contents = [:]
  /// Ms since the epoch.
  var now: () -> Int64
  /// A write that a hash takes: key, field, old value, new value.
  var onHashWrite: (_ key: String, _ field: String, _ old: [UInt8]?, _ new: [UInt8]) -> Void = { _, _, _, _ in }
  /// A text that is set.
  var onTextWrite: (_ key: String) -> Void = { _ in }
  /// Answers every writing command with this: `OOM ...`, `READONLY ...`.
  var writeRefusal: String?
  /// Answers every command with this: `LOADING ...`.
  var refusal: String?
  /// What a broken protocol changes in scripts, as they are loaded.
  var rewriteScript: (String) -> String = { $0 }

  private var scripts: [String: String] = [:]
  private let lua = LuaRuntime()

  init(now: @escaping () -> Int64) {
    self.now = now
    lua.call = { [unowned self] in perform($0, inScript: true) }
  }

  // MARK: Contents

  /// Everything is as it was in `contents`, and scripts are forgotten, as after a restart.
  func restore(_ contents: Contents) {
    self.contents = contents
    scripts = [:]
  }

  func hash(_ key: String) -> SimulatedHash? {
    guard case .hash(let hash) = live(key)?.value else { return nil }
    return hash
  }

  private func live(_ key: String) -> Entry? {
    guard let entry = contents[key] else { return nil }
    guard let expiresAt = entry.expiresAt, expiresAt <= now() else { return entry }
    contents[key] = nil
    return nil
  }

  // MARK: Commands

  /// Runs one command of a client.
  func execute(_ arguments: [[UInt8]]) -> RedisValue { perform(arguments, inScript: false) }

  private func perform(_ bytes: [[UInt8]], inScript: Bool) -> RedisValue {
    guard let name = bytes.first.map({ String(decoding: $0, as: UTF8.self).uppercased() }) else {
      return .error("ERR empty command")
    }
    if let refusal, !inScript { return .error(refusal) }
    if let writeRefusal, (writeRefusal.hasPrefix("OOM") ? Self.growing : Self.writing).contains(name) {
      return .error(writeRefusal)
    }
    let command = Command(name: name, arguments: Array(bytes.dropFirst()))
    if let count = Self.argumentCounts[name], !count.contains(command.arguments.count) {
      return .error("ERR wrong number of arguments for '\(name.lowercased())' command")
    }
    do throws(CommandError) {
      switch name {
      case "PING": return .status("PONG")
      case "AUTH", "SELECT", "CLIENT", "READONLY": return .status("OK")
      case "INFO":
        return .text("redis_version:7.0.15\r\nredis_mode:standalone\r\nmaxmemory_policy:noeviction\r\ncluster_enabled:0\r\n")
      case "ROLE": return .array([.text("master"), .integer(0), .array([])])
      case "TIME": return .array([.text("\(now() / 1000)"), .text("\(now() % 1000 * 1000)")])
      case "DBSIZE": return .integer(Int64(contents.count))
      case "SCRIPT": return try script(command)
      case "EVALSHA", "EVAL":
        guard !inScript else { return .error("ERR This Redis command is not allowed from script") }
        return try evaluate(command, isDigest: name == "EVALSHA")
      case "CONFIG":
        return command.text(0).uppercased() == "GET" && command.text(1) == "maxmemory-policy"
          ? .array([.text("maxmemory-policy"), .text("noeviction")]) : .array([])
      default: return try onKeys(command)
      }
    } catch {
      return .error(error.text)
    }
  }

  private func onKeys(_ command: Command) throws(CommandError) -> RedisValue {
    switch command.name {
    case "GET": return try text(command.text(0)).map { .bulk($0) } ?? .null
    case "SET":
      guard command.arguments.count == 2 else { throw CommandError("ERR syntax error") }
      contents[command.text(0)] = Entry(value: .text(command.arguments[1]))
      onTextWrite(command.text(0))
      return .status("OK")
    case "INCR": return try increment(command.text(0), by: 1)
    case "INCRBY": return try increment(command.text(0), by: command.integer(1))
    case "DEL", "UNLINK":
      var count: Int64 = 0
      for index in command.arguments.indices where live(command.text(index)) != nil {
        contents[command.text(index)] = nil
        count += 1
      }
      return .integer(count)
    case "EXISTS":
      var count: Int64 = 0
      for index in command.arguments.indices where live(command.text(index)) != nil { count += 1 }
      return .integer(count)
    case "TYPE":
      switch live(command.text(0))?.value {
      case .text: return .status("string")
      case .hash: return .status("hash")
      case nil: return .status("none")
      }
    case "PEXPIRE", "EXPIRE":
      guard live(command.text(0)) != nil else { return .integer(0) }
      contents[command.text(0)]!.expiresAt = now() + (try command.integer(1)) * (command.name == "EXPIRE" ? 1000 : 1)
      return .integer(1)
    case "PERSIST":
      guard live(command.text(0))?.expiresAt != nil else { return .integer(0) }
      contents[command.text(0)]!.expiresAt = nil
      return .integer(1)
    case "PTTL":
      guard let entry = live(command.text(0)) else { return .integer(-2) }
      return .integer(entry.expiresAt.map { $0 - now() } ?? -1)
    case "SCAN":
      let pattern = command.arguments.indices.first { command.text($0).uppercased() == "MATCH" }.map { command.text($0 + 1) } ?? "*"
      let keys = contents.keys.sorted().filter { live($0) != nil && Self.matches($0, pattern) }
      return .array([.text("0"), .array(keys.map { .text($0) })])
    default: return try onHash(command)
    }
  }

  private func onHash(_ command: Command) throws(CommandError) -> RedisValue {
    let key = command.arguments.isEmpty ? "" : command.text(0)
    switch command.name {
    case "HSET", "HMSET":
      guard command.arguments.count % 2 == 1 else { throw CommandError("ERR wrong number of arguments for 'hset' command") }
      var hash = try hashForReading(key)
      var added: Int64 = 0
      for index in stride(from: 1, to: command.arguments.count, by: 2) {
        let field = command.text(index)
        let old = hash.set(field, command.arguments[index + 1])
        if old == nil { added += 1 }
        onHashWrite(key, field, old, command.arguments[index + 1])
      }
      put(hash, key)
      return command.name == "HSET" ? .integer(added) : .status("OK")
    case "HSETNX":
      var hash = try hashForReading(key)
      guard hash[command.text(1)] == nil else { return .integer(0) }
      _ = hash.set(command.text(1), command.arguments[2])
      onHashWrite(key, command.text(1), nil, command.arguments[2])
      put(hash, key)
      return .integer(1)
    case "HINCRBY":
      var hash = try hashForReading(key)
      let old = hash[command.text(1)]
      guard let number = old == nil ? 0 : old.flatMap({ Int64(String(decoding: $0, as: UTF8.self)) }) else {
        throw CommandError("ERR hash value is not an integer")
      }
      let sum = number + (try command.integer(2))
      _ = hash.set(command.text(1), Array("\(sum)".utf8))
      onHashWrite(key, command.text(1), old, Array("\(sum)".utf8))
      put(hash, key)
      return .integer(sum)
    case "HDEL":
      var hash = try hashForReading(key)
      var count: Int64 = 0
      for index in 1..<command.arguments.count where hash.remove(command.text(index)) { count += 1 }
      put(hash, key)
      return .integer(count)
    case "HGET": return try hashForReading(key)[command.text(1)].map { .bulk($0) } ?? .null
    case "HEXISTS": return .integer(try hashForReading(key)[command.text(1)] == nil ? 0 : 1)
    case "HSTRLEN": return .integer(Int64(try hashForReading(key)[command.text(1)]?.count ?? 0))
    case "HLEN": return .integer(Int64(try hashForReading(key).fields.count))
    case "HMGET":
      let hash = try hashForReading(key)
      return .array(command.arguments.indices.dropFirst().map { hash[command.text($0)].map { .bulk($0) } ?? .null })
    case "HGETALL": return .array(try hashForReading(key).fields.flatMap { [.text($0.name), .bulk($0.value)] })
    case "HKEYS": return .array(try hashForReading(key).fields.map { .text($0.name) })
    default: throw CommandError("ERR unknown command '\(command.name)', with args beginning with: (the simulated Redis lacks it)")
    }
  }

  // MARK: Scripts

  private func script(_ command: Command) throws(CommandError) -> RedisValue {
    switch command.text(0).uppercased() {
    case "LOAD":
      let source = rewriteScript(command.text(1))
      // Redis takes SHA-1; to a client a digest is a name.
      let digest = Self.digest(command.text(1))
      if let error = lua.compile(source) { throw CommandError("ERR Error compiling script (new function): \(error)") }
      scripts[digest] = source
      return .text(digest)
    case "FLUSH":
      scripts = [:]
      return .status("OK")
    case "EXISTS": return .array(command.arguments.indices.dropFirst().map { .integer(scripts[command.text($0)] == nil ? 0 : 1) })
    default: throw CommandError("ERR unknown subcommand '\(command.text(0))'")
    }
  }

  private func evaluate(_ command: Command, isDigest: Bool) throws(CommandError) -> RedisValue {
    let digest = isDigest ? command.text(0).lowercased() : Self.digest(command.text(0))
    if !isDigest, scripts[digest] == nil {
      let source = rewriteScript(command.text(0))
      if let error = lua.compile(source) { throw CommandError("ERR Error compiling script (new function): \(error)") }
      scripts[digest] = source
    }
    guard let source = scripts[digest] else { throw CommandError("NOSCRIPT No matching script. Please use EVAL.") }
    let keyCount = Int(try command.integer(1))
    guard keyCount >= 0, keyCount + 2 <= command.arguments.count else {
      throw CommandError("ERR Number of keys can't be greater than number of args")
    }
    return lua.run(
      source, digest: digest, keys: Array(command.arguments[2..<2 + keyCount]),
      arguments: Array(command.arguments[(2 + keyCount)...]))
  }

  private static func digest(_ source: String) -> String {
    let bytes = Array(source.utf8)
    let hash = bytes.withUnsafeBufferPointer { Hash.bytes($0.baseAddress!, count: $0.count) }
    return String(repeating: "0", count: 24) + String(format: "%016lx", hash)
  }

  // MARK: Values

  private func text(_ key: String) throws(CommandError) -> [UInt8]? {
    switch live(key)?.value {
    case nil: return nil
    case .text(let bytes): return bytes
    case .hash: throw .wrongType
    }
  }

  private func increment(_ key: String, by amount: Int64) throws(CommandError) -> RedisValue {
    let old = try text(key) ?? Array("0".utf8)
    guard let number = Int64(String(decoding: old, as: UTF8.self)) else {
      throw CommandError("ERR value is not an integer or out of range")
    }
    contents[key] = Entry(value: .text(Array("\(number + amount)".utf8)), expiresAt: contents[key]?.expiresAt)
    return .integer(number + amount)
  }

  private func hashForReading(_ key: String) throws(CommandError) -> SimulatedHash {
    switch live(key)?.value {
    case nil: return SimulatedHash()
    case .hash(let hash): return hash
    case .text: throw .wrongType
    }
  }

  private func put(_ hash: SimulatedHash, _ key: String) {
    contents[key] = hash.fields.isEmpty ? nil : Entry(value: .hash(hash), expiresAt: contents[key]?.expiresAt)
  }

  /// Patterns with stars and nothing else.
  private static func matches(_ text: String, _ pattern: String) -> Bool {
    let parts = pattern.split(separator: "*", omittingEmptySubsequences: false)
    guard parts.count > 1 else { return text == pattern }
    guard text.hasPrefix(parts[0]), text.hasSuffix(parts.last!) else { return false }
    var rest = Substring(text).dropFirst(parts[0].count)
    for part in parts.dropFirst().dropLast() where !part.isEmpty {
      guard let range = rest.range(of: part) else { return false }
      rest = rest[range.upperBound...]
    }
    return true
  }

  /// What Redis refuses when its memory is full.
  private static let growing: Set<String> = ["SET", "INCR", "INCRBY", "HSET", "HMSET", "HSETNX", "HINCRBY"]
  private static let writing = growing.union(["DEL", "UNLINK", "PEXPIRE", "EXPIRE", "PERSIST", "HDEL"])

  /// How many arguments follow the name.
  private static let argumentCounts: [String: PartialRangeFrom<Int>] = [
    "GET": 1..., "SET": 2..., "INCR": 1..., "INCRBY": 2..., "DEL": 1..., "UNLINK": 1..., "EXISTS": 1..., "TYPE": 1...,
    "PEXPIRE": 2..., "EXPIRE": 2..., "PERSIST": 1..., "PTTL": 1..., "SCAN": 1..., "HSET": 3..., "HMSET": 3..., "HSETNX": 3...,
    "HINCRBY": 3..., "HDEL": 2..., "HGET": 2..., "HEXISTS": 2..., "HSTRLEN": 2..., "HLEN": 1..., "HMGET": 2..., "HGETALL": 1...,
    "HKEYS": 1..., "SCRIPT": 1..., "EVAL": 2..., "EVALSHA": 2..., "CONFIG": 2...,
  ]
}

/// The fields of a hash in the order in which they came.
struct SimulatedHash: Equatable {
  var fields: [(name: String, value: [UInt8])] = []

  static func == (a: Self, b: Self) -> Bool { a.fields.elementsEqual(b.fields) { $0 == $1 } }

  subscript(_ name: String) -> [UInt8]? { fields.first { $0.name == name }?.value }

  /// Gives the old value.
  mutating func set(_ name: String, _ value: [UInt8]) -> [UInt8]? {
    guard let index = fields.firstIndex(where: { $0.name == name }) else {
      fields.append((name, value))
      return nil
    }
    defer { fields[index].value = value }
    return fields[index].value
  }

  mutating func remove(_ name: String) -> Bool {
    guard let index = fields.firstIndex(where: { $0.name == name }) else { return false }
    fields.remove(at: index)
    return true
  }

  var texts: [String: String] {
    Dictionary(uniqueKeysWithValues: fields.map { ($0.name, String(decoding: $0.value, as: UTF8.self)) })
  }
}

private struct Command {
  var name: String
  var arguments: [[UInt8]]

  func text(_ index: Int) -> String { index < arguments.count ? String(decoding: arguments[index], as: UTF8.self) : "" }

  func integer(_ index: Int) throws(CommandError) -> Int64 {
    guard let value = Int64(text(index)) else { throw CommandError("ERR value is not an integer or out of range") }
    return value
  }
}

private struct CommandError: Error {
  var text: String
  init(_ text: String) { self.text = text }

  static let wrongType = CommandError("WRONGTYPE Operation against a key holding the wrong kind of value")
}
