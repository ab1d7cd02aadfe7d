// The fences that one store holds: claimed by a token, renewed after each new connection, refused when another has come. See `FenceScripts`.

import Base
import Features
import Records

/// Driven by the thread that drives the store.
final class RedisFences {
  /// A partition that is ours as far as we know.
  struct Held {
    let owner: FenceOwner
    var generation: Int64
    /// The last finished flush that was confirmed to us.
    var step: Int64
    /// Rows of generations before this one may go back.
    var base: Int64
    /// The connection on which the generation was given.
    var incarnation: Int
  }

  private let connection: RedisConnection
  private let keys: FenceKeys
  private let clock: any Clock
  private(set) var held: [PartitionIndex: Held] = [:]

  private let claimScript = RedisScript(FenceScripts.claim)
  private let reclaimScript = RedisScript(FenceScripts.reclaim)
  private let startAfreshScript = RedisScript(FenceScripts.startAfresh)
  private let releaseScript = RedisScript(FenceScripts.release)

  init(_ connection: RedisConnection, keys: FenceKeys, clock: any Clock) {
    self.connection = connection
    self.keys = keys
    self.clock = clock
  }

  func key(_ partition: PartitionIndex) -> String { keys.fence(partition) }

  func claim(_ partition: PartitionIndex, as owner: FenceOwner) throws -> Fence {
    let key = keys.fence(partition)
    let what = "claiming partition \(partition)"
    held[partition] = nil
    return try connection.retrying(at: key) { node in
      let arguments = [owner.token, owner.name, "\(clock.nowMilliseconds)", owner.partitionCount.map { "\($0)" } ?? ""]
      let reply = try claimScript.call(on: node, keys: [key], arguments, what: what)
      guard let texts = reply.texts, texts.count == 9 else { throw unreadable(key, what, "the claim's answer") }
      let generation = try number(texts[0], "generation", key, what)
      held[partition] = Held(
        owner: owner, generation: generation, step: try number(texts[6], "step", key, what),
        base: try optionalNumber(texts[7], "base", key, what) ?? 0, incarnation: connection.incarnation)
      let nextOffset = try optionalNumber(texts[1], "next_offset", key, what)
      return Fence(
        generation: generation, step: held[partition]!.step, owner: owner, nextOffset: nextOffset,
        flushingTo: try optionalNumber(texts[2], "flushing_to", key, what) ?? nextOffset,
        watermark: try optionalNumber(texts[3], "watermark", key, what),
        idleAdvances: try Self.idleAdvances(texts[4]) ?? { throw unreadable(key, what, "idle '\(texts[4].prefix(80))'") }(),
        previousOwner: texts[8].isEmpty ? nil : texts[8],
        partitionCount: try optionalNumber(texts[5], "partitions", key, what).map { Int($0) })
    }
  }

  /// Makes the generation a new one where the connection is, or where `isSuperseded` by what was our own; returns why that is refused.
  func renew(_ partition: PartitionIndex, isSuperseded: Bool = false) throws -> FenceRefusal? {
    guard let fence = held[partition], isSuperseded || fence.incarnation != connection.incarnation else { return nil }
    let key = keys.fence(partition)
    let what = "claiming partition \(partition) again"
    return try connection.retrying(at: key) { node in
      let arguments = [fence.owner.token, "\(fence.generation)", "\(fence.step)", "\(clock.nowMilliseconds)"]
      let reply = try reclaimScript.call(on: node, keys: [key], arguments, what: what)
      if let refusal = try refusal(in: reply, of: partition, what) { return refusal }
      guard let texts = reply.texts, texts.count == 3 else { throw unreadable(key, what, "the claim's answer") }
      held[partition]?.generation = try number(texts[1], "generation", key, what)
      held[partition]?.step = try number(texts[2], "step", key, what)
      held[partition]?.incarnation = connection.incarnation
      return nil
    }
  }

  /// The fence has finished a flush.
  func confirm(_ partition: PartitionIndex, step: Int64) { held[partition]?.step = step }

  /// Forgets how far the rows have come; where another has the fence, its write will be refused, so nothing is said here.
  func startAfresh(_ partition: PartitionIndex, as owner: FenceOwner) throws {
    guard held[partition] != nil else { return }
    let key = keys.fence(partition)
    let what = "starting partition \(partition) afresh"
    try connection.retrying(at: key) { node in
      guard try renew(partition) == nil, let fence = held[partition] else { return }
      let arguments = ["\(fence.generation)", owner.partitionCount.map { "\($0)" } ?? ""]
      let reply = try startAfreshScript.call(on: node, keys: [key], arguments, what: what)
      if reply.integer != nil { held[partition]?.base = fence.generation }
    }
  }

  /// Says in the fence that it was given up, where Redis can be told at once.
  func release(_ partition: PartitionIndex) {
    guard let fence = held.removeValue(forKey: partition), connection.isOpen, fence.incarnation == connection.incarnation else {
      return
    }
    let key = keys.fence(partition)
    _ = try? connection.retrying(at: key) { node in
      _ = try releaseScript.call(on: node, keys: [key], [fence.owner.token], what: "giving up partition \(partition)")
    }
  }

  /// What a script has refused; nil where it has not.
  func refusal(in reply: borrowing RedisReply, of partition: PartitionIndex, _ what: String) throws -> FenceRefusal? {
    guard let texts = reply.texts, let word = texts.first else { return nil }
    switch word {
    case "overtaken": return FenceRefusal(partition: partition, reason: .overtaken(by: texts.count > 1 ? texts[1] : ""))
    case "went_back":
      let offset = try optionalNumber(texts.count > 1 ? texts[1] : "", "next_offset", keys.fence(partition), what)
      return FenceRefusal(partition: partition, reason: .wentBack(to: offset))
    case "missing": return FenceRefusal(partition: partition, reason: .missing)
    default: return nil
    }
  }

  /// `OFFSET:TIME,...`; nil where it is anything else.
  static func idleAdvances(_ text: String) -> [IdleAdvance]? {
    var advances: [IdleAdvance] = []
    for entry in text.split(separator: ",") {
      let parts = entry.split(separator: ":", omittingEmptySubsequences: false)
      guard parts.count == 2, let offset = Offset(parts[0]), let time = Int64(parts[1]) else { return nil }
      advances.append(IdleAdvance(offset: offset, streamTime: time))
    }
    return advances
  }

  static func text(_ advances: [IdleAdvance]) -> String {
    advances.map { "\($0.offset):\($0.streamTime)" }.joined(separator: ",")
  }

  private func number(_ text: String, _ field: String, _ key: String, _ what: String) throws -> Int64 {
    guard let value = Int64(text) else { throw unreadable(key, what, "\(field) '\(text.prefix(80))'") }
    return value
  }

  private func optionalNumber(_ text: String, _ field: String, _ key: String, _ what: String) throws -> Int64? {
    text.isEmpty ? nil : try number(text, field, key, what)
  }

  private func unreadable(_ key: String, _ what: String, _ found: String) -> Failure {
    Failure(.badData, "\(connection.name): \(what): \(key) is not a fence as this program writes it: \(found)")
  }
}
