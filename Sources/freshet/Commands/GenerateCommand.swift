// `freshet generate`: a schema becomes a stream of events, in real time or as fast as the sink takes it.

import ArgumentParser
import Base
import Compression
import Generation
import LocalTransport
import Records
import Schema

struct GenerateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "generate",
    abstract: "Generate the events of a schema.",
    discussion: """
      With --rate, or where the schema's clock is 'realtime' and no --count, --from or --until is given, events happen now: each is sent when it \
      is due. Otherwise event time is simulated, as fast as the sink takes the events. The same schema, seed and --from give the same bytes.

        freshet generate Schemas/clickstream.yaml --rate 2k/s --to kafka://localhost:9092/clicks
        freshet generate Schemas/clickstream.yaml --count 1M --seed 7 --from 2026-01-01T00:00:00Z > events.ndjson
        freshet generate Schemas/page_views.yaml --from 2026-01-01T00:00:00Z --for 1h --to file:hour.ndjson
        freshet generate Schemas/clickstream.yaml --count 50M --roll 256MiB --to 'file:clicks-{n:05}.ndjson.gz'

      Each option can also be set by the environment: FRESHET_GENERATE_RATE=2k/s for --rate.
      """)

  @Argument(
    help: "The event schema, a YAML file; or a GlassGen configuration, an Avro schema, a datagen connector, a JSON Schema.")
  var schema: String

  @Option(help: "Where to: \(SinkChoice.expected). (default: stdout)")
  var to: String?

  @Option(help: "Events per second of event time, exactly: 5k/s, 200/m, 0.2/s. Takes the place of the schema's profile.")
  var rate: String?

  @Option(help: "End after this many events: 500, 20k, 5M.")
  var count: String?

  @Option(name: .customLong("for"), help: "End after this length of event time: 250ms, 10s, 5m, 1h.")
  var length: String?

  @Option(help: "Seed in place of the schema's.")
  var seed: String?

  @Option(help: "Start of event time: RFC 3339 or epoch milliseconds.")
  var from: String?

  @Option(help: "End of event time, exclusive.")
  var until: String?

  @Option(name: [.customShort("X", allowingJoined: true)], help: "A librdkafka property for --to kafka://..., as key=value.")
  var properties: [String] = []

  @Option(help: "Compress a file or stdout: \(Compression.expected). (default: as the file's extension says, .gz or .zst)")
  var compress: String?

  @Option(
    help: """
      Go on in a new file at a size like 128MiB (before compression), a number like 1Mrecords, every 1h of event time, or whichever of several with \
      commas is first. The path may say {n}, {n:05}, {time} and {stream}.
      """)
  var roll: String?

  func run() throws {
    let clock = SystemClock()
    let (model, defaults) = try SchemaSource.load(path: schema)
    var texts = GenerateOptions.Texts(
      rate: given(rate, "rate") ?? defaults.rate, count: given(count, "count"), length: given(length, "for"),
      seed: given(seed, "seed"), from: given(from, "from"), until: given(until, "until"))
    // Another end takes the place of the file's.
    if texts.length == nil, texts.until == nil, texts.count == nil { texts.count = defaults.count }
    var options = try GenerateOptions(texts, schema: model, clock: clock)
    let plan = try GenerationPlan(model, seed: options.seed)
    Interrupts.install()
    let destination = given(to, "to")
    let sink = try SinkChoice.open(
      destination ?? defaults.to ?? "stdout", properties: properties + (destination == nil ? defaults.properties : []),
      output: model.output,
      files: FileOptions(
        compress: given(compress, "compress"), roll: given(roll, "roll"), streams: model.events.map { FileStream(name: $0.name) }))
    // To find a broker takes a moment: real time begins after it.
    if options.isRealTime { options = try GenerateOptions(texts, schema: model, clock: clock) }
    let settings = GenerationSettings(
      startMilliseconds: options.startMilliseconds, eventsPerSecond: options.eventsPerSecond, maximumCount: options.count,
      endMilliseconds: options.untilMilliseconds)
    try generate(Generator(plan, settings), options, sink, clock)
  }

  private func given(_ flag: String?, _ name: String) -> String? { Arguments.option(flag, name, of: "generate") }

  private func generate(_ generator: Generator, _ options: GenerateOptions, _ sink: any Sink, _ clock: SystemClock) throws {
    let progress = GenerationProgress()
    let report = GenerationReport(options: options, sinkName: sink.name, started: clock.monotonicNanoseconds)
    let reporter = ProgressReporter { report.progressLine(progress, SystemClock()) }
    let loop = GenerationLoop(generator, options, to: sink, clock: clock, progress)
    do {
      try loop.run()
      try sink.finish(timeoutMilliseconds: 30_000)
    } catch {
      reporter.stop()
      if !(error is ClosedPipe) {
        Terminal.print(toError: report.summary(sink.delivery, loop.lags.summary, ended: clock.monotonicNanoseconds))
      }
      throw error
    }
    let ended = clock.monotonicNanoseconds
    reporter.stop()
    let delivery = sink.delivery
    Terminal.print(toError: report.summary(delivery, loop.lags.summary, ended: ended))
    let lost = delivery.written - delivery.delivered
    guard lost == 0 else {
      let reason = delivery.firstFailure.map { "; first: \($0)" } ?? ""
      throw Failure(.unavailable, "\(lost) of \(delivery.written) events were not delivered to \(sink.name)\(reason)")
    }
  }
}
