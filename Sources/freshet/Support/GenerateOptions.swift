// What `generate` was asked for, read and checked: flags over `FRESHET_*` over the schema.

import Base
import Configuration
import Generation
import Schema

/// A stream to generate.
struct GenerateOptions {
  var startMilliseconds: Int64
  /// Exclusive end of event time, nil for none.
  var untilMilliseconds: Int64?
  var count: Int64?
  var eventsPerSecond: Double?
  /// In place of the schema's.
  var load: LoadShape?
  /// Whether the highest rate is looked for that the sink sustains.
  var searchesRate: Bool
  var isRealTime: Bool
  var seed: UInt64
  var shard: Shard
  var threadCount: Int
  /// Only this stream.
  var streamName: String?
  /// Whether the end was given as a length.
  var isLength: Bool

  /// The flags as given, nil where they were not.
  struct Texts {
    var rate: String?
    var count: String?
    var length: String?
    var seed: String?
    var from: String?
    var until: String?
    var load: String?
    var shard: String?
    var threads: String?
    var stream: String?
  }

  init(_ texts: Texts, schema: EventSchema, clock: some Base.Clock) throws {
    searchesRate = texts.rate == "max"
    eventsPerSecond =
      searchesRate
      ? RateSearch.firstRate : try Self.read(texts.rate, "--rate", "a rate like 5k/s, 200/m or 0.2/s, or max", Units.ratePerSecond)
    if let rate = eventsPerSecond, rate < 1e-6 || rate > 1e9 {
      throw Failure(.usage, "--rate: expected a rate from 0.000001/s to 1000M/s, found '\(texts.rate ?? "")'")
    }
    load = try texts.load.map { try Self.load($0) } ?? eventsPerSecond.map { .constant($0) }
    if texts.load != nil, texts.rate != nil { throw Failure(.usage, "--rate and --load: expected one of them, found both") }
    shard = try Self.read(texts.shard, "--shard", "a part like 0/4, the first of four", Self.shard) ?? .whole
    threadCount = Int(
      try Self.read(texts.threads, "--threads", "a number of threads from 1 to 64") {
        Int64($0).flatMap { (1...64).contains($0) ? $0 : nil }
      }
        ?? 1)
    streamName = try Self.stream(texts.stream, schema)
    count = try Self.read(texts.count, "--count", "a number of events like 500, 20k or 5M", Units.count)
    seed = try Self.read(texts.seed, "--seed", "a whole number from 0 to 18446744073709551615") { UInt64($0) } ?? schema.seed
    let from = try Self.read(texts.from, "--from", Self.timeExpectation, Units.timeMilliseconds)
    let until = try Self.read(texts.until, "--until", Self.timeExpectation, Units.timeMilliseconds)
    let length = try texts.length.map { text throws(Failure) in try Arguments.duration(text, "--for") }

    let isPaced = load != nil && from == nil && until == nil
    if searchesRate, let length, length < RateSearch.leastMilliseconds {
      throw Failure(
        .usage,
        "--rate max: the search takes about half a minute; expected --for \(RateSearch.leastMilliseconds / 1000)s or longer, found '\(texts.length ?? "")'"
      )
    }
    if searchesRate, from != nil || until != nil {
      throw Failure(
        .usage, "--rate max: the rate is looked for in real time, so --from and --until cannot be given; --for says how long")
    }
    isLength = length != nil
    isRealTime = isPaced || (schema.clock.mode == .realtime && count == nil && from == nil && until == nil)
    startMilliseconds = isRealTime ? clock.nowMilliseconds : from ?? schema.clock.startMilliseconds ?? clock.nowMilliseconds
    untilMilliseconds = until
    if let length {
      let end = startMilliseconds.addingReportingOverflow(length)
      untilMilliseconds = min(until ?? .max, end.overflow ? .max : end.partialValue)
    }
    let representable = GenerationSettings.representableMilliseconds
    guard representable.contains(startMilliseconds) else {
      throw Failure(.usage, "--from: expected a time in the years 1685 to 2255, found '\(texts.from ?? String(startMilliseconds))'")
    }
    if let end = untilMilliseconds {
      guard end >= startMilliseconds else {
        throw Failure(
          .usage, "--until: the end \(TimeText.rfc3339(end)) lies before the start \(TimeText.rfc3339(startMilliseconds))")
      }
      untilMilliseconds = min(end, representable.upperBound)
    }
  }

  /// Exclusive end of event time in ns since the epoch; `Int64.max` for none.
  var untilNanoseconds: Int64 { untilMilliseconds.map { $0 * 1_000_000 } ?? .max }

  /// What a generator is told.
  var settings: GenerationSettings {
    var settings = GenerationSettings(
      startMilliseconds: startMilliseconds, shard: shard, streamName: streamName, maximumCount: count,
      endMilliseconds: untilMilliseconds)
    settings.load = load
    return settings
  }

  /// `0/4`: the part's number from 0, and of how many.
  private static func shard(_ text: String) -> Shard? {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false).map { Int($0) }
    guard parts.count == 2, let index = parts[0], let count = parts[1], (1...65_536).contains(count), (0..<count).contains(index)
    else { return nil }
    return Shard(index: index, count: count)
  }

  /// A load as schemas write it.
  private static func load(_ text: String) throws(Failure) -> LoadShape {
    let diagnostics = Diagnostics(file: "--load")
    guard let shape = SchemaReader.readLoad(text: text, diagnostics: diagnostics) else {
      throw Failure(.usage, diagnostics.all.map(\.description).joined(separator: "\n"))
    }
    return shape
  }

  private static func stream(_ name: String?, _ schema: EventSchema) throws(Failure) -> String? {
    guard let name else { return nil }
    let names = (schema.sessions == nil ? [] : [schema.name]) + schema.streams.map(\.name)
    guard names.contains(name) else {
      throw Failure(
        .usage,
        "--stream: no stream '\(name)'\(Suggestion.hint(for: name, among: names)); expected \(ValueReader.alternatives(names))")
    }
    return name
  }

  private static let timeExpectation = "a time like 2026-01-01T00:00:00Z, or milliseconds since the epoch"

  private static func read<Value>(
    _ text: String?, _ option: String, _ expected: String, _ convert: (String) -> Value?
  ) throws(Failure) -> Value? {
    guard let text else { return nil }
    guard let value = convert(text) else { throw Failure(.usage, "\(option): expected \(expected), found '\(text)'") }
    return value
  }
}
