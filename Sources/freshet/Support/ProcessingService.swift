// What makes a run of `process` a service: /livez, /readyz and /metrics by HTTP, word to systemd, and an end in bounded time. One thread looks
// at the run fifty times a second; nothing on the data path knows of it.

import Base
import Features
import Foundation
import HTTPServer
import Logging
import Monitoring
import Processing
import Synchronization

final class ProcessingService: Sendable {
  /// How much longer than `drainTimeout` leaving the group and closing may take.
  private static let closingMilliseconds: Int64 = 5000
  private static let lookEveryMicroseconds: UInt32 = 20_000
  private static let statusEveryNanoseconds: UInt64 = 5_000_000_000

  private let run: ProcessingRun
  private let server: HTTPServer?
  private let notifier: ServiceNotifier?
  private let drainTimeout: Int64
  private let stallAfter: Int64
  private let clock: any Clock
  private let hasEnded = Atomic<Bool>(false)
  private let thread = Mutex<JoinableThread?>(nil)

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
    self.drainTimeout = drainTimeout
    self.stallAfter = stallAfter
    self.clock = clock
    notifier = ServiceNotifier(environment: ProcessInfo.processInfo.environment)
    let metrics = ProcessingMetrics(
      pipelineName: pipeline.name, version: Freshet.version, viewNames: pipeline.views.map(\.name), startedAt: clock.nowMilliseconds
    )
    server = try listen.map { address throws(Failure) in
      try HTTPServer(address, Self.router(run, metrics, stallAfter: stallAfter))
    }
    thread.withLock { $0 = JoinableThread { [self] in watch() } }
  }

  /// Whether a supervisor or a monitor looks after this process.
  var isSupervised: Bool { server != nil || notifier != nil }

  /// Every connection has been made, and the workers run: one line in the log says what does.
  func noteStarted(_ pipeline: PipelineDefinition, _ run: ProcessingRun) {
    var details: Logger.Metadata = [
      "pipeline": "\(pipeline.name)", "version": "\(Freshet.version)", "owner": "\(WorkerSettings().ownerName)",
      "workers": "\(run.health.workers.count)", "source": "\(run.inputNames.joined(separator: " "))", "store": "\(run.storeName)",
    ]
    if !run.groups.isEmpty { details["group"] = "\(run.groups.joined(separator: " "))" }
    if let server { details["http"] = "\(server.address)" }
    Logger(label: "freshet.process").log(level: isSupervised ? .notice : .info, "started", metadata: details)
    notifier?.ready()
    notifier?.status(run.health.summary)
  }

  /// Ends the watching and the answers. Called once.
  func stop() {
    hasEnded.store(true, ordering: .relaxed)
    try? thread.withLock { $0 }?.join()
    server?.stop()
  }

  // MARK: Answers

  private static func router(_ run: ProcessingRun, _ metrics: ProcessingMetrics, stallAfter: Int64) -> HTTPRouter {
    var router = HTTPRouter()
    router.on("GET", "/livez", .immediate { _ in answer(run.health.stalls(after: stallAfter), else: "live") })
    router.on(
      "GET", "/readyz",
      .immediate { _ in
        let health = run.health
        return answer(health.obstacles, else: "ready: \(health.summary)")
      })
    router.on(
      "GET", "/metrics",
      .immediate { _ in
        let text = metrics.text(
          run.health, delays: run.delays, archive: run.archiveCounts, stallAfter: stallAfter)
        return HTTPResponse(contentType: MetricsText.contentType, body: Array(text.utf8))
      })
    return router
  }

  private static func answer(_ reasons: [String], else text: String) -> HTTPResponse {
    reasons.isEmpty ? .text(text) : .text(reasons.joined(separator: "\n"), status: 503)
  }

  // MARK: Watching

  private func watch() {
    var stopDeadline: UInt64?
    var aliveDue: UInt64 = 0
    var statusDue = clock.monotonicNanoseconds + Self.statusEveryNanoseconds
    while !hasEnded.load(ordering: .relaxed) {
      let now = clock.monotonicNanoseconds
      if stopDeadline == nil, run.isStopping {
        stopDeadline = now + UInt64(drainTimeout + Self.closingMilliseconds) * 1_000_000
        notifier?.stopping()
      }
      if let stopDeadline, now >= stopDeadline { endByForce() }
      if let interval = notifier?.watchdogNanoseconds, now >= aliveDue, run.health.stalls(after: stallAfter).isEmpty {
        aliveDue = now + interval
        notifier?.alive()
      }
      if let notifier, now >= statusDue {
        statusDue = now + Self.statusEveryNanoseconds
        let health = run.health
        notifier.status(health.obstacles.isEmpty ? health.summary : health.obstacles.joined(separator: "; "))
      }
      usleep(Self.lookEveryMicroseconds)
    }
  }

  /// The workers have not come to an end by themselves.
  private func endByForce() {
    let left = run.health.workers.enumerated().filter { !$0.element.hasEnded }.map { index, worker in
      "worker \(index + 1) (\(worker.counts.partitions) partitions, last moved \((clock.monotonicNanoseconds - worker.publishedAt) / 1_000_000_000) s ago)"
    }
    let names = left.isEmpty ? "connections are still being made" : "not ended: \(left.joined(separator: ", "))"
    Terminal.printError(
      "ended by force, \((drainTimeout + Self.closingMilliseconds) / 1000) s after the end was asked for; \(names). "
        + "Nothing is lost: the next start computes again what was not written")
    Foundation._exit(ExitCode.failure.rawValue)
  }
}
