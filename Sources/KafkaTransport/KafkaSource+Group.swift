// The group's side of `KafkaSource`: answers to rebalances, start positions, commits and lag.

import Base
import CRdkafka
import Records

extension KafkaSource {
  /// Reading begins once every partition of the assignment has been started.
  public func start(_ partitions: [PartitionIndex], at positions: [PartitionOffset]) throws {
    guard let client else { preconditionFailure("a closed source was started") }
    for partition in partitions {
      let offset = positions.first { $0.partition == partition }?.offset
      if arriving.remove(partition) != nil {
        arrivingPositions.append(
          PartitionOffset(partition: partition, offset: offset.map(place) ?? Offset(RD_KAFKA_OFFSET_INVALID)))
      } else if assignedPartitions.contains(partition) {
        if let offset { try restart(client, partition, at: place(offset)) }
      } else {
        throw Failure(.failure, "\(name): partition \(partition) was started but is not assigned")
      }
    }
    guard arriving.isEmpty, !arrivingPositions.isEmpty else { return }
    let list = TopicPartitionList(capacity: arrivingPositions.count)
    let started = arrivingPositions.map(\.partition)
    for position in arrivingPositions {
      list.add(topic, position.partition, position.offset)
      begin(position.partition, at: position.offset)
    }
    arrivingPositions = []
    try check(Self.answer(client.pointer, .assigned, list.pointer), "the assignment")
    if isPaused { try setPaused(true, started) }
  }

  /// Notes where a partition is read from; negative where only librdkafka knows. What was seen of its end before says nothing about what lies ahead now.
  private func begin(_ partition: PartitionIndex, at offset: Offset) {
    setPosition(of: partition, offset >= 0 ? offset : -1)
    silence[partition] = nil
    endsReached[partition] = nil
  }

  /// Where `offset` is in librdkafka's words.
  private func place(_ offset: Offset) -> Offset {
    guard offset == PartitionOffset.reset else { return offset }
    switch offsetReset {
    case "latest", "largest", "end": return Offset(RD_KAFKA_OFFSET_END)
    case "error": return Offset(RD_KAFKA_OFFSET_INVALID)
    default: return Offset(RD_KAFKA_OFFSET_BEGINNING)
    }
  }

  /// Has a partition that is being read go on elsewhere; what was fetched before is dropped. It is given up and taken anew, which the group does not
  /// notice: so a question for its committed offset that is still under way cannot decide where it is read from, as it might beside a seek.
  private func restart(_ client: KafkaHandle, _ partition: PartitionIndex, at offset: Offset) throws {
    begin(partition, at: offset)
    let what = "to go to offset \(offset) of partition \(partition)"
    guard Self.isCooperative(client.pointer) else { return try restartAll(client, partition, at: offset, what) }
    let list = TopicPartitionList(capacity: 1)
    list.add(topic, partition, offset)
    try check(Self.answer(client.pointer, .revoked, list.pointer), what)
    try check(Self.answer(client.pointer, .assigned, list.pointer), what)
    if isPaused { try setPaused(true, [partition]) }
  }

  /// Without the cooperative protocol an assignment is whole or none: all others go on from where they are.
  private func restartAll(_ client: KafkaHandle, _ partition: PartitionIndex, at offset: Offset, _ what: String) throws {
    let started = assignedPartitions.subtracting(arriving).sorted()
    let list = TopicPartitionList(capacity: started.count)
    for other in started {
      let position = knownPosition(of: other)
      list.add(topic, other, other == partition ? offset : position >= 0 ? position : Offset(RD_KAFKA_OFFSET_INVALID))
    }
    try check(Self.answer(client.pointer, .assigned, list.pointer), what)
    if isPaused { try setPaused(true, started) }
  }

  public func setPaused(_ isPaused: Bool) throws {
    guard self.isPaused != isPaused else { return }
    self.isPaused = isPaused
    // What is announced and not started is paused when it is.
    try setPaused(isPaused, assignedPartitions.subtracting(arriving).sorted())
  }

