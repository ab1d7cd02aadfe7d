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
    for reason in RejectionReason.allCases where counts.rejected[reason.rawValue] > 0 {
      lines.append(
        "  rejected \(counts.rejected[reason.rawValue]): \(reason.name); first: \(counts.rejectionExamples[reason.rawValue] ?? "")")
    }
    for (index, view) in pipeline.views.enumerated() {
      if counts.late[index] > 0 { lines.append("  view '\(view.name)': \(counts.late[index]) late, all their windows had closed") }
      if counts.keyless[index] > 0 { lines.append("  view '\(view.name)': \(counts.keyless[index]) without a key") }
    }
    if counts.missingOffsets > 0 {
      lines.append(
        "  \(counts.missingOffsets) offsets without a record: compacted, transactional, or dropped by retention before they were read"
      )
    }
    if counts.typeMismatches > 0 { lines.append("  \(counts.typeMismatches) values of a type that their aggregate does not take") }
    if counts.comparisonMismatches > 0 { lines.append("  \(counts.comparisonMismatches) comparisons of values of different types") }
    if counts.overflows > 0 { lines.append("  \(counts.overflows) sums left the range of their numbers and are null") }
    return lines.joined(separator: "\n")
  }
}
