// Windows by arithmetic, without panes: which windows a time lies in, and which stretch of time a current value covers. It shares no code with
// the windows of the processor, so that the two can be compared.

import Base
import Windowing

/// How time is cut, in ms since the epoch.
enum WindowShape: Equatable {
  /// Everything up to now.
  case everything
  /// `[start, start + size)`, a new one every `hop`; a tumbling window hops by its size.
  case repeated(size: Int64, hop: Int64, offset: Int64)
  /// From a multiple of `most` on, ending at each `step`.
  case growing(most: Int64, step: Int64, offset: Int64)

  /// Nil for windows whose ends depend on the records: a record that is missing moves others into another window.
  init?(_ window: WindowSpecification) {
    switch window {
    case .tumbling(let size, let offset): self = .repeated(size: size, hop: size, offset: offset)
    case .sliding(let size, let hop, let offset): self = .repeated(size: size, hop: hop, offset: offset)
    case .cumulating(let most, let step, let offset): self = .growing(most: most, step: step, offset: offset)
    case .session: return nil
    case .unbounded: self = .everything
    }
  }

  /// The closing windows that hold `time`, as `[start, end)`.
  func windows(of time: Int64) -> [Range<Int64>] {
    switch self {
    case .everything: return []
    case .repeated(let size, let hop, let offset):
      let last = Self.floor(time, hop, offset)
      return stride(from: last, to: time - size, by: -Int(hop)).map { $0..<$0 + size }
    case .growing(let most, let step, let offset):
      let start = Self.floor(time, most, offset)
      let first = Self.floor(time, step, offset) + step
      return stride(from: first, through: start + most, by: Int(step)).map { start..<$0 }
    }
  }

  /// Whether such a window can be.
  func isWindow(_ range: Range<Int64>) -> Bool {
    switch self {
    case .everything: return false
    case .repeated(let size, let hop, let offset):
      return range.upperBound - range.lowerBound == size && Self.floor(range.lowerBound, hop, offset) == range.lowerBound
    case .growing(let most, let step, let offset):
      return Self.floor(range.lowerBound, most, offset) == range.lowerBound && range.upperBound - range.lowerBound <= most
        && Self.floor(range.upperBound, step, offset) == range.upperBound
    }
  }

  /// What a current value holds at stream time `now`: from here on, up to `now` itself.
  func start(at now: Int64) -> Int64 {
    switch self {
    case .everything: .min
    case .repeated(let size, let hop, let offset):
      size == hop ? Self.floor(now, hop, offset) : Self.floor(now - size, hop, offset)
    case .growing(let most, _, let offset): Self.floor(now, most, offset)
    }
  }

  /// Whether a record that comes `delay` ms after its time still counts in a current value for certain, if the value covers its time.
  func surelyTakes(delay: Int64) -> Bool {
    switch self {
    case .everything: true
    case .repeated(let size, let hop, _): delay == 0 || (size > hop && delay < size)
    case .growing: delay == 0
    }
  }

  private static func floor(_ time: Int64, _ length: Int64, _ offset: Int64) -> Int64 {
    let rest = (time - offset) % length
    return time - (rest < 0 ? rest + length : rest)
  }
}
