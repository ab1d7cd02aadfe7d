// A topic and the consumer group that reads it: partitions of records that become visible at their time, members that come and go, and a
// cooperative rebalance. A member is told which partitions it loses, and loses them at its next poll; the new owner gets them then. A member
// whose heartbeats stop is put out, and learns of it when it polls again.

import Base
import Records

struct LogRecord {
  var offset: Offset
  /// When it can be read, in µs.
  var visibleAt: Int64
  var key: String
  var value: String
}

final class SimulatedBroker {
  let world: World
  let partitions: [[LogRecord]]
  /// By partition.
  private(set) var committed: [Offset?]
  /// Nobody can reach it until then, in µs.
  var downUntil: Int64 = 0
  /// Records of a partition that are sent at once at most, and how long that takes at most, in µs.
  var fetchCount: Int64 = 60
  var fetchLatency: Int64 = 50
  /// How likely a commit is refused because the group just changes.
  var commitRefusalProbability = 0.0

  final class Member {
    let process: Process
    /// In the order of joining.
    let number: Int
    var lastPollAt: Int64
    /// Told to it, and taken at its next poll.
    var leaving: Set<PartitionIndex> = []
    /// To be told, as lost.
    var lost: Set<PartitionIndex> = []
    var isOut = false

    init(_ process: Process, _ number: Int, at now: Int64) {
      self.process = process
      self.number = number
      lastPollAt = now
    }
  }

  private var members: [Member] = []
  private var memberCount = 0
  private var owner: [Member?]
  /// Whom each partition is to go to.
  private var target: [Member?]
  private var isRebalancing = false

  static let partitionCountMax = 3
  static let sessionTimeout: Int64 = 6_000_000
  static let pollInterval: Int64 = 30_000_000

  init(_ world: World, partitions: [[LogRecord]]) {
    self.world = world
    self.partitions = partitions
    committed = partitions.map { _ in nil }
    owner = partitions.map { _ in nil }
    target = partitions.map { _ in nil }
    watchMembers()
  }

  var isDown: Bool { world.now < downUntil }

  /// The offset after the last record of a partition, also of those to come.
  func end(_ partition: PartitionIndex) -> Offset { partitions[Int(partition)].last.map { $0.offset + 1 } ?? 0 }

  // MARK: Members

  func join(_ process: Process) -> Member {
    memberCount += 1
    let member = Member(process, memberCount, at: world.now)
    members.append(member)
    rebalanceSoon()
    return member
  }

  /// Leaves in order: its partitions are free at once.
  func leave(_ member: Member) {
    guard !member.isOut else { return }
    world.note("\(member.process.name) leaves the group")
    remove(member)
  }

  private func remove(_ member: Member) {
    member.isOut = true
    members.removeAll { $0 === member }
    for index in owner.indices where owner[index] === member { owner[index] = nil }
    rebalanceSoon()
  }

  /// What the member's poll begins with: partitions that it gets, loses, or has lost.
  func news(for member: Member) -> PollResult? {
    member.lastPollAt = world.now
    if !member.leaving.isEmpty {
      for partition in member.leaving where owner[Int(partition)] === member { owner[Int(partition)] = nil }
      member.leaving = []
    }
    guard !isDown else { return nil }
    if member.isOut {
      let lost = member.lost.sorted()
      member.lost = []
      return lost.isEmpty ? nil : .lost(lost)
    }
    guard !isRebalancing else { return nil }
    let revoked = owner.indices.filter { owner[$0] === member && target[$0] !== member }.map { PartitionIndex($0) }
    if !revoked.isEmpty {
      member.leaving = Set(revoked)
      return .revoked(revoked)
    }
    let assigned = owner.indices.filter { owner[$0] == nil && target[$0] === member }.map { PartitionIndex($0) }
    guard !assigned.isEmpty else { return nil }
    for partition in assigned { owner[Int(partition)] = member }
    return .assigned(assigned)
  }

  /// Whether the group takes these offsets.
  func commit(_ positions: [PartitionOffset], of member: Member) -> Bool {
    guard !isDown, !member.isOut, !world.chance(commitRefusalProbability) else { return false }
    for position in positions where owner[Int(position.partition)] === member {
      committed[Int(position.partition)] = position.offset
    }
    return true
  }

  private func rebalanceSoon() {
    guard !isRebalancing else { return }
    isRebalancing = true
    world.after(world.draw(1000...300_000)) { [self] in
      isRebalancing = false
      assign()
    }
  }

  /// Evenly, and leaves partitions where they are as far as that goes.
  private func assign() {
    guard !members.isEmpty else {
      target = target.map { _ in nil }
      return
    }
    let most = (partitions.count + members.count - 1) / members.count
    var counts: [Int: Int] = [:]
    for index in target.indices {
      guard let member = owner[index], !member.isOut, counts[member.number, default: 0] < most else {
        target[index] = nil
        continue
      }
      target[index] = member
      counts[member.number, default: 0] += 1
    }
    for index in target.indices where target[index] == nil {
      let least = members.min { (counts[$0.number, default: 0], $0.number) < (counts[$1.number, default: 0], $1.number) }!
      target[index] = least
      counts[least.number, default: 0] += 1
    }
    world.note("group: \(target.indices.map { "\($0) -> \(target[$0]!.process.name)" }.joined(separator: ", "))")
  }

  /// Puts out those whose heartbeats have stopped, and those that poll no more.
  private func watchMembers() {
    var silentSince: [Int: Int64] = [:]
    func look() {
      for member in members {
        if member.process.isBeating || isDown {
          silentSince[member.number] = nil
        } else if silentSince[member.number] == nil {
          silentSince[member.number] = world.now
        }
        let isSilent = silentSince[member.number].map { world.now - $0 >= Self.sessionTimeout } ?? false
        guard isSilent || (world.now - member.lastPollAt >= Self.pollInterval && !isDown) else { continue }
        world.note("\(member.process.name) is put out of the group")
        member.lost = Set(owner.indices.filter { owner[$0] === member }.map { PartitionIndex($0) })
        member.leaving = []
        remove(member)
      }
      world.after(500_000, look)
    }
    world.after(500_000, look)
  }
}
