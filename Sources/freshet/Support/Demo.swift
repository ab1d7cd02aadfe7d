// The parts of the demo and their order: broker and Redis, processor, generator; then the generator ends, the processor drains, and what was
// written is read back.

import Base
import Features
import Foundation
import Generation
import KafkaTransport
import Monitoring
import Processing
import Records
import RedisStore
import Schema
import Synchronization

final class Demo {
  static let topic = "clicks"
  static let partitionCount = 4

  let rate: String
  private let length: String
  let lengthMilliseconds: Int64
  private let folder: TemporaryFolder
  let broker: EmbeddedBroker
  let redis: PrivateRedis
  private let schema: EventSchema
  let pipeline: PipelineDefinition
  let processing: ProcessingRun
  let delays = DelayHistogram()
  private let mayStop: StopFlag
  let progress = GenerationProgress()
  let clock = SystemClock()
  private(set) var generated: GenerationResult?

  /// What the generator's thread leaves behind.
  struct GenerationResult: Sendable {
    var delivery: DeliveryCounts
    var lags: DelaySummary?
    var nanoseconds: UInt64
  }

  private final class StopFlag: Sendable {
    let isSet = Atomic<Bool>(false)
  }

  /// Starts the broker and Redis, and opens the processor.
  init(rate: String, length: String, lengthMilliseconds: Int64) throws {
    self.rate = rate
    self.length = length
    self.lengthMilliseconds = lengthMilliseconds
    folder = try TemporaryFolder()
    let (schemaPath, pipelinePath) = try Self.writeFiles(into: folder)
    schema = try SchemaReader.load(path: schemaPath)
    pipeline = try PipelineReader.load(path: pipelinePath)
    redis = try PrivateRedis()
    nonisolated(unsafe) let server = redis
    Interrupts.onForcedEnd { server.stop() }
    broker = try EmbeddedBroker()
    try broker.createTopic(Self.topic, partitionCount: Self.partitionCount)
    let mayStop = StopFlag()
    self.mayStop = mayStop
    processing = ProcessingRun(
      pipeline: pipeline,
      endpoints: try ProcessingEndpoints(
        pipeline, from: "kafka://\(broker.bootstrapServers)/\(Self.topic)", to: redis.address.description, properties: []),
      workerCount: 1, settings: WorkerSettings(), isStopRequested: { mayStop.isSet.load(ordering: .relaxed) },
      observeVisible: { [delays] delay, count in delays.record(nanoseconds: delay * 1_000_000, count: count) })
  }

  /// Ends the server and removes the folder; called once, at the end.
  func tearDown() {
    redis.stop()
    folder.remove()
  }

  // MARK: The run

  func run() throws {
    try processing.start()
    defer { mayStop.isSet.store(true, ordering: .relaxed) }
    try wait("waiting for the consumer group", upTo: 20) { self.processing.counts.partitions == Self.partitionCount }
    if Interrupts.stopRequested { return }
    let generator = startGenerator()
    show(until: { generator.run.isDone.load(ordering: .relaxed) || self.processing.hasEnded })
    // A processor that has failed ends the demo; its reason comes with `join` below.
    if processing.hasEnded { Interrupts.requestStop() }
    try generator.thread.join()
    generated = generator.run.result.withLock { $0 }
    // Everything delivered is processed and flushed before the end; a processor that has failed is not waited for.
    let delivered = generated?.delivery.delivered ?? 0
    try wait("draining", upTo: 20) { self.processing.counts.records >= delivered || self.processing.hasEnded }
    mayStop.isSet.store(true, ordering: .relaxed)
    try processing.join()
  }

  /// The generator at work; `result` is there once it has ended well.
  private final class GeneratorRun: Sendable {
    let isDone = Atomic<Bool>(false)
    let result = Mutex<GenerationResult?>(nil)
  }

  private func startGenerator() -> (run: GeneratorRun, thread: JoinableThread) {
    let run = GeneratorRun()
    let texts = GenerateOptions.Texts(rate: rate, length: length)
    let (schema, progress) = (schema, progress)
    let address = "kafka://\(broker.bootstrapServers)/\(Self.topic)"
    let thread = JoinableThread {
      defer { run.isDone.store(true, ordering: .relaxed) }
      let clock = SystemClock()
      let sink = try SinkChoice.open(address, schema: schema, eventIdentifierPrefix: String(schema.seed))
      let options = try GenerateOptions(texts, schema: schema, clock: clock)
      let producer = RecordProducer(try GenerationPlan(schema), options.settings)
      let loop = GenerationLoop(producer, options, to: sink, clock: clock, progress)
      let started = clock.monotonicNanoseconds
      try loop.run()
      let ended = clock.monotonicNanoseconds
      try sink.finish(timeoutMilliseconds: 10_000)
      run.result.withLock {
        $0 = GenerationResult(delivery: sink.delivery, lags: loop.lags.summary, nanoseconds: ended - started)
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
      try folder.write(PackageResources.shop_features_yaml, as: "Pipelines/shop_features.yaml")
    )
  }
}
