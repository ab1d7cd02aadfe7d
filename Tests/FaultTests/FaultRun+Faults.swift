// What can go wrong around the members: Redis and the broker, taken away and given back.

import Base
import Foundation
import RedisStore
import TestSupport

extension FaultRun {
  /// A command to Redis, as an administrator gives it.
  func tellRedis(_ arguments: String...) throws {
    guard case .unix(let path) = redis.address.endpoint else { preconditionFailure("only a Redis of our own is told what to do") }
    let outcome = try Program.run("redis-cli", ["-s", path] + arguments)
    guard outcome.status == 0, !outcome.text.hasPrefix("ERR") else {
      throw Failure(.failure, "redis-cli \(arguments.joined(separator: " ")): \(outcome.text)\(outcome.errors)")
    }
  }

  private var server: PrivateRedis {
    guard let server = redis.server else { preconditionFailure("an external Redis cannot be taken away") }
    return server
  }

  /// Kills Redis, leaves it away for some time, and starts it on the data that it had on its disk.
  func killRedis(awayMilliseconds: Int) throws {
    note("Redis is killed, and is back after \(awayMilliseconds) ms")
    server.kill()
    pass(milliseconds: awayMilliseconds)
    try server.start()
  }

  /// Kills Redis and takes the last of what it had written away from it, as a power cut does with `appendfsync everysec`.
  func loseTailOfRedis(byteCount: Int, awayMilliseconds: Int) throws {
    let fenced = try fencedLog()
    server.kill()
    try watcher.forget()
    let path = try logPath()
    let file = try FileHandle(forUpdating: URL(filePath: path))
    let size = try file.seekToEnd()
    let floor = fenced.path == path ? fenced.byteCount : 0
    let lost = min(UInt64(byteCount), size / 4, size - min(size, floor))
    try file.truncate(atOffset: size - lost)
    try file.close()
    note("Redis is killed, and is back after \(awayMilliseconds) ms without its last \(lost) bytes of \(size)")
    pass(milliseconds: awayMilliseconds)
    try server.start()
  }

  /// The append-only file that Redis writes now.
  private func logPath() throws -> String {
    let log = "\(server.folder)/appendonlydir"
    let files = try FileManager.default.contentsOfDirectory(atPath: log).filter { $0.hasSuffix(".incr.aof") }
    // The name has the file's number: appendonly.aof.7.incr.aof.
    guard let last = files.max(by: { $0.localizedStandardCompare($1) == .orderedAscending }) else {
      throw Failure(.failure, "no append-only file in \(log)")
    }
    return "\(log)/\(last)"
  }

  /// How long the append-only file was when every partition had its fence. A loss that goes further back is that of a Redis that was emptied, which is
  /// refused, and not what is tested here.
  private func fencedLog() throws -> (path: String, byteCount: UInt64) {
    if let fencedLogEnd { return fencedLogEnd }
    try wait(until: "every partition has a fence") { (try? redis.reader.hashes(fenceKeys))?.allSatisfy { !$0.isEmpty } ?? false }
    let path = try logPath()
    let end = try FileHandle(forReadingFrom: URL(filePath: path)).seekToEnd()
    fencedLogEnd = (path, end)
    return (path, end)
  }

  func freezeRedis(milliseconds: Int) throws {
    note("Redis stands still for \(milliseconds) ms")
    server.send(signal: SIGSTOP)
    pass(milliseconds: milliseconds)
    server.send(signal: SIGCONT)
  }

  func flushScripts() throws {
    note("Redis forgets its scripts")
    try tellRedis("SCRIPT", "FLUSH")
  }

  func killConnections() throws {
    note("Redis closes all connections")
    try tellRedis("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
  }

  func fillRedis(milliseconds: Int) throws {
    note("Redis has no memory left for \(milliseconds) ms")
    try tellRedis("CONFIG", "SET", "maxmemory", "1mb")
    pass(milliseconds: milliseconds)
    try tellRedis("CONFIG", "SET", "maxmemory", "0")
  }

  func makeRedisReadOnly(milliseconds: Int) throws {
    note("Redis is a replica, read-only, for \(milliseconds) ms")
    try tellRedis("REPLICAOF", "127.0.0.1", "1")
    pass(milliseconds: milliseconds)
    try tellRedis("REPLICAOF", "NO", "ONE")
  }

  func takeBrokerDown(milliseconds: Int) throws {
    note("the broker is down for \(milliseconds) ms")
    try cluster.tell("down")
    pass(milliseconds: milliseconds)
    try cluster.tell("up")
  }
}
