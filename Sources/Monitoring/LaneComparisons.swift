// Values of lanes beside the exact ones, as a monitor has sampled them: kept for ten minutes, summed up over a window.

import Base

/// One value of a lane beside what it should be at that moment.
public struct LaneSample: Equatable, Sendable {
  public var view: String
  public var feature: String
  public var lane: String
  /// Since what the value is of, in ms.
  public var age: Double?
  public var isEqual: Bool
  /// |value - exact| / |exact|, where both are numbers; 1 where only the exact one is 0.
  public var error: Double?

  public init(view: String, feature: String, lane: String, age: Double?, isEqual: Bool, error: Double?) {
    self.view = view
    self.feature = feature
    self.lane = lane
    self.age = age
    self.isEqual = isEqual
    self.error = error
  }

  /// Compares two values, both as JSON.
  public init(view: String, feature: String, lane: String, age: Double?, value: String, exact: String) {
    let numbers = (Double(value == "null" ? "" : value), Double(exact == "null" ? "" : exact))
    var error: Double?
    if let found = numbers.0, let wanted = numbers.1 {
      let relative = wanted == 0 ? (found == 0 ? 0 : 1) : abs(found - wanted) / abs(wanted)
      // Of numbers that no double holds there is no error that JSON could say.
      error = relative.isFinite ? relative : nil
    }
    // What is computed in another order may differ in its last bits.
    let isEqual = value == exact || (error.map { $0 < 1e-9 } ?? false)
    self.init(view: view, feature: feature, lane: lane, age: age, isEqual: isEqual, error: error)
  }
}

struct LaneComparisons {
  private var samples: [(at: UInt64, wallTime: Int64, sample: LaneSample)] = []

  private static let countMax = 100_000
  private static let pointCountMax = 400

  mutating func append(_ new: [LaneSample], at time: UInt64, wallTime: Int64) {
    samples += new.map { (time, wallTime, $0) }
    let oldest = time > 600_000_000_000 ? time - 600_000_000_000 : 0
    if samples.count > Self.countMax || (samples.first.map { $0.at < oldest } ?? false) {
      let expired = samples.prefix { $0.at < oldest }.count
      samples.removeFirst(max(expired, samples.count - Self.countMax))
    }
  }

  private func window(_ since: UInt64) -> ArraySlice<(at: UInt64, wallTime: Int64, sample: LaneSample)> {
    var (low, high) = (0, samples.count)
    while low < high {
      let middle = (low + high) / 2
      if samples[middle].at < since { low = middle + 1 } else { high = middle }
    }
    return samples[low...]
  }

  func summarize(_ lane: inout MonitorSnapshot.LaneState, since: UInt64) {
    let own = window(since).filter { $0.sample.lane == lane.lane }
    lane.comparedCount = own.count
    lane.equalCount = own.count { $0.sample.isEqual }
    let errors = own.compactMap(\.sample.error).sorted()
    lane.errorMedian = Self.share(0.5, of: errors)
    lane.errorP90 = Self.share(0.9, of: errors)
  }

  func errors(since: UInt64) -> [MonitorSnapshot.FeatureError] {
    struct Key: Hashable { var view, feature, lane: String }
    var groups: [Key: [LaneSample]] = [:]
    var order: [Key] = []
    for (_, _, sample) in window(since) {
      let key = Key(view: sample.view, feature: sample.feature, lane: sample.lane)
      if groups[key] == nil { order.append(key) }
      groups[key, default: []].append(sample)
    }
    return order.map { key in
      let samples = groups[key]!
      var error = MonitorSnapshot.FeatureError(
        view: key.view, feature: key.feature, lane: key.lane, comparedCount: samples.count,
        equalCount: samples.count { $0.isEqual })
      let errors = samples.compactMap(\.error).sorted()
      (error.median, error.p90) = (Self.share(0.5, of: errors), Self.share(0.9, of: errors))
      error.age = Self.share(0.5, of: samples.compactMap(\.age).sorted())
      return error
    }
  }

  /// The newest few hundred with a number and an age.
  func points(since: UInt64) -> [MonitorSnapshot.ErrorPoint] {
    window(since).suffix(Self.pointCountMax).compactMap { _, wallTime, sample in
      guard let age = sample.age, let error = sample.error else { return nil }
      return MonitorSnapshot.ErrorPoint(
        lane: sample.lane, feature: "\(sample.view).\(sample.feature)", age: age, error: error, at: wallTime)
    }
  }

  private static func share(_ share: Double, of sorted: [Double]) -> Double? {
    sorted.isEmpty ? nil : sorted[min(sorted.count - 1, Int(share * Double(sorted.count)))]
  }
}
