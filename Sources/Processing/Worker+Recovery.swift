// How a worker comes to a partition: the fence is claimed, what was saved is loaded, and reading begins where that ends.
//
//   checkpoint  fence         what it means                                  reading begins
//   none        no rows yet   nothing was ever computed                      where `auto.offset.reset` says
//   some        some          the usual case                                 at the checkpoint, silent up to the fence
//   empty       no rows yet   ended between its first record and its rows    at the checkpoint
//   none        some          the checkpoint is gone                         refused
//   some        no rows yet   the fence is gone: Redis was emptied           refused
//   some        behind it     Redis was restored, the checkpoint was not     refused
//   vacated     any           begun anew                                     where `auto.offset.reset` says
//
// Before the first record of a partition is applied, an empty checkpoint is saved, so that every row has one. It is what makes the third line.

import Base
import Features
import Logging
import Records
import Windowing

/// A partition that is ours and not taken yet.
struct WaitingPartition {
  /// When to claim it, by the monotonic clock in ms.
  var due: Int64
  /// How often it was lost to another owner since it was last held for long.
  var attempts = 0
}

extension Worker {
  /// Partitions that have just been assigned; those whose claim gets no answer wait for the store.
  func take(_ assigned: [PartitionIndex]) throws {
    var positions: [PartitionOffset] = []
    let begun = now
    for (place, index) in assigned.enumerated() {
      do {
        if let position = try open(index) { positions.append(position) }
      } catch let failure as Failure where failure.isRetryable {
        for index in assigned[place...] { waiting[index] = WaitingPartition(due: now) }
        break
      } catch let overtaken as CheckpointOvertaken {
        try refuse(overtaken.refusal)
      }
    }
    logger.info(
      "partitions assigned", metadata: ["partitions": "\(assigned)", "resumed": "\(positions.count)", "ms": "\(now - begun)"])
    sender?.begin(assigned, at: now)
    try source.start(assigned, at: positions)
    for index in assigned { try passBeginning(index) }
  }

  /// Takes the partitions whose time has come.
  func takeWaiting() throws {
    while let index = waiting.filter({ $0.value.due <= now }).keys.min() {
      let position: PartitionOffset?
      do {
        position = try untilStored {
          // It may have been taken away while the store was not there.
          waiting[index] == nil ? nil : try open(index)
        }
      } catch let overtaken as CheckpointOvertaken {
        try refuse(overtaken.refusal)
        continue
      }
      guard waiting.removeValue(forKey: index) != nil else { continue }
      sender?.begin([index], at: now)
      try source.start([index], at: position.map { [$0] } ?? [])
      try passBeginning(index)
    }
  }

  /// Event time may have been moved right where reading begins.
  private func passBeginning(_ index: PartitionIndex) throws {
    guard let state = partitions[index], state.isSilent else { return }
    try passReplay(index, state)
  }

  /// Claims a partition and loads what was saved of it; returns where to read from, nil for where the source's own memory says.
  ///
  /// A process that is stopped between the two holds a fence and a checkpoint of different times, with another owner's work in between: what
  /// does not fit is looked at again.
  private func open(_ index: PartitionIndex, triesLeft: Int = 2) throws -> PartitionOffset? {
    let owner = owner(of: index)
    let fence = try store.claim(index, as: owner)
    let startsAnew = settings.ignoresCheckpoints && !settings.started.contains(index)
    let state = makeState()
    state.fence = fence
    if !startsAnew { try load(into: state, index) }
    let isVacated = state.nextOffset == PartitionState.vacatedOffset
    if isVacated { state.forgetPosition() }
    if let fence {
      if startsAnew || isVacated {
        try beginAnew(state, index, fence, owner, isVacated: isVacated)
      } else {
        do { try reconcile(state, with: fence, index, owner) } catch  where triesLeft > 0 {
          return try open(index, triesLeft: triesLeft - 1)
        }
      }
      noteTaken(index, state, fence)
    }
    settings.started.insert(index)
    tokens[index] = nil
    partitions[index] = state
    guard let offset = state.nextOffset else {
      return fence == nil ? nil : PartitionOffset(partition: index, offset: PartitionOffset.reset)
    }
    return PartitionOffset(partition: index, offset: offset)
  }

