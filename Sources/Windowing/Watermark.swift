// Event time of one partition: how far it has come, and below what no record is expected any more. A function of the records alone, but
// for `advance(streamTimeTo:)`, which serves idle partitions and the end of the input.
//
// A partition that is fed from several others has two times: `streamTime`, the greatest event time of all of them, which current values go by, and
// `completeTime`, through which every one of them has come, which windows close by. Everywhere else they are one.

import Base

public struct Watermark: Equatable, Sendable {
  /// Event times outside of this range are refused before they get here, so that window arithmetic cannot overflow. It is the range of
  /// ECMAScript's dates: 100 000 000 days on either side of the epoch.
  public static let eventTimeRange: ClosedRange<Int64> = -8_640_000_000_000_000...8_640_000_000_000_000

  /// After every event time and every window.
  public static let endOfTime: Int64 = .max / 4

  /// How far the watermark stays behind the stream time, in ms.
  public let lateness: Int64

  /// The largest event time seen, in ms since the epoch; `Int64.min` before the first record.
  public private(set) var streamTime: Int64 = .min

  /// Through which event time every input has come, in ms since the epoch; `Int64.min` while that is not known.
  public private(set) var completeTime: Int64 = .min

  /// Whether `completeTime` is told, rather than being `streamTime`.
  public let hasSeveralInputs: Bool

  public init(lateness: Int64, hasSeveralInputs: Bool = false) {
    precondition(lateness >= 0, "lateness cannot be negative")
    self.lateness = lateness
    self.hasSeveralInputs = hasSeveralInputs
  }

  /// `completeTime - lateness`: a window `[start, end)` is closed when this is at least `end - 1`. `Int64.min` before the first record.
  @inlinable
  public var value: Int64 { completeTime == .min ? .min : completeTime - lateness }

  /// Moves to `time` if that is later. Says whether it moved.
  @inlinable
  @discardableResult
  public mutating func advance(streamTimeTo time: Int64) -> Bool {
    guard time > streamTime else { return false }
    setStreamTime(time)
    return true
  }

  /// Says through which time every input has come; only where there are several. Says whether that is later than was known.
  @discardableResult
  public mutating func advance(completeTo time: Int64) -> Bool {
    precondition(hasSeveralInputs, "one input is complete as far as it has come")
    guard time > completeTime else { return false }
    completeTime = time
    return true
  }

  @usableFromInline
  mutating func setStreamTime(_ time: Int64) {
    streamTime = time
    if !hasSeveralInputs { completeTime = time }
  }
}
