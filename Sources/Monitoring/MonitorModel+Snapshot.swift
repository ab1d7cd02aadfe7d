// From what a monitor knows to what it shows.

import Base
import Features
import Foundation
import Measuring

extension MonitorModel {
  /// Rates are of the last seconds, however long the window of percentiles is.
  private static let rateNanoseconds: UInt64 = 5_000_000_000
  /// What a point of the history is of.
  private static let pointNanoseconds: UInt64 = 2_000_000_000

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
    snapshot.errors = comparisons.errors(since: windowStart)
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
  private func isSilent(role: String) -> Bool? {
    let own = targets.filter { roles(of: $0).contains(role) }
    return own.isEmpty ? nil : own.allSatisfy { isSilent($0) }
  }

  /// Why those that do this are silent.
  private func silence(of role: String) -> [String] {
    targets.indices.filter { roles(of: targets[$0]).contains(role) && isSilent(targets[$0]) }.map {
      "\(name(of: $0)): \(targets[$0].failure ?? "no answer in time")"
    }
  }

  // MARK: Lanes

  private func lane(_ name: String, _ snapshot: MonitorSnapshot) -> MonitorSnapshot.LaneState {
    var lane = MonitorSnapshot.LaneState(lane: name)
    comparisons.summarize(&lane, since: windowStart)
    let latency = latency(of: name, view: nil, over: windowNanoseconds)
    lane.latency = MonitorSnapshot.Percentiles(latency)
    lane.curve = Self.curve(latency)
    lane.staleness = MonitorSnapshot.Percentiles(staleness(of: name, view: nil, over: windowNanoseconds))
    lane.stalenessNow = stalenessNow(of: name, view: nil)
    lane.cost = cost(of: name)
    setHealth(&lane, snapshot)
    return lane
  }

  private func setHealth(_ lane: inout MonitorSnapshot.LaneState, _ snapshot: MonitorSnapshot) {
    let role = lane.lane == "rt" ? "serve" : lane.lane == "nrt" ? "process" : "batch"
    let silent = isSilent(role: role)
    lane.reasons = silence(of: role)
    // Of batch the rows are still there, and their age is known.
    if silent == true, lane.lane != "batch" || published.isEmpty || store == nil || storeTrouble != nil {
      lane.health = .silent
      return
    }
    lane.reasons += obstacles(of: role)
    if let trouble = storeTrouble, lane.lane != "rt" || silent == nil {
      lane.reasons.append("the store does not answer: \(trouble)")
    }
    let isKnown = silent != nil || lane.latency != nil || lane.staleness != nil || lane.stalenessNow != nil
    lane.health = !isKnown ? .unknown : lane.reasons.isEmpty ? .ok : .violated
    guard lane.lane == "nrt" else { return }
    let stuck = snapshot.probes?.partitions.filter { $0.health == .silent } ?? []
    for partition in stuck {
      lane.reasons.append(
        "partition \(partition.partition): a marker has been under way for \(Self.seconds(partition.inFlightAge ?? 0))")
    }
    if let pending = oldestPendingAge, pending > Self.stuckMilliseconds {
      lane.reasons.append("a record that was read has been waiting to become visible for \(Self.seconds(pending))")
    }
    if let lag = snapshot.flow.lag, lag > 0, let idle = unreadMilliseconds, idle > Self.stuckMilliseconds {
      lane.reasons.append("\(Self.count(Double(lag))) records wait in the log, and none has been read for \(Self.seconds(idle))")
    }
    if !lane.reasons.isEmpty { lane.health = .violated }
    if let partitions = snapshot.probes?.partitions, !partitions.isEmpty, stuck.count == partitions.count { lane.health = .silent }
  }

  /// What those say that do this and answer stands between them and their work. An archive is no part of the way to the store.
  private func obstacles(of role: String) -> [String] {
    targets.filter { roles(of: $0).contains(role) && !isSilent($0) }.flatMap { $0.history.newest?.document.obstacles ?? [] }
      .filter { !$0.hasPrefix("archive of ") }
  }

  /// For how long a processor that has records ahead has read none, in ms; of several the longest.
  private var unreadMilliseconds: Double? {
    targets.filter { !isSilent($0) && ($0.history.newest?.document.process?.lagRecords ?? 0) > 0 }
      .compactMap { $0.history.unchanged { $0.process?.records } }.max().map { Double($0) / 1e6 }
  }

  /// How long ago the record happened that has been read and is not visible, in ms.
  private var oldestPendingAge: Double? {
    documents.compactMap { document in document.process?.oldestPendingEventAt.map { Double(document.now - $0) } }.max()
  }

  /// - Parameter view: Of one view; nil of all.
  func latency(of lane: String, view: String?, over nanoseconds: UInt64) -> DurationDistribution {
    switch lane {
    case "rt":
      guard let view else { return distribution(over: nanoseconds) { $0.serve?.latency } }
      return distribution(over: nanoseconds) { $0.serve?.views.first { $0.name == view && $0.lane == lane }?.compute }
    case "nrt":
      var delay = distribution(over: nanoseconds) { document in
        document.process.map { process in
          process.views.filter { own in view.map { own.name == $0 } ?? (own.trigger == "change") }
            .reduce(into: DurationDistribution()) { $0.add($1.eventToVisible) }
        }
      }
      guard isSilent(role: "process") == nil else {
        if let age = oldestPendingAge, age > Self.stuckMilliseconds { delay.insert(nanoseconds: Self.nanoseconds(age)) }
        return delay
      }
      return view == nil || view == probeReport?.view ? probeDelay(over: nanoseconds) : delay
    default:
      // Runs are rare: all since the start of the process.
      return documents.reduce(into: DurationDistribution()) { sum, document in
        for own in document.batch?.views ?? [] where view == nil || own.name == view { sum.add(own.duration) }
      }
    }
  }

