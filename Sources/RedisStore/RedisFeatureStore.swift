// Feature rows into Redis hashes that are readable with HGETALL:
//
//   {prefix}:{view}:{entity key}                  a current value       {prefix}:{view}                  of `entity: all`
//   {prefix}:{view}:{entity key}:{window_start}   a closed window       {prefix}:{view}:{window_start}   of `entity: all`
//
// One field per feature with its plain text; null deletes the field, so that an absent field is a null value. `_as_of`, `_last_event`
// and `_written_at` are ms since the epoch, `_position` says which records are in the row. Rows go partition by partition, in calls of a
// script that checks the partition's fence first (`FenceScripts.write`). Several calls are on their way at once, and every answer is read;
// but the call that finishes a partition's flush is sent when all others have been confirmed, so that next_offset never says more than is
// true. Values are absolute: writing a batch twice does no harm.

import Base
import Features
import Logging
import Records

/// Writes the native layout, or Feast's; see `FeastLayout`.
public final class RedisFeatureStore: FeatureStore {
  public var name: String { connection.name }
  /// Rows confirmed so far.
  public private(set) var writtenRowCount: Int64 = 0

  private let connection: RedisConnection
  private let fences: RedisFences?
  private let layouts: [ViewLayout]
  private let clock: any Clock
  private let script = RedisScript(FenceScripts.write)

  /// The batch being written: its partitions, and where the objects of partitions that were there before are kept.
  private var parts: [PartitionRows] = []
  private var knownParts: [PartitionIndex: PartitionRows] = [:]
  private var call: RowCall
  private let clusterRows: ClusterRows
  /// Calls that were sent and not yet answered, oldest first.
  private var pending: [(part: PartitionRows, isLast: Bool)] = []
  private var refusals: [PartitionIndex: FenceRefusal] = [:]
  /// Partitions whose generation is a later one than ours.
  private var superseded: Set<PartitionIndex> = []

  private static let pipelineDepth = 8

  /// - Parameters:
  ///   - fences: The names of the partitions' fences; nil for a store that keeps none.
  ///   - views: in the order of `FeatureRow.view`.
  ///   - layout: How rows look.
  ///   - callRowLimit: Rows of one call; nil for what serves Redis best.
  public init(
    _ connection: RedisConnection, prefix: String, views: [StoredView], fences: FenceKeys? = nil, clock: any Clock = SystemClock(),
    layout: RedisSinkDefinition.Layout = .native, callRowLimit: Int? = nil
  ) {
    self.connection = connection
    call = RowCall(rowLimit: callRowLimit ?? RowCall.rowLimitDefault)
    self.clock = clock
    self.fences = fences.map { RedisFences(connection, keys: $0, clock: clock) }
    layouts = views.map { ViewLayout($0, prefix: prefix, layout) }
    clusterRows = ClusterRows(layouts)
    for view in views {
      // `unpack` in Redis' Lua takes fewer than 8000 values.
      precondition(view.featureNames.count < 3500, "a view has at most 3499 features")
    }
  }

  public func claim(_ partition: PartitionIndex, as owner: FenceOwner) throws -> Fence? {
    guard let fences else { return nil }
    let fence = try fences.claim(partition, as: owner)
    RedisInformation.warnOfEviction(connection, at: fences.key(partition))
    return fence
  }

  public func startAfresh(_ partition: PartitionIndex, as owner: FenceOwner) throws {
    try fences?.startAfresh(partition, as: owner)
  }

  public func confirmedStep(of partition: PartitionIndex) -> Int64? { fences?.held[partition]?.step }

  public func release(_ partition: PartitionIndex) {
    fences?.release(partition)
    knownParts[partition] = nil
  }

  public func write(_ rows: FeatureRowBatch, at positions: [FlushPosition]) throws -> [FenceRefusal] {
    guard !rows.isEmpty || !positions.isEmpty else { return [] }
    sort(rows, positions)
    let writtenAt = clock.nowMilliseconds
    if let cluster = connection.cluster { try write(rows, writtenAt, to: cluster) } else { try write(rows, writtenAt) }
    for part in parts where refusals[part.partition] == nil { writtenRowCount += Int64(part.rowCount) }
    return parts.compactMap { refusals[$0.partition] }
  }

