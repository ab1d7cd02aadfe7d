// The workers of one pipeline: for each source its plan, for each worker a thread with a source, a store and a status of its own. The first
// failure stops the others.
//
// Where views of a source need its records repartitioned, the workers over the source send them to internal topics, and as many more workers read each
// of those.

import Base
import Batch
import Features
import Foundation
import Logging
import Monitoring
import Processing
import Records
import Synchronization

final class ProcessingRun: Sendable {
  private let pipeline: PipelineDefinition
  private let endpoints: ProcessingEndpoints
  private let viewNames: Set<String>?
  /// The views whose entities' recent events are kept.
  private let recentViewNames: Set<String>
  private let workerCount: Int
  private let settings: WorkerSettings
  private let isStopRequested: @Sendable () -> Bool
  private let threads = Mutex<[JoinableThread]>([])
  private let statuses = Mutex<[ProcessingStatus]>([])
  /// Per worker that reads Kafka, where it is measured how long records take.
  private let measuresOfWorkers = Mutex<[StageMeasures]>([])
  private let measures: Bool
  /// For the log.
  private let names = Mutex<(inputs: [String], groups: [String], store: String)>(([], [], ""))
  private let hasStarted = Atomic<Bool>(false)
  /// Of workers over internal topics.
  private let receiverStatuses = Mutex<[ProcessingStatus]>([])
  /// Workers over the sources themselves that have not ended.
  private let activeCount = Atomic<Int>(0)
  private let hasFailed = Atomic<Bool>(false)
  /// What archives the sources meanwhile; nil where nothing does.
  private let archive = Mutex<ArchiveRun?>(nil)
  private let archives: Bool
  private let endedCount = Atomic<Int>(0)

  init(
    pipeline: PipelineDefinition, endpoints: ProcessingEndpoints, viewNames: Set<String>? = nil, workerCount: Int,
    settings: WorkerSettings, measures: Bool = false, archives: Bool = false,
    isStopRequested: @escaping @Sendable () -> Bool = { Interrupts.stopRequested }
  ) {
    self.pipeline = pipeline
    self.endpoints = endpoints
    // The views of other lanes are computed elsewhere.
    let streamed = pipeline.viewNames(in: .nrt)
    self.viewNames = streamed.count == pipeline.views.count ? viewNames : viewNames.map { $0.intersection(streamed) } ?? streamed
    let recent = pipeline.viewNames(in: .rt)
    recentViewNames = endpoints.keepsRecentEvents ? viewNames.map { $0.intersection(recent) } ?? recent : []
    self.workerCount = workerCount
    self.settings = settings
    self.measures = measures
    self.archives = archives
    self.isStopRequested = isStopRequested
  }

  /// The counts of all workers together.
  var counts: ProcessingCounts {
    let total = statuses.withLock { $0 }.reduce(into: ProcessingCounts()) { $0.add($1.current) }
    return receiverStatuses.withLock { $0 }.reduce(into: total) { total, status in
      var counts = status.current
      // Read once already, from the source.
      (counts.records, counts.byteCount, counts.missingOffsets, counts.partitions) = (0, 0, 0, 0)
      total.add(counts)
    }
  }

  /// What can be said of the workers now.
  var health: ProcessingHealth {
    var health = ProcessingHealth(
      workers: statuses.withLock { $0 }.map(\.latest)
        + receiverStatuses.withLock { $0 }.map { status in
          var report = status.latest
          // Read once already, from the source.
          (report.counts.records, report.counts.byteCount, report.counts.missingOffsets) = (0, 0, 0)
          return report
        },
      hasStarted: hasStarted.load(ordering: .relaxed), isStopping: isStopping,
      now: SystemClock().monotonicNanoseconds)
    health.archives = archive.withLock { $0 }?.health ?? []
    return health
  }

  /// What has been archived; nil where nothing is.
  var archiveCounts: ArchiveCounts? { archive.withLock { $0 }?.counts }

  /// How long records took on their way; nil where nobody measures.
  var measured: ProcessingMeasures? { measures ? ProcessingMeasures(measuresOfWorkers.withLock { $0 }) : nil }

  /// Where the workers read, as which groups, and where they write; secrets redacted.
  var inputNames: [String] { names.withLock(\.inputs) }
  var groups: [String] { names.withLock(\.groups) }
  var storeName: String { names.withLock(\.store) }

  /// Whether the workers have been asked to end, by the user or by a failure of one of them.
  var isStopping: Bool { isStopRequested() || hasFailed.load(ordering: .relaxed) }

  /// Whether every worker has ended, by itself or by a failure.
  var hasEnded: Bool { endedCount.load(ordering: .relaxed) == threads.withLock(\.count) }

  /// Opens everything and starts the workers; throws before the first record where something is wrong. Where the end is asked for meanwhile, those
  /// that run already end, and no other starts.
  func start() throws {
    do { try startWorkers() } catch is StopRequested {}
    hasStarted.store(true, ordering: .relaxed)
  }