  private func setPaused(_ isPaused: Bool, _ partitions: [PartitionIndex]) throws {
    guard let client, !partitions.isEmpty else { return }
    let list = TopicPartitionList(topic, partitions)
    let error =
      isPaused ? rd_kafka_pause_partitions(client.pointer, list.pointer) : rd_kafka_resume_partitions(client.pointer, list.pointer)
    try check(error, isPaused ? "to pause" : "to resume")
  }

  // MARK: Silence

  /// Asks the broker where the partition ends, at most once a second, and after a question without an answer not at all for a while. Markers of
  /// transactions take offsets at the end that no record has: who has been told of the end is there, too.
  public func isSilent(_ partition: PartitionIndex) -> Bool {
    guard let client, assignedPartitions.contains(partition), !isPaused else { return false }
    let now = clock.monotonicNanoseconds
    let position = knownPosition(of: partition)
    if let last = silence[partition], now - last.askedAt < 1_000_000_000 { return last.isSilent && last.position == position }
    guard now >= nextQuestionAt else { return false }
    var low: Offset = -1
    var high: Offset = -1
    let error = rd_kafka_query_watermark_offsets(client.pointer, topic, partition, &low, &high, Self.askMilliseconds)
    guard error == RD_KAFKA_RESP_ERR_NO_ERROR else {
      silence[partition] = nil
      nextQuestionAt = clock.monotonicNanoseconds + Self.patienceNanoseconds
      return false
    }
    client.events.noteAnswer()
    let isSilent = position >= high || (position < 0 && low == high) || (endsReached[partition].map { $0 >= high } ?? false)
    silence[partition] = Silence(askedAt: now, position: position, isSilent: isSilent)
    return isSilent
  }

  private static let patienceNanoseconds: UInt64 = 5_000_000_000
  private static let askMilliseconds: Int32 = 500

  private func knownPosition(of partition: PartitionIndex) -> Offset {
    Int(partition) < positions.count ? positions[Int(partition)] : -1
  }

  public func commit(_ positions: [PartitionOffset], waits: Bool) throws {
    guard let client else { preconditionFailure("a closed source was committed to") }
    guard !positions.isEmpty else { return }
    let list = TopicPartitionList(capacity: positions.count)
    for position in positions {
      guard assignedPartitions.contains(position.partition) else {
        throw Failure(
          .failure, "\(name): offset \(position.offset) of partition \(position.partition) cannot be committed: not assigned")
      }
      list.add(topic, position.partition, position.offset)
    }
    try check(rd_kafka_commit(client.pointer, list.pointer, waits ? 0 : 1), "the commit")
    if waits {
      for entry in list.entries { try check(entry.err, "the commit of partition \(entry.partition)") }
    }
  }

  /// How many commits that nobody waited for have failed, and the last reason. Recovery does not rest on committed offsets.
  public var commitFailures: (count: Int, lastReason: String?) { client?.events.commitFailures ?? (0, nil) }

  /// The group's committed offset of an assigned partition, nil where there is none. Asks a broker.
  public func committedOffset(of partition: PartitionIndex, timeoutMilliseconds: Int = 8000) throws -> Offset? {
    guard let client else { return nil }
    let list = TopicPartitionList(topic, [partition])
    try check(rd_kafka_committed(client.pointer, list.pointer, Int32(timeoutMilliseconds)), "the committed offset")
    let entry = list.entries[0]
    try check(entry.err, "the committed offset")
    return entry.offset >= 0 ? entry.offset : nil
  }

  public func lag(of partition: PartitionIndex) -> Int64? {
    guard let client else { return nil }
    var low: Offset = -1
    var high: Offset = -1
    let error = rd_kafka_get_watermark_offsets(client.pointer, topic, partition, &low, &high)
    guard error == RD_KAFKA_RESP_ERR_NO_ERROR, high >= 0 else { return nil }
    var position = Int(partition) < positions.count ? positions[Int(partition)] : -1
    if position < 0 {
      // Nothing read yet: the group's committed offset, or the start of what there is.
      position = (try? committedOffset(of: partition, timeoutMilliseconds: 1000)) ?? max(0, low)
      setPosition(of: partition, position)
    }
    return max(0, high - position)
  }

