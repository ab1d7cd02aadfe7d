// The lanes as a monitor sees them: latency, staleness, age and cost of each, and what is wrong with it.

import Base
import Features
import Measuring

extension MonitorModel {
  func lane(_ name: String, _ snapshot: MonitorSnapshot) -> MonitorSnapshot.LaneState {
    var lane = MonitorSnapshot.LaneState(lane: name)
    if isSilent(role: "process") != true { comparisons.summarize(&lane, since: windowStart) }
    let latency = latency(of: name, view: nil, over: windowNanoseconds)
    lane.latency = MonitorSnapshot.Percentiles(latency)
    lane.curve = Self.curve(latency)
    lane.staleness = MonitorSnapshot.Percentiles(staleness(of: name, view: nil, over: windowNanoseconds))
    lane.stalenessNow = stalenessNow(of: name, view: nil)
    lane.cost = cost(of: name)
    setHealth(&lane, snapshot)
    if lane.health == .silent { (lane.latency, lane.curve) = (nil, []) }
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
    if let trouble = storeTrouble, !lane.reasons.contains(where: { $0.contains("store does not answer") }) {
      lane.reasons.append("the store does not answer: \(trouble)")
    }
    if lane.lane == "rt", let age = unfoldedAge {
      lane.reasons.append("its values lack events of the last \(Self.seconds(age))")
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
    if let lag = snapshot.flow.lag, let idle = unreadMilliseconds, idle > Self.stuckMilliseconds {
      lane.reasons.append("\(Self.count(Double(lag))) records wait in the log, and none has been read for \(Self.seconds(idle))")
    }
    if !lane.reasons.isEmpty { lane.health = .violated }
    // Who has a processor that answers knows more than that.
    if let partitions = snapshot.probes?.partitions, !partitions.isEmpty, stuck.count == partitions.count, silent == nil {
      lane.health = .silent
    }
  }

  /// What those say that do this and answer stands between them and their work. An archive is no part of the way to the store.
  private func obstacles(of role: String) -> [String] {
    targets.filter { roles(of: $0).contains(role) && !isSilent($0) }.flatMap { $0.history.newest?.document.obstacles ?? [] }
      .filter { !$0.hasPrefix("archive of ") }
  }

  /// For how long a processor has read nothing of what waits for it, in ms; of several the longest.
  private var unreadMilliseconds: Double? {
    targets.filter { !isSilent($0) }.map(\.history.unread).max().map { Double($0) / 1e6 }
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
    case "rt": return canServe ? unfoldedAge ?? 0 : nil
    case "nrt": return streamAge
    default:
      let cutoffs = published.filter { view == nil || $0.key == view }.map(\.value.asOf)
      return cutoffs.min().map { max(0, Double(clock.nowMilliseconds - $0)) }
    }
  }

  /// Whether a server answers that can read what it computes of.
  private var canServe: Bool {
    storeTrouble == nil && documents.contains { $0.serve != nil && $0.obstacles.isEmpty }
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

  /// The lane rt folds what processors hand on as soon as they have read it: for how long nothing may have come, in ms; nil where that is no longer than it
  /// always may be. A marker that does not arrive, and is not among the records that wait to become visible, has not been read.
  var unfoldedAge: Double? {
    guard pipeline.views.isEmpty || pipeline.views.contains(where: { $0.lanes.contains("rt") }) else { return nil }
    var ages = targets.filter { roles(of: $0).contains("process") }.compactMap { target -> Double? in
      guard let process = target.history.newest?.document.process, let answeredAt = target.answeredAt else { return nil }
      if isSilent(target) { return ageOfUnread(target, process) + Double(now - answeredAt) / 1e6 }
      let age = ageOfUnread(target, process)
      return age > Self.stuckMilliseconds ? age : nil
    }
    if let oldest = probeReport?.agesInFlight.max(), (oldestPendingAge ?? 0) < Self.stuckMilliseconds, storeTrouble == nil {
      let age = Double(oldest) / 1e6
      if age > Self.stuckMilliseconds { ages.append(age) }
    }
    return ages.max()
  }

  /// Of records that lie ahead of a processor nobody has seen the time. They are as old as those were that it read last, and none is younger than the time
  /// for which it has read nothing; in ms.
  private func ageOfUnread(_ target: Target, _ process: StatusDocument.Process) -> Double {
    guard (process.lagRecords ?? 0) > 0 else { return 0 }
    let before = target.history.earlier(by: Self.pointNanoseconds)?.document.process?.stages.logToRead
    let waited = process.stages.logToRead.since(before ?? DurationDistribution()).nanoseconds(atPercentile: 50) ?? 0
    return max(Double(target.history.unread), Double(waited)) / 1e6
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
}
