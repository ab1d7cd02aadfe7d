// The parts of the demo and their order: broker and Redis; processor with archive, feature server with its batch runs, generator, requests, monitor.
// At the end the generator stops first, the processor drains, and what was measured and written is shown.

import Base
import Features
import Foundation
import Generation
import HTTPServer
import KafkaTransport
import Measuring
import Monitoring
import Processing
import Records
import RedisStore
import Schema
import Serving
import Synchronization

final class Demo {
  static let topic = "clicks"
  static let service = "ranking"
  static let partitionCount = 4
  static let requestsPerSecond = 50
  static let probeEveryMilliseconds: Int64 = 1000

  let settings: DemoSettings
  private let folder: TemporaryFolder
  let broker: EmbeddedBroker
  let redis: PrivateRedis
  private let schema: EventSchema
  let setup: ServingSetup
  let processing: ProcessingRun
  private let service: ProcessingService
  private let server: FeatureServer
  private let mayStop: StopFlag
  private let batchesNote: BatchesNote
  let progress = GenerationProgress()
  let clock = SystemClock()
  let users = RecentUsers()
  let requests: DemoRequests
  let monitor: MonitorRun
  private let probes: ProbeRun
  private let generatorStatus: HTTPServer
  let web: MonitorWebServer?
  let incidents = IncidentLog()
  /// When the last look was taken, before the parts began to end.
  private(set) var lastSnapshot: MonitorSnapshot?
  var userTable: String?
  private(set) var generated: GenerationResult?

  var pipeline: PipelineDefinition { setup.pipeline }

  /// What the generator's thread leaves behind.
  struct GenerationResult: Sendable {
    var delivery: DeliveryCounts
    var lags: DurationDistribution
    var nanoseconds: UInt64
  }

  /// What batch runs say, once they are started.
  private final class BatchesNote: Sendable { let recorder = Mutex<BatchRecorder?>(nil) }

  /// The incidents so far, with what became of requests meanwhile.
  final class IncidentLog: Sendable {
    private let entries = Mutex<[DemoSummary.Incident]>([])

    var all: [DemoSummary.Incident] { entries.withLock { $0 } }

    func note(_ name: String, begins: Bool, at time: Int64, _ outcomes: [String: Int]) {
      entries.withLock { entries in
        if begins {
          entries.append(
            DemoSummary.Incident(name: name, start: time, end: time, outcomesBefore: outcomes, outcomesAfter: outcomes))
        } else if let last = entries.indices.last {
          entries[last].end = time
          entries[last].outcomesAfter = outcomes
        }
      }
    }
  }

  private final class StopFlag: Sendable {
    let isSet = Atomic<Bool>(false)
  }

