// How long requests took and how old what was served is, per phase and per view and lane: noted by the threads that look up, read by whoever looks at
// the server.
//
// Staleness at read: of nrt the time since the newest event of the row's partition that its rows show (the watermark, and `lateness` later: current values
// hold everything up to the largest event time); of batch the time since the cutoff of the run; of rt the time since the values are of, which is now.

import Base
import Features
import Measuring
import Monitoring
import Synchronization

final class ServingMeasures: Sendable {
  let latency = DurationHistogram()
  fileprivate let phases = ["parse", "queue", "redis", "compute", "encode"].map { (name: $0, duration: DurationHistogram()) }
  private let plan: ServingPlan
  private let views = Mutex<[Key: View]>([:])

  private struct Key: Hashable {
    var isRequestView: Bool
    var view: Int
    var lane: Lane
  }

  fileprivate final class View: Sendable {
    let name: String
    let lane: Lane
    /// How much later than its watermark a row's newest event may be, in ms.
    let lateness: Int64
    let staleness = DurationHistogram()
    let compute = DurationHistogram()
    let counts = Mutex<[Int64]>(Array(repeating: 0, count: 5))

    init(_ name: String, _ lane: Lane, lateness: Int64) {
      self.name = name
      self.lane = lane
      self.lateness = lateness
    }
  }

  init(_ plan: ServingPlan) { self.plan = plan }

  /// Of a row as a whole.
  fileprivate static func status(_ state: RowState) -> ServedStatus {
    switch state.kind {
    case .missing, .empty: .notFound
    case .foreign: .invalid
    case .found: state.isStale ? .stale : .present
    }
  }

  fileprivate func view(of group: ServedGroup) -> View {
    let key: Key
    switch group.origin {
    case .request(let view): key = Key(isRequestView: true, view: view, lane: .rt)
    default: key = Key(isRequestView: false, view: group.view ?? 0, lane: group.lane)
    }
    return views.withLock { views in
      if let view = views[key] { return view }
      let pipeline = plan.pipeline
      let view =
        key.isRequestView
        ? View(pipeline.requestViews[key.view].name, .rt, lateness: 0)
        : View(
          pipeline.views[key.view].name, key.lane,
          lateness: key.lane == .nrt ? pipeline.sources[pipeline.views[key.view].source].latenessMilliseconds : 0)
      views[key] = view
      return view
    }
  }

  func fill(_ serve: inout StatusDocument.Serve) {
    serve.latency = latency.distribution
    serve.phases = phases.map { StatusDocument.Serve.Phase(name: $0.name, duration: $0.duration.distribution) }
    serve.views = views.withLock { Array($0.values) }.sorted { ($0.name, $0.lane.rawValue) < ($1.name, $1.lane.rawValue) }.map {
      view in
      var section = StatusDocument.Serve.View(name: view.name, lane: view.lane.rawValue)
      let counts = view.counts.withLock { $0 }
      for status in ServedStatus.allCases where counts[status.place] > 0 {
        section.statuses[status.rawValue] = counts[status.place]
      }
      section.staleness = view.staleness.distribution
      section.compute = view.compute.distribution
      return section
    }
  }

  static func add(to metrics: inout MetricsText, _ serve: StatusDocument.Serve) {
    metrics.family(
      "freshet_serve_phase_seconds", .histogram, "Where the time of a request goes: parse, queue, redis, compute, encode")
    for phase in serve.phases { metrics.histogram(phase.duration, [("phase", phase.name)]) }
    metrics.family(
      "freshet_serve_staleness_seconds", .histogram, "How old rows were when they were served, by view and lane")
    for view in serve.views { metrics.histogram(view.staleness, [("view", view.name), ("lane", view.lane)]) }
    metrics.family(
      "freshet_serve_compute_seconds", .histogram, "How long computing took in requests for views of the lane rt")
    for view in serve.views where view.lane == Lane.rt.rawValue { metrics.histogram(view.compute, [("view", view.name)]) }
  }
}

/// What one thread has noted since its last round trip; handed over at once, so that requests that share a trip share the locks.
final class ServingRecorder {
  private let measures: ServingMeasures
  private var latencies: [Int64] = []
  private var phases: [[Int64]]
  /// Per service that was asked for, which is kept alive so that its identity stays its own: what its groups were like.
  private var services: [ObjectIdentifier: (service: ServedService, groups: [Group])] = [:]
  private var touched: [ObjectIdentifier] = []

  private final class Group {
    let view: ServingMeasures.View
    var staleness: [Int64] = []
    var compute: [Int64] = []
    var counts: [Int64] = Array(repeating: 0, count: ServedStatus.allCases.count)

    init(_ view: ServingMeasures.View) { self.view = view }
  }

  private static let serviceCountMax = 256

  init(_ measures: ServingMeasures) {
    self.measures = measures
    phases = measures.phases.map { _ in [] }
  }

  /// One request has been answered.
  func note(_ rows: ServedRows, _ timing: ServedTiming, nanoseconds: UInt64) {
    latencies.append(Int64(clamping: nanoseconds))
    phases[0].append(Int64(clamping: timing.parse))
    phases[1].append(Int64(clamping: timing.queue))
    phases[2].append(Int64(clamping: timing.store))
    phases[3].append(Int64(clamping: timing.compute))
    phases[4].append(Int64(clamping: timing.encode))
    let service = rows.request.service
    for (index, own) in groups(of: service).enumerated() {
      let group = service.groups[index]
      for row in 0..<(group.entity == nil ? 1 : rows.request.rowCount) {
        let state = rows.state(group: index, row: row)
        own.counts[ServingMeasures.status(state).place] += 1
        guard state.kind == .found, state.asOf != .min else { continue }
        own.staleness.append(max(0, rows.now &- state.asOf &- own.view.lateness) &* 1_000_000)
      }
      if group.lane == .rt { own.compute.append(Int64(clamping: timing.compute)) }
    }
  }

  private func groups(of service: ServedService) -> [Group] {
    let identity = ObjectIdentifier(service)
    touched.append(identity)
    if let known = services[identity] { return known.groups }
    if services.count >= Self.serviceCountMax {
      flush()
      services.removeAll()
      touched = [identity]
    }
    let groups = service.groups.map { Group(measures.view(of: $0)) }
    services[identity] = (service, groups)
    return groups
  }

  /// Hands over what has been noted.
  func flush() {
    guard !latencies.isEmpty else { return }
    Self.move(&latencies, to: measures.latency)
    for index in phases.indices { Self.move(&phases[index], to: measures.phases[index].duration) }
    for identity in touched {
      for group in services[identity]?.groups ?? [] {
        Self.move(&group.staleness, to: group.view.staleness)
        Self.move(&group.compute, to: group.view.compute)
        group.view.counts.withLock { total in
          for place in total.indices {
            total[place] += group.counts[place]
            group.counts[place] = 0
          }
        }
      }
    }
    touched.removeAll(keepingCapacity: true)
  }

  private static func move(_ values: inout [Int64], to histogram: DurationHistogram) {
    guard !values.isEmpty else { return }
    histogram.record { record in for value in values { record(value, 1) } }
    values.removeAll(keepingCapacity: true)
  }
}
