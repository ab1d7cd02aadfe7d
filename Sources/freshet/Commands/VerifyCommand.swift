// `freshet verify`: a stream, or the windows that were computed from it, against what its truth file says they should be; or served values against the
// archive.

import ArgumentParser
import Base
import Batch
import Features
import Foundation
import Generation
import KafkaTransport
import LocalTransport
import Records
import Schema
import Verification

struct VerifyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify",
    abstract: "Compare a stream, or rows, with the truth of 'generate --truth', or served values with the archive.",
    discussion: """
      The stream is made again from its schema and seed, and compared with what came: each record there unless it was dropped, copies exactly \
      where they were made, damaged lines as many as were damaged, in the order of sending, as many per bucket of event time.

        freshet generate shop.yaml --count 1M --truth truth.ndjson > events.ndjson
        freshet verify --truth truth.ndjson --stream events.ndjson

      With --expect it says instead what windows over the clean stream hold, as NDJSON, or with --rows compares them with those of a processor: \
      what late, dropped, copied and other faulty records explain is told apart from what is wrong.

        freshet verify --truth truth.ndjson --key userId --window 10s --expect "views = count where event == 'Product Viewed'" \
      --expect "revenue = sum properties.price where event == 'Order Completed'" --rows rows.ndjson --view user_windows

      With a pipeline it compares all rows of its views, printed or in Redis, with what the pipeline's own definition gives over the clean stream, \
      computed without the processor's windows.

        freshet verify shop_features.yaml --truth truth.ndjson --rows rows.ndjson
        freshet verify shop_features.yaml --truth truth.ndjson --redis

      With --lanes it compares values that were served, as 'serve --log-served' has noted them, with what the archive gives: values of the stream \
      at their positions, values of batch runs at their cutoffs, and of all lanes how far they were from the exact value when they were served.

        freshet verify shop_features.yaml --lanes --served served.ndjson

      Ends with 0 where everything agrees, and with 3 where it does not. A clock that goes ahead may make any other record late, so with such \
      faults a row may hold less than expected. Each option can also be set by the environment: FRESHET_VERIFY_TRUTH=FILE for --truth.
      """)

  enum Output: String, ExpressibleByArgument, CaseIterable {
    case text
    case json
  }

  @Argument(help: "A pipeline, whose rows are compared.")
  var pipeline: String?

  @Option(help: "The file that 'generate --truth' has written.")
  var truth: String?

  @Option(help: "The stream that came: a file of lines, - for standard input, or kafka://HOST:PORT/TOPIC.")
  var stream: String?

  @Option(help: "The schema, where it is not at the path that the truth names.")
  var schema: String?

  @Flag(help: "Records may come in any order, as from several partitions in one file.")
  var anyOrder = false

  @Option(help: "For Kafka: the stream has ended when nothing has come for this long. (default: 5s)")
  var untilIdle: String?

  @Option(help: "Field that names what windows belong to.")
  var key: String?

  @Option(help: "Length of tumbling windows, aligned to the epoch.")
  var window: String?

  @Option(name: .customLong("where"), help: "Which records belong to windows, as in a view.")
  var predicate: String?

  @Option(
    help: "What windows hold: 'NAME = count [FIELD] [where ...]' or 'NAME = sum FIELD [where ...]'; may be given several times.")
  var expect: [String] = []

  @Option(
    help:
      "Rows, as 'process --to stdout' prints them: a file, or - for standard input; with a pipeline also redis://HOST:PORT[/DB].")
  var rows: String?

  @Flag(help: "With a pipeline: the rows that its Redis holds.")
  var redis = false

  @Option(help: "Only the rows of this view.")
  var view: String?

  @Flag(help: "With a pipeline: compare values that were served with what its archive gives.")
  var lanes = false

  @Option(help: "With --lanes: the file that 'serve --log-served' has written.")
  var served: String?

  @Option(help: "With --lanes: the archive's directory, in place of the pipeline's.")
  var archive: String?

  @Option(help: "With --lanes: by how much doubles may differ. (default: 0)")
  var tolerance: String?

  @Option(help: "text, or json: what was found, on stdout.")
  var output = Output.text

  @Option(name: [.customShort("X", allowingJoined: true)], help: "A librdkafka property for --stream kafka://..., as key=value.")
  var properties: [String] = []

  func run() throws {
    if lanes { return try verifyLanes() }
    for (name, isGiven) in [("--served", served != nil), ("--archive", archive != nil), ("--tolerance", tolerance != nil)]
    where isGiven { throw Failure(.usage, "\(name): expected --lanes with it") }
    guard let path = given(truth, "truth") else {
      throw Failure(.usage, "--truth: expected the file that 'generate --truth' has written")
    }
    if let pipeline { return try verifyPipeline(pipeline, path) }
    guard !redis else { throw Failure(.usage, "--redis: expected a pipeline with it, whose rows are compared") }
    guard (given(stream, "stream") == nil) != expect.isEmpty else {
      throw Failure(.usage, "expected --stream, to compare records, or --expect, to tell or compare windows")
    }
    let question = try question()
    let truth = try TruthFile(LineSource(path: path))
    if let question {
      // Fields are read from JSON, whatever was written.
      try verifyWindows(ExpectedWindows(question, truth, plan(of: truth, to: "null", as: .json)))
    } else {
      let plan = try plan(of: truth, to: given(stream, "stream") ?? "-")
      var check = try StreamCheck(truth, plan, checksOrder: !anyOrder)
      let idle = try Arguments.duration(given(untilIdle, "until-idle") ?? "5s", "--until-idle")
      let source = try source(given(stream, "stream") ?? "-")
      let report = try check.run(source, untilIdleMilliseconds: idle)
      try source.close()
      try finish(VerificationReport(report, from: source.name), agrees: report.agrees)
    }
  }

  private func given(_ flag: String?, _ name: String) -> String? { Arguments.option(flag, name, of: "verify") }

  private func question() throws -> WindowQuestion? {
    guard !expect.isEmpty else { return nil }
    guard let key = given(key, "key"), let window = given(window, "window") else {
      throw Failure(.usage, "--expect: expected --key and --window with it")
    }
    return try WindowQuestion(
      key: key, lengthMilliseconds: Arguments.duration(window, "--window"), predicate: given(predicate, "where"),
      aggregates: expect)
  }

  /// The plan of the stream, from the schema as it was.
  private func plan(of truth: TruthFile, to destination: String, as format: RecordFormat? = nil) throws -> GenerationPlan {
    let path = given(schema, "schema") ?? truth.header.schemaPath
    let model = try SchemaSource.load(path: path).schema
    let isKafka = KafkaAddress.isOne(destination)
    let formats = try FormatChoice(
      truth.header.format, model, to: isKafka ? destination : "null", streamName: truth.header.settings.streamName)
    guard SchemaFingerprint.text(of: formats.schema) == truth.header.schemaHash else {
      let version =
        truth.header.programVersion == Freshet.version ? "" : ", or freshet \(truth.header.programVersion) was another program"
      throw Failure(.badConfiguration, "'\(path)' is not the schema that \(truth.name) is about: it has changed\(version)")
    }
    if let format {
      return try GenerationPlan(
        FormatChoice(format.rawValue, model, to: destination, streamName: nil).schema, seed: truth.header.seed)
    }
    guard formats.schema.outputs.allSatisfy({ $0.format != .avro }) else {
      throw Failure(.badConfiguration, "a stream in avro is no stream of lines; expected one in json, csv or cloudevents")
    }
    var encoding = try formats.encoding(seed: truth.header.seed, startMilliseconds: truth.header.settings.startMilliseconds)
    encoding.eventIdentifierPrefix = truth.header.identifierPrefix
    return try GenerationPlan(formats.schema, seed: truth.header.seed, encoding: encoding)
  }

  private func source(_ text: String) throws -> any Source {
    if KafkaAddress.isOne(text) {
      let environment = try KafkaProperties(environment: ProcessInfo.processInfo.environment)
      // A group that nobody was in reads from the beginning.
      return try KafkaSource(
        KafkaAddress(text), group: "freshet-verify-\(UInt64.random(in: 0 ... .max))",
        properties: environment.overlaid(with: KafkaProperties(arguments: properties)))
    }
    guard properties.isEmpty else {
      throw Failure(.usage, "-X \(properties[0]): librdkafka properties go with --stream kafka://...")
    }
    return try lines(text)
  }

  private func lines(_ text: String) throws -> any Source {
    if text == "-" { return LineSource(descriptor: STDIN_FILENO, name: "stdin") }
    return try LineSource(path: text.hasPrefix("file:") ? String(text.dropFirst("file:".count)) : text)
  }

  private func verifyWindows(_ windows: ExpectedWindows) throws {
    if let rows = given(rows, "rows") {
      let source = try lines(rows)
      let report = try RowCheck(windows, viewName: given(view, "view")).run(source)
      return try finish(VerificationReport(report, windows, from: source.name), agrees: report.agrees)
    }
    let writer = FileDescriptorWriter(descriptor: STDOUT_FILENO, name: "stdout")
    let text = ByteBuffer(capacity: 1 << 17)
    for place in windows.places {
      guard let row = windows.rows[place] else { continue }
      windows.write(place, row, to: text)
      if text.count >= 1 << 16 {
        try writer.write(UnsafeRawBufferPointer(text.bytes))
        text.removeAll()
      }
    }
    try writer.write(UnsafeRawBufferPointer(text.bytes))
  }

  // MARK: - A pipeline's rows

  // MARK: Lanes

  private func verifyLanes() throws {
    guard let pipeline else { throw Failure(.usage, "--lanes: expected a pipeline with it, whose values were served") }
    guard let log = given(served, "served") else {
      throw Failure(.usage, "--lanes: expected --served FILE, what 'serve --log-served FILE' has written")
    }
    for (name, isGiven) in [
      ("--truth", truth != nil), ("--stream", stream != nil), ("--expect", !expect.isEmpty), ("--rows", rows != nil),
      ("--redis", redis), ("--view", view != nil), ("--key", key != nil), ("--window", window != nil),
      ("--where", predicate != nil),
    ] where isGiven { throw Failure(.usage, "\(name): with --lanes, values are compared with the archive") }
    let text = given(tolerance, "tolerance") ?? "0"
    guard let tolerance = Double(text), tolerance >= 0, tolerance.isFinite else {
      throw Failure(.usage, "--tolerance: expected a number of at least 0, found '\(text)'")
    }
    Interrupts.install()
    let definition = try PipelineReader.load(path: pipeline) { Terminal.print(toError: $0.description) }
    let found = try LaneCheckRun.report(
      definition, log: log, archivePath: given(archive, "archive"), tolerance: tolerance)
    let report = LaneVerificationReport(subject: log, found: found)
    try Terminal.print(toOutput: output == .json ? report.json : report.text)
    if !report.agrees { throw Failure(.checkFailed, report.verdict) }
  }

  private func verifyPipeline(_ path: String, _ truthPath: String) throws {
    for (name, isGiven) in [
      ("--stream", stream != nil), ("--expect", !expect.isEmpty), ("--key", key != nil), ("--window", window != nil),
      ("--where", predicate != nil),
    ] where isGiven {
      throw Failure(.usage, "\(name): with a pipeline, it is the pipeline that says what its rows hold")
    }
    let rows = given(rows, "rows")
    guard redis != (rows != nil) else {
      throw Failure(.usage, "expected --rows FILE, for rows that were printed, or --redis, for those in the pipeline's Redis")
    }
    let definition = try PipelineReader.load(path: path) { Terminal.print(toError: $0.description) }
    let view = given(view, "view")
    let source = try sourceOfViews(definition, view)
    let truth = try TruthFile(LineSource(path: truthPath))
    let isStored = redis || rows!.hasPrefix("redis")
    let check = try PipelineCheck(
      definition, source: source, viewName: view, isDeduplicated: definition.sources[source].deduplication != nil, truth: truth,
      plan: plan(of: truth, to: "null", as: .json), origin: isStored ? .store : .print)
    let subject: String
    if isStored {
      let stored = try StoredRows(rows ?? "redis", of: definition)
      try stored.read(source: source, viewName: view, check.take)
      subject = stored.name
    } else {
      let printed = try lines(rows!)
      try PrintedRows(definition).read(printed, check.take)
      subject = printed.name
    }
    let report = PipelineVerificationReport(subject: subject, views: check.finish())
    try Terminal.print(toOutput: output == .json ? report.json : report.text)
    if !report.agrees { throw Failure(.checkFailed, report.verdict) }
  }

  /// The one source that the truth is about.
  private func sourceOfViews(_ definition: PipelineDefinition, _ name: String?) throws(Failure) -> Int {
    if let name {
      guard let view = definition.views.first(where: { $0.name == name }) else {
        throw Failure(
          .usage,
          "--view: pipeline '\(definition.name)' has no view '\(name)'; it has "
            + definition.views.map { "'\($0.name)'" }.joined(separator: ", "))
      }
      return view.source
    }
    let used = Set(definition.views.map(\.source))
    guard used.count == 1 else {
      throw Failure(.usage, "the views read \(used.count) sources, and a truth is about one; choose a view with --view")
    }
    return used.first!
  }

  private func finish(_ report: VerificationReport, agrees: Bool) throws {
    let text = output == .json ? report.json(agrees: agrees) : report.text(agrees: agrees)
    let writer = FileDescriptorWriter(descriptor: STDOUT_FILENO, name: "stdout")
    try Array((text + "\n").utf8).withUnsafeBytes { try writer.write($0) }
    if !agrees { throw Failure(.checkFailed, "\(report.subject) does not agree with the truth") }
  }
}
