// From what a monitor knows to what it shows.

import Base
import Features
import Foundation
import Measuring

extension MonitorModel {
  /// Rates are of the last seconds, however long the window of percentiles is.
  static let rateNanoseconds: UInt64 = 5_000_000_000
  /// What a point of the history is of.
  static let pointNanoseconds: UInt64 = 2_000_000_000

  /// How things stand now. Called at least once a second, so that the history has no gaps.
  public func snapshot() -> MonitorSnapshot {
    let wallTime = clock.nowMilliseconds
    lookAtSilence()
    var snapshot = MonitorSnapshot(
      pipeline: pipelineName, now: wallTime, elapsedSeconds: Double(now - startedAt) / 1e9, windowSeconds: windowSeconds)
    snapshot.targets = targetStates()
    snapshot.probes = probes()
    snapshot.stages = stages()
    snapshot.phases = phases()
    snapshot.flow = flow()
    snapshot.lanes = pipeline.lanes.map { lane($0, snapshot) }
    snapshot.views = views(snapshot)
    if isSilent(role: "process") != true { snapshot.errors = comparisons.errors(since: windowStart) }
    snapshot.errorPoints = comparisons.points(since: windowStart)
    snapshot.truncatedCount = truncatedCount
    judge(&snapshot)
    keep(point(snapshot, wallTime))
    snapshot.events = events
    snapshot.history = history
    return snapshot
  }

  /// Where no file says it, those that answer do, if they agree.
  private var pipelineName: String {
    guard pipeline.name.isEmpty else { return pipeline.name }
    let names = Set(documents.filter { $0.generate == nil }.map(\.pipeline))
    return names.count == 1 ? names.first! : ""
  }

  // MARK: Targets

  private func targetStates() -> [MonitorSnapshot.Target] {
    var states = targets.map { target in
      var state = MonitorSnapshot.Target(address: target.address, roles: roles(of: target), health: .ok)
      state.answeredAgo = target.answeredAt.map { Double(now - $0) / 1e6 }
      if !target.askedOnce {
        state.health = .unknown
        state.reasons = ["not asked yet"]
      } else if isSilent(target) {
        state.health = .silent
        state.reasons = [target.failure ?? "no answer in time"]
      } else if let document = target.history.newest?.document {
        state.version = document.version
        state.reasons = document.obstacles
        if !document.obstacles.isEmpty { state.health = .violated }
      }
      if let estimate = target.clock.estimate, !isSilent(target) {
        (state.clockOffset, state.clockOffsetError) = (estimate.offset, estimate.error)
      }
      return state
    }
    if let store {
      var state = MonitorSnapshot.Target(address: store.address, roles: ["redis"], health: storeTrouble == nil ? .ok : .silent)
      state.answeredAgo = storeAnsweredAt.map { Double(now - $0) / 1e6 }
      if let trouble = storeTrouble { state.reasons = [trouble] }
      states.append(state)
    }
    return states
  }

  /// Whether there are targets that do this, and all of them are silent; nil where there is none.
  func isSilent(role: String) -> Bool? {
    let own = targets.filter { roles(of: $0).contains(role) }
    return own.isEmpty ? nil : own.allSatisfy { isSilent($0) }
  }

  /// Why those that do this are silent.
  func silence(of role: String) -> [String] {
    targets.indices.filter { roles(of: targets[$0]).contains(role) && isSilent(targets[$0]) }.map {
      "\(name(of: $0)): \(targets[$0].failure ?? "no answer in time")"
    }
  }

  // MARK: Stages and flow

  private func stages() -> [MonitorSnapshot.Stage] {
    func stage(_ name: String, _ get: @escaping (StatusDocument.Process) -> DurationDistribution) -> MonitorSnapshot.Stage {
      let duration = distribution(over: windowNanoseconds) { $0.process.map(get) }
      return MonitorSnapshot.Stage(name: name, duration: MonitorSnapshot.Percentiles(duration))
    }
    func views(_ process: StatusDocument.Process, _ get: (StatusDocument.Process.View) -> DurationDistribution)
      -> DurationDistribution
    {
      process.views.filter { $0.trigger == "change" }.reduce(into: DurationDistribution()) { $0.add(get($1)) }
    }
    guard isSilent(role: "process") != nil else { return [] }
    return [
      stage("event -> log") { $0.stages.eventToLog }, stage("log -> read") { $0.stages.logToRead },
      stage("read -> applied") { $0.stages.readToApplied },
      stage("applied -> visible") { views($0) { $0.appliedToVisible } },
      stage("event -> visible") { views($0) { $0.eventToVisible } },
    ]
  }

