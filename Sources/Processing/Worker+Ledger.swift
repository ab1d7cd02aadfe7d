// Records that do not count: found by the decoder, the deduplicator and the windows, tallied in the ledger, passed on to side outputs.

import Base
import Features
import Records
import Windowing

/// Where a worker passes on what did not count; nil where that is only counted. Driven by the worker's thread.
public struct SideOutputs {
  public var late: (any SideOutput)?
  public var deadLetters: (any SideOutput)?

  public var isEmpty: Bool { late == nil && deadLetters == nil }

  public init(late: (any SideOutput)? = nil, deadLetters: (any SideOutput)? = nil) {
    self.late = late
    self.deadLetters = deadLetters
  }
}

extension Worker {
  // MARK: Records that cannot be read

  /// Tallies what the decoder has rejected, and passes it on.
  func noteRejections(_ batch: RecordBatch) throws {
    for rejection in decoder.rejections {
      let slot = batch.slots[rejection.row]
      guard waiting[slot.partition] == nil else { continue }
      let key = LedgerKey(source: plan.sourceIndex, partition: slot.partition, reason: .rejected(rejection.reason))
      counts.ledger.add(1, to: key)
      let isFirst = counts.ledger.lacksExample(key)
      guard isFirst || sideOutputs.deadLetters != nil else { continue }
      let explanation = decoder.explanation(rejection.reason, rejection.row, batch)
      if isFirst { counts.ledger.keepExample(decoder.example(rejection.row, batch, explanation), of: key) }
      guard let output = sideOutputs.deadLetters else { continue }
      var record = sideRecord(rejection.row, batch, reason: key.reason)
      record.error = explanation
      try output.write(record)
      counts.deadLettersWritten += 1
    }
  }

  /// Tallies the conditions that a record left unknown for a reason, for each view that asks them.
  func noteUnknownConditions(_ batch: RecordBatch) {
    for (row, predicate, reasons) in decoder.unknownRows {
      for view in plan.viewsOfPredicate[predicate] {
        for (reason, ledgerReason, text) in Self.unknownReasons where reasons.contains(reason) {
          let key = LedgerKey(
            source: plan.sourceIndex, partition: batch.slots[row].partition, view: plan.views[view], reason: ledgerReason)
          counts.ledger.add(1, to: key)
          if counts.ledger.lacksExample(key) { counts.ledger.keepExample(decoder.example(row, batch, text), of: key) }
        }
      }
    }
  }

  private static let unknownReasons: [(NullReasons, LedgerReason, String)] = [
    (.mismatch, .comparisonMismatch, "a condition met values of different types"),
    (.outOfRange, .expressionRange, "a condition left the range of numbers"),
    (.divisionByZero, .divisionByZero, "a condition divided by zero"),
  ]

  // MARK: Records that can

  /// Folds the rows of a partition, without the copies among them, and sends on what others count.
  func apply(_ read: BatchDecoder.PartitionRows, of batch: RecordBatch, to state: PartitionState) throws {
    if let receiver = state.receiver {
      try receive(read, of: batch, by: receiver, state)
    } else if let deduplicator = state.deduplicator {
      read.rows.withUnsafeBufferPointer { rows in
        decoder.withTimes { times in
          deduplicator.apply(
            rows, times: times, keys: decoder.column(deduplicator.settings.column), into: deduplicated)
        }
      }
      keepExamples(of: deduplicated, read.partition, batch)
      state.duplicateCount += Int64(deduplicated.duplicates.count)
      state.keylessCount += Int64(deduplicated.keyless.count)
      guard try keepRecent(deduplicated.kept, of: batch, read.partition) else { return }
      try applyDeduplicated(to: state, read.partition)
      try sendOn(deduplicated.kept, of: batch, read.partition)
    } else {
      guard try keepRecent(read.rows, of: batch, read.partition) else { return }
      try decoder.withInput(of: read.rows) { try apply($0, to: state, read.partition) }
      try sendOn(read.rows, of: batch, read.partition)
    }
    try noteRefusals(of: state.engine, read.partition, batch)
  }

