// What a lane is to hold: `slo:` of a pipeline. A monitor judges by it.

public struct ServiceObjective: Equatable, Sendable {
  public enum Metric: String, Sendable, CaseIterable {
    /// From request to answer.
    case serveLatency = "serve_latency"
    /// From an event's time until the store has confirmed the rows that show it.
    case visibleDelay = "visible_delay"
    /// How old a value is when it is read.
    case stalenessAtRead = "staleness_at_read"
    /// How long a batch run takes.
    case runDuration = "run_duration"

    /// The lanes in which there is such a thing.
    public var lanes: [Lane] {
      switch self {
      case .serveLatency: [.rt]
      case .visibleDelay: [.nrt]
      case .stalenessAtRead: [.rt, .nrt, .batch]
      case .runDuration: [.batch]
      }
    }
  }

  public enum Statistic: String, Sendable, CaseIterable {
    case p50
    case p90
    case p95
    case p99
    case p999
    case max

    /// Of a hundred; nil for the greatest of all.
    public var percentile: Double? {
      switch self {
      case .p50: 50
      case .p90: 90
      case .p95: 95
      case .p99: 99
      case .p999: 99.9
      case .max: nil
      }
    }
  }

  public var lane: Lane
  public var metric: Metric
  /// Index into `PipelineDefinition.views`; nil for all views of the lane together.
  public var view: Int?
  public var statistic: Statistic
  public var boundMilliseconds: Int64
}
