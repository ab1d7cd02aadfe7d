// The consumer of one process: what a worker polls.

import Base
import Records

final class SimulatedSource: Source {
  let isBounded = false
  let name = "kafka://simulated/events"

  private let broker: SimulatedBroker
  private let process: Process
  private var member: SimulatedBroker.Member
  /// Where reading goes on, by partition, of those that were started.
  private var positions: [PartitionIndex: Int] = [:]
  /// What this member believes is its own: it may be put out and not know it yet.
  private var assigned: Set<PartitionIndex> = []
  private var isPaused = false
  /// Looked at after every poll.
  var onPoll: () -> Void = {}

  private var world: World { broker.world }

  init(_ broker: SimulatedBroker, _ process: Process) {
    self.broker = broker
    self.process = process
    member = broker.join(process)
  }

  func poll(into batch: RecordBatch, maximumCount: Int, timeoutMilliseconds: Int) throws -> PollResult {
    batch.removeAll()
    onPoll()
    try process.pass(world.draw(5...60))
    let deadline = world.now + Int64(timeoutMilliseconds) * 1000
    while true {
      if let news = broker.news(for: member) {
        switch news {
        case .revoked(let partitions), .lost(let partitions):
          for partition in partitions { positions[partition] = nil }
          assigned.subtract(partitions)
          if member.isOut { member = broker.join(process) }
        case .assigned(let partitions): assigned.formUnion(partitions)
        default: break
        }
        world.note("\(process.name) polls: \(news)")
        return news
      }
      if member.isOut { member = broker.join(process) }
      if !isPaused, !broker.isDown, hasRecords {
        try process.pass(world.draw(5...broker.fetchLatency))
        if read(into: batch, maximumCount) { return .records }
      }
      guard world.now < deadline else { return .idle }
      try process.pass(min(deadline - world.now, pause()))
    }
  }

  private var hasRecords: Bool {
    positions.contains {
      broker.partitions[Int($0.key)].indices.contains($0.value) && broker.partitions[Int($0.key)][$0.value].visibleAt <= world.now
    }
  }

  /// Until there may be something new, in µs.
  private func pause() -> Int64 {
    var next: Int64 = 100_000
    for (partition, position) in positions where broker.partitions[Int(partition)].indices.contains(position) {
      next = min(next, broker.partitions[Int(partition)][position].visibleAt - world.now)
    }
    return max(next, 1000)
  }

  /// Takes records of some partitions, as a broker sends them: not all that there are, and not in a fixed order.
  private func read(into batch: RecordBatch, _ maximumCount: Int) -> Bool {
    var order = positions.keys.sorted()
    while !order.isEmpty {
      let partition = order.remove(at: Int(world.random.below(UInt64(order.count))))
      let log = broker.partitions[Int(partition)]
      var position = positions[partition]!
      let first = position
      let limit = position + Int(world.draw(1...broker.fetchCount))
      while position < min(limit, log.count), log[position].visibleAt <= world.now, batch.count < maximumCount {
        append(log[position], partition, to: batch)
        position += 1
      }
      positions[partition] = position
      if position > first { world.note("\(process.name) reads \(partition): \(log[first].offset)...\(log[position - 1].offset)") }
      if batch.count > 0, world.chance(0.5) { break }
    }
    return batch.count > 0
  }

  private func append(_ record: LogRecord, _ partition: PartitionIndex, to batch: RecordBatch) {
    var value = record.value
    var key = record.key
    value.withUTF8 { value in
      key.withUTF8 { key in
        batch.append(
          value: value, key: key, timestamp: World.epoch + record.visibleAt / 1000, offset: record.offset, partition: partition)
      }
    }
  }

  func start(_ partitions: [PartitionIndex], at offsets: [PartitionOffset]) throws {
    try process.pass(world.draw(5...500))
    for partition in partitions where assigned.contains(partition) {
      let offset = offsets.first { $0.partition == partition }?.offset ?? broker.committed[Int(partition)] ?? 0
      let log = broker.partitions[Int(partition)]
      positions[partition] = log.firstIndex { $0.offset >= offset } ?? log.count
      world.note("\(process.name) starts to read \(partition) at \(offset)")
    }
  }

  func commit(_ positions: [PartitionOffset], waits: Bool) throws {
    try process.pass(waits ? world.draw(200...3000) : 5)
    let isTaken = broker.commit(positions, of: member)
    world.note(
      "\(process.name) commits \(positions.map { "\($0.partition): \($0.offset)" }.joined(separator: ", "))\(isTaken ? "" : ": refused")"
    )
    if !isTaken, waits {
      throw Failure(.unavailable, "\(name): offsets were not committed: the group is changing", isRetryable: true)
    }
  }

  func lag(of partition: PartitionIndex) -> Int64? {
    guard !broker.isDown, let position = positions[partition] else { return nil }
    return Int64(visibleEnd(partition) - position)
  }

  func isSilent(_ partition: PartitionIndex) -> Bool { lag(of: partition) == 0 }

  private func visibleEnd(_ partition: PartitionIndex) -> Int {
    let log = broker.partitions[Int(partition)]
    return log.firstIndex { $0.visibleAt > world.now } ?? log.count
  }

  func setPaused(_ isPaused: Bool) throws {
    if isPaused != self.isPaused { world.note("\(process.name) \(isPaused ? "pauses" : "goes on") polling") }
    self.isPaused = isPaused
  }

  func close() throws {
    if process.isDead { throw Killed() }
    broker.leave(member)
  }
}
