// What archive workers count, as metrics, beside those of `process` or alone.

import Batch

public enum ArchiveMetrics {
  public static func add(to metrics: inout MetricsText, _ counts: ArchiveCounts) {
    metrics.family("freshet_archive_records_total", .counter, "Records read for the archive")
    metrics.sample(counts.records)
    metrics.family("freshet_archive_archived_records_total", .counter, "Records in files that are part of the archive")
    metrics.sample(counts.archivedRecords)
    metrics.family("freshet_archive_archived_bytes_total", .counter, "Bytes of these, before compression")
    metrics.sample(counts.archivedByteCount)
    metrics.family("freshet_archive_stored_bytes_total", .counter, "Bytes of these files on the disk")
    metrics.sample(counts.storedByteCount)
    metrics.family("freshet_archive_files_total", .counter, "Files that became part of the archive")
    metrics.sample(counts.files)
    metrics.family(
      "freshet_archive_empty_records_total", .counter, "Records without a value, of which the archive keeps the offset alone")
    metrics.sample(counts.emptyRecords)
    metrics.family("freshet_archive_missing_offsets_total", .counter, "Offsets of the topic that no record had")
    metrics.sample(counts.missingOffsets)
    metrics.family("freshet_archive_untimed_records_total", .counter, "Archived records without an event time that can be used")
    metrics.sample(counts.untimedRecords)
    metrics.family(
      "freshet_archive_overtaken_files_total", .counter,
      "Files that were dropped, because another writer had archived their records")
    metrics.sample(counts.overtakenFiles)
    metrics.family("freshet_archive_partitions", .gauge, "Partitions that are archived by this process")
    metrics.sample(Int64(counts.partitions))
    metrics.family("freshet_archive_open_files", .gauge, "Files that are being written, and are not part of the archive yet")
    metrics.sample(Int64(counts.openFiles))
    metrics.family("freshet_archive_lag_records", .gauge, "Records of the topic that have not been read for the archive")
    if let lag = counts.lag { metrics.sample(lag) }
    metrics.family("freshet_archive_last_commit_timestamp_seconds", .gauge, "When a file last became part of the archive")
    if let time = counts.lastCommitAt { metrics.sample(milliseconds: time) }
  }
}

extension StatusDocument.Archive {
  public init(_ counts: ArchiveCounts) {
    self.init()
    records = counts.records
    archivedRecords = counts.archivedRecords
    storedBytes = counts.storedByteCount
    files = counts.files
    lagRecords = counts.lag
    lastCommitAt = counts.lastCommitAt
  }
}
