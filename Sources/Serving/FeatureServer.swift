// The HTTP feature server: reads requests on the server's threads, has them looked up by threads of their own, and says how it is.
//
//   connection -> request is read and checked -> queue (bounded) -> lookup thread -> answer      or 504 in time, 503 while the store is away

import Base
import Features
import HTTPServer
import Logging
import Monitoring
import Synchronization

public final class FeatureServer: Sendable {
  private let plan: ServingPlan
  private let shared: LookupShared
  private let server: HTTPServer
  private let threads: [JoinableThread]
  private let progress: ServingProgress
  private let watcher: JoinableThread
  private let hasEnded: StopFlag

  /// How often progress is looked up, and whether the store answers.
  private static let progressMilliseconds: Int64 = 100

  /// Listens from now on.
  ///
  /// - Parameters:
  ///   - makeReader: Connects to the store; called once per thread, and once for what is looked up in the background.
  ///   - log: Takes lines of served values, from any thread.
  ///   - batchStatus: What runs of the lane batch say that this process also does.
  public init(
    _ plan: ServingPlan, _ address: ListenAddress, settings: ServingSettings, clock: any Clock = SystemClock(),
    logger: Logger = Logger(label: "freshet.serve"), log: (@Sendable (UnsafeBufferPointer<UInt8>) throws -> Void)? = nil,
    batchStatus: (@Sendable () -> StatusDocument.Batch?)? = nil, makeReader: () throws -> any OnlineReader
  ) throws {
    self.plan = plan
    let shared = LookupShared(plan, settings, log: log, clock, logger)
    let progress = ServingProgress()
    let stopFlag = StopFlag()
    self.shared = shared
    self.progress = progress
    hasEnded = stopFlag
    // Each is handed to one thread, and used by that thread alone.
    nonisolated(unsafe) let readers = try (0..<settings.threadCount).map { _ in try makeReader() }
    nonisolated(unsafe) let background = try makeReader()
    let startedAt = clock.nowMilliseconds
    let endpoints = ServingEndpoints(plan, shared, progress, startedAt: startedAt, batchStatus: batchStatus)
    var limits = HTTPLimits()
    limits.bodyByteCountMax = settings.bodyByteCountMax
    limits.connectionCountMax = settings.connectionCountMax
    if let found = try? background.progress(ofTopics: plan.topics) { progress.set(found, at: clock.nowMilliseconds) }
    server = try HTTPServer(address, endpoints.router, limits: limits, logger: logger)
    threads = readers.indices.map { index in
      JoinableThread {
        LookupThread(FeatureLookup(plan, readers[index], progress, clock: clock), shared, number: index).run()
      }
    }
    watcher = JoinableThread {
      while !stopFlag.wait(milliseconds: Self.progressMilliseconds) {
        do {
          try background.ping()
          progress.set(try background.progress(ofTopics: plan.topics), at: clock.nowMilliseconds)
          shared.note(trouble: nil, of: settings.threadCount)
        } catch { shared.note(trouble: "\(error)", of: settings.threadCount) }
      }
    }
  }

  public var address: ListenAddress { server.address }

  /// Why requests cannot be answered now.
  public var obstacles: [String] { shared.trouble.map { [$0] } ?? [] }

  /// For a log or a status: how many requests were answered so far.
  public var summary: String {
    let counts = shared.counts.withLock { $0 }
    return "\(counts.answers.values.reduce(0, +)) requests answered, \(counts.rowCount) keys looked up"
  }

  /// Takes no more connections, answers what has come, and ends. A second call does nothing.
  public func stop(graceMilliseconds: Int64 = 5000) {
    server.stop(graceMilliseconds: graceMilliseconds)
    shared.queue.close()
    hasEnded.set()
    for thread in threads + [watcher] { try? thread.join() }
  }
}
