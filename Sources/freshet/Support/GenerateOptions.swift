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
  var isRealTime: Bool
  var seed: UInt64

  /// The flags as given, nil where they were not.
  struct Texts {
    var rate: String?
    var count: String?
    var length: String?
    var seed: String?
    var from: String?
    var until: String?
  }

  init(_ texts: Texts, schema: EventSchema, clock: some Base.Clock) throws {
    eventsPerSecond = try Self.read(texts.rate, "--rate", "a rate like 5k/s, 200/m or 0.2/s", Units.ratePerSecond)
    if let rate = eventsPerSecond, rate <= 0 {
      throw Failure(.usage, "--rate: expected a rate above 0, found '\(texts.rate ?? "")'")
    }
    count = try Self.read(texts.count, "--count", "a number of events like 500, 20k or 5M", Units.count)
    seed = try Self.read(texts.seed, "--seed", "a whole number from 0 to 18446744073709551615") { UInt64($0) } ?? schema.seed
    let from = try Self.read(texts.from, "--from", Self.timeExpectation, Units.timeMilliseconds)
    let until = try Self.read(texts.until, "--until", Self.timeExpectation, Units.timeMilliseconds)
    let length = try texts.length.map { text throws(Failure) in try Arguments.duration(text, "--for") }

    let isPaced = eventsPerSecond != nil && from == nil && until == nil
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

  private static let timeExpectation = "a time like 2026-01-01T00:00:00Z, or milliseconds since the epoch"

  private static func read<Value>(
    _ text: String?, _ option: String, _ expected: String, _ convert: (String) -> Value?
  ) throws(Failure) -> Value? {
    guard let text else { return nil }
    guard let value = convert(text) else { throw Failure(.usage, "\(option): expected \(expected), found '\(text)'") }
    return value
  }
}