  private func phases() -> [MonitorSnapshot.Stage] {
    let names = documents.compactMap { $0.serve?.phases.map(\.name) }.first ?? []
    return names.map { name in
      let duration = distribution(over: windowNanoseconds) { $0.serve?.phases.first { $0.name == name }?.duration }
      return MonitorSnapshot.Stage(name: name, duration: MonitorSnapshot.Percentiles(duration))
    }
  }

  private func flow() -> MonitorSnapshot.Flow {
    var flow = MonitorSnapshot.Flow()
    let over = Self.rateNanoseconds
    flow.generated = rate(over: over) { $0.generate?.events }
    flow.asked = documents.compactMap { $0.generate?.askedRate }.reduce(nil) { ($0 ?? 0) + $1 }
    flow.read = rate(over: over) { $0.process?.records }
    flow.rows = rate(over: over) { $0.process?.rows }
    flow.archived = rate(over: over) { $0.archive?.records }
    flow.requests = rate(over: over) { $0.serve.map { $0.requests.values.reduce(0, +) } }
    flow.lag = documents.compactMap { $0.process?.lagRecords }.reduce(nil) { ($0 ?? 0) + $1 }
    flow.archiveLag = documents.compactMap { $0.archive?.lagRecords }.reduce(nil) { ($0 ?? 0) + $1 }
    flow.waitingRequests = documents.compactMap { $0.serve?.waitingRequests }.reduce(nil) { ($0 ?? 0) + $1 }
    flow.keys = documents.compactMap { $0.process?.keys }.reduce(nil) { ($0 ?? 0) + $1 }
    for reason in Set(documents.flatMap { $0.process?.uncounted.keys.map { $0 } ?? [] }) {
      let rate = rate(over: windowNanoseconds) { $0.process.map { $0.uncounted[reason] ?? 0 } }
      if let rate, rate > 0 { flow.uncounted[reason] = rate }
    }
    let watermarks = documents.compactMap { document in document.process?.watermark.map { Double(document.now - $0) } }
    flow.watermarkAge = watermarks.max()
    return flow
  }

  private func views(_ snapshot: MonitorSnapshot) -> [MonitorSnapshot.ViewState] {
    var known = pipeline.views.flatMap { view in view.lanes.map { (view.name, $0, Optional(view.trigger)) } }
    if known.isEmpty {
      for document in documents {
        for view in document.process?.views ?? [] { known.append((view.name, "nrt", view.trigger)) }
        for view in document.serve?.views ?? [] where !known.contains(where: { $0.0 == view.name && $0.1 == view.lane }) {
          known.append((view.name, view.lane, nil))
        }
        for view in document.batch?.views ?? [] where !known.contains(where: { $0.0 == view.name && $0.1 == "batch" }) {
          known.append((view.name, "batch", nil))
        }
      }
    }
    return known.map { name, lane, trigger in
      var view = MonitorSnapshot.ViewState(name: name, lane: lane)
      view.trigger = trigger
      view.latency = MonitorSnapshot.Percentiles(latency(of: lane, view: name, over: windowNanoseconds))
      view.staleness = MonitorSnapshot.Percentiles(staleness(of: lane, view: name, over: windowNanoseconds))
      func statuses(_ document: StatusDocument) -> [String: Int64]? {
        document.serve?.views.first { $0.name == name && $0.lane == lane }?.statuses
      }
      view.served = rate(over: Self.rateNanoseconds) { statuses($0)?.values.reduce(0, +) }
      if let all = rate(over: windowNanoseconds, { statuses($0)?.values.reduce(0, +) }), all > 0 {
        view.staleShare = rate(over: windowNanoseconds) { statuses($0).map { $0["STALE"] ?? 0 } }.map { $0 / all }
        view.notFoundShare = rate(over: windowNanoseconds) { statuses($0).map { $0["NOT_FOUND"] ?? 0 } }.map { $0 / all }
      }
      view.health = snapshot.lanes.first { $0.lane == lane }.map { $0.health == .violated ? .ok : $0.health } ?? .unknown
      if view.health == .ok, view.latency == nil, view.staleness == nil { view.health = .unknown }
      return view
    }
  }

  // MARK: Probes

