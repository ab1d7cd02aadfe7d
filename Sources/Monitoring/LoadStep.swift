// One step of a load test, as it was seen, and whether it counts as sustained.

import Measuring

/// What readers may have to wait: `p99 500ms`.
public struct LoadObjective: Codable, Equatable, Sendable {
  public var percentile: Double
  public var milliseconds: Double

  public init(percentile: Double, milliseconds: Double) {
    self.percentile = percentile
    self.milliseconds = milliseconds
  }

  public var text: String { "\(name) <= \(Self.number(milliseconds)) ms" }

  /// `p99`, `max`.
  var name: String { percentile >= 100 ? "max" : "p\(Self.number(percentile))" }

  static func number(_ value: Double) -> String { value == value.rounded() ? "\(Int64(value))" : "\(value)" }
}

public struct LoadStep: Codable, Equatable, Sendable {
  public var purpose: LoadSearch.Purpose
  /// Events per second.
  public var asked: Double
  public var achieved: Double
  public var seconds: Double
  /// How far the generator was behind its schedule at most, in ms.
  public var behindSchedule: Double
  /// From a marker's time until a reader found it; those that are still under way count with their age once that is more than usual.
  public var freshness: MonitorSnapshot.Percentiles?
  public var markersSent: Int64 = 0
  public var markersUnderWay = 0
  /// Of the oldest marker under way at the end, in ms.
  public var oldestUnderWay: Double?
  /// Records ahead of the pipeline, at the beginning and at the end; nil where nobody says.
  public var lagBefore: Int64?
  public var lagAfter: Int64?
  /// Records per second by which it grew.
  public var lagGrowth: Double?
  public var isSustained = false
  /// Whether the generator, and not the pipeline, was the limit.
  public var isGeneratorLimit = false
  public var reasons: [String] = []

  public init(purpose: LoadSearch.Purpose, asked: Double, achieved: Double, seconds: Double, behindSchedule: Double) {
    self.purpose = purpose
    self.asked = asked
    self.achieved = achieved
    self.seconds = seconds
    self.behindSchedule = behindSchedule
  }

  /// What may be missing of the load that was asked for, as a share.
  static let shortfall = 0.01
  /// A generator that is further behind its schedule, in ms, is too slow.
  static let behindScheduleMax = 250.0
  /// A lag that grows by more than this share of the load is one that grows, where it comes to this many seconds of load.
  static let growthShare = 0.02
  static let growthSeconds = 0.25

  /// Looks whether the step is sustained, and says why not.
  ///
  /// - Parameter lags: seconds since the beginning of the step, and records; any number of them.
  public mutating func judge(_ objective: LoadObjective, lags: [(seconds: Double, records: Int64)]) {
    reasons = []
    isGeneratorLimit = false
    judgeLag(lags)
    if behindSchedule > Self.behindScheduleMax {
      isGeneratorLimit = true
      reasons.append(
        "events went out up to \(Self.text(behindSchedule)) behind their schedule: the generator, or the broker, is the limit")
    } else if achieved < asked * (1 - Self.shortfall) {
      reasons.append("\(Int64((achieved / asked * 100).rounded(.down))) % of the load was delivered to the topic")
    }
    judgeFreshness(objective)
    isSustained = reasons.isEmpty
  }

  private mutating func judgeLag(_ lags: [(seconds: Double, records: Int64)]) {
    lagBefore = lags.first?.records
    lagAfter = lags.last?.records
    guard lags.count >= 4 else { return }
    // The slope of a straight line through the samples: single ones jump by what is written at once.
    let count = Double(lags.count)
    let meanTime = lags.reduce(0) { $0 + $1.seconds } / count
    let meanLag = lags.reduce(0) { $0 + Double($1.records) } / count
    let spread = lags.reduce(0) { $0 + ($1.seconds - meanTime) * ($1.seconds - meanTime) }
    guard spread > 0 else { return }
    let slope = lags.reduce(0) { $0 + ($1.seconds - meanTime) * (Double($1.records) - meanLag) } / spread
    lagGrowth = slope
    let grown = slope * (lags.last!.seconds - lags[0].seconds)
    if slope > Self.growthShare * asked, grown > Self.growthSeconds * asked {
      reasons.append("the lag grew by \(Int64(slope)) records/s, to \(lags.last!.records)")
    }
  }

  private mutating func judgeFreshness(_ objective: LoadObjective) {
    if let oldestUnderWay, oldestUnderWay > 2 * objective.milliseconds, oldestUnderWay > 1000 {
      reasons.append("a marker has been under way for \(Self.text(oldestUnderWay))")
    }
    guard let freshness else {
      if oldestUnderWay.map({ $0 <= 2 * objective.milliseconds }) ?? true { reasons.append("no marker came back") }
      return
    }
    let measured = freshness.value(at: objective.percentile)
    if measured > objective.milliseconds {
      reasons.append(
        "\(objective.name) was \(Self.text(measured)), over \(Self.text(objective.milliseconds))")
    }
  }

  static func text(_ milliseconds: Double) -> String {
    milliseconds < 10_000 ? "\(Int64(milliseconds.rounded())) ms" : "\((milliseconds / 100).rounded() / 10) s"
  }
}

extension MonitorSnapshot.Percentiles {
  /// The nearest of those that are known, at or above `percentile`.
  public func value(at percentile: Double) -> Double {
    switch percentile {
    case ...50: p50
    case ...90: p90
    case ...95: p95
    case ...99: p99
    case ...99.9: p999
    default: max
    }
  }
}

extension ProbeReport {
  /// What came between an earlier report and this one: delays of markers that arrived, and the ages of those that are under way for longer than half of
  /// these took. Younger ones say nothing yet.
  public func delays(since earlier: ProbeReport?) -> DurationDistribution {
    var delays = earlier.map { delay.since($0.delay) } ?? delay
    // Nothing at all has come: `since` takes what was there before for another process' then.
    if let earlier, delay == earlier.delay { delays = DurationDistribution() }
    let usual = delays.nanoseconds(atPercentile: 50) ?? 0
    for age in agesInFlight where age > usual { delays.insert(nanoseconds: age) }
    return delays
  }
}
