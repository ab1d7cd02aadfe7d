// Finds the highest rate that a sink sustains. First everything is sent as fast as it goes, which bounds the rate from above; then rates below
// that are tried, and each counts as sustained when as much is delivered as was asked, what is under way does not grow, and the stream
// does not fall behind its schedule. The interval is halved until it is narrow; the search decides, the loop sends.
//
//     flood (bound) -> settle -> try middle -> settle -> try middle -> ... -> found

import Base

/// Says how fast a generator is to go, from what its loop has seen.
protocol RateSteering {
  mutating func next(_ seen: RateSearch.Observation) -> RateSearch.Action
}

/// A pure state machine over the monotonic clock.
struct RateSearch: RateSteering {
  /// What the loop has seen so far.
  struct Observation {
    var now: UInt64
    /// Records generated, delivered, and handed to the sink but not yet delivered.
    var generated: Int64
    var delivered: Int64
    var underWay: Int64
    /// How far the last record was behind its schedule, in ns.
    var lag: Int64
    /// Time spent inside the sink so far, in ns.
    var sinkNanoseconds: UInt64
  }

  enum Action: Equatable {
    case goOn
    /// The rate from now on.
    case setRate(Double)
    case found(Double)
  }

  /// Above what any sink takes: everything is always due.
  static let firstRate = 100e6
  /// In less time no rate can be found.
  static let leastMilliseconds: Int64 = 20_000
  private static let floodNanoseconds: UInt64 = 3_000_000_000
  private static let settleNanoseconds: UInt64 = 500_000_000
  private static let tryNanoseconds: UInt64 = 3_000_000_000
  /// The search ends when the interval is within 4 % of its upper end.
  private static let precision = 0.04
  /// What may be missing from what was asked: half a percent.
  private static let shortfall = 0.005
  /// A stream that is further behind does not keep up.
  private static let lagNanoseconds: Int64 = 250_000_000

  private enum Phase {
    case flood
    /// What was held up by the rate before goes out.
    case settle
    case attempt
    case done
  }

  private var phase = Phase.flood
  private var began: Observation?
  private var low = 0.0
  private var high = 0.0
  private(set) var rate = Self.firstRate
  /// The part of the flood that was spent inside the sink.
  private(set) var sinkShare = 0.0
  /// Delivered per second while everything was sent as fast as it went.
  private(set) var floodRate = 0.0

  mutating func next(_ seen: Observation) -> Action {
    guard let began else {
      self.began = seen
      return .goOn
    }
    let elapsed = seen.now - began.now
    switch phase {
    case .flood:
      guard elapsed >= Self.floodNanoseconds else { return .goOn }
      floodRate = Double(seen.delivered - began.delivered) / Double(elapsed) * 1e9
      sinkShare = Double(seen.sinkNanoseconds - began.sinkNanoseconds) / Double(elapsed)
      guard floodRate > 0 else { return finish(0) }
      high = floodRate * 1.05
      return attempt(floodRate * 0.95)
    case .settle:
      // Until nothing is left over from before, but not for ever: then the rate is too high.
      if elapsed < Self.settleNanoseconds || (seen.lag > Self.lagNanoseconds / 4 && elapsed < 8 * Self.settleNanoseconds) {
        return .goOn
      }
      phase = .attempt
      self.began = seen
      return .goOn
    case .attempt:
      guard elapsed >= Self.tryNanoseconds else { return .goOn }
      return judge(seen, began, elapsed)
    case .done: return .goOn
    }
  }

  private mutating func judge(_ seen: Observation, _ began: Observation, _ elapsed: UInt64) -> Action {
    let asked = rate * Double(elapsed) / 1e9
    let delivered = Double(seen.delivered - began.delivered)
    // A tenth of a second's worth under way is a pipeline; more than before by that is a queue that grows.
    let grows = Double(seen.underWay - began.underWay) > max(0.1 * rate, 1000)
    let isSustained = delivered >= asked * (1 - Self.shortfall) && !grows && seen.lag < Self.lagNanoseconds
    if isSustained { low = rate } else { high = rate }
    if low > 0, high - low <= Self.precision * high { return finish(low) }
    if low == 0, high < 1 { return finish(0) }
    return attempt(low == 0 ? high * 0.8 : (low + high) / 2)
  }

  private mutating func attempt(_ rate: Double) -> Action {
    self.rate = rate
    phase = .settle
    began = nil
    return .setRate(rate)
  }

  private mutating func finish(_ rate: Double) -> Action {
    self.rate = rate
    phase = .done
    return .found(rate)
  }
}
