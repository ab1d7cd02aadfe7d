// What archive workers have done, in words and as JSON.

import Base
import Batch

enum ArchiveReport {
  /// The first line is a sentence of its own; the others say what is unusual.
  static func lines(_ counts: ArchiveCounts) -> [String] {
    var lines = [
      "archived \(counts.archivedRecords) events (\(Quantities.bytes(Double(counts.archivedByteCount))), "
        + "\(Quantities.bytes(Double(counts.storedByteCount))) on the disk) in \(counts.files) \(counts.files == 1 ? "file" : "files")"
    ]
    if counts.emptyRecords > 0 { lines.append("  \(counts.emptyRecords) records without a value: only their offsets are kept") }
    if counts.untimedRecords > 0 { lines.append("  \(counts.untimedRecords) records without an event time that can be used") }
    if counts.missingOffsets > 0 {
      lines.append(
        "  \(counts.missingOffsets) offsets without a record: compacted, transactional, or dropped by retention before they were archived"
      )
    }
    if counts.overtakenFiles > 0 {
      lines.append("  \(counts.overtakenFiles) files were dropped: another writer had archived their records")
    }
    return lines
  }

  static func progress(_ counts: ArchiveCounts, since started: UInt64) -> String {
    let elapsed = max(Double(SystemClock().monotonicNanoseconds - started) / 1e9, 1e-3)
    var parts = [
      "\(Quantities.count(Double(counts.records))) events", "\(Quantities.rate(Double(counts.records) / elapsed))",
      "\(Quantities.count(Double(counts.archivedRecords))) archived", "\(counts.files) files",
    ]
    if let lag = counts.lag { parts.append("lag \(Quantities.count(Double(lag)))") }
    return parts.joined(separator: ", ")
  }

  static func json(_ counts: ArchiveCounts) -> String {
    let fields: [(String, Int64)] = [
      ("records", counts.records), ("archived_records", counts.archivedRecords), ("archived_bytes", counts.archivedByteCount),
      ("stored_bytes", counts.storedByteCount), ("files", counts.files), ("empty_records", counts.emptyRecords),
      ("untimed_records", counts.untimedRecords), ("missing_offsets", counts.missingOffsets),
      ("overtaken_files", counts.overtakenFiles),
    ]
    return "{\(fields.map { "\"\($0)\":\($1)" }.joined(separator: ","))}"
  }
}
