// What a batch run has done, in words and as JSON.

import Base
import Batch
import Features
import Foundation

enum BatchReport {
  static func progress(_ counts: BatchCounts, since started: UInt64) -> String {
    let seconds = max(Double(SystemClock().monotonicNanoseconds - started) / 1e9, 1e-3)
    var parts = [
      "\(counts.finishedParts) of \(counts.parts) parts", "\(Quantities.count(Double(counts.records))) records",
      "\(Quantities.rate(Double(counts.records) / seconds))", "\(Quantities.count(Double(counts.rowCount))) rows",
    ]
    if counts.spills > 0 { parts.append("\(counts.spills) spills") }
    return parts.joined(separator: ", ")
  }

  static func summary(
    _ counts: BatchCounts, _ run: BatchRun, _ pipeline: PipelineDefinition, to target: String, nanoseconds: UInt64
  ) -> String {
    let seconds = max(Double(nanoseconds) / 1e9, 1e-3)
    let rows = run.views.map { "\(pipeline.views[$0].name) \(counts.rows[$0])" }.joined(separator: ", ")
    var lines = [
      "as of \(TimeText.rfc3339(run.cutoff)): read \(counts.records) records (\(Quantities.bytes(Double(counts.byteCount)))) of "
        + "\(counts.files) files in \(Quantities.seconds(nanoseconds)), \(Quantities.rate(Double(counts.records) / seconds)); "
        + "\(counts.keys) keys; wrote \(counts.rowCount) rows to \(target) (\(rows))"
    ]
    if counts.rejected > 0 { lines.append("  \(counts.rejected) records could not be read, or have no event time") }
    if counts.duplicates > 0 { lines.append("  \(counts.duplicates) records were copies, and were left out") }
    if counts.spills > 0 {
      lines.append(
        "  \(counts.spills) \(counts.spills == 1 ? "part" : "parts") outgrew --memory, and went through temporary files of "
          + Quantities.bytes(Double(counts.spilledByteCount)))
    }
    return lines.joined(separator: "\n")
  }

  static func json(
    _ counts: BatchCounts, _ run: BatchRun, _ pipeline: PipelineDefinition, to target: String, nanoseconds: UInt64
  ) -> String {
    let seconds = max(Double(nanoseconds) / 1e9, 1e-3)
    let rows = run.views.map { "\(JSONText.quoted(pipeline.views[$0].name)):\(counts.rows[$0])" }.joined(separator: ",")
    return "{\"pipeline\":\(JSONText.quoted(pipeline.name)),\"as_of\":\(run.cutoff),\"to\":\(JSONText.quoted(target)),"
      + "\"files\":\(counts.files),\"records\":\(counts.records),\"bytes\":\(counts.byteCount),\"rejected\":\(counts.rejected),"
      + "\"duplicates\":\(counts.duplicates),\"keys\":\(counts.keys),\"rows\":{\(rows)},\"spills\":\(counts.spills),"
      + "\"spilled_bytes\":\(counts.spilledByteCount),\"seconds\":\(String(format: "%.3f", seconds)),"
      + "\"records_per_second\":\(String(format: "%.0f", Double(counts.records) / seconds))}"
  }
}
