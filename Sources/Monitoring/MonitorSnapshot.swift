// Everything that a monitor shows at one moment: the terminal, the web page, `--once` and JSON are views of this and of nothing else. What is not
// known is nil, never the last good number.
//
// As JSON: names in snake_case; durations in ms as numbers, times in ms since the epoch, rates per second.

import Measuring

public struct MonitorSnapshot: Codable, Equatable, Sendable {
  public var pipeline: String
  public var now: Int64
  /// Since the monitor began.
  public var elapsedSeconds: Double
  /// Over which time percentiles and rates are taken.
  public var windowSeconds: Int
  public var targets: [Target] = []
  /// In the order rt, nrt, batch: those that the pipeline has.
  public var lanes: [LaneState] = []
  public var objectives: [ObjectiveState] = []
  /// Where the time of the lane nrt goes: event -> log, log -> read, read -> applied, applied -> visible, and their sum as the last, event -> visible.
  public var stages: [Stage] = []
  /// Where the time of a request goes.
  public var phases: [Stage] = []
  public var flow = Flow()
  public var views: [ViewState] = []
  public var probes: Probes?
  /// Values of lanes beside the exact ones.
  public var errors: [FeatureError] = []
  /// Single comparisons, for a plot of error against age; the newest few hundred.
  public var errorPoints: [ErrorPoint] = []
  /// Values that were sampled and not compared since the monitor began: events that the exact value needs are gone.
  public var truncatedCount = 0
  /// What has happened, oldest first; the last hundred.
  public var events: [Event] = []
  /// One point per second, oldest first, at most ten minutes. The page's stream sends the whole once, and from then on only the newest point.
  public var history: [HistoryPoint] = []

  public init(pipeline: String, now: Int64, elapsedSeconds: Double, windowSeconds: Int) {
    self.pipeline = pipeline
    self.now = now
    self.elapsedSeconds = elapsedSeconds
    self.windowSeconds = windowSeconds
  }

  public enum Health: String, Codable, Sendable {
    /// All is as it should be.
    case ok
    /// An objective is not met.
    case violated
    /// Nothing has come for too long: what was measured last does not count any more.
    case silent
    /// Nothing to judge by yet, or nobody to ask.
    case unknown
  }

  /// Percentiles in ms. One that rests on too few samples says so, and is shown in grey.
  public struct Percentiles: Codable, Equatable, Sendable {
    public var count: Int64
    public var p50: Double
    public var p90: Double
    public var p95: Double
    public var p99: Double
    public var p999: Double
    public var max: Double
    public var mean: Double

    /// Nil of an empty distribution.
    public init?(_ distribution: DurationDistribution) {
      guard !distribution.isEmpty else { return nil }
      func milliseconds(_ percentile: Double) -> Double {
        Double(distribution.nanoseconds(atPercentile: percentile) ?? 0) / 1e6
      }
      count = distribution.count
      (p50, p90, p95) = (milliseconds(50), milliseconds(90), milliseconds(95))
      (p99, p999) = (milliseconds(99), milliseconds(99.9))
      max = Double(distribution.maxNanoseconds) / 1e6
      mean = (distribution.meanNanoseconds ?? 0) / 1e6
    }

    /// Whether a percentile rests on enough samples: at least one is expected beyond it.
    public func isFirm(_ percentile: Double) -> Bool { Double(count) * (100 - percentile) / 100 >= 1 }
  }

  /// A process that is asked for its status, or a store that is looked at.
  public struct Target: Codable, Equatable, Sendable {
    /// `http://127.0.0.1:9464`, or `redis://...`.
    public var address: String
    /// What it does: process, serve, archive, batch, generate, redis, kafka.
    public var roles: [String]
    public var health: Health
    /// Why it is not ok.
    public var reasons: [String] = []
    /// How long ago it last answered, in ms; nil for never.
    public var answeredAgo: Double?
    /// How far its clock is ahead of ours, in ms, and by how much that may be wrong (half of the shortest round trip).
    public var clockOffset: Double?
    public var clockOffsetError: Double?
    public var version: String?

    public init(address: String, roles: [String], health: Health) {
      self.address = address
      self.roles = roles
      self.health = health
    }
  }

  public struct LaneState: Codable, Equatable, Sendable {
    /// rt, nrt or batch.
    public var lane: String
    public var health: Health = .unknown
    public var reasons: [String] = []
    /// rt: from request to answer; nrt: from event to visible; batch: how long a run takes.
    public var latency: Percentiles?
    /// How old a value is that is read now: rt the age of its oldest operand, nrt and batch as DESIGN's staleness at read.
    public var staleness: Percentiles?
    /// The staleness of a value that would be read at this moment, in ms: grows while nothing comes.
    public var stalenessNow: Double?
    /// Points of the percentile curve of `latency`: percentile and ms.
    public var curve: [CurvePoint] = []
    /// Of the comparisons in the window with the exact value: how many, how many were equal, and the median and the 90th percentile of the relative
    /// error, as fractions.
    public var comparedCount = 0
    public var equalCount = 0
    public var errorMedian: Double?
    public var errorP90: Double?
    /// What it costs, in words: "41 us of computing per request", "12k rows/s", "a run of 1.2 s every 15 s".
    public var cost: String?

    public init(lane: String) { self.lane = lane }
  }