  /// One token for all tries to take a partition, so that a claim whose answer was lost is known again.
  private func owner(of index: PartitionIndex) -> FenceOwner {
    let token = tokens[index] ?? String(random.next(), radix: 36) + String(random.next(), radix: 36)
    tokens[index] = token
    return FenceOwner(
      token: token, name: settings.ownerName, partitionCount: settings.knowsPartitionCount ? settings.partitionCount : nil)
  }

  private func load(into state: PartitionState, _ index: PartitionIndex) throws {
    guard let saved = try checkpointWriter?.load(index) else { return }
    // Once it has been taken, its checkpoint is one of the views as they are now.
    try load(saved, into: state, index, resetting: settings.started.contains(index) ? [] : settings.resetViews)
    state.savedOffset = state.nextOffset
    state.savedTime = state.engine.watermark.streamTime
  }

  /// First the checkpoint: an old one beside a fence without rows would be refused from now on.
  private func beginAnew(_ state: PartitionState, _ index: PartitionIndex, _ fence: Fence, _ owner: FenceOwner, isVacated: Bool)
    throws
  {
    if !isVacated { try checkpointWriter?.save(state, at: PartitionState.vacatedOffset, of: index) }
    guard fence.nextOffset != nil || fence.flushingTo != nil || fence.partitionCount != owner.partitionCount else { return }
    try store.startAfresh(index, as: owner)
    state.fence?.nextOffset = nil
  }

  /// Holds what was loaded against what the fence says.
  private func reconcile(_ state: PartitionState, with fence: Fence, _ index: PartitionIndex, _ owner: FenceOwner) throws {
    try checkPartitionCount(fence, owner, index)
    switch (state.nextOffset, fence.nextOffset) {
    case (nil, nil) where fence.flushingTo == nil: break
    case (nil, let written):
      throw refusal(index, "has rows up to offset \(written ?? fence.flushingTo!) in \(store.name), but its checkpoint is gone")
    case (let saved?, nil):
      guard state.engine.watermark.streamTime == .min else {
        throw refusal(
          index, "has a checkpoint at offset \(saved), but \(store.name) knows of no rows: it was emptied, or it is another Redis")
      }
    case (let saved?, let written?):
      guard written >= saved, fence.step >= state.savedStep else {
        throw refusal(
          index,
          "has a checkpoint at offset \(saved), but \(store.name) has its rows only up to offset \(written)"
            + "\(written < saved ? "" : ", and not all of them"): it was restored from an older state"
        )
      }
    }
    state.confirmedOffset = fence.nextOffset
    state.beginReplay(to: fence)
  }

  private func refusal(_ index: PartitionIndex, _ what: String) -> Failure {
    Failure(
      .badConfiguration,
      "partition \(index) of \(source.name) \(what); going on would give wrong values. "
        + "--ignore-checkpoints computes all of them anew from where the input begins"
    )
  }

  private func checkPartitionCount(_ fence: Fence, _ owner: FenceOwner, _ index: PartitionIndex) throws(Failure) {
    guard let known = fence.partitionCount, let count = owner.partitionCount, known != count else { return }
    throw Failure(
      .badConfiguration,
      "\(source.name) has \(count) partitions, but had \(known) when its values were first computed: keys have moved to other partitions, "
        + "away from their values. --ignore-checkpoints computes all values anew; they are whole again for windows that began after the change"
    )
  }

  private func noteTaken(_ index: PartitionIndex, _ state: PartitionState, _ fence: Fence) {
    counts.recoveries += state.nextOffset == nil ? 0 : 1
    var metadata: Logger.Metadata = ["partition": "\(index)", "generation": "\(fence.generation)"]
    if let offset = state.nextOffset { metadata["offset"] = "\(offset)" }
    if state.replayDistance > 0 { metadata["replaying"] = "\(state.replayDistance)" }
    if let previous = fence.previousOwner { metadata["from"] = "\(previous)" }
    logger.info("partition taken", metadata: metadata)
  }

