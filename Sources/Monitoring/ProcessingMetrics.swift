// What a processor counts, as metrics. Documentation/operating.md lists them; a test compares the two. Cardinality is that of the reasons and of the
// pipeline's views, whatever the partitions and keys.

import Batch
import Processing

public struct ProcessingMetrics: Sendable {
  public var pipelineName: String
  public var version: String
  /// Of the pipeline, by index.
  public var viewNames: [String]
  /// When the program started, in ms since the epoch.
  public var startedAt: Int64

  public init(pipelineName: String, version: String, viewNames: [String], startedAt: Int64) {
    self.pipelineName = pipelineName
    self.version = version
    self.viewNames = viewNames
    self.startedAt = startedAt
  }

  /// - Parameters:
  ///   - measures: How long records took; nil where nobody measures.
  ///   - archive: What is archived beside; nil where nothing is.
  ///   - stallAfter: In ms.
  public func text(_ health: ProcessingHealth, measures: ProcessingMeasures?, archive: ArchiveCounts? = nil, stallAfter: Int64)
    -> String
  {
    var metrics = MetricsText()
    var counts = ProcessingCounts()
    for worker in health.workers { counts.add(worker.counts) }
    addState(to: &metrics, health, stallAfter)
    addRecords(to: &metrics, counts)
    addRows(to: &metrics, counts, health)
    addProtocol(to: &metrics, counts)
    addGauges(to: &metrics, counts)
    measures?.add(to: &metrics)
    if let archive { ArchiveMetrics.add(to: &metrics, archive) }
    ProcessMetrics.add(to: &metrics, startedAt: startedAt)
    return metrics.text
  }

  private func addState(to metrics: inout MetricsText, _ health: ProcessingHealth, _ stallAfter: Int64) {
    metrics.family("freshet_process_info", .gauge, "Always 1; its labels say what runs")
    metrics.sample(1, [("pipeline", pipelineName), ("version", version)])
    metrics.family("freshet_process_live", .gauge, "1 while every worker moves, as /livez says")
    metrics.sample(health.stalls(after: stallAfter).isEmpty ? 1 : 0)
    metrics.family("freshet_process_ready", .gauge, "1 while current values are shown, as /readyz says")
    metrics.sample(health.obstacles.isEmpty ? 1 : 0)
    metrics.family("freshet_process_workers", .gauge, "Workers that run")
    metrics.sample(Int64(health.workers.count { !$0.hasEnded }))
    metrics.family("freshet_process_workers_without_source", .gauge, "Workers that reach no Kafka broker")
    metrics.sample(Int64(health.workers.count { $0.health.sourceTrouble != nil }))
  }

  private func addRecords(to metrics: inout MetricsText, _ counts: ProcessingCounts) {
    metrics.family("freshet_process_records_total", .counter, "Records read")
    metrics.sample(counts.records)
    metrics.family("freshet_process_record_bytes_total", .counter, "Bytes of the values of records read")
    metrics.sample(counts.byteCount)
    metrics.family("freshet_process_uncounted_total", .counter, "Records, or values of records, that did not count, by reason")
    for reason in LedgerReason.all { metrics.sample(counts.ledger.count(of: reason), [("reason", reason.code)]) }
    metrics.family(
      "freshet_process_view_uncounted_total", .counter, "Those of them that one view did not count, by view and reason")
    for (view, name) in viewNames.enumerated() {
      for reason in LedgerReason.all {
        let count = counts.ledger.count(of: reason, view: view)
        if count > 0 || reason == .late { metrics.sample(count, [("view", name), ("reason", reason.code)]) }
      }
    }
    metrics.family("freshet_process_late_records_written_total", .counter, "Late records that went to their side output")
    metrics.sample(counts.lateRecordsWritten)
    metrics.family("freshet_process_dead_letters_written_total", .counter, "Records that went to the dead letters")
    metrics.sample(counts.deadLettersWritten)
    metrics.family("freshet_process_recent_events_total", .counter, "Events that were new to a list of recent events (lane rt)")
    metrics.sample(counts.recentEventsWritten)
    metrics.family("freshet_process_missing_offsets_total", .counter, "Offsets of the topic that no record had")
    metrics.sample(counts.missingOffsets)
  }

