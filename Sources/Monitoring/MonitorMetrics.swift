// What a monitor itself says to Prometheus: what it has judged and probed. Documentation/monitoring.md lists them.

enum MonitorMetrics {
  static func text(_ snapshot: MonitorSnapshot?, probes report: ProbeReport? = nil) -> String {
    var metrics = MetricsText()
    guard let snapshot else { return metrics.text }
    metrics.family("freshet_monitor_target_up", .gauge, "1 while a process or store that is looked at answers")
    for target in snapshot.targets { metrics.sample(target.health == .silent ? 0 : 1, [("target", target.address)]) }
    metrics.family(
      "freshet_monitor_objective_met", .gauge, "1 while an objective of the pipeline is met; absent while nothing can be judged")
    for objective in snapshot.objectives where objective.health == .ok || objective.health == .violated {
      metrics.sample(objective.health == .ok ? 1 : 0, [("objective", objective.text)])
    }
    metrics.family("freshet_monitor_staleness_seconds", .gauge, "How old a value would be that is read now, by lane")
    for lane in snapshot.lanes { if let age = lane.stalenessNow { metrics.sample(age / 1000, [("lane", lane.lane)]) } }
    metrics.family(
      "freshet_monitor_value_error_ratio", .gauge, "The median relative error of sampled values against the exact ones, by lane")
    for lane in snapshot.lanes { if let error = lane.errorMedian { metrics.sample(error, [("lane", lane.lane)]) } }
    if let probes = snapshot.probes {
      metrics.family("freshet_monitor_probes_sent_total", .counter, "Markers sent")
      metrics.sample(probes.sent)
      metrics.family("freshet_monitor_probes_visible_total", .counter, "Markers that were read back")
      metrics.sample(probes.visible)
      metrics.family(
        "freshet_monitor_probe_age_seconds", .gauge,
        "How long the oldest marker that is not visible has been under way, by partition")
      for partition in probes.partitions {
        metrics.sample((partition.inFlightAge ?? 0) / 1000, [("partition", "\(partition.partition)")])
      }
    }
    if let report {
      metrics.family(
        "freshet_monitor_probe_delay_seconds", .histogram,
        "From a marker's time until its row was read back, of those that have arrived, by where it was read")
      metrics.histogram(report.delay, [("reader", "store")])
      if let delay = report.serverDelay { metrics.histogram(delay, [("reader", "server")]) }
    }
    return metrics.text
  }
}
