// Values of lanes beside the exact ones: now and then some keys that were active lately are looked up in all lanes at once, as a request would, and
// compared with the lane rt. A step of a scan and one read a second, so that the store does not feel it. Belongs to one thread.

import Base
import Features
import Foundation
import Monitoring
import RedisStore
import Serving

final class LaneSampler {
  private let setup: ServingSetup
  private let inquiry: FeatureInquiry
  private let scanner: RedisReader
  private let plans: [Plan]
  private let clock: any Clock
  private var random: Random
  /// Keys that were found, with the time of their last event; the most active stay.
  private var pool: [[String: Int64]]
  private var cursors: [String]

  /// The view and the service made of its lanes.
  private struct Plan {
    var view: Int
    var features: [String]
    var keyField: String
    var prefix: String
  }

  private static let poolCountMax = 400
  private static let scanCount = 200
  private static let keyCount = 16
  /// Most of the keys are among the so many that were active last: of those who do nothing any lane is right.
  private static let activeCount = 48

  /// Nil where no view has a lane to compare with the lane rt.
  init?(_ setup: ServingSetup, clock: any Clock = SystemClock()) throws {
    let pipeline = setup.pipeline
    let prefix = pipeline.sink?.prefix ?? RedisSinkDefinition.defaultPrefix
    plans = pipeline.views.enumerated().compactMap { index, view in
      guard view.lanes.contains(.rt), view.lanes.count > 1, view.trigger == .change, let entity = view.entity else { return nil }
      let features = view.lanes.flatMap { lane in view.features.map { "\(view.name)@\(lane.rawValue):\($0.name)" } }
      return Plan(
        view: index, features: features, keyField: pipeline.entities[entity].keyFieldName, prefix: "\(prefix):\(view.name):")
    }
    guard !plans.isEmpty else { return nil }
    self.setup = setup
    self.clock = clock
    inquiry = FeatureInquiry(setup.plan, try setup.reader(), clock: clock)
    scanner = RedisReader(try setup.connection())
    pool = Array(repeating: [:], count: plans.count)
    cursors = Array(repeating: "0", count: plans.count)
    random = Random(state: clock.monotonicNanoseconds)
  }

  /// One round. Throws where the store does not answer.
  func sample() throws -> (samples: [LaneSample], truncated: Int) {
    var samples: [LaneSample] = []
    var truncated = 0
    for index in plans.indices {
      try widenPool(index)
      let keys = chooseKeys(index)
      guard !keys.isEmpty else { continue }
      let answer = try inquiry.answer(
        features: plans[index].features, pairs: keys.map { (plans[index].keyField, $0) })
      compare(answer.values, index, &samples, &truncated)
    }
    return (samples, truncated)
  }

  /// A step of the scan, and how active what it has found is.
  private func widenPool(_ index: Int) throws {
    let (next, keys) = try scanner.scan(from: cursors[index], matching: "\(plans[index].prefix)*", count: Self.scanCount)
    cursors[index] = next
    // What is known already is asked again: who was active has become idle, and the other way round.
    let all = Set(keys + pool[index].keys.map { plans[index].prefix + $0 }).sorted()
    let rows = try scanner.fields(["_last_event"], of: all)
    for (key, values) in zip(all, rows) {
      let name = String(key.dropFirst(plans[index].prefix.count))
      pool[index][name] = values[0].flatMap { Int64($0) }
    }
    if pool[index].count > Self.poolCountMax {
      let active = pool[index].sorted { ($0.value, $0.key) > ($1.value, $1.key) }.prefix(Self.poolCountMax / 2)
      pool[index] = Dictionary(uniqueKeysWithValues: active.map { ($0.key, $0.value) })
    }
  }

  private func chooseKeys(_ index: Int) -> [String] {
    // Markers are no users.
    var keys = pool[index].filter { !$0.key.hasPrefix("_freshet") }.sorted { ($0.value, $0.key) > ($1.value, $1.key) }.map(\.key)
    var chosen: [String] = []
    while chosen.count < Self.keyCount, !keys.isEmpty {
      let range = chosen.count < Self.keyCount * 3 / 4 ? min(Self.activeCount, keys.count) : keys.count
      chosen.append(keys.remove(at: Int(random.below(UInt64(range)))))
    }
    return chosen
  }

  private func compare(
    _ values: [FeatureInquiry.Value], _ index: Int, _ samples: inout [LaneSample], _ truncated: inout Int
  ) {
    let view = setup.pipeline.views[plans[index].view].name
    struct Place: Hashable { var row, feature: String }
    func place(_ value: FeatureInquiry.Value) -> Place {
      Place(row: value.row, feature: String(value.feature.split(separator: ".").last ?? ""))
    }
    let exact = Dictionary(values.filter { $0.lane == "rt" }.map { (place($0), $0) }) { first, _ in first }
    for value in values where value.lane != "rt" {
      guard let exact = exact[place(value)] else { continue }
      guard !exact.isTruncated else {
        truncated += 1
        continue
      }
      samples.append(
        LaneSample(
          view: view, feature: place(value).feature, lane: value.lane, age: value.ageMilliseconds.map(Double.init),
          value: value.value, exact: exact.value))
    }
  }
}