  // MARK: Reading again

  /// Applies rows of a partition that has not passed what was shown: in parts, because on the way the rules change, and event time moves.
  func applyReplaying(_ read: BatchDecoder.PartitionRows, of batch: RecordBatch, to state: PartitionState) throws {
    var part = read
    var first = 0
    while partitions[read.partition] === state {
      let end = state.nextOffset.flatMap { state.replay?.nextCut(from: $0) } ?? .max
      var last = first
      while last < read.rows.count, batch.slots[Int(read.rows[last])].offset < end { last += 1 }
      part.rows = ContiguousArray(read.rows[first..<last])
      if state.isSilent { counts.replayedRecords += Int64(last - first) }
      try apply(part, of: batch, to: state)
      guard partitions[read.partition] === state else { return }
      first = last
      state.nextOffset = min(end, read.nextOffset)
      try passReplay(read.partition, state)
      if end >= read.nextOffset { return }
    }
  }

  /// Moves event time as it was moved at this place, and lets rows out again where all that was shown has been passed.
  func passReplay(_ index: PartitionIndex, _ state: PartitionState) throws {
    while let advance = state.replay?.advances.first, let offset = state.nextOffset, advance.offset <= offset {
      state.replay!.advances.removeFirst()
      try writeInSteps(index, state) {
        state.engine.advance(streamTimeTo: advance.streamTime, into: $0, rowLimit: settings.rowLimit)
      }
      guard partitions[index] === state else { return }
    }
    guard let replay = state.replay, let offset = state.nextOffset, offset >= replay.shownThrough else { return }
    state.endReplay()
    state.engine.clearFoldedTimes()
    logger.info("partition has caught up with its rows", metadata: ["partition": "\(index)", "offset": "\(offset)"])
  }

  /// Ends the replay of partitions whose input has nothing more: what is missing was dropped by its retention.
  func endSilentReplays() throws {
    guard !source.isBounded else { return }
    for (index, state) in sortedPartitions where state.isSilent && state.nextOffset != nil && source.isSilent(index) {
      let missing = state.replayDistance
      counts.missingOffsets += missing
      logger.warning(
        "the topic ends before the place up to which rows were written",
        metadata: ["kafka.partition": "\(index)", "offset": "\(state.nextOffset!)", "missing": "\(missing)"])
      state.nextOffset = max(state.nextOffset!, state.replay!.shownThrough)
      try passReplay(index, state)
    }
  }

  /// The first record of a partition that has no checkpoint: one is made, so that whoever comes next begins here, too.
  func saveBeginning(_ index: PartitionIndex, _ state: PartitionState, at offset: Offset) throws {
    state.nextOffset = offset
    guard state.fence != nil, checkpointWriter != nil else { return }
    try save(state, at: offset, index)
  }

  /// An input that cannot be read again has been dealt with: the next one of this name has nothing to do with it.
  func vacate() throws {
    guard let checkpointWriter else { return }
    for index in partitions.keys.sorted() {
      let empty = makeState()
      empty.fence = partitions[index]?.fence
      do {
        try untilStored { try checkpointWriter.save(empty, at: PartitionState.vacatedOffset, of: index) }
      } catch is CheckpointOvertaken {
        // Whoever has it now reads an input of its own.
      }
    }
  }

  /// Saves the state of a partition that is ours, as it is at `offset`; false where it has come to be another's.
  @discardableResult
  func save(_ state: PartitionState, at offset: Offset, _ index: PartitionIndex) throws -> Bool {
    let time = state.engine.watermark.streamTime
    do {
      try untilStored { if partitions[index] === state { try checkpointWriter?.save(state, at: offset, of: index) } }
    } catch let overtaken as CheckpointOvertaken {
      try refuse(overtaken.refusal)
    }
    guard partitions[index] === state else { return false }
    state.noteSaved(offset, time)
    return true
  }
}