  private func startWorkers() throws {
    let used = pipeline.sources.indices.filter { source in
      pipeline.views.contains {
        $0.source == source && (viewNames?.contains($0.name) != false || recentViewNames.contains($0.name))
      }
    }
    guard !used.isEmpty else {
      throw Failure(
        .usage,
        "pipeline '\(pipeline.name)' gives 'process' nothing to do: the views asked for have no lane 'nrt', and recent events for the lane 'rt' "
          + "are kept in Redis alone")
    }
    if endpoints.readsOneInput, used.count > 1 {
      throw Failure(
        .usage, "--from names one input, but the views read \(used.count) sources; choose views of one source with --view")
    }
    try startArchive(of: used)
    var memberCount = 0
    for source in used {
      let input = try endpoints.input(for: pipeline.sources[source])
      guard workerCount == 1 || input.isDivisible else {
        throw Failure(.usage, "--workers: only Kafka can be read by several workers")
      }
      let partitionCount = try input.partitionCount()
      // A topic that does not exist yet may come to have several.
      let repartitionings = pipeline.repartitionings(
        ofSource: source, partitionCount: partitionCount ?? pipeline.sources[source].schema?.output.partitionCount ?? 2,
        viewNames: viewNames?.union(recentViewNames))
      if input.isArchive { try checkReplay(ofSource: source, repartitionings) }
      let plan = try ProcessingPlan(
        pipeline, source: source, viewNames: viewNames, recentViewNames: recentViewNames,
        part: repartitionings.isEmpty ? .everything : .sending(repartitionings))
      let receivers = try repartitionings.map {
        try ProcessingPlan(
          pipeline, source: source, viewNames: viewNames, recentViewNames: recentViewNames, part: .receiving($0))
      }
      var settings = settings
      settings.started = StartedPartitions()
      settings.registry = try endpoints.registry(for: pipeline.sources[source])
      settings.checkpointEveryMilliseconds = pipeline.checkpoint.everyMilliseconds
      settings.savesInBackground = true
      // Members of a group must not share an identity.
      let numbers = (0..<workerCount).map { used.count * workerCount > 1 ? memberCount + $0 : nil }
      memberCount += workerCount
      // Before the first of them reads a record, all topics are there.
      let senders = try (0..<workerCount).map { _ in
        repartitionings.isEmpty
          ? nil : try input.repartitionOutput(repartitionings, in: pipeline, partitionCount: partitionCount)
      }
      activeCount.add(workerCount, ordering: .relaxed)
      for (repartitioning, receiver) in zip(repartitionings, receivers) {
        let internalInput = input.repartitioned(repartitioning, in: pipeline)
        for number in numbers { try startReceiver(receiver, internalInput.numbered(number), topic: input.topic ?? "", settings) }
      }
      for (number, sender) in zip(numbers, senders) {
        try startWorker(
          plan, input.numbered(number), settings, sender, readsHeaders: receivers.contains { $0.readsHeaders })
      }
    }
  }

  /// Archives those of the sources that the pipeline archives, as long as they are topics.
  private func startArchive(of used: [Int]) throws {
    guard archives, let definition = pipeline.archive, !endpoints.readsArchive else { return }
    // Where --from names an input, it is that of the sources that are used.
    let sources = endpoints.readsOneInput ? definition.sources.filter(used.contains) : definition.sources
    let topics = try sources.filter { try endpoints.input(for: pipeline.sources[$0]).isArchivable }
    if topics.count < sources.count {
      Logger(label: "freshet.process").notice(
        "what does not come from Kafka is not archived here; 'freshet archive --from file:PATH' does that",
        metadata: ["sources": "\(sources.filter { !topics.contains($0) }.map { pipeline.sources[$0].name })"])
    }
    guard !topics.isEmpty else { return }
    let run = ArchiveRun(
      pipeline: pipeline, endpoints: endpoints, untilIdleMilliseconds: settings.untilIdleMilliseconds,
      isStopRequested: { [self] in isStopping }, onFailure: { [self] in hasFailed.store(true, ordering: .relaxed) })
    archive.withLock { $0 = run }
    try run.start(topics)
  }

  /// An archive has the values of records, in the partitions in which they came.
  private func checkReplay(ofSource source: Int, _ repartitionings: [Repartitioning]) throws {
    let name = pipeline.sources[source].name
    if let view = repartitionings.first?.views.first.map({ pipeline.views[$0].name }) {
      throw Failure(
        .badConfiguration,
        "--from archive: view '\(view)' has a key of its own, and its records go through an internal topic, which is not built for "
          + "archives in this version; choose other views with --view")
    }
    let fields = try ProcessingPlan(pipeline, source: source, viewNames: viewNames).fieldsBesideValues
    guard let field = fields.first else { return }
    throw Failure(
      .badConfiguration, "--from archive: the views over '\(name)' read \(field), and an archive has only the values of records")
  }