  /// A copy is not folded, but where it is newer than all before it, event time moves at its place.
  private func applyDeduplicated(to state: PartitionState, _ partition: PartitionIndex) throws {
    try decoder.withInput(of: deduplicated.kept) { input in
      var position = 0
      func apply(upTo end: Int) throws {
        guard end > position else { return }
        var part = input
        part.rows = UnsafeBufferPointer(rebasing: input.rows[position..<end])
        try self.apply(part, to: state, partition)
        position = end
      }
      for move in deduplicated.moves {
        try apply(upTo: move.position)
        try writeInSteps(partition, state) {
          state.engine.advance(streamTimeTo: move.time, into: $0, rowLimit: settings.rowLimit)
        }
      }
      try apply(upTo: input.rows.count)
    }
  }

  /// Folds rows, and writes what comes of it whenever that is much.
  func apply(_ input: WindowInput, to state: PartitionState, _ partition: PartitionIndex) throws {
    var taken = 0
    try writeInSteps(partition, state) {
      taken += state.engine.apply(input, from: taken, into: $0, rowLimit: settings.rowLimit)
      return taken == input.rows.count && !state.engine.hasDueRows
    }
  }

  private func keepExamples(of deduplicated: DeduplicatedRows, _ partition: PartitionIndex, _ batch: RecordBatch) {
    let path = plan.deduplication?.keyName ?? ""
    if let row = deduplicated.duplicates.first {
      keepExample(.duplicate, partition, view: -1, Int(row), batch) { "'\(path)' has been seen within the window" }
    }
    if let row = deduplicated.keyless.first {
      keepExample(.withoutDedupKey, partition, view: -1, Int(row), batch) {
        "'\(path)' is missing, null, or neither a text nor an integer"
      }
    }
  }

  // MARK: Records that a view refuses

  /// Keeps an example of each kind of refusal, and passes late records on, each once.
  private func noteRefusals(of engine: WindowEngine, _ partition: PartitionIndex, _ batch: RecordBatch) throws {
    guard !engine.refusals.isEmpty else { return }
    defer { engine.clearRefusals() }
    var index = 0
    while index < engine.refusals.count {
      let row = Int(engine.refusals[index].row)
      var late: [Refusal] = []
      // The refusals of one record stand together.
      while index < engine.refusals.count, Int(engine.refusals[index].row) == row {
        let refusal = engine.refusals[index]
        keepExample(LedgerReason(refusal.reason), partition, view: plan.views[Int(refusal.view)], row, batch) {
          explanation(refusal, row)
        }
        if refusal.reason == .late { late.append(refusal) }
        if refusal.reason == .full, plan.stateBound?.whenFull == .stop { throw fullState(partition, row, batch) }
        index += 1
      }
      if let output = sideOutputs.late, !late.isEmpty {
        try output.write(lateRecord(row, batch, late))
        counts.lateRecordsWritten += 1
      }
    }
  }

  private func lateRecord(_ row: Int, _ batch: RecordBatch, _ refusals: [Refusal]) -> SideRecord {
    var record = sideRecord(row, batch, reason: .late)
    record.views = refusals.map { plan.viewNames[plan.views[Int($0.view)]] }
    record.lateBy = refusals[0].lateBy
    let needed = refusals.map(\.latenessNeeded)
    record.latenessNeeded = needed.contains(-1) ? nil : needed.max()
    return record
  }

  private func fullState(_ partition: PartitionIndex, _ row: Int, _ batch: RecordBatch) -> Failure {
    let bound = plan.stateBound
    let parts = [
      bound?.keyCountMax.map { "max_keys: \($0)" },
      bound?.byteCountMax.map { "max_memory: \($0 % (1 << 20) == 0 ? "\($0 >> 20)MiB" : "\($0)B")" },
    ].compactMap { $0 }.joined(separator: ", ")
    return Failure(
      .failure,
      "\(source.name), partition \(partition), offset \(batch.slots[row].offset): the record brings a new key, and the state of the partition is "
        + "at its bound (state: \(parts)). Raise it, let keys expire with 'ttl', or leave new keys out with 'when_full: drop_new_keys'"
    )
  }