  private func probes() -> MonitorSnapshot.Probes? {
    guard let report = probeReport else { return nil }
    var probes = MonitorSnapshot.Probes(view: report.view)
    (probes.sent, probes.visible) = (report.sent, report.visible)
    probes.delay = MonitorSnapshot.Percentiles(probeDelay(over: windowNanoseconds))
    probes.serverDelay = MonitorSnapshot.Percentiles(probeDelay(over: windowNanoseconds, server: true))
    probes.partitions = report.partitions.map { partition in
      var partition = partition
      if let age = partition.inFlightAge, age > Self.stuckMilliseconds { partition.health = .silent }
      return partition
    }
    return probes
  }

  // MARK: Objectives

  private func judge(_ snapshot: inout MonitorSnapshot) {
    for objective in pipeline.objectives {
      let definition = objective.definition
      let lane = definition.lane.rawValue
      let measured = measured(objective)
      var state = MonitorSnapshot.ObjectiveState(
        text: objective.text, lane: lane, metric: definition.metric.rawValue, view: objective.viewName,
        bound: Double(definition.boundMilliseconds), measured: measured,
        health: measured.map { $0 <= Double(definition.boundMilliseconds) ? .ok : .violated } ?? .unknown)
      let laneHealth = snapshot.lanes.first { $0.lane == lane }?.health
      if laneHealth == .silent, state.health != .violated { state.health = .silent }
      noteChange(of: objective.text, to: state.health, measured: measured.map { Self.milliseconds($0) } ?? "nothing")
      snapshot.objectives.append(state)
      guard state.health == .violated, let place = snapshot.lanes.firstIndex(where: { $0.lane == lane }) else { continue }
      if snapshot.lanes[place].health == .ok { snapshot.lanes[place].health = .violated }
      snapshot.lanes[place].reasons.append(
        "\(definition.metric.rawValue) \(definition.statistic.rawValue) is \(Self.milliseconds(measured ?? 0)), more than \(Self.milliseconds(state.bound))"
      )
      for view in snapshot.views.indices
      where snapshot.views[view].lane == lane && objective.viewName == snapshot.views[view].name
        && snapshot.views[view].health == .ok
      {
        snapshot.views[view].health = .violated
      }
    }
  }

  private func measured(_ objective: MonitoredPipeline.Objective) -> Double? {
    let definition = objective.definition
    let lane = definition.lane.rawValue
    let distribution =
      definition.metric == .stalenessAtRead
      ? staleness(of: lane, view: objective.viewName, over: windowNanoseconds)
      : latency(of: lane, view: objective.viewName, over: windowNanoseconds)
    var milliseconds =
      (definition.statistic.percentile.map { distribution.nanoseconds(atPercentile: $0) }
      ?? (distribution.isEmpty ? nil : distribution.maxNanoseconds)).map { Double($0) / 1e6 }
    // Who reads nothing measures nothing: then what would be read counts.
    if definition.metric == .stalenessAtRead, milliseconds == nil || definition.statistic == .max,
      let now = stalenessNow(of: lane, view: objective.viewName)
    {
      milliseconds = max(milliseconds ?? 0, now)
    }
    return milliseconds
  }

  // MARK: History

  private func point(_ snapshot: MonitorSnapshot, _ wallTime: Int64) -> MonitorSnapshot.HistoryPoint {
    var point = MonitorSnapshot.HistoryPoint(at: wallTime)
    point.silent = snapshot.lanes.filter { $0.health == .silent }.map(\.lane)
    for lane in snapshot.lanes {
      let staleness = MonitorSnapshot.Percentiles(staleness(of: lane.lane, view: nil, over: Self.pointNanoseconds))
      point.staleness[lane.lane] = [staleness?.p50, lane.health == .silent || staleness == nil ? lane.stalenessNow : nil]
        .compactMap { $0 }.max()
      point.stalenessP99[lane.lane] = [staleness?.p99, lane.stalenessNow].compactMap { $0 }.max()
      if lane.lane != "batch" {
        let latency = MonitorSnapshot.Percentiles(latency(of: lane.lane, view: nil, over: Self.pointNanoseconds))
        point.latencyP99[lane.lane] = latency?.p99
      }
    }
    point.lag = snapshot.flow.lag
    (point.generated, point.read) = (snapshot.flow.generated, snapshot.flow.read)
    (point.rows, point.requests) = (snapshot.flow.rows, snapshot.flow.requests)
    point.probeAge = probeReport?.agesInFlight.max().map { Double($0) / 1e6 }
    return point
  }
}
