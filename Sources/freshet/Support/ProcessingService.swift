// What makes a run of `process` a service: /livez, /readyz and /metrics by HTTP, word to systemd, and an end in bounded time. Nothing on the data
// path knows of it.

import Base
import Features
import Foundation
import HTTPServer
import Logging
import Monitoring
import Processing

final class ProcessingService: Sendable {
  private let run: ProcessingRun
  private let server: HTTPServer?
  private let watch: ServiceWatch

  /// Listens and looks from now on.
  ///
  /// - Parameters:
  ///   - drainTimeout: How long the workers may take to end once they were asked, in ms.
  ///   - stallAfter: How long a worker may not move, in ms.
  init(
    _ run: ProcessingRun, _ pipeline: PipelineDefinition, listen: ListenAddress?, drainTimeout: Int64, stallAfter: Int64,
    clock: any Clock = SystemClock()
  ) throws {
    self.run = run
    let metrics = ProcessingMetrics(
      pipelineName: pipeline.name, version: Freshet.version, viewNames: pipeline.views.map(\.name), startedAt: clock.nowMilliseconds
    )
    let status = StatusServer(
      obstacles: { run.health.obstacles }, stalls: { run.health.stalls(after: stallAfter) }, summary: { run.health.summary },
      metrics: { metrics.text(run.health, measures: run.measured, archive: run.archiveCounts, stallAfter: stallAfter) },
      fill: { document in
        document.process = StatusDocument.Process(run.health, run.measured ?? ProcessingMeasures())
        document.archive = run.archiveCounts.map { StatusDocument.Archive($0) }
      }, pipelineName: pipeline.name, startedAt: metrics.startedAt)
    server = try listen.map { address throws(Failure) in try HTTPServer(address, status.router(clock: clock)) }
    watch = ServiceWatch(
      ServiceWatch.Subject(
        isStopping: { run.isStopping }, stalls: { run.health.stalls(after: stallAfter) }, status: { Self.status(of: run.health) },
        remainder: { Self.remainder(of: run.health, clock) }), drainTimeout: drainTimeout, clock: clock)
  }

  /// Where it answers; nil where nobody asks.
  var address: ListenAddress? { server?.address }

  /// Whether a supervisor or a monitor looks after this process.
  var isSupervised: Bool { server != nil || watch.isSupervised }

  /// Every connection has been made, and the workers run: one line in the log says what does.
  func noteStarted(_ pipeline: PipelineDefinition, _ run: ProcessingRun) {
    var details: Logger.Metadata = [
      "pipeline": "\(pipeline.name)", "version": "\(Freshet.version)", "owner": "\(WorkerSettings().ownerName)",
      "workers": "\(run.health.workers.count)", "source": "\(run.inputNames.joined(separator: " "))", "store": "\(run.storeName)",
    ]
    if !run.groups.isEmpty { details["group"] = "\(run.groups.joined(separator: " "))" }
    if let server { details["http"] = "\(server.address)" }
    Logger(label: "freshet.process").log(level: isSupervised ? .notice : .info, "started", metadata: details)
    watch.noteReady(run.health.summary)
  }

  /// Ends the watching and the answers. Called once.
  func stop() {
    watch.stop()
    server?.stop()
  }

  // MARK: Watching

  private static func status(of health: ProcessingHealth) -> String {
    health.obstacles.isEmpty ? health.summary : health.obstacles.joined(separator: "; ")
  }

  /// What has not come to an end by itself.
  private static func remainder(of health: ProcessingHealth, _ clock: any Clock) -> String {
    let left = health.workers.enumerated().filter { !$0.element.hasEnded }.map { index, worker in
      "worker \(index + 1) (\(worker.counts.partitions) partitions, last moved \((clock.monotonicNanoseconds - worker.publishedAt) / 1_000_000_000) s ago)"
    }
    let names = left.isEmpty ? "connections are still being made" : "not ended: \(left.joined(separator: ", "))"
    return "\(names). Nothing is lost: the next start computes again what was not written"
  }
}