  private func explanation(_ refusal: Refusal, _ row: Int) -> String {
    switch refusal.reason {
    case .late:
      let needed = refusal.latenessNeeded < 0 ? "" : ", a lateness of \(refusal.latenessNeeded)ms would have admitted it"
      return "came \(refusal.lateBy)ms behind the newest event\(needed)"
    case .keyless: return "the view's key is missing, null, or neither a text nor an integer"
    case .typeMismatch: return "a value of a type that its aggregate does not take"
    case .overflow: return "the sum leaves the range of its numbers"
    case .limit: return "one more distinct value than 'limit' allows"
    case .full: return "the key is new, and the partition's state is at its bound"
    }
  }

  // MARK: Helpers

  /// What the expressions of computed fields and of features made of others could not do. They are evaluated before a record's partition is
  /// looked at, or after its windows.
  func addExpressionNulls(to ledger: inout Ledger) {
    func add(_ count: Int, _ reason: LedgerReason, view: Int = -1) {
      ledger.add(Int64(count), to: LedgerKey(source: plan.sourceIndex, partition: -1, view: view, reason: reason))
    }
    let counts = decoder.computedNullCounts
    add(counts.mismatches, .expressionMismatch)
    add(counts.outOfRange, .expressionRange)
    add(counts.divisionsByZero, .divisionByZero)
    for view in plan.views {
      // A feature says itself what becomes of a division by zero.
      let counts = finisher.nullCounts(ofView: view)
      add(counts.mismatches, .expressionMismatch, view: view)
      add(counts.outOfRange, .expressionRange, view: view)
    }
  }

  private func keepExample(
    _ reason: LedgerReason, _ partition: PartitionIndex, view: Int, _ row: Int, _ batch: RecordBatch, _ explanation: () -> String
  ) {
    let key = LedgerKey(source: plan.sourceIndex, partition: partition, view: view, reason: reason)
    guard counts.ledger.lacksExample(key) else { return }
    counts.ledger.keepExample(decoder.example(row, batch, explanation()), of: key)
  }

  private func sideRecord(_ row: Int, _ batch: RecordBatch, reason: LedgerReason) -> SideRecord {
    let slot = batch.slots[row]
    var record = SideRecord(
      value: batch.value(row), key: batch.key(row), timestamp: slot.timestamp, sourceName: sourceTopic, partition: slot.partition,
      offset: slot.offset, reason: reason.code)
    record.headers = batch.headerIndices(of: row).map { (batch.name(of: batch.headers[$0]), batch.value(of: batch.headers[$0])) }
    if !batch.origins.isEmpty {
      record.sourceName = batch.topic
      record.partition = batch.origins[row].partition
      record.offset = batch.origins[row].offset
      record.headers.removeFirst(RecordOrigin.headerCount)
    }
    record.isTombstone = slot.marks.contains(.tombstone)
    return record
  }

  /// What side outputs call the source: its topic, or the name of another input.
  private var sourceTopic: String { settings.topic ?? source.name }

  /// On return every record that did not count, or that others count, is where it should be.
  func confirmSideOutputs() throws {
    // As the store, the topics are waited for as long as it takes.
    if let sender { try untilStored { try sender.output.confirm() } }
    try sideOutputs.late?.confirm()
    try sideOutputs.deadLetters?.confirm()
  }
}

extension LedgerReason {
  init(_ reason: Refusal.Reason) {
    switch reason {
    case .late: self = .late
    case .keyless: self = .keyless
    case .typeMismatch: self = .typeMismatch
    case .overflow: self = .overflow
    case .limit: self = .limit
    case .full: self = .stateFull
    }
  }
}
