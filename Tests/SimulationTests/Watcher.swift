// Looks at every write that the simulated Redis takes, and says what must never be: a value that goes back, a row from one who does not hold
// the fence, a row ahead of what the fence has announced.

import Base
import Features
import Records
import RedisStore

final class Watcher {
  private let world: World
  private let redis: SimulatedRedis
  /// The connection that made the last claim, by the key of the fence.
  private var holders: [String: String] = [:]
  /// What idle time has moved, as fences said it, by partition and in order.
  private(set) var idleAdvances: [PartitionIndex: [IdleAdvance]] = [:]
  private(set) var acceptedRowCount = 0
  /// Whether to look at how the protocol is kept, too, and not only at what a reader of the rows sees.
  var watchesProtocol = true

  static let fenceKeys = FenceKeys(prefix: Scenario.prefix, pipeline: Scenario.name, topic: Scenario.topic)
  static let controlStart = "\(Scenario.prefix):_freshet:"
  static let fenceStart = "\(controlStart)fence:"

  init(_ world: World, _ redis: SimulatedRedis) {
    self.world = world
    self.redis = redis
    redis.database.onHashWrite = { [unowned self] in see($0, $1, $2, $3) }
    redis.database.onTextWrite = { [unowned self] in seeText($0) }
  }

  /// What a restore takes back with the rows.
  struct Memory {
    var idleAdvances: [PartitionIndex: [IdleAdvance]]
  }

  var memory: Memory { Memory(idleAdvances: idleAdvances) }

  func restore(_ memory: Memory) {
    idleAdvances = memory.idleAdvances
    holders = [:]
  }

  static func fenceKey(_ partition: PartitionIndex) -> String {
    fenceKeys.fence(partition)
  }

  /// An offset that the fence of a partition holds.
  func fenceOffset(_ field: String, of partition: PartitionIndex) -> Offset? {
    redis.database.hash(Self.fenceKey(partition))?[field].flatMap { Int64(String(decoding: $0, as: UTF8.self)) }
  }

  // MARK: Writes

  private func see(_ key: String, _ field: String, _ old: [UInt8]?, _ new: [UInt8]) {
    if key.hasPrefix(Self.fenceStart) {
      seeFence(key, field, old, new)
    } else if !key.hasPrefix(Self.controlStart) {
      seeRow(key, field, old, new)
    }
  }

  private func seeFence(_ key: String, _ field: String, _ old: [UInt8]?, _ new: [UInt8]) {
    if field == "idle" { noteIdleAdvances(key, new) }
    guard watchesProtocol else { return }
    switch field {
    case "generation":
      holders[key] = redis.executing?.name
      if let before = old.flatMap(Self.number), let after = Self.number(new), after <= before {
        world.violate("fence: generation of \(key) goes from \(before) to \(after)")
      }
    case "next_offset":
      checkHolder(key, "next_offset")
      if let before = old.flatMap(Self.number), let after = Self.number(new), after < before {
        world.violate("fence: next_offset of \(key) goes back from \(before) to \(after)")
      }
    default: break
    }
  }

  private func seeRow(_ key: String, _ field: String, _ old: [UInt8]?, _ new: [UInt8]) {
    switch field {
    case "_position":
      guard let (partition, offset) = Self.position(new) else {
        return world.violate("row: _position of \(key) is '\(String(decoding: new, as: UTF8.self))'")
      }
      acceptedRowCount += 1
      if let (oldPartition, oldOffset) = old.flatMap(Self.position), oldPartition != partition || oldOffset > offset {
        world.violate("row: \(key) goes back from _position \(oldPartition):\(oldOffset) to \(partition):\(offset)")
      }
      guard watchesProtocol else { return }
      let fence = Self.fenceKey(partition)
      checkHolder(fence, key)
      if let announced = fenceOffset("flushing_to", of: partition), announced < offset {
        world.violate("row: \(key) shows records before \(offset), the fence announced \(announced)")
      }
    case Scenario.monotoneFeature:
      if let before = old.flatMap(Self.number), let after = Self.number(new), after < before {
        world.violate("row: \(key) counted \(before), and now \(after)")
      }
    default: break
    }
  }

  /// Whoever writes must be the connection that claimed last.
  private func checkHolder(_ fence: String, _ what: String) {
    let writer = redis.executing?.name ?? "nobody"
    if let holder = holders[fence], holder != writer {
      world.violate("fence: \(what) is written by \(writer), but \(holder) holds \(fence)")
    }
  }

  /// `offset:streamTime,...`
  private func noteIdleAdvances(_ key: String, _ text: [UInt8]) {
    guard let partition = key.split(separator: ":").last.flatMap({ PartitionIndex($0.dropLast()) }) else { return }
    for entry in String(decoding: text, as: UTF8.self).split(separator: ",") {
      let parts = entry.split(separator: ":").compactMap { Int64($0) }
      guard parts.count == 2 else { return world.violate("fence: idle of \(key) is '\(String(decoding: text, as: UTF8.self))'") }
      note(IdleAdvance(offset: parts[0], streamTime: parts[1]), partition)
    }
  }

  /// Where a checkpoint becomes the partition's, what idle time has moved is in its state from then on, and in no fence any more.
  private func seeText(_ key: String) {
    for partition in 0..<PartitionIndex(SimulatedBroker.partitionCountMax)
    where key == Self.fenceKeys.checkpoint(partition) || key == Self.checkpointKey(partition) {
      for advance in redis.executing?.process.idleLog(partition) ?? [] { note(advance, partition) }
    }
  }

  static func checkpointKey(_ partition: PartitionIndex) -> String {
    "\(controlStart)checkpoint:\(Scenario.name):\(Scenario.topic):\(partition)"
  }

  private func note(_ advance: IdleAdvance, _ partition: PartitionIndex) {
    var advances = idleAdvances[partition] ?? []
    let place = advances.firstIndex { ($0.offset, $0.streamTime) >= (advance.offset, advance.streamTime) } ?? advances.count
    if place < advances.count, advances[place] == advance { return }
    advances.insert(advance, at: place)
    idleAdvances[partition] = advances
  }

  private static func number(_ bytes: [UInt8]) -> Int64? { Int64(String(decoding: bytes, as: UTF8.self)) }

  private static func position(_ bytes: [UInt8]) -> (PartitionIndex, Offset)? {
    let parts = String(decoding: bytes, as: UTF8.self).split(separator: ":").compactMap { Int64($0) }
    return parts.count == 2 ? (PartitionIndex(parts[0]), parts[1]) : nil
  }
}
