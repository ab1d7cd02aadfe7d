// What a comparison of served values with the archive has found, per feature and lane.

import Base
import Features

public struct LaneCheckReport: Sendable {
  /// A feature in a lane.
  public struct Line: Sendable {
    public var view: String
    public var feature: String
    public var lane: Lane
    public var servedCount = 0
    /// Of those: compared with what their own records give, and those that were something else.
    public var checkedCount = 0
    public var mismatchCount = 0
    /// Compared with the exact value at the time of serving, and those that were it.
    public var measuredCount = 0
    public var exactCount = 0
    /// Of those that are numbers, as the exact ones are.
    public var numberCount = 0
    public var errorSum = 0.0
    public var errorMax = 0.0
    /// From the time that a value is of to when it was served, in ms; in order.
    public var ages: [Int64] = []

    public var errorMean: Double? { numberCount > 0 ? errorSum / Double(numberCount) : nil }

    public func age(atShare share: Double) -> Int64? {
      ages.isEmpty ? nil : ages[min(ages.count - 1, Int(Double(ages.count) * share))]
    }
  }

  public struct Example: Sendable {
    public var name: String
    public var key: String?
    /// `0:17`, or `as of` a time.
    public var place: String
    public var served: String
    public var expected: String
  }

  public internal(set) var lines: [Line] = []
  /// The first values of the lanes nrt and batch that are not what their records give.
  public internal(set) var mismatches: [Example] = []
  /// The first values of the lane rt that are not exact, though nothing says why.
  public internal(set) var differences: [Example] = []
  public internal(set) var differenceCount = 0
  /// Values that could not be compared, and why.
  public internal(set) var unchecked: [(reason: String, count: Int)] = []
  /// Values that are right where event time had moved on without a record.
  public internal(set) var idleCount = 0
  /// Values of batch that are right over what was archived when their run began.
  public internal(set) var earlierCount = 0

  public var mismatchCount: Int { lines.reduce(0) { $0 + $1.mismatchCount } }
  public var checkedCount: Int { lines.reduce(0) { $0 + $1.checkedCount } }
  public var servedCount: Int { lines.reduce(0) { $0 + $1.servedCount } }

  static let exampleCountMax = 5

  mutating func addUnchecked(_ reason: String, _ count: Int = 1) {
    if let place = unchecked.firstIndex(where: { $0.reason == reason }) {
      unchecked[place].count += count
    } else {
      unchecked.append((reason, count))
    }
  }
}

extension TrainingValue {
  var number: Double? {
    switch self {
    case .integer(let value): Double(value)
    case .double(let value): value
    default: nil
    }
  }

  /// Whether what was served stands for this value, doubles up to a difference of `tolerance`. What had no known type was served as what it looks like.
  func isServed(as served: TrainingValue, tolerance: Double) -> Bool {
    switch (self, served) {
    case (.integer(let value), .integer(let other)): return value == other
    case (.string(let text), _): return served != .null && served.plain == text
    default: break
    }
    if let value = number, let other = served.number { return value == other || abs(value - other) <= tolerance }
    return self == served
  }
}
