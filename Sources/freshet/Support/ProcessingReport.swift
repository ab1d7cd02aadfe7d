// What a processor has done, in words: the progress line, and the summary that leaves no record unaccounted for.

import Base
import Features
import Foundation
import Processing

enum ProcessingReport {
  static func progress(_ counts: ProcessingCounts, since started: UInt64) -> String {
    let elapsed = max(Double(SystemClock().monotonicNanoseconds - started) / 1e9, 1e-3)
    var parts = [
      "\(Quantities.count(Double(counts.records))) events", "\(Quantities.rate(Double(counts.records) / elapsed))",
      "\(Quantities.count(Double(counts.rowsWritten))) rows", "\(Quantities.count(Double(counts.keys))) keys",
    ]
    if let lag = counts.lag { parts.append("lag \(Quantities.count(Double(lag)))") }
    if counts.replayingPartitions > 0 {
      parts.append(
        counts.replayDistance > 0 ? "replaying \(Quantities.count(Double(counts.replayDistance))) records" : "replaying")
    }
    if counts.workersWithoutStore > 0 { parts.append("waiting for the store") }
    if counts.rejectedCount > 0 { parts.append("\(Quantities.count(Double(counts.rejectedCount))) rejected") }
    if let watermark = counts.watermark { parts.append("watermark \(TimeText.rfc3339(watermark))") }
    return parts.joined(separator: ", ")
  }

  static func summary(_ counts: ProcessingCounts, _ pipeline: PipelineDefinition, since started: UInt64) -> String {
    let elapsed = SystemClock().monotonicNanoseconds - started
    var lines = [
      "processed \(counts.records) events (\(Quantities.bytes(Double(counts.byteCount)))) in \(Quantities.seconds(elapsed)), "
        + "\(Quantities.rate(Double(counts.records) / max(Double(elapsed) / 1e9, 1e-3))); wrote \(counts.rowsWritten) rows"
    ]
    lines += ledgerLines(counts.ledger, pipeline)
    if counts.recentEventsWritten > 0 {
      lines.append("  \(counts.recentEventsWritten) events were added to lists of recent events, for the lane rt")
    }
    if counts.recordsSentOn > 0 {
      lines.append("  \(counts.recordsSentOn) records went through internal topics, to views with keys of their own")
    }
    if counts.recordsSentTwice > 0 {
      lines.append("  \(counts.recordsSentTwice) records of internal topics had come before, and were left out")
    }
    if counts.missingOffsets > 0 {
      lines.append(
        "  \(counts.missingOffsets) offsets without a record: compacted, transactional, or dropped by retention before they were read"
      )
    }
    if counts.recoveries > 0 {
      lines.append(
        "  \(counts.recoveries) \(counts.recoveries == 1 ? "partition" : "partitions") went on from a checkpoint; "
          + "\(counts.replayedRecords) records were read again before values were shown")
    }
    if counts.refusedFlushes > 0 {
      lines.append("  \(counts.refusedFlushes) flushes were refused: another worker had the partition, or the store had gone back")
    }
    if counts.outages > 0 {
      let seconds = Quantities.seconds(UInt64(counts.withoutStoreMilliseconds) * 1_000_000)
      lines.append("  the store did not answer \(counts.outages == 1 ? "once" : "\(counts.outages) times"), for \(seconds) in all")
    }
    lines += counts.restoreNotes.map { "  \($0)" }
    if counts.checkpointStateByteCount > 0 {
      lines.append(
        "  \(counts.checkpoints) checkpoints of \(Quantities.bytes(Double(counts.checkpointStateByteCount))) of state wrote "
          + "\(Quantities.bytes(Double(counts.checkpointWrittenByteCount))) in \(Quantities.seconds(counts.checkpointNanoseconds)), of which "
          + "workers stood still for \(Quantities.seconds(counts.checkpointPauseNanoseconds))")
    }
    if counts.lateRecordsWritten > 0 { lines.append("  \(counts.lateRecordsWritten) late records went to their side output") }
    if counts.deadLettersWritten > 0 { lines.append("  \(counts.deadLettersWritten) records went to the dead letters") }
    return lines.joined(separator: "\n")
  }
}
