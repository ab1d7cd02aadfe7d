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

  private let rate: String
  private let length: String
  private let lengthMilliseconds: Int64
  private let folder: TemporaryFolder
  private let broker: EmbeddedBroker
  private let redis: PrivateRedis
  private let schema: EventSchema
  private let pipeline: PipelineDefinition
  private let processing: ProcessingRun
  private let delays = DelayHistogram()
  private let mayStop: StopFlag
  private let progress = GenerationProgress()
  private let clock = SystemClock()
  private var generated: GenerationResult?

  /// What the generator's thread leaves behind.
  private struct GenerationResult: Sendable {
    var delivery: DeliveryCounts
    var lags: LagHistogram
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
      observeVisible: { [delays] delay, count in delays.record(milliseconds: delay, count: count) })
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
    let generator = try startGenerator()
    show(until: { generator.isDone.load(ordering: .relaxed) })
    try generator.thread.join()
    generated = generator.result.withLock { $0 }
    // Everything delivered is processed and flushed before the end; a processor that has failed is not waited for.
    let delivered = generated?.delivery.delivered ?? 0
    try wait("draining", upTo: 20) { self.processing.counts.records >= delivered || self.processing.hasEnded }
    mayStop.isSet.store(true, ordering: .relaxed)
    try processing.join()
  }

  private final class GeneratorThread: Sendable {
    let isDone = Atomic<Bool>(false)
    let result = Mutex<GenerationResult?>(nil)
    private let handle = Mutex<JoinableThread?>(nil)
    var thread: JoinableThread { handle.withLock { $0! } }

    init() {}

    func start(_ body: @escaping @Sendable () throws -> GenerationResult) {
      handle.withLock {
        $0 = JoinableThread { [self] in
          defer { isDone.store(true, ordering: .relaxed) }
          let made = try body()
          result.withLock { $0 = made }
        }
      }
    }
  }

  private func startGenerator() throws -> GeneratorThread {
    let thread = GeneratorThread()
    let texts = GenerateOptions.Texts(rate: rate, length: length)
    let schema = schema
    let address = "kafka://\(broker.bootstrapServers)/\(Self.topic)"
    let progress = progress
    thread.start {
      let clock = SystemClock()
      let sink = try SinkChoice.open(address, properties: [], output: schema.output)
      let options = try GenerateOptions(texts, schema: schema, clock: clock)
      let settings = GenerationSettings(startMilliseconds: options.startMilliseconds, eventsPerSecond: options.eventsPerSecond)
      let loop = GenerationLoop(Generator(GenerationPlan(schema), settings), options, to: sink, clock: clock, progress)
      let started = clock.monotonicNanoseconds
      try loop.run()
      let ended = clock.monotonicNanoseconds
      try sink.finish(timeoutMilliseconds: 10_000)
      return GenerationResult(delivery: sink.delivery, lags: loop.lags, nanoseconds: ended - started)
    }
    return thread
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

// MARK: - What the user sees

extension Demo {
  /// Draws the table until `isDone`.
  private func show(until isDone: () -> Bool) {
    let started = clock.monotonicNanoseconds
    var table = LiveTable()
    var nextPlainLine = started + 10_000_000_000
    while !isDone() {
      let now = clock.monotonicNanoseconds
      let rows = rows(elapsedSeconds: Double(now - started) / 1e9)
      if Terminal.errorIsTerminal {
        Terminal.write(toError: table.draw(title: title(now - started), rows: rows, width: Terminal.columnCount))
      } else if now >= nextPlainLine {
        nextPlainLine += 10_000_000_000
        Terminal.print(toError: rows.map { "\($0.label): \($0.cells.joined(separator: ", "))" }.joined(separator: "; "))
      }
      usleep(100_000)
    }
    let elapsed = clock.monotonicNanoseconds - started
    if Terminal.errorIsTerminal {
      Terminal.write(
        toError: table.draw(title: title(elapsed), rows: rows(elapsedSeconds: Double(elapsed) / 1e9), width: Terminal.columnCount))
    }
  }

  private func title(_ elapsed: UInt64) -> String {
    "freshet demo, \(Int(Double(elapsed) / 1e9)) of \(lengthMilliseconds / 1000) s (Ctrl-C ends it)"
  }

  private func rows(elapsedSeconds: Double) -> [LiveTable.Row] {
    let counts = processing.counts
    let events = progress.events.load(ordering: .relaxed)
    let delay = delays.summary
    return [
      LiveTable.Row(
        "generate",
        ["\(events) events", "asked \(rate)", "achieved \(Quantities.rate(Double(events) / max(elapsedSeconds, 0.1)))"]),
      LiveTable.Row("process", ["\(counts.records) events", "lag \(counts.lag ?? 0)", "\(counts.rejectedCount) rejected"]),
      LiveTable.Row("windows", ["\(counts.panes) panes", "\(counts.keys) users", "\(counts.windowRowsWritten) closed"]),
      LiveTable.Row("Redis", ["\(counts.rowsWritten) rows", "\(counts.flushes) flushes"]),
      LiveTable.Row(
        "event -> visible", delay.map { ["p50 \($0.p50) ms", "p99 \($0.p99) ms", "max \($0.max) ms"] } ?? ["nothing yet"]),
    ]
  }

  /// The end: what happened, and a few users' features as Redis gives them. Throws where anything was lost.
  func printSummary() throws {
    let counts = processing.counts
    guard let generated else {
      print("ended before the first event")
      return
    }
    let delivery = generated.delivery
    let seconds = max(Double(generated.nanoseconds) / 1e9, 1e-3)
    print("\nIn \(String(format: "%.1f", seconds)) s:")
    print(
      "  generated  \(delivery.written) events, asked \(rate), achieved \(Quantities.rate(Double(delivery.written) / seconds)); "
        + "sent behind schedule p50 \(milliseconds(generated.lags.quantile(0.5))), p99 \(milliseconds(generated.lags.quantile(0.99)))"
    )
    print(
      "  delivered  \(delivery.delivered) to Kafka (embedded broker, \(Self.partitionCount) partitions), \(delivery.failed) failed")
    print("  processed  \(counts.records) events, \(counts.rejectedCount) rejected, \(counts.late.reduce(0, +)) late")
    print("  wrote      \(counts.rowsWritten) rows to Redis, \(counts.windowRowsWritten) of them closed windows")
    if let delay = delays.summary {
      print("  visible    event -> Redis p50 \(delay.p50) ms, p90 \(delay.p90) ms, p99 \(delay.p99) ms, max \(delay.max) ms")
    }
    try printUsers()
    guard delivery.delivered == delivery.written, counts.records == delivery.delivered else {
      throw Failure(
        .failure, "\(delivery.written) events were generated, \(delivery.delivered) delivered, \(counts.records) processed")
    }
  }

  private func milliseconds(_ nanoseconds: UInt64) -> String { String(format: "%.1f ms", Double(nanoseconds) / 1e6) }

  private func printUsers() throws {
    guard let view = pipeline.views.first(where: { $0.trigger == .change }) else { return }
    let reader = RedisReader(try RedisConnection(redis.address))
    let prefix = "\(pipeline.sink?.prefix ?? "fv"):\(view.name):"
    let keys = try reader.keys(matching: "\(prefix)*", limit: 5000)
    let hashes = Array(zip(keys, try reader.hashes(keys)))
    // The users with most to show: those with the greatest first feature.
    let first = view.features[0].name
    let most = hashes.sorted { (Double($0.1[first] ?? "") ?? 0, $1.0) > (Double($1.1[first] ?? "") ?? 0, $0.0) }.prefix(3)
    print("\n\(keys.count) users in Redis; the features of three of them, as HGETALL gives them:")
    let width = view.features.map(\.name.count).max() ?? 0
    for (key, fields) in most {
      print("\n  \(key)")
      for name in view.features.map(\.name) + ["_as_of"] {
        let value = fields[name] ?? "(null)"
        let time = name == "_as_of" ? Int64(value).map { "  (\(TimeText.rfc3339($0)))" } ?? "" : ""
        print("    \(name.padding(toLength: max(width, 6), withPad: " ", startingAt: 0))  \(value)\(time)")
      }
    }
  }
}
