// `generate --stats`: surveys a schema over event time and reports. A week of a busy stream is more than anybody waits for, so where the schema
// allows it one user in several stands for all; otherwise the survey ends after a number of events. Both are said in the report.

import Base
import Configuration
import Foundation
import Generation
import Schema
import Synchronization

struct StatisticsRun {
  private let schema: EventSchema
  private let options: GenerateOptions
  private let hasCount: Bool

  /// Event time without `--for`, `--until` or `--count`.
  static let defaultMilliseconds: Int64 = 7 * 86_400_000
  /// Events without `--count`: some seconds of work.
  static let eventLimit = 50_000_000.0

  init(_ schema: EventSchema, _ options: GenerateOptions, hasCount: Bool) {
    self.schema = schema
    self.options = options
    self.hasCount = hasCount
  }

  func run(_ output: InspectionOptions.Output) throws {
    let isEndless = options.untilMilliseconds == nil && hasCount
    let end =
      isEndless ? nil : options.untilMilliseconds ?? options.startMilliseconds + Self.defaultMilliseconds
    var factor = 1
    if !hasCount, options.load == nil, options.shard == .whole, schema.canBeThinned, let end {
      let plan = try GenerationPlan(schema, seed: options.seed)
      let length = end - options.startMilliseconds
      let rate = StreamForecast(plan, startMilliseconds: options.startMilliseconds).sources.reduce(0.0) {
        $0 + $1.meanRate(fromMilliseconds: options.startMilliseconds, length: length, step: max(length / 10_000, 1))
      }
      factor = max(Int((rate * Double(length) / 1000 / Self.eventLimit).rounded(.up)), 1)
    }
    var settings = options.settings
    if !hasCount { settings.maximumCount = Int64(Self.eventLimit * 2) }
    let survey = StreamSurvey(try GenerationPlan(schema.thinned(byFactor: factor), seed: options.seed), settings)
    let statistics = survey.run(until: end)
    let report = StatisticsReport(statistics, factor: factor, isBounded: !hasCount)
    switch output {
    case .text: print(report.text)
    case .json: print(try report.json)
    }
  }
}

extension StreamSurvey {
  /// Until a time (ms since the epoch), the end of what was asked for, or an interrupt.
  fileprivate func run(until end: Int64?) -> StreamStatistics {
    Interrupts.install()
    let counted = Atomics()
    let reporter = ProgressReporter { "\(Quantities.count(Double(counted.records.load(ordering: .relaxed)))) events simulated" }
    let limit = end.map { $0.multipliedReportingOverflow(by: 1_000_000) }.map { $0.overflow ? Int64.max : $0.partialValue } ?? .max
    var goesOn = true
    while goesOn, !Interrupts.stopRequested {
      goesOn = advance(before: limit)
      counted.records.store(recordCount, ordering: .relaxed)
    }
    reporter.stop()
    return statistics(endMilliseconds: goesOn ? nil : end)
  }
}

/// What the progress line reads.
private final class Atomics: Sendable {
  let records = Atomic<Int64>(0)
}
