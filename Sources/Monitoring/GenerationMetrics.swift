// What a generator counts, as metrics. Documentation/operating.md lists them.

public enum GenerationMetrics {
  public static func add(to metrics: inout MetricsText, _ generate: StatusDocument.Generate) {
    metrics.family("freshet_generate_events_total", .counter, "Events written to the sink")
    metrics.sample(generate.events)
    metrics.family("freshet_generate_event_bytes_total", .counter, "Bytes of these")
    metrics.sample(generate.bytes)
    metrics.family("freshet_generate_delivered_total", .counter, "Events that the sink has confirmed")
    metrics.sample(generate.delivered)
    metrics.family("freshet_generate_failed_total", .counter, "Events that could not be delivered")
    metrics.sample(generate.failed)
    metrics.family("freshet_generate_asked_events_per_second", .gauge, "The rate that is asked for now, where there is one")
    if let rate = generate.askedRate { metrics.sample(rate) }
    metrics.family("freshet_generate_behind_schedule_seconds", .histogram, "How long after its intended time an event was written")
    metrics.histogram(generate.behindSchedule)
  }
}
