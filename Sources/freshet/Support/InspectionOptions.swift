// Options of `generate` that look at a schema instead of writing its stream: a sample, or statistics.

import ArgumentParser
import Base
import Configuration
import Generation
import Schema

struct InspectionOptions: ParsableArguments {
  enum Output: String, ExpressibleByArgument, CaseIterable {
    case text
    case json
  }

  @Option(help: "Print this many records for people to read, as many of each stream, and end.")
  var sample: String?

  @Flag(help: "With --sample: print them again whenever the schema, or a file that it names, changes.")
  var watch = false

  @Flag(
    help: """
      Write no records, and report what the stream is like: sessions, users, rates over the day. Over a week of event time, or as long as --for, \
      --until or --count say.
      """)
  var stats = false

  @Option(help: "With --stats: text or json.")
  var output: Output?

  func validate() throws {
    if stats, sample != nil || watch { throw ValidationError("--stats and --sample exclude each other") }
    if output != nil, !stats { throw ValidationError("--output goes with --stats") }
  }

  /// Where event time starts when neither the schema nor `--from` says it: a Monday, always the same, so that the output is the same.
  static let defaultStart = "2026-01-05T00:00:00Z"

  /// Does what was asked for; false where that is to write the stream.
  func run(schemaPath path: String, _ texts: GenerateOptions.Texts) throws -> Bool {
    let sample = Arguments.option(sample, "sample", of: "generate")
    guard stats || watch || sample != nil else { return false }
    guard texts.rate != "max" else {
      throw Failure(.usage, "--rate max: needs a sink; it does not go with --sample, --watch and --stats")
    }
    if stats {
      var texts = texts
      let (schema, defaults) = try SchemaSource.load(path: path)
      if texts.rate == nil, texts.load == nil { texts.rate = defaults.rate }
      try StatisticsRun(schema, Self.options(texts, schema), hasCount: texts.count != nil).run(output ?? .text)
      return true
    }
    let count = try sample.map { text throws(Failure) in
      guard let count = Units.count(text), (1...10_000).contains(count) else {
        throw Failure(.usage, "--sample: expected a number of records from 1 to 10000, found '\(text)'")
      }
      return Int(count)
    }
    let sampling = SchemaSampling(path: path, count: count ?? 10, texts)
    if watch { try SchemaWatch(sampling).run() } else { try sampling.run() }
    return true
  }

  /// As for a stream whose time is simulated.
  static func options(_ texts: GenerateOptions.Texts, _ schema: EventSchema) throws -> GenerateOptions {
    var texts = texts
    if texts.from == nil, schema.clock.startMilliseconds == nil { texts.from = defaultStart }
    if texts.from == nil { texts.from = schema.clock.startMilliseconds.map { String($0) } }
    return try GenerateOptions(texts, schema: schema, clock: SystemClock())
  }
}