  private func addRows(to metrics: inout MetricsText, _ counts: ProcessingCounts, _ health: ProcessingHealth) {
    metrics.family("freshet_process_rows_total", .counter, "Rows that the store has confirmed, by what makes them")
    metrics.sample(counts.rowsWritten - counts.windowRowsWritten, [("trigger", "change")])
    metrics.sample(counts.windowRowsWritten, [("trigger", "close")])
    metrics.family("freshet_process_flushes_total", .counter, "Times that rows were written")
    metrics.sample(counts.flushes)
    metrics.family(
      "freshet_process_last_flush_timestamp_seconds", .gauge, "When rows were last confirmed, in seconds since the epoch")
    if let time = health.workers.compactMap(\.lastFlushAt).max() { metrics.sample(milliseconds: time) }
    metrics.family("freshet_process_checkpoints_total", .counter, "States of partitions that were saved")
    metrics.sample(counts.checkpoints)
    metrics.family(
      "freshet_process_last_checkpoint_timestamp_seconds", .gauge, "When a state was last saved, in seconds since the epoch")
    if let time = health.workers.compactMap(\.lastCheckpointAt).max() { metrics.sample(milliseconds: time) }
  }

  private func addProtocol(to metrics: inout MetricsText, _ counts: ProcessingCounts) {
    metrics.family("freshet_process_recoveries_total", .counter, "Partitions that were taken with what had been computed of them")
    metrics.sample(counts.recoveries)
    metrics.family(
      "freshet_process_replayed_records_total", .counter, "Records that were read again, to come to what was shown last")
    metrics.sample(counts.replayedRecords)
    metrics.family(
      "freshet_process_refused_flushes_total", .counter, "Flushes and checkpoints that the store refused: another had the partition"
    )
    metrics.sample(counts.refusedFlushes)
    metrics.family("freshet_process_store_outages_total", .counter, "Times in which the store did not answer")
    metrics.sample(counts.outages)
    metrics.family(
      "freshet_process_without_store_seconds_total", .counter, "How long they have taken, over all workers, in seconds")
    metrics.sample(milliseconds: counts.withoutStoreMilliseconds)
    metrics.family("freshet_process_workers_without_store", .gauge, "Workers that wait for the store")
    metrics.sample(Int64(counts.workersWithoutStore))
  }

  private func addGauges(to metrics: inout MetricsText, _ counts: ProcessingCounts) {
    metrics.family("freshet_process_partitions", .gauge, "Partitions that are read")
    metrics.sample(Int64(counts.partitions))
    metrics.family("freshet_process_waiting_partitions", .gauge, "Partitions that are this processor's and not claimed yet")
    metrics.sample(Int64(counts.waitingPartitions))
    metrics.family("freshet_process_replaying_partitions", .gauge, "Partitions that are read again and show nothing new yet")
    metrics.sample(Int64(counts.replayingPartitions))
    metrics.family("freshet_process_replay_distance_records", .gauge, "Offsets before what those had shown")
    metrics.sample(counts.replayDistance)
    metrics.family("freshet_process_keys", .gauge, "Keys in memory, over all key spaces")
    metrics.sample(Int64(counts.keys))
    metrics.family("freshet_process_panes", .gauge, "Panes in memory: a key and a piece of time each")
    metrics.sample(Int64(counts.panes))
    metrics.family("freshet_process_lag_records", .gauge, "Records that lie ahead, as far as is known")
    if let lag = counts.lag { metrics.sample(lag) }
    metrics.family(
      "freshet_process_watermark_timestamp_seconds", .gauge,
      "The least watermark of the partitions, in seconds since the epoch: event time before it is complete")
    if let watermark = counts.watermark { metrics.sample(milliseconds: watermark) }
  }
}
