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
  private let phases = ["parse", "queue", "redis", "compute", "encode"].map { (name: $0, duration: DurationHistogram()) }
  private let plan: ServingPlan
  private let views = Mutex<[Key: View]>([:])

  private struct Key: Hashable {
    var isRequestView: Bool
    var view: Int
    var lane: Lane
  }

  private final class View: Sendable {
    let name: String
    let lane: Lane
    /// How much later than its watermark a row's newest event may be, in ms.
    let lateness: Int64
    let staleness = DurationHistogram()
    let compute = DurationHistogram()
    /// By the places of `ServedStatus`.
    let counts = Mutex(SIMD8<Int64>.zero)

    init(_ name: String, _ lane: Lane, lateness: Int64) {
      self.name = name
      self.lane = lane
      self.lateness = lateness
    }
  }

  init(_ plan: ServingPlan) { self.plan = plan }

  /// One request has been answered.
  func note(_ rows: ServedRows, _ timing: ServedTiming, nanoseconds: UInt64) {
    latency.record(nanoseconds: Int64(clamping: nanoseconds))
    phases[0].duration.record(nanoseconds: Int64(clamping: timing.parse))
    phases[1].duration.record(nanoseconds: Int64(clamping: timing.queue))
    phases[2].duration.record(nanoseconds: Int64(clamping: timing.store))
    phases[3].duration.record(nanoseconds: Int64(clamping: timing.compute))
    phases[4].duration.record(nanoseconds: Int64(clamping: timing.encode))
    let groups = rows.request.service.groups
    for index in groups.indices {
      let group = groups[index]
      let view = view(of: group)
      let rowCount = group.entity == nil ? 1 : rows.request.rowCount
      var counts = SIMD8<Int64>.zero
      view.staleness.record { record in
        for row in 0..<rowCount {
          let state = rows.state(group: index, row: row)
          counts[Self.status(state).place] += 1
          guard state.kind == .found, state.asOf != .min else { continue }
          record(max(0, rows.now &- state.asOf &- view.lateness) &* 1_000_000, 1)
        }
      }
      view.counts.withLock { $0 &+= counts }
      if group.lane == .rt { view.compute.record(nanoseconds: Int64(clamping: timing.compute)) }
    }
  }

  /// Of a row as a whole.
  private static func status(_ state: RowState) -> ServedStatus {
    switch state.kind {
    case .missing, .empty: .notFound
    case .foreign: .invalid
    case .found: state.isStale ? .stale : .present
    }
  }

  private func view(of group: ServedGroup) -> View {
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