  public func close() throws { connection.disconnect() }

  private static let attemptLimit = 4

  private func write(_ rows: FeatureRowBatch, _ writtenAt: Int64) throws {
    try connection.retrying {
      refusals.removeAll(keepingCapacity: true)
      superseded.removeAll(keepingCapacity: true)
      try renewAll()
      // Again for a script that was forgotten, and for a fence that is ours under a later generation: once is the rule for both.
      for _ in 0..<Self.attemptLimit {
        do { if try attempt(rows, writtenAt) { return } } catch {
          // Answers that nobody has read would be taken for those of the next command.
          if !pending.isEmpty { connection.disconnect() }
          throw error
        }
      }
      throw unsettled()
    }
  }

  private func unsettled() -> Failure {
    Failure(
      .unavailable,
      "\(name): writing features: connections break, fences change or Redis forgets the script again and again", isRetryable: true)
  }

  /// Sorts the batch's rows by partition and view.
  private func sort(_ rows: FeatureRowBatch, _ positions: [FlushPosition]) {
    parts.removeAll(keepingCapacity: true)
    for part in knownParts.values { part.removeAll() }
    for position in positions {
      let part = part(of: position.partition)
      if part.isEmpty { parts.append(part) }
      part.position = position
    }
    var part: PartitionRows?
    for (index, row) in rows.rows.enumerated() {
      if part?.partition != row.partition {
        let found = self.part(of: row.partition)
        if found.isEmpty { parts.append(found) }
        part = found
      }
      part?.append(index, view: Int(row.view))
    }
  }

  private func part(of partition: PartitionIndex) -> PartitionRows {
    if let part = knownParts[partition] { return part }
    let part = PartitionRows(partition, viewCount: layouts.count)
    knownParts[partition] = part
    return part
  }

  /// Once more where the connection broke in between: what was renewed on the one before is not yet known on this one.
  private func renewAll() throws {
    var incarnation: Int
    repeat {
      incarnation = connection.incarnation
      for part in parts { try renew(part) }
    } while connection.incarnation != incarnation
  }

  private func renew(_ part: PartitionRows) throws {
    guard let refusal = try fences?.renew(part.partition, isSuperseded: superseded.contains(part.partition)) else { return }
    refusals[part.partition] = refusal
  }

  /// Sends all calls and reads all answers; false where something is to be tried again.
  private func attempt(_ rows: FeatureRowBatch, _ writtenAt: Int64) throws -> Bool {
    let digest = try script.digest(on: connection)
    var answers = Answers()
    // A connection that broke in the last attempt has taken its answers with it.
    pending.removeAll(keepingCapacity: true)
    superseded.removeAll(keepingCapacity: true)
    for part in parts {
      part.rewind()
      // All but what fits into the last call.
      while answers.isGood, !isRefused(part), part.remaining > (isFenced(part) ? call.rowLimit : 0) {
        try send(rows, part, isLast: false, digest, writtenAt)
        if pending.count == Self.pipelineDepth { try readOne(&answers) }
      }
    }
    while !pending.isEmpty { try readOne(&answers) }
    for part in parts where isFenced(part) {
      var isLast = false
      while answers.isGood, !isRefused(part), !isLast {
        isLast = try send(rows, part, isLast: true, digest, writtenAt)
        // Not the last after all: its rows are long.
        while !isLast && !pending.isEmpty || pending.count == Self.pipelineDepth { try readOne(&answers) }
      }
    }
    while !pending.isEmpty { try readOne(&answers) }
    if let error = answers.error { throw connection.failure(error.text, "writing features") }
    for part in parts where superseded.contains(part.partition) { try renew(part) }
    if !answers.knowsScript { script.forget() }
    return answers.knowsScript && superseded.isEmpty
  }

