// The simulated Redis against a real one: the same random calls, commands and the scripts of the fences, must get the same replies and leave the
// same data.

import Base
import Foundation
import RedisStore
import Testing

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// A plain client of a Unix socket: one command, one reply.
private final class PlainClient {
  private let descriptor: Int32
  private var bytes: [UInt8] = []
  private var position = 0

  init(path: String) throws {
    #if canImport(Glibc)
      descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    #else
      descriptor = socket(AF_UNIX, SOCK_STREAM, 0)
    #endif
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8.prefix($0.count - 1)) }
    let result = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) }
    }
    guard result == 0 else { throw Failure(.unavailable, "cannot connect to \(path)") }
  }

  deinit { close(descriptor) }

  func send(_ command: [[UInt8]]) throws -> RedisValue {
    var request = Array("*\(command.count)\r\n".utf8)
    for argument in command { RedisValue.bulk(argument).encode(to: &request) }
    var sent = 0
    while sent < request.count {
      let count = request.withUnsafeBytes { write(descriptor, $0.baseAddress! + sent, $0.count - sent) }
      guard count > 0 else { throw Failure(.unavailable, "Redis is gone") }
      sent += count
    }
    return try reply()
  }

  private func reply() throws -> RedisValue {
    let line = try self.line()
    let rest = String(decoding: line.dropFirst(), as: UTF8.self)
    switch line.first {
    case UInt8(ascii: "+"): return .status(rest)
    case UInt8(ascii: "-"): return .error(rest)
    case UInt8(ascii: ":"): return .integer(Int64(rest)!)
    case UInt8(ascii: "*"): return Int(rest)! < 0 ? .null : .array(try (0..<Int(rest)!).map { _ in try reply() })
    default:
      let count = Int(rest)!
      guard count >= 0 else { return .null }
      while bytes.count - position < count + 2 { try fill() }
      defer { position += count + 2 }
      return .bulk(Array(bytes[position..<position + count]))
    }
  }

  private func line() throws -> [UInt8] {
    while true {
      if let end = bytes[position...].firstIndex(of: 13), end + 1 < bytes.count {
        defer { position = end + 2 }
        return Array(bytes[position..<end])
      }
      try fill()
    }
  }

  private func fill() throws {
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    let count = read(descriptor, &buffer, buffer.count)
    guard count > 0 else { throw Failure(.unavailable, "Redis is gone") }
    bytes += buffer[..<count]
  }
}

/// Random calls over few keys, so that they meet.
private struct CallMaker {
  var random: Random
  /// The digests of the scripts, at each of the two.
  var digests: [(real: String, simulated: String)] = []
  var now: Int64 = 1_700_000_000_000

  private mutating func pick<Element>(_ elements: [Element]) -> Element { elements[Int(random.below(UInt64(elements.count)))] }

  /// A call, with the digest for the real one and for the simulated one.
  mutating func next() -> (real: [String], simulated: [String]) {
    if !digests.isEmpty, random.below(2) == 0 {
      let script = Int(random.below(UInt64(digests.count)))
      let arguments = scriptArguments(script)
      return (["EVALSHA", digests[script].real] + arguments, ["EVALSHA", digests[script].simulated] + arguments)
    }
    let command = plain()
    return (command, command)
  }

  private mutating func plain() -> [String] {
    let key = pick(["a", "b", "h", "fence"])
    let field = pick(["x", "y", "z", "generation", "next_offset"])
    let value = pick(["1", "17", "text", "", "-4", "1700000000123"])
    let commands: [[String]] = [
      ["GET", key], ["SET", pick(["a", "b"]), value], ["INCR", key], ["INCRBY", key, "5"], ["DEL", key], ["UNLINK", key, "a"],
      ["EXISTS", key, "b"], ["TYPE", key], ["PEXPIRE", key, "100000000"], ["PERSIST", key], ["HSET", key, field, value],
      ["HSET", key, field, value, "x", "7"], ["HSET", key, field], ["HSETNX", key, field, value], ["HINCRBY", key, field, "3"],
      ["HDEL", key, field, "y"], ["HGET", key, field], ["HEXISTS", key, field], ["HSTRLEN", key, field], ["HLEN", key],
      ["HMGET", key, "x", field], ["HGETALL", key], ["HKEYS", key], ["GET"], ["PING"],
    ]
    return pick(commands)
  }