  func staleness(of lane: String, view: String?, over nanoseconds: UInt64) -> DurationDistribution {
    distribution(over: nanoseconds) { document in
      document.serve.map { serve in
        serve.views.filter { $0.lane == lane && (view == nil || $0.name == view) }.reduce(into: DurationDistribution()) {
          $0.add($1.staleness)
        }
      }
    }
  }

  /// How old a value would be that is read now, in ms; nil where nobody knows.
  func stalenessNow(of lane: String, view: String?) -> Double? {
    switch lane {
    case "rt": return isSilent(role: "serve") == false ? 0 : nil
    case "nrt": return streamAge
    default:
      let cutoffs = published.filter { view == nil || $0.key == view }.map(\.value.asOf)
      return cutoffs.min().map { max(0, Double(clock.nowMilliseconds - $0)) }
    }
  }

  /// Since the first event that is not reflected, as far as can be known: the oldest record that waits, the oldest marker under way, and of a processor that
  /// does not answer the time since it did.
  private var streamAge: Double? {
    var ages: [Double] = []
    if let report = probeReport { ages.append(Double(report.agesInFlight.max() ?? 0) / 1e6) }
    for target in targets where roles(of: target).contains("process") {
      guard let document = target.history.newest?.document, let process = document.process else { continue }
      let pending = process.oldestPendingEventAt.map { max(0, Double(document.now - $0)) } ?? 0
      let silence = isSilent(target) ? target.answeredAt.map { Double(now - $0) / 1e6 } ?? 0 : 0
      ages.append(max(pending, ageOfUnread(target, process)) + silence)
    }
    return ages.max()
  }

  /// Of records that lie ahead of a processor nobody has seen the time. They are as old as those were that it read last, and none is younger than the time
  /// for which it has read nothing; in ms.
  private func ageOfUnread(_ target: Target, _ process: StatusDocument.Process) -> Double {
    guard (process.lagRecords ?? 0) > 0 else { return 0 }
    let idle = target.history.unchanged { $0.process?.records } ?? 0
    let before = target.history.earlier(by: Self.pointNanoseconds)?.document.process?.stages.logToRead
    let waited = process.stages.logToRead.since(before ?? DurationDistribution()).nanoseconds(atPercentile: 50) ?? 0
    return max(Double(idle), Double(waited)) / 1e6
  }

  /// Of an age in ms, which may be one of records from long ago.
  private static func nanoseconds(_ milliseconds: Double) -> Int64 {
    Int64(min(max(milliseconds, 0) * 1e6, Double(Int64.max / 2)))
  }

  private static func curve(_ distribution: DurationDistribution) -> [MonitorSnapshot.CurvePoint] {
    [0, 10, 25, 50, 75, 90, 95, 97.5, 99, 99.5, 99.9, 99.95, 99.99].compactMap { percentile in
      // One sample has to lie beyond.
      guard percentile < 90 || Double(distribution.count) * (100 - percentile) / 100 >= 1 else { return nil }
      return distribution.nanoseconds(atPercentile: percentile).map {
        MonitorSnapshot.CurvePoint(percentile: percentile, milliseconds: Double($0) / 1e6)
      }
    }
  }

  private func cost(of lane: String) -> String? {
    switch lane {
    case "rt":
      let compute = distribution(over: windowNanoseconds) { document in
        document.serve?.views.filter { $0.lane == "rt" }.reduce(into: DurationDistribution()) { $0.add($1.compute) }
      }
      return compute.nanoseconds(atPercentile: 50).map { "\(Self.microseconds($0)) of computing in every request" }
    case "nrt":
      guard let rows = rate(over: Self.rateNanoseconds, { $0.process?.rows }) else { return nil }
      let keys = documents.compactMap { $0.process?.keys }.reduce(0, +)
      return "\(Self.count(rows)) rows/s written, state of \(Self.count(Double(keys))) keys"
    default:
      let views = documents.flatMap { $0.batch?.views ?? [] }
      guard let view = views.max(by: { ($0.runNanoseconds ?? 0) < ($1.runNanoseconds ?? 0) }), let run = view.runNanoseconds else {
        return nil
      }
      let every = view.everyMilliseconds.map { " every \(Self.seconds(Double($0)))" } ?? ""
      return "a run of \(Self.milliseconds(Double(run) / 1e6))\(every), over \(Self.count(Double(view.records ?? 0))) events"
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

  // MARK: Texts

  static func microseconds(_ nanoseconds: Int64) -> String {
    nanoseconds < 10_000
      ? String(format: "%.1f us", Double(nanoseconds) / 1e3) : String(format: "%.0f us", Double(nanoseconds) / 1e3)
  }

  public static func milliseconds(_ milliseconds: Double) -> String {
    switch milliseconds {
    case ..<0.01: "0 ms"
    case ..<0.1: String(format: "%.2f ms", milliseconds)
    case ..<10: String(format: "%.1f ms", milliseconds)
    case ..<1000: String(format: "%.0f ms", milliseconds)
    case ..<120_000: String(format: "%.1f s", milliseconds / 1000)
    case ..<7_200_000: String(format: "%.0f min", milliseconds / 60_000)
    default: String(format: "%.1f h", milliseconds / 3_600_000)
    }
  }

  public static func count(_ value: Double) -> String {
    switch value {
    case ..<1000: String(format: value < 10 && value != value.rounded() ? "%.1f" : "%.0f", value)
    case ..<1_000_000: String(format: "%.3gk", value / 1e3)
    default: String(format: "%.3gM", value / 1e6)
    }
  }
}
