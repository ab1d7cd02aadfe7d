// Event time of one partition: how far it has come, and below what no record is expected any more. A function of the records alone, but
// for `advance(streamTimeTo:)`, which serves idle partitions and the end of the input.

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

  public init(lateness: Int64) {
    precondition(lateness >= 0, "lateness cannot be negative")
    self.lateness = lateness
  }

  /// `streamTime - lateness`: a window `[start, end)` is closed when this is at least `end - 1`. `Int64.min` before the first record.
  @inlinable
  public var value: Int64 { streamTime == .min ? .min : streamTime - lateness }

  /// Moves to `time` if that is later. Says whether it moved.
  @inlinable
  @discardableResult
  public mutating func advance(streamTimeTo time: Int64) -> Bool {
    guard time > streamTime else { return false }
    setStreamTime(time)
    return true
  }

  @usableFromInline
  mutating func setStreamTime(_ time: Int64) { streamTime = time }
}
