// A monitor's snapshots as a pipeline in a given condition would give them, second by second, with no pipeline behind them: for the page and its server.
// Moved by hand; the same steps give the same numbers.

import Base
import Foundation
import Measuring
import Synchronization

@testable import Monitoring

final class MovingMonitor: Sendable {
  enum Condition: Sendable {
    /// Nothing has been seen.
    case empty
    /// The pipeline is known, and nothing of it has spoken.
    case starting
    case well
    /// nrt is too slow, and says so.
    case violated
    /// The processor does not answer.
    case silent
  }

  private struct State {
    var condition: Condition
    var now: Int64 = 1_700_000_000_000
    var random = Random(seed: 7, 0, 0)
    var second = 0
    var silentSeconds = 0
    var history: [MonitorSnapshot.HistoryPoint] = []
    var errorPoints: [MonitorSnapshot.ErrorPoint] = []
    var events: [MonitorSnapshot.Event] = []
  }

  /// Names from outside; a page may do nothing but show them.
  static let features = ["views_5m", "<img src=x onerror=alert(1)>"]
  static let views = ["user_activity", "</td><script>alert(2)</script>"]
  static let visibleDelay = "nrt visible_delay p99 <= 500ms"

  private let state: Mutex<State>

  init(_ condition: Condition, seconds: Int = 0) {
    state = Mutex(State(condition: condition))
    step(seconds)
  }

  /// What the monitor has, or nil before it has anything.
  var snapshot: MonitorSnapshot? { state.withLock { $0.condition == .empty ? nil : Self.snapshot($0) } }

  func become(_ condition: Condition) {
    state.withLock { state in
      state.condition = condition
      state.events.append(
        MonitorSnapshot.Event(at: state.now, level: condition == .well ? .good : .bad, text: "the pipeline is \(condition)"))
    }
    step(1)
  }

  /// Lets seconds pass.
  func step(_ seconds: Int) {
    state.withLock { state in
      for _ in 0..<seconds {
        state.second += 1
        state.now += 1000
        state.silentSeconds = state.condition == .silent ? state.silentSeconds + 1 : 0
        guard state.condition != .empty, state.condition != .starting else { continue }
        state.history.append(Self.point(&state))
        for lane in ["nrt", "batch"] where state.condition != .silent || lane == "batch" {
          let age = lane == "nrt" ? Double(150 + state.random.below(300)) : batchAge(state.second)
          let error = state.random.below(3) == 0 ? 0 : Double(state.random.below(1000)) / (lane == "nrt" ? 20_000 : 1000)
          state.errorPoints.append(
            MonitorSnapshot.ErrorPoint(
              lane: lane, feature: "\(Self.views[0]).\(Self.features[state.second % 2])", age: age, error: error, at: state.now))
        }
      }
      state.history = state.history.suffix(600)
      state.errorPoints = state.errorPoints.suffix(400)
    }
  }

  private static func delay(_ condition: Condition, _ second: Int) -> Double {
    (condition == .violated ? 2400 : 210) + 40 * FloatMath.sin(Double(second) / 5)
  }

  private static func point(_ state: inout State) -> MonitorSnapshot.HistoryPoint {
    var point = MonitorSnapshot.HistoryPoint(at: state.now)
    let isSilent = state.condition == .silent
    let nrt = isSilent ? Double(state.silentSeconds) * 1000 : delay(state.condition, state.second)
    point.staleness = ["rt": 0, "batch": batchAge(state.second)]
    point.stalenessP99 = ["rt": 0, "nrt": nrt, "batch": batchAge(state.second)]
    point.requests = 60 + 4 * FloatMath.sin(Double(state.second) / 3)
    guard !isSilent else {
      point.silent = ["nrt"]
      return point
    }
    point.staleness["nrt"] = nrt / 2
    point.lag = state.condition == .violated ? Int64(4000 + state.second) : Int64(state.second % 7)
    point.generated = 2000
    point.read = 2000 + 100 * FloatMath.sin(Double(state.second) / 4)
    point.rows = 2300
    return point
  }

  private static func snapshot(_ state: State) -> MonitorSnapshot {
    var snapshot = MonitorSnapshot(
      pipeline: "shop_lanes", now: state.now, elapsedSeconds: Double(state.second), windowSeconds: 60)
    snapshot.lanes = ["rt", "nrt", "batch"].map { MonitorSnapshot.LaneState(lane: $0) }
    snapshot.targets = [
      MonitorSnapshot.Target(address: "http://127.0.0.1:9464", roles: ["process", "archive"], health: .unknown),
      MonitorSnapshot.Target(address: "http://127.0.0.1:6566", roles: ["serve", "batch"], health: .unknown),
    ]
    guard state.condition != .starting else { return snapshot }
    let isSilent = state.condition == .silent
    let last = state.history.last
    snapshot.targets[1].health = .ok
    snapshot.targets[1].clockOffset = 12
    snapshot.targets[1].clockOffsetError = 2
    snapshot.targets[0].health = isSilent ? .silent : .ok
    snapshot.targets[0].answeredAgo = isSilent ? Double(state.silentSeconds) * 1000 : 120
    if isSilent { snapshot.targets[0].reasons = ["connection refused"] }
    snapshot.lanes = [rt(state), nrt(state, last), batch(state)]
    let parts: [(String, Int64)] = [("event -> log", 2), ("log -> read", 15), ("read -> applied", 1), ("applied -> visible", 110)]
    snapshot.stages = (parts + [("event -> visible", Int64(delay(state.condition, state.second)) / 2)]).map { name, milliseconds in
      MonitorSnapshot.Stage(name: name, duration: isSilent ? nil : percentiles(around: milliseconds, count: 5000))
    }
    snapshot.phases = ["parse", "queue", "redis", "compute", "encode"].map {
      MonitorSnapshot.Stage(name: $0, duration: percentiles(around: 1, count: 5000))
    }
    (snapshot.flow.generated, snapshot.flow.read) = (last?.generated, last?.read)
    (snapshot.flow.rows, snapshot.flow.requests, snapshot.flow.lag) = (last?.rows, last?.requests, last?.lag)
    if !isSilent { snapshot.flow.uncounted = ["late": 1.5] }
    snapshot.objectives = objectives(state)
    snapshot.views = [("rt", views[0]), ("nrt", views[0]), ("batch", views[0]), ("nrt", views[1])].map { lane, name in
      var view = MonitorSnapshot.ViewState(name: name, lane: lane)
      let own = snapshot.lanes.first { $0.lane == lane }!
      (view.health, view.latency, view.staleness) = (own.health, own.latency, own.staleness)
      view.served = name == views[0] ? 20 : nil
      return view
    }
    snapshot.errors = features.map { feature in
      var error = MonitorSnapshot.FeatureError(view: views[0], feature: feature, lane: "batch", comparedCount: 40, equalCount: 12)
      (error.median, error.p90, error.age) = (0.2, 0.8, batchAge(state.second))
      return error
    }
    snapshot.truncatedCount = 3
    snapshot.probes = probes(isSilent, state)
    (snapshot.history, snapshot.errorPoints, snapshot.events) = (state.history, state.errorPoints, state.events)
    return snapshot
  }