  /// Starts the broker, Redis and the feature server, and opens the processor.
  init(_ settings: DemoSettings) throws {
    self.settings = settings
    folder = try TemporaryFolder()
    redis = try PrivateRedis()
    nonisolated(unsafe) let server = redis
    Interrupts.onForcedEnd { server.stop() }
    broker = try EmbeddedBroker()
    try broker.createTopic(Self.topic, partitionCount: Self.partitionCount)
    // The file names these, as it would in earnest.
    setenv("KAFKA_BROKERS", broker.bootstrapServers, 1)
    setenv("REDIS_URL", redis.address.description, 1)
    setenv("SHOP_ARCHIVE", "\(folder.path)/archive", 1)
    let (schemaPath, pipelinePath) = try Self.writeFiles(into: folder)
    schema = try SchemaReader.load(path: schemaPath)
    setup = try ServingSetup(pipelinePath: pipelinePath, redis: nil)
    let mayStop = StopFlag()
    self.mayStop = mayStop
    processing = ProcessingRun(
      pipeline: setup.pipeline, endpoints: try ProcessingEndpoints(setup.pipeline, from: nil, to: nil, properties: []),
      workerCount: 1, settings: WorkerSettings(), measures: true, archives: true,
      isStopRequested: { mayStop.isSet.load(ordering: .relaxed) })
    let anyPort = ListenAddress(host: "127.0.0.1", port: 0)
    service = try ProcessingService(processing, setup.pipeline, listen: anyPort, drainTimeout: 10_000, stallAfter: 30_000)
    var serving = ServingSettings()
    serving.version = Freshet.version
    serving.instance = StatusServer.instance
    let recorder = BatchesNote()
    batchesNote = recorder
    self.server = try FeatureServer(
      setup.plan, anyPort, settings: serving, batchStatus: { recorder.recorder.withLock { $0?.section } }, makeReader: setup.reader)
    requests = DemoRequests(
      to: "http://\(self.server.address)/features/\(Self.service)", perSecond: Self.requestsPerSecond, users: users)
    let probes = try ProbeRun(
      pipeline: setup.pipeline, server: "http://\(self.server.address)", every: Self.probeEveryMilliseconds)
    self.probes = probes
    var monitoring = MonitorRun.Settings()
    monitoring.windowSeconds = 30
    monitoring.probes = { probes.report }
    generatorStatus = try Self.openGeneratorStatus(progress, settings.ratePerSecond)
    let targets = [generatorStatus.address, service.address!, self.server.address].map { "http://\($0)" }
    let monitor = try MonitorRun(setup, targets: targets, settings: monitoring)
    self.monitor = monitor
    web = try settings.web.map { try Self.openPage($0, monitor) }
  }

  /// Ends the server and removes the folder; called once, at the end.
  func tearDown() {
    redis.stop()
    folder.remove()
  }

  // MARK: The run

  func run() throws {
    if let web { Terminal.print(toError: "the monitor's page: http://\(web.address)/") }
    monitor.start()
    defer {
      web?.stop()
      monitor.stop()
    }
    try processing.start()
    defer { mayStop.isSet.store(true, ordering: .relaxed) }
    try wait("waiting for the consumer group", upTo: 20) { self.processing.counts.partitions == Self.partitionCount }
    if Interrupts.stopRequested { return }
    let batches = try ScheduledBatches(setup.pipeline, redis: nil, threads: "1")
    batchesNote.recorder.withLock { $0 = batches.recorder }
    let generator = startGenerator()
    requests.start()
    probes.start()
    let incidentThread = settings.hasIncidents ? startIncidents() : nil
    show(until: { generator.run.isDone.load(ordering: .relaxed) || self.processing.hasEnded })
    noteUser()
    // What the summary shows is since the start; the monitor looks four times a second.
    monitor.windowSeconds = 0
    usleep(600_000)
    lastSnapshot = monitor.snapshot
    try incidentThread?.stop()
    requests.stop()
    probes.stop()
    // A processor that has failed ends the demo; its reason comes with `join` below.
    if processing.hasEnded { Interrupts.requestStop() }
    try generator.thread.join()
    generated = generator.run.result.withLock { $0 }
    // Everything delivered is processed and flushed before the end; a processor that has failed is not waited for.
    let delivered = generated?.delivery.delivered ?? 0
    try wait("draining", upTo: 20) { self.processing.counts.records >= delivered || self.processing.hasEnded }
    mayStop.isSet.store(true, ordering: .relaxed)
    try processing.join()
    service.stop()
    server.stop(graceMilliseconds: 500)
    generatorStatus.stop()
    // A batch run notices by the same flag that the user's Ctrl-C sets.
    Interrupts.requestStop()
    batches.join()
  }

  private func startIncidents() -> DemoIncidents {
    DemoIncidents(broker, topic: Self.topic, redis) { [monitor, requests, incidents, clock] incident, begins in
      monitor.note(begins ? .bad : .good, "\(begins ? "incident" : "over"): \(incident.name)")
      incidents.note(incident.name, begins: begins, at: clock.nowMilliseconds, requests.outcomes)
    }
  }

