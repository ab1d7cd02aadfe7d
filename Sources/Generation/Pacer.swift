// Keeps a stream in step with the wall clock, open-loop: each event has the time it was meant for, and what is late is sent at once and
// counted, never skipped. The pacer decides, the caller fills, writes and sleeps.
//
//              next event due                         nothing due, or the last fill was less than a gap ago
//     next --> .fill(before:)                         .sleep(until:)                .end once `until` has passed

import Base

/// A state machine over the monotonic clock.
public struct Pacer: Sendable {
  public enum Action: Equatable, Sendable {
    /// Write the events before this event time (ns since the epoch), which is just past now.
    case fill(beforeNanoseconds: Int64)
    /// Nothing to do before this time of the monotonic clock.
    case sleep(untilNanoseconds: UInt64)
    /// The end of event time has come.
    case end
  }

  /// Event time of the start, in ns since the epoch.
  private let start: Int64
  /// Exclusive end of event time.
  private let until: Int64
  private let origin: UInt64
  private var lastFill: UInt64
  /// Up to where the caller was last told to fill.
  private var filledBefore: Int64

  /// Fills are at least this far apart unless events are late, so that a high rate goes out in batches of a millisecond.
  public static let gapNanoseconds: UInt64 = 1_000_000
  /// No sleep is longer: interrupts and delivery reports are looked at this often.
  public static let sliceNanoseconds: UInt64 = 50_000_000

  /// The stream's `startNanoseconds` is now, which the monotonic clock calls `origin`.
  public init(startNanoseconds: Int64, untilNanoseconds: Int64, origin: UInt64) {
    start = startNanoseconds
    until = untilNanoseconds
    self.origin = origin
    lastFill = origin &- Self.gapNanoseconds
    filledBefore = .min
  }

  /// What to do now. `nextEventTime` is that of the first event not yet written.
  public mutating func next(now: UInt64, nextEventTime: Int64) -> Action {
    let eventNow = eventTime(at: now)
    if nextEventTime >= until {
      return eventNow >= until ? .end : sleep(to: until, now)
    }
    guard nextEventTime <= eventNow else { return sleep(to: nextEventTime, now) }
    // What the last fill left over is late already.
    if nextEventTime >= filledBefore, now < lastFill &+ Self.gapNanoseconds {
      return .sleep(untilNanoseconds: lastFill &+ Self.gapNanoseconds)
    }
    lastFill = now
    filledBefore = min(eventNow + 1, until)
    return .fill(beforeNanoseconds: filledBefore)
  }

  /// Event time, in ns since the epoch, at a time of the monotonic clock.
  public func eventTime(at now: UInt64) -> Int64 { start &+ Int64(bitPattern: now &- origin) }

  private func sleep(to time: Int64, _ now: UInt64) -> Action {
    let due = origin &+ UInt64(bitPattern: time &- start)
    return .sleep(untilNanoseconds: min(max(due, lastFill &+ Self.gapNanoseconds), now &+ Self.sliceNanoseconds))
  }
}