  /// Ends in every case: a group that cannot be reached is left behind, and the broker notices by itself.
  func closeGroup(_ client: KafkaHandle) {
    client.events.startLeavingGroup()
    if let leaving { answer(client, leaving) }
    leaving = nil
    if !arriving.isEmpty || !arrivingPositions.isEmpty {
      // Announced and never started: librdkafka still waits for the answer.
      let list = TopicPartitionList(topic, Array(arriving) + arrivingPositions.map(\.partition))
      _ = Self.answer(client.pointer, .assigned, list.pointer)
    }
    while let rebalance = client.events.takeRebalance() { answer(client, rebalance) }
    arriving = []
    arrivingPositions = []
    assignedPartitions = []
    let error = rd_kafka_consumer_close(client.pointer)
    if error != RD_KAFKA_RESP_ERR_NO_ERROR {
      logger.debug("the consumer group was not left cleanly", metadata: ["kafka.reason": "\(error.text)"])
    }
  }

  /// Gives up what the poll before this one announced.
  func giveUpLeaving(_ client: KafkaHandle) throws {
    guard let rebalance = leaving else { return }
    leaving = nil
    assignedPartitions.subtract(rebalance.partitions)
    for partition in rebalance.partitions { begin(partition, at: -1) }
    let list = TopicPartitionList(topic, rebalance.partitions)
    try check(Self.answer(client.pointer, .revoked, list.pointer), "the revocation")
  }

  func announce(_ rebalance: Rebalance) -> PollResult {
    switch rebalance.kind {
    case .assigned:
      assignedPartitions.formUnion(rebalance.partitions)
      arriving = Set(rebalance.partitions)
      if rebalance.partitions.isEmpty {
        // Nothing to start: answer at once.
        if let client { answer(client, rebalance) }
        return .idle
      }
      return .assigned(rebalance.partitions)
    case .revoked:
      leaving = rebalance
      return rebalance.partitions.isEmpty ? .idle : .revoked(rebalance.partitions)
    case .lost:
      // They belong to another already: nothing may be committed for them.
      assignedPartitions.subtract(rebalance.partitions)
      leaving = rebalance
      return rebalance.partitions.isEmpty ? .idle : .lost(rebalance.partitions)
    }
  }

  private func answer(_ client: KafkaHandle, _ rebalance: Rebalance) {
    let list = TopicPartitionList(topic, rebalance.partitions)
    _ = Self.answer(client.pointer, rebalance.kind, list.pointer)
  }

  /// Tells librdkafka that a rebalance has been dealt with, in the words of the group's protocol.
  @discardableResult
  static func answer(
    _ client: OpaquePointer, _ kind: Rebalance.Kind, _ list: UnsafeMutablePointer<rd_kafka_topic_partition_list_t>?
  ) -> rd_kafka_resp_err_t {
    guard isCooperative(client) else { return rd_kafka_assign(client, kind == .assigned ? list : nil) }
    let failure =
      kind == .assigned ? rd_kafka_incremental_assign(client, list) : rd_kafka_incremental_unassign(client, list)
    guard let failure else { return RD_KAFKA_RESP_ERR_NO_ERROR }
    defer { rd_kafka_error_destroy(failure) }
    return rd_kafka_error_code(failure)
  }

  private static func isCooperative(_ client: OpaquePointer) -> Bool {
    rd_kafka_rebalance_protocol(client).map { String(cString: $0) } == "COOPERATIVE"
  }

  func setPosition(of partition: PartitionIndex, _ offset: Offset) {
    let index = Int(partition)
    if index >= positions.count { positions.append(contentsOf: repeatElement(-1, count: index + 1 - positions.count)) }
    positions[index] = offset
  }

  private func check(_ error: rd_kafka_resp_err_t, _ what: String) throws {
    guard error != RD_KAFKA_RESP_ERR_NO_ERROR else { return }
    throw Failure(.unavailable, "\(name): \(what) failed: \(error.text)", isRetryable: error.isRetryable)
  }
}