  /// Arguments as the stores give them, and now and then others.
  private mutating func scriptArguments(_ script: Int) -> [String] {
    now += Int64(random.below(3))
    let generation = pick(["1", "\(now)", "\(now - 1)", "\(now - 2)", "\(now + 1)"])
    let token = pick(["t1", "t2"])
    let offset = "\(random.below(50))"
    switch script {
    case 0: return ["1", "fence", token, "host:1", "\(now)", pick(["", "4"])]
    case 1: return ["1", "fence", token, generation, pick(["0", "1", "3"]), "\(now)"]
    case 2: return ["1", "fence", generation, pick(["", "4"])]
    case 3: return ["1", "fence", token]
    default:
      let isFenced = random.below(4) > 0
      let rows = Int(random.below(3)) + 1
      let keys = (isFenced ? ["fence"] : []) + (0..<rows).map { pick(["h", "a", "r\($0)"]) }
      var arguments = [isFenced ? generation : "", pick(["0", "1"]), offset, pick(["", "3:17"]), pick(["", offset]), "\(now)"]
      arguments += [pick(["", "0:\(offset)"]), "\(now)", "\(rows)", pick(["0", "100000000"]), "2", "x", "y"]
      for _ in 0..<rows { arguments += [pick(["", "01", "11", "10"]), pick(["1", "2.5"]), "text"] }
      return ["\(keys.count)"] + keys + arguments
    }
  }
}

@Suite struct `The simulated Redis` {
  /// What follows it in a script's error names the place, which differs.
  private static func comparable(_ value: RedisValue) -> RedisValue {
    guard case .error(let text) = value else { return value }
    if text.hasPrefix("ERR unknown") { return .error("ERR unknown") }
    return .error(text.components(separatedBy: " script: ")[0])
  }

  @Test func `answers as a real one does`() throws {
    let server = try PrivateRedis()
    guard case .unix(let path) = server.address.endpoint else { return }
    let real = try PlainClient(path: path)
    let isDeep = ProcessInfo.processInfo.environment["FRESHET_DEEP"] == "1"
    for seed in 0..<UInt64(isDeep ? 400 : 20) {
      let database = SimulatedDatabase(now: { 1_700_000_000_000 })
      _ = try real.send([Array("FLUSHALL".utf8)])
      var maker = CallMaker(random: Random(seed: seed, 0, 0))
      for script in [FenceScripts.claim, FenceScripts.reclaim, FenceScripts.startAfresh, FenceScripts.release, FenceScripts.write] {
        let load = [Array("SCRIPT".utf8), Array("LOAD".utf8), Array(script.utf8)]
        guard case .bulk(let here) = database.execute(load), case .bulk(let there) = try real.send(load) else {
          Issue.record("a script is not loaded")
          return
        }
        maker.digests.append((String(decoding: there, as: UTF8.self), String(decoding: here, as: UTF8.self)))
      }
      for number in 0..<300 {
        let call = maker.next()
        let expected = Self.comparable(try real.send(call.real.map { Array($0.utf8) }))
        let found = Self.comparable(database.execute(call.simulated.map { Array($0.utf8) }))
        guard expected != found else { continue }
        Issue.record(
          "seed \(seed), call \(number): \(call.real.dropFirst(call.real[0] == "EVALSHA" ? 2 : 0)): \(found), should be \(expected)"
        )
        break
      }
      for key in ["a", "b", "h", "fence", "r0", "r1", "r2"] {
        for command in [["TYPE", key], ["GET", key], ["HGETALL", key]] {
          let bytes = command.map { Array($0.utf8) }
          #expect(Self.comparable(database.execute(bytes)) == Self.comparable(try real.send(bytes)), "seed \(seed): \(command)")
        }
      }
    }
  }

  @Test func `forgets what has expired`() {
    nonisolated(unsafe) var now: Int64 = 1000
    let database = SimulatedDatabase(now: { now })
    func run(_ text: String) -> RedisValue { database.execute(text.split(separator: " ").map { Array($0.utf8) }) }
    #expect(run("HSET h x 1") == .integer(1))
    #expect(run("PEXPIRE h 50") == .integer(1))
    now += 49
    #expect(run("PTTL h") == .integer(1))
    #expect(run("HGET h x") == .text("1"))
    now += 1
    #expect(run("HGET h x") == .null)
    #expect(run("PTTL h") == .integer(-2))
    #expect(run("HSET h y 2") == .integer(1))
    #expect(run("PTTL h") == .integer(-1))
  }

  @Test func `refuses what it lacks by its name`() {
    let database = SimulatedDatabase(now: { 0 })
    #expect(
      database.execute([Array("ZADD".utf8)])
        == .error("ERR unknown command 'ZADD', with args beginning with: (the simulated Redis lacks it)"))
  }
}
