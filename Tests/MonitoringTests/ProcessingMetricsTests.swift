// The metrics of `process`: in form, with the right numbers, and each of them in the manual.

import Batch
import Foundation
import Processing
import TestSupport
import Testing

@testable import Monitoring

struct ProcessingMetricsTests {
  private let metrics = ProcessingMetrics(
    pipelineName: "shop \"1\"", version: "0.1.0", viewNames: ["v", "w"], startedAt: 1_700_000_000_000)

  private func worker(_ change: (inout ProcessingStatus.Report) -> Void) -> ProcessingStatus.Report {
    var report = ProcessingStatus.Report(publishedAt: 0)
    report.health.hasJoined = true
    change(&report)
    return report
  }

  private func text(_ workers: [ProcessingStatus.Report], measures: ProcessingMeasures? = nil, archive: ArchiveCounts? = nil)
    -> String
  {
    metrics.text(
      ProcessingHealth(workers: workers, hasStarted: true, isStopping: false, now: 1_000_000_000), measures: measures,
      archive: archive,
      stallAfter: 30_000)
  }

  @Test func `the numbers of all workers add up`() {
    let one = worker {
      $0.counts.records = 10
      $0.counts.rowsWritten = 7
      $0.counts.windowRowsWritten = 2
      $0.counts.lag = 5
      $0.counts.watermark = 1_700_000_000_500
      $0.counts.withoutStoreMilliseconds = 1500
      $0.lastFlushAt = 1_700_000_001_000
      $0.counts.ledger.add(3, to: LedgerKey(source: 0, partition: 0, view: 1, reason: .late))
      $0.counts.ledger.add(2, to: LedgerKey(source: 0, partition: 0, reason: .rejected(.malformed)))
    }
    let two = worker {
      $0.counts.records = 1
      $0.counts.lag = 6
      $0.counts.watermark = 1_700_000_000_400
      $0.health.sourceTrouble = "down"
    }
    var measures = ProcessingMeasures()
    var view = StatusDocument.Process.View(name: "v", trigger: "change", emitEveryMilliseconds: 200)
    view.eventToVisible.insert(nanoseconds: 4_000_000, count: 4)
    measures.views = [view]
    measures.oldestPendingEventAt = 1_700_000_000_300
    let check = MetricsCheck(text([one, two], measures: measures))
    #expect(check.problems.isEmpty, "\(check.problems)")
    let expected: [String: Double] = [
      "freshet_process_info{pipeline=\"shop \\\"1\\\"\",version=\"0.1.0\"}": 1, "freshet_process_live": 1,
      "freshet_process_ready": 0,
      "freshet_process_workers": 2, "freshet_process_workers_without_source": 1, "freshet_process_records_total": 11,
      "freshet_process_rows_total{trigger=\"change\"}": 5, "freshet_process_rows_total{trigger=\"close\"}": 2,
      "freshet_process_lag_records": 11, "freshet_process_watermark_timestamp_seconds": 1_700_000_000.4,
      "freshet_process_without_store_seconds_total": 1.5, "freshet_process_last_flush_timestamp_seconds": 1_700_000_001,
      "freshet_process_uncounted_total{reason=\"late\"}": 3, "freshet_process_uncounted_total{reason=\"malformed\"}": 2,
      "freshet_process_uncounted_total{reason=\"duplicate\"}": 0,
      "freshet_process_view_uncounted_total{view=\"v\",reason=\"late\"}": 0,
      "freshet_process_view_uncounted_total{view=\"w\",reason=\"late\"}": 3,
      "freshet_process_visible_delay_seconds_bucket{view=\"v\",trigger=\"change\",le=\"0.005\"}": 4,
      "freshet_process_visible_delay_seconds_count{view=\"v\",trigger=\"change\"}": 4,
      "freshet_process_oldest_pending_event_timestamp_seconds": 1_700_000_000.3,
    ]
    for (series, value) in expected { #expect(check.samples[series] == value, "\(series)") }
    // Nothing was saved yet: there is no such time.
    #expect(check.samples["freshet_process_last_checkpoint_timestamp_seconds"] == nil)
  }

  @Test func `the manual lists every metric with its type, and no other`() throws {
    var archive = ArchiveCounts()
    archive.lag = 0
    archive.lastCommitAt = 0
    var metrics = MetricsText()
    GenerationMetrics.add(to: &metrics, StatusDocument.Generate())
    BatchRecorder.add(to: &metrics, StatusDocument.Batch())
    let kinds = MetricsCheck(text([worker { _ in }], measures: ProcessingMeasures(), archive: archive) + metrics.text).kinds
    let manual = try String(contentsOfFile: "\(Products.packageFolder)/Documentation/operating.md", encoding: .utf8)
    var documented: [String: String] = [:]
    for line in manual.split(separator: "\n")
    where ["freshet_process_", "freshet_archive_", "freshet_batch_", "freshet_generate_", "process_"].contains(where: {
      line.hasPrefix("| `\($0)")
    }) {
      let cells = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
      let name = String(cells[0].dropFirst().prefix { $0 != "`" && $0 != "{" })
      documented[name] = cells[1]
    }
    #expect(documented == kinds)
  }

  @Test(.enabled(if: Products.hasExecutable("promtool")))
  func `promtool has nothing to say against them`() throws {
    let text = text([worker { $0.counts.lag = 1 }], measures: ProcessingMeasures())
    let outcome = try Program.run("promtool", ["check", "metrics"], input: .bytes(Data(text.utf8)))
    #expect(outcome.status == 0, "\(outcome.text)\(outcome.errors)")
    #expect(outcome.errors.isEmpty)
  }
}
