// One run of a generator: finds its place, drives the loop, and says what came of it.

import Base
import Foundation
import Generation
import HTTPServer
import LocalTransport
import Monitoring
import Records

struct GenerationRun {
  private let plan: GenerationPlan
  private var options: GenerateOptions
  private let sink: any Sink
  private let clock: SystemClock
  private let schemaPath: String
  private let statePath: String?
  private let truth: TruthOutput?
  private let listen: ListenAddress?

  /// - Parameter statePath: the file of `--resume`, nil where no place is kept.
  init(
    _ plan: GenerationPlan, _ options: GenerateOptions, to sink: any Sink, clock: SystemClock, schemaPath: String,
    statePath: String?, truth: TruthOutput? = nil, listen: ListenAddress? = nil
  ) {
    self.plan = plan
    self.options = options
    self.sink = sink
    self.clock = clock
    self.schemaPath = schemaPath
    self.statePath = statePath
    self.truth = truth
    self.listen = listen
  }

  func run() throws {
    var options = options
    let earlier = try place(&options)
    warnOfHeldRecords(options)
    var settings = options.settings
    // In real time the earlier records lie before the length that is asked for now; the loop ends the stream.
    if earlier != nil, options.isRealTime { settings.endMilliseconds = nil }
    let producer = RecordProducer(plan, settings, threadCount: options.threadCount, truth: truth?.settings)
    if let earlier, !producer.skip(earlier) {
      throw Failure(.badConfiguration, "--resume: the stream ends before record \(earlier), where the earlier run stopped")
    }
    let progress = GenerationProgress()
    let report = GenerationReport(plan: plan, options: options, sinkName: sink.name, started: clock.monotonicNanoseconds)
    let reporter = ProgressReporter { report.progressLine(progress, SystemClock()) }
    let loop = GenerationLoop(producer, options, to: sink, clock: clock, progress)
    loop.truth = truth
    let server = try statusServer(progress)
    defer { server?.stop() }
    if statePath != nil {
      loop.onProgress = { [unowned loop] in try savePlace(loop.startMilliseconds, (earlier ?? 0) + $0, progress) }
    }
    do {
      try loop.run(isResumed: earlier != nil)
      try sink.finish(timeoutMilliseconds: 30_000)
      producer.finishTruth()
      try truth?.write(producer.truth)
    } catch {
      reporter.stop()
      if !(error is ClosedPipe) { Terminal.print(toError: report.summary(sink.delivery, loop, ended: clock.monotonicNanoseconds)) }
      throw error
    }
    let ended = clock.monotonicNanoseconds
    reporter.stop()
    let delivery = sink.delivery
    Terminal.print(toError: report.summary(delivery, loop, ended: ended))
    let lost = delivery.written - delivery.delivered
    guard lost == 0 else {
      let reason = delivery.firstFailure.map { "; first: \($0)" } ?? ""
      let place = statePath == nil ? "" : "; --resume keeps the place before them"
      throw Failure(.unavailable, "\(lost) of \(delivery.written) events were not delivered to \(sink.name)\(reason)\(place)")
    }
    if statePath != nil { try savePlace(loop.startMilliseconds, (earlier ?? 0) + delivery.written, progress) }
  }

  private func statusServer(_ progress: GenerationProgress) throws -> HTTPServer? {
    guard let listen else { return nil }
    let startedAt = clock.nowMilliseconds
    let asked = options.eventsPerSecond
    let status = StatusServer(
      obstacles: { Interrupts.stopRequested ? ["stopping: the end was asked for"] : [] },
      summary: { "\(progress.events.load(ordering: .relaxed)) events written" },
      metrics: {
        var metrics = MetricsText()
        GenerationMetrics.add(to: &metrics, progress.section(asked: asked))
        ProcessMetrics.add(to: &metrics, startedAt: startedAt)
        return metrics.text
      }, fill: { $0.generate = progress.section(asked: asked) }, pipelineName: plan.schema.name, startedAt: startedAt)
    return try status.start(at: listen, label: "freshet.generate")
  }

  /// Records that faults hold back wait in memory.
  private func warnOfHeldRecords(_ options: GenerateOptions) {
    let held = plan.heldRecords(options.settings)
    guard held.byteCount > Self.heldByteCountMax else { return }
    Terminal.print(
      toError:
        "freshet: warning: faults will hold back about \(Quantities.count(held.count)) records at once, in \(Quantities.bytes(held.byteCount)) of memory; shorter delays, or a smaller 'max' of theirs, hold fewer"
    )
  }

  /// More than that is worth a warning.
  private static let heldByteCountMax = 1e9

  // MARK: - The place in the stream

  /// How many records earlier runs have written, nil where there was none; brings the options in line with them.
  private func place(_ options: inout GenerateOptions) throws -> Int64? {
    guard let statePath, let state = try GenerationState.read(statePath) else { return nil }
    let fingerprint = try GenerationState.fingerprint(ofSchemaAt: schemaPath, options)
    guard state.fingerprint == fingerprint else {
      throw Failure(
        .badConfiguration,
        "--resume: '\(statePath)' is the place in another stream (\(state.schema)): the schema, --seed, --rate, --load, --shard or --stream differ"
      )
    }
    let length = options.untilMilliseconds.map { $0 - options.startMilliseconds }
    options.startMilliseconds = state.startMilliseconds
    if let length, options.isLength { options.untilMilliseconds = state.startMilliseconds + length }
    return state.records
  }

  private func savePlace(_ startMilliseconds: Int64, _ records: Int64, _ progress: GenerationProgress) throws {
    guard let statePath else { return }
    let time = progress.eventTimeMilliseconds.load(ordering: .relaxed)
    let state = GenerationState(
      schema: schemaPath, fingerprint: try GenerationState.fingerprint(ofSchemaAt: schemaPath, options),
      startMilliseconds: startMilliseconds, records: records,
      eventTime: time == .min ? nil : TimeText.rfc3339(time))
    try state.write(statePath)
  }
}
