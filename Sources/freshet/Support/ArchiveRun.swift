// The archive workers of one pipeline: for each archived source a thread with a consumer of its own. They run beside the workers of
// `process`, or alone.

import Base
import Batch
import Features
import Foundation
import Processing
import Records
import Synchronization

final class ArchiveRun: Sendable {
  private let pipeline: PipelineDefinition
  private let endpoints: ProcessingEndpoints
  private let untilIdleMilliseconds: Int64?
  private let isStopRequested: @Sendable () -> Bool
  private let onFailure: @Sendable () -> Void
  private let threads = Mutex<[JoinableThread]>([])
  private let statuses = Mutex<[ArchiveStatus]>([])

  /// - Parameter onFailure: Called where a worker fails, by its thread.
  init(
    pipeline: PipelineDefinition, endpoints: ProcessingEndpoints, untilIdleMilliseconds: Int64?,
    isStopRequested: @escaping @Sendable () -> Bool, onFailure: @escaping @Sendable () -> Void = {}
  ) {
    self.pipeline = pipeline
    self.endpoints = endpoints
    self.untilIdleMilliseconds = untilIdleMilliseconds
    self.isStopRequested = isStopRequested
    self.onFailure = onFailure
  }

  /// The counts of all workers together.
  var counts: ArchiveCounts { statuses.withLock { $0 }.reduce(into: ArchiveCounts()) { $0.add($1.latest.counts) } }
  var health: [ArchiveHealth] { statuses.withLock { $0 }.map(\.latest.health) }

  /// Opens the inputs of `sources` and their archives, and starts a worker for each.
  func start(_ sources: [Int]) throws {
    guard let definition = pipeline.archive else { preconditionFailure("only a pipeline with an archive is archived") }
    for index in sources {
      let source = pipeline.sources[index]
      let status = ArchiveStatus(source: source.name)
      // Opened here, so that what cannot be reached or written is reported before anything runs; owned by the thread from then on.
      let writer = try ArchiveWriter(definition, source: source)
      let input = try endpoints.input(for: source).openForArchive()
      var settings = ArchiveWorker.Settings()
      settings.untilIdleMilliseconds = untilIdleMilliseconds
      nonisolated(unsafe) let worker = ArchiveWorker(
        writer, source: input, settings: settings, status: status, isStopRequested: isStopRequested)
      statuses.withLock { $0.append(status) }
      let thread = JoinableThread { [self] in
        defer { status.noteEnd() }
        do { try worker.run() } catch {
          onFailure()
          throw error
        }
      }
      threads.withLock { $0.append(thread) }
    }
  }

  /// Waits for all workers; throws the first failure.
  func join() throws {
    var failure: (any Error)?
    for thread in threads.withLock({ $0 }) {
      do { try thread.join() } catch { failure = failure ?? error }
    }
    if let failure { throw failure }
  }
}