  /// As `generate --listen` has it.
  private static func openGeneratorStatus(_ progress: GenerationProgress, _ rate: Double) throws -> HTTPServer {
    let status = StatusServer(
      obstacles: { [] }, summary: { "\(progress.events.load(ordering: .relaxed)) events written" },
      metrics: {
        var metrics = MetricsText()
        GenerationMetrics.add(to: &metrics, progress.section(asked: rate))
        return metrics.text
      }, fill: { $0.generate = progress.section(asked: rate) }, pipelineName: "clickstream",
      startedAt: SystemClock().nowMilliseconds)
    return try HTTPServer(ListenAddress(port: 0), status.router())
  }

  /// At the usual place where nothing else is named; where that is taken, at another.
  private static func openPage(_ address: ListenAddress, _ monitor: MonitorRun) throws -> MonitorWebServer {
    do { return try MonitorWebServer(address) { monitor.snapshot } } catch let failure as Failure {
      guard address == DemoSettings.usualPage else { throw failure }
      return try MonitorWebServer(ListenAddress(host: address.host, port: 0)) { monitor.snapshot }
    }
  }

  /// The generator at work; `result` is there once it has ended well.
  private final class GeneratorRun: Sendable {
    let isDone = Atomic<Bool>(false)
    let result = Mutex<GenerationResult?>(nil)
  }

  private func startGenerator() -> (run: GeneratorRun, thread: JoinableThread) {
    let run = GeneratorRun()
    let texts = settings.generation
    let (schema, progress, users) = (schema, progress, users)
    let address = "kafka://\(broker.bootstrapServers)/\(Self.topic)"
    let thread = JoinableThread {
      defer { run.isDone.store(true, ordering: .relaxed) }
      let clock = SystemClock()
      let sink = ObservedSink(
        try SinkChoice.open(address, schema: schema, eventIdentifierPrefix: String(schema.seed)), users)
      let options = try GenerateOptions(texts, schema: schema, clock: clock)
      let producer = RecordProducer(try GenerationPlan(schema), options.settings)
      let loop = GenerationLoop(producer, options, to: sink, clock: clock, progress)
      let started = clock.monotonicNanoseconds
      try loop.run()
      let ended = clock.monotonicNanoseconds
      try sink.finish(timeoutMilliseconds: 10_000)
      run.result.withLock {
        $0 = GenerationResult(delivery: sink.delivery, lags: loop.lags.distribution, nanoseconds: ended - started)
      }
    }
    return (run, thread)
  }

  /// Waits for a condition; fails after `seconds`. Ends early when the user asks for the end.
  private func wait(_ what: String, upTo seconds: Double, _ condition: () -> Bool) throws {
    let started = clock.monotonicNanoseconds
    while !condition() {
      if Interrupts.stopRequested, what != "draining" { return }
      guard Double(clock.monotonicNanoseconds - started) < seconds * 1e9 else {
        mayStop.isSet.store(true, ordering: .relaxed)
        try processing.join()
        throw Failure(.failure, "\(what) took longer than \(Int(seconds)) s")
      }
      Terminal.printTransientProgress("\(what) ...")
      usleep(20_000)
    }
    Terminal.clearProgress()
  }

  private static func writeFiles(into folder: TemporaryFolder) throws -> (schema: String, pipeline: String) {
    for name in ["Schemas", "Pipelines"] {
      try FileManager.default.createDirectory(atPath: "\(folder.path)/\(name)", withIntermediateDirectories: false)
    }
    _ = try folder.write(PackageResources.brands_txt, as: "Schemas/brands.txt")
    return (
      try folder.write(PackageResources.clickstream_yaml, as: "Schemas/clickstream.yaml"),
      try folder.write(PackageResources.shop_lanes_yaml, as: "Pipelines/shop_lanes.yaml")
    )
  }
}
