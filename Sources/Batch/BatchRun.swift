// One batch run: every view as of one cutoff, out of the archive. Parts (a partition, for the views of one entity) run on threads of their own, each through a
// `ViewReplay`; what comes out are the rows that a reader would have found at the cutoff, had all events come by then.
//
//   archive -> parts -> ViewReplay, advance(to: cutoff) -> rows -> BatchOutput
//                          | state outgrows its share of the memory: the part begins anew,
//                          v parted by key into temporary files, one after the other
//
// Rows do not depend on the number of threads, on the memory, or on how the archive is cut into files; their order does.

import Base
import Features
import Processing
import Records
import Synchronization

public struct BatchRunSettings: Sendable {
  public var threadCount = 1
  /// State of all threads together.
  public var memoryByteCount = 1 << 30
  /// Where temporary files lie.
  public var temporaryFolder = "/tmp"
  /// Looked at once per batch of records.
  public var isStopRequested: @Sendable () -> Bool = { false }

  public init() {}
}

public final class BatchRun: Sendable {
  public let cutoff: Int64
  /// The views that are computed, by index in `PipelineDefinition.views`.
  public let views: [Int]
  public let progress: BatchProgress
  let pipeline: PipelineDefinition
  let settings: BatchRunSettings
  private let archives: [Int: any ArchivedRecords]

  /// - Parameters:
  ///   - views: By index in `PipelineDefinition.views`; each has the lane `batch`.
  ///   - cutoff: Records through this event time count, in ms.
  ///   - archives: By index in `PipelineDefinition.sources`: the records of each source that the views read.
  public init(
    _ pipeline: PipelineDefinition, views: [Int], cutoff: Int64, archives: [Int: any ArchivedRecords], settings: BatchRunSettings
  ) throws(Failure) {
    var pipeline = pipeline
    // What is computed here is bounded by spilling, and nothing is left out.
    pipeline.stateBound = nil
    self.pipeline = pipeline
    self.views = views
    self.cutoff = cutoff
    self.archives = archives
    self.settings = settings
    progress = BatchProgress(viewCount: pipeline.views.count)
    for view in views { try pipeline.checkArchived(view) }
  }

  /// Computes all rows and publishes them; where anything fails, nothing is published.
  public func run(into output: any BatchOutput) throws {
    do {
      try output.begin(BatchRunIdentity(views: views, cutoff: cutoff))
      try compute(into: output)
      try output.publish()
    } catch {
      output.abandon()
      throw error
    }
  }

  private func compute(into output: any BatchOutput) throws {
    let parts = Mutex(parts()[...])
    let count = parts.withLock { $0.count }
    progress.update { $0.parts = count }
    let shared = SharedBatchOutput(output, isStopRequested: settings.isStopRequested)
    let threadCount = max(1, min(settings.threadCount, count))
    let budget = max(1, settings.memoryByteCount / threadCount)
    let threads = (0..<threadCount).map { _ in
      JoinableThread { [self] in
        do {
          while let part = parts.withLock({ $0.popFirst() }) {
            try BatchPart(self, part, archives[part.group.source]!, shared, stateByteCountMax: budget).compute()
            progress.update { $0.finishedParts += 1 }
          }
        } catch {
          shared.fail()
          throw error
        }
      }
    }
    var failure: (any Error)?
    for thread in threads {
      do { try thread.join() } catch {
        // The others stop because one has failed: what that one says is the reason.
        if failure == nil || failure is StopRequested { failure = error }
      }
    }
    if let failure { throw failure }
  }

  private func parts() -> [BatchPart.Place] {
    BatchGroup.groups(of: views, in: pipeline) { archives[$0]!.partitions.count }.flatMap { group in
      let partitions = archives[group.source]!.partitions
      return group.mergesPartitions
        ? [BatchPart.Place(group: group, partitions: partitions)]
        : partitions.map { BatchPart.Place(group: group, partitions: [$0]) }
    }
  }
}

/// The output as the threads of a run share it.
final class SharedBatchOutput: @unchecked Sendable {
  // Sound: `output` and `keptAliveAt` are only touched under `lock`.
  private let output: any BatchOutput
  private var keptAliveAt: UInt64 = 0
  private let lock = Mutex(())
  private let hasFailed = Atomic<Bool>(false)
  private let isStopRequested: @Sendable () -> Bool
  private let clock = SystemClock()
  private static let aliveNanoseconds: UInt64 = 500_000_000

  init(_ output: any BatchOutput, isStopRequested: @escaping @Sendable () -> Bool) {
    self.output = output
    self.isStopRequested = isStopRequested
  }

  func fail() { hasFailed.store(true, ordering: .relaxed) }

  func write(_ rows: FeatureRowBatch) throws {
    try lock.withLock { _ in
      try output.write(rows)
      keptAliveAt = clock.monotonicNanoseconds
    }
  }

  /// To be called once per batch of records; throws where the run is to end.
  func check() throws {
    if hasFailed.load(ordering: .relaxed) || isStopRequested() { throw StopRequested() }
    try lock.withLock { _ in
      let now = clock.monotonicNanoseconds
      guard now - keptAliveAt > Self.aliveNanoseconds else { return }
      keptAliveAt = now
      try output.keepAlive()
    }
  }
}
