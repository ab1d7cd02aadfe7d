// The ledger of a run: lines for people, and one object of JSON for programs. Documentation/late-and-dead-letters.md tells its shape.

import Base
import Batch
import Features
import Processing
import Records

extension ProcessingReport {
  /// Tallies that differ only in their partition.
  private struct Group {
    var key: LedgerKey
    var partitions: [(partition: PartitionIndex, count: Int64)] = []
    var example: String?
    var count: Int64 { partitions.reduce(0) { $0 + $1.count } }
  }

  /// A line names this many partitions at most.
  private static let partitionsPerLine = 8

  private static func groups(_ ledger: Ledger) -> [Group] {
    var groups: [Group] = []
    for (key, tally) in ledger.sorted {
      let isNew = groups.last.map { ($0.key.reason, $0.key.source, $0.key.view) != (key.reason, key.source, key.view) } ?? true
      if isNew { groups.append(Group(key: key)) }
      groups[groups.count - 1].partitions.append((key.partition, tally.count))
      groups[groups.count - 1].example = groups[groups.count - 1].example ?? tally.example
    }
    return groups
  }

  static func ledgerLines(_ ledger: Ledger, _ pipeline: PipelineDefinition) -> [String] {
    groups(ledger).map { group in
      var line = "  "
      if pipeline.sources.count > 1, group.key.view < 0 { line += "source '\(pipeline.sources[group.key.source].name)': " }
      if group.key.view >= 0 { line += "view '\(pipeline.views[group.key.view].name)': " }
      if case .rejected(let reason) = group.key.reason {
        line += "rejected \(group.count): \(reason.name)"
      } else {
        line += "\(group.count) \(group.key.reason.name)"
      }
      if group.partitions.count > 1 { line += " (\(partitions(group)))" }
      if let example = group.example { line += "; first: \(example)" }
      return line
    }
  }

  private static func partitions(_ group: Group) -> String {
    let shown = group.partitions.prefix(partitionsPerLine).map { "partition \($0.partition): \($0.count)" }
    let rest = group.partitions.count - shown.count
    return (shown + (rest > 0 ? ["\(rest) more"] : [])).joined(separator: ", ")
  }

  /// One line, without its end.
  static func json(
    _ counts: ProcessingCounts, _ pipeline: PipelineDefinition, archived: ArchiveCounts? = nil, since started: UInt64
  ) -> String {
    let elapsed = Double(SystemClock().monotonicNanoseconds - started) / 1e9
    var fields: [(String, String)] = [
      ("pipeline", JSONText.quoted(pipeline.name)), ("records", "\(counts.records)"), ("bytes", "\(counts.byteCount)"),
      ("seconds", "\((elapsed * 1000).rounded() / 1000)"), ("rows", "\(counts.rowsWritten)"),
      ("window_rows", "\(counts.windowRowsWritten)"), ("checkpoints", "\(counts.checkpoints)"),
      ("recent_events", "\(counts.recentEventsWritten)"), ("repartitioned", "\(counts.recordsSentOn)"),
      ("sent_twice", "\(counts.recordsSentTwice)"),
      ("checkpoint_state_bytes", "\(counts.checkpointStateByteCount)"),
      ("checkpoint_written_bytes", "\(counts.checkpointWrittenByteCount)"),
      ("checkpoint_seconds", "\(Double(counts.checkpointNanoseconds / 1_000_000) / 1000)"),
      ("checkpoint_pause_seconds", "\(Double(counts.checkpointPauseNanoseconds / 1_000_000) / 1000)"),
      ("missing_offsets", "\(counts.missingOffsets)"), ("late_records_written", "\(counts.lateRecordsWritten)"),
      ("dead_letters_written", "\(counts.deadLettersWritten)"), ("recoveries", "\(counts.recoveries)"),
      ("replayed_records", "\(counts.replayedRecords)"), ("refused_flushes", "\(counts.refusedFlushes)"),
      ("outages", "\(counts.outages)"), ("seconds_without_store", "\(Double(counts.withoutStoreMilliseconds) / 1000)"),
    ]
    fields.append(("restored", "[\(counts.restoreNotes.map { JSONText.quoted($0) }.joined(separator: ","))]"))
    fields.append(("totals", object(LedgerReason.all.map { ($0.code, "\(counts.ledger.count(of: $0))") })))
    let tallies = counts.ledger.sorted.map { key, tally in
      var parts = [("reason", JSONText.quoted(key.reason.code)), ("source", JSONText.quoted(pipeline.sources[key.source].name))]
      if key.partition >= 0 { parts.append(("partition", "\(key.partition)")) }
      if key.view >= 0 { parts.append(("view", JSONText.quoted(pipeline.views[key.view].name))) }
      parts.append(("count", "\(tally.count)"))
      if let example = tally.example { parts.append(("example", JSONText.quoted(example))) }
      return object(parts)
    }
    fields.append(("ledger", "[\(tallies.joined(separator: ","))]"))
    if let archived { fields.append(("archive", ArchiveReport.json(archived))) }
    return object(fields)
  }

  private static func object(_ fields: [(String, String)]) -> String {
    "{\(fields.map { "\(JSONText.quoted($0)):\($1)" }.joined(separator: ","))}"
  }
}