  /// The same in a cluster: the fences, then the rows on all nodes, then the fences again. Begins anew when a connection had to be made in
  /// between, because what was sent over the old one has the generation that we thought ours.
  private func write(_ rows: FeatureRowBatch, _ writtenAt: Int64, to cluster: RedisCluster) throws {
    refusals.removeAll(keepingCapacity: true)
    for _ in 0..<Self.attemptLimit {
      superseded.removeAll(keepingCapacity: true)
      let incarnation: Int
      do {
        try cluster.openAll()
        incarnation = connection.incarnation
        for part in parts { try renew(part) }
        for part in parts where incarnation == connection.incarnation { try tellFence(part, isLast: false, writtenAt) }
        guard superseded.isEmpty, incarnation == connection.incarnation else { continue }
        let written = parts.filter { !isRefused($0) }
        try clusterRows.write(rows, written.map { ($0, fences?.held[$0.partition]) }, writtenAt: writtenAt, to: cluster)
        guard incarnation == connection.incarnation else { continue }
        for part in written { try tellFence(part, isLast: true, writtenAt) }
        guard superseded.isEmpty, incarnation == connection.incarnation else { continue }
        return
      } catch let failure as Failure where failure.isRetryable {
        // Another node may have taken the place of one that is gone; where that has not happened yet, the caller waits.
        guard !cluster.hasTimedOut, (try? cluster.refresh()) != nil, (try? cluster.openAll()) != nil else { throw failure }
      }
    }
    throw unsettled()
  }

  /// Has the partition's fence checked and moved, on its node; a refusal is kept.
  private func tellFence(_ part: PartitionRows, isLast: Bool, _ writtenAt: Int64) throws {
    guard let fences, !isRefused(part), let held = fences.held[part.partition] else { return }
    guard let position = part.position else { preconditionFailure("rows of a claimed partition are written at a position") }
    let key = fences.key(part.partition)
    let arguments = [
      "\(held.generation)", "\(held.step)", "\(max(position.flushingTo, position.nextOffset))",
      RedisFences.text(position.idleAdvances), isLast ? "\(position.nextOffset)" : "", "\(position.watermark)", "", "\(writtenAt)",
    ]
    try connection.retrying(at: key) { node in
      let reply = try script.call(on: node, keys: [key], arguments, what: "writing features")
      try note(reply, part, isLast: isLast)
    }
    if superseded.contains(part.partition) { try renew(part) }
  }

  private func isRefused(_ part: PartitionRows) -> Bool {
    refusals[part.partition] != nil || superseded.contains(part.partition)
  }

  private func isFenced(_ part: PartitionRows) -> Bool { fences?.held[part.partition] != nil }

  /// Sends one call; returns whether it finishes the partition's flush.
  @discardableResult
  private func send(
    _ rows: FeatureRowBatch, _ part: PartitionRows, isLast: Bool, _ digest: String, _ writtenAt: Int64
  ) throws -> Bool {
    call.fill(part, of: rows, layouts, byteLimit: isLast ? 4 * RowCall.byteLimit : RowCall.byteLimit)
    var lead = RowCall.Lead(fence: nil, position: part.position, isLast: isLast && part.remaining == 0, writtenAt: writtenAt)
    if let fences, let held = fences.held[part.partition] {
      precondition(part.position != nil, "rows of a claimed partition are written at a position")
      lead.fence = (fences.key(part.partition), held)
    }
    try call.send(lead, digest: digest, on: connection)
    pending.append((part, lead.isLast))
    return lead.isLast
  }

  /// What was answered so far.
  private struct Answers {
    var knowsScript = true
    var error: RedisError?
    var isGood: Bool { knowsScript && error == nil }
  }

  private func readOne(_ answers: inout Answers) throws {
    let reply = try connection.reply()
    let (part, isLast) = pending.removeFirst()
    if let text = reply.error {
      let error = RedisError(text: text)
      if error.isForgottenScript { answers.knowsScript = false } else if answers.error == nil { answers.error = error }
    } else {
      try note(reply, part, isLast: isLast)
    }
  }

  /// Keeps what the script says.
  private func note(_ reply: borrowing RedisReply, _ part: PartitionRows, isLast: Bool) throws {
    if let step = reply.integer {
      if isLast { fences?.confirm(part.partition, step: step) }
    } else if let refusal = try fences?.refusal(in: reply, of: part.partition, "writing features") {
      // Of our own token, perhaps: a claim that was thought lost has arrived after the one that followed it.
      if case .overtaken = refusal.reason { superseded.insert(part.partition) } else { refusals[part.partition] = refusal }
    } else {
      throw Failure(.failure, "\(name): writing features: Redis gave an answer that the script does not give")
    }
  }
}