  // MARK: Parts

  private static func rt(_ state: State) -> MonitorSnapshot.LaneState {
    var lane = MonitorSnapshot.LaneState(lane: "rt")
    lane.health = .ok
    lane.latency = percentiles(around: 2, count: 4000)
    lane.staleness = percentiles(around: 0, count: 4000)
    lane.stalenessNow = 0
    lane.curve = [0, 50, 90, 99, 99.9].map { MonitorSnapshot.CurvePoint(percentile: $0, milliseconds: 1 + $0 / 40) }
    lane.cost = "52 us of computing in every request"
    return lane
  }

  private static func nrt(_ state: State, _ last: MonitorSnapshot.HistoryPoint?) -> MonitorSnapshot.LaneState {
    var lane = MonitorSnapshot.LaneState(lane: "nrt")
    lane.stalenessNow = last?.stalenessP99["nrt"]
    guard state.condition != .silent else {
      lane.health = .silent
      lane.reasons = ["http://127.0.0.1:9464: connection refused"]
      return lane
    }
    let delay = delay(state.condition, state.second)
    lane.health = state.condition == .violated ? .violated : .ok
    if state.condition == .violated { lane.reasons = ["visible_delay p99 is 2.4 s, more than 500 ms"] }
    lane.latency = percentiles(around: Int64(delay), count: 9000)
    lane.staleness = percentiles(around: Int64(delay), count: 4000)
    lane.curve = [0, 50, 90, 99, 99.9].map { MonitorSnapshot.CurvePoint(percentile: $0, milliseconds: delay + $0) }
    (lane.comparedCount, lane.equalCount, lane.errorMedian, lane.errorP90) = (100, 97, 0, 0.004)
    lane.cost = "2.3k rows/s written, state of 44k keys"
    return lane
  }

  private static func batch(_ state: State) -> MonitorSnapshot.LaneState {
    var lane = MonitorSnapshot.LaneState(lane: "batch")
    lane.health = .ok
    // Too few for a p99.
    lane.latency = percentiles(around: 800, count: 6)
    lane.staleness = percentiles(around: Int64(batchAge(state.second)), count: 3000)
    lane.stalenessNow = batchAge(state.second)
    (lane.comparedCount, lane.equalCount, lane.errorMedian, lane.errorP90) = (80, 24, 0.2, 0.8)
    return lane
  }

  private static func objectives(_ state: State) -> [MonitorSnapshot.ObjectiveState] {
    let health: MonitorSnapshot.Health =
      state.condition == .silent ? .silent : state.condition == .violated ? .violated : .ok
    return [
      MonitorSnapshot.ObjectiveState(
        text: "rt serve_latency p99 <= 20ms", lane: "rt", metric: "serve_latency", bound: 20, measured: 4, health: .ok),
      MonitorSnapshot.ObjectiveState(
        text: visibleDelay, lane: "nrt", metric: "visible_delay", bound: 500,
        measured: health == .silent ? nil : delay(state.condition, state.second), health: health),
    ]
  }

  private static func probes(_ isSilent: Bool, _ state: State) -> MonitorSnapshot.Probes {
    var probes = MonitorSnapshot.Probes(view: views[0])
    (probes.sent, probes.visible) = (Int64(4 * state.second), Int64(4 * (state.second - state.silentSeconds)))
    probes.partitions = (0..<4).map { partition in
      MonitorSnapshot.Probes.Partition(
        partition: partition, health: isSilent ? .silent : .ok, lastDelay: 180 + Double(partition),
        inFlightAge: isSilent ? Double(state.silentSeconds) * 1000 : 90)
    }
    return probes
  }

  private static func percentiles(around milliseconds: Int64, count: Int) -> MonitorSnapshot.Percentiles? {
    let histogram = DurationHistogram()
    for step in 0..<10 { histogram.record(nanoseconds: milliseconds * Int64(95 + step) * 10_000, count: max(1, count / 10)) }
    return MonitorSnapshot.Percentiles(histogram.distribution)
  }
}

/// Runs every 15 s.
private func batchAge(_ second: Int) -> Double { Double(2000 + second % 15 * 1000) }
