// `freshet generate`: a schema becomes a stream of events, in real time or as fast as the sink takes it.

import ArgumentParser
import Base
import Compression
import Generation
import HTTPServer
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

  @Option(
    help: """
      Events per second of event time, exactly: 5k/s, 200/m, 0.2/s. Takes the place of the schema's arrivals and loads. With max, the highest rate \
      that the sink sustains is looked for.
      """)
  var rate: String?

  @Option(help: "A load as schemas write it, in place of --rate: '{ ramp: { from: 100/s, to: 5k/s, over: 10m } }'.")
  var load: String?

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

  @Option(help: "Only this stream of the schema; the schema's own name stands for its sessions.")
  var stream: String?

  @Option(help: "Only a part of the records, as 0/4: the first of four parts that together are the whole stream.")
  var shard: String?

  @Option(help: "Threads that generate; the bytes are the same with any number. (default: 1)")
  var threads: String?

  @Option(
    help: """
      A file that keeps the place: where it exists, the stream goes on after the last record of the run that wrote it; at the end of this run it \
      is written.
      """)
  var resume: String?

  @Option(help: "How records are written: json, csv, avro or cloudevents. (default: what the schema's output says, else json)")
  var format: String?

  @Option(help: "Write down what really happened: a line per fault, and counts per bucket of event time. See 'freshet verify'.")
  var truth: String?

  @Option(help: "Length of the buckets of --truth. (default: 10s)")
  var truthBucket: String?

  @Option(
    help: """
      The URL of a schema registry, for --format avro to Kafka. Its user and password come from FRESHET_SCHEMA_REGISTRY_USERNAME and \
      FRESHET_SCHEMA_REGISTRY_PASSWORD, or the latter with _FILE. (default: the schema's 'output.schema_registry')
      """)
  var schemaRegistry: String?

  @Option(name: [.customShort("X", allowingJoined: true)], help: "A librdkafka property for --to kafka://..., as key=value.")
  var properties: [String] = []

  @Option(
    name: .customLong("transactional-id"),
    help: "Send to Kafka in transactions under this name, one producer at a time. (default: without transactions)")
  var transactionalID: String?

  @Option(help: "How long a transaction lasts: 100ms, 5s. (default: 1s)")
  var commitEvery: String?

  @Option(
    help: "A header for --to http://..., as 'Name: value'. Secrets come from FRESHET_HTTP_AUTHORIZATION, or the same with _FILE.")
  var header: [String] = []

  @Option(help: "What an HTTP request holds: lines (NDJSON) or json (an array). (default: lines)")
  var batch: String?

  @Option(help: "Records per HTTP request; 1 sends each as it is. (default: 500)")
  var batchSize: String?

  @Option(help: "HTTP requests under way at once; order is kept only with 1. (default: 4)")
  var connections: String?

  @Option(help: "Compress a file or stdout: \(Compression.expected). (default: as the file's extension says, .gz or .zst)")
  var compress: String?

  @Option(
    help: """
      Go on in a new file at a size like 128MiB (before compression), a number like 1Mrecords, every 1h of event time, or whichever of several with \
      commas is first. The path may say {n}, {n:05}, {time} and {stream}.
      """)
  var roll: String?

  @Option(help: "Answer /livez, /readyz, /metrics and /status.json by HTTP at HOST:PORT, or at a port of this machine alone.")
  var listen: String?

  @OptionGroup(title: "Looking at the schema")
  var inspection: InspectionOptions

  func run() throws {
    let clock = SystemClock()
    var texts = GenerateOptions.Texts(
      rate: given(rate, "rate"), count: given(count, "count"), length: given(length, "for"), seed: given(seed, "seed"),
      from: given(from, "from"), until: given(until, "until"), load: given(load, "load"), shard: given(shard, "shard"),
      threads: given(threads, "threads"), stream: given(stream, "stream"))
    if try inspection.run(schemaPath: schema, texts) { return }
    let (model, defaults) = try SchemaSource.load(path: schema)
    if texts.rate == nil, texts.load == nil { texts.rate = defaults.rate }
    // Another end takes the place of the file's.
    if texts.length == nil, texts.until == nil, texts.count == nil { texts.count = defaults.count }
    var options = try GenerateOptions(texts, schema: model, clock: clock)
    let ownDestination = given(to, "to")
    let destination = ownDestination ?? defaults.to ?? "stdout"
    let formats = try FormatChoice(given(format, "format"), model, to: destination, streamName: options.streamName)
    let encoding = try formats.encoding(
      seed: options.seed, startMilliseconds: options.startMilliseconds, registry: given(schemaRegistry, "schema-registry"))
    let plan = try GenerationPlan(formats.schema, seed: options.seed, encoding: encoding)
    let truth = try TruthOutput(
      path: given(truth, "truth"), bucket: given(truthBucket, "truth-bucket"), schemaPath: schema, format: given(format, "format"),
      options, isResumed: given(resume, "resume") != nil)
    Interrupts.install()
    var files = try FileOptions(compress: given(compress, "compress"), roll: given(roll, "roll"))
    formats.apply(plan, to: &files)
    // What a stream goes on from is not to be lost; without a place it begins anew.
    files.keepsFiles = given(resume, "resume").map(GenerationState.isThere) ?? false
    let sink = try SinkChoice.open(
      destination, network: network(ownDestination == nil ? defaults.properties : []), schema: formats.schema,
      eventIdentifierPrefix: encoding.eventIdentifierPrefix ?? String(options.seed), files: files)
    // To find a broker takes a moment: real time begins after it.
    if options.isRealTime { options = try GenerateOptions(texts, schema: model, clock: clock) }
    try GenerationRun(
      plan, options, to: sink, clock: clock, schemaPath: schema, statePath: given(resume, "resume"), truth: truth,
      listen: given(listen, "listen").map { try ListenAddress($0, option: "--listen") }
    )
    .run()
  }

  /// - Parameter defaults: librdkafka properties of a foreign configuration.
  private func network(_ defaults: [String]) -> NetworkOptions {
    NetworkOptions(
      properties: properties + defaults, transactionalIdentifier: given(transactionalID, "transactional-id"),
      commitInterval: given(commitEvery, "commit-every"), headers: header, batching: given(batch, "batch"),
      batchSize: given(batchSize, "batch-size"), connections: given(connections, "connections"))
  }

  private func given(_ flag: String?, _ name: String) -> String? { Arguments.option(flag, name, of: "generate") }
}