  /// Waits for all workers; throws the first failure.
  func join() throws {
    var failure: (any Error)?
    for thread in threads.withLock({ $0 }) {
      do { try thread.join() } catch { failure = failure ?? error }
    }
    do { try archive.withLock({ $0 })?.join() } catch { failure = failure ?? error }
    if let failure { throw failure }
  }

  /// A worker over the source itself.
  private func startWorker(
    _ plan: ProcessingPlan, _ input: ProcessingInput, _ settings: WorkerSettings, _ sender: RepartitionSender?, readsHeaders: Bool
  ) throws {
    let status = ProcessingStatus()
    statuses.withLock { $0.append(status) }
    // Opened here, so that what cannot be reached is reported before anything runs; owned by the thread from then on.
    let sideOutputs = try endpoints.sideOutputs(of: plan.source, input)
    let (source, knownCount) = try input.open(for: plan, readsHeaders: readsHeaders || !sideOutputs.isEmpty)
    var settings = settings
    // A topic that does not exist yet may get several.
    settings.partitionCount = knownCount ?? 2
    // Where all records are sent on, none of their keys can move away from their values.
    settings.knowsPartitionCount = knownCount != nil && !plan.views.isEmpty
    settings.hasRecordKeys = !input.isArchive
    nonisolated(unsafe) let archived = source as? ArchiveSource
    // Asked only by the thread that reads the source.
    try start(plan, source, input, settings, status, sideOutputs, sender) { [self] in
      isStopping || archived?.hasEnded == true
    } onEnd: { [self] in
      activeCount.subtract(1, ordering: .relaxed)
    }
  }

  /// A worker over the internal topic that stands for `topic`. It ends when nothing more is sent.
  private func startReceiver(
    _ plan: ProcessingPlan, _ input: ProcessingInput, topic: String, _ settings: WorkerSettings
  ) throws {
    let status = ProcessingStatus()
    receiverStatuses.withLock { $0.append(status) }
    let sideOutputs = try endpoints.sideOutputs(of: plan.source, input)
    let (reader, partitionCount) = try input.open(for: plan, readsHeaders: true)
    nonisolated(unsafe) let source = RepartitionedSource(reader, of: topic)
    var settings = settings
    settings.partitionCount = partitionCount ?? 2
    settings.knowsPartitionCount = partitionCount != nil
    let untilIdle = settings.untilIdleMilliseconds
    settings.untilIdleMilliseconds = nil
    // Asked only by the thread that reads the source.
    try start(plan, source, input, settings, status, sideOutputs, nil) { [self] in
      if isStopping { return true }
      guard let untilIdle, activeCount.load(ordering: .relaxed) == 0 else { return false }
      return source.isQuiet(for: untilIdle)
    } onEnd: {
    }
  }

  private func start(
    _ plan: ProcessingPlan, _ source: any Source, _ input: ProcessingInput, _ settings: WorkerSettings, _ status: ProcessingStatus,
    _ sideOutputs: SideOutputs, _ sender: RepartitionSender?, isStopRequested: @escaping @Sendable () -> Bool,
    onEnd: @escaping @Sendable () -> Void
  ) throws {
    var settings = settings
    let store = try endpoints.store(pipeline, plan.source, input)
    settings.topic = input.topic
    let recentEvents = try endpoints.recentEvents(pipeline, plan)
    settings.inputTag = endpoints.inputTag(of: input, pipeline, plan.source)
    let checkpoints = try endpoints.checkpoints(pipeline, plan.source, input)
    names.withLock { names in
      if !names.inputs.contains(source.name) { names.inputs.append(source.name) }
      if case .kafka(_, let group, _) = input, !names.groups.contains(group) { names.groups.append(group) }
      names.store = store.name
    }
    let inquiries = input.isPartitioned ? try endpoints.inquiries(pipeline) : nil
    nonisolated(unsafe) let worker = Worker(
      plan: plan, source: source, store: store, checkpoints: checkpoints, recentEvents: recentEvents, sideOutputs: sideOutputs,
      sender: sender,
      inquiries: inquiries,
      clock: SystemClock(),
      settings: settings, status: status,
      logger: Logger(label: "freshet.process"),
      isStopRequested: isStopRequested,
      measures: input.isPartitioned ? stageMeasures(plan) : nil)
    let thread = JoinableThread { [self] in
      defer {
        status.noteEnd()
        onEnd()
        endedCount.add(1, ordering: .relaxed)
      }
      do {
        try worker.run()
      } catch {
        hasFailed.store(true, ordering: .relaxed)
        throw error
      }
    }
    threads.withLock { $0.append(thread) }
  }

  /// For one worker. Delays of a file are not measured: nobody waits for its records.
  private func stageMeasures(_ plan: ProcessingPlan) -> StageMeasures? {
    guard measures else { return nil }
    let made = StageMeasures(plan)
    measuresOfWorkers.withLock { $0.append(made) }
    return made
  }
}