  public struct CurvePoint: Codable, Equatable, Sendable {
    public var percentile: Double
    public var milliseconds: Double

    public init(percentile: Double, milliseconds: Double) {
      self.percentile = percentile
      self.milliseconds = milliseconds
    }
  }

  public struct ObjectiveState: Codable, Equatable, Sendable {
    /// As the pipeline says it: `nrt visible_delay p99 <= 500ms`.
    public var text: String
    public var lane: String
    public var metric: String
    public var view: String?
    /// In ms.
    public var bound: Double
    public var measured: Double?
    public var health: Health

    public init(text: String, lane: String, metric: String, view: String? = nil, bound: Double, measured: Double?, health: Health) {
      self.text = text
      self.lane = lane
      self.metric = metric
      self.view = view
      self.bound = bound
      self.measured = measured
      self.health = health
    }
  }

  public struct Stage: Codable, Equatable, Sendable {
    public var name: String
    /// Nil while nothing is known of it.
    public var duration: Percentiles?

    public init(name: String, duration: Percentiles?) {
      self.name = name
      self.duration = duration
    }
  }

  /// Rates per second over the window; nil where nobody says.
  public struct Flow: Codable, Equatable, Sendable {
    public var generated: Double?
    public var asked: Double?
    public var read: Double?
    public var rows: Double?
    public var archived: Double?
    public var requests: Double?
    /// Records that lie ahead of the processor and of the archive.
    public var lag: Int64?
    public var archiveLag: Int64?
    public var waitingRequests: Int?
    public var keys: Int?
    /// Of values, by reason; per second.
    public var uncounted: [String: Double] = [:]
    /// By how much the watermark is behind now, in ms.
    public var watermarkAge: Double?

    public init() {}
  }

  public struct ViewState: Codable, Equatable, Sendable {
    public var name: String
    public var lane: String
    public var trigger: String?
    public var health: Health = .unknown
    /// nrt: event to visible; batch: the run; rt: computing.
    public var latency: Percentiles?
    public var staleness: Percentiles?
    /// Answers for it per second, and the share that was stale or absent.
    public var served: Double?
    public var staleShare: Double?
    public var notFoundShare: Double?

    public init(name: String, lane: String) {
      self.name = name
      self.lane = lane
    }
  }

  /// Marker events through every partition, read back as any reader would.
  public struct Probes: Codable, Equatable, Sendable {
    public var view: String
    public var sent: Int64 = 0
    public var visible: Int64 = 0
    /// From the marker's time until its row was read back from the store; those under way count with their age.
    public var delay: Percentiles?
    /// The same through the feature server; nil without one.
    public var serverDelay: Percentiles?
    public var partitions: [Partition] = []

    public init(view: String) { self.view = view }

    public struct Partition: Codable, Equatable, Sendable {
      public var partition: Int
      public var health: Health
      public var lastDelay: Double?
      /// How long the oldest marker that is not visible yet has been under way.
      public var inFlightAge: Double?

      public init(partition: Int, health: Health, lastDelay: Double?, inFlightAge: Double?) {
        self.partition = partition
        self.health = health
        self.lastDelay = lastDelay
        self.inFlightAge = inFlightAge
      }
    }
  }

  /// How one feature of a lane compares with its exact value, over the window.
  public struct FeatureError: Codable, Equatable, Sendable {
    public var view: String
    public var feature: String
    public var lane: String
    public var comparedCount: Int
    public var equalCount: Int
    /// Relative, as fractions; nil where values are no numbers.
    public var median: Double?
    public var p90: Double?
    /// The median age of the compared values, in ms.
    public var age: Double?

    public init(view: String, feature: String, lane: String, comparedCount: Int, equalCount: Int) {
      self.view = view
      self.feature = feature
      self.lane = lane
      self.comparedCount = comparedCount
      self.equalCount = equalCount
    }
  }

  public struct ErrorPoint: Codable, Equatable, Sendable {
    public var lane: String
    public var feature: String
    /// In ms.
    public var age: Double
    /// Relative, as a fraction, not negative.
    public var error: Double
    public var at: Int64

    public init(lane: String, feature: String, age: Double, error: Double, at: Int64) {
      self.lane = lane
      self.feature = feature
      self.age = age
      self.error = error
      self.at = at
    }
  }

  public struct Event: Codable, Equatable, Sendable {
    public enum Level: String, Codable, Sendable {
      case note, good, bad
    }

    public var at: Int64
    public var level: Level
    public var text: String

    public init(at: Int64, level: Level, text: String) {
      self.at = at
      self.level = level
      self.text = text
    }
  }

  /// What plots over time are made of; nil where it was not known in that second.
  public struct HistoryPoint: Codable, Equatable, Sendable {
    public var at: Int64
    /// Staleness at read by lane, in ms: the median, and the 99th percentile.
    public var staleness: [String: Double] = [:]
    public var stalenessP99: [String: Double] = [:]
    public var latencyP99: [String: Double] = [:]
    /// Lanes of which nothing was heard.
    public var silent: [String] = []
    public var lag: Int64?
    public var generated: Double?
    public var read: Double?
    public var rows: Double?
    public var requests: Double?
    /// The oldest probe under way, in ms.
    public var probeAge: Double?

    public init(at: Int64) { self.at = at }
  }
}
